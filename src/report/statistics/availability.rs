//! Availability 可用率, as far as the journal knows: time up, time down, and time of which nobody can say.
//!
//! A venue counts while its meetings are planned to run, an MCU all the time, a line by its tests: between two tests
//! nobody looks at it, so that time is unknown.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::chronicle::{Chronicle, is_watched};
use super::spans::{Spans, clipped};
use super::{Question, percent};
use crate::domain::id::{LinkId, McuId, VenueId};
use crate::domain::inventory::{Inventory, Resource};
use crate::domain::time::{Utc, Window};
use crate::engine::finding::{FindingKey, RuleCode, Subject};
use crate::engine::incident::venue_of;
use crate::observation::device::Device;

/// What is available or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Thing {
    Venue(VenueId),
    Link(LinkId),
    Mcu(McuId),
}

/// A stretch of time in which a thing was down, or nobody could see whether it was.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spell {
    pub(super) thing: Thing,
    /// Down, or merely not to be seen.
    pub(super) down: bool,
    pub(super) from: Utc,
    pub(super) until: Utc,
}

/// What kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ThingKind {
    /// A venue in its meetings.
    Venue,
    /// A line, by its tests.
    Link,
    /// An MCU.
    Mcu,
}

/// How available something was.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Availability {
    /// What kind of thing.
    pub kind: ThingKind,
    /// Which.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Seconds in which it was in order.
    pub up_s: u64,
    /// Seconds in which it was not.
    pub down_s: u64,
    /// Seconds of which nobody can say.
    pub unknown_s: u64,
    /// Up, of the time that is known; none where nothing is known.
    pub available_pct: Option<f64>,
    /// Tests of a line.
    pub tests: u32,
    /// Of which it was not fit.
    pub tests_failed: u32,
    /// The venue, where it is one.
    #[serde(skip)]
    pub(super) venue: Option<VenueId>,
}

/// What an alarm says of a thing's being available.
pub(super) fn spell_of(key: &FindingKey, from: Utc, inventory: &Inventory) -> Option<Spell> {
    let venue = || venue_of(inventory, &key.subject).map(Thing::Venue);
    let (thing, down) = match key.rule {
        RuleCode::StreamLost
        | RuleCode::StreamNoVideo
        | RuleCode::StreamNoAudio
        | RuleCode::StreamFreeze
        | RuleCode::StreamBlack
        | RuleCode::SiteMissing
        | RuleCode::SiteNoMedia
        | RuleCode::DeviceDown => (venue()?, true),
        RuleCode::StreamUnavailable | RuleCode::AgentOffline | RuleCode::DeviceBlind => (venue()?, false),
        RuleCode::McuDown | RuleCode::McuBlind | RuleCode::McuSuspected => {
            (Thing::Mcu(mcu_of(&key.subject)?), key.rule == RuleCode::McuDown)
        }
        RuleCode::LinkPath => (Thing::Link(link_of(&key.subject)?), true),
        RuleCode::AgentClock
        | RuleCode::AgentDisk
        | RuleCode::AgentTemperature
        | RuleCode::AgentMisbehaves
        | RuleCode::AccountBreakGlass
        | RuleCode::SelfDisk
        | RuleCode::SelfQueue
        | RuleCode::SelfTask
        | RuleCode::SelfLine
        | RuleCode::SelfClock
        | RuleCode::SelfJournal
        | RuleCode::SelfNotices
        | RuleCode::McuDegraded
        | RuleCode::McuAlarm
        | RuleCode::McuCapacity
        | RuleCode::McuDiedAfterAction
        | RuleCode::McuNoProof
        | RuleCode::RosterDrift
        | RuleCode::SiteIntruder
        | RuleCode::SiteWrongName
        | RuleCode::SiteDuplicate
        | RuleCode::SiteLoss
        | RuleCode::DeviceAlarm
        | RuleCode::EquipmentReading
        | RuleCode::StreamCodec
        | RuleCode::StreamLoss
        | RuleCode::StreamJitter
        | RuleCode::StreamFps
        | RuleCode::StreamBitrate
        | RuleCode::StreamCorrupt
        | RuleCode::StreamStatic
        | RuleCode::StreamFlat
        | RuleCode::StreamSilence
        | RuleCode::StreamClipping
        | RuleCode::StreamOpenMicrophone
        | RuleCode::StreamSkew
        | RuleCode::StreamTransport => return None,
    };
    Some(Spell { thing, down, from, until: from })
}

fn mcu_of(subject: &Subject) -> Option<McuId> {
    match subject {
        Subject::Device(Device::Mcu(mcu)) | Subject::Resource(Resource::Mcu(mcu)) => Some(mcu.clone()),
        Subject::Agent(_)
        | Subject::Resource(_)
        | Subject::Stream(_)
        | Subject::Device(_)
        | Subject::Site(_)
        | Subject::Reading(_) => None,
    }
}

fn link_of(subject: &Subject) -> Option<LinkId> {
    match subject {
        Subject::Resource(Resource::Link(link)) => Some(link.clone()),
        Subject::Agent(_)
        | Subject::Resource(_)
        | Subject::Stream(_)
        | Subject::Device(_)
        | Subject::Site(_)
        | Subject::Reading(_) => None,
    }
}

/// Seconds of a period in which the controller did not run.
pub(super) fn not_watching_s(chronicle: &Chronicle, period: Window) -> u64 {
    not_watching(chronicle, period).seconds()
}

/// When nobody watched: before the journal begins, and while the controller did not run.
fn not_watching(chronicle: &Chronicle, period: Window) -> Spans {
    let before = Window { from: period.from, until: chronicle.since().unwrap_or(period.until) };
    let stopped = chronicle.stopped.iter().copied().chain([before]);
    Spans::new(stopped.map(|window| clipped(window, period)))
}

/// What is looked up for each thing.
struct Records<'a> {
    away: Spans,
    outages: BTreeMap<&'a Thing, Vec<(bool, Window)>>,
    meetings: BTreeMap<&'a VenueId, Vec<Window>>,
}

impl<'a> Records<'a> {
    fn of(chronicle: &'a Chronicle, now: Utc, period: Window) -> Self {
        let mut outages: BTreeMap<&Thing, Vec<(bool, Window)>> = BTreeMap::new();
        for (spell, window) in chronicle.spells(now).filter(|(_, window)| window.overlaps(&period)) {
            outages.entry(&spell.thing).or_default().push((spell.down, window));
        }
        let mut meetings: BTreeMap<&VenueId, Vec<Window>> = BTreeMap::new();
        for meeting in chronicle.meetings.iter().filter(|meeting| meeting.window.overlaps(&period)) {
            for venue in &meeting.venues {
                meetings.entry(venue).or_default().push(clipped(meeting.window, period));
            }
        }
        Self { away: not_watching(chronicle, period), outages, meetings }
    }

    /// What is known to be down is down, even where a part of it is not to be seen; while nobody watches, nothing is
    /// known.
    fn account(&self, thing: Thing, name: &str, time: &Spans, blind: &Spans) -> Availability {
        let outages = self.outages.get(&thing).map(Vec::as_slice).unwrap_or_default();
        let of = |down: bool| {
            Spans::new(outages.iter().filter(|(is_down, _)| *is_down == down).map(|(_, window)| *window))
        };
        let watched = time.without(blind);
        let down = watched.and(&of(true));
        let unseen = watched.without(&down).and(&of(false));
        let up_s = watched.without(&down).without(&unseen).seconds();
        let (down_s, unknown_s) = (down.seconds(), time.and(blind).seconds() + unseen.seconds());
        let (kind, id, venue) = match thing {
            Thing::Venue(id) => (ThingKind::Venue, id.to_string(), Some(id)),
            Thing::Link(id) => (ThingKind::Link, id.to_string(), None),
            Thing::Mcu(id) => (ThingKind::Mcu, id.to_string(), None),
        };
        let (name, available_pct) = (name.to_owned(), percent(up_s, up_s + down_s));
        let (tests, tests_failed) = (0, 0);
        Availability { kind, id, name, up_s, down_s, unknown_s, available_pct, tests, tests_failed, venue }
    }
}

/// Venues in their meetings, lines and MCUs, each by id.
pub(super) fn of(chronicle: &Chronicle, question: &Question<'_>, period: Window) -> Vec<Availability> {
    let inventory = question.inventory;
    let records = Records::of(chronicle, question.now, period);
    let whole = Spans::from(period);
    let venues = inventory.venues.values().filter(|venue| (question.sees)(&venue.id)).map(|venue| {
        let time = Spans::new(records.meetings.get(&venue.id).into_iter().flatten().copied());
        let blind = if is_watched(inventory, &venue.id) { &records.away } else { &whole };
        records.account(Thing::Venue(venue.id.clone()), &venue.name, &time, blind)
    });
    let links = inventory.links.values().filter(|link| (question.sees)(&link.venue));
    let links = links.map(|link| line(chronicle, &records, &link.id, period));
    let mcus = inventory.mcus.values().filter(|_| question.sees_all).map(|mcu| {
        let since = chronicle.mcus.get(&mcu.id).copied().unwrap_or(period.until);
        let unasked = Spans::from(clipped(Window { from: period.from, until: since }, period));
        records.account(Thing::Mcu(mcu.id.clone()), &mcu.name, &whole, &records.away.or(&unasked))
    });
    venues.chain(links).chain(mcus).collect()
}

/// A line: between two tests nobody looks, so what is not known to be down is unknown.
fn line(chronicle: &Chronicle, records: &Records<'_>, link: &LinkId, period: Window) -> Availability {
    let whole = Spans::from(period);
    let one = records.account(Thing::Link(link.clone()), link.as_str(), &whole, &records.away);
    let tests = chronicle.paths.get(link).into_iter().flatten();
    let tests: Vec<bool> = tests.filter(|(at, _)| period.contains(*at)).map(|(_, fit)| *fit).collect();
    Availability {
        unknown_s: one.unknown_s + one.up_s,
        up_s: 0,
        available_pct: None,
        tests: count(tests.len()),
        tests_failed: count(tests.iter().filter(|fit| !**fit).count()),
        ..one
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

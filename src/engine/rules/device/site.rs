//! Rules about the sites of a meeting, as its MCU knows them: missing, uninvited, wrongly named, there twice.

use super::{Sign, View, media, of_site, word};
use crate::domain::id::{McuId, VenueId};
use crate::domain::inventory::Phase;
use crate::engine::finding::{FindingKey, RuleCode, Severity, SiteKey, Subject, Who, Why};
use crate::engine::roster::{Naming, Roster, Seat};
use crate::engine::rules::Condition;
use crate::engine::state::Part;
use crate::observation::device::{Device, Presence};

/// Most strangers of one conference that get findings of their own; how many there are is told with each.
const STRANGERS_MAX: usize = 20;

/// The findings that something in these rosters speaks to. A seat in which all is well speaks to none.
pub(super) fn spoken_to(device: &Device, rosters: &[Roster]) -> Vec<FindingKey> {
    let Device::Mcu(mcu) = device else { return Vec::new() };
    let key = |rule, who: Who| FindingKey { rule, subject: Subject::Site(SiteKey { mcu: mcu.clone(), who }) };
    let mut keys = Vec::new();
    for roster in rosters {
        for (venue, seat) in &roster.seats {
            keys.extend(rules_of(seat).map(|rule| key(rule, Who::Venue(venue.clone()))));
        }
        let Some(conference) = &roster.conference else { continue };
        for stranger in roster.strangers.iter().take(STRANGERS_MAX) {
            let (conference, participant) = (conference.clone(), stranger.participant.clone());
            keys.push(key(RuleCode::SiteIntruder, Who::Stranger { conference, participant }));
        }
    }
    keys
}

fn rules_of(seat: &Seat) -> impl Iterator<Item = RuleCode> {
    let speaks = [
        (RuleCode::SiteMissing, seat.there().next().is_none()),
        (RuleCode::SiteWrongName, seat.there().any(|site| site.naming != Naming::Right)),
        (RuleCode::SiteDuplicate, seat.surplus() > 0),
        (RuleCode::SiteNoMedia, media::may_be_dead(seat)),
        (RuleCode::SiteLoss, media::may_lose(seat)),
    ];
    speaks.into_iter().filter(|(_, speaks)| *speaks).map(|(rule, _)| rule)
}

/// What one of them sees.
pub(super) fn look(view: &View<'_>, rule: RuleCode, site: &SiteKey) -> Condition {
    let venue = match &site.who {
        Who::Venue(venue) => venue,
        Who::Stranger { .. } => return stranger(view, &site.who),
    };
    let Some(part) = part(view, &site.mcu, venue) else { return Condition::Gone };
    let roster = view.state.picture.devices.roster_of(&site.mcu, venue).filter(|_| view.seen().is_some());
    let Some(roster) = roster.filter(|roster| is_readable(roster)) else { return Condition::Unknown };
    let Some(seat) = roster.seats.get(venue) else { return Condition::Gone };
    match () {
        () if rule == RuleCode::SiteMissing => missing(view, roster, seat, part),
        () if rule == RuleCode::SiteWrongName => wrong_name(view, seat, part),
        () if rule == RuleCode::SiteDuplicate => duplicate(view, roster, seat, part),
        () if rule == RuleCode::SiteNoMedia => media::dead(view, venue, seat, part),
        () if rule == RuleCode::SiteLoss => media::loss(view, seat, part),
        () => Condition::Gone,
    }
}

/// The part of a venue in a meeting that this MCU carries now.
fn part<'a>(view: &View<'a>, mcu: &McuId, venue: &VenueId) -> Option<&'a Part> {
    let devices = &view.state.picture.devices;
    let meetings = &view.state.durable.inventory.meetings;
    let mut carried = devices.carries.get(mcu)?.iter().filter_map(|meeting| meetings.get(meeting));
    let invited = carried.any(|meeting| meeting.all_venues().any(|other| other == venue));
    devices.parts.get(venue).filter(|_| invited)
}

/// Whether a roster says something about its venues. Where several are there and nobody is recognised, the inventory
/// is at fault, which is a finding of its own.
fn is_readable(roster: &Roster) -> bool {
    let nobody = roster.seats.values().all(|seat| seat.sites.is_empty()) && roster.strangers.len() > 1;
    roster.conference.is_some() && !nobody
}

fn stranger(view: &View<'_>, who: &Who) -> Condition {
    let Who::Stranger { conference, participant } = who else { return Condition::Gone };
    let Some(role) = view.role().filter(|role| role.carries) else { return Condition::Gone };
    let Some(known) = view.seen() else { return Condition::Unknown };
    let roster = known.rosters.iter().find(|roster| roster.conference.as_ref() == Some(conference));
    let Some(roster) = roster else { return Condition::Gone };
    let there = roster.strangers.iter().any(|stranger| &stranger.participant == participant);
    if !there {
        return if roster.complete { Condition::False } else { Condition::Unknown };
    }
    if !is_readable(roster) {
        return Condition::Unknown;
    }
    let near = role.phase >= Phase::RollCall;
    let severity = if near { Severity::Severe } else { Severity::Information };
    view.wrong(severity, Sign::bare(true).with("strangers", roster.strangers.len() as f64))
}

/// Before the roll call nobody has to be there.
fn missing(view: &View<'_>, roster: &Roster, seat: &Seat, part: &Part) -> Condition {
    if part.phase < Phase::RollCall {
        return Condition::Gone;
    }
    if seat.there().next().is_some() {
        return Condition::False;
    }
    if !roster.complete {
        return Condition::Unknown;
    }
    let calling = seat.sites.iter().any(|site| site.presence == Presence::Calling);
    let left = seat.sites.iter().find_map(|site| match &site.presence {
        Presence::Left { cause } => Some(Why::Left(word(cause))),
        Presence::Calling | Presence::Connected | Presence::OnHold | Presence::Unknown => None,
    });
    let why = if calling { Some(Why::Calling) } else { left };
    view.wrong(of_site(true, part), Sign { why, ..Sign::bare(true) })
}

/// A name that is another venue's misleads; one that nobody knows is worth knowing.
fn wrong_name(view: &View<'_>, seat: &Seat, part: &Part) -> Condition {
    let wrong = seat.there().find(|site| site.naming != Naming::Right);
    let Some(site) = wrong else {
        return if seat.there().next().is_some() { Condition::False } else { Condition::Unknown };
    };
    match &site.naming {
        Naming::Other(venue) => {
            view.wrong(of_site(false, part), Sign::new(true, Why::ShownAs(venue.clone())))
        }
        Naming::Right | Naming::Unknown => {
            view.wrong(Severity::Information, Sign::new(false, Why::Shown(word(&site.name))))
        }
    }
}

fn duplicate(view: &View<'_>, roster: &Roster, seat: &Seat, part: &Part) -> Condition {
    match seat.surplus() {
        0 if roster.complete => Condition::False,
        0 => Condition::Unknown,
        surplus => view.wrong(of_site(false, part), Sign::bare(false).with("surplus", surplus as f64)),
    }
}

//! The roster: who is invited, who is there by the MCU's word, and whose media flow by the MCU's word.
//!
//! Pure matching over what foreign devices wrote: first by the endpoint's address, then by name. A name alone is weak:
//! anybody can show any name, so it counts only where the inventory has no better.

mod text;
mod index;
mod conference;

use std::collections::BTreeMap;

use crate::domain::id::{MeetingId, VenueId};
use crate::domain::inventory::{Inventory, Meeting};
use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::engine::finding::DriftKind;
use crate::observation::device::{ConferenceSeen, DeviceReport, Presence, SiteSeen, StreamSample};
use index::Index;

pub use index::MatchedBy;
pub use text::{plain_address, plain_name};

/// One meeting as its MCU knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Roster {
    /// Which meeting.
    pub meeting: MeetingId,
    /// The conference that it is; `None` when the MCU has none that could be.
    pub conference: Option<ConferenceRef>,
    /// Whether everybody who is there was read.
    pub complete: bool,
    /// Every venue that is invited.
    pub seats: BTreeMap<VenueId, Seat>,
    /// Who is connected and invited by nobody.
    pub strangers: Vec<Stranger>,
    /// How what we believe differs from what the MCU says, and in how many places.
    pub drift: Option<(DriftKind, usize)>,
}

/// An invited venue and the sites that are taken for it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seat {
    /// The sites, connected or not.
    pub sites: Vec<Seated>,
}

/// A site that is taken for a venue.
#[derive(Debug, Clone, PartialEq)]
pub struct Seated {
    /// The MCU's reference.
    pub participant: ParticipantRef,
    /// The name that it shows.
    pub name: String,
    /// By what it was recognised.
    pub by: MatchedBy,
    /// Whether the name that it shows is that of the venue.
    pub naming: Naming,
    /// Its presence by signalling.
    pub presence: Presence,
    /// Whether the MCU mutes its microphone.
    pub muted: Option<bool>,
    /// Its media by the MCU's word.
    pub streams: Vec<StreamSample>,
}

/// Whether a site shows the name of its venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Naming {
    /// It does, or it shows none.
    Right,
    /// It shows another venue's.
    Other(VenueId),
    /// It shows one that nobody knows.
    Unknown,
}

/// Somebody who is connected and invited by nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// The MCU's reference.
    pub participant: ParticipantRef,
    /// The name that is shown.
    pub name: String,
    /// Where the call comes from.
    pub address: Option<String>,
}

impl Seat {
    /// The sites that are connected, or of which the MCU does not say.
    pub fn there(&self) -> impl Iterator<Item = &Seated> {
        self.sites.iter().filter(|site| is_there(&site.presence))
    }

    /// How many sites too many are connected for this venue: one per endpoint is right.
    pub fn surplus(&self) -> usize {
        let mut endpoints: Vec<_> = self.there().filter_map(|site| site.by.endpoint()).collect();
        endpoints.sort_unstable();
        endpoints.dedup();
        self.there().count().saturating_sub(endpoints.len().max(1))
    }
}

/// The rosters of these meetings in what their MCU says.
pub fn rosters(inventory: &Inventory, meetings: &[&Meeting], report: &DeviceReport) -> Vec<Roster> {
    let of = |meeting: &&Meeting| {
        let index = Index::of(inventory, meeting);
        let found = conference::of_meeting(meeting, &index, report);
        let empty = || roster_of_nothing(meeting);
        found.map_or_else(empty, |conference| roster(meeting, &index, conference))
    };
    meetings.iter().map(of).collect()
}

/// The meeting among these that a conference is.
pub fn meeting_of<'a>(
    inventory: &Inventory,
    meetings: &[&'a Meeting],
    report: &DeviceReport,
    conference: &ConferenceRef,
) -> Option<&'a Meeting> {
    let is = |meeting: &&&Meeting| {
        let index = Index::of(inventory, meeting);
        conference::of_meeting(meeting, &index, report).is_some_and(|found| &found.conference == conference)
    };
    meetings.iter().find(is).copied()
}

fn roster_of_nothing(meeting: &Meeting) -> Roster {
    Roster {
        meeting: meeting.id.clone(),
        conference: None,
        complete: false,
        seats: meeting.all_venues().map(|venue| (venue.clone(), Seat::default())).collect(),
        strangers: Vec::new(),
        drift: Some((DriftKind::NoConference, 1)),
    }
}

fn roster(meeting: &Meeting, index: &Index<'_>, seen: &ConferenceSeen) -> Roster {
    let mut seats: BTreeMap<VenueId, Seat> =
        meeting.all_venues().map(|venue| (venue.clone(), Seat::default())).collect();
    let mut strangers = Vec::new();
    for site in seen.present.iter().filter(|site| !site.cascade && !site.probe) {
        match index.find(site) {
            Some((venue, by)) => {
                let naming = index.naming(venue, &site.name);
                seats.entry(venue.clone()).or_default().sites.push(seated(site, by, naming));
            }
            None if is_there(&site.presence) => strangers.push(Stranger {
                participant: site.participant.clone(),
                name: site.name.clone(),
                address: site.address.clone(),
            }),
            None => {}
        }
    }
    let (conference, complete) = (Some(seen.conference.clone()), seen.complete);
    let drift = drift(index, seen, &seats, strangers.len());
    Roster { meeting: meeting.id.clone(), conference, complete, seats, strangers, drift }
}

fn seated(site: &SiteSeen, by: MatchedBy, naming: Naming) -> Seated {
    Seated {
        participant: site.participant.clone(),
        name: site.name.clone(),
        by,
        naming,
        presence: site.presence.clone(),
        muted: site.muted,
        streams: site.streams.clone(),
    }
}

/// The gravest way in which belief and device differ.
fn drift(
    index: &Index<'_>,
    seen: &ConferenceSeen,
    seats: &BTreeMap<VenueId, Seat>,
    strangers: usize,
) -> Option<(DriftKind, usize)> {
    let known = seats.values().filter(|seat| seat.there().next().is_some()).count();
    // One stranger may be a stranger; several and nobody known is a wrong inventory.
    if known == 0 && strangers >= 2 {
        return Some((DriftKind::NobodyKnown, strangers));
    }
    let there = seats.values().flat_map(Seat::there);
    let elsewhere = there.filter(|site| matches!(site.by, MatchedBy::Name { elsewhere: true })).count();
    if elsewhere > 0 {
        return Some((DriftKind::Addresses, elsewhere));
    }
    let expected = seen.expected.as_ref()?;
    let mut venues: Vec<_> =
        expected.iter().filter_map(|site| index.find(site)).map(|(venue, _)| venue).collect();
    let others = expected.iter().filter(|site| !site.cascade && !site.probe).count()
        - venues.len().min(expected.len());
    venues.sort_unstable();
    venues.dedup();
    let absent = seats.len().saturating_sub(venues.len());
    let differ = others + absent;
    (differ > 0).then_some((DriftKind::Expected, differ))
}

fn is_there(presence: &Presence) -> bool {
    match presence {
        Presence::Connected | Presence::OnHold | Presence::Unknown => true,
        Presence::Calling | Presence::Left { .. } => false,
    }
}

#[cfg(test)]
mod tests;

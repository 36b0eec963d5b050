//! The part that a stream plays now: in which meeting, in which phase, and whether its venue has the floor.
//!
//! It follows from the inventory and the wall clock alone. It is worked out for all streams at once when a meeting
//! enters another phase or the floor passes on, and never per report.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::id::{MeetingId, VenueId};
use crate::domain::inventory::{
    AgendaItem, Inventory, Limits, Meeting, MeetingClass, Phase, Stream, StreamRole,
};
use crate::domain::time::{Span, Utc};

/// Before its time on the agenda a venue may try its microphone for so long.
const EARLY: Span = Span::minutes(2);
/// After its time on the agenda a venue may go on speaking for so long.
const OVERRUN: Span = Span::minutes(5);

/// Whether a venue speaks, by the agenda 发言顺序.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Floor {
    /// It has the floor: silence is a fault.
    Speaks,
    /// It may speak or be silent: the chair, who overruns, who tries the microphone just before.
    MaySpeak,
    /// It speaks next: whatever is wrong there is wrong in a moment.
    Next,
    /// It listens: its silence is normal, an open microphone is not.
    Listens,
    /// The agenda does not say.
    Unknown,
}

/// The part that a stream plays in a meeting.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// In which meeting.
    pub meeting: MeetingId,
    /// Where that meeting stands: the hour before, at the roll call or live.
    pub phase: Phase,
    /// Whether its faults weigh first: the main venue, who speaks now or next, everything that is not a venue's own.
    pub first: bool,
    /// Whether its venue speaks; `None` for what is not a venue's own picture and sound.
    pub floor: Option<Floor>,
    /// Who had the floor just before and may be going on: while that venue is heard, this one may wait.
    pub after: Option<VenueId>,
    /// Whether pictures may be kept as evidence.
    pub keeps: bool,
    /// The limits that hold here.
    pub limits: Limits,
}

/// The meetings that streams play a part in at one moment.
pub(in crate::engine) struct Stage<'a> {
    inventory: &'a Inventory,
    on: Vec<On<'a>>,
}

/// A meeting that is on, and what its agenda says of each venue.
struct On<'a> {
    meeting: &'a Meeting,
    phase: Phase,
    floors: BTreeMap<&'a VenueId, (Floor, Option<&'a VenueId>)>,
}

impl<'a> Stage<'a> {
    pub(in crate::engine) fn of(inventory: &'a Inventory, at: Utc) -> Self {
        let on = |meeting: &'a Meeting| {
            let phase = meeting.phase(at);
            let near = matches!(phase, Phase::HourBefore | Phase::RollCall | Phase::Live);
            near.then(|| On { meeting, phase, floors: floors(meeting, phase, at) })
        };
        Self { inventory, on: inventory.meetings.values().filter_map(on).collect() }
    }

    /// The meetings that are on, and where each stands.
    pub(in crate::engine) fn meetings(&self) -> impl Iterator<Item = (&'a Meeting, Phase)> {
        self.on.iter().map(|on| (on.meeting, on.phase))
    }

    /// The parts that the venues of these meetings play themselves, whichever stream shows them.
    pub(in crate::engine) fn venues(&self) -> impl Iterator<Item = (&'a VenueId, Part)> {
        self.on.iter().flat_map(|on| {
            on.meeting.all_venues().map(|venue| (venue, on.plays(self.inventory, Some(venue), Some(venue))))
        })
    }

    /// The part of a stream: in the meeting that is furthest on, of equals where it weighs first.
    pub(in crate::engine) fn part(&self, stream: &Stream) -> Option<Part> {
        let concerned = self.on.iter().filter(|on| on.concerns(stream));
        let parts = concerned.map(|on| on.part(self.inventory, stream));
        parts.max_by_key(|part| (part.phase, part.first))
    }
}

impl On<'_> {
    /// A venue's stream concerns the meetings of that venue; any other those of its MCU, or all of them. What
    /// leaves another MCU than the meeting's own is a standby: it may be dark.
    fn concerns(&self, stream: &Stream) -> bool {
        let invited = stream.venue.as_ref().is_none_or(|venue| self.floors.contains_key(venue));
        let own = self.meeting.mcu.is_none() || stream.mcu.is_none() || stream.mcu == self.meeting.mcu;
        invited && own
    }

    fn part(&self, inventory: &Inventory, stream: &Stream) -> Part {
        let own = stream.venue.as_ref().filter(|_| stream.role == StreamRole::Venue);
        self.plays(inventory, own, stream.venue.as_ref())
    }

    /// The part of a venue's own picture and sound, or of what is nobody's own, where the limits of `at` hold.
    fn plays(&self, inventory: &Inventory, of_venue: Option<&VenueId>, at: Option<&VenueId>) -> Part {
        let (floor, after) = match of_venue.and_then(|venue| self.floors.get(venue)) {
            Some((floor, after)) => (Some(*floor), after.cloned()),
            None => (None, None),
        };
        let main = of_venue == Some(&self.meeting.main_venue);
        let speaking = matches!(floor, Some(Floor::Speaks | Floor::MaySpeak | Floor::Next));
        let patches = [
            inventory.profiles.get(&self.meeting.profile).map(|profile| &profile.limits),
            at.and_then(|id| inventory.venues.get(id)).map(|venue| &venue.limits),
        ];
        let limits = patches.into_iter().flatten().fold(Limits::default(), |base, patch| patch.over(base));
        Part {
            meeting: self.meeting.id.clone(),
            phase: self.phase,
            first: main || speaking || of_venue.is_none(),
            floor,
            after,
            keeps: self.meeting.class != MeetingClass::NoRetention,
            limits,
        }
    }
}

/// What the agenda says of every venue of a meeting, and who may still be speaking before it.
fn floors(meeting: &Meeting, phase: Phase, at: Utc) -> BTreeMap<&VenueId, (Floor, Option<&VenueId>)> {
    let rest = if meeting.agenda.is_empty() { Floor::Unknown } else { Floor::Listens };
    let mut floors: BTreeMap<_, _> = meeting.all_venues().map(|venue| (venue, (rest, None))).collect();
    let groups = groups(&meeting.agenda);
    let current = groups.iter().rposition(|group| group.at.is_none_or(|from| from <= at));
    let next = groups.get(current.map_or(0, |current| current + 1));
    if let Some(next) = next {
        let near = next.at.is_some_and(|from| at >= from - EARLY) && phase == Phase::Live;
        next.venues.iter().for_each(|venue| {
            floors.insert(venue, (if near { Floor::MaySpeak } else { Floor::Next }, None));
        });
    }
    let before = current.and_then(|current| current.checked_sub(1)).map(|before| &groups[before]);
    let current = current.map(|current| &groups[current]);
    let changed = current.and_then(|group| group.at).is_some_and(|from| at < from + OVERRUN);
    let before = before.filter(|_| changed);
    for venue in before.into_iter().flat_map(|group| &group.venues) {
        floors.insert(venue, (Floor::MaySpeak, None));
    }
    // The chair may always speak; before the first item nobody else does.
    let chair = if current.is_none() { Floor::Speaks } else { Floor::MaySpeak };
    floors.insert(&meeting.main_venue, (chair, None));
    if let Some(group) = current {
        let alone = group.at.is_some() && group.venues.len() == 1;
        let floor = if alone { Floor::Speaks } else { Floor::MaySpeak };
        let after = before.and_then(|group| group.venues.last().copied());
        group.venues.iter().for_each(|venue| {
            floors.insert(venue, (floor, after));
        });
    }
    floors
}

/// Items of the agenda whose order in time is known: one with a time, and those without that follow it.
struct Group<'a> {
    at: Option<Utc>,
    venues: Vec<&'a VenueId>,
}

fn groups(agenda: &[AgendaItem]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for item in agenda {
        match groups.last_mut() {
            Some(group) if item.at.is_none() => group.venues.push(&item.venue),
            Some(_) | None => groups.push(Group { at: item.at, venues: vec![&item.venue] }),
        }
    }
    groups
}

/// The next moment after `at` at which some stream's part may change.
pub(in crate::engine) fn next_turn(inventory: &Inventory, at: Utc) -> Option<Utc> {
    let turns = |meeting: &Meeting| {
        let hour = meeting.starts - Span::minutes(60);
        let agenda = meeting.agenda.iter().filter_map(|item| item.at);
        let agenda = agenda.flat_map(|from| [from - EARLY, from, from + OVERRUN]);
        let all = [hour, meeting.roll_call_at(), meeting.starts, meeting.ends].into_iter().chain(agenda);
        all.filter(|turn| *turn > at).min()
    };
    let ahead = inventory.meetings.values().filter(|meeting| meeting.ends > at);
    ahead.filter_map(turns).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meeting(agenda: &[(&str, Option<&str>)]) -> Meeting {
        let agenda: Vec<serde_json::Value> = agenda
            .iter()
            .map(|(venue, at)| serde_json::json!({"venue": venue, "at": at, "title": ""}))
            .collect();
        serde_json::from_value(serde_json::json!({
            "id": "m", "name": "会", "region": "r", "network": "extranet", "profile": "p",
            "starts": "2026-11-20T01:00:00Z", "ends": "2026-11-20T03:00:00Z",
            "main_venue": "hall", "venues": ["a", "b", "c"], "agenda": agenda,
        }))
        .unwrap()
    }

    #[test]
    fn the_agenda_says_who_speaks() {
        use Floor::{Listens, MaySpeak, Next, Speaks, Unknown};
        let timed = [("a", Some("2026-11-20T01:10:00Z")), ("b", Some("2026-11-20T01:30:00Z"))];
        let loose = [("a", Some("2026-11-20T01:10:00Z")), ("b", None)];
        let chair = [("hall", Some("2026-11-20T01:00:00Z"))];
        // Agenda, time, and the floors of hall, a, b, c.
        let cases = [
            (&[][..], "01:05", [Speaks, Unknown, Unknown, Unknown]),
            (&timed, "01:05", [Speaks, Next, Listens, Listens]),
            (&timed, "01:09", [Speaks, MaySpeak, Listens, Listens]),
            (&timed, "01:20", [MaySpeak, Speaks, Next, Listens]),
            (&timed, "01:31", [MaySpeak, MaySpeak, Speaks, Listens]),
            (&timed, "01:36", [MaySpeak, Listens, Speaks, Listens]),
            (&loose, "01:20", [MaySpeak, MaySpeak, MaySpeak, Listens]),
            (&chair, "01:20", [Speaks, Listens, Listens, Listens]),
        ];
        for (agenda, time, expected) in cases {
            let meeting = meeting(agenda);
            let at = Utc::parse(&format!("2026-11-20T{time}:00Z")).unwrap();
            let floors = floors(&meeting, meeting.phase(at), at);
            let of = |venue: &str| floors[&VenueId::parse(venue).unwrap()].0;
            assert_eq!(["hall", "a", "b", "c"].map(of), expected, "{agenda:?} at {time}");
        }
    }

    #[test]
    fn who_speaks_waits_for_who_overruns() {
        let meeting = meeting(&[("a", Some("2026-11-20T01:10:00Z")), ("b", Some("2026-11-20T01:30:00Z"))]);
        let at = Utc::parse("2026-11-20T01:31:00Z").unwrap();
        let floors = floors(&meeting, Phase::Live, at);
        assert_eq!(floors[&VenueId::parse("b").unwrap()].1.map(VenueId::as_str), Some("a"));
    }

    #[test]
    fn every_change_of_part_has_its_turn() {
        let mut inventory = Inventory::default();
        let meeting = meeting(&[("a", Some("2026-11-20T01:10:00Z"))]);
        inventory.meetings.insert(meeting.id.clone(), meeting);
        let mut at = Utc::parse("2026-11-19T00:00:00Z").unwrap();
        let mut turns = Vec::new();
        while let Some(next) = next_turn(&inventory, at) {
            assert!(next > at);
            turns.push(next.to_string()[11..16].to_owned());
            at = next;
        }
        assert_eq!(turns, ["00:00", "00:30", "01:00", "01:08", "01:10", "01:15", "03:00"]);
    }
}

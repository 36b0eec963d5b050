//! Rules about an MCU and its meeting: room for those who are still to come, and drift between belief and device.

use super::{Sign, View, of_mcu, word};
use crate::domain::id::MeetingId;
use crate::domain::inventory::Phase;
use crate::engine::finding::{DriftKind, Severity, Why};
use crate::engine::proof::dead;
use crate::engine::roster::Roster;
use crate::engine::rules::Condition;
use crate::observation::call::ProofOutcome;
use crate::observation::device::{Capacity, CapacityUnit, Device};

/// Room for those who are still to come. What carries no pictures is not counted.
pub(super) fn capacity(view: &View<'_>) -> Condition {
    let Some(role) = view.role() else { return Condition::Gone };
    let Some(known) = view.seen() else { return Condition::Unknown };
    let needed = needed(view, &role.meeting, &known.rosters) as f64;
    match least_room(&known.report.capacity) {
        None => Condition::Unknown,
        Some((_, free)) if free >= needed => Condition::False,
        Some((what, free)) => {
            let sign = Sign::new(false, Why::NoRoom(word(what)));
            view.wrong(of_mcu(false, Some(role)), sign.with("free", free).with("needed", needed))
        }
    }
}

/// What there is least of, counted site by site, and how much of it is left.
pub(in crate::engine) fn least_room(capacity: &[Capacity]) -> Option<(&str, f64)> {
    let free = |capacity: &'_ Capacity| capacity.free().value();
    let rooms = capacity.iter().filter(counts).filter_map(|room| Some((room.what.as_str(), free(room)?)));
    rooms.min_by(|(_, a), (_, b)| a.total_cmp(b))
}

/// Whether a capacity is counted site by site, and is needed by one with pictures.
pub(in crate::engine) fn counts(capacity: &&Capacity) -> bool {
    let what = capacity.what.to_lowercase();
    let by_site = matches!(capacity.unit, CapacityUnit::Ports | CapacityUnit::Licences);
    by_site && !what.contains("audio") && !what.contains("voice")
}

/// How many sites of its meeting an MCU must still take: all of them while it stands by.
fn needed(view: &View<'_>, meeting: &MeetingId, rosters: &[Roster]) -> usize {
    let roster = rosters.iter().find(|roster| &roster.meeting == meeting);
    let there = |roster: &Roster| roster.seats.values().filter(|seat| seat.there().next().is_some()).count();
    let invited = view.state.durable.inventory.meetings.get(meeting);
    let invited = invited.map_or(0, |meeting| meeting.all_venues().count());
    invited.saturating_sub(roster.map_or(0, there))
}

/// Two proofs in a row failed. While none can be made things stay as they are.
pub(super) fn no_proof(view: &View<'_>) -> Condition {
    let Device::Mcu(mcu) = view.device else { return Condition::Gone };
    let known = view.state.picture.proofs.get(mcu);
    let verdict = known.and_then(|known| known.verdict(view.now.mono));
    let outcome = known.and_then(|known| known.last.as_ref()).filter(|_| verdict == Some(false));
    let why = match outcome {
        Some(ProofOutcome::Joined(figures)) => Some(Why::Lanes(dead(figures))),
        Some(ProofOutcome::NotJoined(failed)) => Some(Why::NoProof(*failed)),
        Some(ProofOutcome::Broke(_) | ProofOutcome::NotProvided) | None => None,
    };
    match (verdict, why) {
        (Some(true), _) => Condition::False,
        (Some(false), Some(why)) => view.wrong(of_mcu(true, view.role()), Sign::new(true, why)),
        (Some(false), None) | (None, _) => Condition::Unknown,
    }
}

/// What we believe of the meeting and what the MCU says differ.
pub(super) fn drift(view: &View<'_>) -> Condition {
    let Some(role) = view.role().filter(|role| role.carries && role.phase >= Phase::RollCall) else {
        return Condition::Gone;
    };
    let Some(known) = view.seen() else { return Condition::Unknown };
    let drifts = known.rosters.iter().filter_map(|roster| roster.drift);
    // A conference is made when its meeting begins.
    let due = |drift: &(DriftKind, usize)| drift.0 != DriftKind::NoConference || role.phase == Phase::Live;
    let Some((kind, count)) = drifts.filter(due).min() else { return Condition::False };
    let grave = matches!(kind, DriftKind::NoConference | DriftKind::NobodyKnown);
    let severity = match (grave, role.phase == Phase::Live) {
        (true, true) => Severity::Severe,
        (true, false) => Severity::Warning,
        (false, _) => Severity::Information,
    };
    view.wrong(severity, Sign::new(grave, Why::Drift(kind)).with("places", count as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::device::{Absent, Given};

    #[test]
    fn room_is_what_there_is_least_of_for_a_site_with_pictures() {
        let room = |what: &str, unit, total, used| Capacity {
            what: what.to_owned(),
            unit,
            total,
            used: Given::Value(used),
        };
        let absent = Given::Absent(Absent::Sentinel);
        let rooms = [
            room("video", CapacityUnit::Ports, Given::Value(40.0), 33.0),
            room("audio_only", CapacityUnit::Ports, Given::Value(4.0), 4.0),
            room("licence", CapacityUnit::Licences, absent, 3.0),
            room("load", CapacityUnit::Percent, Given::Value(100.0), 99.0),
            room("port", CapacityUnit::Ports, Given::Value(60.0), 55.0),
        ];
        assert_eq!(least_room(&rooms), Some(("port", 5.0)));
        assert_eq!(least_room(&rooms[1..4]), None);
    }
}

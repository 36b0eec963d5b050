//! What people ask of rehearsals, and what is refused.

use crate::domain::check::{Check, CheckKey, RoundId, RoundKind};
use crate::domain::id::{MeetingId, VenueId};
use crate::domain::inventory::{Meeting, Phase};
use crate::engine::draft::Draft;
use crate::engine::effect::{Outcome, Refusal};
use crate::engine::event::{Picture, What};
use crate::engine::input::{Command, Party, RetestScope, RoomOutcome};
use crate::engine::rehearsal::{Finding, GRACE, calls, give_up, plan, schedule};
use crate::engine::state::{Cell, Round};
use crate::engine::verdict::{ReasonCode, Verdict};

/// Answers a command about rehearsals; `None` when it is about something else.
pub(in crate::engine) fn answer(draft: &mut Draft<'_>, command: &Command) -> Option<Outcome> {
    let outcome = match command {
        Command::OpenRound { meeting, kind, venues } => open(draft, meeting, *kind, venues),
        Command::Retest { round, scope } => retest(draft, *round, scope),
        Command::CloseRound { round } => close(draft, *round),
        Command::Waive { round, key, why } => waive(draft, *round, key, why),
        Command::RecordRoom { .. } => room(draft, command),
        Command::Confirm { .. } => confirm(draft, command),
        Command::GiveConsent { venue, window } => {
            let known = draft.state.durable.inventory.venues.contains_key(venue);
            let checked = known.then_some(()).ok_or_else(|| missing("venue", venue.as_str()));
            let ordered = (window.from < window.until).then_some(()).ok_or_else(|| empty("window"));
            checked.and(ordered).map(|()| {
                draft.record(What::ConsentGiven { venue: venue.clone(), window: *window });
                Outcome::Done
            })
        }
        Command::RecordRollCall { meeting, venue, answer } => meeting_of(draft, meeting).and_then(|found| {
            if !found.all_venues().any(|other| other == venue) {
                return Err(missing("venue", venue.as_str()));
            }
            let (meeting, venue, answer) = (meeting.clone(), venue.clone(), *answer);
            draft.record(What::RollCalled { meeting, venue, answer });
            Ok(Outcome::Done)
        }),
        Command::SignOff { round, party, person } => sign_off(draft, *round, *party, person),
        Command::Act { .. }
        | Command::DecideAction { .. }
        | Command::ThawAction { .. }
        | Command::SubmitInventory { .. }
        | Command::InviteAgent { .. }
        | Command::EnrolAgent { .. }
        | Command::RotateAgentKey { .. }
        | Command::RevokeAgent { .. }
        | Command::Incident { .. }
        | Command::Plan { .. }
        | Command::Duty { .. }
        | Command::Alarms { .. }
        | Command::RecordIdentity { .. } => return None,
    };
    Some(outcome.unwrap_or_else(Outcome::Refused))
}

/// Opens a round that is due; `nth` counts rounds opened earlier in the same decision.
pub(super) fn open_automatic(draft: &mut Draft<'_>, meeting: &MeetingId, kind: RoundKind, nth: u64) {
    let Some(found) = draft.state.durable.inventory.meetings.get(meeting) else { return };
    let venues: Vec<VenueId> = found.all_venues().cloned().collect();
    let round = RoundId(draft.state.durable.rounds_opened.saturating_add(nth).saturating_add(1));
    let plan = plan::cells(draft.state, found, &venues);
    let (meeting, round_kind) = (meeting.clone(), kind);
    draft.conclude(What::RoundOpened { round, meeting, round_kind, automatic: true, plan });
    draft.picture(Picture::RoundWatched { round, grace: draft.now.mono + GRACE });
}

fn open(
    draft: &mut Draft<'_>,
    id: &MeetingId,
    round_kind: RoundKind,
    only: &[VenueId],
) -> Result<Outcome, Refusal> {
    let meeting = meeting_of(draft, id)?;
    let all: Vec<VenueId> = meeting.all_venues().cloned().collect();
    if let Some(stranger) = only.iter().find(|venue| !all.contains(venue)) {
        return Err(missing("venue", stranger.as_str()));
    }
    no_other_round(draft, id)?;
    far_enough(draft, meeting)?;
    let venues: Vec<VenueId> =
        if only.is_empty() { all } else { all.into_iter().filter(|venue| only.contains(venue)).collect() };
    let round = RoundId(draft.state.durable.rounds_opened.saturating_add(1));
    let plan = plan::cells(draft.state, meeting, &venues);
    draft.record(What::RoundOpened { round, meeting: id.clone(), round_kind, automatic: false, plan });
    draft.picture(Picture::RoundWatched { round, grace: draft.now.mono + GRACE });
    Ok(Outcome::Round(round))
}

fn retest(draft: &mut Draft<'_>, id: RoundId, scope: &RetestScope) -> Result<Outcome, Refusal> {
    let round = editable(draft, id)?;
    if round.ended.is_some_and(|end| end.closed) {
        return Err(Refusal::RoundOver);
    }
    far_enough(draft, meeting_of(draft, &round.meeting)?)?;
    // A waiver stands until its own cell is named.
    let wanted = |cell: &&Cell| match scope {
        RetestScope::Cell(key) => key == &cell.key,
        _ if cell.waiver.is_some() => false,
        RetestScope::Venue(venue) => venue == &cell.key.venue,
        RetestScope::Link(link) => cell.key.check == (Check::Path { link: link.clone() }),
        RetestScope::NotPassed => !matches!(cell.verdict(), Some(Verdict::Pass | Verdict::Waived)),
        RetestScope::All => true,
    };
    let asked: Vec<&Cell> = round.cells.values().filter(wanted).collect();
    if asked.is_empty() && *scope != RetestScope::NotPassed {
        return Err(Refusal::NotFound { what: "cell".to_owned() });
    }
    // A cell that still waits is tested anyway.
    let keys: Vec<CheckKey> =
        asked.iter().filter(|cell| !cell.awaiting).map(|cell| cell.key.clone()).collect();
    if !keys.is_empty() {
        draft.record(What::RetestAsked { round: id, keys });
        draft.picture(Picture::RoundWatched { round: id, grace: draft.now.mono + GRACE });
    }
    Ok(Outcome::Done)
}

fn close(draft: &mut Draft<'_>, id: RoundId) -> Result<Outcome, Refusal> {
    let round = round_of(draft, id)?;
    if !round.is_open() {
        return Err(Refusal::RoundOver);
    }
    give_up(draft, round, ReasonCode::Cancelled);
    draft.record(What::RoundEnded { round: id, closed: true });
    Ok(Outcome::Done)
}

fn waive(draft: &mut Draft<'_>, id: RoundId, key: &CheckKey, why: &str) -> Result<Outcome, Refusal> {
    let round = editable(draft, id)?;
    if !round.cells.contains_key(key) {
        return Err(missing("cell", &key.to_string()));
    }
    if why.trim().is_empty() {
        return Err(empty("why"));
    }
    draft.record(What::CheckWaived { round: id, key: key.clone(), why: why.trim().to_owned() });
    if let Some((test, _)) = draft.state.running(id, key) {
        // Waived first: the test that is called off judges nothing any more.
        draft.judged.insert((id, key.clone()));
        schedule::call_off(draft, test, ReasonCode::Cancelled);
    }
    let state = draft.state;
    let calls = state.durable.calls.values().filter(|call| call.round == id && &call.key == key);
    for call in calls {
        draft.judged.insert((id, key.clone()));
        calls::call_off(draft, call, ReasonCode::Cancelled);
    }
    Ok(Outcome::Done)
}

fn room(draft: &mut Draft<'_>, command: &Command) -> Result<Outcome, Refusal> {
    let Command::RecordRoom { round: id, venue, item, outcome, note, photo, by_telephone_from } = command
    else {
        return Ok(Outcome::Done);
    };
    let round = editable(draft, *id)?;
    let key = CheckKey { venue: venue.clone(), check: Check::Room { item: *item } };
    let Some(cell) = round.cells.get(&key) else { return Err(missing("cell", &key.to_string())) };
    let attempt = cell.attempts + 1;
    draft.record(What::RoomRecorded {
        round: *id,
        venue: venue.clone(),
        item: *item,
        outcome: *outcome,
        note: note.clone(),
        photo: photo.clone(),
        by_telephone_from: by_telephone_from.clone(),
    });
    Ok(said(draft, *id, (key, attempt), *outcome))
}

/// 看听确认: only while the round is open or may be corrected, as with 现场核对.
fn confirm(draft: &mut Draft<'_>, command: &Command) -> Result<Outcome, Refusal> {
    let Command::Confirm { round: id, venue, item, outcome, note, by_telephone_from } = command else {
        return Ok(Outcome::Done);
    };
    let round = editable(draft, *id)?;
    let key = CheckKey { venue: venue.clone(), check: Check::Confirm { item: *item } };
    let Some(cell) = round.cells.get(&key) else { return Err(missing("cell", &key.to_string())) };
    let attempt = cell.attempts + 1;
    draft.record(What::ConfirmRecorded {
        round: *id,
        venue: venue.clone(),
        item: *item,
        outcome: *outcome,
        note: note.clone(),
        by_telephone_from: by_telephone_from.clone(),
    });
    Ok(said(draft, *id, (key, attempt), *outcome))
}

/// A person's word is recorded even when it corrects an earlier one.
fn said(
    draft: &mut Draft<'_>,
    round: RoundId,
    (key, attempt): (CheckKey, u32),
    outcome: RoomOutcome,
) -> Outcome {
    let (verdict, reason) = match outcome {
        RoomOutcome::InOrder => (Verdict::Pass, ReasonCode::Confirmed),
        RoomOutcome::Faulty => (Verdict::Fail, ReasonCode::ReportedFaulty),
        RoomOutcome::NotApplicable => (Verdict::Waived, ReasonCode::Waived),
    };
    let judgement = Finding::bare(verdict, reason).judgement(key, attempt, None);
    draft.record(What::CheckJudged { round, judgement });
    Outcome::Done
}

fn sign_off(draft: &mut Draft<'_>, id: RoundId, party: Party, person: &str) -> Result<Outcome, Refusal> {
    let round = round_of(draft, id)?;
    if person.trim().is_empty() {
        return Err(empty("person"));
    }
    let what: Vec<String> = round
        .cells
        .values()
        .filter(|cell| cell.blocks_sign_off())
        .map(|cell| crate::engine::wording::open_cell(cell, &draft.state.durable.inventory))
        .collect();
    if !what.is_empty() {
        return Err(Refusal::StillOpen { what });
    }
    draft.record(What::SignedOff { round: id, party, person: person.trim().to_owned() });
    Ok(Outcome::Done)
}

fn meeting_of<'a>(draft: &Draft<'a>, id: &MeetingId) -> Result<&'a Meeting, Refusal> {
    draft.state.durable.inventory.meetings.get(id).ok_or_else(|| missing("meeting", id.as_str()))
}

fn round_of<'a>(draft: &Draft<'a>, id: RoundId) -> Result<&'a Round, Refusal> {
    draft.state.durable.rounds.get(&id).ok_or_else(|| missing("round", &id.to_string()))
}

/// A round that may still be changed: the meeting's newest, and nobody has signed it.
fn editable<'a>(draft: &Draft<'a>, id: RoundId) -> Result<&'a Round, Refusal> {
    let round = round_of(draft, id)?;
    let newest = draft.state.durable.last_round_of(&round.meeting).is_some_and(|last| last.id == id);
    if newest && round.signatures.is_empty() { Ok(round) } else { Err(Refusal::RoundOver) }
}

fn no_other_round(draft: &Draft<'_>, meeting: &MeetingId) -> Result<(), Refusal> {
    match draft.state.durable.open_round_of(meeting) {
        Some(round) => Err(Refusal::RoundRunning { round: round.id }),
        None => Ok(()),
    }
}

fn far_enough(draft: &Draft<'_>, meeting: &Meeting) -> Result<(), Refusal> {
    match meeting.phase(draft.now.utc) {
        Phase::RollCall | Phase::Live => Err(Refusal::MeetingTooNear),
        Phase::Planned | Phase::DayBefore | Phase::HourBefore | Phase::Over => Ok(()),
    }
}

fn missing(noun: &str, id: &str) -> Refusal {
    Refusal::NotFound { what: format!("{noun} {id}") }
}

fn empty(field: &str) -> Refusal {
    Refusal::Empty { field: field.to_owned() }
}

//! 交接班: one shift hands over to the next, with what is still open; the next one takes over.

use super::DutyChange;
use crate::domain::id::ShiftId;
use crate::domain::incident::IncidentId;
use crate::engine::draft::Draft;
use crate::engine::effect::{Outcome, Refusal};
use crate::engine::event::What;
use crate::engine::input::{Command, DutyAsk};

/// Longest note, in characters.
const TEXT_MAX: usize = 4_000;

/// Answers a command about duty; `None` when it is about something else.
pub(in crate::engine) fn answer(draft: &mut Draft<'_>, command: &Command) -> Option<Outcome> {
    let Command::Duty { ask } = command else { return None };
    let done = match ask {
        DutyAsk::HandOver { from, to, note } => hand_over(draft, from, to, note),
        DutyAsk::TakeOver { from, to } => take_over(draft, from, to),
    };
    Some(match done {
        Ok(()) => Outcome::Done,
        Err(refusal) => Outcome::Refused(refusal),
    })
}

fn hand_over(draft: &mut Draft<'_>, from: &ShiftId, to: &ShiftId, note: &str) -> Result<(), Refusal> {
    known(draft, from)?;
    known(draft, to)?;
    if from == to {
        return Err(Refusal::NotFound { what: format!("another shift than {from}") });
    }
    let open: Vec<IncidentId> = draft
        .state
        .durable
        .incidents
        .values()
        .filter(|incident| incident.state.is_open())
        .map(|i| i.id)
        .collect();
    let note: String = note.trim().chars().take(TEXT_MAX).collect();
    // What is open is handed over with a word about it.
    if note.is_empty() && !open.is_empty() {
        return Err(Refusal::Empty { field: "note".to_owned() });
    }
    let change = DutyChange::HandedOver { from: from.clone(), to: to.clone(), note, open };
    draft.record(What::DutyChanged { change });
    Ok(())
}

/// Not by who hands over: two people look at what is open.
fn take_over(draft: &mut Draft<'_>, from: &ShiftId, to: &ShiftId) -> Result<(), Refusal> {
    let handovers = draft.state.durable.duty.handovers.iter().rev();
    let mut offered = handovers.filter(|handover| &handover.from == from && &handover.to == to);
    let missing = || Refusal::NotFound { what: format!("handover {from} {to}") };
    let handover = offered.next().ok_or_else(missing)?;
    if handover.taken.is_some() {
        return Ok(());
    }
    if handover.by == draft.actor {
        return Err(Refusal::OtherPersonNeeded);
    }
    let change = DutyChange::TakenOver { from: from.clone(), to: to.clone() };
    draft.record(What::DutyChanged { change });
    Ok(())
}

fn known(draft: &Draft<'_>, shift: &ShiftId) -> Result<(), Refusal> {
    let there = draft.state.durable.inventory.shifts.contains_key(shift);
    there.then_some(()).ok_or_else(|| Refusal::NotFound { what: format!("shift {shift}") })
}

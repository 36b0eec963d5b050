//! What people do with a plan that is carried out, and what is refused.

use super::remedy::proposals;
use super::step::{act, change, give, leave, people, reason};
use super::trouble::Trouble;
use super::{Next, Outcome, StepChange, begin, end_run, next};
use crate::domain::actor::Actor;
use crate::domain::id::{PlanId, StepId};
use crate::domain::incident::IncidentId;
use crate::domain::inventory::MeetingOwner;
use crate::domain::lang::Text;
use crate::domain::plan::{Step, StepKind};
use crate::engine::draft::Draft;
use crate::engine::effect::{self, Refusal};
use crate::engine::input::{Command, PlanAsk, StepAsk};
use crate::engine::state::{Incident, Left, Run};

/// Longest note or reason, in characters.
const TEXT_MAX: usize = 4_000;
/// Hex digits of a SHA-256.
const HASH_DIGITS: usize = 64;

/// Answers a command about a plan; `None` when it is about something else.
pub(in crate::engine) fn answer(draft: &mut Draft<'_>, command: &Command) -> Option<effect::Outcome> {
    let Command::Plan { incident, ask } = command else { return None };
    let done = known(draft, *incident).and_then(|incident| decide(draft, incident, ask));
    Some(match done {
        Ok(()) => effect::Outcome::Done,
        Err(refusal) => effect::Outcome::Refused(refusal),
    })
}

fn known<'a>(draft: &Draft<'a>, id: IncidentId) -> Result<&'a Incident, Refusal> {
    let state = draft.state;
    let known = state.durable.incidents.get(&id).map(AsRef::as_ref);
    known.ok_or_else(|| Refusal::NotFound { what: format!("incident {id}") })
}

fn decide(draft: &mut Draft<'_>, incident: &Incident, ask: &PlanAsk) -> Result<(), Refusal> {
    match ask {
        PlanAsk::Choose { plan, why } => choose(draft, incident, plan, why),
        PlanAsk::Stop { why } => {
            let why = filled(why, "why")?;
            let run = running(draft, incident)?;
            end_run(draft, run, Text::new(why.clone(), why));
            Ok(())
        }
        PlanAsk::Step { step, does } => {
            let run = run_of(draft, incident)?;
            on_step(draft, incident, run, step, does)
        }
    }
}

fn run_of<'a>(draft: &Draft<'a>, incident: &Incident) -> Result<&'a Run, Refusal> {
    let run = draft.state.durable.run_of(incident.id);
    run.ok_or(Refusal::NoPlan { incident: incident.id })
}

fn running<'a>(draft: &Draft<'a>, incident: &Incident) -> Result<&'a Run, Refusal> {
    run_of(draft, incident)
        .and_then(|run| if run.is_open() { Ok(run) } else { Err(Refusal::NoPlan { incident: incident.id }) })
}

/// A person chooses another plan than vcops did, or one where there was none.
fn choose(draft: &mut Draft<'_>, incident: &Incident, plan: &PlanId, why: &str) -> Result<(), Refusal> {
    let (state, now) = (draft.state, draft.now);
    let why = filled(why, "why")?;
    if !incident.state.is_open() {
        return Err(Refusal::IncidentIs { state: incident.state });
    }
    let found = state.durable.inventory.plans.get(plan).filter(|plan| !plan.disabled);
    let plan = found.ok_or_else(|| Refusal::NotFound { what: format!("plan {plan}") })?;
    let trouble = Trouble::of(state, now, incident);
    if let Some(meeting) = trouble.meeting
        && meeting.owner == MeetingOwner::Superior
        && plan.acts()
    {
        return Err(Refusal::SuperiorMeeting { meeting: meeting.id.clone() });
    }
    begin(draft, &trouble, Some((plan, Text::new(why.clone(), why))));
    Ok(())
}

fn on_step(
    draft: &mut Draft<'_>,
    incident: &Incident,
    run: &Run,
    id: &StepId,
    does: &StepAsk,
) -> Result<(), Refusal> {
    if let StepAsk::Undo { why } = does {
        return undo(draft, incident, run, id, why);
    }
    let step = run.step().filter(|step| &step.id == id && run.is_open());
    let step = step.ok_or_else(|| Refusal::NotThisStep { at: run.at.clone() })?;
    match does {
        StepAsk::Done { note, photo } => done(draft, run, step, note, photo.as_deref()),
        StepAsk::Failed { note } => {
            let note = filled(note, "note")?;
            let why = Text::new(note.clone(), note);
            leave(draft, run, step, Outcome::Failed { why }, &step.failed);
            Ok(())
        }
        StepAsk::Skip { why } => {
            let why = filled(why, "why")?;
            // What is left out has not helped: the run goes on as if it had failed.
            leave(draft, run, step, Outcome::Skipped { why }, &step.failed);
            Ok(())
        }
        StepAsk::Answer { answer } => answered(draft, run, step, *answer),
        StepAsk::Agree => agree(draft, incident, run, step),
        StepAsk::Undo { .. } => Ok(()),
    }
}

/// A step that a person took is ticked; one that vcops takes may have been taken by hand, which is said how.
fn done(
    draft: &mut Draft<'_>,
    run: &Run,
    step: &Step,
    note: &str,
    photo: Option<&str>,
) -> Result<(), Refusal> {
    let photo = photo.map(str::to_ascii_lowercase);
    let hash =
        |hash: &String| hash.len() == HASH_DIGITS && hash.bytes().all(|digit| digit.is_ascii_hexdigit());
    if photo.as_ref().is_some_and(|photo| !hash(photo)) {
        return Err(Refusal::NotFound { what: "photo".to_owned() });
    }
    let note = match &step.kind {
        StepKind::Evidence { photo: true, .. } if photo.is_none() => {
            return Err(Refusal::Empty { field: "photo".to_owned() });
        }
        StepKind::Evidence { .. } | StepKind::Automatic { .. } => filled(note, "note")?,
        StepKind::Decision { .. } => return Err(Refusal::Empty { field: "answer".to_owned() }),
        StepKind::Manual {}
        | StepKind::Wait { .. }
        | StepKind::Telephone { .. }
        | StepKind::Notify { .. } => note.trim().chars().take(TEXT_MAX).collect(),
    };
    leave(draft, run, step, Outcome::Done { note, photo, answer: None }, &step.done);
    Ok(())
}

fn answered(draft: &mut Draft<'_>, run: &Run, step: &Step, answer: u8) -> Result<(), Refusal> {
    let StepKind::Decision { branches, .. } = &step.kind else { return Err(no_such("answer")) };
    let branch = usize::from(answer).checked_sub(1).and_then(|at| branches.get(at));
    let branch = branch.ok_or_else(|| no_such(&format!("answer {answer}")))?;
    let note = branch.answer.zh.clone();
    leave(draft, run, step, Outcome::Done { note, photo: None, answer: Some(answer) }, &branch.to);
    Ok(())
}

fn no_such(what: &str) -> Refusal {
    Refusal::NotFound { what: what.to_owned() }
}

/// Somebody agrees to an automatic step; with the last who must agree it is done at once.
fn agree(draft: &mut Draft<'_>, incident: &Incident, run: &Run, step: &Step) -> Result<(), Refusal> {
    let wanted = people(step);
    if wanted == 0 || run.attempt.is_some() || run.agreed.len() >= wanted {
        return Err(Refusal::NothingToDecide);
    }
    person(&draft.actor)?;
    if run.agreed.contains(&draft.actor) {
        return Err(Refusal::OtherPersonNeeded);
    }
    change(draft, run.key, &step.id, StepChange::Agreed);
    if run.agreed.len() + 1 == wanted {
        let trouble = Trouble::of(draft.state, draft.now, incident);
        act(draft, run, step, &trouble);
    }
    Ok(())
}

/// Programs and agents agree to nothing.
fn person(actor: &Actor) -> Result<(), Refusal> {
    match actor {
        Actor::User { .. } | Actor::Local { .. } => Ok(()),
        Actor::Vcops | Actor::Agent { .. } | Actor::Person { .. } => Err(Refusal::OtherPersonNeeded),
    }
}

/// A tick is taken back and the run stands there again; what devices did is taken back by devices.
fn undo(
    draft: &mut Draft<'_>,
    incident: &Incident,
    run: &Run,
    id: &StepId,
    why: &str,
) -> Result<(), Refusal> {
    let why = filled(why, "why")?;
    let not_left = || Refusal::NotThisStep { at: run.at.clone() };
    let left = run.left.get(id).filter(|left| left.undone.is_none()).ok_or_else(not_left)?;
    let step = run.plan.step(id).ok_or_else(not_left)?;
    match &step.kind {
        StepKind::Automatic { .. } if !left.orders.is_empty() => {
            undo_orders(draft, incident, run, (step, left), why)
        }
        StepKind::Notify { .. } => Err(Refusal::NothingToDecide),
        StepKind::Automatic { .. }
        | StepKind::Manual {}
        | StepKind::Evidence { .. }
        | StepKind::Decision { .. }
        | StepKind::Wait { .. }
        | StepKind::Telephone { .. } => {
            // While devices are at work on another step, the run does not move away from under them.
            if run.attempt.is_some() {
                return Err(not_left());
            }
            let back: Next = next(Some(step), draft.now);
            let change_to = StepChange::Undone { why, orders: Vec::new(), back: Some(back) };
            change(draft, run.key, id, change_to);
            Ok(())
        }
    }
}

/// As many people as agreed to it must agree to take it back.
fn undo_orders(
    draft: &mut Draft<'_>,
    incident: &Incident,
    run: &Run,
    (step, left): (&Step, &Left),
    why: String,
) -> Result<(), Refusal> {
    let StepKind::Automatic { undo: Some(undo), .. } = &step.kind else {
        return Err(Refusal::NothingToDecide);
    };
    person(&draft.actor)?;
    if left.undo.contains(&draft.actor) {
        return Err(Refusal::OtherPersonNeeded);
    }
    if left.undo.len() + 1 < people(step) {
        change(draft, run.key, &step.id, StepChange::UndoAgreed);
        return Ok(());
    }
    let trouble = Trouble::of(draft.state, draft.now, incident);
    let proposals = proposals(draft.state, &trouble, *undo).map_err(|_| Refusal::NothingToDecide)?;
    let (orders, mut refusals) = give(draft, proposals, &reason(run, step));
    if orders.is_empty() {
        return Err(refusals.pop().unwrap_or(Refusal::NothingToDecide));
    }
    change(draft, run.key, &step.id, StepChange::Undone { why, orders, back: None });
    Ok(())
}

fn filled(text: &str, field: &str) -> Result<String, Refusal> {
    let text: String = text.trim().chars().take(TEXT_MAX).collect();
    if text.is_empty() { Err(Refusal::Empty { field: field.to_owned() }) } else { Ok(text) }
}

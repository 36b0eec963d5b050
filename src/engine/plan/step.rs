//! One move of one run: what the step it stands at comes to now.

use super::remedy::{Proposal, all_flow, proposals};
use super::trouble::Trouble;
use super::{Outcome, StepChange, look_again, next};
use crate::domain::id::StepId;
use crate::domain::inventory::Phase;
use crate::domain::lang::Text;
use crate::domain::plan::{
    Confirm, Goto, Overdue, Precondition, Remedy, Rung, Step, StepKind, Truth, Until, Verify,
};
use crate::domain::time::Span;
use crate::engine::action;
use crate::engine::draft::Draft;
use crate::engine::effect::Refusal;
use crate::engine::escalation;
use crate::engine::event::What;
use crate::engine::incident;
use crate::engine::plan::Next;
use crate::engine::state::{ActionRecord, Attempt, Progress, Run, RunKey};
use crate::observation::action::{ActionOutcome, Verified};

/// So soon after a run came to a step it is settled whether the step is left out.
const AT_FIRST: Span = Span::seconds(1);

/// Takes a run one step on, if anything moves it now.
pub(super) fn take_on(draft: &mut Draft<'_>, run: &Run) {
    let state = draft.state;
    let Some(step) = run.step() else { return };
    let Some(incident) = state.durable.incidents.get(&run.key.incident) else {
        return super::end_run(draft, run, Text::new("事件已不在", "its incident is no more"));
    };
    let trouble = Trouble::of(state, draft.now, incident);
    if run.due.is_some_and(|due| due <= draft.now.utc) {
        return run_out(draft, run, step, &trouble);
    }
    // Whether it is left out is settled when the run comes to it, and not while somebody is at it.
    let fresh = draft.now.utc.since(run.since) < AT_FIRST && run.attempt.is_none();
    if let Some(when) =
        step.when.as_ref().filter(|when| fresh && when.holds(&trouble.facts()) == Truth::False)
    {
        return leave(draft, run, step, Outcome::LeftOut { why: when.text.clone() }, &Goto::Next);
    }
    match &step.kind {
        StepKind::Automatic { confirm, .. } => match &run.attempt {
            Some(attempt) => prove(draft, run, step, attempt, &trouble),
            None if run.agreed.len() >= confirm.people() => act(draft, run, step, &trouble),
            None => {}
        },
        StepKind::Notify { to, text, urgency } => {
            escalation::step_notice(draft, run, step, &trouble, (*to, text, *urgency));
            leave(draft, run, step, Outcome::done(), &step.done);
        }
        StepKind::Wait { until } => {
            let so = match until {
                Until::Cleared => incident.raised == 0 || super::is_over(incident.state),
                Until::MeetingOver => trouble.phase.is_none_or(|phase| phase == Phase::Over),
            };
            if so {
                leave(draft, run, step, Outcome::done(), &step.done);
            }
        }
        StepKind::Manual {}
        | StepKind::Evidence { .. }
        | StepKind::Decision { .. }
        | StepKind::Telephone { .. } => {}
    }
}

/// A step's time is over.
fn run_out(draft: &mut Draft<'_>, run: &Run, step: &Step, trouble: &Trouble<'_>) {
    let then = step.deadline.map_or(Overdue::Ask, |deadline| deadline.then);
    match then {
        Overdue::Next => leave(draft, run, step, Outcome::TimedOut, &step.failed),
        Overdue::Escalate | Overdue::Ask => {
            change(draft, run.key, &step.id, StepChange::Overdue);
            escalation::overdue_notice(draft, run, step, trouble, then == Overdue::Escalate);
        }
    }
}

/// Leaves a step by one of its ways.
pub(super) fn leave(draft: &mut Draft<'_>, run: &Run, step: &Step, outcome: Outcome, way: &Goto) {
    let to = next(run.plan.follow(&step.id, way), draft.now);
    let counts = matches!(outcome, Outcome::Done { .. });
    leave_to(draft, run.key, &step.id, outcome, to);
    if counts {
        counted(draft, run, step);
    }
}

pub(super) fn leave_to(draft: &mut Draft<'_>, run: RunKey, step: &StepId, outcome: Outcome, next: Next) {
    change(draft, run, step, StepChange::Left { outcome, next });
}

/// A step that is done is a step against the trouble; a rung that is done is a makeshift.
fn counted(draft: &mut Draft<'_>, run: &Run, step: &Step) {
    let id = run.key.incident;
    incident::mitigating(draft, id, step.title.clone());
    let makeshift = match step.rung {
        Some(
            Rung::SpareDevice
            | Rung::SecondLink
            | Rung::StandbyMcu
            | Rung::AudioConference
            | Rung::NearestVenue,
        ) => true,
        Some(Rung::Redial) | None => false,
    };
    // Somebody was called, or has yet to move: that alone brings nobody back.
    let carries = matches!(step.kind, StepKind::Automatic { .. } | StepKind::Manual {});
    if makeshift && carries {
        incident::mitigated(draft, id, step.title.clone());
    }
}

pub(super) fn change(draft: &mut Draft<'_>, run: RunKey, step: &StepId, change: StepChange) {
    draft.moved_runs.insert(run);
    draft.record(What::StepChanged { run, step: step.clone(), change });
}

/// What an automatic step is made of.
struct Automatic<'a> {
    remedy: Remedy,
    only_if: &'a Precondition,
    verify: Verify,
    within: Span,
    undo: Option<Remedy>,
    attempts: u8,
}

fn automatic(step: &Step) -> Option<Automatic<'_>> {
    match &step.kind {
        StepKind::Automatic { remedy, only_if, verify, within, undo, attempts, .. } => Some(Automatic {
            remedy: *remedy,
            only_if,
            verify: *verify,
            within: *within,
            undo: *undo,
            attempts: *attempts,
        }),
        StepKind::Manual {}
        | StepKind::Evidence { .. }
        | StepKind::Decision { .. }
        | StepKind::Wait { .. }
        | StepKind::Telephone { .. }
        | StepKind::Notify { .. } => None,
    }
}

/// Does it, if nothing speaks against it; else it is held and tried again, or has failed.
pub(super) fn act(draft: &mut Draft<'_>, run: &Run, step: &Step, trouble: &Trouble<'_>) {
    let Some(automatic) = automatic(step) else { return };
    let facts = trouble.facts();
    let met = automatic.only_if.0.as_ref().map_or(Truth::True, |condition| condition.holds(&facts));
    let condition =
        || automatic.only_if.0.as_ref().map(|condition| condition.text.clone()).unwrap_or_default();
    match met {
        Truth::True => {}
        Truth::False => {
            let why = Text::new(
                format!("执行条件不满足：{}", condition()),
                format!("its precondition is not met: {}", condition()),
            );
            return leave(draft, run, step, Outcome::Failed { why }, &step.failed);
        }
        Truth::Unknown => {
            let why = Text::new(
                format!("执行条件无法确认：{}", condition()),
                format!("whether its precondition is met is not known: {}", condition()),
            );
            return hold(draft, run, step, why);
        }
    }
    match proposals(draft.state, trouble, automatic.remedy) {
        Ok(proposals) => order(draft, run, step, &automatic, proposals),
        Err(why) => leave(draft, run, step, Outcome::Failed { why }, &step.failed),
    }
}

fn order(draft: &mut Draft<'_>, run: &Run, step: &Step, automatic: &Automatic<'_>, proposals: Vec<Proposal>) {
    let (orders, refusals) = give(draft, proposals, &reason(run, step));
    if !orders.is_empty() {
        let until = draft.now.utc + automatic.within;
        change(draft, run.key, &step.id, StepChange::Ordered { orders, until });
        incident::mitigating(draft, run.key.incident, step.title.clone());
        return look_again(draft);
    }
    let Some(refusal) = refusals.first() else { return };
    let why = refused(refusal);
    if passes(refusal) {
        hold(draft, run, step, why);
    } else {
        leave(draft, run, step, Outcome::Failed { why }, &step.failed);
    }
}

/// Gives the orders that nothing speaks against.
pub(super) fn give(
    draft: &mut Draft<'_>,
    proposals: Vec<Proposal>,
    why: &str,
) -> (Vec<crate::observation::action::ActionKey>, Vec<Refusal>) {
    let (mut orders, mut refusals) = (Vec::new(), Vec::new());
    for (device, what) in proposals {
        match action::order(draft, &device, &what, why) {
            Ok(key) => orders.push(key),
            Err(refusal) => refusals.push(refusal),
        }
    }
    (orders, refusals)
}

pub(super) fn reason(run: &Run, step: &Step) -> String {
    format!("事件 {} 预案 {} 步骤 {}", run.key.incident, run.plan.id, step.id)
}

fn refused(refusal: &Refusal) -> Text {
    use crate::domain::lang::Lang;
    use crate::engine::wording;
    Text::new(wording::refusal(refusal, Lang::Zh), wording::refusal(refusal, Lang::En))
}

/// Whether what speaks against it may soon do so no more.
fn passes(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Blind { .. } | Refusal::ActionRunning { .. } | Refusal::ActionUndecided { .. })
}

fn hold(draft: &mut Draft<'_>, run: &Run, step: &Step, why: Text) {
    if run.held.as_ref() != Some(&why) {
        change(draft, run.key, &step.id, StepChange::Held { why });
    }
    look_again(draft);
}

/// What the orders of a step have come to.
enum Came {
    /// Some are under way.
    Open,
    /// Nobody knows of some whether they happened.
    Undecided,
    /// All are over, and so many worked.
    Over(usize),
}

fn came(draft: &Draft<'_>, attempt: &Attempt) -> Came {
    let records = || attempt.orders.iter().filter_map(|key| draft.state.durable.actions.get(key));
    if records().any(ActionRecord::is_open) {
        return Came::Open;
    }
    if records().any(ActionRecord::is_undecided) {
        return Came::Undecided;
    }
    Came::Over(records().filter(|record| worked(record)).count())
}

fn worked(record: &ActionRecord) -> bool {
    match &record.progress {
        Progress::Ended { verified: Verified::Worked, .. } => true,
        Progress::Ended { outcome, verified: Verified::CannotTell } => {
            matches!(outcome, ActionOutcome::Applied | ActionOutcome::Accepted { .. })
        }
        Progress::Decided { happened, .. } => *happened,
        Progress::Ended { verified: Verified::DidNotWork, .. }
        | Progress::Ordered
        | Progress::Told { .. }
        | Progress::Refused { .. } => false,
    }
}

/// Looks whether what was ordered helped.
fn prove(draft: &mut Draft<'_>, run: &Run, step: &Step, attempt: &Attempt, trouble: &Trouble<'_>) {
    let Some(automatic) = automatic(step) else { return };
    let raised = draft.state.durable.incidents.get(&run.key.incident).map_or(0, |incident| incident.raised);
    let helped = match automatic.verify {
        Verify::Cleared => raised == 0,
        Verify::Flowing => raised == 0 || all_flow(draft.state, trouble),
        Verify::Device => false,
    };
    match came(draft, attempt) {
        Came::Undecided => {
            let why = Text::new(
                "操作结果不明，请先确认是否已生效",
                "whether it happened is not known: look and say so",
            );
            hold(draft, run, step, why);
        }
        Came::Over(worked) if helped || (automatic.verify == Verify::Device && worked > 0) => {
            leave(draft, run, step, Outcome::done(), &step.done);
        }
        Came::Over(0) => try_again(draft, run, step, trouble, false),
        Came::Over(_) if draft.now.utc >= attempt.until => {
            try_again(draft, run, step, trouble, true);
        }
        // Each order is heard of again, at the latest when the desk's own time for it is over.
        Came::Open | Came::Over(_) => look_again(draft),
    }
}

/// It did not help: again, if it may be tried again; else it failed, and what can be taken back is.
fn try_again(draft: &mut Draft<'_>, run: &Run, step: &Step, trouble: &Trouble<'_>, happened: bool) {
    let Some(automatic) = automatic(step) else { return };
    if run.attempts < automatic.attempts {
        return act(draft, run, step, trouble);
    }
    let why = if happened {
        Text::new("已执行，但图像声音未恢复", "it was done, and picture and sound did not come back")
    } else {
        Text::new("设备未执行", "the device did not do it")
    };
    // What many would notice is taken back by people alone.
    let undo = automatic.undo.filter(|undo| happened && !undo.is_grave() && !automatic.remedy.is_grave());
    leave(draft, run, step, Outcome::Failed { why }, &step.failed);
    if let Some(undo) = undo
        && let Ok(proposals) = proposals(draft.state, trouble, undo)
    {
        let (orders, _) = give(draft, proposals, &reason(run, step));
        if !orders.is_empty() {
            let why = "未奏效，自动撤回 did not help".to_owned();
            change(draft, run.key, &step.id, StepChange::Undone { why, orders, back: None });
        }
    }
}

/// How many people must agree to a step before it is done.
pub(super) fn people(step: &Step) -> usize {
    match &step.kind {
        StepKind::Automatic { confirm, .. } => confirm.people(),
        StepKind::Manual {}
        | StepKind::Evidence { .. }
        | StepKind::Decision { .. }
        | StepKind::Wait { .. }
        | StepKind::Telephone { .. }
        | StepKind::Notify { .. } => Confirm::Nobody.people(),
    }
}

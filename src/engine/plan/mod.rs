//! Plans carried out: an incident opens, its plan is chosen, and its steps are taken one by one.
//!
//! A run stands at one step at a time. What a person must do waits for that person; what is automatic is done when
//! whoever must agree has agreed, its precondition is certainly true and nothing speaks against it
//! (`engine::action`); when a step's time runs out, what the plan says for that follows. Every move is a durable
//! event that names where it leads, so that a restart finds the run where it was and its deadlines unchanged, and an
//! order that was given is never given again.

mod ask;
mod change;
mod choose;
mod remedy;
mod step;
mod trouble;

pub(super) use ask::answer;
pub use change::{Next, Outcome, StepChange};
pub(super) use choose::choose;
pub(super) use trouble::Trouble;

use super::draft::Draft;
use super::event::{Event, Picture, What};
use super::incident::{IncidentChange, Opening};
use super::input::Input;
use super::state::{Run, RunKey, State, Timer};
use crate::domain::fault::FaultClass;
use crate::domain::incident::{IncidentId, IncidentState};
use crate::domain::lang::Text;
use crate::domain::plan::{Plan, Step, StepKind, Until};
use crate::domain::time::{Now, Span, Utc};

/// How often a step that devices are to prove is looked at, and one that is held is tried again.
const LOOKS_EVERY: Span = Span::seconds(1);

/// Follows incidents and takes runs on.
pub(super) fn go_on(draft: &mut Draft<'_>, input: &Input) {
    follow_incidents(draft);
    if !matches!(input, Input::Woke | Input::ClockStepped { .. }) {
        return;
    }
    let (state, now) = (draft.state, draft.now);
    let mut due = state.picture.timers.iter().take_while(|(at, _)| *at <= now.mono);
    let asked = due.any(|(_, timer)| *timer == Timer::Plans);
    let by_clock = state.picture.plans.next.is_some_and(|at| at <= now.utc);
    if !(asked || by_clock) {
        return;
    }
    for run in &state.picture.plans.open {
        // One that this decision has just ended, or put another in the place of, stays as it is.
        if !draft.moved_runs.contains(run)
            && let Some(run) = state.durable.runs.get(run)
        {
            step::take_on(draft, run);
        }
    }
}

/// The earliest moment at which time alone moves a run.
pub(super) fn next_utc(state: &State) -> Option<Utc> {
    state.picture.plans.next
}

/// The moment at which time alone moves this run: its step's time, or the end of the meeting that it waits for. What
/// devices are to prove is looked at again and again instead.
pub(in crate::engine) fn moment(run: &Run, state: &crate::engine::state::DurableState) -> Option<Utc> {
    let over = run.step().and_then(|step| match step.kind {
        StepKind::Wait { until: Until::MeetingOver } => {
            let incident = state.incidents.get(&run.key.incident)?;
            let meeting = state.inventory.meetings.get(incident.assessment.meeting.as_ref()?)?;
            Some(meeting.ends)
        }
        StepKind::Wait { until: Until::Cleared }
        | StepKind::Manual {}
        | StepKind::Evidence { .. }
        | StepKind::Automatic { .. }
        | StepKind::Decision { .. }
        | StepKind::Telephone { .. }
        | StepKind::Notify { .. } => None,
    });
    run.due.into_iter().chain(over).min()
}

/// What this decision says about incidents, looked at for their plans.
fn follow_incidents(draft: &mut Draft<'_>) {
    for what in &incident_news(draft) {
        if let What::IncidentOpened { incident, opening } = what {
            opened(draft, *incident, opening);
        }
        if let What::IncidentChanged { incident, change } = what {
            changed(draft, *incident, change);
        }
    }
}

/// What this decision says about incidents.
pub(super) fn incident_news(draft: &Draft<'_>) -> Vec<What> {
    let durable = |event: &'_ Event| {
        if let Event::Durable(durable) = event { Some(durable.what.clone()) } else { None }
    };
    let about = |event: &&Event| {
        let Event::Durable(durable) = event else { return false };
        matches!(durable.what, What::IncidentOpened { .. } | What::IncidentChanged { .. })
    };
    draft.events.iter().filter(about).filter_map(durable).collect()
}

fn opened(draft: &mut Draft<'_>, incident: IncidentId, opening: &Opening) {
    let (state, now) = (draft.state, draft.now);
    let findings = opening.members.iter().collect();
    let trouble = Trouble::new(state, now, incident, &opening.assessment, findings);
    begin(draft, &trouble, None);
}

fn changed(draft: &mut Draft<'_>, id: IncidentId, change: &IncidentChange) {
    match change {
        IncidentChange::Assessed { assessment } => reclassed(draft, id, assessment.class),
        IncidentChange::Resolved { .. } => restored(draft, id),
        IncidentChange::Reopened { .. } => again(draft, id),
        IncidentChange::FalseAlarm { .. } => {
            end(draft, id, Text::new("判为误报", "it is a false alarm"));
        }
        IncidentChange::Merged { into, .. } => {
            let why = Text::new(format!("并入事件 {into}"), format!("told under incident {into}"));
            end(draft, id, why);
        }
        IncidentChange::Joined { .. }
        | IncidentChange::Acked
        | IncidentChange::Unacked { .. }
        | IncidentChange::Mitigating { .. }
        | IncidentChange::Mitigated { .. }
        | IncidentChange::Marked { .. }
        | IncidentChange::Assigned { .. }
        | IncidentChange::Noted { .. }
        | IncidentChange::Reviewed { .. }
        | IncidentChange::CorrectionAsked { .. }
        | IncidentChange::CorrectionReminded { .. }
        | IncidentChange::CorrectionDone { .. } => {}
    }
}

/// Begins the plan for a trouble: that one, or the one that is for it.
fn begin(draft: &mut Draft<'_>, trouble: &Trouble<'_>, asked: Option<(&Plan, Text)>) {
    let state = draft.state;
    let by_hand = asked.is_some();
    let chosen = asked.or_else(|| choose(&state.durable.inventory, trouble));
    let Some((plan, why)) = chosen else { return };
    let before = state.durable.run_of(trouble.incident);
    if let Some(before) = before.filter(|before| before.is_open()) {
        let why = Text::new(
            format!("改用预案 {}", plan.title.zh),
            format!("plan {} is used instead", plan.title.en),
        );
        end_run(draft, before, why);
    }
    let no = before.map_or(1, |before| before.key.no.saturating_add(1));
    let run = RunKey { incident: trouble.incident, no };
    let first = next(plan.steps.first(), draft.now);
    let plan = Box::new(plan.clone());
    draft.moved_runs.insert(run);
    let begun = What::PlanBegun { run, plan, why, first };
    // A plan that a person chose is not put away by vcops.
    if by_hand { draft.record(begun) } else { draft.conclude(begun) }
}

/// Where a run goes when it goes to this step.
fn next(step: Option<&Step>, now: Now) -> Next {
    let due = step.and_then(|step| step.deadline).map(|deadline| now.utc + deadline.after);
    Next { step: step.map(|step| step.id.clone()), due }
}

/// Another kind of trouble than it was: another plan, unless a person has chosen this one.
fn reclassed(draft: &mut Draft<'_>, id: IncidentId, class: FaultClass) {
    let (state, now) = (draft.state, draft.now);
    let Some(incident) = state.durable.incidents.get(&id) else { return };
    if incident.assessment.class == class {
        return;
    }
    let mut assessment = incident.assessment.clone();
    assessment.class = class;
    let findings = incident.raised().collect();
    let trouble = Trouble::new(state, now, id, &assessment, findings);
    let run = state.durable.run_of(id).filter(|run| run.is_open());
    let same =
        choose(&state.durable.inventory, &trouble).map(|(plan, _)| &plan.id) == run.map(|run| &run.plan.id);
    let by_hand = run.is_some_and(|run| run.by != crate::domain::actor::Actor::Vcops);
    if !same && !by_hand {
        begin(draft, &trouble, None);
    }
}

/// What was wrong is right: the run goes where the plan says, or is over.
fn restored(draft: &mut Draft<'_>, id: IncidentId) {
    let Some(run) = draft.state.durable.run_of(id).filter(|run| run.is_open()) else { return };
    let Some(to) = run.plan.restored.as_ref().and_then(|to| run.plan.step(to)) else {
        return end_run(draft, run, Text::new("故障已消除", "what was wrong is right"));
    };
    // What lies behind that step was for this already.
    if behind(&run.plan, to).any(|step| Some(&step.id) == run.at.as_ref()) {
        return;
    }
    let Some(at) = &run.at else { return };
    let next = next(Some(to), draft.now);
    step::leave_to(draft, run.key, at, Outcome::Restored, next);
}

/// The step at which a run goes on when all is well, and every step that only follows it.
fn behind<'a>(plan: &'a Plan, from: &'a Step) -> impl Iterator<Item = &'a Step> {
    let mut found: Vec<&Step> = Vec::new();
    let mut ahead = vec![from];
    while let Some(step) = ahead.pop() {
        if !found.iter().any(|known| known.id == step.id) {
            found.push(step);
            ahead.extend(step.ways().into_iter().filter_map(|way| plan.follow(&step.id, way)));
        }
    }
    found.into_iter()
}

/// The same trouble again: its plan from the beginning.
fn again(draft: &mut Draft<'_>, id: IncidentId) {
    let (state, now) = (draft.state, draft.now);
    if let Some(incident) = state.durable.incidents.get(&id) {
        let trouble = Trouble::of(state, now, incident);
        begin(draft, &trouble, None);
    }
}

fn end(draft: &mut Draft<'_>, id: IncidentId, why: Text) {
    if let Some(run) = draft.state.durable.run_of(id).filter(|run| run.is_open()) {
        end_run(draft, run, why);
    }
}

fn end_run(draft: &mut Draft<'_>, run: &Run, why: Text) {
    if draft.moved_runs.insert(run.key) {
        draft.record(What::PlanEnded { run: run.key, why });
    }
}

/// Looks at a run again at the next whole step of time.
fn look_again(draft: &mut Draft<'_>) {
    let at = draft.now.mono + LOOKS_EVERY;
    draft.picture(Picture::PlansAt { at });
}

/// Whether an incident is one that plans are still for.
fn is_over(state: IncidentState) -> bool {
    !state.is_open()
}

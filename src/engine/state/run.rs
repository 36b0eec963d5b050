//! Runs of emergency plans as the journal tells them: which plan, why, at which step, and what became of each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::durable::DurableState;
use super::listed::{self, Keyed};
use super::picture::{PictureState, Timer};
use crate::domain::actor::Actor;
use crate::domain::id::StepId;
use crate::domain::incident::IncidentId;
use crate::domain::lang::Text;
use crate::domain::plan::{Plan, Step};
use crate::domain::time::{Mono, Utc};
use crate::engine::event::{Durable, What};
use crate::engine::plan::{Next, Outcome, StepChange, moment};
use crate::observation::action::ActionKey;

/// Runs that are over, kept in memory; older ones are in the journal.
const RUNS_KEPT: usize = 200;

/// Names a run: an incident that changes its class gets another plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunKey {
    /// Of which incident.
    pub incident: IncidentId,
    /// Counts from 1 within it.
    pub no: u32,
}

/// A plan while it is carried out. The plan is kept as it was when the run began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Its name.
    pub key: RunKey,
    /// The plan, in the version that it began with.
    pub plan: Plan,
    /// Why this plan.
    pub why: Text,
    /// When it began.
    pub begun: Utc,
    /// Who began it.
    pub by: Actor,
    /// The step it stands at; none when it is over.
    pub at: Option<StepId>,
    /// Since when it stands there.
    pub since: Utc,
    /// When that step's time runs out; none when it has no time, or it ran out and the step stays.
    pub due: Option<Utc>,
    /// Whether that step's time ran out.
    #[serde(default)]
    pub overdue: bool,
    /// Who agreed to that step.
    #[serde(default)]
    pub agreed: Vec<Actor>,
    /// What devices were told for that step.
    #[serde(default)]
    pub attempt: Option<Attempt>,
    /// How often they were.
    #[serde(default)]
    pub attempts: u8,
    /// Why that step does not go on by itself.
    #[serde(default)]
    pub held: Option<Text>,
    /// What became of the steps that it left.
    #[serde(default, with = "listed")]
    pub left: BTreeMap<StepId, Left>,
    /// Why it is over, and when.
    #[serde(default)]
    pub ended: Option<Ended>,
}

/// Orders that were given for a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// Which.
    pub orders: Vec<ActionKey>,
    /// Until when media may take to prove it.
    pub until: Utc,
}

/// A step that was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Left {
    /// Which.
    pub step: StepId,
    /// When it became the current one.
    pub since: Utc,
    /// When it was left.
    pub at: Utc,
    /// By whom.
    pub by: Actor,
    /// How.
    pub outcome: Outcome,
    /// Who agreed to it.
    #[serde(default)]
    pub agreed: Vec<Actor>,
    /// What was given to devices for it.
    #[serde(default)]
    pub orders: Vec<ActionKey>,
    /// Who agreed to take it back.
    #[serde(default)]
    pub undo: Vec<Actor>,
    /// When it was taken back, if it was.
    #[serde(default)]
    pub undone: Option<Utc>,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// When.
    pub at: Utc,
    /// By whom.
    pub by: Actor,
    /// Why.
    pub why: Text,
}

impl Keyed for Run {
    type Key = RunKey;
    fn key(&self) -> RunKey {
        self.key
    }
}

impl Keyed for Left {
    type Key = StepId;
    fn key(&self) -> StepId {
        self.step.clone()
    }
}

impl Run {
    fn begin(key: RunKey, plan: &Plan, why: &Text, event: &Durable, first: &Next) -> Self {
        Self {
            key,
            plan: plan.clone(),
            why: why.clone(),
            begun: event.at,
            by: event.by.clone(),
            at: first.step.clone(),
            since: event.at,
            due: first.due,
            overdue: false,
            agreed: Vec::new(),
            attempt: None,
            attempts: 0,
            held: None,
            left: BTreeMap::new(),
            ended: None,
        }
    }

    /// Whether it goes on.
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// The step it stands at.
    pub fn step(&self) -> Option<&Step> {
        self.plan.step(self.at.as_ref()?)
    }

    /// Goes to a step, or to the end.
    fn go(&mut self, next: &Next, event: &Durable) {
        self.at.clone_from(&next.step);
        (self.since, self.due) = (event.at, next.due);
        (self.overdue, self.attempt, self.attempts, self.held) = (false, None, 0, None);
        self.agreed.clear();
        if self.at.is_none() {
            let why = Text::new("预案已执行完毕", "the plan is done");
            self.ended = Some(Ended { at: event.at, by: event.by.clone(), why });
        }
    }

    fn follow(&mut self, step: &StepId, change: &StepChange, event: &Durable) {
        match change {
            StepChange::Agreed => self.agreed.push(event.by.clone()),
            StepChange::Ordered { orders, until } => {
                self.attempt = Some(Attempt { orders: orders.clone(), until: *until });
                self.attempts = self.attempts.saturating_add(1);
                self.held = None;
            }
            StepChange::Held { why } => self.held = Some(why.clone()),
            StepChange::Overdue => (self.overdue, self.due) = (true, None),
            StepChange::Left { outcome, next } => {
                let before = self.left.get(step);
                let orders = before.map(|left| left.orders.clone()).unwrap_or_default();
                let orders = orders.into_iter().chain(self.attempt.take().into_iter().flat_map(|a| a.orders));
                let left = Left {
                    step: step.clone(),
                    since: self.since,
                    at: event.at,
                    by: event.by.clone(),
                    outcome: outcome.clone(),
                    agreed: std::mem::take(&mut self.agreed),
                    orders: orders.collect(),
                    undo: Vec::new(),
                    undone: None,
                };
                self.left.insert(step.clone(), left);
                self.go(next, event);
            }
            StepChange::UndoAgreed => {
                if let Some(left) = self.left.get_mut(step) {
                    left.undo.push(event.by.clone());
                }
            }
            StepChange::Undone { orders, back, .. } => {
                if let Some(left) = self.left.get_mut(step) {
                    left.undone = Some(event.at);
                    left.orders.extend(orders.iter().cloned());
                }
                if let Some(next) = back {
                    self.ended = None;
                    self.go(next, event);
                }
            }
        }
    }
}

impl DurableState {
    /// Runs begun, moved and ended.
    pub(super) fn run(&mut self, event: &Durable) {
        if let What::PlanBegun { run, plan, why, first } = &event.what {
            self.drop_old_runs();
            self.runs.insert(*run, Run::begin(*run, plan, why, event, first));
        }
        if let What::StepChanged { run, step, change } = &event.what
            && let Some(known) = self.runs.get_mut(run)
        {
            known.follow(step, change, event);
        }
        if let What::PlanEnded { run, why } = &event.what
            && let Some(known) = self.runs.get_mut(run)
        {
            known.at = None;
            (known.due, known.attempt) = (None, None);
            known.ended = Some(Ended { at: event.at, by: event.by.clone(), why: why.clone() });
        }
    }

    /// The newest run of an incident.
    pub fn run_of(&self, incident: IncidentId) -> Option<&Run> {
        let (first, last) = (RunKey { incident, no: 0 }, RunKey { incident, no: u32::MAX });
        self.runs.range(first..=last).next_back().map(|(_, run)| run)
    }

    fn drop_old_runs(&mut self) {
        while self.runs.len() >= RUNS_KEPT {
            let oldest = self.runs.values().filter(|run| !run.is_open()).min_by_key(|run| run.begun);
            let Some(key) = oldest.map(|run| run.key) else { return };
            self.runs.remove(&key);
        }
    }
}

/// What is kept at hand of plans that are carried out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct PlansPicture {
    /// Runs that go on.
    pub(in crate::engine) open: Vec<RunKey>,
    /// The earliest moment at which time alone moves one.
    pub(in crate::engine) next: Option<Utc>,
}

impl PlansPicture {
    pub(super) fn of(durable: &DurableState) -> Self {
        let open: Vec<&Run> = durable.runs.values().filter(|run| run.is_open()).collect();
        let next = open.iter().filter_map(|run| moment(run, durable)).min();
        Self { open: open.iter().map(|run| run.key).collect(), next }
    }
}

impl PictureState {
    /// Plans look at what changed about them, in a decision of its own.
    pub(super) fn replan(&mut self, durable: &DurableState) {
        self.plans = PlansPicture::of(durable);
        if !self.plans.open.is_empty() {
            self.look_at_plans(Mono(0));
        }
    }

    /// The same for what changed about the rest of the world.
    pub(super) fn follow_plans(&mut self, durable: &DurableState, event: &Durable) {
        if moves_plans(&event.what) {
            self.replan(durable);
        }
    }

    pub(super) fn look_at_plans(&mut self, at: Mono) {
        self.timers.insert((at, Timer::Plans));
    }
}

/// Whether plans are to be looked at after an event that is not about plans.
fn moves_plans(what: &What) -> bool {
    matches!(
        what,
        What::IncidentChanged { .. }
            | What::FindingCleared { .. }
            | What::ActionReported { .. }
            | What::ActionDecided { .. }
            | What::InventoryChanged { .. }
    )
}

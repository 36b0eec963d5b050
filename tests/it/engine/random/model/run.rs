//! Plans in the model: none of the times of their steps is lost, none comes too soon.

use vcops::domain::id::StepId;
use vcops::domain::incident::IncidentId;
use vcops::domain::plan::{Plan, Targets};
use vcops::domain::time::{Span, Utc};
use vcops::engine::event::{Durable, What};
use vcops::engine::plan::StepChange;

use super::Model;

#[derive(Debug)]
pub(super) struct Run {
    pub(super) plan: Plan,
    pub(super) due: Option<Utc>,
    pub(super) open: bool,
}

impl Model {
    pub(super) fn plan(&mut self, event: &Durable) {
        let after = |plan: &Plan, step: Option<&StepId>| {
            let step = step.and_then(|step| plan.step(step))?;
            step.deadline.map(|deadline| event.at + deadline.after)
        };
        if let What::PlanBegun { run, plan, why, first } = &event.what {
            assert!(!why.zh.is_empty(), "{run:?} does not say why");
            let due = after(plan, first.step.as_ref());
            assert_eq!(due, first.due, "{run:?} begins with another time than its plan has");
            for (_, other) in self.runs.iter_mut().filter(|(key, _)| key.incident == run.incident) {
                assert!(!other.open, "two plans for one incident");
            }
            let begun = Run { plan: (**plan).clone(), due, open: first.step.is_some() };
            assert!(self.runs.insert(*run, begun).is_none(), "{run:?} begins twice");
            self.count("plans");
        }
        if let What::StepChanged { run, change, .. } = &event.what {
            let known = self.runs.get_mut(run).expect("begun");
            if *change == StepChange::Overdue {
                assert!(known.due.is_some_and(|due| due <= event.at), "overdue too soon");
                known.due = None;
                *self.counts.entry("overdue").or_default() += 1;
            }
            if let StepChange::Left { next: to, .. } | StepChange::Undone { back: Some(to), .. } = change {
                let due = after(&known.plan, to.step.as_ref());
                assert_eq!(due, to.due, "a step has another time than its plan says");
                (known.due, known.open) = (due, to.step.is_some());
                self.closing.extend(to.step.is_none().then_some(*run));
            }
        }
        if let What::PlanEnded { run, .. } = &event.what {
            let known = self.runs.get_mut(run).expect("begun");
            assert!(known.open, "a plan ends twice");
            (known.due, known.open) = (None, false);
            self.closing.insert(*run);
        }
    }

    /// The times of the plan that is carried out, or was until this decision; none where no plan was.
    pub(super) fn targets(&self, id: IncidentId) -> Option<Targets> {
        let of = || self.runs.iter().rev().filter(|(key, _)| key.incident == id);
        let open =
            of().find(|(_, run)| run.open).or_else(|| of().find(|(key, _)| self.closing.contains(key)));
        open.map(|(_, run)| run.plan.targets)
    }

    /// When a rung is due after the opening.
    pub(super) fn after(&self, id: IncidentId, rung: u8) -> Option<Span> {
        let targets = self.targets(id)?;
        let times = [Span::ZERO, targets.ack, targets.first_action, targets.restored, targets.leader];
        times.get(usize::from(rung)).copied()
    }
}

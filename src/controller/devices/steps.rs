//! Who follows an order by its key: reports on orders of our own tests go to the test, all others to the judge.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::observation::action::{ActionKey, ActionReport, Step};

/// Steps of one order that may wait: it has no more.
const STEPS_MAX: usize = 8;
/// Orders followed before those that nobody waits for are forgotten: their desks went before they ended.
const FOLLOWED_MAX: usize = 1024;

/// The followed orders.
#[derive(Debug, Clone, Default)]
pub(super) struct Steps(Arc<Mutex<BTreeMap<ActionKey, mpsc::Sender<Step>>>>);

impl Steps {
    /// Follows an order that is about to be given, until the receiver is dropped.
    pub(super) fn follow(&self, key: &ActionKey) -> mpsc::Receiver<Step> {
        let (steps, followed) = mpsc::channel(STEPS_MAX);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= FOLLOWED_MAX {
            all.retain(|_, steps| !steps.is_closed());
        }
        all.insert(key.clone(), steps);
        followed
    }

    /// Hands a report to whoever follows its order; gives it back where it is the judge's. An order that was followed
    /// stays ours until it has ended, even where nobody listens any more.
    pub(super) fn pass(&self, report: ActionReport) -> Option<ActionReport> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(steps) = all.get(&report.key) else { return Some(report) };
        let is_last = matches!(report.step, Step::Ended { .. } | Step::Refused { .. });
        // An order has fewer steps than there is room for.
        let _ = steps.try_send(report.step);
        if is_last {
            all.remove(&report.key);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::action::{ActionOutcome, Verified};

    #[test]
    fn a_followed_order_stays_ours_until_its_end_and_others_are_the_judges() {
        let steps = Steps::default();
        let report = |key: &str, step| ActionReport { key: ActionKey(key.into()), step };
        let ended = Step::Ended { outcome: ActionOutcome::Applied, verified: Verified::Worked };
        let mut followed = steps.follow(&ActionKey("call-1-1".into()));
        assert_eq!(steps.pass(report("call-1-1", Step::Queued)), None);
        assert_eq!(followed.try_recv(), Ok(Step::Queued));
        drop(followed);
        assert_eq!(steps.pass(report("call-1-1", ended.clone())), None);
        let others = report("act-7", ended);
        assert_eq!(steps.pass(others.clone()), Some(others));
        assert!(steps.0.lock().unwrap().is_empty());
    }
}

//! Calls to codecs that are under way, and how each MCU was proved last.

use serde::{Deserialize, Serialize};

use super::listed::Keyed;
use crate::domain::check::{CheckKey, RoundId, TestId};
use crate::domain::time::{Mono, Span};
use crate::engine::proof::works;
use crate::observation::call::{CallOrder, ProofOutcome};

/// A call without an end yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallRecord {
    /// In which round.
    pub round: RoundId,
    /// For which cell.
    pub key: CheckKey,
    /// What was ordered.
    pub order: CallOrder,
}

impl Keyed for CallRecord {
    type Key = TestId;
    fn key(&self) -> TestId {
        self.order.test
    }
}

/// How an MCU was proved.
#[derive(Debug, Clone, PartialEq)]
pub struct ProofPicture {
    /// The proof that runs, and when it must have ended.
    pub running: Option<(TestId, Mono)>,
    /// When the last one ended.
    pub ended: Option<Mono>,
    /// What came of the last one that said something.
    pub last: Option<ProofOutcome>,
    /// Proofs that failed since the last that did not.
    pub failures: u32,
    /// Whether this make can be proved at all, as far as is known.
    pub provided: bool,
}

impl Default for ProofPicture {
    fn default() -> Self {
        Self { running: None, ended: None, last: None, failures: 0, provided: true }
    }
}

impl ProofPicture {
    /// Failures from which on a proof is believed.
    const BELIEVED: u32 = 2;
    /// A proof says nothing any more after this.
    const STALE: Span = Span::minutes(30);

    /// Whether the MCU carries media by its last proofs; `None` while that is not known.
    pub fn verdict(&self, now: Mono) -> Option<bool> {
        let ended = self.ended.filter(|at| now.since(*at) < Self::STALE)?;
        let good = self.last.as_ref().and_then(works).filter(|_| ended <= now)?;
        (good || self.failures >= Self::BELIEVED).then_some(good)
    }

    pub(super) fn take(&mut self, at: Mono, outcome: Option<&ProofOutcome>) {
        self.running = None;
        self.ended = Some(at);
        self.provided = !matches!(outcome, Some(ProofOutcome::NotProvided));
        let said = outcome.and_then(|outcome| works(outcome).map(|good| (outcome, good)));
        if let Some((outcome, good)) = said {
            self.failures = if good { 0 } else { self.failures.saturating_add(1) };
            self.last = Some(outcome.clone());
        }
    }
}

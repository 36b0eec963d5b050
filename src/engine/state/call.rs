//! Calls to codecs that are under way, and how each MCU was proved last.

use serde::{Deserialize, Serialize};

use super::durable::DurableState;
use super::listed::Keyed;
use super::picture::{PictureState, Timer};
use crate::domain::check::{CheckKey, RoundId, TestId};
use crate::domain::time::{Mono, Span};
use crate::engine::event::Picture;
use crate::engine::proof::works;
use crate::observation::call::{CallOrder, ProofOutcome};
use crate::observation::device::Device;

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

impl PictureState {
    /// Waiting calls are looked at, if there are any.
    pub(super) fn look_at_calls(&mut self) {
        if !self.calls_waiting.is_empty() {
            self.timers.insert((Mono(0), Timer::Calls));
        }
    }

    pub(super) fn call_ended(&mut self, durable: &DurableState, round: RoundId, key: &CheckKey) {
        let cell = durable.rounds.get(&round).and_then(|round| round.cells.get(key));
        if cell.is_some_and(|cell| cell.awaiting) {
            self.enqueue_cell(durable, round, key);
        }
        self.look_at_calls();
    }

    /// How MCUs are proved.
    pub(super) fn proof(&mut self, event: &Picture) {
        if let Picture::ProveAt { mcu, at } = event {
            self.timers.retain(|(_, timer)| !matches!(timer, Timer::Prove(other) if other == mcu));
            self.timers.insert((*at, Timer::Prove(mcu.clone())));
        }
        if let Picture::ProofOrdered { mcu, test, deadline } = event {
            self.ordered = self.ordered.max(test.n);
            self.proofs.entry(mcu.clone()).or_default().running = Some((*test, *deadline));
            self.timers.insert((*deadline, Timer::Prove(mcu.clone())));
        }
        if let Picture::ProofEnded { mcu, at, outcome } = event {
            self.proofs.entry(mcu.clone()).or_default().take(*at, outcome.as_ref());
            self.timers.insert((Mono(0), Timer::Device(Device::Mcu(mcu.clone()))));
            self.look_at_calls();
        }
    }
}

//! A decision in the making: the state it is made against, and what it has come to so far.
//!
//! A stage reads the state as it was before the input; what an earlier stage of the same decision did is in the
//! draft. Work that must see those events applied asks for an immediate wake-up instead.

use std::collections::{BTreeMap, BTreeSet};

use super::effect::Effect;
use super::event::{Durable, Event, Picture, What};
use super::finding::{FindingKey, RuleCode};
use super::rehearsal::Finding;
use super::state::{RunKey, State};
use crate::domain::actor::Actor;
use crate::domain::check::{CheckKey, RoundId, TestId};
use crate::domain::id::{LinkId, McuId, PersonId, TrunkId};
use crate::domain::incident::IncidentId;
use crate::domain::inventory::Resource;
use crate::domain::time::Now;
use crate::observation::call::CallOrder;

/// A decision in the making.
pub(super) struct Draft<'a> {
    pub(super) state: &'a State,
    pub(super) now: Now,
    pub(super) actor: Actor,
    pub(super) events: Vec<Event>,
    pub(super) effects: Vec<Effect>,
    /// Cells judged in this decision: each at most once.
    pub(super) judged: BTreeSet<(RoundId, CheckKey)>,
    /// Findings raised or weighed in this decision: each at most once.
    pub(super) found: BTreeSet<FindingKey>,
    /// Causes named for earlier findings in this decision.
    pub(super) causes: BTreeSet<(Option<RuleCode>, Resource)>,
    /// Tests that ended in this decision.
    pub(super) ended: BTreeSet<TestId>,
    /// Links on which this decision starts a test.
    pub(super) ordered: BTreeSet<LinkId>,
    /// Tests, calls and proofs that this decision numbers.
    pub(super) numbered: u32,
    /// Calls that this decision makes.
    pub(super) called: Vec<CallOrder>,
    /// MCUs that this decision has proved.
    pub(super) proving: BTreeSet<McuId>,
    /// What those tests put on trunks, bit/s.
    pub(super) load: BTreeMap<TrunkId, u64>,
    /// Orders that this decision gives to devices.
    pub(super) orders: u64,
    /// Runs of plans that this decision moves: each at most one step.
    pub(super) moved_runs: BTreeSet<RunKey>,
    /// Pages that this decision sends: about which incident, to whom.
    pub(super) pages: Vec<(IncidentId, PersonId)>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(state: &'a State, now: Now, actor: Actor) -> Self {
        Self {
            state,
            now,
            actor,
            events: Vec::new(),
            effects: Vec::new(),
            judged: BTreeSet::new(),
            found: BTreeSet::new(),
            causes: BTreeSet::new(),
            ended: BTreeSet::new(),
            ordered: BTreeSet::new(),
            numbered: 0,
            called: Vec::new(),
            proving: BTreeSet::new(),
            load: BTreeMap::new(),
            orders: 0,
            moved_runs: BTreeSet::new(),
            pages: Vec::new(),
        }
    }

    /// Records a durable event in the name of the input's author.
    pub(super) fn record(&mut self, what: What) {
        let by = self.actor.clone();
        self.events.push(Event::Durable(Durable { at: self.now.utc, by, what }));
    }

    /// Records a durable event in vcops' own name.
    pub(super) fn conclude(&mut self, what: What) {
        self.events.push(Event::Durable(Durable { at: self.now.utc, by: Actor::Vcops, what }));
    }

    /// Raises a finding or weighs it anew, once per decision: two timers may speak of one.
    pub(super) fn find(&mut self, finding: &FindingKey, what: What) {
        if self.found.insert(finding.clone()) {
            self.conclude(what);
        }
    }

    /// Names a cause for findings, once per decision and cause, whoever of them asks first.
    pub(super) fn found_cause(&mut self, cause: Resource, members: Vec<FindingKey>) {
        let rule = members.first().map(|member| member.rule);
        if self.causes.insert((rule, cause.clone())) {
            self.conclude(What::CauseFound { cause, members });
        }
    }

    pub(super) fn picture(&mut self, picture: Picture) {
        self.events.push(Event::Picture(picture));
    }

    /// Before all else that this decision changes, but for the passing of time itself: what is stirred by the rest of
    /// the decision is not taken for looked at.
    pub(super) fn picture_first(&mut self, picture: Picture) {
        let after_woken = self.events.len().min(1);
        self.events.insert(after_woken, Event::Picture(picture));
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Judges a cell that waits, once; anything else changes nothing.
    pub(super) fn judge(&mut self, round: RoundId, key: &CheckKey, test: Option<TestId>, finding: Finding) {
        let cell = self.state.durable.rounds.get(&round).and_then(|round| round.cells.get(key));
        let Some(cell) = cell.filter(|cell| cell.awaiting) else { return };
        if self.judged.insert((round, key.clone())) {
            let judgement = finding.judgement(key.clone(), cell.attempts + 1, test);
            self.conclude(What::CheckJudged { round, judgement });
        }
    }

    /// Numbers a test, a call or a proof: no number comes twice, over all starts.
    pub(super) fn next_test(&mut self) -> TestId {
        self.numbered += 1;
        let n = self.state.picture.ordered.saturating_add(self.numbered);
        TestId { boot: self.state.durable.boot, n }
    }

    /// Takes a test off the list of those that run; its cell is judged apart.
    pub(super) fn end_test(&mut self, test: TestId) {
        if self.ended.insert(test) {
            self.picture(Picture::TestEnded { test });
        }
    }
}

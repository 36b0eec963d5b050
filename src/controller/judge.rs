//! The one owner of state: takes what arrives, lets the engine decide, commits, and only then lets effects leave.
//!
//! A batch is decided on, committed in one transaction and followed by its effects. When the journal cannot be
//! written, the state goes back to the last commit and the batch waits in the backlog: screens are shown what would
//! be so, marked unrecorded; commands are refused; agents keep their events. When it can be written again, the
//! backlog is decided on anew and a gap record says what was given up meanwhile.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::arrival::{Arrival, Credit};
use super::clock::Clock;
use super::courier::Notices;
use super::enrolments::{Enrolments, enrolments, lane_of};
use super::ledger::{Ledger, Turn};
use super::self_watch::Pulse;
use crate::domain::actor::Actor;
use crate::domain::time::{Now, Span, Utc};
use crate::engine::effect::{Effect, Outcome, Refusal};
use crate::engine::event::{Durable, Event, What};
use crate::engine::input::{Command, CommandId, Input};
use crate::engine::state::{State, apply};
use crate::engine::{decide, next_wakeup};
use crate::metrics::Counters;
use crate::metrics::failpoint::{Failpoint, hit};
use crate::report::Snapshot;
use crate::store::error::StoreError;
use crate::store::marks::SeqMark;
use crate::store::recording::Recorder;
use crate::uplink::hub::{HubHandle, HubState};
use crate::web::CommandRequest;

/// Most arrivals in one transaction.
const BATCH_MAX: usize = 512;
/// Most inputs kept while the journal cannot be written.
const BACKLOG_MAX: usize = 8192;
/// Shortest rest while the line to the agents is down.
const WAKE_MIN_DEAF: Span = Span::millis(50);
/// How often the journal is tried again.
const RETRY_EVERY: Duration = Duration::from_millis(500);
/// Rest after a failed commit, so that a busy line does not make a busy loop.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// How often screens are shown a picture in which nothing durable happened.
const SHOW_EVERY: Span = Span::millis(200);

/// What the judge works with.
#[derive(Debug)]
pub(super) struct Bench {
    /// What arrives.
    pub(super) arrivals: mpsc::Receiver<Arrival>,
    /// The journal.
    pub(super) ledger: Ledger,
    /// The recording of inputs.
    pub(super) recorder: Recorder,
    /// Where effects go.
    pub(super) effects: mpsc::Sender<Effect>,
    /// What everybody may look at.
    pub(super) view: watch::Sender<Arc<Snapshot>>,
    /// Who may send, for the line and the broker.
    pub(super) enrolments: watch::Sender<Arc<Enrolments>>,
    /// The line to the agents: told what is safe.
    pub(super) hub: HubHandle,
    /// Who delivers notices.
    pub(super) notices: Notices,
    /// Counters.
    pub(super) counters: Arc<Counters>,
    /// Its sign of life.
    pub(super) pulse: Pulse,
}

/// An input with what hangs on it.
#[derive(Debug)]
struct Case {
    now: Now,
    input: Input,
    /// What an agent must be told once this is safe.
    credit: Option<Credit>,
    /// Who of the hub must be told once this is safe.
    saved: Option<oneshot::Sender<()>>,
}

impl Case {
    fn new(now: Now, input: Input) -> Self {
        Self { now, input, credit: None, saved: None }
    }
}

/// Where a turn stood before the first thing that must be recorded.
#[derive(Debug)]
struct Before {
    state: State,
    /// Cases decided on until then.
    cases: usize,
    /// Effects decided on until then.
    effects: usize,
}

/// The judge.
#[derive(Debug)]
pub(super) struct Judge {
    bench: Bench,
    state: State,
    clock: Clock,
    /// How the line to the agents is.
    line: watch::Receiver<HubState>,
    marks: BTreeMap<String, SeqMark>,
    answers: BTreeMap<CommandId, oneshot::Sender<Outcome>>,
    commands: u64,
    backlog: VecDeque<Case>,
    unrecorded: Option<Unrecorded>,
    shown: Utc,
    shown_serial: u64,
}

impl Judge {
    /// A judge over a folded state. `marks` are the agents' messages already counted.
    pub(super) fn new(bench: Bench, state: State, clock: Clock, marks: BTreeMap<String, SeqMark>) -> Self {
        Self {
            line: bench.hub.state(),
            bench,
            state,
            clock,
            marks,
            answers: BTreeMap::new(),
            commands: 0,
            backlog: VecDeque::new(),
            unrecorded: None,
            shown: Utc::default(),
            shown_serial: 0,
        }
    }

    /// Works until told to stop, then finishes what has arrived.
    pub(super) async fn run(mut self, boot: u32, stop: CancellationToken) -> anyhow::Result<()> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let now = self.clock.read();
        self.take(Case::new(now, Input::Started { boot, version }));
        self.turn().await;
        loop {
            self.bench.pulse.beat();
            let wake = self.wake_in();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                arrival = self.bench.arrivals.recv() => match arrival {
                    Some(arrival) => self.gather(arrival),
                    None => break,
                },
                () = tokio::time::sleep(wake) => self.wake(),
            }
            self.turn().await;
        }
        self.finish().await
    }

    async fn finish(mut self) -> anyhow::Result<()> {
        while let Ok(arrival) = self.bench.arrivals.try_recv() {
            self.gather(arrival);
            self.turn().await;
        }
        self.bench.recorder.flush().await?;
        self.bench.ledger.close(self.clock.read().utc).await
    }

    /// How long until the engine wants to look again, or the journal is to be tried again.
    fn wake_in(&mut self) -> Duration {
        let now = self.clock.read();
        let wakeup = next_wakeup(&self.state, now);
        // While the monotonic time stands still a deadline does not come nearer: it is not looked at all the time.
        let floor = if self.line.borrow().down.is_some() { WAKE_MIN_DEAF } else { Span::ZERO };
        let mono = wakeup.and_then(|wakeup| wakeup.mono).map(|at| at.since(now.mono).max(floor));
        let utc = wakeup.and_then(|wakeup| wakeup.utc).map(|at| at.since(now.utc));
        let retry = self.unrecorded.is_some().then_some(RETRY_EVERY);
        let unseen = self.is_unseen().then_some(SHOW_EVERY.std());
        // The wall clock may be stepped while asleep: never sleep through more than a second of it.
        let longest = Some(Duration::from_secs(1));
        [mono.map(Span::std), utc.map(Span::std), retry, unseen, longest]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or_default()
    }

    fn is_unseen(&self) -> bool {
        self.shown_serial != self.bench.ledger.serial()
    }

    fn wake(&mut self) {
        let now = self.read();
        self.take(Case::new(now, Input::Woke));
    }

    /// Reads the clocks; a step of the wall clock is an input of its own.
    fn read(&mut self) -> Now {
        self.clock.hears(self.line.borrow().down.is_none());
        let now = self.clock.read();
        let news = self.clock.news();
        if let Some(held_up) = news.held_up {
            tracing::warn!(held_up_ms = held_up.as_ms(), "this process was held up; its holds wait as long");
        }
        if let Some(by_us) = news.stepped_us {
            self.take(Case::new(now, Input::ClockStepped { by_us }));
        }
        now
    }

    /// Takes an arrival and whatever else waits, up to a batch.
    fn gather(&mut self, first: Arrival) {
        let now = self.read();
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(arrival) = next {
            self.admit(now, arrival);
            taken += 1;
            next = (taken < BATCH_MAX).then(|| self.bench.arrivals.try_recv().ok()).flatten();
        }
    }

    fn admit(&mut self, now: Now, arrival: Arrival) {
        let case = match arrival {
            Arrival::Seen(observation) => Case::new(now, Input::Observed { observation }),
            Arrival::SeenAndSaved { observation, saved } => {
                Case { saved: Some(saved), ..Case::new(now, Input::Observed { observation }) }
            }
            Arrival::FromAgent { observation, credit } => {
                if credit.as_ref().is_some_and(|credit| self.counted(&credit.mark)) {
                    // Counted before: its acknowledgement was lost, so it is given again.
                    self.acknowledge(credit.into_iter().collect());
                    return;
                }
                Case { credit, ..Case::new(now, Input::Observed { observation }) }
            }
            Arrival::Asked(CommandRequest { actor, command, reply }) => {
                if self.unrecorded.is_some() {
                    let _ = reply.send(Outcome::Refused(Refusal::Unrecorded));
                    return;
                }
                self.commands += 1;
                let id = CommandId(self.commands);
                self.answers.insert(id, reply);
                Case::new(now, Input::Commanded { id, actor, command })
            }
        };
        self.take(case);
    }

    fn counted(&self, mark: &SeqMark) -> bool {
        self.marks.get(&mark.lane).is_some_and(|counted| !mark.is_after(counted))
    }

    fn take(&mut self, case: Case) {
        if self.backlog.len() >= BACKLOG_MAX {
            self.give_up_oldest();
        }
        self.backlog.push_back(case);
    }

    /// Only reached while the journal cannot be written: the oldest input that no agent keeps for us goes.
    fn give_up_oldest(&mut self) {
        let oldest = self.backlog.iter().position(|case| case.credit.is_none()).unwrap_or(0);
        self.backlog.remove(oldest);
        if let Some(unrecorded) = &mut self.unrecorded {
            unrecorded.given_up += 1;
        }
    }

    /// Decides on the backlog, commits, and lets effects leave.
    async fn turn(&mut self) {
        let mut turn = Turn::new(self.clock.read().utc);
        let mut before: Option<Before> = None;
        if let Some(gap) = &self.unrecorded {
            before = Some(Before { state: self.state.clone(), cases: 0, effects: 0 });
            let gap = gap.event(turn.at);
            self.happen(&mut turn, Event::Durable(gap), None);
        }
        let backlog: Vec<Case> = self.backlog.drain(..).collect();
        for (at, case) in backlog.iter().enumerate() {
            self.record(case).await;
            self.bench.counters.engine_inputs.inc();
            let decision = decide(&self.state, case.now, &case.input);
            let durable = decision.events.iter().any(|event| matches!(event, Event::Durable(_)));
            // A notice is recorded by its row in the outbox.
            let told = decision.effects.iter().any(|effect| matches!(effect, Effect::Notify { .. }));
            if before.is_none() && (durable || told || case.credit.is_some()) {
                before = Some(Before { state: self.state.clone(), cases: at, effects: turn.effects.len() });
            }
            turn.marks.extend(self.carried(&case.input, &decision.events));
            for event in decision.events {
                self.happen(&mut turn, event, case.credit.as_ref().map(|credit| &credit.mark));
            }
            turn.marks.extend(case.credit.iter().map(|credit| credit.mark.clone()));
            turn.effects.extend(decision.effects);
        }
        match before {
            Some(before) => self.settle(turn, before, backlog).await,
            None => {
                tell_saved(backlog.into_iter().map(|case| case.saved).collect());
                self.release(turn.effects).await;
            }
        }
        self.show();
    }

    /// A new key of the same agent goes on in the same outbox: what was counted under the old key stays counted.
    fn carried(&self, input: &Input, events: &[Event]) -> Option<SeqMark> {
        let Input::Commanded { command: Command::RotateAgentKey { agent, public_key }, .. } = input else {
            return None;
        };
        let accepted = events.iter().any(|event| matches!(event, Event::Durable(_)));
        let old = lane_of(self.state.durable.agent_key(agent)?)?;
        let counted = self.marks.get(&old).filter(|_| accepted)?;
        Some(SeqMark { lane: lane_of(public_key)?, boot: 0, seq: 0, ..counted.clone() })
    }

    async fn record(&mut self, case: &Case) {
        if self.unrecorded.is_none()
            && let Ok(bytes) = serde_json::to_vec(&(case.now, &case.input))
            && let Err(error) = self.bench.recorder.append(case.now.utc, &bytes).await
        {
            tracing::warn!(%error, "an input was not recorded");
        }
    }

    fn happen(&mut self, turn: &mut Turn, event: Event, mark: Option<&SeqMark>) {
        apply(&mut self.state, &event);
        if let Event::Durable(durable) = event {
            turn.durable.push((durable, mark.cloned()));
        }
    }

    async fn settle(&mut self, turn: Turn, before: Before, backlog: Vec<Case>) {
        hit(Failpoint::ControllerBeforeCommit);
        let timer = self.bench.counters.journal_commit_seconds.start_timer();
        let committed = self.bench.ledger.commit(&turn, &before.state.durable).await;
        timer.observe_duration();
        hit(Failpoint::ControllerAfterCommit);
        match committed {
            Ok(()) => self.recorded(turn, backlog).await,
            Err(error) => self.not_recorded(&error, turn, before, backlog).await,
        }
    }

    async fn recorded(&mut self, turn: Turn, backlog: Vec<Case>) {
        self.bench.counters.journal_events.inc_by(turn.durable.len() as u64);
        if self.unrecorded.take().is_some() {
            tracing::info!("the journal can be written again");
        }
        for mark in turn.marks {
            self.marks.insert(mark.lane.clone(), mark);
        }
        self.tell_enrolments();
        let (credits, saved): (Vec<_>, Vec<_>) =
            backlog.into_iter().map(|case| (case.credit, case.saved)).unzip();
        self.acknowledge(credits.into_iter().flatten().collect());
        tell_saved(saved);
        hit(Failpoint::ControllerAfterAcknowledge);
        self.release(turn.effects).await;
        hit(Failpoint::ControllerAfterEffects);
    }

    /// Shows what would be so, then goes back to the last commit. Commands are refused, everything else waits. What
    /// was decided before anything needed recording has its effects all the same.
    async fn not_recorded(&mut self, error: &StoreError, mut turn: Turn, before: Before, backlog: Vec<Case>) {
        self.bench.counters.journal_failures.inc();
        if self.unrecorded.is_none() {
            tracing::error!(%error, "the journal cannot be written: nothing is recorded until it can");
            self.unrecorded = Some(Unrecorded { since: turn.at, given_up: 0 });
        }
        self.show();
        self.state = before.state;
        for effect in turn.effects.split_off(before.effects) {
            if let Effect::Notify { notice } = effect {
                // People are told all the same; the decision is made again, and then recorded.
                self.bench.notices.unrecorded(notice);
            }
        }
        self.release(turn.effects).await;
        for case in backlog.into_iter().skip(before.cases) {
            match &case.input {
                Input::Commanded { id, .. } => self.refuse(*id),
                Input::Started { .. } | Input::Observed { .. } | Input::Woke | Input::ClockStepped { .. } => {
                    self.backlog.push_back(case);
                }
            }
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }

    fn refuse(&mut self, id: CommandId) {
        if let Some(answer) = self.answers.remove(&id) {
            let _ = answer.send(Outcome::Refused(Refusal::Unrecorded));
        }
    }

    fn acknowledge(&self, credits: Vec<Credit>) {
        credits.into_iter().for_each(|credit| self.bench.hub.committed(credit.receipt));
    }

    /// Tells the line who may send, when that changed.
    fn tell_enrolments(&self) {
        let current = enrolments(&self.state, &self.marks);
        self.bench.enrolments.send_if_modified(|known| {
            let news = known.entries != current.entries;
            if news {
                *known = Arc::new(current);
            }
            news
        });
    }

    async fn release(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Reply { to, outcome } => {
                    if let Some(answer) = self.answers.remove(&to) {
                        // The asker may have gone; the journal has the outcome.
                        let _ = answer.send(outcome);
                    }
                }
                // It is in the outbox by now.
                Effect::Notify { .. } => self.bench.notices.recorded(),
                Effect::TestPath { .. }
                | Effect::CancelTest { .. }
                | Effect::TellAgent { .. }
                | Effect::Act { .. }
                | Effect::LookAt { .. }
                | Effect::CallCodec { .. }
                | Effect::EndCall { .. }
                | Effect::Prove { .. } => {
                    let _ = self.bench.effects.send(effect).await;
                }
            }
        }
    }

    /// Shows the state: at once after something durable, else a few times a second.
    fn show(&mut self) {
        let now = self.clock.read();
        let quiet = !self.is_unseen() && self.unrecorded.is_none();
        // By the wall clock, because the monotonic time may stand still; whichever way it was stepped.
        let shown_ago_us = now.utc.0.abs_diff(self.shown.0);
        if quiet && shown_ago_us < SHOW_EVERY.0 {
            return;
        }
        self.shown = now.utc;
        self.shown_serial = self.bench.ledger.serial();
        let before = Arc::clone(&self.bench.view.borrow());
        let shown = Snapshot::of(&self.state, now, self.unrecorded.is_some(), &before);
        self.bench.view.send_replace(Arc::new(shown));
    }
}

/// Tells those of the hub who waited that their observations are safe; who no longer waits is not missed.
fn tell_saved(saved: Vec<Option<oneshot::Sender<()>>>) {
    for waiting in saved.into_iter().flatten() {
        let _ = waiting.send(());
    }
}

/// Since when nothing is recorded.
#[derive(Debug, Clone, Copy)]
struct Unrecorded {
    since: Utc,
    /// Inputs that had to be given up meanwhile.
    given_up: u64,
}

impl Unrecorded {
    fn event(&self, at: Utc) -> Durable {
        Durable { at, by: Actor::Vcops, what: What::Gap { since: self.since, events: self.given_up } }
    }
}

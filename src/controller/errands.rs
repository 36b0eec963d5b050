//! Carries out what the judge lets out: path tests from the hub, commands to agents, and what devices are to do.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::arrival::Door;
use super::clock::wall;
use super::devices::Errand;
use crate::domain::check::TestId;
use crate::domain::id::AgentId;
use crate::domain::time::Span;
use crate::engine::effect::Effect;
use crate::link::sender::{LinkProber, Progress};
use crate::mcu::desk::Task;
use crate::metrics::Counters;
use crate::observation::{AgentCommand, Fact, Observation, Order, PathOrder, Source, TestOutcome};
use crate::uplink::hub::HubHandle;

/// How many effects may wait to be carried out.
pub(super) const WAITING_MAX: usize = 8192;
/// How often a running test tells how far it is.
const TELL_EVERY: Duration = Duration::from_millis(500);
/// How long an agent may take to take a command.
const COMMAND_LIFE: Span = Span::seconds(10);

/// Who carries out.
#[derive(Debug)]
pub(super) struct Errands {
    pub(super) prober: Arc<LinkProber>,
    pub(super) hub: HubHandle,
    pub(super) voice: Voice,
    /// What is to be done with devices.
    pub(super) devices: mpsc::Sender<Errand>,
    pub(super) counters: Arc<Counters>,
}

/// How the hub tells what it saw: numbered within this start.
#[derive(Debug, Clone)]
pub(super) struct Voice {
    door: Door,
    boot: u64,
    said: Arc<AtomicU64>,
}

impl Voice {
    pub(super) fn new(door: Door, boot: u32) -> Self {
        Self { door, boot: boot.into(), said: Arc::default() }
    }

    pub(super) async fn tell(&self, fact: Fact) {
        self.door.saw(self.observation(fact)).await;
    }

    /// Tells and waits until what follows is safe; `false` when it is not within that time, and may yet become so.
    pub(super) async fn tell_and_save(&self, fact: Fact, within: Duration) -> bool {
        self.door.saw_and_saved(self.observation(fact), within).await
    }

    pub(super) fn tell_if_room(&self, fact: Fact) {
        self.door.saw_if_room(self.observation(fact));
    }

    fn observation(&self, fact: Fact) -> Observation {
        let at = wall();
        let order = Order { boot: self.boot, seq: self.said.fetch_add(1, Ordering::Relaxed) + 1 };
        Observation { source: Source::Hub, at, received: at, order, fact }
    }
}

impl Errands {
    /// Works until told to stop; running tests are called off then.
    pub(super) async fn run(
        self,
        mut effects: mpsc::Receiver<Effect>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let mut tests: JoinSet<TestId> = JoinSet::new();
        let mut cancels: BTreeMap<TestId, CancellationToken> = BTreeMap::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(ended) = tests.join_next() => match ended {
                    Ok(test) => { cancels.remove(&test); }
                    Err(error) => tracing::error!(%error, "a path test panicked"),
                },
                effect = effects.recv() => match effect {
                    Some(Effect::TestPath { order, after_ms }) => {
                        let cancel = stop.child_token();
                        cancels.insert(order.test, cancel.clone());
                        tests.spawn(self.test(order, after_ms, cancel));
                    }
                    Some(Effect::CancelTest { test }) => {
                        if let Some(cancel) = cancels.get(&test) {
                            cancel.cancel();
                        }
                    }
                    Some(Effect::TellAgent { agent, command }) => self.tell_agent(&agent, command).await,
                    // Answers and notices never come here: the judge hands them on itself.
                    Some(Effect::Reply { .. } | Effect::Notify { .. }) => {}
                    Some(Effect::Act { order }) => self.device(Errand::Order(Task::Act(order))).await,
                    Some(Effect::LookAt { order }) => {
                        self.device(Errand::Order(Task::LookAt(order))).await;
                    }
                    Some(Effect::CallCodec { order }) => self.device(Errand::Call(order)).await,
                    Some(Effect::EndCall { order }) => self.device(Errand::EndCall(order)).await,
                    Some(Effect::Prove { order }) => self.device(Errand::Prove(order)).await,
                    None => return Ok(()),
                },
            }
        }
    }

    /// An order is not lost: what finds no room waits, and while everything stops the next start looks.
    async fn device(&self, errand: Errand) {
        let _ = self.devices.send(errand).await;
    }

    fn test(
        &self,
        order: PathOrder,
        after_ms: u32,
        cancel: CancellationToken,
    ) -> impl Future<Output = TestId> + use<> {
        let (prober, voice, counters) =
            (Arc::clone(&self.prober), self.voice.clone(), Arc::clone(&self.counters));
        async move {
            let wait = Duration::from_millis(after_ms.into());
            let _ = tokio::time::timeout(wait, cancel.cancelled()).await;
            let (progress, watched) = watch::channel(Progress::default());
            let run = prober.run(&order, &cancel, &progress);
            let outcome = tokio::select! {
                outcome = run => outcome,
                never = narrate(order.test, watched, voice.clone()) => match never {},
            };
            counters.path_tests.with_label_values(&[word(&outcome)]).inc();
            voice.tell(Fact::PathTested { test: order.test, link: order.link, outcome }).await;
            order.test
        }
    }

    async fn tell_agent(&self, agent: &AgentId, command: AgentCommand) {
        let expires = wall() + COMMAND_LIFE;
        if let Err(error) = self.hub.command(agent, command, expires).await {
            tracing::warn!(%agent, %error, "a command was not sent");
        }
    }
}

/// Tells now and then how far a test is; never ends by itself.
async fn narrate(test: TestId, watched: watch::Receiver<Progress>, voice: Voice) -> Infallible {
    let mut last = Progress::default();
    loop {
        tokio::time::sleep(TELL_EVERY).await;
        let now = *watched.borrow();
        if now != last && now.planned > 0 {
            voice.tell_if_room(Fact::Progress { test, sent: now.sent, planned: now.planned });
            last = now;
        }
    }
}

fn word(outcome: &TestOutcome) -> &'static str {
    match outcome {
        TestOutcome::Measured(_) => "measured",
        TestOutcome::Broke(_) => "broke",
    }
}

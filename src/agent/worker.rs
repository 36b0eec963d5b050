//! Carries out commands: path tests from the venue's side, as the venue's own rules allow, and their results into the
//! outbox.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::consent;
use super::guard::{Denied, Guard, Permit};
use super::streams::{Push, Wish};
use crate::domain::check::TestId;
use crate::domain::id::LinkId;
use crate::domain::time::Utc;
use crate::link::sender::{LinkProber, Progress};
use crate::observation::{AgentCommand, Fact, PathOrder, TestBroke, TestOutcome};
use crate::uplink::client::{self, LineState, Taken};
use crate::uplink::clock;
use crate::uplink::outbox::writer::OutboxHandle;

/// A load test ends so long after its last lease.
const AFTER_LEASE: Duration = Duration::from_secs(1);
/// Longest lease that counts.
const LEASE_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What the worker works with.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) guard: Guard,
    pub(super) prober: LinkProber,
    pub(super) outbox: OutboxHandle,
    pub(super) line: watch::Receiver<LineState>,
    pub(super) venue_says: watch::Sender<VenueSays>,
    pub(super) directory: PathBuf,
    /// To the monitors.
    pub(super) wishes: mpsc::Sender<Wish>,
    running: BTreeMap<TestId, Running>,
    tests: JoinSet<TestOutcome>,
}

/// What the venue allows at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct VenueSays {
    pub(super) consent: bool,
    pub(super) no_test: bool,
}

#[derive(Debug)]
struct Running {
    task: Id,
    link: LinkId,
    cancel: CancellationToken,
    /// Until when the test may go on; `None` for one that needs no lease.
    lease: Option<watch::Sender<Instant>>,
}

impl Worker {
    pub(super) fn new(
        guard: Guard,
        prober: LinkProber,
        (outbox, line): (OutboxHandle, watch::Receiver<LineState>),
        directory: PathBuf,
        wishes: mpsc::Sender<Wish>,
    ) -> Self {
        let (venue_says, _) = watch::channel(VenueSays::default());
        let (running, tests) = (BTreeMap::new(), JoinSet::new());
        Self { guard, prober, outbox, line, venue_says, directory, wishes, running, tests }
    }

    /// Works until `stop`; then calls off what runs and reports it.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Taken>, stop: CancellationToken) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                Some(taken) = commands.recv() => self.obey(taken).await,
                Some(ended) = self.tests.join_next_with_id() => self.ended(ended).await,
                _ = look.tick() => self.look(),
                () = stop.cancelled() => break,
            }
        }
        self.running.values().for_each(|running| running.cancel.cancel());
        while let Some(ended) = self.tests.join_next_with_id().await {
            self.ended(ended).await;
        }
    }

    /// The venue's word may change while a test runs: a no-test window that begins ends every test.
    fn look(&self) {
        let now = clock::utc_now();
        let no_test = self.guard.is_no_test(now);
        let consent = self.guard.consents(now, consent::given_until(&self.directory));
        self.venue_says.send_replace(VenueSays { consent, no_test });
        if no_test {
            self.running.values().for_each(|running| running.cancel.cancel());
        }
    }

    async fn obey(&mut self, taken: Taken) {
        if self.controller_now() >= taken.expires {
            tracing::warn!(command = %taken.id, "a command had expired before it could begin");
            return;
        }
        match taken.command {
            AgentCommand::TestPath { order } => self.begin(order).await,
            AgentCommand::CancelTest { test } => {
                if let Some(running) = self.running.get(&test) {
                    running.cancel.cancel();
                }
            }
            AgentCommand::KeepGoing { test, until } => self.renew(test, until),
            // The next heartbeat, within a second, carries it.
            AgentCommand::ReportHealth => self.look(),
            AgentCommand::WatchStreams { orders } => self.wish(Wish::Watch(orders)),
            AgentCommand::ShowStreams { streams, until } => {
                let left = until.since(self.controller_now());
                self.wish(Wish::Show(streams, clock::utc_now() + left));
            }
            AgentCommand::PushStream { stream, ticket, kbps_max, until } => {
                let lasts = until.since(self.controller_now()).std();
                self.wish(Wish::Push(Push { stream, ticket, kbps_max, lasts }));
            }
        }
    }

    /// A wish that finds no room is said again by the controller.
    fn wish(&self, wish: Wish) {
        let _ = self.wishes.try_send(wish);
    }

    async fn begin(&mut self, order: PathOrder) {
        if self.running.contains_key(&order.test) {
            return;
        }
        let permit = match self.guard.permit(&order, clock::utc_now()) {
            Ok(_) if self.running.len() >= self.guard.at_once_max() => {
                return self.broke(&order, TestBroke::NoCapacity).await;
            }
            Ok(permit) => permit,
            Err(denied) => return self.deny(&order, denied).await,
        };
        let (cancel, prober) = (CancellationToken::new(), self.prober.clone());
        let lease = (permit == Permit::OnLease).then(|| watch::channel(Instant::now()));
        let (lease, leased) = lease.map_or((None, None), |(renew, until)| (Some(renew), Some(until)));
        let (test, link, called_off) = (order.test, order.link.clone(), cancel.clone());
        let task = self.tests.spawn(async move {
            let (progress, _) = watch::channel(Progress::default());
            tokio::select! {
                outcome = prober.run(&order, &called_off, &progress) => outcome,
                () = lease_over(leased) => TestOutcome::Broke(TestBroke::Cancelled),
            }
        });
        self.running.insert(test, Running { task: task.id(), link, cancel, lease });
    }

    fn renew(&self, test: TestId, until: Utc) {
        let span = until.since(self.controller_now()).std().min(LEASE_MAX);
        if let Some(lease) = self.running.get(&test).and_then(|running| running.lease.as_ref()) {
            lease.send_replace(Instant::now() + span);
        }
    }

    async fn ended(&mut self, ended: Result<(Id, TestOutcome), tokio::task::JoinError>) {
        let (task, outcome) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(%error, "a path test panicked");
                (error.id(), TestOutcome::Broke(TestBroke::NoCapacity))
            }
        };
        let found = self.running.iter().find(|(_, running)| running.task == task).map(|(test, _)| *test);
        if let Some(test) = found
            && let Some(running) = self.running.remove(&test)
        {
            self.report(Fact::PathTested { test, link: running.link, outcome }).await;
        }
    }

    async fn deny(&self, order: &PathOrder, denied: Denied) {
        tracing::warn!(test = %order.test, remote = %order.remote, reason = %denied, "a test was refused");
        self.broke(order, TestBroke::RefusedByVenue).await;
    }

    async fn broke(&self, order: &PathOrder, why: TestBroke) {
        let (test, link) = (order.test, order.link.clone());
        self.report(Fact::PathTested { test, link, outcome: TestOutcome::Broke(why) }).await;
    }

    async fn report(&self, fact: Fact) {
        if let Err(error) = client::report(&self.outbox, fact).await {
            // The heartbeat counts what was refused; more can not be done without a disk.
            tracing::error!(code = error.code(), %error, "a result could not be kept");
        }
    }

    fn controller_now(&self) -> Utc {
        let local = clock::utc_now();
        self.line.borrow().clock.map_or(local, |offset| offset.apply(local))
    }
}

/// Ends one second after the last lease; never without one.
async fn lease_over(leased: Option<watch::Receiver<Instant>>) {
    let Some(mut leased) = leased else { return std::future::pending().await };
    loop {
        let until = *leased.borrow_and_update() + AFTER_LEASE;
        if Instant::now() >= until {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            renewed = leased.changed() => if renewed.is_err() { return },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lease_lasts_one_second_after_its_last_renewal_and_then_ends() {
        let begun = Instant::now();
        let (renew, leased) = watch::channel(begun);
        let over = tokio::spawn(lease_over(Some(leased)));
        renew.send_replace(begun + Duration::from_millis(300));
        tokio::time::sleep(Duration::from_millis(50)).await;
        renew.send_replace(begun + Duration::from_millis(400));
        over.await.unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(1400), "{:?}", begun.elapsed());
    }
}

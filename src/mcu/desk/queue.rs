//! One device's queue: what waits, what is sent next, what came of it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::composite;
use super::storm::Storm;
use super::verify::{same_address, verify};
use super::{Called, Means, Settings, Task, WAITING_MAX, WITHDRAWN, Withdrawn, rejected};
use crate::mcu::fault::Fault;
use crate::mcu::watch::Hint;
use crate::observation::action::{
    Action, ActionKey, ActionOutcome, DID_NOT_HAPPEN, DeviceOrder, Does, Force, Looked, Plan, Refused, Step,
    TOO_OFTEN, Verified,
};
use crate::observation::device::{ConferenceSeen, Presence, SiteSeen};

/// Longest wait for a fresh reading before sending.
const READ_PATIENCE: Duration = Duration::from_secs(15);
/// Longest wait for what a device says to an action; then nobody knows what it did.
const SEND_PATIENCE: Duration = Duration::from_secs(60);
/// Rest after an action, so that a device that dies of it dies of that one.
const REST: Duration = Duration::from_secs(1);
/// When to look after an outcome that nobody knows.
const LOOKS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(8)];
/// How long an earlier process's order is looked after while its device cannot be read.
const LOOK_BACK_WITHIN: Duration = Duration::from_secs(300);
const LOOK_BACK_EVERY: Duration = Duration::from_secs(5);
/// Actions whose end is being looked for; with more the next one waits.
const OPEN_MAX: usize = 64;
/// Keys remembered, so that an order that is given twice is sent once.
const KEYS_MAX: usize = 4096;

#[derive(Debug)]
struct Waiting {
    task: Task,
    given: Instant,
    due: Instant,
}

/// The queue of one device.
#[derive(Debug)]
pub(super) struct Queue {
    means: Means,
    settings: Settings,
    storm: Storm,
    waiting: VecDeque<Waiting>,
    keys: VecDeque<ActionKey>,
    known: BTreeSet<ActionKey>,
    boot: Option<String>,
    in_hand: Option<DeviceOrder>,
    open: JoinSet<()>,
    withdrawn: Withdrawn,
}

impl Queue {
    pub(super) fn new(means: Means, settings: Settings, called: &[Called], withdrawn: Withdrawn) -> Self {
        Self {
            storm: Storm::new(settings.calls_per_minute, called, Instant::now()),
            means,
            settings,
            waiting: VecDeque::new(),
            keys: VecDeque::new(),
            known: BTreeSet::new(),
            boot: None,
            in_hand: None,
            open: JoinSet::new(),
            withdrawn,
        }
    }

    /// The order that was being carried out when the queue failed.
    pub(super) fn drop_in_hand(&mut self) -> Option<DeviceOrder> {
        self.in_hand.take()
    }

    /// Works until told to stop. What waits then is neither sent nor reported: the next start looks.
    pub(super) async fn run(&mut self, given: &mut mpsc::Receiver<Task>, stop: &CancellationToken) {
        loop {
            let next = self.waiting.iter().map(|waiting| waiting.due).min();
            let due = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(task) = given.recv(), if self.waiting.len() < WAITING_MAX => self.take(task).await,
                Some(_) = self.open.join_next() => {}
                () = sleep_until(due), if self.open.len() < OPEN_MAX => self.work().await,
            }
        }
    }

    async fn take(&mut self, task: Task) {
        let now = Instant::now();
        self.notice_restart(now);
        let due = match &task {
            Task::LookAt(_) => now,
            Task::Act(order) if !self.is_new(&order.key) => {
                tracing::warn!(key = order.key.0, "an order came twice and is given once");
                return;
            }
            Task::Act(order) => match self.due(order, now) {
                Some(due) => due,
                None => {
                    return self.means.end(order, rejected(TOO_OFTEN, true), Verified::DidNotWork).await;
                }
            },
        };
        self.waiting.push_back(Waiting { task, given: now, due });
    }

    /// When an order may go: calls are paced, and no order overtakes an earlier one about the same site.
    fn due(&mut self, order: &DeviceOrder, now: Instant) -> Option<Instant> {
        let paced = match order.action.calls() {
            Some(site) => self.storm.book(site, now).ok()?,
            None => now,
        };
        let is_call = order.action.does() == Does::Dial;
        let about = order.action.participant();
        // A site that is called is none of those that are there: its turn may be far, and nobody waits for it but what
        // touches everybody.
        let before = self.waiting.iter().filter(|waiting| {
            let earlier = &waiting.task.order().action;
            let other_call = about.is_some() && earlier.does() == Does::Dial;
            let same = about.is_none() || earlier.participant().is_none() || earlier.participant() == about;
            same && !other_call
        });
        // Calls of other sites wait for their own place; what touches everybody waits for all.
        let after = before.map(|waiting| waiting.due).max().filter(|_| !is_call);
        Some(after.map_or(paced, |after| after.max(paced)))
    }

    /// After a restart of the device everybody wants to call at once.
    fn notice_restart(&mut self, now: Instant) {
        let latest = self.means.latest.borrow().clone();
        let boot = latest.and_then(|report| report.health.as_ref().and_then(|health| health.boot.clone()));
        if boot.is_some() && self.boot.is_some() && boot != self.boot {
            self.storm.calm(rand::random::<f64>(), now);
        }
        self.boot = boot.or_else(|| self.boot.take());
    }

    fn is_new(&mut self, key: &ActionKey) -> bool {
        if !self.known.insert(key.clone()) {
            return false;
        }
        self.keys.push_back(key.clone());
        if self.keys.len() > KEYS_MAX
            && let Some(oldest) = self.keys.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }

    /// Does what is due first.
    async fn work(&mut self) {
        let now = Instant::now();
        let first = self.waiting.iter().enumerate().min_by_key(|(at, waiting)| (waiting.due, *at));
        let Some(at) = first.filter(|(_, waiting)| waiting.due <= now).map(|(at, _)| at) else { return };
        let Some(waiting) = self.waiting.remove(at) else { return };
        match waiting.task {
            Task::LookAt(order) => {
                let means = self.means.clone();
                let within = self.settings.verify_within;
                self.open.spawn(async move { look_back(&means, &order, within).await });
            }
            Task::Act(order) if self.withdrawn.take(&order.key) => {
                self.means.end(&order, rejected(WITHDRAWN, true), Verified::DidNotWork).await;
            }
            Task::Act(order) if now.duration_since(waiting.given) > self.settings.wait_max => {
                self.means.end(&order, rejected("waited_too_long", true), Verified::DidNotWork).await;
            }
            Task::Act(order) => self.act(order).await,
        }
    }

    async fn act(&mut self, order: DeviceOrder) {
        let Ok(before) = fresh(&self.means, &order.action).await else {
            // Nothing is sent to a device that cannot be seen.
            return self.means.end(&order, rejected("not_seen", true), Verified::DidNotWork).await;
        };
        if self.withdrawn.take(&order.key) {
            return self.means.end(&order, rejected(WITHDRAWN, true), Verified::DidNotWork).await;
        }
        // Where to look afterwards, and for what.
        let mut after = (self.means.clone(), order.action.clone());
        let outcome = match self.prepare(&order.action, before.as_ref()) {
            Err(why) => {
                self.means
                    .counters
                    .device
                    .actions
                    .with_label_values(&[super::does(&order).as_str(), "refused"])
                    .inc();
                return self.means.report(&order.key, Step::Refused { why }).await;
            }
            Ok(Way::Native(plan)) => {
                self.in_hand = Some(order.clone());
                send(&self.means, &plan, &order.key).await
            }
            Ok(Way::ByCalls(peer)) => {
                self.in_hand = Some(order.clone());
                after = (Means { bridge: Arc::clone(&peer), ..after.0 }, composite::arrived(&order.action));
                composite::migrate(&self.means, &peer, &order, before.as_ref(), &mut self.storm).await
            }
        };
        self.in_hand = None;
        // A watch that lags looks soon anyway.
        let _ = self.means.watch.try_send(Hint::Acted(order.key.clone()));
        self.means.report(&order.key, Step::Told { outcome: outcome.clone() }).await;
        let followed = Followed { means: self.means.clone(), order, before, after };
        let within = self.settings.verify_within;
        self.open.spawn(async move { followed.follow(outcome, within).await });
        sleep(REST).await;
    }

    /// The way by which an action goes, on what is there now.
    fn prepare(&self, action: &Action, seen: Option<&ConferenceSeen>) -> Result<Way, Refused> {
        if seen.is_some_and(|seen| is_called_already(action, seen)) {
            return Err(Refused::CalledAlready);
        }
        let native = self.means.bridge.plan(action, seen);
        match (action, native) {
            (_, Ok(plan)) => Ok(Way::Native(Box::new(plan))),
            (Action::MigrateConference { to, .. }, Err(Refused::NotProvided)) => {
                let (name, _) = composite::target(to);
                let peer = self.means.peers.peer(name).ok_or(Refused::NotProvided)?;
                Ok(Way::ByCalls(peer))
            }
            (_, Err(why)) => Err(why),
        }
    }
}

/// How an action is carried out.
enum Way {
    Native(Box<Plan>),
    ByCalls(Arc<dyn crate::mcu::Bridge>),
}

/// The conference as it is now; `None` where the device has no rosters, or does not know the conference.
async fn fresh(means: &Means, action: &Action) -> Result<Option<ConferenceSeen>, Fault> {
    let reading = async {
        match action.conference() {
            Some(conference) => means.bridge.roster(conference).await.map(Some),
            None => means.bridge.health().await.map(|_| None),
        }
    };
    match timeout(READ_PATIENCE, reading).await.unwrap_or(Err(Fault::Timeout { sent: true })) {
        Err(Fault::NotSupported | Fault::Said { .. }) => Ok(None),
        other => other,
    }
}

/// Whether the site is being called, or already there in the case of a dial: calling it again would harm.
fn is_called_already(action: &Action, seen: &ConferenceSeen) -> bool {
    let is_calling = |site: &SiteSeen| {
        let waits = site.redialled_by_platform && matches!(site.presence, Presence::Left { .. });
        site.presence == Presence::Calling || waits
    };
    match action {
        Action::Dial { address, .. } => seen.present.iter().any(|site| {
            let same = site.address.as_deref().is_some_and(|at| same_address(at, address));
            same && (is_calling(site) || matches!(site.presence, Presence::Connected | Presence::OnHold))
        }),
        Action::Redial { participant, .. } => {
            seen.present.iter().any(|site| &site.participant == participant && is_calling(site))
        }
        Action::Disconnect { .. }
        | Action::Mute { .. }
        | Action::Layout { .. }
        | Action::Broadcast { .. }
        | Action::KeyFrame { .. }
        | Action::MoveParticipant { .. }
        | Action::MigrateConference { .. }
        | Action::Drain { .. } => false,
    }
}

/// Sends, once.
pub(super) async fn send(means: &Means, plan: &Plan, key: &ActionKey) -> ActionOutcome {
    timeout(SEND_PATIENCE, means.bridge.execute(plan, key)).await.unwrap_or(ActionOutcome::Unknown)
}

/// An order that was sent, with what is needed to see what came of it.
struct Followed {
    means: Means,
    order: DeviceOrder,
    before: Option<ConferenceSeen>,
    after: (Means, Action),
}

impl Followed {
    /// Follows it to its end.
    async fn follow(self, outcome: ActionOutcome, within: Duration) {
        let Self { means, order, before, after } = self;
        let outcome = if outcome == ActionOutcome::Unknown {
            look_after(&means, &order, before.as_ref()).await
        } else {
            outcome
        };
        let verified = match &outcome {
            ActionOutcome::Applied | ActionOutcome::Accepted { .. } => {
                verify(&after.0, &after.1, before.as_ref(), within).await
            }
            ActionOutcome::Rejected { .. } => Verified::DidNotWork,
            ActionOutcome::Unknown | ActionOutcome::Partial { .. } => Verified::CannotTell,
        };
        means.end(&order, outcome, verified).await;
    }
}

/// Looks a few times whether something that nobody knows of has happened. Sends nothing.
async fn look_after(means: &Means, order: &DeviceOrder, before: Option<&ConferenceSeen>) -> ActionOutcome {
    for wait in LOOKS {
        sleep(wait).await;
        if let Ok(looked) = look_once(means, order, before).await {
            match looked {
                Looked::Happened => return ActionOutcome::Applied,
                Looked::DidNot => return rejected(DID_NOT_HAPPEN, true),
                Looked::CannotTell => {}
            }
        }
    }
    ActionOutcome::Unknown
}

async fn look_once(
    means: &Means,
    order: &DeviceOrder,
    seen: Option<&ConferenceSeen>,
) -> Result<Looked, Fault> {
    // What is there now may forbid the plan, because it happened: the look needs no more than the action.
    let plan = means.bridge.plan(&order.action, seen).unwrap_or_else(|_| bare(&order.action));
    let looking = means.bridge.look(&plan, &order.key);
    timeout(READ_PATIENCE, looking).await.unwrap_or(Err(Fault::Timeout { sent: true }))
}

fn bare(action: &Action) -> Plan {
    let force: Force = action.force();
    Plan {
        action: action.clone(),
        force,
        touches: Vec::new(),
        preconditions: Vec::new(),
        steps: Vec::new(),
        undone_by: None,
    }
}

/// Looks after an order of an earlier process. While the device cannot be read it is tried again; then the operator
/// decides.
async fn look_back(means: &Means, order: &DeviceOrder, within: Duration) {
    let deadline = Instant::now() + LOOK_BACK_WITHIN;
    let outcome = loop {
        let looked = match fresh(means, &order.action).await {
            Ok(seen) => match composite::look(means, order, seen.as_ref()).await {
                Some(outcome) => break outcome,
                None => look_once(means, order, seen.as_ref()).await,
            },
            Err(fault) => Err(fault),
        };
        match looked {
            Ok(Looked::Happened) => break ActionOutcome::Applied,
            Ok(Looked::DidNot) => break rejected(DID_NOT_HAPPEN, true),
            Ok(Looked::CannotTell) | Err(Fault::NotSupported) => break ActionOutcome::Unknown,
            Err(_) if Instant::now() >= deadline => break ActionOutcome::Unknown,
            Err(_) => sleep(LOOK_BACK_EVERY).await,
        }
    };
    let verified = match &outcome {
        ActionOutcome::Applied => verify(means, &order.action, None, within).await,
        ActionOutcome::Rejected { .. } => Verified::DidNotWork,
        ActionOutcome::Accepted { .. } | ActionOutcome::Unknown | ActionOutcome::Partial { .. } => {
            Verified::CannotTell
        }
    };
    means.end(order, outcome, verified).await;
}

//! The action desk: one bounded queue per device, one changing request at a time, each order at most once.
//!
//! An order is given only when it is durable. Just before sending, the device is read afresh and the plan is made on
//! what is there; what is sent, is sent once. What came of it is looked at by media, and where nobody can tell, the
//! desk says so and stops. Whether something may be done at all is the engine's to say; this knows no rules.

pub mod ladder;
mod composite;
mod queue;
mod storm;
mod verify;
#[cfg(test)]
mod tests;

pub use verify::same_address;

use std::collections::BTreeSet;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Bridge;
use super::watch::Hint;
use crate::metrics::Counters;
use crate::observation::action::{ActionKey, ActionOutcome, ActionReport, DeviceOrder, Step, Verified};
use crate::observation::device::{DeviceReport, SiteSeen};
use queue::Queue;

/// Orders that may wait at one device.
pub const WAITING_MAX: usize = 256;
/// The code of an order that was withdrawn before it was sent.
pub const WITHDRAWN: &str = "withdrawn";
/// Withdrawn orders remembered.
const WITHDRAWN_MAX: usize = 1024;
/// Rest after a queue that failed on its own.
const REST: Duration = Duration::from_millis(500);

/// What to do with an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Give it, once.
    Act(DeviceOrder),
    /// It was given, or nearly, by an earlier process: look what came of it, and never give it.
    LookAt(DeviceOrder),
}

impl Task {
    fn order(&self) -> &DeviceOrder {
        match self {
            Self::Act(order) | Self::LookAt(order) => order,
        }
    }
}

/// How the desk works.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Calls that one device may be told to make in any minute.
    pub calls_per_minute: u32,
    /// How long media may take to show that an action worked.
    pub verify_within: Duration,
    /// How long an order may wait before the moment that it was meant for is over.
    pub wait_max: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            calls_per_minute: 10,
            verify_within: Duration::from_secs(20),
            wait_max: Duration::from_secs(600),
        }
    }
}

/// A call that a device was told to make, by this process or one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// Whom; see `Action::calls`.
    pub site: String,
    /// How long ago.
    pub ago: Duration,
}

/// Other eyes on a site than the device's own: the monitors of its streams.
pub trait Eyes: Send + Sync + fmt::Debug {
    /// Whether media of that site flow; `None` where nobody else looks.
    fn flow(&self, site: &SiteSeen) -> Option<bool>;
}

/// The other devices that a conference may be moved to.
pub trait Peers: Send + Sync + fmt::Debug {
    /// The device of that name; `None` where there is none, or none that is on the same network.
    fn peer(&self, name: &str) -> Option<Arc<dyn Bridge>>;
}

/// What a desk works with.
#[derive(Clone)]
pub struct Means {
    /// How the device is spoken to.
    pub bridge: Arc<dyn Bridge>,
    /// The watch of the same device: told of each action, so that it looks whether the device survived.
    pub watch: mpsc::Sender<Hint>,
    /// What the watch said last.
    pub latest: watch::Receiver<Option<Arc<DeviceReport>>>,
    /// Other eyes.
    pub eyes: Arc<dyn Eyes>,
    /// Other devices.
    pub peers: Arc<dyn Peers>,
    /// Counts.
    pub counters: Arc<Counters>,
    /// Where reports go; a report waits for room, for none may be lost.
    pub reports: mpsc::Sender<ActionReport>,
}

impl fmt::Debug for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Means").field("bridge", &self.bridge).finish_non_exhaustive()
    }
}

impl Means {
    async fn report(&self, key: &ActionKey, step: Step) {
        // The reader is gone only while everything stops: then the next start looks.
        let _ = self.reports.send(ActionReport { key: key.clone(), step }).await;
    }

    /// Reports the end of an order and counts it.
    async fn end(&self, order: &DeviceOrder, outcome: ActionOutcome, verified: Verified) {
        self.counters.device.actions.with_label_values(&[does(order).as_str(), word(&outcome)]).inc();
        self.report(&order.key, Step::Ended { outcome, verified }).await;
    }
}

/// A desk that works. Dropped, it stops; what waits is looked at after the next start.
#[derive(Debug)]
pub struct Desk {
    tray: Tray,
    stop: CancellationToken,
    work: JoinHandle<()>,
}

/// Where orders for one desk are put, by whoever has one to give.
#[derive(Debug, Clone)]
pub struct Tray {
    tasks: mpsc::Sender<Task>,
    means: Means,
    withdrawn: Withdrawn,
}

/// Orders that are no longer wanted, as far as they have not been sent.
#[derive(Debug, Clone, Default)]
struct Withdrawn(Arc<Mutex<BTreeSet<ActionKey>>>);

impl Withdrawn {
    fn add(&self, key: &ActionKey) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One that was sent before it was withdrawn stays here: the oldest may go.
        if keys.len() >= WITHDRAWN_MAX {
            keys.pop_first();
        }
        keys.insert(key.clone());
    }

    fn take(&self, key: &ActionKey) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key)
    }
}

impl Desk {
    /// Opens a desk. `called` are the calls of this device before now: they count as if it had ordered them itself.
    /// Must be called inside a tokio runtime.
    pub fn open(means: Means, settings: Settings, called: &[Called]) -> Self {
        let (tasks, given) = mpsc::channel(WAITING_MAX);
        let stop = CancellationToken::new();
        let withdrawn = Withdrawn::default();
        let queue = Queue::new(means.clone(), settings, called, withdrawn.clone());
        let work = tokio::spawn(keep(queue, means.clone(), given, stop.clone()));
        Self { tray: Tray { tasks, means, withdrawn }, stop, work }
    }

    /// Gives it something to do: [`Tray::give`].
    pub fn give(&self, task: Task) {
        self.tray.give(task);
    }

    /// Where others put orders for it.
    pub fn tray(&self) -> Tray {
        self.tray.clone()
    }

    /// Stops and waits, at most two seconds: what was sent is not called back, what waits is not sent.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let _ = timeout(Duration::from_secs(2), &mut self.work).await;
    }
}

impl Tray {
    /// Takes back an order that has not been sent: it ends *rejected* with the code [`WITHDRAWN`]. One that was sent
    /// goes on.
    pub fn withdraw(&self, key: &ActionKey) {
        self.withdrawn.add(key);
    }

    /// Gives the desk something to do. A full desk says so in the order's report.
    ///
    /// Never waits: whoever gives orders may be the one who takes the reports.
    pub fn give(&self, task: Task) {
        let key = task.order().key.clone();
        let Err(refused) = self.tasks.try_send(task) else {
            // Nobody misses this step: the next one says more.
            let _ = self.means.reports.try_send(ActionReport { key, step: Step::Queued });
            return;
        };
        let (order, outcome, verified) = match refused.into_inner() {
            Task::Act(order) => (order, rejected("queue_full", true), Verified::DidNotWork),
            Task::LookAt(order) => (order, ActionOutcome::Unknown, Verified::CannotTell),
        };
        let means = self.means.clone();
        tokio::spawn(async move { means.end(&order, outcome, verified).await });
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.work.abort();
    }
}

/// Works until told to stop. A queue that panics is made anew; the order in its hand may have been sent.
async fn keep(mut queue: Queue, means: Means, mut given: mpsc::Receiver<Task>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let run = queue.run(&mut given, &stop);
        if AssertUnwindSafe(run).catch_unwind().await.is_ok() {
            return;
        }
        means.counters.device.restarts.inc();
        tracing::error!(bridge = ?means.bridge, "a queue panicked and goes on");
        if let Some(order) = queue.drop_in_hand() {
            means.end(&order, ActionOutcome::Unknown, Verified::CannotTell).await;
        }
        let _ = timeout(REST, stop.cancelled()).await;
    }
}

fn rejected(code: &str, retryable: bool) -> ActionOutcome {
    ActionOutcome::Rejected { code: code.to_owned(), retryable }
}

fn does(order: &DeviceOrder) -> String {
    let word = serde_json::to_value(order.action.does()).unwrap_or_default();
    word.as_str().unwrap_or_default().to_owned()
}

fn word(outcome: &ActionOutcome) -> &'static str {
    match outcome {
        ActionOutcome::Applied => "applied",
        ActionOutcome::Accepted { .. } => "accepted",
        ActionOutcome::Rejected { .. } => "rejected",
        ActionOutcome::Unknown => "unknown",
        ActionOutcome::Partial { .. } => "partial",
    }
}

//! Who may decode how much: one budget of processor time and one fair queue for all streams of a process. Knows what
//! decoding costs, not what pictures mean.

mod budget;
pub mod group;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;

use crate::domain::time::{Mono, Span};
use crate::worker::pool::Pool;
use budget::{Budget, Lane, Ticket};

/// Requests for processor time that may wait.
const ASKS_MAX: usize = 1024;
/// Longest sleep of the budget's task while nobody asks.
const IDLE: Duration = Duration::from_secs(3600);

/// How much may be decoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BenchSettings {
    /// Processor seconds per second for bursts and continuous decoding, over all streams.
    pub cores: f64,
    /// Key pictures that are decoded at once: more streams than that with key pictures at the same moment take turns.
    pub keys_at_once: usize,
}

impl Default for BenchSettings {
    fn default() -> Self {
        Self { cores: 1.0, keys_at_once: 4 }
    }
}

/// All decoding of a process: its workers, and the budget that streams share.
#[derive(Debug)]
pub struct AnalysisBench {
    pool: Pool,
    keys: Semaphore,
    orders: mpsc::Sender<Order>,
    lanes: AtomicU64,
}

/// What the budget's task is told.
#[derive(Debug)]
enum Order {
    Ask { lane: Lane, cost_us: u64, granted: oneshot::Sender<()> },
    Settle { lane: Lane, estimated_us: u64, spent_us: u64 },
    Leave { lane: Lane },
}

/// A stream's place in the queue. Leaves it when dropped.
#[derive(Debug)]
pub struct Place {
    bench: Arc<AnalysisBench>,
    lane: Lane,
}

impl AnalysisBench {
    /// Starts the budget's task, which ends with the last reference to the bench. Must be called inside a tokio
    /// runtime.
    pub fn start(pool: Pool, settings: BenchSettings) -> Arc<Self> {
        let (orders, waiting) = mpsc::channel(ASKS_MAX);
        tokio::spawn(serve(Budget::new(settings.cores), waiting));
        let keys = Semaphore::new(settings.keys_at_once.max(1));
        Arc::new(Self { pool, keys, orders, lanes: AtomicU64::new(0) })
    }

    /// The workers.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// A place in the queue for one stream.
    pub fn place(self: &Arc<Self>) -> Place {
        let lane = Lane(self.lanes.fetch_add(1, Ordering::Relaxed));
        Place { bench: Arc::clone(self), lane }
    }

    /// Waits for a turn to decode a key picture. Key pictures need no budget: each stream has few.
    pub async fn key_turn(&self) -> Option<SemaphorePermit<'_>> {
        self.keys.acquire().await.ok()
    }
}

impl Place {
    /// Waits until that much processor time may be spent. Cancel-safe: who does not wait any more is not charged.
    /// Whether it may; not when the budget has ended.
    pub async fn wait(&self, cost_us: u64) -> bool {
        let (granted, grant) = oneshot::channel();
        let order = Order::Ask { lane: self.lane, cost_us, granted };
        self.bench.orders.send(order).await.is_ok() && grant.await.is_ok()
    }

    /// Corrects an estimate by what was really spent. A correction that finds no room is forgotten.
    pub fn settle(&self, estimated_us: u64, spent_us: u64) {
        let _ = self.bench.orders.try_send(Order::Settle { lane: self.lane, estimated_us, spent_us });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.bench.orders.try_send(Order::Leave { lane: self.lane });
    }
}

async fn serve(mut budget: Budget, mut orders: mpsc::Receiver<Order>) {
    let started = Instant::now();
    let now = || Mono(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
    let mut waiting = BTreeMap::new();
    let mut next = Ticket::default();
    loop {
        let sleep = budget.wait(now()).map_or(IDLE, Span::std);
        match tokio::time::timeout(sleep, orders.recv()).await {
            Ok(Some(order)) => take(order, &mut budget, &mut waiting, &mut next),
            Ok(None) => return,
            Err(_elapsed) => {}
        }
        while let Some(grant) = budget.next(now()) {
            let taken = waiting.remove(&grant.ticket).map(|granted: oneshot::Sender<()>| granted.send(()));
            if taken != Some(Ok(())) {
                budget.refund(grant);
            }
        }
    }
}

fn take(
    order: Order,
    budget: &mut Budget,
    waiting: &mut BTreeMap<Ticket, oneshot::Sender<()>>,
    next: &mut Ticket,
) {
    match order {
        Order::Ask { lane, cost_us, granted } => {
            next.0 += 1;
            budget.ask(lane, *next, cost_us);
            waiting.insert(*next, granted);
        }
        Order::Settle { lane, estimated_us, spent_us } => budget.settle(lane, estimated_us, spent_us),
        Order::Leave { lane } => {
            budget.leave(lane);
            waiting.retain(|_, granted| !granted.is_closed());
        }
    }
}

//! Sends clips in real time, as venues do: any number of streams on one thread, each by absolute deadlines with its
//! own phase, to any number of outlets.
//!
//! Knows when the first bad unit truly left and tells whoever gave the order. Must not know how a fault is detected.

pub mod impairment;
pub mod outlet;
pub mod packed;
mod report;
mod stage;
mod stream;
mod track;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::domain::time::Utc;
use impairment::Impairment;
use outlet::Outlet;
use packed::Packed;
use stage::{Order, Stage};
pub use track::Entry;

/// Orders that may wait for the thread.
const ORDERS_MAX: usize = 1024;

/// One thread that sends any number of streams. It ends when the last handle to it and its streams is dropped.
#[derive(Debug, Clone)]
pub struct Transmitter {
    orders: SyncSender<Order>,
    ids: Arc<AtomicU64>,
}

/// A stream to be sent.
#[derive(Debug)]
pub struct StreamSpec {
    /// Its pictures, if it has any.
    pub video: Option<Arc<Packed>>,
    /// Its sound, if it has any.
    pub audio: Option<Arc<Packed>>,
    /// Where it goes from its first unit on.
    pub outlets: Vec<Outlet>,
    /// How long after the call its first unit leaves: streams of one thread should not beat in step.
    pub phase: Duration,
    /// How late a unit may leave before it counts as late.
    pub tolerance: Duration,
}

/// Handle of one stream; the stream ends when it is dropped.
#[derive(Debug)]
pub struct Sender {
    transmitter: Transmitter,
    id: u64,
    tally: Arc<Tally>,
}

/// The moment at which the effect of an order first left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Onset {
    /// By the monotonic clock.
    pub at: Instant,
    /// By the wall clock.
    pub utc: Utc,
}

/// What a stream has sent so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent {
    /// Pictures and frames of sound whose time came.
    pub units: u64,
    /// Packets that left, counted once however many outlets there are.
    pub packets: u64,
    /// Packets that an outlet did not take: a full socket buffer, a slow reader.
    pub refused: u64,
    /// Units that left later than the tolerance.
    pub late: u64,
    /// The latest of all units, microseconds.
    pub late_max_us: u64,
}

/// Counters between the thread and the handle.
#[derive(Debug, Default)]
pub(super) struct Tally {
    units: AtomicU64,
    packets: AtomicU64,
    refused: AtomicU64,
    late: AtomicU64,
    late_max_us: AtomicU64,
}

/// A change in how a stream names itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renaming {
    /// Another source: new SSRCs, sequence numbers and timestamp bases, as after a codec's restart.
    Source,
    /// The same source, but its clocks jump by so many milliseconds.
    Clock {
        /// Forwards, or backwards when negative.
        ms: i64,
    },
}

/// The sending thread is gone, or took another order in the place of this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the order was not carried out: the stream has ended, or another order came before its time")]
pub struct NotDone;

/// Resolves when the effect of an order has left; may be dropped.
#[derive(Debug)]
pub struct Pending(oneshot::Receiver<Onset>);

impl Transmitter {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start() -> io::Result<Self> {
        let (orders, inbox) = sync_channel(ORDERS_MAX);
        thread::Builder::new().name("media-tx".into()).spawn(move || Stage::new(inbox).run())?;
        Ok(Self { orders, ids: Arc::default() })
    }

    /// Begins to send a stream.
    ///
    /// # Errors
    /// When the thread is gone.
    pub fn send(&self, spec: StreamSpec) -> Result<Sender, NotDone> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let tally = Arc::new(Tally::default());
        self.give(Order::Add(id, Box::new(spec), Arc::clone(&tally)))?;
        Ok(Sender { transmitter: self.clone(), id, tally })
    }

    fn give(&self, order: Order) -> Result<(), NotDone> {
        self.orders.send(order).map_err(|_| NotDone)
    }
}

impl Sender {
    /// Plays another clip of the same kind of track from `entry` on. Tells when its fault begins, or when it begins if
    /// it has none.
    pub fn play(&self, packed: Arc<Packed>, entry: Entry) -> Pending {
        self.ask(|told| Order::Play(self.id, packed, entry, told))
    }

    /// Lets things go wrong on the way out. Tells when that first did something; with nothing wrong any more, when the
    /// next whole unit left.
    pub fn impair(&self, what: Impairment) -> Pending {
        self.ask(|told| Order::Impair(self.id, what, told))
    }

    /// Renames the stream from its next unit on.
    pub fn rename(&self, how: Renaming) -> Pending {
        self.ask(|told| Order::Rename(self.id, how, told))
    }

    /// Sends to one more outlet from the next unit on.
    ///
    /// # Errors
    /// When the thread is gone.
    pub fn add_outlet(&self, outlet: Outlet) -> Result<(), NotDone> {
        self.transmitter.give(Order::Outlet(self.id, Box::new(outlet)))
    }

    /// What it has sent so far.
    pub fn sent(&self) -> Sent {
        self.tally.sent()
    }

    fn ask(&self, order: impl FnOnce(track::Told) -> Order) -> Pending {
        let (told, hears) = oneshot::channel();
        // A thread that is gone has dropped the order, and the pending answer says so.
        let _ = self.transmitter.give(order(told));
        Pending(hears)
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        // A thread that is gone sends nothing either.
        let _ = self.transmitter.give(Order::Remove(self.id));
    }
}

impl Pending {
    /// Waits until the effect has left, at most `limit`.
    ///
    /// # Errors
    /// When it did not.
    pub async fn within(self, limit: Duration) -> Result<Onset, NotDone> {
        tokio::time::timeout(limit, self.0).await.ok().and_then(Result::ok).ok_or(NotDone)
    }
}

impl Tally {
    fn sent(&self) -> Sent {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Sent {
            units: read(&self.units),
            packets: read(&self.packets),
            refused: read(&self.refused),
            late: read(&self.late),
            late_max_us: read(&self.late_max_us),
        }
    }
}

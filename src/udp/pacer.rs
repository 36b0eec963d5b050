//! One thread that sends every session's packets on time.
//!
//! Each session has a timeline fixed in advance; a packet that is more than two intervals late is skipped and counted
//! rather than sent in a burst, so that our own lateness is never blamed on a line. Knows nothing of what the packets
//! say: a [`Train`] writes them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use super::batch::{BATCH, SendBatch};
use super::clock::{mono_ns, wall_ns};
use super::socket::{Socket, make_punctual, sleep_until};

/// Orders that may wait for the thread.
const ORDERS_MAX: usize = 4096;

/// Wakes no more often than this: with many sessions, packets due within it leave in one call.
const WAKE_EVERY_NS: i64 = 200_000;

/// Below this distance the thread sleeps to the deadline itself; above it, it listens for orders meanwhile.
const NEAR_NS: i64 = 3_000_000;

/// A session of which not one packet would leave ends after so many refusals.
const REFUSED_MAX: u64 = 10;

/// Priority asked for under SCHED_FIFO; above ordinary work, below the kernel's own threads.
const FIFO_PRIORITY: i32 = 20;

/// Writes the packets of one session.
pub trait Train: Send + fmt::Debug {
    /// Appends the payload of packet `seq`; `wall_ns` is the wall clock now.
    fn write(&mut self, seq: u32, wall_ns: i64, out: &mut Vec<u8>);
}

/// What one session sends, and when.
pub struct Job {
    /// Names the session in [`SentNote`]; unique among running sessions.
    pub key: u32,
    /// Where from.
    pub socket: Arc<Socket>,
    /// Where to.
    pub to: SocketAddr,
    /// Traffic class byte.
    pub tos: u8,
    /// Slots of the timeline.
    pub packets: u32,
    /// Distance of two slots.
    pub interval_ns: i64,
    /// First slot, by the monotonic clock.
    pub first_mono_ns: i64,
    /// Writes the packets.
    pub train: Box<dyn Train>,
    /// Packets sent so far, for whoever watches.
    pub progress: Arc<AtomicU32>,
    /// Called once on the pacer's thread, at the end or when called off; must not wait.
    pub done: Box<dyn FnOnce(SendRecord) + Send>,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("key", &self.key).field("to", &self.to).finish_non_exhaustive()
    }
}

/// How the sending went.
#[derive(Debug, Clone, Default)]
pub struct SendRecord {
    /// Packets that left, numbered from 0 without gaps.
    pub sent: u32,
    /// Slots given up because the thread was woken too late.
    pub skipped: u64,
    /// Slots at which the system refused to send.
    pub refused: u64,
    /// The last refusal.
    pub error: Option<io::ErrorKind>,
    /// How late each packet left, microseconds.
    pub late_us: Vec<u32>,
    /// Whether the session was called off.
    pub cancelled: bool,
}

/// Links a socket's counter of sent packets to a session's packet.
#[derive(Debug, Clone, Copy)]
pub struct SentNote {
    /// Local port of the socket and its address.
    pub from: SocketAddr,
    /// The socket's counter, as in [`super::batch::TxStamp`].
    pub id: u32,
    /// The session.
    pub key: u32,
    /// The packet.
    pub seq: u32,
    /// The wall clock just before it was handed to the system.
    pub wall_ns: i64,
}

enum Order {
    Start(Box<Job>),
    Cancel(u32),
}

/// The pacer was given more orders than it can hold, or its thread is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sending thread takes no more orders")]
pub struct PacerFull;

/// Handle of the sending thread; the thread ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct Pacer {
    orders: SyncSender<Order>,
}

impl Pacer {
    /// Starts the thread. Each packet is announced on `notes` before it leaves; a full channel loses notes, which
    /// shows as missing stamps. `realtime` asks for SCHED_FIFO, which an unprivileged process does not get.
    pub fn start(notes: SyncSender<SentNote>, realtime: bool) -> io::Result<Self> {
        let (orders, inbox) = sync_channel(ORDERS_MAX);
        thread::Builder::new().name("pacer".into()).spawn(move || {
            make_punctual(realtime.then_some(FIFO_PRIORITY));
            Timeline { inbox, notes, jobs: BTreeMap::new(), due: BinaryHeap::new(), lanes: Vec::new() }.run();
        })?;
        Ok(Self { orders })
    }

    /// Hands over a session.
    pub fn send(&self, job: Job) -> Result<(), PacerFull> {
        self.orders.try_send(Order::Start(Box::new(job))).map_err(|_| PacerFull)
    }

    /// Calls a session off; its `done` is called at once. Unknown keys are ignored.
    pub fn cancel(&self, key: u32) -> Result<(), PacerFull> {
        self.orders.try_send(Order::Cancel(key)).map_err(|_| PacerFull)
    }
}

struct Timeline {
    inbox: Receiver<Order>,
    notes: SyncSender<SentNote>,
    jobs: BTreeMap<u32, Running>,
    /// Next slot of each session, earliest first; keys without a job are left-overs of cancelled ones.
    due: BinaryHeap<Reverse<(i64, u32)>>,
    lanes: Vec<Lane>,
}

struct Running {
    job: Job,
    record: SendRecord,
    slot_mono_ns: i64,
    slots_left: u32,
}

/// The packets about to leave through one socket.
struct Lane {
    socket: Arc<Socket>,
    next_id: u32,
    batch: SendBatch,
    waiting: Vec<u32>,
}

impl Timeline {
    fn run(mut self) {
        let mut woken = 0;
        while self.take_orders() {
            let Some(Reverse((deadline, _))) = self.due.peek().copied() else {
                continue;
            };
            if deadline - mono_ns() <= NEAR_NS {
                sleep_until(deadline.max(woken + WAKE_EVERY_NS));
                woken = mono_ns();
                self.send_due(woken);
            }
        }
        self.jobs.into_values().for_each(|running| running.finish(true));
    }

    /// Takes waiting orders; with time until the next deadline, waits for one. Gives whether to go on.
    fn take_orders(&mut self) -> bool {
        let spare_ns = self.due.peek().map_or(1_000_000_000, |Reverse((at, _))| at - mono_ns() - NEAR_NS / 2);
        let wait = Duration::from_nanos(if spare_ns > NEAR_NS / 2 { spare_ns as u64 } else { 0 });
        let mut next = self.inbox.recv_timeout(wait);
        loop {
            match next {
                Ok(Order::Start(job)) => self.begin(*job),
                Ok(Order::Cancel(key)) => self.end(key, true),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
            next = self.inbox.recv_timeout(Duration::ZERO);
        }
    }

    fn begin(&mut self, job: Job) {
        let slot_mono_ns = job.first_mono_ns.max(mono_ns());
        let running = Running { slot_mono_ns, slots_left: job.packets, job, record: SendRecord::default() };
        let key = running.job.key;
        if running.slots_left == 0 {
            return running.finish(false);
        }
        self.due.push(Reverse((slot_mono_ns, key)));
        self.jobs.insert(key, running);
    }

    fn end(&mut self, key: u32, cancelled: bool) {
        if let Some(running) = self.jobs.remove(&key) {
            running.finish(cancelled);
        }
        let used = |lane: &Lane| self.jobs.values().any(|r| Arc::ptr_eq(&r.job.socket, &lane.socket));
        // A lane outlives its sessions while anybody else holds the socket, because the counter goes on.
        self.lanes.retain(|lane| used(lane) || Arc::strong_count(&lane.socket) > 1);
    }

    fn send_due(&mut self, now: i64) {
        while let Some(Reverse((deadline, key))) = self.due.peek().copied()
            && deadline <= now
        {
            self.due.pop();
            self.stage(key, now);
        }
        for at in 0..self.lanes.len() {
            self.flush(at);
        }
    }

    /// Puts one session's next packet into its lane's batch, after giving up slots that are long past.
    fn stage(&mut self, key: u32, now: i64) {
        let Some(running) = self.jobs.get_mut(&key) else {
            return;
        };
        running.skip_missed(now);
        let socket = Arc::clone(&running.job.socket);
        let at = self.lane_of(socket);
        let (Some(running), Some(lane)) = (self.jobs.get_mut(&key), self.lanes.get_mut(at)) else {
            return;
        };
        let (seq, wall) = (running.record.sent, wall_ns());
        let train = &mut running.job.train;
        let id = lane.next_id.wrapping_add(lane.waiting.len() as u32);
        lane.batch.push(running.job.to, running.job.tos, |out| train.write(seq, wall, out));
        lane.waiting.push(key);
        let note = SentNote { from: lane.socket.local_addr(), id, key, seq, wall_ns: wall };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.notes.try_send(note) {
            // The packet's kernel stamp will be missing, and the run says so.
        }
        if lane.waiting.len() == BATCH {
            self.flush(at);
        }
    }

    fn lane_of(&mut self, socket: Arc<Socket>) -> usize {
        if let Some(at) = self.lanes.iter().position(|lane| Arc::ptr_eq(&lane.socket, &socket)) {
            return at;
        }
        self.lanes.push(Lane { socket, next_id: 0, batch: SendBatch::default(), waiting: Vec::new() });
        self.lanes.len() - 1
    }

    fn flush(&mut self, at: usize) {
        let lane = &mut self.lanes[at];
        let (mut from, total) = (0, lane.waiting.len());
        let mut outcomes: Vec<Option<io::ErrorKind>> = Vec::with_capacity(total);
        while from < total {
            let (sent, result) = lane.socket.send(&lane.batch, from);
            lane.next_id = lane.next_id.wrapping_add(sent as u32);
            outcomes.extend(std::iter::repeat_n(None, sent));
            from += sent;
            if let Err(error) = result {
                outcomes.push(Some(error.kind()));
                from += 1;
                // A failed send may or may not have counted; start the counter afresh rather than guess.
                let _ = lane.socket.restart_tx_ids();
                lane.next_id = 0;
            }
        }
        lane.batch.clear();
        let keys = std::mem::take(&mut lane.waiting);
        let now = mono_ns();
        for (key, error) in keys.into_iter().zip(outcomes) {
            self.after_slot(key, error, now);
        }
    }

    fn after_slot(&mut self, key: u32, error: Option<io::ErrorKind>, now: i64) {
        let Some(running) = self.jobs.get_mut(&key) else {
            return;
        };
        running.note_slot(error, now);
        if running.slots_left == 0 {
            self.end(key, false);
        } else {
            self.due.push(Reverse((running.slot_mono_ns, key)));
        }
    }
}

impl Running {
    /// Gives up slots that lie more than two intervals back.
    fn skip_missed(&mut self, now: i64) {
        let interval = self.job.interval_ns.max(1);
        let behind = (now - self.slot_mono_ns) / interval;
        // The last slot is always sent, so that a session ends with a packet and not with a gap of our making.
        let skipped = if behind > 2 { behind.min(i64::from(self.slots_left) - 1) } else { 0 };
        self.slot_mono_ns += skipped * interval;
        self.slots_left -= skipped as u32;
        self.record.skipped += skipped as u64;
    }

    fn note_slot(&mut self, error: Option<io::ErrorKind>, now: i64) {
        if error.is_some() {
            self.record.refused += 1;
            self.record.error = error;
        } else {
            self.record.sent += 1;
            self.record
                .late_us
                .push(u32::try_from((now - self.slot_mono_ns).max(0) / 1000).unwrap_or(u32::MAX));
            self.job.progress.store(self.record.sent, Ordering::Relaxed);
        }
        let hopeless = self.record.sent == 0 && self.record.refused >= REFUSED_MAX;
        self.slots_left = if hopeless { 0 } else { self.slots_left - 1 };
        self.slot_mono_ns += self.job.interval_ns;
    }

    fn finish(self, cancelled: bool) {
        (self.job.done)(SendRecord { cancelled, ..self.record });
    }
}

//! Runs path tests: many at once over one sending and one receiving thread.
//!
//! Tokio only waits here: packets leave and arrive on the two threads, whatever the runtime is busy with.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::domain::check::PathPlan;
use crate::observation::{PathOrder, PathStats, TestBroke, TestOutcome};
use crate::udp::clock::{NS_PER_S, mono_ns, wall_minus_mono_ns};
use crate::udp::pacer::{Job, Pacer, SendRecord};
use crate::udp::receiver::{Habits, Receiver};
use crate::udp::socket::Socket;
use crate::wire::stamp::BASE_BYTES;

use super::collector::{Collector, Live, Order, Session, ssid};
use super::raw::{RawRun, Sending, SentPacket};
use super::stats::{Side, reduce};
use super::train::{Closings, Probes};

/// Most packets of one test: what a reflector remembers.
pub const PACKETS_MAX: u32 = 65_536;
/// Fastest test, packets per second.
pub const PPS_MAX: u16 = 2_000;

/// Announcements of sent packets that may wait for the receiving thread: over a second of 1,000 tests at 50/s.
const NOTES_MAX: usize = 65_536;
/// Sessions start up to this much apart from "now", so that their first packets do not meet.
const LEAD_NS: i64 = 10_000_000;
/// Closing probes leave at this distance, at most so many of them.
const CLOSING_EVERY_NS: i64 = 50_000_000;
const CLOSING_PACKETS_MAX: u32 = 40;
/// Set in a pacer key for the closing probes of the session.
const CLOSING_KEY: u32 = 1 << 31;
/// How long replies are waited for: at least, and when none has come at all.
const LINGER_MIN: Duration = Duration::from_millis(500);
const LINGER_MAX: Duration = Duration::from_secs(2);
/// Priority of the receiving thread under SCHED_FIFO, below the pacer's: its queue must not overflow while the
/// machine is busy, or the measurement is worth nothing.
const FIFO_PRIORITY: i32 = 10;
/// Quiet time after the last expected reply, for copies that come late.
const QUIET: Duration = Duration::from_millis(120);
/// How often a waiting test looks at its counts.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What a run may take beyond its own timeline before it counts as hung.
const OVERTIME: Duration = Duration::from_secs(10);

/// How this process probes.
#[derive(Debug, Clone, Copy)]
pub struct ProberSettings {
    /// Which end this is.
    pub side: Side,
    /// Tests that may run at once; more are refused.
    pub tests_max: usize,
    /// Ask for real-time priority of the two threads.
    pub realtime: bool,
}

impl Default for ProberSettings {
    fn default() -> Self {
        Self { side: Side::Hub, tests_max: 4096, realtime: true }
    }
}

/// How far a test is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Packets sent.
    pub sent: u32,
    /// Probes answered.
    pub answered: u32,
    /// Packets that will be sent.
    pub planned: u32,
}

/// The two threads and the sockets of all tests of a process. Clones share them.
#[derive(Debug, Clone)]
pub struct LinkProber {
    settings: ProberSettings,
    pacer: Pacer,
    receiver: Receiver<Order>,
    slots: Arc<Semaphore>,
    keys: Arc<AtomicU32>,
    /// One socket per local address, opened at its first use.
    sockets: Arc<Mutex<BTreeMap<IpAddr, Arc<Socket>>>>,
}

impl LinkProber {
    /// Starts the two threads.
    pub fn start(settings: ProberSettings) -> io::Result<Self> {
        let (notes, noted) = sync_channel(NOTES_MAX);
        let priority = settings.realtime.then_some(FIFO_PRIORITY);
        let habits = Habits { name: "link-rx", wait_ms: 20, rest_us: 300, fifo_priority: priority };
        Ok(Self {
            settings,
            pacer: Pacer::start(notes, settings.realtime)?,
            receiver: Receiver::start(Collector::new(noted), habits)?,
            slots: Arc::new(Semaphore::new(settings.tests_max)),
            keys: Arc::new(AtomicU32::new(rand::random::<u32>() % CLOSING_KEY)),
            sockets: Arc::default(),
        })
    }

    /// Runs one test to its end, or until it is called off. Dropping the future calls it off as well.
    pub async fn run(
        &self,
        order: &PathOrder,
        cancel: &CancellationToken,
        progress: &watch::Sender<Progress>,
    ) -> TestOutcome {
        let outcome = tokio::select! {
            () = cancel.cancelled() => Err(TestBroke::Cancelled),
            outcome = self.measure(order, progress) => outcome,
        };
        match outcome {
            Ok(stats) => TestOutcome::Measured(Box::new(stats)),
            Err(broke) => TestOutcome::Broke(broke),
        }
    }

    /// Runs one test and gives everything it has seen, for whoever wants more than statistics.
    pub async fn run_raw(
        &self,
        order: &PathOrder,
        progress: &watch::Sender<Progress>,
    ) -> Result<RawRun, TestBroke> {
        let permit = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| TestBroke::NoCapacity)?;
        let socket = self.socket(order).map_err(|_| TestBroke::NoSocket)?;
        let run = Run::open(self, order, socket, permit).await?;
        let limit = Duration::from_secs_f64(f64::from(run.plan.packets) / f64::from(run.plan.pps)) + OVERTIME;
        timeout(limit, run.go(progress)).await.unwrap_or(Err(TestBroke::TimedOut))
    }

    async fn measure(
        &self,
        order: &PathOrder,
        progress: &watch::Sender<Progress>,
    ) -> Result<PathStats, TestBroke> {
        let raw = self.run_raw(order, progress).await?;
        Ok(reduce(&raw, self.settings.side))
    }

    fn socket(&self, order: &PathOrder) -> io::Result<Arc<Socket>> {
        let any = if order.remote.is_ipv4() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED)
        } else {
            IpAddr::V6(Ipv6Addr::UNSPECIFIED)
        };
        let local = order.local.unwrap_or(any);
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(socket) = sockets.get(&local) {
            return Ok(Arc::clone(socket));
        }
        let socket = Arc::new(Socket::bind(SocketAddr::new(local, 0))?);
        self.receiver.attach(Arc::clone(&socket)).map_err(io::Error::other)?;
        sockets.insert(local, Arc::clone(&socket));
        Ok(socket)
    }
}

impl LinkProber {
    /// The next test opens a new socket: the address of this one may have gone, as a mobile line's does.
    fn forget_socket(&self, socket: &Arc<Socket>) {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.retain(|_, kept| !Arc::ptr_eq(kept, socket));
        // Nothing leaves through it any more, so nobody else can be waiting for it.
        let _ = self.receiver.detach(Arc::clone(socket));
    }
}

/// One test under way; dropping it tells both threads to forget it.
struct Run<'a> {
    prober: &'a LinkProber,
    key: u32,
    plan: PathPlan,
    remote: SocketAddr,
    socket: Arc<Socket>,
    live: Arc<Live>,
    _permit: OwnedSemaphorePermit,
}

impl<'a> Run<'a> {
    async fn open(
        prober: &'a LinkProber,
        order: &PathOrder,
        socket: Arc<Socket>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Self, TestBroke> {
        let key = prober.keys.fetch_add(1, Ordering::Relaxed) % CLOSING_KEY;
        let plan = within_limits(order.plan);
        let live = Arc::new(Live::default());
        let session = Session {
            key,
            local: socket.local_addr(),
            remote: order.remote,
            packets: plan.packets,
            live: Arc::clone(&live),
        };
        let (ready, opened) = oneshot::channel();
        prober.receiver.order(Order::Open(session, ready)).map_err(|_| TestBroke::NoCapacity)?;
        let run = Self { prober, key, plan, remote: order.remote, socket, live, _permit: permit };
        opened.await.map_err(|_| TestBroke::NoCapacity)?;
        Ok(run)
    }

    async fn go(self, progress: &watch::Sender<Progress>) -> Result<RawRun, TestBroke> {
        let clocks_apart = wall_minus_mono_ns();
        let record = self.send_probes(progress).await?;
        if record.sent == 0 {
            self.prober.forget_socket(&self.socket);
            return Err(TestBroke::NoSocket);
        }
        self.wait_for_replies(&record, progress).await;
        self.ask_far_side(record.sent).await?;
        let (answer, raw) = oneshot::channel();
        self.prober.receiver.order(Order::Finish(self.key, answer)).map_err(|_| TestBroke::NoCapacity)?;
        let mut raw = raw.await.map_err(|_| TestBroke::NoCapacity)?;
        raw.sent.truncate(record.sent as usize);
        fill_unknown(&mut raw.sent);
        raw.dscp = self.plan.dscp;
        raw.clock_step_ns = wall_minus_mono_ns() - clocks_apart;
        raw.sending = Sending { skipped: record.skipped + record.refused, late_us: record.late_us };
        Ok(raw)
    }

    async fn send_probes(&self, progress: &watch::Sender<Progress>) -> Result<SendRecord, TestBroke> {
        let train = Probes::new(ssid(self.key), usize::from(self.plan.payload_bytes), self.plan.dscp);
        let (done, mut record) = oneshot::channel();
        let interval_ns = NS_PER_S / i64::from(self.plan.pps);
        let job = Job {
            key: self.key,
            socket: Arc::clone(&self.socket),
            to: self.remote,
            tos: self.plan.dscp << 2,
            packets: self.plan.packets,
            interval_ns,
            first_mono_ns: mono_ns() + LEAD_NS + phase_ns(self.key, interval_ns),
            train: Box::new(train),
            progress: Arc::clone(&self.live.sent),
            done: Box::new(move |record| drop(done.send(record))),
        };
        self.prober.pacer.send(job).map_err(|_| TestBroke::NoCapacity)?;
        loop {
            match timeout(LOOK_EVERY * 5, &mut record).await {
                Ok(record) => return record.map_err(|_| TestBroke::NoCapacity),
                Err(_) => self.show(progress),
            }
        }
    }

    fn show(&self, progress: &watch::Sender<Progress>) {
        let (sent, answered) = (&self.live.sent, &self.live.answered);
        progress.send_replace(Progress {
            sent: sent.load(Ordering::Relaxed),
            answered: answered.load(Ordering::Relaxed),
            planned: self.plan.packets,
        });
    }

    /// Waits until every probe is answered and copies have had their time, or until replies are overdue.
    async fn wait_for_replies(&self, record: &SendRecord, progress: &watch::Sender<Progress>) {
        let ended = Instant::now();
        let (mut replies, mut quiet_since) = (0, ended);
        loop {
            sleep(LOOK_EVERY).await;
            self.show(progress);
            let now_replies = self.live.replies.load(Ordering::Relaxed);
            if now_replies != replies {
                (replies, quiet_since) = (now_replies, Instant::now());
            }
            let all = self.live.answered.load(Ordering::Relaxed) >= record.sent;
            let enough = if all { QUIET } else { self.linger() };
            if ended.elapsed() >= QUIET && quiet_since.elapsed() >= enough {
                return;
            }
        }
    }

    /// Three of the longest round trips, within bounds.
    fn linger(&self) -> Duration {
        match self.live.rtt_us_max.load(Ordering::Relaxed) {
            0 => LINGER_MAX,
            us => (Duration::from_micros(u64::from(us)) * 3).clamp(LINGER_MIN, LINGER_MAX),
        }
    }

    /// Asks the reflector what it remembers or has counted, until it has said so or does not answer.
    async fn ask_far_side(&self, sent: u32) -> Result<(), TestBroke> {
        let (done, mut asked) = oneshot::channel();
        let key = self.key | CLOSING_KEY;
        let job = Job {
            key,
            socket: Arc::clone(&self.socket),
            to: self.remote,
            tos: self.plan.dscp << 2,
            packets: CLOSING_PACKETS_MAX,
            interval_ns: CLOSING_EVERY_NS,
            first_mono_ns: mono_ns(),
            train: Box::new(Closings::new(ssid(self.key), self.plan.packets, sent)),
            progress: Arc::default(),
            done: Box::new(move |record| drop(done.send(record))),
        };
        self.prober.pacer.send(job).map_err(|_| TestBroke::NoCapacity)?;
        let mut ended: Option<Instant> = None;
        while self.live.closed.load(Ordering::Relaxed) == 0
            && ended.is_none_or(|at| at.elapsed() < self.linger())
        {
            if ended.is_none() && asked.try_recv().is_ok() {
                ended = Some(Instant::now());
            }
            sleep(LOOK_EVERY / 2).await;
        }
        self.prober.pacer.cancel(key).map_err(|_| TestBroke::NoCapacity)
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        // A thread too full to be told forgets the session with the process; the numbers are never reused soon.
        let _ = self.prober.pacer.cancel(self.key);
        let _ = self.prober.pacer.cancel(self.key | CLOSING_KEY);
        let _ = self.prober.receiver.order(Order::Forget(self.key));
    }
}

/// Nothing that is asked for exceeds what a reflector can remember and a line can bear.
fn within_limits(plan: PathPlan) -> PathPlan {
    PathPlan {
        pps: plan.pps.clamp(1, PPS_MAX),
        packets: plan.packets.clamp(1, PACKETS_MAX),
        payload_bytes: plan.payload_bytes.clamp(BASE_BYTES as u16, 1452),
        dscp: plan.dscp & 0x3f,
    }
}

/// A packet whose announcement and replies were both lost left about when the one before it did.
fn fill_unknown(sent: &mut [SentPacket]) {
    for at in 1..sent.len() {
        if sent[at].program_ns == 0 {
            sent[at].program_ns = sent[at - 1].program_ns;
        }
    }
}

/// Spreads sessions over the interval: steps of the golden ratio never bunch, however many sessions there are.
fn phase_ns(key: u32, interval_ns: i64) -> i64 {
    let fraction = u64::from(key.wrapping_mul(0x9e37_79b9));
    ((fraction * interval_ns as u64) >> 32) as i64
}

//! Keeps one child alive and speaks with it. Knows the protocol and the clock; must not know codecs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch as latest};
use tokio::time::{Instant, MissedTickBehavior};

use super::backoff::Backoff;
use super::flight::Flight;
use super::line::{Done, Opening, Order};
use super::process::{Process, Spawner};
use super::watch::{self, Doing, Patience, STOPPED_AFTER};
use crate::metrics::Counters;
use crate::worker::fetched::{FetchEnd, Fetched};
use crate::worker::protocol::{self, BadMessage, FLAG_DRAIN, Message, VERSION, Verb};
use crate::worker::session::{After, WorkerError};

/// How often a child is looked at.
const TICK: Duration = Duration::from_millis(50);
/// A child that was silent this long is asked for a sign of life.
const QUIET: Duration = Duration::from_millis(250);
/// Bytes on their way to a child, beyond which no order follows.
const OUTPUT_MAX: usize = 8 << 20;
/// Places kept for the end of a fetching session.
const EVENTS_KEPT: usize = 1;

/// How a fetching session's units reach its reader.
pub(super) type Events = mpsc::Sender<Result<Fetched, FetchEnd>>;

/// For whom a child lives.
#[derive(Debug)]
pub(super) enum Life {
    /// For all sessions; it is replaced when it ends.
    Shared,
    /// For one session, and ends with it.
    Own {
        /// The session, opened at the start.
        open: Opening,
        /// Where a fetching session's units go.
        events: Option<Events>,
        /// Given back at the end.
        #[expect(dead_code, reason = "holding it is its use")]
        place: OwnedSemaphorePermit,
    },
}

/// Keeps one child alive.
#[derive(Debug)]
pub(super) struct Supervisor {
    pub(super) spawner: Spawner,
    pub(super) counters: Arc<Counters>,
    pub(super) generations: Arc<AtomicU64>,
    pub(super) pid: Arc<AtomicU32>,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) stopping: latest::Receiver<bool>,
    pub(super) life: Life,
}

/// Why a conversation is over.
#[derive(Debug)]
enum End {
    /// Nobody needs the child any more.
    Wanted,
    /// The child's session is over.
    Finished,
    /// It could not be started.
    Start(String),
    /// It closed its output: it is dead or dying.
    Closed,
    /// It did not answer in time.
    Hung,
    /// It was stopped by a signal.
    Stopped,
    /// What it said is not our protocol.
    Protocol(BadMessage),
    /// It is another version of the program.
    Version(u32),
}

impl Supervisor {
    /// Until nobody needs the child.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let born = Instant::now();
            let end = self.run_once().await;
            self.pid.store(0, Ordering::Relaxed);
            let over = matches!(end, End::Wanted | End::Finished) || !matches!(self.life, Life::Shared);
            if over || !self.pause(backoff.pause(born.elapsed())).await {
                self.say_goodbye(&end);
                return;
            }
        }
    }

    async fn run_once(&mut self) -> End {
        let process = match self.spawner.spawn().await {
            Ok(process) => process,
            Err(error) => return self.note(End::Start(error.to_string()), ""),
        };
        let pid = process.pid;
        let generation = self.generations.fetch_add(1, Ordering::Relaxed) + 1;
        let mut talk = Talk::new(self, process, generation);
        let end = talk.run().await;
        talk.flight.abandon();
        let how = talk.process.end().await;
        tracing::debug!(pid, generation, how, "a worker ended");
        self.note(end, &how)
    }

    /// Counts and logs an end that nobody wanted.
    fn note(&self, end: End, how: &str) -> End {
        let Some(reason) = end.reason() else {
            return end;
        };
        self.counters.worker_restarts.with_label_values(&[reason]).inc();
        tracing::warn!(reason, how, why = end.detail(), "a media worker ended");
        end
    }

    /// Waits before the next start; who asks meanwhile hears that there is nobody. False when it is all over.
    async fn pause(&mut self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return true,
                changed = self.stopping.changed() => if changed.is_err() || *self.stopping.borrow() {
                    return false;
                },
                order = self.orders.recv() => match order {
                    Some(order) => drop(order.answer.send(Err(WorkerError::Gone))),
                    None => return false,
                },
            }
        }
    }

    /// A fetching session hears that it was us, unless it has heard of its end already.
    fn say_goodbye(&self, end: &End) {
        let Life::Own { events: Some(events), .. } = &self.life else {
            return;
        };
        if !matches!(end, End::Finished | End::Wanted) {
            let _ = events.try_send(Err(FetchEnd::WorkerGone));
        }
    }
}

impl End {
    /// The counter's word; `None` for an end as it should be.
    fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Wanted | Self::Finished => None,
            Self::Start(_) => Some("start"),
            Self::Closed => Some("died"),
            Self::Hung => Some("hung"),
            Self::Stopped => Some("stopped"),
            Self::Protocol(_) | Self::Version(_) => Some("protocol"),
        }
    }

    /// What is known beyond the reason.
    fn detail(&self) -> String {
        match self {
            Self::Wanted | Self::Finished | Self::Closed | Self::Hung | Self::Stopped => String::new(),
            Self::Start(error) => error.clone(),
            Self::Protocol(bad) => bad.to_string(),
            Self::Version(version) => format!("speaks version {version}"),
        }
    }
}

/// A conversation with one child.
struct Talk<'a> {
    supervisor: &'a mut Supervisor,
    process: Process,
    generation: u64,
    input: BytesMut,
    output: BytesMut,
    flight: Flight,
    /// Sessions that this child knows.
    open: BTreeMap<u32, Weak<()>>,
    heard: Instant,
    /// Since when it stands stopped.
    stopped: Option<Instant>,
}

/// What woke a conversation up.
enum Woken {
    Stopping,
    Read(std::io::Result<usize>),
    Wrote(std::io::Result<usize>),
    Asked(Option<Order>),
    Tick,
}

impl<'a> Talk<'a> {
    fn new(supervisor: &'a mut Supervisor, process: Process, generation: u64) -> Self {
        Self {
            supervisor,
            process,
            generation,
            input: BytesMut::with_capacity(1 << 16),
            output: BytesMut::new(),
            flight: Flight::new(),
            open: BTreeMap::new(),
            heard: Instant::now(),
            stopped: None,
        }
    }

    async fn run(&mut self) -> End {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let woken = self.wake(&mut tick).await;
            if let Some(end) = self.handle(woken) {
                return end;
            }
            self.dispatch();
        }
    }

    async fn wake(&mut self, tick: &mut tokio::time::Interval) -> Woken {
        let Self { supervisor, process, input, output, .. } = self;
        // A child whose supervisor was itself kept from running has answered meanwhile: hear it before judging it.
        tokio::select! {
            biased;
            changed = supervisor.stopping.wait_for(|stop| *stop) => {
                drop(changed);
                Woken::Stopping
            }
            read = process.output.read_buf(input) => Woken::Read(read),
            wrote = process.input.write(output), if !output.is_empty() => Woken::Wrote(wrote),
            _ = tick.tick() => Woken::Tick,
            order = supervisor.orders.recv() => Woken::Asked(order),
        }
    }

    fn handle(&mut self, woken: Woken) -> Option<End> {
        match woken {
            Woken::Stopping => Some(End::Wanted),
            Woken::Read(Ok(0) | Err(_)) | Woken::Wrote(Err(_)) => Some(End::Closed),
            Woken::Read(Ok(_)) => self.hear(),
            Woken::Wrote(Ok(sent)) => {
                self.output.advance(sent);
                None
            }
            Woken::Asked(Some(order)) => {
                self.flight.wait(order);
                None
            }
            Woken::Asked(None) => Some(End::Wanted),
            Woken::Tick => self.look(),
        }
    }

    /// Takes all whole messages that have arrived.
    fn hear(&mut self) -> Option<End> {
        self.heard = Instant::now();
        loop {
            match protocol::take(&mut self.input) {
                Ok(None) => return None,
                Err(bad) => return Some(End::Protocol(bad)),
                Ok(Some(message)) => {
                    if let Some(end) = self.obey(message) {
                        return Some(end);
                    }
                }
            }
        }
    }

    fn obey(&mut self, message: Message) -> Option<End> {
        match message.verb {
            Verb::Hello if message.request == VERSION => self.greet(),
            Verb::Hello => return Some(End::Version(message.request)),
            Verb::Done => self.done(message),
            Verb::Failed => self.failed(&message),
            Verb::Pong => drop(self.flight.finish(message.request)),
            Verb::Event => self.event(&message),
            Verb::Ended => return self.ended(&message),
            // A child never says these; one that does is confused, and what it says does no harm.
            Verb::Open | Verb::Work | Verb::Close | Verb::Ping => {}
        }
        None
    }

    fn greet(&mut self) {
        self.flight.greeted();
        self.supervisor.pid.store(self.process.pid, Ordering::Relaxed);
        if let Life::Own { open, .. } = &self.supervisor.life {
            open.message().put(&mut self.output);
            self.open.insert(open.session, Weak::clone(&open.alive));
        }
    }

    fn done(&mut self, message: Message) {
        let Some(held) = self.flight.finish(message.request) else {
            return;
        };
        let counters = &self.supervisor.counters;
        counters.worker_requests.with_label_values(&["done"]).inc();
        counters.worker_cpu_seconds.with_label_values(&[held.word]).inc_by(f64::from(message.cpu_us) / 1e6);
        let done = Done { chunks: message.chunks, cpu_us: message.cpu_us, generation: self.generation };
        held.answer(Ok(done));
    }

    fn failed(&mut self, message: &Message) {
        if let Some(held) = self.flight.finish(message.request) {
            self.supervisor.counters.worker_requests.with_label_values(&["refused"]).inc();
            held.answer(Err(WorkerError::Refused(message.as_text())));
        }
    }

    fn event(&self, message: &Message) {
        let Life::Own { events: Some(events), .. } = &self.supervisor.life else {
            return;
        };
        for fetched in message.chunks.iter().filter_map(Fetched::of_chunk) {
            if events.capacity() <= EVENTS_KEPT || events.try_send(Ok(fetched)).is_err() {
                self.supervisor.counters.worker_dropped.inc();
            }
        }
    }

    fn ended(&self, message: &Message) -> Option<End> {
        let Life::Own { events: Some(events), .. } = &self.supervisor.life else {
            return None;
        };
        let _ = events.try_send(Err(FetchEnd::of_text(&message.as_text())));
        Some(End::Finished)
    }

    /// Is the child well, and does it know which sessions are over?
    fn look(&mut self) -> Option<End> {
        self.forget();
        let now = Instant::now();
        if now.duration_since(self.heard) >= QUIET
            && let Some(request) = self.flight.ping()
        {
            Message::plain(Verb::Ping, 0, request).put(&mut self.output);
        }
        // No such process: its output will end in a moment.
        let (doing, cpu) = watch::look(self.process.pid)?;
        let stopped = (doing == Doing::Stopped).then(|| *self.stopped.get_or_insert(now));
        self.stopped = stopped;
        if stopped.is_some_and(|since| now - since >= STOPPED_AFTER) {
            return Some(End::Stopped);
        }
        (self.flight.look(now, doing, cpu) == Patience::Hung).then_some(End::Hung)
    }

    fn forget(&mut self) {
        let over: Vec<u32> =
            self.open.iter().filter(|(_, alive)| alive.strong_count() == 0).map(|(&id, _)| id).collect();
        for session in over {
            self.open.remove(&session);
            Message::plain(Verb::Close, session, 0).put(&mut self.output);
        }
    }

    /// Gives the child what it may have.
    fn dispatch(&mut self) {
        while self.output.len() < OUTPUT_MAX {
            let Some(order) = self.flight.next(Instant::now()) else {
                return;
            };
            self.give(order);
        }
    }

    fn give(&mut self, order: Order) {
        let Order { opening, work, only, answer, .. } = order;
        if only.is_some_and(|only| only != self.generation) {
            let _ = answer.send(Err(WorkerError::Gone));
            return;
        }
        if !self.open.contains_key(&opening.session) {
            opening.message().put(&mut self.output);
            self.open.insert(opening.session, Weak::clone(&opening.alive));
        }
        let request = self.flight.give(&opening.kind, work.chunks.len(), answer);
        let flags = if work.after == After::Drain { FLAG_DRAIN } else { 0 };
        Message { flags, chunks: work.chunks, ..Message::plain(Verb::Work, opening.session, request) }
            .put(&mut self.output);
    }
}

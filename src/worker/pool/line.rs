//! A session's way to its child: orders out, answers back. Knows queues; must not know processes.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::worker::kind::SessionKind;
use crate::worker::protocol::{CHUNKS_MAX, Chunk, MESSAGE_BYTES_MAX, Message, Verb};
use crate::worker::session::{After, WorkerError};

/// Beyond patience and working time: a supervisor answers before, whatever its child does.
const LAST_RESORT: Duration = Duration::from_secs(60);

/// A request before it is an order.
#[derive(Debug)]
pub(crate) struct Work {
    /// Payload.
    pub(crate) chunks: Vec<Chunk>,
    /// What happens to the state afterwards.
    pub(crate) after: After,
    /// How long it may wait before it is begun.
    pub(crate) patience: Duration,
}

/// An answered request.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) cpu_us: u32,
    /// Which child answered.
    pub(crate) generation: u64,
}

/// A session as a child must know it.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    pub(crate) session: u32,
    pub(crate) kind: Arc<SessionKind>,
    /// Dead when the session was dropped.
    pub(crate) alive: Weak<()>,
}

/// A request on its way to a child.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) opening: Opening,
    pub(crate) work: Work,
    /// The only child that may do it, if it depends on what was done before.
    pub(crate) only: Option<u64>,
    pub(crate) begin_by: Instant,
    pub(crate) answer: oneshot::Sender<Result<Done, WorkerError>>,
}

/// A place at a child.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    orders: mpsc::Sender<Order>,
    /// Its process; 0 while there is none.
    pub(crate) pid: Arc<AtomicU32>,
    /// Held by each session that sits here.
    load: Arc<()>,
}

impl Seat {
    pub(crate) fn new(orders: mpsc::Sender<Order>) -> Self {
        Self { orders, pid: Arc::new(AtomicU32::new(0)), load: Arc::new(()) }
    }

    /// Seats of running children first, among them the emptiest.
    fn cost(&self) -> (bool, usize) {
        (self.pid.load(Ordering::Relaxed) == 0, Arc::strong_count(&self.load))
    }
}

/// Where a session sits.
#[derive(Debug)]
enum Place {
    Shared { seats: Arc<[Seat]>, seat: Option<Seat> },
    Own(Seat),
}

/// A session's way to its child.
#[derive(Debug)]
pub(crate) struct Line {
    session: u32,
    kind: Arc<SessionKind>,
    alive: Arc<()>,
    place: Place,
    /// The child that last answered.
    generation: u64,
    /// Whether that child holds state that the next request needs.
    bound: bool,
}

impl Line {
    pub(crate) fn shared(session: u32, kind: SessionKind, seats: Arc<[Seat]>) -> Self {
        Self::new(session, kind, Place::Shared { seats, seat: None })
    }

    pub(crate) fn own(session: u32, kind: SessionKind, seat: Seat) -> Self {
        Self::new(session, kind, Place::Own(seat))
    }

    fn new(session: u32, kind: SessionKind, place: Place) -> Self {
        let (kind, alive) = (Arc::new(kind), Arc::new(()));
        Self { session, kind, alive, place, generation: 0, bound: false }
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn ask(&mut self, work: Work) -> Result<Done, WorkerError> {
        let limit = work.patience + LAST_RESORT;
        let size: usize = work.chunks.iter().map(|chunk| chunk.data.len() + 16).sum();
        if size + 64 > MESSAGE_BYTES_MAX || work.chunks.len() > CHUNKS_MAX {
            return Err(WorkerError::TooLarge);
        }
        let after = work.after;
        let answer = self.send(work)?;
        // Until the answer is here nothing is known of the child's state: a dropped future leaves it unbound.
        let was_bound = std::mem::replace(&mut self.bound, false);
        let done = match tokio::time::timeout(limit, answer).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) | Err(_) => Err(WorkerError::Gone),
        };
        match &done {
            Ok(done) => {
                self.generation = done.generation;
                self.bound = after == After::Keep;
            }
            Err(WorkerError::Gone | WorkerError::Crashed) => self.leave(),
            Err(
                WorkerError::Busy
                | WorkerError::Late
                | WorkerError::Refused(_)
                | WorkerError::TooLarge
                | WorkerError::Stopped,
            ) => self.bound = was_bound,
        }
        done
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) fn opening(&self) -> Opening {
        Opening { session: self.session, kind: Arc::clone(&self.kind), alive: Arc::downgrade(&self.alive) }
    }

    pub(crate) fn pid(&self) -> Arc<AtomicU32> {
        match &self.place {
            Place::Shared { seat: Some(seat), .. } | Place::Own(seat) => Arc::clone(&seat.pid),
            Place::Shared { seat: None, .. } => Arc::new(AtomicU32::new(0)),
        }
    }

    fn send(&mut self, work: Work) -> Result<oneshot::Receiver<Result<Done, WorkerError>>, WorkerError> {
        let (answer, wait) = oneshot::channel();
        let order = Order {
            opening: self.opening(),
            only: (self.bound && self.kind.has_memory()).then_some(self.generation),
            begin_by: Instant::now() + work.patience,
            work,
            answer,
        };
        let seat = match &mut self.place {
            Place::Own(seat) => seat,
            Place::Shared { seats, seat } => seat.get_or_insert_with(|| emptiest(seats)),
        };
        match seat.orders.try_send(order) {
            Ok(()) => Ok(wait),
            Err(mpsc::error::TrySendError::Full(_)) => Err(WorkerError::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(self.closed()),
        }
    }

    fn leave(&mut self) {
        match &mut self.place {
            Place::Shared { seat, .. } => *seat = None,
            Place::Own(_) => {}
        }
    }

    fn closed(&self) -> WorkerError {
        match self.place {
            Place::Shared { .. } => WorkerError::Stopped,
            Place::Own(_) => WorkerError::Gone,
        }
    }
}

fn emptiest(seats: &[Seat]) -> Seat {
    seats.iter().min_by_key(|seat| seat.cost()).expect("a pool has at least one child").clone()
}

impl Opening {
    pub(crate) fn message(&self) -> Message {
        Message::text(Verb::Open, self.session, 0, &crate::worker::session::kind_text(&self.kind))
    }
}

//! One thread that receives for many sockets and hands packets and sending stamps to an [`Inbox`].
//!
//! Because the kernel stamps packets, it does not matter when this thread is woken: it may rest between calls to take
//! more at once.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver as Orders, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use super::batch::{Packet, RecvBatch, TxStamp};
use super::clock::mono_ns;
use super::socket::{Socket, make_punctual, sleep_until, wait_readable};

/// Orders that may wait for the thread.
const ORDERS_MAX: usize = 4096;

/// How long the thread rests on its orders when no packets are expected.
const WAIT_IDLE: Duration = Duration::from_millis(250);

/// Who handles what arrives. All calls come from the one receiving thread; none may wait.
pub trait Inbox: Send {
    /// What the rest of the program may ask of it.
    type Order: Send + 'static;

    /// Carries out an order.
    fn order(&mut self, order: Self::Order);

    /// Takes one packet.
    fn packet(&mut self, socket: &Arc<Socket>, packet: &Packet<'_>);

    /// Takes the kernel's stamps of packets sent earlier.
    fn tx_stamps(&mut self, socket: &Arc<Socket>, stamps: &[TxStamp]);

    /// A batch of packets of this socket is over.
    fn batch_over(&mut self, _socket: &Arc<Socket>) {}

    /// A round is over: all that had arrived has been handed over.
    fn round_over(&mut self) {}

    /// Whether packets are expected; while not, the thread looks for them only now and then.
    fn expecting(&self) -> bool;
}

/// How the thread behaves.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// Name of the thread, at most 15 bytes.
    pub name: &'static str,
    /// How long to wait for packets before looking for orders.
    pub wait_ms: u32,
    /// Pause after each round, so that busy sockets are read in larger batches.
    pub rest_us: u32,
    /// Priority under SCHED_FIFO, if wanted and granted.
    pub fifo_priority: Option<i32>,
}

enum Order<O> {
    Attach(Arc<Socket>),
    Detach(Arc<Socket>),
    Pass(O),
}

/// The receiving thread is gone, or holds as many orders as it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the receiving thread takes no more orders")]
pub struct ReceiverFull;

/// Handle of the receiving thread; the thread ends when the last handle is dropped.
#[derive(Debug)]
pub struct Receiver<O> {
    orders: SyncSender<Order<O>>,
}

impl<O> Clone for Receiver<O> {
    fn clone(&self) -> Self {
        Self { orders: self.orders.clone() }
    }
}

impl<O: Send + 'static> Receiver<O> {
    /// Starts the thread with an inbox.
    pub fn start<I: Inbox<Order = O> + 'static>(inbox: I, habits: Habits) -> io::Result<Self> {
        let (orders, waiting) = sync_channel(ORDERS_MAX);
        thread::Builder::new().name(habits.name.into()).spawn(move || {
            make_punctual(habits.fifo_priority);
            Loop {
                inbox,
                orders: waiting,
                habits,
                sockets: Vec::new(),
                batch: RecvBatch::default(),
                stamps: Vec::new(),
            }
            .run();
        })?;
        Ok(Self { orders })
    }

    /// Receives from one more socket.
    pub fn attach(&self, socket: Arc<Socket>) -> Result<(), ReceiverFull> {
        self.orders.try_send(Order::Attach(socket)).map_err(|_| ReceiverFull)
    }

    /// Lets go of a socket.
    pub fn detach(&self, socket: Arc<Socket>) -> Result<(), ReceiverFull> {
        self.orders.try_send(Order::Detach(socket)).map_err(|_| ReceiverFull)
    }

    /// Passes an order to the inbox.
    pub fn order(&self, order: O) -> Result<(), ReceiverFull> {
        self.orders.try_send(Order::Pass(order)).map_err(|_| ReceiverFull)
    }
}

struct Loop<I: Inbox> {
    inbox: I,
    orders: Orders<Order<I::Order>>,
    habits: Habits,
    sockets: Vec<Arc<Socket>>,
    batch: RecvBatch,
    stamps: Vec<TxStamp>,
}

impl<I: Inbox> Loop<I> {
    fn run(mut self) {
        let mut ready = Vec::new();
        while self.take_orders() {
            if self.sockets.is_empty() {
                continue;
            }
            let timeout_ns =
                if self.inbox.expecting() { i64::from(self.habits.wait_ms) * 1_000_000 } else { 0 };
            let sockets: Vec<&Socket> = self.sockets.iter().map(AsRef::as_ref).collect();
            if !matches!(wait_readable(&sockets, timeout_ns, &mut ready), Ok(1..)) {
                continue;
            }
            for at in (0..ready.len()).filter(|at| ready[*at]) {
                self.drain(at);
            }
            self.inbox.round_over();
            if self.habits.rest_us > 0 {
                sleep_until(mono_ns() + i64::from(self.habits.rest_us) * 1000);
            }
        }
    }

    /// Takes waiting orders, resting on them when nothing is expected. Gives whether to go on.
    fn take_orders(&mut self) -> bool {
        let idle = self.sockets.is_empty() || !self.inbox.expecting();
        let mut next = self.orders.recv_timeout(if idle { WAIT_IDLE } else { Duration::ZERO });
        loop {
            match next {
                Ok(Order::Attach(socket)) => self.sockets.push(socket),
                Ok(Order::Detach(socket)) => self.sockets.retain(|kept| !Arc::ptr_eq(kept, &socket)),
                Ok(Order::Pass(order)) => self.inbox.order(order),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
            next = self.orders.recv_timeout(Duration::ZERO);
        }
    }

    /// Reads one socket empty: packets first, then the stamps of what it sent.
    fn drain(&mut self, at: usize) {
        let socket = &self.sockets[at];
        while let Ok(1..) = socket.receive(&mut self.batch) {
            for packet in self.batch.packets() {
                self.inbox.packet(socket, &packet);
            }
            self.inbox.batch_over(socket);
        }
        self.stamps.clear();
        while let Ok(1..) = socket.collect_tx_stamps(&mut self.batch, &mut self.stamps) {}
        self.inbox.tx_stamps(socket, &self.stamps);
    }
}

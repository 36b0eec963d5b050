//! A stateful STAMP reflector on one thread.
//!
//! Answers only listed sources, no faster than allowed, never with more bytes than it was sent, and remembers a bounded
//! number of sessions so that the sender can learn the fate of every probe. It cannot be used to hit anybody else: the
//! answer goes to the listed source, at most one for one.

mod network;
mod memory;
mod admission;
mod mirror;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use network::{BadNetwork, Network};

use crate::udp::receiver::{Habits, Receiver};
use crate::udp::socket::Socket;

use mirror::{Mirror, Order};

/// Priority asked for under SCHED_FIFO.
const FIFO_PRIORITY: i32 = 20;

/// What a reflector answers.
#[derive(Debug, Clone)]
pub struct ReflectorSettings {
    /// Addresses to bind, one per link as a rule; port 0 lets the system choose.
    pub listen: Vec<SocketAddr>,
    /// Sources that are answered; empty answers nobody.
    pub allow: Vec<Network>,
    /// Probes per second answered to one source address; a burst of a fifth of it is borne.
    pub packets_per_second_max: u32,
    /// Sessions remembered at once, each at most 8 KiB; further ones are not answered.
    pub sessions_max: usize,
    /// Ask for real-time priority.
    pub realtime: bool,
}

impl Default for ReflectorSettings {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            allow: Vec::new(),
            packets_per_second_max: 500,
            sessions_max: 256,
            realtime: true,
        }
    }
}

/// What a reflector has done since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReflectorCounts {
    /// Packets received.
    pub received: u64,
    /// Replies sent.
    pub reflected: u64,
    /// Packets from sources that are not listed.
    pub refused: u64,
    /// Packets beyond the rate limit or the number of sessions.
    pub limited: u64,
    /// Packets that are no probes.
    pub malformed: u64,
}

/// Handle of a running reflector; it stops when the handle is dropped.
#[derive(Debug)]
pub struct Reflector {
    receiver: Receiver<Order>,
    sockets: Vec<SocketAddr>,
    counters: Arc<Counters>,
}

impl Reflector {
    /// Binds all addresses, or none, and starts the thread.
    pub fn start(settings: &ReflectorSettings) -> io::Result<Self> {
        let bind = |address: &SocketAddr| {
            let at = |error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
            Socket::bind(*address).map(Arc::new).map_err(at)
        };
        let sockets: Vec<Arc<Socket>> = settings.listen.iter().map(bind).collect::<Result<_, _>>()?;
        let counters = Arc::new(Counters::default());
        let priority = settings.realtime.then_some(FIFO_PRIORITY);
        let habits = Habits { name: "reflector", wait_ms: 100, rest_us: 0, fifo_priority: priority };
        let receiver = Receiver::start(Mirror::new(settings, Arc::clone(&counters)), habits)?;
        let locals = sockets.iter().map(|socket| socket.local_addr()).collect();
        for socket in sockets {
            receiver.attach(socket).map_err(io::Error::other)?;
        }
        Ok(Self { receiver, sockets: locals, counters })
    }

    /// The bound addresses, in the order of the settings.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.sockets
    }

    /// Replaces the list of sources. Gives whether the reflector took it.
    pub fn allow(&self, networks: Vec<Network>) -> bool {
        self.receiver.order(Order::Allow(networks)).is_ok()
    }

    /// What it has done so far.
    pub fn counts(&self) -> ReflectorCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ReflectorCounts {
            received: read(&self.counters.received),
            reflected: read(&self.counters.reflected),
            refused: read(&self.counters.refused),
            limited: read(&self.counters.limited),
            malformed: read(&self.counters.malformed),
        }
    }
}

/// The thread's counters, readable from elsewhere.
#[derive(Debug, Default)]
struct Counters {
    received: AtomicU64,
    reflected: AtomicU64,
    refused: AtomicU64,
    limited: AtomicU64,
    malformed: AtomicU64,
}

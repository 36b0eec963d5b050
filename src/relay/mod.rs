//! A seeded impairment relay with exact truth, for demonstrations, tests and benches.
//!
//! Delays, loses, doubles, reorders and throttles UDP packets per direction, decided by the seed and the packet's index
//! alone, and writes down what it did with the kernel's stamps at its own sockets. [`tcp`] does the coarse thing for
//! connections: stall, swallow, cut. Knows nothing of what is carried.

pub mod impairment;
pub mod truth;
pub mod tcp;
mod course;
mod host;
mod port;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use impairment::Impairment;
use truth::Truth;

use crate::udp::socket::Socket;
use host::{Host, Order};

/// Orders that may wait for the thread.
const ORDERS_MAX: usize = 256;
/// How long the thread may take to answer a question.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Which way a packet goes through a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// From a client to the target.
    ToTarget,
    /// From the target to a client.
    ToClient,
}

/// One relay.
#[derive(Debug, Clone)]
pub struct RelaySpec {
    /// Where clients send to; port 0 lets the system choose. The target sees packets from this address too, each
    /// client on its own port.
    pub listen: SocketAddr,
    /// Where packets go.
    pub target: SocketAddr,
    /// What happens on the way to the target.
    pub to_target: Impairment,
    /// What happens on the way back.
    pub to_client: Impairment,
    /// Decides everything that chance would.
    pub seed: u64,
    /// Packets per direction whose fate is written down one by one.
    pub truth_packets_max: usize,
}

impl RelaySpec {
    /// A relay that does nothing to packets, remembering the first 100,000 of each direction.
    pub fn new(listen: SocketAddr, target: SocketAddr) -> Self {
        let (to_target, to_client) = (Impairment::default(), Impairment::default());
        Self { listen, target, to_target, to_client, seed: 0, truth_packets_max: 100_000 }
    }
}

/// One thread that carries any number of relays. It ends when the last handle to it is dropped.
#[derive(Debug, Clone)]
pub struct RelayHost {
    orders: SyncSender<Order>,
}

/// Handle of one relay; it stops when the handle is dropped.
#[derive(Debug)]
pub struct Relay {
    host: RelayHost,
    id: u64,
    local: SocketAddr,
}

/// The relay's thread is gone or did not answer in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the relay's thread does not answer")]
pub struct RelayGone;

impl RelayHost {
    /// Starts the thread. For the last `spin_us` microseconds before a packet is due it does not sleep but waits
    /// actively: 60 gives the most even timing, 0 spares the processor and is as truthful, since the truth is what
    /// happened and not what was planned.
    pub fn start(spin_us: u32) -> io::Result<Self> {
        let (orders, inbox) = sync_channel(ORDERS_MAX);
        thread::Builder::new().name("relay".into()).spawn(move || Host::new(inbox, spin_us).run())?;
        Ok(Self { orders })
    }

    /// Adds a relay.
    pub fn add(&self, spec: RelaySpec) -> io::Result<Relay> {
        let socket = Arc::new(Socket::bind(spec.listen)?);
        let local = socket.local_addr();
        let (answer, id) = sync_channel(1);
        self.ask(Order::Add(Box::new(spec), socket, answer)).map_err(io::Error::other)?;
        let id = id.recv_timeout(ANSWER_MAX).map_err(|_| io::Error::other(RelayGone))?;
        Ok(Relay { host: self.clone(), id, local })
    }

    fn ask(&self, order: Order) -> Result<(), RelayGone> {
        self.orders.try_send(order).map_err(|_| RelayGone)
    }
}

impl Relay {
    /// Starts one relay on a thread of its own.
    pub fn start(spec: RelaySpec) -> io::Result<Self> {
        RelayHost::start(60)?.add(spec)
    }

    /// Where clients send to.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// What has happened so far. Waits for the thread, some tens of milliseconds at most.
    pub fn truth(&self) -> Result<Truth, RelayGone> {
        let (answer, truth) = sync_channel(1);
        self.host.ask(Order::Truth(self.id, answer))?;
        truth.recv_timeout(ANSWER_MAX).map_err(|_| RelayGone)
    }

    /// Forgets what has happened so far; indices, and with them chance, start again at 0. Packets under way still
    /// leave, unrecorded.
    pub fn restart(&self) -> Result<(), RelayGone> {
        self.host.ask(Order::Restart(self.id))
    }

    /// Changes what happens on one way from the next packet on.
    pub fn set_impairment(&self, way: Way, impairment: Impairment) -> Result<(), RelayGone> {
        self.host.ask(Order::Impair(self.id, way, impairment))
    }

    /// Stops the relay.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // A host that is gone has stopped this relay already.
        let _ = self.host.ask(Order::Remove(self.id));
    }
}

//! One socket of a relay: packets waiting to leave through it, and packets whose leaving time is awaited.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::udp::batch::{BATCH, SendBatch, TxStamp};
use crate::udp::socket::Socket;

use super::Way;

/// A packet as the truth names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PacketName {
    pub(super) relay: u64,
    pub(super) epoch: u32,
    pub(super) way: Way,
    pub(super) index: u64,
    pub(super) copy: bool,
}

/// A socket and the side it looks to.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) relay: u64,
    pub(super) socket: Arc<Socket>,
    /// The client whose packets go out here to the target; `None` on the socket that clients send to.
    pub(super) client: Option<SocketAddr>,
    pub(super) used_ns: i64,
    next_id: u32,
    batch: SendBatch,
    waiting: Vec<PacketName>,
    awaiting_stamp: VecDeque<(u32, PacketName)>,
}

/// What came of sending.
#[derive(Debug, Default)]
pub(super) struct Flushed {
    /// Packets that left, in order.
    pub(super) left: Vec<PacketName>,
    /// Packets that the system refused.
    pub(super) refused: Vec<PacketName>,
}

impl Port {
    pub(super) fn new(relay: u64, socket: Arc<Socket>, client: Option<SocketAddr>, used_ns: i64) -> Self {
        Self {
            relay,
            socket,
            client,
            used_ns,
            next_id: 0,
            batch: SendBatch::default(),
            waiting: Vec::new(),
            awaiting_stamp: VecDeque::new(),
        }
    }

    /// Adds a packet to the next flush; gives whether it is time for one.
    pub(super) fn push(&mut self, name: PacketName, to: SocketAddr, tos: u8, bytes: &[u8]) -> bool {
        self.batch.push(to, tos, |out| out.extend_from_slice(bytes));
        self.waiting.push(name);
        self.waiting.len() >= BATCH
    }

    /// Sends what waits.
    pub(super) fn flush(&mut self) -> Flushed {
        let mut flushed = Flushed::default();
        let mut from = 0;
        while from < self.waiting.len() {
            let (sent, result) = self.socket.send(&self.batch, from);
            for name in &self.waiting[from..from + sent] {
                self.awaiting_stamp.push_back((self.next_id, *name));
                self.next_id = self.next_id.wrapping_add(1);
                flushed.left.push(*name);
            }
            from += sent;
            if result.is_err() {
                flushed.refused.push(self.waiting[from]);
                from += 1;
                let _ = self.socket.restart_tx_ids();
                self.next_id = 0;
                self.awaiting_stamp.clear();
            }
        }
        self.batch.clear();
        self.waiting.clear();
        flushed
    }

    /// Whose stamp this is.
    pub(super) fn claim(&mut self, stamp: TxStamp) -> Option<PacketName> {
        let at = self.awaiting_stamp.iter().position(|(id, _)| *id == stamp.id)?;
        self.awaiting_stamp.drain(..=at).next_back().map(|(_, name)| name)
    }
}

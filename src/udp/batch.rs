//! Batches of packets as one system call takes or gives them.

use std::net::SocketAddr;

use socket2::SockAddr;

/// Most packets per system call.
pub const BATCH: usize = 64;

/// Longest packet received, in bytes; a longer one is cut, which its reader notices by its own length fields.
pub const PACKET_BYTES_MAX: usize = 2048;

/// Room for one packet's control messages: stamps, class, TTL, drops, and on the error queue the extended error.
pub(super) const CONTROL_BYTES: usize = 256;

#[derive(Debug, Clone, Copy)]
#[repr(C, align(8))]
pub(super) struct Control(pub(super) [u8; CONTROL_BYTES]);

/// What the kernel says of one received packet.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Received {
    pub(super) length: usize,
    pub(super) from: Option<SocketAddr>,
    pub(super) stamp_ns: Option<i64>,
    pub(super) tos: Option<u8>,
    pub(super) ttl: Option<u8>,
    pub(super) overflow: Option<u32>,
    pub(super) tx_id: Option<u32>,
}

/// Reusable room for received packets.
#[derive(Debug)]
pub struct RecvBatch {
    pub(super) bytes: Box<[u8]>,
    pub(super) controls: Box<[Control]>,
    pub(super) received: Vec<Received>,
}

impl Default for RecvBatch {
    fn default() -> Self {
        Self {
            bytes: vec![0; BATCH * PACKET_BYTES_MAX].into(),
            controls: vec![Control([0; CONTROL_BYTES]); BATCH].into(),
            received: Vec::with_capacity(BATCH),
        }
    }
}

impl RecvBatch {
    /// The packets of the last receive call, in the order they arrived.
    pub fn packets(&self) -> impl Iterator<Item = Packet<'_>> {
        self.received.iter().zip(self.bytes.chunks_exact(PACKET_BYTES_MAX)).filter_map(|(received, bytes)| {
            Some(Packet {
                bytes: bytes.get(..received.length.min(PACKET_BYTES_MAX))?,
                from: received.from?,
                stamp_ns: received.stamp_ns,
                tos: received.tos.unwrap_or(0),
                ttl: received.ttl.unwrap_or(0),
                overflow: received.overflow.unwrap_or(0),
            })
        })
    }
}

/// One received packet.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// The UDP payload.
    pub bytes: &'a [u8],
    /// Who sent it.
    pub from: SocketAddr,
    /// The kernel's stamp, nanoseconds since 1970; `None` when the kernel gave none.
    pub stamp_ns: Option<i64>,
    /// Traffic class byte (DSCP and ECN); 0 when the system did not say.
    pub tos: u8,
    /// TTL or hop limit; 0 when the system did not say.
    pub ttl: u8,
    /// Packets this socket had no room for since it was opened, up to this packet.
    pub overflow: u32,
}

/// When the kernel handed a sent packet to the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TxStamp {
    /// The socket's counter of sent packets, from 0.
    pub id: u32,
    /// Nanoseconds since 1970.
    pub wall_ns: i64,
}

/// Packets to be sent by one call.
#[derive(Debug, Default)]
pub struct SendBatch {
    pub(super) bytes: Vec<u8>,
    pub(super) entries: Vec<Entry>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) to: SocketAddr,
    pub(super) address: SockAddr,
    pub(super) tos: u8,
}

impl SendBatch {
    /// Forgets all packets, keeping the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    /// How many packets wait.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a packet to `to` with a traffic class byte; `write` appends its payload.
    pub fn push(&mut self, to: SocketAddr, tos: u8, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.entries.push(Entry { start, end: self.bytes.len(), to, address: to.into(), tos });
    }

    /// Each packet's payload, for what must be written last.
    pub fn payloads_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        let mut rest = self.bytes.as_mut_slice();
        self.entries.iter().map(move |entry| {
            let (payload, after) = std::mem::take(&mut rest).split_at_mut(entry.end - entry.start);
            rest = after;
            payload
        })
    }
}

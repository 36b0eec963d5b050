//! STAMP test packets (RFC 8762, unauthenticated mode) with optional extensions (RFC 8972).
//!
//! Knows the layout of a probe and of its reply, so that any reflector of the RFC, and TWAMP-Light responders that
//! answer with 41 bytes or more, can be measured. Must not know who sends them, when, or what is concluded.

mod reply;
mod time;
pub mod tlv;

pub use reply::{ReplyFacts, SummaryFacts, set_reply_sent, write_reply};
pub use time::{ErrorEstimate, Ntp};

use tlv::Tlvs;

/// Length of a probe or reply without extensions, in bytes (RFC 8762 §4.2).
pub const BASE_BYTES: usize = 44;

/// Shortest reply accepted, in bytes: a TWAMP-Light responder ends after the sender's TTL (RFC 5357 §4.2.1).
pub const REPLY_BYTES_MIN: usize = 41;

/// The registered UDP port of STAMP and TWAMP-Light reflectors.
pub const PORT: u16 = 862;

/// Why bytes are no STAMP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotStamp {
    /// Fewer bytes than the base layout needs.
    #[error("{got} bytes, a STAMP packet has at least {least}")]
    Short {
        /// Bytes received.
        got: usize,
        /// Bytes needed.
        least: usize,
    },
}

/// A Session-Sender test packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe<'a> {
    /// The sender's sequence number.
    pub seq: u32,
    /// T1 as the sender's program stamped it.
    pub sent: Ntp,
    /// How good the sender says its clock is.
    pub error: ErrorEstimate,
    /// Session identifier (RFC 8972 §3); 0 when the sender has none.
    pub ssid: u16,
    /// Everything after the base packet: extensions or plain padding.
    pub tail: &'a [u8],
}

impl<'a> Probe<'a> {
    /// Reads a probe; at least [`BASE_BYTES`] are needed, so that the reply need not be longer than the probe.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, NotStamp> {
        let Some((base, tail)) = bytes.split_first_chunk::<BASE_BYTES>() else {
            return Err(NotStamp::Short { got: bytes.len(), least: BASE_BYTES });
        };
        Ok(Self {
            seq: be32(base, 0),
            sent: Ntp(be64(base, 4)),
            error: ErrorEstimate::from_bits(be16(base, 12)),
            ssid: be16(base, 14),
            tail,
        })
    }

    /// Appends the probe to `out`: the base packet, then the tail as it is.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.sent.0.to_be_bytes());
        out.extend_from_slice(&self.error.bits().to_be_bytes());
        out.extend_from_slice(&self.ssid.to_be_bytes());
        out.extend_from_slice(&[0; 28]);
        out.extend_from_slice(self.tail);
    }

    /// The extensions in the tail.
    pub fn tlvs(&self) -> Tlvs<'a> {
        Tlvs::new(self.tail)
    }
}

/// A Session-Reflector test packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply<'a> {
    /// The reflector's sequence number: its own count when stateful, the sender's number when stateless.
    pub seq: u32,
    /// T3, when the reply left the reflector.
    pub sent: Ntp,
    /// How good the reflector says its clock is.
    pub error: ErrorEstimate,
    /// Session identifier; 0 from reflectors that do not know RFC 8972.
    pub ssid: u16,
    /// T2, when the probe reached the reflector.
    pub received: Ntp,
    /// The probe's sequence number.
    pub probe_seq: u32,
    /// T1, copied from the probe.
    pub probe_sent: Ntp,
    /// The sender's own error estimate, copied from the probe.
    pub probe_error: ErrorEstimate,
    /// TTL or hop limit of the probe as it arrived.
    pub probe_ttl: u8,
    /// Everything after the base packet.
    pub tail: &'a [u8],
}

impl<'a> Reply<'a> {
    /// Reads a reply of at least [`REPLY_BYTES_MIN`] bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, NotStamp> {
        let Some((base, rest)) = bytes.split_first_chunk::<REPLY_BYTES_MIN>() else {
            return Err(NotStamp::Short { got: bytes.len(), least: REPLY_BYTES_MIN });
        };
        Ok(Self {
            seq: be32(base, 0),
            sent: Ntp(be64(base, 4)),
            error: ErrorEstimate::from_bits(be16(base, 12)),
            ssid: be16(base, 14),
            received: Ntp(be64(base, 16)),
            probe_seq: be32(base, 24),
            probe_sent: Ntp(be64(base, 28)),
            probe_error: ErrorEstimate::from_bits(be16(base, 36)),
            probe_ttl: base[40],
            tail: rest.get(BASE_BYTES - REPLY_BYTES_MIN..).unwrap_or(&[]),
        })
    }

    /// T2 in nanoseconds since 1970, in the format the error estimate names.
    pub fn received_ns(&self) -> i64 {
        self.error.to_unix_ns(self.received)
    }

    /// T3 in nanoseconds since 1970, in the format the error estimate names.
    pub fn sent_ns(&self) -> i64 {
        self.error.to_unix_ns(self.sent)
    }

    /// The extensions in the tail.
    pub fn tlvs(&self) -> Tlvs<'a> {
        Tlvs::new(self.tail)
    }
}

/// Big-endian reads at offsets that the caller knows to be inside; outside reads as zero so that it stays total.
fn be16(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_be_bytes)
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes)
}

fn be64(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_be_bytes)
}

#[cfg(test)]
mod tests;

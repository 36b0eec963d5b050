//! Packetisers: access units of one track in, RTP packets out; the reverse of [`super::depay`].
//!
//! Must not know when packets are sent.

use bytes::Bytes;

use super::coding::Coding;

/// Payload bytes that fit any path here: 1 500 less IPv6, UDP, RTP and a tunnel's share.
pub const PAYLOAD_BYTES: usize = 1200;

/// Cuts the access units of one track into packets.
#[derive(Debug, Clone)]
pub struct Pay {
    /// How the track is coded.
    pub coding: Coding,
    /// Payload type of every packet.
    pub payload_type: u8,
    /// Source of every packet.
    pub ssrc: u32,
    /// The next packet's sequence number.
    pub sequence: u16,
    /// Longest payload, bytes; at least 64.
    pub payload_bytes_max: usize,
}

impl Pay {
    /// A track with payloads of [`PAYLOAD_BYTES`].
    pub fn new(coding: Coding, payload_type: u8, ssrc: u32, sequence: u16) -> Self {
        Self { coding, payload_type, ssrc, sequence, payload_bytes_max: PAYLOAD_BYTES }
    }

    /// Appends the packets of one access unit (Annex B) or one frame of sound to `out`.
    pub fn push(&mut self, unit: &[u8], timestamp: u32, out: &mut Vec<Bytes>) {
        let _ = (unit, timestamp, out);
    }
}

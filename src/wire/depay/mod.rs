//! Depacketisers: RTP packets of one track in, access units out. H.264 (RFC 6184), H.265 (RFC 7798), AAC (RFC 3640),
//! Opus (RFC 7587), G.711 and G.722 (RFC 3551).
//!
//! Must not know when packets arrive. Packets are taken in the order they are handed in; what is missing damages the
//! access unit around it and nothing else.

use bytes::Bytes;

use super::coding::Coding;
use super::rtp::RtpPacket;

/// Longest access unit put together, in bytes; what is longer ends as damaged.
pub const UNIT_BYTES_MAX: usize = 4 << 20;

/// One coded picture (Annex B) or one frame of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessUnit {
    /// RTP timestamp.
    pub timestamp: u32,
    /// The whole of it: NAL units behind four-byte start codes, or a raw frame of sound.
    pub data: Bytes,
    /// Packets of it, or right before it, were lost, or its packets contradict each other.
    pub damaged: bool,
}

/// Puts the packets of one track together.
#[derive(Debug)]
pub struct Depay {
    coding: Coding,
}

impl Depay {
    /// For a track of this coding.
    pub fn new(coding: &Coding) -> Self {
        Self { coding: coding.clone() }
    }

    /// Takes the next packet; access units that it completes are appended to `out`: the one before when the timestamp
    /// changed without a marker, this one at its marker.
    pub fn push(&mut self, packet: &RtpPacket<'_>, out: &mut Vec<AccessUnit>) {
        let _ = (packet, out, &self.coding);
    }

    /// Ends what is begun, as when a source stops or changes.
    pub fn flush(&mut self, out: &mut Vec<AccessUnit>) {
        let _ = out;
    }
}

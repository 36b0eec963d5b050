//! Depacketisers: RTP packets of one track in, access units out. H.264 (RFC 6184), H.265 (RFC 7798), AAC (RFC 3640),
//! Opus (RFC 7587), G.711 and G.722 (RFC 3551).
//!
//! Must not know when packets arrive. Packets are taken in the order they are handed in; what is missing damages the
//! access unit around it and nothing else.

mod aac;
mod video;

use bytes::Bytes;

use super::coding::Coding;
use super::rtp::RtpPacket;
use crate::domain::stream::AudioCodec;
use aac::Aac;
use video::Video;

/// Longest access unit put together, in bytes; what is longer ends as damaged.
pub const UNIT_BYTES_MAX: usize = 4 << 20;

/// One coded picture (Annex B) or one frame of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessUnit {
    /// RTP timestamp.
    pub timestamp: u32,
    /// The whole of it: NAL units behind four-byte start codes, or a raw frame of sound.
    pub data: Bytes,
    /// Something of it is missing or contradicts itself. Units that are not whole have been left out.
    pub damaged: bool,
    /// Packets are missing right before it: the end of the access unit before, whole ones, or its own first units.
    pub gap_before: bool,
}

/// Puts the packets of one track together.
#[derive(Debug)]
pub struct Depay {
    track: Track,
    /// Source and sequence number of the packet taken last.
    last: Option<(u32, u16)>,
}

#[derive(Debug)]
enum Track {
    Video(Video),
    Aac(Aac),
    /// A packet is a frame.
    Whole {
        gap: bool,
    },
}

/// How a packet follows the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follows {
    /// At once, or as the first of all.
    Closely,
    /// After some that are missing.
    Gap,
    /// It should have come before: of no use any more.
    Late,
}

impl Depay {
    /// For a track of this coding.
    pub fn new(coding: &Coding) -> Self {
        let track = match coding {
            Coding::Video(codec) => Track::Video(Video::new(*codec)),
            Coding::Audio(format) => match format.codec {
                AudioCodec::Aac => Track::Aac(Aac::default()),
                AudioCodec::Opus | AudioCodec::Pcma | AudioCodec::Pcmu | AudioCodec::G722 => {
                    Track::Whole { gap: false }
                }
            },
        };
        Self { track, last: None }
    }

    /// Takes the next packet; access units that it completes are appended to `out`: the one before when the timestamp
    /// changed without a marker, this one at its marker.
    pub fn push(&mut self, packet: &RtpPacket<'_>, out: &mut Vec<AccessUnit>) {
        let follows = self.follows(packet);
        if follows == Follows::Late {
            return;
        }
        self.last = Some((packet.ssrc, packet.sequence));
        let gap = follows == Follows::Gap;
        match &mut self.track {
            Track::Video(video) => video.push(packet, gap, out),
            Track::Aac(aac) => aac.push(packet, gap, out),
            Track::Whole { gap: before } => {
                *before |= gap;
                if !packet.payload.is_empty() {
                    let data = Bytes::copy_from_slice(packet.payload);
                    let gap_before = std::mem::take(before);
                    out.push(AccessUnit { timestamp: packet.timestamp, data, damaged: false, gap_before });
                }
            }
        }
    }

    /// Ends what is begun, as when a source stops or changes.
    pub fn flush(&mut self, out: &mut Vec<AccessUnit>) {
        self.last = None;
        match &mut self.track {
            Track::Video(video) => video.end(out),
            Track::Aac(aac) => aac.drop_fragment(),
            Track::Whole { gap } => *gap = false,
        }
    }

    fn follows(&self, packet: &RtpPacket<'_>) -> Follows {
        /// A packet this little behind came late; farther, the sender began anew (RFC 3550 A.1).
        const LATE_MAX: u16 = 100;
        let Some((ssrc, sequence)) = self.last else { return Follows::Closely };
        let ahead = packet.sequence.wrapping_sub(sequence);
        match ahead {
            _ if ssrc != packet.ssrc => Follows::Gap,
            1 => Follows::Closely,
            _ if ahead.wrapping_neg() <= LATE_MAX => Follows::Late,
            _ => Follows::Gap,
        }
    }
}

#[cfg(test)]
mod tests;

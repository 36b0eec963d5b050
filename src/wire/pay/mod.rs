//! Packetisers: access units of one track in, RTP packets out; the reverse of [`super::depay`].
//!
//! Must not know when packets are sent.

use bytes::{BufMut, Bytes, BytesMut};

use super::coding::Coding;
use super::nal;
use crate::domain::stream::{AudioCodec, VideoCodec};

/// Payload bytes that fit any path here: 1 500 less IPv6, UDP, RTP and a tunnel's share.
pub const PAYLOAD_BYTES: usize = 1200;

/// Shortest limit that is kept: heads of fragments need some.
const PAYLOAD_BYTES_MIN: usize = 64;

/// Longest AAC frame that a header of 13 bits can say.
const AAC_BYTES_MAX: usize = 0x1fff;

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

/// Bytes of a payload in up to two pieces, so that the coded samples are copied once.
#[derive(Debug, Clone, Copy)]
struct Piece<'a> {
    head: &'a [u8],
    data: &'a [u8],
}

impl Pay {
    /// A track with payloads of [`PAYLOAD_BYTES`].
    pub fn new(coding: Coding, payload_type: u8, ssrc: u32, sequence: u16) -> Self {
        Self { coding, payload_type, ssrc, sequence, payload_bytes_max: PAYLOAD_BYTES }
    }

    /// Appends the packets of one access unit (Annex B) or one frame of sound to `out`. A frame of sound that no packet
    /// can say, an AAC frame of more than 8 191 bytes or nothing at all, gives no packet.
    pub fn push(&mut self, unit: &[u8], timestamp: u32, out: &mut Vec<Bytes>) {
        match &self.coding {
            Coding::Video(codec) => self.video(*codec, unit, timestamp, out),
            Coding::Audio(format) => match format.codec {
                AudioCodec::Aac => self.aac(unit, timestamp, out),
                AudioCodec::Opus | AudioCodec::Pcma | AudioCodec::Pcmu | AudioCodec::G722 => {
                    if !unit.is_empty() {
                        let piece = Piece { head: &[], data: unit };
                        out.push(self.packet(piece, timestamp, false));
                    }
                }
            },
        }
    }

    fn video(&mut self, codec: VideoCodec, access_unit: &[u8], timestamp: u32, out: &mut Vec<Bytes>) {
        let mut units = nal::annex_b(access_unit).peekable();
        while let Some(unit) = units.next() {
            let last = units.peek().is_none();
            if unit.len() <= self.limit() {
                out.push(self.packet(Piece { head: &[], data: unit }, timestamp, last));
            } else {
                self.fragments(codec, unit, (timestamp, last), out);
            }
        }
    }

    /// FU-A (RFC 6184 §5.8) or FU (RFC 7798 §4.4.3).
    fn fragments(
        &mut self,
        codec: VideoCodec,
        unit: &[u8],
        (timestamp, last): (u32, bool),
        out: &mut Vec<Bytes>,
    ) {
        let (indicator, kind, unit_head) = match codec {
            VideoCodec::H264 => ([unit[0] & 0xe0 | 28, 0], unit[0] & 0x1f, 1),
            VideoCodec::H265 => ([unit[0] & 0x81 | 49 << 1, unit[1]], unit[0] >> 1 & 0x3f, 2),
        };
        let data = &unit[unit_head..];
        let pieces = data.len().div_ceil(self.limit() - unit_head - 1);
        // Pieces of one size rather than full ones and a small rest.
        let size = data.len().div_ceil(pieces);
        for (place, data) in data.chunks(size).enumerate() {
            let (start, end) = (place == 0, (place + 1) * size >= unit.len() - unit_head);
            let flags = u8::from(start) << 7 | u8::from(end) << 6 | kind;
            let head = [indicator[0], if unit_head == 1 { flags } else { indicator[1] }, flags];
            let piece = Piece { head: &head[..=unit_head], data };
            out.push(self.packet(piece, timestamp, last && end));
        }
    }

    /// AAC-hbr (RFC 3640 §3.3.6), one frame a packet or a frame in several.
    fn aac(&mut self, frame: &[u8], timestamp: u32, out: &mut Vec<Bytes>) {
        if frame.is_empty() || frame.len() > AAC_BYTES_MAX {
            return;
        }
        let length = ((frame.len() as u16) << 3).to_be_bytes();
        let head = [0, 16, length[0], length[1]];
        let mut pieces = frame.chunks(self.limit() - head.len()).peekable();
        while let Some(data) = pieces.next() {
            let last = pieces.peek().is_none();
            out.push(self.packet(Piece { head: &head, data }, timestamp, last));
        }
    }

    fn packet(&mut self, piece: Piece<'_>, timestamp: u32, marker: bool) -> Bytes {
        let mut packet = BytesMut::with_capacity(12 + piece.head.len() + piece.data.len());
        packet.put_u8(0x80);
        packet.put_u8(u8::from(marker) << 7 | self.payload_type & 0x7f);
        packet.put_u16(self.sequence);
        packet.put_u32(timestamp);
        packet.put_u32(self.ssrc);
        packet.put_slice(piece.head);
        packet.put_slice(piece.data);
        self.sequence = self.sequence.wrapping_add(1);
        packet.freeze()
    }

    fn limit(&self) -> usize {
        self.payload_bytes_max.max(PAYLOAD_BYTES_MIN)
    }
}

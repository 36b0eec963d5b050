//! Pictures out of single units, aggregates and fragments (RFC 6184 §5, RFC 7798 §4.4), without interleaving.

use bytes::{BufMut, BytesMut};

use super::{AccessUnit, UNIT_BYTES_MAX};
use crate::domain::stream::VideoCodec;
use crate::wire::nal::{START_CODE, UnitKind, unit_kind};
use crate::wire::rtp::RtpPacket;

/// How much memory is taken at once: a few access units of a usual stream share it.
const CHUNK_BYTES: usize = 64 << 10;

/// The access unit that is being put together.
#[derive(Debug)]
pub(super) struct Video {
    codec: VideoCodec,
    data: BytesMut,
    timestamp: u32,
    damaged: bool,
    gap_before: bool,
    /// Where a fragmented unit begins in `data`, its start code included.
    fragment: Option<usize>,
    has_slice: bool,
}

/// What one payload carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Payload<'a> {
    Single(&'a [u8]),
    /// Units behind lengths of 16 bits.
    Aggregate(&'a [u8]),
    Fragment {
        head: [u8; 2],
        head_bytes: usize,
        start: bool,
        end: bool,
        data: &'a [u8],
    },
    /// Nothing that is known here.
    Unknown,
}

impl Video {
    pub(super) fn new(codec: VideoCodec) -> Self {
        Self {
            codec,
            data: BytesMut::new(),
            timestamp: 0,
            damaged: false,
            gap_before: false,
            fragment: None,
            has_slice: false,
        }
    }

    /// Takes a packet; `gap` says that some before it are missing.
    pub(super) fn push(&mut self, packet: &RtpPacket<'_>, gap: bool, out: &mut Vec<AccessUnit>) {
        if packet.timestamp != self.timestamp {
            self.change(packet.timestamp, gap, out);
        } else if gap {
            self.lose();
        }
        match Payload::read(self.codec, packet.payload) {
            Payload::Single(unit) => self.single(unit),
            Payload::Aggregate(units) => self.aggregate(units),
            Payload::Fragment { head, head_bytes, start, end, data } => {
                if start {
                    self.begin_fragment(&head[..head_bytes]);
                }
                self.continue_fragment(data, end);
            }
            Payload::Unknown => self.damaged |= !packet.payload.is_empty(),
        }
        // Some senders mark their parameter sets too; the picture is still to come.
        if packet.marker && self.has_slice {
            self.end(out);
        }
    }

    /// Ends the access unit that is begun.
    pub(super) fn end(&mut self, out: &mut Vec<AccessUnit>) {
        self.drop_fragment();
        let (damaged, gap_before) = (self.damaged, self.gap_before);
        (self.damaged, self.has_slice) = (false, false);
        // Of a picture of which nothing whole has come, the next one says that something is missing.
        self.gap_before = self.data.is_empty() && (damaged || gap_before);
        if !self.data.is_empty() {
            let data = self.data.split().freeze();
            out.push(AccessUnit { timestamp: self.timestamp, data, damaged, gap_before });
        }
    }

    /// Another timestamp without a marker before: the picture before is over, but parameter sets alone wait for theirs.
    fn change(&mut self, timestamp: u32, gap: bool, out: &mut Vec<AccessUnit>) {
        let open = self.fragment.is_some() || self.has_slice || self.damaged;
        if open {
            self.damaged |= gap;
            self.end(out);
        }
        self.timestamp = timestamp;
        self.gap_before |= gap;
    }

    fn lose(&mut self) {
        let begun = !self.data.is_empty() || self.damaged || self.gap_before;
        self.drop_fragment();
        // After a marker the packets of the same timestamp are of the next access unit.
        if begun {
            self.damaged = true;
        } else {
            self.gap_before = true;
        }
    }

    fn single(&mut self, unit: &[u8]) {
        self.drop_fragment();
        if self.has_room(unit.len()) {
            self.note(unit);
            self.data.put_slice(&START_CODE);
            self.data.put_slice(unit);
        }
    }

    fn aggregate(&mut self, units: &[u8]) {
        let mut rest = units;
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*length));
            let Some((unit, after)) = after.split_at_checked(length) else { break };
            rest = after;
            if !unit.is_empty() {
                self.single(unit);
            }
        }
        self.damaged |= !rest.is_empty();
    }

    fn begin_fragment(&mut self, head: &[u8]) {
        self.drop_fragment();
        if self.has_room(head.len()) {
            self.fragment = Some(self.data.len());
            self.data.put_slice(&START_CODE);
            self.data.put_slice(head);
        }
    }

    fn continue_fragment(&mut self, data: &[u8], end: bool) {
        let Some(start) = self.fragment else {
            self.damaged = true;
            return;
        };
        if !self.has_room(data.len()) {
            self.drop_fragment();
            return;
        }
        self.data.put_slice(data);
        if end {
            self.fragment = None;
            let head = start + START_CODE.len();
            let kind = unit_kind(self.codec, &self.data[head..]);
            self.has_slice |= kind == UnitKind::Slice;
        }
    }

    /// Leaves out a unit that did not come to its end.
    fn drop_fragment(&mut self) {
        if let Some(start) = self.fragment.take() {
            self.data.truncate(start);
            self.damaged = true;
            self.has_slice = true;
        }
    }

    fn has_room(&mut self, more: usize) -> bool {
        let needed = START_CODE.len() + more;
        if self.data.len() + needed > UNIT_BYTES_MAX {
            self.damaged = true;
            return false;
        }
        if self.data.capacity() - self.data.len() < needed {
            self.data.reserve(needed.max(CHUNK_BYTES));
        }
        true
    }

    fn note(&mut self, unit: &[u8]) {
        // The forbidden bit says that the network knows of damage.
        self.damaged |= unit[0] & 0x80 != 0;
        self.has_slice |= unit_kind(self.codec, unit) == UnitKind::Slice;
    }
}

impl<'a> Payload<'a> {
    fn read(codec: VideoCodec, payload: &'a [u8]) -> Self {
        match codec {
            VideoCodec::H264 => Self::h264(payload),
            VideoCodec::H265 => Self::h265(payload),
        }
    }

    fn h264(payload: &'a [u8]) -> Self {
        let Some(first) = payload.first() else { return Self::Unknown };
        match (first & 0x1f, payload) {
            (1..=23, _) => Self::Single(payload),
            (24, [_, units @ ..]) => Self::Aggregate(units),
            (28, [_, fragment, data @ ..]) => Self::Fragment {
                head: [first & 0xe0 | fragment & 0x1f, 0],
                head_bytes: 1,
                start: fragment & 0x80 != 0,
                end: fragment & 0x40 != 0,
                data,
            },
            (_, _) => Self::Unknown,
        }
    }

    fn h265(payload: &'a [u8]) -> Self {
        let [first, second, rest @ ..] = payload else { return Self::Unknown };
        match (first >> 1 & 0x3f, rest) {
            (0..=47, _) => Self::Single(payload),
            (48, units) => Self::Aggregate(units),
            (49, [fragment, data @ ..]) => Self::Fragment {
                head: [first & 0x81 | (fragment & 0x3f) << 1, *second],
                head_bytes: 2,
                start: fragment & 0x80 != 0,
                end: fragment & 0x40 != 0,
                data,
            },
            (_, _) => Self::Unknown,
        }
    }
}

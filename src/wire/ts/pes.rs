//! PES packets (ISO/IEC 13818-1 §2.4.3.6) of one PID, put together.

use bytes::{BufMut, Bytes, BytesMut};

use crate::wire::depay::UNIT_BYTES_MAX;

/// How much memory is taken at once; a few access units share it.
const CHUNK_BYTES: usize = 64 << 10;

/// The packet that is being put together.
#[derive(Debug, Default)]
pub(super) struct Pes {
    open: Option<Times>,
    data: BytesMut,
    /// Bytes still to come; `None` when the head does not say.
    left: Option<usize>,
    damaged: bool,
    random_access: bool,
}

/// Whether a packet without a time of its own goes on with the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joins {
    Yes,
    No,
}

/// When a packet's content is shown and decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Times {
    pub(super) pts: Option<u64>,
    pub(super) dts: Option<u64>,
}

/// A packet's content.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) times: Times,
    pub(super) data: Bytes,
    pub(super) damaged: bool,
    pub(super) random_access: bool,
}

/// A head: its times, how many bytes of content it announces, and the first of them.
struct Head<'a> {
    times: Times,
    length: Option<usize>,
    content: &'a [u8],
}

impl Pes {
    /// Takes a payload in which a packet begins; gives the one before. Where packets join, one without a time of its own
    /// goes on with the one before: encoders cut long pictures so.
    pub(super) fn begin(&mut self, payload: &[u8], joins: Joins) -> Option<Content> {
        let joins = joins == Joins::Yes;
        let Some(head) = Head::parse(payload) else {
            let ended = self.end();
            self.damaged = true;
            return ended;
        };
        let goes_on = |open: Times| head.times.pts.is_none() || head.times.pts == open.pts;
        if joins && self.open.is_some_and(goes_on) {
            self.append(head.content);
            return None;
        }
        let ended = self.end();
        self.open = Some(head.times);
        self.left = head.length.filter(|_| !joins);
        self.append(head.content);
        ended
    }

    /// Takes a payload in which nothing begins.
    pub(super) fn append(&mut self, payload: &[u8]) {
        if self.open.is_none() {
            return;
        }
        let wanted = payload.len().min(self.left.unwrap_or(usize::MAX));
        self.left = self.left.map(|left| left - wanted);
        if self.data.len() + wanted > UNIT_BYTES_MAX {
            self.damaged = true;
            return;
        }
        if self.data.capacity() - self.data.len() < wanted {
            self.data.reserve(wanted.max(CHUNK_BYTES));
        }
        self.data.put_slice(&payload[..wanted]);
    }

    /// Whether all announced bytes have come.
    pub(super) fn is_whole(&self) -> bool {
        self.left == Some(0)
    }

    /// Decoding can begin with the packet that has just begun.
    pub(super) fn mark_random_access(&mut self) {
        self.random_access = true;
    }

    /// Packets are missing.
    pub(super) fn lose(&mut self) {
        self.damaged = true;
    }

    /// Ends the packet that is begun.
    pub(super) fn end(&mut self) -> Option<Content> {
        let times = self.open.take()?;
        let short = self.left.take().is_some_and(|left| left > 0);
        let damaged = std::mem::take(&mut self.damaged) || short;
        let data = self.data.split().freeze();
        let random_access = std::mem::take(&mut self.random_access);
        (!data.is_empty()).then_some(Content { times, data, damaged, random_access })
    }
}

impl<'a> Head<'a> {
    fn parse(payload: &'a [u8]) -> Option<Self> {
        let [0, 0, 1, _, high, low, marks, flags, head_bytes, rest @ ..] = payload else { return None };
        if marks >> 6 != 2 {
            return None;
        }
        let (fields, content) = rest.split_at_checked(usize::from(*head_bytes))?;
        let time = |at: usize| fields.get(at..at + 5).and_then(timestamp);
        let pts = if flags & 0x80 == 0 { None } else { time(0) };
        let dts = if flags & 0xc0 == 0xc0 { time(5) } else { None };
        let announced = usize::from(u16::from_be_bytes([*high, *low]));
        let length = announced.checked_sub(3 + fields.len());
        Some(Self { times: Times { pts, dts }, length: length.filter(|length| *length > 0), content })
    }
}

/// 33 bits in five bytes with marker bits between.
fn timestamp(bytes: &[u8]) -> Option<u64> {
    let [a, b, c, d, e] = *bytes else { return None };
    let part = |byte: u8, shift: u32| u64::from(byte) << shift;
    Some(part(a >> 1 & 7, 30) | part(b, 22) | part(c >> 1, 15) | part(d, 7) | part(e >> 1, 0))
}

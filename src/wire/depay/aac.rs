//! AAC frames out of `mpeg4-generic` packets in the mode AAC-hbr (RFC 3640 §3.3.6): headers of 16 bits, each with a
//! length of 13; several frames a packet, or a frame in several packets.

use bytes::{Bytes, BytesMut};

use super::AccessUnit;
use crate::wire::rtp::RtpPacket;

/// Samples of a frame, which is by how much each frame of a packet is later than the one before.
const FRAME_SAMPLES: u32 = 1024;

/// A frame that came in part.
#[derive(Debug, Default)]
pub(super) struct Aac {
    fragment: Option<Fragment>,
    gap_before: bool,
}

#[derive(Debug)]
struct Fragment {
    timestamp: u32,
    length: usize,
    data: BytesMut,
}

impl Aac {
    /// Takes a packet; `gap` says that some before it are missing.
    pub(super) fn push(&mut self, packet: &RtpPacket<'_>, gap: bool, out: &mut Vec<AccessUnit>) {
        if gap {
            self.drop_fragment();
            self.gap_before = true;
        }
        let Some((heads, data)) = split(packet.payload) else {
            self.drop_fragment();
            return;
        };
        match heads {
            [head] if length(*head) > data.len() => self.part(length(*head), data, packet, out),
            _ => self.whole(heads, data, packet.timestamp, out),
        }
    }

    /// Leaves out a frame that did not come to its end.
    pub(super) fn drop_fragment(&mut self) {
        self.gap_before |= self.fragment.take().is_some();
    }

    fn whole(&mut self, heads: &[[u8; 2]], data: &[u8], timestamp: u32, out: &mut Vec<AccessUnit>) {
        self.drop_fragment();
        let mut rest = data;
        for (place, head) in heads.iter().enumerate() {
            let Some((frame, after)) = rest.split_at_checked(length(*head)) else {
                self.gap_before = true;
                return;
            };
            rest = after;
            let timestamp = timestamp.wrapping_add(FRAME_SAMPLES.wrapping_mul(place as u32));
            self.emit(timestamp, Bytes::copy_from_slice(frame), out);
        }
    }

    fn part(&mut self, length: usize, data: &[u8], packet: &RtpPacket<'_>, out: &mut Vec<AccessUnit>) {
        let goes_on = |open: &Fragment| open.timestamp == packet.timestamp && open.length == length;
        let mut fragment = match self.fragment.take() {
            Some(open) if goes_on(&open) => open,
            stale => {
                self.gap_before |= stale.is_some();
                Fragment { timestamp: packet.timestamp, length, data: BytesMut::with_capacity(length) }
            }
        };
        fragment.data.extend_from_slice(data);
        if fragment.data.len() < length && !packet.marker {
            self.fragment = Some(fragment);
        } else if fragment.data.len() == length {
            self.emit(fragment.timestamp, fragment.data.freeze(), out);
        } else {
            self.gap_before = true;
        }
    }

    fn emit(&mut self, timestamp: u32, data: Bytes, out: &mut Vec<AccessUnit>) {
        if !data.is_empty() {
            let gap_before = std::mem::take(&mut self.gap_before);
            out.push(AccessUnit { timestamp, data, damaged: false, gap_before });
        }
    }
}

/// The headers and the frames behind them.
fn split(payload: &[u8]) -> Option<(&[[u8; 2]], &[u8])> {
    let (bits, rest) = payload.split_first_chunk::<2>()?;
    let bits = usize::from(u16::from_be_bytes(*bits));
    let (heads, data) = rest.split_at_checked(bits.div_ceil(8))?;
    let (heads, odd) = heads.as_chunks::<2>();
    (bits > 0 && odd.is_empty()).then_some((heads, data))
}

fn length(head: [u8; 2]) -> usize {
    usize::from(u16::from_be_bytes(head) >> 3)
}

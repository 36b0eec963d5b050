//! The packets a sender writes: test probes with their extensions, and closing probes that ask what the reflector
//! remembers.

use crate::udp::pacer::Train;
use crate::wire::stamp::tlv::{
    self, CLASS_OF_SERVICE, CLASS_OF_SERVICE_BYTES, ClassOfService, EXTRA_PADDING, FOLLOW_UP,
    FOLLOW_UP_BYTES, HEAD_BYTES, SUMMARY_FIXED_BYTES,
};
use crate::wire::stamp::{BASE_BYTES, ErrorEstimate, Ntp, Probe};

use super::collector::CLOSING_GAP;

/// Bitmap bytes that one closing probe asks for: with all else it stays below 576 bytes, which every line carries.
const BITMAP_BYTES_MAX: usize = 448;

/// Test probes of one run.
#[derive(Debug)]
pub(super) struct Probes {
    ssid: u16,
    tail: Vec<u8>,
}

impl Probes {
    /// Probes of `payload_bytes`, or of the least length if that is less. Extensions take their room from it in the
    /// order of their worth: class of service, follow-up, padding.
    pub(super) fn new(ssid: u16, payload_bytes: usize, dscp: u8) -> Self {
        let room = payload_bytes.saturating_sub(BASE_BYTES);
        let mut tail = Vec::with_capacity(room);
        if room >= CLASS_OF_SERVICE_BYTES {
            let wanted = ClassOfService { wanted_dscp: dscp, seen_dscp: 0, seen_ecn: 0, reverse_path: 0 };
            tlv::append(&mut tail, CLASS_OF_SERVICE, &wanted.bytes());
        }
        if room - tail.len() >= FOLLOW_UP_BYTES {
            tlv::append(&mut tail, FOLLOW_UP, &[0; FOLLOW_UP_BYTES - HEAD_BYTES]);
        }
        if room - tail.len() >= HEAD_BYTES {
            let padding = vec![0; room - tail.len() - HEAD_BYTES];
            tlv::append(&mut tail, EXTRA_PADDING, &padding);
        }
        tail.resize(room, 0);
        Self { ssid, tail }
    }
}

impl Train for Probes {
    fn write(&mut self, seq: u32, wall_ns: i64, out: &mut Vec<u8>) {
        write(seq, self.ssid, wall_ns, &self.tail, out);
    }
}

/// Closing probes of one run.
#[derive(Debug)]
pub(super) struct Closings {
    ssid: u16,
    /// Packets planned: closing numbers begin beyond them.
    planned: u32,
    /// Packets sent: so many are asked for.
    sent: u32,
}

impl Closings {
    pub(super) fn new(ssid: u16, planned: u32, sent: u32) -> Self {
        Self { ssid, planned, sent }
    }
}

impl Train for Closings {
    fn write(&mut self, seq: u32, wall_ns: i64, out: &mut Vec<u8>) {
        let bytes = (self.sent as usize).div_ceil(8);
        let parts = bytes.div_ceil(BITMAP_BYTES_MAX).max(1);
        let from = seq as usize % parts * BITMAP_BYTES_MAX;
        let mut tail =
            Vec::with_capacity(FOLLOW_UP_BYTES + HEAD_BYTES + SUMMARY_FIXED_BYTES + BITMAP_BYTES_MAX);
        tlv::append(&mut tail, FOLLOW_UP, &[0; FOLLOW_UP_BYTES - HEAD_BYTES]);
        tlv::append_summary_request(&mut tail, from as u32 * 8, (bytes - from).min(BITMAP_BYTES_MAX));
        write(self.planned + CLOSING_GAP + seq, self.ssid, wall_ns, &tail, out);
    }
}

fn write(seq: u32, ssid: u16, wall_ns: i64, tail: &[u8], out: &mut Vec<u8>) {
    let sent = Ntp::from_unix_ns(wall_ns);
    Probe { seq, sent, error: ErrorEstimate::UNSYNCHRONISED, ssid, tail }.write(out);
}

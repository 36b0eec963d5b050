//! What a reflector remembers: per session each packet number, per source how fast it sends. All of it bounded.

use std::collections::VecDeque;

use crate::wire::stamp::tlv::FollowUp;
use crate::wire::stamp::{Ntp, SummaryFacts};

/// Packet numbers remembered per session, from 0; higher ones are answered and counted, not remembered one by one.
const REMEMBERED_MAX: u32 = 65_536;

/// Kernel times of replies that still wait to be told.
const FOLLOW_UPS_MAX: usize = 16;

/// From linux/timestamping: stamped by the system's software (RFC 8972 §4.7, method 2).
const METHOD_SOFTWARE: u8 = 2;

/// One sender's session.
#[derive(Debug, Default)]
pub(super) struct SessionMemory {
    received: u32,
    duplicates: u32,
    reordered: u32,
    limited: u32,
    replies: u32,
    highest: Option<u32>,
    bitmap: Vec<u8>,
    follow_ups: VecDeque<FollowUp>,
    /// When it was last heard of, nanoseconds.
    pub(super) heard_ns: i64,
}

impl SessionMemory {
    /// Notes a test probe.
    pub(super) fn note(&mut self, seq: u32) {
        self.received = self.received.wrapping_add(1);
        if self.already(seq) {
            self.duplicates += 1;
        } else if self.highest.is_some_and(|highest| seq < highest) {
            self.reordered += 1;
        }
        self.highest = self.highest.max(Some(seq));
    }

    /// Notes a probe that goes unanswered.
    pub(super) fn note_limited(&mut self) {
        self.limited += 1;
    }

    /// The number of the next reply, which this call takes.
    pub(super) fn take_number(&mut self) -> u32 {
        self.replies += 1;
        self.replies - 1
    }

    /// The number of the next reply.
    pub(super) fn next_number(&self) -> u32 {
        self.replies
    }

    /// Notes when a reply really left.
    pub(super) fn note_left(&mut self, seq: u32, wall_ns: i64) {
        if self.follow_ups.len() == FOLLOW_UPS_MAX {
            self.follow_ups.pop_front();
        }
        let sent = Ntp::from_unix_ns(wall_ns);
        self.follow_ups.push_back(FollowUp { seq, sent, method: METHOD_SOFTWARE });
    }

    /// The next such time that has not been told.
    pub(super) fn take_follow_up(&mut self) -> Option<FollowUp> {
        self.follow_ups.pop_front()
    }

    /// Everything, for a closing probe.
    pub(super) fn summary(&self) -> SummaryFacts<'_> {
        SummaryFacts {
            received: self.received,
            duplicates: self.duplicates,
            reordered: self.reordered,
            limited: self.limited,
            replies: self.replies,
            bitmap: &self.bitmap,
        }
    }

    /// Sets the number's bit; gives whether it was set before.
    fn already(&mut self, seq: u32) -> bool {
        if seq >= REMEMBERED_MAX {
            return false;
        }
        let (byte, bit) = (seq as usize / 8, 1 << (seq % 8));
        if self.bitmap.len() <= byte {
            self.bitmap.resize(byte + 1, 0);
        }
        let before = self.bitmap[byte] & bit != 0;
        self.bitmap[byte] |= bit;
        before
    }
}

/// Tokens of one source: filled at a steady rate up to a fifth of a second's worth.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    tokens: f64,
    at_ns: i64,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(rate: u32, at_ns: i64) -> Self {
        Self { tokens: Self::depth(rate), at_ns }
    }

    /// Takes a token if there is one at that moment. A clock that goes back adds nothing.
    pub(super) fn take(&mut self, rate: u32, at_ns: i64) -> bool {
        let passed_s = (at_ns - self.at_ns).max(0) as f64 / 1e9;
        self.tokens = (self.tokens + passed_s * f64::from(rate)).min(Self::depth(rate));
        self.at_ns = at_ns;
        let granted = self.tokens >= 1.0;
        self.tokens -= if granted { 1.0 } else { 0.0 };
        granted
    }

    /// When it was last asked.
    pub(super) fn asked_ns(&self) -> i64 {
        self.at_ns
    }

    fn depth(rate: u32) -> f64 {
        (f64::from(rate) / 5.0).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_counts_copies_and_late_packets_apart() {
        let mut session = SessionMemory::default();
        for seq in [0, 2, 1, 1, 5, 4, 4, 2] {
            session.note(seq);
        }
        let summary = session.summary();
        assert_eq!((summary.received, summary.duplicates, summary.reordered), (8, 3, 2));
        assert_eq!(summary.bitmap, [0b11_0111]);
    }

    #[test]
    fn memory_is_bounded_whatever_number_comes() {
        let mut session = SessionMemory::default();
        for seq in [u32::MAX, REMEMBERED_MAX, REMEMBERED_MAX - 1] {
            session.note(seq);
        }
        assert_eq!(session.summary().bitmap.len(), REMEMBERED_MAX as usize / 8);
        (0..100).for_each(|seq| session.note_left(seq, 1));
        assert_eq!(session.follow_ups.len(), FOLLOW_UPS_MAX);
    }

    #[test]
    fn a_bucket_grants_its_rate_and_a_fifth_of_a_second_at_once() {
        let mut bucket = Bucket::new(100, 0);
        let at_once = (0..50).filter(|_| bucket.take(100, 0)).count();
        let in_a_second = (1..=1000).filter(|ms| bucket.take(100, ms * 1_000_000)).count();
        assert_eq!(at_once, 20);
        assert!((99..=100).contains(&in_a_second), "{in_a_second}");
    }
}

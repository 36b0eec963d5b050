//! Puts packets that came a little out of order back into order. Loss is counted before this, by sequence numbers; here
//! it only decides how long a late packet is waited for.

use bytes::Bytes;

use crate::domain::time::Mono;
use crate::wire::rtp::Arrival;

/// Most packets held back for one that is missing.
const HELD_MAX: usize = 32;

/// Longest wait for a missing packet, microseconds.
const WAIT_US: u64 = 60_000;

/// Holds packets after a gap until the gap is filled or given up.
#[derive(Debug)]
pub(super) struct Sequencer {
    next: u16,
    /// Sorted by distance from `next`.
    held: Vec<Held>,
    /// Without waiting, every gap is given up at once: the protocol below keeps order.
    waits: bool,
}

#[derive(Debug)]
struct Held {
    sequence: u16,
    at: Mono,
    raw: Bytes,
}

/// What to do with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is its turn; then ask for [`Sequencer::released`].
    Now,
    /// It waits, or is of no use. Ask for [`Sequencer::released`].
    Later,
}

impl Sequencer {
    pub(super) fn new(waits: bool) -> Self {
        Self { next: 0, held: Vec::new(), waits }
    }

    /// Decides on a packet that arrived as `arrival` says.
    pub(super) fn turn(&mut self, arrival: Arrival, sequence: u16, raw: &[u8], at: Mono) -> Turn {
        match arrival {
            Arrival::First | Arrival::Restarted => {
                self.held.clear();
                self.next = sequence.wrapping_add(1);
                Turn::Now
            }
            Arrival::Duplicate | Arrival::Stray => Turn::Later,
            Arrival::Next | Arrival::Gap { .. } | Arrival::Late => self.place(sequence, raw, at),
        }
    }

    /// The next held packet whose turn has come; asked until there is none.
    pub(super) fn released(&mut self, now: Mono) -> Option<(Bytes, Mono)> {
        let first = self.held.first()?;
        let gives_up = self.held.len() >= HELD_MAX || now.since(first.at).0 >= WAIT_US;
        if first.sequence != self.next && !gives_up {
            return None;
        }
        let first = self.held.remove(0);
        self.next = first.sequence.wrapping_add(1);
        Some((first.raw, first.at))
    }

    fn place(&mut self, sequence: u16, raw: &[u8], at: Mono) -> Turn {
        let ahead = sequence.wrapping_sub(self.next);
        if ahead == 0 || !self.waits {
            self.next = sequence.wrapping_add(1);
            return Turn::Now;
        }
        if ahead < 0x8000 {
            let distance = |held: &Held| held.sequence.wrapping_sub(self.next);
            let slot = self.held.partition_point(|held| distance(held) < ahead);
            self.held.insert(slot, Held { sequence, at, raw: Bytes::copy_from_slice(raw) });
        }
        Turn::Later
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Arrival::{First, Gap, Late, Next};

    /// Runs packets (arrival, sequence, ms) and gives the order in which they came out.
    fn order(packets: &[(Arrival, u16, u64)]) -> Vec<u16> {
        let mut sequencer = Sequencer::new(true);
        let mut out = Vec::new();
        for &(arrival, sequence, ms) in packets {
            let at = Mono(ms * 1000);
            if sequencer.turn(arrival, sequence, &sequence.to_be_bytes(), at) == Turn::Now {
                out.push(sequence);
            }
            while let Some((raw, _)) = sequencer.released(at) {
                out.push(u16::from_be_bytes([raw[0], raw[1]]));
            }
        }
        out
    }

    #[test]
    fn late_packets_come_in_order_and_lost_ones_are_given_up() {
        let gap = Gap { missing: 1 };
        let cases: [(&[_], &[u16]); 4] = [
            (&[(First, 65_535, 0), (gap, 1, 1), (Late, 0, 2), (Next, 2, 3)], &[65_535, 0, 1, 2]),
            (&[(First, 1, 0), (gap, 3, 1), (gap, 5, 2), (Late, 4, 3), (Late, 2, 4)], &[1, 2, 3, 4, 5]),
            (&[(First, 1, 0), (gap, 3, 1), (Next, 4, 70)], &[1, 3, 4]),
            (&[(First, 1, 0), (gap, 3, 1), (Next, 4, 70), (Late, 2, 80), (Next, 5, 81)], &[1, 3, 4, 5]),
        ];
        for (packets, expected) in cases {
            assert_eq!(order(packets), expected);
        }
    }

    #[test]
    fn what_is_held_is_bounded() {
        let packets: Vec<_> = std::iter::once((First, 0, 0)).chain((2..100).map(|n| (Next, n, 0))).collect();
        let out = order(&packets);
        assert!(out.len() > 60 && out.windows(2).all(|w| w[0] < w[1]), "{out:?}");
    }
}

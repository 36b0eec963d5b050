//! Decoding times for pictures that bring only the time at which they are shown.
//!
//! A decoder that may hold back `reorder` pictures shows one whenever it takes one, so the time at which a picture is
//! taken is the earliest showing time it still holds (ITU-T H.264 annex C.4.5.3, in the order of arrival). No look
//! ahead is needed, and without reordering both times are the same.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Most pictures that a decoder holds back (H.264 and H.265 both allow 16).
const REORDER_MAX: usize = 16;
/// Between pictures that are taken while a decoder still fills, microseconds.
const FILLING_US: i64 = 33_000;
/// A showing time further than this from the one before is not a gap but another clock, microseconds.
pub(super) const JUMP_US: i64 = 3_000_000;

/// Gives decoding times to pictures in decoding order.
#[derive(Debug)]
pub(super) struct Decoding {
    reorder: usize,
    held: BinaryHeap<Reverse<i64>>,
    last: Option<i64>,
}

impl Decoding {
    /// For a stream whose decoder may hold back that many pictures.
    pub(super) fn new(reorder: usize) -> Self {
        Self { reorder: reorder.min(REORDER_MAX), held: BinaryHeap::new(), last: None }
    }

    /// The decoding time of the next picture; strictly later than the one before, and only a stream that breaks its
    /// own promise makes it later than its showing.
    pub(super) fn next(&mut self, shown_us: i64) -> i64 {
        self.held.push(Reverse(shown_us));
        let earliest = if self.held.len() > self.reorder {
            self.held.pop().map_or(shown_us, |Reverse(at)| at)
        } else {
            // The decoder is filling: these are taken a little before the first is shown.
            let missing = i64::try_from(self.reorder + 1 - self.held.len()).unwrap_or(0);
            self.held.peek().map_or(shown_us, |Reverse(at)| *at) - missing * FILLING_US
        };
        let at = self.last.map_or(earliest, |last| earliest.max(last + 1));
        self.last = Some(at);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(reorder: usize, shown: &[i64]) -> Vec<i64> {
        let mut decoding = Decoding::new(reorder);
        shown.iter().map(|at| decoding.next(at * 40_000)).collect()
    }

    #[test]
    fn without_reordering_both_times_are_the_same() {
        assert_eq!(run(0, &[5, 6, 7]), [200_000, 240_000, 280_000]);
    }

    #[test]
    fn decoding_never_comes_after_showing_and_always_goes_on() {
        // I P B B P B B in decoding order, one and two held back.
        for (reorder, shown) in [(1, &[0, 2, 1, 4, 3, 6, 5][..]), (2, &[0, 4, 2, 1, 3, 8, 6, 5, 7][..])] {
            let times = run(reorder, shown);
            assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
            assert!(times.iter().zip(shown).all(|(at, shown)| *at <= shown * 40_000), "{times:?}");
        }
    }

    #[test]
    fn a_stream_that_reorders_more_than_it_says_still_goes_forward() {
        let times = run(0, &[0, 3, 1, 2, 4]);
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    }
}

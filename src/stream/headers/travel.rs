//! How packets travel: what was expected, lost, reordered and doubled in the last ten seconds.

use std::collections::VecDeque;

use crate::domain::time::Mono;
use crate::observation::TransportFigures;
use crate::wire::rtp::Counts;

/// Length of the window.
const WINDOW_US: u64 = 10_000_000;

/// Distance of two marks in it.
const MARK_US: u64 = 500_000;

/// Totals now and at marks of the last ten seconds.
#[derive(Debug)]
pub(super) struct Travel {
    marks: VecDeque<(Mono, Counts)>,
    now: Counts,
    /// Of connections before this one.
    before: Counts,
    lost_since: Option<Mono>,
}

impl Travel {
    pub(super) fn new(now: Mono) -> Self {
        let marks = VecDeque::from([(now, Counts::default())]);
        Self { marks, now: Counts::default(), before: Counts::default(), lost_since: None }
    }

    /// Lanes count from zero again: another connection.
    pub(super) fn restart(&mut self, now: Mono) {
        self.before = self.now;
        self.note(&[], now);
    }

    /// Takes the totals of all lanes.
    pub(super) fn note(&mut self, lanes: &[Counts], now: Mono) {
        let lost = self.now.lost;
        self.now = lanes.iter().fold(self.before, sum);
        while self.marks.len() > 1 && self.marks.get(1).is_some_and(|(at, _)| now.since(*at).0 >= WINDOW_US) {
            self.marks.pop_front();
        }
        if self.marks.back().is_none_or(|(at, _)| now.since(*at).0 >= MARK_US) {
            self.marks.push_back((now, self.now));
        }
        if self.figures().lost == 0 {
            self.lost_since = None;
        } else if self.now.lost > lost {
            self.lost_since.get_or_insert(now);
        }
    }

    /// Of the last ten seconds, without jitter.
    pub(super) fn figures(&self) -> TransportFigures {
        let then = self.marks.front().map_or(Counts::default(), |(_, counts)| *counts);
        TransportFigures {
            expected: self.now.expected.saturating_sub(then.expected),
            // A packet that comes late is taken back from the lost, even from those of earlier windows.
            lost: self.now.lost.saturating_sub(then.lost),
            reordered: self.now.reordered.saturating_sub(then.reordered),
            duplicates: self.now.duplicates.saturating_sub(then.duplicates),
            jitter_ms: 0.0,
        }
    }

    pub(super) fn lost_since(&self) -> Option<Mono> {
        self.lost_since
    }
}

fn sum(total: Counts, lane: &Counts) -> Counts {
    Counts {
        received: total.received + lane.received,
        expected: total.expected + lane.expected,
        lost: total.lost + lane.lost,
        reordered: total.reordered + lane.reordered,
        duplicates: total.duplicates + lane.duplicates,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(expected: u64, lost: u64) -> Counts {
        Counts { received: expected - lost, expected, lost, reordered: 0, duplicates: 0 }
    }

    #[test]
    fn loss_is_forgotten_after_ten_seconds_and_survives_a_new_connection() {
        let at = |ms: u64| Mono(ms * 1000);
        let mut travel = Travel::new(at(0));
        for tenth in 0..30 {
            travel.note(&[counts(tenth * 10, u64::from(tenth >= 10))], at(tenth * 100));
        }
        assert_eq!((travel.figures().expected, travel.figures().lost), (290, 1));
        assert_eq!(travel.lost_since(), Some(at(1000)));
        travel.restart(at(3000));
        for tenth in 30..150 {
            travel.note(&[counts((tenth - 30) * 10, 0)], at(tenth * 100));
        }
        assert_eq!(travel.figures().lost, 0);
        assert!((990..=1060).contains(&travel.figures().expected), "{:?}", travel.figures());
        assert_eq!(travel.lost_since(), None);
    }
}

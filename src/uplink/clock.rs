//! The offset between an agent's clock and the controller's, from signed acknowledgements.
//!
//! By the four stamps of RFC 5905 §8. Pure, except for [`utc_now`], the one place where this folder reads the clock.

use serde::{Deserialize, Serialize};

use crate::domain::time::{Span, Utc};

/// How many samples are remembered; the one with the shortest way counts.
const SAMPLES: usize = 8;
/// A sample whose round trip took longer says nothing useful.
const ROUND_TRIP_MAX: Span = Span::seconds(10);

/// The wall clock of this machine.
pub fn utc_now() -> Utc {
    Utc::from_timestamp(jiff::Timestamp::now())
}

/// The controller's clock minus the agent's, with the bound ± on it: half the round trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offset {
    /// Microseconds to add to the agent's clock.
    pub us: i64,
    /// How far that may be off, to either side.
    pub bound: Span,
}

/// One question and answer: sent and received by the agent's clock, heard and answered by the controller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// Agent's clock when the question left.
    pub asked: Utc,
    /// Controller's clock when the question came.
    pub heard: Utc,
    /// Controller's clock when the answer left.
    pub answered: Utc,
    /// Agent's clock when the answer came.
    pub received: Utc,
}

/// Remembers the last exchanges and trusts the fastest.
#[derive(Debug, Clone, Default)]
pub struct Estimator {
    samples: std::collections::VecDeque<Offset>,
}

impl Offset {
    /// What the controller's clock says when the agent's says `local`.
    pub fn apply(self, local: Utc) -> Utc {
        Utc(local.0.saturating_add(self.us))
    }
}

impl Exchange {
    /// The offset this exchange shows; `None` when its stamps run backwards or it took too long.
    pub fn offset(&self) -> Option<Offset> {
        let away = self.received.0.checked_sub(self.asked.0)?;
        let there = self.answered.0.checked_sub(self.heard.0)?;
        let way = u64::try_from(away.checked_sub(there)?).ok()?;
        if there < 0 || away < 0 || Span(way) > ROUND_TRIP_MAX {
            return None;
        }
        let twice = (i128::from(self.heard.0) - i128::from(self.asked.0))
            + (i128::from(self.answered.0) - i128::from(self.received.0));
        Some(Offset { us: i64::try_from(twice / 2).ok()?, bound: Span(way.div_ceil(2)) })
    }
}

impl Estimator {
    /// Takes in one exchange. A sample that contradicts what was known means that a clock was set: the old samples
    /// go.
    pub fn learn(&mut self, exchange: &Exchange) {
        let Some(sample) = exchange.offset() else { return };
        let contradicts = self.best().is_some_and(|best| !overlap(best, sample));
        if contradicts {
            self.samples.clear();
        }
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// The best sample; `None` before the first exchange.
    pub fn best(&self) -> Option<Offset> {
        self.samples.iter().copied().min_by_key(|sample| sample.bound)
    }
}

fn overlap(a: Offset, b: Offset) -> bool {
    // Crystals drift by up to 100 ppm: a little room beside the bounds.
    let room = a.bound.0.saturating_add(b.bound.0).saturating_add(5_000);
    a.us.abs_diff(b.us) <= room
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(asked: i64, heard: i64, answered: i64, received: i64) -> Exchange {
        Exchange { asked: Utc(asked), heard: Utc(heard), answered: Utc(answered), received: Utc(received) }
    }

    #[test]
    fn the_offset_is_the_middle_and_the_bound_is_half_the_way() {
        let cases = [
            (exchange(0, 1_000_500, 1_000_600, 1_100), Some((1_000_000, 500))),
            (exchange(0, -500, -400, 1_100), Some((-1_000, 500))),
            (exchange(100, 0, 0, 0), None),
            (exchange(0, 0, 0, 20_000_000), None),
            (exchange(i64::MIN, i64::MAX, i64::MIN, i64::MAX), None),
        ];
        for (case, expected) in cases {
            assert_eq!(case.offset().map(|o| (o.us, o.bound.0)), expected, "{case:?}");
        }
    }

    #[test]
    fn the_fastest_sample_counts_until_a_clock_is_set() {
        let mut clock = Estimator::default();
        clock.learn(&exchange(0, 1_000_500, 1_000_500, 1_000));
        clock.learn(&exchange(0, 1_090_000, 1_090_000, 100_000));
        assert_eq!(clock.best(), Some(Offset { us: 1_000_000, bound: Span(500) }));
        clock.learn(&exchange(0, 9_000_500, 9_000_500, 3_000));
        assert_eq!(clock.best().unwrap().us, 8_999_000, "the old samples are of another clock");
    }
}

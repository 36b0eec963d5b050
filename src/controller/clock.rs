//! The one place of the controller that reads the clocks. Everything else gets [`Now`] as a value.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::domain::time::{Mono, Now, Span, Utc};

/// A step of the wall clock against the monotonic one that counts as an input of its own.
const STEP_MIN: Span = Span::seconds(2);

/// Reads both clocks and notices when the wall clock is stepped.
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
    last: Option<Now>,
}

/// One reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// Both clocks.
    pub(super) now: Now,
    /// By how much the wall clock was stepped since the reading before, if by more than two seconds.
    pub(super) stepped_us: Option<i64>,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { started: Instant::now(), last: None }
    }

    /// Reads both clocks.
    pub(super) fn read(&mut self) -> Reading {
        self.sample(Now { mono: Mono(micros(self.started.elapsed().as_micros())), utc: wall() })
    }

    /// Takes a reading as given: the pure part.
    fn sample(&mut self, now: Now) -> Reading {
        let stepped_us = self.last.and_then(|last| step(last, now));
        self.last = Some(now);
        Reading { now, stepped_us }
    }
}

/// The wall clock.
pub(super) fn wall() -> Utc {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Utc(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

fn step(last: Now, now: Now) -> Option<i64> {
    let elapsed = i64::try_from(now.mono.since(last.mono).0).unwrap_or(i64::MAX);
    let by_us = now.utc.0.saturating_sub(last.utc.0).saturating_sub(elapsed);
    (by_us.unsigned_abs() > STEP_MIN.0).then_some(by_us)
}

fn micros(us: u128) -> u64 {
    u64::try_from(us).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mono_s: u64, utc_s: i64) -> Now {
        Now { mono: Mono(mono_s * 1_000_000), utc: Utc(utc_s * 1_000_000) }
    }

    #[test]
    fn a_step_is_what_the_wall_clock_moved_beyond_the_monotonic_one() {
        let cases = [
            (at(10, 1000), at(70, 1060), None),
            (at(10, 1000), at(70, 1062), None),
            (at(10, 1000), at(70, 1063), Some(3_000_000)),
            (at(10, 1000), at(11, 900), Some(-101_000_000)),
        ];
        for (last, now, expected) in cases {
            let mut clock = Clock { started: Instant::now(), last: Some(last) };
            assert_eq!(clock.sample(now).stepped_us, expected, "{last:?} {now:?}");
        }
    }
}

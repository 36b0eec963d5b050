//! The one place of the controller that reads the clocks. Everything else gets [`Now`] as a value.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::domain::time::{Mono, Now, Span, Utc};

/// A step of the wall clock against the monotonic one that counts as an input of its own.
const STEP_MIN: Span = Span::seconds(2);

/// A gap between two readings that this process did not choose: it reads at least once a second.
const STALL_MIN: Span = Span::millis(1_500);
/// What such a gap counts for.
const STALL_COUNTS: Span = Span::seconds(1);

/// How long a broken line to the broker stops the monotonic time. What lasts longer is no hiccup: then agents are
/// missed, as far as anyone can tell.
const DEAF_MAX: Span = Span::seconds(20);

/// Reads both clocks; notices when the wall clock is stepped and when this process itself was held up.
///
/// Holds and freshness are judged by time in which the process could have listened: a controller that did not run,
/// or had lost its own line to the broker, must not take every agent for silent. Its monotonic time leaves such
/// gaps out.
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
    last: Option<Now>,
    held_up: Span,
    /// Left out since the line broke; `None` while it stands.
    deaf: Option<Span>,
    news: News,
}

/// What was noticed while reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct News {
    /// By how much the wall clock was stepped, if by more than two seconds at once.
    pub(super) stepped_us: Option<i64>,
    /// How long this process was held up, if it was.
    pub(super) held_up: Option<Span>,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { started: Instant::now(), last: None, held_up: Span::ZERO, deaf: None, news: News::default() }
    }

    /// Reads both clocks.
    pub(super) fn read(&mut self) -> Now {
        self.sample(Now { mono: Mono(micros(self.started.elapsed().as_micros())), utc: wall() })
    }

    /// Says whether the line to the agents stands.
    pub(super) fn hears(&mut self, hears: bool) {
        self.deaf = if hears { None } else { self.deaf.or(Some(Span::ZERO)) };
    }

    /// What was noticed since it was last asked.
    pub(super) fn news(&mut self) -> News {
        std::mem::take(&mut self.news)
    }

    /// Takes a reading as given: the pure part.
    fn sample(&mut self, now: Now) -> Now {
        let Some(last) = self.last.replace(now) else { return now };
        if let Some(by_us) = step(last, now) {
            self.news.stepped_us = Some(by_us.saturating_add(self.news.stepped_us.unwrap_or(0)));
        }
        let gap = now.mono.since(last.mono);
        if gap > STALL_MIN {
            let left_out = Span(gap.0 - STALL_COUNTS.0);
            self.held_up.0 += left_out.0;
            self.news.held_up = Some(Span(left_out.0 + self.news.held_up.unwrap_or_default().0));
        } else if let Some(deaf) = self.deaf.as_mut().filter(|deaf| **deaf < DEAF_MAX) {
            deaf.0 += gap.0;
            self.held_up.0 += gap.0;
        }
        Now { mono: Mono(now.mono.0.saturating_sub(self.held_up.0)), utc: now.utc }
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
            let mut clock = Clock { last: Some(last), ..Clock::start() };
            clock.sample(now);
            assert_eq!(clock.news().stepped_us, expected, "{last:?} {now:?}");
        }
    }

    #[test]
    fn time_in_which_the_process_did_not_run_is_left_out() {
        let mut clock = Clock::start();
        let seconds = |now: Now| now.mono.0 / 1_000_000;
        assert_eq!(seconds(clock.sample(at(10, 1000))), 10);
        assert_eq!(seconds(clock.sample(at(11, 1001))), 11);
        assert_eq!(seconds(clock.sample(at(31, 1021))), 12);
        assert_eq!(clock.news(), News { stepped_us: None, held_up: Some(Span::seconds(19)) });
        assert_eq!(seconds(clock.sample(at(32, 1022))), 13);
        assert_eq!(clock.news(), News::default());
    }

    #[test]
    fn time_without_a_line_is_left_out_for_a_while() {
        let mut clock = Clock::start();
        let seconds = |now: Now| now.mono.0 / 1_000_000;
        assert_eq!(seconds(clock.sample(at(10, 1000))), 10);
        clock.hears(false);
        let deaf: Vec<u64> =
            (11..=40).map(|s| seconds(clock.sample(at(s, 990 + i64::try_from(s).unwrap())))).collect();
        assert_eq!((deaf[0], deaf[19], deaf[20], deaf[29]), (10, 10, 11, 20), "no longer than DEAF_MAX");
        clock.hears(true);
        assert_eq!(seconds(clock.sample(at(41, 1031))), 21);
    }
}

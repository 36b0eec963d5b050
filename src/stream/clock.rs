//! The clocks of all monitors. Monotonic time decides; the wall clock only names moments for people.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::domain::time::{Mono, Now, Utc};

/// Reads both clocks. Copies read the same monotonic axis.
#[derive(Debug, Clone, Copy)]
pub struct StreamClock {
    started: Instant,
}

impl StreamClock {
    /// Monotonic time counts from now.
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// Both clocks at this moment.
    pub fn now(&self) -> Now {
        Now { mono: self.mono(Instant::now()), utc: wall() }
    }

    /// A moment of the system's monotonic clock on this axis; moments before the start are its start.
    pub fn mono(&self, at: Instant) -> Mono {
        let since = at.saturating_duration_since(self.started);
        Mono(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    /// When this axis begins.
    pub(super) fn origin(&self) -> Instant {
        self.started
    }
}

/// Keeps the distance of the two clocks as it is while it wanders by less than this, so that a moment is named by one
/// time whenever it is asked for; beyond it the wall clock was set.
const WANDER_MAX_US: i64 = 20_000;

/// The two clocks at a distance that does not wander.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steady {
    distance_us: i64,
}

impl Steady {
    pub(super) fn new(now: Now) -> Self {
        Self { distance_us: distance_us(now) }
    }

    /// The moment with its steady wall clock.
    pub(super) fn of(&mut self, now: Now) -> Now {
        let distance_us = distance_us(now);
        if distance_us.abs_diff(self.distance_us) > WANDER_MAX_US.unsigned_abs() {
            self.distance_us = distance_us;
        }
        Now { mono: now.mono, utc: Utc(self.distance_us.saturating_add_unsigned(now.mono.0)) }
    }
}

fn distance_us(now: Now) -> i64 {
    now.utc.0.saturating_sub_unsigned(now.mono.0)
}

/// What the wall clock showed, or will have shown, at a monotonic moment near `now`.
pub(super) fn utc_of(at: Mono, now: Now) -> Utc {
    if at > now.mono { now.utc + at.since(now.mono) } else { now.utc - now.mono.since(at) }
}

fn wall() -> Utc {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Utc(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_keeps_its_name_until_the_wall_clock_is_set() {
        let at = |mono_us: u64, utc_us: i64| Now { mono: Mono(mono_us), utc: Utc(utc_us) };
        let mut steady = Steady::new(at(1_000, 5_001_000));
        let began = Mono(400);
        for (now, expected) in [
            (at(1_000, 5_001_000), 5_000_400),
            (at(2_000_000, 7_000_007), 5_000_400),
            (at(3_000_000, 7_999_000), 5_000_400),
            (at(4_000_000, 3_604_000_000), 3_600_000_400),
            (at(5_000_000, 3_605_000_900), 3_600_000_400),
        ] {
            assert_eq!(utc_of(began, steady.of(now)), Utc(expected), "{now:?}");
        }
    }
}

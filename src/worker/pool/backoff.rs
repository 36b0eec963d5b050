//! How long to wait before a child that ended is started again. Knows durations alone.

use std::time::Duration;

/// A child that lived this long was not part of a crash loop.
const LONG_LIFE: Duration = Duration::from_secs(10);
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Pauses between starts: none after a long life or the first short one, then doubling.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    short_lives: u32,
}

impl Backoff {
    /// How long to wait after a child that lived for `life`.
    pub(super) fn pause(&mut self, life: Duration) -> Duration {
        if life >= LONG_LIFE {
            self.short_lives = 0;
            return Duration::ZERO;
        }
        self.short_lives = self.short_lives.saturating_add(1);
        match self.short_lives {
            0 | 1 => Duration::ZERO,
            more => (FIRST * 2u32.pow((more - 2).min(10))).min(LONGEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_end_costs_nothing_and_a_loop_is_slowed_down() {
        let mut backoff = Backoff::default();
        let short: Vec<u128> = (0..9).map(|_| backoff.pause(Duration::from_secs(1)).as_millis()).collect();
        assert_eq!(short, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(backoff.pause(LONG_LIFE), Duration::ZERO);
        assert_eq!(backoff.pause(Duration::ZERO), Duration::ZERO);
        assert_eq!(backoff.pause(Duration::ZERO), FIRST);
    }
}

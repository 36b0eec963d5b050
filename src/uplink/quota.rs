//! How much one venue may send before it is cut short: a token bucket in messages. Pure.

use crate::domain::time::{Mono, Span};

/// A token bucket that fills at `per_second` up to `burst`.
#[derive(Debug, Clone)]
pub(crate) struct Quota {
    per_second: u64,
    burst: u64,
    /// Millionths of a token.
    level: u64,
    at: Mono,
}

const UNIT: u64 = 1_000_000;

impl Quota {
    /// A full bucket.
    pub(crate) fn full(per_second: u64, burst: u64, now: Mono) -> Self {
        Self { per_second, burst, level: burst * UNIT, at: now }
    }

    /// Takes `cost` tokens if they are there.
    pub(crate) fn admits(&mut self, cost: u64, now: Mono) -> bool {
        let gained = now.since(self.at).0.saturating_mul(self.per_second);
        self.level = self.level.saturating_add(gained).min(self.burst * UNIT);
        self.at = self.at.max(now);
        match self.level.checked_sub(cost.saturating_mul(UNIT)) {
            Some(rest) => {
                self.level = rest;
                true
            }
            None => false,
        }
    }

    /// How long until `cost` tokens are there; no time at all when they are.
    pub(crate) fn wait_for(&self, cost: u64) -> Span {
        let missing = cost.min(self.burst).saturating_mul(UNIT).saturating_sub(self.level);
        Span(missing.div_ceil(self.per_second.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut quota = Quota::full(10, 3, Mono(0));
        let at_once = (0..9).filter(|_| quota.admits(1, Mono(0))).count();
        assert_eq!((at_once, quota.wait_for(1)), (3, Span::millis(100)));
        let over_a_second = (1..=1000).filter(|ms| quota.admits(1, Mono(ms * 1000))).count();
        assert_eq!(over_a_second, 10);
        assert!(!quota.admits(1, Mono(0)), "a clock that runs back gives nothing");
        assert_eq!((0..9).filter(|_| quota.admits(1, Mono(u64::MAX))).count(), 3);
    }
}

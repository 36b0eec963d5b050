//! How long a failed sign-in delays the next one. Pure.

use super::account::Lockout;
use crate::domain::time::{Span, Utc};

/// Failures that cost nothing: people mistype.
const FREE: u32 = 3;
/// The longest delay.
const LONGEST: Span = Span::minutes(15);
/// A failure this long ago is forgotten.
const FORGOTTEN: Span = Span::minutes(24 * 60);

/// The lock-out after one more failure at `now`: 2 s, 4 s, 8 s … up to 15 minutes.
pub fn after_failure(before: Option<Lockout>, now: Utc) -> Lockout {
    let failures = before.filter(|lockout| now.since(lockout.until) < FORGOTTEN).map_or(0, |old| old.failures) + 1;
    let doublings = failures.saturating_sub(FREE).min(16);
    let delay = if doublings == 0 { Span::ZERO } else { Span::seconds(1 << doublings).min(LONGEST) };
    Lockout { failures, until: now + delay }
}

/// How long an attempt must still wait; `None` when it may be made.
pub fn wait(lockout: Option<Lockout>, now: Utc) -> Option<Span> {
    let wait = lockout?.until.since(now);
    (wait > Span::ZERO).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_grows_to_its_limit_and_is_forgotten_after_a_day() {
        let mut lockout = None;
        let mut now = Utc(0);
        let mut delays = Vec::new();
        for _ in 0..14 {
            let next = after_failure(lockout, now);
            delays.push(next.until.since(now).as_s());
            now = next.until;
            lockout = Some(next);
        }
        assert_eq!(delays[..6], [0.0, 0.0, 0.0, 2.0, 4.0, 8.0]);
        assert_eq!(delays[13], 900.0);
        let rested = after_failure(lockout, now + FORGOTTEN);
        assert_eq!(rested.failures, 1);
    }

    #[test]
    fn an_attempt_waits_until_the_moment_and_no_longer() {
        let lockout = Some(Lockout { failures: 4, until: Utc(10) });
        assert_eq!(wait(lockout, Utc(9)), Some(Span(1)));
        assert_eq!(wait(lockout, Utc(10)), None);
        assert_eq!(wait(None, Utc(0)), None);
    }
}

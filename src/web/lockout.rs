//! How long failed sign-ins delay the next one. Pure.

use crate::domain::time::{Span, Utc};
use crate::store::identity::{Failures, LockRule};

/// Failures that cost nothing: people mistype.
const FREE: u32 = 3;
/// The longest delay.
const LONGEST: Span = Span::minutes(15);
/// A failure this long ago is forgotten.
const FORGOTTEN: Span = Span::minutes(24 * 60);

/// The rule for one more failure: 2 s, 4 s, 8 s … up to 15 minutes.
pub(super) fn rule(before: Failures) -> LockRule {
    let doublings = (before.count + 1).saturating_sub(FREE).clamp(1, 16);
    LockRule { failures: FREE + 1, within: FORGOTTEN, lock: Span::seconds(1 << doublings).min(LONGEST) }
}

/// How long an attempt must still wait; `None` when it may be made.
pub(super) fn wait(failures: Failures, now: Utc) -> Option<Span> {
    let wait = failures.until.since(now);
    (wait > Span::ZERO).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_its_limit() {
        let delay = |count| rule(Failures { count, until: Utc(0) }).lock.as_s();
        let delays: Vec<f64> = (0..=13).map(delay).collect();
        assert_eq!(delays[..7], [2.0, 2.0, 2.0, 2.0, 4.0, 8.0, 16.0]);
        assert_eq!(delays[13], 900.0);
        assert_eq!(delay(u32::MAX - 1), 900.0);
    }

    #[test]
    fn an_attempt_waits_until_the_moment_and_no_longer() {
        let failures = Failures { count: 4, until: Utc(10) };
        assert_eq!(wait(failures, Utc(9)), Some(Span(1)));
        assert_eq!(wait(failures, Utc(10)), None);
        assert_eq!(wait(Failures::default(), Utc(0)), None);
    }
}

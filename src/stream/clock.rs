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

/// What the wall clock showed, or will have shown, at a monotonic moment near `now`.
pub(super) fn utc_of(at: Mono, now: Now) -> Utc {
    if at > now.mono { now.utc + at.since(now.mono) } else { now.utc - now.mono.since(at) }
}

fn wall() -> Utc {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Utc(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

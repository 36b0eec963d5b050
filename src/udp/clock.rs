//! The two clocks of a measuring thread as nanosecond counts, and their distance.

use std::time::{SystemTime, UNIX_EPOCH};

use super::socket;

/// Nanoseconds in a second.
pub const NS_PER_S: i64 = 1_000_000_000;

/// Monotonic nanoseconds: deadlines. Comparable between threads of one machine.
pub fn mono_ns() -> i64 {
    socket::monotonic_ns()
}

/// Nanoseconds since 1970 by the wall clock, which is also the clock of the kernel's packet stamps.
pub fn wall_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Wall clock minus monotonic clock: it changes only when the wall clock is stepped or slewed.
pub fn wall_minus_mono_ns() -> i64 {
    let before = mono_ns();
    let wall = wall_ns();
    wall - before.midpoint(mono_ns())
}

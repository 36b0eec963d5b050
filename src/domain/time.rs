//! Time as values. Nothing here reads a clock: composition stamps [`Now`] and hands it in.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Microseconds in a second.
pub const US_PER_S: i64 = 1_000_000;

/// A length of time in microseconds, never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Span(pub u64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of whole seconds.
    pub const fn seconds(s: u64) -> Self {
        Self(s * 1_000_000)
    }

    /// A span of whole milliseconds.
    pub const fn millis(ms: u64) -> Self {
        Self(ms * 1_000)
    }

    /// A span of whole minutes.
    pub const fn minutes(min: u64) -> Self {
        Self::seconds(min * 60)
    }

    /// The span in milliseconds, with fractions.
    pub fn as_ms(self) -> f64 {
        self.0 as f64 / 1e3
    }

    /// The span in seconds, with fractions.
    pub fn as_s(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The same for the standard library.
    pub const fn std(self) -> std::time::Duration {
        std::time::Duration::from_micros(self.0)
    }
}

/// Monotonic time: microseconds since this process started. Holds and staleness use it; it is never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Mono(pub u64);

impl Mono {
    /// How long ago `earlier` was; zero when it is not earlier.
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Span> for Mono {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

/// Wall-clock time: microseconds since 1970-01-01 UTC. Stored deadlines use it. Written as RFC 3339 with six
/// fractional digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Utc(pub i64);

impl Utc {
    /// From RFC 3339 text with an offset.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(Self::from_timestamp)
    }

    /// From a timestamp; fractions below a microsecond are cut.
    pub fn from_timestamp(timestamp: jiff::Timestamp) -> Self {
        Self(timestamp.as_microsecond())
    }

    /// As a timestamp; clamped to what a timestamp can say.
    pub fn timestamp(self) -> jiff::Timestamp {
        let clamped = self.0.clamp(-377_705_023_201_000_000, 253_402_207_200_000_000);
        jiff::Timestamp::from_microsecond(clamped).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// How long ago `earlier` was; zero when it is not earlier.
    pub fn since(self, earlier: Self) -> Span {
        Span(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The wall clock in `zone` as `09:02:17`.
    pub fn clock(self, zone: &jiff::tz::TimeZone) -> String {
        self.timestamp().to_zoned(zone.clone()).strftime("%H:%M:%S").to_string()
    }

    /// Date and wall clock in `zone` as `2026-11-22 09:02`.
    pub fn minute(self, zone: &jiff::tz::TimeZone) -> String {
        self.timestamp().to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
    }
}

impl Add<Span> for Utc {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add_unsigned(span.0))
    }
}

impl Sub<Span> for Utc {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub_unsigned(span.0))
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.timestamp())
    }
}

impl fmt::Debug for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Utc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Utc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(format!("not an RFC 3339 time: {text:?}")))
    }
}

/// The two clocks at one moment, stamped once per input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Now {
    /// Monotonic: for holds.
    pub mono: Mono,
    /// Wall clock: for stored deadlines.
    pub utc: Utc,
}

/// A stretch of wall-clock time, `from` included, `until` not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// First moment inside.
    pub from: Utc,
    /// First moment after.
    pub until: Utc,
}

impl Window {
    /// Whether a moment lies inside.
    pub fn contains(&self, at: Utc) -> bool {
        self.from <= at && at < self.until
    }

    /// Whether two windows share a moment.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.from < other.until && other.from < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_round_trips_with_six_digits() {
        let utc = Utc::parse("2026-11-22T09:31:20+08:00").unwrap();
        assert_eq!(utc.to_string(), "2026-11-22T01:31:20.000000Z");
        let text = serde_json::to_string(&utc).unwrap();
        assert_eq!(serde_json::from_str::<Utc>(&text).unwrap(), utc);
    }

    #[test]
    fn extreme_times_do_not_panic() {
        for us in [i64::MIN, -1, 0, i64::MAX] {
            let _ = Utc(us).to_string();
        }
        assert_eq!(Utc(5).since(Utc(9)), Span::ZERO);
    }

    #[test]
    fn a_window_excludes_its_end() {
        let window = Window { from: Utc(10), until: Utc(20) };
        assert!(window.contains(Utc(10)) && !window.contains(Utc(20)));
        assert!(!window.overlaps(&Window { from: Utc(20), until: Utc(30) }));
    }
}

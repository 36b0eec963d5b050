//! How fast calls may follow each other. After a restart of an MCU a hundred sites are to be called again at once, and
//! that would bring it down again. Pure; chance is handed in.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// Calls of one site are counted for so long.
const SITE_MEMORY: Duration = Duration::from_secs(1800);
/// Rest before the second call of a site; doubles with each further one.
const SITE_REST: Duration = Duration::from_secs(15);
/// A site that was called so often within its memory is called no more.
const SITE_CALLS_MAX: u32 = 7;
/// Sites remembered; far more than one device has.
const SITES_MAX: usize = 4096;
/// Calls that may go at once when none went before.
const AT_ONCE_MAX: f64 = 3.0;

/// One site has been called too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooOften;

/// Paces the calls of one device.
#[derive(Debug)]
pub(super) struct Storm {
    per_second: f64,
    at_once: f64,
    left: f64,
    at: Instant,
    sites: BTreeMap<String, (u32, Instant)>,
}

impl Storm {
    /// Never more than `per_minute` calls in any minute.
    pub(super) fn new(per_minute: u32, now: Instant) -> Self {
        let per_minute = f64::from(per_minute.max(1));
        let at_once = (per_minute / 3.0).floor().clamp(1.0, AT_ONCE_MAX);
        let steady = if at_once > 1.0 { per_minute - at_once } else { per_minute };
        // Nobody knows what a process before this one sent: begin slowly.
        Self { per_second: steady / 60.0, at_once, left: 1.0, at: now, sites: BTreeMap::new() }
    }

    /// The device began anew: nothing goes at once, and `jitter`, from 0 to 1, keeps several devices apart.
    pub(super) fn calm(&mut self, jitter: f64, now: Instant) {
        self.refill(now);
        self.left = self.left.min(1.0 - jitter.clamp(0.0, 1.0));
    }

    /// When this site may be called. Books the place.
    pub(super) fn book(&mut self, site: &str, now: Instant) -> Result<Instant, TooOften> {
        self.sites.retain(|_, (_, last)| now.saturating_duration_since(*last) < SITE_MEMORY);
        let (calls, last) = self.sites.get(site).copied().unwrap_or((0, now));
        if calls >= SITE_CALLS_MAX || self.sites.len() >= SITES_MAX {
            return Err(TooOften);
        }
        let rested = if calls == 0 { now } else { last + SITE_REST * 2_u32.pow(calls - 1) };
        self.refill(now);
        self.left -= 1.0;
        let place = now + Duration::from_secs_f64((-self.left).max(0.0) / self.per_second);
        let at = place.max(rested);
        self.sites.insert(site.to_owned(), (calls + 1, at));
        Ok(at)
    }

    fn refill(&mut self, now: Instant) {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        self.left = (self.left + gained).min(self.at_once);
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_holds_more_calls_than_allowed() {
        for per_minute in [1, 2, 6, 10, 60] {
            let start = Instant::now();
            let mut storm = Storm::new(per_minute, start);
            let later = start + Duration::from_secs(300);
            storm.calm(0.3, later);
            let calls: Vec<Instant> = (0..30).map(|n| storm.book(&n.to_string(), later).unwrap()).collect();
            for first in &calls {
                let within =
                    calls.iter().filter(|at| **at >= *first && **at < *first + Duration::from_secs(60));
                assert!(within.count() <= per_minute as usize, "{per_minute}");
            }
            assert!(
                calls[29] - later <= Duration::from_secs(60 * 31) / per_minute.max(1) * 3,
                "{per_minute}"
            );
        }
    }

    #[test]
    fn one_site_rests_longer_each_time_and_is_then_left_alone() {
        let start = Instant::now();
        let mut storm = Storm::new(600, start);
        let mut rests = Vec::new();
        let mut now = start;
        for _ in 0..SITE_CALLS_MAX {
            let at = storm.book("a", now).unwrap();
            rests.push((at - now).as_secs());
            now = at;
        }
        assert_eq!(rests, [0, 15, 30, 60, 120, 240, 480]);
        assert_eq!(storm.book("a", now), Err(TooOften));
        assert!(storm.book("b", now).is_ok());
        assert!(storm.book("a", now + SITE_MEMORY).is_ok());
    }
}

//! How fast calls may follow each other. After a restart of an MCU a hundred sites are to be called again at once, and
//! that would bring it down again. Pure; chance is handed in.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::Called;

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
    /// Never more than `per_minute` calls in any minute. What was called before now counts.
    pub(super) fn new(per_minute: u32, called: &[Called], now: Instant) -> Self {
        let per_minute = f64::from(per_minute.max(1));
        let at_once = (per_minute / 3.0).floor().clamp(1.0, AT_ONCE_MAX);
        let steady = if at_once > 1.0 { per_minute - at_once } else { per_minute };
        let (per_second, sites) = (steady / 60.0, BTreeMap::new());
        let mut storm = Self { per_second, at_once, left: at_once, at: now, sites };
        // What was ordered and not recorded as sent may be missing: begin slowly all the same.
        storm.left = (at_once - storm.remember(called, now)).min(1.0);
        storm
    }

    /// Counts calls of before; how many places they have taken that are not free again.
    fn remember(&mut self, called: &[Called], now: Instant) -> f64 {
        let mut called: Vec<&Called> = called.iter().filter(|call| call.ago < SITE_MEMORY).collect();
        called.sort_by_key(|call| std::cmp::Reverse(call.ago));
        let (mut taken, mut before) = (0.0_f64, SITE_MEMORY);
        for Called { site, ago } in called {
            taken = (taken - (before - *ago).as_secs_f64() * self.per_second).max(0.0) + 1.0;
            before = *ago;
            // Where the clock does not reach back so far, the call counts as just made.
            let at = now.checked_sub(*ago).unwrap_or(now);
            let (calls, _) = self.sites.get(site).copied().unwrap_or((0, at));
            if self.sites.len() < SITES_MAX {
                self.sites.insert(site.clone(), (calls + 1, at));
            }
        }
        (taken - before.as_secs_f64() * self.per_second).max(0.0)
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
            let mut storm = Storm::new(per_minute, &[], start);
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
        let mut storm = Storm::new(600, &[], start);
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

    #[test]
    fn a_restart_gives_nobody_more_calls() {
        let (start, minute) = (Instant::now() + SITE_MEMORY, Duration::from_secs(60));
        let called = |site: &str, ago| Called { site: site.into(), ago };
        let seven: Vec<Called> = (1..=SITE_CALLS_MAX).map(|n| called("a", minute * n)).collect();
        let mut storm = Storm::new(10, &seven, start);
        assert_eq!(storm.book("a", start), Err(TooOften));
        assert!(storm.book("b", start).is_ok());
        // Two calls a second ago: the third rests as if nothing had happened.
        let two = [called("a", Duration::from_secs(16)), called("a", Duration::from_secs(1))];
        let third = Storm::new(600, &two, start).book("a", start).unwrap();
        assert_eq!(third - start, Duration::from_secs(29));
        // What is older than the memory is forgotten.
        let old = vec![called("a", SITE_MEMORY); 9];
        assert_eq!(Storm::new(600, &old, start).book("a", start), Ok(start));
    }

    #[test]
    fn a_restart_in_the_middle_of_a_storm_keeps_the_pace() {
        let start = Instant::now() + SITE_MEMORY;
        let mut storm = Storm::new(10, &[], start);
        let calls: Vec<Instant> = (0..12).map(|n| storm.book(&n.to_string(), start).unwrap()).collect();
        let restart = start + Duration::from_secs(40);
        let sent = calls.iter().filter(|at| **at <= restart);
        let called: Vec<Called> = sent.map(|at| Called { site: String::new(), ago: restart - *at }).collect();
        assert!(called.len() > 3, "the storm is under way");
        let mut anew = Storm::new(10, &called, restart);
        let rest: Vec<Instant> = (0..12).map(|n| anew.book(&n.to_string(), restart).unwrap()).collect();
        let all: Vec<Instant> = calls.into_iter().filter(|at| *at <= restart).chain(rest).collect();
        for first in &all {
            let within = all.iter().filter(|at| *at >= first && **at < *first + Duration::from_secs(60));
            assert!(within.count() <= 10, "a minute across the restart holds more than allowed");
        }
    }
}

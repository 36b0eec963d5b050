//! What this venue allows, judged on the spot: targets, rates, no-test windows, consent. Pure.
//!
//! The controller has its own rules; these hold even against it.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use crate::config::agent::{AgentSettings, Day, NoTestWindow, TestLimits};
use crate::domain::time::Utc;
use crate::observation::PathOrder;

/// Tests up to this rate are light; above it they load the line and need a lease.
pub(super) const LIGHT_PPS_MAX: u16 = 50;

/// The venue's rules.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    tests: TestLimits,
    standing_consent: bool,
    no_test: Vec<NoTestWindow>,
    zone: TimeZone,
}

/// How an allowed test may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permit {
    /// To its end.
    Freely,
    /// As long as the controller keeps renewing its lease.
    OnLease,
}

/// Why a test is not run. The words are for the venue's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Denied {
    #[error("目标不在允许范围内 / target is not listed")]
    Target,
    #[error("速率或时长超过本地上限 / rate or length above the local limit")]
    Rate,
    #[error("禁测时段 / no-test window")]
    NoTest,
}

impl Guard {
    /// The rules of a settings file; `None` when its time zone is unknown.
    pub(super) fn new(settings: &AgentSettings) -> Option<Self> {
        let zone = TimeZone::get(&settings.zone).ok()?;
        let (tests, no_test) = (settings.tests.clone(), settings.no_test.clone());
        Some(Self { tests, standing_consent: settings.standing_consent, no_test, zone })
    }

    /// Whether active tests are forbidden at a moment.
    pub(super) fn is_no_test(&self, at: Utc) -> bool {
        let local = at.timestamp().to_zoned(self.zone.clone());
        let minute = minute_of(local.time());
        let (today, yesterday) = (local.weekday(), local.weekday().previous());
        self.no_test.iter().any(|window| covers(window, today, yesterday, minute))
    }

    /// Whether the hall may be touched, with a permission given until `granted`.
    pub(super) fn consents(&self, at: Utc, granted: Option<Utc>) -> bool {
        !self.is_no_test(at) && (self.standing_consent || granted.is_some_and(|until| at < until))
    }

    /// Judges a path test that would begin now.
    pub(super) fn permit(&self, order: &PathOrder, at: Utc) -> Result<Permit, Denied> {
        if self.is_no_test(at) {
            return Err(Denied::NoTest);
        }
        if !self.tests.targets.iter().any(|network| network.contains(order.remote.ip())) {
            return Err(Denied::Target);
        }
        let plan = order.plan;
        if plan.pps > self.tests.pps_max || plan.packets > self.tests.packets_max {
            return Err(Denied::Rate);
        }
        Ok(if plan.pps > LIGHT_PPS_MAX { Permit::OnLease } else { Permit::Freely })
    }

    /// Tests that may run at once.
    pub(super) fn at_once_max(&self) -> usize {
        self.tests.at_once_max
    }
}

fn covers(window: &NoTestWindow, today: Weekday, yesterday: Weekday, minute: u16) -> bool {
    let begins = |day: Weekday| window.days.is_empty() || window.days.iter().any(|d| weekday(*d) == day);
    let (from, until) = (window.from.minute, window.until.minute);
    if from < until {
        return begins(today) && (from..until).contains(&minute);
    }
    // It runs over midnight: its evening belongs to today, its morning to yesterday.
    (begins(today) && minute >= from) || (begins(yesterday) && minute < until)
}

fn minute_of(time: Time) -> u16 {
    u16::try_from(i32::from(time.hour()) * 60 + i32::from(time.minute())).expect("a day has 1,440 minutes")
}

fn weekday(day: Day) -> Weekday {
    match day {
        Day::Mon => Weekday::Monday,
        Day::Tue => Weekday::Tuesday,
        Day::Wed => Weekday::Wednesday,
        Day::Thu => Weekday::Thursday,
        Day::Fri => Weekday::Friday,
        Day::Sat => Weekday::Saturday,
        Day::Sun => Weekday::Sunday,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::check::{PathPlan, TestId};
    use crate::domain::id::LinkId;

    fn guard(extra: &str) -> Guard {
        let text = format!("directory = '/x'\n{extra}");
        Guard::new(&toml::from_str(&text).unwrap()).unwrap()
    }

    fn at(text: &str) -> Utc {
        Utc::parse(text).unwrap()
    }

    fn order(remote: &str, pps: u16, packets: u32) -> PathOrder {
        PathOrder {
            test: TestId { boot: 1, n: 1 },
            link: LinkId::parse("primary").unwrap(),
            local: None,
            remote: remote.parse().unwrap(),
            plan: PathPlan { pps, packets, ..PathPlan::default() },
        }
    }

    #[test]
    fn windows_hold_on_their_days_and_over_midnight() {
        let guard = guard(
            "[[no_test]]\ndays = ['mon']\nfrom = '08:30'\nuntil = '09:30'\n\
             [[no_test]]\ndays = ['fri']\nfrom = '22:00'\nuntil = '02:00'",
        );
        // 2026-11-23 is a Monday.
        let cases = [
            ("2026-11-23T08:29:59+08:00", false),
            ("2026-11-23T08:30:00+08:00", true),
            ("2026-11-23T09:30:00+08:00", false),
            ("2026-11-24T08:30:00+08:00", false),
            ("2026-11-27T23:00:00+08:00", true),
            ("2026-11-28T01:59:00+08:00", true),
            ("2026-11-28T02:00:00+08:00", false),
            ("2026-11-28T23:00:00+08:00", false),
            ("2026-11-27T01:00:00+08:00", false),
        ];
        for (time, expected) in cases {
            assert_eq!(guard.is_no_test(at(time)), expected, "{time}");
        }
    }

    #[test]
    fn only_listed_targets_within_the_limits_are_tested() {
        let now = at("2026-11-23T12:00:00+08:00");
        let rules = "[tests]\ntargets = ['10.1.0.0/16']\npps_max = 200\npackets_max = 1000";
        let guard = guard(rules);
        let cases = [
            (order("10.1.2.3:862", 50, 1000), Ok(Permit::Freely)),
            (order("10.1.2.3:862", 51, 1000), Ok(Permit::OnLease)),
            (order("10.1.2.3:862", 201, 1000), Err(Denied::Rate)),
            (order("10.1.2.3:862", 50, 1001), Err(Denied::Rate)),
            (order("10.2.2.3:862", 50, 1000), Err(Denied::Target)),
            (order("[::1]:862", 50, 1000), Err(Denied::Target)),
        ];
        for (order, expected) in cases {
            assert_eq!(guard.permit(&order, now), expected, "{order:?}");
        }
        let closed = self::guard(&format!("{rules}\n[[no_test]]\nfrom = '12:00'\nuntil = '12:00'"));
        assert_eq!(closed.permit(&order("10.1.2.3:862", 10, 10), now), Err(Denied::NoTest));
        let silent = self::guard("");
        assert_eq!(silent.permit(&order("10.1.2.3:862", 10, 10), now), Err(Denied::Target));
    }

    #[test]
    fn consent_is_given_for_a_time_or_standing_and_never_in_a_no_test_window() {
        let now = at("2026-11-23T12:00:00+08:00");
        assert!(!guard("").consents(now, None));
        assert!(guard("").consents(now, Some(Utc(now.0 + 1))));
        assert!(!guard("").consents(now, Some(now)));
        assert!(guard("standing_consent = true").consents(now, None));
        let closed = guard("standing_consent = true\n[[no_test]]\nfrom = '11:00'\nuntil = '13:00'");
        assert!(!closed.consents(now, None));
    }
}

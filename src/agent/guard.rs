//! What this venue allows, judged on the spot: targets, rates, no-test windows, consent. Pure.
//!
//! The controller has its own rules; these hold even against it.

use crate::config::AgentSettings;
use crate::domain::inventory::Consent;
use crate::domain::time::Utc;
use crate::observation::PathOrder;

/// Tests up to this rate are light; above it they load the line and need a lease.
pub(super) const LIGHT_PPS_MAX: u16 = 50;

/// The venue's rules.
#[derive(Debug, Clone)]
pub(super) struct Guard(AgentSettings);

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
    /// The rules of a settings file.
    pub(super) fn new(settings: &AgentSettings) -> Self {
        Self(settings.clone())
    }

    /// Whether active tests are forbidden at a moment.
    pub(super) fn is_no_test(&self, at: Utc) -> bool {
        self.0.no_test_at(at)
    }

    /// Whether the hall may be touched, with a permission given until `granted`.
    pub(super) fn consents(&self, at: Utc, granted: Option<Utc>) -> bool {
        let standing = self.0.tests.consent == Consent::Standing;
        !self.is_no_test(at) && (standing || granted.is_some_and(|until| at < until))
    }

    /// Judges a path test that would begin now.
    pub(super) fn permit(&self, order: &PathOrder, at: Utc) -> Result<Permit, Denied> {
        if self.is_no_test(at) {
            return Err(Denied::NoTest);
        }
        if !self.0.tests.targets.iter().any(|network| network.contains(order.remote.ip())) {
            return Err(Denied::Target);
        }
        let plan = order.plan;
        if plan.pps > self.0.tests.packets_per_second_max || plan.packets > self.0.tests.packets_max {
            return Err(Denied::Rate);
        }
        Ok(if plan.pps > LIGHT_PPS_MAX { Permit::OnLease } else { Permit::Freely })
    }

    /// Tests that may run at once.
    pub(super) fn at_once_max(&self) -> usize {
        self.0.tests.at_once_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::check::{PathPlan, TestId};
    use crate::domain::id::LinkId;

    fn guard(tests: &str) -> Guard {
        let text = format!(
            "[controller]\nenrol = 'vcops.example:8444'\n[reflector]\nallow = ['10.0.0.1']\n[tests]\n{tests}"
        );
        Guard::new(&crate::config::read_agent("agent.toml", &text).unwrap())
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
    fn only_listed_targets_within_the_limits_are_tested() {
        let now = at("2026-11-23T12:00:00+08:00");
        let rules = "targets = ['10.1.0.0/16']\npackets_per_second_max = 200\npackets_max = 1000";
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
        let closed = self::guard(&format!("{rules}\nno_test = [{{ from = '12:00', until = '12:00' }}]"));
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
        assert!(guard("consent = 'standing'").consents(now, None));
        let closed = guard("consent = 'standing'\nno_test = [{ from = '11:00', until = '13:00' }]");
        assert!(!closed.consents(now, None));
    }
}

//! Rules about agents: silence, clock, disk, heat, misbehaviour.

use super::{Condition, utc_at};
use crate::domain::id::AgentId;
use crate::domain::time::{Now, Span};
use crate::engine::draft::Draft;
use crate::engine::finding::{FindingKey, RuleCode};
use crate::engine::state::State;
use crate::observation::AgentHealth;

/// The rules that a heartbeat speaks to.
pub(super) const BY_HEALTH: [RuleCode; 4] =
    [RuleCode::AgentOffline, RuleCode::AgentClock, RuleCode::AgentDisk, RuleCode::AgentTemperature];

/// A refused message counts as going on for this long.
pub(super) const MISBEHAVIOUR_LASTS: Span = Span::seconds(10);

/// Where a figure is wrong, and where it is in order again: what lies between leaves things as they are.
struct Threshold {
    wrong: f64,
    in_order: f64,
}

/// Offset from the controller's clock, milliseconds either way.
const CLOCK_MS: Threshold = Threshold { wrong: 500.0, in_order: 400.0 };
/// Free space, MiB: below.
const DISK_FREE_MIB: Threshold = Threshold { wrong: 64.0, in_order: 128.0 };
/// Hottest sensor, degrees Celsius.
const TEMPERATURE_C: Threshold = Threshold { wrong: 85.0, in_order: 78.0 };

/// What a heartbeat that has just come says.
pub(super) fn by_health(
    key: &FindingKey,
    health: &AgentHealth,
    raised: bool,
    draft: &Draft<'_>,
) -> Condition {
    match wrong(key.rule, health, raised) {
        Some(true) => Condition::wrong(draft.now.mono, draft.now.utc),
        Some(false) => Condition::False,
        None => Condition::Unknown,
    }
}

/// What the picture says, when time has passed.
pub(super) fn by_picture(state: &State, agent: &AgentId, key: &FindingKey, now: Now) -> Condition {
    if !state.durable.inventory.agents.contains_key(agent) {
        return Condition::Gone;
    }
    if key.rule == RuleCode::AgentMisbehaves {
        return misbehaves(state, agent, now);
    }
    if state.durable.agent_key(agent).is_none() {
        return Condition::Gone;
    }
    let fresh = state.agent_fresh(agent, now.mono);
    if key.rule == RuleCode::AgentOffline && !fresh {
        return silent(state, agent, now);
    }
    let health = state.picture.agents.get(agent).and_then(|seen| seen.health.as_ref()).filter(|_| fresh);
    let raised = state.durable.findings.contains_key(key);
    match health.and_then(|health| wrong(key.rule, health, raised)) {
        Some(true) => Condition::wrong(now.mono, now.utc),
        Some(false) => Condition::False,
        None => Condition::Unknown,
    }
}

/// Silence counts from the last heartbeat, or from when the first was due.
fn silent(state: &State, agent: &AgentId, now: Now) -> Condition {
    let Some(seen) = state.picture.agents.get(agent) else { return Condition::Unknown };
    let since = seen.at.or(seen.silent_at.filter(|due| *due <= now.mono));
    since.map_or(Condition::Unknown, |since| Condition::wrong(since, utc_at(now, since)))
}

fn misbehaves(state: &State, agent: &AgentId, now: Now) -> Condition {
    let last = state.picture.agents.get(agent).and_then(|seen| seen.misbehaved);
    // After a restart the last one is not known: the time since the start stands in for it.
    let since = last.unwrap_or(state.picture.began);
    match () {
        () if now.mono.since(since) >= MISBEHAVIOUR_LASTS => Condition::False,
        () if last.is_some() => Condition::wrong(since, utc_at(now, since)),
        () => Condition::Unknown,
    }
}

/// Whether a heartbeat's figure is wrong; `None` when it is absent or between the thresholds.
fn wrong(rule: RuleCode, health: &AgentHealth, raised: bool) -> Option<bool> {
    let above = |value: f64, limit: &Threshold| {
        if raised { value > limit.in_order } else { value > limit.wrong }
    };
    if rule == RuleCode::AgentOffline {
        return Some(false);
    }
    if rule == RuleCode::AgentClock {
        // Only an offset that is surely beyond the limit: its bound is taken off.
        return health.clock_offset_ms.map(|(offset, bound)| above(offset.abs() - bound.abs(), &CLOCK_MS));
    }
    if rule == RuleCode::AgentDisk {
        let limit = if raised { DISK_FREE_MIB.in_order } else { DISK_FREE_MIB.wrong };
        return health.disk_free_mib.map(|free| (free as f64) < limit);
    }
    let heat = health.temperature_c.filter(|_| rule == RuleCode::AgentTemperature);
    heat.map(|heat| above(heat, &TEMPERATURE_C))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_between_its_thresholds_stays_as_it_was() {
        // Temperature, whether raised, whether wrong.
        let cases = [(84.0, false, false), (86.0, false, true), (80.0, true, true), (77.0, true, false)];
        for (heat, raised, expected) in cases {
            let health = AgentHealth {
                version: String::new(),
                clock_offset_ms: None,
                disk_free_mib: None,
                cpu_pct: None,
                memory_mib: None,
                temperature_c: Some(heat),
                outbox: 0,
                consent: false,
                no_test: false,
                reflector_refused: 0,
            };
            assert_eq!(wrong(RuleCode::AgentTemperature, &health, raised), Some(expected), "{heat} {raised}");
            assert_eq!(wrong(RuleCode::AgentClock, &health, raised), None, "an absent figure says nothing");
        }
    }
}

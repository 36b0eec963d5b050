//! Rules about vcops itself: its disk, queues, tasks, line to the agents, clock, journal and notices.
//!
//! The host measures itself and says so every few seconds; while it says nothing, nothing is concluded.

use std::collections::BTreeMap;

use super::{Condition, Weight, turn};
use crate::domain::fault::Severity;
use crate::domain::inventory::Resource;
use crate::domain::time::{Now, Span, Utc};
use crate::engine::draft::Draft;
use crate::engine::finding::{FindingKey, Proof, RuleCode, Subject, Why};
use crate::engine::state::{HubPicture, State};
use crate::observation::{HubHealth, Sure};

/// Its rules, and how long each must hold before it is raised and be in order before it clears.
pub(super) const TIMES: [(RuleCode, Span, Span); 7] = [
    (RuleCode::SelfDisk, Span::seconds(10), Span::minutes(2)),
    (RuleCode::SelfQueue, Span::seconds(10), Span::seconds(30)),
    (RuleCode::SelfTask, Span::ZERO, Span::seconds(10)),
    (RuleCode::SelfLine, Span::seconds(5), Span::seconds(10)),
    (RuleCode::SelfClock, Span::ZERO, Span::ZERO),
    (RuleCode::SelfJournal, Span::ZERO, Span::ZERO),
    (RuleCode::SelfNotices, Span::ZERO, Span::seconds(10)),
];

/// What vcops said of itself counts for so long.
const FRESH: Span = Span::seconds(20);
/// A step of the clock and a gap in the journal are news for so long.
const NEWS: Span = Span::minutes(10);
/// Free space, MiB: wrong below, in order again above.
const DISK_FREE_MIB: (u64, u64) = (512, 1024);
/// How full the fullest queue is, percent: wrong from, in order again below.
const QUEUE_PCT: (u8, u8) = (80, 50);
/// How long the oldest notice may wait.
const NOTICE_WAITS_S: u64 = 60;

/// What a measurement says.
#[derive(Debug, PartialEq)]
enum Measured {
    Not,
    Right,
    Wrong(Severity, Proof),
}

/// What a rule sees in a measurement, given whether it is raised.
type Measure = fn(&HubHealth, bool) -> Measured;

/// Rules about what is measured; the others are about what happened.
const MEASURED: [(RuleCode, Measure); 5] = [
    (RuleCode::SelfDisk, disk),
    (RuleCode::SelfQueue, queue),
    (RuleCode::SelfTask, task),
    (RuleCode::SelfLine, line),
    (RuleCode::SelfNotices, notices),
];

/// The finding of a rule.
fn key(rule: RuleCode) -> FindingKey {
    FindingKey { rule, subject: Subject::Resource(Resource::Hub) }
}

/// Looks at every rule: vcops has just measured itself.
pub(super) fn observed(draft: &mut Draft<'_>, health: &HubHealth) {
    for (rule, ..) in TIMES {
        let key = key(rule);
        let condition = condition(draft.state, rule, Some(health), draft.now);
        turn(draft, &key, condition);
    }
}

/// What the picture says, when time has passed.
pub(super) fn by_picture(state: &State, rule: RuleCode, now: Now) -> Condition {
    let hub = &state.picture.hub;
    let fresh = hub.at.is_some_and(|at| now.mono.since(at) < FRESH);
    condition(state, rule, hub.health.as_ref().filter(|_| fresh), now)
}

fn condition(state: &State, rule: RuleCode, health: Option<&HubHealth>, now: Now) -> Condition {
    let measure = MEASURED.iter().find(|(known, _)| *known == rule).map(|(_, measure)| measure);
    let Some(measure) = measure else { return news(state, rule, now) };
    let raised = state.durable.findings.contains_key(&key(rule));
    match health.map_or(Measured::Not, |health| measure(health, raised)) {
        Measured::Wrong(severity, proof) => wrong(now, now.utc, severity, proof),
        Measured::Right => Condition::False,
        Measured::Not => Condition::Unknown,
    }
}

fn wrong(now: Now, since_utc: Utc, severity: Severity, proof: Proof) -> Condition {
    let weight = Weight { severity, proof: Some(Box::new(proof)) };
    Condition::True { since: now.mono, since_utc, weight }
}

/// What happened once is news for a time. After a restart the time since the start stands in for it.
fn news(state: &State, rule: RuleCode, now: Now) -> Condition {
    let HubPicture { stepped, gap, .. } = &state.picture.hub;
    let clock = stepped.filter(|_| rule == RuleCode::SelfClock).map(|(at, by_us)| {
        let by_s = (by_us as f64 / 1_000.0).round() / 1_000.0;
        let (ago, figures) = (now.mono.since(at), figure("stepped_s", by_s));
        (ago, now.utc - ago, Severity::Warning, figures)
    });
    let journal = gap.filter(|_| rule == RuleCode::SelfJournal);
    let journal =
        journal.map(|(ended, since)| (now.utc.since(ended), since, Severity::Severe, BTreeMap::new()));
    match clock.or(journal) {
        Some((ago, since, severity, figures)) if ago < NEWS => {
            wrong(now, since, severity, proof(None, figures))
        }
        Some(_) => Condition::False,
        None if now.mono.since(state.picture.began) < NEWS => Condition::Unknown,
        None => Condition::False,
    }
}

fn figure(name: &str, value: f64) -> BTreeMap<String, f64> {
    BTreeMap::from([(name.to_owned(), value)])
}

fn proof(why: Option<Why>, figures: BTreeMap<String, f64>) -> Proof {
    Proof { sure: Sure::Confirmed, grave: false, why, figures, evidence: None }
}

fn part(name: &str) -> Why {
    Why::Part(name.to_owned())
}

fn either(wrong: bool, severity: Severity, proof: Proof) -> Measured {
    if wrong { Measured::Wrong(severity, proof) } else { Measured::Right }
}

fn disk(health: &HubHealth, raised: bool) -> Measured {
    let Some(free) = health.disk_free_mib else { return Measured::Not };
    let limit = if raised { DISK_FREE_MIB.1 } else { DISK_FREE_MIB.0 };
    either(free < limit, Severity::Severe, proof(None, figure("disk_free_mib", free as f64)))
}

fn queue(health: &HubHealth, raised: bool) -> Measured {
    let limit = if raised { QUEUE_PCT.1 } else { QUEUE_PCT.0 };
    let full = health.fullest.as_ref().filter(|queue| queue.pct >= limit);
    full.map_or(Measured::Right, |it| {
        Measured::Wrong(Severity::Warning, proof(Some(part(&it.queue)), figure("queue_pct", it.pct.into())))
    })
}

fn task(health: &HubHealth, _raised: bool) -> Measured {
    health.silent.as_ref().map_or(Measured::Right, |it| {
        Measured::Wrong(Severity::Severe, proof(Some(part(&it.task)), figure("silent_s", it.seconds as f64)))
    })
}

fn line(health: &HubHealth, _raised: bool) -> Measured {
    either(!health.line_up, Severity::Severe, proof(None, BTreeMap::new()))
}

fn notices(health: &HubHealth, _raised: bool) -> Measured {
    let Some(waits) = health.notice_waits_s else { return Measured::Not };
    let proof = proof(None, figure("notice_waits_s", waits as f64));
    either(waits >= NOTICE_WAITS_S, Severity::Severe, proof)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{FullestQueue, SilentTask};

    #[test]
    fn each_measurement_speaks_to_its_own_rule_and_has_hysteresis() {
        let well = HubHealth {
            disk_free_mib: Some(4000),
            fullest: None,
            silent: None,
            line_up: true,
            notice_waits_s: Some(0),
        };
        let wrong = |measure: Measure, health: &HubHealth, raised| measure(health, raised) != Measured::Right;
        for (rule, measure) in MEASURED {
            assert!(!wrong(measure, &well, false), "{rule:?}");
        }
        let low = HubHealth { disk_free_mib: Some(600), ..well.clone() };
        assert!(!wrong(disk, &low, false));
        assert!(wrong(disk, &low, true));
        let fullest = Some(FullestQueue { queue: "arrivals".to_owned(), pct: 60 });
        let full = HubHealth { fullest, ..well.clone() };
        assert!(!wrong(queue, &full, false));
        assert!(wrong(queue, &full, true));
        let silent = SilentTask { task: "courier".to_owned(), seconds: 40 };
        assert!(wrong(task, &HubHealth { silent: Some(silent), ..well.clone() }, false));
        assert!(wrong(line, &HubHealth { line_up: false, ..well.clone() }, false));
        assert!(wrong(notices, &HubHealth { notice_waits_s: Some(60), ..well }, false));
    }
}

//! Alarms in the model: the stages of ISA-18.2, and what lies over them.

use vcops::domain::time::{Now, Span, Utc};
use vcops::engine::alarm::AlarmChange;
use vcops::engine::finding::{FindingKey, Severity};
use vcops::engine::input::AlarmAsk;

use super::{MINUTE, Model, lasts};

/// The stages of an alarm, as ISA-18.2 draws them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::engine::random) enum Stage {
    #[default]
    Normal,
    Unack,
    Ack,
    Returned,
    Latched,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::engine::random) struct Alarm {
    pub(in crate::engine::random) stage: Stage,
    pub(super) latches: bool,
    pub(super) ack_until: Option<Utc>,
    pub(in crate::engine::random) shelf: Option<(Utc, bool)>,
    pub(in crate::engine::random) service: Option<Utc>,
    pub(in crate::engine::random) chatter: Option<Utc>,
}

impl Alarm {
    fn raise(&mut self) {
        if matches!(self.stage, Stage::Normal | Stage::Returned | Stage::Latched) {
            (self.stage, self.ack_until) = (Stage::Unack, None);
        }
    }

    fn clear(&mut self) {
        let after = match self.stage {
            Stage::Unack | Stage::Ack if self.latches => Stage::Latched,
            Stage::Unack => Stage::Returned,
            Stage::Ack => Stage::Normal,
            Stage::Normal | Stage::Returned | Stage::Latched => return,
        };
        self.go(after);
        self.shelf = self.shelf.filter(|(_, once)| !once);
    }

    pub(super) fn ack(&mut self, until: Option<Utc>) {
        match self.stage {
            Stage::Unack => (self.stage, self.ack_until) = (Stage::Ack, until),
            Stage::Returned => self.go(Stage::Normal),
            Stage::Normal | Stage::Ack | Stage::Latched => {}
        }
    }

    pub(super) fn unack(&mut self) {
        if self.stage == Stage::Ack {
            self.go(Stage::Unack);
        }
    }

    fn go(&mut self, to: Stage) {
        (self.stage, self.ack_until) = (to, None);
        self.latches &= to != Stage::Normal;
    }

    pub(super) fn is_aside(&self) -> bool {
        self.shelf.is_some() || self.service.is_some()
    }
}

impl Model {
    pub(super) fn ask(&mut self, now: Now, alarms: &[FindingKey], ask: &AlarmAsk) {
        for key in alarms {
            let severity = self.findings.get(key).copied().unwrap_or_default();
            let alarm = self.alarms.entry(key.clone()).or_default();
            match ask {
                AlarmAsk::Ack => alarm.ack(Some(now.utc + lasts(severity))),
                AlarmAsk::Unack { .. } => alarm.unack(),
                AlarmAsk::Reset { .. } if alarm.stage == Stage::Latched => alarm.go(Stage::Normal),
                AlarmAsk::Reset { .. } => {}
                AlarmAsk::Shelve { until, once, .. } => {
                    let most = if severity == Severity::Critical { 30 } else { 480 };
                    assert!(
                        *until > now.utc && *until <= now.utc + Span::minutes(most),
                        "{key} for too long"
                    );
                    alarm.shelf = Some((*until, *once));
                }
                AlarmAsk::Unshelve { .. } => alarm.shelf = None,
                AlarmAsk::OutOfService { until, .. } => alarm.service = Some(*until),
                AlarmAsk::InService { .. } => alarm.service = None,
            }
        }
    }

    pub(super) fn raised(&mut self, now: Now, key: &FindingKey, severity: Severity) {
        assert!(self.findings.insert(key.clone(), severity).is_none(), "{key} is raised twice");
        self.alarms.entry(key.clone()).or_default().raise();
        self.latch(key, severity);
        let rises = self.rises.entry(key.clone()).or_default();
        rises.retain(|at| now.mono.since(*at) < MINUTE);
        rises.push(now.mono);
        let many = rises.len() >= 5;
        let alarm = self.alarms.get_mut(key).unwrap();
        if many && alarm.chatter.is_none() {
            alarm.chatter = Some(now.utc + Span::minutes(5));
            self.count("chattering");
        }
    }

    pub(super) fn latch(&mut self, key: &FindingKey, severity: Severity) {
        if severity == Severity::Critical && key.to_string().starts_with("stream.") {
            self.alarms.get_mut(key).expect("raised").latches = true;
            self.count("latching");
        }
    }

    pub(super) fn cleared(&mut self, now: Now, key: &FindingKey) {
        assert!(self.findings.remove(key).is_some(), "{key} was not raised");
        self.alarms.get_mut(key).expect("raised").clear();
        for incident in self.incidents.values_mut() {
            if let Some(raised) = incident.members.get_mut(key).filter(|raised| **raised) {
                *raised = false;
                incident.settle(now);
            }
        }
    }

    /// What vcops itself does with an alarm: only what its time or its rises say.
    pub(super) fn alarm(&mut self, now: Now, key: &FindingKey, change: &AlarmChange) {
        let lately = self.rises.get(key).into_iter().flatten();
        let lately = lately.filter(|at| now.mono.since(**at) < MINUTE).count();
        let alarm = self.alarms.entry(key.clone()).or_default();
        let over = |until: Option<Utc>| until.is_some_and(|until| until <= now.utc);
        match change {
            AlarmChange::Unacked { .. } => {
                assert!(over(alarm.ack_until), "{key} is taken from who takes care of it");
                alarm.unack();
                self.count("acks too old");
            }
            AlarmChange::Unshelved { .. } => {
                assert!(over(alarm.shelf.map(|(until, _)| until)), "{key} leaves the shelf too soon");
                alarm.shelf = None;
                self.count("shelves over");
            }
            AlarmChange::InService { .. } => {
                assert!(over(alarm.service), "{key} is back in service too soon");
                alarm.service = None;
            }
            AlarmChange::Chattering { until } => {
                if over(alarm.chatter) {
                    assert!(lately > 0, "{key} does not chatter any more");
                    alarm.chatter = Some(*until);
                }
                assert_eq!(alarm.chatter, Some(*until), "{key} chatters");
            }
            AlarmChange::Calmed => {
                assert!(over(alarm.chatter) && lately == 0, "{key} still chatters");
                alarm.chatter = None;
            }
            AlarmChange::Latches => assert!(alarm.latches, "{key} need not be reset"),
            AlarmChange::Acked { .. }
            | AlarmChange::Reset { .. }
            | AlarmChange::Shelved { .. }
            | AlarmChange::OutOfService { .. } => panic!("vcops does a person's work on {key}"),
        }
    }
}

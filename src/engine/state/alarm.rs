//! Alarms as the journal tells them: where each stands, and what lies over it.
//!
//! One stands here while it is anything but normal, or while something lies over it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::durable::DurableState;
use super::listed::Keyed;
use crate::domain::actor::Actor;
use crate::domain::id::RegionId;
use crate::domain::incident::IncidentId;
use crate::domain::lang::Text;
use crate::domain::time::{Mono, Span, Utc};
use crate::engine::alarm::{AlarmChange, CHATTER_WITHIN, Core, Signal};
use crate::engine::event::{Durable, What};
use crate::engine::finding::FindingKey;
use crate::engine::incident::IncidentChange;

/// Alarms that are over and nobody looked at, kept in memory; older ones are in the journal.
const RETURNED_KEPT: usize = 20_000;
/// Alarms whose last rises are remembered before those that are calm are forgotten.
const RISES_KEPT: usize = 1_000;
/// Annunciations are counted over a day.
const LOAD_KEPT: Span = Span::minutes(24 * 60);
/// Most annunciations kept: more than that is a flood that needs no exact count.
const ANNUNCIATIONS_KEPT: usize = 2_000;

/// One alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    /// What is wrong with what.
    pub key: FindingKey,
    /// Where it stands.
    pub core: Core,
    /// Since when it stands there.
    pub since: Utc,
    /// How often it came back before anybody took it off.
    #[serde(default)]
    pub relapses: u32,
    /// Not over before somebody resets it.
    #[serde(default)]
    pub latches: bool,
    /// Who takes care.
    #[serde(default)]
    pub acked: Option<Acked>,
    /// 暂不提醒.
    #[serde(default)]
    pub shelf: Option<Shelf>,
    /// 停用.
    #[serde(default)]
    pub service: Option<OutOfService>,
    /// 抖动: until when at least it is not told each time.
    #[serde(default)]
    pub chatters_until: Option<Utc>,
}

/// An acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acked {
    /// By whom.
    pub by: Actor,
    /// When.
    pub at: Utc,
    /// Until when; with its incident where nothing is said.
    #[serde(default)]
    pub until: Option<Utc>,
}

/// Put aside by a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shelf {
    /// Until when.
    pub until: Utc,
    /// Only until it is over next.
    pub once: bool,
    /// Why.
    pub why: Text,
    /// By whom.
    pub by: Actor,
    /// When.
    pub at: Utc,
}

/// What it is about is being worked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutOfService {
    /// Until when.
    pub until: Utc,
    /// By which order, or why.
    pub why: Text,
    /// By whom.
    pub by: Actor,
    /// When.
    pub at: Utc,
}

/// Something that asked for a person's attention: an incident, opened or opened again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Annunciation {
    /// When.
    pub at: Utc,
    /// Which.
    pub incident: IncidentId,
    /// Where, if it is in one place.
    #[serde(default)]
    pub region: Option<RegionId>,
}

impl Keyed for Alarm {
    type Key = FindingKey;
    fn key(&self) -> FindingKey {
        self.key.clone()
    }
}

impl Alarm {
    fn normal(key: &FindingKey, at: Utc) -> Self {
        Self {
            key: key.clone(),
            core: Core::Normal,
            since: at,
            relapses: 0,
            latches: false,
            acked: None,
            shelf: None,
            service: None,
            chatters_until: None,
        }
    }

    /// Whether a person put it aside, or it chatters: it opens nothing and makes no sound.
    pub fn is_aside(&self) -> bool {
        self.shelf.is_some() || self.service.is_some()
    }

    fn is_idle(&self) -> bool {
        self.core == Core::Normal && !self.is_aside() && self.chatters_until.is_none()
    }

    fn takes(&mut self, signal: Signal, at: Utc) {
        let before = self.core;
        self.core = before.after(signal, self.latches);
        if self.core == before {
            return;
        }
        self.since = at;
        self.relapses += u32::from(signal == Signal::Raised && before != Core::Normal);
        if self.core != Core::Ack {
            self.acked = None;
        }
        if self.core == Core::Normal {
            (self.latches, self.relapses) = (false, 0);
        }
        if signal == Signal::Cleared && self.shelf.as_ref().is_some_and(|shelf| shelf.once) {
            self.shelf = None;
        }
    }

    fn follow(&mut self, change: &AlarmChange, event: &Durable) {
        let (at, by) = (event.at, || event.by.clone());
        match change {
            AlarmChange::Acked { until } => {
                self.takes(Signal::Acked, at);
                let acked = Acked { by: by(), at, until: Some(*until) };
                self.acked = (self.core == Core::Ack).then_some(acked);
            }
            AlarmChange::Unacked { .. } => self.takes(Signal::Unacked, at),
            AlarmChange::Latches => self.latches = true,
            AlarmChange::Reset { .. } => self.takes(Signal::Reset, at),
            AlarmChange::Shelved { until, once, why } => {
                let (until, once) = (*until, *once);
                self.shelf = Some(Shelf { until, once, why: why.clone(), by: by(), at });
            }
            AlarmChange::Unshelved { .. } => self.shelf = None,
            AlarmChange::OutOfService { until, why } => {
                self.service = Some(OutOfService { until: *until, why: why.clone(), by: by(), at });
            }
            AlarmChange::InService { .. } => self.service = None,
            AlarmChange::Chattering { until } => self.chatters_until = Some(*until),
            AlarmChange::Calmed => self.chatters_until = None,
        }
    }

    /// When something of it runs out: the earliest.
    pub(in crate::engine) fn due(&self) -> Option<Utc> {
        let ack = self.acked.as_ref().and_then(|acked| acked.until);
        let shelf = self.shelf.as_ref().map(|shelf| shelf.until);
        let service = self.service.as_ref().map(|service| service.until);
        [ack, shelf, service, self.chatters_until].into_iter().flatten().min()
    }
}

impl DurableState {
    /// What people do with alarms, and what runs out.
    pub(super) fn alarms_changed(&mut self, alarms: &[FindingKey], change: &AlarmChange, event: &Durable) {
        for key in alarms {
            let alarm = self.alarms.entry(key.clone()).or_insert_with(|| Alarm::normal(key, event.at));
            alarm.follow(change, event);
            self.drop_if_idle(key);
        }
    }

    /// An alarm follows its finding, and whoever takes care of it.
    pub(super) fn signal(&mut self, key: &FindingKey, signal: Signal, event: &Durable) {
        if signal == Signal::Raised && self.alarms.len() >= RETURNED_KEPT {
            self.drop_oldest_returned();
        }
        let alarm = self.alarms.entry(key.clone()).or_insert_with(|| Alarm::normal(key, event.at));
        alarm.takes(signal, event.at);
        if signal == Signal::Acked && alarm.core == Core::Ack {
            alarm.acked = Some(Acked { by: event.by.clone(), at: event.at, until: None });
        }
        self.drop_if_idle(key);
    }

    fn drop_if_idle(&mut self, key: &FindingKey) {
        if self.alarms.get(key).is_some_and(Alarm::is_idle) {
            self.alarms.remove(key);
        }
    }

    fn drop_oldest_returned(&mut self) {
        let returned = self.alarms.values().filter(|alarm| alarm.core == Core::RtnUnack && !alarm.is_aside());
        let oldest = returned.min_by_key(|alarm| alarm.since).map(|alarm| alarm.key.clone());
        oldest.into_iter().for_each(|key| {
            self.alarms.remove(&key);
        });
    }

    /// Who takes care of an incident takes care of its alarms.
    pub(super) fn alarms_of(&mut self, incident: IncidentId, change: &IncidentChange, event: &Durable) {
        let signal = match change {
            IncidentChange::Acked => Signal::Acked,
            IncidentChange::Unacked { .. } => Signal::Unacked,
            IncidentChange::Reopened { .. } => return self.annunciate(incident, event.at),
            IncidentChange::Joined { .. }
            | IncidentChange::Assessed { .. }
            | IncidentChange::Mitigating { .. }
            | IncidentChange::Mitigated { .. }
            | IncidentChange::Resolved { .. }
            | IncidentChange::FalseAlarm { .. }
            | IncidentChange::Merged { .. }
            | IncidentChange::Marked { .. }
            | IncidentChange::Assigned { .. }
            | IncidentChange::Noted { .. }
            | IncidentChange::Reviewed { .. }
            | IncidentChange::CorrectionAsked { .. }
            | IncidentChange::CorrectionReminded { .. }
            | IncidentChange::CorrectionDone { .. } => return,
        };
        let members = self.incidents.get(&incident).map(|incident| &incident.members);
        let members: Vec<FindingKey> = members.into_iter().flat_map(BTreeMap::keys).cloned().collect();
        for member in members {
            if self.alarms.contains_key(&member) {
                self.signal(&member, signal, event);
            }
        }
    }

    /// An incident asked for attention.
    pub(super) fn annunciate(&mut self, incident: IncidentId, at: Utc) {
        let region = self.incidents.get(&incident).and_then(|incident| incident.region(&self.inventory));
        self.annunciations.retain(|known| known.at + LOAD_KEPT > at);
        let over = (self.annunciations.len() + 1).saturating_sub(ANNUNCIATIONS_KEPT);
        self.annunciations.drain(..over);
        self.annunciations.push(Annunciation { at, incident, region });
    }
}

/// What runs out when, and which alarms come and go too often.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::engine) struct AlarmsPicture {
    /// When something of an alarm runs out.
    pub(in crate::engine) due: BTreeSet<(Utc, FindingKey)>,
    due_at: BTreeMap<FindingKey, Utc>,
    /// When each alarm was raised lately.
    pub(in crate::engine) rises: BTreeMap<FindingKey, Vec<Mono>>,
}

impl AlarmsPicture {
    /// Makes the deadlines anew; what chatters goes on doing so.
    pub(in crate::engine) fn rebuild(&mut self, durable: &DurableState) {
        self.due.clear();
        self.due_at.clear();
        durable.alarms.keys().for_each(|key| self.file(durable, key));
    }

    fn file(&mut self, durable: &DurableState, key: &FindingKey) {
        let due = durable.alarms.get(key).and_then(Alarm::due);
        let before = match due {
            Some(at) => self.due_at.insert(key.clone(), at),
            None => self.due_at.remove(key),
        };
        if let Some(before) = before {
            self.due.remove(&(before, key.clone()));
        }
        self.due.extend(due.map(|at| (at, key.clone())));
    }

    /// An alarm was raised: only the last few times matter.
    pub(in crate::engine) fn rose(&mut self, key: &FindingKey, at: Mono) {
        if self.rises.len() >= RISES_KEPT {
            self.rises.retain(|_, rises| rises.last().is_some_and(|last| at.since(*last) < CHATTER_WITHIN));
        }
        let rises = self.rises.entry(key.clone()).or_default();
        rises.retain(|rose| at.since(*rose) < CHATTER_WITHIN);
        rises.push(at);
    }

    /// Keeps step with an event that was just applied.
    pub(in crate::engine) fn follow(&mut self, durable: &DurableState, event: &Durable) {
        if let What::AlarmsChanged { alarms, .. } = &event.what {
            alarms.iter().for_each(|key| self.file(durable, key));
        }
        if let What::FindingRaised { finding, .. } | What::FindingCleared { finding } = &event.what {
            self.file(durable, finding);
        }
        if let What::IncidentChanged {
            incident,
            change: IncidentChange::Acked | IncidentChange::Unacked { .. },
        } = &event.what
        {
            let members = durable.incidents.get(incident).into_iter().flat_map(|known| known.members.keys());
            members.for_each(|key| self.file(durable, key));
        }
    }
}

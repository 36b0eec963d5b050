//! An alarm as it is shown: its state, what lies over it, and what it is silent for.

use serde::Serialize;

use super::machine::{AlarmState, Core, Look};
use crate::domain::id::VenueId;
use crate::domain::incident::IncidentId;
use crate::domain::inventory::Resource;
use crate::domain::time::{Mono, Now, Utc};
use crate::engine::finding::{FindingKey, RuleCode, Severity, Subject};
use crate::engine::incident::venue_of;
use crate::engine::state::{Acked, Alarm, Incident, OutOfService, Shelf, State};
use crate::observation::device::Device;

/// Why an alarm is silent by design.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Suppressor {
    /// Its incident has one cause, and another alarm speaks for it.
    Parent {
        /// The incident.
        incident: IncidentId,
        /// What failed.
        cause: Resource,
        /// Which alarm speaks.
        speaks: FindingKey,
    },
    /// 会议阶段: no meeting is near, or its part in it does not matter now.
    Phase,
    /// 告警泛滥: only what is grave is told one by one.
    Flood,
}

/// An alarm with everything that concerns it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmView {
    /// What is wrong with what.
    pub key: FindingKey,
    /// Where it stands.
    pub state: AlarmState,
    /// How much it matters; nothing while it is not raised.
    pub severity: Option<Severity>,
    /// Since when it stands there; the onset while it is pending.
    pub since: Option<Utc>,
    /// Whether what it is about is seen now.
    pub seen: bool,
    /// How often it came back.
    pub relapses: u32,
    /// The venue it is about.
    pub venue: Option<VenueId>,
    /// Its incident.
    pub incident: Option<IncidentId>,
    /// Who takes care.
    pub acked: Option<Acked>,
    /// 暂不提醒.
    pub shelf: Option<Shelf>,
    /// 停用.
    pub service: Option<OutOfService>,
    /// 抖动, until when at least.
    pub chatters_until: Option<Utc>,
    /// What it is silent for.
    pub suppressed: Option<Suppressor>,
}

impl AlarmView {
    /// Whether it speaks: raised, not acknowledged, and nothing lies over it.
    pub fn annunciates(&self) -> bool {
        let over = self.shelf.is_some() || self.service.is_some() || self.suppressed.is_some();
        self.state == AlarmState::Unack && !over
    }
}

/// An alarm as it stands now.
pub fn view(state: &State, now: Now, key: &FindingKey) -> AlarmView {
    let known = state.durable.alarms.get(key);
    let finding = state.durable.findings.get(key);
    let hold = state.picture.holds.get(key);
    let seen = seen(state, &key.subject, now.mono);
    let core = known.map_or(Core::Normal, |alarm| alarm.core);
    let chatters_until = known.and_then(|alarm| alarm.chatters_until);
    AlarmView {
        key: key.clone(),
        state: AlarmState::of(core, Look::of(seen, hold), chatters_until.is_some()),
        severity: finding.map(|finding| finding.severity),
        since: known.map(|alarm| alarm.since).or(hold.map(|hold| hold.since_utc)),
        seen,
        relapses: known.map_or(0, |alarm| alarm.relapses),
        venue: venue_of(&state.durable.inventory, &key.subject),
        incident: finding.and_then(|finding| finding.incident),
        acked: known.and_then(|alarm| alarm.acked.clone()),
        shelf: known.and_then(|alarm| alarm.shelf.clone()),
        service: known.and_then(|alarm| alarm.service.clone()),
        chatters_until,
        suppressed: suppressor(state, key),
    }
}

/// What a raised alarm is silent for; the one that speaks for a cause is never silent for it.
fn suppressor(state: &State, key: &FindingKey) -> Option<Suppressor> {
    let finding = state.durable.findings.get(key)?;
    let incident = finding.incident.and_then(|id| state.durable.incidents.get(&id));
    if let Some((incident, cause)) =
        incident.and_then(|known| Some((known, known.assessment.cause.as_ref()?)))
        && let Some(speaks) = speaks(state, incident).filter(|speaks| *speaks != key)
    {
        let (cause, speaks) = (cause.clone(), speaks.clone());
        return Some(Suppressor::Parent { incident: incident.id, cause, speaks });
    }
    if finding.severity == Severity::Information {
        return Some(Suppressor::Phase);
    }
    let grave = finding.severity >= Severity::Severe;
    (state.durable.flood.is_some() && !grave).then_some(Suppressor::Flood)
}

/// The alarm that speaks for an incident: that of the cause itself, else the first that nobody put aside and that is
/// told whatever phase or flood there is, else one that is told at most times. The gravest would take a look at all.
pub(super) fn speaks<'a>(state: &State, incident: &'a Incident) -> Option<&'a FindingKey> {
    let raised =
        |key: &&FindingKey| incident.members.get(*key).is_some_and(|member| member.cleared.is_none());
    if let Some(Resource::Mcu(mcu)) = &incident.assessment.cause {
        let subject = Subject::Device(Device::Mcu(mcu.clone()));
        let down = FindingKey { rule: RuleCode::McuDown, subject };
        let own = incident.members.get_key_value(&down).map(|(key, _)| key);
        if let Some(own) = own.filter(raised) {
            return Some(own);
        }
    }
    let aside = |key: &FindingKey| state.durable.alarms.get(key).is_some_and(Alarm::is_aside);
    let weighs = |key: &FindingKey, least: Severity| {
        state.durable.findings.get(key).is_some_and(|finding| finding.severity >= least)
    };
    let first = |least| incident.raised().find(|key| !aside(key) && weighs(key, least));
    let first = first(Severity::Severe).or_else(|| first(Severity::Warning));
    first.or_else(|| incident.raised().find(|key| !aside(key))).or_else(|| incident.raised().next())
}

/// Whether what an alarm is about is seen now: otherwise nobody can say that it is in order.
fn seen(state: &State, subject: &Subject, now: Mono) -> bool {
    let device = |device: &Device| state.picture.devices.fresh(device, now).is_some();
    match subject {
        Subject::Agent(agent) => state.picture.agents.get(agent).is_some_and(|agent| agent.at.is_some()),
        Subject::Resource(_) => true,
        Subject::Stream(stream) => {
            state.picture.streams.each.get(stream).is_some_and(|stream| stream.fresh(now))
        }
        Subject::Device(found) => device(found),
        Subject::Site(site) => device(&Device::Mcu(site.mcu.clone())),
        Subject::Reading(reading) => device(&reading.device),
    }
}

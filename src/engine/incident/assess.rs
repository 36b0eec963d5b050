//! What an incident is, how sure that is, and why: the sentence under its title.

use std::collections::BTreeSet;

use super::anchor::{Anchor, class_of, venue_of};
use super::change::Assessment;
use crate::domain::fault::FaultClass;
use crate::domain::id::{MeetingId, RegionId, VenueId};
use crate::domain::incident::Confidence;
use crate::domain::inventory::{Phase, Resource};
use crate::domain::lang::{Lang, Text};
use crate::domain::time::{Span, Utc};
use crate::engine::finding::{FindingKey, RuleCode, Severity, Subject};
use crate::engine::state::{Finding, Incident, State};
use crate::engine::wording;
use crate::observation::Sure;
use crate::observation::device::Device;

/// Share of the venues on a cause that must be affected before it is sure.
const SURE_SHARE: f64 = 0.9;
/// The same before it is more than a guess.
const LIKELY_SHARE: f64 = 0.7;
/// Fewest of them.
const SURE_LEAST: usize = 3;
/// An incident is judged anew when it has grown by this factor: every one of 300 would be 300 sentences.
const GROWN: u32 = 2;

/// Judges findings that hold on to one anchor.
pub(super) fn assess(state: &State, anchor: &Anchor, members: &[FindingKey]) -> Assessment {
    let case = Case::of(state, members);
    let class = class(state, anchor, &case);
    let (confidence, reason) = match anchor.cause() {
        Some(cause) if case.is_shared() => shared(state, cause, &case),
        Some(_) | None => alone(&case),
    };
    let (meeting, phase) = case.meeting().unzip();
    Assessment {
        class,
        cause: anchor.cause().cloned(),
        severity: case.severity(),
        confidence,
        reason,
        meeting,
        phase,
        onset: case.onset(),
        judged_from: u32::try_from(members.len()).unwrap_or(u32::MAX),
    }
}

/// Judges an incident anew, where that says something new. Its severity only rises.
pub(super) fn anew(state: &State, incident: &Incident) -> Option<Assessment> {
    let known = &incident.assessment;
    let grown = incident.raised >= known.judged_from.saturating_mul(GROWN);
    let raised = || incident.raised().filter_map(|key| state.durable.findings.get(key));
    let heavier = raised().map(|finding| finding.severity).max() > Some(known.severity);
    let proven = known.confidence < Confidence::High && raised().any(|finding| proves(known, finding));
    if !(grown || heavier || proven) {
        return None;
    }
    let members: Vec<FindingKey> = incident.raised().cloned().collect();
    let mut assessment = match &incident.anchor {
        Some(anchor) => assess(state, anchor, &members),
        None => Assessment { severity: Case::of(state, &members).severity(), ..known.clone() },
    };
    assessment.severity = assessment.severity.max(known.severity);
    assessment.onset = assessment.onset.min(known.onset);
    assessment.judged_from = incident.raised.max(known.judged_from);
    assessment.meeting = assessment.meeting.or_else(|| known.meeting.clone());
    assessment.phase = assessment.phase.or(known.phase);
    (assessment != *known).then_some(assessment)
}

/// Judges members that a person takes out of an incident: their kind is by what is wrong, their cause is not known.
pub(super) fn by_hand(state: &State, from: &Incident, members: &[FindingKey], why: Text) -> Assessment {
    let case = Case::of(state, members);
    let worst = case.findings.iter().max_by_key(|finding| finding.severity);
    let class = worst.map(|finding| class_of(&state.durable.inventory, &finding.key));
    let (meeting, phase) = case.meeting().unzip();
    Assessment {
        class: class.unwrap_or(from.assessment.class),
        cause: None,
        severity: case.severity(),
        confidence: Confidence::High,
        reason: Text::new(
            format!("由人工从事件 {} 拆分：{}", from.id, why.zh),
            format!("split by hand from incident {}: {}", from.id, why.en),
        ),
        meeting,
        phase,
        onset: case.onset(),
        judged_from: u32::try_from(members.len()).unwrap_or(u32::MAX),
    }
}

/// The findings of one incident.
struct Case<'a> {
    state: &'a State,
    findings: Vec<&'a Finding>,
}

impl<'a> Case<'a> {
    fn of(state: &'a State, members: &[FindingKey]) -> Self {
        let findings = members.iter().filter_map(|key| state.durable.findings.get(key)).collect();
        Self { state, findings }
    }

    fn severity(&self) -> Severity {
        self.findings.iter().map(|finding| finding.severity).max().unwrap_or_default()
    }

    fn onset(&self) -> Utc {
        self.findings.iter().map(|finding| finding.since).min().unwrap_or_default()
    }

    /// How far apart their onsets are.
    fn spread(&self) -> Span {
        let last = self.findings.iter().map(|finding| finding.since).max().unwrap_or_default();
        last.since(self.onset())
    }

    fn venues(&self) -> BTreeSet<VenueId> {
        let inventory = &self.state.durable.inventory;
        self.findings.iter().filter_map(|finding| venue_of(inventory, &finding.key.subject)).collect()
    }

    /// The meeting that suffers: the one that is furthest on.
    fn meeting(&self) -> Option<(MeetingId, Phase)> {
        let parts = self.findings.iter().filter_map(|finding| part_of(self.state, &finding.key.subject));
        parts.max_by_key(|(_, phase)| *phase)
    }

    /// Whether a cause was named for any of them by what they have in common, and not only guessed.
    fn named(&self) -> bool {
        self.findings.iter().any(|finding| finding.cause.is_some())
    }

    /// Whether it says something about the cause beside what the cause says of itself.
    fn is_shared(&self) -> bool {
        self.has(RuleCode::McuDown) || !self.venues().is_empty()
    }

    fn has(&self, rule: RuleCode) -> bool {
        self.findings.iter().any(|finding| finding.key.rule == rule)
    }
}

/// The meeting in which something plays a part now, and where it stands.
fn part_of(state: &State, subject: &Subject) -> Option<(MeetingId, Phase)> {
    let picture = &state.picture;
    if let Subject::Device(Device::Mcu(mcu)) = subject {
        return picture.devices.roles.get(mcu).map(|role| (role.meeting.clone(), role.phase));
    }
    if let Subject::Stream(stream) = subject {
        let part = picture.streams.each.get(stream).and_then(|stream| stream.part.as_ref());
        return part.map(|part| (part.meeting.clone(), part.phase));
    }
    let venue = venue_of(&state.durable.inventory, subject)?;
    picture.devices.parts.get(&venue).map(|part| (part.meeting.clone(), part.phase))
}

/// What kind of trouble it is: by its cause, else by what is wrong.
fn class(state: &State, anchor: &Anchor, case: &Case<'_>) -> FaultClass {
    match anchor {
        Anchor::Venue { class: FaultClass::EndpointFault, .. } => of_venue(state, case),
        Anchor::Venue { class, .. } | Anchor::Alone { class, .. } => *class,
        Anchor::Cause(cause) => by_cause(state, cause, case),
    }
}

/// A venue is gone: its power, its line when even the agent is silent, or its endpoint.
fn of_venue(state: &State, case: &Case<'_>) -> FaultClass {
    let inventory = &state.durable.inventory;
    let power = |finding: &&Finding| class_of(inventory, &finding.key) == FaultClass::Power;
    match () {
        () if case.findings.iter().any(power) => FaultClass::Power,
        () if case.has(RuleCode::AgentOffline) => FaultClass::LinkLost,
        () => FaultClass::EndpointFault,
    }
}

fn by_cause(state: &State, cause: &Resource, case: &Case<'_>) -> FaultClass {
    let inventory = &state.durable.inventory;
    let is = |class| move |finding: &&Finding| class_of(inventory, &finding.key) == class;
    let some = |class| case.findings.iter().any(|finding| is(class)(finding));
    let all = |class| case.findings.iter().all(|finding| is(class)(finding));
    match cause {
        Resource::Mcu(_) => FaultClass::McuDown,
        Resource::Region(region) if power_in(state, region) => FaultClass::Power,
        Resource::Hub => FaultClass::PlatformLost,
        Resource::Link(_) | Resource::Trunk(_) | Resource::Carrier(_) => {
            if all(FaultClass::LinkDegraded) {
                FaultClass::LinkDegraded
            } else {
                FaultClass::LinkLost
            }
        }
        Resource::Venue(_) if some(FaultClass::Power) => FaultClass::Power,
        Resource::Venue(_) => FaultClass::LinkLost,
        Resource::Region(_) => FaultClass::CommonCause,
    }
}

/// Whether the power of a region is in trouble, by its supplies' own word.
fn power_in(state: &State, region: &RegionId) -> bool {
    let inventory = &state.durable.inventory;
    let there = |key: &FindingKey| match key.subject.device() {
        Some(Device::Equipment(id)) => {
            let equipment = inventory.equipment.get(&id);
            equipment.is_some_and(|equipment| inventory.region_within(&equipment.region, region))
        }
        Some(Device::Mcu(_) | Device::Endpoint(_)) | None => false,
    };
    let rooms = [RuleCode::EquipmentReading, RuleCode::DeviceAlarm, RuleCode::DeviceDown];
    let raised = state.durable.findings.keys().filter(|key| rooms.contains(&key.rule));
    raised.into_iter().any(|key| class_of(inventory, key) == FaultClass::Power && there(key))
}

/// Whether a finding proves the cause of an incident by itself.
fn proves(known: &Assessment, finding: &Finding) -> bool {
    match (&known.cause, &finding.key.subject) {
        (Some(Resource::Mcu(mcu)), Subject::Device(Device::Mcu(down))) => {
            finding.key.rule == RuleCode::McuDown && mcu == down
        }
        _ => false,
    }
}

/// Several under one cause: the more of what stands on it, the surer.
fn shared(state: &State, cause: &Resource, case: &Case<'_>) -> (Confidence, Text) {
    let inventory = &state.durable.inventory;
    let hit = case.venues().len();
    let all = state.picture.index.venues_on.get(cause).copied().unwrap_or(0).max(hit);
    let down = case.has(RuleCode::McuDown);
    let share = |least: f64| hit as f64 >= all as f64 * least;
    let confidence = match () {
        () if down || (hit >= SURE_LEAST && share(SURE_SHARE)) => Confidence::High,
        () if share(LIKELY_SHARE) || case.named() => Confidence::Medium,
        () => Confidence::Low,
    };
    let seconds = case.spread().as_s().ceil().max(1.0);
    let count = case.findings.len();
    let words = |lang| {
        let named = wording::resource(cause, inventory, lang);
        match (lang, down) {
            (Lang::Zh, true) if hit == 0 => format!("{named} 有两个独立迹象表明已停；尚未见会场受影响"),
            (Lang::En, true) if hit == 0 => {
                format!("two independent signs say that {named} is gone; no venue is affected yet")
            }
            (Lang::Zh, true) => format!("{named} 有两个独立迹象表明已停；其上 {all} 个会场中 {hit} 个受影响"),
            (Lang::Zh, false) if confidence == Confidence::Low => {
                format!(
                    "{named} 上 {all} 个会场中 {hit} 个在 {seconds:.0} 秒内一同告警，疑似共同原因（如板卡、上联或供电），待证实"
                )
            }
            (Lang::En, false) if confidence == Confidence::Low => format!(
                "{hit} of {all} venues on {named} failed within {seconds:.0} s: perhaps one cause, such as a board, an uplink or power; to be confirmed"
            ),
            (Lang::Zh, false) => {
                format!(
                    "{seconds:.0} 秒内 {count} 项告警同时出现，都依赖 {named}（其上 {all} 个会场中 {hit} 个）"
                )
            }
            (Lang::En, true) => {
                format!(
                    "two independent signs say that {named} is gone; {hit} of {all} venues on it are affected"
                )
            }
            (Lang::En, false) => format!(
                "{count} findings within {seconds:.0} s, all of which stand on {named} ({hit} of {all} venues on it)"
            ),
        }
    };
    (confidence, Text::new(words(Lang::Zh), words(Lang::En)))
}

/// One thing for itself.
fn alone(case: &Case<'_>) -> (Confidence, Text) {
    let suspected = |finding: &&Finding| -> bool {
        finding.proof.as_ref().is_some_and(|proof| proof.sure == Sure::Suspected)
            || finding.key.rule == RuleCode::McuSuspected
    };
    let sure = !case.findings.iter().all(suspected);
    let confidence = if sure { Confidence::High } else { Confidence::Low };
    let words = |lang| {
        let worst = case.findings.iter().max_by_key(|finding| finding.severity);
        let what = worst.map(|finding| wording::finding(finding, lang)).unwrap_or_default();
        match lang {
            Lang::Zh if sure => format!("{what}；未发现与其他会场共同的原因"),
            Lang::Zh => format!("{what}；只有一个迹象，待证实"),
            Lang::En if sure => format!("{what}; no cause is known that others share"),
            Lang::En => format!("{what}; one sign only, to be confirmed"),
        }
    };
    (confidence, Text::new(words(Lang::Zh), words(Lang::En)))
}

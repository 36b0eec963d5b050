//! Rules about what devices say: MCUs, the sites on them, endpoints and other equipment.
//!
//! Blind is our trouble and never the device's. What was not read anew says nothing: a roster from before a device
//! went silent neither raises nor clears. When nothing is said for [`DEVICE_FRESH`], we are blind.

mod health;
pub(in crate::engine) mod room;
mod site;
mod media;
mod reading;
mod died;

use super::{Condition, Weight, evaluate, utc_at};
use crate::domain::inventory::Phase;
use crate::domain::mcu::{Control, Interface};
use crate::domain::time::{Mono, Now, Span, Utc};
use crate::engine::draft::Draft;
use crate::engine::finding::{FindingKey, Proof, RuleCode, Severity, Subject, Why};
use crate::engine::state::device::has_device;
use crate::engine::state::{DEVICE_FRESH, DevicePicture, McuRole, Part, State};
use crate::observation::Sure;
use crate::observation::device::{Device, Sight};

/// How long a condition holds before its finding is raised, and is false before it clears.
const TIMES: [(RuleCode, Span, Span); 19] = [
    // Whoever watches an MCU has waited for two signs already.
    (RuleCode::McuDown, Span::ZERO, Span::seconds(10)),
    (RuleCode::McuSuspected, Span::seconds(5), Span::seconds(5)),
    (RuleCode::McuBlind, Span::seconds(15), Span::seconds(10)),
    (RuleCode::McuDegraded, Span::seconds(10), Span::seconds(30)),
    (RuleCode::McuAlarm, Span::seconds(5), Span::seconds(30)),
    (RuleCode::McuCapacity, Span::seconds(10), Span::seconds(30)),
    (RuleCode::McuDiedAfterAction, Span::ZERO, Span::minutes(10)),
    (RuleCode::McuNoProof, Span::ZERO, Span::ZERO),
    (RuleCode::RosterDrift, Span::seconds(30), Span::seconds(10)),
    // A site that is being redialled is not missing yet.
    (RuleCode::SiteMissing, Span::seconds(20), Span::seconds(5)),
    (RuleCode::SiteIntruder, Span::seconds(5), Span::seconds(5)),
    (RuleCode::SiteWrongName, Span::seconds(10), Span::seconds(5)),
    (RuleCode::SiteDuplicate, Span::seconds(10), Span::seconds(5)),
    (RuleCode::SiteNoMedia, Span::seconds(1), Span::seconds(3)),
    (RuleCode::SiteLoss, Span::seconds(5), Span::seconds(10)),
    (RuleCode::DeviceDown, Span::seconds(5), Span::seconds(10)),
    (RuleCode::DeviceBlind, Span::seconds(30), Span::seconds(10)),
    (RuleCode::DeviceAlarm, Span::seconds(5), Span::seconds(30)),
    (RuleCode::EquipmentReading, Span::seconds(10), Span::minutes(1)),
];

/// Hold, and how long it must be good again; see [`super::times`].
pub(super) fn times(rule: RuleCode) -> (Span, Span) {
    let known = TIMES.iter().find(|(known, ..)| *known == rule);
    known.map_or((Span::ZERO, Span::ZERO), |(_, hold, clear)| (*hold, *clear))
}

/// The inventory changed or the process began: devices that ought to be heard are waited for.
pub(super) fn set_out(draft: &mut Draft<'_>) {
    let inventory = &draft.state.durable.inventory;
    let mcus = inventory.mcus.keys().cloned().map(Device::Mcu);
    let others = inventory.equipment.keys().cloned().map(Device::Equipment);
    let at = draft.now.mono + DEVICE_FRESH;
    for device in mcus.chain(others).filter(|device| control(draft.state, device).is_some()) {
        let rule = if matches!(device, Device::Mcu(_)) { RuleCode::McuBlind } else { RuleCode::DeviceBlind };
        let finding = FindingKey { rule, subject: Subject::Device(device) };
        super::recheck(draft, &finding, at);
    }
}

/// Judges everything that a device's last report, or its silence, speaks to.
pub(super) fn attend(draft: &mut Draft<'_>, device: &Device) {
    let state = draft.state;
    let devices = &state.picture.devices;
    let mut keys = devices.active.get(device).cloned().unwrap_or_default();
    let of = |rule| FindingKey { rule, subject: Subject::Device(device.clone()) };
    keys.extend(health::rules_of(device).iter().copied().map(of));
    if let Some(known) = devices.fresh(device, draft.now.mono) {
        keys.extend(site::spoken_to(device, &known.rosters));
        keys.extend(reading::spoken_to(state, &known.report));
    }
    keys.iter().for_each(|key| evaluate(draft, key));
    died::freeze(draft, device);
}

/// What the picture says of one finding.
pub(super) fn by_picture(state: &State, key: &FindingKey, now: Now) -> Condition {
    let Some(device) = key.subject.device() else { return Condition::Gone };
    if !has_device(&state.durable.inventory, &device) {
        return Condition::Gone;
    }
    let view = View {
        state,
        now,
        known: state.picture.devices.fresh(&device, now.mono),
        sight: state.sight(&device, now.mono),
        raised: state.durable.findings.contains_key(key),
        device: &device,
    };
    match &key.subject {
        Subject::Device(_) => health::look(&view, key.rule),
        Subject::Site(site) => site::look(&view, key.rule, site),
        Subject::Reading(reading) => reading::look(&view, &reading.name),
        Subject::Agent(_) | Subject::Resource(_) | Subject::Stream(_) => Condition::Gone,
    }
}

/// How a device is spoken to, where the inventory says so.
fn control<'a>(state: &'a State, device: &Device) -> Option<&'a Control> {
    let inventory = &state.durable.inventory;
    match device {
        Device::Mcu(id) => inventory.mcus.get(id)?.control.as_ref(),
        Device::Endpoint(id) => inventory.endpoints.get(id)?.control.as_ref(),
        Device::Equipment(id) => inventory.equipment.get(id)?.control.as_ref(),
    }
}

/// Interface and version of a device, as actions are frozen by; empty where it does not say its version.
pub(in crate::engine) fn make(state: &State, device: &Device) -> Option<(Interface, String)> {
    let interface = control(state, device)?.interface;
    let known = state.picture.devices.each.get(device);
    let health = known.and_then(|known| known.report.health.as_ref());
    let version = health.and_then(|health| health.version.as_deref()).map(word).unwrap_or_default();
    Some((interface, version))
}

/// A device and what is known of it.
struct View<'a> {
    state: &'a State,
    now: Now,
    /// Its last report, while it counts.
    known: Option<&'a DevicePicture>,
    sight: Sight,
    /// Whether the finding is raised already.
    raised: bool,
    device: &'a Device,
}

impl<'a> View<'a> {
    /// Its last report, if that was read anew and not kept from before.
    fn seen(&self) -> Option<&'a DevicePicture> {
        self.known.filter(|_| self.sight == Sight::Seen)
    }

    /// The part it plays, if it is an MCU and a meeting is near.
    fn role(&self) -> Option<&'a McuRole> {
        let Device::Mcu(mcu) = self.device else { return None };
        self.state.picture.devices.roles.get(mcu)
    }

    /// Wrong as of the last report.
    fn wrong(&self, severity: Severity, sign: Sign) -> Condition {
        let at = self.known.map_or(self.now.mono, |known| known.at);
        wrong_since((at, utc_at(self.now, at)), severity, sign)
    }

    /// Wrong since a moment of the wall clock that the watcher names.
    fn wrong_since_utc(&self, since: Utc, severity: Severity, sign: Sign) -> Condition {
        let age = self.now.utc.since(since);
        let mono = Mono(self.now.mono.0.saturating_sub(age.0));
        wrong_since((mono, since.min(self.now.utc)), severity, sign)
    }
}

fn wrong_since((since, since_utc): (Mono, Utc), severity: Severity, sign: Sign) -> Condition {
    let Sign { grave, why, figures } = sign;
    let finite = figures.into_iter().filter(|(_, value)| value.is_finite());
    let figures = finite.map(|(name, value)| (name.to_owned(), (value * 1e3).round() / 1e3)).collect();
    let proof = Proof { sure: Sure::Confirmed, grave, why, figures, evidence: None };
    Condition::True { since, since_utc, weight: Weight { severity, proof: Some(Box::new(proof)) } }
}

/// What is seen of something wrong.
struct Sign {
    grave: bool,
    why: Option<Why>,
    figures: Vec<(&'static str, f64)>,
}

impl Sign {
    fn bare(grave: bool) -> Self {
        Self { grave, why: None, figures: Vec::new() }
    }

    fn new(grave: bool, why: Why) -> Self {
        Self { why: Some(why), ..Self::bare(grave) }
    }

    fn with(mut self, name: &'static str, value: f64) -> Self {
        self.figures.push((name, value));
        self
    }
}

/// How much trouble of an MCU matters.
///
/// | | live | roll call | the hour before | no meeting near |
/// |---|---|---|---|---|
/// | grave, carries the meeting | critical | severe | severe | warning |
/// | grave, stands by | warning | warning | warning | warning |
/// | slight, carries the meeting | warning | warning | information | information |
/// | slight, stands by | information | information | information | information |
fn of_mcu(grave: bool, role: Option<&McuRole>) -> Severity {
    let carries = role.filter(|role| role.carries).map(|role| role.phase);
    match (grave, carries) {
        (true, Some(Phase::Live)) => Severity::Critical,
        (true, Some(_)) => Severity::Severe,
        (true, None) | (false, Some(Phase::Live | Phase::RollCall)) => Severity::Warning,
        (false, Some(_) | None) => Severity::Information,
    }
}

/// How much trouble of a site matters: as with streams.
fn of_site(grave: bool, part: &Part) -> Severity {
    super::by_part(grave, part)
}

/// A device's word, short and without anything that does not show.
fn word(text: &str) -> String {
    const CHARACTERS_MAX: usize = 64;
    text.chars().filter(|c| !c.is_control()).take(CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_about_devices_has_its_times() {
        for rule in RuleCode::ALL {
            let known = TIMES.iter().any(|(known, ..)| known == rule);
            assert_eq!(known, rule.is_device(), "{}", rule.code());
        }
    }

    #[test]
    fn trouble_of_an_mcu_weighs_by_phase_and_by_who_carries() {
        use Severity::{Critical, Information, Severe, Warning};
        let role = |phase, carries| McuRole { meeting: "m".parse().unwrap(), phase, carries };
        let cases = [
            (true, Some(role(Phase::Live, true)), Critical),
            (true, Some(role(Phase::RollCall, true)), Severe),
            (true, Some(role(Phase::HourBefore, true)), Severe),
            (true, Some(role(Phase::Live, false)), Warning),
            (true, None, Warning),
            (false, Some(role(Phase::Live, true)), Warning),
            (false, Some(role(Phase::HourBefore, true)), Information),
            (false, Some(role(Phase::Live, false)), Information),
            (false, None, Information),
        ];
        for (grave, role, expected) in cases {
            assert_eq!(of_mcu(grave, role.as_ref()), expected, "{grave} {role:?}");
        }
    }

    #[test]
    fn a_devices_word_is_short_and_shows() {
        assert_eq!(word("a\u{7}\nb"), "ab");
        assert_eq!(word(&"县".repeat(300)).chars().count(), 64);
    }
}

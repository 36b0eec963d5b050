//! Readings beyond their limits: temperature, minutes on battery, fuel, a backup that failed.

use super::{Sign, View};
use crate::domain::inventory::Phase;
use crate::domain::reading::{Beyond, ReadingLimit, ReadingName};
use crate::engine::finding::{FindingKey, ReadingKey, RuleCode, Severity, Subject};
use crate::engine::rules::Condition;
use crate::engine::state::State;
use crate::observation::device::{Device, DeviceReport, Given};

/// The readings in a report that are beyond their limits.
pub(super) fn spoken_to(state: &State, report: &DeviceReport) -> Vec<FindingKey> {
    let beyond = |(name, value): (&String, &Given<f64>)| {
        let name = ReadingName::parse(name)?;
        let limit = limit(state, &report.device, &name)?;
        let wrong = limit.judge(value.value()?) > Beyond::Within;
        let subject = Subject::Reading(ReadingKey { device: report.device.clone(), name });
        wrong.then_some(FindingKey { rule: RuleCode::EquipmentReading, subject })
    };
    report.readings.iter().filter_map(beyond).collect()
}

/// What a reading says.
pub(super) fn look(view: &View<'_>, name: &ReadingName) -> Condition {
    let Some(limit) = limit(view.state, view.device, name) else { return Condition::Gone };
    let reading = view.seen().and_then(|known| known.report.readings.get(name.as_str()));
    let Some(value) = reading.and_then(Given::value).filter(|value| value.is_finite()) else {
        return Condition::Unknown;
    };
    let beyond = limit.judge(value);
    let severity = match (beyond, near(view.state)) {
        (Beyond::Within, _) => return Condition::False,
        (Beyond::Severe, true) => Severity::Severe,
        (Beyond::Severe, false) | (Beyond::Warn, true) => Severity::Warning,
        (Beyond::Warn, false) => Severity::Information,
    };
    let sign = Sign::bare(beyond == Beyond::Severe).with("value", value);
    let passed = passed(&limit, value, beyond);
    view.wrong(severity, passed.into_iter().fold(sign, |sign, passed| sign.with("limit", passed)))
}

/// The limit that a value has passed.
fn passed(limit: &ReadingLimit, value: f64, beyond: Beyond) -> Option<f64> {
    let (below, above) = match beyond {
        Beyond::Severe => (limit.severe_below, limit.severe_above),
        Beyond::Warn | Beyond::Within => (limit.warn_below, limit.warn_above),
    };
    below.filter(|below| value < *below).or(above)
}

fn limit(state: &State, device: &Device, name: &ReadingName) -> Option<ReadingLimit> {
    match device {
        Device::Equipment(id) => state.durable.inventory.equipment.get(id)?.limit(name),
        Device::Mcu(_) | Device::Endpoint(_) => name.usual(),
    }
}

/// Whether a meeting is at its roll call or live: all of them stand on the machine room.
fn near(state: &State) -> bool {
    let mut parts = state.picture.devices.parts.values();
    parts.any(|part| matches!(part.phase, Phase::RollCall | Phase::Live))
}

//! Rules about a device itself: gone, suspected, blind, degraded, its own alarms.

use super::{Sign, View, control, died, of_mcu, room, word, wrong_since};
use crate::domain::id::EndpointId;
use crate::engine::finding::{RuleCode, Severity, Why};
use crate::engine::rules::{Condition, utc_at};
use crate::engine::state::{DEVICE_FRESH, Part};
use crate::observation::device::{AlarmLevel, Device, Service, Sight};

/// The rules about a device itself.
pub(super) fn rules_of(device: &Device) -> &'static [RuleCode] {
    match device {
        Device::Mcu(_) => &[
            RuleCode::McuDown,
            RuleCode::McuSuspected,
            RuleCode::McuBlind,
            RuleCode::McuDegraded,
            RuleCode::McuAlarm,
            RuleCode::McuCapacity,
            RuleCode::McuDiedAfterAction,
            RuleCode::McuNoProof,
            RuleCode::RosterDrift,
        ],
        Device::Endpoint(_) | Device::Equipment(_) => {
            &[RuleCode::DeviceDown, RuleCode::DeviceBlind, RuleCode::DeviceAlarm]
        }
    }
}

type Look = fn(&View<'_>) -> Condition;

/// What each of them looks at.
const LOOKS: [(RuleCode, Look); 12] = [
    (RuleCode::McuDown, down),
    (RuleCode::DeviceDown, down),
    (RuleCode::McuSuspected, suspected),
    (RuleCode::McuBlind, blind),
    (RuleCode::DeviceBlind, blind),
    (RuleCode::McuDegraded, degraded),
    (RuleCode::McuAlarm, alarm),
    (RuleCode::DeviceAlarm, alarm),
    (RuleCode::McuCapacity, room::capacity),
    (RuleCode::McuDiedAfterAction, died::look),
    (RuleCode::McuNoProof, room::no_proof),
    (RuleCode::RosterDrift, room::drift),
];

/// What one of them sees.
pub(super) fn look(view: &View<'_>, rule: RuleCode) -> Condition {
    let look = LOOKS.iter().find(|(known, _)| *known == rule);
    look.map_or(Condition::Gone, |(_, look)| look(view))
}

/// How much trouble matters, by what the device is; `None` where it does not: an endpoint that is off outside of its
/// meetings is in order.
fn severity(view: &View<'_>, grave: bool) -> Option<Severity> {
    Some(match view.device {
        Device::Mcu(_) => of_mcu(grave, view.role()),
        Device::Endpoint(id) => super::of_site(false, part_of(view, id)?),
        Device::Equipment(_) if grave => Severity::Warning,
        Device::Equipment(_) => Severity::Information,
    })
}

fn part_of<'a>(view: &View<'a>, endpoint: &EndpointId) -> Option<&'a Part> {
    let venue = &view.state.durable.inventory.endpoints.get(endpoint)?.venue;
    view.state.picture.devices.parts.get(venue)
}

fn down(view: &View<'_>) -> Condition {
    let Some(severity) = severity(view, true) else { return Condition::Gone };
    match (view.sight, view.known) {
        (Sight::Down { signals }, Some(known)) => {
            view.wrong_since_utc(known.report.since, severity, Sign::new(true, Why::Signals(signals)))
        }
        (Sight::Seen, _) => Condition::False,
        (Sight::Down { .. } | Sight::Unknown | Sight::Blind { .. } | Sight::Suspected { .. }, _) => {
            Condition::Unknown
        }
    }
}

fn suspected(view: &View<'_>) -> Condition {
    match (view.sight, view.known) {
        (Sight::Suspected { signal }, Some(known)) => {
            let severity = of_mcu(false, view.role());
            view.wrong_since_utc(known.report.since, severity, Sign::new(false, Why::Signal(signal)))
        }
        (Sight::Unknown, _) => Condition::Unknown,
        (Sight::Suspected { .. } | Sight::Seen | Sight::Blind { .. } | Sight::Down { .. }, _) => {
            Condition::False
        }
    }
}

fn blind(view: &View<'_>) -> Condition {
    let Some(severity) = severity(view, false) else { return Condition::Gone };
    match (view.sight, view.known) {
        (_, None) => unheard(view, severity),
        (Sight::Blind { why }, Some(known)) => {
            view.wrong_since_utc(known.report.since, severity, Sign::new(false, Why::Unseen(why)))
        }
        (Sight::Unknown, Some(_)) => Condition::Unknown,
        (Sight::Seen | Sight::Suspected { .. } | Sight::Down { .. }, Some(_)) => Condition::False,
    }
}

/// Nothing was heard for too long of a device that ought to be asked.
fn unheard(view: &View<'_>, severity: Severity) -> Condition {
    if control(view.state, view.device).is_none() {
        return Condition::Gone;
    }
    let began = view.state.picture.began;
    let last = view.state.picture.devices.each.get(view.device).map_or(began, |known| known.at.max(began));
    if view.now.mono < last + DEVICE_FRESH {
        return Condition::Unknown;
    }
    wrong_since((last, utc_at(view.now, last)), severity, Sign::new(false, Why::NoReport))
}

fn degraded(view: &View<'_>) -> Condition {
    let Some(health) = view.seen().and_then(|known| known.report.health.as_ref()) else {
        return Condition::Unknown;
    };
    let grave = health.service == Service::Failed;
    match health.service {
        Service::Up => Condition::False,
        Service::Unknown => Condition::Unknown,
        Service::Failed | Service::Degraded | Service::Draining | Service::Starting => {
            view.wrong(of_mcu(grave, view.role()), Sign::new(grave, Why::Service(health.service)))
        }
    }
}

/// One finding for all of a device's alarms: the gravest is named, the others are counted.
fn alarm(view: &View<'_>) -> Condition {
    let Some(known) = view.seen() else { return Condition::Unknown };
    let real = known.report.alarms.iter().filter(|alarm| alarm.level > AlarmLevel::Information);
    let count = real.clone().count();
    let Some(worst) = real.max_by_key(|alarm| alarm.level) else { return Condition::False };
    let weigh = |grave| severity(view, grave).unwrap_or(Severity::Information);
    let found = match worst.level {
        AlarmLevel::Information | AlarmLevel::Minor => Severity::Information,
        AlarmLevel::Major => weigh(false),
        // A device that works all the same is no more than severe.
        AlarmLevel::Critical => weigh(true).min(Severity::Severe),
    };
    let why = Why::Alarm { what: word(&worst.what), level: worst.level };
    view.wrong(found, Sign::new(worst.level >= AlarmLevel::Major, why).with("alarms", count as f64))
}

//! Poly RMX and RealPresence Collaboration Server: POLYCOM-RMX-MIB below 13885.9, and the newer objects below
//! 13885.110.

use super::{Readings, Scalar, Values, object, whole};
use crate::mcu::snmp::name::{Datum, ObjectName};
use crate::observation::device::{AlarmLevel, DeviceAlarm, Service};

/// Single objects that are readings.
pub(super) const SCALARS: &[Scalar] = &[
    Scalar {
        reading: "new_calls_per_minute",
        object: "1.3.6.1.4.1.13885.110.1.4.2.1.0",
        scale: 1.0,
        can_be: (0.0, 1e6),
    },
    Scalar {
        reading: "voice_calls",
        object: "1.3.6.1.4.1.13885.110.1.4.4.1.1.0",
        scale: 1.0,
        can_be: (0.0, 1e6),
    },
    Scalar {
        reading: "video_calls",
        object: "1.3.6.1.4.1.13885.110.1.4.4.2.1.0",
        scale: 1.0,
        can_be: (0.0, 1e6),
    },
    Scalar {
        reading: "conferences",
        object: "1.3.6.1.4.1.13885.110.1.5.1.0",
        scale: 1.0,
        can_be: (0.0, 1e6),
    },
];

const STATUS: &str = "1.3.6.1.4.1.13885.9.1.1.1.1.0";
const FANS: &str = "1.3.6.1.4.1.13885.110.1.3.2.1.0";
const POWER: &str = "1.3.6.1.4.1.13885.110.1.3.3.1.0";
const BOARDS: &str = "1.3.6.1.4.1.13885.110.1.3.4.1.0";

/// Single objects that are states: of the whole (0 normal, 1 startup, 2 minor, 3 major), of fans, power and boards
/// (1 disabled, 2 in order, 3 failed).
pub(super) const STATES: [&str; 4] = [STATUS, FANS, POWER, BOARDS];

/// A part that failed.
const FAILED: i128 = 3;

/// Traps: below this, `n` raises what `n` + 10000 clears, for `n` from 5001 on.
const TRAPS: &str = "1.3.6.1.4.1.13885.9.1.1.2.2.0";
const FIRST_RAISE: u32 = 5001;
const CLEARS_AFTER: u32 = 10_000;
/// What a trap carries: words, the alarm's number, the list's name, the status it leads to.
const TRAP_WORDS: &str = "1.3.6.1.4.1.13885.9.1.1.2.1.1";
const TRAP_NUMBER: &str = "1.3.6.1.4.1.13885.9.1.1.2.1.3";
const TRAP_STATUS: &str = "1.3.6.1.4.1.13885.9.1.1.2.1.5";

/// Its readings.
pub(in crate::mcu::snmp) fn readings(values: &Values) -> Readings {
    SCALARS.iter().filter_map(|scalar| Some((scalar.reading.to_owned(), scalar.of(values)?))).collect()
}

/// What it says of its service; `None` when it is no RMX.
pub(in crate::mcu::snmp) fn service(values: &Values) -> Option<Service> {
    Some(match whole(values, STATUS)? {
        0 => Service::Up,
        1 => Service::Starting,
        2 | 3 => Service::Degraded,
        _ => Service::Unknown,
    })
}

/// Whether it says itself that nothing is wrong: then what traps have raised is over, even if a trap was lost.
pub(in crate::mcu::snmp) fn is_normal(values: &Values) -> bool {
    whole(values, STATUS) == Some(0)
}

/// The alarms that can be polled.
pub(in crate::mcu::snmp) fn alarms(values: &Values) -> Vec<DeviceAlarm> {
    let status = match whole(values, STATUS) {
        Some(2) => Some(alarm("rmx.status", "minor_status", AlarmLevel::Minor)),
        Some(3) => Some(alarm("rmx.status", "major_status", AlarmLevel::Major)),
        _ => None,
    };
    let parts = [(FANS, "fan_failed"), (POWER, "power_failed"), (BOARDS, "board_failed")];
    let failed = parts.into_iter().filter(|(part, _)| whole(values, part) == Some(FAILED));
    let failed = failed.map(|(_, what)| alarm(&format!("rmx.{what}"), what, AlarmLevel::Major));
    status.into_iter().chain(failed).collect()
}

fn alarm(id: &str, what: &str, level: AlarmLevel) -> DeviceAlarm {
    DeviceAlarm { id: id.to_owned(), what: what.to_owned(), detail: String::new(), level, since: None }
}

/// What a trap of an RMX says: an alarm that is raised, or the id of one that is over.
pub(in crate::mcu::snmp) fn trap(
    is: &ObjectName,
    carries: &[(ObjectName, Datum)],
) -> Option<Result<DeviceAlarm, String>> {
    let [number] = is.below(&object(TRAPS))? else { return None };
    let carried = |base: &'static str| carries.iter().find(|(name, _)| name.below(&object(base)).is_some());
    let index = carried(TRAP_NUMBER).and_then(|(_, datum)| datum.whole());
    let id = |raise: u32| match index {
        Some(index) => format!("rmx.trap.{raise}.{index}"),
        None => format!("rmx.trap.{raise}"),
    };
    if *number >= FIRST_RAISE + CLEARS_AFTER {
        return Some(Err(id(number - CLEARS_AFTER)));
    }
    let raise = Some(*number).filter(|number| (FIRST_RAISE..FIRST_RAISE + CLEARS_AFTER).contains(number))?;
    let level = match carried(TRAP_STATUS).and_then(|(_, datum)| datum.whole()) {
        Some(3) => AlarmLevel::Major,
        Some(0 | 1) => AlarmLevel::Information,
        _ => AlarmLevel::Minor,
    };
    Some(Ok(DeviceAlarm {
        id: id(raise),
        what: format!("rmx_alarm_{raise}"),
        detail: carried(TRAP_WORDS).and_then(|(_, datum)| datum.text()).unwrap_or_default(),
        level,
        since: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_parts_become_service_and_alarms() {
        let values = |status, fans| {
            Values::from([(object(STATUS), Datum::Whole(status)), (object(FANS), Datum::Whole(fans))])
        };
        for (status, fans, service_is, alarms_are) in [
            (0, 2, Service::Up, vec![]),
            (1, 1, Service::Starting, vec![]),
            (2, 2, Service::Degraded, vec!["minor_status"]),
            (3, 3, Service::Degraded, vec!["major_status", "fan_failed"]),
            (9, 2, Service::Unknown, vec![]),
        ] {
            let values = values(status, fans);
            assert_eq!(service(&values), Some(service_is), "{status}");
            let found = alarms(&values);
            let words: Vec<&str> = found.iter().map(|alarm| alarm.what.as_str()).collect();
            assert_eq!(words, alarms_are, "{status} {fans}");
        }
        assert_eq!(service(&Values::new()), None);
    }

    #[test]
    fn a_clear_names_what_its_raise_named() {
        let carries = [
            (object(TRAP_WORDS).with(&[0]), Datum::Text(b"CPU usage".to_vec())),
            (object(TRAP_NUMBER).with(&[0]), Datum::Whole(17)),
            (object(TRAP_STATUS).with(&[0]), Datum::Whole(3)),
        ];
        let raised = trap(&object(TRAPS).with(&[5010]), &carries).unwrap().unwrap();
        assert_eq!((raised.id.as_str(), raised.detail.as_str()), ("rmx.trap.5010.17", "CPU usage"));
        assert_eq!(raised.level, AlarmLevel::Major);
        assert_eq!(trap(&object(TRAPS).with(&[15010]), &carries), Some(Err(raised.id)));
        assert_eq!(trap(&object(TRAPS).with(&[3]), &carries), None);
        assert_eq!(trap(&object(TRAPS), &carries), None);
        assert_eq!(trap(&object(STATUS), &carries), None);
    }
}

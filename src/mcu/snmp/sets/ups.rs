//! Uninterruptible power supplies: UPS-MIB (RFC 1628).

use super::{Readings, Scalar, Values, column, object, whole};
use crate::mcu::snmp::name::{Datum, ObjectName};
use crate::observation::device::{AlarmLevel, DeviceAlarm, Given, Service};

/// Single objects that are readings.
pub(super) const SCALARS: &[Scalar] = &[
    Scalar { reading: "ups_minutes_left", object: "1.3.6.1.2.1.33.1.2.3.0", scale: 1.0, can_be: (0.0, 1e6) },
    Scalar { reading: "ups_charge_pct", object: "1.3.6.1.2.1.33.1.2.4.0", scale: 1.0, can_be: (0.0, 100.0) },
    Scalar { reading: "ups_on_battery_s", object: "1.3.6.1.2.1.33.1.2.2.0", scale: 1.0, can_be: (0.0, 1e8) },
    Scalar {
        reading: "ups_battery_temperature_c",
        object: "1.3.6.1.2.1.33.1.2.7.0",
        scale: 1.0,
        can_be: (-40.0, 150.0),
    },
];

const BATTERY_STATUS: &str = "1.3.6.1.2.1.33.1.2.1.0";
const OUTPUT_SOURCE: &str = "1.3.6.1.2.1.33.1.4.1.0";

/// Single objects that are states: of the battery, and where the output comes from.
pub(super) const STATES: [&str; 2] = [BATTERY_STATUS, OUTPUT_SOURCE];

/// The load of each line, percent; the alarms that are present, by what they are and since when.
const LOAD: &str = "1.3.6.1.2.1.33.1.4.4.1.5";
const ALARM_IS: &str = "1.3.6.1.2.1.33.1.6.2.1.2";

/// Below which the well-known alarms are named.
const WELL_KNOWN: &str = "1.3.6.1.2.1.33.1.6.3";

/// `upsBatteryStatus`: low is 3, depleted is 4.
const LOW: i128 = 3;
const DEPLETED: i128 = 4;
/// `upsOutputSource`: none is 2, normal is 3, battery is 5.
const NO_OUTPUT: i128 = 2;
const NORMAL: i128 = 3;
const ON_BATTERY: i128 = 5;

/// The table of loads.
pub(in crate::mcu::snmp) fn load_table() -> ObjectName {
    object(LOAD)
}

/// The table of alarms.
pub(in crate::mcu::snmp) fn alarm_table() -> ObjectName {
    object(ALARM_IS)
}

/// Whether the values are those of a power supply.
pub(in crate::mcu::snmp) fn is_there(values: &Values) -> bool {
    whole(values, BATTERY_STATUS).is_some() || whole(values, OUTPUT_SOURCE).is_some()
}

/// Its readings.
pub(in crate::mcu::snmp) fn readings(values: &Values, loads: &[(ObjectName, Datum)]) -> Readings {
    let mut found: Readings =
        SCALARS.iter().filter_map(|scalar| Some((scalar.reading.to_owned(), scalar.of(values)?))).collect();
    let mut flag = |name: &str, holds: bool| {
        found.insert(name.to_owned(), Given::Value(f64::from(u8::from(holds))));
    };
    if let Some(source) = whole(values, OUTPUT_SOURCE) {
        flag("ups_on_battery", source == ON_BATTERY);
    }
    if let Some(battery) = whole(values, BATTERY_STATUS).filter(|battery| *battery > 1) {
        flag("ups_battery_low", battery >= LOW);
    }
    let loads = column(loads, &object(LOAD)).filter_map(|(_, load)| load.number()).collect::<Vec<_>>();
    let busiest = loads.into_iter().filter(|load| (0.0..=200.0).contains(load)).reduce(f64::max);
    if let Some(busiest) = busiest {
        found.insert("ups_load_pct".to_owned(), Given::Value(busiest));
    }
    found
}

/// What it says of its service; `None` when it is no power supply.
pub(in crate::mcu::snmp) fn service(values: &Values) -> Option<Service> {
    let battery = whole(values, BATTERY_STATUS);
    let source = whole(values, OUTPUT_SOURCE);
    Some(match (battery, source) {
        (None, None) => return None,
        (_, Some(NO_OUTPUT)) | (Some(DEPLETED), _) => Service::Failed,
        (Some(LOW), _) => Service::Degraded,
        (_, Some(source)) if source != NORMAL => Service::Degraded,
        _ => Service::Up,
    })
}

/// The alarms that are present.
pub(in crate::mcu::snmp) fn alarms(rows: &[(ObjectName, Datum)]) -> Vec<DeviceAlarm> {
    let row = |(index, datum): (&[u32], &Datum)| match datum {
        Datum::Name(is) => Some(alarm(&index.first()?.to_string(), is)),
        Datum::Whole(_) | Datum::Number(_) | Datum::Text(_) | Datum::Ticks(_) | Datum::Missing => None,
    };
    column(rows, &object(ALARM_IS)).filter_map(row).collect()
}

/// One alarm, by its number in the table and what it is.
pub(in crate::mcu::snmp) fn alarm(number: &str, is: &ObjectName) -> DeviceAlarm {
    let known = is.below(&object(WELL_KNOWN)).and_then(|arcs| arcs.first()).and_then(|arc| well_known(*arc));
    let (what, level) = known.unwrap_or(("other", AlarmLevel::Minor));
    DeviceAlarm {
        id: format!("ups.{number}"),
        what: what.to_owned(),
        detail: if known.is_some() { String::new() } else { is.to_string() },
        level,
        since: None,
    }
}

/// The well-known alarms (RFC 1628 §3, upsWellKnownAlarms). The level is ours: the MIB gives none.
fn well_known(arc: u32) -> Option<(&'static str, AlarmLevel)> {
    use AlarmLevel::{Critical, Information, Major, Minor};
    Some(match arc {
        1 => ("battery_bad", Major),
        2 => ("on_battery", Major),
        3 => ("low_battery", Critical),
        4 => ("depleted_battery", Critical),
        5 => ("temperature_bad", Major),
        6 => ("input_bad", Major),
        7 => ("output_bad", Critical),
        8 => ("output_overload", Critical),
        9 => ("on_bypass", Major),
        10 => ("bypass_bad", Minor),
        11 => ("output_off_as_requested", Major),
        12 => ("ups_off_as_requested", Major),
        13 => ("charger_failed", Major),
        14 => ("output_off", Critical),
        15 => ("system_off", Critical),
        16 => ("fan_failure", Minor),
        17 => ("fuse_failure", Major),
        18 => ("general_fault", Major),
        19 => ("diagnostic_test_failed", Major),
        20 => ("communications_lost", Major),
        21 => ("awaiting_power", Critical),
        22 => ("shutdown_pending", Critical),
        23 => ("shutdown_imminent", Critical),
        24 => ("test_in_progress", Information),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(battery: i128, source: i128, minutes: i128) -> Values {
        Values::from([
            (object(BATTERY_STATUS), Datum::Whole(battery)),
            (object(OUTPUT_SOURCE), Datum::Whole(source)),
            (object("1.3.6.1.2.1.33.1.2.3.0"), Datum::Whole(minutes)),
        ])
    }

    #[test]
    fn a_supply_says_how_long_it_lasts_and_whether_it_must() {
        let loads: Vec<_> =
            [(1, 31), (2, 44)].map(|(line, load)| (object(LOAD).with(&[line]), Datum::Whole(load))).into();
        let read = readings(&values(2, 5, 42), &loads);
        let expected = [
            ("ups_battery_low", 0.0),
            ("ups_load_pct", 44.0),
            ("ups_minutes_left", 42.0),
            ("ups_on_battery", 1.0),
        ];
        let shown: Vec<(&str, f64)> =
            read.iter().map(|(name, given)| (name.as_str(), given.value().unwrap())).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn its_service_follows_battery_and_output() {
        for (battery, source, expected) in [
            (2, 3, Service::Up),
            (2, 5, Service::Degraded),
            (2, 4, Service::Degraded),
            (3, 3, Service::Degraded),
            (4, 5, Service::Failed),
            (2, 2, Service::Failed),
        ] {
            assert_eq!(service(&values(battery, source, 1)), Some(expected), "{battery} {source}");
        }
        assert_eq!(service(&Values::new()), None);
    }

    #[test]
    fn alarms_have_their_words_and_unknown_ones_keep_their_name() {
        let own = ObjectName::parse("1.3.6.1.4.1.318.9").unwrap();
        let rows = [
            (object(ALARM_IS).with(&[7]), Datum::Name(object(WELL_KNOWN).with(&[2]))),
            (object(ALARM_IS).with(&[9]), Datum::Name(own)),
            (object(ALARM_IS).with(&[10]), Datum::Whole(3)),
        ];
        let found = alarms(&rows);
        let shown: Vec<(&str, &str, &str)> = found
            .iter()
            .map(|alarm| (alarm.id.as_str(), alarm.what.as_str(), alarm.detail.as_str()))
            .collect();
        assert_eq!(shown, [("ups.7", "on_battery", ""), ("ups.9", "other", "1.3.6.1.4.1.318.9")]);
    }
}

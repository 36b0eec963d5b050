//! Sensors: ENTITY-SENSOR-MIB (RFC 3433).

use std::collections::BTreeMap;

use super::{Readings, column, object};
use crate::mcu::snmp::name::{Datum, ObjectName};
use crate::observation::device::{Absent, Given};

/// Kind, scale, precision, value and state of each sensor.
const SENSORS: &str = "1.3.6.1.2.1.99.1.1.1";
const KIND: u32 = 1;
const SCALE: u32 = 2;
const PRECISION: u32 = 3;
const VALUE: u32 = 4;
const STATE: u32 = 5;

/// `EntitySensorDataType`: celsius is 8, relative humidity is 9, a truth value is 12.
const CELSIUS: i128 = 8;
const HUMIDITY: i128 = 9;
/// `EntitySensorStatus`: in order is 1.
const IN_ORDER: i128 = 1;
/// `EntitySensorDataScale`: units is 9, each step is a thousand.
const UNITS: i128 = 9;

/// The table of sensors.
pub(in crate::mcu::snmp) fn table() -> ObjectName {
    object(SENSORS)
}

#[derive(Debug, Default)]
struct Sensor {
    kind: Option<i128>,
    scale: Option<i128>,
    precision: Option<i128>,
    value: Option<i128>,
    state: Option<i128>,
}

impl Sensor {
    /// The value in its unit: `value × 10^(3 × (scale − units) − precision)`.
    fn reading(&self) -> Given<f64> {
        if self.state != Some(IN_ORDER) {
            return Given::Absent(Absent::Stale);
        }
        let thousands = self.scale.filter(|scale| (1..=17).contains(scale)).map(|scale| (scale - UNITS) * 3);
        let digits = self.precision.unwrap_or(0);
        let exponent = thousands.filter(|_| (-8..=9).contains(&digits)).map(|thousands| thousands - digits);
        let exponent = exponent.and_then(|exponent| i32::try_from(exponent).ok());
        let limit = 1_000_000_000;
        // ±10^9 stand for "beyond what can be measured" (RFC 3433, EntitySensorValue).
        match (self.value.filter(|value| (-limit + 1..limit).contains(value)), exponent) {
            (Some(value), Some(exponent)) => Given::Value(value as f64 * 10f64.powi(exponent)),
            (None, _) => Given::Absent(Absent::Sentinel),
            (_, None) => Given::Absent(Absent::OutOfRange),
        }
    }
}

/// Its readings: each sensor of temperature and humidity by its number, and the warmest and the most humid as those
/// of the room.
pub(in crate::mcu::snmp) fn readings(rows: &[(ObjectName, Datum)]) -> Readings {
    let sensors = sensors(rows);
    let mut found = Readings::new();
    for (kind, word, unit, can_be) in
        [(CELSIUS, "temperature", "c", -60.0..=200.0), (HUMIDITY, "humidity", "pct", 0.0..=100.0)]
    {
        let of_kind = sensors.iter().filter(|(_, sensor)| sensor.kind == Some(kind));
        let given: Vec<(u32, Given<f64>)> = of_kind
            .map(|(index, sensor)| match sensor.reading() {
                Given::Value(value) if !can_be.contains(&value) => {
                    (*index, Given::Absent(Absent::OutOfRange))
                }
                given @ (Given::Value(_) | Given::Absent(_)) => (*index, given),
            })
            .collect();
        let worst = given.iter().filter_map(|(_, given)| given.value()).reduce(f64::max);
        if let Some((_, first)) = given.first() {
            let room = worst.map_or(*first, Given::Value);
            found.insert(format!("room_{word}_{unit}"), room);
        }
        found.extend(given.into_iter().map(|(index, given)| (format!("{word}_{index}_{unit}"), given)));
    }
    found
}

fn sensors(rows: &[(ObjectName, Datum)]) -> BTreeMap<u32, Sensor> {
    let mut found: BTreeMap<u32, Sensor> = BTreeMap::new();
    for (arcs, datum) in column(rows, &object(SENSORS)) {
        let [field, index] = arcs else { continue };
        let sensor = found.entry(*index).or_default();
        let place = match *field {
            KIND => &mut sensor.kind,
            SCALE => &mut sensor.scale,
            PRECISION => &mut sensor.precision,
            VALUE => &mut sensor.value,
            STATE => &mut sensor.state,
            _ => continue,
        };
        *place = datum.whole();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sensor(index: u32, fields: [i128; 5]) -> Vec<(ObjectName, Datum)> {
        (1..)
            .zip(fields)
            .map(|(field, value)| (object(SENSORS).with(&[field, index]), Datum::Whole(value)))
            .collect()
    }

    #[test]
    fn scale_and_precision_make_the_unit_and_broken_sensors_give_none() {
        let rows = [
            sensor(1, [CELSIUS, 9, 1, 235, 1]),
            sensor(2, [CELSIUS, 8, 0, 31500, 1]),
            sensor(3, [CELSIUS, 9, 0, 99, 2]),
            sensor(4, [CELSIUS, 9, 0, 1_000_000_000, 1]),
            sensor(5, [HUMIDITY, 9, 0, 41, 1]),
            sensor(6, [HUMIDITY, 9, 0, 141, 1]),
            sensor(7, [4, 9, 0, 12, 1]),
        ]
        .concat();
        let expected = [
            ("humidity_5_pct", Given::Value(41.0)),
            ("humidity_6_pct", Given::Absent(Absent::OutOfRange)),
            ("room_humidity_pct", Given::Value(41.0)),
            ("room_temperature_c", Given::Value(31.5)),
            ("temperature_1_c", Given::Value(23.5)),
            ("temperature_2_c", Given::Value(31.5)),
            ("temperature_3_c", Given::Absent(Absent::Stale)),
            ("temperature_4_c", Given::Absent(Absent::Sentinel)),
        ];
        let expected: Readings = expected.into_iter().map(|(name, given)| (name.to_owned(), given)).collect();
        assert_eq!(readings(&rows), expected);
        assert_eq!(readings(&[]), Readings::new());
    }
}

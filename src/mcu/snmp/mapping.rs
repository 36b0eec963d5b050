//! Objects that stand in no known set: which object is which reading, as a mapping file of the site says.

use std::collections::BTreeSet;

use super::name::{Datum, ObjectName};
use super::sets::{Readings, Values};
use crate::domain::reading::ReadingName;
use crate::observation::device::{Absent, Given};

/// Most readings of one mapping.
pub const READINGS_MAX: usize = 64;

/// Which object is which reading.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SnmpMapping {
    /// Its readings, at most [`READINGS_MAX`].
    pub readings: Vec<SnmpReading>,
}

/// One object and what it means.
#[derive(Debug, Clone, PartialEq)]
pub struct SnmpReading {
    /// The reading's name, its unit at the end.
    pub name: ReadingName,
    /// The object, with its instance: a single one ends in `.0`.
    pub object: ObjectName,
    /// What its value is made of.
    pub means: Means,
    /// Values that stand for "not given", as written by the agent.
    pub absent: BTreeSet<String>,
}

/// How a value becomes a figure.
#[derive(Debug, Clone, PartialEq)]
pub enum Means {
    /// `value × scale + offset`.
    Number {
        /// Multiplies.
        scale: f64,
        /// Is added.
        offset: f64,
    },
    /// 1 when the value is one of these, else 0.
    IsOneOf(BTreeSet<String>),
}

impl SnmpMapping {
    /// The objects to ask for.
    pub fn objects(&self) -> Vec<ObjectName> {
        self.readings.iter().map(|reading| reading.object.clone()).collect()
    }

    /// Its readings among values that were read: each of them, with a reason where it is absent.
    pub fn read(&self, values: &Values) -> Readings {
        let one = |reading: &SnmpReading| {
            let datum = values.get(&reading.object).unwrap_or(&Datum::Missing);
            (reading.name.as_str().to_owned(), reading.of(datum))
        };
        self.readings.iter().map(one).collect()
    }
}

impl SnmpReading {
    fn of(&self, datum: &Datum) -> Given<f64> {
        if *datum == Datum::Missing {
            return Given::Absent(Absent::NotProvided);
        }
        let written = match datum {
            Datum::Number(number) => number.to_string(),
            Datum::Ticks(ticks) => ticks.to_string(),
            Datum::Whole(_) | Datum::Text(_) | Datum::Name(_) | Datum::Missing => {
                datum.text().unwrap_or_default()
            }
        };
        if written.is_empty() || self.absent.contains(&written) {
            return Given::Absent(Absent::Sentinel);
        }
        match &self.means {
            Means::IsOneOf(wanted) => Given::Value(f64::from(u8::from(wanted.contains(&written)))),
            Means::Number { scale, offset } => {
                let value = datum.number().map(|number| number * scale + offset);
                Given::or_absent(value.filter(|value| value.is_finite()), Absent::OutOfRange)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(means: Means) -> SnmpReading {
        SnmpReading {
            name: ReadingName::parse("fuel_pct").unwrap(),
            object: ObjectName::parse("1.3.6.1.4.1.1.0").unwrap(),
            means,
            absent: ["-1".to_owned(), "--".to_owned()].into(),
        }
    }

    #[test]
    fn a_value_is_scaled_compared_or_absent() {
        let number = reading(Means::Number { scale: 0.1, offset: -5.0 });
        let one = reading(Means::IsOneOf(["2".to_owned(), "ok".to_owned()].into()));
        let text = |text: &str| Datum::Text(text.as_bytes().to_vec());
        let cases = [
            (&number, Datum::Whole(800), Given::Value(75.0)),
            (&number, text("800"), Given::Value(75.0)),
            (&number, text("full"), Given::Absent(Absent::OutOfRange)),
            (&number, Datum::Whole(-1), Given::Absent(Absent::Sentinel)),
            (&number, text("--"), Given::Absent(Absent::Sentinel)),
            (&number, text(""), Given::Absent(Absent::Sentinel)),
            (&number, Datum::Missing, Given::Absent(Absent::NotProvided)),
            (&one, Datum::Whole(2), Given::Value(1.0)),
            (&one, text("ok"), Given::Value(1.0)),
            (&one, Datum::Whole(3), Given::Value(0.0)),
        ];
        for (reading, datum, expected) in cases {
            assert_eq!(reading.of(&datum), expected, "{datum:?}");
        }
    }
}

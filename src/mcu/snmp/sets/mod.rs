//! Sets of objects that devices of a kind have in common, as data and as pure functions from values to readings.
//!
//! A set says which objects to ask for and what they mean; it sends nothing. Whether a device has a set is learnt
//! from its answers: one that has none of a set's objects gives none of its readings.

pub(super) mod ups;
pub(super) mod host;
pub(super) mod sensor;
pub(super) mod rmx;

use std::collections::BTreeMap;

use super::name::{Datum, ObjectName};
use crate::observation::device::{Absent, Given};

/// Readings by name.
pub(super) type Readings = BTreeMap<String, Given<f64>>;

/// Values by the name of their object.
pub(super) type Values = BTreeMap<ObjectName, Datum>;

/// One reading that is one object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scalar {
    /// Its name, with the unit at the end.
    pub(super) reading: &'static str,
    /// Its object.
    pub(super) object: &'static str,
    /// What its number is multiplied with.
    pub(super) scale: f64,
    /// Between which values it can be at all, after scaling; anything else is a sentinel.
    pub(super) can_be: (f64, f64),
}

impl Scalar {
    /// The reading among values that were read; `None` when the agent does not have the object.
    pub(super) fn of(&self, values: &Values) -> Option<Given<f64>> {
        let datum = values.get(&object(self.object)).filter(|datum| **datum != Datum::Missing)?;
        let Some(number) = datum.number() else { return Some(Given::Absent(Absent::Sentinel)) };
        let number = number * self.scale;
        let (least, most) = self.can_be;
        Some(match () {
            () if (least..=most).contains(&number) => Given::Value(number),
            () if number < 0.0 => Given::Absent(Absent::Sentinel),
            () => Given::Absent(Absent::OutOfRange),
        })
    }
}

/// A name that stands in this program.
pub(super) fn object(text: &'static str) -> ObjectName {
    ObjectName::parse(text).expect("names in the tables are names: a test reads them all")
}

/// The objects of every set that are single, to be asked for together.
pub(super) fn scalars() -> Vec<ObjectName> {
    let tables = [ups::SCALARS, host::SCALARS, rmx::SCALARS];
    let readings = tables.into_iter().flatten().map(|scalar| scalar.object);
    readings.chain(ups::STATES).chain(rmx::STATES).map(object).collect()
}

/// The objects of every set that are states, to be asked for together.
pub(super) fn states() -> Vec<ObjectName> {
    ups::STATES.into_iter().chain(rmx::STATES).map(object).collect()
}

/// The whole number of an object.
pub(super) fn whole(values: &Values, name: &'static str) -> Option<i128> {
    values.get(&object(name)).and_then(Datum::whole)
}

/// The rows of a column: the last arcs of each name, and its value.
pub(super) fn column<'a>(
    rows: &'a [(ObjectName, Datum)],
    base: &'a ObjectName,
) -> impl Iterator<Item = (&'a [u32], &'a Datum)> + 'a {
    rows.iter().filter_map(move |(name, datum)| Some((name.below(base)?, datum)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_tables_is_one() {
        assert_eq!(scalars().len(), 15);
        assert_ne!(ups::load_table(), ups::alarm_table());
        assert_ne!(host::processor_table(), host::storage_table());
        assert!(sensor::table().below(&object("1.3.6.1.2.1.99")).is_some());
    }

    #[test]
    fn what_cannot_be_is_absent_with_its_reason() {
        let scalar =
            Scalar { reading: "ups_charge_pct", object: "1.3.6.1", scale: 0.1, can_be: (0.0, 100.0) };
        let read = |datum| scalar.of(&Values::from([(object("1.3.6.1"), datum)]));
        assert_eq!(read(Datum::Whole(870)), Some(Given::Value(87.0)));
        assert_eq!(read(Datum::Whole(-1)), Some(Given::Absent(Absent::Sentinel)));
        assert_eq!(read(Datum::Whole(2550)), Some(Given::Absent(Absent::OutOfRange)));
        assert_eq!(read(Datum::Text(b"--".to_vec())), Some(Given::Absent(Absent::Sentinel)));
        assert_eq!(read(Datum::Missing), None);
        assert_eq!(scalar.of(&Values::new()), None);
    }
}

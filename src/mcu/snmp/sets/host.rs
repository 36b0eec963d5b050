//! Servers: HOST-RESOURCES-MIB (RFC 2790), processors, memory and disks.

use std::collections::BTreeMap;

use super::{Readings, Scalar, Values, column, object};
use crate::mcu::snmp::name::{Datum, ObjectName};
use crate::observation::device::Given;

/// Single objects that are readings.
pub(super) const SCALARS: &[Scalar] =
    &[Scalar { reading: "processes", object: "1.3.6.1.2.1.25.1.6.0", scale: 1.0, can_be: (0.0, 1e7) }];

/// The load of each processor in the last minute, percent; kind, name, unit, size and use of each storage.
const PROCESSOR_LOAD: &str = "1.3.6.1.2.1.25.3.3.1.2";
const STORAGE: &str = "1.3.6.1.2.1.25.2.3.1";
const KIND: u32 = 2;
const NAME: u32 = 3;
const UNIT_BYTES: u32 = 4;
const SIZE: u32 = 5;
const USED: u32 = 6;

/// `hrStorageRam`, `hrStorageFixedDisk`.
const MEMORY: &str = "1.3.6.1.2.1.25.2.1.2";
const DISK: &str = "1.3.6.1.2.1.25.2.1.4";

/// What is smaller is no disk that could fill: an image or a control file system that is always full.
const DISK_BYTES_MIN: f64 = (64 << 20) as f64;

/// The table of processors.
pub(in crate::mcu::snmp) fn processor_table() -> ObjectName {
    object(PROCESSOR_LOAD)
}

/// The table of storages.
pub(in crate::mcu::snmp) fn storage_table() -> ObjectName {
    object(STORAGE)
}

/// The mean load of all processors, percent; `None` when there is none.
pub(in crate::mcu::snmp) fn load_pct(rows: &[(ObjectName, Datum)]) -> Option<f64> {
    let loads: Vec<f64> = column(rows, &object(PROCESSOR_LOAD))
        .filter_map(|(_, load)| load.number())
        .filter(|load| (0.0..=100.0).contains(load))
        .collect();
    let count = u32::try_from(loads.len()).ok().filter(|count| *count > 0)?;
    Some(loads.iter().sum::<f64>() / f64::from(count))
}

/// One storage, in bytes.
#[derive(Debug, Default)]
struct Storage {
    kind: Option<ObjectName>,
    name: String,
    unit: f64,
    size: f64,
    used: f64,
}

/// Its readings: the fullest disk, and memory without what the system would give back at once.
pub(in crate::mcu::snmp) fn readings(
    values: &Values,
    processors: &[(ObjectName, Datum)],
    storage: &[(ObjectName, Datum)],
) -> Readings {
    let storages = storages(storage);
    let used_pct = |storage: &Storage| (storage.size > 0.0).then(|| storage.used / storage.size * 100.0);
    let is = |kind: &'static str| move |storage: &&Storage| storage.kind.as_ref() == Some(&object(kind));
    let holds_much = |storage: &&Storage| storage.size * storage.unit >= DISK_BYTES_MIN;
    let disks = storages.values().filter(is(DISK)).filter(holds_much).filter_map(used_pct);
    let fullest = disks.filter(|pct| (0.0..=100.0).contains(pct)).reduce(f64::max);
    // net-snmp counts caches and buffers as used and lists them beside it.
    let given_back: f64 = storages
        .values()
        .filter(|storage| matches!(storage.name.as_str(), "Cached memory" | "Memory buffers"))
        .map(|storage| storage.used * storage.unit)
        .sum();
    let memory =
        storages.values().find(|storage| is(MEMORY)(storage) && storage.name.starts_with("Physical"));
    let memory = memory.or_else(|| storages.values().find(is(MEMORY))).and_then(|memory| {
        let size = memory.size * memory.unit;
        let used = (memory.used * memory.unit - given_back).max(0.0);
        (size > 0.0 && used <= size).then(|| used / size * 100.0)
    });
    let found = [("load_pct", load_pct(processors)), ("disk_used_pct", fullest), ("memory_used_pct", memory)];
    let single = SCALARS.iter().filter_map(|scalar| Some((scalar.reading.to_owned(), scalar.of(values)?)));
    let found = found.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Given::Value(value?))));
    single.chain(found).collect()
}

fn storages(rows: &[(ObjectName, Datum)]) -> BTreeMap<u32, Storage> {
    let mut found: BTreeMap<u32, Storage> = BTreeMap::new();
    for (arcs, datum) in column(rows, &object(STORAGE)) {
        let [field, index] = arcs else { continue };
        let storage = found.entry(*index).or_default();
        let number = datum.number().filter(|number| *number >= 0.0).unwrap_or(0.0);
        match *field {
            KIND => storage.kind = datum.text().and_then(|text| ObjectName::parse(&text)),
            NAME => storage.name = datum.text().unwrap_or_default(),
            UNIT_BYTES => storage.unit = number,
            SIZE => storage.size = number,
            USED => storage.used = number,
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage(index: u32, kind: &str, name: &str, size: i128, used: i128) -> Vec<(ObjectName, Datum)> {
        let at = |field: u32| object(STORAGE).with(&[field, index]);
        vec![
            (at(KIND), Datum::Name(ObjectName::parse(kind).unwrap())),
            (at(NAME), Datum::Text(name.as_bytes().to_vec())),
            (at(UNIT_BYTES), Datum::Whole(1024)),
            (at(SIZE), Datum::Whole(size)),
            (at(USED), Datum::Whole(used)),
        ]
    }

    #[test]
    fn the_fullest_disk_counts_and_caches_do_not() {
        let other = "1.3.6.1.2.1.25.2.1.1";
        let rows = [
            storage(1, MEMORY, "Physical memory", 1000, 900),
            storage(6, other, "Memory buffers", 1000, 100),
            storage(7, other, "Cached memory", 300, 300),
            storage(31, DISK, "/", 1_000_000, 400_000),
            storage(32, DISK, "/srv", 1_000_000, 910_000),
            storage(35, DISK, "/image", 1, 1),
            storage(33, DISK, "/overflown", -5, 3),
            storage(34, DISK, "/empty", 0, 0),
        ]
        .concat();
        let load = |index, load| (object(PROCESSOR_LOAD).with(&[index]), Datum::Whole(load));
        let read = readings(&Values::new(), &[load(1, 20), load(2, 40), load(3, 255)], &rows);
        let shown: Vec<(&str, f64)> =
            read.iter().map(|(name, given)| (name.as_str(), given.value().unwrap())).collect();
        assert_eq!(shown, [("disk_used_pct", 91.0), ("load_pct", 30.0), ("memory_used_pct", 50.0)]);
        assert_eq!(readings(&Values::new(), &[], &[]), Readings::new());
    }
}

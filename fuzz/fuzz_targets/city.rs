//! Any bytes submitted as a `.toml` inventory: never a panic, and what is planned leaves an inventory that holds.
#![no_main]

use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use vcops::domain::inventory::Inventory;
use vcops::intake::{self, Known, Mode};

fuzz_target!(|bytes: &[u8]| {
    let mut inventory = Inventory::default();
    let known = Known { inventory: &inventory, people: &[] };
    let submission = intake::read("any.toml", bytes, &known, &TimeZone::UTC);
    let changes = intake::plan(&inventory, &submission, Mode::Prune).changes;
    changes.iter().for_each(|change| inventory.apply(change));
    assert!(inventory.broken().is_empty());
});

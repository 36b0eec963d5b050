//! Inventories and imports: the shipped example, and one small bad file per mistake with its exact messages.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use vcops::domain::inventory::{Change, Inventory, Item, PersonDetails};
use vcops::domain::lang::Lang;
use vcops::intake::{self, Known, Mode, Submission};

const EXAMPLE: &str = "config/city.example.toml";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn shanghai() -> TimeZone {
    TimeZone::get("Asia/Shanghai").unwrap()
}

fn submit(name: &str, bytes: &[u8], inventory: &Inventory, people: &[PersonDetails]) -> Submission {
    intake::read(name, bytes, &Known { inventory, people }, &shanghai())
}

/// The example city, accepted.
fn city() -> (Inventory, Vec<PersonDetails>) {
    let bytes = fs::read(root().join(EXAMPLE)).unwrap();
    let submission = submit(EXAMPLE, &bytes, &Inventory::default(), &[]);
    let mut inventory = Inventory::default();
    let changes = intake::plan(&inventory, &submission, Mode::Merge).changes;
    changes.iter().for_each(|change| inventory.apply(change));
    (inventory, submission.people)
}

#[test]
fn the_shipped_city_is_accepted_without_a_problem() {
    let bytes = fs::read(root().join(EXAMPLE)).unwrap();
    let submission = submit(EXAMPLE, &bytes, &Inventory::default(), &[]);
    assert_eq!(intake::lines(&submission.problems, Lang::Zh), "");
    assert_eq!(submission.clashes, []);
    let (inventory, people) = city();
    assert_eq!(inventory.broken(), []);
    assert_eq!((inventory.venues.len(), inventory.links.len(), inventory.agents.len()), (13, 26, 13));
    assert_eq!(people.len(), inventory.people.len());
    let meeting = inventory.meetings.values().next().unwrap();
    assert_eq!(meeting.all_venues().count(), 13);
    assert_eq!(meeting.starts.to_string(), "2026-11-23T02:00:00.000000Z");
}

#[test]
fn the_same_file_again_changes_nothing() {
    let (inventory, people) = city();
    let bytes = fs::read(root().join(EXAMPLE)).unwrap();
    let again = submit(EXAMPLE, &bytes, &inventory, &people);
    for mode in [Mode::Merge, Mode::Prune] {
        assert_eq!(intake::plan(&inventory, &again, mode), intake::Plan::default());
    }
    assert_eq!(again.people, []);
}

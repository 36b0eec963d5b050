//! Inventories and imports: the shipped example, and one small bad file per mistake with its exact messages.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use jiff::tz::TimeZone;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use vcops::domain::inventory::{Change, Inventory, Item, ItemRef, PersonDetails};
use vcops::domain::lang::Lang;
use vcops::domain::mcu::{Control, Interface};
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

/// The example city, accepted, and its people. Read once: the property tests ask for it often.
fn city() -> (Inventory, Vec<PersonDetails>) {
    static CITY: LazyLock<(Inventory, Vec<PersonDetails>)> = LazyLock::new(|| {
        let bytes = fs::read(root().join(EXAMPLE)).unwrap();
        let submission = submit(EXAMPLE, &bytes, &Inventory::default(), &[]);
        let mut inventory = Inventory::default();
        let changes = intake::plan(&inventory, &submission, Mode::Merge).changes;
        changes.iter().for_each(|change| inventory.apply(change));
        (inventory, submission.people)
    });
    CITY.clone()
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
fn the_shipped_city_may_have_its_devices_asked() {
    let text = fs::read_to_string(root().join(EXAMPLE)).unwrap().replace("\n# control =", "\ncontrol =");
    let submission = submit(EXAMPLE, text.as_bytes(), &Inventory::default(), &[]);
    assert_eq!(intake::lines(&submission.problems, Lang::Zh), "");
    let asked = |item: &&Item| {
        matches!(item, Item::Mcu(mcu) if mcu.control.is_some())
            || matches!(item, Item::Endpoint(endpoint) if endpoint.control.is_some())
            || matches!(item, Item::Equipment(equipment) if equipment.control.is_some())
    };
    assert_eq!(submission.items.iter().filter(asked).count(), 7);
}

/// A control that reaches the inventory past the files is held against the same rules, and none is repeated in words.
#[test]
fn a_form_cannot_bring_a_secret_in_an_address_or_limits_that_contradict() {
    let (inventory, people) = city();
    let known = Known { inventory: &inventory, people: &people };
    let ups = inventory.equipment.values().find(|equipment| equipment.id.as_str() == "ups").unwrap();
    let mut secret = ups.clone();
    secret.control = Some(Control {
        interface: Interface::Prometheus,
        address: "https://admin:geheim@10.43.0.50/".into(),
        beside: None,
        credential: None,
        mapping: None,
    });
    let mut twisted = ups.clone();
    twisted.limits.values_mut().for_each(|limit| limit.warn_below = Some(-1.0));
    for (item, code) in [(secret, "intake.address"), (twisted, "intake.limits")] {
        let refused = intake::form("form", vec![Item::Equipment(item)], Vec::new(), &known);
        assert_eq!((refused.items.len(), refused.problems.len()), (0, 1));
        assert_eq!(refused.problems[0].code, code);
        assert!(!intake::lines(&refused.problems, Lang::En).contains("geheim"));
    }
}

/// What a file leads to: each problem in both languages, what is kept, what clashes, what changes.
fn outcome(path: &Path) -> String {
    let (inventory, people) = city();
    let name = path.file_name().unwrap().to_str().unwrap();
    let submission = submit(name, &fs::read(path).unwrap(), &inventory, &people);
    let mut text = String::new();
    for problem in &submission.problems {
        let (zh, en) = (intake::line(problem, Lang::Zh), intake::line(problem, Lang::En));
        writeln!(text, "{zh}\n{en}").unwrap();
    }
    for clash in &submission.clashes {
        writeln!(text, "clash: {} and {} over {:?}", clash.first, clash.second, clash.over).unwrap();
    }
    for change in intake::plan(&inventory, &submission, Mode::Merge).changes {
        let verb = if matches!(change, Change::Put(_)) { "put" } else { "remove" };
        writeln!(text, "{verb}: {}", change.subject()).unwrap();
    }
    text
}

fn examples() -> Vec<PathBuf> {
    let folder = fs::read_dir(root().join("tests/data/intake")).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending != "expected"));
    files.sort();
    files
}

/// One small file per mistake beside its exact messages; `UPDATE=1` writes them anew, to be read before committing.
#[test]
fn each_mistake_has_its_exact_message() {
    let files = examples();
    assert!(files.len() >= 25, "only {} examples", files.len());
    for path in files {
        let expected = PathBuf::from(format!("{}.expected", path.display()));
        let outcome = outcome(&path);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected, &outcome).unwrap();
        }
        assert_eq!(outcome, fs::read_to_string(&expected).unwrap_or_default(), "{}", path.display());
    }
}

#[test]
fn the_shipped_imports_are_accepted_without_a_problem() {
    let (inventory, people) = city();
    for (name, items) in [("meetings.example.csv", 2), ("meetings.example.ics", 1), ("duty.example.csv", 2)] {
        let submission =
            submit(name, &fs::read(root().join("config").join(name)).unwrap(), &inventory, &people);
        assert_eq!(intake::lines(&submission.problems, Lang::Zh), "");
        assert_eq!((submission.items.len(), submission.clashes.len()), (items, 0), "{name}");
    }
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

#[test]
fn pruning_removes_what_the_file_no_longer_names_and_nothing_that_is_needed() {
    let (inventory, people) = city();
    let mut text = fs::read_to_string(root().join(EXAMPLE)).unwrap();
    let stream = text.find("[[stream]]").unwrap();
    let profile = text.find("[[profile]]").unwrap();
    text.replace_range(stream..profile, "");
    let text = text.replace("standby_mcu = \"备用 MCU\"\n", "");
    let cut = |text: &str, from: &str, until: &str| {
        let from = text.find(from).unwrap();
        let until = from + text[from..].find(until).unwrap();
        text[..from].to_owned() + &text[until..]
    };
    let text = cut(&text, "[[mcu]]\nid = \"mcu-2\"", "[[profile]]");
    let submission = submit("city.toml", text.as_bytes(), &inventory, &people);
    assert_eq!(intake::lines(&submission.problems, Lang::Zh), "");
    let removed = |mode| {
        let plan = intake::plan(&inventory, &submission, mode);
        assert_eq!(plan.problems, []);
        let removals = plan.changes.iter().filter(|change| matches!(change, Change::Remove(_)));
        removals.map(|change| change.subject().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(removed(Mode::Merge), [""; 0]);
    // The stream stays: the file says nothing about streams any more.
    assert_eq!(removed(Mode::Prune), ["mcu mcu-2"]);
}

#[test]
fn pruning_keeps_what_is_still_referred_to_and_says_so() {
    let (inventory, people) = city();
    let only =
        "[[mcu]]\nid = \"mcu-9\"\nname = \"新 MCU\"\nregion = \"city\"\nmodel = \"x\"\nnetwork = \"外网\"\n";
    let submission = submit("mcu.toml", only.as_bytes(), &inventory, &people);
    let plan = intake::plan(&inventory, &submission, Mode::Prune);
    let subjects: Vec<String> = plan.changes.iter().map(|change| change.subject().to_string()).collect();
    assert_eq!(subjects, ["mcu mcu-9"]);
    let text = intake::lines(&plan.problems, Lang::En);
    assert_eq!(
        text.lines().next().unwrap(),
        "mcu.toml:1:1 [intake.still_needed] the mcu \"mcu-1\" stays: the stream \"mix\" still refers to it. \
         Correct what refers to it first"
    );
    let bad = submit("mcu.toml", format!("{only}colour = 1").as_bytes(), &inventory, &people);
    let held = intake::plan(&inventory, &bad, Mode::Prune);
    assert_eq!(held.problems[0].code, "intake.prune_held_back");
    assert_eq!(held.changes, []);
}

#[test]
fn a_form_is_judged_like_a_file() {
    let (inventory, people) = city();
    let known = Known { inventory: &inventory, people: &people };
    let codes = |submission: &Submission| {
        submission.problems.iter().map(|problem| problem.code.to_string()).collect::<Vec<_>>()
    };
    let mut meeting = inventory.meetings.values().next().unwrap().clone();
    meeting.standby_mcu = meeting.mcu.clone();
    let refused = intake::form("form", vec![Item::Meeting(meeting.clone())], Vec::new(), &known);
    assert_eq!((codes(&refused), refused.items.len()), (vec!["intake.same_as_primary".to_owned()], 0));
    let hall = ItemRef::Venue(meeting.main_venue.clone());
    let refused = intake::form("form", Vec::new(), vec![hall], &known);
    assert_eq!(codes(&refused), ["intake.breaks_other"]);
    assert_eq!(intake::plan(&inventory, &refused, Mode::Merge).changes, []);
    let removed = intake::form("form", Vec::new(), vec![ItemRef::Meeting(meeting.id)], &known);
    assert_eq!(intake::plan(&inventory, &removed, Mode::Merge).changes.len(), 1);
}

/// Whatever is submitted, applying what is planned leaves an inventory that holds together.
fn is_harmless(name: &str, bytes: &[u8]) {
    let (inventory, people) = city();
    let submission = submit(name, bytes, &inventory, &people);
    for mode in [Mode::Merge, Mode::Prune] {
        let mut result = inventory.clone();
        intake::plan(&inventory, &submission, mode).changes.iter().for_each(|change| result.apply(change));
        assert_eq!(result.broken(), []);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_harmless(bytes in vec(any::<u8>(), 0..400), ending in select(vec!["toml", "ics", "csv"])) {
        is_harmless(&format!("any.{ending}"), &bytes);
    }

    #[test]
    fn a_damaged_example_is_harmless(
        (file, cuts) in (any::<Index>(), vec((any::<Index>(), any::<char>(), any::<bool>()), 1..6))
    ) {
        let files = examples();
        let path = &files[file.index(files.len())];
        let mut text: Vec<char> = String::from_utf8_lossy(&fs::read(path).unwrap()).chars().collect();
        for (at, replacement, delete) in cuts {
            let at = at.index(text.len().max(1));
            if at < text.len() {
                text[at] = replacement;
                text.truncate(if delete && at > 20 { at } else { text.len() });
            }
        }
        let text: String = text.into_iter().collect();
        is_harmless(path.file_name().unwrap().to_str().unwrap(), text.as_bytes());
    }
}

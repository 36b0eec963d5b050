//! The whole controller killed while a device is told something: never a second time, and what nobody can tell is left
//! to a person. Runs against every make's stand-in.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vcops::domain::mcu::Interface;
use vcops::observation::action::Action;

use super::contract::Fixture;
use super::stand_in::Trouble;
use crate::daemon_rig::{Daemon, Site};

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the stand-in keeps each answer back.
const HELD: Duration = Duration::from_millis(400);

/// Kills: a slice in the everyday run, a hundred in the long one.
fn kills() -> u64 {
    if std::env::var_os("VCOPS_SOAK").is_some() { 100 } else { 2 }
}

/// One test for the fixture of a make.
macro_rules! suite {
    ($fixture:ty) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn a_killed_controller_never_tells_it_twice() {
            $crate::mcu::killed::never_twice::<$fixture>().await;
        }
    };
}
pub(crate) use suite;

/// How each kill ended.
#[derive(Debug, Default)]
struct Tally {
    carried_out: usize,
    ends: std::collections::BTreeMap<String, usize>,
}

pub(crate) async fn never_twice<F: Fixture>() {
    let mut tally = Tally::default();
    for n in 0..kills() {
        one_kill::<F>(n, &mut tally).await;
    }
    let interface = F::start().await.bridge().interface();
    println!("{interface}: {} kills, {} carried out, {:?}", kills(), tally.carried_out, tally.ends);
    assert!(tally.carried_out > 0, "no kill came after the device was told");
}

async fn one_kill<F: Fixture>(n: u64, tally: &mut Tally) {
    let make = F::start().await;
    let site = site_for(&make);
    let mut daemon = site.start(None);
    assert!(daemon.is_up());
    enter(&daemon, &make);
    until("it is seen", || sight(&daemon) == Some(json!("seen")));
    let before = make.carried_out();
    make.device().trouble(Some(Trouble::Held(HELD)));
    let order = json!({"action": make.action(), "why": "演练"});
    // Refused while its rosters have not been read: then nothing was taken.
    let mut key = None;
    until("it is ordered", || {
        key = daemon.post("/v1/devices/mcus/dev/actions", &order).map(|answer| answer["key"].clone());
        key.is_some()
    });
    let key = key.expect("the wait ends with one");
    if n.is_multiple_of(2) {
        // Told, and not yet answered.
        until("it is told", || make.carried_out() > before);
    } else {
        std::thread::sleep(Duration::from_millis(n * 37 % 1200));
    }
    drop(daemon);
    make.device().trouble(None);
    let mut daemon = site.start(None);
    assert!(daemon.is_up());
    let mut end = None;
    until("the order has an end", || {
        end = ended(&daemon, &key);
        end.is_some()
    });
    let end = end.expect("it was waited for");
    std::thread::sleep(Duration::from_millis(500));
    let carried_out = make.carried_out() - before;
    assert!(carried_out <= 1, "told {carried_out} times, kill {n}: {end}");
    let word = end["outcome"].as_str().unwrap_or("refused").to_owned();
    let agrees = match word.as_str() {
        "applied" | "accepted" => carried_out == 1,
        "rejected" | "refused" => carried_out == 0,
        "unknown" | "partial" => decided(&daemon, &key, carried_out == 1),
        other => panic!("{other}"),
    };
    assert!(agrees, "kill {n}: carried out {carried_out} times, and the end is {end}");
    if F::LOOK_TELLS && n.is_multiple_of(2) {
        assert_ne!(word, "unknown", "the make can be asked, kill {n}");
    }
    tally.carried_out += carried_out;
    *tally.ends.entry(word).or_default() += 1;
}

/// A daemon's place with the secret of the make in its settings.
fn site_for<F: Fixture>(make: &F) -> Site {
    let site = Site::new();
    let (user, secret) = make.credential();
    let file = site.path("secret");
    std::fs::write(&file, secret).unwrap();
    let more = format!(
        "[devices]\naddresses = [\"127.0.0.0/8\"]\nverify_seconds = 4\n\
         [[devices.credentials]]\nname = \"dev\"\nuser = {user:?}\nsecret_file = {file:?}\n"
    );
    let settings = std::fs::read_to_string(site.config()).unwrap() + &more;
    std::fs::write(site.config(), settings).unwrap();
    site
}

/// Puts the make's stand-in into the inventory.
fn enter<F: Fixture>(daemon: &Daemon, make: &F) {
    let interface: Interface = make.bridge().interface();
    let control =
        json!({"interface": interface, "address": make.device().base().as_str(), "credential": "dev"});
    let mut changes = json!([
        {"put": {"region": {"id": "city", "name": "市"}}},
        {"put": {"mcu": {"id": "dev", "name": "设备", "region": "city", "model": "X", "network": "extranet",
            "control": control}}},
    ]);
    // Only what the inventory knows may be called.
    if let Action::Dial { address, .. } = make.action() {
        let known = changes.as_array_mut().expect("a list");
        known.push(json!({"put": {"venue": {"id": "hall", "name": "会场", "region": "city"}}}));
        known
            .push(json!({"put": {"link": {"id": "hall-1", "venue": "hall", "name": "线路", "kind": "leased",
            "role": "primary", "network": "extranet"}}}));
        known.push(
            json!({"put": {"endpoint": {"id": "codec", "venue": "hall", "name": "终端", "protocol": "h323",
            "address": address}}}),
        );
    }
    let command = json!({"command": "submit_inventory", "base": 0, "changes": changes, "origin": "test"});
    daemon.post("/v1/command", &command).expect("the inventory is taken");
}

fn sight(daemon: &Daemon) -> Option<Value> {
    daemon.get("/v1/devices/mcus/dev").map(|report| report["sight"]["sight"].clone())
}

/// The last step of an order, if it has one.
fn ended(daemon: &Daemon, key: &Value) -> Option<Value> {
    let page = daemon.get("/v1/events?after=0&limit=1000")?;
    let reports = page["items"].as_array()?.iter().map(|item| &item["body"]["what"]["report"]);
    let last = |step: &&Value| step["step"] == "ended" || step["step"] == "refused";
    reports.filter(|report| &report["key"] == key).map(|report| &report["step"]).find(last).map(|step| {
        // The outcome's own word stands in the outcome.
        json!({"step": step["step"], "outcome": step["outcome"]["outcome"], "whole": step})
    })
}

/// Somebody looks and says what happened.
fn decided(daemon: &Daemon, key: &Value, happened: bool) -> bool {
    let command = json!({"command": "decide_action", "key": key, "happened": happened});
    daemon.post("/v1/command", &command) == Some(json!("done"))
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

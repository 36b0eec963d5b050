//! The whole controller killed while a device is told something: never a second time, and what nobody can tell is left
//! to a person. Runs against every make's stand-in.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::{Value, json};
use vcops::observation::action::{Action, Does, Force};

use super::contract::Fixture;
use super::stand_in::Trouble;
use crate::daemon_rig::{Daemon, Site};

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the stand-in keeps each answer back.
const HELD: Duration = Duration::from_millis(400);

/// Kills: a slice in the everyday run; in the long one a hundred, or as many as `VCOPS_SOAK` says if more than one.
fn kills() -> u64 {
    let soak = std::env::var("VCOPS_SOAK").ok();
    soak.map_or(2, |count| count.parse().ok().filter(|count| *count > 1).unwrap_or(100))
}

/// One test for what is told.
macro_rules! suite {
    ($told:ty) => {
        $crate::mcu::killed::suite!($told, a_killed_controller_never_tells_it_twice);
    };
    ($told:ty, $name:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            $crate::mcu::killed::never_twice::<$told>().await;
        }
    };
}
pub(crate) use suite;

/// What a controller tells something, while it is killed. Every fixture of a make is one.
#[async_trait]
pub(crate) trait Told: Sized + Send + Sync + 'static {
    /// Whether it can be asked after an outcome that is unknown.
    const LOOK_TELLS: bool;

    /// Starts it.
    async fn start() -> Self;
    /// How the inventory says to speak to it, with the credential `dev`.
    fn control(&self) -> Value;
    /// User and secret as they stand in the settings.
    fn credential(&self) -> (&'static str, String);
    /// An action that takes exactly one changing request.
    fn action(&self) -> Action;
    /// How often that action was carried out.
    fn carried_out(&self) -> usize;
    /// Keeps each answer back from now on, or none.
    fn hold(&self, answers: Option<Duration>);
}

#[async_trait]
impl<F: Fixture> Told for F {
    const LOOK_TELLS: bool = F::LOOK_TELLS;

    async fn start() -> Self {
        <F as Fixture>::start().await
    }

    fn control(&self) -> Value {
        self.wired()
    }

    fn credential(&self) -> (&'static str, String) {
        Fixture::credential(self)
    }

    fn action(&self) -> Action {
        Fixture::action(self)
    }

    fn carried_out(&self) -> usize {
        Fixture::carried_out(self)
    }

    fn hold(&self, answers: Option<Duration>) {
        self.device().trouble(answers.map(Trouble::Held));
    }
}

/// How each kill ended.
#[derive(Debug, Default)]
struct Tally {
    carried_out: usize,
    second: usize,
    ends: BTreeMap<String, usize>,
}

pub(crate) async fn never_twice<T: Told>() {
    let (mut tally, mut interface) = (Tally::default(), Value::Null);
    for n in 0..kills() {
        interface = one_kill::<T>(n, &mut tally).await;
    }
    let Tally { carried_out, second, ends } = tally;
    println!("{interface}: {} kills, {carried_out} carried out, {second} twice, ends {ends:?}", kills());
    assert_eq!(second, 0);
    assert!(carried_out > 0, "no kill came after the device was told");
}

async fn one_kill<T: Told>(n: u64, tally: &mut Tally) -> Value {
    let make = T::start().await;
    let site = site_for(&make);
    let mut daemon = site.start(None);
    assert!(daemon.is_up());
    enter(&daemon, &make);
    until("it is seen", || sight(&daemon) == Some(json!("seen")));
    let before = make.carried_out();
    make.hold(Some(HELD));
    let order = json!({"action": make.action(), "why": "演练"});
    // Refused while its rosters have not been read: then nothing was taken.
    let mut key = None;
    until("it is ordered", || {
        key = ordered(&daemon, &order);
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
    make.hold(None);
    let mut daemon = site.start(None);
    assert!(daemon.is_up());
    let end = end_of(&daemon, &key);
    std::thread::sleep(Duration::from_millis(500));
    let carried_out = make.carried_out() - before;
    tally.second += carried_out.saturating_sub(1);
    let word = end["outcome"].as_str().unwrap_or("refused").to_owned();
    let agrees = match word.as_str() {
        "applied" | "accepted" => carried_out == 1,
        "rejected" | "refused" => carried_out == 0,
        "unknown" | "partial" => stops_and_asks(&daemon, &make, &key, before + carried_out),
        other => panic!("{other}"),
    };
    assert!(agrees, "kill {n}: carried out {carried_out} times, and the end is {end}");
    if n.is_multiple_of(2) {
        assert_eq!(word == "unknown", !T::LOOK_TELLS, "what can be asked is asked, kill {n}: {end}");
    }
    tally.carried_out += carried_out;
    *tally.ends.entry(word).or_default() += 1;
    make.control()["interface"].clone()
}

/// What nobody can tell: the same is not done again until somebody says what happened, and saying it does nothing.
fn stops_and_asks<T: Told>(daemon: &Daemon, make: &T, key: &Value, carried_out: usize) -> bool {
    let again = json!({"action": make.action(), "why": "再来一次"});
    if make.action().force() >= Force::OneSiteLeaves || make.action().does() == Does::Dial {
        until("it is seen", || sight(daemon) == Some(json!("seen")));
        assert_eq!(ordered(daemon, &again), None, "nobody has said yet whether it happened");
    }
    let done = decided(daemon, key, true);
    let twice = decided(daemon, key, false);
    done && !twice && make.carried_out() == carried_out
}

/// A daemon's place with the secret of the make in its settings.
fn site_for<T: Told>(make: &T) -> Site {
    let site = Site::new();
    let (user, secret) = make.credential();
    let file = site.path("secret");
    std::fs::write(&file, secret).unwrap();
    // Some interfaces know only a secret.
    let user = if user.is_empty() { String::new() } else { format!("user = {user:?}\n") };
    let more = format!(
        "[devices]\naddresses = [\"127.0.0.0/8\"]\nverify_seconds = 4\n\
         [[devices.credentials]]\nname = \"dev\"\n{user}secret_file = {file:?}\n"
    );
    let settings = std::fs::read_to_string(site.config()).unwrap() + &more;
    std::fs::write(site.config(), settings).unwrap();
    site
}

/// Puts the make's stand-in into the inventory.
fn enter<T: Told>(daemon: &Daemon, make: &T) {
    let mut changes = json!([
        {"put": {"region": {"id": "city", "name": "市"}}},
        {"put": {"mcu": {"id": "dev", "name": "设备", "region": "city", "model": "X", "network": "extranet",
            "control": make.control()}}},
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
    let base = daemon.get("/v1/inventory").map(|inventory| inventory["version"].clone());
    let command = json!({"command": "submit_inventory", "base": base, "changes": changes, "origin": "test"});
    daemon.post("/v1/command", &command).expect("the inventory is taken");
}

fn sight(daemon: &Daemon) -> Option<Value> {
    daemon.get("/v1/devices/mcus/dev").map(|report| report["sight"]["sight"].clone())
}

/// Gives an order; its key, unless it was refused.
fn ordered(daemon: &Daemon, order: &Value) -> Option<Value> {
    daemon.post("/v1/devices/mcus/dev/actions", order).map(|answer| answer["key"].clone())
}

fn end_of(daemon: &Daemon, key: &Value) -> Value {
    let mut end = None;
    until("the order has an end", || {
        end = ended(daemon, key);
        end.is_some()
    });
    end.expect("it was waited for")
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

//! An agent killed at every failpoint of key, outbox, line and commands: what was put in arrives once, no command is
//! taken twice, no start is counted twice.
//!
//! The test binary runs itself again with one test as filter; what the child has done, it prints.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use vcops::domain::check::TestId;
use vcops::domain::time::Span;
use vcops::metrics::failpoint::{self, Failpoint};
use vcops::observation::{AgentCommand, Fact};
use vcops::uplink::clock::utc_now;
use vcops::uplink::hub::{CommandRefused, Enrolled};
use vcops::uplink::key::{Identity, PublicKey};
use vcops::uplink::message::Report;
use vcops::uplink::mqtt::BrokerAccess;

use crate::uplink_rig::{
    Agent, Controller, Embedded, SharedStore, agent_access, agent_id, arrived, hub_access, until, users,
    venue,
};

const CHILD: &str = "uplink_kill::an_agent_without_accidents_delivers_everything";
/// Events of one life of the child; padded, so that they fill some segments.
const EVENTS: u32 = 40;
const PADDING: usize = 7 * 1024;

/// What a child is told; passed on as one line of JSON.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Orders {
    home: PathBuf,
    /// `None`: only open the identity.
    line: Option<(PublicKey, BrokerAccess)>,
    /// Number of the first event.
    first: u32,
    failpoint: Option<String>,
}

/// What a child has said before its end.
#[derive(Debug, Default)]
struct Said {
    put: Vec<u32>,
    taken: Vec<String>,
    started: Option<String>,
    ended_well: bool,
}

fn kills() -> u32 {
    if std::env::var_os("VCOPS_SOAK").is_some() { 40 } else { 1 }
}

fn points(of: &[&str]) -> Vec<Failpoint> {
    let is = |point: &Failpoint| of.iter().any(|part| point.name().starts_with(part));
    Failpoint::ALL.iter().copied().filter(is).collect()
}

impl Orders {
    /// Runs a child to its end, well or not.
    fn run(&self) -> Said {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([CHILD, "--exact", "--nocapture", "--test-threads=1"]);
        command.env("VCOPS_TEST_AGENT", serde_json::to_string(self).unwrap());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut said = Said::default();
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            if let Some(n) = line.strip_prefix("put ") {
                said.put.push(n.parse().unwrap());
            } else if let Some(id) = line.strip_prefix("taken ") {
                said.taken.push(id.into());
            } else if let Some(start) = line.strip_prefix("started ") {
                said.started = Some(start.into());
            }
        }
        said.ended_well = child.wait().unwrap().success();
        said
    }
}

/// The child when it has orders; else the same in this process, with nothing going wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_without_accidents_delivers_everything() {
    if let Ok(text) = std::env::var("VCOPS_TEST_AGENT") {
        let orders: Orders = serde_json::from_str(&text).unwrap();
        failpoint::arm(orders.failpoint.as_deref().map(|spec| spec.parse().unwrap()));
        return live(&orders).await;
    }
    let place = Place::open();
    live(&place.orders(0, None)).await;
    until("all events", || arrived(&place.store, 0) == EVENTS as usize).await;
}

/// Each line begins anew, because the test harness has begun one of its own.
#[expect(clippy::print_stdout, reason = "the parent reads what a child has done")]
async fn live(orders: &Orders) {
    let Some((controller, broker)) = &orders.line else {
        let identity = Identity::open(&orders.home).unwrap();
        println!("\nstarted {} {}", identity.key().id(), identity.boot());
        return;
    };
    let mut agent = Agent::start(0, &orders.home, controller, broker.clone());
    for n in orders.first..orders.first + EVENTS {
        agent.outbox.append(padded(n)).await.unwrap();
        println!("\nput {n}");
    }
    let level = agent.outbox.level();
    // A command is repeated each second: whoever waits for one stays longer than that.
    let waits_for_command = orders.failpoint.as_ref().is_some_and(|point| point.contains("command"));
    let (mut quiet, enough) = (0, if waits_for_command { 20 } else { 2 });
    while quiet < enough || level.borrow().waiting > 0 {
        match tokio::time::timeout(Duration::from_millis(500), agent.commands.recv()).await {
            Ok(Some(taken)) => println!("\ntaken {}", taken.id),
            Ok(None) | Err(_) => quiet += 1,
        }
    }
    agent.stop().await;
}

fn padded(n: u32) -> Vec<u8> {
    let fact = Fact::Progress { test: TestId { boot: 1, n }, sent: 0, planned: 0 };
    let text = serde_json::to_string(&Report { at: utc_now(), fact }).unwrap();
    format!("{{{}{}", " ".repeat(PADDING), &text[1..]).into_bytes()
}

/// A controller and a broker that live on while the agent dies.
struct Place {
    home: tempfile::TempDir,
    identity: Arc<Identity>,
    store: SharedStore,
    controller: Controller,
    embedded: Embedded,
}

impl Place {
    fn open() -> Self {
        let home = tempfile::tempdir().unwrap();
        let identity = Arc::new(Identity::open(&home.path().join("controller")).unwrap());
        let key = *Identity::open(&agent_home(home.path())).unwrap().key().public();
        let enrolled = [Enrolled { agent: agent_id(0), venue: venue(0), key, mark: None }];
        let embedded = Embedded::start(([127, 0, 0, 1], 0).into(), users(&enrolled, identity.key().id()));
        let store = SharedStore::default();
        let controller =
            Controller::start(&identity, hub_access(embedded.broker.address()), &enrolled, &store);
        Self { home, identity, store, controller, embedded }
    }

    fn orders(&self, first: u32, failpoint: Option<String>) -> Orders {
        let access = agent_access(self.embedded.broker.address(), &agent_id(0));
        let line = Some((*self.identity.key().public(), access));
        Orders { home: agent_home(self.home.path()), line, first, failpoint }
    }

    async fn command(&self) {
        let expires = utc_now() + Span::minutes(5);
        let sent = self.controller.handle.command(&agent_id(0), AgentCommand::ReportHealth, expires).await;
        // Lives that end before they take a command leave some waiting.
        assert!(matches!(sent, Ok(_) | Err(CommandRefused::TooMany(_))), "{sent:?}");
    }

    async fn run(&self, first: u32, failpoint: Option<String>) -> Said {
        let orders = self.orders(first, failpoint);
        tokio::task::spawn_blocking(move || orders.run()).await.unwrap()
    }
}

fn agent_home(home: &Path) -> PathBuf {
    home.join("agent")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_anywhere_the_line_delivers_once_what_was_put_in() {
    let points = points(&["uplink.outbox", "uplink.segment", "uplink.event", "uplink.ack", "uplink.command"]);
    assert!(points.len() >= 11, "{points:?}");
    let place = Place::open();
    let (mut put, mut taken, mut life) = (Vec::new(), Vec::new(), 0);
    for point in points {
        for kill in 0..kills() {
            place.command().await;
            place.command().await;
            // Acknowledgements are cumulative: one may cover a whole life.
            let few = ["segment", "command", "ack"].iter().any(|part| point.name().contains(part));
            let nth = 1 + kill % if few { 1 } else { 6 };
            let said = place.run(life * 1000, Some(format!("{point}@{nth}"))).await;
            assert!(!said.ended_well, "{point}@{nth} was not reached");
            put.extend(said.put);
            taken.extend(said.taken);
            life += 1;
        }
        let said = place.run(life * 1000, None).await;
        assert!(said.ended_well, "after {point} the agent does not go on");
        put.extend(said.put);
        taken.extend(said.taken);
        life += 1;
    }
    let got = place.store.lock().unwrap().events.get(&agent_id(0)).cloned().unwrap();
    let distinct: BTreeSet<u32> = got.iter().copied().collect();
    let lost: Vec<_> = put.iter().filter(|n| !distinct.contains(n)).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert_eq!(got.len(), distinct.len(), "doubled");
    assert!(got.is_sorted(), "out of order");
    let once: BTreeSet<&String> = taken.iter().collect();
    assert_eq!(once.len(), taken.len(), "a command was taken twice: {taken:?}");
    assert!(!taken.is_empty());
}

#[test]
fn killed_anywhere_an_identity_stays_and_no_start_counts_twice() {
    let points = points(&["uplink.key", "uplink.boot", "uplink.file"]);
    assert_eq!(points.len(), 4);
    for point in points {
        for kill in 0..kills() {
            let home = tempfile::tempdir().unwrap();
            let nth = if point.name().contains("file") { 1 + kill % 2 } else { 1 };
            let orders =
                |failpoint| Orders { home: home.path().join("agent"), line: None, first: 0, failpoint };
            assert!(!orders(Some(format!("{point}@{nth}"))).run().ended_well, "{point} was not reached");
            let starts: Vec<String> = (0..3).map(|_| orders(None).run().started.unwrap()).collect();
            let parts: Vec<(&str, u64)> = starts
                .iter()
                .map(|s| s.split_once(' ').unwrap())
                .map(|(k, b)| (k, b.parse().unwrap()))
                .collect();
            assert!(
                parts.windows(2).all(|two| two[0].0 == two[1].0 && two[0].1 < two[1].1),
                "{point}: {parts:?}"
            );
        }
    }
}

//! The venue's agent as a whole: enrolled, under orders, and by its own rules.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vcops::agent;
use vcops::config::{AgentSettings, read_agent};
use vcops::domain::check::{PathPlan, TestId};
use vcops::domain::id::LinkId;
use vcops::domain::time::Span;
use vcops::link::reflector::{Network, Reflector, ReflectorSettings};
use vcops::observation::{AgentCommand, AgentHealth, Fact, PathOrder, TestBroke, TestOutcome};
use vcops::uplink::client::{self, Membership};
use vcops::uplink::clock::utc_now;
use vcops::uplink::enrol::client::EnrolAddress;
use vcops::uplink::hub::Enrolled;
use vcops::uplink::key::Identity;

use crate::uplink_rig::{
    Controller, Embedded, PATIENCE, SharedStore, agent_access, agent_id, hub_access, until, users, venue,
};

struct Venue {
    store: SharedStore,
    controller: Controller,
    reflector: Reflector,
    stop: CancellationToken,
    agent: JoinHandle<anyhow::Result<()>>,
    directory: tempfile::TempDir,
    _embedded: Embedded,
}

fn settings(directory: &Path, rules: &str) -> AgentSettings {
    let text = format!(
        "state_dir = {directory:?}\n[controller]\nenrol = '127.0.0.1:1'\n\
         [reflector]\nlisten = []\nallow = []\n[tests]\n{rules}"
    );
    read_agent("agent.toml", &text).unwrap()
}

/// An agent that keeps `rules`, and a controller with a reflector.
fn open(rules: &str) -> Venue {
    let directory = tempfile::tempdir().unwrap();
    let identity = Arc::new(Identity::open(&directory.path().join("controller")).unwrap());
    let home = directory.path().join("agent");
    let key = *Identity::open(&home).unwrap().key().public();
    let enrolled = [Enrolled { agent: agent_id(0), venue: venue(0), key, mark: None }];
    let embedded = Embedded::start(([127, 0, 0, 1], 0).into(), users(&enrolled, identity.key().id()));
    let address = embedded.broker.address();
    let broker = agent_access(address, &agent_id(0));
    let membership =
        Membership { agent: agent_id(0), venue: venue(0), controller: *identity.key().public(), broker };
    let enrol = EnrolAddress { host: "127.0.0.1".into(), port: 1, tls_pin: [0; 32] };
    client::save(&home, &membership, &enrol).unwrap();
    let store = SharedStore::default();
    let controller = Controller::start(&identity, hub_access(address), &enrolled, &store);
    let local: SocketAddr = ([127, 0, 0, 1], 0).into();
    let allow: Vec<Network> = vec![local.ip().into()];
    let reflector = Reflector::start(&ReflectorSettings {
        listen: vec![local],
        allow,
        realtime: false,
        ..Default::default()
    });
    let (stop, settings) = (CancellationToken::new(), settings(&home, rules));
    let stopped = stop.clone();
    let agent = tokio::spawn(async move { agent::run(&settings, stopped).await });
    Venue { store, controller, reflector: reflector.unwrap(), stop, agent, directory, _embedded: embedded }
}

impl Venue {
    fn order(&self, n: u32, pps: u16, packets: u32) -> PathOrder {
        PathOrder {
            test: TestId { boot: 1, n },
            link: LinkId::parse("primary").unwrap(),
            local: None,
            remote: self.reflector.local_addrs()[0],
            plan: PathPlan { pps, packets, ..PathPlan::default() },
        }
    }

    async fn command(&self, command: AgentCommand) {
        let expires = utc_now() + Span::seconds(30);
        self.controller.handle.command(&agent_id(0), command, expires).await.unwrap();
    }

    async fn outcome(&self, n: u32) -> TestOutcome {
        let find = || {
            let store = self.store.lock().unwrap();
            let outcomes = store.facts.iter().filter_map(|fact| match fact {
                Fact::PathTested { test, outcome, .. } => Some((test.n, outcome.clone())),
                Fact::Heartbeat { .. }
                | Fact::Progress { .. }
                | Fact::Misbehaved { .. }
                | Fact::StreamSeen { .. }
                | Fact::DeviceSeen { .. }
                | Fact::ActionReported { .. }
                | Fact::CodecCalled { .. }
                | Fact::Proved { .. }
                | Fact::HubSeen { .. }
                | Fact::NoticeDelivered { .. }
                | Fact::NoticeAnswered { .. } => None,
            });
            outcomes.filter(|(test, _)| *test == n).map(|(_, outcome)| outcome).next()
        };
        until("a test's outcome", || find().is_some()).await;
        find().unwrap()
    }

    async fn health(&self, what: &str, fits: impl Fn(&AgentHealth) -> bool) {
        until(what, || self.store.lock().unwrap().health.get(&agent_id(0)).is_some_and(&fits)).await;
    }

    async fn close(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.agent).await.unwrap().unwrap().unwrap();
        self.controller.stop().await;
    }
}

const OPEN: &str = "targets = ['127.0.0.0/8']\npackets_per_second_max = 500\nrealtime = false\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_from_the_venues_side_is_measured_and_reported() {
    let venue = open(OPEN);
    venue.command(AgentCommand::TestPath { order: venue.order(1, 50, 20) }).await;
    let TestOutcome::Measured(stats) = venue.outcome(1).await else { panic!("not measured") };
    assert_eq!((stats.sent, stats.answered), (20, 20));
    venue.health("the agent is well", |h| h.clock_offset_ms.is_some() && h.disk_free_mib.is_some()).await;
    venue.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_venue_forbids_is_not_sent() {
    let venue = open(&format!("{OPEN}packets_max = 100\n"));
    let mut elsewhere = venue.order(1, 50, 20);
    elsewhere.remote = ([10, 0, 0, 1], 862).into();
    venue.command(AgentCommand::TestPath { order: elsewhere }).await;
    venue.command(AgentCommand::TestPath { order: venue.order(2, 501, 20) }).await;
    venue.command(AgentCommand::TestPath { order: venue.order(3, 50, 101) }).await;
    for n in 1..=3 {
        assert_eq!(venue.outcome(n).await, TestOutcome::Broke(TestBroke::RefusedByVenue), "{n}");
    }
    assert_eq!(venue.reflector.counts().received, 0);
    venue.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_no_test_window_forbids_every_test_and_shows() {
    let venue = open(&format!("{OPEN}no_test = [{{ from = '00:00', until = '00:00' }}]\n"));
    venue.command(AgentCommand::TestPath { order: venue.order(1, 10, 10) }).await;
    assert_eq!(venue.outcome(1).await, TestOutcome::Broke(TestBroke::RefusedByVenue));
    venue.health("the window shows", |h| h.no_test && !h.consent).await;
    venue.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_test_without_lease_ends_and_one_called_off_says_so() {
    let venue = open(&format!("{OPEN}packets_max = 60000\n"));
    venue.command(AgentCommand::TestPath { order: venue.order(1, 100, 60_000) }).await;
    assert_eq!(venue.outcome(1).await, TestOutcome::Broke(TestBroke::Cancelled), "no lease ever came");
    venue.command(AgentCommand::TestPath { order: venue.order(2, 50, 60_000) }).await;
    until("the test runs", || venue.reflector.counts().received > 200).await;
    venue.command(AgentCommand::CancelTest { test: TestId { boot: 1, n: 2 } }).await;
    assert_eq!(venue.outcome(2).await, TestOutcome::Broke(TestBroke::Cancelled));
    venue.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consent_given_at_the_venue_is_seen_within_a_few_heartbeats() {
    let venue = open(OPEN);
    let home = venue.directory.path().join("agent");
    venue.health("no consent at first", |h| !h.consent).await;
    agent::consent::give(&home, Span::minutes(120)).unwrap();
    venue.health("consent", |h| h.consent).await;
    agent::consent::take_back(&home).unwrap();
    venue.health("taken back", |h| !h.consent).await;
    venue.close().await;
}

#[tokio::test]
async fn an_agent_that_is_not_enrolled_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path(), OPEN);
    let error = agent::run(&settings, CancellationToken::new()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "尚未注册，请先运行 vcops agent enrol / not enrolled: run vcops agent enrol first"
    );
    let error = agent::enrol(&settings, "vcops1-x").await.unwrap_err();
    assert!(error.to_string().starts_with("注册令牌不完整"), "{error}");
}

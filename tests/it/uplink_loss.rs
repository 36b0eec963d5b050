//! Events survive what happens to a line: a killed broker, a black hole, a killed controller, a killed agent.
//!
//! In the normal run with few events and short faults; with `VCOPS_SOAK=1` 1,000 events and 13 s.

use std::sync::Arc;
use std::time::Duration;

use vcops::domain::time::Span;
use vcops::observation::AgentCommand;
use vcops::uplink::client::Broker;
use vcops::uplink::clock::utc_now;
use vcops::uplink::hub::CommandRefused;
use vcops::uplink::key::Identity;

use crate::uplink_rig::{
    Agent, BlackHole, Controller, Embedded, Mosquitto, SharedStore, access, agent_access, agent_id, arrived,
    assert_whole, hub_access, until, users,
};

fn soak() -> bool {
    std::env::var_os("VCOPS_SOAK").is_some()
}

fn events() -> u32 {
    if soak() { 1_000 } else { 120 }
}

fn black_hole() -> Duration {
    Duration::from_secs(if soak() { 13 } else { 7 })
}

struct Bench {
    directory: tempfile::TempDir,
    identity: Arc<Identity>,
    store: SharedStore,
}

fn bench() -> Bench {
    let directory = tempfile::tempdir().unwrap();
    let identity = Arc::new(Identity::open(&directory.path().join("controller")).unwrap());
    Bench { directory, identity, store: SharedStore::default() }
}

impl Bench {
    fn agent(&self, n: usize, broker: vcops::uplink::mqtt::BrokerAccess) -> Agent {
        Agent::start(
            n,
            &self.directory.path().join(format!("agent-{n}")),
            self.identity.key().public(),
            broker,
        )
    }

    /// The agent as it will be enrolled, before its line exists.
    fn enrolled(&self, n: usize) -> vcops::uplink::hub::Enrolled {
        let identity = Identity::open(&self.directory.path().join(format!("agent-{n}"))).unwrap();
        let key = *identity.key().public();
        let (agent, venue) = (agent_id(n), crate::uplink_rig::venue(n));
        vcops::uplink::hub::Enrolled { agent, venue, key, mark: None }
    }

    async fn all_arrived(&self, n: usize, count: u32) {
        until("all events", || arrived(&self.store, n) >= count as usize).await;
        // Late doubles would come now.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_whole(&self.store, n + 1, count);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mosquitto_killed_and_restarted_loses_and_doubles_nothing() {
    let Some(mut mosquitto) = Mosquitto::start().await else {
        panic!("mosquitto is missing: scripts/system-packages.sh test installs it");
    };
    let bench = bench();
    let agent = bench.agent(0, access(mosquitto.address, None));
    let enrolled = [agent.enrolled.clone()];
    let controller =
        Controller::start(&bench.identity, access(mosquitto.address, None), &enrolled, &bench.store);
    let third = events() / 3;
    for part in 0..3 {
        let (from, to) = (part * third, if part == 2 { events() } else { (part + 1) * third });
        let outage = async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            if part < 2 {
                mosquitto.kill_and_restart(Duration::from_millis(300)).await;
            }
        };
        tokio::join!(agent.report(from, to), outage);
    }
    bench.all_arrived(0, events()).await;
    until("the outbox is empty", || agent.outbox.level().borrow().waiting == 0).await;
    agent.stop().await;
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_black_hole_loses_and_doubles_nothing() {
    let bench = bench();
    let enrolled = [bench.enrolled(0)];
    let embedded = Embedded::start(([127, 0, 0, 1], 0).into(), users(&enrolled, bench.identity.key().id()));
    let address = embedded.broker.address();
    let hole = BlackHole::before(address).await;
    let agent = bench.agent(0, agent_access(hole.address, &agent_id(0)));
    let controller = Controller::start(&bench.identity, hub_access(address), &enrolled, &bench.store);
    agent.report(0, 10).await;
    until("the first events", || arrived(&bench.store, 0) == 10).await;
    hole.swallow();
    tokio::join!(agent.report(10, events()), tokio::time::sleep(black_hole()));
    assert!(
        matches!(agent.state.borrow().broker, Broker::Down { .. } | Broker::Connecting),
        "the silence is noticed"
    );
    hole.pass();
    bench.all_arrived(0, events()).await;
    agent.stop().await;
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_controller_with_its_broker_loses_and_doubles_nothing() {
    let bench = bench();
    let enrolled = [bench.enrolled(0)];
    let users = users(&enrolled, bench.identity.key().id());
    let mut embedded = Embedded::start(([127, 0, 0, 1], 0).into(), users.clone());
    let address = embedded.broker.address();
    let agent = bench.agent(0, agent_access(address, &agent_id(0)));
    let kills = if soak() { 10 } else { 3 };
    let mut controller = Controller::start(&bench.identity, hub_access(address), &enrolled, &bench.store);
    for part in 0..kills {
        let (from, to) = (part * events() / kills, (part + 1) * events() / kills);
        agent.report(from, to).await;
        tokio::time::sleep(Duration::from_millis(u64::from(part * 37 % 101))).await;
        controller.kill().await;
        drop(embedded);
        embedded = Embedded::start(address, users.clone());
        controller = Controller::start(&bench.identity, hub_access(address), &enrolled, &bench.store);
    }
    bench.all_arrived(0, events()).await;
    agent.stop().await;
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_agent_sends_what_it_had_put_in() {
    let bench = bench();
    let enrolled = [bench.enrolled(0)];
    let embedded = Embedded::start(([127, 0, 0, 1], 0).into(), users(&enrolled, bench.identity.key().id()));
    let access = agent_access(embedded.broker.address(), &agent_id(0));
    let controller =
        Controller::start(&bench.identity, hub_access(embedded.broker.address()), &enrolled, &bench.store);
    for part in 0..4 {
        let agent = bench.agent(0, access.clone());
        agent.report(part * 10, (part + 1) * 10).await;
        tokio::time::sleep(Duration::from_millis(u64::from(part) * 40)).await;
        agent.kill().await;
        // The outbox's thread ends with its last handle.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let agent = bench.agent(0, access);
    bench.all_arrived(0, 40).await;
    agent.stop().await;
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_arrives_once_and_an_expired_one_never() {
    let bench = bench();
    let enrolled = [bench.enrolled(0)];
    let embedded = Embedded::start(([127, 0, 0, 1], 0).into(), users(&enrolled, bench.identity.key().id()));
    let address = embedded.broker.address();
    let controller = Controller::start(&bench.identity, hub_access(address), &enrolled, &bench.store);
    let (hub, id) = (controller.handle.clone(), agent_id(0));
    // The agent is off: the first expires, the second is repeated until it comes.
    let early = hub.command(&id, AgentCommand::ReportHealth, utc_now() + Span::millis(200)).await.unwrap();
    let later = hub.command(&id, AgentCommand::ReportHealth, utc_now() + Span::seconds(60)).await.unwrap();
    until("expired", || bench.store.lock().unwrap().others.iter().any(|o| o.contains("Expired"))).await;
    let mut agent = bench.agent(0, agent_access(address, &id));
    let taken =
        tokio::time::timeout(crate::uplink_rig::PATIENCE, agent.commands.recv()).await.unwrap().unwrap();
    assert_eq!((taken.id, taken.command), (later, AgentCommand::ReportHealth));
    assert_ne!(early, later);
    until("taken", || bench.store.lock().unwrap().others.iter().any(|o| o.contains("Taken"))).await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert!(agent.commands.try_recv().is_err(), "a repetition is not a second command");
    assert!(agent.state.borrow().clock.is_some(), "the controller's time is known");
    let nobody = agent_id(7);
    let refused =
        hub.command(&nobody, AgentCommand::ReportHealth, utc_now() + Span::seconds(1)).await.unwrap_err();
    assert_eq!(refused, CommandRefused::UnknownAgent(nobody));
    drop(hub);
    agent.stop().await;
    controller.stop().await;
}

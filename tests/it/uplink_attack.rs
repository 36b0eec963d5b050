//! An agent that sends garbage, floods, replays, reflects or forges harms nobody else and is named.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::{AsyncClient, MqttOptions, QoS};
use serde_json::value::RawValue;
use tokio::task::JoinHandle;
use vcops::domain::id::VenueId;
use vcops::domain::time::{Span, Utc};
use vcops::observation::Misbehaviour;
use vcops::uplink::broker::{Offence, Refusal};
use vcops::uplink::clock::utc_now;
use vcops::uplink::envelope::{self, Header, Kind};
use vcops::uplink::hub::Enrolled;
use vcops::uplink::key::{Identity, SecretKey};
use vcops::uplink::message::{CommandBody, CommandId, Heartbeat, OutboxId, topic};
use vcops::uplink::mqtt::BrokerAccess;
use vcops::uplink::replay::Mark;

use crate::uplink_rig::{
    Agent, Controller, Embedded, Mosquitto, SharedStore, access, agent_access, agent_id, arrived,
    assert_whole, health, hub_access, until, users, venue,
};

/// Agent 0 is honest, agent 1 is in the hands of an attacker.
struct Scene {
    directory: tempfile::TempDir,
    controller_key: Arc<Identity>,
    attacker_key: SecretKey,
    enrolled: Vec<Enrolled>,
    store: SharedStore,
}

fn scene() -> Scene {
    let directory = tempfile::tempdir().unwrap();
    let controller_key = Arc::new(Identity::open(&directory.path().join("controller")).unwrap());
    let honest = Identity::open(&directory.path().join("agent-0")).unwrap();
    let attacker_key = SecretKey::generate();
    let keys = [*honest.key().public(), *attacker_key.public()];
    let enrolled = keys.into_iter().enumerate();
    let enrolled =
        enrolled.map(|(n, key)| Enrolled { agent: agent_id(n), venue: venue(n), key, mark: None }).collect();
    Scene { directory, controller_key, attacker_key, enrolled, store: SharedStore::default() }
}

impl Scene {
    fn honest(&self, broker: BrokerAccess) -> Agent {
        let directory = self.directory.path().join("agent-0");
        Agent::start(0, &directory, self.controller_key.key().public(), broker)
    }

    fn named(&self, what: Misbehaviour, by: usize) -> bool {
        let store = self.store.lock().unwrap();
        store.misbehaviours.iter().any(|m| m.what == what && m.agent == Some(agent_id(by)) && m.count > 0)
    }

    fn heartbeats(&self, n: usize) -> u64 {
        self.store.lock().unwrap().heartbeats.get(&agent_id(n)).copied().unwrap_or(0)
    }
}

/// A bare MQTT client that says what it likes.
struct Attacker {
    client: AsyncClient,
    poller: JoinHandle<()>,
}

impl Attacker {
    fn connect(name: String, access: &BrokerAccess) -> Self {
        let mut options = MqttOptions::new(name, &access.host, access.port);
        options.set_keep_alive(Duration::from_secs(5)).set_max_packet_size(1 << 20, 1 << 20);
        if let Some(login) = &access.login {
            options.set_credentials(&login.name, &login.password);
        }
        let (client, mut events) = AsyncClient::new(options, 64);
        let poller = tokio::spawn(async move {
            loop {
                if events.poll().await.is_err() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        });
        Self { client, poller }
    }

    async fn say(&self, venue: &VenueId, kind: &str, payload: impl Into<Vec<u8>>) {
        let topic = format!("vcops/v1/{venue}/up/{kind}");
        self.client.publish(topic, QoS::AtMostOnce, false, payload.into()).await.unwrap();
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        self.poller.abort();
    }
}

fn header(kind: Kind, venue: VenueId, seq: u64, sent_at: Utc) -> Header {
    let mark = Mark { boot: 1, seq };
    Header { kind, venue, mark, sent_at, expires: sent_at + Span::seconds(10) }
}

fn raw(body: &impl serde::Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(body).unwrap()
}

fn heartbeat() -> Box<RawValue> {
    let outbox = OutboxId(1);
    raw(&Heartbeat { outbox, newest: 0, refused: 0, ask: false, taken: vec![], health: health() })
}

impl Scene {
    /// Everything an agent with a good key and a good password can do wrong, but flooding.
    async fn misbehave(&self, attacker: &Attacker) {
        let (own, other) = (venue(1), venue(0));
        let sealed = |key: &SecretKey, header: Header| envelope::seal(key, &header, &heartbeat()).unwrap();
        let now = utc_now();
        attacker.say(&own, "event", "not json at all").await;
        attacker.say(&own, "event", "{\"v\":1}").await;
        let good = sealed(&self.attacker_key, header(Kind::Heartbeat, own.clone(), 5, now));
        attacker.say(&own, "heartbeat", good.clone()).await;
        attacker.say(&own, "heartbeat", good).await;
        attacker
            .say(&own, "heartbeat", sealed(&self.attacker_key, header(Kind::Heartbeat, other, 6, now)))
            .await;
        let forged = sealed(&SecretKey::generate(), header(Kind::Heartbeat, own.clone(), 7, now));
        attacker.say(&own, "heartbeat", forged).await;
        let late = header(Kind::Heartbeat, own.clone(), 8, now - Span::minutes(5));
        attacker.say(&own, "heartbeat", sealed(&self.attacker_key, late)).await;
        attacker.say(&own, "event", self.command_for(&own)).await;
    }

    /// A command as the controller signs it, to be thrown back.
    fn command_for(&self, venue: &VenueId) -> Vec<u8> {
        let command = vcops::observation::AgentCommand::ReportHealth;
        let body = raw(&CommandBody { to: self.attacker_key.id(), id: CommandId { boot: 1, n: 1 }, command });
        envelope::seal(self.controller_key.key(), &header(Kind::Command, venue.clone(), 1, utc_now()), &body)
            .unwrap()
    }

    async fn all_is_named(&self) {
        use Misbehaviour::{Forged, Garbage, Reflected, Replayed, Untimely, WrongVenue};
        for what in [Garbage, Replayed, WrongVenue, Forged, Untimely, Reflected] {
            until(&format!("{what:?}"), || self.named(what, 1)).await;
        }
        let blamed = self.store.lock().unwrap().misbehaviours.iter().all(|m| m.agent != Some(agent_id(0)));
        assert!(blamed, "the honest agent is not blamed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn misbehaviour_is_named_and_harms_nobody_else() {
    let scene = scene();
    let users = users(&scene.enrolled, scene.controller_key.key().id());
    let mut embedded = Embedded::start(([127, 0, 0, 1], 0).into(), users);
    let address = embedded.broker.address();
    let controller =
        Controller::start(&scene.controller_key, hub_access(address), &scene.enrolled, &scene.store);
    let honest = scene.honest(agent_access(address, &agent_id(0)));
    let name = format!("vcops-{}", scene.attacker_key.id());
    let attacker = Attacker::connect(name, &agent_access(address, &agent_id(1)));
    until("the honest agent lives", || scene.heartbeats(0) > 0).await;
    scene.misbehave(&attacker).await;
    scene.all_is_named().await;

    // Another venue's topic and an oversized message: the broker's gate cuts it off and names it.
    attacker.say(&venue(0), "event", "x").await;
    let refused = |refusal| (Some("agent-1".to_owned()), Offence::Refused(refusal));
    let notice = embedded.notices.recv().await.unwrap();
    assert_eq!((notice.user, notice.what), refused(Refusal::Topic));
    until("it comes again", || scene.heartbeats(0) > 1).await;
    attacker.say(&venue(1), "event", vec![b'x'; envelope::BYTES_MAX + 2000]).await;
    let notice = embedded.notices.recv().await.unwrap();
    assert_eq!((notice.user, notice.what), refused(Refusal::TooLong));

    // A flood: the honest agent's events still arrive, each once.
    let flood = async {
        for n in 0..1500u32 {
            attacker.say(&venue(1), "event", format!("flood {n}")).await;
        }
    };
    tokio::join!(flood, honest.report(0, 60));
    until("flooding is named", || scene.named(Misbehaviour::Flooded, 1)).await;
    until("the honest agent's events", || arrived(&scene.store, 0) == 60).await;
    assert_whole(&scene.store, 1, 60);
    let notice = embedded.notices.recv().await.unwrap();
    assert_eq!((notice.user.as_deref(), notice.what), (Some("agent-1"), Offence::Flooded));
    honest.stop().await;
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_an_open_broker_the_signature_alone_protects() {
    let Some(mosquitto) = Mosquitto::start().await else {
        panic!("mosquitto is missing: scripts/system-packages.sh test installs it");
    };
    let scene = scene();
    let open = access(mosquitto.address, None);
    let controller = Controller::start(&scene.controller_key, open.clone(), &scene.enrolled, &scene.store);
    let mut honest = scene.honest(open.clone());
    let attacker = Attacker::connect("attacker".into(), &open);
    until("the honest agent lives", || scene.heartbeats(0) > 0).await;
    scene.misbehave(&attacker).await;
    scene.all_is_named().await;

    // A command that the controller did not sign, on the honest agent's own topic; and one that is another's.
    let forge = |key: &SecretKey, to| {
        let command = vcops::observation::AgentCommand::ReportHealth;
        let body = raw(&CommandBody { to, id: CommandId { boot: 9, n: 9 }, command });
        envelope::seal(key, &header(Kind::Command, venue(0), 1_000, utc_now()), &body).unwrap()
    };
    let down = topic(&venue(0), Kind::Command);
    let honest_key = vcops::uplink::key::KeyId::of(&honest.enrolled.key);
    let messages = [
        forge(&scene.attacker_key, honest_key),
        forge(scene.controller_key.key(), scene.attacker_key.id()),
        b"garbage".to_vec(),
    ];
    for message in messages {
        attacker.client.publish(&down, QoS::AtLeastOnce, false, message).await.unwrap();
    }
    honest.report(0, 30).await;
    until("the honest agent's events", || arrived(&scene.store, 0) == 30).await;
    assert_whole(&scene.store, 1, 30);
    assert!(honest.commands.try_recv().is_err(), "no forged command is taken");
    honest.stop().await;
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_broker_lets_in_only_who_it_knows_under_its_own_name() {
    let scene = scene();
    let users = users(&scene.enrolled, scene.controller_key.key().id());
    let mut embedded = Embedded::start(([127, 0, 0, 1], 0).into(), users);
    let address = embedded.broker.address();
    let mut bad = agent_access(address, &agent_id(1));
    bad.login.as_mut().unwrap().password.push('!');
    let good_name = format!("vcops-{}", scene.attacker_key.id());
    let cases = [
        (good_name, bad),
        ("another-client".to_owned(), agent_access(address, &agent_id(1))),
        ("anonymous".to_owned(), access(address, None)),
    ];
    for (client, access) in cases {
        let _attacker = Attacker::connect(client, &access);
        let notice = embedded.notices.recv().await.unwrap();
        assert_eq!((notice.user, notice.what), (None, Offence::Refused(Refusal::Login)));
        while embedded.notices.try_recv().is_ok() {}
    }
}

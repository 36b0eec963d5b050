//! A line on one machine: broker, hub, a store that remembers, agents, and a TCP relay that can stall.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vcops::domain::check::TestId;
use vcops::domain::id::{AgentId, VenueId};
use vcops::observation::{AgentHealth, Fact, StreamReport};
use vcops::uplink::broker::{Broker, BrokerNotice, BrokerSettings, BrokerUser, BrokerUsers, Scope};
use vcops::uplink::client::{self, Channels, LineState, Membership, Taken};
use vcops::uplink::hub::{
    Content, Delivery, Enrolled, EventMark, Hub, HubHandle, Misbehaves, Readable, Roster,
};
use vcops::uplink::key::{Identity, KeyId, PublicKey};
use vcops::uplink::live::LiveBody;
use vcops::uplink::mqtt::{BrokerAccess, Login};
use vcops::uplink::outbox::Damage;
use vcops::uplink::outbox::writer::{self, OutboxHandle};

/// Longest time anything here may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn venue(n: usize) -> VenueId {
    VenueId::parse(&format!("venue-{n}")).unwrap()
}

pub(crate) fn agent_id(n: usize) -> AgentId {
    AgentId::parse(&format!("agent-{n}")).unwrap()
}

/// Waits until `done` holds.
pub(crate) async fn until(what: &str, done: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !done() {
        assert!(tokio::time::Instant::now() < deadline, "waited too long: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What a controller commits: events with their mark, in one step.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) events: BTreeMap<AgentId, Vec<u32>>,
    pub(crate) marks: BTreeMap<KeyId, EventMark>,
    pub(crate) heartbeats: BTreeMap<AgentId, u64>,
    pub(crate) health: BTreeMap<AgentId, AgentHealth>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) misbehaviours: Vec<Misbehaves>,
    pub(crate) others: Vec<String>,
    pub(crate) reports: Vec<StreamReport>,
    pub(crate) shown: Vec<LiveBody>,
}

pub(crate) type SharedStore = Arc<Mutex<Store>>;

/// A controller with its hub, working for a store.
pub(crate) struct Controller {
    pub(crate) handle: HubHandle,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    _roster: watch::Sender<Arc<Roster>>,
    _access: watch::Sender<BrokerAccess>,
}

impl Controller {
    pub(crate) fn start(
        identity: &Arc<Identity>,
        access: BrokerAccess,
        agents: &[Enrolled],
        store: &SharedStore,
    ) -> Self {
        let (access_tx, access_rx) = watch::channel(access);
        let marks = store.lock().unwrap().marks.clone();
        let known = agents.iter().map(|agent| {
            let id = KeyId::of(&agent.key);
            (id, Enrolled { mark: marks.get(&id).copied(), ..agent.clone() })
        });
        let (roster_tx, roster_rx) = watch::channel(Arc::new(known.collect::<Roster>()));
        let (hub, handle, deliveries) = Hub::new(Arc::clone(identity), access_rx, roster_rx);
        let stop = CancellationToken::new();
        let tasks = vec![
            tokio::spawn(hub.run(stop.clone())),
            tokio::spawn(commit_all(deliveries, handle.clone(), Arc::clone(store))),
        ];
        Self { handle, stop, tasks, _roster: roster_tx, _access: access_tx }
    }

    /// Ends it without a word, as a kill would.
    pub(crate) async fn kill(self) {
        for task in self.tasks {
            task.abort();
            let _ = task.await;
        }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        drop(self.handle);
        for task in self.tasks {
            tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();
        }
    }
}

async fn commit_all(mut deliveries: mpsc::Receiver<Delivery>, hub: HubHandle, store: SharedStore) {
    while let Some(delivery) = deliveries.recv().await {
        // Two steps with a pause between them: a kill may fall after the commit and before the receipt.
        let receipt = commit(&mut store.lock().unwrap(), delivery);
        tokio::task::yield_now().await;
        if let Some(receipt) = receipt {
            hub.committed(receipt);
        }
    }
}

fn commit(store: &mut Store, delivery: Delivery) -> Option<vcops::uplink::hub::Receipt> {
    match delivery {
        Delivery::Verified(verified) => match verified.content {
            Content::Heartbeat(beat) => {
                store.health.insert(verified.agent.clone(), beat.health);
                *store.heartbeats.entry(verified.agent).or_default() += 1;
                None
            }
            Content::Streams(reports) => {
                store.reports.extend(reports);
                None
            }
            Content::Live(body) => {
                store.shown.push(*body);
                None
            }
            Content::Event { report: Readable::Yes(report), receipt } => {
                if let Fact::Progress { test, .. } = report.fact {
                    store.events.entry(verified.agent).or_default().push(test.n);
                }
                store.facts.push(report.fact);
                store.marks.insert(receipt.key(), receipt.mark());
                Some(receipt)
            }
            Content::Event { report: Readable::No { why, .. }, receipt } => {
                store.others.push(why);
                store.marks.insert(receipt.key(), receipt.mark());
                Some(receipt)
            }
        },
        Delivery::Misbehaves(misbehaves) => {
            store.misbehaviours.push(misbehaves);
            None
        }
        other @ (Delivery::Gap { .. } | Delivery::CommandTaken { .. } | Delivery::CommandExpired { .. }) => {
            store.others.push(format!("{other:?}"));
            None
        }
    }
}

/// An agent's line without the agent.
pub(crate) struct Agent {
    pub(crate) outbox: OutboxHandle,
    pub(crate) commands: mpsc::Receiver<Taken>,
    pub(crate) state: watch::Receiver<LineState>,
    pub(crate) enrolled: Enrolled,
    pub(crate) reports: mpsc::Sender<StreamReport>,
    pub(crate) live: mpsc::Sender<LiveBody>,
    stop: CancellationToken,
    task: JoinHandle<Identity>,
    _health: watch::Sender<AgentHealth>,
}

pub(crate) fn health() -> AgentHealth {
    AgentHealth {
        version: "test".into(),
        clock_offset_ms: None,
        disk_free_mib: None,
        cpu_pct: None,
        memory_mib: None,
        temperature_c: None,
        outbox: 0,
        consent: false,
        no_test: false,
        reflector_refused: 0,
    }
}

impl Agent {
    /// Starts the line of agent `n`, whose files lie in `directory`.
    pub(crate) fn start(n: usize, directory: &Path, controller: &PublicKey, broker: BrokerAccess) -> Self {
        let identity = Identity::open(directory).unwrap();
        let (outbox, damages) = writer::start(&directory.join("outbox"), 64 << 20).unwrap();
        let by_kill = |damage: &Damage| matches!(damage, Damage::TornTail { .. } | Damage::NoHeader(_));
        assert!(damages.iter().all(by_kill), "{damages:?}");
        let membership = Membership { agent: agent_id(n), venue: venue(n), controller: *controller, broker };
        let enrolled =
            Enrolled { agent: agent_id(n), venue: venue(n), key: *identity.key().public(), mark: None };
        let (health_tx, health) = watch::channel(health());
        let (commands_tx, commands) = mpsc::channel(8);
        let (state_tx, state) = watch::channel(LineState::default());
        let (reports, reports_rx) = mpsc::channel(16);
        let (live, live_rx) = mpsc::channel(16);
        let channels = Channels {
            outbox: outbox.clone(),
            health,
            reports: reports_rx,
            live: live_rx,
            commands: commands_tx,
            state: state_tx,
        };
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            client::run(&identity, &membership, channels, stopped).await.unwrap();
            identity
        });
        Self { outbox, commands, state, enrolled, reports, live, stop, task, _health: health_tx }
    }

    /// Puts in the events `from..to`.
    pub(crate) async fn report(&self, from: u32, to: u32) {
        for n in from..to {
            let fact = Fact::Progress { test: TestId { boot: 1, n }, sent: 0, planned: 0 };
            client::report(&self.outbox, fact).await.unwrap();
        }
    }

    /// Ends it without a word, as a kill would.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }
}

/// Names and passwords for `agents` agents and the hub.
pub(crate) fn users(agents: &[Enrolled], hub: KeyId) -> BrokerUsers {
    let hub = ("hub".to_owned(), BrokerUser::new("hub-secret", format!("vcops-hub-{hub}"), Scope::Hub));
    let agents = agents.iter().map(|enrolled| {
        let client = format!("vcops-{}", KeyId::of(&enrolled.key));
        let user = BrokerUser::new(&secret(&enrolled.agent), client, Scope::Agent(enrolled.venue.clone()));
        (enrolled.agent.to_string(), user)
    });
    agents.chain([hub]).collect()
}

fn secret(agent: &AgentId) -> String {
    format!("secret-of-{agent}")
}

/// How an agent gets in at the embedded broker.
pub(crate) fn agent_access(address: SocketAddr, agent: &AgentId) -> BrokerAccess {
    access(address, Some(Login { name: agent.to_string(), password: secret(agent) }))
}

/// How the hub gets in at the embedded broker.
pub(crate) fn hub_access(address: SocketAddr) -> BrokerAccess {
    access(address, Some(Login { name: "hub".into(), password: "hub-secret".into() }))
}

pub(crate) fn access(address: SocketAddr, login: Option<Login>) -> BrokerAccess {
    BrokerAccess { host: address.ip().to_string(), port: address.port(), ca_pem: None, login }
}

/// The embedded broker, on a free port or on a known one.
pub(crate) struct Embedded {
    pub(crate) broker: Broker,
    pub(crate) notices: mpsc::Receiver<BrokerNotice>,
    _users: watch::Sender<Arc<BrokerUsers>>,
}

impl Embedded {
    pub(crate) fn start(listen: SocketAddr, users: BrokerUsers) -> Self {
        let (users_tx, users_rx) = watch::channel(Arc::new(users));
        let settings = BrokerSettings { listen, tls: None, connections_max: 64 };
        let (broker, notices) = Broker::start(&settings, users_rx).unwrap();
        Self { broker, notices, _users: users_tx }
    }
}

/// A Mosquitto of our own, killed when dropped.
pub(crate) struct Mosquitto {
    child: std::process::Child,
    program: PathBuf,
    directory: tempfile::TempDir,
    pub(crate) address: SocketAddr,
}

impl Mosquitto {
    /// `None` where Mosquitto is not installed.
    pub(crate) async fn start() -> Option<Self> {
        let program = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"]
            .iter()
            .map(PathBuf::from)
            .find(|path| path.exists())?;
        let directory = tempfile::tempdir().unwrap();
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\npersistence false\nmessage_size_limit 131072\nlog_type error\nuser root\n",
            address.port()
        );
        std::fs::write(directory.path().join("mosquitto.conf"), config).unwrap();
        let child = launch(&program, directory.path());
        let mosquitto = Self { child, program, directory, address };
        mosquitto.listening().await;
        Some(mosquitto)
    }

    /// Kills it with SIGKILL, waits, and starts it again on the same port.
    pub(crate) async fn kill_and_restart(&mut self, pause: Duration) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        tokio::time::sleep(pause).await;
        self.child = launch(&self.program, self.directory.path());
        self.listening().await;
    }

    async fn listening(&self) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while TcpStream::connect(self.address).await.is_err() {
            assert!(tokio::time::Instant::now() < deadline, "mosquitto does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn launch(program: &Path, directory: &Path) -> std::process::Child {
    let quiet = std::process::Stdio::null;
    std::process::Command::new(program)
        .arg("-c")
        .arg(directory.join("mosquitto.conf"))
        .stdout(quiet())
        .stderr(quiet())
        .spawn()
        .unwrap()
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A TCP relay that can swallow everything for a while without closing anything: a black hole.
pub(crate) struct BlackHole {
    pub(crate) address: SocketAddr,
    open: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl BlackHole {
    pub(crate) async fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, state) = watch::channel(true);
        let task = tokio::spawn(async move {
            while let Ok((inward, _)) = listener.accept().await {
                tokio::spawn(carry(inward, target, state.clone()));
            }
        });
        Self { address, open, task }
    }

    /// Swallows everything until [`pass`](Self::pass); what was swallowed never arrives.
    pub(crate) fn swallow(&self) {
        self.open.send_replace(false);
    }

    pub(crate) fn pass(&self) {
        self.open.send_replace(true);
    }
}

impl Drop for BlackHole {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(client: TcpStream, target: SocketAddr, open: watch::Receiver<bool>) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    tokio::join!(one_way(client_in, server_out, open.clone()), one_way(server_in, client_out, open));
}

async fn one_way(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    open: watch::Receiver<bool>,
) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (mut buffer, mut lost) = (vec![0; 16 * 1024], false);
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        // A connection that has lost bytes can not go on: it stays silent for ever, as after a real black hole.
        lost |= !*open.borrow();
        if !lost && to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}

/// Asserts that every agent's events `0..count` arrived, each once and in order.
pub(crate) fn assert_whole(store: &SharedStore, agents: usize, count: u32) {
    let store = store.lock().unwrap();
    for n in 0..agents {
        let got = store.events.get(&agent_id(n)).cloned().unwrap_or_default();
        let distinct: BTreeSet<u32> = got.iter().copied().collect();
        let (lost, doubled) = (count as usize - distinct.len(), got.len() - distinct.len());
        assert_eq!((lost, doubled), (0, 0), "agent {n}: lost, doubled");
        assert!(got.is_sorted(), "agent {n}: out of order");
    }
}

/// How many events have arrived of one agent.
pub(crate) fn arrived(store: &SharedStore, n: usize) -> usize {
    store.lock().unwrap().events.get(&agent_id(n)).map_or(0, Vec::len)
}

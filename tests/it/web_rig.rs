//! The web over a real store and a real engine in virtual time, without a socket: requests go to the router.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tower::ServiceExt as _;
use vcops::domain::actor::{Grant, Role};
use vcops::domain::check::RoundKind;
use vcops::domain::id::{AgentId, RegionId, UserId};
use vcops::domain::inventory::{Change, Inventory, Item};
use vcops::domain::live::LiveBoard;
use vcops::domain::time::{Span, Utc};
use vcops::engine::effect::Outcome;
use vcops::intake::shipped;
use vcops::observation::action::{ActionKey, ActionOutcome, ActionReport, Step, Verified};
use vcops::observation::{Fact, Source};
use vcops::report::Snapshot;
use vcops::store::stills::Stills;
use vcops::store::{Settings, Store};
use vcops::web::account::User;
use vcops::web::password::Hasher;
use vcops::web::{
    App, CommandRequest, DeviceDoor, Invitation, Invitations, LiveDoor, Look, MediaRequest, NoticeDoor,
    Ports, Secret, WebSettings, router,
};

use crate::engine::world::World;

/// A password that the policy accepts.
pub(crate) const PASSWORD: &str = "Rb7-kuT9wq-fen";
/// A peer elsewhere in the network.
pub(crate) const ELSEWHERE: &str = "10.20.30.40:50000";
/// A peer on this machine.
pub(crate) const HERE: &str = "127.0.0.1:50000";
const START: &str = "2026-11-22T01:00:00Z";

/// One daemon's web with what stands behind it.
pub(crate) struct Rig {
    pub(crate) app: App,
    pub(crate) store: Store,
    /// What the screens may show.
    pub(crate) board: watch::Sender<Arc<LiveBoard>>,
    /// Who looks, as the web says.
    pub(crate) looks: mpsc::Receiver<Look>,
    /// Who wants to see a stream.
    pub(crate) media: mpsc::Receiver<MediaRequest>,
    router: Router,
    clock: Arc<AtomicI64>,
    dir: tempfile::TempDir,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) bytes: Vec<u8>,
}

/// Invites everybody in the same way.
pub(crate) struct FixedInvitations;

impl Invitations for FixedInvitations {
    fn invite(&self, agent: &AgentId) -> Invitation {
        Invitation { token: format!("invite-{agent}"), secret_hash: "ab".repeat(32) }
    }
}

impl Rig {
    /// A fresh daemon with a city of three venues in three regions: `hall` in `city`, `east` and `west` below it.
    /// `elsewhere` is a region of its own. Round 1 of meeting `m` is open.
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(Settings::new(dir.path().join("store"))).await.unwrap();
        let clock = Arc::new(AtomicI64::new(Utc::parse(START).unwrap().0));
        Self::over(dir, store, clock).await
    }

    /// The same store under a new process.
    pub(crate) async fn restarted(self) -> Self {
        let Self { store, clock, dir, .. } = self;
        Self::over(dir, store, clock).await
    }

    async fn over(dir: tempfile::TempDir, store: Store, clock: Arc<AtomicI64>) -> Self {
        let (commands, asked) = mpsc::channel(16);
        let (publish, snapshot) = watch::channel(Arc::new(Snapshot::default()));
        tokio::spawn(engine(city(), asked, publish));
        let mut shown = snapshot.clone();
        let (board, boards) = watch::channel(Arc::new(LiveBoard::default()));
        let ((look, looks), (request, media)) = (mpsc::channel(64), mpsc::channel(8));
        let live = LiveDoor { board: boards, looks: look, media: request };
        let devices = DeviceDoor::empty();
        let read = Arc::clone(&clock);
        let ports = Ports {
            commands,
            snapshot,
            live,
            devices,
            notices: NoticeDoor::empty(),
            stills: Stills::new(dir.path().join("stills")),
            store: store.clone(),
            invitations: Arc::new(FixedInvitations),
            counters: Arc::default(),
            clock: Arc::new(move || Utc(read.load(Ordering::Relaxed))),
        };
        let settings = WebSettings { tls: false, body_bytes_max: 64 * 1024, ..WebSettings::default() };
        let app = App::start(ports, settings).await.unwrap();
        shown.wait_for(|snapshot| snapshot.seq > 0).await.unwrap();
        Self { router: router(&app), app, store, board, looks, media, clock, dir }
    }

    /// Lets time pass for sessions and lock-outs.
    pub(crate) fn pass(&self, span: Span) {
        self.clock.fetch_add(i64::try_from(span.0).unwrap(), Ordering::Relaxed);
    }

    /// The wall clock of the rig.
    pub(crate) fn now(&self) -> Utc {
        Utc(self.clock.load(Ordering::Relaxed))
    }

    /// Pictures kept for replay.
    pub(crate) fn stills(&self) -> Stills {
        Stills::new(self.dir.path().join("stills"))
    }

    /// Every byte of the store's files.
    pub(crate) fn stored_bytes(&self) -> Vec<u8> {
        let files =
            std::fs::read_dir(self.dir.path().join("store")).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.is_file()).flat_map(|path| std::fs::read(path).unwrap()).collect()
    }

    /// Adds a user with one role and [`PASSWORD`], if `hashed`; without it none fits.
    pub(crate) async fn user(&self, id: &str, role: Role, region: Option<&str>, hashed: bool) -> UserId {
        let password = match hashed {
            true => Some(Hasher::new(1).hash(Secret::new(PASSWORD.to_owned())).await.unwrap()),
            false => None,
        };
        let region = region.map(|id| RegionId::parse(id).unwrap());
        let id = UserId::parse(id).unwrap();
        let grants = vec![Grant { role, region }];
        let user = User { id: id.clone(), name: format!("用户{id}"), grants, password, disabled: false };
        self.store.put_user(&user.to_row(), Utc(0)).await.unwrap();
        id
    }

    /// The cookie of a new session, by a one-time link.
    pub(crate) async fn cookie(&self, user: &UserId) -> String {
        let token = self.app.one_time_link(user.clone(), Span::minutes(1)).await;
        let body = serde_json::json!({"token": token.reveal()});
        let answer = self.send(HERE, ("POST", "/api/v1/session/link"), "", Some(body)).await;
        answer.cookie().expect("the link signs in")
    }

    /// Signs in with a password from a peer.
    pub(crate) async fn sign_in(&self, peer: &str, user: &str, password: &str) -> Answer {
        let body = serde_json::json!({"user": user, "password": password});
        self.send(peer, ("POST", "/api/v1/session"), "", Some(body)).await
    }

    /// Sends a request and reads the answer.
    pub(crate) async fn send(
        &self,
        peer: &str,
        (method, path): (&str, &str),
        cookie: &str,
        body: Option<Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("cookie", cookie);
        request =
            request.header("host", if peer.starts_with("127.") { "127.0.0.1:8443" } else { "vcops.lan" });
        let request = match body {
            Some(body) => {
                request.header("content-type", "application/json").body(Body::from(body.to_string()))
            }
            None => request.body(Body::empty()),
        };
        self.raw(peer, request.unwrap()).await
    }

    /// The headers of an answer whose body is not text.
    pub(crate) async fn headers(&self, peer: &str, mut request: Request<Body>) -> HeaderMap {
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        self.router.clone().oneshot(request).await.unwrap().headers().clone()
    }

    /// Sends a request as it is.
    pub(crate) async fn raw(&self, peer: &str, mut request: Request<Body>) -> Answer {
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 16 << 20).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
            bytes: bytes.into(),
        }
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The problem's code, empty where there is no problem.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// `name=value` of the cookie that it sets.
    pub(crate) fn cookie(&self) -> Option<String> {
        let line = self.headers.get("set-cookie")?.to_str().unwrap();
        line.split(';').next().map(str::to_owned)
    }
}

/// The engine's loop in virtual time: commands one by one, a snapshot after each.
async fn engine(
    mut world: World,
    mut commands: mpsc::Receiver<CommandRequest>,
    publish: watch::Sender<Arc<Snapshot>>,
) {
    let mut shown = Snapshot::default();
    let mut show = |world: &World| {
        shown = Snapshot::of(&world.state, world.now, false, &shown);
        publish.send_replace(Arc::new(shown.clone()));
    };
    show(&world);
    while let Some(CommandRequest { actor, command, reply }) = commands.recv().await {
        let outcome = world.command_as(actor, command);
        show(&world);
        // Whoever asked may have given up waiting.
        let _ = reply.send(outcome);
    }
}

fn city() -> World {
    let mut world = World::new(START);
    let item = |json: Value| serde_json::from_value::<Item>(json).unwrap();
    world.city(&["hall", "east", "west"], "2026-11-23T02:00:00Z", |inventory| {
        for (region, parent) in [("east", Some("city")), ("west", Some("city")), ("elsewhere", None)] {
            let region = serde_json::json!({"region": {"id": region, "name": format!("{region}区"), "parent": parent}});
            inventory.apply(&Change::Put(item(region)));
        }
        shipped::changes(&Inventory::default()).iter().for_each(|change| inventory.apply(change));
        for (id, from) in [("day", "2026-11-22T00:00:00Z"), ("night", "2026-11-22T12:00:00Z")] {
            let window = serde_json::json!({"from": from, "until": "2026-11-24T00:00:00Z"});
            let shift = serde_json::json!({"shift": {"id": id, "region": "city", "window": window, "operators": ["zhang"]}});
            inventory.apply(&Change::Put(item(shift)));
        }
        let person = serde_json::json!({"person": {"id": "zhang", "region": "east"}});
        inventory.apply(&Change::Put(item(person)));
        for venue in inventory.venues.values_mut().filter(|venue| venue.id.as_str() != "hall") {
            venue.region = RegionId::parse(venue.id.as_str()).unwrap();
        }
        let mcu = serde_json::json!({"mcu": {"id": "east", "name": "东区 MCU", "region": "east", "model": "X",
            "network": "extranet"}});
        inventory.apply(&Change::Put(item(mcu)));
        let stream = serde_json::json!({"stream": {"id": "east", "name": "东分会场", "venue": "east", "role": "venue",
            "source": "rtsp://10.0.0.1/live"}});
        inventory.apply(&Change::Put(item(stream)));
        let profile = serde_json::json!({"profile": {"id": "720p25", "name": "720p25 · 2 Mbit/s", "rate_kbps": 2048,
            "room": ["lighting", "led"], "confirm": ["picture"]}});
        inventory.apply(&Change::Put(item(profile)));
        let east = inventory.venues.values_mut().find(|venue| venue.id.as_str() == "east").unwrap();
        east.contacts = serde_json::from_value(serde_json::json!([{"person": "zhang", "role": "a"}])).unwrap();
    });
    ["hall", "east", "west"].into_iter().for_each(|agent| world.heartbeat(agent, |_| ()));
    world.open(RoundKind::WholeNetwork);
    an_order_of_which_nobody_knows(&mut world);
    world
}

/// The key of the only order to a device: nobody knows whether it happened.
pub(crate) fn undecided() -> String {
    format!("act-1-{:x}", Utc::parse(START).unwrap().0)
}

fn an_order_of_which_nobody_knows(world: &mut World) {
    let command = serde_json::json!({"command": "act", "device": {"mcu": "east"}, "why": "检修",
        "action": {"action": "mute", "conference": "1", "participant": "2", "medium": "audio", "way": "from_site",
            "on": true}});
    let ordered = world.command(serde_json::from_value(command).unwrap());
    assert_eq!(ordered, Outcome::Ordered(ActionKey(undecided())));
    let step = Step::Ended { outcome: ActionOutcome::Unknown, verified: Verified::CannotTell };
    let report = ActionReport { key: ActionKey(undecided()), step };
    world.observe(Source::Hub, Fact::ActionReported { report });
}

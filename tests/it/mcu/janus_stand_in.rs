//! A stand-in for Janus' admin interface, for what the real one cannot be made to do: trouble of the line, and five
//! hundred participants. It keeps an AudioBridge room whose participants call by WebRTC and are heard.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::Request;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use vcops::domain::mcu::{ConferenceRef, Control, Interface, ParticipantRef};
use vcops::mcu::Bridge;
use vcops::mcu::budget::Budget;
use vcops::mcu::janus::source::{EventSource, HttpSource, http_events};
use vcops::mcu::janus::{Janus, Settings};
use vcops::mcu::trust::{Login, Trust};
use vcops::observation::action::Action;
use vcops::observation::device::{Flow, Medium, Way};
use zeroize::Zeroizing;

use super::budget::Crowd;
use super::contract::{self, Fixture, Push, Read, Renamed, Upset};
use super::stand_in::StandIn;
use super::{killed, wired};

const ROOM: u64 = 3001;
const SECRET: &str = "secret-of-the-stand-in";

/// What it keeps. Participant n has session 1000 + n and handle 5000 + n.
#[derive(Debug, Default)]
struct Kept {
    sites: BTreeMap<u64, bool>,
    read: BTreeMap<u64, u64>,
    carried_out: usize,
    refuses: bool,
}

type Shared = Arc<Mutex<Kept>>;

fn router(kept: &Shared) -> Router {
    Router::new()
        .route("/admin", post(server))
        .route("/admin/{session}", post(session))
        .route("/admin/{session}/{handle}", post(handle))
        .with_state(Arc::clone(kept))
}

/// Refuses who does not know the secret, and answers with the transaction of the request.
fn asked(kept: &Kept, body: &Bytes, answer: impl FnOnce(&Value) -> Value) -> Json<Value> {
    let asked: Value = serde_json::from_slice(body).unwrap();
    // Like the real one, it tells anybody who it is.
    let open = asked["janus"] == "info" || asked["janus"] == "ping";
    let mut reply = if !open && (kept.refuses || asked["admin_secret"] != SECRET) {
        json!({"janus": "error", "error": {"code": 403, "reason": "Unauthorized request"}})
    } else {
        answer(&asked)
    };
    reply["transaction"] = asked["transaction"].clone();
    Json(reply)
}

async fn server(State(kept): State<Shared>, body: Bytes) -> Json<Value> {
    let mut kept = kept.lock().unwrap();
    let sessions: Vec<u64> = kept.sites.keys().map(|site| 1_000 + site).collect();
    let refuses = Kept { refuses: kept.refuses, ..Kept::default() };
    asked(&refuses, &body, |asked| match asked["janus"].as_str() {
        Some("info") => json!({
            "janus": "server_info", "version_string": "1.1.2", "accepting-new-sessions": true,
            "plugins": {"janus.plugin.audiobridge": {}, "janus.plugin.videoroom": {}},
        }),
        Some("get_status") => json!({"janus": "success", "status": {"session_timeout": 60}}),
        Some("list_sessions") => json!({"janus": "success", "sessions": sessions}),
        Some("message_plugin") => {
            json!({"janus": "success", "response": plugin(&mut kept, &asked["plugin"], &asked["request"])})
        }
        _ => json!({"janus": "error", "error": {"code": 453, "reason": "Unknown request"}}),
    })
}

fn plugin(kept: &mut Kept, plugin: &Value, request: &Value) -> Value {
    let rooms = |room: Value| json!({"list": [room]});
    let mut answer = match (plugin.as_str(), request["request"].as_str()) {
        (Some("janus.plugin.audiobridge"), Some("list")) => rooms(
            json!({"room": ROOM, "description": "应急指挥会议", "muted": false, "num_participants": kept.sites.len()}),
        ),
        (Some("janus.plugin.audiobridge"), Some("listparticipants")) => {
            let site = |(id, muted): (&u64, &bool)| json!({"id": id, "display": format!("分会场{id}"), "setup": true, "muted": muted});
            json!({"participants": kept.sites.iter().map(site).collect::<Vec<_>>()})
        }
        (Some("janus.plugin.audiobridge"), Some("mute" | "unmute")) => {
            kept.carried_out += 1;
            let on = request["request"] == "mute";
            kept.sites.insert(request["id"].as_u64().unwrap(), on);
            json!({"room": ROOM})
        }
        (Some("janus.plugin.videoroom"), Some("list")) => rooms(
            json!({"room": 1234, "description": "视频会商", "max_publishers": 6, "num_participants": 0}),
        ),
        (Some("janus.plugin.streaming"), Some("list")) => json!({"list": []}),
        _ => json!({"error_code": 484, "error": "Unknown request"}),
    };
    let word = plugin.as_str().and_then(|plugin| plugin.rsplit('.').next()).unwrap();
    answer[word] =
        if answer.get("participants").is_some() { "participants".into() } else { "success".into() };
    answer
}

async fn session(State(kept): State<Shared>, Path(session): Path<u64>, body: Bytes) -> Json<Value> {
    let kept = kept.lock().unwrap();
    asked(&kept, &body, |_| json!({"janus": "success", "handles": [session + 4_000]}))
}

async fn handle(
    State(kept): State<Shared>,
    Path((session, handle)): Path<(u64, u64)>,
    body: Bytes,
) -> Json<Value> {
    let mut kept = kept.lock().unwrap();
    let site = session - 1_000;
    assert_eq!(handle, 5_000 + site);
    let read = kept.read.entry(site).or_default();
    *read += 1;
    let read = *read;
    let muted = kept.sites[&site];
    asked(&kept, &body, |_| {
        let stats = json!({"packets": 50 * read, "bytes": 8_000 * read, "bytes_lastsec": 8_000});
        json!({
            "janus": "success",
            "info": {
                "plugin": "janus.plugin.audiobridge", "agent-created": 7, "flags": {"ready": true},
                "plugin_specific": {"room": ROOM, "id": site, "display": format!("分会场{site}"), "muted": muted},
                "webrtc": {"media": {"0": {
                    "type": "audio", "mid": "0", "direction": {"send": true, "recv": true},
                    "codecs": {"codec": "opus"}, "ssrc": {"ssrc": 1, "ssrc-peer": 2},
                    "rtcp": {"main": {
                        "rtt": 3, "lost": read, "lost-by-remote": 0, "jitter-local": 2, "jitter-remote": 1,
                    }},
                    "stats": {"in": stats, "out": stats},
                }}},
            },
        })
    })
}

/// The stand-in with its adapter.
struct JanusMake {
    device: StandIn,
    kept: Shared,
    janus: Arc<Janus>,
    budget: Arc<Budget>,
    events: Router,
}

impl JanusMake {
    async fn with(sites: usize) -> Self {
        Self::with_budget(sites, &Arc::new(Budget::new(60_000))).await
    }

    async fn with_budget(sites: usize, budget: &Arc<Budget>) -> Self {
        let sites = (1..=sites as u64).map(|site| (site, false)).collect();
        let kept: Shared = Arc::new(Mutex::new(Kept { sites, ..Kept::default() }));
        let device = StandIn::serve(router(&kept)).await;
        let budget = Arc::clone(budget);
        let (events, source) = http_events(None);
        let janus = adapter(&device.base(), &budget, source);
        Self { device, kept, janus, budget, events }
    }
}

fn adapter(base: &url::Url, budget: &Arc<Budget>, source: HttpSource) -> Arc<Janus> {
    let control = Control {
        interface: Interface::Janus,
        address: base.join("janus").unwrap().to_string(),
        beside: Some(base.join("admin").unwrap().to_string()),
        credential: None,
        mapping: None,
    };
    let login = Login { user: String::new(), secret: Zeroizing::new(SECRET.into()) };
    let mut settings = Settings::new(&control, login, Trust::Nobody, Arc::clone(budget)).unwrap();
    settings.events = Some(EventSource::Http(source));
    Arc::new(Janus::new(&settings).unwrap())
}

#[async_trait]
impl Fixture for JanusMake {
    const SITES: usize = 30;
    const LOOK_TELLS: bool = true;
    const UPSETS: &'static [Upset] = &[Upset::SecretRefused];
    const PUSHES: &'static [Push] = &[Push::Change];
    const RENAMED: &'static [Renamed] = &[
        Renamed {
            from: "\"server_info\"",
            to: "\"info_of_the_server\"",
            read: Read::Health,
            documented: false,
        },
        Renamed { from: "\"participants\":", to: "\"members\":", read: Read::Roster, documented: false },
        // Fields that only say more may go.
        Renamed { from: "\"setup\"", to: "\"set_up\"", read: Read::Roster, documented: true },
    ];

    async fn start() -> Self {
        let make = Self::with(Self::SITES).await;
        // Loss is a difference: the first reading has nothing to compare with.
        let seen = make.janus.roster(&make.conference()).await.unwrap();
        for site in &seen.present {
            make.janus.streams(&make.conference(), site).await.unwrap();
        }
        make
    }

    fn device(&self) -> &StandIn {
        &self.device
    }

    fn bridge(&self) -> Arc<dyn Bridge> {
        Arc::clone(&self.janus) as Arc<dyn Bridge>
    }

    fn bridge_to(&self, base: url::Url) -> Arc<dyn Bridge> {
        adapter(&base, &self.budget, http_events(None).1)
    }

    fn conference(&self) -> ConferenceRef {
        ConferenceRef::new("audiobridge:3001")
    }

    fn secret(&self) -> &'static str {
        SECRET
    }

    fn action(&self) -> Action {
        Action::Mute {
            conference: self.conference(),
            participant: Some(ParticipantRef::new("1")),
            medium: Medium::Audio,
            way: Way::FromSite,
            on: true,
        }
    }

    fn carried_out(&self) -> usize {
        self.kept.lock().unwrap().carried_out
    }

    fn upset(&self, upset: Option<Upset>) {
        self.kept.lock().unwrap().refuses = upset.is_some();
    }

    fn wired(&self) -> Value {
        let at = |path: &str| self.device.base().join(path).unwrap().to_string();
        json!({"interface": "janus", "address": at("janus"), "beside": at("admin"), "credential": "dev"})
    }

    fn post(&self) -> Option<(&'static str, String)> {
        let event = json!([{
            "type": 64, "session_id": 1_001, "handle_id": 5_001,
            "event": {"plugin": "janus.plugin.audiobridge", "data": {"event": "mute", "room": ROOM, "id": 1}},
        }]);
        Some(("", event.to_string()))
    }

    async fn push(&self, _: Push) {
        let (_, event) = self.post().expect("it posts");
        let request = Request::post("/").body(Body::from(event)).unwrap();
        assert!(self.events.clone().oneshot(request).await.unwrap().status().is_success());
    }
}

/// A Janus with so many participants, for measuring.
pub(super) async fn crowd(sites: usize, budget: &Arc<Budget>) -> Crowd {
    let JanusMake { device, janus, kept, events, .. } = JanusMake::with_budget(sites, budget).await;
    Crowd::new(device, janus, (kept, events))
}

contract::suite!(JanusMake);
wired::suite!(JanusMake, "listparticipants");
killed::suite!(JanusMake);

/// Janus has no limit of its own; what a round costs is what the budget of the device is set by.
#[tokio::test]
async fn a_round_over_500_participants_costs_one_request_each_and_a_walk_only_once() {
    let make = JanusMake::with(500).await;
    let round = async || {
        let before = make.budget.taken();
        make.janus.health().await.unwrap();
        let seen = make.janus.roster(&make.conference()).await.unwrap();
        assert_eq!((seen.present.len(), seen.complete), (500, true));
        for site in &seen.present {
            let streams = make.janus.streams(&make.conference(), site).await.unwrap();
            assert!(streams.iter().all(|stream| stream.flow == Flow::Flowing), "{streams:?}");
        }
        make.budget.taken() - before
    };
    let (first, second) = (round().await, round().await);
    println!("500 participants: {first} requests with the walk, {second} in each round after it");
    assert!(first <= 2 + 2 + 500 + 1_001);
    assert!(second <= 2 + 2 + 500);
}

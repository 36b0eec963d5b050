//! The Kedacom adapter against a stand-in that speaks the open interface, keeps its conferences and makes trouble.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vcops::domain::mcu::{ConferenceRef, ParticipantRef};
use vcops::mcu::budget::Budget;
use vcops::mcu::fault::{AuthWhy, Fault};
use vcops::mcu::kedacom::Kedacom;
use vcops::mcu::trust::Login;
use vcops::mcu::{Bridge, Pushed};
use vcops::observation::action::{Action, ActionKey, ActionOutcome, Looked};
use vcops::observation::device::{Absent, Flow, Given, Medium, Presence, Service, Way};

use super::budget::Crowd;
use super::contract::{self, Fixture, Push, Read, Renamed, Upset};
use super::killed;
use super::stand_in::{StandIn, Trouble, line_to, line_with};
use super::wired;

const CONFERENCE: &str = "0000077";

/// One terminal of the conference.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a state or a fault of its own that a test turns on"
)]
#[derive(Debug, Clone, Default)]
struct Terminal {
    alias: &'static str,
    ip: &'static str,
    online: bool,
    mute: bool,
    silence: bool,
    by_platform: bool,
}

#[derive(Debug, Default)]
struct Platform {
    terminals: BTreeMap<String, Terminal>,
    logins: u32,
    calls: Vec<String>,
    hang_ups: Vec<String>,
    /// Changes with each login; the older ones are over.
    cookie: String,
    /// The next call is answered so.
    call_error: Option<i64>,
    /// The list says this many and gives what it has.
    total: Option<usize>,
    handshakes: u32,
    pushed: Vec<Value>,
    forget_client: bool,
    break_off: bool,
    refuse: bool,
}

#[derive(Debug, Clone, Default)]
struct Desk(Arc<Mutex<Platform>>);

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Platform> {
        self.0.lock().unwrap()
    }

    fn with_city() -> Self {
        let desk = Self::default();
        let terminal = |alias, ip, online| Terminal { alias, ip, online, ..Terminal::default() };
        let all = [
            ("1", terminal("主会场", "10.20.0.1", true)),
            ("2", terminal("A县分会场", "10.20.1.1", true)),
            ("3", terminal("B县分会场", "10.20.2.1", false)),
            ("4", Terminal { by_platform: true, ..terminal("C县分会场", "10.20.3.1", false) }),
        ];
        desk.lock().terminals = all.map(|(id, terminal)| (id.to_owned(), terminal)).into();
        desk
    }
}

/// The form's fields.
fn form(body: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

fn error(code: i64) -> Response {
    json!({"success": 0, "error_code": code}).to_string().into_response()
}

fn good(mut value: Value) -> Response {
    value["success"] = 1.into();
    value.to_string().into_response()
}

async fn answer(
    State(desk): State<Desk>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let path: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
    let fields = form(&body);
    match path.as_slice() {
        ["api", "v1", "system", "token"] => {
            let known =
                fields["oauth_consumer_key"] == "key" && fields["oauth_consumer_secret"] == "app-secret";
            return if known { good(json!({"account_token": "tok-1"})) } else { error(10001) };
        }
        ["api", "v1", "system", "login"] => return log_in(&desk, &fields),
        _ => {}
    }
    let cookie = headers.get("cookie").and_then(|cookie| cookie.to_str().ok()).unwrap_or_default();
    if cookie != format!("SSO_COOKIE_KEY={}", desk.lock().cookie) {
        return error(10102);
    }
    if path.as_slice() == ["api", "v1", "publish"] {
        return publish(&desk, &body).await;
    }
    let in_query = form(uri.query().unwrap_or_default());
    if fields.get("account_token").or(in_query.get("account_token")).map(String::as_str) != Some("tok-1") {
        return error(10002);
    }
    let params =
        fields.get("params").and_then(|params| serde_json::from_str(params).ok()).unwrap_or(Value::Null);
    within(&mut desk.lock(), &method, &path, &params, &in_query)
}

fn log_in(desk: &Desk, fields: &BTreeMap<String, String>) -> Response {
    let mut platform = desk.lock();
    platform.logins += 1;
    if fields["account_token"] != "tok-1"
        || fields["username"] != "ops"
        || fields["password"] != "pass-word"
        || platform.refuse
    {
        return error(10101);
    }
    platform.cookie = format!("cookie-{}", platform.logins);
    let set = format!("SSO_COOKIE_KEY={}; Path=/; HttpOnly", platform.cookie);
    ([("set-cookie", set)], good(json!({"username": "ops"}))).into_response()
}

fn within(
    platform: &mut Platform,
    method: &Method,
    path: &[&str],
    params: &Value,
    query: &BTreeMap<String, String>,
) -> Response {
    let ids = || params["mts"].as_array().cloned().unwrap_or_default();
    match (method.as_str(), path) {
        ("POST", ["api", "v1", "system", .., "heartbeat"]) => good(json!({})),
        ("GET", ["api", "system", "version"]) => good(json!({"version": "6.1.0.4"})),
        ("GET", ["api", "v1", "mc", "resources"]) => {
            good(json!({"resources": [{"name": "port", "resolution": "1080P", "total": 64, "used": 4}]}))
        }
        ("GET", ["api", "v1", "vc", "confs"]) => {
            let first = query["start"] == "0";
            let confs =
                if first { json!([{"conf_id": CONFERENCE, "name": "全市例会"}]) } else { json!([]) };
            good(json!({"total": 3, "confs": confs}))
        }
        (_, ["api", "v1", "vc", "confs", id, ..]) if *id != CONFERENCE => error(12103),
        ("GET", [.., "confs", _]) => good(json!({"conf_id": CONFERENCE, "name": "全市例会"})),
        ("GET", [.., "confs", _, "mts"]) => {
            let mts: Vec<Value> =
                platform.terminals.iter().map(|(id, terminal)| listed(id, terminal)).collect();
            let mut reply = json!({"mts": mts});
            if let Some(total) = platform.total {
                reply["total"] = total.into();
            }
            good(reply)
        }
        ("GET", [.., "mts", id]) => {
            platform.terminals.get(*id).map_or_else(|| error(12104), |t| good(detail(id, t)))
        }
        ("POST", [.., "online_mts"]) => {
            platform.calls.push(params.to_string());
            if let Some(code) = platform.call_error.take() {
                return error(code);
            }
            each(platform, &ids(), |terminal| terminal.online = true)
        }
        ("DELETE", [.., "online_mts"]) => {
            platform.hang_ups.push(params.to_string());
            each(platform, &ids(), |terminal| terminal.online = false)
        }
        ("PUT", [.., "mts", id, "mute"]) => {
            let on = params["value"] == 1;
            each(platform, &[json!({"mt_id": id})], |terminal| terminal.mute = on)
        }
        ("PUT", [.., "mts", id, "silence"]) => {
            let on = params["value"] == 1;
            each(platform, &[json!({"mt_id": id})], |terminal| terminal.silence = on)
        }
        _ => error(404),
    }
}

fn each(platform: &mut Platform, ids: &[Value], mut with: impl FnMut(&mut Terminal)) -> Response {
    for id in ids {
        let id = id["mt_id"].as_str().unwrap_or_default();
        match platform.terminals.get_mut(id) {
            Some(terminal) => with(terminal),
            None => return error(12104),
        }
    }
    good(json!({}))
}

fn listed(id: &str, terminal: &Terminal) -> Value {
    json!({"mt_id": id, "alias": terminal.alias, "ip": terminal.ip, "online": u8::from(terminal.online),
        "mute": u8::from(terminal.mute), "silence": u8::from(terminal.silence), "bitrate": 2048, "type": 1,
        "call_mode": if terminal.by_platform { 2 } else { 0 }, "protocol": 1, "dual": 0, "mix": 0, "vmp": 1})
}

fn detail(id: &str, terminal: &Terminal) -> Value {
    let mut all = listed(id, terminal);
    let video = json!([{"chn_id": 1, "format": 4, "bitrate": 1856, "resolution": 12}]);
    let audio = json!([{"chn_id": 1, "format": 8, "bitrate": 64}]);
    for (name, list) in
        [("v_snd_chn", &video), ("v_rcv_chn", &video), ("a_snd_chn", &audio), ("a_rcv_chn", &audio)]
    {
        all[name] = list.clone();
    }
    all
}

async fn publish(desk: &Desk, body: &str) -> Response {
    let frame: Value = serde_json::from_str(body).unwrap();
    let channel = frame[0]["channel"].as_str().unwrap_or_default().to_owned();
    let reply = match channel.as_str() {
        "/meta/handshake" => {
            desk.lock().handshakes += 1;
            json!([{"channel": channel, "successful": true, "clientId": "c-1", "version": "1.0",
                "ext": {"user_domain_moid": "dom-1"}, "advice": {"reconnect": "retry", "timeout": 20000}}])
        }
        "/meta/subscribe" => {
            assert_eq!(frame[0]["subscription"], "/userdomains/dom-1/confs/**");
            json!([{"channel": channel, "successful": true, "subscription": frame[0]["subscription"]}])
        }
        _ => wait(desk).await,
    };
    reply.to_string().into_response()
}

/// Holds the answer until there is something to push, at most two seconds.
async fn wait(desk: &Desk) -> Value {
    for _ in 0..200 {
        {
            let mut platform = desk.lock();
            if platform.break_off {
                return json!([{"channel": "/meta/connect", "successful": false, "advice": {"reconnect": "none"}}]);
            }
            if std::mem::take(&mut platform.forget_client) {
                return json!([{"channel": "/meta/connect", "successful": false, "error": "402::Unknown client",
                    "advice": {"reconnect": "handshake"}}]);
            }
            if !platform.pushed.is_empty() {
                let mut all = std::mem::take(&mut platform.pushed);
                all.push(json!({"channel": "/meta/connect", "successful": true}));
                return Value::Array(all);
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    json!([{"channel": "/meta/connect", "successful": true}])
}

struct Rig {
    desk: Desk,
    stand_in: StandIn,
    bridge: Arc<Kedacom>,
}

fn login(secret: &str) -> Login {
    Login { user: "key/ops".into(), secret: secret.to_owned().into() }
}

async fn rig() -> Rig {
    let desk = Desk::with_city();
    let stand_in = StandIn::serve(Router::new().fallback(answer).with_state(desk.clone())).await;
    let bridge = Arc::new(Kedacom::new(line_to(stand_in.base()), login("app-secret\npass-word")));
    Rig { desk, stand_in, bridge }
}

fn conference() -> ConferenceRef {
    ConferenceRef::new(CONFERENCE)
}

fn redial(id: &str) -> Action {
    Action::Redial { conference: conference(), participant: ParticipantRef::new(id) }
}

fn dial() -> Action {
    Action::Dial {
        conference: conference(),
        address: "10.20.2.1".into(),
        name: "B县分会场".into(),
        kbps: None,
        via: None,
    }
}

fn update() -> Value {
    json!({"channel": format!("/userdomains/dom-1/confs/{CONFERENCE}/cascades/0/mts/2"),
        "data": {"method": "update"}})
}

#[async_trait]
impl Fixture for Rig {
    const SITES: usize = 2;
    const LOOK_TELLS: bool = true;
    const UPSETS: &'static [Upset] = &[Upset::LoginExpires, Upset::SecretRefused, Upset::PageShrinks];
    const PUSHES: &'static [Push] = &[Push::Change, Push::Twice, Push::AfterGap, Push::BreaksOff];
    const RENAMED: &'static [Renamed] = &[
        Renamed { from: "\"success\"", to: "\"ok\"", read: Read::Health, documented: false },
        Renamed { from: "\"mts\"", to: "\"terminals\"", read: Read::Roster, documented: false },
        Renamed { from: "\"online\"", to: "\"state\"", read: Read::Roster, documented: false },
    ];
    const LAYOUT: &'static str = "4";
    const LAYOUT_FOR_ONE: bool = false;

    async fn start() -> Self {
        rig().await
    }
    fn device(&self) -> &StandIn {
        &self.stand_in
    }
    fn bridge(&self) -> Arc<dyn Bridge> {
        Arc::clone(&self.bridge) as Arc<dyn Bridge>
    }
    fn bridge_to(&self, base: url::Url) -> Arc<dyn Bridge> {
        Arc::new(Kedacom::new(line_to(base), login("app-secret\npass-word")))
    }
    fn conference(&self) -> ConferenceRef {
        conference()
    }
    fn secret(&self) -> &'static str {
        "pass-word"
    }
    fn action(&self) -> Action {
        dial()
    }
    fn carried_out(&self) -> usize {
        self.desk.lock().calls.len()
    }
    fn credential(&self) -> (&'static str, String) {
        ("key/ops", "app-secret\npass-word".to_owned())
    }
    fn logins(&self) -> usize {
        self.desk.lock().logins.try_into().unwrap()
    }
    fn upset(&self, upset: Option<Upset>) {
        let mut platform = self.desk.lock();
        platform.refuse = upset == Some(Upset::SecretRefused);
        platform.total = (upset == Some(Upset::PageShrinks)).then_some(9);
        if matches!(upset, Some(Upset::LoginExpires | Upset::SecretRefused)) {
            platform.cookie = "nobody's".into();
        }
    }
    async fn push(&self, push: Push) {
        let mut platform = self.desk.lock();
        match push {
            Push::Change => platform.pushed = vec![update()],
            Push::Twice => platform.pushed = vec![update(), update()],
            Push::AfterGap => platform.forget_client = true,
            Push::BreaksOff => platform.break_off = true,
        }
    }
}

/// A platform with so many terminals, for measuring.
pub(super) async fn crowd(sites: usize, budget: &Arc<Budget>) -> Crowd {
    let desk = Desk::with_city();
    let terminal = Terminal { alias: "分会场", ip: "10.20.1.1", online: true, ..Terminal::default() };
    desk.lock().terminals = (1..=sites).map(|id| (id.to_string(), terminal.clone())).collect();
    let device = StandIn::serve(Router::new().fallback(answer).with_state(desk.clone())).await;
    let kedacom = Kedacom::new(line_with(device.base(), budget), login("app-secret\npass-word"));
    Crowd::new(device, Arc::new(kedacom), desk)
}

contract::suite!(Rig);
wired::suite!(Rig);
killed::suite!(Rig);

impl Rig {
    async fn act(&self, action: &Action) -> ActionOutcome {
        let seen = self.bridge.roster(&conference()).await.unwrap();
        let plan = self.bridge.plan(action, Some(&seen)).unwrap();
        self.bridge.execute(&plan, &ActionKey("k-1".into())).await
    }
}

#[tokio::test]
async fn a_platform_is_read_whole() {
    let rig = rig().await;
    let health = rig.bridge.health().await.unwrap();
    assert_eq!((health.service, health.version.as_deref()), (Service::Up, Some("6.1.0.4")));
    assert!(health.clock_skew_ms.value().unwrap().abs() < 2_000.0);
    assert_eq!(rig.bridge.capacity().await.unwrap()[0].free(), Given::Value(60.0));
    assert_eq!(rig.bridge.alarms().await, Err(Fault::NotSupported));
    let listed = rig.bridge.conferences().await.unwrap();
    assert_eq!((listed.len(), listed[0].name.as_str()), (1, "全市例会"), "a list that shrinks ends");
    let seen = rig.bridge.roster(&conference()).await.unwrap();
    assert_eq!((seen.present.len(), seen.expected.as_ref().unwrap().len(), seen.complete), (2, 4, true));
    assert_eq!(seen.expected.unwrap()[2].presence, Presence::Left { cause: String::new() });
    let streams = rig.bridge.streams(&conference(), &seen.present[1]).await.unwrap();
    assert_eq!(streams.len(), 4);
    for stream in streams {
        assert_eq!(
            (stream.loss_pct, stream.fps),
            (Given::Absent(Absent::NotProvided), Given::Absent(Absent::NotProvided))
        );
    }
    assert_eq!(rig.desk.lock().logins, 1, "one login serves all");
    rig.desk.lock().total = Some(9);
    assert!(!rig.bridge.roster(&conference()).await.unwrap().complete);
}

#[tokio::test]
async fn a_session_that_is_over_is_made_anew_and_an_action_still_goes_once() {
    let rig = rig().await;
    rig.bridge.health().await.unwrap();
    rig.desk.lock().cookie = "somebody else's".into();
    rig.bridge.health().await.unwrap();
    assert_eq!(rig.desk.lock().logins, 2);
    let seen = rig.bridge.roster(&conference()).await.unwrap();
    let plan = rig.bridge.plan(&redial("3"), Some(&seen)).unwrap();
    rig.desk.lock().cookie = "somebody else's".into();
    let outcome = rig.bridge.execute(&plan, &ActionKey("k-1".into())).await;
    assert_eq!(outcome, ActionOutcome::Accepted { handle: None });
    let platform = rig.desk.lock();
    assert_eq!((platform.logins, platform.calls.len()), (3, 1));
}

#[tokio::test]
async fn a_wrong_secret_is_tried_once_and_shown_nowhere() {
    let rig = rig().await;
    let bridge = Kedacom::new(line_to(rig.stand_in.base()), login("app-secret\nwrong-word"));
    for _ in 0..3 {
        assert_eq!(bridge.health().await, Err(Fault::Auth(AuthWhy::Wrong)));
    }
    assert_eq!(rig.desk.lock().logins, 1, "a lock after a few tries is not provoked");
    let shown = format!("{bridge:?} {:?}", rig.bridge);
    for secret in ["wrong-word", "pass-word", "app-secret"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn a_conference_that_is_not_there_is_said_so_and_blinds_nobody() {
    let rig = rig().await;
    let unknown = rig.bridge.roster(&ConferenceRef::new("9")).await.unwrap_err();
    assert_eq!(unknown.meaning(), None);
    assert!(matches!(unknown, Fault::Said { code, .. } if code == "12103"));
    let odd = rig.bridge.roster(&ConferenceRef::new("../system")).await.unwrap_err();
    assert!(matches!(odd, Fault::Shape(_)), "what would leave its place is not asked: {odd}");
}

#[tokio::test]
async fn a_redial_hangs_up_and_calls_once_each() {
    let rig = rig().await;
    assert_eq!(rig.act(&redial("2")).await, ActionOutcome::Accepted { handle: None });
    {
        let platform = rig.desk.lock();
        assert_eq!((platform.hang_ups.len(), platform.calls.len()), (1, 1));
        assert!(platform.terminals["2"].online);
    }
    rig.desk.lock().call_error = Some(20410);
    let ActionOutcome::Partial { done, undone } = rig.act(&redial("2")).await else { panic!("half done") };
    assert!(done[0].starts_with("DELETE ") && undone[0].starts_with("POST "), "{done:?} {undone:?}");
}

#[tokio::test]
async fn a_silent_platform_leaves_a_call_unknown_and_is_asked_what_is() {
    let rig = rig().await;
    let seen = rig.bridge.roster(&conference()).await.unwrap();
    let plan = rig.bridge.plan(&dial(), Some(&seen)).unwrap();
    let key = ActionKey("k-2".into());
    assert_eq!(rig.bridge.look(&plan, &key).await, Ok(Looked::CannotTell), "it may still be on its way");
    rig.stand_in.trouble(Some(Trouble::SilentAfter));
    assert_eq!(rig.bridge.execute(&plan, &key).await, ActionOutcome::Unknown);
    rig.stand_in.trouble(None);
    assert_eq!(rig.desk.lock().calls.len(), 1, "what may have happened is not sent again");
    assert_eq!(rig.bridge.look(&plan, &key).await, Ok(Looked::Happened));
}

#[tokio::test]
async fn mute_and_silence_are_two_things() {
    let rig = rig().await;
    let mute = |way, on| Action::Mute {
        conference: conference(),
        participant: Some(ParticipantRef::new("2")),
        medium: Medium::Audio,
        way,
        on,
    };
    for (way, other) in [(Way::FromSite, Way::ToSite), (Way::ToSite, Way::FromSite)] {
        assert_eq!(rig.act(&mute(way, true)).await, ActionOutcome::Accepted { handle: None });
        let seen = rig.bridge.roster(&conference()).await.unwrap();
        let site = seen.present.iter().find(|site| site.participant.as_str() == "2").unwrap();
        let streams = rig.bridge.streams(&conference(), site).await.unwrap();
        let flow = |way| streams.iter().find(|s| s.medium == Medium::Audio && s.way == way).unwrap().flow;
        assert_eq!((flow(way), flow(other)), (Flow::Paused, Flow::Unknown));
        rig.act(&mute(way, false)).await;
    }
}

#[tokio::test]
async fn what_is_pushed_says_what_to_read_anew_and_a_forgotten_listener_says_that_something_is_missing() {
    let rig = rig().await;
    let (sender, mut receiver) = mpsc::channel(64);
    let stop = CancellationToken::new();
    let (bridge, stopped) = (Arc::clone(&rig.bridge), stop.clone());
    let listening = tokio::spawn(async move { bridge.listen(sender, stopped).await });
    assert_eq!(receiver.recv().await, Some(Pushed::Alive));
    rig.desk.lock().pushed = vec![update(), update()];
    let changed = Pushed::Changed(Some(conference()));
    let mut heard = Vec::new();
    while !heard.contains(&changed) {
        heard.push(receiver.recv().await.unwrap());
    }
    assert_eq!(receiver.recv().await, Some(Pushed::Alive), "what is pushed twice is told once");
    rig.desk.lock().forget_client = true;
    while receiver.recv().await.unwrap() != Pushed::Gap {}
    assert_eq!(rig.desk.lock().handshakes, 2);
    stop.cancel();
    assert_eq!(listening.await.unwrap(), Ok(()));
}

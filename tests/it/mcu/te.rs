//! The adapter for Huawei endpoints against a stand-in of their web interface: sessions and tokens, data within data,
//! one call and a microphone.

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use vcops::domain::mcu::{ConferenceRef, ParticipantRef};
use vcops::mcu::Bridge;
use vcops::mcu::budget::Budget;
use vcops::mcu::fault::{AuthWhy, Fault};
use vcops::mcu::te::{OWN_CALL, Te};
use vcops::mcu::trust::Login;
use vcops::observation::action::{Action, ActionKey, ActionOutcome, Looked};
use vcops::observation::device::{Flow, Given, Medium, Presence, Way};

use super::budget::Crowd;
use super::contract::{self, Fixture, Read, Renamed, Upset};
use super::killed;
use super::stand_in::{StandIn, Trouble, line_to, line_with};
use super::wired;

const SECRET: &str = "Secret-word-1";

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a state or a fault of its own that a test turns on"
)]
#[derive(Debug, Default)]
struct Endpoint {
    /// 0 idle, 1 calling, 2 in a call.
    state: i64,
    muted: bool,
    dialled: Vec<String>,
    hang_ups: usize,
    logins: usize,
    /// The cookie that is known; the token hangs on it.
    session: String,
    refuse: bool,
    /// Every session is taken by somebody else.
    full: bool,
    /// The far end's media have stopped.
    still: bool,
    /// This version has no such interface.
    no_microphone: bool,
}

#[derive(Debug, Clone, Default)]
struct Desk(Arc<Mutex<Endpoint>>);

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Endpoint> {
        self.0.lock().unwrap()
    }
}

fn no(code: i64) -> Response {
    json!({"success": 0, "error": {"id": 100_666_995, "code": code, "params": []}})
        .to_string()
        .into_response()
}

/// Data are a text that is JSON again.
fn good(data: &Value) -> Response {
    let data = if data.is_null() { String::new() } else { data.to_string() };
    json!({"success": 1, "data": data}).to_string().into_response()
}

#[derive(serde::Deserialize)]
struct Asked {
    #[serde(rename = "ActionID")]
    action: String,
}

async fn answer(
    State(desk): State<Desk>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let mut endpoint = desk.lock();
    let body: Value = serde_json::from_str(&body).unwrap();
    let cookie = headers.get("cookie").and_then(|cookie| cookie.to_str().ok()).unwrap_or_default();
    match asked.action.as_str() {
        "WEB_RequestSessionIDAPI" if endpoint.full => return no(1),
        "WEB_RequestSessionIDAPI" => {
            endpoint.session = format!("s-{}", endpoint.logins);
            let set = format!("SessionID={}; Path=/; HttpOnly", endpoint.session);
            return ([("set-cookie", set)], good(&json!({"acSessionId": "", "szTermType": "Huawei TE20"})))
                .into_response();
        }
        "WEB_RequestCertificateAPI" => {
            endpoint.logins += 1;
            let known = body["user"] == "api" && body["password"] == SECRET && !endpoint.refuse;
            let token = json!({"acCSRFToken": format!("t-{}", endpoint.session)});
            return if known { good(&token) } else { no(2) };
        }
        _ => {}
    }
    let token = format!("t-{}", endpoint.session);
    if cookie != format!("SessionID={}", endpoint.session) || body["acCSRFToken"] != token {
        return no(33_558_532);
    }
    within(&mut endpoint, &asked.action, &body)
}

fn within(endpoint: &mut Endpoint, action: &str, body: &Value) -> Response {
    match action {
        "WEB_GetMailboxDataAPI" => {
            let conference = if endpoint.state == 0 { 0 } else { 2 };
            good(&json!({"state": {"callstate": endpoint.state, "calltype": 8, "confstate": 4,
                "conftype": conference, "RemoteMicStates": 0}, "mails": []}))
        }
        "WEB_InitAudioCtrlParamsAPI" if endpoint.no_microphone => no(404),
        "WEB_InitAudioCtrlParamsAPI" => {
            good(&json!({"MicSwitch": u8::from(!endpoint.muted), "SpeakerSwitch": 1, "speakerValue": "12"}))
        }
        "WEB_GetMultiCallStatusInfoAPI" if endpoint.state == 2 => good(&status(endpoint.still)),
        "WEB_CallNumberAPI" if endpoint.state == 0 => {
            endpoint.dialled.push(body["szNumber"].as_str().unwrap_or_default().to_owned());
            endpoint.state = 2;
            good(&Value::Null)
        }
        "WEB_HangupCallAPI" | "WEB_CancelCallAPI" if endpoint.state != 0 && body["ucSiteHandle"] == 1 => {
            endpoint.hang_ups += 1;
            endpoint.state = 0;
            good(&Value::Null)
        }
        "WEB_CloseMicAPI" | "WEB_OpenMicAPI" => {
            endpoint.muted = action == "WEB_CloseMicAPI";
            good(&Value::Null)
        }
        _ => no(33_558_535),
    }
}

fn status(still: bool) -> Value {
    let rate = |rate: &str| if still { "0.00k".to_owned() } else { rate.to_owned() };
    let audio = |rate: String| {
        json!({"audioProtocol": "AAC-LD MONO", "valueAudioJitter": "5ms",
        "valueNetDelayAudio": "5ms", "audioLossPer": "0.00%", "audioLossNum": 0, "auxAudioRate": rate})
    };
    let video = |name: &str, size: &str, rate: String| {
        json!({"szName": name, "videoProtocolPrefix": "H.264 EC",
        "videoProtocolPostfix": size, "videoRate": rate, "videoFrame": 30, "valueVideoJitter": "2ms",
        "valueNetDelayVideo": "5ms", "videoLossPer": "0.00%", "videoLossNum": 0})
    };
    let none = json!({"szName": "", "videoProtocolPrefix": "", "videoProtocolPostfix": "Unknown", "videoRate": "--",
        "videoFrame": 0, "valueVideoJitter": "--", "valueNetDelayVideo": "0ms", "videoLossPer": "--",
        "videoLossNum": 0});
    json!({"stAudioParamSend": audio("35.62k".into()), "stAudioParamRecv": audio(rate("38.95k")),
        "stVideoParamSend": [video("", "720p", "1.02M".into())],
        "stVideoParamRecv": [video("主会场", "720p", rate("962.76k"))],
        "stAuxParamSend": none, "stAuxParamRecv": none})
}

struct Rig {
    desk: Desk,
    stand_in: StandIn,
    bridge: Arc<Te>,
}

fn login() -> Login {
    Login { user: "api".into(), secret: SECRET.to_owned().into() }
}

async fn rig() -> Rig {
    let desk = Desk::default();
    desk.lock().state = 2;
    let stand_in = StandIn::serve(Router::new().fallback(answer).with_state(desk.clone())).await;
    let bridge = Arc::new(Te::new(line_to(stand_in.base()), login()));
    Rig { desk, stand_in, bridge }
}

fn own_call() -> ConferenceRef {
    ConferenceRef::new(OWN_CALL)
}

#[async_trait]
impl Fixture for Rig {
    const SITES: usize = 1;
    const LOOK_TELLS: bool = true;
    const UPSETS: &'static [Upset] = &[Upset::LoginExpires, Upset::SecretRefused];
    const RENAMED: &'static [Renamed] = &[
        Renamed { from: "\"success\"", to: "\"ok\"", read: Read::Health, documented: false },
        Renamed { from: "callstate", to: "call_state", read: Read::Health, documented: false },
        Renamed { from: "callstate", to: "call_state", read: Read::Roster, documented: false },
    ];

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
        Arc::new(Te::new(line_to(base), login()))
    }
    fn conference(&self) -> ConferenceRef {
        own_call()
    }
    fn secret(&self) -> &'static str {
        SECRET
    }
    fn action(&self) -> Action {
        Action::Disconnect { conference: own_call(), participant: ParticipantRef::new("1") }
    }
    fn carried_out(&self) -> usize {
        self.desk.lock().hang_ups
    }
    fn credential(&self) -> (&'static str, String) {
        ("api", SECRET.to_owned())
    }
    fn logins(&self) -> usize {
        self.desk.lock().logins
    }
    fn upset(&self, upset: Option<Upset>) {
        let mut endpoint = self.desk.lock();
        endpoint.refuse = upset == Some(Upset::SecretRefused);
        if upset.is_some() {
            endpoint.session = "another user's".into();
        }
    }
}

/// An endpoint in a call, for measuring.
pub(super) async fn crowd(budget: &Arc<Budget>) -> Crowd {
    let Rig { desk, stand_in, .. } = rig().await;
    let te = Arc::new(Te::new(line_with(stand_in.base(), budget), login()));
    Crowd::new(stand_in, te, desk)
}

contract::suite!(Rig);
wired::suite!(Rig);
killed::suite!(Rig);

impl Rig {
    async fn act(&self, action: &Action) -> ActionOutcome {
        let seen = self.bridge.roster(&own_call()).await.unwrap();
        let plan = self.bridge.plan(action, Some(&seen)).unwrap();
        self.bridge.execute(&plan, &ActionKey("k-1".into())).await
    }

    async fn flow(&self, medium: Medium, way: Way) -> Flow {
        let seen = self.bridge.roster(&own_call()).await.unwrap();
        let streams = self.bridge.streams(&own_call(), &seen.present[0]).await.unwrap();
        streams.into_iter().find(|stream| stream.medium == medium && stream.way == way).unwrap().flow
    }
}

fn dial(address: &str) -> Action {
    Action::Dial {
        conference: own_call(),
        address: address.into(),
        name: "主会场".into(),
        kbps: None,
        via: None,
    }
}

#[tokio::test]
async fn an_endpoint_sees_its_own_call_from_its_own_side() {
    let rig = rig().await;
    let seen = rig.bridge.roster(&own_call()).await.unwrap();
    let site = &seen.present[0];
    assert_eq!((&site.presence, site.muted), (&Presence::Connected, Some(false)));
    assert!(site.name.starts_with("Huawei TE20"), "{}", site.name);
    let streams = rig.bridge.streams(&own_call(), site).await.unwrap();
    let video =
        |way| streams.iter().find(|stream| stream.medium == Medium::Video && stream.way == way).unwrap();
    assert_eq!(video(Way::FromSite).kbps, Given::Value(1020.0));
    assert_eq!(video(Way::ToSite).kbps, Given::Value(962.76));
    rig.desk.lock().still = true;
    assert_eq!(rig.flow(Medium::Video, Way::ToSite).await, Flow::NoMedia { since: None });
    assert_eq!(rig.flow(Medium::Video, Way::FromSite).await, Flow::Flowing);
}

#[tokio::test]
async fn an_idle_endpoint_calls_and_one_in_a_call_does_not() {
    let rig = rig().await;
    let seen = rig.bridge.roster(&own_call()).await.unwrap();
    assert!(rig.bridge.plan(&dial("9001"), Some(&seen)).is_err());
    rig.desk.lock().state = 0;
    assert!(rig.bridge.conferences().await.unwrap().is_empty());
    assert_eq!(rig.act(&dial("9001")).await, ActionOutcome::Accepted { handle: None });
    assert_eq!(rig.desk.lock().dialled, ["9001"]);
    assert_eq!(rig.bridge.conferences().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_call_without_an_answer_is_unknown_and_then_looked_for() {
    let rig = rig().await;
    rig.desk.lock().state = 0;
    rig.bridge.health().await.unwrap();
    let (plan, key) = (rig.bridge.plan(&dial("9001"), None).unwrap(), ActionKey("k-2".into()));
    rig.stand_in.trouble(Some(Trouble::SilentAfter));
    assert_eq!(rig.bridge.execute(&plan, &key).await, ActionOutcome::Unknown);
    rig.stand_in.trouble(None);
    assert_eq!(rig.bridge.look(&plan, &key).await, Ok(Looked::Happened));
    assert_eq!(rig.desk.lock().dialled.len(), 1);
}

#[tokio::test]
async fn an_action_that_met_a_lost_session_goes_once_and_a_no_stays_a_no() {
    let rig = rig().await;
    let seen = rig.bridge.roster(&own_call()).await.unwrap();
    let action = rig.action();
    let plan = rig.bridge.plan(&action, Some(&seen)).unwrap();
    rig.desk.lock().session = "another user's".into();
    assert_eq!(
        rig.bridge.execute(&plan, &ActionKey("k".into())).await,
        ActionOutcome::Accepted { handle: None }
    );
    assert_eq!(rig.carried_out(), 1);
    assert_eq!(rig.logins(), 2);
    let again = rig.bridge.execute(&plan, &ActionKey("k".into())).await;
    assert_eq!(again, ActionOutcome::Rejected { code: "33558535".into(), retryable: false });
    assert_eq!(rig.desk.lock().logins, 2, "a no within a good session costs no login");
}

#[tokio::test]
async fn a_microphone_is_muted_and_a_version_that_does_not_tell_leaves_it_open() {
    let rig = rig().await;
    let mute = |on| Action::Mute {
        conference: own_call(),
        participant: Some(ParticipantRef::new("1")),
        medium: Medium::Audio,
        way: Way::FromSite,
        on,
    };
    assert_eq!(rig.act(&mute(true)).await, ActionOutcome::Accepted { handle: None });
    assert_eq!(rig.bridge.roster(&own_call()).await.unwrap().present[0].muted, Some(true));
    let plan = rig.bridge.plan(&mute(false), rig.bridge.roster(&own_call()).await.ok().as_ref()).unwrap();
    assert_eq!(rig.bridge.look(&plan, &ActionKey("k".into())).await, Ok(Looked::DidNot));
    rig.desk.lock().no_microphone = true;
    assert_eq!(rig.bridge.roster(&own_call()).await.unwrap().present[0].muted, None);
    assert_eq!(rig.bridge.look(&plan, &ActionKey("k".into())).await, Ok(Looked::CannotTell));
}

#[tokio::test]
async fn an_endpoint_without_a_free_session_is_busy_and_a_wrong_secret_is_wrong() {
    let rig = rig().await;
    rig.desk.lock().full = true;
    assert!(matches!(rig.bridge.health().await, Err(Fault::Busy(_))));
    rig.desk.lock().full = false;
    let wrong = Login { user: "api".into(), secret: "other".to_owned().into() };
    let bridge = Te::new(line_to(rig.stand_in.base()), wrong);
    for _ in 0..3 {
        assert_eq!(bridge.health().await, Err(Fault::Auth(AuthWhy::Wrong)));
    }
    assert_eq!(rig.desk.lock().logins, 1, "a lock after a few tries is not provoked");
}

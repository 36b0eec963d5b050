//! The RoomOS adapter against a recorded status and against a stand-in of the XML interface: calls with channels,
//! commands, and feedback that is posted.

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use tokio::task::JoinHandle;
use vcops::domain::mcu::{ConferenceRef, ParticipantRef};
use vcops::domain::time::Span;
use vcops::mcu::Bridge;
use vcops::mcu::budget::Budget;
use vcops::mcu::fault::{AuthWhy, Fault};
use vcops::mcu::roomos::{Roomos, reply};
use vcops::mcu::trust::{Login, Trust};
use vcops::mcu::xml::{self, escaped};
use vcops::observation::action::{Action, ActionKey, ActionOutcome, Looked};
use vcops::observation::device::{AlarmLevel, Flow, Given, Medium, Presence, Service, Way};

use super::budget::Crowd;
use super::contract::{self, Fixture, Push, Read, Renamed, Upset};
use super::killed;
use super::stand_in::{StandIn, Trouble, line_to, line_with};
use super::wired;

const SECRET: &str = "room-word";
/// A status recorded outside of a call; see the notice beside it.
const RECORDED: &[u8] = include_bytes!("../../data/mcu/roomos/status.xml");

#[derive(Debug, Clone)]
struct Call {
    id: u32,
    state: &'static str,
    remote: String,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a state or a fault of its own that a test turns on"
)]
#[derive(Debug, Default)]
struct Endpoint {
    calls: Vec<Call>,
    last_call: u32,
    muted: bool,
    still: bool,
    dialled: Vec<String>,
    hang_ups: usize,
    tries: usize,
    refuse: bool,
    /// Feedback goes here, while it is registered.
    feedback: Option<String>,
    events: usize,
    /// The interface answers with errors of its own.
    broken: bool,
    /// A call is refused.
    busy: bool,
}

#[derive(Debug, Clone, Default)]
struct Desk(Arc<Mutex<Endpoint>>);

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Endpoint> {
        self.0.lock().unwrap()
    }

    fn in_a_call() -> Self {
        let desk = Self::default();
        desk.lock().calls = vec![Call { id: 5, state: "Connected", remote: "sip:9001@mcu.example".into() }];
        desk.lock().last_call = 5;
        desk
    }
}

fn document(inside: &str) -> Response {
    format!("<?xml version=\"1.0\"?>\n<Status product=\"Cisco Codec\" version=\"ce11.19\">{inside}</Status>")
        .into_response()
}

async fn serve(
    State(desk): State<Desk>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let mut endpoint = desk.lock();
    endpoint.tries += 1;
    let expected = base64::engine::general_purpose::STANDARD.encode(format!("ops:{SECRET}"));
    let shown = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if endpoint.refuse || shown != format!("Basic {expected}") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if endpoint.broken {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    match (method, uri.path()) {
        (Method::GET, "/status.xml") => RECORDED.into_response(),
        (Method::GET, "/getxml") => part(&endpoint, uri.query().unwrap_or_default()),
        (Method::POST, "/putxml") => command(&mut endpoint, &body),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn part(endpoint: &Endpoint, query: &str) -> Response {
    match query {
        "location=/Status/SystemUnit" => document(
            "<SystemUnit><BroadcastName>A县会议室</BroadcastName><Software><Version>ce11.19.1</Version></Software>\
             <State><Subsystem><Application>Initialized</Application></Subsystem></State><Uptime>3600</Uptime></SystemUnit>",
        ),
        "location=/Status/Diagnostics" => document(
            "<Diagnostics><Message item=\"1\"><Level>Warning</Level><Type>NTPStatus</Type></Message></Diagnostics>",
        ),
        "location=/Status/Audio/Microphones" => {
            let mute = if endpoint.muted { "On" } else { "Off" };
            document(&format!("<Audio><Microphones><Mute>{mute}</Mute></Microphones></Audio>"))
        }
        "location=/Status/Call" if endpoint.calls.is_empty() => {
            "<?xml version=\"1.0\"?><EmptyResult/>".into_response()
        }
        "location=/Status/Call" => document(&endpoint.calls.iter().map(call).collect::<String>()),
        "location=/Status/MediaChannels" => {
            let calls = endpoint.calls.iter().map(|call| media(call.id, endpoint.still));
            document(&format!("<MediaChannels>{}</MediaChannels>", calls.collect::<String>()))
        }
        "location=/Status/HttpFeedback" => match &endpoint.feedback {
            Some(url) => {
                document(&format!("<HttpFeedback item=\"3\"><URL>{}</URL></HttpFeedback>", escaped(url)))
            }
            None => "<?xml version=\"1.0\"?><EmptyResult/>".into_response(),
        },
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn call(call: &Call) -> String {
    let remote = escaped(&call.remote);
    format!(
        "<Call item=\"{}\" maxOccurrence=\"n\"><AnswerState>Answered</AnswerState><DisplayName>全市例会</DisplayName>\
         <Direction>Outgoing</Direction><Protocol>SIP</Protocol><RemoteNumber>{remote}</RemoteNumber>\
         <Status>{}</Status></Call>",
        call.id, call.state
    )
}

fn media(id: u32, still: bool) -> String {
    let received = if still { 0 } else { 480 };
    let channel = |n: u32, way: &str, kind: &str, inside: &str| {
        format!(
            "<Channel item=\"{n}\" maxOccurrence=\"n\"><Direction>{way}</Direction><Type>{kind}</Type>\
             <Encryption><Status>On</Status></Encryption><{kind}>{inside}</{kind}><Netstat><Bytes>9</Bytes>\
             <ChannelRate>1920000</ChannelRate><Drop>0</Drop><Jitter>2</Jitter><MaxJitter>8</MaxJitter>\
             <LastIntervalLost>0</LastIntervalLost><LastIntervalReceived>{received}</LastIntervalReceived>\
             <Loss>4</Loss><Packets>9000</Packets></Netstat></Channel>"
        )
    };
    let picture = "<ChannelRole>Main</ChannelRole><FrameRate>30</FrameRate><Protocol>H264</Protocol>\
        <ResolutionX>1280</ResolutionX><ResolutionY>720</ResolutionY>";
    let sound = "<Channels>Mono</Channels><Protocol>AACLD</Protocol>";
    let all = [
        channel(1, "Incoming", "Audio", sound),
        channel(2, "Outgoing", "Audio", sound),
        channel(3, "Incoming", "Video", picture),
        channel(4, "Outgoing", "Video", picture),
    ];
    format!("<Call item=\"{id}\" maxOccurrence=\"n\">{}</Call>", all.concat())
}

fn command(endpoint: &mut Endpoint, body: &str) -> Response {
    let root = xml::parse(body.as_bytes()).unwrap();
    assert_eq!(root.name, "Command");
    let done = |name: &str, inside: &str| {
        format!(
            "<?xml version=\"1.0\"?><Command><{name}Result status=\"OK\">{inside}</{name}Result></Command>"
        )
        .into_response()
    };
    if let Some(number) = root.text_at(&["Dial", "Number"]) {
        endpoint.dialled.push(number.to_owned());
        if endpoint.busy {
            return "<Command><DialResult status=\"Error\"><Cause>17</Cause><Description>No more calls</Description>\
                </DialResult></Command>".into_response();
        }
        endpoint.last_call += 1;
        let id = endpoint.last_call;
        endpoint.calls.push(Call { id, state: "Dialling", remote: number.to_owned() });
        return done("Dial", &format!("<CallId>{id}</CallId><ConferenceId>1</ConferenceId>"));
    }
    if let Some(id) = root.text_at(&["Call", "Disconnect", "CallId"]) {
        let before = endpoint.calls.len();
        endpoint.calls.retain(|call| call.id.to_string() != id);
        if endpoint.calls.len() == before {
            return "<Command><CallDisconnectResult status=\"Error\"><Cause>4</Cause><Description>No such call\
                </Description></CallDisconnectResult></Command>".into_response();
        }
        endpoint.hang_ups += 1;
        return done("CallDisconnect", "");
    }
    if let Some(microphones) = root.at(&["Audio", "Microphones"]) {
        endpoint.muted = microphones.child("Mute").is_some();
        return done("AudioMicrophones", "");
    }
    let registered = root.at(&["HttpFeedback", "Register"]).unwrap();
    assert_eq!(registered.children("Expression").count(), 3);
    endpoint.feedback = registered.text_at(&["ServerUrl"]).map(str::to_owned);
    done("HttpFeedbackRegister", "")
}

struct Rig {
    desk: Desk,
    stand_in: StandIn,
    bridge: Arc<Roomos>,
    receiver: JoinHandle<()>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.receiver.abort();
    }
}

fn login() -> Login {
    Login { user: "ops".into(), secret: SECRET.to_owned().into() }
}

async fn rig() -> Rig {
    let desk = Desk::in_a_call();
    let stand_in = StandIn::serve(Router::new().fallback(serve).with_state(desk.clone())).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/events/", listener.local_addr().unwrap()).parse().unwrap();
    let bridge = Arc::new(Roomos::new(line_to(stand_in.base()), login()).with_feedback(base));
    let mounted = Router::new().nest("/events", bridge.router());
    let receiver = tokio::spawn(async move { axum::serve(listener, mounted).await.unwrap() });
    Rig { desk, stand_in, bridge, receiver }
}

/// Posts an event as the endpoint does, where it was told to.
async fn post(desk: &Desk, body: &str) -> Option<u16> {
    let url = desk.lock().feedback.clone()?;
    let sent = reqwest::Client::builder()
        .tls_backend_preconfigured(Trust::Nobody.client().unwrap())
        .no_proxy()
        .build()
        .unwrap()
        .post(url)
        .body(body.to_owned())
        .send()
        .await;
    Some(sent.unwrap().status().as_u16())
}

impl Rig {
    fn event(&self) -> String {
        let mut endpoint = self.desk.lock();
        endpoint.events += 1;
        format!("<Status><Call item=\"5\"><Duration>{}</Duration></Call></Status>", endpoint.events)
    }

    async fn act(&self, action: &Action, conference: &str) -> ActionOutcome {
        let seen = self.bridge.roster(&ConferenceRef::new(conference)).await.unwrap();
        let plan = self.bridge.plan(action, Some(&seen)).unwrap();
        self.bridge.execute(&plan, &ActionKey("k-1".into())).await
    }
}

fn own() -> ConferenceRef {
    ConferenceRef::new("5")
}

fn hang_up() -> Action {
    Action::Disconnect { conference: own(), participant: ParticipantRef::new("5") }
}

#[async_trait]
impl Fixture for Rig {
    const SITES: usize = 1;
    const LOOK_TELLS: bool = true;
    const UPSETS: &'static [Upset] = &[Upset::SecretRefused];
    const PUSHES: &'static [Push] = &[Push::Change, Push::Twice, Push::AfterGap, Push::BreaksOff];
    const RENAMED: &'static [Renamed] = &[
        Renamed { from: "SystemUnit", to: "Unit", read: Read::Health, documented: false },
        Renamed { from: "Version>", to: "Release>", read: Read::Health, documented: false },
        Renamed { from: "item=", to: "number=", read: Read::Roster, documented: false },
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
        Arc::new(Roomos::new(line_to(base), login()))
    }
    fn conference(&self) -> ConferenceRef {
        own()
    }
    fn secret(&self) -> &'static str {
        SECRET
    }
    fn credential(&self) -> (&'static str, String) {
        ("ops", SECRET.to_owned())
    }
    fn action(&self) -> Action {
        hang_up()
    }
    fn carried_out(&self) -> usize {
        self.desk.lock().hang_ups
    }
    fn upset(&self, upset: Option<Upset>) {
        self.desk.lock().refuse = upset == Some(Upset::SecretRefused);
    }
    async fn push(&self, push: Push) {
        let event = self.event();
        match push {
            Push::Change => {
                post(&self.desk, &event).await;
            }
            Push::Twice => {
                post(&self.desk, &event).await;
                post(&self.desk, &event).await;
            }
            Push::AfterGap => self.desk.lock().feedback = None,
            Push::BreaksOff => self.desk.lock().broken = true,
        }
    }
}

/// An endpoint in a call, for measuring.
pub(super) async fn crowd(budget: &Arc<Budget>) -> Crowd {
    let desk = Desk::in_a_call();
    let device = StandIn::serve(Router::new().fallback(serve).with_state(desk.clone())).await;
    let roomos = Arc::new(Roomos::new(line_with(device.base(), budget), login()));
    Crowd::new(device, roomos, desk)
}

contract::suite!(Rig);
killed::suite!(Rig);
wired::suite!(Rig, "/Status/Call");

#[test]
fn a_recorded_status_becomes_the_expected_values() {
    let status = reply::status(RECORDED).unwrap();
    let unit = reply::unit(&status).unwrap();
    assert_eq!(unit.name, "Room Bar");
    assert_eq!(unit.version.as_deref(), Some("ce11.19.1.6.76526b1b094"));
    assert_eq!((unit.uptime, unit.service), (Given::Value(Span::seconds(37_224)), Service::Up));
    assert_eq!(unit.boot.as_deref(), Some("2024-08-05T05:31:01Z"));
    assert_eq!(reply::muted(&status), Some(true));
    assert!(reply::calls(&status).unwrap().is_empty() && reply::alarms(&status).is_empty());
    assert_eq!(reply::streams(&status, "1", reply::Still::default()).unwrap(), []);
    let readings = reply::readings(&status);
    let wanted = [
        ("room_air_quality_index", 1.5),
        ("room_humidity_pct", 50.0),
        ("room_noise_dba", 36.0),
        ("room_people", 0.0),
        ("room_temperature_c", 26.1),
    ];
    assert_eq!(readings, wanted.map(|(name, value)| (name.to_owned(), Given::Value(value))).into());
}

#[tokio::test]
async fn an_endpoint_sees_its_own_calls_from_its_own_side() {
    let rig = rig().await;
    let health = rig.bridge.health().await.unwrap();
    assert_eq!((health.service, health.uptime), (Service::Up, Given::Value(Span::seconds(3600))));
    assert_eq!(rig.bridge.alarms().await.unwrap()[0].level, AlarmLevel::Minor);
    assert_eq!(rig.bridge.readings().await.unwrap()["room_temperature_c"], Given::Value(26.1));
    let seen = rig.bridge.roster(&own()).await.unwrap();
    let site = &seen.present[0];
    assert_eq!((seen.name.as_str(), site.name.as_str(), site.muted), ("全市例会", "A县会议室", Some(false)));
    assert_eq!(site.address.as_deref(), Some("sip:9001@mcu.example"));
    rig.desk.lock().still = true;
    let streams = rig.bridge.streams(&own(), site).await.unwrap();
    let flow = |way| streams.iter().find(|s| s.medium == Medium::Video && s.way == way).unwrap().flow;
    assert_eq!((flow(Way::ToSite), flow(Way::FromSite)), (Flow::NoMedia { since: None }, Flow::Flowing));
}

#[tokio::test]
async fn a_call_is_named_by_its_number_and_a_refused_one_by_its_cause() {
    let rig = rig().await;
    let address = "sip:9002@mcu.example".to_owned();
    let dial =
        Action::Dial { conference: own(), address, name: "备用会议".into(), kbps: Some(1920), via: None };
    assert_eq!(rig.act(&dial, "5").await, ActionOutcome::Accepted { handle: Some("6".into()) });
    let seen = rig.bridge.roster(&ConferenceRef::new("6")).await.unwrap();
    assert_eq!(seen.present[0].presence, Presence::Calling);
    rig.desk.lock().busy = true;
    assert_eq!(rig.act(&dial, "5").await, ActionOutcome::Rejected { code: "17".into(), retryable: false });
    let redial = Action::Redial { conference: own(), participant: ParticipantRef::new("5") };
    let ActionOutcome::Partial { done, undone } = rig.act(&redial, "5").await else { panic!("half done") };
    assert!(done[0].contains("Disconnect") && undone[0].contains("sip:9001@mcu.example"));
}

#[tokio::test]
async fn a_call_without_an_answer_is_unknown_and_then_looked_for() {
    let rig = rig().await;
    rig.bridge.health().await.unwrap();
    let dial =
        Action::Dial { conference: own(), address: "9003".into(), name: "x".into(), kbps: None, via: None };
    let (plan, key) = (rig.bridge.plan(&dial, None).unwrap(), ActionKey("k".into()));
    assert_eq!(rig.bridge.look(&plan, &key).await, Ok(Looked::CannotTell));
    rig.stand_in.trouble(Some(Trouble::SilentAfter));
    assert_eq!(rig.bridge.execute(&plan, &key).await, ActionOutcome::Unknown);
    rig.stand_in.trouble(None);
    assert_eq!(rig.desk.lock().dialled.len(), 1);
    assert_eq!(rig.bridge.look(&plan, &key).await, Ok(Looked::Happened));
}

#[tokio::test]
async fn the_microphones_are_muted_and_looked_at() {
    let rig = rig().await;
    let (participant, medium) = (Some(ParticipantRef::new("5")), Medium::Audio);
    let mute = Action::Mute { conference: own(), participant, medium, way: Way::FromSite, on: true };
    assert_eq!(rig.act(&mute, "5").await, ActionOutcome::Accepted { handle: None });
    assert_eq!(rig.bridge.roster(&own()).await.unwrap().present[0].muted, Some(true));
}

#[tokio::test]
async fn a_wrong_secret_is_tried_once_and_shown_nowhere() {
    let rig = rig().await;
    let wrong = Login { user: "ops".into(), secret: "other-word".to_owned().into() };
    let bridge = Roomos::new(line_to(rig.stand_in.base()), wrong);
    for _ in 0..3 {
        assert_eq!(bridge.health().await, Err(Fault::Auth(AuthWhy::Wrong)));
    }
    assert_eq!(rig.desk.lock().tries, 1, "a lock after a few tries is not provoked");
    assert!(!format!("{bridge:?}").contains("other-word"));
}

#[tokio::test]
async fn events_are_taken_only_by_the_address_that_the_endpoint_was_told() {
    let rig = rig().await;
    let (sender, mut heard) = tokio::sync::mpsc::channel(8);
    let (bridge, stop) = (Arc::clone(&rig.bridge), tokio_util::sync::CancellationToken::new());
    let stopped = stop.clone();
    let listening = tokio::spawn(async move { bridge.listen(sender, stopped).await });
    heard.recv().await.unwrap();
    let told = rig.desk.lock().feedback.clone().unwrap();
    assert_eq!(post(&rig.desk, &rig.event()).await, Some(200));
    let guessed = format!("{}{}", &told[..told.len() - 4], "0000");
    rig.desk.lock().feedback = Some(guessed);
    assert_eq!(post(&rig.desk, &rig.event()).await, Some(404));
    assert!(!format!("{:?}", rig.bridge).contains(&told[told.len() - 32..]), "the key is shown nowhere");
    stop.cancel();
    assert_eq!(listening.await.unwrap(), Ok(()));
}

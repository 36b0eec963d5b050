//! The ZTE adapter against a stand-in of the SOAP service: remote calls with encoded values, answers that point to their
//! parts, pages, and a login by MD5.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use vcops::domain::mcu::{ConferenceRef, ParticipantRef};
use vcops::mcu::Bridge;
use vcops::mcu::budget::Budget;
use vcops::mcu::fault::{AuthWhy, Fault};
use vcops::mcu::trust::Login;
use vcops::mcu::xml::{self, Element, escaped};
use vcops::mcu::zte::Zte;
use vcops::observation::action::{Action, ActionKey, ActionOutcome, Looked};
use vcops::observation::device::{Absent, Flow, Given, Medium, Service, Way};

use super::budget::Crowd;
use super::contract::{self, Fixture, Read, Renamed, Upset};
use super::killed;
use super::stand_in::{StandIn, Trouble, line_to, line_with};
use super::wired;

const SECRET: &str = "zte-word";
/// More than a page, and one that is off.
const CONNECTED: usize = 130;

#[derive(Debug, Clone)]
struct Terminal {
    id: String,
    number: String,
    connected: bool,
    mute: bool,
    quiet: bool,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a state or a fault of its own that a test turns on"
)]
#[derive(Debug, Default)]
struct Platform {
    terminals: Vec<Terminal>,
    /// The key of the last login; the token hangs on it.
    key: String,
    logins: usize,
    connects: usize,
    invited: Vec<String>,
    refuse: bool,
    shrink: bool,
    /// A refused token is told by a result instead of a fault.
    quiet_refusal: bool,
    /// Terminals stay connected when they are hung up.
    stuck: bool,
}

#[derive(Debug, Clone, Default)]
struct Desk(Arc<Mutex<Platform>>);

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Platform> {
        self.0.lock().unwrap()
    }

    fn with_province() -> Self {
        Self::with_terminals(CONNECTED)
    }

    /// So many that are connected, and one that is off.
    fn with_terminals(count: usize) -> Self {
        let desk = Self::default();
        let terminal = |n: usize| Terminal {
            id: format!("t{n}"),
            number: format!("0512{n:04}"),
            connected: n < count,
            mute: false,
            quiet: false,
        };
        desk.lock().terminals = (0..=count).map(terminal).collect();
        desk
    }
}

fn md5(text: &str) -> String {
    use md5::{Digest as _, Md5};
    hex::encode(Md5::digest(text.as_bytes()))
}

/// An answer as Axis writes it: the return points to a part, and each entry of a list to another.
fn answer(operation: &str, fields: &str, list: Option<(&str, Vec<String>)>) -> Response {
    let mut parts = String::new();
    let mut pointers = String::new();
    if let Some((name, entries)) = list {
        for (n, entry) in entries.iter().enumerate() {
            let at = n + 1;
            write!(pointers, "<{name} href=\"#id{at}\"/>").unwrap();
            write!(parts, "<multiRef id=\"id{at}\" soapenc:root=\"0\">{entry}</multiRef>").unwrap();
        }
        pointers = format!("<{name} soapenc:arrayType=\"ns2:Bean[{}]\">{pointers}</{name}>", entries.len());
    }
    envelope(&format!(
        "<ns1:{operation}Response xmlns:ns1=\"http://m900.zte.com\"><{operation}Return href=\"#id0\"/>\
         </ns1:{operation}Response><multiRef id=\"id0\" soapenc:root=\"0\">{fields}{pointers}</multiRef>{parts}"
    ))
}

fn envelope(body: &str) -> Response {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:soapenc=\"http://schemas.xmlsoap.org/soap/encoding/\"><soapenv:Body>{body}</soapenv:Body>\
         </soapenv:Envelope>"
    )
    .into_response()
}

fn fault(words: &str) -> Response {
    let body = format!(
        "<soapenv:Fault><faultcode>soapenv:Server.userException</faultcode>\
         <faultstring>{words}</faultstring></soapenv:Fault>"
    );
    (StatusCode::INTERNAL_SERVER_ERROR, envelope(&body)).into_response()
}

fn result(operation: &str, code: &str) -> Response {
    answer(operation, &format!("<result xsi:type=\"xsd:string\">{code}</result>"), None)
}

async fn serve(State(desk): State<Desk>, uri: Uri, body: String) -> Response {
    assert_eq!(uri.path(), "/services/MultimediaConference");
    let envelope = xml::parse(body.as_bytes()).unwrap();
    let call = &envelope.child("Body").unwrap().children[0];
    let request = call.child("req").unwrap();
    let mut platform = desk.lock();
    if call.name == "emeetinglogin" {
        platform.logins += 1;
        let known = request.text_at(&["userName"]) == Some("ops")
            && request.text_at(&["password"]) == Some(&md5(SECRET))
            && !platform.refuse;
        platform.key = format!("key{}", platform.logins);
        let fields = format!("<status>200</status><randomKey>{}</randomKey>", platform.key);
        return if known { answer(&call.name, &fields, None) } else { result(&call.name, "10004") };
    }
    let token = envelope.text_at(&["Header", "AuthHeader", "Token"]);
    if token != Some(&md5(&format!("{SECRET}{}", platform.key))) {
        return if platform.quiet_refusal { result(&call.name, "10009") } else { fault("Token is invalid") };
    }
    within(&mut platform, &call.name, request)
}

fn within(platform: &mut Platform, operation: &str, request: &Element) -> Response {
    let ok = "<result>200</result>";
    match operation {
        "queryMcuIsReady" => answer(operation, &format!("{ok}<mcuState>1</mcuState>"), None),
        "getConferenceInfoList" => {
            let one =
                "<conferenceIdentifier>c-1</conferenceIdentifier><conferenceName>全省例会</conferenceName>";
            answer(operation, ok, Some(("conferenceList", vec![one.to_owned()])))
        }
        "getParticipantStatusV4" => page(platform, operation, request),
        "getParticipantStatus" => {
            let wanted = &request.child("terminalIdentifier").unwrap().children[0].text;
            let found =
                platform.terminals.iter().filter(|terminal| terminal.id == *wanted && terminal.connected);
            answer(operation, ok, Some(("participantStatus", found.map(first_status).collect())))
        }
        "inviteParticipant" => {
            let number = request.text_at(&["participant", "terminalNumber"]).unwrap_or_default().to_owned();
            platform.invited.push(number);
            result(operation, "200")
        }
        _ => act(platform, operation, request),
    }
}

fn page(platform: &Platform, operation: &str, request: &Element) -> Response {
    let number = |name: &str| request.text_at(&[name]).unwrap().parse::<usize>().unwrap();
    let (size, page) = (number("numPerPage"), number("page"));
    let mut listed: Vec<&Terminal> = platform.terminals.iter().collect();
    if platform.shrink && page > 1 {
        listed.truncate(size + 10);
    }
    let entries =
        listed.iter().skip((page - 1) * size).take(size).map(|terminal| fourth_status(terminal)).collect();
    let fields = format!("<result>200</result><totalCount>{}</totalCount>", platform.terminals.len());
    answer(operation, &fields, Some(("partStaV4", entries)))
}

fn fourth_status(terminal: &Terminal) -> String {
    format!(
        "<alr>0</alr><camera>1</camera><handup>0</handup><id>{}</id><mic>1</mic><mute>{}</mute>\
         <name>{}</name><no>{}</no><silent>{}</silent><state>{}</state>",
        terminal.id,
        u8::from(terminal.mute),
        escaped(&format!("分会场 <{}>", terminal.id)),
        terminal.number,
        u8::from(terminal.quiet),
        if terminal.connected { 5 } else { 2 }
    )
}

fn first_status(terminal: &Terminal) -> String {
    format!(
        "<audioType>G.722.1C</audioType><dualVideoFormat></dualVideoFormat><mute>{}</mute><rate>1920</rate>\
         <status>connected</status><terminalIdentifier>{}</terminalIdentifier><videoFormat>H.264 720P</videoFormat>",
        terminal.mute, terminal.id
    )
}

fn act(platform: &mut Platform, operation: &str, request: &Element) -> Response {
    let list = request.child("terminalIdentifier").unwrap();
    let wanted = list.children.first().map_or(list.text.clone(), |first| first.text.clone());
    platform.connects += usize::from(operation == "connectParticipant");
    let stuck = platform.stuck;
    let Some(terminal) = platform.terminals.iter_mut().find(|terminal| terminal.id == wanted) else {
        return result(operation, "30001");
    };
    match operation {
        "connectParticipant" => terminal.connected = true,
        "disconnectParticipant" => terminal.connected = stuck,
        "muteParticipant" | "cancelMuteParticipant" => terminal.mute = operation == "muteParticipant",
        "quietParticipant" | "cancelQuietParticipant" => terminal.quiet = operation == "quietParticipant",
        _ => return fault("No such operation"),
    }
    result(operation, "200")
}

struct Rig {
    desk: Desk,
    stand_in: StandIn,
    bridge: Arc<Zte>,
}

fn login() -> Login {
    Login { user: "ops".into(), secret: SECRET.to_owned().into() }
}

async fn rig() -> Rig {
    let desk = Desk::with_province();
    let stand_in = StandIn::serve(Router::new().fallback(serve).with_state(desk.clone())).await;
    let bridge = Arc::new(Zte::new(line_to(stand_in.base()), login()));
    Rig { desk, stand_in, bridge }
}

fn conference() -> ConferenceRef {
    ConferenceRef::new("c-1")
}

#[async_trait]
impl Fixture for Rig {
    const SITES: usize = CONNECTED;
    const LOOK_TELLS: bool = true;
    const UPSETS: &'static [Upset] = &[Upset::LoginExpires, Upset::SecretRefused, Upset::PageShrinks];
    const RENAMED: &'static [Renamed] = &[
        Renamed { from: "mcuState", to: "mcuReady", read: Read::Health, documented: false },
        Renamed { from: "result>", to: "outcome>", read: Read::Health, documented: false },
        Renamed { from: "partStaV4", to: "partStaV5", read: Read::Roster, documented: false },
        Renamed { from: "state>", to: "condition>", read: Read::Roster, documented: false },
    ];
    const LAYOUT: &'static str = "4:1";
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
        Arc::new(Zte::new(line_to(base), login()))
    }
    fn conference(&self) -> ConferenceRef {
        conference()
    }
    fn secret(&self) -> &'static str {
        SECRET
    }
    fn credential(&self) -> (&'static str, String) {
        ("ops", SECRET.to_owned())
    }
    fn action(&self) -> Action {
        let address = format!("0512{CONNECTED:04}");
        Action::Dial { conference: conference(), address, name: "分会场".into(), kbps: None, via: None }
    }
    fn carried_out(&self) -> usize {
        self.desk.lock().connects
    }
    fn logins(&self) -> usize {
        self.desk.lock().logins
    }
    fn upset(&self, upset: Option<Upset>) {
        let mut platform = self.desk.lock();
        platform.refuse = upset == Some(Upset::SecretRefused);
        platform.shrink = upset == Some(Upset::PageShrinks);
        if matches!(upset, Some(Upset::LoginExpires | Upset::SecretRefused)) {
            platform.key = "another".into();
        }
    }
}

/// A platform with so many terminals, for measuring.
pub(super) async fn crowd(sites: usize, budget: &Arc<Budget>) -> Crowd {
    let desk = Desk::with_terminals(sites);
    let device = StandIn::serve(Router::new().fallback(serve).with_state(desk.clone())).await;
    let zte = Arc::new(Zte::new(line_with(device.base(), budget), login()));
    Crowd::new(device, zte, desk)
}

contract::suite!(Rig);
killed::suite!(Rig);
wired::suite!(Rig);

impl Rig {
    async fn act(&self, action: &Action) -> ActionOutcome {
        let seen = self.bridge.roster(&conference()).await.unwrap();
        let plan = self.bridge.plan(action, Some(&seen)).unwrap();
        self.bridge.execute(&plan, &ActionKey("k-1".into())).await
    }
}

fn redial(id: &str) -> Action {
    Action::Redial { conference: conference(), participant: ParticipantRef::new(id) }
}

#[tokio::test]
async fn a_roster_of_several_pages_is_read_whole() {
    let rig = rig().await;
    assert_eq!(rig.bridge.health().await.unwrap().service, Service::Up);
    assert_eq!(rig.bridge.conferences().await.unwrap()[0].name, "全省例会");
    let seen = rig.bridge.roster(&conference()).await.unwrap();
    assert_eq!(
        (seen.present.len(), seen.expected.unwrap().len(), seen.complete),
        (CONNECTED, CONNECTED + 1, true)
    );
    assert_eq!(seen.present[7].name, "分会场 <t7>");
    let streams = rig.bridge.streams(&conference(), &seen.present[7]).await.unwrap();
    assert_eq!(streams.len(), 4);
    for stream in &streams {
        let none = Given::Absent(Absent::NotProvided);
        assert_eq!([stream.loss_pct, stream.jitter_ms, stream.rtt_ms, stream.fps], [none; 4]);
        assert_eq!(stream.flow, Flow::Unknown);
    }
}

#[tokio::test]
async fn a_token_that_is_refused_by_a_mere_code_is_made_anew_and_the_action_goes_once() {
    let rig = rig().await;
    rig.desk.lock().quiet_refusal = true;
    let seen = rig.bridge.roster(&conference()).await.unwrap();
    let plan = rig.bridge.plan(&rig.action(), Some(&seen)).unwrap();
    rig.desk.lock().key = "another".into();
    assert_eq!(
        rig.bridge.execute(&plan, &ActionKey("k".into())).await,
        ActionOutcome::Accepted { handle: None }
    );
    assert_eq!(rig.carried_out(), 1);
    assert_eq!(rig.logins(), 2);
    rig.desk.lock().key = "another".into();
    assert!(rig.bridge.health().await.is_ok());
    assert_eq!(rig.logins(), 3);
}

#[tokio::test]
async fn a_redial_waits_until_the_site_is_off_and_stops_half_way_when_it_is_not() {
    let rig = rig().await;
    assert_eq!(rig.act(&redial("t3")).await, ActionOutcome::Accepted { handle: None });
    assert_eq!(rig.carried_out(), 1);
    rig.desk.lock().stuck = true;
    let ActionOutcome::Partial { done, undone } = rig.act(&redial("t4")).await else { panic!("half done") };
    assert!(done[0].starts_with("disconnectParticipant ") && undone[0].starts_with("connectParticipant "));
    assert_eq!(rig.carried_out(), 1, "who does not hang up is not called");
}

#[tokio::test]
async fn another_site_is_invited_and_an_unknown_one_is_said_so() {
    let rig = rig().await;
    let invite = |address: &str| {
        let (conference, address) = (conference(), address.to_owned());
        Action::Dial { conference, address, name: "新会场".into(), kbps: None, via: None }
    };
    assert_eq!(rig.act(&invite("05129999")).await, ActionOutcome::Accepted { handle: None });
    assert_eq!(rig.desk.lock().invited, ["05129999"]);
    let seen = rig.bridge.roster(&conference()).await.unwrap();
    let plan = rig.bridge.plan(&rig.action(), Some(&seen)).unwrap();
    rig.desk.lock().terminals.pop();
    let outcome = rig.bridge.execute(&plan, &ActionKey("k".into())).await;
    assert_eq!(outcome, ActionOutcome::Rejected { code: "30001".into(), retryable: false });
}

#[tokio::test]
async fn mute_is_looked_at_and_a_silent_platform_leaves_it_open() {
    let rig = rig().await;
    let seen = rig.bridge.roster(&conference()).await.unwrap();
    let mute = Action::Mute {
        conference: conference(),
        participant: Some(ParticipantRef::new("t1")),
        medium: Medium::Audio,
        way: Way::FromSite,
        on: true,
    };
    let (plan, key) = (rig.bridge.plan(&mute, Some(&seen)).unwrap(), ActionKey("k".into()));
    assert_eq!(rig.bridge.look(&plan, &key).await, Ok(Looked::DidNot));
    rig.stand_in.trouble(Some(Trouble::SilentAfter));
    assert_eq!(rig.bridge.execute(&plan, &key).await, ActionOutcome::Unknown);
    rig.stand_in.trouble(None);
    assert_eq!(rig.bridge.look(&plan, &key).await, Ok(Looked::Happened));
}

#[tokio::test]
async fn a_wrong_secret_is_tried_once() {
    let rig = rig().await;
    let wrong = Login { user: "ops".into(), secret: "other".to_owned().into() };
    let bridge = Zte::new(line_to(rig.stand_in.base()), wrong);
    for _ in 0..3 {
        assert_eq!(bridge.health().await, Err(Fault::Auth(AuthWhy::Wrong)));
    }
    assert_eq!(rig.logins(), 1);
}

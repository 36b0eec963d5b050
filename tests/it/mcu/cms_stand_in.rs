//! A stand-in for a Cisco Meeting Server: its XML interface as Cisco documents it, with legs that ring, connect and
//! end, orders whose key it gives back, alarms of legs, and pages that may be shorter than asked for.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use base64::Engine as _;
use tokio::time::Instant;
use vcops::mcu::xml::escaped;

pub(crate) const CALL: &str = "c0000000-0000-0000-0000-000000000001";
pub(crate) const OTHER_CALL: &str = "c0000000-0000-0000-0000-000000000002";
pub(crate) const USER: &str = "vcops";
pub(crate) const SECRET: &str = "cms-secret-9K";
/// The bridge gives fewer entries than asked for.
const PAGE_MAX: usize = 40;
/// A called site answers after this long.
const RINGS: Duration = Duration::from_millis(300);

type Desk = State<Arc<Server>>;
type Fields = Vec<(String, String)>;

/// One leg.
#[derive(Debug, Clone)]
pub(crate) struct Leg {
    pub(crate) id: String,
    pub(crate) participant: String,
    pub(crate) call: String,
    pub(crate) name: String,
    pub(crate) remote: String,
    pub(crate) owner: Option<String>,
    pub(crate) subtype: Option<&'static str>,
    pub(crate) since: Instant,
    pub(crate) outgoing: bool,
    /// What is switched: `rxAudioMute` and the like, layouts.
    pub(crate) settings: Fields,
    /// Its alarms, such as `packetLoss`.
    pub(crate) alarms: Vec<&'static str>,
    /// Nothing comes from the site any more.
    pub(crate) dark: bool,
}

/// The server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) legs: Mutex<Vec<Leg>>,
    pub(crate) dials: Mutex<Vec<Fields>>,
    pub(crate) key_frames: Mutex<usize>,
    pub(crate) shrinks: Mutex<bool>,
    pub(crate) locked: Mutex<bool>,
    start: Instant,
}

impl Server {
    /// With one call of so many sites.
    pub(crate) fn with_sites(sites: usize) -> Arc<Self> {
        let leg = |number: usize| Leg {
            id: format!("10000000-0000-0000-0000-{number:012}"),
            participant: format!("20000000-0000-0000-0000-{number:012}"),
            call: CALL.to_owned(),
            name: format!("第{number}分会场 <A&B>"),
            remote: format!("v{number}@city.example.org"),
            owner: None,
            subtype: None,
            since: Instant::now().checked_sub(Duration::from_secs(60)).unwrap_or_else(Instant::now),
            outgoing: false,
            settings: Vec::new(),
            alarms: Vec::new(),
            dark: false,
        };
        Arc::new(Self {
            legs: Mutex::new((1..=sites).map(leg).collect()),
            dials: Mutex::default(),
            key_frames: Mutex::default(),
            shrinks: Mutex::default(),
            locked: Mutex::default(),
            start: Instant::now(),
        })
    }

    /// Changes one leg.
    pub(crate) fn change(&self, number: usize, with: impl FnOnce(&mut Leg)) {
        with(&mut self.legs.lock().unwrap()[number]);
    }

    fn dial(&self, call: &str, fields: Fields) -> String {
        let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let number = self.dials.lock().unwrap().len() + 1;
        let leg = Leg {
            id: format!("10000000-0000-0000-0001-{number:012}"),
            participant: format!("20000000-0000-0000-0001-{number:012}"),
            call: call.to_owned(),
            name: field("nameLabelOverride").unwrap_or_default(),
            remote: field("remoteParty").unwrap_or_default(),
            owner: field("ownerId"),
            subtype: None,
            since: Instant::now(),
            outgoing: true,
            settings: Vec::new(),
            alarms: Vec::new(),
            dark: false,
        };
        let id = leg.id.clone();
        self.legs.lock().unwrap().push(leg);
        self.dials.lock().unwrap().push(fields);
        id
    }
}

pub(crate) fn router(server: Arc<Server>) -> Router {
    let api = Router::new()
        .route("/system/status", get(status))
        .route(
            "/system/load",
            get(|| async { xml("<load><mediaProcessingLoad>100</mediaProcessingLoad></load>") }),
        )
        .route("/system/configuration/cluster", get(cluster))
        .route("/system/alarms", get(alarms))
        .route("/system/multipartyLicensing", get(licensing))
        .route("/callBridges", get(bridges))
        .route("/calls", get(calls))
        .route("/calls/{call}/callLegs", get(legs_of_call).post(dial_leg))
        .route("/calls/{call}/participants", get(participants).post(add_participant))
        .route("/calls/{call}/participants/{all}", put(change_all))
        .route("/participants/{id}/callLegs", get(legs_of_participant))
        .route("/callLegs", get(legs))
        .route("/callLegs/{id}", get(leg).put(change).delete(hang_up))
        .route("/callLegs/{id}/generateKeyframe", post(key_frame));
    Router::new().nest("/api/v1", api).layer(from_fn_with_state(Arc::clone(&server), gate)).with_state(server)
}

async fn gate(State(server): Desk, headers: HeaderMap, request: Request, next: Next) -> Response {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{SECRET}"));
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if shown != Some(&format!("Basic {pair}")) || *server.locked.lock().unwrap() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    next.run(request).await
}

fn xml(text: &str) -> Response {
    ([(header::CONTENT_TYPE, "text/xml")], format!("<?xml version=\"1.0\"?>{text}")).into_response()
}

fn refused(code: &str) -> Response {
    (StatusCode::BAD_REQUEST, format!("<?xml version=\"1.0\"?><failureDetails><{code} /></failureDetails>"))
        .into_response()
}

fn named<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// A list, cut into pages.
fn paged(list: &str, entries: &[String], fields: &[(String, String)]) -> Response {
    let number =
        |name: &str, other: usize| named(fields, name).and_then(|text| text.parse().ok()).unwrap_or(other);
    let (limit, offset) = (number("limit", 10).min(PAGE_MAX), number("offset", 0));
    let page: String = entries.iter().skip(offset).take(limit).map(String::as_str).collect();
    xml(&format!("<{list} total=\"{}\">{page}</{list}>", entries.len()))
}

async fn status(State(server): Desk) -> Response {
    let legs = server.legs.lock().unwrap().len();
    let clock = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    xml(&format!(
        "<status><hostId>h</hostId><softwareVersion>3.8</softwareVersion><uptimeSeconds>{}</uptimeSeconds>\
         <cdrTime>{clock}</cdrTime><activated>true</activated><clusterEnabled>true</clusterEnabled>\
         <cdrCorrelatorIndex>7</cdrCorrelatorIndex><callLegsActive>{legs}</callLegsActive>\
         <callLegsMaxActive>900</callLegsMaxActive><callLegsCompleted>2</callLegsCompleted>\
         <audioBitRateOutgoing>67932</audioBitRateOutgoing><audioBitRateIncoming>40380</audioBitRateIncoming>\
         <videoBitRateOutgoing>839</videoBitRateOutgoing><videoBitRateIncoming>2416854</videoBitRateIncoming></status>",
        server.start.elapsed().as_secs() + 90_000
    ))
}

async fn cluster() -> Response {
    xml(
        "<cluster><uniqueName>cb-1</uniqueName><participantLimit>600</participantLimit><loadLimit>400</loadLimit></cluster>",
    )
}

async fn alarms(Query(fields): Query<Fields>) -> Response {
    let alarm = "<alarm id=\"a1\"><type>recorderUnavailable</type><activeTimeSeconds>60</activeTimeSeconds>\
                 <recorder>r1</recorder></alarm>";
    paged("alarms", &[alarm.to_owned()], &fields)
}

async fn licensing() -> Response {
    xml(
        "<multipartyLicensing><timestamp>2026-11-22T01:00:00Z</timestamp><personalLicenseLimit>0</personalLicenseLimit>\
         <sharedLicenseLimit>100</sharedLicenseLimit><capacityUnitLimit>0</capacityUnitLimit><users>3</users>\
         <personalLicenses>0</personalLicenses><weightedCallsWithoutPersonalLicense>1.500</weightedCallsWithoutPersonalLicense>\
         <capacityUnitUsage>0.025</capacityUnitUsage></multipartyLicensing>",
    )
}

async fn bridges(Query(fields): Query<Fields>) -> Response {
    let bridge =
        |number: usize| format!("<callBridge id=\"cb-{number}\"><name>bridge {number}</name></callBridge>");
    paged("callBridges", &[bridge(1), bridge(2)], &fields)
}

async fn calls(Query(fields): Query<Fields>) -> Response {
    let call = format!("<call id=\"{CALL}\"><name>全市例会</name><callCorrelator>k</callCorrelator></call>");
    paged("calls", &[call], &fields)
}

fn listed(leg: &Leg) -> String {
    let alarms: String = leg.alarms.iter().map(|alarm| format!("<{alarm}/>")).collect();
    let alarms = if alarms.is_empty() { alarms } else { format!("<alarms>{alarms}</alarms>") };
    format!(
        "<callLeg id=\"{}\"><name>{}</name><remoteParty>{remote}</remoteParty><originalRemoteParty>{remote}\
         </originalRemoteParty><call>{}</call>{alarms}</callLeg>",
        leg.id,
        escaped(&leg.name),
        leg.call,
        remote = escaped(&leg.remote),
    )
}

fn only(server: &Server, wanted: impl Fn(&Leg) -> bool) -> Vec<String> {
    server.legs.lock().unwrap().iter().filter(|leg| wanted(leg)).map(listed).collect()
}

async fn legs_of_call(
    State(server): Desk,
    Path(call): Path<String>,
    Query(fields): Query<Fields>,
) -> Response {
    let mut all = only(&server, |leg| leg.call == call);
    if all.is_empty() && call != CALL && call != OTHER_CALL {
        return refused("callDoesNotExist");
    }
    // Somebody leaves between the first page and the second.
    if *server.shrinks.lock().unwrap() && named(&fields, "offset") != Some("0") {
        all.remove(0);
    }
    paged("callLegs", &all, &fields)
}

async fn legs(State(server): Desk, Query(fields): Query<Fields>) -> Response {
    let alarms = named(&fields, "alarms").is_some();
    let owned = named(&fields, "ownerIdSet") == Some("true");
    let all = only(&server, |leg| (!alarms || !leg.alarms.is_empty()) && (!owned || leg.owner.is_some()));
    paged("callLegs", &all, &fields)
}

async fn legs_of_participant(
    State(server): Desk,
    Path(id): Path<String>,
    Query(fields): Query<Fields>,
) -> Response {
    paged("callLegs", &only(&server, |leg| leg.participant == id), &fields)
}

async fn participants(
    State(server): Desk,
    Path(call): Path<String>,
    Query(fields): Query<Fields>,
) -> Response {
    let legs = server.legs.lock().unwrap();
    let shown = |leg: &Leg| {
        let (name, call) = (escaped(&leg.name), &leg.call);
        format!(
            "<participant id=\"{}\"><name>{name}</name><call>{call}</call></participant>",
            leg.participant
        )
    };
    let all: Vec<String> = legs.iter().filter(|leg| leg.call == call).map(shown).collect();
    paged("participants", &all, &fields)
}

async fn leg(State(server): Desk, Path(id): Path<String>) -> Response {
    let legs = server.legs.lock().unwrap();
    let Some(leg) = legs.iter().find(|leg| leg.id == id) else { return refused("callLegDoesNotExist") };
    let rings = leg.outgoing && leg.since.elapsed() < RINGS;
    let mut configuration = String::from("<participantLabels>true</participantLabels>");
    for (name, value) in &leg.settings {
        let _ = write!(configuration, "<{name}>{value}</{name}>");
    }
    let owner = leg.owner.as_ref().map(|owner| format!("<ownerId>{owner}</ownerId>")).unwrap_or_default();
    let subtype = leg.subtype.map(|subtype| format!("<subtype>{subtype}</subtype>")).unwrap_or_default();
    let body = listed(leg).replace("</callLeg>", "");
    let (state, media) = if rings { ("ringing", String::new()) } else { ("connected", media(leg)) };
    let direction = if leg.outgoing { "outgoing" } else { "incoming" };
    xml(&format!(
        "{body}<type>sip</type>{subtype}<direction>{direction}</direction><canMove>true</canMove>\
         <configuration>{configuration}{owner}</configuration><status><state>{state}</state>\
         <durationSeconds>{}</durationSeconds><sipCallId>x</sipCallId><encryptedMedia>true</encryptedMedia>{media}\
         </status></callLeg>",
        leg.since.elapsed().as_secs()
    ))
}

fn media(leg: &Leg) -> String {
    let (sound, pictures) = if leg.dark { (0, 0) } else { (38_539, 1_975_241) };
    let quality = "<packetLossPercentage>0.0</packetLossPercentage><jitter>9</jitter>";
    format!(
        "<rxAudio><codec>opus</codec>{quality}<bitRate>{sound}</bitRate></rxAudio>\
         <txAudio><codec>opus</codec>{quality}<bitRate>64000</bitRate><roundTripTime>12</roundTripTime></txAudio>\
         <rxVideo role=\"main\"><codec>h264</codec><bitRate>{pictures}</bitRate>{quality}</rxVideo>\
         <txVideo role=\"main\"><codec>h264</codec><width>1280</width><height>720</height><frameRate>25.0</frameRate>\
         <bitRate>1920000</bitRate>{quality}<roundTripTime>12</roundTripTime></txVideo>"
    )
}

fn form(body: &str) -> Fields {
    url::form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

fn made(path: &str) -> Response {
    (StatusCode::OK, [(header::LOCATION, path.to_owned())]).into_response()
}

async fn dial_leg(State(server): Desk, Path(call): Path<String>, body: String) -> Response {
    if call != CALL {
        return refused("callDoesNotExist");
    }
    let id = server.dial(&call, form(&body));
    made(&format!("/api/v1/callLegs/{id}"))
}

async fn add_participant(State(server): Desk, Path(call): Path<String>, body: String) -> Response {
    let fields = form(&body);
    let Some(moved) = named(&fields, "movedParticipant") else {
        let id = server.dial(&call, fields);
        return made(&format!("/api/v1/participants/{}", id.replacen('1', "2", 1)));
    };
    let mut legs = server.legs.lock().unwrap();
    let Some(leg) = legs.iter_mut().find(|leg| leg.participant == moved) else {
        return refused("participantDoesNotExist");
    };
    leg.call = call;
    made(&format!("/api/v1/participants/{moved}"))
}

fn set(leg: &mut Leg, fields: &Fields) {
    for (name, value) in fields {
        leg.settings.retain(|(old, _)| old != name);
        leg.settings.push((name.clone(), value.clone()));
    }
}

async fn change(State(server): Desk, Path(id): Path<String>, body: String) -> Response {
    let mut legs = server.legs.lock().unwrap();
    let Some(leg) = legs.iter_mut().find(|leg| leg.id == id) else { return refused("callLegDoesNotExist") };
    set(leg, &form(&body));
    StatusCode::OK.into_response()
}

async fn change_all(
    State(server): Desk,
    Path((call, all)): Path<(String, String)>,
    body: String,
) -> Response {
    if all != "*" {
        return refused("participantDoesNotExist");
    }
    let mut legs = server.legs.lock().unwrap();
    legs.iter_mut().filter(|leg| leg.call == call).for_each(|leg| set(leg, &form(&body)));
    StatusCode::OK.into_response()
}

async fn hang_up(State(server): Desk, Path(id): Path<String>) -> Response {
    let mut legs = server.legs.lock().unwrap();
    let before = legs.len();
    legs.retain(|leg| leg.id != id);
    if legs.len() == before { refused("callLegDoesNotExist") } else { StatusCode::OK.into_response() }
}

async fn key_frame(State(server): Desk, Path(id): Path<String>) -> Response {
    if !server.legs.lock().unwrap().iter().any(|leg| leg.id == id) {
        return refused("callLegDoesNotExist");
    }
    *server.key_frames.lock().unwrap() += 1;
    StatusCode::OK.into_response()
}

//! A stand-in for a Pexip Infinity management node: status, commands and the event sink as the maker documents them,
//! with calls that connect, move and end, counters that move with time, and the maker's limit of requests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use base64::Engine as _;
use serde_json::{Value, json};
use tokio::time::Instant;

pub(crate) const CONFERENCE: &str = "全市例会";
pub(crate) const ALIAS: &str = "8001@city.example.org";
pub(crate) const USER: &str = "vcops";
pub(crate) const SECRET: &str = "pexip-secret-7Q";
/// What the maker allows in a minute.
const ALLOWED_PER_MINUTE: usize = 1_000;
/// A dialled call is connected after this long.
const RINGS: Duration = Duration::from_millis(300);

type Desk = State<Arc<Platform>>;
type Filters = Query<Vec<(String, String)>>;

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) conference: String,
    pub(crate) name: String,
    pub(crate) alias: String,
    pub(crate) outbound: bool,
    pub(crate) muted: bool,
    pub(crate) quality: &'static str,
    pub(crate) since: Instant,
    /// From when on nothing comes from the site any more.
    pub(crate) dark_since: Option<Instant>,
}

/// The platform.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) calls: Mutex<Vec<Call>>,
    pub(crate) dials: Mutex<Vec<Value>>,
    pub(crate) commands: Mutex<Vec<(String, Value)>>,
    pub(crate) maintenance: Mutex<bool>,
    pub(crate) shrinks: Mutex<bool>,
    pub(crate) locked: Mutex<bool>,
    asked: Mutex<VecDeque<Instant>>,
}

impl Platform {
    /// With one conference of so many sites that called in.
    pub(crate) fn with_sites(sites: usize) -> Arc<Self> {
        let call = |number: usize| Call {
            id: format!("00000000-0000-0000-0000-{number:012}"),
            conference: CONFERENCE.to_owned(),
            name: format!("第{number}分会场"),
            alias: format!("v{number}@city.example.org"),
            outbound: false,
            muted: false,
            quality: "1_good",
            since: Instant::now().checked_sub(Duration::from_secs(60)).unwrap_or_else(Instant::now),
            dark_since: None,
        };
        Arc::new(Self {
            calls: Mutex::new((1..=sites).map(call).collect()),
            dials: Mutex::default(),
            commands: Mutex::default(),
            maintenance: Mutex::default(),
            shrinks: Mutex::default(),
            locked: Mutex::default(),
            asked: Mutex::default(),
        })
    }

    /// Changes one call.
    pub(crate) fn change(&self, number: usize, with: impl FnOnce(&mut Call)) {
        with(&mut self.calls.lock().unwrap()[number]);
    }
}

pub(crate) fn router(platform: Arc<Platform>) -> Router {
    let status = Router::new()
        .route("/worker_vm/", get(workers))
        .route("/licensing/", get(licensing))
        .route("/alarm/", get(alarms))
        .route("/conference/", get(conferences))
        .route("/participant/", get(participants))
        .route("/participant/{id}/", get(participant))
        .route("/participant/{id}/media_stream/", get(media));
    let configuration =
        Router::new().route("/conference/", get(configured)).route("/worker_vm/{id}/", patch(maintenance));
    Router::new()
        .nest("/api/admin/status/v1", status)
        .nest("/api/admin/configuration/v1", configuration)
        .route("/api/admin/command/v1/{of}/{what}/", post(command))
        .layer(from_fn_with_state(Arc::clone(&platform), gate))
        .with_state(platform)
}

/// Name and secret with each request, and no more requests than the maker allows.
async fn gate(State(platform): Desk, headers: HeaderMap, request: Request, next: Next) -> Response {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{SECRET}"));
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if shown != Some(&format!("Basic {pair}")) || *platform.locked.lock().unwrap() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let too_many = {
        let mut asked = platform.asked.lock().unwrap();
        asked.retain(|at| at.elapsed() < Duration::from_secs(60));
        asked.push_back(Instant::now());
        asked.len() > ALLOWED_PER_MINUTE
    };
    if too_many { StatusCode::TOO_MANY_REQUESTS.into_response() } else { next.run(request).await }
}

/// A list as Tastypie cuts it into pages.
fn paged(all: &[Value], filters: &[(String, String)]) -> Json<Value> {
    let number = |name: &str, other: usize| {
        let found = filters.iter().find(|(key, _)| key == name);
        found.and_then(|(_, value)| value.parse().ok()).unwrap_or(other)
    };
    let (limit, offset) = (number("limit", 20), number("offset", 0));
    let objects: Vec<&Value> = all.iter().skip(offset).take(limit).collect();
    let next = (offset + limit < all.len()).then(|| format!("?limit={limit}&offset={}", offset + limit));
    let meta =
        json!({ "limit": limit, "next": next, "offset": offset, "previous": null, "total_count": all.len() });
    Json(json!({ "meta": meta, "objects": objects }))
}

fn named<'a>(filters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    filters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn utc(ago: Duration) -> String {
    let at = jiff::Timestamp::now() - jiff::SignedDuration::try_from(ago).unwrap();
    at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string()
}

async fn workers(State(platform): Desk, Query(filters): Filters) -> Json<Value> {
    let node = |id: usize, name: &str| {
        json!({
            "boot_time": "2026-11-01T20:40:44.605738", "configuration_id": id, "cpu_count": 8,
            "deploy_error": "", "deploy_progress": 100, "deploy_status": "deploy_succeeded", "id": id,
            "last_reported": utc(Duration::from_secs(20)), "last_updated": "2026-11-01T13:22:44",
            "maintenance_mode": *platform.maintenance.lock().unwrap(), "max_audio_calls": 344,
            "max_full_hd_calls": 10, "max_hd_calls": 18, "max_media_tokens": 172, "max_sd_calls": 44,
            "media_load": 12, "media_tokens_used": 20, "name": name, "node_type": "CONFERENCING",
            "resource_uri": format!("/api/admin/status/v1/worker_vm/{id}/"), "signaling_count": 3,
            "system_location": "市局", "total_ram": 3097356, "upgrade_status": "IDLE",
            "version": "34 (75000.0.0)",
        })
    };
    paged(&[node(2, "conf-1"), node(3, "conf-2")], &filters)
}

async fn licensing() -> Json<Value> {
    let licences = json!({
        "audio_count": 0, "audio_total": 10, "port_count": 20, "port_total": 100, "vmr_count": 3, "vmr_total": 50,
        "resource_uri": "/api/admin/status/v1/licensing/1/", "hint_of_a_later_version": true,
    });
    Json(json!({ "meta": { "total_count": 1 }, "objects": [licences] }))
}

async fn alarms(Query(filters): Filters) -> Json<Value> {
    let alarm = json!({
        "id": 7, "identifier": 11, "level": "warning", "name": "cpu_low", "details": "only 4 cores",
        "instance": "conf-1", "node": "10.0.0.1", "acknowledged": false, "time_raised": "2026-11-22T00:10:00.5",
    });
    paged(&[alarm], &filters)
}

async fn conferences(Query(filters): Filters) -> Json<Value> {
    let conference = json!({
        "id": "11111111-0000-0000-0000-000000000001", "name": CONFERENCE, "service_type": "conference",
        "start_time": "2026-11-22T00:00:00", "is_locked": false, "is_started": true, "guests_muted": false,
        "tag": "", "resource_uri": "/api/admin/status/v1/conference/1/",
    });
    let wanted = named(&filters, "name").is_none_or(|name| name == CONFERENCE);
    paged(if wanted { std::slice::from_ref(&conference) } else { &[] }, &filters)
}

async fn configured(Query(filters): Filters) -> Json<Value> {
    let conference = json!({ "id": 1, "name": CONFERENCE, "aliases": [{ "id": 1, "alias": ALIAS }] });
    let wanted = named(&filters, "name").is_none_or(|name| name == CONFERENCE);
    paged(if wanted { std::slice::from_ref(&conference) } else { &[] }, &filters)
}

fn shown(call: &Call) -> Value {
    let rings = call.outbound && call.since.elapsed() < RINGS;
    json!({
        "bandwidth": 1920, "call_direction": if call.outbound { "out" } else { "in" },
        "call_quality": call.quality, "call_uuid": call.id, "conference": call.conference,
        "connect_time": if rings { Value::Null } else { json!(utc(call.since.elapsed())) },
        "conversation_id": call.id, "destination_alias": if call.outbound { &call.alias } else { ALIAS },
        "display_name": call.name, "encryption": "On", "has_media": !rings, "id": call.id,
        "is_disconnect_supported": true, "is_mute_supported": true, "is_muted": call.muted, "is_on_hold": false,
        "is_presentation_supported": true, "is_presenting": false, "is_streaming": false,
        "is_transfer_supported": true, "license_count": 1, "license_type": "port", "media_node": "10.0.0.1",
        "parent_id": "", "participant_alias": call.alias, "protocol": "SIP", "proxy_node": "",
        "remote_address": "10.1.0.3", "remote_port": 5061,
        "resource_uri": format!("/api/admin/status/v1/participant/{}/", call.id), "role": "guest",
        "service_tag": "", "service_type": "conference", "signalling_node": "10.0.0.1",
        "source_alias": if call.outbound { ALIAS } else { &call.alias }, "system_location": "市局",
        "vendor": "TANDBERG/529",
    })
}

async fn participants(State(platform): Desk, Query(filters): Filters) -> Json<Value> {
    let calls = platform.calls.lock().unwrap();
    let wanted = |call: &&Call| named(&filters, "conference").is_none_or(|name| name == call.conference);
    let mut all: Vec<Value> = calls.iter().filter(wanted).map(shown).collect();
    // Somebody leaves between the first page and the second.
    if *platform.shrinks.lock().unwrap() && named(&filters, "offset") != Some("0") {
        all.remove(0);
    }
    paged(&all, &filters)
}

async fn participant(State(platform): Desk, Path(id): Path<String>) -> Result<Json<Value>, StatusCode> {
    let calls = platform.calls.lock().unwrap();
    calls.iter().find(|call| call.id == id).map(|call| Json(shown(call))).ok_or(StatusCode::NOT_FOUND)
}

async fn media(
    State(platform): Desk,
    Path(id): Path<String>,
    Query(filters): Filters,
) -> Result<Json<Value>, StatusCode> {
    let calls = platform.calls.lock().unwrap();
    let call = calls.iter().find(|call| call.id == id).ok_or(StatusCode::NOT_FOUND)?;
    let heard = call.dark_since.map_or(call.since.elapsed(), |dark| dark.duration_since(call.since));
    let stream = |id: &str, kind: &str, (kbps, pps): (u32, f64), picture: (&str, f64)| {
        let dark = call.dark_since.is_some();
        json!({
            "id": id, "type": kind, "node": "10.0.0.1", "start_time": "2026-11-22T00:00:00.000001", "end_time": null,
            "rx_bitrate": if dark { 0 } else { kbps }, "rx_codec": "H264", "rx_fps": picture.1, "rx_jitter": 2,
            "rx_packet_loss": 0.05, "rx_windowed_packet_loss": 0.0, "rx_packets_lost": 12,
            "rx_packets_received": (heard.as_secs_f64() * pps) as u64, "rx_resolution": picture.0,
            "tx_bitrate": kbps, "tx_codec": "H264", "tx_fps": picture.1, "tx_jitter": 4, "tx_packet_loss": 0.0,
            "tx_windowed_packet_loss": 0.0, "tx_packets_lost": 0,
            "tx_packets_sent": (call.since.elapsed().as_secs_f64() * pps) as u64, "tx_resolution": picture.0,
        })
    };
    let (sound, pictures) = (stream("0", "audio", (64, 50.0), ("", 0.0)), ("1280x720", 25.0));
    Ok(paged(&[sound, stream("1", "video", (1_820, 190.0), pictures)], &filters))
}

async fn maintenance(State(platform): Desk, Path(_): Path<String>, body: Bytes) -> StatusCode {
    let Ok(body) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST };
    *platform.maintenance.lock().unwrap() = body["maintenance_mode"] == json!(true);
    StatusCode::ACCEPTED
}

fn refused(why: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "status": "failure", "error": why }))).into_response()
}

async fn command(State(platform): Desk, Path((of, what)): Path<(String, String)>, body: Bytes) -> Response {
    let Ok(body) = serde_json::from_slice::<Value>(&body) else { return refused("not JSON") };
    platform.commands.lock().unwrap().push((format!("{of}/{what}"), body.clone()));
    let id = body["participant_id"].as_str().unwrap_or_default().to_owned();
    let number = platform.dials.lock().unwrap().len() + 1;
    let mut calls = platform.calls.lock().unwrap();
    let at = calls.iter().position(|call| call.id == id);
    let data = match (of.as_str(), what.as_str(), at) {
        ("participant", "dial", _) => match dialled(&body, number) {
            Some(call) => {
                platform.dials.lock().unwrap().push(body);
                calls.push(call);
                let id = &calls[calls.len() - 1].id;
                json!({ "participant_id": id, "participant_ids": [id] })
            }
            None => return refused("conference_alias: no such alias"),
        },
        ("participant", "disconnect", Some(at)) => {
            calls.remove(at);
            Value::Null
        }
        ("participant", "mute" | "unmute", Some(at)) => {
            calls[at].muted = what == "mute";
            Value::Null
        }
        ("participant", "transfer", Some(at)) => {
            calls[at].conference = body["conference_alias"].as_str().unwrap_or_default().to_owned();
            Value::Null
        }
        ("conference", "mute_guests" | "unmute_guests" | "transform_layout", _) => {
            calls.iter_mut().for_each(|call| call.muted = what == "mute_guests");
            Value::Null
        }
        _ => return refused("no such participant or command"),
    };
    (StatusCode::ACCEPTED, Json(json!({ "data": data, "status": "success" }))).into_response()
}

fn dialled(body: &Value, number: usize) -> Option<Call> {
    let alias = body["conference_alias"].as_str()?;
    if alias != ALIAS && alias != CONFERENCE {
        return None;
    }
    Some(Call {
        id: format!("00000000-0000-0000-0001-{number:012}"),
        conference: CONFERENCE.to_owned(),
        name: body["remote_display_name"].as_str()?.to_owned(),
        alias: body["destination"].as_str()?.to_owned(),
        outbound: true,
        muted: false,
        quality: "0_unknown",
        since: Instant::now(),
        dark_since: None,
    })
}

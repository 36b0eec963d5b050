//! A plain RTP participant of our own in an AudioBridge.
//!
//! What a probe joins with, and what a gateway of H.323 or SIP does on behalf of a venue. It holds a session, so it
//! must be kept alive, and it is told where to send.

use std::net::SocketAddr;

use serde_json::{Map, Value, json};

use super::Settings;
use super::line::{HandleRef, Line};
use super::name::{Id, Plugin, Room};
use super::reply::{self, text, whole};
use crate::mcu::fault::Fault;
use crate::mcu::http::Intent;

/// Events that are read while waiting for the answer to a join.
const EVENTS_MAX: usize = 32;

/// A participant of ours. Leaves with [`Guest::leave`]; forgotten, it goes when Janus' session time runs out.
#[derive(Debug)]
pub struct Guest {
    line: Line,
    /// Its handle, as rosters of handles show it.
    pub at: HandleRef,
    /// Where Janus listens for its RTP, and nowhere else.
    pub to: SocketAddr,
    /// The payload type that Janus expects.
    pub payload_type: u8,
}

/// Whom a guest joins as.
#[derive(Debug, Clone)]
pub struct Joining {
    /// The room.
    pub room: Id,
    /// Its own number in it.
    pub party: Id,
    /// The name that is shown.
    pub name: String,
    /// Where its RTP comes from: Janus hears only exactly this address.
    pub from: SocketAddr,
    /// In which codec it speaks and hears.
    pub codec: GuestCodec,
}

/// A codec in which an AudioBridge speaks with a plain RTP participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestCodec {
    /// Opus, Janus' own choice.
    Opus,
    /// G.711 A-law.
    Pcma,
}

impl GuestCodec {
    fn word(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Pcma => "pcma",
        }
    }
}

impl Guest {
    /// Joins.
    pub async fn join(settings: &Settings, joining: &Joining) -> Result<Self, Fault> {
        let line = Line::new(settings)?;
        let session = made(&line, "", json!({"janus": "create"})).await?;
        let attach = json!({
            "janus": "attach", "plugin": Plugin::AudioBridge.package(), "opaque_id": joining.name,
        });
        let handle = made(&line, &format!("/{session}"), attach).await?;
        let at = HandleRef { session, handle };
        let request = json!({
            "request": "join", "room": joining.room.json(), "id": joining.party.json(), "display": joining.name,
            "codec": joining.codec.word(),
            "rtp": {"ip": joining.from.ip().to_string(), "port": joining.from.port()},
        });
        line.speak_for(at, request, "join").await?;
        let (to, payload_type) = joined(&line, session).await?;
        Ok(Self { line, at, to, payload_type })
    }

    /// Keeps the session alive; must be called more often than Janus' session time, 60 s unless set otherwise.
    pub async fn keep(&self) -> Result<(), Fault> {
        let place = format!("/{}", self.at.session);
        self.line.session(&place, fields(json!({"janus": "keepalive"})), Intent::Read).await.map(drop)
    }

    /// The next event of its session, at most the time of one reply; `None` when there was none. A gateway hears here
    /// that it was made to join again, and where to send then.
    pub async fn next_event(&self) -> Result<Option<Value>, Fault> {
        self.line.next_event(self.at.session).await
    }

    /// Where to send from now on, if that event says that it joined again.
    pub fn moved_to(event: &Value) -> Option<SocketAddr> {
        let data = reply::plugin_answer(event, Plugin::AudioBridge).ok()?;
        address(&data["rtp"])
    }

    /// Leaves, with all that belongs to its session.
    pub async fn leave(self) -> Result<(), Fault> {
        let place = format!("/{}", self.at.session);
        self.line.session(&place, fields(json!({"janus": "destroy"})), Intent::Act).await.map(drop)
    }
}

/// Makes a room for plain RTP participants, if there is none yet. For test conferences.
pub async fn make_room(settings: &Settings, room: &Room, name: &str) -> Result<(), Fault> {
    let request = json!({
        "request": "create", "room": room.id.json(), "description": name,
        "allow_rtp_participants": true, "sampling_rate": 16_000,
    });
    match Line::new(settings)?.act(Plugin::AudioBridge, request, "make-room").await {
        Ok(_) => Ok(()),
        // There is one.
        Err(Fault::Said { code, .. }) if code == "486" => Ok(()),
        Err(fault) => Err(fault),
    }
}

/// Has a room send on what it mixes, as G.711 A-law, to an address: as to a recorder or a monitor.
pub async fn forward_mix(settings: &Settings, room: &Room, to: SocketAddr) -> Result<(), Fault> {
    let request = json!({
        "request": "rtp_forward", "room": room.id.json(), "host": to.ip().to_string(), "port": to.port(),
        "codec": "pcma", "ptype": 8, "always_on": true,
    });
    Line::new(settings)?.act(Plugin::AudioBridge, request, "forward-mix").await.map(drop)
}

async fn made(line: &Line, place: &str, request: Value) -> Result<u64, Fault> {
    let answer = line.session(place, fields(request), Intent::Act).await?;
    whole(&answer["data"], "id").ok_or_else(|| Fault::Shape("made without a number".into()))
}

async fn joined(line: &Line, session: u64) -> Result<(SocketAddr, u8), Fault> {
    for _ in 0..EVENTS_MAX {
        let Some(event) = line.next_event(session).await? else { continue };
        if text(&event, "janus") != Some("event") || event["transaction"] != "join" {
            continue;
        }
        let data = reply::plugin_answer(&event, Plugin::AudioBridge)?;
        let rtp = &data["rtp"];
        let payload = whole(rtp, "payload_type").and_then(|payload| u8::try_from(payload).ok());
        let told = address(rtp).zip(payload);
        return told.ok_or_else(|| Fault::Shape("joined, and not told where to send".into()));
    }
    Err(Fault::Timeout { sent: true })
}

fn address(rtp: &Value) -> Option<SocketAddr> {
    let port = u16::try_from(whole(rtp, "port")?).ok()?;
    Some(SocketAddr::new(text(rtp, "ip")?.parse().ok()?, port))
}

fn fields(value: Value) -> Map<String, Value> {
    super::line::object(value)
}

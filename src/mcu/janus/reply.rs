//! What Janus answers: total parsers of its JSON. `success` is not done: a plugin says no inside of it.
//!
//! Shapes as of Janus 1.1.2 (`janus.c`, `janus_audiobridge.c`, `janus_videoroom.c`, `janus_streaming.c` name the fields).
//! A field that is not known here is passed over; one that is missing is absent, never zero.

use std::collections::BTreeSet;

use serde_json::Value;

use super::name::{Id, Plugin};
use crate::domain::mcu::bounded;
use crate::mcu::fault::{AuthWhy, Fault};
use crate::observation::device::{Medium, ROSTER_MAX};

/// Most media lines that are read of one call or mountpoint.
pub const LANES_MAX: usize = 64;

/// The whole answer, if Janus says that it took the request. What it says no to is a fault.
pub fn answer(body: &[u8]) -> Result<Value, Fault> {
    let value: Value = serde_json::from_slice(body).map_err(|error| Fault::Shape(error.to_string()))?;
    match text(&value, "janus") {
        Some("success" | "pong" | "ack" | "server_info" | "event" | "keepalive") => Ok(value),
        Some("error") => Err(refusal(&value["error"])),
        Some(_) | None => Err(Fault::Shape("an answer that is none of Janus".into())),
    }
}

/// What a plugin answered, found where the admin interface or the session interface puts it.
pub fn plugin_answer(value: &Value, plugin: Plugin) -> Result<&Value, Fault> {
    let data = value.get("response").or_else(|| value.get("plugindata").and_then(|data| data.get("data")));
    let data = data.ok_or_else(|| Fault::Shape("no answer of the plugin inside".into()))?;
    if let Some(code) = whole(data, "error_code") {
        let words = bounded(text(data, "error").unwrap_or_default()).to_owned();
        return Err(Fault::Said { code: code.to_string(), words });
    }
    if text(data, plugin.word()).is_none() {
        return Err(Fault::Shape(format!("an answer that is none of {}", plugin.word())));
    }
    Ok(data)
}

fn refusal(error: &Value) -> Fault {
    let words = bounded(text(error, "reason").unwrap_or_default()).to_owned();
    match whole(error, "code") {
        Some(403) => Fault::Auth(AuthWhy::Wrong),
        Some(405) => Fault::Auth(AuthWhy::Denied),
        // Not accepting new sessions.
        Some(472) => Fault::Busy(words),
        Some(code) => Fault::Said { code: code.to_string(), words },
        None => Fault::Shape("an error without a code".into()),
    }
}

/// What the server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// Version, such as `1.1.2`.
    pub version: Option<String>,
    /// Whether it takes new sessions.
    pub accepting: Option<bool>,
    /// The plugins that it loaded and that hold conferences.
    pub plugins: BTreeSet<Plugin>,
    /// Whether it pushes events at all.
    pub events: Option<bool>,
}

/// Reads `info`.
pub fn server_info(value: &Value) -> Result<ServerInfo, Fault> {
    if text(value, "janus") != Some("server_info") {
        return Err(Fault::Shape("no server_info".into()));
    }
    let plugins = value.get("plugins").and_then(Value::as_object);
    Ok(ServerInfo {
        version: text(value, "version_string").map(|version| bounded(version).to_owned()),
        accepting: flag(value, "accepting-new-sessions"),
        plugins: plugins
            .map(|plugins| plugins.keys().filter_map(|name| Plugin::from_package(name)).collect())
            .unwrap_or_default(),
        events: flag(value, "event_handlers"),
    })
}

/// The numbers in a list such as `sessions` or `handles`.
pub fn numbers(value: &Value, field: &str) -> Result<Vec<u64>, Fault> {
    let listed = list(value, field)?;
    Ok(listed.iter().take(ROSTER_MAX).filter_map(Value::as_u64).collect())
}

/// A room as a plugin lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomListed {
    /// Its id.
    pub id: Id,
    /// Its description.
    pub name: String,
    /// Whether all of it is muted.
    pub muted: Option<bool>,
    /// Whether only who knows its number may join.
    pub pin_required: Option<bool>,
    /// Participants.
    pub participants: Option<u64>,
    /// Most that may publish.
    pub publishers_max: Option<u64>,
    /// A mountpoint's sources.
    pub lanes: Vec<Lane>,
    /// Whether a mountpoint passes on what it gets.
    pub enabled: Option<bool>,
}

/// A source of a mountpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Sound or pictures.
    pub medium: Medium,
    /// Codec, where it is told.
    pub codec: Option<String>,
    /// How old the newest packet is, milliseconds; none came yet when absent.
    pub age_ms: Option<u64>,
}

/// Reads a plugin's `list`. The second value says whether everything could be read.
pub fn rooms(data: &Value, plugin: Plugin) -> Result<(Vec<RoomListed>, bool), Fault> {
    read_list(data, "list", |value| {
        let id = Id::read(value.get(if plugin == Plugin::Streaming { "id" } else { "room" }))?;
        let name = text(value, "description").unwrap_or_default();
        Some(RoomListed {
            id,
            name: bounded(name).to_owned(),
            muted: flag(value, "muted"),
            pin_required: flag(value, "pin_required"),
            participants: whole(value, "num_participants"),
            publishers_max: whole(value, "max_publishers"),
            lanes: lanes(value),
            enabled: flag(value, "enabled"),
        })
    })
}

fn lanes(value: &Value) -> Vec<Lane> {
    let media = value.get("media").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let lane = |lane: &Value| {
        Some(Lane {
            medium: medium(text(lane, "type")?)?,
            codec: text(lane, "codec").map(|codec| bounded(codec).to_owned()),
            age_ms: whole(lane, "age_ms"),
        })
    };
    media.iter().take(LANES_MAX).filter_map(lane).collect()
}

/// A participant as a room lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyListed {
    /// Its id.
    pub id: Id,
    /// The name that is shown.
    pub name: String,
    /// Whether its media path was set up once. Says nothing about now.
    pub setup: Option<bool>,
    /// Whether it is muted.
    pub muted: Option<bool>,
    /// Whether it publishes.
    pub publisher: Option<bool>,
}

/// Reads `listparticipants`. The second value says whether everything could be read.
pub fn parties(data: &Value) -> Result<(Vec<PartyListed>, bool), Fault> {
    read_list(data, "participants", |value| {
        Some(PartyListed {
            id: Id::read(value.get("id"))?,
            name: bounded(text(value, "display").unwrap_or_default()).to_owned(),
            setup: flag(value, "setup"),
            muted: flag(value, "muted"),
            publisher: flag(value, "publisher"),
        })
    })
}

fn read_list<T>(
    data: &Value,
    field: &str,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<(Vec<T>, bool), Fault> {
    let listed = list(data, field)?;
    let found: Vec<T> = listed.iter().take(ROSTER_MAX).filter_map(read).collect();
    let complete = found.len() == listed.len();
    Ok((found, complete))
}

fn list<'a>(value: &'a Value, field: &str) -> Result<&'a [Value], Fault> {
    let listed = value.get(field).and_then(Value::as_array).map(Vec::as_slice);
    listed.ok_or_else(|| Fault::Shape(format!("no list {field}")))
}

/// Sound or pictures, as Janus writes it. Data channels are neither.
pub(super) fn medium(word: &str) -> Option<Medium> {
    match word {
        "audio" => Some(Medium::Audio),
        "video" => Some(Medium::Video),
        _ => None,
    }
}

/// A text field.
pub(super) fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field).and_then(Value::as_str)
}

/// A whole number that is not negative.
pub(super) fn whole(value: &Value, field: &str) -> Option<u64> {
    value.get(field).and_then(Value::as_u64)
}

/// A yes or no; some plugins write 0 and 1.
pub(super) fn flag(value: &Value, field: &str) -> Option<bool> {
    let value = value.get(field)?;
    value.as_bool().or_else(|| value.as_u64().map(|number| number != 0))
}

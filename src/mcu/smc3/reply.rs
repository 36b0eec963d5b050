//! Replies of the REST interface of SMC 3.0, read into our words. Total over any bytes; knows no line.
//!
//! Sources: the northbound interface as public programs quote and use it. Of codes only those stand here that are
//! documented there; any other stays a number.

use serde_json::Value;
use zeroize::Zeroizing;

use crate::domain::mcu::{ConferenceRef, ParticipantRef, bounded};
use crate::domain::time::Utc;
use crate::mcu::fault::Fault;
use crate::mcu::fields::{flag, json, list, required, text, whole};
use crate::observation::device::{AlarmLevel, ConferenceSeen, DeviceAlarm, Presence, ROSTER_MAX, SiteSeen};

/// What says no when all ports of the MCUs are taken.
pub const NO_RESOURCES: &str = "0x20040010";
/// What says no when a conference has as many sites as it may have.
pub const TOO_MANY_SITES: &str = "0x2003b";

/// What a reply says went wrong: `errorNo` with `errorDesc`, under whatever HTTP status, or a status that is no
/// success. A 5xx without an `errorNo` leaves open what happened.
pub fn refusal(status: u16, body: &[u8]) -> Option<Fault> {
    let said = serde_json::from_slice::<Value>(body).ok().and_then(|value| {
        let code = text(&value, "errorNo").filter(|code| code != "0")?;
        let words = text(&value, "errorDesc").unwrap_or_default();
        Some(Fault::Said { code: plain_code(&code), words })
    });
    match (said, status) {
        (Some(said), _) => Some(said),
        (None, 200..=299) => None,
        (None, 500..) => Some(Fault::Shape(format!("HTTP {status}"))),
        (None, _) => Some(Fault::Said { code: format!("http_{status}"), words: String::new() }),
    }
}

/// Codes are hexadecimal numbers, with and without `0x`, in either case.
fn plain_code(code: &str) -> String {
    let code = code.to_lowercase();
    let digits = code.strip_prefix("0x").unwrap_or(&code).trim_start_matches('0');
    let is_hex = !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_hexdigit());
    if is_hex { format!("0x{digits}") } else { code }
}

/// Reads the reply to a login or a renewal: the token, never shown.
pub fn token(body: &[u8]) -> Result<Zeroizing<String>, Fault> {
    required(text(&json(body)?, "uuid").map(Zeroizing::new), "uuid")
}

/// Reads a ticket or the token of one conference, which stand alone, quoted, or in an object.
pub fn bare_token(body: &[u8]) -> Result<Zeroizing<String>, Fault> {
    let found = match serde_json::from_slice::<Value>(body) {
        Ok(Value::String(found)) => Some(found),
        Ok(Value::Number(found)) => Some(found.to_string()),
        Ok(object @ Value::Object(_)) => {
            ["ticket", "token", "uuid"].iter().find_map(|name| text(&object, name))
        }
        Ok(_) => None,
        Err(_) => std::str::from_utf8(body).ok().map(str::to_owned),
    };
    let found = found.map(|found| bounded(found.trim()).to_owned());
    let fits = |found: &String| !found.is_empty() && found.chars().all(|c| c.is_ascii_graphic());
    required(found.filter(fits).map(Zeroizing::new), "a token")
}

/// One page of a list, as Spring writes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Value>,
    /// How many rows all pages have together.
    pub total: usize,
}

/// Reads a page.
pub fn page(body: &[u8]) -> Result<Page, Fault> {
    let value = json(body)?;
    let total = required(whole(&value, "totalElements"), "totalElements")?;
    let total = usize::try_from(total).map_err(|_| Fault::Shape("`totalElements` below 0".into()))?;
    let rows = required(list(&value, "content"), "content")?;
    Ok(Page { rows: rows.iter().take(ROSTER_MAX).cloned().collect(), total })
}

/// Reads a conference out of a row of the list; `None` for one that has not begun or is over.
pub fn conference(row: &Value, at: Utc) -> Result<Option<ConferenceSeen>, Fault> {
    let id = required(text(row, "id"), "content/id")?;
    if text(row, "stage").is_some_and(|stage| !stage.eq_ignore_ascii_case("online")) {
        return Ok(None);
    }
    Ok(Some(ConferenceSeen {
        conference: ConferenceRef::new(&id),
        name: text(row, "subject").unwrap_or_default(),
        expected: None,
        present: Vec::new(),
        complete: false,
        at,
    }))
}

/// What the details of a conference say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// Its subject.
    pub name: String,
    /// How many sites it has.
    pub sites: Option<usize>,
    /// Which site is shown to all.
    pub shown: Option<ParticipantRef>,
    /// The SMC has raised an alarm about it.
    pub alarmed: bool,
}

/// Reads the details of a conference.
pub fn detail(body: &[u8]) -> Result<Detail, Fault> {
    let value = json(body)?;
    let shown = required(value.get("conferenceUiParam"), "conferenceUiParam")?;
    let state = required(value.get("conferenceState"), "conferenceState")?;
    let sites = whole(shown, "totalParticipantNum").and_then(|count| usize::try_from(count).ok());
    Ok(Detail {
        name: text(shown, "subject").unwrap_or_default(),
        sites,
        shown: text(state, "broadcastId").map(|id| ParticipantRef::new(&id)),
        alarmed: flag(state, "generatedAlarm").unwrap_or(false),
    })
}

/// A site with what else is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// As it is seen.
    pub seen: SiteSeen,
    /// What of it is switched off.
    pub off: Off,
}

/// What of a site is switched off, by whomever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Off {
    /// Its microphone 静音.
    pub mute: bool,
    /// Its loudspeaker 闭音.
    pub quiet: bool,
    /// Its camera.
    pub picture: bool,
}

/// Reads a site out of a row of the participants. All rows are sites that belong to the conference, there or not.
pub fn site(row: &Value) -> Result<Site, Fault> {
    let general = required(row.get("generalParam"), "generalParam")?;
    let state = required(row.get("state"), "state")?;
    let id = text(general, "id").or_else(|| text(state, "participantId"));
    let id = required(id, "generalParam/id")?;
    let online = required(flag(state, "online"), "state/online")?;
    let is = |name: &str| flag(state, name).unwrap_or(false);
    let presence = match (online, is("calling")) {
        (true, _) => Presence::Connected,
        (false, true) => Presence::Calling,
        (false, false) => Presence::Left { cause: cause(state) },
    };
    let seen = SiteSeen {
        participant: ParticipantRef::new(&id),
        name: text(general, "name").unwrap_or_default(),
        address: text(general, "uri"),
        presence,
        muted: flag(state, "mute"),
        redialled_by_platform: false,
        cascade: is_cascade(row, general, state),
        probe: false,
        streams: Vec::new(),
    };
    let off = Off { mute: is("mute"), quiet: is("quiet"), picture: is("videoMute") || is("siteVideoMute") };
    Ok(Site { seen, off })
}

fn cause(state: &Value) -> String {
    text(state, "callFailReason").filter(|code| code != "0").unwrap_or_default()
}

/// A channel to a conference below or above is marked by its own fields, or by an address in two parts.
fn is_cascade(row: &Value, general: &Value, state: &Value) -> bool {
    let marks = ["vdcMarkCascadeParticipant", "cascadeParticipantParameter"];
    let marked = |value: &Value| marks.iter().any(|name| value.get(name).is_some_and(|mark| !mark.is_null()));
    marked(row)
        || marked(general)
        || marked(state)
        || text(general, "uri").is_some_and(|uri| uri.contains("**"))
}

/// The codecs that were negotiated with a site, sound and pictures, by its details.
pub fn codecs(body: &[u8]) -> Result<(Option<String>, Option<String>), Fault> {
    let value = json(body)?;
    if !value.is_object() {
        return Err(Fault::Shape("no object".into()));
    }
    let audio = whole(&value, "audioProtocol").map(audio_codec);
    Ok((audio, whole(&value, "videoProtocol").map(video_codec)))
}

/// Alarms of one conference. Their fields are not documented; what names and describes them is tried.
pub fn alarms(conference: &ConferenceSeen, body: &[u8]) -> Result<Vec<DeviceAlarm>, Fault> {
    let value = json(body)?;
    let rows = list(&value, "content").or_else(|| value.as_array().map(Vec::as_slice));
    let rows = required(rows, "content")?;
    let first = |row: &Value, names: &[&str]| names.iter().find_map(|name| text(row, name));
    let alarm = |(at, row): (usize, &Value)| {
        let what = first(row, &["alarmName", "name", "alarmType", "type"]);
        let id = first(row, &["id", "alarmId"]).unwrap_or_else(|| at.to_string());
        DeviceAlarm {
            id: bounded(&format!("{}/{id}", conference.conference)).to_owned(),
            what: what.unwrap_or_else(|| "conference_alarm".to_owned()),
            detail: first(row, &["description", "detail", "alarmDesc", "additionalInfo"]).unwrap_or_default(),
            level: AlarmLevel::Minor,
            since: first(row, &["alarmTime", "time"]).and_then(|time| Utc::parse(&time)),
        }
    };
    Ok(rows.iter().take(ROSTER_MAX).enumerate().map(alarm).collect())
}

/// A conference about which an alarm was raised that we cannot read.
pub fn alarm_unread(conference: &ConferenceSeen) -> DeviceAlarm {
    DeviceAlarm {
        id: conference.conference.to_string(),
        what: "conference_alarm".to_owned(),
        detail: conference.name.clone(),
        level: AlarmLevel::Minor,
        since: None,
    }
}

/// The name of a code for pictures.
pub fn video_codec(code: i64) -> String {
    match code {
        0 => "H.261".to_owned(),
        1 => "H.263".to_owned(),
        3 => "H.264 BP".to_owned(),
        4 => "H.264 HP".to_owned(),
        8 => "H.265".to_owned(),
        other => format!("video protocol {other}"),
    }
}

/// The codes for sound are not documented.
pub fn audio_codec(code: i64) -> String {
    format!("audio protocol {code}")
}

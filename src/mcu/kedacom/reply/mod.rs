//! Kedacom's replies as values (会控 and 会管 API, levels 1 to 11). Total over any bytes; asks nothing.
//!
//! The interface has no loss, jitter, round trip or frame rate, so these are absent as not provided and never zero.
//! Rates are the agreed ones of a channel, not measured ones. Codes that the documents do not explain to us are
//! assumed as marked, and not yet tried on a real platform.

use serde_json::Value;

use super::super::fault::{AuthWhy, Fault};
use super::super::fields::{flag, json, list, number, required, text, whole};
use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::observation::device::{
    Absent, Capacity, CapacityUnit, Flow, Given, Medium, Presence, ROSTER_MAX, SiteSeen, StreamSample, Way,
};

/// Most channels of one kind that are read of one terminal.
const CHANNELS_MAX: usize = 16;

/// The lists of channels of a terminal. `snd` is what the terminal sends: the terminal's own view, as the names of the
/// document say (发送通道).
const CHANNELS: [(&str, Medium, Way); 6] = [
    ("a_snd_chn", Medium::Audio, Way::FromSite),
    ("a_rcv_chn", Medium::Audio, Way::ToSite),
    ("v_snd_chn", Medium::Video, Way::FromSite),
    ("v_rcv_chn", Medium::Video, Way::ToSite),
    ("dv_snd_chn", Medium::Content, Way::FromSite),
    ("dv_rcv_chn", Medium::Content, Way::ToSite),
];

/// A reply whose `success` is 1; else the fault that its `error_code` means.
pub fn checked(bytes: &[u8]) -> Result<Value, Fault> {
    let value = json(bytes)?;
    if required(flag(&value, "success"), "success")? {
        return Ok(value);
    }
    Err(refusal(whole(&value, "error_code").unwrap_or_default()))
}

/// What an error code means. Codes without an entry are told as they are.
fn refusal(code: i64) -> Fault {
    let words = match code {
        10001 | 10101 => return Fault::Auth(AuthWhy::Wrong),
        10002 | 10102 => return Fault::Auth(AuthWhy::Expired),
        20001..=20003 | 28535 => return Fault::Busy(code.to_string()),
        12103 | 27508 => "no such conference",
        12104 | 20435 | 22004 => "the terminal is not in the conference",
        20101 | 20102 | 20301 | 20382 | 20383 | 20565 | 20566 => "no ports or licences left",
        20401 => "the terminal cannot be reached",
        20402 => "the terminal declined",
        20403 | 20405 => "the terminal is in a conference already",
        20406 => "the terminal has no address to call",
        20410 => "the terminal is busy",
        _ => "",
    };
    Fault::Said { code: code.to_string(), words: words.to_owned() }
}

/// One page of the list of conferences.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Reference and name.
    pub conferences: Vec<(ConferenceRef, String)>,
    /// Entries of this page, readable or not.
    pub entries: usize,
    /// How many there are in all, where it says so.
    pub total: Option<usize>,
}

/// `GET /vc/confs`.
pub fn page(value: &Value) -> Result<Page, Fault> {
    let entries = required(list(value, "confs"), "confs")?;
    let one = |entry: &Value| {
        let id = required(text(entry, "conf_id"), "conf_id")?;
        Ok((ConferenceRef::new(&id), text(entry, "name").unwrap_or(id)))
    };
    let conferences = entries.iter().take(ROSTER_MAX).map(one).collect::<Result<_, Fault>>()?;
    Ok(Page { conferences, entries: entries.len(), total: total(value) })
}

fn total(value: &Value) -> Option<usize> {
    whole(value, "total").and_then(|total| usize::try_from(total).ok())
}

/// `GET /vc/confs/{id}`: its name.
pub fn name(value: &Value) -> Option<String> {
    text(value, "name")
}

/// `GET /vc/confs/{id}/mts`: every terminal that belongs to the conference, and whether the list is whole.
pub fn roster(value: &Value) -> Result<(Vec<SiteSeen>, bool), Fault> {
    let entries = required(list(value, "mts"), "mts")?;
    let sites = entries.iter().take(ROSTER_MAX).map(site).collect::<Result<Vec<_>, Fault>>()?;
    let whole = total(value).is_none_or(|total| total <= sites.len()) && sites.len() == entries.len();
    Ok((sites, whole))
}

/// One terminal. Its `type` 7 (下级会议) and 8 (上级会议) are taken for links to other conferences, and `call_mode` 2
/// for a platform that calls by itself: both assumed.
fn site(entry: &Value) -> Result<SiteSeen, Fault> {
    let id = required(text(entry, "mt_id"), "mt_id")?;
    let online = required(flag(entry, "online"), "online")?;
    let address = ["ip", "e164", "account"].into_iter().find_map(|name| text(entry, name));
    Ok(SiteSeen {
        participant: ParticipantRef::new(&id),
        name: text(entry, "alias").or_else(|| address.clone()).unwrap_or(id),
        address,
        presence: if online { Presence::Connected } else { Presence::Left { cause: String::new() } },
        muted: flag(entry, "mute"),
        redialled_by_platform: whole(entry, "call_mode") == Some(2),
        cascade: matches!(whole(entry, "type"), Some(7 | 8)),
        probe: false,
        streams: Vec::new(),
    })
}

/// `GET /vc/confs/{id}/mts/{mt}`: its channels. Of media the interface says nothing, so flow is unknown where nothing
/// is muted. Nothing is listed for a terminal that is not there.
pub fn streams(value: &Value) -> Result<Vec<StreamSample>, Fault> {
    if !required(flag(value, "online"), "online")? {
        return Ok(Vec::new());
    }
    let lists = CHANNELS.iter().flat_map(|(name, medium, way)| {
        let channels = list(value, name).unwrap_or_default().iter().take(CHANNELS_MAX);
        channels.map(move |channel| sample(value, channel, *medium, *way))
    });
    Ok(lists.collect())
}

fn sample(terminal: &Value, channel: &Value, medium: Medium, way: Way) -> StreamSample {
    let (width, height) = if medium == Medium::Audio {
        (Given::Absent(Absent::NotProvided), Given::Absent(Absent::NotProvided))
    } else {
        size(whole(channel, "resolution"))
    };
    let kbps = number(channel, "bitrate").filter(|kbps| *kbps > 0.0);
    StreamSample {
        codec: whole(channel, "format").map(|format| format!("format {format}")),
        kbps: Given::or_absent(kbps, Absent::Sentinel),
        width,
        height,
        ..StreamSample::bare(medium, way, flow(terminal, medium, way))
    }
}

/// 哑音 `mute` silences what comes from the site, 静音 `silence` what goes to it.
fn flow(terminal: &Value, medium: Medium, way: Way) -> Flow {
    let switch = match (medium, way) {
        (Medium::Audio, Way::FromSite) => "mute",
        (Medium::Audio, Way::ToSite) => "silence",
        (Medium::Video | Medium::Content, _) => return Flow::Unknown,
    };
    if flag(terminal, switch) == Some(true) { Flow::Paused } else { Flow::Unknown }
}

/// Codes of sizes as the 会管 document lists them for `video_formats`; assumed to be the same here.
fn size(code: Option<i64>) -> (Given<u32>, Given<u32>) {
    let (width, height) = match code {
        Some(1) => (176, 144),
        Some(2) => (352, 288),
        Some(3) => (704, 576),
        Some(12) => (1280, 720),
        Some(13) => (1920, 1080),
        Some(16) => (3840, 2160),
        Some(0) | None => return (Given::Absent(Absent::Sentinel), Given::Absent(Absent::Sentinel)),
        Some(_) => return (Given::Absent(Absent::OutOfRange), Given::Absent(Absent::OutOfRange)),
    };
    (Given::Value(width), Given::Value(height))
}

/// `GET /mc/resources`: ports by kind. The list is assumed to be called `resources`.
pub fn resources(value: &Value) -> Result<Vec<Capacity>, Fault> {
    let entries = required(list(value, "resources"), "resources")?;
    let one = |entry: &Value| {
        let name = required(text(entry, "name"), "name")?;
        let what = match text(entry, "resolution") {
            Some(resolution) => format!("{name} {resolution}"),
            None => name,
        };
        let count = |name| Given::or_absent(number(entry, name).filter(|n| *n >= 0.0), Absent::Sentinel);
        Ok(Capacity { what, unit: CapacityUnit::Ports, total: count("total"), used: count("used") })
    };
    entries.iter().take(ROSTER_MAX).map(one).collect()
}

#[cfg(test)]
mod tests;

//! Replies of Cisco RoomOS and CE endpoints as values (xAPI status documents and answers to commands). Total over any
//! bytes.
//!
//! What is `Incoming` at an endpoint goes to the site, what is `Outgoing` comes from it. The status has no round trip.

use std::collections::BTreeMap;

use super::super::fault::Fault;
use super::super::fields::required;
use super::super::xml::{self, Element};
use crate::domain::mcu::bounded;
use crate::domain::time::Span;
use crate::observation::device::{
    Absent, AlarmLevel, Counted, DeviceAlarm, Flow, Given, Medium, Presence, ROSTER_MAX, Service,
    StreamSample, Way,
};

/// Most channels of a call that are read.
const CHANNELS_MAX: usize = 64;
/// Most pictures per second that are believed.
const FPS_MAX: f64 = 65.0;

/// A status document, whole or a part. `EmptyResult` is the answer where a part does not exist.
pub fn status(bytes: &[u8]) -> Result<Element, Fault> {
    let root = xml::parse(bytes)?;
    if root.is("Status") || root.is("EmptyResult") {
        return Ok(root);
    }
    Err(Fault::Shape(format!("no status but `{}`", bounded(&root.name))))
}

/// The endpoint itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    /// The name that its owner gave it, else its product.
    pub name: String,
    /// Software version.
    pub version: Option<String>,
    /// How long it has been up.
    pub uptime: Given<Span>,
    /// When it went down last: another one after each restart.
    pub boot: Option<String>,
    /// What it says of itself.
    pub service: Service,
}

/// `/Status/SystemUnit`.
pub fn unit(status: &Element) -> Result<Unit, Fault> {
    let unit = required(status.child("SystemUnit"), "SystemUnit")?;
    let version = required(unit.text_at(&["Software", "Version"]), "Software/Version")?;
    let uptime = unit.text_at(&["Uptime"]).and_then(|seconds| seconds.parse::<u32>().ok());
    let names = [unit.text_at(&["BroadcastName"]), unit.text_at(&["ProductId"])];
    let service = match unit.text_at(&["State", "Subsystem", "Application"]) {
        Some("Initialized") => Service::Up,
        Some(_) => Service::Starting,
        // Older versions do not tell; that it answers is enough.
        None => Service::Up,
    };
    Ok(Unit {
        name: bounded(names.into_iter().flatten().next().unwrap_or("RoomOS")).to_owned(),
        version: Some(bounded(version).to_owned()),
        uptime: Given::or_absent(uptime.map(|seconds| Span::seconds(seconds.into())), Absent::NotProvided),
        boot: unit.text_at(&["LastShutdownTime"]).map(|at| bounded(at).to_owned()),
        service,
    })
}

/// `/Status/Diagnostics`: its messages. What is in order is no alarm.
pub fn alarms(status: &Element) -> Vec<DeviceAlarm> {
    let messages = status.child("Diagnostics").into_iter().flat_map(|all| all.children("Message"));
    messages.take(ROSTER_MAX).filter_map(alarm).collect()
}

fn alarm(message: &Element) -> Option<DeviceAlarm> {
    let level = match message.text_at(&["Level"]).unwrap_or_default() {
        "Critical" => AlarmLevel::Critical,
        "Error" => AlarmLevel::Major,
        "Warning" => AlarmLevel::Minor,
        "OK" => return None,
        _ => AlarmLevel::Information,
    };
    let what = bounded(message.text_at(&["Type"]).unwrap_or("unknown")).to_owned();
    let about = bounded(message.text_at(&["References"]).unwrap_or_default());
    let id = if about.is_empty() { what.clone() } else { format!("{what} {about}") };
    let detail = bounded(message.text_at(&["Description"]).unwrap_or_default()).to_owned();
    Some(DeviceAlarm { id, what, detail, level, since: None })
}

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Its number.
    pub id: String,
    /// Its presence.
    pub presence: Presence,
    /// The far side's address.
    pub remote: Option<String>,
    /// The far side's name, else its address.
    pub name: String,
}

/// `/Status/Call`: every call.
pub fn calls(status: &Element) -> Result<Vec<Call>, Fault> {
    status.children("Call").take(ROSTER_MAX).filter(|call| !is_ghost(call)).map(call).collect()
}

/// A call that has just ended is told by its number alone.
fn is_ghost(call: &Element) -> bool {
    call.attribute("ghost").is_some_and(|ghost| ghost.eq_ignore_ascii_case("true"))
}

fn call(call: &Element) -> Result<Call, Fault> {
    let id = required(call.attribute("item"), "Call item")?;
    let state = required(call.text_at(&["Status"]), "Call/Status")?;
    let presence = match state {
        "Connected" => Presence::Connected,
        "Dialling" | "Ringing" | "Connecting" | "EarlyMedia" => Presence::Calling,
        "OnHold" => Presence::OnHold,
        "Disconnecting" | "Idle" => Presence::Left { cause: state.to_owned() },
        _ => Presence::Unknown,
    };
    let remote = ["RemoteNumber", "CallbackNumber"].into_iter().find_map(|name| call.text_at(&[name]));
    let name = call.text_at(&["DisplayName"]).or(remote).unwrap_or(id);
    Ok(Call {
        id: bounded(id).to_owned(),
        presence,
        remote: remote.map(|remote| bounded(remote).to_owned()),
        name: bounded(name).to_owned(),
    })
}

/// `/Status/Audio/Microphones`: whether they are muted.
pub fn muted(status: &Element) -> Option<bool> {
    match status.text_at(&["Audio", "Microphones", "Mute"]) {
        Some("On") => Some(true),
        Some("Off") => Some(false),
        Some(_) | None => None,
    }
}

/// What of a call decides whether a channel that stands still should move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Still {
    /// The call is on hold.
    pub on_hold: bool,
    /// The microphones are muted.
    pub muted: bool,
}

/// `/Status/MediaChannels`: the channels of one call. None are listed for a call that has none.
pub fn streams(status: &Element, call: &str, still: Still) -> Result<Vec<StreamSample>, Fault> {
    let calls = status.child("MediaChannels").into_iter().flat_map(|all| all.children("Call"));
    let ours = calls.filter(|found| found.attribute("item") == Some(call));
    let channels = ours.flat_map(|found| found.children("Channel")).take(CHANNELS_MAX);
    channels.filter_map(|channel| sample(channel, still).transpose()).collect()
}

/// One channel; neither sound nor picture is none.
fn sample(channel: &Element, still: Still) -> Result<Option<StreamSample>, Fault> {
    let way = match required(channel.text_at(&["Direction"]), "Channel/Direction")? {
        "Incoming" => Way::ToSite,
        "Outgoing" => Way::FromSite,
        other => return Err(Fault::Shape(format!("a direction `{}`", bounded(other)))),
    };
    let kind = required(channel.text_at(&["Type"]), "Channel/Type")?;
    let Some(inside) = channel.child(kind).filter(|_| matches!(kind, "Audio" | "Video")) else {
        return Ok(None);
    };
    let content = inside.text_at(&["ChannelRole"]) == Some("Presentation");
    let medium = match kind {
        "Audio" => Medium::Audio,
        _ if content => Medium::Content,
        _ => Medium::Video,
    };
    let codec = inside.text_at(&["Protocol"]).map(|codec| bounded(codec).to_owned());
    let none = Element::default();
    let netstat = Netstat(channel.child("Netstat").unwrap_or(&none));
    let flow = flow(&netstat, codec.as_deref(), medium, way, still);
    let (width, height) = size(inside);
    Ok(Some(StreamSample {
        codec,
        kbps: netstat.figure("ChannelRate").map(|bps| bps / 1000.0),
        packets: netstat.count("Packets"),
        lost: netstat.count("Loss"),
        loss_pct: netstat.loss_pct(),
        jitter_ms: netstat.figure("Jitter"),
        width: if medium == Medium::Audio { Given::Absent(Absent::NotProvided) } else { width },
        height: if medium == Medium::Audio { Given::Absent(Absent::NotProvided) } else { height },
        fps: if medium == Medium::Audio { Given::Absent(Absent::NotProvided) } else { fps(inside) },
        ..StreamSample::bare(medium, way, flow)
    }))
}

/// Counters of a channel. A negative figure is the endpoint's way to have none.
struct Netstat<'a>(&'a Element);

impl Netstat<'_> {
    fn figure(&self, name: &str) -> Given<f64> {
        match self.0.text_at(&[name]).map(str::parse::<f64>) {
            Some(Ok(figure)) if figure >= 0.0 && figure.is_finite() => Given::Value(figure),
            Some(Ok(figure)) if figure < 0.0 => Given::Absent(Absent::Sentinel),
            Some(Ok(_) | Err(_)) => Given::Absent(Absent::OutOfRange),
            None => Given::Absent(Absent::NotYet),
        }
    }

    fn count(&self, name: &str) -> Given<Counted> {
        self.figure(name).map(|count| Counted { epoch: 0, count: count as i64 })
    }

    /// Of the last interval, while packets moved in it.
    fn loss_pct(&self) -> Given<f64> {
        let received = self.figure("LastIntervalReceived");
        match (received, self.figure("LastIntervalLost")) {
            (Given::Value(received), Given::Value(lost)) if received > 0.0 => {
                Given::Value(lost / (lost + received) * 100.0)
            }
            (Given::Value(_), Given::Value(_)) => Given::Absent(Absent::NothingMoved),
            (Given::Absent(why), _) | (_, Given::Absent(why)) => Given::Absent(why),
        }
    }
}

/// An incoming channel moves when packets came in the last interval, an outgoing one when it has a rate: what was
/// received of it the far side tells, if at all.
fn flow(netstat: &Netstat<'_>, codec: Option<&str>, medium: Medium, way: Way, still: Still) -> Flow {
    if still.on_hold || codec == Some("Off") {
        return Flow::Paused;
    }
    let signs = match way {
        Way::ToSite => ["LastIntervalReceived", "ChannelRate"],
        Way::FromSite => ["ChannelRate", "LastIntervalReceived"],
    };
    let moved = signs.into_iter().find_map(|name| netstat.figure(name).value());
    match moved {
        Some(moved) if moved > 0.0 => Flow::Flowing,
        Some(_) if still.muted && medium == Medium::Audio && way == Way::FromSite => Flow::Paused,
        Some(_) => Flow::NoMedia { since: None },
        None => Flow::Unknown,
    }
}

/// `ResolutionX` and `ResolutionY`, or `Resolution` as `1280x720`.
fn size(video: &Element) -> (Given<u32>, Given<u32>) {
    let pair = match (video.text_at(&["ResolutionX"]), video.text_at(&["ResolutionY"])) {
        (Some(width), Some(height)) => Some((width, height)),
        _ => video.text_at(&["Resolution"]).and_then(|text| text.split_once('x')),
    };
    let Some((width, height)) = pair else {
        return (Given::Absent(Absent::NotYet), Given::Absent(Absent::NotYet));
    };
    (side(width), side(height))
}

fn side(text: &str) -> Given<u32> {
    match text.trim().parse::<u32>() {
        Ok(0) => Given::Absent(Absent::Sentinel),
        Ok(side) if side <= 16_384 => Given::Value(side),
        Ok(_) | Err(_) => Given::Absent(Absent::OutOfRange),
    }
}

fn fps(video: &Element) -> Given<f64> {
    match video.text_at(&["FrameRate"]).map(str::parse::<f64>) {
        Some(Ok(0.0)) => Given::Absent(Absent::Sentinel),
        Some(Ok(fps)) if fps > 0.0 && fps <= FPS_MAX => Given::Value(fps),
        Some(Ok(_) | Err(_)) => Given::Absent(Absent::OutOfRange),
        None => Given::Absent(Absent::NotYet),
    }
}

/// Readings of the room, where the endpoint or what is attached to it measures them.
pub fn readings(status: &Element) -> BTreeMap<String, Given<f64>> {
    let attached = || status.child("Peripherals").into_iter().flat_map(|all| all.children("ConnectedDevice"));
    let rooms: Vec<&Element> = status
        .child("RoomAnalytics")
        .into_iter()
        .chain(attached().filter_map(|device| device.child("RoomAnalytics")))
        .collect();
    let wanted: [(&str, &[&str]); 5] = [
        ("room_temperature_c", &["AmbientTemperature"]),
        ("room_humidity_pct", &["RelativeHumidity"]),
        ("room_air_quality_index", &["AirQuality", "Index"]),
        ("room_noise_dba", &["AmbientNoise", "Level", "A"]),
        ("room_people", &["PeopleCount", "Current"]),
    ];
    let mut found = BTreeMap::new();
    for (name, path) in wanted {
        let text = rooms.iter().find_map(|room| room.text_at(path));
        // People are counted as -1 while they are not.
        let figure = text.and_then(|text| text.parse::<f64>().ok()).filter(|figure| figure.is_finite());
        if let Some(figure) = figure {
            let counted = name != "room_people" || figure >= 0.0;
            found.insert(
                name.to_owned(),
                if counted { Given::Value(figure) } else { Given::Absent(Absent::Sentinel) },
            );
        }
    }
    found
}

/// The slots of `/Status/HttpFeedback` that post to an address.
pub fn feedback_goes_to(status: &Element, address: &str) -> bool {
    let mut slots = status.children("HttpFeedback");
    slots.any(|slot| slot.text_at(&["URL"]) == Some(address))
}

/// The answer to a command: the number of the call that it made, if it made one.
pub fn commanded(bytes: &[u8]) -> Result<Option<String>, Fault> {
    let root = xml::parse(bytes)?;
    let answer = root.children.first().filter(|_| root.is("Command"));
    let answer = answer.ok_or_else(|| Fault::Shape("no answer to a command".to_owned()))?;
    let state = required(answer.attribute("status"), "status of a command")?;
    if state.eq_ignore_ascii_case("OK") {
        return Ok(answer.text_at(&["CallId"]).map(|id| bounded(id).to_owned()));
    }
    let words = ["Description", "Reason", "Error"].into_iter().find_map(|name| answer.text_at(&[name]));
    let code = answer.text_at(&["Cause"]).unwrap_or(state);
    let words = bounded(words.unwrap_or_default()).to_owned();
    Err(Fault::Said { code: bounded(code).to_owned(), words })
}

/// The call that a posted event is about, if it names one.
pub fn posted(bytes: &[u8]) -> Result<Option<String>, Fault> {
    let root = xml::parse(bytes)?;
    if !(root.is("Event") || root.is("Status")) {
        return Err(Fault::Shape("no event".to_owned()));
    }
    let call = root.find("Call").and_then(|call| call.attribute("item"));
    Ok(call.map(|id| bounded(id).to_owned()))
}

#[cfg(test)]
mod tests;

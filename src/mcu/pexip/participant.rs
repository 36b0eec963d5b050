//! Participants of a Pexip Infinity platform and their media, as total functions over its JSON.
//!
//! `rx` is what the platform receives, so it comes from the site; `tx` goes to it. The platform measures no round trip.

use serde_json::Value;

use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::mcu::fault::Fault;
use crate::mcu::{fields, figure};
use crate::observation::device::{
    Absent, Counted, Flow, Given, Medium, Presence, SiteSeen, StreamSample, Way,
};

/// Most media of one participant that are read.
const MEDIA_MAX: usize = 16;

/// How good the platform thinks a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quality {
    /// It does not know yet, or says nothing.
    Unknown,
    /// Good.
    Good,
    /// Acceptable.
    Ok,
    /// Bad.
    Bad,
    /// Terrible.
    Terrible,
}

/// What is switched off at a participant, so that silence is no fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four switches of the participant's record, each independent"
)]
pub struct Switches {
    /// Microphone muted, here or at the client.
    pub microphone_off: bool,
    /// Camera muted.
    pub camera_off: bool,
    /// On hold.
    pub held: bool,
    /// Shows content.
    pub presents: bool,
}

/// A participant as the status interface lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct Participant {
    /// As a site of the roster, without media.
    pub site: SiteSeen,
    /// The name of its conference.
    pub conference: Option<ConferenceRef>,
    /// Quality of the call, as the platform judges it.
    pub quality: Quality,
    /// What is switched off.
    pub switches: Switches,
    /// The platform called it.
    pub outbound: bool,
    /// The call of which this one is a part, for makes that open a second call for content.
    pub parent: Option<ParticipantRef>,
}

/// Reads a participant.
pub fn participant(value: &Value) -> Result<Participant, Fault> {
    let id = fields::required(fields::text(value, "id"), "id")?;
    let conference = fields::required(value.get("conference"), "conference")?;
    let flag = |name: &str| fields::flag(value, name).unwrap_or(false);
    let outbound = fields::text(value, "call_direction").is_some_and(|way| way == "out");
    let address = address(value, outbound);
    let name = fields::text(value, "display_name").or_else(|| address.clone()).unwrap_or_else(|| id.clone());
    Ok(Participant {
        site: SiteSeen {
            participant: ParticipantRef::new(&id),
            name,
            address,
            presence: presence(value),
            muted: fields::flag(value, "is_muted"),
            redialled_by_platform: false,
            cascade: false,
            probe: false,
            streams: Vec::new(),
        },
        conference: conference.as_str().map(ConferenceRef::new),
        quality: quality(value),
        switches: Switches {
            microphone_off: flag("is_muted") || flag("is_client_muted"),
            camera_off: flag("is_video_muted"),
            held: flag("is_on_hold"),
            presents: flag("is_presenting"),
        },
        outbound,
        parent: fields::text(value, "parent_id").map(|parent| ParticipantRef::new(&parent)),
    })
}

/// Where it was called or calls from. An alias says nothing about its protocol, so that is written before it: only
/// then can the address be called again.
fn address(value: &Value, outbound: bool) -> Option<String> {
    let named = if outbound { "destination_alias" } else { "source_alias" };
    let alias = fields::text(value, "participant_alias").or_else(|| fields::text(value, named))?;
    let protocol = fields::text(value, "protocol").unwrap_or_default().to_ascii_lowercase();
    let bare = !alias.contains(':');
    match protocol.as_str() {
        "h323" if bare => Some(format!("h323:{alias}")),
        "sip" if bare => Some(format!("sip:{alias}")),
        _ => Some(alias),
    }
}

/// A call that has no time of connection is still being set up.
fn presence(value: &Value) -> Presence {
    if fields::flag(value, "is_on_hold") == Some(true) {
        return Presence::OnHold;
    }
    match value.get("connect_time") {
        None => Presence::Unknown,
        Some(_) if fields::text(value, "connect_time").is_some() => Presence::Connected,
        Some(_) => Presence::Calling,
    }
}

/// `0_unknown`, `1_good`, `2_ok`, `3_bad`, `4_terrible`: the digit counts, for words may be translated.
fn quality(value: &Value) -> Quality {
    match fields::text(value, "call_quality").unwrap_or_default().chars().next() {
        Some('1') => Quality::Good,
        Some('2') => Quality::Ok,
        Some('3') => Quality::Bad,
        Some('4') => Quality::Terrible,
        _ => Quality::Unknown,
    }
}

/// One medium of a participant in one direction, with what tells it apart from a later one in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// The number of the medium and its beginning: another one is another epoch.
    pub identity: String,
    /// The figures; the counters are of epoch 0.
    pub sample: StreamSample,
}

/// Reads the media of a participant, both ways each. Media that have ended are left out.
pub fn streams(list: &[Value], switches: Switches) -> Result<Vec<Stream>, Fault> {
    let mut found = Vec::new();
    let alive = |value: &&Value| fields::text(value, "end_time").is_none();
    for value in list.iter().filter(alive).take(MEDIA_MAX) {
        let kind = fields::text(value, "type").or_else(|| fields::text(value, "stream_type"));
        let medium = match fields::required(kind, "type")?.as_str() {
            "audio" => Medium::Audio,
            "video" => Medium::Video,
            "presentation" => Medium::Content,
            // A kind of medium that came later is none of the three that are watched.
            _ => continue,
        };
        let id = fields::text(value, "id").or_else(|| fields::text(value, "stream_id"));
        let identity =
            format!("{} {}", id.unwrap_or_default(), fields::text(value, "start_time").unwrap_or_default());
        for way in [Way::FromSite, Way::ToSite] {
            let sample = sample(value, medium, way, switches)?;
            found.push(Stream { identity: identity.clone(), sample });
        }
    }
    Ok(found)
}

fn sample(value: &Value, medium: Medium, way: Way, switches: Switches) -> Result<StreamSample, Fault> {
    let prefix = if way == Way::FromSite { "rx" } else { "tx" };
    let packets = if way == Way::FromSite { "packets_received" } else { "packets_sent" };
    let field = |name: &str| value.get(format!("{prefix}_{name}"));
    // Without a rate nothing could be said of the flow: that is another shape, not a quiet site.
    let rate = fields::required(field("bitrate"), &format!("{prefix}_bitrate"))?;
    let kbps = figure::of_json(Some(rate), figure::KBPS);
    let packets = counted(field(packets));
    let moved = packets.value().is_none_or(|packets| packets.count > 0);
    let loss = figure::of_json(field("windowed_packet_loss"), figure::PERCENT);
    let (width, height) = resolution(medium, field("resolution"));
    Ok(StreamSample {
        medium,
        way,
        flow: flow(medium, way, switches, kbps),
        codec: fields::text(value, &format!("{prefix}_codec")),
        kbps,
        packets,
        lost: counted(field("packets_lost")),
        loss_pct: if moved { loss } else { Given::Absent(Absent::NothingMoved) },
        jitter_ms: figure::of_json(field("jitter"), figure::MILLISECONDS),
        rtt_ms: Given::Absent(Absent::NotProvided),
        width,
        height,
        fps: rate_of_pictures(medium, field("fps"), kbps),
    })
}

/// Whether media flow, by their rate. What is switched off is meant to be silent; content to a site flows only while
/// somebody shows some, which this list does not say.
fn flow(medium: Medium, way: Way, switches: Switches, kbps: Given<f64>) -> Flow {
    let off = match (medium, way) {
        (Medium::Audio, Way::FromSite) => switches.microphone_off,
        (Medium::Video, Way::FromSite) => switches.camera_off,
        (Medium::Content, Way::FromSite) => !switches.presents,
        (Medium::Audio | Medium::Video | Medium::Content, Way::ToSite) => false,
    };
    match kbps {
        Given::Value(kbps) if kbps > 0.0 => Flow::Flowing,
        _ if off || switches.held => Flow::Paused,
        Given::Value(_) if (medium, way) == (Medium::Content, Way::ToSite) => Flow::Unknown,
        Given::Value(_) => Flow::NoMedia { since: None },
        Given::Absent(_) => Flow::Unknown,
    }
}

fn counted(value: Option<&Value>) -> Given<Counted> {
    let Some(value) = value else { return Given::Absent(Absent::NotProvided) };
    let count = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
    Given::or_absent(count.map(|count| Counted { epoch: 0, count }), Absent::Sentinel)
}

/// `1280x720`; empty while no picture has come. Sound has none.
fn resolution(medium: Medium, value: Option<&Value>) -> (Given<u32>, Given<u32>) {
    if medium == Medium::Audio {
        return (Given::Absent(Absent::NotProvided), Given::Absent(Absent::NotProvided));
    }
    let Some(value) = value else {
        return (Given::Absent(Absent::NotProvided), Given::Absent(Absent::NotProvided));
    };
    let both = value.as_str().and_then(|text| text.split_once('x'));
    let side = |text: Option<&str>| {
        let pixels = figure::of_text(Some(text.unwrap_or_default()), figure::PIXELS);
        pixels.map(|pixels| pixels as u32)
    };
    (side(both.map(|(width, _)| width)), side(both.map(|(_, height)| height)))
}

/// Pictures per second. Zero beside a rate is a figure that was not measured.
fn rate_of_pictures(medium: Medium, value: Option<&Value>, kbps: Given<f64>) -> Given<f64> {
    if medium == Medium::Audio {
        return Given::Absent(Absent::NotProvided);
    }
    match figure::of_json(value, figure::FPS) {
        Given::Value(0.0) if kbps.value().is_some_and(|kbps| kbps > 0.0) => Given::Absent(Absent::Sentinel),
        given @ (Given::Value(_) | Given::Absent(_)) => given,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn medium(kind: &str) -> Value {
        json!({
            "id": "0", "type": kind, "start_time": "2026-11-22T01:00:00.000001", "end_time": null, "node": "10.0.0.1",
            "rx_bitrate": 1820, "rx_codec": "H264", "rx_fps": 25.0, "rx_jitter": 3, "rx_packet_loss": 0.1,
            "rx_windowed_packet_loss": 1.5, "rx_packets_lost": 12, "rx_packets_received": 9000,
            "rx_resolution": "1280x720",
            "tx_bitrate": 960, "tx_codec": "H264", "tx_fps": 30.0, "tx_jitter": 7, "tx_packet_loss": 0.0,
            "tx_windowed_packet_loss": 0.0, "tx_packets_lost": 0, "tx_packets_sent": 8000,
            "tx_resolution": "1920x1080",
        })
    }

    fn one(value: Value, switches: Switches, way: Way) -> StreamSample {
        let found = streams(&[value], switches).unwrap();
        found.into_iter().map(|stream| stream.sample).find(|sample| sample.way == way).unwrap()
    }

    #[test]
    fn what_the_platform_receives_comes_from_the_site() {
        let from = one(medium("video"), Switches::default(), Way::FromSite);
        assert_eq!((from.kbps, from.width), (Given::Value(1820.0), Given::Value(1280)));
        assert_eq!((from.loss_pct, from.jitter_ms), (Given::Value(1.5), Given::Value(3.0)));
        assert_eq!(from.packets, Given::Value(Counted { epoch: 0, count: 9000 }));
        let to = one(medium("video"), Switches::default(), Way::ToSite);
        assert_eq!(
            (to.kbps, to.height, to.fps),
            (Given::Value(960.0), Given::Value(1080), Given::Value(30.0))
        );
        assert_eq!(to.rtt_ms, Given::Absent(Absent::NotProvided));
    }

    #[test]
    fn a_rate_of_zero_is_a_fault_only_where_media_are_meant_to_flow() {
        let quiet = |kind: &str| {
            let mut value = medium(kind);
            value["rx_bitrate"] = json!(0);
            value["tx_bitrate"] = json!(0);
            value
        };
        let off = Switches { microphone_off: true, ..Switches::default() };
        let held = Switches { held: true, ..Switches::default() };
        let none = Flow::NoMedia { since: None };
        let cases = [
            ("audio", Switches::default(), Way::FromSite, none),
            ("audio", off, Way::FromSite, Flow::Paused),
            ("audio", off, Way::ToSite, none),
            ("video", off, Way::FromSite, none),
            ("video", held, Way::ToSite, Flow::Paused),
            ("presentation", Switches::default(), Way::FromSite, Flow::Paused),
            ("presentation", Switches { presents: true, ..Switches::default() }, Way::FromSite, none),
            ("presentation", Switches::default(), Way::ToSite, Flow::Unknown),
        ];
        for (kind, switches, way, flow) in cases {
            assert_eq!(one(quiet(kind), switches, way).flow, flow, "{kind} {switches:?} {way:?}");
        }
    }

    #[test]
    fn sentinels_of_sound_and_of_no_picture_are_absent() {
        let mut value = medium("audio");
        value["rx_resolution"] = json!("");
        value["rx_fps"] = json!(0.0);
        let sound = one(value, Switches::default(), Way::FromSite);
        assert_eq!(
            (sound.width, sound.fps),
            (Given::Absent(Absent::NotProvided), Given::Absent(Absent::NotProvided))
        );
        let mut value = medium("video");
        value["rx_resolution"] = json!("");
        value["rx_fps"] = json!(0.0);
        value["rx_packets_received"] = json!(0);
        value["tx_fps"] = json!(90);
        value["tx_windowed_packet_loss"] = json!(120);
        let from = one(value.clone(), Switches::default(), Way::FromSite);
        assert_eq!(
            (from.width, from.fps),
            (Given::Absent(Absent::Sentinel), Given::Absent(Absent::Sentinel))
        );
        assert_eq!(from.loss_pct, Given::Absent(Absent::NothingMoved));
        let to = one(value, Switches::default(), Way::ToSite);
        assert_eq!(
            (to.fps, to.loss_pct),
            (Given::Absent(Absent::OutOfRange), Given::Absent(Absent::OutOfRange))
        );
    }

    #[test]
    fn an_address_can_be_called_again() {
        let cases = [
            (json!({"protocol": "H323", "participant_alias": "71001"}), "h323:71001"),
            (json!({"protocol": "SIP", "participant_alias": "sip:a@b.cn"}), "sip:a@b.cn"),
            (json!({"protocol": "SIP", "participant_alias": "", "source_alias": "a@b.cn"}), "sip:a@b.cn"),
            (json!({"protocol": "WebRTC", "participant_alias": "Alice"}), "Alice"),
        ];
        for (value, wanted) in cases {
            assert_eq!(address(&value, false).as_deref(), Some(wanted), "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_values_in_any_field_are_read_without_panic(
            kind in prop_oneof![Just("audio"), Just("video"), Just("presentation"), Just("new")],
            names in prop::collection::vec(0usize..24, 0..6),
            figures in prop::collection::vec(prop_oneof![
                any::<f64>().prop_map(|number| json!(number)), any::<i64>().prop_map(|number| json!(number)),
                ".{0,6}".prop_map(|text| json!(text)), Just(Value::Null), Just(json!([1]))], 6),
        ) {
            let mut value = medium(kind);
            let keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
            for (name, figure) in names.iter().zip(figures) {
                value[&keys[name % keys.len()]] = figure;
            }
            for stream in streams(&[value], Switches::default()).unwrap_or_default() {
                let loss = stream.sample.loss_pct.value();
                prop_assert!(loss.is_none_or(|loss| (0.0..=100.0).contains(&loss)));
                prop_assert!(stream.sample.fps.value().is_none_or(|fps| (0.0..=65.0).contains(&fps)));
            }
        }
    }
}

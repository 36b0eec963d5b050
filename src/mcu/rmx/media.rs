//! The channels of one party with their measurements, out of a reply of about 40 kB. Total; knows no line.
//!
//! `in` is what the MCU receives, so it comes from the site. A real reply has −1 for every percentage although media
//! flow, and for sound and pictures that come in a jitter that is 0 and never was anything else: both are absent, and
//! the counters tell the loss to whoever compares two of them. What `LATENCY` means is not known; it is not used.

use crate::domain::mcu::bounded;
use crate::mcu::fault::Fault;
use crate::mcu::xml::Element;
use crate::observation::device::{Absent, Counted, Flow, Given, Medium, StreamSample, Way};

use super::reply::{Answer, Muted, given, required, whole};

/// Most channels that are read of one party.
const CHANNELS_MAX: usize = 64;
/// More pictures a second are no measurement.
const FPS_MAX: f64 = 65.0;

/// Reads the reply about a party: one sample for each channel of media that is open.
pub fn streams(answer: &Answer, muted: Muted) -> Result<Vec<StreamSample>, Fault> {
    let party = required(answer.action.at(&["GET", "ONGOING_PARTY"]), "GET/ONGOING_PARTY")?;
    let channels = required(party.child("IP_MONITOR_CHANNELS"), "IP_MONITOR_CHANNELS")?;
    let channels = channels.children("IP_MONITOR_CHANNEL").take(CHANNELS_MAX);
    Ok(channels.filter_map(|channel| sample(channel, muted)).collect())
}

fn sample(channel: &Element, muted: Muted) -> Option<StreamSample> {
    let basic = channel.find("BASIC_PARAM")?;
    let (medium, way) = kind(basic.text_at(&["CHANNEL_TYPE"])?)?;
    if basic.text_at(&["CONNECTION_STATUS"]) == Some("0") {
        return None;
    }
    let global = channel.find("GLOBAL_PARAM").unwrap_or(basic);
    let packets = counted(global.text_at(&["NUMBER_OF_PACKETS"]));
    let rate = given(basic.text_at(&["BIT_RATE"]));
    let silent = match (medium, way) {
        (Medium::Audio, Way::FromSite) => muted.audio,
        (Medium::Video, Way::FromSite) => muted.video,
        // Content is shown now and then: a channel that never carried any waits.
        (Medium::Content, _) => packets.value().is_none_or(|packets| packets.count == 0),
        (Medium::Audio | Medium::Video, Way::ToSite) => false,
    };
    let mut sample = StreamSample::bare(medium, way, flow(silent, rate, packets));
    let codec = basic.text_at(&["PROTOCOL"]).filter(|name| !name.starts_with("Unknown"));
    sample.codec = codec.map(|name| bounded(name).to_owned());
    sample.kbps = rate.map(|rate| rate / 1000.0);
    sample.packets = packets;
    sample.lost = lost(channel, global);
    sample.loss_pct = loss(channel, packets);
    sample.jitter_ms = jitter(global, packets);
    if medium != Medium::Audio {
        picture(channel, &mut sample);
    }
    Some(sample)
}

fn kind(channel_type: &str) -> Option<(Medium, Way)> {
    Some(match channel_type {
        "audio_in" => (Medium::Audio, Way::FromSite),
        "audio_out" => (Medium::Audio, Way::ToSite),
        "video_in" => (Medium::Video, Way::FromSite),
        "video_out" => (Medium::Video, Way::ToSite),
        "video_content_in" => (Medium::Content, Way::FromSite),
        "video_content_out" => (Medium::Content, Way::ToSite),
        _ => return None,
    })
}

/// By the rate, which is measured; whether packets moved since the last look is for whoever has two looks.
fn flow(silent: bool, rate: Given<f64>, packets: Given<Counted>) -> Flow {
    match (rate.value(), packets.value()) {
        _ if silent => Flow::Paused,
        (Some(rate), _) if rate > 0.0 => Flow::Flowing,
        (Some(_), Some(packets)) if packets.count > 0 => Flow::NoMedia { since: None },
        _ => Flow::Unknown,
    }
}

fn lost(channel: &Element, global: &Element) -> Given<Counted> {
    let accumulated = channel.find("RTP_PACKET_LOSS").and_then(|loss| loss.text_at(&["ACCUMULATE"]));
    match counted(accumulated) {
        found @ Given::Value(_) => found,
        Given::Absent(_) => counted(global.text_at(&["PACKET_LOSS"])),
    }
}

fn loss(channel: &Element, packets: Given<Counted>) -> Given<f64> {
    if packets.value().is_some_and(|packets| packets.count == 0) {
        return Given::Absent(Absent::NothingMoved);
    }
    let interval = channel.find("RTP_PACKET_LOSS").and_then(|loss| loss.text_at(&["INTERVAL_PERCENT"]));
    within(given(interval), 100.0)
}

fn jitter(global: &Element, packets: Given<Counted>) -> Given<f64> {
    if packets.value().is_some_and(|packets| packets.count == 0) {
        return Given::Absent(Absent::NothingMoved);
    }
    let never = ["JITTER", "JITTER_PEAK"].iter().all(|name| global.text_at(&[name]) == Some("0"));
    if never { Given::Absent(Absent::Sentinel) } else { given(global.text_at(&["JITTER"])) }
}

fn picture(channel: &Element, sample: &mut StreamSample) {
    let video = channel.find("ADVANCED_VIDEO_PARAM");
    let text = |name: &str| video.and_then(|video| video.text_at(&[name]));
    let size = |name: &str| match given(text(name)) {
        Given::Value(0.0) => Given::Absent(Absent::Sentinel),
        found @ (Given::Value(_) | Given::Absent(_)) => {
            within(found, f64::from(u16::MAX)).map(|pixels| pixels as u32)
        }
    };
    sample.width = size("RESOLUTION_WIDTH");
    sample.height = size("RESOLUTION_HEIGHT");
    sample.fps = match given(text("VIDEO_FRAME_RATE")) {
        Given::Value(0.0) => Given::Absent(Absent::Sentinel),
        found @ (Given::Value(_) | Given::Absent(_)) => within(found, FPS_MAX),
    };
}

fn within(figure: Given<f64>, most: f64) -> Given<f64> {
    match figure {
        Given::Value(figure) if figure > most => Given::Absent(Absent::OutOfRange),
        found @ (Given::Value(_) | Given::Absent(_)) => found,
    }
}

fn counted(text: Option<&str>) -> Given<Counted> {
    match text.and_then(whole) {
        None => Given::Absent(Absent::NotProvided),
        Some(count) if count < 0 => Given::Absent(Absent::Sentinel),
        Some(count) => Given::Value(Counted { epoch: 0, count }),
    }
}

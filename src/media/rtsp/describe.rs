//! What a mount has to say of itself: a session description with what decoders need to begin.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::domain::stream::{AudioCodec, VideoCodec};
use crate::media::sender::impairment::TrackKind;
use crate::media::sender::packed::Packed;
use crate::wire::coding::{AudioFormat, Coding};
use crate::wire::sdp::{Direction, Format, Media, MediaKind, Session};

/// A description of these tracks. `odd` names a codec that nobody knows, in place of the true one.
pub(super) fn describe(name: &str, tracks: &[&Packed], odd: bool) -> String {
    let media = tracks.iter().map(|packed| medium(packed, odd)).collect();
    Session { name: name.into(), connection: None, control: Some("*".into()), media }.write()
}

/// The control name of a track.
pub(super) fn control(track: TrackKind) -> &'static str {
    match track {
        TrackKind::Video => "video",
        TrackKind::Audio => "audio",
    }
}

fn medium(packed: &Packed, odd: bool) -> Media {
    let kind = match packed.kind() {
        TrackKind::Video => MediaKind::Video,
        TrackKind::Audio => MediaKind::Audio,
    };
    let mut format = format(packed);
    if odd && kind == MediaKind::Video {
        format.encoding = "X-UNKNOWN".into();
        format.parameters.clear();
    }
    Media {
        kind,
        port: 0,
        protocol: "RTP/AVP".into(),
        connection: None,
        control: Some(control(packed.kind()).into()),
        content: None,
        bandwidth_kbps: None,
        rtcp_port: None,
        direction: Direction::default(),
        framerate: None,
        formats: vec![format],
        extensions: Vec::new(),
    }
}

fn format(packed: &Packed) -> Format {
    let (encoding, channels, parameters) = match packed.coding() {
        Coding::Video(VideoCodec::H264) => ("H264", 1, h264(packed)),
        Coding::Video(VideoCodec::H265) => ("H265", 1, h265(packed)),
        Coding::Audio(format) => sound(format),
    };
    Format {
        payload_type: packed.payload_type(),
        encoding: encoding.into(),
        clock_hz: packed.coding().rtp_clock_hz(),
        channels,
        parameters,
    }
}

/// RFC 6184 §8.1.
fn h264(packed: &Packed) -> Vec<(String, String)> {
    let sets: Vec<String> = packed.parameter_sets().iter().map(|set| STANDARD.encode(set)).collect();
    let level = packed.parameter_sets().iter().find(|set| set[0] & 0x1f == 7).and_then(|set| set.get(1..4));
    let mut parameters = vec![("packetization-mode".into(), "1".into())];
    parameters.extend(level.map(|level| ("profile-level-id".into(), hex::encode(level))));
    parameters.push(("sprop-parameter-sets".into(), sets.join(",")));
    parameters
}

/// RFC 7798 §7.1.
fn h265(packed: &Packed) -> Vec<(String, String)> {
    let named = packed.parameter_sets().iter().filter_map(|set| {
        let name = match set[0] >> 1 & 0x3f {
            32 => "sprop-vps",
            33 => "sprop-sps",
            34 => "sprop-pps",
            _ => return None,
        };
        Some((name.into(), STANDARD.encode(set)))
    });
    named.collect()
}

fn sound(format: &AudioFormat) -> (&'static str, u8, Vec<(String, String)>) {
    match format.codec {
        // Two channels by definition (RFC 7587 §7), whatever is inside.
        AudioCodec::Opus => ("opus", 2, vec![("sprop-stereo".into(), "0".into())]),
        AudioCodec::Pcma => ("PCMA", 1, Vec::new()),
        AudioCodec::Pcmu => ("PCMU", 1, Vec::new()),
        AudioCodec::G722 => ("G722", 1, Vec::new()),
        AudioCodec::Aac => ("mpeg4-generic", format.channels, aac(format)),
    }
}

/// RFC 3640 §3.3.6, mode AAC-hbr.
fn aac(format: &AudioFormat) -> Vec<(String, String)> {
    let config = hex::encode(&format.config);
    let all = [
        ("streamtype", "5"),
        ("profile-level-id", "1"),
        ("mode", "AAC-hbr"),
        ("sizelength", "13"),
        ("indexlength", "3"),
        ("indexdeltalength", "3"),
        ("config", config.as_str()),
    ];
    all.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

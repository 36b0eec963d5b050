//! From a session description to text, as our own test sources need it.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::{Direction, Format, Media, MediaKind, Session};
use crate::domain::stream::{AudioCodec, VideoCodec};
use crate::wire::coding::Coding;

impl Session {
    /// As text with CRLF. Control characters in names and values become blanks, so that no value is a line of its own.
    pub fn write(&self) -> String {
        let origin = self.connection.unwrap_or(IpAddr::from([0, 0, 0, 0]));
        let mut out = format!("v=0\r\no=- 0 0 IN {} {origin}\r\n", family(origin));
        line(&mut out, "s", if self.name.is_empty() { "-" } else { &self.name });
        connection(&mut out, self.connection);
        line(&mut out, "t", "0 0");
        optional(&mut out, "control", self.control.as_deref());
        self.media.iter().for_each(|media| media.write(&mut out));
        out
    }
}

impl Media {
    /// One RTP track of this coding on a port; `payload_type` 96–127. Parameter sets are NAL units without start code.
    pub fn track(coding: &Coding, payload_type: u8, port: u16, parameter_sets: &[Vec<u8>]) -> Self {
        Self {
            kind: match coding {
                Coding::Video(_) => MediaKind::Video,
                Coding::Audio(_) => MediaKind::Audio,
            },
            port,
            protocol: "RTP/AVP".to_owned(),
            connection: None,
            control: None,
            content: None,
            bandwidth_kbps: None,
            rtcp_port: None,
            direction: Direction::default(),
            framerate: None,
            formats: vec![Format::of_coding(coding, payload_type, parameter_sets)],
            extensions: Vec::new(),
        }
    }

    fn write(&self, out: &mut String) {
        let mut value = format!("{} {} {}", self.kind.name(), self.port, self.protocol);
        for format in &self.formats {
            let _ = write!(value, " {}", format.payload_type);
        }
        line(out, "m", &value);
        connection(out, self.connection);
        if let Some(kbps) = self.bandwidth_kbps {
            line(out, "b", &format!("AS:{kbps}"));
        }
        self.formats.iter().for_each(|format| format.write(out));
        optional(out, "rtcp", self.rtcp_port.map(|port| port.to_string()).as_deref());
        if self.direction != Direction::default() {
            line(out, "a", self.direction.name());
        }
        optional(out, "framerate", self.framerate.as_deref());
        optional(out, "content", self.content.as_deref());
        for (id, uri) in &self.extensions {
            line(out, "a", &format!("extmap:{id} {uri}"));
        }
        optional(out, "control", self.control.as_deref());
    }
}

impl Format {
    /// The payload type of a track that we send.
    pub fn of_coding(coding: &Coding, payload_type: u8, parameter_sets: &[Vec<u8>]) -> Self {
        let mut format =
            Self { payload_type, clock_hz: coding.rtp_clock_hz(), channels: 1, ..Self::default() };
        let mut say = |name: &str, value: String| format.parameters.push((name.to_owned(), value));
        let (encoding, channels) = match coding {
            Coding::Video(VideoCodec::H264) => {
                say("packetization-mode", "1".to_owned());
                if let Some(sps) = parameter_sets.iter().find(|unit| unit.len() > 4 && unit[0] & 0x1f == 7) {
                    say("profile-level-id", hex::encode(&sps[1..4]));
                }
                if !parameter_sets.is_empty() {
                    say(
                        "sprop-parameter-sets",
                        parameter_sets.iter().map(base64).collect::<Vec<_>>().join(","),
                    );
                }
                ("H264", 1)
            }
            Coding::Video(VideoCodec::H265) => {
                for (kind, name) in [(32, "sprop-vps"), (33, "sprop-sps"), (34, "sprop-pps")] {
                    let unit = parameter_sets
                        .iter()
                        .find(|unit| unit.first().is_some_and(|b| b >> 1 & 0x3f == kind));
                    if let Some(unit) = unit {
                        say(name, base64(unit));
                    }
                }
                ("H265", 1)
            }
            Coding::Audio(sound) => match sound.codec {
                AudioCodec::Aac => {
                    say("streamtype", "5".to_owned());
                    say("profile-level-id", "1".to_owned());
                    say("mode", "AAC-hbr".to_owned());
                    say("sizelength", "13".to_owned());
                    say("indexlength", "3".to_owned());
                    say("indexdeltalength", "3".to_owned());
                    say("config", hex::encode(&sound.config));
                    ("MPEG4-GENERIC", sound.channels)
                }
                AudioCodec::Opus => {
                    say("sprop-stereo", u8::from(sound.channels == 2).to_string());
                    ("OPUS", 2)
                }
                AudioCodec::Pcma => ("PCMA", sound.channels),
                AudioCodec::Pcmu => ("PCMU", sound.channels),
                AudioCodec::G722 => ("G722", sound.channels),
            },
        };
        Self { encoding: encoding.to_owned(), channels, ..format }
    }

    fn write(&self, out: &mut String) {
        if !self.encoding.is_empty() {
            let channels = if self.channels > 1 { format!("/{}", self.channels) } else { String::new() };
            let map = format!("rtpmap:{} {}/{}{channels}", self.payload_type, self.encoding, self.clock_hz);
            line(out, "a", &map);
        }
        if !self.parameters.is_empty() {
            let pair = |(name, value): &(String, String)| {
                if value.is_empty() { name.clone() } else { format!("{name}={value}") }
            };
            let pairs: Vec<_> = self.parameters.iter().map(pair).collect();
            line(out, "a", &format!("fmtp:{} {}", self.payload_type, pairs.join(";")));
        }
    }
}

fn base64(unit: impl AsRef<[u8]>) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(unit)
}

fn optional(out: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        line(out, "a", &format!("{name}:{value}"));
    }
}

fn connection(out: &mut String, address: Option<IpAddr>) {
    if let Some(address) = address {
        // A multicast address of IPv4 needs its scope (RFC 8866 §5.7).
        let scope = if address.is_multicast() && address.is_ipv4() { "/16" } else { "" };
        line(out, "c", &format!("IN {} {address}{scope}", family(address)));
    }
}

fn family(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "IP4" } else { "IP6" }
}

fn line(out: &mut String, kind: &str, value: &str) {
    out.push_str(kind);
    out.push('=');
    out.extend(value.chars().map(|c| if c.is_control() { ' ' } else { c }));
    out.push_str("\r\n");
}

//! Payload types: what they are called and what that means.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::FORMATS_MAX;
use crate::domain::stream::{AudioCodec, VideoCodec};
use crate::wire::coding::{AudioFormat, Coding, VIDEO_CLOCK_HZ};

/// One payload type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Format {
    /// 0–127.
    pub payload_type: u8,
    /// Encoding name in upper case; for static types without `a=rtpmap:` the name of RFC 3551; empty when unknown.
    pub encoding: String,
    /// RTP clock; 0 when unknown.
    pub clock_hz: u32,
    /// Channels; 1 when nothing is said.
    pub channels: u8,
    /// `a=fmtp:` in order: name in lower case and value.
    pub parameters: Vec<(String, String)>,
}

impl Format {
    /// A payload type alone: the static ones of RFC 3551 §6 say all that is needed.
    pub fn of_type(payload_type: u8) -> Self {
        let (encoding, clock_hz) = match payload_type {
            0 => ("PCMU", 8_000),
            8 => ("PCMA", 8_000),
            9 => ("G722", 8_000),
            33 => ("MP2T", VIDEO_CLOCK_HZ),
            _ => ("", 0),
        };
        Self { payload_type, encoding: encoding.to_owned(), clock_hz, channels: 1, parameters: Vec::new() }
    }

    /// What the track carries, if it is a coding that is known. AAC is known in the mode AAC-hbr (RFC 3640).
    pub fn coding(&self) -> Option<Coding> {
        match self.encoding.as_str() {
            "H264" => Some(Coding::Video(VideoCodec::H264)),
            "H265" | "HEVC" => Some(Coding::Video(VideoCodec::H265)),
            "OPUS" => Some(Coding::Audio(AudioFormat::opus(self.opus_channels()))),
            "PCMA" => Some(Coding::Audio(self.telephone(AudioCodec::Pcma))),
            "PCMU" => Some(Coding::Audio(self.telephone(AudioCodec::Pcmu))),
            "G722" => Some(Coding::Audio(self.telephone(AudioCodec::G722))),
            "MPEG4-GENERIC" => self.aac().map(Coding::Audio),
            _ => None,
        }
    }

    /// Parameter sets out of `sprop-parameter-sets` (RFC 6184 §8.1) or `sprop-vps`, `-sps` and `-pps` (RFC 7798 §7.1):
    /// NAL units without start code. What is not base64 is left out.
    pub fn parameter_sets(&self) -> Vec<Vec<u8>> {
        let names = ["sprop-parameter-sets", "sprop-vps", "sprop-sps", "sprop-pps"];
        let values = names.iter().filter_map(|name| self.parameter(name));
        let units = values.flat_map(|value| value.split(','));
        units.filter_map(base64).filter(|unit| !unit.is_empty()).collect()
    }

    /// One parameter's value; `name` in lower case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// `H264/90000` or `opus/48000/2`.
    pub(super) fn take_map(&mut self, value: &str) {
        let mut parts = value.split('/').map(str::trim);
        self.encoding = parts.next().unwrap_or_default().to_ascii_uppercase();
        self.clock_hz = parts.next().and_then(|hz| hz.parse().ok()).unwrap_or(0);
        self.channels = parts.next().and_then(|channels| channels.parse().ok()).unwrap_or(1);
    }

    /// `name=value; name=value`.
    pub(super) fn take_parameters(&mut self, value: &str) {
        let pairs = value.split(';').map(str::trim).filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.trim().to_ascii_lowercase(), value.trim().to_owned())
        });
        let room = FORMATS_MAX.saturating_sub(self.parameters.len());
        self.parameters.extend(pairs.take(room));
    }

    /// `stereo` of the sender (RFC 7587 §6.1); the map always says two.
    fn opus_channels(&self) -> u8 {
        if self.parameter("sprop-stereo") == Some("1") { 2 } else { 1 }
    }

    fn telephone(&self, codec: AudioCodec) -> AudioFormat {
        AudioFormat { channels: self.channels.max(1), ..AudioFormat::telephone(codec) }
    }

    fn aac(&self) -> Option<AudioFormat> {
        let says = |name: &str, default: &str| self.parameter(name).unwrap_or(default).to_ascii_lowercase();
        let hbr = says("mode", "aac-hbr") == "aac-hbr" && says("sizelength", "13") == "13";
        let config = self.parameter("config").and_then(|text| hex::decode(text).ok());
        let said = config.as_deref().and_then(AudioFormat::from_aac_config);
        let mapped = || (self.clock_hz > 0).then(|| AudioFormat::aac(self.clock_hz, self.channels));
        said.or_else(mapped).filter(|_| hbr)
    }
}

fn base64(text: &str) -> Option<Vec<u8>> {
    // Some cameras leave out the padding.
    let text = text.trim();
    STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text.trim_end_matches('='))).ok()
}

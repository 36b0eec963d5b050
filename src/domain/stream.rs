//! What a stream is made of and where it is received: codecs and source addresses. Knows no socket and no decoder.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Longest source text accepted, in bytes: an SDP fits.
pub const SOURCE_BYTES_MAX: usize = 4096;

/// How pictures are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VideoCodec {
    /// ITU-T H.264.
    H264,
    /// ITU-T H.265.
    H265,
}

impl VideoCodec {
    /// The name as people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "H.264",
            Self::H265 => "H.265",
        }
    }
}

/// How sound is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AudioCodec {
    /// MPEG-4 AAC (ISO/IEC 14496-3).
    Aac,
    /// Opus (RFC 6716).
    Opus,
    /// G.711 A-law.
    Pcma,
    /// G.711 µ-law.
    Pcmu,
    /// G.722.
    G722,
}

impl AudioCodec {
    /// The name as people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aac => "AAC",
            Self::Opus => "Opus",
            Self::Pcma => "G.711A",
            Self::Pcmu => "G.711µ",
            Self::G722 => "G.722",
        }
    }
}

/// Where a stream is received. Written as text: an address without any secret, or an SDP after `sdp:`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamSource {
    text: String,
    kind: SourceKind,
}

/// By which protocol a stream is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceKind {
    /// `rtsp://` (RFC 2326), interleaved in TCP; with `?transport=udp` over UDP.
    Rtsp,
    /// `rtp://host:port?…`: RTP over UDP (RFC 3550), unicast or multicast, payload types in the query.
    Rtp(SocketAddr),
    /// `sdp:` followed by a session description (RFC 8866): RTP over UDP.
    Sdp,
    /// `udp://host:port`: MPEG-TS over UDP, with or without RTP (RFC 2250).
    Ts(SocketAddr),
    /// `srt://`.
    Srt,
    /// `rtmp://`.
    Rtmp,
    /// `http://` or `https://`: HLS (RFC 8216).
    Hls,
}

/// Why a text is not a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BadSource {
    /// Longer than [`SOURCE_BYTES_MAX`] bytes.
    TooLong,
    /// No protocol that can be received.
    Protocol,
    /// No host after the protocol.
    Host,
    /// `rtp://` and `udp://` need a numeric address and a port.
    Address,
    /// A user name or password inside: they belong into the watcher's settings.
    Secret,
    /// A control character or a blank.
    Character,
}

impl StreamSource {
    /// Accepts a text as a source, or says why not.
    pub fn parse(text: &str) -> Result<Self, BadSource> {
        if text.len() > SOURCE_BYTES_MAX {
            return Err(BadSource::TooLong);
        }
        let kind = kind_of(text)?;
        Ok(Self { text: text.to_owned(), kind })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// By which protocol.
    pub fn kind(&self) -> SourceKind {
        self.kind
    }
}

fn kind_of(text: &str) -> Result<SourceKind, BadSource> {
    if let Some(description) = text.strip_prefix("sdp:") {
        let odd = |c: char| c.is_control() && c != '\r' && c != '\n';
        return if description.contains(odd) { Err(BadSource::Character) } else { Ok(SourceKind::Sdp) };
    }
    if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err(BadSource::Character);
    }
    let (scheme, rest) = text.split_once("://").ok_or(BadSource::Protocol)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(BadSource::Secret);
    }
    let address = || authority.parse().map_err(|_| BadSource::Address);
    let kind = match scheme {
        "rtsp" => SourceKind::Rtsp,
        "rtp" => SourceKind::Rtp(address()?),
        "udp" => SourceKind::Ts(address()?),
        "srt" => SourceKind::Srt,
        "rtmp" => SourceKind::Rtmp,
        "http" | "https" => SourceKind::Hls,
        _ => return Err(BadSource::Protocol),
    };
    if authority.is_empty() { Err(BadSource::Host) } else { Ok(kind) }
}

impl fmt::Display for StreamSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for BadSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "a stream's source has at most 4096 bytes",
            Self::Protocol => "a stream's source begins with rtsp, rtp, udp, srt, rtmp, http, https or sdp",
            Self::Host => "a stream's source names a host",
            Self::Address => "rtp:// and udp:// take a numeric address and a port",
            Self::Secret => "user names and passwords do not stand in a stream's source",
            Self::Character => "a stream's source has no blanks and no control characters",
        })
    }
}

impl std::error::Error for BadSource {}

impl Serialize for StreamSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for StreamSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_says_its_protocol_or_what_is_wrong_with_it() {
        let rtp = SourceKind::Rtp("239.1.1.1:5004".parse().unwrap());
        let ts = SourceKind::Ts("[ff15::1]:5004".parse().unwrap());
        let cases = [
            ("rtsp://10.0.0.1/live?transport=udp", Ok(SourceKind::Rtsp)),
            ("rtp://239.1.1.1:5004?video=h264/96", Ok(rtp)),
            ("udp://[ff15::1]:5004", Ok(ts)),
            ("srt://10.0.0.1:9000?mode=caller", Ok(SourceKind::Srt)),
            ("rtmp://10.0.0.1/app/key", Ok(SourceKind::Rtmp)),
            ("https://media.example/live.m3u8", Ok(SourceKind::Hls)),
            ("sdp:v=0\r\nm=video 5004 RTP/AVP 96\r\n", Ok(SourceKind::Sdp)),
            ("rtsp://admin:geheim@10.0.0.1/live", Err(BadSource::Secret)),
            ("rtp://example:5004", Err(BadSource::Address)),
            ("rtsp:///live", Err(BadSource::Host)),
            ("file:///etc/passwd", Err(BadSource::Protocol)),
            ("rtsp", Err(BadSource::Protocol)),
            ("rtsp://10.0.0.1/a b", Err(BadSource::Character)),
        ];
        for (text, expected) in cases {
            assert_eq!(StreamSource::parse(text).map(|source| source.kind()), expected, "{text}");
        }
    }
}

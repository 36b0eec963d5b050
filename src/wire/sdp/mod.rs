//! Session descriptions (RFC 8866) as cameras, codecs and MCUs write them: lenient in what does not matter, exact in
//! what decides how a track is received.
//!
//! Must not know how a description travels, or whether its addresses can be reached.

use std::net::IpAddr;

use super::coding::Coding;

/// Most media read from one description.
pub const MEDIA_MAX: usize = 16;

/// A session description.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session {
    /// `s=`: the session's name.
    pub name: String,
    /// `c=` of the session: where its media are sent.
    pub connection: Option<IpAddr>,
    /// `a=control:` of the session (RFC 2326 C.1.1).
    pub control: Option<String>,
    /// `m=` in order; at most [`MEDIA_MAX`].
    pub media: Vec<Media>,
}

/// One `m=` with its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// `video`, `audio` or what stands there.
    pub kind: MediaKind,
    /// Port; 0 when the other side chooses.
    pub port: u16,
    /// `RTP/AVP` or what stands there.
    pub protocol: String,
    /// Its own `c=`.
    pub connection: Option<IpAddr>,
    /// Its `a=control:`.
    pub control: Option<String>,
    /// `a=content:` (RFC 4796), such as `slides` or `main`.
    pub content: Option<String>,
    /// `b=AS:` in kbit/s.
    pub bandwidth_kbps: Option<u32>,
    /// `a=framerate:` or `a=x-framerate:` in pictures per second, as text.
    pub framerate: Option<String>,
    /// Payload formats in order of preference.
    pub formats: Vec<Format>,
    /// `a=extmap:` (RFC 8285): id and URI.
    pub extensions: Vec<(u8, String)>,
}

/// What kind of media.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Anything else, by its name.
    Other(String),
}

/// One payload type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Format {
    /// 0–127.
    pub payload_type: u8,
    /// Encoding name in upper case; for static types without `a=rtpmap:` the name of RFC 3551.
    pub encoding: String,
    /// RTP clock.
    pub clock_hz: u32,
    /// Channels; 1 when nothing is said.
    pub channels: u8,
    /// `a=fmtp:` in order: name in lower case and value.
    pub parameters: Vec<(String, String)>,
}

/// Why a text is no session description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSdp {
    /// Does not begin with `v=0`.
    #[error("a session description begins with v=0")]
    Version,
    /// An `m=` line that cannot be read.
    #[error("line {0} of the session description: m= needs a kind, a port, a protocol and formats")]
    Media(usize),
}

/// Reads a description.
pub fn parse(text: &str) -> Result<Session, NotSdp> {
    if text.trim_start().starts_with("v=0") { Ok(Session::default()) } else { Err(NotSdp::Version) }
}

impl Session {
    /// As text with CRLF.
    pub fn write(&self) -> String {
        String::new()
    }
}

impl Format {
    /// What the track carries, if it is a coding that is known.
    pub fn coding(&self) -> Option<Coding> {
        None
    }

    /// Parameter sets out of `sprop-parameter-sets` (RFC 6184) or `sprop-vps`, `-sps`, `-pps` (RFC 7798): NAL units
    /// without start code.
    pub fn parameter_sets(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }

    /// One parameter's value; `name` in lower case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

//! Session descriptions (RFC 8866) as cameras, codecs and MCUs write them: lenient in what does not matter, exact in
//! what decides how a track is received.
//!
//! Must not know how a description travels, or whether its addresses can be reached.

mod format;
mod read;
mod write;

use std::net::IpAddr;

pub use format::Format;
pub use read::parse;

/// Most media read from one description.
pub const MEDIA_MAX: usize = 16;

/// Most payload types and header extensions read of one media.
pub const FORMATS_MAX: usize = 64;

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
    /// `a=rtcp:` (RFC 3605): where RTCP goes when it is not the next port.
    pub rtcp_port: Option<u16>,
    /// Which way it flows, seen from who describes it.
    pub direction: Direction,
    /// `a=framerate:` or `a=x-framerate:` in pictures per second, as text.
    pub framerate: Option<String>,
    /// Payload formats in order of preference; at most [`FORMATS_MAX`].
    pub formats: Vec<Format>,
    /// `a=extmap:` (RFC 8285): id and URI.
    pub extensions: Vec<(u8, String)>,
}

/// Which way a media flows (RFC 8866 §6.7), seen from who describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Both ways; what counts when nothing is said.
    #[default]
    SendReceive,
    /// It sends and does not want to receive.
    SendOnly,
    /// It receives and does not send.
    ReceiveOnly,
    /// Neither: on hold.
    Inactive,
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

/// Why a text is no session description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSdp {
    /// Does not begin with `v=0`.
    #[error("a session description begins with v=0")]
    Version,
    /// An `m=` line that cannot be read.
    #[error("line {0} of the session description: m= needs a kind, a port, a protocol and formats")]
    Media(usize),
    /// More than [`MEDIA_MAX`] `m=` lines.
    #[error("a session description of more than 16 media")]
    TooMany,
}

impl Session {
    /// Where a media is sent: its own address, or the session's.
    pub fn address(&self, media: &Media) -> Option<IpAddr> {
        media.connection.or(self.connection)
    }
}

impl Media {
    /// The id under which packets carry their own audio level (RFC 6464), if they do.
    pub fn audio_level_id(&self) -> Option<u8> {
        const URI: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
        self.extensions.iter().find(|(_, uri)| uri == URI).map(|(id, _)| *id)
    }

    /// Pictures per second as declared.
    pub fn fps(&self) -> Option<f64> {
        let fps: f64 = self.framerate.as_deref()?.trim().parse().ok()?;
        (0.1..=480.0).contains(&fps).then_some(fps)
    }
}

impl Direction {
    /// By the name of its attribute.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|direction| direction.name() == name)
    }

    /// The name of its attribute.
    pub fn name(self) -> &'static str {
        match self {
            Self::SendReceive => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::ReceiveOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// Whether who describes it sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendReceive | Self::SendOnly)
    }

    /// Whether who describes it receives.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendReceive | Self::ReceiveOnly)
    }

    const ALL: [Self; 4] = [Self::SendReceive, Self::SendOnly, Self::ReceiveOnly, Self::Inactive];
}

impl MediaKind {
    /// The name of RFC 8866 §8.2.2.
    pub fn name(&self) -> &str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Other(name) => name,
        }
    }
}

#[cfg(test)]
mod tests;

//! What a session is for, as the parent opens it and the child builds it. Knows names of codecs; must not know elements.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::stream::{AudioCodec, VideoCodec};

/// What a session is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SessionKind {
    /// Pictures of coded video.
    Video(VideoKind),
    /// Levels of coded sound.
    Audio(AudioKind),
    /// Coded sound to AAC.
    Transcode(AudioKind),
    /// Raw pictures to coded video.
    EncodeVideo(VideoEncoding),
    /// Raw sound to coded sound.
    EncodeAudio(AudioEncoding),
    /// Media from a server.
    Fetch(FetchKind),
}

/// How video is to be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VideoKind {
    /// The codec.
    pub codec: VideoCodec,
    /// What will be sent.
    pub feed: VideoFeed,
}

/// Which access units a video session gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VideoFeed {
    /// Key pictures alone, each with its parameter sets. Each is answered at once and sessions share a decoder.
    Keyframes,
    /// Every access unit in order. The session has a decoder of its own from its first key picture on.
    Continuous,
}

/// How sound is coded. For [`AudioCodec::Aac`] `config` is the `AudioSpecificConfig` (ISO/IEC 14496-3); without it
/// every frame begins with an ADTS header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioKind {
    /// The codec.
    pub codec: AudioCodec,
    /// Samples a second: of the sound, not of the RTP clock.
    pub rate_hz: u32,
    /// Channels.
    pub channels: u8,
    /// Codec configuration; empty without any.
    pub config: Vec<u8>,
}

/// A picture format and the encoder that makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VideoEncoding {
    /// The encoder and how it decides on bits.
    pub preset: VideoPreset,
    /// Even, 16 to 4096.
    pub width: u16,
    /// Even, 16 to 4096.
    pub height: u16,
    /// Pictures a second, 1 to 120.
    pub fps: u8,
    /// Target or ceiling in kbit/s, 16 to 50,000.
    pub kbps: u32,
    /// Pictures between two key pictures, 1 to 600; presets without regular key pictures ignore it.
    pub gop: u16,
}

/// Encoders that venues really have, as a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VideoPreset {
    /// x264 veryfast, zero latency, constant bit rate, no B pictures: a codec in a conference.
    X264Cbr,
    /// x264 fast, constant quality, 2 B pictures, CABAC: a recorder or live output.
    X264Crf,
    /// x264 zero latency, HRD constant bit rate padded with filler units.
    X264Hrd,
    /// x264 with a moving column of intra blocks and recovery points instead of key pictures.
    X264IntraRefresh,
    /// x264 zero latency, one key picture at the start and none after.
    X264Infinite,
    /// openh264, constant bit rate, regular key pictures.
    OpenH264,
    /// openh264, one key picture at the start and none after.
    OpenH264Infinite,
    /// x265 superfast, zero latency (H.265).
    X265,
}

/// A sound format and its encoder; input is interleaved signed 16 bit, little endian, at `rate_hz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioEncoding {
    /// The codec.
    pub codec: AudioCodec,
    /// Samples a second of the input.
    pub rate_hz: u32,
    /// Channels, 1 or 2.
    pub channels: u8,
    /// Bits a second, in kbit/s; G.711 and G.722 have their own and ignore it.
    pub kbps: u32,
}

/// Where to fetch from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FetchKind {
    /// By which protocol.
    pub protocol: FetchProtocol,
    /// `srt://`, `rtmp://`, `http://` or `https://`, as in a stream's source; may carry a secret and is not logged.
    pub url: String,
    /// The longest time without a byte, after which the session ends.
    pub silence_ms: u32,
}

/// Protocols that are received by foreign code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FetchProtocol {
    /// Secure Reliable Transport.
    Srt,
    /// Real-Time Messaging Protocol.
    Rtmp,
    /// HTTP Live Streaming (RFC 8216).
    Hls,
}

/// For which queue a session's requests wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Short: a key picture, a batch of sound.
    Prompt,
    /// Long: pictures of a whole group.
    Burst,
}

impl SessionKind {
    /// In which queue its requests wait.
    pub(crate) fn lane(&self) -> Lane {
        match self {
            Self::Video(VideoKind { feed: VideoFeed::Continuous, .. }) => Lane::Burst,
            Self::Video(VideoKind { feed: VideoFeed::Keyframes, .. }) => Lane::Prompt,
            Self::Audio(_) | Self::Transcode(_) => Lane::Prompt,
            Self::EncodeVideo(_) | Self::EncodeAudio(_) | Self::Fetch(_) => Lane::Burst,
        }
    }

    /// Whether answers depend on requests before, so that a new child cannot simply go on.
    pub(crate) fn has_memory(&self) -> bool {
        match self {
            Self::Video(VideoKind { feed: VideoFeed::Keyframes, .. }) | Self::Audio(_) => false,
            Self::Video(VideoKind { feed: VideoFeed::Continuous, .. }) => true,
            Self::Transcode(_) | Self::EncodeVideo(_) | Self::EncodeAudio(_) | Self::Fetch(_) => true,
        }
    }

    /// One word for counters and logs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Video(_) => "video",
            Self::Audio(_) => "audio",
            Self::Transcode(_) => "transcode",
            Self::EncodeVideo(_) | Self::EncodeAudio(_) => "encode",
            Self::Fetch(_) => "fetch",
        }
    }

    /// How long a child may work on one chunk of this kind before it counts as hung.
    pub(crate) fn time_per_chunk(&self) -> Duration {
        Duration::from_millis(match self {
            Self::Video(_) => 100,
            Self::Audio(_) | Self::Transcode(_) => 20,
            Self::EncodeVideo(_) => 2000,
            Self::EncodeAudio(_) => 100,
            Self::Fetch(_) => 0,
        })
    }
}

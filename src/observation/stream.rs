//! What a monitor sees in one stream: how it is received, its figures, and what looks wrong, since when, with which
//! numbers and how surely. Whether that matters is the engine's to say.

use serde::{Deserialize, Serialize};

use crate::domain::id::StreamId;
use crate::domain::stream::{AudioCodec, VideoCodec};
use crate::domain::time::Utc;

/// Longest list of detections in one report.
pub const DETECTIONS_MAX: usize = 32;

/// One stream as its monitor sees it now. The whole truth each time: a later report replaces an earlier one. Sent at
/// once when something began or ended, and each second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamReport {
    /// Which stream.
    pub stream: StreamId,
    /// How it is received.
    pub reception: Reception,
    /// Since when it is received like that, by the watcher's clock.
    pub since: Utc,
    /// Its pictures; `None` until the first has come, or without any.
    pub video: Option<VideoFigures>,
    /// Its sound; `None` until the first has come, or without any.
    pub audio: Option<AudioFigures>,
    /// How its packets travel.
    pub transport: TransportFigures,
    /// What looks wrong, in the order of [`Seen`]; at most [`DETECTIONS_MAX`].
    pub detections: Vec<Detection>,
    /// How deeply it is looked at.
    pub analysis: Analysis,
}

/// How a stream is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reception", rename_all = "snake_case", deny_unknown_fields)]
pub enum Reception {
    /// The first attempt is under way.
    Connecting,
    /// Media arrive.
    Flowing,
    /// No media arrive.
    Down {
        /// Why, as far as it shows.
        why: DownWhy,
        /// Attempts since it went down.
        tries: u32,
    },
    /// The watcher itself cannot look: says nothing about the stream.
    Blind {
        /// Why.
        why: BlindWhy,
    },
}

/// Why no media arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DownWhy {
    /// The connection is refused.
    Refused,
    /// The address cannot be reached.
    Unreachable,
    /// The name is unknown.
    NameUnknown,
    /// The server does not answer.
    NoAnswer,
    /// User name or password is wrong.
    Unauthorised,
    /// The server knows no such stream.
    NotFound,
    /// The server speaks, but not what its protocol allows.
    Protocol,
    /// The server ended the stream.
    Closed,
    /// Connected, or listening, and nothing arrives.
    Silent,
    /// Something arrives that is not media.
    Garbage,
    /// Media of a codec that is not known.
    Codec,
}

/// Why a watcher cannot look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlindWhy {
    /// The local socket could not be opened.
    NoSocket,
    /// The credential that the stream names is not in the watcher's settings.
    NoCredential,
    /// The worker that receives this protocol is being restarted.
    NoWorker,
    /// The watcher watches as many streams as it may.
    NoCapacity,
    /// The watcher's own settings forbid this source.
    Forbidden,
}

/// Pictures in figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VideoFigures {
    /// Codec.
    pub codec: VideoCodec,
    /// Width in pixels; 0 until known.
    pub width: u32,
    /// Height in pixels; 0 until known.
    pub height: u32,
    /// Pictures per second over the last two seconds.
    pub fps: f64,
    /// What the stream itself or its timestamps declare.
    pub fps_declared: Option<f64>,
    /// Rate over the last two seconds, filler left out, kbit/s.
    pub kbps: f64,
    /// Seconds between pictures at which decoding can begin; `None` when none came in the last ten.
    pub idr_every_s: Option<f64>,
}

/// Sound in figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioFigures {
    /// Codec.
    pub codec: AudioCodec,
    /// Rate over the last two seconds, kbit/s.
    pub kbps: f64,
    /// Channels; 0 until known.
    pub channels: u8,
    /// Loudness of the last second, dBFS; `None` while it is not decoded.
    pub rms_dbfs: Option<f32>,
    /// Peak of the last second, dBFS.
    pub peak_dbfs: Option<f32>,
}

/// How packets travel, over the last ten seconds. All zero where the protocol hides it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransportFigures {
    /// Packets that should have come.
    pub expected: u64,
    /// Of those, lost.
    pub lost: u64,
    /// Packets that came after a later one.
    pub reordered: u64,
    /// Extra copies.
    pub duplicates: u64,
    /// Interarrival jitter (RFC 3550 §6.4.1), milliseconds; the larger of the tracks.
    pub jitter_ms: f64,
}

/// One thing that looks wrong, or that an engine's rule may want to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detection {
    /// What, with its numbers.
    pub seen: Seen,
    /// First bad sample, by the watcher's clock.
    pub since: Utc,
    /// How surely.
    pub sure: Sure,
    /// Pictures before and after, if there are any.
    pub evidence: Option<Evidence>,
}

/// What is seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "seen", rename_all = "snake_case", deny_unknown_fields)]
pub enum Seen {
    /// Sound arrives, pictures do not.
    NoVideo,
    /// Pictures arrive, sound does not.
    NoAudio,
    /// Another codec than the inventory says.
    WrongCodec {
        /// What comes.
        found: VideoCodec,
    },
    /// Packets are lost, counted over the last ten seconds.
    Loss {
        /// Lost.
        lost: u64,
        /// Expected.
        expected: u64,
    },
    /// Packets come irregularly.
    Jitter {
        /// RFC 3550 jitter, milliseconds.
        ms: f64,
    },
    /// Fewer pictures than declared.
    LowFps {
        /// Pictures per second.
        fps: f64,
        /// Declared or usual.
        declared: f64,
    },
    /// Far less data than usual.
    LowBitrate {
        /// Rate, kbit/s.
        kbps: f64,
        /// Average of the last minute before, kbit/s.
        usual_kbps: f64,
    },
    /// Pictures are damaged: data was lost and no clean picture has come since.
    Corrupt {
        /// Pictures lost or damaged since.
        pictures: u64,
    },
    /// The picture stands still and the encoder has nothing to do: frozen at its source.
    Freeze {
        /// Largest mean difference of any block over half a second, luma steps of 255.
        block_max: f32,
        /// How far the coding effort fell below its usual, powers of two.
        effort_drop: f32,
    },
    /// Nothing moves, but the encoder is busy with noise: an empty room, or slides.
    Static {
        /// Largest mean difference of any block over half a second, luma steps of 255.
        block_max: f32,
    },
    /// A black picture.
    Black {
        /// 98th percentile of luma, full range 0–255.
        luma_p98: u8,
        /// Standard deviation of luma.
        luma_sd: f32,
    },
    /// A picture of one colour that is not black.
    Flat {
        /// Mean luma, full range 0–255.
        luma_mean: f32,
        /// Standard deviation of luma.
        luma_sd: f32,
    },
    /// Nothing to be heard.
    Silence {
        /// Loudness, dBFS.
        rms_dbfs: f32,
    },
    /// Sound at full scale again and again.
    Clipping {
        /// Tenths of the last second with clipped samples.
        tenths: u8,
    },
    /// Somebody or something can be heard; normal for who speaks, an open microphone 未闭麦 for who does not.
    Sound {
        /// Loudness, dBFS.
        rms_dbfs: f32,
    },
    /// Sound and pictures have drifted apart since the stream began, by their timestamps and arrivals.
    Skew {
        /// How much later sound comes than its pictures, milliseconds; negative when earlier.
        audio_late_ms: f64,
    },
    /// An MPEG transport stream breaks ETSI TR 101 290.
    Transport {
        /// Indicator, such as `1.4` for continuity.
        indicator: String,
        /// How often in the last ten seconds.
        count: u64,
    },
}

/// How surely something is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sure {
    /// Headers say so and there was no time to look at pictures.
    Suspected,
    /// Measured.
    Confirmed,
}

/// Pictures kept by content: SHA-256 in hex. Absent where there was none, or where the meeting forbids keeping.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Last good picture.
    pub before: Option<String>,
    /// First bad picture.
    pub after: Option<String>,
}

/// How deeply a stream is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Analysis {
    /// Headers always, key pictures decoded, everything decoded on suspicion.
    Keyframes,
    /// Every picture is decoded: the stream has no regular key pictures.
    Continuous,
    /// Headers only: pictures of this codec are not decoded.
    Headers,
    /// Headers only: the decoding worker is being restarted. Says nothing about the stream.
    Unavailable,
}

impl StreamReport {
    /// A stream that its watcher cannot look at.
    pub fn blind(stream: StreamId, why: BlindWhy, since: Utc) -> Self {
        Self {
            stream,
            reception: Reception::Blind { why },
            since,
            video: None,
            audio: None,
            transport: TransportFigures::default(),
            detections: Vec::new(),
            analysis: Analysis::Unavailable,
        }
    }
}

impl Seen {
    /// A stable word, such as `freeze`: the serialised tag.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoVideo => "no_video",
            Self::NoAudio => "no_audio",
            Self::WrongCodec { .. } => "wrong_codec",
            Self::Loss { .. } => "loss",
            Self::Jitter { .. } => "jitter",
            Self::LowFps { .. } => "low_fps",
            Self::LowBitrate { .. } => "low_bitrate",
            Self::Corrupt { .. } => "corrupt",
            Self::Freeze { .. } => "freeze",
            Self::Static { .. } => "static",
            Self::Black { .. } => "black",
            Self::Flat { .. } => "flat",
            Self::Silence { .. } => "silence",
            Self::Clipping { .. } => "clipping",
            Self::Sound { .. } => "sound",
            Self::Skew { .. } => "skew",
            Self::Transport { .. } => "transport",
        }
    }
}

//! What ingest hands over: one picture or one sound frame, whole, with its times. Knows no protocol and no decoder.

use bytes::Bytes;

use crate::domain::stream::{AudioCodec, VideoCodec};
use crate::domain::time::Mono;
use crate::wire::nal::PictureFacts;

/// Largest unit handed over, in bytes; longer ones are dropped and count as damaged.
pub const UNIT_BYTES_MAX: usize = 4 << 20;

/// One access unit: a picture, or one frame of sound.
#[derive(Debug, Clone)]
pub struct Unit {
    /// What it is a part of.
    pub track: Track,
    /// When its last byte arrived, by the watcher's monotonic clock.
    pub at: Mono,
    /// When it is to be shown or heard: media time in microseconds on the axis of [`Unit::at`], so that jitter is out
    /// and pictures and sound compare. Pictures come in decoding order; with B pictures this goes back and forth.
    pub pts_us: i64,
    /// Pictures: Annex B with start codes (ITU-T H.264, H.265). Sound: the raw frame, AAC without ADTS.
    pub data: Bytes,
    /// What the headers of a picture say; `None` with sound, and where no slice can be read.
    pub facts: Option<PictureFacts>,
    /// Whether bytes of it, or whole units since the one before, were lost.
    pub damaged: bool,
}

/// What a unit is a part of. A change of it within a stream is a change of format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Track {
    /// Pictures.
    Video(VideoCodec),
    /// Sound.
    Audio(SoundFormat),
}

/// What a decoder must know of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoundFormat {
    /// How it is coded.
    pub codec: AudioCodec,
    /// Samples per second of one channel, as the decoder puts them out.
    pub rate_hz: u32,
    /// Channels; 0 where only the decoder can tell.
    pub channels: u8,
    /// AAC: the AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1); empty with other codecs.
    pub config: Bytes,
}

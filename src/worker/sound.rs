//! What sound sessions take and give: coded frames in, loudness or coded frames out. Knows shapes of bytes; must not
//! know how they are decoded or whose voice it is.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use super::protocol::Chunk;

/// How much sound one [`Loudness`] covers.
pub const LOUDNESS_MS: u32 = 100;
/// The least level that is told.
pub const FLOOR_DBFS: f32 = -120.0;

const LOUDNESS_BYTES: usize = 20;

/// One coded frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoundFrame {
    /// Media time of its first sample, in microseconds.
    pub pts_us: i64,
    /// The frame as its codec defines it, without transport framing.
    pub data: Bytes,
}

/// How loud 100 ms of sound were, all channels together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loudness {
    /// Media time of the frame in which the 100 ms ended, in microseconds.
    pub pts_us: i64,
    /// Root mean square, dBFS (0 is a full-scale square wave), at least [`FLOOR_DBFS`].
    pub rms_dbfs: f32,
    /// Peak sample, dBFS, at least [`FLOOR_DBFS`].
    pub peak_dbfs: f32,
    /// Runs of three or more samples at −0.1 dBFS or above, in one channel.
    pub clipped_runs: u16,
    /// Part of the energy in the band of speech (300–3400 Hz), 0 to 1; 0 where there is no sound.
    pub speech_band: f32,
    /// Mean of the samples, as a part of full scale: a microphone's direct current.
    pub offset: f32,
}

/// What came of one request to a sound session.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Levels {
    /// One per 100 ms that was completed.
    pub levels: Vec<Loudness>,
    /// Processor time it took, in microseconds.
    pub cpu_us: u32,
}

impl SoundFrame {
    pub(crate) fn into_chunk(self) -> Chunk {
        Chunk { pts_us: self.pts_us, mark: 0, data: self.data }
    }

    /// The frame that a chunk carries.
    pub fn of_chunk(chunk: Chunk) -> Self {
        Self { pts_us: chunk.pts_us, data: chunk.data }
    }
}

impl Loudness {
    pub(crate) fn into_chunk(self) -> Chunk {
        let mut data = BytesMut::with_capacity(LOUDNESS_BYTES);
        data.put_f32_le(self.rms_dbfs);
        data.put_f32_le(self.peak_dbfs);
        data.put_f32_le(self.speech_band);
        data.put_f32_le(self.offset);
        data.put_u32_le(u32::from(self.clipped_runs));
        Chunk { pts_us: self.pts_us, mark: 0, data: data.freeze() }
    }

    /// The loudness that a chunk carries; `None` if it is not one. What is no number reads as the floor.
    pub fn of_chunk(chunk: &Chunk) -> Option<Self> {
        let mut data = &chunk.data[..];
        if data.len() != LOUDNESS_BYTES {
            return None;
        }
        let mut level = || data.get_f32_le().clamp(FLOOR_DBFS, 40.0).max(FLOOR_DBFS);
        let (rms_dbfs, peak_dbfs) = (level(), level());
        let (speech_band, offset) = (data.get_f32_le(), data.get_f32_le());
        Some(Self {
            pts_us: chunk.pts_us,
            rms_dbfs,
            peak_dbfs,
            speech_band: if speech_band.is_finite() { speech_band.clamp(0.0, 1.0) } else { 0.0 },
            offset: if offset.is_finite() { offset.clamp(-1.0, 1.0) } else { 0.0 },
            clipped_runs: u16::try_from(data.get_u32_le()).unwrap_or(u16::MAX),
        })
    }
}

//! What one asks of a worker, as typed sessions. Knows requests and answers; must not know processes.
//!
//! A session costs nothing until its first request. Its futures may be dropped at any time: a request that waits is
//! then never sent, one that is under way is done and its answer thrown away. After [`WorkerError::Gone`] or
//! [`WorkerError::Crashed`] the next request begins anew in a new child, which knows nothing of the ones before: send
//! a key picture first.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::fetched::{FetchEnd, Fetched};
use super::kind::SessionKind;
use super::picture::{Picture, Pictures, VideoUnit};
use super::pool::line::{Line, Work};
use super::protocol::Chunk;
use super::sound::{Levels, Loudness, SoundFrame};

/// Why a request has no answer. None of it says anything about a stream, save [`WorkerError::Refused`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkerError {
    /// More waits than the worker can do: drop this and come back.
    #[error("the worker has too much to do")]
    Busy,
    /// It waited longer than the caller allowed and was not begun.
    #[error("the request waited too long")]
    Late,
    /// The child ended for another request's sake, or was ended; what the session had decoded is lost.
    #[error("the worker ended")]
    Gone,
    /// The child ended, or had to be ended, over this very request: think twice before sending it again.
    #[error("the worker ended over this request")]
    Crashed,
    /// The child lives and says no: a codec it cannot, bytes it cannot use.
    #[error("the worker refused: {0}")]
    Refused(String),
    /// Larger than any message may be.
    #[error("the request is too large")]
    TooLarge,
    /// The pool was stopped.
    #[error("the pool is stopped")]
    Stopped,
}

/// Coded pictures in, small pictures out.
#[derive(Debug)]
pub struct VideoSession {
    pub(crate) line: Line,
}

/// Coded sound in, loudness out.
#[derive(Debug)]
pub struct AudioSession {
    pub(crate) line: Line,
}

/// Coded sound in, AAC out.
#[derive(Debug)]
pub struct TranscodeSession {
    pub(crate) line: Line,
}

/// Raw pictures or sound in, coded units out. Has a child of its own; when that ends, so does the session.
#[derive(Debug)]
pub struct EncodeSession {
    pub(crate) line: Line,
}

/// Media from a server. Has a child of its own; dropping the session ends it.
#[derive(Debug)]
pub struct FetchSession {
    #[expect(dead_code, reason = "holding it keeps the child alive")]
    pub(crate) line: Line,
    pub(crate) events: mpsc::Receiver<Result<Fetched, FetchEnd>>,
}

/// One raw picture or piece of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFrame {
    /// Media time, not below 0 and rising.
    pub pts_us: i64,
    /// I420 without padding (`width·height·3/2` bytes), or interleaved signed 16-bit little-endian samples.
    pub data: Bytes,
}

/// One coded unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodedUnit {
    /// Media time of its picture or first sample.
    pub pts_us: i64,
    /// Whether decoding can begin here.
    pub key: bool,
    /// Annex B access unit, raw AAC or Opus frame, G.711 or G.722 bytes.
    pub data: Bytes,
}

/// What came of one request to an encoder, in coding order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coded {
    /// The units; an encoder may hold some back until it is drained.
    pub units: Vec<CodedUnit>,
    /// `AudioSpecificConfig` of AAC; empty for others.
    pub config: Bytes,
}

/// Whether a request ends a run of pictures or sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// More will follow.
    Keep,
    /// Give out what is held back (B pictures, look-ahead); the next request begins anew.
    Drain,
}

impl VideoSession {
    /// Decodes the units in order and gives the wanted pictures. `patience` bounds the wait before the child begins.
    ///
    /// With [`VideoFeed::Keyframes`](super::kind::VideoFeed::Keyframes) every unit must be a key picture with its
    /// parameter sets, and every wanted picture comes with this very answer.
    ///
    /// # Errors
    /// See [`WorkerError`].
    pub async fn decode(
        &mut self,
        units: Vec<VideoUnit>,
        after: After,
        patience: Duration,
    ) -> Result<Pictures, WorkerError> {
        let chunks = units.into_iter().map(VideoUnit::into_chunk).collect();
        let done = self.line.ask(Work { chunks, after, patience }).await?;
        let pictures = done.chunks.iter().filter_map(Picture::of_chunk).collect();
        Ok(Pictures { pictures, cpu_us: done.cpu_us })
    }

    /// Counts up whenever a new child serves this session: what the one before had decoded is lost.
    pub fn generation(&self) -> u64 {
        self.line.generation()
    }
}

impl AudioSession {
    /// Decodes the frames in order and tells how loud they were.
    ///
    /// # Errors
    /// See [`WorkerError`].
    pub async fn levels(
        &mut self,
        frames: Vec<SoundFrame>,
        patience: Duration,
    ) -> Result<Levels, WorkerError> {
        let chunks = frames.into_iter().map(SoundFrame::into_chunk).collect();
        let done = self.line.ask(Work { chunks, after: After::Keep, patience }).await?;
        let levels = done.chunks.iter().filter_map(Loudness::of_chunk).collect();
        Ok(Levels { levels, cpu_us: done.cpu_us })
    }
}

impl TranscodeSession {
    /// Turns coded frames into AAC-LC frames of 1024 samples at the source's rate (48 kHz for Opus).
    ///
    /// # Errors
    /// See [`WorkerError`].
    pub async fn transcode(
        &mut self,
        frames: Vec<SoundFrame>,
        patience: Duration,
    ) -> Result<Coded, WorkerError> {
        let chunks = frames.into_iter().map(SoundFrame::into_chunk).collect();
        Ok(coded(self.line.ask(Work { chunks, after: After::Keep, patience }).await?.chunks))
    }

    /// Counts up whenever a new child serves this session: media time begins anew.
    pub fn generation(&self) -> u64 {
        self.line.generation()
    }
}

impl EncodeSession {
    /// Encodes frames in order. Sent in pieces of a few pictures each, they need little memory.
    ///
    /// # Errors
    /// See [`WorkerError`]; after `Gone` or `Crashed` the session stays gone.
    pub async fn encode(&mut self, frames: Vec<RawFrame>, after: After) -> Result<Coded, WorkerError> {
        let chunk = |frame: RawFrame| Chunk { pts_us: frame.pts_us, mark: 0, data: frame.data };
        let chunks = frames.into_iter().map(chunk).collect();
        let patience = Duration::from_secs(30);
        Ok(coded(self.line.ask(Work { chunks, after, patience }).await?.chunks))
    }
}

impl FetchSession {
    /// The next unit, or why there will be none. Cancel-safe. Units that nobody takes are dropped, the newest first.
    ///
    /// # Errors
    /// The end of the session; every call after it says [`FetchEnd::Ended`].
    pub async fn next(&mut self) -> Result<Fetched, FetchEnd> {
        self.events.recv().await.unwrap_or(Err(FetchEnd::Ended))
    }
}

/// Marks of coded chunks.
pub(crate) const MARK_KEY: u8 = 1;
/// A chunk that is the codec's configuration.
pub(crate) const MARK_CONFIG: u8 = 2;

fn coded(chunks: Vec<Chunk>) -> Coded {
    let mut coded = Coded::default();
    for chunk in chunks {
        if chunk.mark == MARK_CONFIG {
            coded.config = chunk.data;
        } else {
            coded.units.push(CodedUnit {
                pts_us: chunk.pts_us,
                key: chunk.mark == MARK_KEY,
                data: chunk.data,
            });
        }
    }
    coded
}

/// The kind as the child reads it.
pub(crate) fn kind_text(kind: &SessionKind) -> String {
    serde_json::to_string(kind).expect("names, numbers and texts are always JSON")
}

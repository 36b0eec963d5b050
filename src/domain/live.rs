//! What is shown while it happens and never judged or journalled: thumbnails and level meters. The newest replaces
//! the one before; nobody waits for a slow reader.

use std::sync::Arc;

use super::id::StreamId;
use super::time::Utc;

/// One thing for the screens.
#[derive(Debug, Clone, PartialEq)]
pub enum LiveItem {
    /// A newer picture of a stream.
    Thumbnail {
        /// Of which stream.
        stream: StreamId,
        /// The picture.
        picture: Thumbnail,
    },
    /// How loud a stream is now, ten times a second while somebody looks.
    Meter {
        /// Of which stream.
        stream: StreamId,
        /// How loud.
        level: Level,
    },
}

/// A small picture: JPEG, 320×180 or as high as fits, of the stream's own shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// When the picture arrived, by the watcher's clock.
    pub at: Utc,
    /// JPEG (ITU-T T.81).
    pub jpeg: Arc<[u8]>,
}

/// A picture that a detection names as evidence. Whether it is kept is for the meeting's class to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Still {
    /// Of which stream.
    pub stream: StreamId,
    /// SHA-256 of the bytes, hex, as the detection names it.
    pub sha256: String,
    /// JPEG.
    pub jpeg: Arc<[u8]>,
}

/// Loudness of a short while, all channels together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// When it ended, by the watcher's clock.
    pub at: Utc,
    /// Root mean square, dBFS (0 is a full-scale square wave), at least −120.
    pub rms_dbfs: f32,
    /// Peak sample, dBFS, at least −120.
    pub peak_dbfs: f32,
    /// Whether at least three samples in a row stood at full scale.
    pub clipped: bool,
}

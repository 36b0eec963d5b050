//! What is shown while it happens and never judged or journalled: thumbnails and level meters. The newest replaces
//! the one before; nobody waits for a slow reader.

use std::collections::BTreeMap;
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

/// The newest thumbnail and level of each stream: what the screens may show at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveBoard {
    /// By stream; one of which nothing came has no slot.
    pub slots: BTreeMap<StreamId, LiveSlot>,
}

/// The newest of one stream.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveSlot {
    /// The last picture, however old.
    pub thumbnail: Option<Thumbnail>,
    /// The last level, however old.
    pub level: Option<Level>,
}

impl LiveBoard {
    /// Puts an item into its place, unless a newer one is there.
    pub fn put(&mut self, item: LiveItem) {
        match item {
            LiveItem::Thumbnail { stream, picture } => {
                let slot = self.slots.entry(stream).or_default();
                if slot.thumbnail.as_ref().is_none_or(|known| known.at <= picture.at) {
                    slot.thumbnail = Some(picture);
                }
            }
            LiveItem::Meter { stream, level } => {
                let slot = self.slots.entry(stream).or_default();
                if slot.level.as_ref().is_none_or(|known| known.at <= level.at) {
                    slot.level = Some(level);
                }
            }
        }
    }
}

/// A piece of a stream as a movie that is played while it comes: fragmented MP4 (ISO/IEC 14496-12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaPiece {
    /// Where a player begins, and begins anew when it comes again.
    Beginning {
        /// What it is, with its codecs (RFC 6381), such as `video/mp4; codecs="avc1.42c01f,mp4a.40.2"`.
        mime: Arc<str>,
        /// `ftyp` and `moov`.
        bytes: Arc<[u8]>,
    },
    /// What follows.
    Fragment {
        /// Whether a player that has the beginning can enter here.
        key: bool,
        /// `moof` and `mdat`.
        bytes: Arc<[u8]>,
    },
}

impl MediaPiece {
    /// The bytes for the player.
    pub fn bytes(&self) -> &Arc<[u8]> {
        match self {
            Self::Beginning { bytes, .. } | Self::Fragment { bytes, .. } => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_picture_does_not_replace_a_newer_one() {
        let stream = StreamId::parse("s").unwrap();
        let mut board = LiveBoard::default();
        for at in [5, 7, 6] {
            let picture = Thumbnail { at: Utc(at), jpeg: Arc::from([at as u8]) };
            board.put(LiveItem::Thumbnail { stream: stream.clone(), picture });
            let level = Level { at: Utc(at), rms_dbfs: -20.0, peak_dbfs: -10.0, clipped: false };
            board.put(LiveItem::Meter { stream: stream.clone(), level });
        }
        let slot = &board.slots[&stream];
        assert_eq!(slot.thumbnail.as_ref().map(|picture| picture.at), Some(Utc(7)));
        assert_eq!(slot.level.map(|level| level.at), Some(Utc(7)));
    }
}

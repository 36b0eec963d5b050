//! What an agent's monitors send: reports, pictures, levels.
//!
//! Neither kind is acknowledged or repeated: a report holds the whole truth and the next one replaces it, a picture
//! that is late is of no use. Pure.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

use crate::domain::id::StreamId;
use crate::domain::live::{Level, LiveItem, Still, Thumbnail};
use crate::domain::time::Utc;
use crate::observation::StreamReport;

/// Most reports in one message: the longest reports of that many streams fit into an envelope.
pub const REPORTS_MAX: usize = 8;
/// Longest picture that travels, in bytes before encoding.
pub const PICTURE_BYTES_MAX: usize = 40 * 1024;
/// Most levels in one message.
pub const LEVELS_MAX: usize = 64;

/// Up, kind streams.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamsBody {
    /// At most [`REPORTS_MAX`].
    pub reports: Vec<StreamReport>,
}

/// Up, kind live: only while somebody looks, or when a picture is evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "show", rename_all = "snake_case", deny_unknown_fields)]
pub enum LiveBody {
    /// A newer picture.
    Picture {
        /// Of which stream.
        stream: StreamId,
        /// When it arrived, by the agent's clock.
        at: Utc,
        /// The picture.
        jpeg: Jpeg,
    },
    /// How loud streams are.
    Levels {
        /// At most [`LEVELS_MAX`].
        levels: Vec<Loudness>,
    },
    /// A picture that a detection names; the controller keeps it if the meeting allows.
    Evidence {
        /// Of which stream.
        stream: StreamId,
        /// The picture.
        jpeg: Jpeg,
    },
}

/// One [`Level`] on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loudness {
    /// Of which stream.
    pub stream: StreamId,
    /// When it ended.
    pub at: Utc,
    /// Root mean square, dBFS.
    pub rms_dbfs: f32,
    /// Peak, dBFS.
    pub peak_dbfs: f32,
    /// Whether samples stood at full scale.
    pub clipped: bool,
}

/// A JPEG of at most [`PICTURE_BYTES_MAX`] bytes, written in Base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jpeg(Arc<[u8]>);

impl Jpeg {
    /// Accepts bytes that begin and end as a JPEG does and are not too many.
    pub fn new(bytes: Arc<[u8]>) -> Option<Self> {
        let looks_right = bytes.starts_with(&[0xff, 0xd8]) && bytes.ends_with(&[0xff, 0xd9]);
        (looks_right && bytes.len() <= PICTURE_BYTES_MAX).then_some(Self(bytes))
    }

    /// The bytes.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.0
    }
}

impl Serialize for Jpeg {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Jpeg {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(D::Error::custom)?;
        Self::new(bytes.into()).ok_or_else(|| D::Error::custom("not a JPEG of a fitting size"))
    }
}

impl LiveBody {
    /// What goes to the screens; evidence does not.
    pub fn items(&self) -> Vec<LiveItem> {
        match self {
            Self::Picture { stream, at, jpeg } => {
                let picture = Thumbnail { at: *at, jpeg: Arc::clone(jpeg.bytes()) };
                vec![LiveItem::Thumbnail { stream: stream.clone(), picture }]
            }
            Self::Levels { levels } => levels.iter().take(LEVELS_MAX).map(Loudness::item).collect(),
            Self::Evidence { .. } => Vec::new(),
        }
    }

    /// Evidence, named by what it really holds.
    pub fn still(&self) -> Option<Still> {
        let Self::Evidence { stream, jpeg } = self else { return None };
        let sha256 = hex::encode(Sha256::digest(jpeg.bytes()));
        Some(Still { stream: stream.clone(), sha256, jpeg: Arc::clone(jpeg.bytes()) })
    }

    /// An item for the line; `None` for a picture that is too large.
    pub fn of(item: LiveItem) -> Option<Self> {
        match item {
            LiveItem::Thumbnail { stream, picture } => {
                Some(Self::Picture { stream, at: picture.at, jpeg: Jpeg::new(picture.jpeg)? })
            }
            LiveItem::Meter { stream, level } => {
                Some(Self::Levels { levels: vec![Loudness::of(stream, level)] })
            }
        }
    }

    /// Takes the levels of another message in, if both hold levels and there is room; gives it back otherwise.
    pub fn join(&mut self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Levels { levels }, Self::Levels { levels: more }) if levels.len() < LEVELS_MAX => {
                levels.extend(more);
                None
            }
            (_, other) => Some(other),
        }
    }
}

impl Loudness {
    fn of(stream: StreamId, level: Level) -> Self {
        let Level { at, rms_dbfs, peak_dbfs, clipped } = level;
        Self { stream, at, rms_dbfs, peak_dbfs, clipped }
    }

    fn item(&self) -> LiveItem {
        let Self { at, rms_dbfs, peak_dbfs, clipped, .. } = *self;
        let bounded = |value: f32| if value.is_finite() { value.clamp(-120.0, 6.0) } else { -120.0 };
        let level = Level { at, rms_dbfs: bounded(rms_dbfs), peak_dbfs: bounded(peak_dbfs), clipped };
        LiveItem::Meter { stream: self.stream.clone(), level }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_picture_does_not_pass_for_one() {
        let stream = StreamId::parse("s").unwrap();
        let picture = |jpeg: &[u8]| {
            let picture = Thumbnail { at: Utc(7), jpeg: jpeg.into() };
            LiveBody::of(LiveItem::Thumbnail { stream: stream.clone(), picture })
        };
        let good = picture(&[0xff, 0xd8, 1, 2, 0xff, 0xd9]).unwrap();
        let text = serde_json::to_string(&good).unwrap();
        assert_eq!(serde_json::from_str::<LiveBody>(&text).unwrap(), good);
        assert!(matches!(good.items()[..], [LiveItem::Thumbnail { .. }]));
        let mut large = vec![0xff, 0xd8];
        large.resize(PICTURE_BYTES_MAX, 0);
        large.extend([0xff, 0xd9]);
        for bad in [b"<html>".as_slice(), &large, &[]] {
            assert_eq!(picture(bad), None);
        }
        let forged = text.replace("/9g", "AAA");
        assert!(serde_json::from_str::<LiveBody>(&forged).is_err(), "{forged}");
    }
}

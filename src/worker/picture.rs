//! What a video session takes and gives: access units in, small grey pictures and thumbnails out, as chunks of the
//! protocol. Knows shapes of bytes; must not know how they are decoded or what they show.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::protocol::Chunk;

/// Width of a grey picture.
pub const LUMA_WIDTH: usize = 160;
/// Height of a grey picture.
pub const LUMA_HEIGHT: usize = 90;
/// Largest width of a thumbnail.
pub const THUMBNAIL_WIDTH: usize = 320;
/// Largest height of a thumbnail.
pub const THUMBNAIL_HEIGHT: usize = 180;

const LUMA_BYTES: usize = LUMA_WIDTH * LUMA_HEIGHT;
const HEAD_BYTES: usize = 4;

/// One access unit for a decoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoUnit {
    /// Whatever the caller knows it by; comes back with its picture.
    pub pts_us: i64,
    /// Annex B, with start codes. A key picture has its parameter sets before it.
    pub data: Bytes,
    /// What is wanted of its picture.
    pub want: Want,
}

/// What is wanted of one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Nothing: it is decoded because later ones need it.
    Nothing,
    /// The grey picture.
    Luma,
    /// The grey picture and a thumbnail.
    Thumbnail,
}

/// One decoded picture, made small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// That of the access unit.
    pub pts_us: i64,
    /// Width of the coded picture.
    pub width: u16,
    /// Height of the coded picture.
    pub height: u16,
    /// Brightness, [`LUMA_WIDTH`] × [`LUMA_HEIGHT`] bytes row by row: mean over each area, full range (0 black, 255 white).
    pub luma: Bytes,
    /// JPEG within [`THUMBNAIL_WIDTH`] × [`THUMBNAIL_HEIGHT`], in the picture's own shape, if it was wanted.
    pub thumbnail: Option<Bytes>,
}

/// What came of one request to a video session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pictures {
    /// The wanted pictures that came out, in the order of showing. With B pictures some come with the next request.
    pub pictures: Vec<Picture>,
    /// Processor time it took, in microseconds.
    pub cpu_us: u32,
}

impl Want {
    fn mark(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Luma => 1,
            Self::Thumbnail => 2,
        }
    }

    fn of_mark(mark: u8) -> Self {
        match mark {
            0 => Self::Nothing,
            1 => Self::Luma,
            _ => Self::Thumbnail,
        }
    }
}

impl VideoUnit {
    pub(crate) fn into_chunk(self) -> Chunk {
        Chunk { pts_us: self.pts_us, mark: self.want.mark(), data: self.data }
    }

    /// The unit that a chunk carries; unknown wishes count as the largest.
    pub fn of_chunk(chunk: Chunk) -> Self {
        Self { pts_us: chunk.pts_us, want: Want::of_mark(chunk.mark), data: chunk.data }
    }
}

impl Picture {
    pub(crate) fn into_chunk(self) -> Chunk {
        let jpeg = self.thumbnail.unwrap_or_default();
        let mut data = BytesMut::with_capacity(HEAD_BYTES + LUMA_BYTES + jpeg.len());
        data.put_u16_le(self.width);
        data.put_u16_le(self.height);
        data.extend_from_slice(&self.luma);
        data.extend_from_slice(&jpeg);
        Chunk { pts_us: self.pts_us, mark: 0, data: data.freeze() }
    }

    /// The picture that a chunk carries; `None` if it is too short for one.
    pub fn of_chunk(chunk: &Chunk) -> Option<Self> {
        let data = &chunk.data;
        if data.len() < HEAD_BYTES + LUMA_BYTES {
            return None;
        }
        let jpeg = data.slice(HEAD_BYTES + LUMA_BYTES..);
        Some(Self {
            pts_us: chunk.pts_us,
            width: u16::from_le_bytes([data[0], data[1]]),
            height: u16::from_le_bytes([data[2], data[3]]),
            luma: data.slice(HEAD_BYTES..HEAD_BYTES + LUMA_BYTES),
            thumbnail: (!jpeg.is_empty()).then_some(jpeg),
        })
    }
}

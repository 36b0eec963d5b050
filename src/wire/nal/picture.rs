//! What the headers of one coded picture say.

use crate::domain::stream::VideoCodec;

/// Reads the pictures of one track in order and keeps the parameter sets they refer to.
#[derive(Debug, Clone)]
pub struct PictureReader {
    codec: VideoCodec,
}

/// What one access unit says of its picture. What needs a parameter set that has not come is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureFacts {
    /// Bytes of all units but filler, start codes left out.
    pub bytes: usize,
    /// Bytes of the slices alone, padding left out.
    pub slice_bytes: usize,
    /// Slices of the picture (of both fields, if it has two).
    pub slices: u32,
    /// Decoding can begin here, and nothing after refers to anything before: IDR, or BLA of H.265.
    pub idr: bool,
    /// Decoding can begin here: also CRA of H.265 and recovery points of H.264.
    pub random_access: bool,
    /// With a recovery point: pictures until the output is clean; 0 with an IDR.
    pub recovery_pictures: Option<u32>,
    /// All slices are intra-coded.
    pub intra: bool,
    /// Other pictures may refer to this one.
    pub reference: bool,
    /// One field of an interlaced picture.
    pub field: bool,
    /// `frame_num` of H.264; the picture order count of H.265.
    pub number: Option<u32>,
    /// Reference pictures that are missing before this one: a jump of `frame_num` in H.264, references of H.265 that
    /// have not come.
    pub missing: u32,
    /// The first slice is not the picture's first: its beginning was lost.
    pub headless: bool,
    /// Quantiser of the first slice, 0–51; negative with more than eight bits per sample.
    pub qp: Option<i32>,
    /// The parameter sets came with the picture.
    pub parameter_sets: bool,
}

/// What a track's parameter sets say of its pictures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PictureFormat {
    /// Codec.
    pub codec: VideoCodec,
    /// Width shown, pixels.
    pub width: u32,
    /// Height shown, pixels.
    pub height: u32,
    /// Pictures per second as declared; absent where nothing is declared or pictures may come irregularly.
    pub fps: Option<f64>,
    /// By how many pictures decoding and showing order may differ; absent where nothing is declared.
    pub reorder: Option<u32>,
    /// Fields may be coded apart.
    pub interlaced: bool,
    /// Bits per luma sample.
    pub bit_depth: u8,
    /// Luma uses 0–255, not 16–235.
    pub full_range: bool,
    /// `profile_idc` of H.264, `general_profile_idc` of H.265.
    pub profile: u8,
    /// `level_idc` of H.264 (31 is 3.1), `general_level_idc` of H.265 (93 is 3.1).
    pub level: u8,
}

impl PictureReader {
    /// Knows no parameter set yet.
    pub fn new(codec: VideoCodec) -> Self {
        Self { codec }
    }

    /// Takes a parameter set that came beside the pictures: one NAL unit without start code. Others are ignored.
    pub fn learn(&mut self, unit: &[u8]) {
        let _ = unit;
    }

    /// Reads one access unit (Annex B); `None` when it holds no slice.
    pub fn read(&mut self, access_unit: &[u8]) -> Option<PictureFacts> {
        let _ = access_unit;
        None
    }

    /// The format of the picture read last, or of the only parameter set before the first.
    pub fn format(&self) -> Option<PictureFormat> {
        None
    }

    /// The codec it reads.
    pub fn codec(&self) -> VideoCodec {
        self.codec
    }

    /// The parameter sets in use as Annex B, for a decoder that begins in the middle; empty before they have come.
    pub fn parameter_sets(&self) -> Vec<u8> {
        Vec::new()
    }
}

impl PictureFacts {
    /// Coding effort X = log2(bits · 2^(QP/6)): what the encoder had to say about this picture, whatever rate it was
    /// held to. A change of 1 is a doubling. `None` without a quantiser.
    pub fn effort(&self) -> Option<f64> {
        let bits = (self.slice_bytes.max(1) * 8) as f64;
        Some(bits.log2() + f64::from(self.qp?) / 6.0)
    }
}

//! What the headers of one coded picture say.

use super::kind::{UnitKind, unit_kind};
use super::split::{annex_b, push_unit};
use super::{h264, h265, sei};
use crate::domain::stream::VideoCodec;

/// Reads the pictures of one track in order and keeps the parameter sets they refer to.
#[derive(Debug, Clone)]
pub struct PictureReader {
    syntax: Syntax,
}

#[derive(Debug, Clone)]
enum Syntax {
    H264(h264::Reader),
    H265(Box<h265::Reader>),
}

/// What one access unit says of its picture. What needs a parameter set that has not come is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own in the bit stream")]
pub struct PictureFacts {
    /// Bytes of all units but filler, start codes left out.
    pub bytes: usize,
    /// Bytes of the slices alone, padding left out.
    pub slice_bytes: usize,
    /// Slices of the picture (of both fields, if it has two).
    pub slices: u32,
    /// Decoding can begin here, and nothing after refers to anything before: IDR, or BLA of H.265.
    pub idr: bool,
    /// Decoding can begin here: also CRA of H.265 and recovery points of either codec.
    pub random_access: bool,
    /// With a recovery point: pictures until the output is clean; 0 when it is at once.
    pub recovery_pictures: Option<u32>,
    /// All slices are intra-coded.
    pub intra: bool,
    /// Other pictures may refer to this one.
    pub reference: bool,
    /// One field of an interlaced picture.
    pub field: bool,
    /// `frame_num` of H.264; the picture order count of H.265.
    pub number: Option<i32>,
    /// Reference pictures that are missing before this one: a jump of `frame_num` in H.264, references of H.265 that
    /// have not come.
    pub missing: u32,
    /// The first slice is not the picture's first: its beginning was lost.
    pub headless: bool,
    /// Quantiser of the first slice, 0–51; negative with more than eight bits per sample.
    pub qp: Option<i32>,
    /// Parameter sets came with the picture.
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
    /// Pictures per second as declared; absent where nothing is declared.
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

/// What a picture's first slice says.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own in the bit stream")]
pub(super) struct Head {
    pub(super) idr: bool,
    pub(super) random_access: bool,
    pub(super) intra: bool,
    pub(super) reference: bool,
    pub(super) field: bool,
    pub(super) headless: bool,
    pub(super) number: Option<i32>,
    pub(super) missing: u32,
    pub(super) qp: Option<i32>,
}

impl Head {
    /// What the unit's type alone says.
    pub(super) fn of_kind(idr: bool) -> Self {
        Self { idr, random_access: idr, intra: idr, ..Self::default() }
    }
}

impl PictureReader {
    /// Knows no parameter set yet.
    pub fn new(codec: VideoCodec) -> Self {
        let syntax = match codec {
            VideoCodec::H264 => Syntax::H264(h264::Reader::default()),
            VideoCodec::H265 => Syntax::H265(Box::default()),
        };
        Self { syntax }
    }

    /// Takes a parameter set that came beside the pictures: one NAL unit without start code. Others are ignored.
    pub fn learn(&mut self, unit: &[u8]) {
        match &mut self.syntax {
            Syntax::H264(reader) => reader.learn(unit),
            Syntax::H265(reader) => reader.learn(unit),
        }
    }

    /// Reads one access unit (Annex B); `None` when it holds no slice.
    pub fn read(&mut self, access_unit: &[u8]) -> Option<PictureFacts> {
        let mut facts = PictureFacts::default();
        annex_b(access_unit).for_each(|unit| self.unit(unit, &mut facts));
        (facts.slices > 0).then_some(facts)
    }

    /// The format of the picture read last, or of a parameter set before the first.
    pub fn format(&self) -> Option<PictureFormat> {
        match &self.syntax {
            Syntax::H264(reader) => reader.format(),
            Syntax::H265(reader) => reader.format(),
        }
    }

    /// The codec it reads.
    pub fn codec(&self) -> VideoCodec {
        match &self.syntax {
            Syntax::H264(_) => VideoCodec::H264,
            Syntax::H265(_) => VideoCodec::H265,
        }
    }

    /// All parameter sets that came, as Annex B, for a decoder that begins in the middle; empty before.
    pub fn parameter_sets(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match &self.syntax {
            Syntax::H264(reader) => reader.sets().for_each(|unit| push_unit(unit, &mut out)),
            Syntax::H265(reader) => reader.sets().for_each(|unit| push_unit(unit, &mut out)),
        }
        out
    }

    fn unit(&mut self, unit: &[u8], facts: &mut PictureFacts) {
        let kind = unit_kind(self.codec(), unit);
        if kind == UnitKind::Filler {
            return;
        }
        facts.bytes += unit.len();
        match kind {
            UnitKind::Slice => self.slice(unit, facts),
            UnitKind::ParameterSet => {
                facts.parameter_sets = true;
                self.learn(unit);
            }
            UnitKind::Sei => facts.take_recovery(sei::recovery_point(self.codec(), unit)),
            UnitKind::Delimiter | UnitKind::Filler | UnitKind::Other => {}
        }
    }

    fn slice(&mut self, unit: &[u8], facts: &mut PictureFacts) {
        facts.slices += 1;
        facts.slice_bytes += without_padding(unit).len();
        if facts.slices > 1 {
            facts.intra &= match &self.syntax {
                Syntax::H264(_) => h264::Reader::is_intra(unit),
                Syntax::H265(reader) => reader.is_intra(unit),
            };
            return;
        }
        let head = match &mut self.syntax {
            Syntax::H264(reader) => reader.first_slice(unit),
            Syntax::H265(reader) => reader.first_slice(unit),
        };
        facts.take_head(&head);
    }
}

impl PictureFacts {
    /// Coding effort X = log2(bits · 2^(QP/6)): what the encoder had to say about this picture, whatever rate it was
    /// held to. A change of 1 is a doubling. `None` without a quantiser.
    pub fn effort(&self) -> Option<f64> {
        let bits = (self.slice_bytes.max(1) * 8) as f64;
        Some(bits.log2() + f64::from(self.qp?) / 6.0)
    }

    fn take_recovery(&mut self, pictures: Option<u32>) {
        if pictures.is_some() {
            self.recovery_pictures = pictures;
            self.random_access = true;
        }
    }

    fn take_head(&mut self, head: &Head) {
        self.idr = head.idr;
        self.random_access |= head.random_access;
        self.intra = head.intra;
        self.reference = head.reference;
        self.field = head.field;
        self.headless = head.headless;
        self.number = head.number;
        self.missing = head.missing;
        self.qp = head.qp;
    }
}

/// A slice without `cabac_zero_words`, which pad small pictures (ITU-T H.264 §7.3.2.8).
fn without_padding(unit: &[u8]) -> &[u8] {
    let mut unit = unit;
    while let [rest @ .., 0, 0, 3] = unit {
        unit = rest;
    }
    unit
}

/// Width and height of what is shown, from the coded size and the four sides cut off: left, right, top, bottom.
/// `None` when nothing is left or the size is beyond any level.
pub(super) fn picture_size(width: u32, height: u32, crop: [u32; 4]) -> Option<(u32, u32)> {
    const SIDE_MAX: u32 = 16_888;
    if width > SIDE_MAX || height > SIDE_MAX {
        return None;
    }
    let width = width.checked_sub(crop[0].checked_add(crop[1])?)?;
    let height = height.checked_sub(crop[2].checked_add(crop[3])?)?;
    (width > 0 && height > 0).then_some((width, height))
}

/// Pictures per second out of a time scale and ticks per picture; `None` for what no camera does.
pub(super) fn declared_fps(scale: u32, ticks: u32) -> Option<f64> {
    let fps = f64::from(scale) / f64::from(ticks);
    (0.1..=480.0).contains(&fps).then_some(fps)
}

//! Sequence and picture parameter sets (ITU-T H.264 §7.3.2.1, §7.3.2.2, Annex E).

use crate::domain::stream::VideoCodec;
use crate::wire::bits::Bits;
use crate::wire::nal::picture::{PictureFormat, declared_fps, picture_size};

/// What slice headers need of a sequence parameter set.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own in the bit stream")]
pub(super) struct Sps {
    pub(super) format: PictureFormat,
    pub(super) frame_num_bits: u32,
    pub(super) frame_num_mask: u32,
    pub(super) order: Order,
    pub(super) frames_only: bool,
    pub(super) separate_planes: bool,
    /// `ChromaArrayType` is not 0.
    pub(super) chroma: bool,
    pub(super) gaps_allowed: bool,
}

/// How picture order is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Type 0, with so many bits.
    Lsb(u32),
    /// Type 1; whether slices carry differences.
    Cycle(bool),
    /// Type 2: as coded.
    Coded,
}

/// What slice headers need of a picture parameter set.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own in the bit stream")]
pub(super) struct Pps {
    pub(super) sps: u8,
    pub(super) cabac: bool,
    pub(super) order_in_frame: bool,
    pub(super) references: [u32; 2],
    pub(super) weighted_p: bool,
    pub(super) weighted_b: bool,
    pub(super) qp: i32,
    pub(super) redundant: bool,
}

/// Chroma and depth, which only the high profiles say.
struct Samples {
    chroma_format: u32,
    separate_planes: bool,
    bit_depth: u8,
}

/// What the usability information says.
#[derive(Debug, Clone, Copy, Default)]
struct Vui {
    full_range: bool,
    fps: Option<f64>,
    reorder: Option<u32>,
}

impl Sps {
    /// Reads the unit: its number and what it says.
    pub(super) fn parse(unit: &[u8]) -> Option<(u8, Self)> {
        let mut bits = Bits::escaped(unit.get(1..)?);
        let (profile, constraints, level) = (bits.read(8)?, bits.read(8)?, bits.read(8)?);
        let id = bits.ue().filter(|id| *id < 32)?;
        let samples = Samples::read(&mut bits, profile)?;
        let frame_num_bits = bits.ue().filter(|bits| *bits <= 12)? + 4;
        let order = Order::read(&mut bits)?;
        bits.ue()?;
        let gaps_allowed = bits.flag()?;
        let (columns, rows) = (bits.ue()?.checked_add(1)?, bits.ue()?.checked_add(1)?);
        let frames_only = bits.flag()?;
        if !frames_only {
            bits.flag()?;
        }
        bits.flag()?;
        let rows = if frames_only { rows } else { rows.checked_mul(2)? };
        let crop = crop(&mut bits, &samples, frames_only)?;
        let (width, height) = picture_size(columns.checked_mul(16)?, rows.checked_mul(16)?, crop)?;
        // What comes after is for convenience; a damaged tail does not spoil the rest.
        let vui = if bits.flag()? { Vui::read(&mut bits).unwrap_or_default() } else { Vui::default() };
        let format = PictureFormat {
            codec: VideoCodec::H264,
            width,
            height,
            fps: vui.fps,
            reorder: vui.reorder.or_else(|| order_as_coded(profile, constraints, order)),
            interlaced: !frames_only,
            bit_depth: samples.bit_depth,
            full_range: vui.full_range,
            profile: profile as u8,
            level: level as u8,
        };
        let sps = Self {
            format,
            frame_num_bits,
            frame_num_mask: (1 << frame_num_bits) - 1,
            order,
            frames_only,
            separate_planes: samples.separate_planes,
            chroma: samples.chroma_format != 0 && !samples.separate_planes,
            gaps_allowed,
        };
        Some((id as u8, sps))
    }
}

/// Profiles and orders without any reordering (§E.2.1, `max_num_reorder_frames`).
fn order_as_coded(profile: u32, constraints: u32, order: Order) -> Option<u32> {
    let intra = constraints & 0x10 != 0 && matches!(profile, 44 | 86 | 100 | 110 | 122 | 244);
    (profile == 66 || order == Order::Coded || intra).then_some(0)
}

impl Samples {
    fn read(bits: &mut Bits<'_>, profile: u32) -> Option<Self> {
        if !matches!(profile, 44 | 83 | 86 | 100 | 110 | 118 | 122 | 128 | 134 | 135 | 138 | 139 | 244) {
            return Some(Self { chroma_format: 1, separate_planes: false, bit_depth: 8 });
        }
        let chroma_format = bits.ue().filter(|format| *format <= 3)?;
        let separate_planes = chroma_format == 3 && bits.flag()?;
        let bit_depth = bits.ue().filter(|more| *more <= 6)? + 8;
        bits.ue()?;
        bits.flag()?;
        if bits.flag()? {
            let lists = if chroma_format == 3 { 12 } else { 8 };
            for list in 0..lists {
                scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
        Some(Self { chroma_format, separate_planes, bit_depth: bit_depth as u8 })
    }
}

fn scaling_list(bits: &mut Bits<'_>, entries: u32) -> Option<()> {
    if !bits.flag()? {
        return Some(());
    }
    let (mut last, mut next) = (8_i32, 8_i32);
    for _ in 0..entries {
        if next != 0 {
            next = last.wrapping_add(bits.se()?) & 0xff;
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

impl Order {
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        match bits.ue()? {
            0 => Some(Self::Lsb(bits.ue().filter(|bits| *bits <= 12)? + 4)),
            1 => {
                let always_zero = bits.flag()?;
                bits.se()?;
                bits.se()?;
                for _ in 0..bits.ue().filter(|count| *count <= 255)? {
                    bits.se()?;
                }
                Some(Self::Cycle(!always_zero))
            }
            2 => Some(Self::Coded),
            _ => None,
        }
    }
}

/// Left, right, top, bottom in luma samples.
fn crop(bits: &mut Bits<'_>, samples: &Samples, frames_only: bool) -> Option<[u32; 4]> {
    if !bits.flag()? {
        return Some([0; 4]);
    }
    let across = if matches!(samples.chroma_format, 1 | 2) { 2 } else { 1 };
    let down = if samples.chroma_format == 1 { 2 } else { 1 } * if frames_only { 1 } else { 2 };
    let mut side = |unit: u32| bits.ue()?.checked_mul(unit);
    Some([side(across)?, side(across)?, side(down)?, side(down)?])
}

impl Vui {
    /// Annex E.1.1. What cannot be read to its end says nothing of reordering, but keeps its rate.
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let mut vui = Self { full_range: signal_type(bits)?, ..Self::default() };
        if bits.flag()? {
            bits.ue()?;
            bits.ue()?;
        }
        if bits.flag()? {
            let (units, scale) = (bits.read(32)?, bits.read(32)?);
            vui.fps = declared_fps(scale, units.saturating_mul(2));
            bits.flag()?;
        }
        vui.reorder = reorder(bits);
        Some(vui)
    }
}

/// Steps over the aspect ratio and overscan, and says whether luma has its full range.
pub(in crate::wire::nal) fn signal_type(bits: &mut Bits<'_>) -> Option<bool> {
    const EXTENDED_SAR: u32 = 255;
    if bits.flag()? && bits.read(8)? == EXTENDED_SAR {
        bits.skip(32)?;
    }
    if bits.flag()? {
        bits.flag()?;
    }
    if !bits.flag()? {
        return Some(false);
    }
    bits.skip(3)?;
    let full_range = bits.flag()?;
    if bits.flag()? {
        bits.skip(24)?;
    }
    Some(full_range)
}

fn reorder(bits: &mut Bits<'_>) -> Option<u32> {
    let nal = bits.flag()?;
    if nal {
        buffer(bits)?;
    }
    let vcl = bits.flag()?;
    if vcl {
        buffer(bits)?;
    }
    if nal || vcl {
        bits.flag()?;
    }
    bits.flag()?;
    if !bits.flag()? {
        return None;
    }
    bits.flag()?;
    for _ in 0..4 {
        bits.ue()?;
    }
    bits.ue().filter(|pictures| *pictures <= 16)
}

/// Steps over the parameters of the reference decoder's buffer (§E.1.2).
fn buffer(bits: &mut Bits<'_>) -> Option<()> {
    let schedules = bits.ue().filter(|count| *count < 32)? + 1;
    bits.skip(8)?;
    for _ in 0..schedules {
        bits.ue()?;
        bits.ue()?;
        bits.flag()?;
    }
    bits.skip(20)
}

impl Pps {
    /// Reads the unit as far as slices need it: its number and what it says.
    pub(super) fn parse(unit: &[u8]) -> Option<(u8, Self)> {
        let mut bits = Bits::escaped(unit.get(1..)?);
        let id = bits.ue().filter(|id| *id < 256)?;
        let sps = bits.ue().filter(|id| *id < 32)?;
        let (cabac, order_in_frame) = (bits.flag()?, bits.flag()?);
        slice_groups(&mut bits)?;
        let references = [bits.ue()?.checked_add(1)?, bits.ue()?.checked_add(1)?];
        let (weighted_p, weighted_b) = (bits.flag()?, bits.read(2)? == 1);
        let qp = bits.se()?.checked_add(26)?;
        bits.se()?;
        bits.se()?;
        bits.skip(2)?;
        let redundant = bits.flag()?;
        let pps =
            Self { sps: sps as u8, cabac, order_in_frame, references, weighted_p, weighted_b, qp, redundant };
        Some((id as u8, pps))
    }
}

/// Steps over flexible macroblock ordering, which only the old baseline profile has.
fn slice_groups(bits: &mut Bits<'_>) -> Option<()> {
    let more = bits.ue().filter(|more| *more <= 7)?;
    if more == 0 {
        return Some(());
    }
    match bits.ue()? {
        0 => (0..=more).try_for_each(|_| bits.ue().map(|_| ())),
        1 => Some(()),
        2 => (0..2 * more).try_for_each(|_| bits.ue().map(|_| ())),
        3..=5 => {
            bits.flag()?;
            bits.ue().map(|_| ())
        }
        6 => {
            let width = u32::BITS - more.leading_zeros();
            let units = bits.ue()?;
            (0..=units).try_for_each(|_| bits.skip(width))
        }
        _ => None,
    }
}

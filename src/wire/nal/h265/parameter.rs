//! Video, sequence and picture parameter sets (ITU-T H.265 §7.3.2, Annex E).

use super::references::{Place, Set};
use crate::domain::stream::VideoCodec;
use crate::wire::bits::Bits;
use crate::wire::nal::h264::signal_type;
use crate::wire::nal::picture::{PictureFormat, declared_fps, picture_size};

/// What slice headers need of a sequence parameter set.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own in the bit stream")]
pub(super) struct Sps {
    pub(super) format: PictureFormat,
    pub(super) vps: u8,
    pub(super) separate_planes: bool,
    /// `ChromaArrayType` is not 0.
    pub(super) chroma: bool,
    pub(super) order_bits: u32,
    /// Bits of a slice's address.
    pub(super) address_bits: u32,
    pub(super) adaptive_offset: bool,
    pub(super) sets: Vec<Set>,
    /// Whether each long-term picture of the set is used; `None` without long-term pictures.
    pub(super) long_term: Option<Vec<bool>>,
    pub(super) temporal_vectors: bool,
}

/// What slice headers need of a picture parameter set.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own in the bit stream")]
pub(super) struct Pps {
    pub(super) sps: u8,
    pub(super) dependent: bool,
    pub(super) output_flag: bool,
    pub(super) extra_bits: u32,
    pub(super) cabac_choice: bool,
    pub(super) references: [u32; 2],
    pub(super) qp: i32,
    pub(super) weighted_p: bool,
    pub(super) weighted_b: bool,
    pub(super) modified_lists: bool,
}

/// What the usability information says.
#[derive(Debug, Clone, Copy, Default)]
struct Vui {
    full_range: bool,
    interlaced: bool,
    fps: Option<f64>,
}

/// A video parameter set's number and the pictures per second it declares.
pub(super) fn vps_fps(unit: &[u8]) -> Option<(u8, Option<f64>)> {
    let mut bits = Bits::escaped(unit.get(2..)?);
    let id = bits.read(4)? as u8;
    Some((id, timing_of_vps(&mut bits)))
}

fn timing_of_vps(bits: &mut Bits<'_>) -> Option<f64> {
    bits.skip(8)?;
    let sub_layers = bits.read(3)?;
    bits.skip(17)?;
    profile(bits, sub_layers)?;
    sub_layer_order(bits, sub_layers)?;
    let layers = bits.read(6)? + 1;
    for _ in 0..bits.ue().filter(|sets| *sets < 1024)? {
        bits.skip(layers)?;
    }
    if bits.flag()? { timing(bits) } else { None }
}

impl Sps {
    /// Reads the unit: its number and what it says.
    pub(super) fn parse(unit: &[u8]) -> Option<(u8, Self)> {
        let mut bits = Bits::escaped(unit.get(2..)?);
        let bits = &mut bits;
        let (vps, sub_layers) = (bits.read(4)? as u8, bits.read(3).filter(|layers| *layers < 7)?);
        bits.flag()?;
        let (profile, level) = profile(bits, sub_layers)?;
        let id = bits.ue().filter(|id| *id < 16)? as u8;
        let chroma_format = bits.ue().filter(|format| *format <= 3)?;
        let separate_planes = chroma_format == 3 && bits.flag()?;
        let coded = (bits.ue()?, bits.ue()?);
        let crop = window(bits, chroma_format)?;
        let (width, height) = picture_size(coded.0, coded.1, crop)?;
        let bit_depth = bits.ue().filter(|more| *more <= 8)? as u8 + 8;
        bits.ue()?;
        let order_bits = bits.ue().filter(|bits| *bits <= 12)? + 4;
        let reorder = sub_layer_order(bits, sub_layers)?;
        let address_bits = address_bits(bits, coded)?;
        if bits.flag()? && bits.flag()? {
            scaling_lists(bits)?;
        }
        let (_, adaptive_offset) = (bits.flag()?, bits.flag()?);
        pulse_code(bits)?;
        let sets = reference_sets(bits)?;
        let long_term = long_term(bits, order_bits)?;
        let temporal_vectors = bits.flag()?;
        bits.flag()?;
        let vui = if bits.flag()? { Vui::read(bits).unwrap_or_default() } else { Vui::default() };
        let format = PictureFormat {
            codec: VideoCodec::H265,
            width,
            height,
            fps: vui.fps,
            reorder: Some(reorder),
            interlaced: vui.interlaced,
            bit_depth,
            full_range: vui.full_range,
            profile,
            level,
        };
        let chroma = chroma_format != 0 && !separate_planes;
        Some((
            id,
            Self {
                format,
                vps,
                separate_planes,
                chroma,
                order_bits,
                address_bits,
                adaptive_offset,
                sets,
                long_term,
                temporal_vectors,
            },
        ))
    }
}

/// `profile_tier_level` (§7.3.3): profile and level of the whole.
fn profile(bits: &mut Bits<'_>, sub_layers: u32) -> Option<(u8, u8)> {
    bits.skip(3)?;
    let profile = bits.read(5)? as u8;
    bits.skip(80)?;
    let level = bits.read(8)? as u8;
    let mut present = Vec::new();
    for _ in 0..sub_layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if sub_layers > 0 {
        bits.skip(2 * (8 - sub_layers))?;
    }
    for (profile, level) in present {
        bits.skip(u32::from(profile) * 88 + u32::from(level) * 8)?;
    }
    Some((profile, level))
}

/// Steps over the buffer sizes of each sub-layer; gives the reordering of the highest.
fn sub_layer_order(bits: &mut Bits<'_>, sub_layers: u32) -> Option<u32> {
    let lowest = if bits.flag()? { 0 } else { sub_layers };
    let mut reorder = 0;
    for _ in lowest..=sub_layers {
        bits.ue()?;
        reorder = bits.ue().filter(|pictures| *pictures <= 16)?;
        bits.ue()?;
    }
    Some(reorder)
}

/// The conformance window in luma samples: left, right, top, bottom.
fn window(bits: &mut Bits<'_>, chroma_format: u32) -> Option<[u32; 4]> {
    if !bits.flag()? {
        return Some([0; 4]);
    }
    let across = if matches!(chroma_format, 1 | 2) { 2 } else { 1 };
    let down = if chroma_format == 1 { 2 } else { 1 };
    let mut side = |unit: u32| bits.ue()?.checked_mul(unit);
    Some([side(across)?, side(across)?, side(down)?, side(down)?])
}

/// Steps over the block sizes; gives the bits that number a picture's coding tree blocks.
fn address_bits(bits: &mut Bits<'_>, coded: (u32, u32)) -> Option<u32> {
    let smallest = bits.ue()?.checked_add(3)?;
    let shift = smallest.checked_add(bits.ue()?).filter(|shift| *shift <= 6)?;
    for _ in 0..4 {
        bits.ue()?;
    }
    let blocks = |side: u32| u64::from(side.div_ceil(1 << shift));
    Some(bits_for(blocks(coded.0) * blocks(coded.1)))
}

/// Ceil(Log2(count)).
pub(super) fn bits_for(count: u64) -> u32 {
    u64::BITS - count.saturating_sub(1).leading_zeros()
}

/// Steps over scaling lists (§7.3.4).
fn scaling_lists(bits: &mut Bits<'_>) -> Option<()> {
    for size in 0..4 {
        let step = if size == 3 { 3 } else { 1 };
        for _ in (0..6).step_by(step) {
            if !bits.flag()? {
                bits.ue()?;
                continue;
            }
            if size > 1 {
                bits.se()?;
            }
            for _ in 0..64.min(1 << (4 + (size << 1))) {
                bits.se()?;
            }
        }
    }
    Some(())
}

fn pulse_code(bits: &mut Bits<'_>) -> Option<()> {
    if bits.flag()? {
        bits.skip(8)?;
        bits.ue()?;
        bits.ue()?;
        bits.flag()?;
    }
    Some(())
}

fn reference_sets(bits: &mut Bits<'_>) -> Option<Vec<Set>> {
    let mut sets = Vec::new();
    for _ in 0..bits.ue().filter(|count| *count <= 64)? {
        sets.push(Set::read(bits, &sets, Place::Sequence)?);
    }
    Some(sets)
}

fn long_term(bits: &mut Bits<'_>, order_bits: u32) -> Option<Option<Vec<bool>>> {
    if !bits.flag()? {
        return Some(None);
    }
    let mut used = Vec::new();
    for _ in 0..bits.ue().filter(|count| *count <= 32)? {
        bits.skip(order_bits)?;
        used.push(bits.flag()?);
    }
    Some(Some(used))
}

impl Vui {
    /// Annex E.2.1 as far as the timing.
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let mut vui = Self { full_range: signal_type(bits)?, ..Self::default() };
        if bits.flag()? {
            bits.ue()?;
            bits.ue()?;
        }
        bits.flag()?;
        vui.interlaced = bits.flag()?;
        bits.flag()?;
        if bits.flag()? {
            for _ in 0..4 {
                bits.ue()?;
            }
        }
        vui.fps = if bits.flag()? { timing(bits) } else { None };
        Some(vui)
    }
}

fn timing(bits: &mut Bits<'_>) -> Option<f64> {
    let (units, scale) = (bits.read(32)?, bits.read(32)?);
    declared_fps(scale, units)
}

impl Pps {
    /// Reads the unit as far as slices need it: its number and what it says.
    pub(super) fn parse(unit: &[u8]) -> Option<(u8, Self)> {
        let mut bits = Bits::escaped(unit.get(2..)?);
        let bits = &mut bits;
        let id = bits.ue().filter(|id| *id < 64)? as u8;
        let sps = bits.ue().filter(|id| *id < 16)? as u8;
        let (dependent, output_flag, extra_bits) = (bits.flag()?, bits.flag()?, bits.read(3)?);
        bits.flag()?;
        let cabac_choice = bits.flag()?;
        let references = [bits.ue()?.checked_add(1)?, bits.ue()?.checked_add(1)?];
        let qp = bits.se()?.checked_add(26)?;
        bits.skip(2)?;
        if bits.flag()? {
            bits.ue()?;
        }
        bits.se()?;
        bits.se()?;
        bits.flag()?;
        let (weighted_p, weighted_b) = (bits.flag()?, bits.flag()?);
        bits.flag()?;
        tiles(bits)?;
        deblocking(bits)?;
        if bits.flag()? {
            scaling_lists(bits)?;
        }
        let modified_lists = bits.flag()?;
        Some((
            id,
            Self {
                sps,
                dependent,
                output_flag,
                extra_bits,
                cabac_choice,
                references,
                qp,
                weighted_p,
                weighted_b,
                modified_lists,
            },
        ))
    }
}

fn tiles(bits: &mut Bits<'_>) -> Option<()> {
    const TILES_MAX: u32 = 1024;
    let (tiles, _) = (bits.flag()?, bits.flag()?);
    if !tiles {
        return Some(());
    }
    let (columns, rows) = (bits.ue()?, bits.ue()?);
    if columns > TILES_MAX || rows > TILES_MAX {
        return None;
    }
    if !bits.flag()? {
        for _ in 0..columns + rows {
            bits.ue()?;
        }
    }
    bits.flag().map(|_| ())
}

/// The loop filter across slices and the deblocking filter's control.
fn deblocking(bits: &mut Bits<'_>) -> Option<()> {
    bits.flag()?;
    if bits.flag()? {
        bits.flag()?;
        if !bits.flag()? {
            bits.se()?;
            bits.se()?;
        }
    }
    Some(())
}

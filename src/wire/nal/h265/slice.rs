//! Slice segment headers (ITU-T H.265 §7.3.6) as far as the quantiser.

use super::UnitHead;
use super::parameter::{Pps, Sps, bits_for};
use super::references::{Place, Set};
use crate::wire::bits::Bits;

/// Most references of a list (§7.4.7.1).
const REFERENCES_MAX: u32 = 15;

/// `slice_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    B,
    P,
    I,
}

/// What a slice header says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slice {
    pub(super) intra: bool,
    pub(super) order_lsb: u32,
    pub(super) set: Set,
    pub(super) qp: i32,
}

/// The references a slice may use.
struct Pictures {
    order_lsb: u32,
    set: Set,
    used: u32,
    temporal_vectors: bool,
}

/// Whether the segment is not the first of its picture, and which picture parameter set it uses.
pub(super) fn begin(unit: &[u8]) -> Option<(bool, u8)> {
    let mut bits = Bits::escaped(unit.get(2..)?);
    let (first, pps) = opening(&mut bits, UnitHead::read(unit)?)?;
    Some((!first, pps))
}

/// The segment's type; `None` for one that depends on the segment before it.
pub(super) fn kind(unit: &[u8], sps: &Sps, pps: &Pps) -> Option<Kind> {
    let mut bits = Bits::escaped(unit.get(2..)?);
    let (first, _) = opening(&mut bits, UnitHead::read(unit)?)?;
    independent_kind(&mut bits, first, sps, pps)
}

/// Reads an independent segment's header; `None` when it does not fit its parameter sets.
pub(super) fn parse(unit: &[u8], sps: &Sps, pps: &Pps) -> Option<Slice> {
    let mut bits = Bits::escaped(unit.get(2..)?);
    let bits = &mut bits;
    let head = UnitHead::read(unit)?;
    let (first, _) = opening(bits, head)?;
    let kind = independent_kind(bits, first, sps, pps)?;
    if pps.output_flag {
        bits.flag()?;
    }
    if sps.separate_planes {
        bits.skip(2)?;
    }
    let pictures = if head.is_idr() { Pictures::none() } else { Pictures::read(bits, sps)? };
    if sps.adaptive_offset {
        bits.skip(if sps.chroma { 2 } else { 1 })?;
    }
    if kind != Kind::I {
        prediction(bits, kind, &pictures, (sps, pps))?;
    }
    let qp = pps.qp.checked_add(bits.se()?)?;
    let lowest = -6 * (i32::from(sps.format.bit_depth) - 8);
    let slice = Slice { intra: kind == Kind::I, order_lsb: pictures.order_lsb, set: pictures.set, qp };
    (lowest..=51).contains(&qp).then_some(slice)
}

fn opening(bits: &mut Bits<'_>, head: UnitHead) -> Option<(bool, u8)> {
    let first = bits.flag()?;
    if matches!(head.kind, 16..=23) {
        bits.flag()?;
    }
    Some((first, u8::try_from(bits.ue()?).ok()?))
}

fn independent_kind(bits: &mut Bits<'_>, first: bool, sps: &Sps, pps: &Pps) -> Option<Kind> {
    if !first {
        let dependent = pps.dependent && bits.flag()?;
        bits.read(sps.address_bits)?;
        if dependent {
            return None;
        }
    }
    bits.skip(pps.extra_bits)?;
    match bits.ue()? {
        0 => Some(Kind::B),
        1 => Some(Kind::P),
        2 => Some(Kind::I),
        _ => None,
    }
}

impl Pictures {
    fn none() -> Self {
        Self { order_lsb: 0, set: Set::default(), used: 0, temporal_vectors: false }
    }

    fn read(bits: &mut Bits<'_>, sps: &Sps) -> Option<Self> {
        let order_lsb = bits.read(sps.order_bits)?;
        let set = if bits.flag()? {
            *sps.sets.get(bits.read(bits_for(sps.sets.len() as u64))? as usize)?
        } else {
            Set::read(bits, &sps.sets, Place::Slice)?
        };
        let long_term = match &sps.long_term {
            Some(used) => long_term(bits, sps, used)?,
            None => 0,
        };
        let temporal_vectors = sps.temporal_vectors && bits.flag()?;
        Some(Self { order_lsb, set, used: set.used() + long_term, temporal_vectors })
    }
}

/// How many long-term pictures are used.
fn long_term(bits: &mut Bits<'_>, sps: &Sps, listed: &[bool]) -> Option<u32> {
    let from_list = if listed.is_empty() { 0 } else { bits.ue()? };
    let pictures = from_list.checked_add(bits.ue()?).filter(|pictures| *pictures <= 32)?;
    let mut used = 0;
    for picture in 0..pictures {
        let uses = if picture < from_list {
            *listed.get(bits.read(bits_for(listed.len() as u64))? as usize)?
        } else {
            bits.skip(sps.order_bits)?;
            bits.flag()?
        };
        used += u32::from(uses);
        if bits.flag()? {
            bits.ue()?;
        }
    }
    Some(used)
}

/// What P and B slices say between the references and the quantiser.
fn prediction(bits: &mut Bits<'_>, kind: Kind, pictures: &Pictures, sets: (&Sps, &Pps)) -> Option<()> {
    let (sps, pps) = sets;
    let lists = if kind == Kind::B { 2 } else { 1 };
    let mut counts = pps.references;
    if bits.flag()? {
        for count in &mut counts[..lists] {
            *count = bits.ue()?.checked_add(1)?;
        }
    }
    let counts = &counts[..lists];
    if counts.iter().any(|count| *count > REFERENCES_MAX) {
        return None;
    }
    if pps.modified_lists && pictures.used > 1 {
        modification(bits, counts, bits_for(u64::from(pictures.used)))?;
    }
    if kind == Kind::B {
        bits.flag()?;
    }
    if pps.cabac_choice {
        bits.flag()?;
    }
    if pictures.temporal_vectors {
        let from_first = kind != Kind::B || bits.flag()?;
        let list = if from_first { counts[0] } else { counts[lists - 1] };
        if list > 1 {
            bits.ue()?;
        }
    }
    if if kind == Kind::B { pps.weighted_b } else { pps.weighted_p } {
        weights(bits, counts, sps.chroma)?;
    }
    bits.ue().map(|_| ())
}

fn modification(bits: &mut Bits<'_>, counts: &[u32], width: u32) -> Option<()> {
    for count in counts {
        if bits.flag()? {
            bits.skip(count * width)?;
        }
    }
    Some(())
}

/// §7.3.6.3: all luma flags of a list come first, then all chroma flags, then the weights.
fn weights(bits: &mut Bits<'_>, counts: &[u32], chroma: bool) -> Option<()> {
    bits.ue()?;
    if chroma {
        bits.se()?;
    }
    for count in counts {
        let luma = bits.read(*count)?;
        let colour = if chroma { bits.read(*count)? } else { 0 };
        for picture in (0..*count).rev() {
            let values = 2 * (luma >> picture & 1) + 4 * (colour >> picture & 1);
            for _ in 0..values {
                bits.se()?;
            }
        }
    }
    Some(())
}

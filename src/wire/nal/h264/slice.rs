//! Slice headers (ITU-T H.264 §7.3.3) as far as the quantiser.

use super::parameter::{Order, Pps, Sps};
use crate::wire::bits::Bits;

/// Most references of a list.
const REFERENCES_MAX: u32 = 32;

/// Most entries of a list of commands in a header; more is damage.
const COMMANDS_MAX: usize = 66;

/// What stands before anything that needs a parameter set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begin {
    pub(super) first_macroblock: u32,
    kind: Kind,
    pub(super) pps: u8,
}

/// `slice_type`; SP counts as P, SI as I.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    P,
    B,
    I,
}

/// What a slice header says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slice {
    pub(super) frame_num: u32,
    pub(super) field: bool,
    pub(super) qp: i32,
    /// The picture makes all references before it void (`memory_management_control_operation` 5).
    pub(super) forgets_all: bool,
}

impl Begin {
    pub(super) fn intra(&self) -> bool {
        self.kind == Kind::I
    }

    fn read(bits: &mut Bits<'_>) -> Option<(Self, u32)> {
        let first_macroblock = bits.ue()?;
        let slice_type = bits.ue().filter(|kind| *kind < 10)?;
        let kind = match slice_type % 5 {
            0 | 3 => Kind::P,
            1 => Kind::B,
            _ => Kind::I,
        };
        let pps = u8::try_from(bits.ue()?).ok()?;
        Some((Self { first_macroblock, kind, pps }, slice_type % 5))
    }
}

/// Reads the part that needs no parameter set.
pub(super) fn begin(unit: &[u8]) -> Option<Begin> {
    // Data partitions B and C have another header.
    let readable = matches!(unit.first()? & 0x1f, 1 | 2 | 5);
    readable.then(|| Begin::read(&mut Bits::escaped(&unit[1..]))).flatten().map(|(begin, _)| begin)
}

/// Reads the header; `None` when it does not fit its parameter sets.
pub(super) fn parse(unit: &[u8], sps: &Sps, pps: &Pps) -> Option<Slice> {
    let mut bits = Bits::escaped(unit.get(1..)?);
    let (idr, reference) = (unit[0] & 0x1f == 5, unit[0] & 0x60 != 0);
    let (begin, slice_type) = Begin::read(&mut bits)?;
    if sps.separate_planes {
        bits.skip(2)?;
    }
    let frame_num = bits.read(sps.frame_num_bits)?;
    let field = !sps.frames_only && bits.flag()?;
    if field {
        bits.flag()?;
    }
    if idr {
        bits.ue()?;
    }
    picture_order(&mut bits, sps, pps, field)?;
    if pps.redundant {
        bits.ue()?;
    }
    references(&mut bits, begin.kind, slice_type, (sps, pps))?;
    let forgets_all = reference && marking(&mut bits, idr)?;
    if pps.cabac && begin.kind != Kind::I {
        bits.ue()?;
    }
    let qp = pps.qp.checked_add(bits.se()?)?;
    let lowest = -6 * (i32::from(sps.format.bit_depth) - 8);
    (lowest..=51).contains(&qp).then_some(Slice { frame_num, field, qp, forgets_all })
}

fn picture_order(bits: &mut Bits<'_>, sps: &Sps, pps: &Pps, field: bool) -> Option<()> {
    let both = pps.order_in_frame && !field;
    match sps.order {
        Order::Lsb(width) => {
            bits.read(width)?;
            if both {
                bits.se()?;
            }
        }
        Order::Cycle(true) => {
            bits.se()?;
            if both {
                bits.se()?;
            }
        }
        Order::Cycle(false) | Order::Coded => {}
    }
    Some(())
}

fn references(bits: &mut Bits<'_>, kind: Kind, slice_type: u32, sets: (&Sps, &Pps)) -> Option<()> {
    let (sps, pps) = sets;
    if kind == Kind::I {
        return Some(());
    }
    if kind == Kind::B {
        bits.flag()?;
    }
    let lists = if kind == Kind::B { 2 } else { 1 };
    let mut counts = pps.references;
    if bits.flag()? {
        for count in &mut counts[..lists] {
            *count = bits.ue()?.checked_add(1)?;
        }
    }
    if counts[..lists].iter().any(|count| *count > REFERENCES_MAX) {
        return None;
    }
    for _ in 0..lists {
        modification(bits)?;
    }
    let weighted = match kind {
        // SP slices (3) are weighted like P.
        Kind::P => pps.weighted_p && matches!(slice_type, 0 | 3),
        Kind::B => pps.weighted_b,
        Kind::I => false,
    };
    if weighted { weights(bits, &counts[..lists], sps.chroma) } else { Some(()) }
}

fn modification(bits: &mut Bits<'_>) -> Option<()> {
    if !bits.flag()? {
        return Some(());
    }
    for _ in 0..COMMANDS_MAX {
        match bits.ue()? {
            0..=2 => bits.ue()?,
            3 => return Some(()),
            _ => return None,
        };
    }
    None
}

fn weights(bits: &mut Bits<'_>, counts: &[u32], chroma: bool) -> Option<()> {
    bits.ue()?;
    if chroma {
        bits.ue()?;
    }
    for _ in 0..counts.iter().sum() {
        if bits.flag()? {
            bits.se()?;
            bits.se()?;
        }
        if chroma && bits.flag()? {
            for _ in 0..4 {
                bits.se()?;
            }
        }
    }
    Some(())
}

/// Steps over the marking of references; says whether all before are void.
fn marking(bits: &mut Bits<'_>, idr: bool) -> Option<bool> {
    if idr {
        bits.skip(2)?;
        return Some(false);
    }
    if !bits.flag()? {
        return Some(false);
    }
    let mut forgets_all = false;
    for _ in 0..COMMANDS_MAX {
        match bits.ue()? {
            0 => return Some(forgets_all),
            1 | 2 | 4 | 6 => {
                bits.ue()?;
            }
            3 => {
                bits.ue()?;
                bits.ue()?;
            }
            5 => forgets_all = true,
            _ => return None,
        }
    }
    None
}

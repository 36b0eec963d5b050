//! H.264 (ITU-T H.264 §7.3): parameter sets and slice headers as far as the quantiser.

mod parameter;
mod slice;

use std::collections::BTreeMap;

use bytes::Bytes;

use super::picture::{Head, PictureFormat};
pub(super) use parameter::signal_type;
use parameter::{Pps, Sps};
use slice::Slice;

/// Longest parameter set kept, in bytes.
const SET_BYTES_MAX: usize = 2048;

/// A NAL unit as it came and what it says.
pub(super) type Kept<T> = (Bytes, T);

/// The parameter sets of a track, and what its pictures counted last.
#[derive(Debug, Clone, Default)]
pub(super) struct Reader {
    sps: BTreeMap<u8, Kept<Sps>>,
    pps: BTreeMap<u8, Kept<Pps>>,
    active: Option<u8>,
    /// `PrevRefFrameNum`; absent before the first picture.
    last_reference: Option<u32>,
}

impl Reader {
    /// Takes a sequence or picture parameter set.
    pub(super) fn learn(&mut self, unit: &[u8]) {
        match unit.first().map(|head| head & 0x1f) {
            Some(7) => keep(&mut self.sps, unit, Sps::parse),
            Some(8) => keep(&mut self.pps, unit, Pps::parse),
            Some(_) | None => {}
        }
    }

    /// Reads a picture's first slice; the head says what could be read.
    pub(super) fn first_slice(&mut self, unit: &[u8]) -> Head {
        let mut head = Head::of_kind(unit[0] & 0x1f == 5);
        head.reference = unit[0] & 0x60 != 0;
        let Some(begin) = slice::begin(unit) else { return head };
        (head.intra, head.headless) = (begin.intra(), begin.first_macroblock != 0);
        let Some((_, pps)) = self.pps.get(&begin.pps) else { return head };
        let Some((_, sps)) = self.sps.get(&pps.sps) else { return head };
        let Some(slice) = slice::parse(unit, sps, pps) else { return head };
        self.active = Some(pps.sps);
        head.field = slice.field;
        head.number = i32::try_from(slice.frame_num).ok();
        head.qp = Some(slice.qp);
        head.missing = missing(self.last_reference, sps, &slice, &head);
        self.last_reference = Some(next_reference(sps, &slice, &head));
        head
    }

    /// Whether a later slice of the picture is intra-coded.
    pub(super) fn is_intra(unit: &[u8]) -> bool {
        slice::begin(unit).is_some_and(|begin| begin.intra())
    }

    /// The format in use, or of any sequence parameter set before the first picture.
    pub(super) fn format(&self) -> Option<PictureFormat> {
        let active = self.active.and_then(|id| self.sps.get(&id));
        active.or_else(|| self.sps.values().next()).map(|(_, sps)| sps.format)
    }

    /// All sets as they came, sequence before picture.
    pub(super) fn sets(&self) -> impl Iterator<Item = &Bytes> {
        self.sps.values().map(|(unit, _)| unit).chain(self.pps.values().map(|(unit, _)| unit))
    }
}

/// Keeps a set under its number. Sets are repeated with each IDR, so one that is kept already is not read again.
pub(super) fn keep<T>(
    sets: &mut BTreeMap<u8, Kept<T>>,
    unit: &[u8],
    parse: impl FnOnce(&[u8]) -> Option<(u8, T)>,
) {
    let known = sets.values().any(|(kept, _)| kept == unit);
    if known || unit.len() > SET_BYTES_MAX {
        return;
    }
    if let Some((id, set)) = parse(unit) {
        sets.insert(id, (Bytes::copy_from_slice(unit), set));
    }
}

/// Reference pictures missing before this one (§7.4.3, `frame_num`). A number that goes back means that an IDR picture,
/// whose number is 0, was lost with all up to this one.
fn missing(last: Option<u32>, sps: &Sps, slice: &Slice, head: &Head) -> u32 {
    let Some(last) = last.filter(|_| !head.idr && !sps.gaps_allowed) else { return 0 };
    let ahead = slice.frame_num.wrapping_sub(last) & sps.frame_num_mask;
    let back = ahead > sps.frame_num_mask / 2;
    if back { slice.frame_num.clamp(1, ahead - 1) } else { ahead.saturating_sub(1) }
}

/// `PrevRefFrameNum` for the picture after this one.
fn next_reference(sps: &Sps, slice: &Slice, head: &Head) -> u32 {
    match (head.reference, slice.forgets_all) {
        (true, true) => 0,
        (true, false) => slice.frame_num,
        // A picture that nothing refers to carries the number after the last reference.
        (false, _) => slice.frame_num.wrapping_sub(1) & sps.frame_num_mask,
    }
}

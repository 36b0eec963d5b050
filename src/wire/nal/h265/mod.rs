//! H.265 (ITU-T H.265 §7.3): parameter sets and slice headers as far as the quantiser, and which references have come.

mod parameter;
mod references;
mod slice;

use std::collections::BTreeMap;

use bytes::Bytes;

use super::h264::{Kept, keep};
use super::picture::{Head, PictureFormat};
use parameter::{Pps, Sps, vps_fps};
use references::Buffer;

/// The parameter sets of a track, and the references its pictures may use.
#[derive(Debug, Clone, Default)]
pub(super) struct Reader {
    vps: BTreeMap<u8, Kept<Option<f64>>>,
    sps: BTreeMap<u8, Kept<Sps>>,
    pps: BTreeMap<u8, Kept<Pps>>,
    active: Option<u8>,
    buffer: Buffer,
}

/// `nal_unit_type` and `nuh_temporal_id_plus1` − 1 of a unit's head.
#[derive(Debug, Clone, Copy)]
struct UnitHead {
    kind: u8,
    layer: u8,
    temporal: u8,
}

impl Reader {
    /// Takes a video, sequence or picture parameter set of the base layer.
    pub(super) fn learn(&mut self, unit: &[u8]) {
        match UnitHead::read(unit).filter(|head| head.layer == 0).map(|head| head.kind) {
            Some(32) => keep(&mut self.vps, unit, vps_fps),
            Some(33) => keep(&mut self.sps, unit, Sps::parse),
            Some(34) => keep(&mut self.pps, unit, Pps::parse),
            Some(_) | None => {}
        }
    }

    /// Reads a picture's first slice; the head says what could be read.
    pub(super) fn first_slice(&mut self, unit: &[u8]) -> Head {
        let Some(unit_head) = UnitHead::read(unit) else { return Head::default() };
        let mut head = Head::of_kind(unit_head.restarts());
        head.reference = unit_head.is_reference();
        head.random_access = unit_head.is_random_access();
        head.intra = head.random_access;
        let Some((headless, pps)) = slice::begin(unit) else { return head };
        head.headless = headless;
        let Some((_, pps)) = self.pps.get(&pps) else { return head };
        let Some((_, sps)) = self.sps.get(&pps.sps) else { return head };
        let Some(slice) = slice::parse(unit, sps, pps) else { return head };
        self.active = Some(pps.sps);
        head.intra = slice.intra;
        head.qp = Some(slice.qp);
        let (order, missing) = self.buffer.picture(unit_head, sps, &slice);
        (head.number, head.missing) = (Some(order), missing);
        head
    }

    /// Whether a later slice of the picture is intra-coded; a dependent slice is as the one before it.
    pub(super) fn is_intra(&self, unit: &[u8]) -> bool {
        let Some((_, pps)) = slice::begin(unit) else { return false };
        let Some((_, pps)) = self.pps.get(&pps) else { return false };
        let Some((_, sps)) = self.sps.get(&pps.sps) else { return false };
        slice::kind(unit, sps, pps).is_none_or(|kind| kind == slice::Kind::I)
    }

    /// The format in use, or of any sequence parameter set before the first picture.
    pub(super) fn format(&self) -> Option<PictureFormat> {
        let active = self.active.and_then(|id| self.sps.get(&id));
        let (_, sps) = active.or_else(|| self.sps.values().next())?;
        let vps_fps = || self.vps.get(&sps.vps).and_then(|(_, fps)| *fps);
        Some(PictureFormat { fps: sps.format.fps.or_else(vps_fps), ..sps.format })
    }

    /// All sets as they came: video, sequence, picture.
    pub(super) fn sets(&self) -> impl Iterator<Item = &Bytes> {
        let sequence = self.sps.values().map(|(unit, _)| unit);
        let picture = self.pps.values().map(|(unit, _)| unit);
        self.vps.values().map(|(unit, _)| unit).chain(sequence).chain(picture)
    }
}

impl UnitHead {
    fn read(unit: &[u8]) -> Option<Self> {
        let [first, second, ..] = unit else { return None };
        Some(Self {
            kind: first >> 1 & 0x3f,
            layer: (first & 1) << 5 | second >> 3,
            temporal: (second & 7).saturating_sub(1),
        })
    }

    /// IDR or BLA.
    fn restarts(self) -> bool {
        matches!(self.kind, 16..=20)
    }

    fn is_idr(self) -> bool {
        matches!(self.kind, 19 | 20)
    }

    /// IDR, BLA or CRA.
    fn is_random_access(self) -> bool {
        matches!(self.kind, 16..=21)
    }

    /// Leading pictures, which do not count for picture order (§8.3.1).
    fn is_leading(self) -> bool {
        matches!(self.kind, 6..=9)
    }

    /// Leading pictures that may refer to what came before their random access point.
    fn is_skipped_leading(self) -> bool {
        matches!(self.kind, 8 | 9)
    }

    /// Even types below 16 are not referred to within their temporal layer.
    fn is_reference(self) -> bool {
        self.kind >= 16 || self.kind % 2 == 1
    }
}

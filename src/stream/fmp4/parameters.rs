//! What a player must know of pictures before the first: parameter sets, size, and the codec's name in full.

use bytes::Bytes;

use crate::domain::stream::VideoCodec;
use crate::wire::nal::{PictureReader, annex_b};

/// The pictures of a movie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PictureTrack {
    /// The parameter sets.
    pub(super) sets: Sets,
    /// Width shown, pixels.
    pub(super) width: u16,
    /// Height shown, pixels.
    pub(super) height: u16,
    /// Pictures that the decoder may hold back.
    pub(super) reorder: usize,
}

/// Parameter sets, one of each kind: NAL units without start codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sets {
    /// ITU-T H.264.
    H264 {
        /// Sequence parameter set.
        sps: Bytes,
        /// Picture parameter set.
        pps: Bytes,
    },
    /// ITU-T H.265.
    H265 {
        /// Video parameter set.
        vps: Bytes,
        /// Sequence parameter set.
        sps: Bytes,
        /// Picture parameter set.
        pps: Bytes,
        /// What the sequence parameter set says of profile, tier and level.
        profile: Profile,
    },
}

/// `profile_tier_level` of H.265 (§7.3.3), the general part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Profile {
    /// `general_profile_space`.
    pub(super) space: u8,
    /// `general_tier_flag`.
    pub(super) high_tier: bool,
    /// `general_profile_idc`.
    pub(super) idc: u8,
    /// `general_profile_compatibility_flag`, the first in the highest bit.
    pub(super) compatibility: u32,
    /// The 48 bits of constraint flags.
    pub(super) constraints: [u8; 6],
    /// `general_level_idc`.
    pub(super) level: u8,
    /// Bits of a sample beyond eight.
    pub(super) bit_depth_minus8: u8,
}

impl PictureTrack {
    /// From the sets that a reader has met; `None` while one is missing or too long to be carried.
    pub(super) fn of(reader: &PictureReader) -> Option<Self> {
        let format = reader.format()?;
        let joined = Bytes::from(reader.parameter_sets());
        let first = |kind: u8| {
            annex_b(&joined)
                .find(|unit| kind_of(format.codec, unit) == kind)
                .map(|unit| joined.slice_ref(unit))
        };
        let sets = match format.codec {
            VideoCodec::H264 => Sets::H264 { sps: first(7).filter(|sps| sps.len() >= 4)?, pps: first(8)? },
            VideoCodec::H265 => {
                let sps = first(33)?;
                let profile = Profile::read(&sps, format.bit_depth)?;
                Sets::H265 { vps: first(32)?, sps, pps: first(34)?, profile }
            }
        };
        let side = |pixels: u32| u16::try_from(pixels).ok().filter(|pixels| *pixels > 0);
        let reorder = usize::try_from(format.reorder.unwrap_or(0)).ok()?;
        (joined.len() <= usize::from(u16::MAX)).then_some(())?;
        Some(Self { sets, width: side(format.width)?, height: side(format.height)?, reorder })
    }

    /// As browsers name it (RFC 6381; ISO/IEC 14496-15 annex E).
    pub(super) fn codec(&self) -> String {
        match &self.sets {
            Sets::H264 { sps, .. } => format!("avc1.{:02x}{:02x}{:02x}", sps[1], sps[2], sps[3]),
            Sets::H265 { profile, .. } => profile.codec(),
        }
    }
}

impl Profile {
    /// Bytes between the unit's head and `general_level_idc`, that one included.
    const BYTES: usize = 13;

    fn read(sps: &[u8], bit_depth: u8) -> Option<Self> {
        let plain = without_emulation(sps.get(2..)?, Self::BYTES);
        // One byte of ids comes first, then profile, compatibility, constraints and level at byte boundaries.
        let [_, profile, c0, c1, c2, c3, x0, x1, x2, x3, x4, x5, level] = plain.as_slice() else {
            return None;
        };
        Some(Self {
            space: profile >> 6,
            high_tier: profile & 0x20 != 0,
            idc: profile & 0x1f,
            compatibility: u32::from_be_bytes([*c0, *c1, *c2, *c3]),
            constraints: [*x0, *x1, *x2, *x3, *x4, *x5],
            level: *level,
            bit_depth_minus8: bit_depth.saturating_sub(8),
        })
    }

    fn codec(&self) -> String {
        let space = ["", "A", "B", "C"][usize::from(self.space & 3)];
        let tier = if self.high_tier { 'H' } else { 'L' };
        let used = self.constraints.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        let constraints: String = self.constraints[..used].iter().map(|byte| format!(".{byte:X}")).collect();
        format!(
            "hvc1.{space}{}.{:X}.{tier}{}{constraints}",
            self.idc,
            self.compatibility.reverse_bits(),
            self.level
        )
    }
}

/// An access unit (Annex B) as a movie has it: each unit behind its length, without delimiters, filler and the
/// parameter sets, which stand at the movie's beginning.
pub(super) fn with_lengths(codec: VideoCodec, access_unit: &[u8]) -> Bytes {
    let left_out: &[u8] = match codec {
        VideoCodec::H264 => &[7, 8, 9, 12],
        VideoCodec::H265 => &[32, 33, 34, 35, 38],
    };
    let mut out = Vec::with_capacity(access_unit.len() + 16);
    for unit in annex_b(access_unit).filter(|unit| !left_out.contains(&kind_of(codec, unit))) {
        out.extend_from_slice(&u32::try_from(unit.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(unit);
    }
    out.into()
}

/// `nal_unit_type`.
fn kind_of(codec: VideoCodec, unit: &[u8]) -> u8 {
    let first = unit.first().copied().unwrap_or(0);
    match codec {
        VideoCodec::H264 => first & 0x1f,
        VideoCodec::H265 => first >> 1 & 0x3f,
    }
}

/// The first bytes of a unit's payload, the 3 of each 0 0 3 left out.
fn without_emulation(bytes: &[u8], most: usize) -> Vec<u8> {
    let mut plain = Vec::with_capacity(most);
    let mut zeros = 0;
    for byte in bytes {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        plain.push(*byte);
        if plain.len() == most {
            break;
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h265_is_named_by_profile_tier_and_level() {
        // Main, level 3.1, as x265 writes it; emulation prevention in the constraint flags.
        let sps = [
            0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03,
            0x00, 0x5d,
        ];
        let profile = Profile::read(&sps, 8).unwrap();
        assert_eq!(profile.codec(), "hvc1.1.6.L93.90");
        assert_eq!(Profile::read(&sps[..10], 8), None);
    }
}

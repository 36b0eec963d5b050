//! What a NAL unit is, by its first byte.

use crate::domain::stream::VideoCodec;

/// What a NAL unit carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitKind {
    /// Coded samples of a picture.
    Slice,
    /// Sequence, picture or video parameter set.
    ParameterSet,
    /// Supplemental enhancement information that stands before the picture.
    Sei,
    /// Access unit delimiter.
    Delimiter,
    /// Bytes that only fill a constant rate.
    Filler,
    /// Anything else.
    Other,
}

/// What a unit (without start code) is. (ITU-T H.264 table 7-1, H.265 table 7-1)
pub fn unit_kind(codec: VideoCodec, unit: &[u8]) -> UnitKind {
    let first = unit.first().copied().unwrap_or(0);
    match codec {
        VideoCodec::H264 => match first & 0x1f {
            1..=5 => UnitKind::Slice,
            6 => UnitKind::Sei,
            7 | 8 => UnitKind::ParameterSet,
            9 => UnitKind::Delimiter,
            12 => UnitKind::Filler,
            _ => UnitKind::Other,
        },
        VideoCodec::H265 => match first >> 1 & 0x3f {
            0..=9 | 16..=21 => UnitKind::Slice,
            32..=34 => UnitKind::ParameterSet,
            35 => UnitKind::Delimiter,
            38 => UnitKind::Filler,
            39 => UnitKind::Sei,
            _ => UnitKind::Other,
        },
    }
}

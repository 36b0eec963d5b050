//! Supplemental enhancement information (ITU-T H.264 Annex D, H.265 Annex D): where decoding can begin, and user data
//! of our own and of others.

use super::kind::{UnitKind, unit_kind};
use super::split::{annex_b, push_unit};
use crate::domain::stream::VideoCodec;
use crate::wire::bits::Bits;

/// `payloadType` of a recovery point.
const RECOVERY_POINT: usize = 6;

/// `payloadType` of user data that no standard registers.
const USER_DATA_UNREGISTERED: usize = 5;

/// One `user_data_unregistered` message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserData {
    /// Whose it is.
    pub uuid: [u8; 16],
    /// What it says.
    pub data: Vec<u8>,
}

/// All such messages of an access unit (Annex B), in order.
pub fn user_data(codec: VideoCodec, access_unit: &[u8]) -> Vec<UserData> {
    let sei = annex_b(access_unit).filter(|unit| unit_kind(codec, unit) == UnitKind::Sei);
    let mut found = Vec::new();
    for unit in sei {
        let payload = unescaped(unit.get(head_bytes(codec)..).unwrap_or(&[]));
        found.extend(messages(&payload).filter_map(UserData::read));
    }
    found
}

/// A SEI unit with one such message, without start code.
pub fn user_data_unit(codec: VideoCodec, user_data: &UserData) -> Vec<u8> {
    let mut payload = vec![USER_DATA_UNREGISTERED as u8];
    let length = user_data.uuid.len() + user_data.data.len();
    payload.extend(std::iter::repeat_n(0xff, length / 255));
    payload.push((length % 255) as u8);
    payload.extend_from_slice(&user_data.uuid);
    payload.extend_from_slice(&user_data.data);
    payload.push(0x80);
    let mut unit = match codec {
        VideoCodec::H264 => vec![6],
        // Prefix SEI of layer 0, temporal id 1.
        VideoCodec::H265 => vec![39 << 1, 1],
    };
    escape(&payload, &mut unit);
    unit
}

/// The access unit (Annex B) with `unit` put before its first slice, where SEI must stand.
pub fn insert_before_pictures(codec: VideoCodec, access_unit: &[u8], unit: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(access_unit.len() + unit.len() + 8);
    let mut waiting = Some(unit);
    for old in annex_b(access_unit) {
        if unit_kind(codec, old) == UnitKind::Slice
            && let Some(unit) = waiting.take()
        {
            push_unit(unit, &mut out);
        }
        push_unit(old, &mut out);
    }
    if let Some(unit) = waiting {
        push_unit(unit, &mut out);
    }
    out
}

/// Pictures from this one until the output is clean, if the SEI unit holds a recovery point. H.265 counts in picture
/// order and may say a negative number; that is 0 here.
pub(super) fn recovery_point(codec: VideoCodec, unit: &[u8]) -> Option<u32> {
    let mut bits = Bits::escaped(unit.get(head_bytes(codec)..)?);
    loop {
        let (kind, length) = (coded_number(&mut bits)?, coded_number(&mut bits)?);
        if kind == RECOVERY_POINT {
            return match codec {
                VideoCodec::H264 => bits.ue(),
                VideoCodec::H265 => bits.se().map(|count| u32::try_from(count).unwrap_or(0)),
            };
        }
        for _ in 0..length {
            bits.read(8)?;
        }
    }
}

fn head_bytes(codec: VideoCodec) -> usize {
    match codec {
        VideoCodec::H264 => 1,
        VideoCodec::H265 => 2,
    }
}

/// A type or length: bytes of 255 and the rest (ITU-T H.264 §7.3.2.3.1).
fn coded_number(bits: &mut Bits<'_>) -> Option<usize> {
    let mut sum = 0;
    loop {
        let byte = bits.read(8)? as usize;
        sum += byte;
        if byte != 255 {
            return Some(sum);
        }
    }
}

/// The messages of an unescaped SEI payload: type and bytes.
fn messages(payload: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = payload;
    std::iter::from_fn(move || {
        // What is left is the stop bit.
        if rest.len() < 2 {
            return None;
        }
        let kind = plain_number(&mut rest)?;
        let length = plain_number(&mut rest)?;
        let (message, after) = rest.split_at_checked(length)?;
        rest = after;
        Some((kind, message))
    })
}

fn plain_number(rest: &mut &[u8]) -> Option<usize> {
    let more = rest.iter().take_while(|byte| **byte == 255).count();
    let last = *rest.get(more)?;
    *rest = &rest[more + 1..];
    Some(more * 255 + usize::from(last))
}

impl UserData {
    fn read((kind, message): (usize, &[u8])) -> Option<Self> {
        let (uuid, data) = message.split_first_chunk::<16>()?;
        (kind == USER_DATA_UNREGISTERED).then(|| Self { uuid: *uuid, data: data.to_vec() })
    }
}

/// The payload without emulation prevention.
fn unescaped(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len());
    let mut zeros = 0;
    for byte in payload {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        out.push(*byte);
    }
    out
}

/// Appends the payload with emulation prevention (ITU-T H.264 §7.4.1).
pub(super) fn escape(payload: &[u8], out: &mut Vec<u8>) {
    let mut zeros = 0;
    for byte in payload {
        if zeros >= 2 && *byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        out.push(*byte);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_recovery_point_behind_another_message() {
        // pic_timing (type 1) of two bytes, then a recovery point of 49 pictures: ue(49) is 00000110010.
        let unit = [6, 1, 2, 0xaa, 0xbb, 6, 3, 0b0000_0110, 0b0101_0010, 0x80];
        assert_eq!(recovery_point(VideoCodec::H264, &unit), Some(49));
        assert_eq!(recovery_point(VideoCodec::H264, &unit[..5]), None);
    }

    #[test]
    fn user_data_goes_before_the_first_slice() {
        let unit = user_data_unit(VideoCodec::H264, &UserData { uuid: [7; 16], data: vec![0; 4] });
        let access_unit = [0, 0, 0, 1, 9, 0x10, 0, 0, 0, 1, 0x65, 1, 0, 0, 0, 1, 0x65, 2];
        let with = insert_before_pictures(VideoCodec::H264, &access_unit, &unit);
        let kinds: Vec<_> = annex_b(&with).map(|unit| unit[0] & 0x1f).collect();
        assert_eq!(kinds, [9, 6, 5, 5]);
        assert_eq!(user_data(VideoCodec::H264, &with), [UserData { uuid: [7; 16], data: vec![0; 4] }]);
    }

    proptest! {
        #[test]
        fn user_data_written_is_read(
            uuid: [u8; 16],
            data in proptest::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..700),
            hevc: bool,
        ) {
            let codec = if hevc { VideoCodec::H265 } else { VideoCodec::H264 };
            let said = UserData { uuid, data };
            let access_unit = insert_before_pictures(codec, &[], &user_data_unit(codec, &said));
            prop_assert_eq!(user_data(codec, &access_unit), [said]);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(0_u8..9, 0..100), hevc: bool) {
            let codec = if hevc { VideoCodec::H265 } else { VideoCodec::H264 };
            let _ = recovery_point(codec, &bytes);
            let _ = user_data(codec, &bytes);
        }
    }
}

//! NAL units joined by start codes (ITU-T H.264 Annex B) or by lengths (ISO/IEC 14496-15).

/// The start code that is written before each unit.
pub(in crate::wire) const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// How many bytes the search for a start code looks at together.
const BLOCK: usize = 64;

/// The units between start codes, without them and without the zeros around them. Bytes before the first start code
/// are left out; empty units do not come.
pub fn annex_b(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = start_code(bytes, 0).map(|at| &bytes[at + 3..]);
    std::iter::from_fn(move || {
        loop {
            let here = rest?;
            let next = start_code(here, 0);
            let unit = without_trailing_zeros(&here[..next.unwrap_or(here.len())]);
            rest = next.map(|at| &here[at + 3..]);
            if !unit.is_empty() {
                return Some(unit);
            }
        }
    })
}

/// The units behind lengths of `length_bytes` (1–4) bytes. Ends at the first that is cut off.
pub fn avcc(bytes: &[u8], length_bytes: u8) -> impl Iterator<Item = &[u8]> {
    let width = usize::from(length_bytes.clamp(1, 4));
    let mut rest = bytes;
    std::iter::from_fn(move || {
        loop {
            let (head, after) = rest.split_at_checked(width)?;
            let length = head.iter().fold(0, |length, byte| length << 8 | *byte as usize);
            let (unit, after) = after.split_at_checked(length)?;
            rest = after;
            if !unit.is_empty() {
                return Some(unit);
            }
        }
    })
}

/// Appends one unit behind a start code.
pub fn push_unit(unit: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&START_CODE);
    out.extend_from_slice(unit);
}

/// An access unit of ISO/IEC 14496-15 with start codes instead of lengths.
pub fn avcc_to_annex_b(bytes: &[u8], length_bytes: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 16);
    avcc(bytes, length_bytes).for_each(|unit| push_unit(unit, &mut out));
    out
}

/// An access unit of Annex B with lengths of four bytes instead of start codes.
pub fn annex_b_to_avcc(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 16);
    for unit in annex_b(bytes) {
        out.extend_from_slice(&u32::try_from(unit.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(unit);
    }
    out
}

/// Where 0 0 1 stands at or after `from`. Two zeros in a row are rare in coded samples, so blocks without them are
/// stepped over; the compiler makes that test a few vector instructions.
fn start_code(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(block) = bytes.get(at..at + BLOCK + 1) {
        let (left, right) = (&block[..BLOCK], &block[1..]);
        let pair = left.iter().zip(right).fold(false, |pair, (a, b)| pair | (a | b == 0));
        if pair && let Some(found) = in_block(bytes, at) {
            return Some(found);
        }
        at += BLOCK;
    }
    let tail = bytes.get(at..)?;
    tail.windows(3).position(|three| three == [0, 0, 1]).map(|found| at + found)
}

/// The start code that begins in the block at `at`.
fn in_block(bytes: &[u8], at: usize) -> Option<usize> {
    let end = bytes.len().min(at + BLOCK + 2);
    bytes[at..end].windows(3).position(|three| three == [0, 0, 1]).map(|found| at + found)
}

fn without_trailing_zeros(unit: &[u8]) -> &[u8] {
    let end = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &unit[..end]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_stand_between_start_codes() {
        let cases: [(&[u8], &[&[u8]]); 6] = [
            (&[0, 0, 0, 1, 9, 0, 0, 1, 8, 7], &[&[9], &[8, 7]]),
            (&[5, 5, 0, 0, 1, 9, 0, 0, 0, 0, 1, 8], &[&[9], &[8]]),
            (&[0, 0, 1, 0, 0, 1, 4], &[&[4]]),
            (&[0, 0, 1, 4, 0, 0], &[&[4]]),
            (&[1, 2, 3], &[]),
            (&[0, 0, 1], &[]),
        ];
        for (bytes, expected) in cases {
            assert_eq!(annex_b(bytes).collect::<Vec<_>>(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn units_stand_behind_lengths() {
        let bytes = [0, 2, 9, 8, 0, 0, 0, 1, 7, 0, 9, 1];
        assert_eq!(avcc(&bytes, 2).collect::<Vec<_>>(), [&[9, 8][..], &[7]]);
    }

    proptest! {
        #[test]
        fn a_start_code_is_found_wherever_it_stands(
            mut bytes in proptest::collection::vec(0_u8..4, 0..400),
            at in 0_usize..400,
        ) {
            let at = at.min(bytes.len());
            bytes.splice(at..at, [0, 0, 1]);
            let plain = bytes.windows(3).position(|three| three == [0, 0, 1]);
            prop_assert_eq!(start_code(&bytes, 0), plain);
        }

        #[test]
        fn lengths_and_start_codes_say_the_same(
            units in proptest::collection::vec(proptest::collection::vec(1_u8..255, 1..200), 0..6),
        ) {
            let mut joined = Vec::new();
            units.iter().for_each(|unit| push_unit(unit, &mut joined));
            prop_assert_eq!(avcc_to_annex_b(&annex_b_to_avcc(&joined), 4), joined.clone());
            prop_assert_eq!(annex_b(&joined).map(<[u8]>::to_vec).collect::<Vec<_>>(), units);
        }
    }
}

//! NAL units joined by start codes (ITU-T H.264 Annex B) or by lengths (ISO/IEC 14496-15).

/// The start code that is written before each unit.
pub(in crate::wire) const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// The units between start codes, without them and without trailing zeros. Bytes before the first start code are left
/// out; empty units do not come.
pub fn annex_b(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let _ = bytes;
    std::iter::empty()
}

/// The units behind lengths of `length_bytes` (1–4) bytes. Ends at the first that is cut off.
pub fn avcc(bytes: &[u8], length_bytes: u8) -> impl Iterator<Item = &[u8]> {
    let _ = (bytes, length_bytes);
    std::iter::empty()
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

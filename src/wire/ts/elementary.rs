//! Frames of sound inside PES packets: AAC in ADTS (ISO/IEC 14496-3 §1.A.2.2), Opus behind control headers.

use bytes::Bytes;

use crate::wire::coding::{AAC_RATES_HZ, AudioFormat};

/// What an ADTS header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Adts {
    pub(super) format: AudioFormat,
    head_bytes: usize,
    frame_bytes: usize,
}

/// Samples of an AAC frame.
pub(super) const AAC_FRAME_SAMPLES: u64 = 1024;

impl Adts {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let [0xff, b, c, d, e, f, _, ..] = *bytes else { return None };
        if b & 0xf6 != 0xf0 {
            return None;
        }
        let rate_hz = *AAC_RATES_HZ.get(usize::from(c >> 2 & 15))?;
        let channels = (c & 1) << 2 | d >> 6;
        let frame_bytes = usize::from(d & 3) << 11 | usize::from(e) << 3 | usize::from(f >> 5);
        let head_bytes = if b & 1 == 1 { 7 } else { 9 };
        // Object types are counted from one: 2 is AAC-LC.
        let object = (c >> 6) + 1;
        let mut format = AudioFormat::aac(rate_hz, channels);
        format.config[0] = format.config[0] & 7 | object << 3;
        format.channels = if channels == 7 { 8 } else { channels };
        (frame_bytes > head_bytes).then_some(Self { format, head_bytes, frame_bytes })
    }
}

/// The ADTS frames at the beginning of `bytes`, without their headers, and how many bytes they took. What is between
/// them and no frame is stepped over; a frame that is not whole is left.
pub(super) fn adts_frames(bytes: &Bytes) -> (Vec<(Adts, Bytes)>, usize) {
    let mut frames = Vec::new();
    let mut at = 0;
    while at + 7 <= bytes.len() {
        let Some(head) = Adts::parse(&bytes[at..]) else {
            at += 1;
            continue;
        };
        if at + head.frame_bytes > bytes.len() {
            break;
        }
        let frame = bytes.slice(at + head.head_bytes..at + head.frame_bytes);
        at += head.frame_bytes;
        frames.push((head, frame));
    }
    (frames, at)
}

/// The header that stands before a frame of `length` bytes.
pub(super) fn adts_head(format: &AudioFormat, length: usize) -> [u8; 7] {
    let rate = AAC_RATES_HZ.iter().position(|rate| *rate == format.rate_hz).unwrap_or(3) as u8;
    let object = format.config.first().map_or(2, |first| first >> 3).clamp(1, 4);
    let channels = if format.channels == 8 { 7 } else { format.channels.min(7) };
    let length = (length + 7).min(0x1fff) as u16;
    [
        0xff,
        0xf1,
        (object - 1) << 6 | rate << 2 | channels >> 2,
        (channels & 3) << 6 | (length >> 11) as u8,
        (length >> 3) as u8,
        (length as u8) << 5 | 0x1f,
        0xfc,
    ]
}

/// The Opus packets of a PES packet, without their control headers. Ends at the first that is damaged.
pub(super) fn opus_packets(bytes: &Bytes) -> Vec<Bytes> {
    let mut packets = Vec::new();
    let mut at = 0;
    while let Some((start, length)) = opus_head(bytes, at) {
        let Some(end) = start.checked_add(length).filter(|end| *end <= bytes.len()) else { break };
        packets.push(bytes.slice(start..end));
        at = end;
    }
    packets
}

/// Where the Opus packet behind the control header at `at` begins, and how long it is.
fn opus_head(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let [first, flags] = *bytes.get(at..at + 2)? else { return None };
    if u16::from_be_bytes([first, flags]) >> 5 != 0x3ff {
        return None;
    }
    let sizes = &bytes[at + 2..];
    let full = sizes.iter().take_while(|byte| **byte == 255).count();
    let length = full * 255 + usize::from(*sizes.get(full)?);
    let mut start = at + 2 + full + 1;
    // Two bytes each for samples to trim at the start and at the end, then an extension behind its length.
    start += 2 * usize::from(flags & 0x10 != 0) + 2 * usize::from(flags & 0x08 != 0);
    if flags & 0x04 != 0 {
        start += 1 + usize::from(*bytes.get(start)?);
    }
    (length > 0).then_some((start, length))
}

/// The control header before an Opus packet of `length` bytes.
pub(super) fn push_opus_head(length: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&[0x7f, 0xe0]);
    out.extend(std::iter::repeat_n(0xff, length / 255));
    out.push((length % 255) as u8);
}

/// How long an Opus packet plays, in ticks of 90 kHz (RFC 6716 §3.1).
pub(super) fn opus_ticks(packet: &[u8]) -> u64 {
    let Some(head) = packet.first() else { return 0 };
    let size = u64::from(head >> 3 & 3);
    let frame = match head >> 3 {
        // SILK: 10, 20, 40, 60 ms.
        0..=11 => [900, 1800, 3600, 5400][size as usize],
        // Hybrid: 10, 20 ms.
        12..=15 => 900 << (size & 1),
        // CELT: 2.5, 5, 10, 20 ms.
        _ => 225 << size,
    };
    let frames = match head & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => packet.get(1).map_or(0, |count| u64::from(count & 0x3f)),
    };
    frame * frames
}

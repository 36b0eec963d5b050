//! Tells H.264 from H.265 by the first bytes of RTP payloads, for senders that change codec without saying so.

use crate::domain::stream::VideoCodec;

/// So many telling packets in a row decide.
const DECIDES: u8 = 4;

/// Watches the payloads of one track.
#[derive(Debug, Default)]
pub(super) struct Sniffer {
    found: Option<VideoCodec>,
    leaning: Option<VideoCodec>,
    run: u8,
}

impl Sniffer {
    /// Looks at one payload.
    pub(super) fn look(&mut self, payload: &[u8]) {
        let Some(codec) = guess(payload) else { return };
        self.run = if self.leaning == Some(codec) { self.run.saturating_add(1) } else { 1 };
        self.leaning = Some(codec);
        if self.run >= DECIDES {
            self.found = Some(codec);
        }
    }

    /// What it is, once that is sure.
    pub(super) fn codec(&self) -> Option<VideoCodec> {
        self.found
    }
}

/// A payload header of RFC 7798 has a layer of 0 and a temporal id from 1, which leaves its second byte small, and an
/// even first byte; read as RFC 6184 such a first byte is a type that senders do not use. `None` where both are
/// possible.
fn guess(payload: &[u8]) -> Option<VideoCodec> {
    let &[first, second, ..] = payload else { return None };
    let h265_type = first >> 1;
    let is_h265 = first & 0x81 == 0
        && (1..=7).contains(&second)
        && (h265_type <= 40 || h265_type == 48 || h265_type == 49);
    let h264_type = first & 0x1f;
    let is_h264 = first & 0x80 == 0 && matches!(h264_type, 1 | 5 | 6..=9 | 24 | 28);
    match (is_h264, is_h265) {
        (true, false) => Some(VideoCodec::H264),
        (false, true) => Some(VideoCodec::H265),
        (true, true) | (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_headers_tell_the_codec() {
        use VideoCodec::{H264, H265};
        let cases: [(&[u8], Option<VideoCodec>); 10] = [
            (&[0x67, 0x42], Some(H264)),
            (&[0x7c, 0x85], Some(H264)),
            (&[0x5c, 0x41], Some(H264)),
            (&[0x41, 0x9a], Some(H264)),
            (&[0x78, 0x00], Some(H264)),
            (&[0x40, 0x01], Some(H265)),
            (&[0x62, 0x01], Some(H265)),
            (&[0x02, 0x01], Some(H265)),
            (&[0x60, 0x01], Some(H265)),
            (&[0x00], None),
        ];
        for (payload, expected) in cases {
            assert_eq!(guess(payload), expected, "{payload:02x?}");
        }
    }
}

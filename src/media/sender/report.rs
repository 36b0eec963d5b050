//! Sender reports (RFC 3550 §6.4.1): they tie the timestamps of a track to the wall clock, and so pictures to sound.

use crate::domain::time::{US_PER_S, Utc};

/// Seconds from 1900, where NTP begins, to 1970.
const NTP_EPOCH_S: i64 = 2_208_988_800;
/// Source description with an empty name, as every compound needs one.
const SDES: u8 = 202;
const SENDER_REPORT: u8 = 200;

/// One track at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) ssrc: u32,
    pub(super) at: Utc,
    pub(super) timestamp: u32,
    pub(super) packets: u32,
    pub(super) bytes: u32,
}

impl Moment {
    /// A sender report and a source description.
    pub(super) fn report(&self) -> Vec<u8> {
        let mut out = vec![0x80, SENDER_REPORT, 0, 6];
        let seconds = (self.at.0.div_euclid(US_PER_S) + NTP_EPOCH_S) as u32;
        let fraction = ((self.at.0.rem_euclid(US_PER_S) as u64) << 32) / US_PER_S as u64;
        let words = [self.ssrc, seconds, fraction as u32, self.timestamp, self.packets, self.bytes];
        words.iter().for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
        out.extend_from_slice(&[0x81, SDES, 0, 2]);
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(&[1, 0, 0, 0]);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::rtcp::{self, Rtcp};

    #[test]
    fn a_report_is_read_as_it_was_meant() {
        let at = Utc::parse("2026-11-22T09:00:00.250000Z").unwrap();
        let moment = Moment { ssrc: 9, at, timestamp: 90_000, packets: 5, bytes: 600 };
        let read: Vec<Rtcp> = rtcp::parse(&moment.report()).collect();
        let Rtcp::SenderReport(report) = &read[0] else { panic!("{read:?}") };
        assert_eq!(read.len(), 2);
        assert_eq!((report.ssrc, report.rtp_timestamp, report.packets, report.octets), (9, 90_000, 5, 600));
        assert!(report.unix_us().unwrap().abs_diff(at.0) <= 1);
    }
}

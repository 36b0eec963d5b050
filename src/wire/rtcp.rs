//! RTCP (RFC 3550 §6): what senders and receivers tell each other. Reads sender and receiver reports, names and
//! farewells, steps over everything else; writes receiver reports.

/// One packet of a compound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rtcp {
    /// Sender report: ties RTP time to wall-clock time.
    SenderReport(SenderReport),
    /// Receiver report.
    ReceiverReport {
        /// Who reports.
        ssrc: u32,
        /// On whom.
        blocks: Vec<ReportBlock>,
    },
    /// The sources leave.
    Bye {
        /// Which.
        sources: Vec<u32>,
    },
    /// A packet that is not read further: source description, feedback, application.
    Other {
        /// Its type.
        packet_type: u8,
    },
}

/// What a sender says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderReport {
    /// Who sends.
    pub ssrc: u32,
    /// Wall-clock time: seconds since 1900 and a fraction of 32 bits. 0 when the sender has no clock.
    pub ntp: u64,
    /// The same moment in ticks of the track.
    pub rtp_timestamp: u32,
    /// Packets sent so far.
    pub packets: u32,
    /// Payload bytes sent so far.
    pub octets: u32,
    /// What it receives itself.
    pub blocks: Vec<ReportBlock>,
}

/// How one source is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportBlock {
    /// On whom.
    pub ssrc: u32,
    /// Lost since the last report, in 1/256 of the expected.
    pub fraction_lost: u8,
    /// Lost since the beginning: 24 bits, negative when duplicates outnumber the lost.
    pub lost: i32,
    /// Highest sequence number, wraps in the upper half.
    pub highest_sequence: u32,
    /// Interarrival jitter in ticks.
    pub jitter: u32,
    /// Middle 32 bits of the last sender report's time; 0 when none came.
    pub last_sender_report: u32,
    /// Since then, in 1/65 536 s.
    pub delay_since_sender_report: u32,
}

impl SenderReport {
    /// Wall-clock time in microseconds since 1970; `None` when the sender has no clock.
    pub fn unix_us(&self) -> Option<i64> {
        const FROM_1900_TO_1970_S: i64 = 2_208_988_800;
        let seconds = (self.ntp >> 32) as i64;
        let fraction_us = (((self.ntp & 0xffff_ffff) * 1_000_000) >> 32) as i64;
        (self.ntp != 0).then(|| (seconds - FROM_1900_TO_1970_S) * 1_000_000 + fraction_us)
    }
}

/// Reads the packets of a compound, in order; ends at the first that is damaged.
pub fn parse(bytes: &[u8]) -> impl Iterator<Item = Rtcp> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (body, after) = split(rest)?;
        rest = after;
        read(body)
    })
}

/// Appends a receiver report (RFC 3550 §6.4.2) followed by an empty-named source description, as a compound needs.
pub fn write_receiver_report(ssrc: u32, blocks: &[ReportBlock], out: &mut Vec<u8>) {
    let blocks = &blocks[..blocks.len().min(31)];
    out.extend_from_slice(&[0x80 | blocks.len() as u8, 201]);
    out.extend_from_slice(&(1 + 6 * blocks.len() as u16).to_be_bytes());
    out.extend_from_slice(&ssrc.to_be_bytes());
    blocks.iter().for_each(|block| block.write(out));
    // One chunk: our SSRC, an empty CNAME, and the end padded to a word.
    out.extend_from_slice(&[0x81, 202, 0, 2]);
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&[1, 0, 0, 0]);
}

/// One packet's bytes with its head, and what follows it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [first, _, high, low, ..] = bytes else { return None };
    let length = (usize::from(u16::from_be_bytes([*high, *low])) + 1) * 4;
    (first >> 6 == 2).then(|| bytes.split_at_checked(length)).flatten()
}

fn read(packet: &[u8]) -> Option<Rtcp> {
    let count = usize::from(packet.first()? & 0x1f);
    let body = packet.get(4..)?;
    Some(match *packet.get(1)? {
        200 => Rtcp::SenderReport(sender_report(count, body)?),
        201 => Rtcp::ReceiverReport { ssrc: word(body, 0)?, blocks: blocks(count, body.get(4..)?)? },
        203 => Rtcp::Bye { sources: (0..count).map(|at| word(body, at)).collect::<Option<_>>()? },
        packet_type => Rtcp::Other { packet_type },
    })
}

fn sender_report(count: usize, body: &[u8]) -> Option<SenderReport> {
    Some(SenderReport {
        ssrc: word(body, 0)?,
        ntp: u64::from(word(body, 1)?) << 32 | u64::from(word(body, 2)?),
        rtp_timestamp: word(body, 3)?,
        packets: word(body, 4)?,
        octets: word(body, 5)?,
        blocks: blocks(count, body.get(24..)?)?,
    })
}

fn blocks(count: usize, body: &[u8]) -> Option<Vec<ReportBlock>> {
    body.get(..count * 24)?.chunks_exact(24).map(ReportBlock::read).collect()
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at * 4..at * 4 + 4)?.try_into().ok().map(u32::from_be_bytes)
}

impl ReportBlock {
    fn read(bytes: &[u8]) -> Option<Self> {
        let losses = word(bytes, 1)?;
        Some(Self {
            ssrc: word(bytes, 0)?,
            fraction_lost: (losses >> 24) as u8,
            // Sign-extended from 24 bits.
            lost: (losses << 8) as i32 >> 8,
            highest_sequence: word(bytes, 2)?,
            jitter: word(bytes, 3)?,
            last_sender_report: word(bytes, 4)?,
            delay_since_sender_report: word(bytes, 5)?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let losses = u32::from(self.fraction_lost) << 24 | self.lost as u32 & 0xff_ffff;
        let words = [
            self.ssrc,
            losses,
            self.highest_sequence,
            self.jitter,
            self.last_sender_report,
            self.delay_since_sender_report,
        ];
        words.iter().for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A sender report with one block, a source description and a farewell, one after the other.
    const COMPOUND: &str = "81c8000c0000002aec0b0e0080000000000003e80000000a00000400\
        0000001540ffffff0001000700000009aabbccdd00010000 81ca00030000002a01020a0b00000000 81cb00010000002a";

    #[test]
    fn a_compound_is_read_in_order() {
        let bytes = hex::decode(COMPOUND.replace(' ', "")).unwrap();
        let read: Vec<_> = parse(&bytes).collect();
        let [Rtcp::SenderReport(report), Rtcp::Other { packet_type: 202 }, Rtcp::Bye { sources }] = &read[..]
        else {
            panic!("{read:?}")
        };
        assert_eq!((report.ssrc, report.rtp_timestamp, report.packets, report.octets), (42, 1000, 10, 1024));
        assert_eq!(report.unix_us(), Some((0xec0b_0e00 - 2_208_988_800) * 1_000_000 + 500_000));
        let block = report.blocks[0];
        assert_eq!((block.ssrc, block.fraction_lost, block.lost), (21, 64, -1));
        assert_eq!((block.highest_sequence, block.jitter), (0x0001_0007, 9));
        assert_eq!(*sources, [42]);
    }

    #[test]
    fn what_is_cut_off_ends_the_list() {
        let bytes = hex::decode(COMPOUND.replace(' ', "")).unwrap();
        let counts: Vec<_> = [0, 3, 51, 52, 60, 68, 75, 76].map(|end| parse(&bytes[..end]).count()).into();
        assert_eq!(counts, [0, 0, 0, 1, 1, 2, 2, 3]);
        assert_eq!(SenderReport { ntp: 0, ..sender(&bytes) }.unix_us(), None);
    }

    fn sender(bytes: &[u8]) -> SenderReport {
        let Some(Rtcp::SenderReport(report)) = parse(bytes).next() else { panic!("a sender report") };
        report
    }

    proptest! {
        #[test]
        fn a_written_report_is_read(ssrc: u32, fields in proptest::collection::vec(any::<([u32; 5], u8, i32)>(), 0..5)) {
            let block = |(words, fraction_lost, lost): ([u32; 5], u8, i32)| ReportBlock {
                ssrc: words[0],
                fraction_lost,
                lost: lost >> 8,
                highest_sequence: words[1],
                jitter: words[2],
                last_sender_report: words[3],
                delay_since_sender_report: words[4],
            };
            let blocks: Vec<_> = fields.into_iter().map(block).collect();
            let mut bytes = Vec::new();
            write_receiver_report(ssrc, &blocks, &mut bytes);
            let expected = [Rtcp::ReceiverReport { ssrc, blocks }, Rtcp::Other { packet_type: 202 }];
            prop_assert_eq!(parse(&bytes).collect::<Vec<_>>(), expected);
        }

        #[test]
        fn any_bytes_are_read_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 4..80), length in 0_u8..20) {
            (bytes[0], bytes[1], bytes[2], bytes[3]) = (bytes[0] & 0x3f | 0x80, 200 + bytes[1] % 8, 0, length);
            prop_assert!(parse(&bytes).count() <= bytes.len() / 4);
        }
    }
}

//! What one medium of a probe call saw: packets that came, and what the far side reports on those that left. Pure:
//! bytes and moments are handed in.

use std::net::SocketAddr;

use super::tone::ToneMeter;
use crate::domain::time::{Mono, Utc};
use crate::wire::rtcp::{self, ReportBlock, Rtcp};
use crate::wire::rtp::{self, Arrival, Reception};

/// One medium in the course of a call.
#[derive(Debug)]
pub(super) struct Tally {
    payload_type: u8,
    pub(super) reception: Reception,
    pub(super) clock_hz: u32,
    pub(super) bytes: u64,
    pub(super) first: Option<Mono>,
    pub(super) last: Option<(Mono, Utc)>,
    /// Whoever sent the first packet; nobody else is counted.
    source: Option<SocketAddr>,
    pub(super) tone: Option<ToneMeter>,
    pub(super) ours: Option<Ours>,
    pub(super) far: Far,
    last_sender_report: Option<(u32, Mono)>,
}

/// How our own packets are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ours {
    pub(super) ssrc: u32,
    pub(super) first_sequence: u16,
}

impl Ours {
    /// Out of the first of our packets; `None` for a report.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let packet = rtp::parse(bytes).ok()?;
        Some(Self { ssrc: packet.ssrc, first_sequence: packet.sequence })
    }
}

/// What the far side reports.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Far {
    /// Reports of any kind.
    pub(super) reports: u32,
    /// Reports on what we send, the newest of them, and when it came.
    pub(super) about_us: u32,
    pub(super) newest: Option<ReportBlock>,
    /// Round trip by the newest report that allows it, milliseconds.
    pub(super) rtt_ms: Option<f64>,
    /// Whether the newest report's sequence number was ahead of that of the report before.
    pub(super) advanced: bool,
}

impl Tally {
    /// Nothing yet.
    pub(super) fn new(payload_type: u8, clock_hz: u32, tone: Option<ToneMeter>) -> Self {
        Self {
            payload_type,
            reception: Reception::new(clock_hz),
            clock_hz: clock_hz.max(1),
            bytes: 0,
            first: None,
            last: None,
            source: None,
            tone,
            ours: None,
            far: Far::default(),
            last_sender_report: None,
        }
    }

    /// Takes a datagram of the RTP or the RTCP port: which it is shows in its second byte (RFC 5761).
    pub(super) fn take(&mut self, bytes: &[u8], from: SocketAddr, now: (Mono, Utc)) {
        if rtp::is_rtcp(bytes) {
            rtcp::parse(bytes).for_each(|packet| self.report(&packet, now));
        } else if let Ok(packet) = rtp::parse(bytes)
            && packet.payload_type == self.payload_type
            && *self.source.get_or_insert(from) == from
        {
            let arrival = self.reception.packet(&packet, now.0);
            self.bytes += bytes.len() as u64;
            self.first = self.first.or(Some(now.0));
            self.last = Some(now);
            if let Some(tone) = &mut self.tone {
                match arrival {
                    Arrival::Next => tone.take(packet.payload, false, now.0),
                    Arrival::First | Arrival::Gap { .. } | Arrival::Restarted => {
                        tone.take(packet.payload, true, now.0);
                    }
                    // Out of its place it would be heard at the wrong time.
                    Arrival::Late | Arrival::Duplicate | Arrival::Stray => {}
                }
            }
        }
    }

    /// What we report to the far side now.
    pub(super) fn block(&mut self, now: Mono) -> Option<ReportBlock> {
        let block = self.reception.report()?;
        let (last, delay) = self.last_sender_report.map_or((0, 0), |(ntp, at)| {
            let delay = now.since(at).0.saturating_mul(65_536) / 1_000_000;
            (ntp, u32::try_from(delay).unwrap_or(u32::MAX))
        });
        Some(ReportBlock { last_sender_report: last, delay_since_sender_report: delay, ..block })
    }

    fn report(&mut self, packet: &Rtcp, now: (Mono, Utc)) {
        let blocks = match packet {
            Rtcp::SenderReport(report) => {
                self.last_sender_report = Some(((report.ntp >> 16) as u32, now.0));
                &report.blocks
            }
            Rtcp::ReceiverReport { blocks, .. } => blocks,
            Rtcp::Bye { .. } | Rtcp::Other { .. } => return,
        };
        self.far.reports += 1;
        let about_us = self.ours.and_then(|ours| blocks.iter().find(|block| block.ssrc == ours.ssrc));
        if let Some(block) = about_us {
            self.far.take(*block, now.1);
        }
    }
}

impl Far {
    fn take(&mut self, block: ReportBlock, now: Utc) {
        self.about_us += 1;
        let before = self.newest.map(|newest| newest.highest_sequence);
        self.advanced = before.is_none_or(|before| block.highest_sequence.wrapping_sub(before) as i32 > 0);
        self.newest = Some(block);
        if block.last_sender_report != 0 {
            let spent = middle(now).wrapping_sub(block.last_sender_report);
            let ticks = spent.wrapping_sub(block.delay_since_sender_report);
            // A clock that was set meanwhile would give a round trip of hours.
            if ticks < 60 * 65_536 {
                self.rtt_ms = Some(f64::from(ticks) * 1e3 / 65_536.0);
            }
        }
    }

    /// Packets of ours that should have come to the far side by its newest report, and those it misses.
    pub(super) fn counts(&self, ours: Ours) -> Option<(i64, i64)> {
        let block = self.newest?;
        let expected = i64::from(block.highest_sequence) - i64::from(ours.first_sequence) + 1;
        (expected > 0).then_some((expected, i64::from(block.lost)))
    }
}

/// The middle 32 bits of a moment as NTP writes it (RFC 3550 §4).
fn middle(at: Utc) -> u32 {
    let us = i128::from(at.0) + 2_208_988_800_000_000;
    ((us << 16) / 1_000_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Span;
    use crate::wire::rtp::RtpPacket;

    const FROM: ([u8; 4], u16) = ([10, 0, 0, 2], 5000);

    fn at(ms: u64) -> (Mono, Utc) {
        (Mono(0) + Span::millis(ms), Utc(1_795_000_000_000_000) + Span::millis(ms))
    }

    fn packet(sequence: u16, payload_type: u8) -> Vec<u8> {
        let timestamp = u32::from(sequence) * 160;
        let payload = &[0xd5; 160];
        let packet =
            RtpPacket { marker: false, payload_type, sequence, timestamp, ssrc: 9, extension: None, payload };
        let mut out = Vec::new();
        packet.write(&mut out);
        out
    }

    #[test]
    fn only_the_agreed_payload_from_the_first_source_counts() {
        let mut tally = Tally::new(8, 8_000, None);
        tally.take(&packet(1, 101), FROM.into(), at(0));
        tally.take(&packet(1, 8), FROM.into(), at(20));
        tally.take(&packet(2, 8), ([10, 0, 0, 3], 5000).into(), at(40));
        tally.take(b"rubbish", FROM.into(), at(50));
        tally.take(&packet(4, 8), FROM.into(), at(80));
        let counts = tally.reception.counts();
        assert_eq!((counts.received, counts.lost, tally.bytes), (2, 2, 344));
        assert_eq!((tally.first, tally.last), (Some(at(20).0), Some(at(80))));
    }

    #[test]
    fn the_far_side_reports_loss_and_round_trip_on_what_we_send() {
        let mut tally = Tally::new(8, 8_000, None);
        tally.ours = Some(Ours { ssrc: 7, first_sequence: 65_500 });
        let block = |highest_sequence, lost| ReportBlock {
            ssrc: 7,
            lost,
            highest_sequence,
            last_sender_report: middle(at(1000).1),
            delay_since_sender_report: 65_536 / 2,
            ..ReportBlock::default()
        };
        let mut send = |blocks: &[ReportBlock], ms| {
            let mut bytes = Vec::new();
            rtcp::write_receiver_report(9, blocks, &mut bytes);
            tally.take(&bytes, FROM.into(), at(ms));
        };
        send(&[ReportBlock { ssrc: 8, ..block(1, 0) }], 1100);
        send(&[block(65_536 + 99, 3)], 1540);
        assert_eq!((tally.far.reports, tally.far.about_us), (2, 1));
        assert_eq!(tally.far.counts(tally.ours.unwrap()), Some((136, 3)));
        let rtt = tally.far.rtt_ms.unwrap();
        assert!((39.9..40.1).contains(&rtt), "{rtt}");
        assert!(tally.far.advanced);
        let mut bytes = Vec::new();
        rtcp::write_receiver_report(9, &[block(65_536 + 99, 3)], &mut bytes);
        tally.take(&bytes, FROM.into(), at(6000));
        assert!(!tally.far.advanced, "it has received nothing since");
    }
}

//! Accounting of one source's packets: extended sequence numbers, loss, order, duplicates, jitter (RFC 3550 §6.4, A.1,
//! A.3, A.8). Time is a value that is handed in.

use super::RtpPacket;
use crate::domain::time::Mono;
use crate::wire::rtcp::ReportBlock;

/// A sequence number this far ahead is a loss; farther, the sender began anew (RFC 3550 A.1).
const DROPOUT_MAX: u16 = 3000;

/// A sequence number this far behind came late; farther, the sender began anew.
const MISORDER_MAX: u16 = 100;

/// How many of the latest sequence numbers are remembered, to tell duplicates from late ones.
const WINDOW: u16 = 128;

/// Extended numbers begin one cycle up, so that a late packet before the first does not fall below zero.
const CYCLE: u64 = 0x1_0000;

/// Packets of one track over its life. Another SSRC or a jump begins a new run; the counts go on.
#[derive(Debug, Clone)]
pub struct Reception {
    clock_hz: u32,
    run: Option<Run>,
    /// Counts of the runs before this one.
    before: Counts,
    /// What the last RTCP report block said.
    reported: (u64, u64),
}

/// Packets without a new start in between.
#[derive(Debug, Clone)]
struct Run {
    ssrc: u32,
    base: u64,
    highest: u64,
    /// Which of the last [`WINDOW`] packets have come; bit 0 is `highest`.
    seen: u128,
    received: u64,
    reordered: u64,
    duplicates: u64,
    transit: Option<i64>,
    /// Jitter in ticks, times 16 (RFC 3550 A.8).
    jitter16: u64,
    /// The number that would prove a jump to be a new start.
    suspect: Option<u16>,
}

/// What one packet was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The first of a track.
    First,
    /// The next one.
    Next,
    /// The next after some that are missing so far.
    Gap {
        /// How many.
        missing: u16,
    },
    /// One that was missing: it came after a later one.
    Late,
    /// One that has come before, or that is too old to tell.
    Duplicate,
    /// Far from what was expected; ignored unless the next one follows it.
    Stray,
    /// The sender began anew: another SSRC, or other sequence numbers.
    Restarted,
}

/// Totals since the track began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Packets that came, duplicates left out.
    pub received: u64,
    /// Packets that should have come.
    pub expected: u64,
    /// Of those, missing so far.
    pub lost: u64,
    /// Packets that came after a later one.
    pub reordered: u64,
    /// Extra copies.
    pub duplicates: u64,
}

impl Reception {
    /// Nothing received yet. `clock_hz` is the track's RTP clock.
    pub fn new(clock_hz: u32) -> Self {
        Self { clock_hz: clock_hz.max(1), run: None, before: Counts::default(), reported: (0, 0) }
    }

    /// Counts a packet that arrived `at`.
    pub fn packet(&mut self, packet: &RtpPacket<'_>, at: Mono) -> Arrival {
        let arrived = self.arrival_ticks(at);
        let transit = arrived.wrapping_sub(i64::from(packet.timestamp));
        let Some(run) = &mut self.run else {
            self.run = Some(Run::begin(packet, transit));
            return Arrival::First;
        };
        let arrival = if run.ssrc == packet.ssrc { run.place(packet.sequence) } else { Arrival::Restarted };
        match arrival {
            Arrival::Restarted => self.restart(packet, transit),
            Arrival::Next | Arrival::Gap { .. } | Arrival::Late => run.take_jitter(transit),
            Arrival::First | Arrival::Duplicate | Arrival::Stray => {}
        }
        arrival
    }

    /// Totals so far.
    pub fn counts(&self) -> Counts {
        let now = self.run.as_ref().map_or(Counts::default(), Run::counts);
        Counts {
            received: self.before.received + now.received,
            expected: self.before.expected + now.expected,
            lost: self.before.lost + now.lost,
            reordered: self.before.reordered + now.reordered,
            duplicates: self.before.duplicates + now.duplicates,
        }
    }

    /// Interarrival jitter (RFC 3550 §6.4.1) in milliseconds.
    pub fn jitter_ms(&self) -> f64 {
        let ticks = self.run.as_ref().map_or(0, |run| run.jitter16) as f64 / 16.0;
        ticks * 1e3 / f64::from(self.clock_hz)
    }

    /// What a receiver reports to the sender now; the fraction lost is since the report before. The times of the last
    /// sender report are the caller's to fill in. `None` before the first packet.
    pub fn report(&mut self) -> Option<ReportBlock> {
        let counts = self.counts();
        let run = self.run.as_ref()?;
        let expected = counts.expected - self.reported.0.min(counts.expected);
        let received = counts.received - self.reported.1.min(counts.received);
        self.reported = (counts.expected, counts.received);
        let lost = expected.saturating_sub(received);
        Some(ReportBlock {
            ssrc: run.ssrc,
            fraction_lost: (lost * 256).checked_div(expected).unwrap_or(0).min(255) as u8,
            lost: i32::try_from(counts.lost).unwrap_or(i32::MAX).min(0x7f_ffff),
            highest_sequence: (run.highest - CYCLE) as u32,
            jitter: (run.jitter16 / 16).min(u64::from(u32::MAX)) as u32,
            last_sender_report: 0,
            delay_since_sender_report: 0,
        })
    }

    fn restart(&mut self, packet: &RtpPacket<'_>, transit: i64) {
        self.before = self.counts();
        self.run = Some(Run::begin(packet, transit));
    }

    fn arrival_ticks(&self, at: Mono) -> i64 {
        let ticks = u128::from(at.0) * u128::from(self.clock_hz) / 1_000_000;
        ticks as i64
    }
}

impl Run {
    fn begin(packet: &RtpPacket<'_>, transit: i64) -> Self {
        let highest = u64::from(packet.sequence) + CYCLE;
        Self {
            ssrc: packet.ssrc,
            base: highest,
            highest,
            seen: 1,
            received: 1,
            reordered: 0,
            duplicates: 0,
            transit: Some(transit),
            jitter16: 0,
            suspect: None,
        }
    }

    fn place(&mut self, sequence: u16) -> Arrival {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        let behind = ahead.wrapping_neg();
        let arrival = match (ahead, behind) {
            (0, _) => self.again(0),
            (1..=DROPOUT_MAX, _) => self.forward(ahead),
            (_, 1..=MISORDER_MAX) => self.again(behind),
            (_, _) => return self.stray(sequence),
        };
        self.suspect = None;
        arrival
    }

    fn forward(&mut self, ahead: u16) -> Arrival {
        self.highest += u64::from(ahead);
        self.seen = if ahead < WINDOW { self.seen << ahead | 1 } else { 1 };
        self.received += 1;
        if ahead == 1 { Arrival::Next } else { Arrival::Gap { missing: ahead - 1 } }
    }

    fn again(&mut self, behind: u16) -> Arrival {
        let bit = 1_u128 << behind;
        if self.seen & bit != 0 {
            self.duplicates += 1;
            return Arrival::Duplicate;
        }
        self.seen |= bit;
        self.received += 1;
        self.reordered += 1;
        self.base = self.base.min(self.highest - u64::from(behind));
        Arrival::Late
    }

    fn stray(&mut self, sequence: u16) -> Arrival {
        if self.suspect == Some(sequence) {
            return Arrival::Restarted;
        }
        self.suspect = Some(sequence.wrapping_add(1));
        Arrival::Stray
    }

    fn take_jitter(&mut self, transit: i64) {
        // Timestamps wrap at 32 bits, so differences are taken there.
        let moved = self.transit.map_or(0, |last| transit.wrapping_sub(last) as i32);
        self.transit = Some(transit);
        let moved = u64::from(moved.unsigned_abs());
        self.jitter16 = self.jitter16 + moved - (self.jitter16 + 8) / 16;
    }

    fn counts(&self) -> Counts {
        let expected = self.highest - self.base + 1;
        Counts {
            received: self.received,
            expected,
            lost: expected.saturating_sub(self.received),
            reordered: self.reordered,
            duplicates: self.duplicates,
        }
    }
}

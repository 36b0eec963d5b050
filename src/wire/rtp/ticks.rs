//! Wrapping timestamps made continuous.

/// Follows a timestamp of a few bits that wraps, and counts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticks {
    bits: u32,
    hz: u32,
    last: Option<i64>,
}

impl Ticks {
    /// RTP timestamps: 32 bits of a clock of `hz`.
    pub fn rtp(hz: u32) -> Self {
        Self { bits: 32, hz: hz.max(1), last: None }
    }

    /// Timestamps of a transport stream: 33 bits of 90 kHz.
    pub fn pes() -> Self {
        Self { bits: 33, hz: 90_000, last: None }
    }

    /// The timestamp counted on: the nearest to the last that equals `raw` in its low bits. The first is itself.
    pub fn extend(&mut self, raw: u64) -> i64 {
        let modulus = 1_i64 << self.bits;
        let raw = (raw & (modulus as u64 - 1)) as i64;
        let ticks = match self.last {
            None => raw,
            Some(last) => {
                let ahead = (raw - last).rem_euclid(modulus);
                last + if ahead < modulus / 2 { ahead } else { ahead - modulus }
            }
        };
        self.last = Some(ticks);
        ticks
    }

    /// The same in microseconds.
    pub fn extend_us(&mut self, raw: u64) -> i64 {
        let ticks = i128::from(self.extend(raw)) * 1_000_000;
        i64::try_from(ticks.div_euclid(i128::from(self.hz))).unwrap_or(i64::MAX)
    }
}

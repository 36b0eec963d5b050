//! Timestamps and error estimates of RFC 8762 §4.2.1.

/// Seconds from 1900 to 1970.
const UNIX_OFFSET_S: i64 = 2_208_988_800;
const NS_PER_S: i64 = 1_000_000_000;

/// A 64-bit timestamp as it stands in the packet: NTP (seconds since 1900, then the binary fraction), or truncated
/// PTP when the accompanying [`ErrorEstimate`] says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Ntp(pub u64);

impl Ntp {
    /// From nanoseconds since 1970; right for 1968-01-20 to 2104-02-26, wrapping outside.
    pub fn from_unix_ns(ns: i64) -> Self {
        let seconds = ns.div_euclid(NS_PER_S).wrapping_add(UNIX_OFFSET_S) as u32;
        let fraction = ((ns.rem_euclid(NS_PER_S) as u64) << 32) / NS_PER_S as u64;
        Self(u64::from(seconds) << 32 | fraction)
    }

    /// Nanoseconds since 1970. A clear top bit means the era that begins in 2036 (RFC 4330 §3).
    pub fn unix_ns(self) -> i64 {
        let seconds = (self.0 >> 32) as i64;
        let era = if seconds & 0x8000_0000 == 0 { 1_i64 << 32 } else { 0 };
        let fraction = self.0 & 0xffff_ffff;
        let ns = (fraction * NS_PER_S as u64 + (1 << 31)) >> 32;
        (seconds + era - UNIX_OFFSET_S) * NS_PER_S + ns as i64
    }
}

/// How good a clock claims to be (RFC 8762 §4.2.1, RFC 4656 §4.1.2): within `multiplier · 2^(scale − 32)` seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ErrorEstimate {
    /// Synchronised to UTC by an external source.
    pub synchronised: bool,
    /// Timestamps are truncated PTPv2 (seconds, nanoseconds) rather than NTP.
    pub ptp: bool,
    /// Power of two, 0 to 63.
    pub scale: u8,
    /// 0 says "invalid, ignore".
    pub multiplier: u8,
}

impl ErrorEstimate {
    /// The estimate of a clock that nobody vouches for: one second.
    pub const UNSYNCHRONISED: Self = Self { synchronised: false, ptp: false, scale: 32, multiplier: 1 };

    /// Reads the 16 bits `S Z scale(6) multiplier(8)`.
    pub fn from_bits(bits: u16) -> Self {
        Self {
            synchronised: bits & 0x8000 != 0,
            ptp: bits & 0x4000 != 0,
            scale: (bits >> 8 & 0x3f) as u8,
            multiplier: bits as u8,
        }
    }

    /// The 16 bits.
    pub fn bits(self) -> u16 {
        u16::from(self.synchronised) << 15
            | u16::from(self.ptp) << 14
            | u16::from(self.scale & 0x3f) << 8
            | u16::from(self.multiplier)
    }

    /// The claimed error in seconds; `None` when the multiplier says "ignore".
    pub fn seconds(self) -> Option<f64> {
        (self.multiplier != 0)
            .then(|| f64::from(self.multiplier) * f64::powi(2.0, i32::from(self.scale) - 32))
    }

    /// Reads a timestamp in the format that this estimate names, in nanoseconds since 1970. PTP seconds are taken as
    /// they are: the constant distance to UTC cancels in everything but the clock offset.
    pub fn to_unix_ns(self, stamp: Ntp) -> i64 {
        if !self.ptp {
            return stamp.unix_ns();
        }
        (stamp.0 >> 32) as i64 * NS_PER_S + (stamp.0 & 0xffff_ffff) as i64
    }
}

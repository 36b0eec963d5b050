//! What a path test found, per direction, with the quality of the measurement itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::time::Utc;

/// How a path test ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestOutcome {
    /// It ran to its end.
    Measured(Box<PathStats>),
    /// It could not be carried out: never the venue's fault.
    Broke(TestBroke),
}

/// Why a test could not be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestBroke {
    /// The local socket could not be opened or the route is missing.
    NoSocket,
    /// It was called off.
    Cancelled,
    /// The prober was full or stopped.
    NoCapacity,
    /// It did not end in time.
    TimedOut,
    /// The far side refused it by its own rules (target not listed, no-test window, no consent).
    RefusedByVenue,
}

/// Statistics of one path test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PathStats {
    /// First packet's send time, by the prober's clock.
    pub started: Utc,
    /// Packets sent.
    pub sent: u64,
    /// Packets whose reply came back at least once.
    pub answered: u64,
    /// Lost packets that no later reply could place in a direction (all behind the last reply).
    pub unplaced: u64,
    /// Round trip; `None` when nothing came back.
    pub rtt: Option<RttStats>,
    /// 主→分.
    pub to_venue: DirectionStats,
    /// 分→主.
    pub from_venue: DirectionStats,
    /// Reflector's clock minus ours at the fastest round trip, milliseconds, with the bound ± on it.
    pub clock_offset_ms: Option<(f64, f64)>,
    /// Loss second by second, by the prober's clock; only seconds with loss.
    pub loss_seconds: Vec<LossSecond>,
    /// How far the figures can be trusted.
    pub quality: Quality,
}

/// Round-trip times in milliseconds, reflector's dwell time excluded (RFC 8762 T4−T1 − (T3−T2)).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RttStats {
    /// Fastest.
    pub min_ms: f64,
    /// Mean.
    pub mean_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
}

/// One direction of a path test. Loss, bursts, reordering and duplicates are separate and exact.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DirectionStats {
    /// Packets that entered this direction.
    pub sent: u64,
    /// Of those, packets that arrived at least once.
    pub received: u64,
    /// Of those, packets known to be lost in this direction.
    pub lost: u64,
    /// Extra copies that arrived.
    pub duplicates: u64,
    /// Packets that arrived after a later one (RFC 4737 type-P-reordered).
    pub reordered: u64,
    /// How many loss bursts of which length (packets). Written as pairs: a number cannot be a JSON key inside a
    /// tagged value.
    #[serde(with = "pairs")]
    pub bursts: BTreeMap<u32, u32>,
    /// Loss in percent and its 95 % bounds.
    pub loss: LossBound,
    /// Mean absolute inter-packet delay variation, milliseconds (RFC 3393, consecutive packets).
    pub ipdv_mean_ms: Option<f64>,
    /// 95th percentile of it.
    pub ipdv_p95_ms: Option<f64>,
    /// 95th percentile of the queueing delay over the smallest seen, milliseconds.
    pub queue_p95_ms: Option<f64>,
    /// DSCP with which packets left.
    pub dscp_sent: u8,
    /// DSCP with which most arrived, if the far side could say.
    pub dscp_seen: Option<u8>,
    /// Lowest and highest TTL or hop limit with which packets arrived, if known: two values mean the route changed.
    #[serde(default)]
    pub ttl_seen: Option<(u8, u8)>,
}

impl DirectionStats {
    /// Mean burst length in packets; 0 without loss.
    pub fn burst_mean(&self) -> f64 {
        let (bursts, packets) = self.bursts.iter().fold((0u64, 0u64), |(n, sum), (len, count)| {
            (n + u64::from(*count), sum + u64::from(len * count))
        });
        if bursts == 0 { 0.0 } else { packets as f64 / bursts as f64 }
    }

    /// Longest burst in packets.
    pub fn burst_max(&self) -> u32 {
        self.bursts.keys().next_back().copied().unwrap_or(0)
    }
}

/// A loss ratio with what the number of packets allows to say (95 %, two-sided, Wilson).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LossBound {
    /// Observed, percent.
    pub pct: f64,
    /// Lower bound, percent.
    pub low_pct: f64,
    /// Upper bound, percent.
    pub high_pct: f64,
}

impl LossBound {
    /// The ratio of `lost` to `sent` with its Wilson score interval at 95 %; nothing sent leaves everything open.
    pub fn of(lost: u64, sent: u64) -> Self {
        const Z: f64 = 1.959_963_984_540_054;
        if sent == 0 {
            return Self { pct: 0.0, low_pct: 0.0, high_pct: 100.0 };
        }
        let n = sent as f64;
        let p = lost.min(sent) as f64 / n;
        let middle = p + Z * Z / (2.0 * n);
        let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 100.0 / (1.0 + Z * Z / n);
        let (low, high) = ((middle - spread) * scale, (middle + spread) * scale);
        // At the ends rounding must not claim more than was seen.
        let low_pct = if lost == 0 { 0.0 } else { low.max(0.0) };
        let high_pct = if lost >= sent { 100.0 } else { high.min(100.0) };
        Self { pct: p * 100.0, low_pct, high_pct }
    }
}

/// Loss within one wall-clock second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossSecond {
    /// The second, by the prober's clock.
    pub at: Utc,
    /// Packets sent in it.
    pub sent: u32,
    /// Lost 主→分.
    pub to_venue: u32,
    /// Lost 分→主.
    pub from_venue: u32,
}

/// How far a run's figures can be trusted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "quality", content = "flaws", rename_all = "snake_case")]
pub enum Quality {
    /// 良好.
    Good,
    /// Usable, with these flaws.
    Degraded(Vec<QualityFlaw>),
    /// Not to be judged by.
    Invalid(Vec<QualityFlaw>),
}

/// What weakens a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QualityFlaw {
    /// Packets left late: 99th percentile in milliseconds.
    LateSending {
        /// p99 lateness.
        p99_ms: f64,
    },
    /// Slots of the timeline were skipped.
    SkippedSlots {
        /// How many.
        slots: u64,
    },
    /// Our own receive queue overflowed.
    QueueOverflow {
        /// Packets dropped by the kernel.
        packets: u64,
    },
    /// Kernel timestamps were missing.
    NoKernelStamps {
        /// Packets stamped in user space.
        packets: u64,
    },
    /// The reflector does not count by itself, so loss has no direction (stateless TWAMP-Light).
    StatelessReflector,
    /// The reflector did not answer some probes because we exceeded its rate limit; they may look like loss.
    RateLimited {
        /// Probes it did not answer.
        packets: u64,
    },
    /// Our wall clock was stepped during the run.
    ClockStepped {
        /// How far.
        ms: f64,
    },
}

/// A map from number to number as a list of pairs.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<u32, u32>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<u32, u32>, D::Error> {
        Vec::<(u32, u32)>::deserialize(deserializer).map(|pairs| pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::check::TestId;
    use crate::domain::id::LinkId;
    use crate::observation::Fact;

    #[test]
    fn a_result_with_bursts_survives_its_own_writing() {
        let way = DirectionStats { bursts: BTreeMap::from([(3, 2), (11, 1)]), ..DirectionStats::default() };
        let stats = PathStats {
            started: Utc(0),
            sent: 1000,
            answered: 983,
            unplaced: 0,
            rtt: None,
            to_venue: way.clone(),
            from_venue: way,
            clock_offset_ms: Some((0.1, 2.0)),
            loss_seconds: Vec::new(),
            quality: Quality::Degraded(vec![QualityFlaw::LateSending { p99_ms: 1.5 }]),
        };
        let outcome = TestOutcome::Measured(Box::new(stats));
        let link = LinkId::parse("l").unwrap();
        let fact = Fact::PathTested { test: TestId { boot: 1, n: 1 }, link, outcome };
        let text = serde_json::to_string(&fact).unwrap();
        assert_eq!(serde_json::from_str::<Fact>(&text).unwrap(), fact);
    }

    #[test]
    fn loss_bounds_are_those_of_wilson() {
        // Lost, sent, lower and upper bound in percent.
        let cases =
            [(0, 1000, 0.0, 0.383), (10, 1000, 0.544, 1.831), (0, 300, 0.0, 1.264), (50, 1000, 3.813, 6.531)];
        for (lost, sent, low, high) in cases {
            let bound = LossBound::of(lost, sent);
            assert!((bound.low_pct - low).abs() < 0.001, "{lost}/{sent}: {bound:?}");
            assert!((bound.high_pct - high).abs() < 0.001, "{lost}/{sent}: {bound:?}");
        }
        assert_eq!(LossBound::of(0, 0), LossBound { pct: 0.0, low_pct: 0.0, high_pct: 100.0 });
        assert_eq!(LossBound::of(7, 7).high_pct, 100.0);
    }
}

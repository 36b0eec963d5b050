//! Round trips, delay variation and queueing per direction, and the distance of the two clocks.

use std::collections::BTreeMap;

use crate::observation::RttStats;

use super::super::raw::{RawReply, RawRun};
use super::skew::queueing_ms;

const NS_PER_MS: f64 = 1e6;

/// Delay figures of one direction in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct DirectionDelay {
    pub(super) ipdv_mean_ms: Option<f64>,
    pub(super) ipdv_p95_ms: Option<f64>,
    pub(super) queue_p95_ms: Option<f64>,
}

/// Round trips without the reflector's own dwell time: T4 − T1 − (T3 − T2).
pub(super) fn round_trips(run: &RawRun, firsts: &[RawReply]) -> Option<RttStats> {
    let mut rtt_ms: Vec<f64> = firsts.iter().map(|reply| rtt_ns(run, reply) as f64 / NS_PER_MS).collect();
    rtt_ms.sort_by(f64::total_cmp);
    Some(RttStats {
        min_ms: *rtt_ms.first()?,
        mean_ms: mean(&rtt_ms)?,
        p50_ms: percentile(&rtt_ms, 50.0)?,
        p95_ms: percentile(&rtt_ms, 95.0)?,
        p99_ms: percentile(&rtt_ms, 99.0)?,
    })
}

/// One round trip in nanoseconds.
pub(super) fn rtt_ns(run: &RawRun, reply: &RawReply) -> i64 {
    reply.back_ns - t1(run, reply) - (t3(run, reply) - reply.reached_ns)
}

/// Per packet number, when it left and how long it took, nanoseconds; the distance of the clocks is in both.
pub(super) type Delays = BTreeMap<u32, (i64, i64)>;

/// T2 − T1 by probe number.
pub(super) fn forward_delays(run: &RawRun, firsts: &[RawReply]) -> Delays {
    let delay = |reply: &RawReply| (reply.probe, (t1(run, reply), reply.reached_ns - t1(run, reply)));
    firsts.iter().map(delay).collect()
}

/// T4 − T3 by the reflector's number; first copies only.
pub(super) fn return_delays(run: &RawRun) -> Delays {
    let mut delays = BTreeMap::new();
    for reply in &run.replies {
        let left_ns = t3(run, reply);
        delays.entry(reply.seq).or_insert((left_ns, reply.back_ns - left_ns));
    }
    delays
}

/// The reflector's clock minus ours at the fastest round trip, with ± half that round trip, milliseconds. A constant
/// asymmetry of the line cannot be seen and lies within the bound.
pub(super) fn clock_offset(run: &RawRun, firsts: &[RawReply]) -> Option<(f64, f64)> {
    let best = firsts.iter().min_by_key(|reply| rtt_ns(run, reply))?;
    let there = best.reached_ns - t1(run, best);
    let here = best.back_ns - t3(run, best);
    let rtt_ms = rtt_ns(run, best).max(0) as f64 / NS_PER_MS;
    Some(((there - here) as f64 / 2.0 / NS_PER_MS, rtt_ms / 2.0))
}

/// Variation between consecutive numbers (RFC 3393) and the rise over the smallest delay.
pub(super) fn direction_delay(delays: &Delays) -> DirectionDelay {
    let neighbours = delays.iter().zip(delays.iter().skip(1));
    let consecutive = neighbours.filter(|((a, _), (b, _))| **a + 1 == **b);
    let variation = consecutive.map(|((_, a), (_, b))| (b.1 - a.1).abs() as f64 / NS_PER_MS);
    let mut ipdv_ms: Vec<f64> = variation.collect();
    ipdv_ms.sort_by(f64::total_cmp);
    let points: Vec<(i64, i64)> = delays.values().copied().collect();
    let mut queue_ms = queueing_ms(&points);
    queue_ms.sort_by(f64::total_cmp);
    DirectionDelay {
        ipdv_mean_ms: mean(&ipdv_ms),
        ipdv_p95_ms: percentile(&ipdv_ms, 95.0),
        queue_p95_ms: percentile(&queue_ms, 95.0),
    }
}

fn t1(run: &RawRun, reply: &RawReply) -> i64 {
    run.sent.get(reply.probe as usize).map_or(0, |packet| packet.best_ns())
}

fn t3(run: &RawRun, reply: &RawReply) -> i64 {
    run.follow_ups.get(&reply.seq).copied().unwrap_or(reply.left_ns)
}

/// Arithmetic mean; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Nearest-rank percentile of ascending values; `None` of nothing.
pub fn percentile(ascending: &[f64], pct: f64) -> Option<f64> {
    let rank = (pct / 100.0 * ascending.len() as f64).ceil() as usize;
    ascending.get(rank.clamp(1, ascending.len().max(1)) - 1).copied()
}

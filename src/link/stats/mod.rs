//! From a raw run to its statistics. Pure: the same run gives the same figures.

mod delay;
mod skew;
mod loss;
mod quality;

pub use delay::{mean, percentile};
pub use loss::bursts;

use crate::domain::check::Direction;
use crate::domain::time::{US_PER_S, Utc};
use crate::observation::{DirectionStats, LossBound, LossSecond, PathStats};

use super::raw::{FarSide, RawReply, RawRun};
use delay::{clock_offset, direction_delay, forward_delays, return_delays, round_trips, rtt_ns};
use loss::{Placed, place};

/// Which end measures: it decides what the way out is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// 主: probes travel to the venue.
    Hub,
    /// 分: probes travel from the venue.
    Venue,
}

/// Computes the statistics of a run.
pub fn reduce(run: &RawRun, side: Side) -> PathStats {
    let placed = place(run);
    let firsts = first_replies(run);
    let out = way_out(run, &placed, &firsts);
    let back = way_back(run, &placed);
    let (to_venue, from_venue) = match side {
        Side::Hub => (out, back),
        Side::Venue => (back, out),
    };
    PathStats {
        started: utc(run.sent.first().map_or(0, |packet| packet.program_ns)),
        sent: run.sent.len() as u64,
        answered: firsts.len() as u64,
        unplaced: placed.unplaced,
        rtt: round_trips(run, &firsts),
        to_venue,
        from_venue,
        clock_offset_ms: clock_offset(run, &firsts),
        loss_seconds: loss_seconds(run, &placed, side),
        quality: quality::judge(run, firsts.len()),
    }
}

/// One answered probe, for whoever wants more than statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundTrip {
    /// The probe's number.
    pub probe: u32,
    /// The reply's number.
    pub reply: u32,
    /// Its round trip without the reflector's dwell time, nanoseconds.
    pub rtt_ns: i64,
}

/// Every answered probe in order.
pub fn samples(run: &RawRun) -> Vec<RoundTrip> {
    let trip =
        |reply: &RawReply| RoundTrip { probe: reply.probe, reply: reply.seq, rtt_ns: rtt_ns(run, reply) };
    first_replies(run).iter().map(trip).collect()
}

/// The first reply to each answered probe, in the order of the probes.
fn first_replies(run: &RawRun) -> Vec<RawReply> {
    let mut first: Vec<Option<RawReply>> = vec![None; run.sent.len()];
    for reply in &run.replies {
        let Some(slot) = first.get_mut(reply.probe as usize) else {
            continue;
        };
        // Of several answers to a duplicated probe, the one that the first copy caused has the lower number.
        if slot.is_none_or(|known| reply.seq < known.seq) {
            *slot = Some(*reply);
        }
    }
    first.into_iter().flatten().collect()
}

fn way_out(run: &RawRun, placed: &Placed, firsts: &[RawReply]) -> DirectionStats {
    let delay = direction_delay(&forward_delays(run, firsts));
    let sent = run.sent.len() as u64;
    let lost = placed.lost_out();
    DirectionStats {
        sent,
        received: sent - lost - placed.unplaced,
        lost,
        duplicates: placed.duplicates_out,
        reordered: placed.reordered_out,
        bursts: bursts(placed.fates.iter().map(|fate| fate.lost_out())),
        loss: LossBound::of(lost, sent),
        ipdv_mean_ms: delay.ipdv_mean_ms,
        ipdv_p95_ms: delay.ipdv_p95_ms,
        queue_p95_ms: delay.queue_p95_ms,
        dscp_sent: run.dscp,
        dscp_seen: most_frequent(run.replies.iter().filter_map(|reply| reply.dscp_there)),
        ttl_seen: range(run.replies.iter().map(|reply| reply.ttl_there)),
    }
}

fn way_back(run: &RawRun, placed: &Placed) -> DirectionStats {
    let delay = direction_delay(&return_delays(run));
    let back = &placed.back;
    let lost = back.arrived.iter().filter(|arrived| !**arrived).count() as u64;
    let sent = back.arrived.len() as u64;
    DirectionStats {
        sent,
        received: sent - lost,
        lost,
        duplicates: back.duplicates,
        reordered: back.reordered,
        bursts: bursts(back.arrived.iter().map(|arrived| !arrived)),
        loss: LossBound::of(lost, sent),
        ipdv_mean_ms: delay.ipdv_mean_ms,
        ipdv_p95_ms: delay.ipdv_p95_ms,
        queue_p95_ms: delay.queue_p95_ms,
        dscp_sent: run.dscp,
        dscp_seen: most_frequent(run.replies.iter().map(|reply| reply.dscp_here)),
        ttl_seen: range(run.replies.iter().map(|reply| reply.ttl_here)),
    }
}

/// Loss by the second in which the probe left; only seconds with loss.
fn loss_seconds(run: &RawRun, placed: &Placed, side: Side) -> Vec<LossSecond> {
    let mut seconds: std::collections::BTreeMap<i64, LossSecond> = Default::default();
    for (packet, fate) in run.sent.iter().zip(&placed.fates) {
        let second = utc(packet.program_ns).0.div_euclid(US_PER_S);
        let empty = LossSecond { at: Utc(second * US_PER_S), sent: 0, to_venue: 0, from_venue: 0 };
        let entry = seconds.entry(second).or_insert(empty);
        entry.sent += 1;
        let direction = match (fate, side) {
            (loss::Fate::LostOut, Side::Hub) | (loss::Fate::LostBack, Side::Venue) => Direction::ToVenue,
            (loss::Fate::LostBack, Side::Hub) | (loss::Fate::LostOut, Side::Venue) => Direction::FromVenue,
            (loss::Fate::Answered | loss::Fate::Unplaced, _) => continue,
        };
        match direction {
            Direction::ToVenue => entry.to_venue += 1,
            Direction::FromVenue => entry.from_venue += 1,
        }
    }
    seconds.into_values().filter(|second| second.to_venue + second.from_venue > 0).collect()
}

fn most_frequent(values: impl Iterator<Item = u8>) -> Option<u8> {
    let mut counts = [0_u32; 256];
    values.for_each(|value| counts[usize::from(value)] += 1);
    let (value, count) = (0..=u8::MAX).zip(counts).max_by_key(|(_, count)| *count)?;
    (count > 0).then_some(value)
}

/// Lowest and highest of the values that are known.
fn range(ttls: impl Iterator<Item = u8>) -> Option<(u8, u8)> {
    let known = ttls.filter(|ttl| *ttl != 0);
    known.fold(None, |range, ttl| {
        range.map_or(Some((ttl, ttl)), |(low, high)| Some((ttl.min(low), ttl.max(high))))
    })
}

fn utc(wall_ns: i64) -> Utc {
    Utc(wall_ns.div_euclid(1000))
}

/// Whether loss can be told apart by direction.
fn has_direction(far_side: &FarSide) -> bool {
    match far_side {
        FarSide::Stateless => false,
        FarSide::Silent | FarSide::Counted { .. } | FarSide::Remembered(_) => true,
    }
}

#[cfg(test)]
mod tests;

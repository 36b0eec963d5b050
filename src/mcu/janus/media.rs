//! From counters and queues to flow: flow first, loss only while packets moved, and zero never for "unknown".
//! Pure: clocks and replies are handed in.
//!
//! Of a plain RTP participant Janus tells nothing but a queue before its mixer. The queue is often empty for a moment
//! on a lossy line (a third of all looks at 10 % loss, more than half at 30 %), so one look decides nothing:
//! [`Queue`] asks for [`LOOKS_MIN`] empty ones in a row.

use std::time::Duration;

use super::handle::{HandleInfo, LineStats, MediaLine};
use super::reply::Lane;
use crate::domain::time::Utc;
use crate::mcu::counter::{Counts, Meter, Meters, Reading};
use crate::observation::device::{Absent, Flow, Given, Medium, StreamSample, Way};

/// Empty looks in a row before a queue says that no media come. At 30 % loss 6 looks of 10 are empty, so by chance
/// one verdict of 500 would be wrong, and the next look puts it right.
pub const LOOKS_MIN: u32 = 12;
/// A mountpoint whose newest packet is older than this gets nothing.
const SOURCE_FRESH_MS: u64 = 1_000;

/// Names one direction of one media line: handle, mid, way.
pub type LineName = (u64, String, Way);

/// When something was read: monotonic for rates, wall clock for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Monotonic, from any fixed start.
    pub mono: Duration,
    /// Wall clock.
    pub utc: Utc,
}

/// One look at a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// Packets that wait; `None` when none does.
    pub waiting: Option<u64>,
    /// Whether the queue is only being filled.
    pub filling: bool,
}

impl Look {
    /// What a handle shows.
    pub fn at(info: &HandleInfo) -> Self {
        Self { waiting: info.queue_in, filling: info.filling }
    }
}

/// The queue of one plain RTP participant, looked at again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Queue {
    filled: Option<u64>,
    empty: u32,
    since: Option<Utc>,
}

impl Queue {
    /// Takes a look. A muted participant's packets are thrown away before the queue, so nothing can be told of it.
    /// A queue that is only being filled shows packets by growing: a sender that froze leaves it half full for ever.
    pub fn look(&mut self, look: Look, muted: bool, now: Utc) {
        let waiting = look.waiting.unwrap_or(0);
        let before = self.filled.replace(waiting);
        let came = if look.filling { before.is_some_and(|before| waiting > before) } else { waiting > 0 };
        if muted || came {
            self.empty = 0;
            self.since = None;
        } else {
            self.empty = self.empty.saturating_add(1);
            self.since.get_or_insert(now);
        }
    }

    /// Whether another look could change what is said.
    pub fn open(&self) -> bool {
        (1..LOOKS_MIN).contains(&self.empty)
    }

    /// Whether it said before that nothing comes.
    pub fn silent(&self) -> bool {
        self.empty >= LOOKS_MIN
    }

    /// What the looks say.
    pub fn flow(&self, muted: bool) -> Flow {
        match self.empty {
            _ if muted => Flow::Paused,
            0 => Flow::Flowing,
            LOOKS_MIN.. => Flow::NoMedia { since: self.since },
            1.. => Flow::Unknown,
        }
    }
}

/// The streams of a plain RTP participant: sound, of which only flow is known, and only from the site.
pub fn plain_streams(queue: &Queue, muted: bool) -> Vec<StreamSample> {
    vec![
        StreamSample::bare(Medium::Audio, Way::FromSite, queue.flow(muted)),
        StreamSample::bare(Medium::Audio, Way::ToSite, Flow::Unknown),
    ]
}

/// The streams of a mountpoint, by the age of the newest packet of each source.
pub fn source_streams(lanes: &[Lane], enabled: bool, now: Utc) -> Vec<StreamSample> {
    let sample = |lane: &Lane| {
        let flow = match lane.age_ms {
            _ if !enabled => Flow::Paused,
            Some(age) if age <= SOURCE_FRESH_MS => Flow::Flowing,
            Some(age) => Flow::NoMedia { since: before(now, age) },
            None => Flow::NoMedia { since: None },
        };
        StreamSample { codec: lane.codec.clone(), ..StreamSample::bare(lane.medium, Way::FromSite, flow) }
    };
    lanes.iter().map(sample).collect()
}

fn before(now: Utc, age_ms: u64) -> Option<Utc> {
    let age = i64::try_from(age_ms.checked_mul(1_000)?).ok()?;
    now.0.checked_sub(age).map(Utc)
}

/// How a participant's call is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallRules {
    /// Muted at the bridge: silence is then no fault.
    pub muted: bool,
    /// The bridge always sends to the site, as a mixer does; an SFU sends what others publish.
    pub always_sends: bool,
}

/// The streams of a call.
pub fn call_streams(
    meters: &mut Meters<LineName>,
    handle: u64,
    info: &HandleInfo,
    rules: CallRules,
    at: Moment,
) -> Vec<StreamSample> {
    let rules = (rules, info.ready != Some(false));
    info.lines.iter().flat_map(|line| line_streams(meters, handle, line, rules, at)).collect()
}

/// The streams of one media line: from the site, then to it. `rules` with whether the call is up.
pub(super) fn line_streams(
    meters: &mut Meters<LineName>,
    handle: u64,
    line: &MediaLine,
    (rules, ready): (CallRules, bool),
    at: Moment,
) -> Vec<StreamSample> {
    let mut samples = Vec::new();
    // What the far end reports of what it gets comes in RTCP: believed while something comes from there.
    let mut heard = false;
    if let Some(stats) = &line.from_site {
        let meter = meters.of(&(handle, line.mid.clone(), Way::FromSite));
        let sample = from_site(meter, line, stats, (rules, ready), at);
        heard = sample.flow == Flow::Flowing;
        samples.push(sample);
    }
    if let Some(stats) = &line.to_site {
        let meter = meters.of(&(handle, line.mid.clone(), Way::ToSite));
        samples.push(to_site(meter, line, stats, (rules, ready, heard), at));
    }
    samples
}

fn from_site(
    meter: &mut Meter,
    line: &MediaLine,
    stats: &LineStats,
    (rules, ready): (CallRules, bool),
    at: Moment,
) -> StreamSample {
    let tally = meter.read(reading(stats, at), Counts::Arrived);
    let moving = stats.bytes_lastsec.map(|bytes| bytes > 0).or(tally.moved);
    let flow = match moving {
        Some(true) => meter.flow(true, at.utc),
        _ if !ready => paused(meter, Flow::Unknown),
        Some(false) if rules.muted => paused(meter, Flow::Paused),
        Some(false) => meter.flow(false, at.utc),
        None => Flow::Unknown,
    };
    let flowing = flow == Flow::Flowing;
    StreamSample {
        codec: line.codec.clone(),
        kbps: kbps(stats, tally.kbps),
        packets: tally.packets,
        lost: tally.lost,
        loss_pct: tally.loss_pct,
        jitter_ms: while_flowing(flowing, stats.jitter_ms),
        rtt_ms: round_trip(flowing, stats.rtt_ms),
        ..StreamSample::bare(line.medium, Way::FromSite, flow)
    }
}

fn to_site(
    meter: &mut Meter,
    line: &MediaLine,
    stats: &LineStats,
    (rules, ready, heard): (CallRules, bool, bool),
    at: Moment,
) -> StreamSample {
    let tally = meter.read(reading(stats, at), Counts::Left);
    let moving = stats.bytes_lastsec.map(|bytes| bytes > 0).or(tally.moved);
    let flow = match moving {
        Some(true) => meter.flow(true, at.utc),
        Some(false) if ready && rules.always_sends => meter.flow(false, at.utc),
        Some(false) | None => paused(meter, Flow::Unknown),
    };
    // Reports that stopped coming leave the count of lost packets where it was: no loss, and no sign of none.
    let told = heard || tally.loss_pct.value().is_some_and(|loss| loss > 0.0);
    let loss_pct = match tally.loss_pct {
        Given::Value(_) if !told => Given::Absent(Absent::Stale),
        told @ (Given::Value(_) | Given::Absent(_)) => told,
    };
    StreamSample {
        codec: line.codec.clone(),
        kbps: kbps(stats, tally.kbps),
        packets: tally.packets,
        lost: tally.lost,
        loss_pct,
        jitter_ms: if told { while_flowing(true, stats.jitter_ms) } else { Given::Absent(Absent::Stale) },
        rtt_ms: if told { round_trip(true, stats.rtt_ms) } else { Given::Absent(Absent::Stale) },
        ..StreamSample::bare(line.medium, Way::ToSite, flow)
    }
}

fn paused(meter: &mut Meter, flow: Flow) -> Flow {
    meter.pause();
    flow
}

fn reading(stats: &LineStats, at: Moment) -> Reading {
    Reading {
        identity: stats.ssrc,
        packets: stats.packets,
        lost: stats.lost,
        bytes: stats.bytes,
        at: at.mono,
    }
}

/// The device's own rate of the last second, else the one between two readings.
fn kbps(stats: &LineStats, derived: Given<f64>) -> Given<f64> {
    stats.bytes_lastsec.map_or(derived, |bytes| Given::Value(bytes as f64 * 8.0 / 1_000.0))
}

fn while_flowing(flowing: bool, figure: Option<u64>) -> Given<f64> {
    match figure {
        None => Given::Absent(Absent::NotProvided),
        Some(_) if !flowing => Given::Absent(Absent::NothingMoved),
        Some(figure) => Given::Value(figure as f64),
    }
}

/// Janus writes 0 until a report told it the round trip, and for ever where it sends nothing.
fn round_trip(flowing: bool, figure: Option<u64>) -> Given<f64> {
    match figure {
        Some(0) => Given::Absent(Absent::Sentinel),
        other => while_flowing(flowing, other),
    }
}

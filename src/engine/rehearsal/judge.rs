//! From figures to a verdict with its reason.
//!
//! Loss is judged by its 95 % bounds, per direction. With the warning limit *w* and the failing limit *f*:
//! it is surely above *w* when the lower bound is: then 不通过 from *f* observed, else 告警. When the bounds leave
//! both "below *w*" and "at or above *f*" open, the packets were too few and the test counts as not completed.
//! Else 告警 from *w* observed, and 通过 below.

use std::collections::BTreeMap;

use crate::domain::check::{CheckKey, Direction, TestId};
use crate::domain::inventory::Limits;
use crate::engine::verdict::{Judgement, QualityWord, ReasonCode, Verdict};
use crate::observation::{AgentHealth, DirectionStats, LossBound, PathStats, Quality, QualityFlaw};

/// Packets without a single loss that are enough to call a line lossless, whatever its limits (rule of three: 1 %).
const LOSSLESS_PACKETS: u64 = 300;
/// Mean length from which losses count as bursts.
const BURST_MEAN: f64 = 2.0;
/// How far above the mean length of independent losses that must lie.
const BURST_OVER_CHANCE: f64 = 1.5;

/// What a check came to, before it is filed under its cell.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::engine) struct Finding {
    pub(in crate::engine) verdict: Verdict,
    pub(in crate::engine) reason: ReasonCode,
    pub(in crate::engine) direction: Option<Direction>,
    pub(in crate::engine) figures: BTreeMap<String, f64>,
    pub(in crate::engine) quality: Option<QualityWord>,
}

impl Finding {
    /// A finding without figures.
    pub(in crate::engine) fn bare(verdict: Verdict, reason: ReasonCode) -> Self {
        Self { verdict, reason, direction: None, figures: BTreeMap::new(), quality: None }
    }

    /// A test that could not be carried out or counted.
    pub(in crate::engine) fn broke(reason: ReasonCode) -> Self {
        Self::bare(Verdict::TestBroke, reason)
    }

    pub(in crate::engine) fn judgement(self, key: CheckKey, attempt: u32, test: Option<TestId>) -> Judgement {
        let Self { verdict, reason, direction, figures, quality } = self;
        Judgement { key, attempt, test, verdict, reason, direction, figures, quality }
    }
}

/// Judges an agent's presence. Only its version can be wanting.
pub(super) fn presence(health: &AgentHealth, version: &str) -> Finding {
    let fits = version.is_empty() || health.version == version;
    let (verdict, reason) = if fits {
        (Verdict::Pass, ReasonCode::WithinLimits)
    } else {
        (Verdict::Warn, ReasonCode::AgentVersion)
    };
    Finding::bare(verdict, reason)
}

/// Judges an agent's clock. An offset that is known worse than the limit says nothing.
pub(super) fn clock(offset: Option<(f64, f64)>, limits: &Limits) -> Finding {
    let Some((offset, bound)) = offset.filter(|(offset, bound)| offset.is_finite() && bound.is_finite())
    else {
        return Finding::broke(ReasonCode::ClockUnknown);
    };
    let limit = limits.clock_warn_ms;
    let mut finding = match () {
        () if bound.abs() > limit => Finding::broke(ReasonCode::ClockUnknown),
        () if offset.abs() > limit => Finding::bare(Verdict::Warn, ReasonCode::ClockOffset),
        () => Finding::bare(Verdict::Pass, ReasonCode::WithinLimits),
    };
    put(&mut finding.figures, "offset_ms", offset);
    put(&mut finding.figures, "offset_bound_ms", bound.abs());
    put(&mut finding.figures, "limit_ms", limit);
    finding
}

/// Judges a measured path whose far side is known to live.
pub(super) fn path(stats: &PathStats, limits: &Limits) -> Finding {
    let quality = Some(quality_word(&stats.quality));
    let figures = figures(stats);
    let finding = |verdict, reason, direction| Finding { verdict, reason, direction, figures, quality };
    if quality == Some(QualityWord::Invalid) {
        return finding(Verdict::TestBroke, ReasonCode::MeasurementPoor, None);
    }
    if stats.sent == 0 {
        return finding(Verdict::TestBroke, ReasonCode::TooFewPackets, None);
    }
    if stats.answered == 0 {
        return finding(Verdict::Fail, ReasonCode::LineDead, None);
    }
    let worst = complaints(stats, limits).into_iter().max_by(Complaint::order);
    let Some(worst) = worst else { return finding(Verdict::Pass, ReasonCode::WithinLimits, None) };
    let mut finding = finding(worst.verdict, worst.reason, worst.direction);
    put(&mut finding.figures, worst.figure, worst.value);
    put(&mut finding.figures, worst.limit_figure, worst.limit);
    finding
}

/// The figures of a path test, units in their names; both directions always. Rounded to a thousandth.
pub(in crate::engine) fn figures(stats: &PathStats) -> BTreeMap<String, f64> {
    let mut figures = BTreeMap::new();
    put(&mut figures, "sent", stats.sent as f64);
    put(&mut figures, "answered", stats.answered as f64);
    put(&mut figures, "unplaced", stats.unplaced as f64);
    if let Some(rtt) = &stats.rtt {
        put(&mut figures, "rtt_min_ms", rtt.min_ms);
        put(&mut figures, "rtt_p50_ms", rtt.p50_ms);
        put(&mut figures, "rtt_p95_ms", rtt.p95_ms);
        put(&mut figures, "rtt_p99_ms", rtt.p99_ms);
    }
    for (word, way) in [("to_venue", &stats.to_venue), ("from_venue", &stats.from_venue)] {
        put(&mut figures, &format!("lost_{word}"), way.lost as f64);
        put(&mut figures, &format!("loss_{word}_pct"), way.loss.pct);
        put(&mut figures, &format!("loss_{word}_low_pct"), way.loss.low_pct);
        put(&mut figures, &format!("loss_{word}_high_pct"), way.loss.high_pct);
        put(&mut figures, &format!("burst_{word}_mean"), way.burst_mean());
        put(&mut figures, &format!("burst_{word}_max"), f64::from(way.burst_max()));
        put(&mut figures, &format!("reordered_{word}"), way.reordered as f64);
        put(&mut figures, &format!("duplicates_{word}"), way.duplicates as f64);
        for (name, value) in [("jitter", way.ipdv_p95_ms), ("queue", way.queue_p95_ms)] {
            if let Some(value) = value {
                put(&mut figures, &format!("{name}_{word}_p95_ms"), value);
            }
        }
    }
    figures
}

/// Something a path is worse than it should be.
#[derive(Debug, Clone, Copy)]
struct Complaint {
    verdict: Verdict,
    reason: ReasonCode,
    direction: Option<Direction>,
    figure: &'static str,
    value: f64,
    limit_figure: &'static str,
    limit: f64,
}

impl Complaint {
    /// The one to name: a sure failure first, then a sure warning, then doubt; loss before delay before jitter.
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank()).then(self.excess().total_cmp(&other.excess()))
    }

    fn rank(&self) -> (u8, u8) {
        let sure = match self.verdict {
            Verdict::Fail => 2,
            Verdict::Warn => 1,
            Verdict::Waived | Verdict::Pass | Verdict::NoAnswer | Verdict::TestBroke => 0,
        };
        let loss = matches!(self.reason, ReasonCode::BurstLoss | ReasonCode::Loss);
        (sure, if loss { 2 } else { u8::from(self.reason == ReasonCode::Rtt) })
    }

    fn excess(&self) -> f64 {
        if self.limit > 0.0 { self.value / self.limit } else { self.value }
    }
}

fn complaints(stats: &PathStats, limits: &Limits) -> Vec<Complaint> {
    let ways = [(Direction::ToVenue, &stats.to_venue), (Direction::FromVenue, &stats.from_venue)];
    let loss = ways.iter().filter_map(|(direction, way)| loss(way, Some(*direction), limits));
    // Losses behind the last reply belong to no direction; they are one run at the end. A reflector that does not
    // count leaves every loss without a direction, and then nothing is known of runs.
    let run = u32::try_from(stats.unplaced).ok().filter(|run| *run > 0 && !stateless(&stats.quality));
    let tail = DirectionStats {
        sent: stats.sent,
        lost: stats.unplaced,
        loss: LossBound::of(stats.unplaced, stats.sent),
        bursts: run.map(|run| (run, 1)).into_iter().collect(),
        ..DirectionStats::default()
    };
    let tail = loss_of_tail(&tail, stats, limits);
    let jitter = ways.iter().filter_map(|(direction, way)| {
        let value = way.ipdv_p95_ms.filter(|value| value.is_finite())?;
        let of = (ReasonCode::Jitter, Some(*direction), "jitter_p95_ms");
        over(value, (limits.jitter_warn_ms, limits.jitter_fail_ms), of)
    });
    let rtt = stats.rtt.and_then(|rtt| {
        over(rtt.p50_ms, (limits.rtt_warn_ms, limits.rtt_fail_ms), (ReasonCode::Rtt, None, "rtt_ms"))
    });
    loss.chain(tail).chain(jitter).chain(rtt).collect()
}

fn loss_of_tail(tail: &DirectionStats, stats: &PathStats, limits: &Limits) -> Option<Complaint> {
    // A few packets at the very end say little: without the tail both directions have been judged already.
    let placed = stats.sent.saturating_sub(stats.unplaced);
    let enough = stats.unplaced > 0 && (placed < LOSSLESS_PACKETS || tail.loss.pct >= limits.loss_warn_pct);
    if enough { loss(tail, None, limits) } else { None }
}

fn over(
    value: f64,
    (warn, fail): (f64, f64),
    (reason, direction, figure): (ReasonCode, Option<Direction>, &'static str),
) -> Option<Complaint> {
    let complaint = |verdict, limit| {
        Some(Complaint { verdict, reason, direction, figure, value, limit_figure: "limit_ms", limit })
    };
    match () {
        () if value >= fail => complaint(Verdict::Fail, fail),
        () if value >= warn => complaint(Verdict::Warn, warn),
        () => None,
    }
}

fn loss(way: &DirectionStats, direction: Option<Direction>, limits: &Limits) -> Option<Complaint> {
    let (warn, fail) = (limits.loss_warn_pct, limits.loss_fail_pct);
    let LossBound { pct, low_pct, high_pct } = way.loss;
    if way.lost == 0 && way.sent >= LOSSLESS_PACKETS {
        return None;
    }
    let complaint = |verdict, reason, limit| {
        let (figure, limit_figure) = ("loss_pct", "limit_pct");
        Some(Complaint { verdict, reason, direction, figure, value: pct, limit_figure, limit })
    };
    let kind = if in_bursts(way) { ReasonCode::BurstLoss } else { ReasonCode::Loss };
    match () {
        () if way.lost > 0 && low_pct >= warn && pct >= fail => complaint(Verdict::Fail, kind, fail),
        () if way.lost > 0 && low_pct >= warn => complaint(Verdict::Warn, kind, warn),
        () if high_pct >= fail => complaint(Verdict::TestBroke, ReasonCode::TooFewPackets, warn),
        () if pct >= warn => complaint(Verdict::Warn, kind, warn),
        () => None,
    }
}

/// Whether losses came in bursts rather than one by one. Independent losses at ratio p run 1/(1−p) long.
fn in_bursts(way: &DirectionStats) -> bool {
    let kept = 1.0 - (way.loss.pct / 100.0).clamp(0.0, 0.999);
    way.burst_mean() >= BURST_MEAN && way.burst_mean() >= BURST_OVER_CHANCE / kept
}

fn stateless(quality: &Quality) -> bool {
    match quality {
        Quality::Good => false,
        Quality::Degraded(flaws) | Quality::Invalid(flaws) => {
            flaws.contains(&QualityFlaw::StatelessReflector)
        }
    }
}

fn quality_word(quality: &Quality) -> QualityWord {
    match quality {
        Quality::Good => QualityWord::Good,
        Quality::Degraded(_) => QualityWord::Degraded,
        Quality::Invalid(_) => QualityWord::Invalid,
    }
}

/// Figures are finite, so that the journal can always be read back.
fn put(figures: &mut BTreeMap<String, f64>, name: &str, value: f64) {
    if value.is_finite() {
        figures.insert(name.to_owned(), (value * 1000.0).round() / 1000.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Utc;
    use crate::observation::RttStats;

    /// A test of `sent` packets that lost `lost` of them towards the venue, in runs of `run`.
    fn stats(sent: u64, lost: u64, run: u32) -> PathStats {
        let clean = DirectionStats {
            sent,
            received: sent,
            loss: LossBound::of(0, sent),
            ipdv_p95_ms: Some(1.0),
            ..DirectionStats::default()
        };
        let runs = u32::try_from(lost).unwrap() / run.max(1);
        let bursts = (lost > 0).then_some((run, runs)).into_iter().collect();
        let received = sent - lost;
        let to_venue =
            DirectionStats { received, lost, loss: LossBound::of(lost, sent), bursts, ..clean.clone() };
        let from_venue =
            DirectionStats { sent: received, received, loss: LossBound::of(0, received), ..clean };
        let ms = 4.0;
        PathStats {
            started: Utc(0),
            sent,
            answered: received,
            unplaced: 0,
            rtt: Some(RttStats { min_ms: ms, mean_ms: ms, p50_ms: ms, p95_ms: ms, p99_ms: ms }),
            to_venue,
            from_venue,
            clock_offset_ms: None,
            loss_seconds: Vec::new(),
            quality: Quality::Good,
        }
    }

    fn judged(stats: &PathStats) -> (Verdict, ReasonCode, Option<Direction>) {
        let finding = path(stats, &Limits::default());
        (finding.verdict, finding.reason, finding.direction)
    }

    #[test]
    fn loss_is_judged_by_what_its_packets_allow_to_say() {
        let way = Some(Direction::ToVenue);
        // Sent, lost, length of runs, outcome (limits: warn 1 %, fail 3 %).
        let cases = [
            (1000, 0, 1, (Verdict::Pass, ReasonCode::WithinLimits, None)),
            (1000, 5, 1, (Verdict::Pass, ReasonCode::WithinLimits, None)),
            (1000, 10, 1, (Verdict::Warn, ReasonCode::Loss, way)),
            (1000, 20, 1, (Verdict::Warn, ReasonCode::Loss, way)),
            (1000, 40, 1, (Verdict::Fail, ReasonCode::Loss, way)),
            (1000, 60, 6, (Verdict::Fail, ReasonCode::BurstLoss, way)),
            (1000, 30, 30, (Verdict::Fail, ReasonCode::BurstLoss, way)),
            (300, 0, 1, (Verdict::Pass, ReasonCode::WithinLimits, None)),
            (100, 0, 1, (Verdict::TestBroke, ReasonCode::TooFewPackets, way)),
            (100, 1, 1, (Verdict::TestBroke, ReasonCode::TooFewPackets, way)),
            (100, 8, 1, (Verdict::Fail, ReasonCode::Loss, way)),
            (0, 0, 1, (Verdict::TestBroke, ReasonCode::TooFewPackets, None)),
        ];
        for (sent, lost, run, expected) in cases {
            let found = judged(&stats(sent, lost, run));
            assert_eq!((found.0, found.1), (expected.0, expected.1), "{lost} of {sent} in runs of {run}");
            if expected.0 != Verdict::TestBroke {
                assert_eq!(found.2, expected.2, "{lost} of {sent} in runs of {run}");
            }
        }
    }

    #[test]
    fn the_worst_thing_is_named_and_loss_before_delay() {
        let rtt = |ms| Some(RttStats { min_ms: ms, mean_ms: ms, p50_ms: ms, p95_ms: ms, p99_ms: ms });
        let slow = PathStats { rtt: rtt(600.0), ..stats(1000, 0, 1) };
        assert_eq!(judged(&slow), (Verdict::Fail, ReasonCode::Rtt, None));
        let both = PathStats { rtt: rtt(600.0), ..stats(1000, 60, 6) };
        assert_eq!(judged(&both).1, ReasonCode::BurstLoss);
        let sure = PathStats { rtt: rtt(600.0), ..stats(1000, 12, 1) };
        assert_eq!(judged(&sure), (Verdict::Fail, ReasonCode::Rtt, None), "a failure outranks a warning");
        let mut unsteady = stats(1000, 0, 1);
        unsteady.from_venue.ipdv_p95_ms = Some(35.0);
        assert_eq!(judged(&unsteady), (Verdict::Warn, ReasonCode::Jitter, Some(Direction::FromVenue)));
    }

    #[test]
    fn what_cannot_be_measured_is_never_the_venue_s_fault() {
        let flaws = vec![QualityFlaw::QueueOverflow { packets: 9 }];
        let poor = PathStats { quality: Quality::Invalid(flaws), ..stats(1000, 400, 4) };
        assert_eq!(judged(&poor), (Verdict::TestBroke, ReasonCode::MeasurementPoor, None));
    }

    #[test]
    fn losses_behind_the_last_reply_have_no_direction() {
        let mut dead = stats(1000, 0, 1);
        (dead.answered, dead.unplaced, dead.rtt) = (0, 1000, None);
        assert_eq!(judged(&dead), (Verdict::Fail, ReasonCode::LineDead, None));
        let mut cut = stats(1000, 0, 1);
        (cut.answered, cut.unplaced) = (700, 300);
        assert_eq!(judged(&cut), (Verdict::Fail, ReasonCode::BurstLoss, None));
        let mut router = stats(1000, 0, 1);
        (router.answered, router.unplaced) = (940, 60);
        router.quality = Quality::Degraded(vec![QualityFlaw::StatelessReflector]);
        assert_eq!(judged(&router), (Verdict::Fail, ReasonCode::Loss, None), "nothing is known of its runs");
        let mut last = stats(1000, 0, 1);
        (last.answered, last.unplaced) = (999, 1);
        assert_eq!(judged(&last).0, Verdict::Pass, "one packet at the very end says little");
    }

    #[test]
    fn a_clock_is_judged_only_if_it_is_known_well_enough() {
        let cases = [
            (None, Verdict::TestBroke),
            (Some((3.0, 2.0)), Verdict::Pass),
            (Some((-900.0, 2.0)), Verdict::Warn),
            (Some((0.0, 4_000.0)), Verdict::TestBroke),
            (Some((f64::NAN, 1.0)), Verdict::TestBroke),
        ];
        for (offset, expected) in cases {
            assert_eq!(clock(offset, &Limits::default()).verdict, expected, "{offset:?}");
        }
    }

    #[test]
    fn every_figure_is_finite_and_says_its_unit() {
        let mut odd = stats(1000, 60, 6);
        odd.rtt = Some(RttStats {
            min_ms: f64::NAN,
            mean_ms: 1.0,
            p50_ms: f64::INFINITY,
            p95_ms: 1.0,
            p99_ms: 1.0,
        });
        let finding = path(&odd, &Limits::default());
        assert!(finding.figures.values().all(|value| value.is_finite()));
        assert_eq!(finding.figures["loss_pct"], 6.0);
        assert_eq!(finding.figures["limit_pct"], 3.0);
        assert_eq!(finding.figures["loss_from_venue_pct"], 0.0);
    }
}

//! How quickly incidents were known, told, taken care of, mitigated and ended: each figure with how many it is made
//! of, and how many had no such time.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use super::Question;
use super::chronicle::{Chronicle, IncidentFact};
use crate::domain::fault::FaultClass;
use crate::domain::id::VenueId;
use crate::domain::incident::IncidentState;
use crate::domain::lang::Lang;
use crate::domain::time::{Span, Utc, Window};
use crate::engine::state::Times;
use crate::engine::wording;

/// How many incidents there were, by the moment at which they were known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct IncidentCounts {
    /// Real ones; all other figures are about these.
    pub counted: u32,
    /// Of which still open.
    pub open: u32,
    /// 误报, kept apart.
    pub false_alarms: u32,
    /// Told under another number, counted there.
    pub merged: u32,
    /// Of 演练, kept apart.
    pub drills: u32,
}

/// A time to something.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Measure {
    /// `mttd`, `mttn`, `mtta`, `mttm`, `mttr`.
    pub code: &'static str,
    /// In words.
    pub name: &'static str,
    /// From which moment to which: the zero is named.
    pub definition: &'static str,
    /// How many incidents had both moments.
    pub n: u32,
    /// Half of them took no longer, seconds.
    pub median_s: Option<f64>,
    /// Nine of ten took no longer, seconds (nearest rank).
    pub p90_s: Option<f64>,
    /// The longest, seconds.
    pub max_s: Option<f64>,
    /// Incidents without such a moment.
    pub without: u32,
    /// Of which still open, so that it may yet come.
    pub without_open: u32,
}

/// Incidents of one class.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OfClass {
    /// Which class.
    #[schema(value_type = String)]
    pub class: FaultClass,
    /// In words.
    pub text: &'static str,
    /// How many.
    pub n: u32,
    /// How long those that are over took in all, from the first bad sample, minutes.
    pub minutes: f64,
}

/// Incidents of a period that the reader sees.
pub(super) fn of_period<'a>(
    chronicle: &'a Chronicle,
    question: &Question<'_>,
    period: Window,
) -> Vec<&'a IncidentFact> {
    let seen =
        |venues: &BTreeSet<VenueId>| question.sees_all || venues.iter().any(|venue| (question.sees)(venue));
    let all = chronicle.incidents.values();
    all.filter(|fact| period.contains(fact.times.detected) && seen(&fact.venues)).collect()
}

/// Whether it counts: not told elsewhere, and not about nothing.
pub(super) fn is_real(fact: &IncidentFact) -> bool {
    !matches!(fact.state, IncidentState::FalseAlarm | IncidentState::Merged)
}

pub(super) fn counts(incidents: &[&IncidentFact]) -> IncidentCounts {
    let mut counts = IncidentCounts::default();
    for fact in incidents {
        match fact.state {
            IncidentState::FalseAlarm => counts.false_alarms += 1,
            IncidentState::Merged => counts.merged += 1,
            IncidentState::Open
            | IncidentState::Acked
            | IncidentState::Mitigating
            | IncidentState::Mitigated
            | IncidentState::Resolved
            | IncidentState::Reviewed => {
                counts.counted += 1;
                counts.open += u32::from(fact.state.is_open());
            }
        }
    }
    counts
}

type Moments = fn(&Times) -> (Option<Utc>, Option<Utc>);

/// The five, from the first to happen to the last.
pub(super) fn measures(incidents: &[&IncidentFact], lang: Lang) -> Vec<Measure> {
    let five: [(&str, [&str; 2], [&str; 2], Moments); 5] = [
        (
            "mttd",
            ["发现用时", "time to detect"],
            ["首个异常样本 → 告警成立", "first bad sample → detected"],
            |t| (Some(t.onset), Some(t.detected)),
        ),
        (
            "mttn",
            ["通知用时", "time to notify"],
            ["告警成立 → 首个通道受理", "detected → first channel accepted"],
            |t| (Some(t.detected), t.notified),
        ),
        (
            "mtta",
            ["确认用时", "time to acknowledge"],
            ["告警成立 → 有人确认", "detected → acknowledged"],
            |t| (Some(t.detected), t.acked),
        ),
        (
            "mttm",
            ["临时恢复用时", "time to mitigate"],
            ["首个异常样本 → 临时恢复", "first bad sample → mitigated"],
            |t| (Some(t.onset), t.mitigated),
        ),
        (
            "mttr",
            ["排除用时", "time to resolve"],
            ["首个异常样本 → 故障排除", "first bad sample → resolved"],
            |t| (Some(t.onset), t.resolved),
        ),
    ];
    let real: Vec<&IncidentFact> = incidents.iter().copied().filter(|fact| is_real(fact)).collect();
    five.into_iter()
        .map(|(code, name, definition, moments)| {
            let [name, definition] = [name, definition].map(|[zh, en]| lang.pick(zh, en));
            measure(&real, moments, Measure { code, name, definition, ..Measure::nothing() })
        })
        .collect()
}

fn measure(real: &[&IncidentFact], moments: Moments, named: Measure) -> Measure {
    let mut took: Vec<Span> = Vec::new();
    let (mut without, mut without_open) = (0, 0);
    for fact in real {
        match moments(&fact.times) {
            (Some(zero), Some(end)) => took.push(end.since(zero)),
            (Some(_) | None, None) | (None, Some(_)) => {
                without += 1;
                without_open += u32::from(fact.state.is_open());
            }
        }
    }
    took.sort_unstable();
    Measure {
        n: u32::try_from(took.len()).unwrap_or(u32::MAX),
        median_s: rank(&took, 50),
        p90_s: rank(&took, 90),
        max_s: rank(&took, 100),
        without,
        without_open,
        ..named
    }
}

impl Measure {
    fn nothing() -> Self {
        Self {
            code: "",
            name: "",
            definition: "",
            n: 0,
            median_s: None,
            p90_s: None,
            max_s: None,
            without: 0,
            without_open: 0,
        }
    }
}

/// The smallest of sorted spans that this share of all does not exceed, seconds.
fn rank(sorted: &[Span], pct: usize) -> Option<f64> {
    let place = (sorted.len() * pct).div_ceil(100).max(1);
    sorted.get(place - 1).map(|span| (span.as_s() * 10.0).round() / 10.0)
}

/// Incidents by class, the most frequent first.
pub(super) fn classes(incidents: &[&IncidentFact], lang: Lang) -> Vec<OfClass> {
    let mut found: BTreeMap<FaultClass, (u32, f64)> = BTreeMap::new();
    for fact in incidents.iter().filter(|fact| is_real(fact)) {
        let minutes = fact.times.resolved.map_or(0.0, |at| at.since(fact.times.onset).as_s() / 60.0);
        let entry = found.entry(fact.class).or_default();
        *entry = (entry.0 + 1, entry.1 + minutes);
    }
    let of = |(class, (n, minutes)): (FaultClass, (u32, f64))| OfClass {
        class,
        text: wording::fault_class(class, lang),
        n,
        minutes: (minutes * 10.0).round() / 10.0,
    };
    let mut classes: Vec<OfClass> = found.into_iter().map(of).collect();
    classes.sort_by_key(|one| std::cmp::Reverse(one.n));
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_nearest_ranks_and_nothing_has_none() {
        let spans: Vec<Span> = (1..=10).map(Span::seconds).collect();
        assert_eq!(
            (rank(&spans, 50), rank(&spans, 90), rank(&spans, 100)),
            (Some(5.0), Some(9.0), Some(10.0))
        );
        assert_eq!((rank(&spans[..1], 50), rank(&spans[..1], 90)), (Some(1.0), Some(1.0)));
        assert_eq!(rank(&[], 50), None);
    }
}

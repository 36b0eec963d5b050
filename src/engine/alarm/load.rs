//! How much is asked of the people who watch: the figures of EEMUA 191, and the flood in which only what is grave is
//! told one by one.
//!
//! What asks for attention is an incident, opened or opened again: alarms under one cause are one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::id::RegionId;
use crate::domain::time::{Span, Utc};
use crate::engine::draft::Draft;
use crate::engine::event::What;
use crate::engine::state::{Annunciation, DurableState, State};

/// Annunciations are counted in windows of this length.
pub const WINDOW: Span = Span::minutes(10);
/// The figures are about a day.
const DAY: Span = Span::minutes(24 * 60);
/// More than so many in a window are a flood.
pub const FLOOD_OVER: usize = 10;
/// Fewer than so many, and it is over.
pub const FLOOD_UNDER: usize = 5;

/// What was asked of people who watch some regions.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Load {
    /// Annunciations in the last ten minutes; one is manageable.
    pub per_10_min: usize,
    /// The most in any ten minutes of the last day.
    pub peak_per_10_min: usize,
    /// In the last day; about 144 are manageable.
    pub per_day: usize,
    /// Share of the last day's ten-minute windows with more than ten; below 1 % is manageable.
    pub flooded_pct: f64,
    /// Incidents that stand open.
    pub standing: usize,
    /// Of which since more than a day.
    pub stale: usize,
}

/// The load of who watches these regions, or all: by what asked for attention, and the open incidents, each with when
/// it was known and its region. What is in no one place counts for everybody.
pub fn of(
    annunciations: &[Annunciation],
    open: impl Iterator<Item = (Utc, Option<RegionId>)>,
    regions: Option<&BTreeSet<RegionId>>,
    now: Utc,
) -> Load {
    let mine = |region: Option<&RegionId>| match (regions, region) {
        (None, _) | (_, None) => true,
        (Some(regions), Some(region)) => regions.contains(region),
    };
    let counts = |known: &&Annunciation| mine(known.region.as_ref()) && known.at + DAY > now;
    let times: Vec<Utc> = annunciations.iter().filter(counts).map(|known| known.at).collect();
    let standing: Vec<Utc> =
        open.filter(|(_, region)| mine(region.as_ref())).map(|(detected, _)| detected).collect();
    Load {
        per_10_min: times.iter().filter(|at| **at + WINDOW > now).count(),
        peak_per_10_min: peak(&times),
        per_day: times.len(),
        flooded_pct: flooded_pct(&times, now),
        standing: standing.len(),
        stale: standing.iter().filter(|detected| **detected + DAY < now).count(),
    }
}

/// The most of sorted moments that lie within one window.
fn peak(times: &[Utc]) -> usize {
    let mut first = 0;
    let mut most = 0;
    for (n, at) in times.iter().enumerate() {
        while times[first] + WINDOW <= *at {
            first += 1;
        }
        most = most.max(n + 1 - first);
    }
    most
}

/// Share of the last day's windows that were a flood.
fn flooded_pct(times: &[Utc], now: Utc) -> f64 {
    let windows = 144;
    let of = |n: u64| now - Span(WINDOW.0 * n);
    let count = |n: u64| times.iter().filter(|at| **at <= of(n) && **at > of(n + 1)).count();
    let flooded = (0..windows).filter(|n| count(*n) > FLOOD_OVER).count();
    flooded as f64 * 100.0 / windows as f64
}

fn in_window(durable: &DurableState, now: Utc) -> usize {
    durable.annunciations.iter().rev().take_while(|known| known.at + WINDOW > now).count()
}

/// Begins or ends a flood.
pub(super) fn turn(draft: &mut Draft<'_>) {
    let durable = &draft.state.durable;
    let count = in_window(durable, draft.now.utc);
    let flood = durable.flood.is_some();
    if (!flood && count > FLOOD_OVER) || (flood && count < FLOOD_UNDER) {
        draft.conclude(What::FloodChanged { flood: !flood, count: u32::try_from(count).unwrap_or(u32::MAX) });
    }
}

/// When a flood may be over: when the oldest that keeps it up leaves the window.
pub(super) fn next_utc(state: &State) -> Option<Utc> {
    let durable = &state.durable;
    durable.flood?;
    let holds = durable.annunciations.iter().rev().take(FLOOD_UNDER).map(|known| known.at).min();
    holds.map(|at| at + WINDOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_the_fullest_window_wherever_it_lies() {
        let at = |minutes: &[u64]| -> Vec<Utc> {
            minutes.iter().map(|minute| Utc(0) + Span::minutes(*minute)).collect()
        };
        let cases: [(&[u64], usize); 5] =
            [(&[], 0), (&[3], 1), (&[0, 9, 10], 2), (&[0, 5, 9, 14, 16], 3), (&[0, 20, 21, 22, 23, 40], 4)];
        for (minutes, expected) in cases {
            assert_eq!(peak(&at(minutes)), expected, "{minutes:?}");
        }
        let now = Utc(0) + Span::minutes(24 * 60);
        assert!(flooded_pct(&at(&[1_435; 11]), now) > 0.69);
        assert_eq!(flooded_pct(&at(&[1_435; 10]), now), 0.0);
    }
}

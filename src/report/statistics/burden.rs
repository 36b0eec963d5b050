//! What the alarms asked of each operator over a period, by the figures of EEMUA 191: one in ten minutes is
//! manageable, more than ten are a flood.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use super::chronicle::{Asked, Chronicle};
use super::{Question, percent};
use crate::domain::actor::Actor;
use crate::domain::fault::Severity;
use crate::domain::id::{RegionId, UserId};
use crate::domain::time::{Utc, Window};
use crate::engine::alarm::load::{FLOOD_OVER, WINDOW};

/// Somebody who watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desk {
    /// Who.
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// The regions they watch; everything without.
    pub regions: Option<BTreeSet<RegionId>>,
}

/// How much was asked of one operator. It is what their regions asked; who was on duty when is not taken in.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Burden {
    /// Who.
    #[schema(value_type = String)]
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// How often something asked for attention.
    pub asked: u32,
    /// Per ten minutes of the time in which vcops watched; 1 is manageable.
    pub per_10_min: Option<f64>,
    /// The most in any ten minutes; more than 10 are a flood.
    pub peak_per_10_min: u32,
    /// Share of ten-minute windows by the clock that were a flood; below 1 % is manageable.
    pub flooded_pct: Option<f64>,
    /// Whether all three are manageable.
    pub manageable: bool,
    /// Share of severe and critical ones; about 20 % is usual.
    pub grave_pct: Option<f64>,
    /// How many they acknowledged themselves.
    pub acknowledged: u32,
}

pub(super) fn of(chronicle: &Chronicle, question: &Question<'_>, period: Window) -> Vec<Burden> {
    let watched_s = period.until.since(period.from).0 / 1_000_000;
    let watched_s = watched_s.saturating_sub(super::availability::not_watching_s(chronicle, period));
    let one = |desk: &Desk| {
        let mine = |asked: &&Asked| match (&desk.regions, &asked.region) {
            (None, _) | (_, None) => true,
            (Some(regions), Some(region)) => regions.contains(region),
        };
        let asked: Vec<&Asked> =
            chronicle.asked.iter().filter(|asked| period.contains(asked.at)).filter(mine).collect();
        let own = Actor::User { id: desk.user.clone() };
        let acknowledged = chronicle.acks.iter().filter(|(at, by)| period.contains(*at) && *by == own);
        burden(desk, &asked, acknowledged.count(), watched_s)
    };
    question.desks.iter().map(one).collect()
}

fn burden(desk: &Desk, asked: &[&Asked], acknowledged: usize, watched_s: u64) -> Burden {
    let times: Vec<Utc> = asked.iter().map(|asked| asked.at).collect();
    let (peak, windows) = (peak(&times), watched_s / 600);
    let per_10_min = (windows > 0).then(|| (times.len() as f64 / windows as f64 * 1e3).round() / 1e3);
    let flooded_pct = percent(floods(&times), windows);
    let grave = asked.iter().filter(|asked| asked.severity >= Severity::Severe).count();
    Burden {
        user: desk.user.clone(),
        name: desk.name.clone(),
        asked: count(times.len()),
        per_10_min,
        peak_per_10_min: count(peak),
        flooded_pct,
        manageable: per_10_min.is_none_or(|mean| mean <= 1.0)
            && peak <= FLOOD_OVER
            && flooded_pct.is_none_or(|pct| pct < 1.0),
        grave_pct: percent(grave as u64, times.len() as u64),
        acknowledged: count(acknowledged),
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The most of sorted moments that lie within one window.
fn peak(times: &[Utc]) -> usize {
    let mut first = 0;
    let most = times.iter().enumerate().map(|(n, at)| {
        while times[first] + WINDOW <= *at {
            first += 1;
        }
        n + 1 - first
    });
    most.max().unwrap_or(0)
}

/// Windows by the clock with a flood.
fn floods(times: &[Utc]) -> u64 {
    let window = i64::try_from(WINDOW.0).unwrap_or(i64::MAX);
    let windows = times.chunk_by(|a, b| a.0.div_euclid(window) == b.0.div_euclid(window));
    windows.filter(|inside| inside.len() > FLOOD_OVER).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Span;

    #[test]
    fn a_flood_is_more_than_ten_in_ten_minutes_and_is_not_manageable() {
        let desk = Desk { user: UserId::parse("op").unwrap(), name: String::new(), regions: None };
        let asked = |minutes: &[u64]| -> Vec<Asked> {
            let one = |minute: &u64| Asked {
                at: Utc(0) + Span::minutes(*minute),
                severity: Severity::Severe,
                region: None,
            };
            minutes.iter().map(one).collect()
        };
        let day = 24 * 3600;
        let of = |facts: &[Asked]| burden(&desk, &facts.iter().collect::<Vec<_>>(), 0, day);
        let calm = of(&asked(&[0, 200, 400]));
        assert_eq!((calm.asked, calm.peak_per_10_min, calm.manageable), (3, 1, true));
        assert_eq!((calm.per_10_min, calm.flooded_pct), (Some(0.021), Some(0.0)));
        let flood = of(&asked(&[3; 11]));
        assert_eq!((flood.peak_per_10_min, flood.flooded_pct, flood.manageable), (11, Some(0.69), false));
        assert_eq!(flood.grave_pct, Some(100.0));
        assert_eq!(burden(&desk, &[], 0, 0).per_10_min, None, "nobody watched: nothing can be said");
    }
}

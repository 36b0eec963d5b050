//! Scorecards of venues 会场评分: which need a visit. The place follows from figures that stand beside it.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::availability::Availability;
use super::chronicle::{Chronicle, IncidentFact};
use super::rehearsal::{First, rounds};
use super::response::is_real;
use super::{Question, percent};
use crate::domain::fault::FaultClass;
use crate::domain::id::VenueId;
use crate::domain::time::Window;

/// How a venue did.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Scorecard {
    /// Which.
    #[schema(value_type = String)]
    pub venue: VenueId,
    /// Its name.
    pub name: String,
    /// Its place, 1 being the best: fewer minutes lost in meetings, then a higher first-pass rate, then fewer
    /// incidents. Equal figures share a place. None where nothing is known.
    pub rank: Option<u32>,
    /// Rounds of which it is known whether it passed at once.
    pub rounds: u32,
    /// Of which it did.
    pub passed: u32,
    /// Their share.
    pub first_pass_pct: Option<f64>,
    /// Rounds in which a test broke.
    pub unfinished: u32,
    /// Real incidents that concerned it, those apart in which vcops itself could not see it.
    pub incidents: u32,
    /// Minutes of meetings lost.
    pub lost_min: f64,
    /// Up, of the known time of its meetings.
    pub available_pct: Option<f64>,
    /// Hours of its meetings of which nobody can say.
    pub unknown_h: f64,
}

pub(super) fn of(
    chronicle: &Chronicle,
    question: &Question<'_>,
    period: Window,
    incidents: &[&IncidentFact],
    in_meetings: &BTreeMap<&VenueId, &Availability>,
) -> Vec<Scorecard> {
    let mut firsts: BTreeMap<&VenueId, [u32; 3]> = BTreeMap::new();
    for (_, venues) in rounds(chronicle, question, period) {
        for (venue, first) in venues {
            firsts.entry(venue).or_default()[first as usize] += 1;
        }
    }
    let mut met: BTreeMap<&VenueId, u32> = BTreeMap::new();
    // That we could not see a venue is our trouble, not its.
    let counts = |fact: &&&IncidentFact| is_real(fact) && fact.class != FaultClass::PlatformLost;
    for venue in incidents.iter().filter(counts).flat_map(|fact| &fact.venues) {
        *met.entry(venue).or_default() += 1;
    }
    let seen = question.inventory.venues.values().filter(|venue| (question.sees)(&venue.id));
    let mut cards: Vec<Scorecard> = seen
        .map(|venue| {
            let [passed, failed, unfinished] = firsts.get(&venue.id).copied().unwrap_or_default();
            let meetings = in_meetings.get(&venue.id);
            Scorecard {
                venue: venue.id.clone(),
                name: venue.name.clone(),
                rank: None,
                rounds: passed + failed,
                passed,
                first_pass_pct: percent(passed.into(), (passed + failed).into()),
                unfinished,
                incidents: met.get(&venue.id).copied().unwrap_or(0),
                lost_min: meetings.map_or(0.0, |one| tenths(one.down_s as f64 / 60.0)),
                available_pct: meetings.and_then(|one| one.available_pct),
                unknown_h: meetings.map_or(0.0, |one| tenths(one.unknown_s as f64 / 3600.0)),
            }
        })
        .collect();
    rank(&mut cards);
    cards
}

const _: () =
    assert!(First::Passed as usize == 0 && First::Failed as usize == 1 && First::Unfinished as usize == 2);

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn is_known(card: &Scorecard) -> bool {
    card.rounds > 0 || card.available_pct.is_some()
}

/// Better first. A venue that was not rehearsed stands where its meetings put it.
fn better(a: &Scorecard, b: &Scorecard) -> Ordering {
    let pct = |card: &Scorecard| card.first_pass_pct.unwrap_or(100.0);
    a.lost_min.total_cmp(&b.lost_min).then(pct(b).total_cmp(&pct(a))).then(a.incidents.cmp(&b.incidents))
}

fn rank(cards: &mut [Scorecard]) {
    cards.sort_by(|a, b| is_known(b).cmp(&is_known(a)).then(better(a, b)).then(a.venue.cmp(&b.venue)));
    let mut place = 0;
    for n in 0..cards.len() {
        if !is_known(&cards[n]) {
            break;
        }
        if n == 0 || better(&cards[n - 1], &cards[n]) != Ordering::Equal {
            place = u32::try_from(n + 1).unwrap_or(u32::MAX);
        }
        cards[n].rank = Some(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(venue: &str, lost_min: f64, pct: Option<f64>, incidents: u32) -> Scorecard {
        Scorecard {
            venue: VenueId::parse(venue).unwrap(),
            name: String::new(),
            rank: None,
            rounds: u32::from(pct.is_some()),
            passed: 0,
            first_pass_pct: pct,
            unfinished: 0,
            incidents,
            lost_min,
            available_pct: None,
            unknown_h: 0.0,
        }
    }

    #[test]
    fn equal_figures_share_a_place_and_the_unknown_have_none() {
        let mut cards = vec![
            card("a", 3.0, Some(100.0), 1),
            card("b", 0.0, Some(90.0), 0),
            card("c", 0.0, None, 0),
            card("d", 0.0, Some(100.0), 0),
            card("e", 0.0, Some(90.0), 0),
        ];
        rank(&mut cards);
        let places: Vec<(&str, Option<u32>)> =
            cards.iter().map(|card| (card.venue.as_str(), card.rank)).collect();
        let expected = [("d", Some(1)), ("b", Some(2)), ("e", Some(2)), ("a", Some(4)), ("c", None)];
        assert_eq!(places, expected);
    }
}

//! Travel and time saved, by what the settings say the same work costs by hand. Without such a figure nothing is said.

use serde::Serialize;
use utoipa::ToSchema;

use super::Question;
use super::chronicle::{Chronicle, RoundFact};
use super::rehearsal::{First, rounds};
use crate::domain::id::VenueId;
use crate::domain::time::Window;

/// What testing one venue costs without vcops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByHand {
    /// Working minutes.
    pub minutes_per_venue: Option<u32>,
    /// Kilometres travelled.
    pub travel_km_per_venue: Option<u32>,
}

/// What was saved, with what it is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Saved {
    /// Venues tested in rounds, those whose tests broke left out.
    pub venues_tested: u32,
    /// Working minutes by hand for one venue, from the settings.
    pub minutes_by_hand_per_venue: Option<u32>,
    /// Minutes that rounds took, from opening to end.
    pub round_minutes: f64,
    /// Hours saved: by hand, less what rounds took; may be negative.
    pub hours: Option<f64>,
    /// Kilometres for one venue, from the settings.
    pub travel_km_per_venue: Option<u32>,
    /// Kilometres not travelled.
    pub travel_km: Option<u64>,
}

pub(super) fn of(chronicle: &Chronicle, question: &Question<'_>, period: Window) -> Option<Saved> {
    let ByHand { minutes_per_venue, travel_km_per_venue } = question.by_hand;
    if minutes_per_venue.is_none() && travel_km_per_venue.is_none() {
        return None;
    }
    let (mut venues_tested, mut round_minutes) = (0u32, 0.0);
    for (round, venues) in rounds(chronicle, question, period) {
        venues_tested += tested(&venues);
        round_minutes += minutes(round);
    }
    let round_minutes = (round_minutes * 10.0_f64).round() / 10.0;
    let hours = |by_hand: u32| {
        let minutes = f64::from(venues_tested) * f64::from(by_hand) - round_minutes;
        (minutes / 6.0).round() / 10.0
    };
    Some(Saved {
        venues_tested,
        minutes_by_hand_per_venue: minutes_per_venue,
        round_minutes,
        hours: minutes_per_venue.map(hours),
        travel_km_per_venue,
        travel_km: travel_km_per_venue.map(|km| u64::from(km) * u64::from(venues_tested)),
    })
}

fn tested(venues: &[(&VenueId, First)]) -> u32 {
    let done = venues.iter().filter(|(_, first)| *first != First::Unfinished);
    u32::try_from(done.count()).unwrap_or(u32::MAX)
}

fn minutes(round: &RoundFact) -> f64 {
    round.ended.map_or(0.0, |ended| ended.since(round.opened).as_s() / 60.0)
}

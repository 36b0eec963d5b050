//! Which venue gets which seeded fault. The same seed gives the same faults.

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;

use crate::domain::check::Direction;
use crate::domain::id::VenueId;

/// One seeded fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seeded {
    /// Where.
    pub venue: VenueId,
    /// What.
    pub fault: Fault,
    /// Which way, if the fault has one.
    pub direction: Option<Direction>,
}

/// The kinds of seeded faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Loss in bursts on the primary link, one way.
    BurstLoss,
    /// A backup link with 600 ms round trip.
    SlowBackup,
    /// The agent is off.
    AgentOff,
}

/// Three different venues of `candidates`, one for each fault. The main venue is not among them: a demo without
/// its hall shows nothing.
pub fn seed(seed: u64, candidates: &[VenueId]) -> Vec<Seeded> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut venues = candidates.to_vec();
    venues.shuffle(&mut rng);
    let direction = if rng.random() { Direction::ToVenue } else { Direction::FromVenue };
    let kinds = [(Fault::BurstLoss, Some(direction)), (Fault::SlowBackup, None), (Fault::AgentOff, None)];
    venues
        .into_iter()
        .zip(kinds)
        .map(|(venue, (fault, direction))| Seeded { venue, fault, direction })
        .collect()
}

//! Which venue gets which seeded fault. The same seed gives the same faults.

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::domain::check::Direction;
use crate::domain::id::VenueId;
use crate::relay::impairment::{Impairment, Jitter, Loss};
use crate::report::{SeededFault, SeededKind};

/// Three different venues of `candidates`, one for each fault.
pub(super) fn seed(seed: u64, candidates: &[VenueId]) -> Vec<SeededFault> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut venues = candidates.to_vec();
    venues.shuffle(&mut rng);
    let direction = if rng.random() { Direction::ToVenue } else { Direction::FromVenue };
    let kinds = [
        (SeededKind::BurstLoss, Some(direction)),
        (SeededKind::SlowBackup, None),
        (SeededKind::AgentOff, None),
    ];
    venues
        .into_iter()
        .zip(kinds)
        .map(|(venue, (fault, direction))| SeededFault { venue, fault, direction })
        .collect()
}

/// A sound line: some milliseconds each way, a little jitter, nothing lost.
pub(super) fn sound(delay_ms: f64) -> Impairment {
    let jitter = Jitter::Normal { sd_ms: 0.3 };
    Impairment { delay_ms, jitter, keep_order: true, ..Impairment::default() }
}

/// The same line losing one packet in twelve, four or five in a row.
pub(super) fn bursty(delay_ms: f64) -> Impairment {
    Impairment { loss: Loss::Gilbert { enter_pct: 2.0, leave_pct: 22.0 }, ..sound(delay_ms) }
}

/// The slow line's delay each way: 600 ms round trip.
pub(super) const SLOW_MS: f64 = 300.0;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_seed_gives_three_different_venues_and_the_same_ones_each_time() {
        let venues = super::super::city::venue_ids();
        let mut seen = BTreeSet::new();
        for n in 0..20 {
            let faults = seed(n, &venues);
            let named: BTreeSet<&VenueId> = faults.iter().map(|fault| &fault.venue).collect();
            assert_eq!((faults.len(), named.len()), (3, 3));
            assert_eq!(faults, seed(n, &venues));
            seen.extend(named.into_iter().cloned());
        }
        assert!(seen.len() > 8, "seeds move the faults about");
    }
}

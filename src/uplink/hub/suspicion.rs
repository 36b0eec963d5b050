//! Who misbehaves how often, named at once and then at most every five seconds. Bounded by the roster. Pure.

use std::collections::BTreeMap;

use super::Misbehaves;
use crate::domain::id::{AgentId, VenueId};
use crate::domain::time::{Mono, Span};
use crate::observation::Misbehaviour;
use crate::uplink::envelope::EnvelopeError;

const EVERY: Span = Span::seconds(5);

/// Whom a refusal is laid to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Suspect {
    pub(super) venue: Option<VenueId>,
    pub(super) agent: Option<AgentId>,
    pub(super) proven: bool,
}

/// Counts per suspect and kind.
#[derive(Debug, Default)]
pub(super) struct Suspicions {
    counts: BTreeMap<(Suspect, Misbehaviour), Count>,
}

#[derive(Debug)]
struct Count {
    code: &'static str,
    since_report: u64,
    report_at: Mono,
}

/// The kind of misbehaviour that a refusal shows.
pub(super) fn kind_of(error: &EnvelopeError) -> Misbehaviour {
    match error {
        EnvelopeError::TooLarge(_) => Misbehaviour::Oversized,
        EnvelopeError::Malformed(_) | EnvelopeError::BadVersion(_) => Misbehaviour::Garbage,
        EnvelopeError::WrongDirection => Misbehaviour::Reflected,
        EnvelopeError::WrongVenue { .. } => Misbehaviour::WrongVenue,
        EnvelopeError::UnknownKey(_) | EnvelopeError::BadSignature => Misbehaviour::Forged,
        EnvelopeError::Expired { .. } | EnvelopeError::NotYetValid { .. } | EnvelopeError::BadLifetime => {
            Misbehaviour::Untimely
        }
        EnvelopeError::Replayed { .. } => Misbehaviour::Replayed,
    }
}

impl Suspicions {
    /// Counts one refusal.
    pub(super) fn note(&mut self, suspect: Suspect, what: Misbehaviour, code: &'static str) {
        let fresh = Count { code, since_report: 0, report_at: Mono(0) };
        let count = self.counts.entry((suspect, what)).or_insert(fresh);
        count.since_report += 1;
        count.code = code;
    }

    /// The reports that are due.
    pub(super) fn due(&mut self, now: Mono) -> Vec<Misbehaves> {
        let due = self.counts.iter_mut().filter(|(_, c)| c.since_report > 0 && c.report_at <= now);
        due.map(|((suspect, what), count)| {
            count.report_at = now + EVERY;
            let Suspect { venue, agent, proven } = suspect.clone();
            let since = std::mem::take(&mut count.since_report);
            Misbehaves { venue, agent, proven, what: *what, code: count.code, count: since }
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspect_is_named_at_once_and_then_in_sums() {
        let mut suspicions = Suspicions::default();
        let mut counts = Vec::new();
        for ms in 0..12_000u64 {
            suspicions.note(Suspect::default(), Misbehaviour::Garbage, "envelope.malformed");
            counts.extend(suspicions.due(Mono(ms * 1000)).into_iter().map(|m| m.count));
        }
        assert_eq!(counts, [1, 5000, 5000]);
    }
}

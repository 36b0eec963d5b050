//! First-pass rate 一次通过率: venues whose checks all passed when they were first tested in a round.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::chronicle::{Chronicle, FirstTries, RoundFact};
use super::{Question, percent};
use crate::domain::check::RoundKind;
use crate::domain::id::VenueId;
use crate::domain::time::Window;
use crate::engine::wording;

/// How a venue's first tries in a round went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    Passed,
    Failed,
    /// A test broke and nothing failed: nobody knows.
    Unfinished,
}

/// How many venues passed at the first attempt, one venue in one round being one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, ToSchema)]
pub struct FirstPass {
    /// Rounds.
    pub rounds: u32,
    /// Venues in rounds of which it is known.
    pub of: u32,
    /// Of which all passed at once; a warning is no failure, nor is what fails on a backup alone.
    pub passed: u32,
    /// Their share.
    pub pct: Option<f64>,
    /// Venues in rounds in which a test broke: counted nowhere else.
    pub unfinished: u32,
    /// The same by kind of round.
    pub kinds: Vec<FirstPassOf>,
}

/// First passes in one kind of round.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FirstPassOf {
    /// Which kind.
    #[schema(value_type = String)]
    pub kind: RoundKind,
    /// In words.
    pub text: &'static str,
    /// Rounds.
    pub rounds: u32,
    /// Venues of which it is known.
    pub of: u32,
    /// Of which all passed at once.
    pub passed: u32,
    /// Their share.
    pub pct: Option<f64>,
    /// Venues in which a test broke.
    pub unfinished: u32,
}

/// How first tries went; none when nothing was judged.
pub(super) fn first(tries: FirstTries) -> Option<First> {
    match tries {
        FirstTries { failed: 1.., .. } => Some(First::Failed),
        FirstTries { broke: 1.., .. } => Some(First::Unfinished),
        FirstTries { passed: 1.., .. } => Some(First::Passed),
        FirstTries { .. } => None,
    }
}

/// Rounds that began in a period, with the venues that the reader sees.
pub(super) fn rounds<'a>(
    chronicle: &'a Chronicle,
    question: &'a Question<'_>,
    period: Window,
) -> impl Iterator<Item = (&'a RoundFact, Vec<(&'a VenueId, First)>)> {
    let began = chronicle.rounds.values().filter(move |round| period.contains(round.opened));
    began.filter_map(|round| {
        let seen = round.venues.iter().filter(|(venue, _)| (question.sees)(venue));
        let venues: Vec<_> = seen.filter_map(|(venue, tries)| Some((venue, first(*tries)?))).collect();
        (!venues.is_empty()).then_some((round, venues))
    })
}

pub(super) fn first_pass(chronicle: &Chronicle, question: &Question<'_>, period: Window) -> FirstPass {
    let mut kinds: BTreeMap<RoundKind, [u32; 4]> = BTreeMap::new();
    for (round, venues) in rounds(chronicle, question, period) {
        let counts = kinds.entry(round.kind).or_default();
        counts[0] += 1;
        for (_, first) in venues {
            counts[match first {
                First::Passed => 1,
                First::Failed => 2,
                First::Unfinished => 3,
            }] += 1;
        }
    }
    let sum = |n: usize| kinds.values().map(|counts| counts[n]).sum::<u32>();
    let (passed, failed) = (sum(1), sum(2));
    FirstPass {
        rounds: sum(0),
        of: passed + failed,
        passed,
        pct: percent(passed.into(), (passed + failed).into()),
        unfinished: sum(3),
        kinds: kinds
            .into_iter()
            .map(|(kind, [rounds, passed, failed, unfinished])| FirstPassOf {
                kind,
                text: wording::round_kind(kind, question.lang),
                rounds,
                of: passed + failed,
                passed,
                pct: percent(passed.into(), (passed + failed).into()),
                unfinished,
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_fails_and_a_broken_test_is_no_verdict() {
        let tries = |passed, failed, broke| first(FirstTries { passed, failed, broke });
        assert_eq!(tries(4, 0, 0), Some(First::Passed));
        assert_eq!(tries(4, 1, 1), Some(First::Failed));
        assert_eq!(tries(4, 0, 1), Some(First::Unfinished));
        assert_eq!(tries(0, 0, 0), None);
    }
}

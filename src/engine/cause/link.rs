//! Lines that lose packets in the same seconds: the trunk or carrier beneath them.

use std::collections::BTreeSet;

use super::Tally;
use crate::domain::id::LinkId;
use crate::domain::inventory::Resource;
use crate::domain::time::US_PER_S;
use crate::engine::finding::{FindingKey, RuleCode, Subject};
use crate::engine::state::State;
use crate::engine::state::durable::MEMBERS_MAX;
use crate::observation::LossSecond;

/// Seconds that two tests are taken to have in common at least: a test of 1,000 packets takes 20.
const COMMON_SECONDS: f64 = 20.0;
/// Share of the rarer losses' seconds that must coincide.
const COINCIDE: f64 = 0.5;
/// How far above chance that must be.
const OVER_CHANCE: f64 = 3.0;

/// The resource that lines losing packets together share, and those lines' findings.
pub(super) fn cause(state: &State, link: &LinkId) -> Option<(Resource, Vec<FindingKey>)> {
    let inventory = &state.durable.inventory;
    let own = seconds(state.picture.losses.get(link)?);
    let mut tally = Tally::default();
    let mut with_me = Vec::new();
    for (other, trace) in &state.picture.losses {
        let together = other == link || coincide(&own, &seconds(trace));
        let beneath = inventory.beneath_link(other);
        tally.count(&beneath, together);
        if together && other != link {
            with_me.push((other, beneath));
        }
    }
    // The link's own access section explains nothing about others.
    let shared: Vec<Resource> = inventory.beneath_link(link).into_iter().skip(1).collect();
    let named = tally.pick(&shared)?;
    let others = with_me.iter().filter(|(_, beneath)| beneath.contains(&named));
    let members = others.take(MEMBERS_MAX).map(|(other, _)| path(other)).collect();
    Some((named, members))
}

fn path(link: &LinkId) -> FindingKey {
    FindingKey { rule: RuleCode::LinkPath, subject: Subject::Resource(Resource::Link(link.clone())) }
}

fn seconds(trace: &[LossSecond]) -> BTreeSet<i64> {
    trace.iter().map(|second| second.at.0.div_euclid(US_PER_S)).collect()
}

/// Whether two lines lost in the same seconds, more than chance would have it. Lines that lose all the time
/// coincide with everything and prove nothing.
fn coincide(a: &BTreeSet<i64>, b: &BTreeSet<i64>) -> bool {
    let same = a.intersection(b).count() as f64;
    let fewer = a.len().min(b.len()) as f64;
    let chance = a.len() as f64 * b.len() as f64 / COMMON_SECONDS;
    same >= 1.0 && same >= fewer * COINCIDE && same >= chance * OVER_CHANCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_more_than_chance_counts_as_together() {
        let set = |seconds: &[i64]| seconds.iter().copied().collect::<BTreeSet<i64>>();
        let all: Vec<i64> = (0..20).collect();
        let cases: [(&[i64], &[i64], bool); 5] = [
            (&[3], &[3], true),
            (&[3, 9, 14], &[3, 9], true),
            (&[3], &[4], false),
            (&all, &[3, 7, 11], false),
            (&[], &[3], false),
        ];
        for (a, b, expected) in cases {
            assert_eq!(coincide(&set(a), &set(b)), expected, "{a:?} {b:?}");
        }
    }
}

//! What waited for others and found no named cause: when enough of it stands on one thing, that is one incident with a
//! guess, not thirty without one. What is left of a cause that is over parts from it.

use std::collections::{BTreeMap, BTreeSet};

use super::anchor::{Anchor, may_share};
use crate::domain::id::VenueId;
use crate::domain::inventory::Resource;
use crate::domain::time::{Mono, Now, Span, Utc};
use crate::engine::draft::Draft;
use crate::engine::event::{Event, What};
use crate::engine::finding::{FindingKey, RuleCode, Subject};
use crate::engine::state::{Incident, State};
use crate::observation::device::Device;

/// Fewest venues that must fail together before a cause is guessed.
const GUESS_LEAST: usize = 5;
/// Share of the venues on a thing that must fail before it is guessed.
const GUESS_SHARE: f64 = 0.3;
/// Faults that began within this time of one another began together.
const TOGETHER: Span = Span::seconds(10);
/// So long what failed with a cause may take to come back with it.
const PART_AFTER: Span = Span::seconds(60);

/// What is to be opened, by anchor.
pub(super) type Openings = BTreeMap<Anchor, Vec<FindingKey>>;

/// Puts venues that fail together under the one thing that most of them stand on.
pub(super) fn guess(state: &State, opens: Openings) -> Openings {
    let mut opens = opens;
    while let Some((cause, venues)) = suspect(state, &opens) {
        let taken = |anchor: &Anchor, members: &[FindingKey]| {
            shares(members) && matches!(anchor, Anchor::Venue { venue, .. } if venues.contains(venue))
        };
        let all = opens.iter().filter(|(anchor, members)| taken(anchor, members));
        let members: Vec<FindingKey> = all.flat_map(|(_, members)| members.clone()).collect();
        opens.retain(|anchor, members| !taken(anchor, members));
        opens.entry(Anchor::Cause(cause)).or_default().extend(members);
    }
    opens
}

/// Whether what is wrong can have a cause that others share.
fn shares(members: &[FindingKey]) -> bool {
    members.iter().any(|key| may_share(key.rule))
}

/// The resource that explains most venues, if it explains enough; of equals the nearest.
fn suspect(state: &State, opens: &Openings) -> Option<(Resource, BTreeSet<VenueId>)> {
    let onset = |members: &Vec<FindingKey>| {
        members.iter().filter_map(|key| state.durable.findings.get(key)).map(|finding| finding.since).min()
    };
    let mut alone: Vec<(Utc, &VenueId)> = Vec::new();
    for (anchor, members) in opens {
        if !shares(members) {
            continue;
        }
        let parted = members.iter().any(|key| state.picture.incidents.parted.contains(key));
        if let (Anchor::Venue { venue, .. }, Some(since), false) = (anchor, onset(members), parted) {
            alone.push((since, venue));
        }
    }
    if alone.len() < GUESS_LEAST {
        return None;
    }
    alone.sort_unstable();
    let first = alone.first()?.0;
    let mut on: BTreeMap<Resource, (usize, BTreeSet<VenueId>)> = BTreeMap::new();
    for (_, venue) in alone.iter().filter(|(since, _)| since.since(first) <= TOGETHER) {
        let beneath = state.picture.index.beneath_venue(&state.durable.inventory, venue);
        for (depth, resource) in beneath.into_iter().enumerate() {
            let known = on.entry(resource).or_insert((depth, BTreeSet::new()));
            known.1.insert((*venue).clone());
        }
    }
    let all = |resource: &Resource| state.picture.index.venues_on.get(resource).copied().unwrap_or(0);
    let enough = |(resource, (_, venues)): &(Resource, (usize, BTreeSet<VenueId>))| {
        venues.len() >= GUESS_LEAST && venues.len() as f64 >= all(resource) as f64 * GUESS_SHARE
    };
    let best = on.into_iter().filter(enough);
    let best = best.max_by_key(|(_, (depth, venues))| (venues.len(), usize::MAX - depth));
    best.map(|(resource, (_, venues))| (resource, venues))
}

/// Until when what is left of an incident may still come back with its cause; none where it is not asked.
pub(super) fn parts_at(state: &State, incident: &Incident, now: Now) -> Option<Mono> {
    let last = lately_cleared(state, incident)?;
    let left = (last + PART_AFTER).since(now.utc).min(PART_AFTER);
    Some(now.mono + left)
}

/// When the last of an incident with a cause cleared, while less than half of it stays and the cause is not there.
fn lately_cleared(state: &State, incident: &Incident) -> Option<Utc> {
    let cause = incident.assessment.cause.as_ref()?;
    let stays = incident.raised as usize;
    let over = incident.state.is_open() && stays > 0 && stays * 2 <= incident.members.len();
    if !over || is_down(state, cause) {
        return None;
    }
    incident.members.values().filter_map(|member| member.cleared).max()
}

fn is_down(state: &State, cause: &Resource) -> bool {
    let Resource::Mcu(mcu) = cause else { return false };
    let subject = Subject::Device(Device::Mcu(mcu.clone()));
    state.durable.findings.contains_key(&FindingKey { rule: RuleCode::McuDown, subject })
}

/// Lets what is left of a cause stand for itself.
pub(super) fn part(draft: &mut Draft<'_>, incident: &Incident) {
    let Some(cause) = &incident.assessment.cause else { return };
    let parted = |event: &Event| {
        let Event::Durable(durable) = event else { return false };
        matches!(&durable.what, What::CauseParted { cause: named, .. } if named == cause)
    };
    if !draft.events.iter().any(parted) {
        let members = incident.raised().cloned().collect();
        draft.conclude(What::CauseParted { cause: cause.clone(), members });
    }
}

//! Streams that fail together: the MCU they leave, a venue, a trunk, a carrier, a region, or the controller's side.
//!
//! They are raised one by one, as soon as each is seen: the first ones stand alone until enough have followed, and
//! are then given the cause after the fact. How many stand on what is counted as findings come and go, so that
//! naming a cause looks at those that failed and never at all streams.

use std::collections::{BTreeMap, BTreeSet};

use super::{HUB_LEAST, HUB_SHARE, SHARE, raising};
use crate::domain::id::{StreamId, VenueId};
use crate::domain::inventory::Resource;
use crate::domain::time::{Span, Utc};
use crate::engine::draft::Draft;
use crate::engine::event::What;
use crate::engine::finding::{FindingKey, RuleCode, Subject};
use crate::engine::state::durable::MEMBERS_MAX;
use crate::engine::state::{Finding, State};

/// Faults that began within this time of one another began together.
const TOGETHER: Span = Span::seconds(4);
/// A stream breaks off at once, an agent's silence counts from its last heartbeat a second before.
const WITH_AGENT: Span = Span::seconds(6);

/// A cause and the other findings under it.
pub(super) type Shared = (Resource, Vec<FindingKey>);

/// What a stream's fault shares with others of its kind. Earlier ones that stood alone are given the cause as well.
pub(super) fn cause(
    draft: &mut Draft<'_>,
    raised: &BTreeSet<FindingKey>,
    key: &FindingKey,
) -> Option<Shared> {
    let Subject::Stream(id) = &key.subject else { return None };
    let since = draft.events.iter().filter_map(raising).find(|(raised, _)| *raised == key)?.1;
    if !is_shared(key.rule) {
        return None;
    }
    let state = draft.state;
    let tally = Tally { state, draft, raised, rule: key.rule, since };
    let Some(named) = tally.pick(id) else { return with_agent(state, id, key.rule, since) };
    let members: Vec<FindingKey> = tally.affected(&named).into_iter().map(|id| of(key.rule, &id)).collect();
    let other = |key: &&FindingKey| {
        state.durable.findings.get(*key).is_some_and(|finding| finding.cause.as_ref() != Some(&named))
    };
    if members.iter().any(|key| other(&key)) {
        draft.conclude(What::CauseFound { cause: named.clone(), members: members.clone() });
    }
    let others = members.into_iter().filter(|other| other != key).take(MEMBERS_MAX);
    Some((named, others.collect()))
}

/// An agent fell silent for `named`, or alone: streams that broke off with it have the same cause.
pub(super) fn follow_agent(
    draft: &mut Draft<'_>,
    key: &FindingKey,
    named: Option<&Shared>,
) -> Option<Shared> {
    let Subject::Agent(agent) = &key.subject else { return None };
    let state = draft.state;
    let since = draft.events.iter().filter_map(raising).find(|(raised, _)| *raised == key)?.1;
    let venue =
        state.durable.inventory.agents.get(agent).map(|agent| Resource::Venue(agent.venue.clone()))?;
    let cause = named.map_or(venue, |(cause, _)| cause.clone());
    let lost = state.picture.streams.raised_on.get(&(RuleCode::StreamLost, cause.clone()))?;
    let lost = lost.iter().filter(|(_, at)| apart(**at, since) <= WITH_AGENT);
    let lost: Vec<FindingKey> = lost.map(|(id, _)| of(RuleCode::StreamLost, id)).collect();
    if lost.is_empty() {
        return None;
    }
    let known = named.map(|(_, members)| members.clone()).unwrap_or_default();
    let others: Vec<FindingKey> = known.into_iter().chain(lost).collect();
    let other = |finding: &Finding| finding.cause.as_ref() != Some(&cause);
    if others.iter().filter_map(|key| state.durable.findings.get(key)).any(other) {
        let members = others.iter().cloned().chain([key.clone()]).collect();
        draft.conclude(What::CauseFound { cause: cause.clone(), members });
    }
    Some((cause, others.into_iter().take(MEMBERS_MAX).collect()))
}

/// Whether a rule can have a cause outside its stream: nobody forgets thirteen microphones for one reason.
fn is_shared(rule: RuleCode) -> bool {
    matches!(
        rule,
        RuleCode::StreamLost
            | RuleCode::StreamNoVideo
            | RuleCode::StreamNoAudio
            | RuleCode::StreamLoss
            | RuleCode::StreamJitter
            | RuleCode::StreamBitrate
            | RuleCode::StreamCorrupt
            | RuleCode::StreamFreeze
            | RuleCode::StreamBlack
            | RuleCode::StreamUnavailable
    )
}

/// The venue's agent fell silent at the same time: what stopped it stopped the stream.
fn with_agent(state: &State, id: &StreamId, rule: RuleCode, since: Utc) -> Option<Shared> {
    let venue: &VenueId = state.picture.streams.each.get(id)?.venue.as_ref()?;
    let agent = state.picture.index.agent_of.get(venue)?;
    let key = FindingKey { rule: RuleCode::AgentOffline, subject: Subject::Agent(agent.clone()) };
    let silent = state.durable.findings.get(&key).filter(|_| rule == RuleCode::StreamLost)?;
    let cause = silent.cause.clone().unwrap_or_else(|| Resource::Venue(venue.clone()));
    (apart(silent.since, since) <= WITH_AGENT).then(|| (cause, vec![key]))
}

/// Faults of one kind about one moment.
struct Tally<'a, 'd> {
    state: &'a State,
    draft: &'a Draft<'d>,
    raised: &'a BTreeSet<FindingKey>,
    rule: RuleCode,
    since: Utc,
}

impl Tally<'_, '_> {
    /// The resource to name: of those that are mostly affected the one with most, of equals the nearest. When
    /// almost everything is, it is the controller's own side, unless one MCU or one venue explains as much.
    fn pick(&self, id: &StreamId) -> Option<Resource> {
        let beneath = &self.state.picture.streams.each.get(id)?.beneath;
        let mut best: Option<(usize, &Resource)> = None;
        // That we cannot look is no trouble of lines or devices.
        let ours =
            |resource: &&Resource| self.rule != RuleCode::StreamUnavailable || **resource == Resource::Hub;
        for resource in beneath.iter().filter(ours) {
            let hub = *resource == Resource::Hub;
            let (least, share) = if hub { (HUB_LEAST, HUB_SHARE) } else { (2, SHARE) };
            let all = self.state.picture.streams.standing.get(resource).copied().unwrap_or(0);
            let hit = self.affected(resource).len();
            let more = best.is_none_or(|(most, nearer)| {
                let wider = hub && !matches!(nearer, Resource::Mcu(_) | Resource::Venue(_));
                hit > most || (wider && hit == most)
            });
            if hit >= least && hit as f64 >= all as f64 * share && more {
                best = Some((hit, resource));
            }
        }
        best.map(|(_, resource)| resource.clone())
    }

    /// The streams on a resource that failed about then.
    fn affected(&self, resource: &Resource) -> BTreeSet<StreamId> {
        let streams = &self.state.picture.streams;
        let empty = BTreeMap::new();
        let before = streams.raised_on.get(&(self.rule, resource.clone())).unwrap_or(&empty);
        let before = before.iter().filter(|(_, at)| apart(**at, self.since) <= TOGETHER);
        let mut affected: BTreeSet<StreamId> = before.map(|(id, _)| id.clone()).collect();
        let now = self.draft.events.iter().filter_map(raising);
        let now = now.filter(|(key, at)| {
            key.rule == self.rule && self.raised.contains(*key) && apart(*at, self.since) <= TOGETHER
        });
        for (key, _) in now {
            let Subject::Stream(id) = &key.subject else { continue };
            if streams.each.get(id).is_some_and(|stream| stream.beneath.contains(resource)) {
                affected.insert(id.clone());
            }
        }
        affected
    }
}

fn of(rule: RuleCode, id: &StreamId) -> FindingKey {
    FindingKey { rule, subject: Subject::Stream(id.clone()) }
}

fn apart(a: Utc, b: Utc) -> Span {
    a.since(b).max(b.since(a))
}

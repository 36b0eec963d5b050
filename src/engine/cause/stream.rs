//! Streams that fail together: the MCU they leave, a venue, a trunk, a carrier, a region, or the controller's side.
//!
//! They are raised one by one, as soon as each is seen: the first ones stand alone until enough have followed, and
//! are then given the cause after the fact. How many stand on what is counted as findings come and go, so that
//! naming a cause looks at those that failed and never at all streams.

use std::collections::BTreeMap;

use super::{HUB_LEAST, HUB_SHARE, SHARE, device, raising};
use crate::domain::id::{StreamId, VenueId};
use crate::domain::inventory::Resource;
use crate::domain::time::{Span, Utc};
use crate::engine::draft::Draft;
use crate::engine::finding::{FindingKey, RuleCode, Subject};
use crate::engine::state::durable::MEMBERS_MAX;
use crate::engine::state::stream::Onsets;
use crate::engine::state::{Finding, State};

/// Faults that began within this time of one another began together.
const TOGETHER: Span = Span::seconds(4);
/// A stream breaks off at once, an agent's silence counts from its last heartbeat a second before.
const WITH_AGENT: Span = Span::seconds(6);

/// A cause and the other findings under it.
pub(super) type Shared = (Resource, Vec<FindingKey>);

/// What is raised about streams in one decision.
pub(super) struct Breaks {
    since: BTreeMap<FindingKey, Utc>,
    on: BTreeMap<(RuleCode, Resource), Onsets>,
}

impl Breaks {
    pub(super) fn of(draft: &Draft<'_>) -> Self {
        let mut breaks = Self { since: BTreeMap::new(), on: BTreeMap::new() };
        let streams = &draft.state.picture.streams.each;
        for (key, since) in draft.events.iter().filter_map(raising) {
            let Subject::Stream(id) = &key.subject else { continue };
            breaks.since.insert(key.clone(), since);
            for resource in streams.get(id).into_iter().flat_map(|stream| stream.beneath.iter()) {
                let on = breaks.on.entry((key.rule, resource.clone())).or_default();
                on.insert(id.clone(), since);
            }
        }
        breaks
    }

    /// What a stream's fault shares with others of its kind. Earlier ones that stood alone are given the cause too.
    pub(super) fn cause(&self, draft: &mut Draft<'_>, key: &FindingKey) -> Option<Shared> {
        let Subject::Stream(id) = &key.subject else { return None };
        let since = *self.since.get(key)?;
        if !is_shared(key.rule) {
            return None;
        }
        let state = draft.state;
        if let Some(gone) = device::gone_beneath(draft, key, since) {
            return Some(gone);
        }
        let Some(named) = self.pick(state, id, key.rule, since) else {
            return with_agent(state, id, key.rule, since);
        };
        let at = (key.rule, named.clone());
        let streams = &state.picture.streams;
        let before = || streams.raised_on.get(&at).into_iter().flat_map(|on| on.about(since, TOGETHER));
        let now = || self.on.get(&at).into_iter().flat_map(|on| on.about(since, TOGETHER));
        let members = || before().chain(now()).map(|id| of(key.rule, id));
        let known = streams.named.get(&at).is_some_and(|before| apart(*before, since) <= TOGETHER);
        let alone = |id: &StreamId| {
            let finding = state.durable.findings.get(&of(key.rule, id));
            finding.is_some_and(|finding| finding.cause.as_ref() != Some(&named))
        };
        if !known && before().any(alone) {
            draft.found_cause(named.clone(), members().collect());
        }
        let others = members().filter(|other| other != key).take(MEMBERS_MAX).collect();
        Some((named, others))
    }

    /// The resource to name: of those that are mostly affected the one with most, of equals the nearest. When
    /// almost everything is, it is the controller's own side, unless one MCU or one venue explains as much.
    fn pick(&self, state: &State, id: &StreamId, rule: RuleCode, since: Utc) -> Option<Resource> {
        let streams = &state.picture.streams;
        // That we cannot look is no trouble of lines or devices.
        let ours = |resource: &&Resource| rule != RuleCode::StreamUnavailable || **resource == Resource::Hub;
        let mut best: Option<(usize, &Resource)> = None;
        for resource in streams.each.get(id)?.beneath.iter().filter(ours) {
            let hub = *resource == Resource::Hub;
            let (least, share) = if hub { (HUB_LEAST, HUB_SHARE) } else { (2, SHARE) };
            let at = (rule, resource.clone());
            let count = |on: Option<&Onsets>| on.map_or(0, |on| on.count(since, TOGETHER));
            let hit = count(streams.raised_on.get(&at)) + count(self.on.get(&at));
            let all = streams.standing.get(resource).copied().unwrap_or(0);
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
    let lost = lost.about(since, WITH_AGENT);
    let lost: Vec<FindingKey> = lost.map(|id| of(RuleCode::StreamLost, id)).collect();
    if lost.is_empty() {
        return None;
    }
    let known = named.map(|(_, members)| members.clone()).unwrap_or_default();
    let others: Vec<FindingKey> = known.into_iter().chain(lost).collect();
    let other = |finding: &Finding| finding.cause.as_ref() != Some(&cause);
    if others.iter().filter_map(|key| state.durable.findings.get(key)).any(other) {
        let members = others.iter().cloned().chain([key.clone()]).collect();
        draft.found_cause(cause.clone(), members);
    }
    Some((cause, others.into_iter().take(MEMBERS_MAX).collect()))
}

/// Whether a rule can have a cause outside its stream: nobody forgets thirteen microphones for one reason.
pub(super) fn is_shared(rule: RuleCode) -> bool {
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

fn of(rule: RuleCode, id: &StreamId) -> FindingKey {
    FindingKey { rule, subject: Subject::Stream(id.clone()) }
}

pub(super) fn apart(a: Utc, b: Utc) -> Span {
    a.since(b).max(b.since(a))
}

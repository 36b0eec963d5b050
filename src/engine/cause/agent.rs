//! Agents that fall silent together: a trunk, a carrier, a region's power, or the controller's own side.

use std::collections::{BTreeMap, BTreeSet};

use super::{Tally, raising};
use crate::domain::id::{AgentId, VenueId};
use crate::domain::inventory::Resource;
use crate::domain::time::{Span, Utc};
use crate::engine::draft::Draft;
use crate::engine::finding::{FindingKey, RuleCode, Subject};
use crate::engine::state::State;
use crate::engine::state::durable::MEMBERS_MAX;

/// Silences that began within this time of one another began together: heartbeats come each second.
const TOGETHER: Span = Span::seconds(4);
/// Silences so close to one another are counted against the same tally.
const SAME: Span = Span::seconds(1);

/// Who is silent since when, and what every enrolled agent stands on.
pub(super) struct Silences {
    since: BTreeMap<AgentId, Utc>,
    beneath: BTreeMap<AgentId, Vec<Resource>>,
    tally: Option<(Utc, Tally)>,
}

impl Silences {
    pub(super) fn of(draft: &Draft<'_>, raised: &BTreeSet<FindingKey>) -> Self {
        let durable = &draft.state.durable;
        let enrolled =
            durable.inventory.agents.values().filter(|agent| durable.agent_key(&agent.id).is_some());
        let beneath = enrolled.map(|agent| (agent.id.clone(), beneath(draft.state, &agent.venue))).collect();
        Self { since: since(draft, raised), beneath, tally: None }
    }

    /// The resource that an agent shares with those silent at the same time, and their findings.
    pub(super) fn cause(&mut self, key: &FindingKey) -> Option<(Resource, Vec<FindingKey>)> {
        let Subject::Agent(me) = &key.subject else { return None };
        let since = *self.since.get(me)?;
        let mine = self.beneath.get(me)?.clone();
        let named = self.tally(since).pick(&mine)?;
        let member = |(agent, at): &(&AgentId, &Utc)| {
            *agent != me
                && apart(**at, since) <= TOGETHER
                && self.beneath.get(*agent).is_some_and(|under| under.contains(&named))
        };
        let members = self.since.iter().filter(member).map(|(agent, _)| offline(agent));
        let members = members.take(MEMBERS_MAX).collect();
        Some((named, members))
    }

    fn tally(&mut self, since: Utc) -> &Tally {
        let fits = self.tally.as_ref().is_some_and(|(at, _)| apart(*at, since) <= SAME);
        if !fits {
            let mut tally = Tally::default();
            for (agent, resources) in &self.beneath {
                let together = self.since.get(agent).is_some_and(|at| apart(*at, since) <= TOGETHER);
                tally.count(resources, together);
            }
            self.tally = Some((since, tally));
        }
        let (_, tally) = self.tally.get_or_insert_with(|| (since, Tally::default()));
        tally
    }
}

fn apart(a: Utc, b: Utc) -> Span {
    a.since(b).max(b.since(a))
}

fn offline(agent: &AgentId) -> FindingKey {
    FindingKey { rule: RuleCode::AgentOffline, subject: Subject::Agent(agent.clone()) }
}

/// Since when each silent agent is silent: raised before, still in its hold, or raised now.
fn since(draft: &Draft<'_>, raised: &BTreeSet<FindingKey>) -> BTreeMap<AgentId, Utc> {
    let state = draft.state;
    let before = state.durable.findings.values().map(|finding| (&finding.key, finding.since));
    let held = state.picture.holds.iter().map(|(key, hold)| (key, hold.since_utc));
    let now = draft.events.iter().filter_map(raising).filter(|(key, _)| raised.contains(*key));
    let agent = |(key, since): (&FindingKey, Utc)| match (&key.subject, key.rule) {
        (Subject::Agent(agent), RuleCode::AgentOffline) => Some((agent.clone(), since)),
        (
            Subject::Agent(_)
            | Subject::Resource(_)
            | Subject::Stream(_)
            | Subject::Device(_)
            | Subject::Site(_)
            | Subject::Reading(_),
            _,
        ) => None,
    };
    before.chain(held).chain(now).filter_map(agent).collect()
}

/// What a venue's agent stands on: trunks and carriers of its first link, its regions upwards, the controller's side.
fn beneath(state: &State, venue: &VenueId) -> Vec<Resource> {
    let inventory = &state.durable.inventory;
    let link = state.picture.index.links_of.get(venue).and_then(|links| links.first());
    let under_link = link.map(|link| inventory.beneath_link(link)).unwrap_or_default();
    let mut found: Vec<Resource> =
        under_link.into_iter().skip(1).filter(|resource| *resource != Resource::Hub).collect();
    found.extend(inventory.regions_of(venue));
    found.push(Resource::Hub);
    found
}

//! What the inventory says, arranged for look-up. It follows from the durable half alone.

use std::collections::{BTreeMap, BTreeSet};

use super::durable::DurableState;
use crate::domain::check::RoundKind;
use crate::domain::id::{AgentId, LinkId, MeetingId, VenueId};
use crate::domain::inventory::{Inventory, Resource};
use crate::domain::time::{Span, Utc};

/// What the inventory says, arranged for look-up.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::engine) struct Index {
    pub(in crate::engine) agent_of: BTreeMap<VenueId, AgentId>,
    pub(in crate::engine) links_of: BTreeMap<VenueId, Vec<LinkId>>,
    pub(in crate::engine) meetings_of: BTreeMap<VenueId, Vec<MeetingId>>,
    /// How many venues stand on a resource.
    pub(in crate::engine) venues_on: BTreeMap<Resource, usize>,
    pub(in crate::engine) automatic: BTreeSet<(Utc, MeetingId, RoundKind)>,
}

/// Automatic rounds that were not opened yet.
pub(super) fn automatic(durable: &DurableState) -> BTreeSet<(Utc, MeetingId, RoundKind)> {
    let mut due = BTreeSet::new();
    for meeting in durable.inventory.meetings.values().filter(|meeting| meeting.automatic_rounds) {
        let done = durable.automatic.get(&meeting.id);
        for (kind, before) in [(RoundKind::WholeNetwork, 24 * 60), (RoundKind::PreMeeting, 60)] {
            if done.and_then(|done| done.get(&kind)) != Some(&meeting.starts) {
                due.insert((meeting.starts - Span::minutes(before), meeting.id.clone(), kind));
            }
        }
    }
    due
}

impl Index {
    pub(super) fn of(durable: &DurableState) -> Self {
        let inventory = &durable.inventory;
        let mut index = Self { automatic: automatic(durable), ..Self::default() };
        for agent in inventory.agents.values() {
            index.agent_of.insert(agent.venue.clone(), agent.id.clone());
        }
        for link in inventory.links.values() {
            index.links_of.entry(link.venue.clone()).or_default().push(link.id.clone());
        }
        let role = |id: &LinkId| inventory.links.get(id).map(|link| link.role);
        index.links_of.values_mut().for_each(|links| links.sort_by_key(|id| (role(id), id.clone())));
        for meeting in inventory.meetings.values() {
            for venue in meeting.all_venues() {
                index.meetings_of.entry(venue.clone()).or_default().push(meeting.id.clone());
            }
        }
        index.venues_on = index.count_venues(inventory);
        index
    }

    fn count_venues(&self, inventory: &Inventory) -> BTreeMap<Resource, usize> {
        let mut count = BTreeMap::new();
        for venue in inventory.venues.keys() {
            for resource in self.beneath_venue(inventory, venue) {
                *count.entry(resource).or_default() += 1;
            }
        }
        count
    }

    /// What a venue stands on, nearest first: the MCUs of its meetings, the trunks and carriers of its first link,
    /// its regions upwards, the controller's side.
    pub(in crate::engine) fn beneath_venue(&self, inventory: &Inventory, venue: &VenueId) -> Vec<Resource> {
        let meetings = self.meetings_of.get(venue).into_iter().flatten();
        let mcus = meetings.filter_map(|meeting| inventory.meetings.get(meeting)?.mcu.clone());
        let mut found: Vec<Resource> = mcus.collect::<BTreeSet<_>>().into_iter().map(Resource::Mcu).collect();
        let link = self.links_of.get(venue).and_then(|links| links.first());
        let under = link.map(|link| inventory.beneath_link(link)).unwrap_or_default();
        found.extend(under.into_iter().skip(1).filter(|resource| *resource != Resource::Hub));
        found.extend(inventory.regions_of(venue));
        found.push(Resource::Hub);
        found
    }
}

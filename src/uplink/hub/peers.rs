//! The agents as the hub knows them: marks, events, quota per venue. Follows the roster. Pure.

use std::collections::BTreeMap;

use super::inbox::Inbox;
use super::suspicion::Suspect;
use super::{EarlyEvent, Enrolled, EventMark, Roster};
use crate::domain::id::{AgentId, VenueId};
use crate::domain::time::Mono;
use crate::uplink::key::KeyId;
use crate::uplink::quota::Quota;
use crate::uplink::replay::Mark;

/// Messages per second that a venue may send for good, and at once. An agent sends one heartbeat a second and at
/// most a window of events between two acknowledgements, and levels and pictures while somebody looks.
const PER_SECOND: u64 = 200;
const BURST: u64 = 400;
/// A message costs one token for each of these many bytes begun.
const TOKEN_BYTES: usize = 4096;

/// One enrolled agent.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) enrolled: Enrolled,
    pub(super) events: Mark,
    pub(super) heartbeats: Mark,
    pub(super) streams: Mark,
    pub(super) live: Mark,
    pub(super) inbox: Inbox<EarlyEvent>,
    /// Whether there is something to acknowledge.
    pub(super) owes_ack: bool,
}

/// All agents and venues.
#[derive(Debug, Default)]
pub(super) struct Peers {
    peers: BTreeMap<KeyId, Peer>,
    venues: BTreeMap<VenueId, Quota>,
}

impl Peers {
    /// Follows a new roster: who stays keeps everything, who is gone is forgotten.
    pub(super) fn follow(&mut self, roster: &Roster, now: Mono) {
        self.peers.retain(|id, _| roster.contains_key(id));
        for (id, enrolled) in roster {
            match self.peers.get_mut(id) {
                Some(peer) => peer.enrolled = enrolled.clone(),
                None => drop(self.peers.insert(*id, Peer::new(enrolled.clone()))),
            }
        }
        self.venues.retain(|venue, _| roster.values().any(|enrolled| enrolled.venue == *venue));
        for enrolled in roster.values() {
            let quota = || Quota::full(PER_SECOND, BURST, now);
            self.venues.entry(enrolled.venue.clone()).or_insert_with(quota);
        }
    }

    /// Takes a message's cost from its venue's quota; `None` for a venue without agents.
    pub(super) fn admits(&mut self, venue: &VenueId, bytes: usize, now: Mono) -> Option<bool> {
        let cost = 1 + (bytes / TOKEN_BYTES) as u64;
        self.venues.get_mut(venue).map(|quota| quota.admits(cost, now))
    }

    /// An agent by its key.
    pub(super) fn get(&self, key: KeyId) -> Option<&Peer> {
        self.peers.get(&key)
    }

    /// The same to change.
    pub(super) fn get_mut(&mut self, key: KeyId) -> Option<&mut Peer> {
        self.peers.get_mut(&key)
    }

    /// An agent by its name.
    pub(super) fn find(&self, agent: &AgentId) -> Option<(KeyId, &Peer)> {
        self.peers.iter().find(|(_, peer)| peer.enrolled.agent == *agent).map(|(id, peer)| (*id, peer))
    }

    /// Notes what the store has committed.
    pub(super) fn commit(&mut self, key: KeyId, mark: EventMark) {
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.owes_ack |= peer.inbox.commit(mark.outbox, mark.event);
        }
    }

    /// Forgets what was delivered and never committed.
    pub(super) fn rewind(&mut self) {
        self.peers.values_mut().for_each(|peer| peer.inbox.rewind());
    }

    /// The agents to whom something must be said.
    pub(super) fn owing(&self) -> Vec<KeyId> {
        self.peers.iter().filter(|(_, peer)| peer.owes_ack).map(|(id, _)| *id).collect()
    }

    /// Whom to lay a refusal to: the agent of the claimed key when it belongs to the venue of the topic, or the
    /// venue's only agent.
    pub(super) fn suspect(&self, venue: &VenueId, claimed: Option<KeyId>, proven: bool) -> Suspect {
        let by_key =
            claimed.and_then(|key| self.peers.get(&key)).filter(|p| p.enrolled.venue == *venue || proven);
        let mut at_venue = self.peers.values().filter(|peer| peer.enrolled.venue == *venue);
        let only = at_venue.next().filter(|_| at_venue.next().is_none());
        let agent = by_key.or(only).map(|peer| peer.enrolled.agent.clone());
        Suspect { venue: Some(venue.clone()), agent, proven }
    }
}

impl Peer {
    fn new(enrolled: Enrolled) -> Self {
        let inbox = Inbox::after(enrolled.mark);
        let events = enrolled.mark.map(|mark| mark.mark).unwrap_or_default();
        // Marks of the other lanes are not stored: what lies before the last committed start is old all the same.
        let start = Mark::start(events.boot);
        Self { enrolled, events, heartbeats: start, streams: start, live: start, inbox, owes_ack: false }
    }
}

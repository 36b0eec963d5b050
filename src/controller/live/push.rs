//! Tickets for agents' streams: made when somebody clicks, told to the agent as a signed command, spent once at the
//! door of the enrolment listener.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::wall;
use crate::domain::id::{AgentId, StreamId};
use crate::domain::inventory::{Inventory, LinkRole};
use crate::domain::live::MediaPiece;
use crate::domain::time::Span;
use crate::observation::AgentCommand;
use crate::uplink::hub::HubHandle;
use crate::uplink::push::{self, Admission, ticket_hash};

/// How long a ticket may wait for its agent.
const TICKET_LIFE: Duration = Duration::from_secs(10);
/// How long the command that brings it counts.
const COMMAND_LIFE: Span = Span::seconds(8);
/// How long one push may go on.
const PUSH_TIME: Span = Span::seconds(900);
/// Most tickets that wait.
const TICKETS_MAX: usize = 64;
/// Pieces that wait for their relay.
const PIECES_MAX: usize = 64;
/// What a push may take of a line whose rate is known: one part in so many.
const SHARE: u32 = 4;
/// Least and most that a push may take, kbit/s.
const KBPS: std::ops::RangeInclusive<u32> = 512..=6_000;

/// Tickets that wait. Clones share them.
#[derive(Debug, Clone, Default)]
pub(in crate::controller) struct Tickets(Arc<Mutex<BTreeMap<[u8; 32], Waiting>>>);

#[derive(Debug)]
struct Waiting {
    pieces: mpsc::Sender<MediaPiece>,
    kbps_max: u32,
    expires: Instant,
}

/// What is asked of an agent.
#[derive(Debug)]
pub(super) struct Order {
    stream: StreamId,
    agent: AgentId,
    kbps_max: u32,
}

impl Order {
    /// A push of this stream, held to a part of the venue's primary line.
    pub(super) fn new(stream: &StreamId, agent: &AgentId, inventory: &Inventory) -> Self {
        let venue = inventory.agents.get(agent).map(|agent| &agent.venue);
        let links = venue.map(|venue| inventory.links_of(venue)).unwrap_or_default();
        let primary = links.iter().find(|link| link.role == LinkRole::Primary);
        let rate = primary.and_then(|link| link.rate_kbps);
        let kbps_max = rate.map_or(*KBPS.end(), |rate| (rate / SHARE).clamp(*KBPS.start(), *KBPS.end()));
        Self { stream: stream.clone(), agent: agent.clone(), kbps_max }
    }
}

impl Tickets {
    /// Tells an agent to push; gives the pieces that will come, or nothing when the agent cannot be told.
    pub(super) async fn ask(&self, order: Order, agents: &HubHandle) -> Option<mpsc::Receiver<MediaPiece>> {
        let ticket = hex::encode(rand::random::<[u8; 16]>());
        let (pieces, pushed) = mpsc::channel(PIECES_MAX);
        let Order { stream, agent, kbps_max } = order;
        if !self.put(&ticket, pieces, kbps_max, Instant::now()) {
            return None;
        }
        let command = AgentCommand::PushStream { stream, ticket, kbps_max, until: wall() + PUSH_TIME };
        match agents.command(&agent, command, wall() + COMMAND_LIFE).await {
            Ok(_) => Some(pushed),
            Err(error) => {
                tracing::debug!(%agent, %error, "an agent was not asked for its stream");
                None
            }
        }
    }

    fn put(&self, ticket: &str, pieces: mpsc::Sender<MediaPiece>, kbps_max: u32, now: Instant) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, ticket| ticket.expires > now && !ticket.pieces.is_closed());
        let room = waiting.len() < TICKETS_MAX;
        if room {
            waiting.insert(ticket_hash(ticket), Waiting { pieces, kbps_max, expires: now + TICKET_LIFE });
        }
        room
    }

    fn spend_at(&self, hash: [u8; 32], now: Instant) -> Option<Admission> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&hash)?;
        let until = now + Duration::from_micros(PUSH_TIME.0);
        let Waiting { pieces, kbps_max, expires } = found;
        (expires > now).then_some(Admission { pieces, kbps_max, until })
    }
}

impl push::Tickets for Tickets {
    fn spend(&self, hash: [u8; 32]) -> Option<Admission> {
        self.spend_at(hash, Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_counts_once_and_not_for_long() {
        let tickets = Tickets::default();
        let (pieces, _pushed) = mpsc::channel(1);
        let now = Instant::now();
        assert!(tickets.put("a", pieces.clone(), 1000, now));
        assert!(tickets.put("b", pieces, 1000, now));
        let spend = |ticket: &str, at| tickets.spend_at(ticket_hash(ticket), at).is_some();
        assert!(!spend("c", now), "an unknown one");
        assert!(spend("a", now));
        assert!(!spend("a", now), "a spent one");
        assert!(!spend("b", now + TICKET_LIFE), "an expired one");
    }
}

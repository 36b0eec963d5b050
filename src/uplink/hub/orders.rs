//! Commands on their way: repeated until taken or expired. Pure.

use std::collections::BTreeMap;

use crate::domain::id::AgentId;
use crate::domain::time::{Mono, Span, Utc};
use crate::observation::AgentCommand;
use crate::uplink::key::KeyId;
use crate::uplink::message::CommandId;

/// Commands that may wait for one agent.
pub(super) const PER_AGENT_MAX: usize = 32;
const REPEAT: Span = Span::seconds(1);

/// A command on its way.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) to: KeyId,
    pub(super) agent: AgentId,
    pub(super) command: AgentCommand,
    pub(super) expires: Utc,
    next_at: Mono,
}

/// All commands on their way.
#[derive(Debug, Default)]
pub(super) struct Orders {
    pending: BTreeMap<CommandId, Pending>,
}

impl Orders {
    /// How many wait for an agent.
    pub(super) fn waiting_for(&self, to: KeyId) -> usize {
        self.pending.values().filter(|pending| pending.to == to).count()
    }

    /// Takes a command up; it is due at once.
    pub(super) fn add(&mut self, id: CommandId, to: (KeyId, AgentId), command: AgentCommand, expires: Utc) {
        let (to, agent) = to;
        self.pending.insert(id, Pending { to, agent, command, expires, next_at: Mono(0) });
    }

    /// The commands that are to be sent now, each then due again a second later.
    pub(super) fn due(&mut self, now: Mono) -> Vec<(CommandId, Pending)> {
        let due = self.pending.iter_mut().filter(|(_, pending)| pending.next_at <= now);
        due.map(|(id, pending)| {
            pending.next_at = now + REPEAT;
            (*id, pending.clone())
        })
        .collect()
    }

    /// Removes what has expired and gives it.
    pub(super) fn expire(&mut self, now: Utc) -> Vec<(CommandId, AgentId)> {
        let over: Vec<_> = self.pending.iter().filter(|(_, p)| p.expires <= now).map(|(id, _)| *id).collect();
        over.into_iter().filter_map(|id| self.pending.remove(&id).map(|p| (id, p.agent))).collect()
    }

    /// Notes that an agent has taken a command; gives whether that was awaited of it.
    pub(super) fn taken(&mut self, id: CommandId, by: KeyId) -> bool {
        let awaited = self.pending.get(&id).is_some_and(|pending| pending.to == by);
        if awaited {
            self.pending.remove(&id);
        }
        awaited
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uplink::key::SecretKey;

    #[test]
    fn a_command_is_repeated_until_its_agent_takes_it_or_it_expires() {
        let (to, other) = (SecretKey::from_seed(&[1; 32]).id(), SecretKey::from_seed(&[2; 32]).id());
        let agent = AgentId::parse("guidong").unwrap();
        let id = |n| CommandId { boot: 1, n };
        let mut orders = Orders::default();
        for n in [1, 2] {
            orders.add(id(n), (to, agent.clone()), AgentCommand::ReportHealth, Utc(5_000_000));
        }
        let due = |orders: &mut Orders, at| {
            orders.due(Mono(at)).into_iter().map(|(id, _)| id.n).collect::<Vec<_>>()
        };
        assert_eq!(due(&mut orders, 0), [1, 2]);
        assert!(due(&mut orders, 999_999).is_empty());
        assert!(!orders.taken(id(1), other), "another agent can not answer for it");
        assert!(orders.taken(id(1), to));
        assert_eq!(due(&mut orders, 1_000_000), [2]);
        assert_eq!((orders.waiting_for(to), orders.expire(Utc(4_999_999))), (1, vec![]));
        assert_eq!(orders.expire(Utc(5_000_000)), [(id(2), agent)]);
    }
}

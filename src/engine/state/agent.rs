//! The two kinds of vcops itself as they are seen now: agents, and the controller that looks.

use std::collections::BTreeMap;

use crate::domain::time::{Mono, Utc};
use crate::observation::{AgentHealth, HubHealth, Misbehaviour, Order};

/// One agent as it is seen now.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AgentPicture {
    /// When it was heard last; `None` when not since the start.
    pub at: Option<Mono>,
    /// Order of that message.
    pub order: Order,
    /// How it was.
    pub health: Option<AgentHealth>,
    /// What it did wrong, and how often.
    pub misbehaviour: BTreeMap<Misbehaviour, u64>,
    /// When it last did.
    pub misbehaved: Option<Mono>,
    /// When its silence will count, as long as the timer for it is set.
    pub(in crate::engine) silent_at: Option<Mono>,
}

/// The controller as it finds itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HubPicture {
    /// When it last measured itself.
    pub at: Option<Mono>,
    /// How it was.
    pub health: Option<HubHealth>,
    /// When the wall clock was last stepped, and by how much, microseconds.
    pub stepped: Option<(Mono, i64)>,
    /// When the journal could last be written again, and since when it could not.
    pub gap: Option<(Utc, Utc)>,
}

impl HubPicture {
    pub(super) fn seen(&mut self, at: Mono, health: &HubHealth) {
        (self.at, self.health) = (Some(at), Some(health.clone()));
    }
}

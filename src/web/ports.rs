//! What the composition must hand to the web: where commands go, what is shown, the store, invitations, counters,
//! the clock. Knows no engine loop.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use crate::domain::actor::Actor;
use crate::domain::id::AgentId;
use crate::domain::time::Utc;
use crate::engine::effect::Outcome;
use crate::engine::input::Command;
use crate::metrics::Counters;
use crate::report::Snapshot;
use crate::store::Store;

/// A command on its way to the engine.
#[derive(Debug)]
pub struct CommandRequest {
    /// Who.
    pub actor: Actor,
    /// What.
    pub command: Command,
    /// Where the answer goes, after the decision is committed.
    pub reply: oneshot::Sender<Outcome>,
}

/// Everything the web needs from outside.
#[derive(Clone)]
pub struct Ports {
    /// To the engine loop; bounded, and a full one is answered `busy`.
    pub commands: mpsc::Sender<CommandRequest>,
    /// The newest snapshot, sent at most five times a second.
    pub snapshot: watch::Receiver<Arc<Snapshot>>,
    /// Users and sessions, people, the journal.
    pub store: Store,
    /// Makes one-time invitations for agents.
    pub invitations: Arc<dyn Invitations>,
    /// Process counters.
    pub counters: Arc<Counters>,
    /// The wall clock; a value in tests.
    pub clock: Clock,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}

/// Reads the wall clock.
pub type Clock = Arc<dyn Fn() -> Utc + Send + Sync>;

/// The system's wall clock.
pub fn system_clock() -> Clock {
    Arc::new(|| Utc::from_timestamp(jiff::Timestamp::now()))
}

/// Makes one-time invitations: the composition knows the controller's key and address.
pub trait Invitations: Send + Sync + 'static {
    /// A new invitation.
    fn invite(&self, agent: &AgentId) -> Invitation;
}

/// A one-time invitation.
pub struct Invitation {
    /// What is shown once, to be entered at the agent.
    pub token: String,
    /// SHA-256 of its secret, hex.
    pub secret_hash: String,
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invitation(…)")
    }
}

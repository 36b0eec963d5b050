//! What the composition must hand to the web: where commands go, what is shown, where accounts, people and the
//! journal are read. Knows no engine loop and no database.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};
use utoipa::ToSchema;

use super::account::Accounts;
use crate::domain::actor::Actor;
use crate::domain::id::{AgentId, PersonId};
use crate::domain::inventory::PersonDetails;
use crate::domain::time::Utc;
use crate::engine::effect::Outcome;
use crate::engine::input::Command;
use crate::metrics::Counters;
use crate::report::Snapshot;

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
    /// Users, sessions, lock-outs, the set-up token.
    pub accounts: Arc<dyn Accounts>,
    /// Names and numbers of people.
    pub people: Arc<dyn People>,
    /// The journal, read only.
    pub journal: Arc<dyn Journal>,
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

/// A port could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PortFault(pub String);

/// Names and numbers, apart from the journal.
pub trait People: Send + Sync + 'static {
    /// The details of those that are known, by id.
    fn details<'a>(&'a self, people: &'a [PersonId]) -> BoxFuture<'a, Result<Vec<PersonDetails>, PortFault>>;
    /// Adds or replaces one.
    fn put<'a>(&'a self, person: &'a PersonDetails) -> BoxFuture<'a, Result<(), PortFault>>;
}

/// The journal, read only.
pub trait Journal: Send + Sync + 'static {
    /// Up to `limit` rows after `after`, oldest first.
    fn events(&self, after: u64, limit: u16) -> BoxFuture<'_, Result<Vec<JournalRow>, PortFault>>;
    /// Checks hashes and checkpoints from end to end; may take long.
    fn verify(&self) -> BoxFuture<'_, Result<Verification, PortFault>>;
}

/// One row of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct JournalRow {
    /// Number.
    pub seq: u64,
    /// When.
    #[schema(value_type = String)]
    pub at: Utc,
    /// By whom.
    pub actor: String,
    /// What kind.
    pub kind: String,
    /// About what.
    pub subject: String,
    /// The event.
    #[schema(value_type = Object)]
    pub body: serde_json::Value,
    /// Hash of the row, hex.
    pub hash: String,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Verification {
    /// Whether all is as it was written.
    pub sound: bool,
    /// Rows read.
    pub rows: u64,
    /// What is wrong, first things first.
    pub faults: Vec<String>,
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

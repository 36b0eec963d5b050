//! What the composition must hand to the web: where commands go, what is shown, the live plane, the store,
//! invitations, counters, the clock. Knows no engine loop.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};
use utoipa::ToSchema;

use crate::domain::actor::Actor;
use crate::domain::id::{AgentId, ChannelId, PersonId, StreamId};
use crate::domain::live::{LiveBoard, MediaPiece};
use crate::domain::time::Utc;
use crate::engine::effect::Outcome;
use crate::engine::input::Command;
use crate::metrics::Counters;
use crate::observation::action::{Action, Plan, Refused};
use crate::observation::device::{Device, DeviceReport};
use crate::report::Snapshot;
use crate::store::Store;
use crate::store::stills::Stills;

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
    /// Pictures, levels and media, past the engine.
    pub live: LiveDoor,
    /// MCUs, endpoints and other devices, past the engine.
    pub devices: DeviceDoor,
    /// Channels of notices.
    pub notices: NoticeDoor,
    /// Pictures kept for replay.
    pub stills: Stills,
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

/// The live plane: what is shown while it happens. Everything is bounded, and what finds no room is dropped.
#[derive(Debug, Clone)]
pub struct LiveDoor {
    /// The newest thumbnails and levels, sent at most ten times a second.
    pub board: watch::Receiver<Arc<LiveBoard>>,
    /// Who looks at what: decoders run for these alone.
    pub looks: mpsc::Sender<Look>,
    /// Who wants to see and hear a stream itself.
    pub media: mpsc::Sender<MediaRequest>,
}

/// What every device said last. A device of which nothing was heard is not there.
pub type DeviceBoard = BTreeMap<Device, Arc<DeviceReport>>;

/// Devices as they are at this moment, past the engine.
#[derive(Debug, Clone)]
pub struct DeviceDoor {
    /// What they said last.
    pub board: watch::Receiver<Arc<DeviceBoard>>,
    /// What is asked of them; nothing here changes a device.
    pub requests: mpsc::Sender<DeviceRequest>,
}

impl DeviceDoor {
    /// A door with nothing behind it: every question is answered as for a device that nobody speaks to.
    pub fn empty() -> Self {
        Self { board: watch::channel(Arc::default()).1, requests: mpsc::channel(1).0 }
    }
}

/// Something that is asked of a device.
#[derive(Debug)]
pub enum DeviceRequest {
    /// Read it anew, for somebody looks.
    Look {
        /// Which.
        device: Device,
    },
    /// What an action would send.
    Plan {
        /// To which device.
        device: Device,
        /// What.
        action: Action,
        /// Where the answer goes.
        reply: oneshot::Sender<Result<Plan, NoPlan>>,
    },
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoPlan {
    /// The inventory does not say how the device is spoken to.
    NotSpokenTo,
    /// Nothing was heard of it yet.
    NotSeen,
    /// Its adapter refuses.
    Refused(Refused),
}

/// Channels of notices, past the engine.
#[derive(Debug, Clone)]
pub struct NoticeDoor {
    /// Which there are.
    pub channels: Arc<[ChannelShown]>,
    /// Tests of them.
    pub tests: mpsc::Sender<ChannelTest>,
}

impl NoticeDoor {
    /// A door with no channel behind it.
    pub fn empty() -> Self {
        Self { channels: Arc::default(), tests: mpsc::channel(1).0 }
    }
}

/// A channel, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelShown {
    /// Its name in the settings.
    #[schema(value_type = String)]
    pub id: ChannelId,
    /// Whether it reaches one person by a number or address of theirs.
    pub personal: bool,
    /// Whether notices that name no channel go by it.
    pub default: bool,
}

/// A test of a channel: a message that says that it is one.
#[derive(Debug)]
pub struct ChannelTest {
    /// Which channel.
    pub channel: ChannelId,
    /// To whom, where the channel reaches persons.
    pub person: Option<PersonId>,
    /// Where the answer goes: accepted, or code and detail of the fault.
    pub reply: oneshot::Sender<Result<(), (String, String)>>,
}

/// Somebody looks at the thumbnails and levels of these streams. It counts for a few seconds and is said again while
/// it goes on; the same reader's next one replaces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Which reader.
    pub reader: u64,
    /// At what; empty when it has gone.
    pub streams: BTreeSet<StreamId>,
}

/// Somebody wants to see and hear a stream.
#[derive(Debug)]
pub struct MediaRequest {
    /// Which.
    pub stream: StreamId,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<mpsc::Receiver<MediaPiece>, NoMedia>>,
}

/// Why a stream cannot be seen and heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoMedia {
    /// Nobody watches it now, so nothing of it arrives here.
    NotWatched,
    /// As many are looked at as may be.
    NoPlace,
    /// The venue's agent that watches it cannot be reached.
    AgentAway,
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

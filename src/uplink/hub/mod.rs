//! The controller's side of the line: all venues over one subscription, each message proved before it is passed on.
//!
//! One task owns every agent's state. What comes out is bounded: when the controller is slow, heartbeats are dropped
//! and counted and events are left to be sent again, so that no agent waits for another. It must not know how a mark
//! is stored or what an event means.

mod inbox;
mod orders;
mod peers;
mod session;
mod streams;
mod suspicion;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

pub use inbox::EventMark;

use crate::domain::id::{AgentId, VenueId};
use crate::domain::time::Utc;
use crate::observation::{AgentCommand, Fact, Misbehaviour, Observation, Order, Source, StreamReport};
use crate::uplink::key::{Identity, KeyId, PublicKey};
use crate::uplink::live::LiveBody;
use crate::uplink::message::{CommandId, Heartbeat, OutboxId, Report};
use crate::uplink::mqtt::BrokerAccess;

const BACKOFF_MIN: Duration = Duration::from_millis(200);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// Messages that may wait for the controller; beyond that heartbeats are dropped and events sent again.
pub const DELIVERIES: usize = 4096;
/// Orders and receipts that may wait for the hub.
const ORDERS: usize = 1024;

/// An enrolled agent. A revoked one is simply not in the roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// The agent.
    pub agent: AgentId,
    /// Its venue.
    pub venue: VenueId,
    /// Its key.
    pub key: PublicKey,
    /// What was committed of its events, from the store; looked at when the agent is first seen in a roster.
    pub mark: Option<EventMark>,
}

/// All enrolled agents by the name of their key.
pub type Roster = BTreeMap<KeyId, Enrolled>;

/// Something that came from the line.
#[derive(Debug)]
pub enum Delivery {
    /// A message whose sender, freshness and order are proved.
    Verified(Verified),
    /// A message was refused. Reported at once and then at most every five seconds per venue and kind.
    Misbehaves(Misbehaves),
    /// Events that the agent has lost for good: its disk failed, or the store was restored from an older backup.
    Gap {
        /// The agent.
        agent: AgentId,
        /// First number lost.
        from: u64,
        /// Last number lost.
        to: u64,
    },
    /// An agent has taken a command.
    CommandTaken {
        /// The agent.
        agent: AgentId,
        /// The command.
        id: CommandId,
    },
    /// A command expired before its agent took it.
    CommandExpired {
        /// The agent.
        agent: AgentId,
        /// The command.
        id: CommandId,
    },
}

/// A proved message.
#[derive(Debug)]
pub struct Verified {
    /// Who sent it.
    pub agent: AgentId,
    /// From where.
    pub venue: VenueId,
    /// With which key.
    pub key: KeyId,
    /// The sender's count of starts and its number in its lane.
    pub order: Order,
    /// When the sender stamped it, by its best knowledge of the controller's clock.
    pub sent_at: Utc,
    /// When it came, by the controller's clock.
    pub received: Utc,
    /// What it says.
    pub content: Content,
}

/// What a proved message says.
#[derive(Debug)]
pub enum Content {
    /// The agent lives.
    Heartbeat(Box<Heartbeat>),
    /// Streams as the agent's monitors see them.
    Streams(Vec<StreamReport>),
    /// Pictures and levels for whoever looks.
    Live(Box<LiveBody>),
    /// An event, delivered once and in order; it must be committed together with `receipt.mark()` and then
    /// acknowledged.
    Event {
        /// What it says.
        report: Readable,
        /// To be kept and given back.
        receipt: Receipt,
    },
}

/// An event's report, or the text of one that this version can not read. Commit that too: the agent must not be
/// stopped for good by one event.
#[derive(Debug, Clone, PartialEq)]
pub enum Readable {
    /// Understood.
    Yes(Box<Report>),
    /// Not understood.
    No {
        /// As it came.
        text: String,
        /// Why.
        why: String,
    },
}

/// The right to acknowledge one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    key: KeyId,
    mark: EventMark,
}

/// Who did what, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misbehaves {
    /// The venue on whose topic it came; `None` for a topic of no enrolled venue.
    pub venue: Option<VenueId>,
    /// The agent: whose signature proves it, or else the only one of that venue.
    pub agent: Option<AgentId>,
    /// Whether the agent's own signature proves that it was the sender. Without that, anybody with access to the
    /// broker may have been.
    pub proven: bool,
    /// What.
    pub what: Misbehaviour,
    /// The code of the last refusal.
    pub code: &'static str,
    /// How often since the last report.
    pub count: u64,
}

/// How the hub itself is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HubState {
    /// `None` while connected, otherwise why not.
    pub down: Option<String>,
    /// Messages passed on.
    pub delivered: u64,
    /// Messages refused.
    pub refused: u64,
    /// Heartbeats dropped because the controller was slow.
    pub dropped: u64,
}

/// Why a command was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandRefused {
    /// No such agent is enrolled.
    #[error("测试机 {0} 未注册 / agent {0} is not enrolled")]
    UnknownAgent(AgentId),
    /// Too many commands wait for this agent.
    #[error("发往测试机 {0} 的命令过多 / too many commands wait for agent {0}")]
    TooMany(AgentId),
    /// It would expire at once, or live too long.
    #[error("命令的有效期不合法 / the command's lifetime is out of range")]
    BadLifetime,
    /// The hub is not running or overloaded.
    #[error("上行服务不可用 / the uplink is not available")]
    Unavailable,
}

/// A way to the hub; clones share it.
#[derive(Debug, Clone)]
pub struct HubHandle {
    orders: mpsc::Sender<HubOrder>,
    commits: Commits,
    state: watch::Receiver<HubState>,
}

/// Receipts on their way to the hub, the highest per key: bounded by the roster, so that none is ever lost to a full
/// queue. A lost one would leave its agent waiting for ever.
type Commits = Arc<Mutex<BTreeMap<KeyId, EventMark>>>;

/// The hub before it runs.
#[derive(Debug)]
pub struct Hub {
    identity: Arc<Identity>,
    broker: watch::Receiver<BrokerAccess>,
    roster: watch::Receiver<Arc<Roster>>,
    orders: mpsc::Receiver<HubOrder>,
    commits: Commits,
    deliveries: mpsc::Sender<Delivery>,
    state: watch::Sender<HubState>,
}

#[derive(Debug)]
enum HubOrder {
    Rewind,
    Command {
        agent: AgentId,
        command: Box<AgentCommand>,
        expires: Utc,
        reply: oneshot::Sender<Result<CommandId, CommandRefused>>,
    },
}

impl Receipt {
    /// The key that signed the event: what the mark is stored by.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// What must be stored in the same transaction as the event.
    pub fn mark(&self) -> EventMark {
        self.mark
    }
}

impl Verified {
    /// The same for the engine: nothing for an event that can not be read and for what is only shown.
    pub fn observations(&self) -> Vec<Observation> {
        let (at, facts) = match &self.content {
            Content::Heartbeat(beat) => (self.sent_at, vec![Fact::Heartbeat { health: beat.health.clone() }]),
            Content::Streams(reports) => {
                let seen = |report: &StreamReport| Fact::StreamSeen { report: Box::new(report.clone()) };
                (self.sent_at, reports.iter().map(seen).collect())
            }
            Content::Event { report: Readable::Yes(report), .. } => (report.at, vec![report.fact.clone()]),
            Content::Event { report: Readable::No { .. }, .. } | Content::Live(_) => return Vec::new(),
        };
        let of = |fact| {
            let source = Source::Agent(self.agent.clone());
            Observation { source, at, received: self.received, order: self.order, fact }
        };
        facts.into_iter().map(of).collect()
    }
}

impl HubHandle {
    /// Says that an event and its mark are durable; the agent hears of it within some 20 ms. Receipts of one key must
    /// be given in the order of their delivery.
    pub fn committed(&self, receipt: Receipt) {
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        commits.insert(receipt.key, receipt.mark);
    }

    /// Delivers again everything that was delivered and not committed: for a store that rolled back.
    pub async fn deliver_again(&self) {
        let _ = self.orders.send(HubOrder::Rewind).await;
    }

    /// Sends a command; it is repeated until the agent has taken it or it has expired, and carried out at most once.
    pub async fn command(
        &self,
        agent: &AgentId,
        command: AgentCommand,
        expires: Utc,
    ) -> Result<CommandId, CommandRefused> {
        let (reply, answer) = oneshot::channel();
        let order = HubOrder::Command { agent: agent.clone(), command: Box::new(command), expires, reply };
        self.orders.try_send(order).map_err(|_| CommandRefused::Unavailable)?;
        answer.await.map_err(|_| CommandRefused::Unavailable)?
    }

    /// How the hub is, and news of it.
    pub fn state(&self) -> watch::Receiver<HubState> {
        self.state.clone()
    }
}

impl Hub {
    /// Prepares the hub. `identity` is the controller's own key with its count of starts; `broker` and `roster` may
    /// change while it runs.
    pub fn new(
        identity: Arc<Identity>,
        broker: watch::Receiver<BrokerAccess>,
        roster: watch::Receiver<Arc<Roster>>,
    ) -> (Self, HubHandle, mpsc::Receiver<Delivery>) {
        let (orders_tx, orders) = mpsc::channel(ORDERS);
        let (deliveries, deliveries_rx) = mpsc::channel(DELIVERIES);
        let down = Some("not started".into());
        let (state, state_rx) = watch::channel(HubState { down, ..HubState::default() });
        let commits = Commits::default();
        let handle = HubHandle { orders: orders_tx, commits: Arc::clone(&commits), state: state_rx };
        let hub = Self { identity, broker, roster, orders, commits, deliveries, state };
        (hub, handle, deliveries_rx)
    }

    fn take_commits(&self) -> BTreeMap<KeyId, EventMark> {
        std::mem::take(&mut *self.commits.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps the line until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut desk = session::Desk::new(self);
        let mut wait = BACKOFF_MIN;
        loop {
            let ended = desk.run_once(&stop).await;
            let Err(fault) = ended else { return };
            tracing::warn!(reason = %fault, "line to the broker lost");
            let was_up = desk.set_down(fault.to_string());
            wait = if was_up { BACKOFF_MIN } else { (wait * 2).min(BACKOFF_MAX) };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

/// An event that is proved and waits for its turn.
#[derive(Debug)]
struct EarlyEvent {
    verified: Verified,
    outbox: OutboxId,
}

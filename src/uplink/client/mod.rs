//! The agent's side of the line: heartbeats, events out of the outbox, commands in.
//!
//! [`run`] keeps one connection after another alive until it is stopped; what must survive a connection (sequence
//! numbers, clock, ledger of commands) is held here, what must survive the process is on the disk. It must not know
//! what a command does or what an event says.

mod ledger;
mod session;
mod streams;
mod window;

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::domain::id::{AgentId, VenueId};
use crate::domain::time::Utc;
use crate::observation::{AgentCommand, AgentHealth, Fact, StreamReport};
use crate::uplink::clock::{self, Estimator, Offset};
use crate::uplink::durable;
use crate::uplink::enrol::client::EnrolAddress;
use crate::uplink::key::{Identity, PublicKey};
use crate::uplink::live::LiveBody;
use crate::uplink::message::{CommandId, Report};
use crate::uplink::mqtt::BrokerAccess;
use crate::uplink::outbox::OutboxError;
use crate::uplink::outbox::writer::OutboxHandle;
use crate::uplink::replay::Mark;
use ledger::Ledger;

const MEMBERSHIP_FILE: &str = "membership.json";
const LEDGER_FILE: &str = "commands";
const BACKOFF_MIN: Duration = Duration::from_millis(250);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// How long a stopped client still tries to get its events acknowledged.
pub const DRAIN: Duration = Duration::from_secs(3);

/// What enrolment gave the agent: who it is, whom it obeys, where the broker is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// The agent.
    pub agent: AgentId,
    /// Its venue.
    pub venue: VenueId,
    /// The key whose commands and acknowledgements count.
    pub controller: PublicKey,
    /// Where the broker is.
    pub broker: BrokerAccess,
}

/// The channels between the client and the rest of the agent.
#[derive(Debug)]
pub struct Channels {
    /// Where events wait.
    pub outbox: OutboxHandle,
    /// The agent's condition, read each second.
    pub health: watch::Receiver<AgentHealth>,
    /// What its monitors see, each report the whole truth about one stream.
    pub reports: mpsc::Receiver<StreamReport>,
    /// Pictures and levels for whoever looks.
    pub live: mpsc::Receiver<LiveBody>,
    /// Commands that passed every check of the line, each once.
    pub commands: mpsc::Sender<Taken>,
    /// How the line is.
    pub state: watch::Sender<LineState>,
}

/// A command to carry out.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// Its name.
    pub id: CommandId,
    /// After this, by the controller's clock, it must not begin.
    pub expires: Utc,
    /// What to do.
    pub command: AgentCommand,
}

/// How the line to the controller is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineState {
    /// Whether the broker has let us in, and why not.
    pub broker: Broker,
    /// When the controller last gave a sign (agent's clock); `None` before the first.
    pub controller_heard: Option<Utc>,
    /// The controller's clock against ours; `None` before the first answer.
    pub clock: Option<Offset>,
}

/// How the connection to the broker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broker {
    /// Being made.
    Connecting,
    /// Standing.
    Connected,
    /// Broken.
    Down {
        /// In words.
        why: String,
    },
}

impl Default for LineState {
    fn default() -> Self {
        Self { broker: Broker::Connecting, controller_heard: None, clock: None }
    }
}

/// Puts a fact into the outbox, stamped with the agent's clock; `Ok` means it will arrive.
pub async fn report(outbox: &OutboxHandle, fact: Fact) -> Result<u64, OutboxError> {
    let report = Report { at: clock::utc_now(), fact };
    let bytes = serde_json::to_vec(&report).map_err(io::Error::from)?;
    outbox.append(bytes).await
}

/// Keeps the line until `stop`; then waits at most [`DRAIN`] for the last acknowledgements. Fails only when the
/// ledger of commands can not be read.
pub async fn run(
    identity: &Identity,
    membership: &Membership,
    channels: Channels,
    stop: CancellationToken,
) -> io::Result<()> {
    let mut agent = Agent::new(identity, membership, channels)?;
    let mut wait = BACKOFF_MIN;
    loop {
        let ended = agent.run_once(&stop).await;
        let Err(fault) = ended else { return Ok(()) };
        tracing::warn!(venue = %membership.venue, reason = %fault, "line to the controller lost");
        let was_up = agent.set_down(fault.to_string());
        wait = if was_up { BACKOFF_MIN } else { (wait * 2).min(BACKOFF_MAX) };
        // Many agents lose one broker at the same moment: they must not all come back at the same moment.
        let jittered = wait.mul_f64(rand::random_range(0.5..1.5));
        tokio::select! {
            () = tokio::time::sleep(jittered) => {}
            () = stop.cancelled() => return Ok(()),
        }
    }
}

/// What outlives a connection.
#[derive(Debug)]
struct Agent<'a> {
    identity: &'a Identity,
    membership: &'a Membership,
    channels: Channels,
    ledger: Ledger,
    clock: Estimator,
    events: Mark,
    heartbeats: Mark,
    streams: Mark,
    live: Mark,
    acks: Mark,
    taken: Vec<CommandId>,
}

impl<'a> Agent<'a> {
    fn new(identity: &'a Identity, membership: &'a Membership, channels: Channels) -> io::Result<Self> {
        let ledger = Ledger::open(&identity.directory().join(LEDGER_FILE))?;
        let start = Mark::start(identity.boot());
        let (clock, acks, taken) = (Estimator::default(), Mark::default(), Vec::new());
        Ok(Self {
            identity,
            membership,
            channels,
            ledger,
            clock,
            events: start,
            heartbeats: start,
            streams: start,
            live: start,
            acks,
            taken,
        })
    }

    /// The controller's clock as far as it is known.
    fn now(&self) -> Utc {
        let local = clock::utc_now();
        self.clock.best().map_or(local, |offset| offset.apply(local))
    }

    fn set_down(&self, why: String) -> bool {
        let mut was_up = false;
        self.channels.state.send_modify(|state| {
            was_up = state.broker == Broker::Connected;
            state.broker = Broker::Down { why };
        });
        was_up
    }
}

/// Keeps beside the key what enrolment gave, readable by its owner alone because it holds a password.
pub fn save(directory: &Path, membership: &Membership, address: &EnrolAddress) -> io::Result<()> {
    let kept = Kept { membership: membership.clone(), address: address.clone() };
    durable::replace(&directory.join(MEMBERSHIP_FILE), &serde_json::to_vec_pretty(&kept)?, 0o600)
}

/// What [`save`] has kept; `None` before enrolment.
pub fn load(directory: &Path) -> io::Result<Option<(Membership, EnrolAddress)>> {
    let Some(bytes) = durable::read(&directory.join(MEMBERSHIP_FILE), 64 * 1024)? else { return Ok(None) };
    let kept: Kept = serde_json::from_slice(&bytes)?;
    Ok(Some((kept.membership, kept.address)))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    membership: Membership,
    address: EnrolAddress,
}

//! The line to the agents: what they say goes to the judge, what the judge knows of their keys goes to the line.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::arrival::{Credit, Door};
use super::enrolments::Enrolments;
use super::streams::{Request, Requests};
use crate::domain::id::{AgentId, VenueId};
use crate::domain::time::Utc;
use crate::metrics::Counters;
use crate::observation::{Fact, Misbehaviour, Observation, Order, Source};
use crate::store::marks::SeqMark;
use crate::uplink::broker::{BrokerUser, BrokerUsers, Scope};
use crate::uplink::hub::{Content, Delivery, Enrolled, EventMark, Misbehaves, Receipt, Roster, Verified};
use crate::uplink::key::{Identity, KeyId, PublicKey, SecretKey};
use crate::uplink::live::LiveBody;
use crate::uplink::message::OutboxId;
use crate::uplink::mqtt::Login;
use crate::uplink::replay::Mark;

/// The name under which the controller itself logs in.
pub(super) const HUB_USER: &str = "vcops-hub";

/// Where what agents say goes.
#[derive(Debug, Clone)]
pub(super) struct WayIn {
    /// To the judge.
    pub(super) door: Door,
    /// Pictures and levels.
    pub(super) streams: Requests,
    /// Counters.
    pub(super) counters: Arc<Counters>,
}

/// Passes on what comes from the line until told to stop.
pub(super) async fn listen(
    mut deliveries: mpsc::Receiver<Delivery>,
    way_in: WayIn,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let WayIn { door, counters, .. } = &way_in;
    loop {
        let delivery = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            delivery = deliveries.recv() => delivery,
        };
        match delivery {
            Some(Delivery::Verified(verified)) => {
                counters.uplink_messages.with_label_values(&["accepted"]).inc();
                pass_on(verified, &way_in).await;
            }
            Some(Delivery::Misbehaves(misbehaves)) => name(misbehaves, door, counters).await,
            Some(Delivery::Gap { agent, from, to }) => {
                tracing::error!(%agent, from, to, "the agent has lost events for good");
            }
            Some(Delivery::CommandTaken { agent, id }) => tracing::debug!(%agent, ?id, "command taken"),
            Some(Delivery::CommandExpired { agent, id }) => {
                tracing::info!(%agent, ?id, "command expired unheard")
            }
            None => anyhow::bail!("the line has ended"),
        }
    }
}

async fn pass_on(verified: Verified, way_in: &WayIn) {
    let door = &way_in.door;
    let credit = match &verified.content {
        Content::Event { receipt, .. } => Some(credit(*receipt)),
        Content::Heartbeat(_) | Content::Streams(_) => None,
        Content::Live(body) => return show(body, &verified.agent, way_in),
    };
    let observations = verified.observations();
    if let Some(credit) = credit {
        // An event that this version can not read is counted all the same: one must not stop an agent for good.
        let unread = || misbehaved(verified.agent.clone(), verified.received, Misbehaviour::Garbage, 1);
        let observation = observations.into_iter().next().unwrap_or_else(unread);
        return door.heard(observation, Some(credit)).await;
    }
    for observation in observations {
        door.heard(observation, None).await;
    }
}

/// An agent shows and proves only streams that the inventory gives it; where the screens lag, items are dropped.
fn show(body: &LiveBody, agent: &AgentId, way_in: &WayIn) {
    let items = body.items().into_iter().map(|item| Request::Shown { agent: agent.clone(), item });
    let still = body.still().map(|still| Request::Evidence { agent: agent.clone(), still });
    for request in items.chain(still) {
        let _ = way_in.streams.try_send(request);
    }
}

fn credit(receipt: Receipt) -> Credit {
    let EventMark { outbox, event, mark } = receipt.mark();
    let lane = receipt.key().to_string();
    Credit { mark: SeqMark { lane, outbox: outbox.0, event, boot: mark.boot, seq: mark.seq }, receipt }
}

async fn name(misbehaves: Misbehaves, door: &Door, counters: &Counters) {
    counters.uplink_messages.with_label_values(&[misbehaves.code]).inc_by(misbehaves.count);
    let Misbehaves { agent, venue, proven, what, code, count } = misbehaves;
    let (who, place) = (agent.as_ref().map(AgentId::as_str), venue.as_ref().map(VenueId::as_str));
    tracing::warn!(agent = who, venue = place, proven, code, count, "messages refused");
    if let Some(agent) = agent {
        door.heard(misbehaved(agent, super::clock::wall(), what, count), None).await;
    }
}

fn misbehaved(agent: AgentId, at: Utc, what: Misbehaviour, count: u64) -> Observation {
    let fact = Fact::Misbehaved { what, count };
    Observation { source: Source::Agent(agent), at, received: at, order: Order::default(), fact }
}

/// The agents whose messages count.
pub(super) fn roster(enrolments: &Enrolments) -> Roster {
    let enrolled = enrolments.entries.iter().filter_map(|(agent, (venue, enrolment))| {
        let key = PublicKey::parse(enrolment.key.as_ref()?).ok()?;
        let id = KeyId::of(&key);
        let mark = enrolments.marks.get(&id.to_string()).map(event_mark);
        Some((id, Enrolled { agent: agent.clone(), venue: venue.clone(), key, mark }))
    });
    enrolled.collect()
}

fn event_mark(mark: &SeqMark) -> EventMark {
    let sent = Mark { boot: mark.boot, seq: mark.seq };
    EventMark { outbox: OutboxId(mark.outbox), event: mark.event, mark: sent }
}

/// Who may log in at the embedded broker.
pub(super) fn users(roster: &Roster, controller: &SecretKey) -> BrokerUsers {
    let agents = roster.iter().map(|(key, enrolled)| {
        let login = agent_login(&enrolled.agent, *key, controller);
        let scope = Scope::Agent(enrolled.venue.clone());
        (login.name, BrokerUser::new(&login.password, format!("vcops-{key}"), scope))
    });
    let hub = hub_login(controller);
    let own = BrokerUser::new(&hub.password, format!("vcops-hub-{}", controller.id()), Scope::Hub);
    agents.chain([(hub.name, own)]).collect()
}

/// An agent's login at the embedded broker. The password follows from the controller's secret key, so that it need
/// not be stored and a revoked key's password opens nothing.
pub(super) fn agent_login(agent: &AgentId, key: KeyId, controller: &SecretKey) -> Login {
    Login { name: agent.to_string(), password: password(&format!("agent {agent} {key}"), controller) }
}

/// The controller's own login at the embedded broker.
pub(super) fn hub_login(controller: &SecretKey) -> Login {
    Login { name: HUB_USER.into(), password: password("hub", controller) }
}

fn password(whose: &str, controller: &SecretKey) -> String {
    let signature = controller.sign(format!("vcops.broker.password.v1 {whose}").as_bytes());
    signature.iter().take(32).map(|byte| format!("{byte:02x}")).collect()
}

/// Keeps the roster and the broker's users up to date.
pub(super) async fn follow(
    mut enrolments: watch::Receiver<Arc<Enrolments>>,
    identity: Arc<Identity>,
    rosters: watch::Sender<Arc<Roster>>,
    broker_users: watch::Sender<Arc<BrokerUsers>>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        let current = roster(&enrolments.borrow_and_update());
        broker_users.send_replace(Arc::new(users(&current, identity.key())));
        rosters.send_replace(Arc::new(current));
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            changed = enrolments.changed() => changed?,
        }
    }
}

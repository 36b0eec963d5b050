//! The hub's desk: what outlives a connection, and the loop over one connection.

use std::time::Duration;

use serde_json::value::RawValue;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::inbox::Arrival;
use super::orders::{Orders, PER_AGENT_MAX};
use super::peers::Peers;
use super::suspicion::{Suspect, Suspicions, kind_of};
use super::{
    CommandRefused, Content, Delivery, EarlyEvent, EventMark, Hub, HubOrder, HubState, Readable, Receipt,
    Verified,
};
use crate::domain::id::{AgentId, VenueId};
use crate::domain::time::{Mono, Span, Utc};
use crate::observation::{AgentCommand, Misbehaviour, Order};
use crate::uplink::clock;
use crate::uplink::envelope::{self, Direction, EnvelopeError, Expect, Header, Kind, LIFETIME_MAX};
use crate::uplink::key::KeyId;
use crate::uplink::message::{
    self, Ack, Answer, CommandBody, CommandId, EventBody, HELD_MAX, Heartbeat, Report,
};
use crate::uplink::mqtt::{Connection, Incoming, LinkFault, Opening};
use crate::uplink::replay::Mark;

/// How often acknowledgements, commands and reports leave.
const TICK: Duration = Duration::from_millis(20);
const ACK_LIFE: Span = Span::seconds(10);
const QUEUE: usize = 1024;

/// What outlives a connection.
pub(super) struct Desk {
    hub: Hub,
    pub(super) peers: Peers,
    orders: Orders,
    suspicions: Suspicions,
    commands: Mark,
    acks: Mark,
    command_count: u64,
    state: HubState,
    started: Instant,
}

/// A message whose signature is good.
pub(super) struct Proved<'a> {
    pub(super) key: KeyId,
    pub(super) header: Header,
    pub(super) body: &'a RawValue,
    pub(super) received: Utc,
}

impl Desk {
    pub(super) fn new(hub: Hub) -> Self {
        let start = Mark::start(hub.identity.boot());
        let state = hub.state.borrow().clone();
        let mut desk = Self {
            hub,
            peers: Peers::default(),
            orders: Orders::default(),
            suspicions: Suspicions::default(),
            commands: start,
            acks: start,
            command_count: 0,
            state,
            started: Instant::now(),
        };
        desk.follow_roster();
        desk
    }

    /// Runs one connection. `Ok` means that it was stopped.
    pub(super) async fn run_once(&mut self, stop: &CancellationToken) -> Result<(), LinkFault> {
        let access = self.hub.broker.borrow_and_update().clone();
        let client = format!("vcops-hub-{}", self.hub.identity.key().id());
        let mut line = Connection::open(&Opening { client, access: &access, will: None, queue: QUEUE })?;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                incoming = line.next() => self.take_in(&line, incoming?),
                Some(order) = self.hub.orders.recv() => self.obey(order),
                changed = self.hub.broker.changed() => {
                    changed.map_err(|_| LinkFault::Lost("controller gone".into()))?;
                    return Err(LinkFault::Lost("settings changed".into()));
                }
                _ = tick.tick() => self.tend(&mut line),
                () = stop.cancelled() => {
                    self.tend(&mut line);
                    line.close().await;
                    return Ok(());
                }
            }
        }
    }

    /// Notes that the connection is down. Gives whether it had been up.
    pub(super) fn set_down(&mut self, why: String) -> bool {
        let was_up = self.state.down.replace(why).is_none();
        self.hub.state.send_replace(self.state.clone());
        was_up
    }

    fn mono(&self) -> Mono {
        Mono(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    fn follow_roster(&mut self) {
        let now = self.mono();
        self.peers.follow(&self.hub.roster.borrow_and_update(), now);
    }

    fn take_in(&mut self, line: &Connection, incoming: Incoming) {
        match incoming {
            Incoming::Connected => drop(line.subscribe(&message::all_upward())),
            Incoming::Subscribed => {
                self.state.down = None;
                self.hub.state.send_replace(self.state.clone());
            }
            Incoming::Message { topic, payload, again } => self.take_message(line, &topic, &payload, again),
            Incoming::Receipt | Incoming::Alive => {}
        }
    }

    /// Everything that is due by the clock.
    fn tend(&mut self, line: &mut Connection) {
        if self.hub.roster.has_changed().unwrap_or(false) {
            self.follow_roster();
        }
        let commits = self.hub.take_commits();
        commits.into_iter().for_each(|(key, mark)| self.peers.commit(key, mark));
        for key in self.peers.owing() {
            self.send_ack(line, key, None);
        }
        self.send_commands(line);
        let now = self.mono();
        for report in self.suspicions.due(now) {
            tracing::warn!(venue = ?report.venue, agent = ?report.agent, what = ?report.what, code = report.code,
                count = report.count, "messages refused");
            self.deliver(Delivery::Misbehaves(report));
        }
        self.hub.state.send_if_modified(|state| {
            let changed = *state != self.state;
            state.clone_from(&self.state);
            changed
        });
    }

    fn take_message(&mut self, line: &Connection, topic: &str, payload: &[u8], again: bool) {
        let Some((venue, kind)) = message::upward(topic) else {
            // The broker's hint that somebody has gone; the missing heartbeat decides.
            if !topic.ends_with("/up/gone") {
                self.refuse(Suspect::default(), Misbehaviour::Garbage, "envelope.unknown_topic");
            }
            return;
        };
        match self.peers.admits(&venue, payload.len(), self.mono()) {
            None => return self.refuse(Suspect::default(), Misbehaviour::Forged, "envelope.unknown_venue"),
            Some(false) => {
                let suspect = self.peers.suspect(&venue, None, false);
                return self.refuse(suspect, Misbehaviour::Flooded, "envelope.flooded");
            }
            Some(true) => {}
        }
        match self.prove(&venue, kind, payload) {
            Ok(proved) => self.take_proved(line, proved),
            // The broker may deliver a message twice: that is nobody's fault.
            Err((_, EnvelopeError::Replayed { .. })) if again => {}
            Err((suspect, error)) => self.refuse(suspect, kind_of(&error), error.code()),
        }
    }

    /// Checks everything but the time.
    fn prove<'a>(
        &self,
        venue: &VenueId,
        kind: Kind,
        payload: &'a [u8],
    ) -> Result<Proved<'a>, (Suspect, EnvelopeError)> {
        let received = clock::utc_now();
        let sealed = envelope::parse(payload).map_err(|e| (self.peers.suspect(venue, None, false), e))?;
        let key = sealed.claimed_key();
        let blame = |error, proven| (self.peers.suspect(venue, Some(key), proven), error);
        let peer = self.peers.get(key);
        let mark = peer.map_or(Mark::default(), |peer| match sealed.claimed_kind() {
            Kind::Heartbeat => peer.heartbeats,
            Kind::Streams => peer.streams,
            Kind::Live => peer.live,
            Kind::Event | Kind::Command | Kind::Ack => peer.events,
        });
        let public = peer.map(|peer| &peer.enrolled.key);
        let expect = Expect { key: public, direction: Direction::Up, venue, now: received, mark };
        let (header, body) = sealed.authenticate(&expect).map_err(|e| blame(e, false))?;
        let home = peer.map_or(venue, |peer| &peer.enrolled.venue);
        if home != venue {
            let (claimed, expected) = (header.venue, home.clone());
            return Err(blame(EnvelopeError::WrongVenue { claimed, expected }, true));
        }
        if header.kind != kind {
            return Err(blame(EnvelopeError::Malformed("kind and topic differ".into()), true));
        }
        Ok(Proved { key, header, body, received })
    }

    fn take_proved(&mut self, line: &Connection, proved: Proved<'_>) {
        let timely = envelope::check_time(&proved.header, proved.received);
        if let Err(error) = &timely {
            let suspect = self.peers.suspect(&proved.header.venue, Some(proved.key), false);
            self.refuse(suspect, kind_of(error), error.code());
        }
        match proved.header.kind {
            Kind::Heartbeat => self.take_heartbeat(line, &proved, timely.is_ok()),
            Kind::Streams => self.take_reports(&proved, timely.is_ok()),
            Kind::Live => self.take_live(&proved, timely.is_ok()),
            Kind::Event if timely.is_ok() => self.take_event(&proved),
            Kind::Event | Kind::Command | Kind::Ack => {}
        }
    }

    /// A heartbeat with a wrong time is not passed on, but it is answered with the right one.
    fn take_heartbeat(&mut self, line: &Connection, proved: &Proved<'_>, timely: bool) {
        let beat: Heartbeat = match serde_json::from_str(proved.body.get()) {
            Ok(beat) => beat,
            Err(_) => return self.refuse_body(proved),
        };
        let Some(peer) = self.peers.get_mut(proved.key) else { return };
        peer.heartbeats = proved.header.mark;
        let agent = peer.enrolled.agent.clone();
        if beat.ask {
            let answer = Answer { to: proved.header.mark, heard: proved.received };
            let progress = peer.inbox.progress().map_or(beat.outbox, |(outbox, ..)| outbox);
            self.send_ack(line, proved.key, Some((progress, answer)));
        }
        for id in beat.taken.iter().take(message::TAKEN_MAX) {
            if self.orders.taken(*id, proved.key) {
                self.deliver(Delivery::CommandTaken { agent: agent.clone(), id: *id });
            }
        }
        if timely {
            let verified = self.verified(proved, agent, Content::Heartbeat(Box::new(beat)));
            self.deliver(Delivery::Verified(verified));
        }
    }

    fn take_event(&mut self, proved: &Proved<'_>) {
        let body: EventBody<'_> = match serde_json::from_str(proved.body.get()) {
            Ok(body) => body,
            Err(_) => return self.refuse_body(proved),
        };
        let Some(peer) = self.peers.get_mut(proved.key) else { return };
        peer.events = proved.header.mark;
        let agent = peer.enrolled.agent.clone();
        let arrival = peer.inbox.arrive(body.outbox, body.event, body.first);
        peer.owes_ack |= matches!(arrival, Arrival::Known | Arrival::Early);
        let gap = match arrival {
            Arrival::Known | Arrival::Underway | Arrival::TooEarly => return,
            Arrival::Early => {
                let early = EarlyEvent { verified: self.event(proved, agent, &body), outbox: body.outbox };
                return self.peers.get_mut(proved.key).map_or((), |peer| peer.inbox.hold(body.event, early));
            }
            Arrival::Next { gap } => gap,
        };
        // Both or none: an event without room is sent again by its agent.
        if self.hub.deliveries.capacity() < 2 {
            return;
        }
        if let Some((from, to)) = gap {
            self.deliver(Delivery::Gap { agent: agent.clone(), from, to });
        }
        let verified = self.event(proved, agent, &body);
        self.deliver_event(proved.key, body.event, verified);
        self.deliver_held(proved.key);
    }

    fn deliver_held(&mut self, key: KeyId) {
        while self.hub.deliveries.capacity() > 0
            && let Some((number, early)) = self.peers.get_mut(key).and_then(|peer| peer.inbox.next_held())
        {
            tracing::debug!(outbox = %early.outbox, number, "an event that came early follows");
            self.deliver_event(key, number, early.verified);
        }
    }

    fn deliver_event(&mut self, key: KeyId, number: u64, verified: Verified) {
        if self.deliver(Delivery::Verified(verified))
            && let Some(peer) = self.peers.get_mut(key)
        {
            peer.inbox.deliver(number);
        }
    }

    fn event(&self, proved: &Proved<'_>, agent: AgentId, body: &EventBody<'_>) -> Verified {
        let report = match serde_json::from_str::<Report>(body.report.get()) {
            Ok(report) if report.fact.is_of_agents() => Readable::Yes(Box::new(report)),
            Ok(_) => {
                let why = "agents do not say such things".to_owned();
                Readable::No { text: body.report.get().into(), why }
            }
            Err(error) => Readable::No { text: body.report.get().into(), why: error.to_string() },
        };
        let mark = EventMark { outbox: body.outbox, event: body.event, mark: proved.header.mark };
        let receipt = Receipt { key: proved.key, mark };
        self.verified(proved, agent, Content::Event { report, receipt })
    }

    pub(super) fn verified(&self, proved: &Proved<'_>, agent: AgentId, content: Content) -> Verified {
        let Header { venue, mark, sent_at, .. } = proved.header.clone();
        let order = Order { boot: mark.boot, seq: mark.seq };
        Verified { agent, venue, key: proved.key, order, sent_at, received: proved.received, content }
    }

    /// Passes something on; `false` when the controller is too slow to take it.
    pub(super) fn deliver(&mut self, delivery: Delivery) -> bool {
        let passed = self.hub.deliveries.try_send(delivery).is_ok();
        self.state.delivered += u64::from(passed);
        self.state.dropped += u64::from(!passed);
        passed
    }

    fn refuse(&mut self, suspect: Suspect, what: Misbehaviour, code: &'static str) {
        self.state.refused += 1;
        self.suspicions.note(suspect, what, code);
    }

    pub(super) fn refuse_body(&mut self, proved: &Proved<'_>) {
        let suspect = self.peers.suspect(&proved.header.venue, Some(proved.key), true);
        self.refuse(suspect, Misbehaviour::Garbage, "envelope.malformed");
    }

    fn send_ack(&mut self, line: &Connection, key: KeyId, answers: Option<(message::OutboxId, Answer)>) {
        let Some(peer) = self.peers.get(key) else { return };
        let venue = peer.enrolled.venue.clone();
        let progress = peer.inbox.progress();
        let Some((outbox, through, mut held)) =
            progress.or_else(|| answers.map(|(outbox, _)| (outbox, 0, Vec::new())))
        else {
            return;
        };
        held.truncate(HELD_MAX);
        let ack = Ack { to: key, outbox, through, held, answers: answers.map(|(_, answer)| answer) };
        self.acks = self.acks.next();
        let sent_at = clock::utc_now();
        let header = Header {
            kind: Kind::Ack,
            venue: venue.clone(),
            mark: self.acks,
            sent_at,
            expires: sent_at + ACK_LIFE,
        };
        let Some(bytes) = self.seal(&header, &ack) else { return };
        if line.publish_freely(&message::topic(&venue, Kind::Ack), bytes)
            && let Some(peer) = self.peers.get_mut(key)
        {
            peer.owes_ack = false;
        }
    }

    fn send_commands(&mut self, line: &mut Connection) {
        for (id, agent) in self.orders.expire(clock::utc_now()) {
            self.deliver(Delivery::CommandExpired { agent, id });
        }
        let now = self.mono();
        for (id, pending) in self.orders.due(now) {
            let Some(venue) = self.peers.get(pending.to).map(|peer| peer.enrolled.venue.clone()) else {
                continue;
            };
            self.commands = self.commands.next();
            let (sent_at, expires) = (clock::utc_now(), pending.expires);
            let header = Header { kind: Kind::Command, venue, mark: self.commands, sent_at, expires };
            let body = CommandBody { to: pending.to, id, command: pending.command };
            if let Some(bytes) = self.seal(&header, &body) {
                line.publish_once_confirmed(&message::topic(&header.venue, Kind::Command), bytes);
            }
        }
    }

    fn seal(&self, header: &Header, body: &impl serde::Serialize) -> Option<Vec<u8>> {
        let sealed = serde_json::value::to_raw_value(body)
            .map_err(|e| EnvelopeError::Malformed(e.to_string()))
            .and_then(|body| envelope::seal(self.hub.identity.key(), header, &body));
        sealed.inspect_err(|error| tracing::error!(%error, "a message could not be written")).ok()
    }

    fn obey(&mut self, order: HubOrder) {
        match order {
            HubOrder::Rewind => self.peers.rewind(),
            HubOrder::Command { agent, command, expires, reply } => {
                let _ = reply.send(self.order(agent, *command, expires));
            }
        }
    }

    fn order(
        &mut self,
        agent: AgentId,
        command: AgentCommand,
        expires: Utc,
    ) -> Result<CommandId, CommandRefused> {
        let now = clock::utc_now();
        if expires <= now || expires.since(now) > LIFETIME_MAX {
            return Err(CommandRefused::BadLifetime);
        }
        let Some((key, _)) = self.peers.find(&agent) else { return Err(CommandRefused::UnknownAgent(agent)) };
        if self.orders.waiting_for(key) >= PER_AGENT_MAX {
            return Err(CommandRefused::TooMany(agent));
        }
        self.command_count += 1;
        let id = CommandId { boot: self.hub.identity.boot(), n: self.command_count };
        self.orders.add(id, (key, agent), command, expires);
        Ok(id)
    }
}

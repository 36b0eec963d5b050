//! One connection of an agent, from connecting to its first fault.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::window::Window;
use super::{Agent, Broker, DRAIN, Taken};
use crate::domain::time::{Mono, Span, Utc};
use crate::metrics::failpoint::{Failpoint, hit};
use crate::uplink::clock::{self, Exchange};
use crate::uplink::envelope::{self, Direction, EnvelopeError, Expect, Header, Kind};
use crate::uplink::message::{self, Ack, CommandBody, CommandId, EventBody, Heartbeat, TAKEN_MAX};
use crate::uplink::mqtt::{Connection, Incoming, LinkFault, Opening};
use crate::uplink::outbox::OutboxError;
use crate::uplink::replay::Mark;

const HEARTBEAT: Duration = Duration::from_secs(1);
/// Heartbeats between two questions for the controller's time, once it is known.
const ASK_EVERY: u64 = 5;
const HEARTBEAT_LIFE: Span = Span::seconds(10);
const EVENT_LIFE: Span = Span::minutes(1);
/// Messages that may wait in the connection.
const QUEUE: usize = 64;
/// Questions for the time whose answers are still awaited.
const QUESTIONS: usize = 8;

/// Why a connection was given up.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionEnd {
    #[error(transparent)]
    Link(#[from] LinkFault),
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

/// What lives as long as one connection.
pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) ready: bool,
    window: Window,
    questions: VecDeque<(Mark, Utc)>,
    started: Instant,
    pub(super) topics: Topics,
}

pub(super) struct Topics {
    event: String,
    heartbeat: String,
    pub(super) streams: String,
    pub(super) live: String,
    command: String,
    ack: String,
}

impl Session {
    fn mono(&self) -> Mono {
        Mono(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}

impl Agent<'_> {
    /// Runs one connection. `Ok` means that it was stopped.
    pub(super) async fn run_once(&mut self, stop: &CancellationToken) -> Result<(), SessionEnd> {
        let mut session = self.open()?;
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut level = self.channels.outbox.level();
        let mut drain_until: Option<Instant> = None;
        loop {
            let patience = session.window.patience(session.mono()).unwrap_or(HEARTBEAT);
            tokio::select! {
                incoming = session.connection.next() => self.take_in(&mut session, incoming?).await?,
                _ = heartbeat.tick() => self.beat(&mut session),
                Some(report) = self.channels.reports.recv() => self.tell(&session, report),
                Some(body) = self.channels.live.recv() => self.show(&session, body),
                changed = level.changed() => changed.map_err(|_| OutboxError::Stopped)?,
                () = tokio::time::sleep(patience) => {}
                () = stop.cancelled(), if drain_until.is_none() => drain_until = Some(Instant::now() + DRAIN),
            }
            let now = session.mono();
            if session.window.rewind_if_due(now) {
                tracing::debug!(
                    after = session.window.through(),
                    "events not acknowledged in time, sending again"
                );
            }
            self.pump(&mut session).await?;
            let empty = level.borrow().waiting == 0;
            if drain_until.is_some_and(|until| empty || !session.ready || Instant::now() >= until) {
                session.connection.close().await;
                return Ok(());
            }
        }
    }

    fn open(&self) -> Result<Session, SessionEnd> {
        let venue = &self.membership.venue;
        let topic = |kind| message::topic(venue, kind);
        let topics = Topics {
            event: topic(Kind::Event),
            heartbeat: topic(Kind::Heartbeat),
            streams: topic(Kind::Streams),
            live: topic(Kind::Live),
            command: topic(Kind::Command),
            ack: topic(Kind::Ack),
        };
        let opening = Opening {
            client: client_id(self.identity.key().id()),
            access: &self.membership.broker,
            will: Some(message::gone_topic(venue)),
            queue: QUEUE,
        };
        let connection = Connection::open(&opening)?;
        self.channels.state.send_modify(|state| state.broker = Broker::Connecting);
        let first = self.channels.outbox.level().borrow().first_waiting;
        let window = Window::after(first.saturating_sub(1));
        let questions = VecDeque::with_capacity(QUESTIONS);
        Ok(Session { connection, ready: false, window, questions, started: Instant::now(), topics })
    }

    async fn take_in(&mut self, session: &mut Session, incoming: Incoming) -> Result<(), SessionEnd> {
        match incoming {
            Incoming::Connected => {
                session.connection.subscribe(&session.topics.command);
                session.connection.subscribe(&session.topics.ack);
            }
            Incoming::Subscribed if !session.ready => {
                session.ready = true;
                self.channels.state.send_modify(|state| state.broker = Broker::Connected);
                self.beat(session);
            }
            Incoming::Message { topic, payload, .. } if topic == session.topics.ack => {
                self.take_ack(session, &payload).await?;
            }
            Incoming::Message { topic, payload, .. } if topic == session.topics.command => {
                self.take_command(session, &payload).await;
            }
            Incoming::Message { .. } | Incoming::Subscribed | Incoming::Receipt | Incoming::Alive => {}
        }
        Ok(())
    }

    /// Sends a heartbeat. It is not worth waiting for: the next one follows in a second.
    fn beat(&mut self, session: &mut Session) {
        if !session.ready {
            return;
        }
        self.heartbeats = self.heartbeats.next();
        let level = *self.channels.outbox.level().borrow();
        let ask = self.clock.best().is_none() || self.heartbeats.seq.is_multiple_of(ASK_EVERY);
        let body = Heartbeat {
            outbox: self.channels.outbox.id(),
            newest: level.newest,
            refused: level.refused,
            ask,
            taken: self.taken.clone(),
            health: self.channels.health.borrow().clone(),
        };
        if ask {
            if session.questions.len() == QUESTIONS {
                session.questions.pop_front();
            }
            session.questions.push_back((self.heartbeats, clock::utc_now()));
        }
        match raw(&body).and_then(|body| self.seal(Kind::Heartbeat, self.heartbeats, HEARTBEAT_LIFE, &body)) {
            Ok(bytes) => drop(session.connection.publish_freely(&session.topics.heartbeat, bytes)),
            Err(error) => tracing::error!(%error, "a heartbeat could not be written"),
        }
    }

    /// Sends waiting events as far as window and connection have room.
    async fn pump(&mut self, session: &mut Session) -> Result<(), SessionEnd> {
        while session.ready && session.window.has_room() {
            let batch = self.channels.outbox.waiting(session.window.cursor(), 8).await?;
            if batch.is_empty() {
                break;
            }
            for (number, payload) in batch {
                if !session.window.has_room() || !self.send_event(session, number, payload) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Hands one event to the connection; `false` when its queue is full.
    fn send_event(&mut self, session: &mut Session, number: u64, payload: Vec<u8>) -> bool {
        let now = session.mono();
        if session.window.is_held(number) {
            session.window.sent(number, now);
            return true;
        }
        self.events = self.events.next();
        let first = self.channels.outbox.level().borrow().first_waiting;
        let sealed = report_of(payload).and_then(|report| {
            let body = EventBody { outbox: self.channels.outbox.id(), event: number, first, report: &report };
            self.seal(Kind::Event, self.events, EVENT_LIFE, &raw(&body)?)
        });
        hit(Failpoint::UplinkEventBeforeSend);
        let sent = match sealed {
            Ok(bytes) => session.connection.publish_once_confirmed(&session.topics.event, bytes),
            Err(error) => {
                // Only what this program wrote itself is in the outbox, so this is damage that its check sum missed.
                tracing::error!(number, %error, "an event of the outbox can not be sent");
                true
            }
        };
        if sent {
            session.window.sent(number, now);
        }
        sent
    }

    /// An acknowledgement is fresh by the question it answers, not by its time: our own clock may be the wrong one.
    async fn take_ack(&mut self, session: &mut Session, bytes: &[u8]) -> Result<(), SessionEnd> {
        let received = clock::utc_now();
        let opened = envelope::parse(bytes)
            .and_then(|sealed| {
                let now = sealed.claimed_sent_at();
                sealed.open(&self.expect(now, self.acks))
            })
            .and_then(|(header, body)| Ok((header, decode::<Ack>(body)?)));
        let (header, ack) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                refuse(&error);
                return Ok(());
            }
        };
        if ack.to != self.identity.key().id() {
            return Ok(());
        }
        self.acks = header.mark;
        self.learn_time(session, &header, &ack, received);
        let news = ack.outbox == self.channels.outbox.id()
            && session.window.acknowledged(ack.through, &ack.held, session.mono());
        if news {
            hit(Failpoint::UplinkAckBeforeTake);
            self.channels.outbox.acknowledge(ack.through).await?;
        }
        Ok(())
    }

    fn learn_time(&mut self, session: &mut Session, header: &Header, ack: &Ack, received: Utc) {
        if let Some(answer) = ack.answers
            && let Some(at) = session.questions.iter().position(|(mark, _)| *mark == answer.to)
            && let Some((_, asked)) = session.questions.remove(at)
        {
            let exchange = Exchange { asked, heard: answer.heard, answered: header.sent_at, received };
            self.clock.learn(&exchange);
        }
        let clock = self.clock.best();
        self.channels.state.send_modify(|state| {
            state.controller_heard = Some(received);
            state.clock = clock;
        });
    }

    /// A command is noted on the disk before it is handed on, and announced in the next heartbeat.
    async fn take_command(&mut self, session: &mut Session, bytes: &[u8]) {
        if self.clock.best().is_none() {
            // Without the controller's time an expired command can not be told; the controller sends again.
            return;
        }
        let opened = envelope::parse(bytes)
            .and_then(|sealed| sealed.open(&self.expect(self.now(), self.ledger.mark())))
            .and_then(|(header, body)| Ok((header, decode::<CommandBody>(body)?)));
        let (header, body) = match opened {
            Ok(opened) => opened,
            Err(error) => return refuse(&error),
        };
        if body.to != self.identity.key().id() {
            return;
        }
        let id = body.id;
        if self.ledger.knows(id) || self.hand_on(&header, body).await {
            self.announce(id);
            self.beat(session);
        }
    }

    /// A command that an earlier life has taken is announced as well, or the controller would repeat it until it
    /// expires and have no room for another.
    fn announce(&mut self, id: CommandId) {
        if self.taken.contains(&id) {
            return;
        }
        if self.taken.len() == TAKEN_MAX {
            self.taken.remove(0);
        }
        self.taken.push(id);
    }

    /// `false` when there was no room or the ledger could not be written; then the controller's repetition is awaited.
    async fn hand_on(&mut self, header: &Header, body: CommandBody) -> bool {
        let Ok(room) = self.channels.commands.clone().try_reserve_owned() else { return false };
        hit(Failpoint::UplinkCommandBeforeNote);
        let (id, mark, mut ledger) = (body.id, header.mark, self.ledger.clone());
        let noted = tokio::task::spawn_blocking(move || ledger.take(id, mark).map(|()| ledger)).await;
        match noted.map_err(io::Error::other).and_then(|noted| noted) {
            Ok(ledger) => self.ledger = ledger,
            Err(error) => {
                tracing::error!(%error, "a command was not taken because it could not be noted");
                return false;
            }
        }
        hit(Failpoint::UplinkCommandAfterNote);
        room.send(Taken { id, expires: header.expires, command: body.command });
        true
    }

    fn expect(&self, now: Utc, mark: Mark) -> Expect<'_> {
        let Self { membership, .. } = self;
        Expect {
            key: Some(&membership.controller),
            direction: Direction::Down,
            venue: &membership.venue,
            now,
            mark,
        }
    }

    pub(super) fn seal(
        &self,
        kind: Kind,
        mark: Mark,
        life: Span,
        body: &RawValue,
    ) -> Result<Vec<u8>, EnvelopeError> {
        let sent_at = self.now();
        let header =
            Header { kind, venue: self.membership.venue.clone(), mark, sent_at, expires: sent_at + life };
        envelope::seal(self.identity.key(), &header, body)
    }
}

/// The client id of a key at the broker.
fn client_id(key: crate::uplink::key::KeyId) -> String {
    format!("vcops-{key}")
}

fn refuse(error: &EnvelopeError) {
    tracing::warn!(code = error.code(), %error, "a message that claims to come from the controller was refused");
}

fn decode<'a, T: serde::Deserialize<'a>>(body: &'a RawValue) -> Result<T, EnvelopeError> {
    serde_json::from_str(body.get()).map_err(|e| EnvelopeError::Malformed(e.to_string()))
}

pub(super) fn raw(body: &impl serde::Serialize) -> Result<Box<RawValue>, EnvelopeError> {
    serde_json::value::to_raw_value(body).map_err(|e| EnvelopeError::Malformed(e.to_string()))
}

fn report_of(payload: Vec<u8>) -> Result<Box<RawValue>, EnvelopeError> {
    let malformed = |e: &dyn std::fmt::Display| EnvelopeError::Malformed(e.to_string());
    let text = String::from_utf8(payload).map_err(|e| malformed(&e))?;
    RawValue::from_string(text).map_err(|e| malformed(&e))
}

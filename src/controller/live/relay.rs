//! One relay for each stream that is seen and heard: its pieces go to every viewer, a newcomer gets the beginning and
//! what follows the last key picture, and a viewer that falls behind is skipped forward to the next one.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};

use super::super::streams::{Request, Requests};
use super::push::{Order, Tickets};
use crate::domain::id::StreamId;
use crate::domain::inventory::{Inventory, PictureKind, SoundKind, Watcher};
use crate::domain::live::MediaPiece;
use crate::stream::fmp4::{Feed, Tracks};
use crate::uplink::hub::HubHandle;
use crate::web::{MediaRequest, NoMedia};

/// Most streams relayed at once.
const RELAYS_MAX: usize = 16;
/// Newcomers that may wait at one relay.
const JOINS_MAX: usize = 16;
/// Pieces that wait for one viewer.
const PIECES_MAX: usize = 256;
/// Pieces and bytes kept of what follows the last key picture.
const BACKLOG_PIECES_MAX: usize = 200;
const BACKLOG_BYTES_MAX: usize = 8 << 20;
/// How long a relay goes on without viewers: who clicks away and back starts at once.
const LINGER: Duration = Duration::from_secs(3);

type Reply = oneshot::Sender<Result<mpsc::Receiver<MediaPiece>, NoMedia>>;

/// All relays.
#[derive(Debug)]
pub(super) struct Relays {
    streams: Requests,
    agents: HubHandle,
    tickets: Tickets,
    open: BTreeMap<StreamId, mpsc::Sender<Reply>>,
}

impl Relays {
    /// None yet.
    pub(super) fn new(streams: Requests, agents: HubHandle, tickets: Tickets) -> Self {
        Self { streams, agents, tickets, open: BTreeMap::new() }
    }

    /// Lets a viewer in, starting the stream's relay if there is none.
    pub(super) fn join(&mut self, request: MediaRequest, inventory: &Inventory) {
        self.open.retain(|_, joins| !joins.is_closed());
        let MediaRequest { stream, reply } = request;
        let joins = match self.open.get(&stream) {
            Some(joins) => Ok(joins.clone()),
            None => self.start(&stream, inventory),
        };
        let refused = match joins {
            Ok(joins) => joins.try_send(reply).err().map(|refused| (refused.into_inner(), NoMedia::NoPlace)),
            Err(why) => Some((reply, why)),
        };
        if let Some((reply, why)) = refused {
            // Whoever asked may have gone.
            let _ = reply.send(Err(why));
        }
    }

    fn start(&mut self, stream: &StreamId, inventory: &Inventory) -> Result<mpsc::Sender<Reply>, NoMedia> {
        let known = inventory.streams.get(stream).filter(|known| known.source.is_some());
        let known = known.ok_or(NoMedia::NotWatched)?;
        if self.open.len() >= RELAYS_MAX {
            return Err(NoMedia::NoPlace);
        }
        let (joins, waiting) = mpsc::channel(JOINS_MAX);
        let tracks =
            Tracks { pictures: known.picture != PictureKind::None, sound: known.sound != SoundKind::None };
        match &known.watcher {
            Watcher::Hub => drop(tokio::spawn(of_hub(stream.clone(), tracks, self.streams.clone(), waiting))),
            Watcher::Agent(agent) => {
                let order = Order::new(stream, agent, inventory);
                drop(tokio::spawn(of_agent(order, self.agents.clone(), self.tickets.clone(), waiting)));
            }
        }
        self.open.insert(stream.clone(), joins.clone());
        Ok(joins)
    }
}

async fn of_hub(stream: StreamId, tracks: Tracks, streams: Requests, mut waiting: mpsc::Receiver<Reply>) {
    let (reply, answer) = oneshot::channel();
    let asked = streams.send(Request::Tap { stream, reply }).await;
    let tap = if asked.is_ok() { answer.await.ok().flatten() } else { None };
    let Some(tap) = tap else { return refuse_all(&mut waiting, NoMedia::NotWatched) };
    let mut feed = Feed::new(tap.units, tap.pool, tracks);
    let mut relay = Relay::default();
    let mut tick = tokio::time::interval(LINGER / 3);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            pieces = feed.next() => match pieces {
                Some(pieces) => pieces.into_iter().for_each(|piece| relay.pass(piece)),
                None => return,
            },
            Some(reply) = waiting.recv() => relay.welcome(reply),
            _ = tick.tick() => if relay.is_over() { return },
        }
    }
}

async fn of_agent(order: Order, agents: HubHandle, tickets: Tickets, mut waiting: mpsc::Receiver<Reply>) {
    let Some(mut pushed) = tickets.ask(order, &agents).await else {
        return refuse_all(&mut waiting, NoMedia::AgentAway);
    };
    let mut relay = Relay::default();
    let mut tick = tokio::time::interval(LINGER / 3);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            piece = pushed.recv() => match piece {
                Some(piece) => relay.pass(piece),
                None => return,
            },
            Some(reply) = waiting.recv() => relay.welcome(reply),
            _ = tick.tick() => if relay.is_over() { return },
        }
    }
}

fn refuse_all(waiting: &mut mpsc::Receiver<Reply>, why: NoMedia) {
    waiting.close();
    while let Ok(reply) = waiting.try_recv() {
        // Whoever asked may have gone.
        let _ = reply.send(Err(why));
    }
}

/// The viewers of one stream and what a newcomer must have.
#[derive(Debug, Default)]
struct Relay {
    beginning: Option<MediaPiece>,
    /// From the last key picture on; empty when it grew too long.
    backlog: Vec<MediaPiece>,
    bytes: usize,
    viewers: Vec<Viewer>,
    /// Since when there is nobody.
    alone: Option<Instant>,
}

#[derive(Debug)]
struct Viewer {
    pieces: mpsc::Sender<MediaPiece>,
    /// Whether what follows means nothing to it until the next key picture.
    lost: bool,
}

impl Relay {
    fn welcome(&mut self, reply: Reply) {
        let (pieces, viewer) = mpsc::channel(PIECES_MAX);
        for piece in self.beginning.iter().chain(&self.backlog) {
            let _ = pieces.try_send(piece.clone());
        }
        let lost = self.backlog.is_empty();
        if reply.send(Ok(viewer)).is_ok() {
            self.viewers.push(Viewer { pieces, lost });
        }
    }

    fn pass(&mut self, piece: MediaPiece) {
        self.viewers.retain_mut(|viewer| viewer.take(&piece));
        match &piece {
            MediaPiece::Beginning { .. } => {
                self.clear();
                self.beginning = Some(piece);
            }
            MediaPiece::Fragment { key, bytes } => {
                if *key {
                    self.clear();
                }
                let follows = *key || !self.backlog.is_empty();
                self.bytes += bytes.len();
                if self.backlog.len() >= BACKLOG_PIECES_MAX || self.bytes > BACKLOG_BYTES_MAX {
                    self.clear();
                } else if follows {
                    self.backlog.push(piece);
                }
            }
        }
    }

    fn clear(&mut self) {
        self.backlog.clear();
        self.bytes = 0;
    }

    /// Whether nobody has looked for a while.
    fn is_over(&mut self) -> bool {
        self.viewers.retain(|viewer| !viewer.pieces.is_closed());
        if !self.viewers.is_empty() {
            self.alone = None;
            return false;
        }
        self.alone.get_or_insert_with(Instant::now).elapsed() >= LINGER
    }
}

impl Viewer {
    /// Hands over a piece; false when the viewer has gone, or missed a beginning, without which nothing makes sense.
    fn take(&mut self, piece: &MediaPiece) -> bool {
        let enters = match piece {
            MediaPiece::Beginning { .. } => return self.pieces.try_send(piece.clone()).is_ok(),
            MediaPiece::Fragment { key, .. } => *key || !self.lost,
        };
        if enters {
            self.lost = match self.pieces.try_send(piece.clone()) {
                Ok(()) => false,
                Err(mpsc::error::TrySendError::Full(_)) => true,
                Err(mpsc::error::TrySendError::Closed(_)) => return false,
            };
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn beginning() -> MediaPiece {
        MediaPiece::Beginning { mime: "video/mp4".into(), bytes: Arc::from([0]) }
    }

    fn fragment(key: bool, n: u8) -> MediaPiece {
        MediaPiece::Fragment { key, bytes: Arc::from([n]) }
    }

    fn join(relay: &mut Relay) -> mpsc::Receiver<MediaPiece> {
        let (reply, mut answer) = oneshot::channel();
        relay.welcome(reply);
        answer.try_recv().unwrap().unwrap()
    }

    fn taken(viewer: &mut mpsc::Receiver<MediaPiece>) -> Vec<MediaPiece> {
        std::iter::from_fn(|| viewer.try_recv().ok()).collect()
    }

    #[test]
    fn a_newcomer_begins_at_the_last_key_picture() {
        let mut relay = Relay::default();
        for piece in
            [beginning(), fragment(true, 1), fragment(false, 2), fragment(true, 3), fragment(false, 4)]
        {
            relay.pass(piece);
        }
        let mut viewer = join(&mut relay);
        assert_eq!(taken(&mut viewer), [beginning(), fragment(true, 3), fragment(false, 4)]);
        relay.pass(fragment(false, 5));
        assert_eq!(taken(&mut viewer), [fragment(false, 5)]);
    }

    #[test]
    fn who_falls_behind_goes_on_at_a_key_picture_and_who_misses_a_beginning_is_let_go() {
        let mut relay = Relay::default();
        relay.pass(beginning());
        relay.pass(fragment(true, 0));
        let mut slow = join(&mut relay);
        (0..PIECES_MAX + 10).for_each(|_| relay.pass(fragment(false, 1)));
        assert_eq!(taken(&mut slow).len(), PIECES_MAX);
        relay.pass(fragment(false, 2));
        assert!(taken(&mut slow).is_empty(), "nothing makes sense before the next key picture");
        relay.pass(fragment(true, 3));
        assert_eq!(taken(&mut slow), [fragment(true, 3)]);
        (0..PIECES_MAX).for_each(|_| relay.pass(fragment(true, 4)));
        relay.pass(beginning());
        assert!(relay.viewers.is_empty());
    }

    #[test]
    fn a_stream_without_key_pictures_does_not_fill_the_memory() {
        let mut relay = Relay::default();
        relay.pass(beginning());
        relay.pass(fragment(true, 0));
        (0..BACKLOG_PIECES_MAX * 3).for_each(|_| relay.pass(fragment(false, 1)));
        assert!(relay.backlog.is_empty());
    }
}

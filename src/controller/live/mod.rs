//! The hub of the live plane: the newest picture and level of each stream for all screens, who looks at what, and the
//! relays through which a stream itself is seen and heard. Past the engine; nothing here is judged or journalled.
//!
//! A reader's look counts for a few seconds, so one that vanishes costs nothing for long; the streams that anybody
//! looks at are asked for again and again while that is so, and decoders run for these alone.

mod relay;
mod push;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

pub(super) use push::Tickets;

use super::clock::wall;
use super::streams::{Request, Requests};
use crate::domain::id::StreamId;
use crate::domain::live::{LiveBoard, LiveItem};
use crate::domain::time::Span;
use crate::report::Snapshot;
use crate::uplink::hub::HubHandle;
use crate::web::{LiveDoor, Look, MediaRequest};
use relay::Relays;

/// How often the screens get a newer board.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);
/// How often the streams that are looked at are asked for again.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// How long that counts.
const ASKED_FOR: Span = Span::seconds(6);
/// How long a look counts that is not said again.
const LOOK_LIFE: Duration = Duration::from_secs(6);
/// Most readers whose looks are remembered.
const READERS_MAX: usize = 512;
/// Looks and requests for media that may wait.
const WAITING_MAX: usize = 256;

/// The hub.
#[derive(Debug)]
pub(super) struct LiveHub {
    items: mpsc::Receiver<LiveItem>,
    looks: mpsc::Receiver<Look>,
    media: mpsc::Receiver<MediaRequest>,
    board: watch::Sender<Arc<LiveBoard>>,
    view: watch::Receiver<Arc<Snapshot>>,
    streams: Requests,
    leases: Leases,
    relays: Relays,
}

/// Who looks at what, and until when.
#[derive(Debug, Default)]
struct Leases(BTreeMap<u64, (BTreeSet<StreamId>, Instant)>);

impl LiveHub {
    /// The hub and the web's door to it. `items` is what monitors show; `streams` is where is asked for more.
    pub(super) fn new(
        items: mpsc::Receiver<LiveItem>,
        view: watch::Receiver<Arc<Snapshot>>,
        streams: Requests,
        (agents, tickets): (HubHandle, Tickets),
    ) -> (Self, LiveDoor) {
        let (looks_tx, looks) = mpsc::channel(WAITING_MAX);
        let (media_tx, media) = mpsc::channel(WAITING_MAX);
        let (board, boards) = watch::channel(Arc::new(LiveBoard::default()));
        let relays = Relays::new(streams.clone(), agents, tickets);
        let hub = Self { items, looks, media, board, view, streams, leases: Leases::default(), relays };
        (hub, LiveDoor { board: boards, looks: looks_tx, media: media_tx })
    }

    /// Works until told to stop.
    pub(super) async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut newest = LiveBoard::default();
        let (mut fresh, mut asked) = (false, Instant::now());
        let mut tick = tokio::time::interval(PUBLISH_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(item) = self.items.recv() => {
                    newest.put(item);
                    fresh = true;
                }
                Some(look) = self.looks.recv() => {
                    if self.leases.take(look, Instant::now()) {
                        asked = Instant::now();
                        self.ask();
                    }
                }
                Some(request) = self.media.recv() => {
                    let inventory = Arc::clone(&self.view.borrow().inventory);
                    self.relays.join(request, &inventory);
                }
                _ = tick.tick() => {
                    if std::mem::take(&mut fresh) {
                        self.board.send_replace(Arc::new(newest.clone()));
                    }
                    if asked.elapsed() >= ASK_EVERY {
                        asked = Instant::now();
                        self.leases.end(asked);
                        fresh |= self.forget(&mut newest);
                        self.ask();
                    }
                }
            }
        }
    }

    /// Asks for pictures and levels of everything that anybody looks at.
    fn ask(&self) {
        let streams = self.leases.union();
        if !streams.is_empty() {
            // A full queue is asked again in two seconds.
            let _ = self.streams.try_send(Request::Show { streams, until: wall() + ASKED_FOR });
        }
    }

    /// Forgets streams that are not in the inventory any longer.
    fn forget(&self, board: &mut LiveBoard) -> bool {
        let inventory = Arc::clone(&self.view.borrow().inventory);
        let before = board.slots.len();
        board.slots.retain(|stream, _| inventory.streams.contains_key(stream));
        board.slots.len() != before
    }
}

impl Leases {
    /// Remembers a look; whether it shows a stream that nobody looked at before.
    fn take(&mut self, look: Look, now: Instant) -> bool {
        if look.streams.is_empty() {
            self.0.remove(&look.reader);
            return false;
        }
        if self.0.len() >= READERS_MAX && !self.0.contains_key(&look.reader) {
            return false;
        }
        let known = |stream: &StreamId| self.0.values().any(|(streams, _)| streams.contains(stream));
        let news = !look.streams.iter().all(known);
        self.0.insert(look.reader, (look.streams, now + LOOK_LIFE));
        news
    }

    fn end(&mut self, now: Instant) {
        self.0.retain(|_, (_, until)| *until > now);
    }

    fn union(&self) -> BTreeSet<StreamId> {
        self.0.values().flat_map(|(streams, _)| streams).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(reader: u64, streams: &[&str]) -> Look {
        Look { reader, streams: streams.iter().map(|id| StreamId::parse(id).unwrap()).collect() }
    }

    #[test]
    fn looks_end_by_themselves_and_only_new_ones_ask_at_once() {
        let mut leases = Leases::default();
        let now = Instant::now();
        assert!(leases.take(look(1, &["a", "b"]), now));
        assert!(!leases.take(look(2, &["a"]), now + LOOK_LIFE / 2), "somebody looks already");
        leases.end(now + LOOK_LIFE);
        assert_eq!(leases.union(), look(0, &["a"]).streams, "the first reader is gone");
        assert!(!leases.take(look(2, &[]), now));
        assert!(leases.union().is_empty());
    }

    #[test]
    fn a_crowd_is_bounded() {
        let mut leases = Leases::default();
        let now = Instant::now();
        for reader in 0..READERS_MAX as u64 + 10 {
            leases.take(look(reader, &["a"]), now);
        }
        assert_eq!(leases.0.len(), READERS_MAX);
    }
}

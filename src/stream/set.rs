//! All streams that this process watches: starts, stops and orders their monitors.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use retina::client::SessionGroup;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::burst::AnalysisBench;
use super::clock::StreamClock;
use super::ingest::{Door, Place};
use super::liveness::Failure;
use super::monitor::{Control, Monitor};
use super::settings::{Pace, StreamSettings};
use super::unit::Unit;
use crate::domain::id::StreamId;
use crate::domain::live::{LiveItem, Still};
use crate::domain::time::Utc;
use crate::metrics::Counters;
use crate::observation::{BlindWhy, StreamOrder, StreamReport};
use crate::worker::pool::Pool;

/// Units that a tap may lag behind before it loses the oldest.
const TAP_UNITS_MAX: usize = 256;

/// As many streams shown at once get a picture each second; a wall of more gets one each two seconds.
const CLOSELY_MAX: usize = 4;

/// Longest wait for monitors to end.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// Where monitors put what they find. A full channel of reports is tried again at the next tick with the newest
/// report; live items and evidence that find no room are dropped.
#[derive(Debug, Clone)]
pub struct Outlets {
    /// What is seen.
    pub reports: mpsc::Sender<StreamReport>,
    /// Thumbnails and levels for the screens.
    pub live: mpsc::Sender<LiveItem>,
    /// Pictures that detections name as evidence.
    pub stills: mpsc::Sender<Still>,
}

/// What monitors work with.
#[derive(Debug, Clone)]
pub struct Means {
    /// Decodes; without it streams are watched by their headers alone.
    pub bench: Option<Arc<AnalysisBench>>,
    /// Receives SRT, RTMP and HLS; without it such streams are blind.
    pub pool: Option<Pool>,
    /// Counts what monitors do.
    pub counters: Arc<Counters>,
}

/// All monitors of a process. Dropped, it ends them.
#[derive(Debug)]
pub struct WatchSet {
    settings: StreamSettings,
    means: Means,
    outlets: Outlets,
    clock: StreamClock,
    watched: BTreeMap<StreamId, Watched>,
    pace: Pace,
}

#[derive(Debug)]
struct Watched {
    order: StreamOrder,
    has_room: bool,
    control: watch::Sender<Control>,
    tap: broadcast::Sender<Arc<Unit>>,
    task: JoinHandle<()>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl WatchSet {
    /// Starts with no stream. Must be called inside a tokio runtime.
    pub fn start(settings: StreamSettings, means: Means, outlets: Outlets) -> Self {
        let pace = settings.pace;
        Self { settings, means, outlets, clock: StreamClock::start(), watched: BTreeMap::new(), pace }
    }

    /// Watch these streams and no others from now on; an unchanged order goes on undisturbed. Of several orders for
    /// one stream the first counts.
    pub fn watch(&mut self, orders: Vec<StreamOrder>) {
        let mut before = std::mem::take(&mut self.watched);
        for order in orders {
            if self.watched.contains_key(&order.stream) {
                continue;
            }
            let has_room = self.watched.len() < self.settings.streams_max;
            let known = before.remove(&order.stream);
            let watched = match known {
                Some(known) if known.order == order && known.has_room == has_room => known,
                known => self.begin(order, has_room, known),
            };
            self.watched.insert(watched.order.stream.clone(), watched);
        }
        self.means.counters.stream.watched.set(i64::try_from(self.watched.len()).unwrap_or(i64::MAX));
    }

    /// Somebody looks: thumbnails and levels of these streams leave until then, of no others from now on. To be said
    /// again while somebody still looks.
    pub fn show(&mut self, streams: &[StreamId], until: Utc) {
        let closely = streams.len() <= CLOSELY_MAX;
        for (stream, watched) in &self.watched {
            let show_until = streams.contains(stream).then_some(until);
            watched.control.send_if_modified(|control| {
                let wanted = Control { show_until, closely, ..*control };
                std::mem::replace(control, wanted) != wanted
            });
        }
    }

    /// How soon broken connections are tried again from now on.
    pub fn pace(&mut self, pace: Pace) {
        self.pace = pace;
        for watched in self.watched.values() {
            watched.control.send_modify(|control| control.pace = pace);
        }
    }

    /// The units of a stream as they arrive, from the next one on; `None` when it is not watched. A slow reader loses
    /// the oldest.
    pub fn tap(&self, stream: &StreamId) -> Option<broadcast::Receiver<Arc<Unit>>> {
        self.watched.get(stream).map(|watched| watched.tap.subscribe())
    }

    /// The clock on which units are timed.
    pub fn clock(&self) -> StreamClock {
        self.clock
    }

    /// Ends all monitors and waits for them, at most two seconds.
    pub async fn stop(mut self) {
        let watched = std::mem::take(&mut self.watched);
        let ends: Vec<_> = watched.into_values().map(end).collect();
        let _ = timeout(STOP_WAIT, futures_util::future::join_all(ends)).await;
    }

    fn begin(&self, order: StreamOrder, has_room: bool, before: Option<Watched>) -> Watched {
        let (control, controlled) =
            watch::channel(Control { pace: self.pace, show_until: None, closely: false });
        let tap =
            before.as_ref().map_or_else(|| broadcast::channel(TAP_UNITS_MAX).0, |before| before.tap.clone());
        let monitor = Monitor {
            door: self.door(&order, has_room),
            order: order.clone(),
            clock: self.clock,
            bench: self.means.bench.clone(),
            outlets: self.outlets.clone(),
            control: controlled,
            tap: tap.clone(),
            counters: self.means.counters.clone(),
        };
        let task = tokio::spawn(async move {
            // The monitor before holds the sockets.
            if let Some(before) = before {
                let _ = timeout(STOP_WAIT, end(before)).await;
            }
            monitor.run().await;
        });
        Watched { order, has_room, control, tap, task }
    }

    fn door(&self, order: &StreamOrder, has_room: bool) -> Result<Arc<Door>, Failure> {
        if !has_room {
            return Err(Failure::Blind(BlindWhy::NoCapacity));
        }
        let place = Place::of(order, &self.settings)?;
        let sessions = Arc::new(SessionGroup::default().named(order.stream.to_string()));
        Ok(Arc::new(Door { place, clock: self.clock, sessions, pool: self.means.pool.clone() }))
    }
}

/// Ends a monitor and waits for it.
async fn end(mut watched: Watched) {
    watched.task.abort();
    let _ = (&mut watched.task).await;
}

//! The parent's half: which children live, how long they may take, and who waits for them. Knows processes and queues;
//! must not know codecs or pictures.
//!
//! Sessions that decode share a fixed number of children, each watched by a task of its own; encoders and fetchers
//! get a child of their own, so that ending one needs nobody's consent.

mod backoff;
mod child;
mod flight;
pub(crate) mod line;
mod process;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch as latest};
use tokio::task::JoinHandle;

use super::fetched::{FetchEnd, Fetched};
use super::kind::{AudioEncoding, AudioKind, FetchKind, SessionKind, VideoEncoding, VideoKind};
use super::session::{
    AudioSession, EncodeSession, FetchSession, TranscodeSession, VideoSession, WorkerError,
};
use crate::metrics::Counters;
use child::{Life, Supervisor};
use line::{Line, Seat};
use process::Spawner;

/// Orders that may wait for one child.
const ORDERS_MAX: usize = 512;
/// Units of a fetching session that may wait for its reader.
const EVENTS_MAX: usize = 1024;
/// How long an encoder may wait for a free place.
const PLACE_WAIT: Duration = Duration::from_secs(30);

/// How many children live, and within which limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSettings {
    /// The program whose `worker` subcommand is run; by default this very binary, even if its file was replaced.
    pub program: PathBuf,
    /// Children that decode for all, 1 to 16.
    pub children: usize,
    /// Most children that encode or fetch, each for one session.
    pub own_children_max: usize,
    /// Address space of a child, in MiB.
    pub memory_mib: u32,
    /// Niceness of a child, 0 to 19: media may wait, the daemon must not.
    pub nice: u8,
    /// Where GStreamer keeps its list of plugins; `None` is the account's own cache. Without a place to keep it,
    /// every start of a child reads all plugins anew, which takes a second.
    pub registry: Option<PathBuf>,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            program: PathBuf::from("/proc/self/exe"),
            children: 2,
            own_children_max: 64,
            memory_mib: 2048,
            nice: 5,
            registry: None,
        }
    }
}

/// The children and their sessions. Clones are the same pool; when the last one and all its sessions are gone, the
/// children end.
#[derive(Debug, Clone)]
pub struct Pool {
    house: Arc<House>,
}

/// What all clones share. Nothing in it changes but counts.
#[derive(Debug)]
struct House {
    counters: Arc<Counters>,
    seats: Arc<[Seat]>,
    own_places: Arc<Semaphore>,
    spawner: Spawner,
    sessions: AtomicU32,
    generations: Arc<AtomicU64>,
    stop: latest::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// One child as the system sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Its process.
    pub pid: u32,
    /// Memory it holds, in bytes.
    pub rss_bytes: u64,
    /// Processor time it has used, in seconds.
    pub cpu_s: f64,
    /// Its threads.
    pub threads: u32,
}

impl Pool {
    /// Starts the shared children, inside a tokio runtime. Does not wait for them: requests do.
    pub fn start(settings: PoolSettings, counters: Arc<Counters>) -> Self {
        let spawner = Spawner::start(&settings);
        let generations = Arc::new(AtomicU64::new(0));
        let (stop, stopping) = latest::channel(false);
        let (mut seats, mut tasks) = (Vec::new(), Vec::new());
        for _ in 0..settings.children.clamp(1, 16) {
            let (orders, waiting) = mpsc::channel(ORDERS_MAX);
            let seat = Seat::new(orders);
            let supervisor = Supervisor {
                spawner: spawner.clone(),
                counters: Arc::clone(&counters),
                generations: Arc::clone(&generations),
                pid: Arc::clone(&seat.pid),
                orders: waiting,
                stopping: stopping.clone(),
                life: Life::Shared,
            };
            tasks.push(tokio::spawn(supervisor.run()));
            seats.push(seat);
        }
        let own_places = Arc::new(Semaphore::new(settings.own_children_max));
        Self {
            house: Arc::new(House {
                counters,
                seats: seats.into(),
                own_places,
                spawner,
                sessions: AtomicU32::new(0),
                generations,
                stop,
                tasks,
            }),
        }
    }

    /// A session that decodes pictures. Nothing is sent before its first request.
    pub fn video(&self, kind: VideoKind) -> VideoSession {
        VideoSession { line: self.shared(SessionKind::Video(kind)) }
    }

    /// A session that measures loudness.
    pub fn audio(&self, kind: AudioKind) -> AudioSession {
        AudioSession { line: self.shared(SessionKind::Audio(kind)) }
    }

    /// A session that turns sound into AAC.
    pub fn transcode(&self, kind: AudioKind) -> TranscodeSession {
        TranscodeSession { line: self.shared(SessionKind::Transcode(kind)) }
    }

    /// A video encoder with a child of its own; waits for a free place.
    ///
    /// # Errors
    /// [`WorkerError::Busy`] when none became free in 30 s.
    pub async fn video_encoder(&self, encoding: VideoEncoding) -> Result<EncodeSession, WorkerError> {
        self.encoder(SessionKind::EncodeVideo(encoding)).await
    }

    /// A sound encoder with a child of its own; waits for a free place.
    ///
    /// # Errors
    /// [`WorkerError::Busy`] when none became free in 30 s.
    pub async fn audio_encoder(&self, encoding: AudioEncoding) -> Result<EncodeSession, WorkerError> {
        self.encoder(SessionKind::EncodeAudio(encoding)).await
    }

    /// A session that fetches from a server, in a child of its own, from now until it is dropped.
    ///
    /// # Errors
    /// [`WorkerError::Busy`] when as many as allowed are running.
    pub fn fetch(&self, kind: FetchKind) -> Result<FetchSession, WorkerError> {
        let place = Arc::clone(&self.house.own_places).try_acquire_owned().map_err(|_| WorkerError::Busy)?;
        let (events, units) = mpsc::channel(EVENTS_MAX);
        let line = self.own(SessionKind::Fetch(kind), Some(events), place);
        Ok(FetchSession { line, events: units })
    }

    /// The shared children as the system sees them now; a child that is starting is left out.
    pub fn usage(&self) -> Vec<Usage> {
        self.house.seats.iter().filter_map(|seat| watch::usage(seat.pid.load(Ordering::Relaxed))).collect()
    }

    /// Ends all children and waits for it, at most 2 s. Sessions say [`WorkerError::Stopped`] from then on.
    pub async fn stop(&self) {
        let _ = self.house.stop.send(true);
        let all = async {
            while !self.house.tasks.iter().all(JoinHandle::is_finished) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(2), all).await;
    }

    async fn encoder(&self, kind: SessionKind) -> Result<EncodeSession, WorkerError> {
        let place = Arc::clone(&self.house.own_places).acquire_owned();
        let place = tokio::time::timeout(PLACE_WAIT, place).await.map_err(|_| WorkerError::Busy)?;
        let place = place.map_err(|_| WorkerError::Stopped)?;
        Ok(EncodeSession { line: self.own(kind, None, place) })
    }

    fn shared(&self, kind: SessionKind) -> Line {
        Line::shared(self.next_session(), kind, Arc::clone(&self.house.seats))
    }

    fn own(
        &self,
        kind: SessionKind,
        events: Option<mpsc::Sender<Result<Fetched, FetchEnd>>>,
        place: tokio::sync::OwnedSemaphorePermit,
    ) -> Line {
        let house = &self.house;
        let (orders, waiting) = mpsc::channel(ORDERS_MAX);
        let seat = Seat::new(orders);
        let line = Line::own(self.next_session(), kind, seat);
        let supervisor = Supervisor {
            spawner: house.spawner.clone(),
            counters: Arc::clone(&house.counters),
            generations: Arc::clone(&house.generations),
            pid: line.pid(),
            orders: waiting,
            stopping: house.stop.subscribe(),
            life: Life::Own { open: line.opening(), events, place },
        };
        tokio::spawn(supervisor.run());
        line
    }

    fn next_session(&self) -> u32 {
        self.house.sessions.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }
}

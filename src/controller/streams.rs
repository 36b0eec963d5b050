//! The streams of the moment: keeps the monitors of the hub and of the agents in step with inventory and time, and
//! passes on what they see. Which streams may be looked at is the inventory's rule; what a report means is the
//! engine's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::clock::wall;
use super::errands::Voice;
use super::self_watch::Pulse;
use crate::config::streams::{Unlisted, WatchingSettings};
use crate::domain::id::{AgentId, MeetingId, StreamId};
use crate::domain::inventory::{Phase, Stream, Watcher};
use crate::domain::live::{LiveItem, Still};
use crate::domain::time::{Span, Utc};
use crate::metrics::Counters;
use crate::observation::{AgentCommand, BlindWhy, Fact, StreamOrder, StreamReport};
use crate::report::Snapshot;
use crate::store::Store;
use crate::stream::burst::AnalysisBench;
use crate::stream::settings::Pace;
use crate::stream::unit::Unit;
use crate::stream::{Means, Outlets, WatchSet};
use crate::uplink::hub::HubHandle;
use crate::worker::pool::Pool;

/// How often the watched streams are looked up again: meetings come and go by the clock.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// How often agents are told again what to watch: an agent that has just started knows nothing.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// How long an agent may take to take that.
const TELL_LIFE: Span = Span::seconds(8);
/// Reports, live items and pictures that may wait here.
pub(super) const WAITING_MAX: usize = 1024;

/// What is asked of the streams.
#[derive(Debug)]
pub(super) enum Request {
    /// Somebody looks at these streams until then.
    Show {
        /// Which.
        streams: BTreeSet<StreamId>,
        /// Until when.
        until: Utc,
    },
    /// Somebody clicked a stream that the hub watches: its units as they arrive.
    Tap {
        /// Which.
        stream: StreamId,
        /// `None` when the hub does not watch it now.
        reply: oneshot::Sender<Option<Tapped>>,
    },
    /// An agent showed something.
    Shown {
        /// Who.
        agent: AgentId,
        /// What.
        item: LiveItem,
    },
    /// An agent sent evidence.
    Evidence {
        /// Who.
        agent: AgentId,
        /// What.
        still: Still,
    },
}

/// A stream that somebody sees and hears.
#[derive(Debug)]
pub(super) struct Tapped {
    /// Its units as they arrive.
    pub(super) units: broadcast::Receiver<Arc<Unit>>,
    /// Who makes its sound AAC.
    pub(super) pool: Option<Pool>,
}

/// A way to ask. Clones share it.
pub(super) type Requests = mpsc::Sender<Request>;

/// What the streams need of the rest.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) settings: WatchingSettings,
    /// Where GStreamer keeps its list of plugins.
    pub(super) registry: PathBuf,
    pub(super) counters: Arc<Counters>,
    pub(super) voice: Voice,
    pub(super) hub: HubHandle,
    pub(super) view: watch::Receiver<Arc<Snapshot>>,
    pub(super) store: Store,
    /// To the screens.
    pub(super) live: mpsc::Sender<LiveItem>,
    pub(super) requests: mpsc::Receiver<Request>,
    /// Its sign of life.
    pub(super) pulse: Pulse,
}

/// The monitors of the hub and what comes out of them.
struct Monitors {
    /// Started with the first stream: a controller without streams runs no decoder.
    set: Option<WatchSet>,
    /// The workers, once they have been started.
    pool: Option<Pool>,
    outlets: Outlets,
    reports: mpsc::Receiver<StreamReport>,
    items: mpsc::Receiver<LiveItem>,
    stills: mpsc::Receiver<Still>,
}

/// What is watched by whom at the moment.
#[derive(Debug, Default, PartialEq)]
struct Watched {
    hub: Vec<StreamOrder>,
    agents: BTreeMap<AgentId, Vec<StreamOrder>>,
    /// Streams of the hub whose source its settings forbid.
    forbidden: Vec<StreamId>,
    /// Streams of which nothing may be kept or shown small.
    traceless: BTreeSet<StreamId>,
    pace: Pace,
}

impl Streams {
    /// Works until told to stop.
    pub(super) async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut monitors = Monitors::new();
        let mut watched = Watched::default();
        let mut follow = tokio::time::interval(FOLLOW_EVERY);
        follow.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = follow.tick() => {
                    self.pulse.beat();
                    let now = self.watched(wall());
                    let news = now != watched;
                    if news {
                        self.watch(&mut monitors, &now)?;
                    }
                    self.refuse(&now);
                    if news || told.elapsed() >= TELL_EVERY {
                        told = Instant::now();
                        self.tell_agents(&now, &watched).await;
                    }
                    watched = now;
                }
                Some(report) = monitors.reports.recv() => {
                    self.voice.tell_if_room(Fact::StreamSeen { report: Box::new(report) });
                }
                Some(item) = monitors.items.recv() => self.show(item, &watched),
                Some(still) = monitors.stills.recv() => self.keep(still, &watched).await,
                request = self.requests.recv() => match request {
                    Some(request) => self.answer(request, &mut monitors, &watched).await,
                    None => break,
                },
            }
        }
        if let Some(set) = monitors.set {
            set.stop().await;
        }
        Ok(())
    }

    fn watched(&self, at: Utc) -> Watched {
        let view = self.view.borrow().clone();
        let rehearsing: BTreeSet<MeetingId> =
            view.rounds.iter().filter(|round| round.is_open()).map(|round| round.meeting.clone()).collect();
        let inventory = &view.inventory;
        let live = |phase| matches!(phase, Phase::RollCall | Phase::Live | Phase::Over);
        let meetings = inventory.watched_meetings(at, &rehearsing);
        let mut watched = Watched {
            pace: if meetings.iter().any(|meeting| live(meeting.phase(at))) {
                Pace::Live
            } else {
                Pace::Idle
            },
            ..Watched::default()
        };
        for stream in inventory.watched_streams(at, &rehearsing) {
            let Some(order) = order(stream) else { continue };
            if !inventory.may_keep(stream, at, &rehearsing) {
                watched.traceless.insert(stream.id.clone());
            }
            match &stream.watcher {
                Watcher::Hub if !self.settings.permits(&order.source, Unlisted::Permitted) => {
                    watched.forbidden.push(order.stream);
                }
                Watcher::Hub => watched.hub.push(order),
                Watcher::Agent(agent) => watched.agents.entry(agent.clone()).or_default().push(order),
            }
        }
        watched
    }

    fn watch(&self, monitors: &mut Monitors, watched: &Watched) -> anyhow::Result<()> {
        if monitors.set.is_none() && watched.hub.is_empty() {
            return Ok(());
        }
        let set = match &mut monitors.set {
            Some(set) => set,
            none => {
                let settings = self.settings.monitors().context("reading the streams' password files")?;
                let means = self.means();
                monitors.pool.clone_from(&means.pool);
                none.insert(WatchSet::start(settings, means, monitors.outlets.clone()))
            }
        };
        set.pace(watched.pace);
        set.watch(watched.hub.clone());
        Ok(())
    }

    fn means(&self) -> Means {
        let counters = Arc::clone(&self.counters);
        let pool = self.settings.pool(self.registry.clone()).map(|it| Pool::start(it, Arc::clone(&counters)));
        let bench = pool.as_ref().map(|pool| AnalysisBench::start(pool.clone(), self.settings.bench()));
        Means { pool, bench, counters }
    }

    /// Says each second which streams are not looked at because the settings forbid it.
    fn refuse(&self, watched: &Watched) {
        for stream in &watched.forbidden {
            let report = StreamReport::blind(stream.clone(), BlindWhy::Forbidden, wall());
            self.voice.tell_if_room(Fact::StreamSeen { report: Box::new(report) });
        }
    }

    /// Tells each agent its streams; one that had some and has none now is told that as well.
    async fn tell_agents(&self, now: &Watched, before: &Watched) {
        let nothing = Vec::new();
        let gone = before.agents.keys().filter(|agent| !now.agents.contains_key(*agent));
        let orders = now.agents.iter().chain(gone.map(|agent| (agent, &nothing)));
        for (agent, orders) in orders {
            self.command(agent, AgentCommand::WatchStreams { orders: orders.clone() }).await;
        }
    }

    async fn command(&self, agent: &AgentId, command: AgentCommand) {
        if let Err(error) = self.hub.command(agent, command, wall() + TELL_LIFE).await {
            tracing::debug!(%agent, %error, "an agent was not told about its streams");
        }
    }

    fn show(&self, item: LiveItem, watched: &Watched) {
        let traceless = match &item {
            LiveItem::Thumbnail { stream, .. } => watched.traceless.contains(stream),
            LiveItem::Meter { .. } => false,
        };
        if !traceless {
            // A screen that lags gets the next one.
            let _ = self.live.try_send(item);
        }
    }

    async fn keep(&self, still: Still, watched: &Watched) {
        if watched.traceless.contains(&still.stream) {
            return;
        }
        if let Err(error) = self.store.put_evidence(still.jpeg.to_vec(), wall()).await {
            tracing::warn!(%error, "a picture could not be kept as evidence");
        }
    }

    async fn answer(&self, request: Request, monitors: &mut Monitors, watched: &Watched) {
        match request {
            Request::Show { streams, until } => self.look(streams, until, monitors, watched).await,
            Request::Tap { stream, reply } => {
                let units = monitors.set.as_ref().and_then(|set| set.tap(&stream));
                let tap = units.map(|units| Tapped { units, pool: monitors.pool.clone() });
                // Whoever asked may have gone.
                let _ = reply.send(tap);
            }
            Request::Shown { agent, item } => {
                let (LiveItem::Thumbnail { stream, .. } | LiveItem::Meter { stream, .. }) = &item;
                if watched.is_of(&agent, stream) {
                    self.show(item, watched);
                }
            }
            Request::Evidence { agent, still } if watched.is_of(&agent, &still.stream) => {
                self.keep(still, watched).await;
            }
            Request::Evidence { .. } => {}
        }
    }

    async fn look(
        &self,
        streams: BTreeSet<StreamId>,
        until: Utc,
        monitors: &mut Monitors,
        watched: &Watched,
    ) {
        if let Some(set) = &mut monitors.set {
            let own: Vec<StreamId> = streams.iter().cloned().collect();
            set.show(&own, until);
        }
        for (agent, orders) in &watched.agents {
            let theirs = orders.iter().map(|order| &order.stream).filter(|stream| streams.contains(*stream));
            let streams: Vec<StreamId> = theirs.cloned().collect();
            if !streams.is_empty() {
                self.command(agent, AgentCommand::ShowStreams { streams, until }).await;
            }
        }
    }
}

impl Watched {
    /// Whether an agent was told to watch a stream.
    fn is_of(&self, agent: &AgentId, stream: &StreamId) -> bool {
        self.agents.get(agent).is_some_and(|orders| orders.iter().any(|order| &order.stream == stream))
    }
}

impl Monitors {
    fn new() -> Self {
        let (reports_tx, reports) = mpsc::channel(WAITING_MAX);
        let (live, items) = mpsc::channel(WAITING_MAX);
        let (stills_tx, stills) = mpsc::channel(WAITING_MAX);
        let outlets = Outlets { reports: reports_tx, live, stills: stills_tx };
        Self { set: None, pool: None, outlets, reports, items, stills }
    }
}

fn order(stream: &Stream) -> Option<StreamOrder> {
    Some(StreamOrder {
        stream: stream.id.clone(),
        source: stream.source.clone()?,
        credential: stream.credential.clone(),
        picture: stream.picture,
        sound: stream.sound,
        codec: stream.codec,
        fps: stream.fps,
    })
}

//! The venue's own monitors: watches what the controller asks for, as far as the venue's settings permit, and hands
//! reports, pictures and levels to the line. Media stay in the venue unless somebody in the control room clicks.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::streams::{Unlisted, WatchingSettings};
use crate::domain::id::StreamId;
use crate::domain::live::{LiveItem, MediaPiece, Still};
use crate::domain::time::Utc;
use crate::metrics::Counters;
use crate::observation::{BlindWhy, StreamOrder, StreamReport};
use crate::stream::burst::AnalysisBench;
use crate::stream::fmp4::{Feed, Tracks};
use crate::stream::unit::Unit;
use crate::stream::{Means, Outlets, WatchSet};
use crate::uplink::clock::utc_now;
use crate::uplink::enrol::client::EnrolAddress;
use crate::uplink::live::{Jpeg, LiveBody};
use crate::uplink::push::push_to;
use crate::worker::pool::Pool;

/// How often forbidden streams are named again.
const REFUSE_EVERY: Duration = Duration::from_secs(1);
/// Pictures and levels that may wait between the monitors and the line.
const WAITING_MAX: usize = 64;

/// Streams that may be pushed at once, and pieces of one that may wait for the line.
const PUSHES_MAX: usize = 2;
const PIECES_MAX: usize = 32;
/// The line's budget for a push holds over so many seconds: key pictures are large.
const BUDGET_SECONDS: u64 = 4;

/// What the controller asks of the monitors.
#[derive(Debug)]
pub(super) enum Wish {
    /// Watch these and no others.
    Watch(Vec<StreamOrder>),
    /// Somebody looks at these until then, by this machine's clock.
    Show(Vec<StreamId>, Utc),
    /// Somebody clicked: push this stream to the controller.
    Push(Push),
}

/// A stream that goes to the controller for a while.
#[derive(Debug)]
pub(super) struct Push {
    pub(super) stream: StreamId,
    /// The one-time ticket for the controller's door. A secret.
    pub(super) ticket: String,
    /// What it may take of the venue's line.
    pub(super) kbps_max: u32,
    /// How long at most.
    pub(super) lasts: Duration,
}

/// The venue's monitors before they run.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) settings: WatchingSettings,
    /// Where GStreamer keeps its list of plugins.
    pub(super) registry: PathBuf,
    pub(super) wishes: mpsc::Receiver<Wish>,
    pub(super) reports: mpsc::Sender<StreamReport>,
    pub(super) live: mpsc::Sender<LiveBody>,
    /// Who decodes; started with the first stream.
    pub(super) pool: Option<Pool>,
    /// The controller's door for pushed streams: that of enrolment.
    pub(super) door: EnrolAddress,
}

/// What comes out of the monitors beside reports, which go to the line as they are.
struct Shown {
    outlets: Outlets,
    items: mpsc::Receiver<LiveItem>,
    stills: mpsc::Receiver<Still>,
}

impl Streams {
    /// Works until `stop`.
    pub(super) async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut shown = Shown::new(self.reports.clone());
        // Started with the first stream: an agent that watches nothing stays small.
        let mut set: Option<WatchSet> = None;
        let mut forbidden: Vec<StreamId> = Vec::new();
        // Ends its pushes when it is dropped.
        let mut pushes: JoinSet<()> = JoinSet::new();
        let mut refuse = tokio::time::interval(REFUSE_EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(wish) = self.wishes.recv() => match wish {
                    Wish::Watch(orders) => forbidden = self.watch(orders, &mut set, &shown.outlets)?,
                    Wish::Show(streams, until) => {
                        if let Some(set) = &mut set {
                            set.show(&streams, until);
                        }
                    }
                    Wish::Push(push) if pushes.len() < PUSHES_MAX => {
                        if let Some(units) = set.as_ref().and_then(|set| set.tap(&push.stream)) {
                            pushes.spawn(push.run(units, self.pool.clone(), self.door.clone()));
                        }
                    }
                    Wish::Push(_) => {}
                },
                Some(item) = shown.items.recv() => self.pass(LiveBody::of(item)),
                Some(still) = shown.stills.recv() => self.pass(evidence(still)),
                Some(_) = pushes.join_next() => {}
                _ = refuse.tick() => self.refuse(&forbidden),
            }
        }
        if let Some(set) = set {
            set.stop().await;
        }
        Ok(())
    }

    /// Gives the streams that this venue's settings forbid.
    fn watch(
        &mut self,
        orders: Vec<StreamOrder>,
        set: &mut Option<WatchSet>,
        outlets: &Outlets,
    ) -> anyhow::Result<Vec<StreamId>> {
        let permitted = |order: &StreamOrder| self.settings.permits(&order.source, Unlisted::Refused);
        let (orders, forbidden): (Vec<StreamOrder>, Vec<StreamOrder>) =
            orders.into_iter().partition(permitted);
        if set.is_none() && !orders.is_empty() {
            let settings = self.settings.monitors().context("reading the streams' password files")?;
            *set = Some(WatchSet::start(settings, self.means(), outlets.clone()));
        }
        if let Some(set) = set {
            set.watch(orders);
        }
        Ok(forbidden.into_iter().map(|order| order.stream).collect())
    }

    fn means(&mut self) -> Means {
        let counters = Arc::new(Counters::new());
        let pool = self.settings.pool(self.registry.clone()).map(|it| Pool::start(it, Arc::clone(&counters)));
        self.pool.clone_from(&pool);
        let bench = pool.as_ref().map(|pool| AnalysisBench::start(pool.clone(), self.settings.bench()));
        Means { pool, bench, counters }
    }

    fn refuse(&self, forbidden: &[StreamId]) {
        for stream in forbidden {
            let report = StreamReport::blind(stream.clone(), BlindWhy::Forbidden, utc_now());
            // The next second says it again.
            let _ = self.reports.try_send(report);
        }
    }

    /// What finds no room is dropped: a newer one follows.
    fn pass(&self, body: Option<LiveBody>) {
        if let Some(body) = body {
            let _ = self.live.try_send(body);
        }
    }
}

impl Push {
    /// Pushes until nobody looks, the time is over or the line breaks. A stream that would take more of the line than
    /// it may is not begun again: the viewer sees it end.
    async fn run(self, units: broadcast::Receiver<Arc<Unit>>, pool: Option<Pool>, door: EnrolAddress) {
        let (pieces, pushed) = mpsc::channel(PIECES_MAX);
        let tracks = Tracks { pictures: true, sound: true };
        let fed = feed(Feed::new(units, pool, tracks), pieces, self.kbps_max);
        let done = tokio::time::timeout(self.lasts, async {
            tokio::select! {
                () = fed => None,
                status = push_to(&door, &self.ticket, pushed) => Some(status),
            }
        });
        if let Ok(Some(Err(error))) = done.await {
            tracing::warn!(stream = %self.stream, %error, "a stream could not be pushed");
        }
    }
}

/// Hands pieces on at no more than `kbps_max` over a second; ends when they come faster or nobody takes them.
async fn feed(mut feed: Feed, pieces: mpsc::Sender<MediaPiece>, kbps_max: u32) {
    let budget = usize::try_from(kbps_max).unwrap_or(usize::MAX).saturating_mul(1000 / 8);
    let (mut since, mut spent) = (Instant::now(), 0usize);
    while let Some(ready) = feed.next().await {
        if since.elapsed() >= Duration::from_secs(BUDGET_SECONDS) {
            (since, spent) = (Instant::now(), 0);
        }
        for piece in ready {
            spent = spent.saturating_add(piece.bytes().len());
            let over = spent > budget.saturating_mul(BUDGET_SECONDS as usize);
            if over || pieces.send(piece).await.is_err() {
                return;
            }
        }
    }
}

impl Shown {
    fn new(reports: mpsc::Sender<StreamReport>) -> Self {
        let (live, items) = mpsc::channel(WAITING_MAX);
        let (stills_tx, stills) = mpsc::channel(WAITING_MAX);
        Self { outlets: Outlets { reports, live, stills: stills_tx }, items, stills }
    }
}

fn evidence(still: Still) -> Option<LiveBody> {
    Some(LiveBody::Evidence { stream: still.stream, jpeg: Jpeg::new(still.jpeg)? })
}

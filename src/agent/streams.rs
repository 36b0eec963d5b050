//! The venue's own monitors: watches what the controller asks for, as far as the venue's settings permit, and hands
//! reports, pictures and levels to the line. Media stay in the venue unless somebody in the control room clicks.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config::streams::{Unlisted, WatchingSettings};
use crate::domain::id::StreamId;
use crate::domain::live::{LiveItem, Still};
use crate::domain::time::Utc;
use crate::metrics::Counters;
use crate::observation::{BlindWhy, StreamOrder, StreamReport};
use crate::stream::burst::AnalysisBench;
use crate::stream::{Means, Outlets, WatchSet};
use crate::uplink::clock::utc_now;
use crate::uplink::live::{Jpeg, LiveBody};
use crate::worker::pool::Pool;

/// How often forbidden streams are named again.
const REFUSE_EVERY: Duration = Duration::from_secs(1);
/// Pictures and levels that may wait between the monitors and the line.
const WAITING_MAX: usize = 64;

/// What the controller asks of the monitors.
#[derive(Debug)]
pub(super) enum Wish {
    /// Watch these and no others.
    Watch(Vec<StreamOrder>),
    /// Somebody looks at these until then, by this machine's clock.
    Show(Vec<StreamId>, Utc),
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
                },
                Some(item) = shown.items.recv() => self.pass(LiveBody::of(item)),
                Some(still) = shown.stills.recv() => self.pass(evidence(still)),
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
        &self,
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

    fn means(&self) -> Means {
        let counters = Arc::new(Counters::new());
        let pool = self.settings.pool(self.registry.clone()).map(|it| Pool::start(it, Arc::clone(&counters)));
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

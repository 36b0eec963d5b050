//! What is kept of a live meeting's streams for later replay: a small picture each ten seconds and samples of each
//! minute, unless the meeting's class forbids it. Pictures of streams that an agent watches stay with the agent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::clock::wall;
use crate::domain::id::StreamId;
use crate::domain::inventory::{Phase, Watcher};
use crate::domain::time::{Span, US_PER_S, Utc};
use crate::observation::{Reception, StreamReport};
use crate::report::{Snapshot, StreamView};
use crate::store::Store;
use crate::store::samples::Sample;
use crate::store::stills::Stills;
use crate::web::{LiveDoor, Look};

/// How often a picture and a value of each figure are taken.
const EVERY: Duration = Duration::from_secs(10);
/// An older picture says nothing of now.
const PICTURE_FRESH: Span = Span::seconds(12);
/// How long pictures are kept.
const STILLS_KEPT: Span = Span::minutes(60 * 24 * 30);
/// Most bytes of all pictures.
const STILLS_BYTES_MAX: u64 = 20 << 30;
/// How often their age and size are looked at, in rounds.
const AIR_EVERY: u64 = 360;
/// This looker's name; readers of the web count from 0.
const READER: u64 = u64::MAX;

/// Keeps what may be kept.
#[derive(Debug, Clone)]
pub(super) struct Replay {
    /// Where minute samples go.
    pub(super) store: Store,
    /// Where pictures go.
    pub(super) stills: Stills,
    /// What is shown.
    pub(super) view: watch::Receiver<Arc<Snapshot>>,
    /// Pictures, and the way to ask for them.
    pub(super) live: LiveDoor,
}

/// Makes one run after another.
pub(super) fn keep(
    replay: Replay,
    stop: CancellationToken,
) -> impl FnMut() -> std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>> + Send {
    move || Box::pin(replay.clone().run_once(stop.clone()))
}

impl Replay {
    async fn run_once(self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut minute = Minute::of(wall());
        let mut kept: BTreeMap<StreamId, Utc> = BTreeMap::new();
        for round in 0_u64.. {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(EVERY) => {}
            }
            let now = wall();
            let snapshot = self.view.borrow().clone();
            let streams = kept_streams(&snapshot, now);
            if minute.number != Minute::of(now).number {
                let full = std::mem::replace(&mut minute, Minute::of(now));
                self.store.add_samples(&full.samples()).await?;
            }
            streams.iter().for_each(|view| minute.take(view));
            self.pictures(&streams, now, &mut kept).await?;
            if round % AIR_EVERY == 0 {
                let stills = self.stills.clone();
                tokio::task::spawn_blocking(move || stills.air(now, STILLS_KEPT, STILLS_BYTES_MAX)).await??;
            }
        }
        Ok(())
    }

    /// Keeps what came since the last round, and asks for the next.
    async fn pictures(
        &self,
        streams: &[&StreamView],
        now: Utc,
        kept: &mut BTreeMap<StreamId, Utc>,
    ) -> anyhow::Result<()> {
        let own = streams.iter().filter(|view| view.watcher == Watcher::Hub);
        let own: BTreeSet<StreamId> = own.map(|view| view.id.clone()).collect();
        let board = self.live.board.borrow().clone();
        let mut news = Vec::new();
        for stream in &own {
            let picture = board.slots.get(stream).and_then(|slot| slot.thumbnail.clone());
            let fresh = picture.filter(|picture| now.since(picture.at) < PICTURE_FRESH);
            if let Some(picture) = fresh.filter(|picture| kept.get(stream) != Some(&picture.at)) {
                kept.insert(stream.clone(), picture.at);
                news.push((stream.clone(), picture));
            }
        }
        kept.retain(|stream, _| own.contains(stream));
        // A look that finds no room costs one picture.
        let _ = self.live.looks.try_send(Look { reader: READER, streams: own });
        let stills = self.stills.clone();
        let put = move || news.iter().try_for_each(|(stream, it)| stills.put(stream, it.at, &it.jpeg));
        Ok(tokio::task::spawn_blocking(put).await??)
    }
}

/// The streams of meetings that are live and of which something may be kept.
fn kept_streams(snapshot: &Snapshot, now: Utc) -> Vec<&StreamView> {
    let live = |view: &&StreamView| view.fresh && view.phase == Some(Phase::Live);
    let may = |view: &&StreamView| {
        let stream = snapshot.inventory.streams.get(&view.id);
        stream.is_some_and(|stream| snapshot.inventory.may_keep(stream, now, &BTreeSet::new()))
    };
    snapshot.streams.values().filter(live).filter(may).collect()
}

/// The figures of one minute so far.
#[derive(Debug)]
struct Minute {
    number: i64,
    figures: BTreeMap<(StreamId, &'static str), Sample>,
}

impl Minute {
    fn of(now: Utc) -> Self {
        Self { number: now.0.div_euclid(60 * US_PER_S), figures: BTreeMap::new() }
    }

    fn take(&mut self, view: &StreamView) {
        let Some(report) = &view.report else { return };
        for (metric, value) in figures(report) {
            let Some(value) = value.filter(|value| value.is_finite()) else { continue };
            let sample = Sample::of(&format!("stream:{}", view.id), metric, self.number, value);
            let one = self.figures.entry((view.id.clone(), metric));
            one.and_modify(|sum| sum.merge(&sample)).or_insert(sample);
        }
    }

    fn samples(self) -> Vec<Sample> {
        self.figures.into_values().collect()
    }
}

fn figures(report: &StreamReport) -> [(&'static str, Option<f64>); 7] {
    let (video, audio) = (report.video.as_ref(), report.audio.as_ref());
    let transport = Some(report.transport).filter(|it| it.expected > 0);
    [
        ("flowing", Some(f64::from(u8::from(report.reception == Reception::Flowing)))),
        ("fps", video.map(|video| video.fps)),
        ("video_kbps", video.map(|video| video.kbps)),
        ("audio_kbps", audio.map(|audio| audio.kbps)),
        ("rms_dbfs", audio.and_then(|audio| audio.rms_dbfs).map(f64::from)),
        ("loss_pct", transport.map(|it| 100.0 * it.lost as f64 / it.expected as f64)),
        ("jitter_ms", transport.map(|it| it.jitter_ms)),
    ]
}

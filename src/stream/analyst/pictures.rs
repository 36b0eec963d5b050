//! One stream's pictures: keeps the newest group, has key pictures decoded, everything when the eye wants it or the
//! stream has no regular key pictures, and shows the eye what comes back. Must not know how they were received.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

use super::cadence::Cadence;
use super::hand::Hand;
use super::run::{Asked, Progress, Run};
use crate::domain::inventory::PictureKind;
use crate::domain::stream::VideoCodec;
use crate::stream::burst::group::Group;
use crate::stream::burst::{AnalysisBench, Place};
use crate::stream::eye::luma::Luma;
use crate::stream::eye::{Depth, Eye};
use crate::stream::unit::Unit;
use crate::worker::kind::{VideoFeed, VideoKind};
use crate::worker::picture::{self, Picture, VideoUnit, Want};
use crate::worker::session::{After, VideoSession, WorkerError};

/// Least time between two key pictures that are decoded, microseconds: a little less than the two seconds that groups
/// usually have.
const KEYS_EVERY_US: i64 = 1_800_000;
/// How long a key picture may wait for its turn, and then at the worker: the next one comes soon.
const KEY_PATIENCE: Duration = Duration::from_millis(1_500);
/// Refusals in a row after which a stream counts as not decodable.
const REFUSALS_MAX: u32 = 5;
/// How long a suspicion may go unlooked into until it is told, microseconds.
const SUSPECTED_AFTER_US: i64 = 1_000_000;

/// What came of a request.
pub(super) type Looked = Result<picture::Pictures, WorkerError>;

/// A thumbnail that has just come: media time in microseconds, JPEG.
pub(super) type Shown = (i64, Bytes);

/// Looks at one stream.
#[derive(Debug)]
pub(super) struct Pictures {
    bench: Arc<AnalysisBench>,
    place: Arc<Place>,
    eye: Eye,
    track: Option<Track>,
    fresh: Vec<Shown>,
    suspected_since_us: Option<i64>,
    closely: bool,
    health: Health,
}

/// The pictures of one codec, until units are missing.
#[derive(Debug)]
struct Track {
    codec: VideoCodec,
    group: Group,
    cadence: Cadence,
    newest_us: i64,
    keys: Hand<VideoSession, Looked>,
    key_us: Option<i64>,
    run: Option<Run>,
    /// Newest picture that was looked at with those around it.
    looked_us: Option<i64>,
}

/// What came back.
#[derive(Debug)]
pub(super) enum Answer {
    /// From a key picture.
    Key(Looked),
    /// From every picture.
    Every(Looked, Asked),
}

/// Whether decoding works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    /// It does, but for so many refusals in a row.
    Works { refusals: u32 },
    /// The worker is being restarted.
    Gone,
}

impl Pictures {
    pub(super) fn new(bench: Arc<AnalysisBench>, declared: PictureKind) -> Self {
        let place = Arc::new(bench.place());
        Self {
            bench,
            place,
            eye: Eye::new(declared),
            track: None,
            fresh: Vec::new(),
            suspected_since_us: None,
            closely: false,
            health: Health::Works { refusals: 0 },
        }
    }

    /// Takes the next picture, in decoding order.
    pub(super) fn unit(&mut self, codec: VideoCodec, unit: &Unit) {
        if self.track.as_ref().is_some_and(|track| track.codec != codec) {
            self.interrupted();
        }
        let bench = &self.bench;
        let track = self.track.get_or_insert_with(|| Track::new(codec, bench, unit.pts_us));
        let entry = track.push(unit);
        if let Some(x) =
            unit.facts.filter(|facts| !facts.intra && !facts.random_access).and_then(|facts| facts.effort())
        {
            self.eye.effort(unit.pts_us, x as f32);
        }
        if unit.facts.is_some_and(|facts| facts.random_access) {
            self.eye.key(unit.pts_us);
        }
        if entry {
            self.ask_key(unit);
        }
        self.step();
    }

    /// Headers find the effort suspiciously low since then, or not any more.
    pub(super) fn suspect(&mut self, drop: f32, since_us: Option<i64>) {
        self.suspected_since_us = since_us;
        self.eye.suspect(since_us.map(|_| drop));
        self.step();
    }

    /// Units are missing: nothing before counts.
    pub(super) fn interrupted(&mut self) {
        self.track = None;
        self.suspected_since_us = None;
        self.eye.interrupted();
    }

    /// Whether somebody looks closely.
    pub(super) fn closely(&mut self, closely: bool) {
        self.closely = closely;
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Answer> {
        let Some(track) = &mut self.track else { return Poll::Pending };
        if let Some(run) = &mut track.run
            && let Poll::Ready((looked, asked)) = run.poll(context)
        {
            return Poll::Ready(Answer::Every(looked, asked));
        }
        track.keys.poll(context).map(Answer::Key)
    }

    /// Takes what came back.
    pub(super) fn answer(&mut self, answer: Answer) {
        let (looked, depth) = match answer {
            Answer::Key(looked) => (looked, Depth::Key),
            Answer::Every(looked, asked) => {
                let run = self.track.as_mut().and_then(|track| track.run.as_mut());
                if run.is_some_and(|run| run.answered(&looked, &asked) == Progress::Lost) {
                    self.eye.skipped();
                }
                (looked, Depth::Full)
            }
        };
        match looked {
            Ok(pictures) => {
                self.health = Health::Works { refusals: 0 };
                for picture in pictures.pictures {
                    self.show(picture, depth);
                }
            }
            Err(error) => self.health = self.health.after(&error),
        }
        self.step();
    }

    /// What the eye sees.
    pub(super) fn eye(&self) -> &Eye {
        &self.eye
    }

    /// How far the effort fell, if that is suspicious and there was no time to look at pictures; and since when.
    pub(super) fn suspected(&self) -> Option<(f32, i64)> {
        let (drop, since_us) = (self.eye.suspicion()?, self.suspected_since_us?);
        let track = self.track.as_ref()?;
        let looked = track.looked_us.is_some_and(|looked_us| looked_us >= since_us);
        let waited = track.newest_us - since_us >= SUSPECTED_AFTER_US;
        (waited && !looked && self.health != Health::Gone).then_some((drop, since_us))
    }

    /// Thumbnails that came since the last call.
    pub(super) fn take_fresh(&mut self) -> Vec<Shown> {
        std::mem::take(&mut self.fresh)
    }

    /// Whether the worker that decodes is being restarted.
    pub(super) fn is_unavailable(&self) -> bool {
        self.health == Health::Gone
    }

    /// Whether pictures are decoded at all.
    pub(super) fn is_decoded(&self) -> bool {
        match self.health {
            Health::Works { refusals } => refusals < REFUSALS_MAX,
            Health::Gone => true,
        }
    }

    /// Whether every picture is decoded for want of regular key pictures.
    pub(super) fn is_continuous(&self) -> bool {
        self.track.as_ref().is_some_and(|track| track.cadence.is_irregular())
    }

    fn show(&mut self, picture: Picture, depth: Depth) {
        if let Some(jpeg) = picture.thumbnail {
            self.fresh.push((picture.pts_us, jpeg));
        }
        let Some(luma) = Luma::new(picture.pts_us, picture.luma.into()) else { return };
        if let Some(track) = self.track.as_mut().filter(|_| depth == Depth::Full) {
            track.looked_us = track.looked_us.max(Some(picture.pts_us));
        }
        self.eye.picture(luma, depth);
    }

    /// Has a key picture decoded, unless every picture is or it is too early.
    fn ask_key(&mut self, unit: &Unit) {
        let Some(track) = &mut self.track else { return };
        let early = track.key_us.is_some_and(|key_us| (0..KEYS_EVERY_US).contains(&(unit.pts_us - key_us)));
        if early || track.run.is_some() || !track.keys.is_free() {
            return;
        }
        track.key_us = Some(unit.pts_us);
        let wanted = VideoUnit { pts_us: unit.pts_us, data: unit.data.clone(), want: Want::Thumbnail };
        let bench = Arc::clone(&self.bench);
        track.keys.give(|mut session: VideoSession| async move {
            let looked = key_picture(&bench, &mut session, wanted).await;
            (session, looked)
        });
    }

    /// Begins, goes on with or ends looking at every picture.
    fn step(&mut self) {
        let Some(track) = &mut self.track else { return };
        // A picture each second needs those between key pictures; only a few streams are looked at so closely.
        let continuous = track.cadence.is_irregular() || self.closely;
        if !continuous && !self.eye.wants_every() {
            if track.run.take().is_some() {
                self.eye.skipped();
            }
            return;
        }
        if track.run.is_none() {
            let Some(entry) = track.group.entry() else { return };
            let kind = VideoKind { codec: track.codec, feed: VideoFeed::Continuous };
            track.run = Some(Run::new(self.bench.pool().video(kind), Arc::clone(&self.place), entry));
        }
        let Some(run) = &mut track.run else { return };
        let from_us = if continuous { i64::MIN } else { self.eye.wants_from_us() };
        if run.go_on(&track.group, from_us) == Progress::Lost {
            self.eye.skipped();
        }
    }
}

impl Track {
    fn new(codec: VideoCodec, bench: &AnalysisBench, pts_us: i64) -> Self {
        let kind = VideoKind { codec, feed: VideoFeed::Keyframes };
        Self {
            codec,
            group: Group::default(),
            cadence: Cadence::default(),
            newest_us: pts_us,
            keys: Hand::Free(bench.pool().video(kind)),
            key_us: None,
            run: None,
            looked_us: None,
        }
    }

    /// Keeps a picture; whether it is a key picture.
    fn push(&mut self, unit: &Unit) -> bool {
        let facts = unit.facts;
        let whole = facts.is_some_and(|facts| {
            facts.idr || facts.random_access && facts.recovery_pictures.unwrap_or(0) == 0
        });
        // Where no picture is whole from its first, one that recovers must do: its first pictures are not looked at.
        let recovers = facts.filter(|facts| facts.random_access && !whole && self.group.entry().is_none());
        let dirty = recovers.and_then(|facts| facts.recovery_pictures).unwrap_or(0);
        let entry = whole || recovers.is_some();
        let wanted = self.run.as_ref().map(Run::next);
        self.group.push(unit.pts_us, unit.data.clone(), entry.then_some(dirty), wanted);
        self.cadence.push(unit.pts_us, whole);
        self.newest_us = self.newest_us.max(unit.pts_us);
        whole
    }
}

impl Health {
    fn after(self, error: &WorkerError) -> Self {
        match (error, self) {
            (WorkerError::Gone | WorkerError::Crashed | WorkerError::Stopped, _) => Self::Gone,
            (WorkerError::Refused(_) | WorkerError::TooLarge, Self::Works { refusals }) => {
                Self::Works { refusals: refusals.saturating_add(1) }
            }
            (WorkerError::Refused(_) | WorkerError::TooLarge, Self::Gone) => Self::Works { refusals: 1 },
            (WorkerError::Busy | WorkerError::Late, health) => health,
        }
    }
}

async fn key_picture(bench: &AnalysisBench, session: &mut VideoSession, unit: VideoUnit) -> Looked {
    let turn = tokio::time::timeout(KEY_PATIENCE, bench.key_turn()).await;
    let Ok(Some(_turn)) = turn else { return Err(WorkerError::Late) };
    session.decode(vec![unit], After::Keep, KEY_PATIENCE).await
}

//! Looks at one stream's pictures and listens to its sound: decides what is decoded when, and says what it saw.
//!
//! Never waits: decoding happens in workers, under one budget for all streams, and answers come back through
//! [`Analyst::ready`]. Must not know how the stream is received.

mod cadence;
mod evidence;
mod hand;
mod pictures;
mod run;
mod sounds;

use std::sync::Arc;
use std::task::Poll;

use crate::domain::id::StreamId;
use crate::domain::inventory::PictureKind;
use crate::domain::live::{Level, LiveItem, Thumbnail};
use crate::domain::time::{Mono, Now, Utc};
use crate::observation::{Analysis, Detection, Seen, StreamOrder, Sure};

use super::burst::AnalysisBench;
use super::ear::{Since, Tenth};
use super::eye::Still;
use super::eye::shade::{Blank, Blankness};
use super::set::Outlets;
use super::unit::{Track, Unit};
use evidence::Album;
use pictures::{Answer, Pictures};
use sounds::Sounds;

/// Least time between two thumbnails that leave, microseconds.
const THUMBNAILS_APART_US: i64 = 900_000;

/// What somebody who looks wants to have beside the verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    /// A picture every two seconds.
    pub thumbnails: bool,
    /// A picture each second: somebody looks closely. Every picture is decoded then.
    pub closely: bool,
    /// Levels ten times a second.
    pub meters: bool,
}

/// What the analyst says now.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// What looks or sounds wrong, in the order of [`Seen`].
    pub detections: Vec<Detection>,
    /// How deeply it looks.
    pub analysis: Analysis,
    /// The last second of sound; `None` while it is not decoded.
    pub level: Option<Level>,
}

/// Looks at and listens to one stream.
#[derive(Debug)]
pub struct Analyst {
    stream: StreamId,
    outlets: Outlets,
    /// `None` where no picture is declared.
    pictures: Option<Pictures>,
    sounds: Sounds,
    album: Album,
    wish: Wish,
    /// Media time of the thumbnail that left last, microseconds.
    shown_us: Option<i64>,
    inbox: Option<News>,
}

/// What came back and was not taken in yet.
#[derive(Debug)]
enum News {
    Looked(Answer),
    Heard(sounds::Heard),
}

impl Analyst {
    /// Starts with nothing seen. A picture that is declared to be slides is never frozen, only static; where none is
    /// declared, none is decoded.
    pub fn new(order: &StreamOrder, bench: Arc<AnalysisBench>, outlets: Outlets) -> Self {
        let looks = order.picture != PictureKind::None;
        Self {
            stream: order.stream.clone(),
            pictures: looks.then(|| Pictures::new(Arc::clone(&bench), order.picture)),
            sounds: Sounds::new(bench),
            album: Album::new(order.stream.clone(), outlets.stills.clone()),
            outlets,
            wish: Wish::default(),
            shown_us: None,
            inbox: None,
        }
    }

    /// The next unit, in decoding order. A picture at which decoding can begin has its parameter sets with it. Never
    /// waits.
    pub fn unit(&mut self, unit: &Unit) {
        match (&unit.track, &mut self.pictures) {
            (Track::Video(codec), Some(pictures)) => pictures.unit(*codec, unit),
            (Track::Video(_), None) => {}
            (Track::Audio(format), _) => self.sounds.unit(format, unit),
        }
    }

    /// Headers find the coding effort `drop` powers of two below its usual, and suspiciously low since then; `None`
    /// when it is not suspicious (any more).
    pub fn suspect(&mut self, drop: f32, since: Option<Mono>) {
        if let Some(pictures) = &mut self.pictures {
            pictures.suspect(drop, since.map(|since| i64::try_from(since.0).unwrap_or(i64::MAX)));
        }
    }

    /// Units are missing from here on: another source, a lost connection, another format. Nothing before counts.
    pub fn interrupted(&mut self) {
        if let Some(pictures) = &mut self.pictures {
            pictures.interrupted();
        }
        self.sounds.interrupted();
    }

    /// What somebody wants to see and hear, from now on.
    pub fn want(&mut self, wish: Wish) {
        self.wish = wish;
        self.sounds.watched(wish.meters);
        if let Some(pictures) = &mut self.pictures {
            pictures.closely(wish.closely);
        }
    }

    /// Waits until there is something to take in. Cancel-safe. Decoding goes on only while somebody waits here.
    pub async fn ready(&mut self) {
        std::future::poll_fn(|context| {
            if self.inbox.is_some() {
                return Poll::Ready(());
            }
            if let Some(pictures) = &mut self.pictures
                && let Poll::Ready(answer) = pictures.poll(context)
            {
                self.inbox = Some(News::Looked(answer));
                return Poll::Ready(());
            }
            self.sounds.poll(context).map(|heard| self.inbox = Some(News::Heard(heard)))
        })
        .await;
    }

    /// Takes in what came back, and whether there was anything.
    pub fn take_news(&mut self, now: Now) -> bool {
        let news = self.inbox.take();
        let is_news = news.is_some();
        match (news, &mut self.pictures) {
            (Some(News::Looked(answer)), Some(pictures)) => pictures.answer(answer),
            (Some(News::Heard(heard)), _) => self.sounds.answer(heard),
            (Some(News::Looked(_)), None) | (None, _) => {}
        }
        self.let_out(now);
        is_news
    }

    /// What it says now.
    pub fn view(&self, now: Now) -> View {
        let mut detections = self.seen(now);
        detections.extend(self.heard(now));
        let level = self.sounds.ear().last_second().map(|second| level(&second, now));
        View { detections, analysis: self.analysis(), level }
    }

    /// Lets thumbnails, levels and evidence leave. What finds no room is dropped: the next one replaces it.
    fn let_out(&mut self, now: Now) {
        if let Some(pictures) = &mut self.pictures {
            for (pts_us, jpeg) in pictures.take_fresh() {
                let early = |shown_us: i64| (0..THUMBNAILS_APART_US).contains(&(pts_us - shown_us));
                if self.wish.thumbnails && !self.shown_us.is_some_and(early) {
                    self.shown_us = Some(pts_us);
                    let picture = Thumbnail { at: utc(pts_us, now), jpeg: jpeg.as_ref().into() };
                    let _ = self
                        .outlets
                        .live
                        .try_send(LiveItem::Thumbnail { stream: self.stream.clone(), picture });
                }
                self.album.push(pts_us, jpeg);
            }
            self.album.note(&wrong(pictures));
        }
        for tenth in self.sounds.take_fresh() {
            if self.wish.meters {
                let level = level(&tenth, now);
                let _ = self.outlets.live.try_send(LiveItem::Meter { stream: self.stream.clone(), level });
            }
        }
    }

    fn analysis(&self) -> Analysis {
        let Some(pictures) = &self.pictures else {
            return if self.sounds.is_unavailable() { Analysis::Unavailable } else { Analysis::Headers };
        };
        match pictures {
            _ if pictures.is_unavailable() || self.sounds.is_unavailable() => Analysis::Unavailable,
            _ if !pictures.is_decoded() => Analysis::Headers,
            _ if pictures.is_continuous() => Analysis::Continuous,
            _ => Analysis::Keyframes,
        }
    }

    fn seen(&self, now: Now) -> Vec<Detection> {
        let Some(pictures) = &self.pictures else { return Vec::new() };
        let sight = pictures.eye().sight();
        let confirmed = |seen: Seen, since_us: i64| Detection {
            evidence: self.album.evidence(seen.code(), since_us),
            seen,
            since: utc(since_us, now),
            sure: Sure::Confirmed,
        };
        let mut detections = Vec::new();
        detections.extend(sight.still.map(|still| confirmed(still_seen(&still), still.since_us)));
        detections.extend(sight.blank.map(|blank| confirmed(blank_seen(&blank), blank.since_us)));
        let suspected = pictures.suspected().filter(|_| detections.is_empty());
        detections.extend(suspected.map(|(effort_drop, since_us)| Detection {
            seen: Seen::Freeze { block_max: 0.0, effort_drop },
            since: utc(since_us, now),
            sure: Sure::Suspected,
            evidence: None,
        }));
        detections
    }

    fn heard(&self, now: Now) -> impl Iterator<Item = Detection> {
        let heard = self.sounds.ear().heard();
        let found = move |since: Since, seen: Seen| Detection {
            seen,
            since: utc(since.since_us, now),
            sure: Sure::Confirmed,
            evidence: None,
        };
        let silence = heard.silence.map(|since| found(since, Seen::Silence { rms_dbfs: since.rms_dbfs }));
        let clipping = heard.clipping.map(|(since, tenths)| found(since, Seen::Clipping { tenths }));
        let sound = heard.sound.map(|since| found(since, Seen::Sound { rms_dbfs: since.rms_dbfs }));
        silence.into_iter().chain(clipping).chain(sound)
    }
}

/// What deserves pictures as evidence, each with its beginning.
fn wrong(pictures: &Pictures) -> Vec<(&'static str, i64)> {
    let sight = pictures.eye().sight();
    let frozen =
        sight.still.filter(|still| still.frozen).map(|still| (still_seen(&still).code(), still.since_us));
    let blank = sight.blank.map(|blank| (blank_seen(&blank).code(), blank.since_us));
    frozen.into_iter().chain(blank).collect()
}

fn still_seen(still: &Still) -> Seen {
    let block_max = still.block_max;
    if still.frozen {
        Seen::Freeze { block_max, effort_drop: still.drop.unwrap_or(0.0) }
    } else {
        Seen::Static { block_max }
    }
}

fn blank_seen(run: &Blankness) -> Seen {
    match run.blank {
        Blank::Black => Seen::Black { luma_p98: run.shade.p98, luma_sd: run.shade.sd },
        Blank::Flat => Seen::Flat { luma_mean: run.shade.mean, luma_sd: run.shade.sd },
    }
}

fn level(tenth: &Tenth, now: Now) -> Level {
    Level {
        at: utc(tenth.until_us, now),
        rms_dbfs: tenth.rms_dbfs,
        peak_dbfs: tenth.peak_dbfs,
        clipped: tenth.clipped,
    }
}

/// The wall clock at a media time, which counts on the monotonic axis.
fn utc(pts_us: i64, now: Now) -> Utc {
    let mono_us = i64::try_from(now.mono.0).unwrap_or(i64::MAX);
    Utc(now.utc.0.saturating_add(pts_us.saturating_sub(mono_us)))
}

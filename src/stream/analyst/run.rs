//! Decoding every picture of a stream for a while: what was sent, what is next, and where to begin again after a loss.
//! Must not know why.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::hand::Hand;
use super::pictures::Looked;
use crate::stream::burst::Place;
use crate::stream::burst::group::{Coded, Group};
use crate::worker::picture::{VideoUnit, Want};
use crate::worker::session::{After, VideoSession, WorkerError};

/// Pictures in one request: two seconds at 50 per second.
const UNITS_MAX: usize = 100;
/// How long a request may wait for tokens, and then at the worker.
const PATIENCE: Duration = Duration::from_secs(2);
/// How far decoding may lag before it jumps to a newer group, microseconds.
const LAG_MAX_US: i64 = 2_500_000;
/// Least time between two thumbnails, microseconds.
const THUMBNAILS_APART_US: i64 = 500_000;
/// What decoding a picture costs until it was measured, microseconds: a P picture of 1080p.
const PICTURE_COST_US: f64 = 2_300.0;

/// A run of consecutive pictures through one decoder.
#[derive(Debug)]
pub(super) struct Run {
    hand: Hand<VideoSession, (Looked, Asked)>,
    place: Arc<Place>,
    /// Number of the next picture to send.
    next: u64,
    /// Pictures before that number are not clean yet.
    clean_from: u64,
    /// The decoder knows nothing: it must begin at an entry, from that number on.
    begin_from: Option<u64>,
    shown_us: Option<i64>,
    cost_us: f64,
}

/// What was asked for.
#[derive(Debug)]
pub(super) struct Asked {
    first: u64,
    units: usize,
    estimated_us: u64,
}

/// Whether the pictures that come next follow those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// They do.
    Follows,
    /// Pictures between were not decoded.
    Lost,
}

impl Run {
    /// A run that begins at that picture.
    pub(super) fn new(session: VideoSession, place: Arc<Place>, entry: &Coded) -> Self {
        Self {
            hand: Hand::Free(session),
            place,
            next: entry.number,
            clean_from: entry.clean_from(),
            begin_from: None,
            shown_us: None,
            cost_us: PICTURE_COST_US,
        }
    }

    /// Number of the picture that is to be decoded next: it and all after it are wanted.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<(Looked, Asked)> {
        self.hand.poll(context)
    }

    /// Sends what has come since, if the last request is answered. Pictures before `from_us` are decoded and not
    /// looked at.
    pub(super) fn go_on(&mut self, group: &Group, from_us: i64) -> Progress {
        if !self.hand.is_free() {
            return Progress::Follows;
        }
        let progress = self.catch_up(group);
        if self.begin_from.is_none() {
            let units: Vec<Coded> = group.from(self.next, UNITS_MAX).cloned().collect();
            self.send(units, from_us);
        }
        progress
    }

    /// Takes in how a request ended.
    pub(super) fn answered(&mut self, looked: &Looked, asked: &Asked) -> Progress {
        match looked {
            Ok(pictures) => {
                let spent_us = f64::from(pictures.cpu_us);
                self.place.settle(asked.estimated_us, u64::from(pictures.cpu_us));
                self.cost_us += (spent_us / asked.units as f64 - self.cost_us) * 0.3;
                return Progress::Follows;
            }
            Err(WorkerError::Busy | WorkerError::Late) => self.next = asked.first,
            Err(WorkerError::Gone | WorkerError::Stopped) => self.begin_from = Some(0),
            // Not the same pictures again: they may be what it died of.
            Err(WorkerError::Crashed | WorkerError::Refused(_) | WorkerError::TooLarge) => {
                self.begin_from = Some(self.next);
            }
        }
        self.place.settle(asked.estimated_us, 0);
        match looked {
            Ok(_) | Err(WorkerError::Busy | WorkerError::Late) => Progress::Follows,
            Err(_) => Progress::Lost,
        }
    }

    /// Jumps to the newest group where decoding must begin anew or lags too far behind.
    fn catch_up(&mut self, group: &Group) -> Progress {
        let Some(entry) = group.entry() else { return Progress::Follows };
        let begins = self.begin_from.is_some_and(|from| entry.number >= from);
        let lost = self.begin_from.is_none() && !group.holds(self.next);
        if begins || lost || (entry.number > self.next && self.lags(group)) {
            self.next = entry.number;
            self.clean_from = entry.clean_from();
            self.begin_from = None;
            return Progress::Lost;
        }
        Progress::Follows
    }

    fn lags(&self, group: &Group) -> bool {
        let first = group.from(self.next, 1).next().map(|unit| unit.pts_us);
        let newest = group.newest_us();
        first.zip(newest).is_some_and(|(first, newest)| newest - first > LAG_MAX_US)
    }

    fn send(&mut self, units: Vec<Coded>, from_us: i64) {
        let (Some(first), Some(last)) = (units.first(), units.last()) else { return };
        let estimated_us = (self.cost_us * units.len() as f64) as u64;
        let asked = Asked { first: first.number, units: units.len(), estimated_us };
        self.next = last.number + 1;
        let mut wanted: Vec<VideoUnit> = units.into_iter().map(|unit| self.wanted(unit, from_us)).collect();
        self.want_thumbnail(&mut wanted);
        let place = Arc::clone(&self.place);
        self.hand.give(|mut session: VideoSession| async move {
            let looked = every_picture(&place, &mut session, wanted, estimated_us).await;
            (session, (looked, asked))
        });
    }

    fn wanted(&self, unit: Coded, from_us: i64) -> VideoUnit {
        let looked_at = unit.pts_us >= from_us && unit.number >= self.clean_from;
        let want = if looked_at { Want::Luma } else { Want::Nothing };
        VideoUnit { pts_us: unit.pts_us, data: unit.data, want }
    }

    /// Of the newest picture, and seldom: evidence, and something to show.
    fn want_thumbnail(&mut self, units: &mut [VideoUnit]) {
        let Some(last) = units.last_mut().filter(|last| last.want == Want::Luma) else { return };
        let early = |shown_us: i64| (last.pts_us - shown_us).abs() < THUMBNAILS_APART_US;
        if !self.shown_us.is_some_and(early) {
            last.want = Want::Thumbnail;
            self.shown_us = Some(last.pts_us);
        }
    }
}

async fn every_picture(
    place: &Place,
    session: &mut VideoSession,
    units: Vec<VideoUnit>,
    estimated_us: u64,
) -> Looked {
    match tokio::time::timeout(PATIENCE, place.wait(estimated_us)).await {
        Ok(true) => session.decode(units, After::Keep, PATIENCE).await,
        Ok(false) => Err(WorkerError::Stopped),
        Err(_elapsed) => Err(WorkerError::Late),
    }
}

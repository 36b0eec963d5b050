//! Pictures on their way into fragments. The newest is held back, because only the next one tells how long it lasts.

use std::collections::VecDeque;

use bytes::Bytes;

use super::boxes::{PICTURE_TICKS, Run, Sample};
use super::parameters::{PictureTrack, with_lengths};
use super::timeline::{Decoding, JUMP_US};
use super::{FRAGMENT_US, WAITING_MAX};
use crate::wire::nal::PictureReader;

/// One picture as a movie has it.
#[derive(Debug)]
pub(super) struct Picture {
    /// With a key picture: the format as the reader knows it now.
    track: Option<PictureTrack>,
    /// Whether a player can begin with it.
    key: bool,
    data: Bytes,
}

impl Picture {
    /// Reads an access unit (Annex B); `None` when it holds no picture.
    pub(super) fn read(reader: &mut PictureReader, access_unit: &[u8]) -> Option<Self> {
        let facts = reader.read(access_unit)?;
        // Players begin at IDR pictures alone, and at the CRA pictures of H.265, which are intra-coded.
        let key = facts.idr || facts.random_access && facts.intra;
        let track = key.then(|| PictureTrack::of(reader)).flatten();
        Some(Self { track, key, data: with_lengths(reader.codec(), access_unit) })
    }
}

/// The picture track of a movie.
#[derive(Debug)]
pub(super) struct Pictures {
    track: PictureTrack,
    decoding: Decoding,
    last_us: i64,
    waiting: VecDeque<Waiting>,
}

/// A picture with both its times.
#[derive(Debug)]
struct Waiting {
    taken_us: i64,
    shown_us: i64,
    key: bool,
    data: Bytes,
}

impl Pictures {
    /// Begins with a key picture that brings its parameter sets; `None` with any other.
    pub(super) fn open(shown_us: i64, picture: Picture) -> Option<Self> {
        let track = picture.track.clone().filter(|_| picture.key)?;
        let decoding = Decoding::new(track.reorder);
        let mut open = Self { track, decoding, last_us: shown_us, waiting: VecDeque::new() };
        open.push(shown_us, picture);
        Some(open)
    }

    /// What their decoder must know.
    pub(super) fn track(&self) -> &PictureTrack {
        &self.track
    }

    /// Whether this picture cannot follow: another format, another clock, or nothing left for too long.
    pub(super) fn is_broken_by(&self, shown_us: i64, picture: &Picture) -> bool {
        (shown_us - self.last_us).abs() > JUMP_US
            || picture.track.as_ref().is_some_and(|track| *track != self.track)
            || self.waiting.len() >= WAITING_MAX
    }

    /// Takes the next picture in decoding order.
    pub(super) fn push(&mut self, shown_us: i64, picture: Picture) {
        self.last_us = shown_us;
        let taken_us = self.decoding.next(shown_us);
        self.waiting.push_back(Waiting { taken_us, shown_us, key: picture.key, data: picture.data });
    }

    /// When the oldest that waits is decoded.
    pub(super) fn next_us(&self) -> Option<i64> {
        self.waiting.front().map(|picture| picture.taken_us)
    }

    /// From the oldest that waits to the newest, microseconds.
    pub(super) fn waiting_us(&self) -> i64 {
        let ends = self.waiting.front().zip(self.waiting.back());
        ends.map_or(0, |(first, last)| last.taken_us - first.taken_us)
    }

    /// How many pictures make a fragment now. A key picture begins one, because players enter there.
    pub(super) fn ready(&self) -> Option<usize> {
        let next_key = self.waiting.iter().skip(1).position(|picture| picture.key).map(|at| at + 1);
        let long = (self.waiting_us() >= FRAGMENT_US).then(|| self.waiting.len().saturating_sub(1));
        next_key.or(long).filter(|count| *count > 0)
    }

    /// Takes that many pictures, fewer than wait, as a run of a movie that began at `begins_us`.
    pub(super) fn run(&mut self, count: usize, begins_us: i64) -> Run {
        let begins = ticks(self.next_us().unwrap_or(begins_us) - begins_us);
        let mut samples = Vec::with_capacity(count);
        for _ in 0..count {
            let Some(picture) = self.waiting.pop_front() else { break };
            let at = ticks(picture.taken_us - begins_us);
            let until = self.next_us().map_or(at, |next| ticks(next - begins_us));
            samples.push(Sample {
                duration: u32::try_from(until - at).unwrap_or(0),
                shown_after: ticks(picture.shown_us - begins_us) - at,
                key: picture.key,
                data: picture.data,
            });
        }
        Run { begins: u64::try_from(begins).unwrap_or(0), samples }
    }
}

fn ticks(us: i64) -> i64 {
    (us * i64::from(PICTURE_TICKS)).div_euclid(1_000_000)
}

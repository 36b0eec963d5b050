//! A stream as fragmented MP4 (ISO/IEC 14496-12) that a browser plays while it comes.
//!
//! Pictures are copied as they are, sound is AAC. It begins at a key picture, and a fragment leaves each tenth of a
//! second.
//!
//! Knows no socket and no clock: media time alone decides. Sound in another codec must be made AAC before.

mod boxes;
mod feed;
mod parameters;
mod pictures;
mod sound;
mod timeline;

pub use feed::Feed;

use bytes::Bytes;

use crate::domain::live::MediaPiece;
use crate::domain::stream::AudioCodec;
use crate::stream::unit::{Track, Unit};
use crate::wire::nal::PictureReader;
use boxes::Run;
use parameters::PictureTrack;
use pictures::{Picture, Pictures};
use sound::{Sound, SoundTrack};

/// A fragment holds at least this much, microseconds.
const FRAGMENT_US: i64 = 100_000;
/// How long pictures wait for the first sound before they begin without, microseconds.
const SOUND_PATIENCE_US: i64 = 600_000;
/// Most units that wait for their fragment.
const WAITING_MAX: usize = 512;

/// Which tracks a movie will have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tracks {
    /// Whether there are pictures.
    pub pictures: bool,
    /// Whether sound may come.
    pub sound: bool,
}

/// Makes one stream into pieces of a movie.
#[derive(Debug)]
pub struct Muxer {
    tracks: Tracks,
    sequence: u32,
    reader: Option<PictureReader>,
    pictures: Option<Pictures>,
    sound: Option<Sound>,
    movie: Option<Movie>,
}

/// A movie that has begun.
#[derive(Debug)]
struct Movie {
    /// Media time of its first tick, microseconds.
    begins_us: i64,
    with_sound: bool,
}

impl Muxer {
    /// A movie of these tracks that has not begun.
    pub fn new(tracks: Tracks) -> Self {
        Self { tracks, sequence: 0, reader: None, pictures: None, sound: None, movie: None }
    }

    /// Takes a unit in the order of arrival; gives the pieces that are complete now. A new beginning comes whenever
    /// the format changes or the timestamps jump: a player must start anew with it.
    pub fn push(&mut self, unit: &Unit) -> Vec<MediaPiece> {
        match &unit.track {
            Track::Video(codec) if self.tracks.pictures => {
                let known = self.reader.take().filter(|reader| reader.codec() == *codec);
                let reader = self.reader.insert(known.unwrap_or_else(|| PictureReader::new(*codec)));
                if let Some(picture) = Picture::read(reader, &unit.data) {
                    self.picture(unit.pts_us, picture);
                }
            }
            Track::Audio(format) if self.tracks.sound && format.codec == AudioCodec::Aac => {
                self.frame(unit.pts_us, &format.config, &unit.data);
            }
            Track::Video(_) | Track::Audio(_) => {}
        }
        self.pieces()
    }

    fn picture(&mut self, shown_us: i64, picture: Picture) {
        if self.pictures.as_ref().is_some_and(|open| open.is_broken_by(shown_us, &picture)) {
            self.begin_anew();
        }
        match &mut self.pictures {
            Some(open) => open.push(shown_us, picture),
            None => self.pictures = Pictures::open(shown_us, picture),
        }
    }

    fn frame(&mut self, heard_us: i64, config: &Bytes, data: &Bytes) {
        if self.sound.as_ref().is_none_or(|open| !open.is_of(config)) {
            let Some(track) = SoundTrack::read(config) else { return };
            if self.sound.replace(Sound::new(track)).is_some() {
                self.begin_anew();
            }
        }
        // Sound has come to a movie that began without it.
        if self.movie.as_ref().is_some_and(|movie| !movie.with_sound) {
            self.begin_anew();
        }
        if let Some(open) = &mut self.sound {
            open.push(heard_us, data.clone());
        }
    }

    /// Ends this movie: the next begins at the next key picture, or with the next sound where there are no pictures.
    fn begin_anew(&mut self) {
        self.pictures = None;
        self.movie = None;
        if let Some(open) = &mut self.sound {
            open.begin_anew();
        }
    }

    fn pieces(&mut self) -> Vec<MediaPiece> {
        let mut pieces = Vec::new();
        if self.movie.is_none() {
            pieces.extend(self.begin());
        }
        while let Some(fragment) = self.fragment() {
            pieces.push(fragment);
        }
        pieces
    }

    /// The beginning, once it is clear which tracks there are.
    fn begin(&mut self) -> Option<MediaPiece> {
        let heard = self.sound.as_ref().and_then(Sound::first_us);
        let begins_us = match &self.pictures {
            Some(open) => {
                let patient = self.tracks.sound && heard.is_none() && open.waiting_us() < SOUND_PATIENCE_US;
                open.next_us().filter(|_| !patient)?
            }
            None if self.tracks.pictures => return None,
            None => heard?,
        };
        let with_sound = heard.is_some();
        let pictures = self.pictures.as_ref().map(Pictures::track);
        let sound = self.sound.as_ref().filter(|_| with_sound).map(Sound::track);
        let codecs: Vec<String> =
            pictures.map(PictureTrack::codec).into_iter().chain(sound.map(SoundTrack::codec)).collect();
        let kind = if pictures.is_some() { "video" } else { "audio" };
        let mime = format!("{kind}/mp4; codecs=\"{}\"", codecs.join(","));
        let bytes = boxes::beginning(pictures, sound);
        if let Some(open) = &mut self.sound {
            open.forget_before(begins_us);
        }
        self.movie = Some(Movie { begins_us, with_sound });
        Some(MediaPiece::Beginning { mime: mime.into(), bytes: bytes.into() })
    }

    fn fragment(&mut self) -> Option<MediaPiece> {
        let movie = self.movie.as_ref()?;
        let sound = self.sound.as_mut().filter(|_| movie.with_sound);
        let (pictures, sound) = match &mut self.pictures {
            Some(open) => {
                let count = open.ready()?;
                let pictures = open.run(count, movie.begins_us);
                let until_us = open.next_us();
                (pictures, sound.map(|open| open.run(movie.begins_us, until_us)))
            }
            None => (Run::default(), Some(sound.filter(|open| open.ready())?.run(movie.begins_us, None))),
        };
        self.sequence = self.sequence.wrapping_add(1);
        let key = pictures.samples.first().is_none_or(|sample| sample.key);
        let bytes = boxes::fragment(self.sequence, &pictures, &sound.unwrap_or_default());
        Some(MediaPiece::Fragment { key, bytes: bytes.into() })
    }
}

//! The sessions of a child: which there are, and what each does with a request. Knows kinds; must not know pipes.

use std::collections::BTreeMap;

use super::encode::Encoder;
use super::fetch::Fetch;
use super::pipe::Voice;
use super::sound::{SoundMeter, Transcoder};
use super::video::VideoDecoder;
use crate::domain::stream::VideoCodec;
use crate::worker::fetched::FetchEnd;
use crate::worker::kind::{FetchKind, SessionKind, VideoFeed, VideoKind};
use crate::worker::picture::VideoUnit;
use crate::worker::protocol::{Chunk, Message, Verb};

/// Decoders for key pictures that are kept, one per codec and size: a change of size costs a decoder its buffers.
const KEY_DECODERS_MAX: usize = 6;

type Size = Option<(u32, u32)>;

/// All sessions of a child.
#[derive(Debug, Default)]
pub(super) struct Desk {
    sessions: BTreeMap<u32, Session>,
    key_decoders: Vec<KeyDecoder>,
}

/// What a request brings with it.
#[derive(Debug)]
pub(super) struct Request {
    /// Whose.
    pub(super) session: u32,
    /// What.
    pub(super) chunks: Vec<Chunk>,
    /// Whether all that is held back is wanted.
    pub(super) drain: bool,
}

#[derive(Debug)]
enum Session {
    Keyframes {
        codec: VideoCodec,
        size: Size,
    },
    Continuous(Box<VideoDecoder>),
    Audio(Box<SoundMeter>),
    Transcode(Box<Transcoder>),
    Encode(Box<Encoder>),
    Fetch {
        #[expect(dead_code, reason = "holding it is its use")]
        fetch: Fetch,
    },
    /// It could not be opened, and why.
    Broken(String),
}

#[derive(Debug)]
struct KeyDecoder {
    codec: VideoCodec,
    size: Size,
    decoder: VideoDecoder,
}

impl Desk {
    /// Begins a session; one that cannot be says so at its first request.
    pub(super) fn open(&mut self, session: u32, kind: SessionKind, voice: &Voice) {
        let opened = match &kind {
            SessionKind::Fetch(fetch) => Session::fetch(fetch, session, voice),
            SessionKind::Video(_)
            | SessionKind::Audio(_)
            | SessionKind::Transcode(_)
            | SessionKind::EncodeVideo(_)
            | SessionKind::EncodeAudio(_) => Session::new(kind).unwrap_or_else(Session::Broken),
        };
        self.sessions.insert(session, opened);
    }

    pub(super) fn close(&mut self, session: u32) {
        self.sessions.remove(&session);
    }

    /// Does a request.
    pub(super) fn work(&mut self, request: Request) -> Result<Vec<Chunk>, String> {
        let session = self.sessions.get_mut(&request.session).ok_or("no such session")?;
        match session {
            Session::Keyframes { codec, size } => {
                let units = request.chunks.into_iter().map(VideoUnit::of_chunk);
                let (pictures, now) = key_pictures(&mut self.key_decoders, (*codec, *size), units)?;
                *size = now;
                Ok(pictures)
            }
            Session::Continuous(decoder) => continuous(decoder, request),
            Session::Audio(meter) => meter.work(request.chunks),
            Session::Transcode(transcoder) => transcoder.work(request.chunks),
            Session::Encode(encoder) => encoder.work(request.chunks, request.drain),
            Session::Fetch { .. } => Err("a fetch takes no requests".to_owned()),
            Session::Broken(why) => Err(why.clone()),
        }
    }
}

impl Session {
    fn new(kind: SessionKind) -> Result<Self, String> {
        Ok(match kind {
            SessionKind::Video(VideoKind { codec, feed: VideoFeed::Keyframes }) => {
                Self::Keyframes { codec, size: None }
            }
            SessionKind::Video(VideoKind { codec, feed: VideoFeed::Continuous }) => {
                Self::Continuous(Box::new(VideoDecoder::new(codec)?))
            }
            SessionKind::EncodeVideo(encoding) => Self::Encode(Box::new(Encoder::video(&encoding)?)),
            SessionKind::EncodeAudio(encoding) => Self::Encode(Box::new(Encoder::audio(&encoding)?)),
            SessionKind::Audio(kind) => Self::Audio(Box::new(SoundMeter::new(&kind)?)),
            SessionKind::Transcode(kind) => Self::Transcode(Box::new(Transcoder::new(&kind)?)),
            SessionKind::Fetch(_) => return Err("a fetch needs a voice".to_owned()),
        })
    }

    /// A fetch that cannot begin has ended.
    fn fetch(kind: &FetchKind, session: u32, voice: &Voice) -> Self {
        match Fetch::start(kind, session, voice.clone()) {
            Ok(fetch) => Self::Fetch { fetch },
            Err(why) => {
                let end = FetchEnd::Unreadable(why.clone()).text();
                voice.say(&Message::text(Verb::Ended, session, 0, &end));
                Self::Broken(why)
            }
        }
    }
}

fn continuous(decoder: &mut VideoDecoder, request: Request) -> Result<Vec<Chunk>, String> {
    for chunk in request.chunks {
        decoder.feed(VideoUnit::of_chunk(chunk))?;
    }
    if request.drain {
        decoder.drain();
    }
    Ok(decoder.take())
}

/// Decodes key pictures with a decoder that fits, each drained at once so that none is held back.
fn key_pictures(
    decoders: &mut Vec<KeyDecoder>,
    (codec, size): (VideoCodec, Size),
    units: impl Iterator<Item = VideoUnit>,
) -> Result<(Vec<Chunk>, Size), String> {
    let at = match decoders.iter().position(|known| known.codec == codec && known.size == size) {
        Some(at) => at,
        None => {
            if decoders.len() >= KEY_DECODERS_MAX {
                decoders.remove(0);
            }
            decoders.push(KeyDecoder { codec, size, decoder: VideoDecoder::new(codec)? });
            decoders.len() - 1
        }
    };
    // The one that was used last is the last to go.
    let mut known = decoders.remove(at);
    let mut fed = Ok(());
    for unit in units {
        fed = fed.and(known.decoder.feed(unit));
        known.decoder.drain();
    }
    let pictures = known.decoder.take();
    known.size = known.decoder.size();
    let size = known.size;
    // A decoder that refused may be in any state: it is not kept.
    fed?;
    decoders.push(known);
    Ok((pictures, size))
}

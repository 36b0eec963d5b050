//! Fetches media from a server by foreign code: SRT, RTMP, HLS. Knows elements, their threads and their pitfalls; must
//! not know who watches.
//!
//! The only place with a pipeline and threads of GStreamer's own. Nothing here ever waits for a change of state: the
//! child belongs to this one session and is simply killed at its end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use gstreamer as gst;
use gstreamer::glib::error::ErrorDomain;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::coder::bytes_of;
use super::drive::element;
use super::pipe::Voice;
use crate::domain::stream::{AudioCodec, VideoCodec};
use crate::worker::fetched::{FetchEnd, Fetched, FetchedKind};
use crate::worker::kind::{FetchKind, FetchProtocol};
use crate::worker::protocol::{Message, Verb};

/// Units on their way to the parent; when it does not read them, the newest are dropped.
const UNITS_MAX: usize = 512;
/// How often silence and the pipeline's complaints are looked at.
const TICK: Duration = Duration::from_millis(50);
/// How long the first byte may take, whatever the limit of silence: connecting and a segment of HLS take their time.
const FIRST_BYTE: Duration = Duration::from_secs(10);
/// Transport bytes are handed on in pieces of about this size or age, not datagram by datagram.
const PIECE_BYTES: usize = 16 << 10;
const PIECE_AGE: Duration = Duration::from_millis(40);

/// A running fetch; it ends with the process.
#[derive(Debug)]
pub(super) struct Fetch {
    /// Held so that nothing of it is torn down, which could wait for ever.
    #[expect(dead_code, reason = "holding it is its use")]
    pipeline: gst::Pipeline,
}

impl Fetch {
    /// Starts; everything from here on is told through `voice`.
    pub(super) fn start(kind: &FetchKind, session: u32, voice: Voice) -> Result<Self, String> {
        let pipeline = gst::Pipeline::new();
        let (units, taken) = sync_channel(UNITS_MAX);
        let outlet = Outlet { units, last: Arc::new(AtomicU64::new(0)), born: Instant::now() };
        build(kind, &pipeline, &outlet)?;
        let reporter = Reporter {
            voice,
            session,
            bus: pipeline.bus().ok_or("a pipeline without a bus")?,
            last: Arc::clone(&outlet.last),
            born: outlet.born,
            silence: Duration::from_millis(u64::from(kind.silence_ms.max(100))),
        };
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(name.to_owned()).spawn(work).map(drop).map_err(|e| e.to_string())
        };
        spawn("fetch-reporter", Box::new(move || reporter.run(&taken)))?;
        let starting = pipeline.clone();
        // Some elements connect while they change state, and may take as long as the network lets them.
        spawn(
            "fetch-starter",
            Box::new(move || {
                // A failure is a message on the bus as well.
                let _ = starting.set_state(gst::State::Playing);
            }),
        )?;
        Ok(Self { pipeline })
    }
}

/// Where streaming threads leave what they have; never waits.
#[derive(Debug, Clone)]
struct Outlet {
    units: SyncSender<Fetched>,
    /// When the last unit came, in milliseconds since `born`.
    last: Arc<AtomicU64>,
    born: Instant,
}

impl Outlet {
    fn put(&self, unit: Fetched) {
        let now = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now.max(1), Ordering::Relaxed);
        // A parent that does not read is told nothing: what it misses it sees as missing.
        let _ = self.units.try_send(unit);
    }
}

/// Tells the parent what came and why it ended.
struct Reporter {
    voice: Voice,
    session: u32,
    bus: gst::Bus,
    last: Arc<AtomicU64>,
    born: Instant,
    silence: Duration,
}

impl Reporter {
    fn run(self, units: &Receiver<Fetched>) {
        let mut piece = Piece::default();
        loop {
            match units.recv_timeout(TICK) {
                Ok(unit) => self.tell(piece.push(unit)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.end(&FetchEnd::Ended),
            }
            self.tell(piece.flush_if_old());
            if let Some(end) = self.look() {
                self.tell(units.try_iter().flat_map(|unit| piece.push(unit)).collect());
                self.tell(piece.flush());
                return self.end(&end);
            }
        }
    }

    fn tell(&self, units: Vec<Fetched>) {
        if units.is_empty() {
            return;
        }
        let chunks = units.into_iter().map(Fetched::into_chunk).collect();
        let message = Message { chunks, ..Message::plain(Verb::Event, self.session, 0) };
        if message.fits() {
            self.voice.say(&message);
        }
    }

    fn end(&self, end: &FetchEnd) {
        self.voice.say(&Message::text(Verb::Ended, self.session, 0, &end.text()));
    }

    /// Whether it is over, and why.
    fn look(&self) -> Option<FetchEnd> {
        let last = self.last.load(Ordering::Relaxed);
        if let Some(first) = self.complaint(last > 0) {
            // One failure makes several elements complain, and the one that knows most may not be the first to speak.
            std::thread::sleep(TICK);
            let others = std::iter::from_fn(|| self.complaint(last > 0));
            let best = others.fold(first, |best, other| if other.0 > best.0 { other } else { best });
            return Some(best.1);
        }
        let quiet = self.born.elapsed().saturating_sub(Duration::from_millis(last));
        let limit = if last == 0 { self.silence.max(FIRST_BYTE) } else { self.silence };
        (quiet > limit).then_some(FetchEnd::Silent)
    }
}

impl Reporter {
    /// The next message that says it is over, and how much it knows.
    #[expect(clippy::wildcard_enum_match_arm, reason = "GStreamer's messages are many, and only ends matter")]
    fn complaint(&self, had_media: bool) -> Option<(Knows, FetchEnd)> {
        while let Some(message) = self.bus.pop() {
            match message.view() {
                gst::MessageView::Eos(_) => return Some((Knows::Something, FetchEnd::Ended)),
                gst::MessageView::Error(error) => return Some(end_of(&error.error(), had_media)),
                _ => {}
            }
        }
        None
    }
}

/// How much a complaint knows of the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Knows {
    /// That data stopped, and no more.
    Little,
    /// What was wrong with the data.
    Something,
    /// What the server or the network did.
    Cause,
}

/// What an error means for whoever watches. Its text names elements, never addresses.
fn end_of(error: &gst::glib::Error, had_media: bool) -> (Knows, FetchEnd) {
    let why = error.message().chars().filter(|c| !c.is_control()).take(120).collect();
    let knows = if error.domain() == <gst::ResourceError as ErrorDomain>::domain() {
        Knows::Cause
    } else if error.matches(gst::StreamError::Failed) {
        Knows::Little
    } else {
        Knows::Something
    };
    let end = match (knows, had_media) {
        (Knows::Something, _) => FetchEnd::Unreadable(why),
        (Knows::Cause | Knows::Little, true) => FetchEnd::Ended,
        (Knows::Cause | Knows::Little, false) => FetchEnd::Unreachable(why),
    };
    (knows, end)
}

/// Transport packets that wait until they are worth a message.
#[derive(Debug, Default)]
struct Piece {
    bytes: BytesMut,
    since: Option<Instant>,
}

impl Piece {
    fn push(&mut self, unit: Fetched) -> Vec<Fetched> {
        if unit.what != FetchedKind::Transport {
            return vec![unit];
        }
        self.since.get_or_insert_with(Instant::now);
        self.bytes.extend_from_slice(&unit.data);
        if self.bytes.len() >= PIECE_BYTES { self.flush() } else { Vec::new() }
    }

    fn flush_if_old(&mut self) -> Vec<Fetched> {
        if self.since.is_some_and(|since| since.elapsed() >= PIECE_AGE) { self.flush() } else { Vec::new() }
    }

    fn flush(&mut self) -> Vec<Fetched> {
        self.since = None;
        if self.bytes.is_empty() {
            return Vec::new();
        }
        let data = self.bytes.split().freeze();
        vec![Fetched { what: FetchedKind::Transport, pts_us: 0, data }]
    }
}

fn build(kind: &FetchKind, pipeline: &gst::Pipeline, outlet: &Outlet) -> Result<(), String> {
    match kind.protocol {
        FetchProtocol::Srt => srt(kind, pipeline, outlet),
        FetchProtocol::Rtmp => rtmp(kind, pipeline, outlet),
        FetchProtocol::Hls => hls(kind, pipeline, outlet),
    }
}

fn srt(kind: &FetchKind, pipeline: &gst::Pipeline, outlet: &Outlet) -> Result<(), String> {
    let source = element("srtsrc")?;
    source.set_property("uri", &kind.url);
    // Reconnecting behind our back would hide an outage.
    source.set_property("auto-reconnect", false);
    pipeline.add(&source).map_err(|error| error.to_string())?;
    let pad = source.static_pad("src").ok_or("no pad")?;
    transport(pipeline, outlet, &pad)
}

fn rtmp(kind: &FetchKind, pipeline: &gst::Pipeline, outlet: &Outlet) -> Result<(), String> {
    let (source, demux) = (element("rtmp2src")?, element("flvdemux")?);
    source.set_property("location", &kind.url);
    pipeline.add_many([&source, &demux]).map_err(|error| error.to_string())?;
    source.link(&demux).map_err(|error| error.to_string())?;
    follow(&demux, pipeline, outlet);
    Ok(())
}

fn hls(kind: &FetchKind, pipeline: &gst::Pipeline, outlet: &Outlet) -> Result<(), String> {
    let (source, demux) = (element("souphttpsrc")?, element("hlsdemux")?);
    source.set_property("location", &kind.url);
    source.set_property("timeout", 5u32);
    source.set_property("retries", 0i32);
    pipeline.add_many([&source, &demux]).map_err(|error| error.to_string())?;
    source.link(&demux).map_err(|error| error.to_string())?;
    follow(&demux, pipeline, outlet);
    Ok(())
}

/// Joins each pad that a demultiplexer brings, by what it carries.
fn follow(demux: &gst::Element, pipeline: &gst::Pipeline, outlet: &Outlet) {
    // A strong reference inside a callback of the pipeline's own element would keep both for ever.
    let (pipeline, outlet) = (pipeline.downgrade(), outlet.clone());
    demux.connect_pad_added(move |_, pad| {
        let Some(pipeline) = pipeline.upgrade() else {
            return;
        };
        if let Err(why) = branch(&pipeline, &outlet, pad) {
            let error = gst::message::Error::builder(gst::StreamError::WrongType, &why).build();
            let _ = pipeline.post_message(error);
        }
    });
}

fn branch(pipeline: &gst::Pipeline, outlet: &Outlet, pad: &gst::Pad) -> Result<(), String> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let media = caps.structure(0).map(|caps| caps.name().to_string()).unwrap_or_default();
    match media.as_str() {
        "video/x-h264" => parsed(pipeline, outlet, pad, ("h264parse", VideoCodec::H264)),
        "video/x-h265" => parsed(pipeline, outlet, pad, ("h265parse", VideoCodec::H265)),
        "audio/mpeg" => aac(pipeline, outlet, pad),
        "video/mpegts" => transport(pipeline, outlet, pad),
        "video/quicktime" => {
            let demux = element("qtdemux")?;
            join(pipeline, pad, &demux)?;
            follow(&demux, pipeline, outlet);
            Ok(())
        }
        // Subtitles and the like are nobody's loss; an unknown sound or picture is.
        other if other.starts_with("video/") || other.starts_with("audio/") => {
            Err(format!("carries {other}"))
        }
        _ => sink(pipeline, outlet, pad, &gst::Caps::new_any(), |_| None),
    }
}

fn transport(pipeline: &gst::Pipeline, outlet: &Outlet, pad: &gst::Pad) -> Result<(), String> {
    let unit = |sample: &gst::Sample| {
        let data = bytes_of(sample.buffer_owned()?)?;
        Some(Fetched { what: FetchedKind::Transport, pts_us: 0, data })
    };
    sink(pipeline, outlet, pad, &gst::Caps::new_any(), unit)
}

fn parsed(
    pipeline: &gst::Pipeline,
    outlet: &Outlet,
    pad: &gst::Pad,
    (parser, codec): (&str, VideoCodec),
) -> Result<(), String> {
    let parser = element(parser)?;
    // Parameter sets before every key picture, so that each can be decoded by itself.
    parser.set_property("config-interval", -1i32);
    join(pipeline, pad, &parser)?;
    let media = if codec == VideoCodec::H264 { "video/x-h264" } else { "video/x-h265" };
    let caps =
        gst::Caps::builder(media).field("stream-format", "byte-stream").field("alignment", "au").build();
    let out = parser.static_pad("src").ok_or("no pad")?;
    sink(pipeline, outlet, &out, &caps, move |sample| {
        let (buffer, pts_us) = timed(sample)?;
        Some(Fetched { what: FetchedKind::Video(codec), pts_us, data: bytes_of(buffer)? })
    })
}

fn aac(pipeline: &gst::Pipeline, outlet: &Outlet, pad: &gst::Pad) -> Result<(), String> {
    let parser = element("aacparse")?;
    join(pipeline, pad, &parser)?;
    let caps =
        gst::Caps::builder("audio/mpeg").field("mpegversion", 4i32).field("stream-format", "raw").build();
    let out = parser.static_pad("src").ok_or("no pad")?;
    sink(pipeline, outlet, &out, &caps, |sample| {
        let (buffer, pts_us) = timed(sample)?;
        let caps = sample.caps()?.structure(0)?;
        let config = caps.get::<gst::Buffer>("codec_data").ok().and_then(bytes_of).unwrap_or_default();
        let what = FetchedKind::Audio {
            codec: AudioCodec::Aac,
            rate_hz: u32::try_from(caps.get::<i32>("rate").ok()?).ok()?,
            channels: u8::try_from(caps.get::<i32>("channels").ok()?).ok()?,
            config: Bytes::clone(&config),
        };
        Some(Fetched { what, pts_us, data: bytes_of(buffer)? })
    })
}

fn timed(sample: &gst::Sample) -> Option<(gst::Buffer, i64)> {
    let buffer = sample.buffer_owned()?;
    let pts_us = buffer.pts().or(buffer.dts()).map_or(0, gst::ClockTime::useconds);
    Some((buffer, i64::try_from(pts_us).ok()?))
}

fn join(pipeline: &gst::Pipeline, pad: &gst::Pad, next: &gst::Element) -> Result<(), String> {
    pipeline.add(next).map_err(|error| error.to_string())?;
    let input = next.static_pad("sink").ok_or("no pad")?;
    pad.link(&input).map_err(|error| error.to_string())?;
    next.sync_state_with_parent().map_err(|error| error.to_string())
}

fn sink(
    pipeline: &gst::Pipeline,
    outlet: &Outlet,
    pad: &gst::Pad,
    caps: &gst::Caps,
    unit: impl Fn(&gst::Sample) -> Option<Fetched> + Send + Sync + 'static,
) -> Result<(), String> {
    let outlet = Mutex::new(outlet.clone());
    let take = move |sink: &gst_app::AppSink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        if let Some(fetched) = unit(&sample) {
            outlet.lock().unwrap_or_else(PoisonError::into_inner).put(fetched);
        }
        Ok(gst::FlowSuccess::Ok)
    };
    let sink = gst_app::AppSink::builder().caps(caps).sync(false).max_buffers(64).drop(false).build();
    sink.set_callbacks(gst_app::AppSinkCallbacks::builder().new_sample(take).build());
    // A stream that has no data yet must not hold up the others.
    sink.set_property("async", false);
    join(pipeline, pad, sink.upcast_ref())
}

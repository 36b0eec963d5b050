//! A stream on loopback and a monitor that watches it. Pictures come from small encoded files; a sender is a thread
//! that plays them in real time and does on command what goes wrong in the field.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::timeout;
use vcops::domain::id::StreamId;
use vcops::domain::inventory::{PictureKind, SoundKind};
use vcops::domain::stream::{StreamSource, VideoCodec};
use vcops::media::clip::{AudioClip, PictureUnit, VideoClip};
use vcops::media::picture::Size;
use vcops::media::sender::packed::Packed;
use vcops::metrics::Counters;
use vcops::observation::{Reception, Seen, StreamOrder, StreamReport};
use vcops::stream::settings::StreamSettings;
use vcops::stream::{Means, Outlets, WatchSet};
use vcops::wire::coding::{AudioFormat, Coding};
use vcops::wire::pay::Pay;

/// Nothing here takes longer than this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// Distance of two frames of sound; every second one comes with a picture.
const FRAME: Duration = Duration::from_millis(20);

/// Ticks of one picture.
const PICTURE_TICKS: u32 = 3_600;

/// Ticks of one frame of sound.
const SOUND_TICKS: u32 = 960;

/// Encoded pictures, one per entry.
#[derive(Debug, Clone)]
pub(crate) struct Clip {
    pub(crate) codec: VideoCodec,
    pub(crate) pictures: Arc<Vec<Vec<u8>>>,
}

impl Clip {
    /// 320×180, 25 pictures per second, a key picture each second.
    pub(crate) fn h264() -> Self {
        Self::read("bars.h264", VideoCodec::H264, &[0, 0, 0, 1, 9])
    }

    /// The same at 640×360.
    pub(crate) fn h264_larger() -> Self {
        Self::read("bars640.h264", VideoCodec::H264, &[0, 0, 0, 1, 9])
    }

    /// 320×180 in H.265.
    pub(crate) fn h265() -> Self {
        Self::read("bars.h265", VideoCodec::H265, &[0, 0, 0, 1, 0x46])
    }

    /// Access units begin with a delimiter.
    fn read(name: &str, codec: VideoCodec, delimiter: &[u8]) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/stream").join(name);
        let bytes = fs::read(path).unwrap();
        let starts: Vec<usize> =
            (0..bytes.len()).filter(|at| bytes[*at..].starts_with(delimiter)).chain([bytes.len()]).collect();
        let pictures = starts.windows(2).map(|ends| bytes[ends[0]..ends[1]].to_vec()).collect();
        Self { codec, pictures: Arc::new(pictures) }
    }
}

/// The pictures of [`Clip::h264`] for a sender of the product's own.
pub(crate) fn pictures() -> Arc<Packed> {
    let clip = Clip::h264();
    let unit = |(number, data): (usize, &Vec<u8>)| PictureUnit {
        data: Bytes::copy_from_slice(data),
        number: number as u32,
        key: number % 25 == 0,
    };
    let units = clip.pictures.iter().enumerate().map(unit).collect();
    let size = Size::new(320, 180).unwrap();
    Packed::video(&VideoClip::new((clip.codec, size, 25), units, 0, None).unwrap())
}

/// Frames that count as Opus to whoever reads only headers.
pub(crate) fn opus() -> Arc<Packed> {
    let frames = vec![Bytes::from_static(&[0xfc, 1, 2, 3, 4, 5, 6, 7]); 50];
    Packed::audio(&AudioClip::new(AudioFormat::opus(2), 960, frames, None).unwrap())
}

/// The same as AAC.
pub(crate) fn aac() -> Arc<Packed> {
    let frames = vec![Bytes::from_static(&[0x21, 1, 2, 3, 4, 5, 6, 7]); 47];
    Packed::audio(&AudioClip::new(AudioFormat::aac(48_000, 2), 1024, frames, None).unwrap())
}

/// What a sender is told.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Sends nothing, or goes on where it would be.
    Silent(bool),
    /// Leaves out each so manieth packet; 0 is none.
    Lose(u32),
    /// Plays something else from the next picture on.
    Play(Clip),
    /// Another source: SSRC, sequence numbers.
    NewSource,
    /// Timestamps count from somewhere else.
    NewBase,
    /// Sound's timestamps are so many milliseconds less.
    SoundLate(i32),
    /// Leaves sound out.
    Mute(bool),
    /// Sends bytes that mean nothing, packets cut short, and packets of other types in between.
    Rubbish(bool),
    /// Swaps each second pair of packets.
    Reorder(bool),
    /// Sends only each so manieth picture.
    EachPicture(u32),
}

/// Packets of one stream, in real time, until it is dropped.
#[derive(Debug)]
pub(crate) struct Source {
    faults: Sender<Fault>,
    thread: Option<JoinHandle<()>>,
}

impl Source {
    /// RTP of type 96 for pictures and 97 for Opus to one port.
    pub(crate) fn rtp(to: SocketAddr, clip: Clip) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        Self::start(clip, move |bytes| {
            // Nobody may listen yet.
            let _ = socket.send_to(bytes, to);
        })
    }

    /// The same, handed to `send`.
    pub(crate) fn start(clip: Clip, send: impl FnMut(&[u8]) + Send + 'static) -> Self {
        let (faults, orders) = channel();
        let thread = thread::spawn(move || Playing::new(clip).run(&orders, send));
        Self { faults, thread: Some(thread) }
    }

    pub(crate) fn order(&self, fault: Fault) {
        self.faults.send(fault).unwrap();
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.faults = channel().0;
        self.thread.take().unwrap().join().unwrap();
    }
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own that a test turns on")]
struct Playing {
    clip: Clip,
    video: Pay,
    sound: Pay,
    base: u32,
    sound_late: i32,
    silent: bool,
    mute: bool,
    rubbish: bool,
    reorder: bool,
    lose_each: u32,
    each_picture: u32,
    sent: u32,
}

impl Playing {
    fn new(clip: Clip) -> Self {
        let video = Pay::new(Coding::Video(clip.codec), 96, 0x1111_0001, 65_500);
        let sound = Pay::new(Coding::Audio(AudioFormat::opus(2)), 97, 0x2222_0001, 100);
        Self {
            clip,
            video,
            sound,
            base: u32::MAX - 200_000,
            sound_late: 0,
            silent: false,
            mute: false,
            rubbish: false,
            reorder: false,
            lose_each: 0,
            each_picture: 1,
            sent: 0,
        }
    }

    fn run(mut self, orders: &Receiver<Fault>, mut send: impl FnMut(&[u8])) {
        let began = Instant::now();
        for slot in 0u32.. {
            thread::sleep((began + FRAME * slot).saturating_duration_since(Instant::now()));
            loop {
                match orders.try_recv() {
                    Ok(fault) => self.obey(fault),
                    Err(std::sync::mpsc::TryRecvError::Empty) => break,
                    Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
                }
            }
            self.slot(slot, &mut send);
        }
    }

    fn slot(&mut self, slot: u32, send: &mut impl FnMut(&[u8])) {
        let mut packets = Vec::new();
        if slot.is_multiple_of(2) && (slot / 2).is_multiple_of(self.each_picture) {
            let at = slot as usize / 2 % self.clip.pictures.len();
            let ticks = self.base.wrapping_add(slot / 2 * PICTURE_TICKS);
            self.video.push(&self.clip.pictures[at].clone(), ticks, &mut packets);
        }
        if !self.mute {
            let late = self.sound_late * 48;
            let ticks = self.base.wrapping_add(slot * SOUND_TICKS).wrapping_sub(late as u32);
            self.sound.push(&[0xfc, 1, 2, 3, 4, 5, 6, 7], ticks, &mut packets);
        }
        if self.silent {
            return;
        }
        if self.reorder && packets.len() > 2 {
            packets.swap(0, 1);
        }
        for packet in packets {
            self.sent += 1;
            if self.lose_each == 0 || !self.sent.is_multiple_of(self.lose_each) {
                send(&packet);
            }
            if self.rubbish {
                send(&packet[..packet.len() / 3]);
                send(&[0x47; 40]);
                send(b"\x80\x7fnot this stream's");
            }
        }
    }

    fn obey(&mut self, fault: Fault) {
        match fault {
            Fault::Silent(silent) => self.silent = silent,
            Fault::Lose(each) => self.lose_each = each,
            Fault::Play(clip) => {
                self.video.coding = Coding::Video(clip.codec);
                self.clip = clip;
            }
            Fault::NewSource => {
                (self.video.ssrc, self.video.sequence) = (0x3333_0001, 7);
                (self.sound.ssrc, self.sound.sequence) = (0x4444_0001, 40_000);
            }
            Fault::NewBase => self.base = self.base.wrapping_add(1_234_567_890),
            Fault::SoundLate(ms) => self.sound_late = ms,
            Fault::Mute(mute) => self.mute = mute,
            Fault::Rubbish(rubbish) => self.rubbish = rubbish,
            Fault::Reorder(reorder) => self.reorder = reorder,
            Fault::EachPicture(each) => self.each_picture = each,
        }
    }
}

/// A set of monitors and what they said.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) set: WatchSet,
    pub(crate) counters: Arc<Counters>,
    reports: mpsc::Receiver<StreamReport>,
}

impl Watch {
    pub(crate) fn new(settings: StreamSettings) -> Self {
        let (reports_tx, reports) = mpsc::channel(4096);
        let outlets = Outlets { reports: reports_tx, live: mpsc::channel(64).0, stills: mpsc::channel(64).0 };
        let counters = Arc::new(Counters::new());
        let means = Means { bench: None, pool: None, counters: counters.clone() };
        Self { set: WatchSet::start(settings, means, outlets), counters, reports }
    }

    /// Watches one source.
    pub(crate) fn one(source: &str) -> Self {
        let mut watch = Self::new(StreamSettings::default());
        watch.set.watch(vec![order("one", source)]);
        watch
    }

    /// The first report from now on for which `wanted` holds.
    pub(crate) async fn until(&mut self, what: &str, wanted: impl Fn(&StreamReport) -> bool) -> StreamReport {
        let mut last = None;
        let search = async {
            loop {
                let report = self.reports.recv().await.unwrap();
                if wanted(&report) {
                    return report;
                }
                last = Some(report);
            }
        };
        let found = timeout(PATIENCE, search).await;
        found.unwrap_or_else(|_| panic!("{what}: {last:#?}"))
    }

    /// Waits until media flow with a full window of figures.
    pub(crate) async fn until_steady(&mut self) -> StreamReport {
        self.until("steady", |report| {
            is_flowing(report) && report.video.as_ref().is_some_and(|video| video.fps > 23.0)
        })
        .await
    }

    /// Everything said in the next so many milliseconds.
    pub(crate) async fn during(&mut self, ms: u64) -> Vec<StreamReport> {
        let mut said = Vec::new();
        let end = tokio::time::Instant::now() + Duration::from_millis(ms);
        while let Ok(Some(report)) = tokio::time::timeout_at(end, self.reports.recv()).await {
            said.push(report);
        }
        said
    }
}

/// An order for a stream with pictures, and sound if it has any.
pub(crate) fn order(stream: &str, source: &str) -> StreamOrder {
    StreamOrder {
        stream: StreamId::parse(stream).unwrap(),
        source: StreamSource::parse(source).unwrap(),
        credential: None,
        picture: PictureKind::Camera,
        sound: SoundKind::Optional,
        codec: None,
        fps: None,
    }
}

pub(crate) fn is_flowing(report: &StreamReport) -> bool {
    report.reception == Reception::Flowing
}

pub(crate) fn is_down(report: &StreamReport) -> bool {
    matches!(report.reception, Reception::Down { .. })
}

/// The codes of what is seen.
pub(crate) fn seen(report: &StreamReport) -> Vec<&'static str> {
    report.detections.iter().map(|detection| detection.seen.code()).collect()
}

/// What is seen under a code.
pub(crate) fn find<'a>(report: &'a StreamReport, code: &str) -> Option<&'a Seen> {
    report.detections.iter().map(|detection| &detection.seen).find(|seen| seen.code() == code)
}

/// A UDP port that nobody uses now, the next one free as well.
pub(crate) fn free_port() -> SocketAddr {
    loop {
        let first = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let Some(next) = first.port().checked_add(1) else { continue };
        if first.port().is_multiple_of(2) && UdpSocket::bind(("127.0.0.1", next)).is_ok() {
            return first;
        }
    }
}

//! The watching process: what a daemon runs, and nothing else. Its processor time and its workers' are what is counted.

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use vcops::domain::id::StreamId;
use vcops::domain::inventory::{PictureKind, SoundKind};
use vcops::domain::live::LiveItem;
use vcops::domain::stream::{AudioCodec, StreamSource, VideoCodec};
use vcops::domain::time::Utc;
use vcops::metrics::Counters;
use vcops::observation::{Analysis, Reception, StreamOrder, StreamReport};
use vcops::stream::burst::{AnalysisBench, BenchSettings};
use vcops::stream::settings::StreamSettings;
use vcops::stream::{Means, Outlets, WatchSet};

use crate::field::Place;
use crate::sending::pool;

/// Pictures and meters are asked for anew so often, as a page does.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// For how long they are asked for.
const ASK_FOR_US: i64 = 6_000_000;

/// What the watching process is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) places: Vec<Place>,
    pub(crate) server: SocketAddr,
}

/// What one stream gave between two questions.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Given {
    pub(crate) thumbnails: u64,
    pub(crate) meters: u64,
    pub(crate) reports: u64,
    /// Reports that said that media flow.
    pub(crate) flowing: u64,
    /// Reports of a stream that was decoded continuously, or not at all.
    pub(crate) not_keyframes: u64,
    /// Packets lost by the last report.
    pub(crate) lost: u64,
    /// Codes of whatever was seen, with how many reports said so.
    pub(crate) seen: BTreeMap<String, u64>,
}

/// What all streams gave, by their names.
pub(crate) type Book = BTreeMap<String, Given>;

/// Watches until its standard input ends; each line that comes is answered by the book since the line before.
pub(crate) fn run(task: Task) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (questions, asked) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let (answer, book) = oneshot::channel();
            if line.is_err() || questions.blocking_send(answer).is_err() {
                return;
            }
            if let Ok(book) = book.blocking_recv() {
                crate::processes::tell(&book);
            }
        }
    });
    runtime.block_on(watch(task, asked))
}

async fn watch(task: Task, mut asked: mpsc::Receiver<oneshot::Sender<Book>>) -> Result<()> {
    let (reports, mut told) = mpsc::channel(4096);
    let (live, mut shown) = mpsc::channel(4096);
    let (stills, mut kept) = mpsc::channel(64);
    let pool = pool();
    let means = Means {
        bench: Some(AnalysisBench::start(pool.clone(), BenchSettings::default())),
        pool: Some(pool.clone()),
        counters: Arc::new(Counters::default()),
    };
    let mut set = WatchSet::start(StreamSettings::default(), means, Outlets { reports, live, stills });
    let orders = task.places.iter().map(|place| order(place, task.server)).collect::<Result<Vec<_>>>()?;
    let names: Vec<StreamId> = orders.iter().map(|order| order.stream.clone()).collect();
    set.watch(orders);
    let mut book = Book::new();
    let mut ask = tokio::time::interval(ASK_EVERY);
    loop {
        tokio::select! {
            _ = ask.tick() => set.show(&names, Utc(now_us() + ASK_FOR_US)),
            Some(report) = told.recv() => note_report(&mut book, &report),
            Some(item) = shown.recv() => note_item(&mut book, &item),
            Some(_) = kept.recv() => {}
            answer = asked.recv() => match answer {
                // Whoever asked and no longer waits gets nothing.
                Some(answer) => drop(answer.send(std::mem::take(&mut book))),
                None => break,
            },
        }
    }
    set.stop().await;
    pool.stop().await;
    Ok(())
}

fn order(place: &Place, server: SocketAddr) -> Result<StreamOrder> {
    let audio = match place.audio_codec() {
        AudioCodec::Aac => "aac/97/48000/1",
        AudioCodec::Opus | AudioCodec::Pcma | AudioCodec::Pcmu | AudioCodec::G722 => "opus/97",
    };
    let source = match place.udp_port {
        Some(port) => format!("rtp://127.0.0.1:{port}?video=h264/96&audio={audio}"),
        None => format!("rtsp://{server}/{}", place.name()),
    };
    Ok(StreamOrder {
        stream: StreamId::parse(&place.name()).map_err(|error| anyhow::anyhow!("{error:?}"))?,
        source: StreamSource::parse(&source)?,
        credential: None,
        picture: PictureKind::Camera,
        sound: SoundKind::Expected,
        codec: Some(VideoCodec::H264),
        fps: Some(25),
    })
}

fn note_report(book: &mut Book, report: &StreamReport) {
    let given = book.entry(report.stream.to_string()).or_default();
    given.reports += 1;
    given.flowing += u64::from(report.reception == Reception::Flowing);
    given.not_keyframes += u64::from(report.analysis != Analysis::Keyframes);
    given.lost = report.transport.lost;
    for detection in &report.detections {
        *given.seen.entry(detection.seen.code().to_owned()).or_default() += 1;
    }
}

fn note_item(book: &mut Book, item: &LiveItem) {
    match item {
        LiveItem::Thumbnail { stream, .. } => book.entry(stream.to_string()).or_default().thumbnails += 1,
        LiveItem::Meter { stream, .. } => book.entry(stream.to_string()).or_default().meters += 1,
    }
}

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

//! Clips sent in real time over RTP on the loopback and watched as a daemon watches them: monitors, analysts and
//! workers as they are in production. What was seen when, beside what truly left when.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::sync::mpsc;
use vcops::domain::id::StreamId;
use vcops::domain::inventory::{PictureKind, SoundKind};
use vcops::domain::stream::{StreamSource, VideoCodec};
use vcops::media::clip::{AudioClip, VideoClip};
use vcops::media::sender::impairment::Impairment;
use vcops::media::sender::outlet::{Outlet, RtpOutlet};
use vcops::media::sender::packed::Packed;
use vcops::media::sender::{Entry, Sender, StreamSpec, Transmitter};
use vcops::metrics::Counters;
use vcops::observation::{Analysis, Reception, StreamOrder, StreamReport};
use vcops::stream::burst::{AnalysisBench, BenchSettings};
use vcops::stream::settings::StreamSettings;
use vcops::stream::{Means, Outlets, WatchSet};
use vcops::worker::pool::Pool;

/// Monitors must be listening before the first packet leaves.
const LISTENS_AFTER: Duration = Duration::from_millis(300);
/// A stream that was cut off is watched for so long.
const CUT_WATCHED: Duration = Duration::from_secs(3);
/// A unit that leaves so much later than its time is a missed slot.
const TOLERANCE: Duration = Duration::from_millis(20);
/// Packets of which one is lost while a stream is impaired.
const LOSE_ONE_IN: u32 = 25;

/// What is sent.
pub(crate) struct Play {
    pub(crate) video: VideoClip,
    pub(crate) audio: Option<Arc<AudioClip>>,
    /// Declared to the monitor.
    pub(crate) picture: PictureKind,
    /// Whether packets are lost for a while at the end, before it is cut off.
    pub(crate) lossy: bool,
}

/// What happened to one stream.
pub(crate) struct Seen {
    /// When its first unit was due to leave.
    pub(crate) began: Instant,
    /// When the first packet was lost.
    pub(crate) lossy_from: Option<Instant>,
    /// When the last packet left.
    pub(crate) cut_at: Instant,
    /// Reports by arrival.
    pub(crate) reports: Vec<(Instant, StreamReport)>,
    /// Units that left late.
    pub(crate) late: u64,
    /// Whether it was decoded continuously at any time.
    pub(crate) continuous: bool,
}

/// Sends all plays at once, each once, and watches until all are cut off.
pub(crate) async fn run(pool: &Pool, counters: &Arc<Counters>, plays: Vec<Play>) -> Result<Vec<Seen>> {
    let (reports, inbox) = mpsc::channel(4096);
    let (live, _live) = mpsc::channel(1);
    let (stills, _stills) = mpsc::channel(1);
    let bench = AnalysisBench::start(pool.clone(), BenchSettings::default());
    let means = Means { bench: Some(bench), pool: Some(pool.clone()), counters: Arc::clone(counters) };
    let mut set = WatchSet::start(StreamSettings::default(), means, Outlets { reports, live, stills });
    let transmitter = Transmitter::start()?;

    let mut orders = Vec::new();
    let mut places = Vec::new();
    for (index, play) in plays.iter().enumerate() {
        let ports = (free_port()?, free_port()?);
        orders.push(order(index, play, ports)?);
        places.push(ports);
    }
    set.watch(orders);
    tokio::time::sleep(LISTENS_AFTER).await;
    let listener = tokio::spawn(listen(inbox));

    let mut sending = Vec::new();
    for (index, (play, ports)) in plays.into_iter().zip(places).enumerate() {
        let phase = Duration::from_millis(37 * index as u64 % 2000);
        sending.push(tokio::spawn(send(transmitter.clone(), play, ports, phase)));
    }
    let mut sent = Vec::new();
    for one in sending {
        sent.push(one.await??);
    }
    tokio::time::sleep(CUT_WATCHED).await;
    set.stop().await;
    let mut heard = listener.await?;
    let seen = (0..).zip(sent).map(|(index, sent): (usize, Sent)| {
        let reports = heard.remove(&stream_id(index)).unwrap_or_default();
        let continuous = reports.iter().any(|(_, report)| report.analysis == Analysis::Continuous);
        Seen {
            began: sent.began,
            lossy_from: sent.lossy_from,
            cut_at: sent.cut_at,
            reports,
            late: sent.late,
            continuous,
        }
    });
    Ok(seen.collect())
}

struct Sent {
    began: Instant,
    lossy_from: Option<Instant>,
    cut_at: Instant,
    late: u64,
}

/// Sends one clip once, loses packets for a while if it is to, and cuts it off.
async fn send(transmitter: Transmitter, play: Play, ports: (u16, u16), phase: Duration) -> Result<Sent> {
    let length = Duration::from_secs_f64(play.video.units().len() as f64 / f64::from(play.video.fps()));
    let video = Packed::video(&play.video);
    let spec = StreamSpec {
        video: Some(Arc::clone(&video)),
        audio: play.audio.as_deref().map(Packed::audio),
        outlets: vec![Outlet::Rtp(RtpOutlet::new(
            Some(loopback(ports.0)),
            play.audio.is_some().then(|| loopback(ports.1)),
            Ipv4Addr::LOCALHOST,
        )?)],
        phase,
        tolerance: TOLERANCE,
    };
    let sender = transmitter.send(spec)?;
    tokio::time::sleep(phase + Duration::from_millis(200)).await;
    // The clip begins anew, and this time it is told when.
    let began = sender
        .play(video, Entry::Now)
        .within(Duration::from_secs(10))
        .await
        .context("the clip was not played")?
        .at;
    let mut end = began + length - Duration::from_secs(6);
    sleep_until(end).await;
    let lossy_from = if play.lossy { Some(lose(&sender).await?) } else { None };
    end += Duration::from_secs_f64(5.9);
    sleep_until(end).await;
    let late = sender.sent().late;
    let cut = Impairment { cut: true, ..Impairment::default() };
    let cut_at =
        sender.impair(cut).within(Duration::from_secs(10)).await.context("the stream was not cut off")?.at;
    Ok(Sent { began, lossy_from, cut_at, late })
}

async fn lose(sender: &Sender) -> Result<Instant> {
    let loss = Impairment { lose_one_in: LOSE_ONE_IN, seed: 7, ..Impairment::default() };
    let onset = sender.impair(loss).within(Duration::from_secs(10)).await.context("nothing was lost")?;
    Ok(onset.at)
}

async fn listen(mut inbox: mpsc::Receiver<StreamReport>) -> BTreeMap<StreamId, Vec<(Instant, StreamReport)>> {
    let mut heard: BTreeMap<StreamId, Vec<(Instant, StreamReport)>> = BTreeMap::new();
    while let Some(report) = inbox.recv().await {
        heard.entry(report.stream.clone()).or_default().push((Instant::now(), report));
    }
    heard
}

fn order(index: usize, play: &Play, (video, audio): (u16, u16)) -> Result<StreamOrder> {
    let codec = play.video.codec();
    let word = match codec {
        VideoCodec::H264 => "h264",
        VideoCodec::H265 => "h265",
    };
    let packed = Packed::video(&play.video).payload_type();
    let mut source = format!("rtp://127.0.0.1:{video}?video={word}/{packed}");
    if let Some(clip) = play.audio.as_deref() {
        source += &format!("&audio=opus/{}&audio_port={audio}", Packed::audio(clip).payload_type());
    }
    Ok(StreamOrder {
        stream: stream_id(index),
        source: StreamSource::parse(&source)?,
        credential: None,
        picture: play.picture,
        sound: if play.audio.is_some() { SoundKind::Expected } else { SoundKind::None },
        codec: Some(codec),
        fps: None,
    })
}

fn stream_id(index: usize) -> StreamId {
    format!("stream-{index}").parse().expect("letters and digits are an id")
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A port that is free with the next one, now.
fn free_port() -> Result<u16> {
    for _ in 0..100 {
        let one = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = one.local_addr()?.port();
        if port % 2 == 0 && UdpSocket::bind((Ipv4Addr::LOCALHOST, port + 1)).is_ok() {
            return Ok(port);
        }
    }
    anyhow::bail!("no two free ports in a row")
}

async fn sleep_until(at: Instant) {
    tokio::time::sleep_until(at.into()).await;
}

/// Whether a report says that nothing arrives.
pub(crate) fn says_no_media(report: &StreamReport) -> bool {
    matches!(report.reception, Reception::Down { .. })
}

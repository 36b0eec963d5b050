//! The sending process: every stream pre-packetised, with a phase of its own; it costs nothing that is counted.

use std::io::{BufRead as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use vcops::media::clip::studio::Studio;
use vcops::media::rtsp::{Mount, Mounts, RtspServer};
use vcops::media::sender::outlet::{Outlet, RtpOutlet};
use vcops::media::sender::packed::Packed;
use vcops::media::sender::{Sender, StreamSpec, Transmitter};
use vcops::metrics::Counters;
use vcops::worker::pool::{Pool, PoolSettings};

use crate::field::Place;

/// A unit that leaves so much later than its time is a missed slot: half the distance of pictures.
pub(crate) const TOLERANCE: Duration = Duration::from_millis(20);

/// What the sending process is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) places: Vec<Place>,
    pub(crate) clips: PathBuf,
}

/// What it answers to each line that asks.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Sent {
    pub(crate) units: u64,
    pub(crate) packets: u64,
    pub(crate) refused: u64,
    pub(crate) late: u64,
    pub(crate) late_max_us: u64,
}

/// Workers of the binary that belongs to this bench.
pub(crate) fn pool() -> Pool {
    let program = env!("CARGO_BIN_EXE_vcops").into();
    Pool::start(PoolSettings { program, ..PoolSettings::default() }, Arc::new(Counters::default()))
}

/// Sends until its standard input ends; tells the server's address first, then the counts whenever a line comes.
pub(crate) fn run(task: Task) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (senders, server) = runtime.block_on(begin(task))?;
    tell(&serde_json::json!(server.local_addr()))?;
    for line in std::io::stdin().lock().lines() {
        drop(line?);
        tell(&serde_json::to_value(sum(&senders))?)?;
    }
    Ok(())
}

async fn begin(task: Task) -> Result<(Vec<Arc<Sender>>, RtspServer)> {
    let pool = pool();
    let studio = Studio::new(pool.clone(), Some(task.clips));
    let transmitter = Transmitter::start()?;
    let (mut senders, mut mounts) = (Vec::new(), Mounts::new());
    for place in &task.places {
        let video = Packed::video(&*studio.video(&place.video()).await?);
        let audio = Packed::audio(&*studio.audio(&place.audio()).await?);
        let spec = StreamSpec {
            video: Some(Arc::clone(&video)),
            audio: Some(Arc::clone(&audio)),
            outlets: outlets(place)?,
            // Primes apart, over more than a group of pictures: nothing beats in step.
            phase: Duration::from_micros(u64::from(place.number) * 397_771 % 2_000_003),
            tolerance: TOLERANCE,
        };
        let sender = Arc::new(transmitter.send(spec)?);
        senders.push(Arc::clone(&sender));
        mounts.insert(place.name(), Mount { sender, tracks: vec![video, audio] });
    }
    pool.stop().await;
    let server = RtspServer::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), mounts, None)?;
    Ok((senders, server))
}

fn outlets(place: &Place) -> Result<Vec<Outlet>> {
    let to = place.udp_port.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let outlet = to.map(|to| RtpOutlet::new(Some(to), Some(to), Ipv4Addr::LOCALHOST).map(Outlet::Rtp));
    Ok(outlet.transpose().context("no socket to send from")?.into_iter().collect())
}

fn sum(senders: &[Arc<Sender>]) -> Sent {
    senders.iter().map(|sender| sender.sent()).fold(Sent::default(), |sum, sent| Sent {
        units: sum.units + sent.units,
        packets: sum.packets + sent.packets,
        refused: sum.refused + sent.refused,
        late: sum.late + sent.late,
        late_max_us: sum.late_max_us.max(sent.late_max_us),
    })
}

fn tell(value: &serde_json::Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}")?;
    Ok(out.flush()?)
}

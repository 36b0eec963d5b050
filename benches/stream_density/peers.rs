//! ffmpeg on the same streams: freezedetect, blackdetect and silencedetect, one process per stream.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::field::Place;
use crate::processes::cost;

/// ffmpeg starts and finds its streams.
const WARM_UP: Duration = Duration::from_secs(8);

/// Processes that end with this value.
struct Peers(Vec<Child>);

impl Drop for Peers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // One that has ended by itself is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Cores of all processes together over `window`; all streams by RTSP over TCP.
pub(crate) fn cores(places: &[Place], server: SocketAddr, window: Duration) -> Result<f64> {
    let mut peers = Peers(Vec::new());
    for place in places {
        let address = format!("rtsp://{server}/{}", place.name());
        let child = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-threads", "1", "-rtsp_transport", "tcp", "-i", &address])
            .args(["-vf", "freezedetect,blackdetect", "-af", "silencedetect", "-f", "null", "-"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("ffmpeg cannot be started")?;
        peers.0.push(child);
    }
    std::thread::sleep(WARM_UP);
    let before: Vec<_> = peers.0.iter().map(|child| cost(child.id())).collect();
    std::thread::sleep(window);
    let mut cores = 0.0;
    for (child, before) in peers.0.iter_mut().zip(before) {
        cores += cost(child.id()).since(before).cores;
        anyhow::ensure!(child.try_wait()?.is_none(), "ffmpeg ended before its time");
    }
    Ok(cores)
}

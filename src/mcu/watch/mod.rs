//! Watches devices: how each is, its conferences, their media, at a pace that its budget bears.
//!
//! A watch says the whole truth about its device at once when that changes, and again and again while a meeting is live.
//! Push only hurries a read; a slow sweep over everything never stops. Whether what is seen is bad is the engine's to
//! say. Knows neither meetings nor venues: whoever starts a watch says how closely to look and feeds in what other
//! eyes see of the device.

pub mod host;
mod book;
mod lanes;
mod media;
mod rota;
mod round;
mod sight;
#[cfg(test)]
mod tests;

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::Bridge;
use super::budget::Budget;
use super::http::HttpLine;
use crate::domain::time::Utc;
use crate::metrics::Counters;
use crate::observation::action::ActionKey;
use crate::observation::device::{Device, DeviceReport, Signal};
use host::Host;
use round::Round;

/// Hints that may wait at one watch.
const HINTS_MAX: usize = 64;
/// Rest after a watch that failed on its own; doubles up to the longest.
const REST_MIN: Duration = Duration::from_millis(100);
const REST_MAX: Duration = Duration::from_secs(10);

/// Reads the wall clock; a value in tests.
pub type WallClock = Arc<dyn Fn() -> Utc + Send + Sync>;

/// One moment on both clocks. The monotonic one decides, the wall clock names.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Monotonic.
    pub mono: Instant,
    /// Wall clock.
    pub utc: Utc,
}

impl Moment {
    /// So much later on both clocks.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        let us = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self { mono: self.mono + by, utc: Utc(self.utc.0.saturating_add(us)) }
    }
}

/// How closely to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// No meeting on it is live.
    #[default]
    Idle,
    /// A meeting on it is live, or is rehearsed.
    Live,
}

/// What others tell a watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// A sign of another kind: `gone` when it says that the device is gone, else that it is there again.
    Sign {
        /// Which.
        signal: Signal,
        /// Whether it says that the device is gone.
        gone: bool,
    },
    /// Something was sent to the device just now: look whether it survived.
    Acted(ActionKey),
    /// Somebody wants to see it as it is now.
    Look,
}

/// What a watch works with.
#[derive(Clone)]
pub struct Means {
    /// How the device is spoken to.
    pub bridge: Arc<dyn Bridge>,
    /// The budget from which the bridge takes its requests.
    pub budget: Arc<Budget>,
    /// The line whose certificate is watched, where the device speaks HTTP.
    pub line: Option<HttpLine>,
    /// Asks the device's host beside its interface, where that makes sense.
    pub host: Option<Arc<dyn Host>>,
    /// Names moments.
    pub clock: WallClock,
    /// Counts.
    pub counters: Arc<Counters>,
    /// Where reports go. One that finds no room is made anew at the next occasion.
    pub reports: mpsc::Sender<DeviceReport>,
}

impl fmt::Debug for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Means").field("bridge", &self.bridge).finish_non_exhaustive()
    }
}

/// A watch that runs. Dropped, it ends.
#[derive(Debug)]
pub struct Watch {
    hints: mpsc::Sender<Hint>,
    pace: watch::Sender<Pace>,
    latest: watch::Receiver<Option<Arc<DeviceReport>>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Watch {
    /// Begins to watch a device. Must be called inside a tokio runtime.
    pub fn start(device: Device, means: Means) -> Self {
        let (hints, hinted) = mpsc::channel(HINTS_MAX);
        let (pace, paced) = watch::channel(Pace::default());
        let (shown, latest) = watch::channel(None);
        let stop = CancellationToken::new();
        let kept = Kept { device, means, hinted, paced, shown };
        let task = tokio::spawn(kept.keep(stop.clone()));
        Self { hints, pace, latest, stop, task }
    }

    /// How closely to look from now on.
    pub fn pace(&self, pace: Pace) {
        self.pace.send_if_modified(|known| std::mem::replace(known, pace) != pace);
    }

    /// A way to tell it something. Clones share it.
    pub fn hints(&self) -> mpsc::Sender<Hint> {
        self.hints.clone()
    }

    /// What it said last.
    pub fn latest(&self) -> watch::Receiver<Option<Arc<DeviceReport>>> {
        self.latest.clone()
    }

    /// Ends it and waits, at most two seconds.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let _ = timeout(Duration::from_secs(2), &mut self.task).await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What outlives a watch that failed on its own.
struct Kept {
    device: Device,
    means: Means,
    hinted: mpsc::Receiver<Hint>,
    paced: watch::Receiver<Pace>,
    shown: watch::Sender<Option<Arc<DeviceReport>>>,
}

impl Kept {
    /// Watches until told to stop. One that panics is made anew, after a rest that doubles.
    async fn keep(mut self, stop: CancellationToken) {
        let mut rest = REST_MIN;
        while !stop.is_cancelled() {
            let began = Instant::now();
            let round = Round::new(self.device.clone(), self.means.clone(), self.shown.clone());
            let run = round.run(&mut self.hinted, &mut self.paced, stop.clone());
            if AssertUnwindSafe(run).catch_unwind().await.is_ok() {
                return;
            }
            self.means.counters.device.restarts.inc();
            if began.elapsed() > REST_MAX {
                rest = REST_MIN;
            }
            tracing::error!(device = %self.device, rest_ms = rest.as_millis(), "a watch panicked and begins anew");
            let _ = timeout(rest, stop.cancelled()).await;
            rest = (rest * 2).min(REST_MAX);
        }
    }
}

//! The connection of one stream: opens it, opens it again when it breaks, and never waits without a limit.
//!
//! While media are missing the old connection stays open beside the attempts for a new one, because a server that was
//! only held up goes on by itself. Of two attempts at once, one is patient, for slow servers, and one is fresh, so that
//! a network that comes back is noticed within a second.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, timeout};

use super::headers::{Begin, Headers};
use super::ingest::{Door, Ingest};
use super::liveness::Failure;
use super::settings::Pace;
use crate::domain::time::Mono;
use crate::observation::DownWhy;

/// Limit of an attempt while no other is under way.
const PATIENT: Duration = Duration::from_secs(8);

/// Limit of an attempt beside a patient one.
const FRESH: Duration = Duration::from_millis(1_500);

/// Most attempts at once.
const OPENING_MAX: usize = 2;

/// How long a connection that brings nothing is left alone before another is tried, and the longest.
const SILENT_PATIENCE: Duration = Duration::from_secs(2);
const SILENT_PATIENCE_MAX: Duration = Duration::from_secs(16);

/// Distance of two attempts while a meeting is live.
const RETRY_LIVE: Duration = Duration::from_secs(1);

type Opening = Pin<Box<dyn Future<Output = Result<(Ingest, Begin), Failure>> + Send>>;

/// The connection of one stream.
pub(super) struct Line {
    door: Arc<Door>,
    is_connection: bool,
    open: Option<Ingest>,
    opened_at: Instant,
    opening: FuturesUnordered<Opening>,
    retry_at: Instant,
    tried: u32,
    silent_patience: Duration,
}

/// What happened on the line.
#[derive(Debug)]
pub(super) enum Happened {
    /// Something arrived and is in the headers.
    Received,
    /// A connection stands.
    Opened,
    /// An attempt failed; a connection that stands is not touched by that.
    Failed(Failure),
    /// The connection that stood has ended.
    Ended(Failure),
}

impl Line {
    pub(super) fn new(door: Arc<Door>) -> Self {
        let now = Instant::now();
        Self {
            is_connection: door.place.is_connection(),
            door,
            open: None,
            opened_at: now,
            opening: FuturesUnordered::new(),
            retry_at: now,
            tried: 0,
            silent_patience: SILENT_PATIENCE,
        }
    }

    /// Waits until something happens. May be dropped while it waits; what arrives goes into `headers`.
    pub(super) async fn next(&mut self, headers: &mut Headers, now: impl Fn() -> Mono) -> Happened {
        tokio::select! {
            biased;
            Some(opened) = self.opening.next(), if !self.opening.is_empty() => match opened {
                Ok((ingest, begin)) => {
                    self.take_over(ingest);
                    headers.begin(&begin, now());
                    Happened::Opened
                }
                Err(failure) => Happened::Failed(failure),
            },
            received = receive(&mut self.open, headers) => match received {
                Ok(()) => Happened::Received,
                Err(failure) => {
                    self.open = None;
                    Happened::Ended(failure)
                }
            },
        }
    }

    /// Begins an attempt when one is due. `flowing` says whether media arrive.
    pub(super) fn tick(&mut self, flowing: bool, pace: Pace, chance: impl FnOnce() -> f64) {
        let now = Instant::now();
        if flowing {
            self.opening.clear();
            self.tried = 0;
            self.silent_patience = SILENT_PATIENCE;
            return;
        }
        let at_once = if self.door.place.is_costly() { 1 } else { attempts_at_once(pace) };
        if now < self.retry_at || self.opening.len() >= at_once || self.is_patient(now) {
            return;
        }
        let limit = if self.opening.is_empty() { PATIENT } else { FRESH };
        let door = self.door.clone();
        self.opening.push(Box::pin(async move {
            timeout(limit, Ingest::open(door)).await.unwrap_or(Err(Failure::Down(DownWhy::NoAnswer)))
        }));
        self.tried = self.tried.saturating_add(1);
        self.retry_at = now + pause(pace, self.tried, chance());
    }

    /// Whether the connection that stands deserves more time. Sockets of our own need no other.
    fn is_patient(&self, now: Instant) -> bool {
        self.open.is_some() && (!self.is_connection || now < self.opened_at + self.silent_patience)
    }

    fn take_over(&mut self, ingest: Ingest) {
        // One that opened and never brought anything earns the next more time.
        if self.open.is_some() {
            self.silent_patience = (self.silent_patience * 2).min(SILENT_PATIENCE_MAX);
        }
        self.open = Some(ingest);
        self.opened_at = Instant::now();
        self.opening.clear();
    }
}

async fn receive(open: &mut Option<Ingest>, headers: &mut Headers) -> Result<(), Failure> {
    match open {
        Some(ingest) => ingest.receive(headers).await,
        None => std::future::pending().await,
    }
}

fn attempts_at_once(pace: Pace) -> usize {
    match pace {
        Pace::Live => OPENING_MAX,
        Pace::Idle => 1,
    }
}

/// Pause after attempt number `tried`; `chance` is from 0 to 1.
fn pause(pace: Pace, tried: u32, chance: f64) -> Duration {
    match pace {
        Pace::Live => RETRY_LIVE,
        Pace::Idle => {
            let seconds = match tried {
                0..=5 => 1.0,
                6..=10 => 5.0,
                _ => 10.0,
            };
            Duration::from_secs_f64(seconds * (1.0 + 0.3 * chance.clamp(0.0, 1.0)))
        }
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("open", &self.open).field("tried", &self.tried).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_meeting_is_tried_each_second_and_an_idle_stream_less_and_less() {
        assert_eq!(pause(Pace::Live, 100, 0.9), Duration::from_secs(1));
        for (tried, chance, seconds) in
            [(1, 0.0, 1.0), (5, 1.0, 1.3), (6, 0.5, 5.75), (11, 0.0, 10.0), (999, 1.0, 13.0)]
        {
            assert_eq!(pause(Pace::Idle, tried, chance), Duration::from_secs_f64(seconds), "{tried}");
        }
    }
}

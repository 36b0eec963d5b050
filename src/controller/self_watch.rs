//! The controller measures itself every few seconds and says so: its disk, queues, tasks, line and notices.
//!
//! It judges nothing: that is for the engine, to which it is one more source. A task beats its pulse whenever it goes
//! round its loop; one that does not within its time is named.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::arrival::Door;
use super::clock::wall;
use super::errands::Voice;
use crate::engine::effect::Effect;
use crate::metrics::disk;
use crate::observation::{Fact, FullestQueue, HubHealth, SilentTask};
use crate::store::Store;
use crate::uplink::hub::HubState;

/// How often.
const EVERY: Duration = Duration::from_secs(5);
/// How long the journal may take to answer how old its oldest notice is.
const ASK_WITHIN: Duration = Duration::from_secs(2);

/// The signs of life of one task. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Pulse {
    began: Instant,
    last_ms: Arc<AtomicU64>,
}

impl Pulse {
    /// The task goes round.
    pub(super) fn beat(&self) {
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(ms, Ordering::Relaxed);
    }

    fn silent(&self) -> Duration {
        self.began.elapsed().saturating_sub(Duration::from_millis(self.last_ms.load(Ordering::Relaxed)))
    }
}

/// The pulses of all tasks that have one.
#[derive(Debug, Clone, Default)]
pub(super) struct Pulses(Arc<Mutex<Vec<(&'static str, Duration, Pulse)>>>);

impl Pulses {
    /// A pulse for a task that goes round at least once `within`.
    pub(super) fn of(&self, task: &'static str, within: Duration) -> Pulse {
        let pulse = Pulse { began: Instant::now(), last_ms: Arc::default() };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(known, ..)| *known != task);
        all.push((task, within, pulse.clone()));
        pulse
    }

    /// The task that is overdue for the longest.
    fn silent(&self) -> Option<SilentTask> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let overdue = all.iter().filter(|(_, within, pulse)| pulse.silent() > *within);
        let longest = overdue.max_by_key(|(_, _, pulse)| pulse.silent())?;
        Some(SilentTask { task: longest.0.to_owned(), seconds: longest.2.silent().as_secs() })
    }
}

/// What is measured.
#[derive(Debug, Clone)]
pub(super) struct SelfWatch {
    /// Where the journal lies.
    pub(super) data_dir: PathBuf,
    /// The judge's door: its queue.
    pub(super) door: Door,
    /// What leaves the judge: its queue.
    pub(super) effects: mpsc::WeakSender<Effect>,
    /// The tasks.
    pub(super) pulses: Pulses,
    /// The line to the agents.
    pub(super) line: watch::Receiver<HubState>,
    /// The outbox.
    pub(super) store: Store,
    /// How it is told.
    pub(super) voice: Voice,
}

/// Makes one run of the watch after another.
pub(super) fn keep(
    own: SelfWatch,
    stop: CancellationToken,
) -> impl FnMut() -> std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>> + Send {
    move || Box::pin(run_once(own.clone(), stop.clone()))
}

async fn run_once(own: SelfWatch, stop: CancellationToken) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(EVERY) => {}
        }
        let health = own.measure().await;
        own.voice.tell_if_room(Fact::HubSeen { health });
    }
}

impl SelfWatch {
    async fn measure(&self) -> HubHealth {
        let notice_waits_s = self.oldest_notice().await;
        HubHealth {
            disk_free_mib: disk::free_mib(&self.data_dir),
            fullest: self.fullest(),
            silent: self.pulses.silent(),
            line_up: self.line.borrow().down.is_none(),
            notice_waits_s,
        }
    }

    fn fullest(&self) -> Option<FullestQueue> {
        let effects =
            self.effects.upgrade().map(|queue| ("effects", pct(queue.capacity(), queue.max_capacity())));
        let (room, all) = self.door.room();
        let queues = [Some(("arrivals", pct(room, all))), effects].into_iter().flatten();
        let (queue, pct) = queues.max_by_key(|(_, pct)| *pct).filter(|(_, pct)| *pct > 0)?;
        Some(FullestQueue { queue: queue.to_owned(), pct })
    }

    /// Nothing when the store does not answer: that it cannot be written is said by other means.
    async fn oldest_notice(&self) -> Option<u64> {
        let asked = tokio::time::timeout(ASK_WITHIN, self.store.oldest_delivery()).await.ok()?.ok()?;
        Some(asked.map_or(0, |since| wall().since(since).0 / 1_000_000))
    }
}

fn pct(room: usize, all: usize) -> u8 {
    let used = all.saturating_sub(room).saturating_mul(100) / all.max(1);
    u8::try_from(used).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_task_that_is_silent_for_the_longest_is_named_and_one_that_beats_is_not() {
        let pulses = Pulses::default();
        let within = Duration::from_secs(10);
        let (judge, _courier, keeper) =
            (pulses.of("judge", within), pulses.of("courier", within), pulses.of("keeper", within * 10));
        tokio::time::advance(Duration::from_secs(5)).await;
        judge.beat();
        assert_eq!(pulses.silent(), None);
        tokio::time::advance(Duration::from_secs(8)).await;
        let silent = pulses.silent().unwrap();
        assert_eq!((silent.task.as_str(), silent.seconds), ("courier", 13));
        keeper.beat();
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(pulses.silent().unwrap().task, "courier");
        assert_eq!(pct(0, 4096), 100);
        assert_eq!(pct(4096, 4096), 0);
    }
}

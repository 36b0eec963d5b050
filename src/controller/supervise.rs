//! Named tasks: one that panics or fails is logged once and started again, with growing pauses.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::self_watch::{Pulse, Pulses};

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// The controller's tasks and the one signal that ends them.
#[derive(Debug)]
pub(super) struct Tasks {
    set: JoinSet<Option<&'static str>>,
    stop: CancellationToken,
    pulses: Pulses,
}

impl Tasks {
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self { set: JoinSet::new(), stop, pulses: Pulses::default() }
    }

    /// A sign of life for a task that goes round at least once `within`.
    pub(super) fn pulse(&self, task: &'static str, within: Duration) -> Pulse {
        self.pulses.of(task, within)
    }

    /// The signs of life of all tasks that give one.
    pub(super) fn pulses(&self) -> Pulses {
        self.pulses.clone()
    }

    /// The signal that ends every task.
    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Runs a task that ends when it is told to. Should it end earlier, the controller stops: it is not whole.
    pub(super) fn spawn<F>(&mut self, name: &'static str, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let stop = self.stop.clone();
        self.set.spawn(async move {
            let ended = tokio::spawn(task).await;
            let asked = stop.is_cancelled();
            match ended {
                Ok(Ok(())) if asked => {}
                Ok(Ok(())) => tracing::error!(task = name, "task ended on its own"),
                Ok(Err(error)) => tracing::error!(task = name, error = format!("{error:#}"), "task failed"),
                Err(error) => tracing::error!(task = name, %error, "task panicked"),
            }
            stop.cancel();
            (!asked).then_some(name)
        });
    }

    /// Runs `once` again and again until told to stop, with a pause that doubles after each failure.
    pub(super) fn keep<F, R>(&mut self, name: &'static str, once: F)
    where
        F: FnMut() -> R + Send + 'static,
        R: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let stop = self.stop.clone();
        self.set.spawn(async move {
            retry(name, once, &stop).await;
            None
        });
    }

    /// Waits until the signal has come and every task has ended, or the grace time is over. Names the task that ended
    /// unasked, if one did.
    pub(super) async fn drain(mut self, grace: Duration) -> Option<&'static str> {
        self.stop.cancelled().await;
        let mut culprit = None;
        let ended = async {
            while let Some(ended) = self.set.join_next().await {
                culprit = culprit.or(ended.ok().flatten());
            }
        };
        if tokio::time::timeout(grace, ended).await.is_err() {
            tracing::warn!(left = self.set.len(), "tasks did not end within the grace time");
            self.set.abort_all();
        }
        culprit
    }
}

async fn retry<F, R>(name: &'static str, mut once: F, stop: &CancellationToken)
where
    F: FnMut() -> R,
    R: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let mut pause = PAUSE_MIN;
    while !stop.is_cancelled() {
        let began = tokio::time::Instant::now();
        let ended = tokio::spawn(once()).await;
        if stop.is_cancelled() {
            return;
        }
        let error = match ended {
            Ok(Ok(())) => "ended on its own".to_owned(),
            Ok(Err(error)) => format!("{error:#}"),
            Err(error) => error.to_string(),
        };
        if began.elapsed() > PAUSE_MAX {
            pause = PAUSE_MIN;
        }
        tracing::warn!(task = name, error, pause_ms = pause.as_millis(), "task starts again");
        let _ = tokio::time::timeout(pause, stop.cancelled()).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test]
    async fn a_kept_task_comes_back_after_an_error_and_after_a_panic() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        let starts = Arc::new(AtomicU32::new(0));
        let seen = starts.clone();
        tasks.keep("test", move || {
            let n = seen.fetch_add(1, Ordering::SeqCst);
            async move {
                assert!(n != 1, "the second start panics");
                anyhow::bail!("the others fail")
            }
        });
        while starts.load(Ordering::SeqCst) < 4 {
            tokio::time::sleep(PAUSE_MIN).await;
        }
        stop.cancel();
        assert_eq!(tasks.drain(Duration::from_secs(1)).await, None);
    }

    #[tokio::test]
    async fn a_task_that_ends_unasked_stops_everything_and_is_named() {
        let mut tasks = Tasks::new(CancellationToken::new());
        let stop = tasks.stop();
        tasks.spawn("patient", async move {
            stop.cancelled().await;
            Ok(())
        });
        tasks.spawn("broken", async { anyhow::bail!("it broke") });
        assert_eq!(tasks.drain(Duration::from_secs(5)).await, Some("broken"));
    }
}

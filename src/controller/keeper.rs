//! Housekeeping: checkpoints while nothing is committed, minute samples of agents, and what has expired.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::clock::wall;
use super::courier::Courier;
use super::self_watch::Pulse;
use crate::domain::time::{Span, US_PER_S, Utc};
use crate::observation::AgentHealth;
use crate::report::Snapshot;
use crate::store::Store;
use crate::store::samples::Sample;

/// How often the keeper looks round.
const EVERY: Duration = Duration::from_secs(10);
/// How often the journal's age is looked at.
const AIR_EVERY: Span = Span::minutes(60);
/// Sessions and tokens are forgotten this long after they expired.
const EXPIRED_KEPT: Span = Span::minutes(24 * 60);

/// What the keeper looks after.
#[derive(Debug, Clone)]
pub(super) struct Keeper {
    /// The journal.
    pub(super) store: Store,
    /// What is shown.
    pub(super) view: watch::Receiver<Arc<Snapshot>>,
    /// Where months of the journal are exported to before they are dropped.
    pub(super) archive: PathBuf,
    /// Days that a month of the journal is kept after its end.
    pub(super) retention_days: u16,
    /// Its sign of life.
    pub(super) pulse: Pulse,
}

/// Makes one run of the keeper after another.
pub(super) fn keep(
    keeper: Keeper,
    stop: CancellationToken,
) -> impl FnMut() -> std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>> + Send {
    move || Box::pin(run_once(keeper.clone(), stop.clone()))
}

async fn run_once(keeper: Keeper, stop: CancellationToken) -> anyhow::Result<()> {
    let Keeper { store, view, pulse, .. } = &keeper;
    let mut sampled = minute(wall());
    let mut aired = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(EVERY) => {}
        }
        pulse.beat();
        let now = wall();
        store.checkpoint_if_due(now).await?;
        if minute(now) > sampled {
            sampled = minute(now);
            let samples = samples(&view.borrow().clone(), sampled);
            store.add_samples(&samples).await?;
            store.forget_expired(now - EXPIRED_KEPT).await?;
        }
        if aired.is_none_or(|at| now.since(at) > AIR_EVERY) {
            aired = Some(now);
            air(&keeper, now).await?;
            Courier::forget(store, now).await;
        }
    }
}

/// Exports and drops what is older than the retention time, oldest first; a month that ended is exported at once.
async fn air(keeper: &Keeper, now: Utc) -> anyhow::Result<()> {
    std::fs::create_dir_all(&keeper.archive)?;
    let kept = Span::minutes(u64::from(keeper.retention_days) * 24 * 60);
    for segment in keeper.store.segments().await?.into_iter().filter(|segment| segment.dropped.is_none()) {
        let Some(closing) = &segment.closing else { break };
        if segment.exported.is_none() {
            let exported = keeper.store.export_segment(segment.number, &keeper.archive, now).await?;
            tracing::info!(month = segment.month, file = %exported.file.display(), "a month of the journal was exported");
        }
        if now.since(closing.time) > kept {
            let file = keeper.archive.join(format!("segment-{:04}-{}.jsonl", segment.number, segment.month));
            let rows = keeper.store.drop_segment(segment.number, &file, now).await?;
            tracing::info!(
                month = segment.month,
                rows,
                "a month of the journal was dropped after its retention"
            );
        }
    }
    Ok(())
}

fn minute(at: Utc) -> i64 {
    at.0.div_euclid(60 * US_PER_S)
}

fn samples(snapshot: &Snapshot, minute: i64) -> Vec<Sample> {
    let online = snapshot.agents.iter().filter(|(_, agent)| agent.online);
    let of = |(id, agent): (&crate::domain::id::AgentId, &crate::report::AgentView)| {
        let subject = format!("agent:{id}");
        let health = agent.health.as_ref();
        health.map(|health| figures(&subject, health, minute)).unwrap_or_default()
    };
    online.flat_map(of).collect()
}

fn figures(subject: &str, health: &AgentHealth, minute: i64) -> Vec<Sample> {
    let figures = [
        ("clock_offset_ms", health.clock_offset_ms.map(|(offset, _)| offset)),
        ("disk_free_mib", health.disk_free_mib.map(|mib| mib as f64)),
        ("cpu_pct", health.cpu_pct),
        ("memory_mib", health.memory_mib.map(|mib| mib as f64)),
        ("temperature_c", health.temperature_c),
        ("outbox", Some(health.outbox as f64)),
    ];
    let sample = |(metric, value): (&str, Option<f64>)| Some(Sample::of(subject, metric, minute, value?));
    figures.into_iter().filter_map(sample).collect()
}

//! Housekeeping: checkpoints while nothing is committed, minute samples of agents, and what has expired.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::clock::wall;
use crate::domain::time::{Span, US_PER_S, Utc};
use crate::observation::AgentHealth;
use crate::report::Snapshot;
use crate::store::Store;
use crate::store::samples::Sample;

/// How often the keeper looks round.
const EVERY: Duration = Duration::from_secs(10);
/// Sessions and tokens are forgotten this long after they expired.
const EXPIRED_KEPT: Span = Span::minutes(24 * 60);

/// Makes one run of the keeper after another.
pub(super) fn keep(
    store: Store,
    view: watch::Receiver<Arc<Snapshot>>,
    stop: CancellationToken,
) -> impl FnMut() -> std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>> + Send {
    move || Box::pin(run_once(store.clone(), view.clone(), stop.clone()))
}

async fn run_once(
    store: Store,
    view: watch::Receiver<Arc<Snapshot>>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut sampled = minute(wall());
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(EVERY) => {}
        }
        let now = wall();
        store.checkpoint_if_due(now).await?;
        if minute(now) > sampled {
            sampled = minute(now);
            let samples = samples(&view.borrow().clone(), sampled);
            store.add_samples(&samples).await?;
            store.forget_expired(now - EXPIRED_KEPT).await?;
        }
    }
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

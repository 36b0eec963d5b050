//! The dead-man's switch: while the judge judges, something outside this host hears so; silence is its alarm.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::controller::clock::wall;
use crate::domain::time::Span;
use crate::metrics::Counters;
use crate::notify::channel::{Beat, Channel};
use crate::report::Snapshot;

/// A judge that showed nothing for so long does not live: it shows something at least once a second.
const SHOWN_WITHIN: Span = Span::seconds(15);

/// Beats until told to stop. A beat is left out while the judge is silent or the journal cannot be written: a process
/// that runs and does not do its work is not alive.
pub(in crate::controller) async fn beat(
    channel: Arc<dyn Channel>,
    (site, every): (String, Duration),
    view: watch::Receiver<Arc<Snapshot>>,
    counters: Arc<Counters>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = ticks.tick() => {}
        }
        let at = wall();
        let (shown, unrecorded) = {
            let snapshot = view.borrow();
            (snapshot.at, snapshot.unrecorded)
        };
        let outcome = if at.since(shown) > SHOWN_WITHIN || unrecorded {
            tracing::error!("no sign of life is sent: the judge is silent or cannot record");
            "left_out"
        } else {
            let sent = channel.beat(&Beat { site: site.clone(), at, every }).await;
            if let Err(fault) = &sent {
                tracing::warn!(channel = %channel.id(), %fault, "a sign of life was not taken");
            }
            sent.err().map_or("accepted", |fault| fault.code.word())
        };
        counters.notice.heartbeats.with_label_values(&[channel.id().as_str(), outcome]).inc();
    }
}

//! What every long-running subcommand needs: a runtime, a log, a stop signal.

use std::future::Future;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::config::value::{LogFormat, LogLevel};
use crate::metrics::failpoint;

/// Runs a future to its end on a runtime of its own.
pub(super) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    let done = runtime.block_on(future);
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    done
}

/// Starts the log on standard error. `VCOPS_LOG` narrows or widens it by module.
pub(super) fn start_log(level: LogLevel, format: LogFormat) {
    let filter = std::env::var("VCOPS_LOG").ok().and_then(|text| EnvFilter::try_new(text).ok());
    let quiet = format!("{},rumqttd=off,rumqttc=off", level.code());
    let filter = filter.unwrap_or_else(|| EnvFilter::new(quiet));
    // The SIP stack writes whole messages, answers to password challenges included: whatever is asked for, not those.
    let filter = filter.add_directive("rsipstack=off".parse().expect("a target and a level are a directive"));
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A second start in one process (the demo) keeps the first log.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

/// Arms the failpoint that `VCOPS_FAILPOINT` names: only tests set it.
pub(super) fn arm_failpoint() -> anyhow::Result<()> {
    let Ok(text) = std::env::var("VCOPS_FAILPOINT") else { return Ok(()) };
    failpoint::arm(Some(text.parse().context("VCOPS_FAILPOINT")?));
    Ok(())
}

/// A token that the first SIGINT or SIGTERM cancels; the second ends the process at once.
pub(super) fn stop_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let token = stop.clone();
    tokio::spawn(async move {
        for first in [true, false] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if first {
                tracing::info!("stopping; a second signal ends at once");
                token.cancel();
            }
        }
        std::process::exit(130);
    });
    Ok(stop)
}

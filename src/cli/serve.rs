//! `vcops serve`: the controller.

use std::path::PathBuf;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use super::{exit, runtime};
use crate::config::{self, ControllerSettings};
use crate::controller::{Controller, Handle};
use crate::domain::lang::Lang;
use crate::intake;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// 设置文件 settings.
    #[arg(long, default_value = "/etc/vcops/vcops.toml")]
    config: PathBuf,
}

pub(super) fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    runtime::arm_failpoint()?;
    let settings = match config::load_controller(&arguments.config) {
        Ok(settings) => settings,
        Err(problems) => {
            eprintln!("{}", intake::lines(&problems, lang));
            return Ok(exit::usage());
        }
    };
    runtime::start_log(settings.log.level, settings.log.format);
    runtime::block_on(serve(settings, arguments.config.clone()))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(settings: ControllerSettings, path: PathBuf) -> anyhow::Result<()> {
    let stop = runtime::stop_signal()?;
    let controller = Controller::start(&settings, stop.clone()).await?;
    announce(controller.handle()).await?;
    tokio::spawn(reload(settings, path));
    // Without systemd there is nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    controller.run().await
}

async fn announce(handle: &Handle) -> anyhow::Result<()> {
    let addresses = handle.addresses();
    let scheme = if addresses.web_fingerprint.is_some() { "https" } else { "http" };
    println!("网页 page: {scheme}://{}/", addresses.web);
    if let Some(fingerprint) = &addresses.web_fingerprint {
        println!("证书 SHA-256 certificate: {fingerprint}");
    }
    println!("测试机登记 enrolment: {}", addresses.enrolment);
    if let Some(token) = handle.app().setup_token().await? {
        println!("首次设置 one-time set-up token (24 h): {}", token.reveal());
    }
    Ok(())
}

/// Reads the settings again at each SIGHUP. Bad ones are named and the old ones stay.
async fn reload(mut settings: ControllerSettings, path: PathBuf) -> anyhow::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    while hangup.recv().await.is_some() {
        match config::reload_controller(&settings, &path) {
            Ok(reloaded) => {
                for name in &reloaded.needs_restart {
                    tracing::warn!(setting = name, "changed; takes effect after a restart");
                }
                settings = reloaded.settings;
                tracing::info!("settings read again");
            }
            Err(problems) => {
                tracing::error!(
                    "settings refused, the old ones stay:\n{}",
                    intake::lines(&problems, settings.language)
                );
            }
        }
    }
    Ok(())
}

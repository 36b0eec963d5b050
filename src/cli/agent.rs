//! `vcops agent`: a venue's agent: run it, enrol it, replace its key, give or take back consent.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use tokio::signal::unix::{SignalKind, signal};

use super::{exit, runtime};
use crate::agent;
use crate::config::{self, AgentSettings};
use crate::domain::lang::Lang;
use crate::domain::time::Span;
use crate::intake;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// 设置文件 settings.
    #[arg(long, default_value = "/etc/vcops/agent.toml", global = true)]
    config: PathBuf,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// 运行 run (the default).
    Run,
    /// 登记 enrol with a one-time token, read from the file or from standard input.
    Enrol {
        /// 存放登记码的文件 file that holds the token.
        #[arg(long)]
        token_file: Option<PathBuf>,
    },
    /// 更换密钥 replace this machine's key.
    RotateKey,
    /// 已开机可测 agree to tests that touch the hall, or take it back.
    Consent {
        /// 多少分钟 for how many minutes.
        #[arg(long, conflicts_with = "withdraw")]
        minutes: Option<u64>,
        /// 收回 take it back.
        #[arg(long)]
        withdraw: bool,
    },
}

pub(super) fn run(arguments: Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    runtime::arm_failpoint()?;
    let settings = match config::load_agent(&arguments.config) {
        Ok(settings) => settings,
        Err(problems) => {
            eprintln!("{}", intake::lines(&problems, lang));
            return Ok(exit::usage());
        }
    };
    runtime::start_log(settings.log.level, settings.log.format);
    match arguments.what.unwrap_or(What::Run) {
        What::Run => runtime::block_on(serve(settings))?,
        What::Enrol { token_file } => enrol(&settings, token_file, lang)?,
        What::RotateKey => runtime::block_on(async { agent::rotate_key(&settings).await })?,
        What::Consent { minutes, withdraw } => consent(&settings, minutes, withdraw, lang)?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve(settings: AgentSettings) -> anyhow::Result<()> {
    let stop = runtime::stop_signal()?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::warn!("settings are read at the start: restart the agent to use new ones");
        }
    });
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    agent::run(&settings, stop).await
}

fn enrol(settings: &AgentSettings, token_file: Option<PathBuf>, lang: Lang) -> anyhow::Result<()> {
    let token = match token_file {
        Some(path) => std::fs::read_to_string(&path).with_context(|| path.display().to_string())?,
        None => std::io::read_to_string(std::io::stdin()).context("standard input")?,
    };
    let membership = runtime::block_on(async { agent::enrol(settings, token.trim()).await })?;
    let (agent, venue) = (&membership.agent, &membership.venue);
    println!(
        "{}",
        lang.pick(format!("已登记:{agent}(会场 {venue})"), format!("enrolled: {agent} at {venue}"))
    );
    Ok(())
}

fn consent(settings: &AgentSettings, minutes: Option<u64>, withdraw: bool, lang: Lang) -> anyhow::Result<()> {
    if withdraw {
        agent::consent::take_back(&settings.state_dir)?;
        println!("{}", lang.pick("已收回", "taken back"));
        return Ok(());
    }
    let minutes = minutes.unwrap_or(120);
    let until = agent::consent::give(&settings.state_dir, Span::minutes(minutes))?;
    let until = until.minute(&settings.timezone);
    println!(
        "{}",
        lang.pick(format!("已开机可测,至 {until}"), format!("tests may touch the hall until {until}"))
    );
    Ok(())
}

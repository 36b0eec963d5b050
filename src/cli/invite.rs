//! `vcops invite`: a one-time token for an agent.

use std::process::ExitCode;

use super::daemon::Client;
use super::{Daemon, runtime};
use crate::domain::id::AgentId;
use crate::domain::lang::Lang;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    daemon: Daemon,
    /// 测试机 the agent's id.
    agent: AgentId,
}

/// The part of the answer that is printed.
#[derive(Debug, serde::Deserialize)]
struct Invited {
    token: String,
}

pub(super) fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let client = Client::new(&arguments.daemon.socket, lang);
    let uri = format!("/v1/agents/{}/invitation", arguments.agent);
    let invited: Invited = runtime::block_on(async { Ok(client.post(&uri, &()).await?) })?;
    println!("{}", invited.token);
    eprintln!(
        "{}",
        lang.pick("一次有效;请在该会场的测试机上登记", "good once: enrol that venue's agent with it")
    );
    Ok(ExitCode::SUCCESS)
}

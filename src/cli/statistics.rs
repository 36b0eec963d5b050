//! `vcops statistics`: what a month or a quarter was like, through the daemon's local socket.

use std::process::ExitCode;

use super::daemon::Client;
use super::{Daemon, runtime};
use crate::domain::lang::Lang;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    daemon: Daemon,
    /// 起始日 first day, such as 2026-10-01; the first of the month without it.
    #[arg(long)]
    from: Option<String>,
    /// 截止日（含） last day, included; today without it.
    #[arg(long)]
    to: Option<String>,
    /// 机器可读 one JSON object instead of tables.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let client = Client::new(&arguments.daemon.socket, lang);
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, day) in [("from", &arguments.from), ("to", &arguments.to)] {
        if let Some(day) = day {
            query.append_pair(name, day);
        }
    }
    let query = query.finish();
    runtime::block_on(async {
        if arguments.json {
            let found: serde_json::Value = client.get(&format!("/v1/statistics?{query}")).await?;
            println!("{found}");
        } else {
            print!("{}", client.text(&format!("/v1/statistics-table?{query}")).await?);
        }
        Ok(ExitCode::SUCCESS)
    })
}

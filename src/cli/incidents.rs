//! `vcops incidents`: what is wrong, one by one, through the daemon's local socket.

use std::process::ExitCode;

use clap::Subcommand;

use super::daemon::Client;
use super::{Daemon, runtime};
use crate::domain::lang::Lang;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    daemon: Daemon,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// 列表 incidents, the newest first.
    List {
        /// 状态 `open`, `closed`, or one state such as `mitigated`.
        #[arg(long, default_value = "open")]
        state: String,
        /// 最多几条 at most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// 机器可读 one JSON object instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// 详情 one incident with its alarms and its timeline.
    Show {
        /// 编号 its number.
        number: u64,
        /// 机器可读 one JSON object instead of words.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let client = Client::new(&arguments.daemon.socket, lang);
    let (path, table, as_json) = match &arguments.what {
        What::List { state, limit, json } => {
            let query = format!("state={state}&limit={limit}");
            (format!("/v1/incidents?{query}"), format!("/v1/incidents-table?{query}"), *json)
        }
        What::Show { number, json } => {
            (format!("/v1/incidents/{number}"), format!("/v1/incidents/{number}/table"), *json)
        }
    };
    runtime::block_on(async {
        if as_json {
            let found: serde_json::Value = client.get(&path).await?;
            println!("{found}");
        } else {
            print!("{}", client.text(&table).await?);
        }
        Ok(ExitCode::SUCCESS)
    })
}

//! `vcops user`: accounts, through the daemon's local socket.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::daemon::Client;
use super::{Daemon, runtime};
use crate::domain::actor::Role;
use crate::domain::id::{RegionId, UserId};
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
    /// 新建用户 add a user; the first password is read from standard input.
    Add {
        /// 登录名 name to sign in with.
        id: UserId,
        /// 姓名 shown name.
        #[arg(long)]
        name: String,
        /// 角色 role: technician, `county_technician`, operator, manager, `system_admin`, `security_admin`, auditor.
        #[arg(long, value_parser = role, required = true)]
        role: Vec<Role>,
        /// 区域 region; without it everywhere.
        #[arg(long)]
        region: Option<RegionId>,
    },
    /// 一次性登录链接 a one-time sign-in on this machine.
    Link {
        /// 登录名 for whom.
        id: UserId,
        /// 秒数 for how long.
        #[arg(long, default_value_t = 600)]
        seconds: u64,
    },
}

/// The part of a link's answer that is printed.
#[derive(Debug, serde::Deserialize)]
struct Link {
    token: String,
}

pub(super) fn run(arguments: Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let client = Client::new(&arguments.daemon.socket, lang);
    match arguments.what {
        What::Add { id, name, role, region } => {
            let password = std::io::read_to_string(std::io::stdin())?;
            let grants: Vec<_> =
                role.into_iter().map(|role| json!({"role": role, "region": region})).collect();
            let new = json!({"id": id, "name": name, "password": password.trim_end_matches('\n'), "grants": grants});
            let _: serde_json::Value =
                runtime::block_on(async { Ok(client.post("/v1/users", &new).await?) })?;
            println!("{}", lang.pick("已新建", "added"));
        }
        What::Link { id, seconds } => {
            let link = json!({"user": id, "seconds": seconds});
            let link: Link = runtime::block_on(async { Ok(client.put("/v1/login-link", &link).await?) })?;
            println!("?login={}", link.token);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn role(text: &str) -> Result<Role, String> {
    serde_json::from_value(json!(text)).map_err(|error| error.to_string())
}

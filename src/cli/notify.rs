//! `vcops notify`: which channels there are, and tests of them, through the daemon's local socket.

use std::process::ExitCode;

use clap::Subcommand;

use super::daemon::Client;
use super::{Daemon, runtime};
use crate::domain::id::{ChannelId, PersonId};
use crate::domain::lang::Lang;
use crate::web::{ChannelShown, NewChannelTest, TestShown};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    daemon: Daemon,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// 列出渠道 which channels there are.
    List,
    /// 测试渠道 send a test by one channel, or by all.
    Test {
        /// 渠道 the channel; all of them if left out.
        channel: Option<ChannelId>,
        /// 收件人 to whom: a person's id, for channels that reach one person.
        #[arg(long)]
        to: Option<PersonId>,
    },
}

pub(super) fn run(arguments: Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let client = Client::new(&arguments.daemon.socket, lang);
    match arguments.what {
        What::List => list(&client, lang),
        What::Test { channel, to } => test(&client, lang, channel, to),
    }
}

fn list(client: &Client, lang: Lang) -> anyhow::Result<ExitCode> {
    let channels: Vec<ChannelShown> = runtime::block_on(async { Ok(client.get("/v1/channels").await?) })?;
    for channel in channels {
        let reaches =
            if channel.personal { lang.pick("到个人", "persons") } else { lang.pick("到群", "a group") };
        let default = if channel.default { lang.pick("默认", "default") } else { "" };
        println!("{:<24} {reaches:<8} {default}", channel.id);
    }
    Ok(ExitCode::SUCCESS)
}

/// Exit code 1 when a channel did not take it.
fn test(
    client: &Client,
    lang: Lang,
    channel: Option<ChannelId>,
    to: Option<PersonId>,
) -> anyhow::Result<ExitCode> {
    let results: Vec<TestShown> = runtime::block_on(async {
        let ids = match channel {
            Some(id) => vec![id],
            None => {
                let all: Vec<ChannelShown> = client.get("/v1/channels").await?;
                all.into_iter().map(|channel| channel.id).collect()
            }
        };
        let mut results = Vec::new();
        for id in ids {
            let new = NewChannelTest { person: to.clone() };
            results.push(client.post(&format!("/v1/channels/{id}/test"), &new).await?);
        }
        Ok(results)
    })?;
    if results.is_empty() {
        eprintln!("{}", lang.pick("设置里没有渠道", "the settings name no channel"));
    }
    for result in &results {
        let said = match (&result.code, &result.detail) {
            (None, _) => lang.pick("平台已受理".to_owned(), "accepted".to_owned()),
            (Some(code), detail) => format!("{code}: {}", detail.as_deref().unwrap_or_default()),
        };
        println!("{:<24} {said}", result.channel);
    }
    let failed = results.iter().any(|result| !result.accepted);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

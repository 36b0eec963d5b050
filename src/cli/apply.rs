//! `vcops apply`: submits inventory and meetings. Good rows are kept, bad ones named, the daemon decides.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use jiff::tz::TimeZone;

use super::daemon::Client;
use super::{Daemon, exit, runtime};
use crate::domain::inventory::{Change, Clash, ClashOver, Inventory, PersonDetails};
use crate::domain::lang::Lang;
use crate::engine::effect::Outcome;
use crate::engine::input::Command;
use crate::intake::{self, Known, Mode, Submission};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    daemon: Daemon,
    /// 文件 files: .toml, .ics, .csv.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// 删除文件中不再出现的条目 remove what the file no longer names.
    #[arg(long)]
    prune: bool,
    /// 只检查不提交 only say what would change.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let client = Client::new(&arguments.daemon.socket, lang);
    runtime::block_on(async {
        let mut clean = true;
        for file in &arguments.files {
            clean &= apply(arguments, file, &client, lang).await?;
        }
        Ok(if clean { ExitCode::SUCCESS } else { exit::bad_input() })
    })
}

/// Submits one file; whether nothing in it was wrong.
async fn apply(arguments: &Arguments, file: &PathBuf, client: &Client, lang: Lang) -> anyhow::Result<bool> {
    let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
    let inventory: Inventory = client.get("/v1/inventory").await?;
    let people: Vec<PersonDetails> = client.get("/v1/people").await?;
    let known = Known { inventory: &inventory, people: &people };
    let zone = TimeZone::get("Asia/Shanghai").unwrap_or(TimeZone::UTC);
    let name = file.display().to_string();
    let submission = intake::read(&name, &bytes, &known, &zone);
    let mode = if arguments.prune { Mode::Prune } else { Mode::Merge };
    let plan = intake::plan(&inventory, &submission, mode);
    let problems = [submission.problems.clone(), plan.problems].concat();
    if !problems.is_empty() {
        println!("{}", intake::lines(&problems, lang));
    }
    submission.clashes.iter().for_each(|clash| println!("{}", clash_line(clash, lang)));
    if !arguments.dry_run {
        submit(client, &submission, &inventory, plan.changes.clone()).await?;
    }
    let (changes, people) = (plan.changes.len(), submission.people.len());
    let verb = if arguments.dry_run {
        lang.pick("将改动", "would change")
    } else {
        lang.pick("已改动", "changed")
    };
    println!("{name}: {verb} {changes} {}, {people} {}", lang.pick("项", "items"), lang.pick("人", "people"));
    Ok(problems.is_empty())
}

async fn submit(
    client: &Client,
    submission: &Submission,
    inventory: &Inventory,
    changes: Vec<Change>,
) -> anyhow::Result<()> {
    if !submission.people.is_empty() {
        let _: serde_json::Value = client.put("/v1/people", &submission.people).await?;
    }
    if changes.is_empty() {
        return Ok(());
    }
    let command =
        Command::SubmitInventory { base: inventory.version, changes, origin: submission.file.clone() };
    let _: Outcome = client.post("/v1/command", &command).await?;
    Ok(())
}

fn clash_line(clash: &Clash, lang: Lang) -> String {
    let (zh, en, what) = match &clash.over {
        ClashOver::Venue(venue) => ("会场冲突", "venue clash", venue.as_str()),
        ClashOver::Mcu(mcu) => ("MCU 冲突", "MCU clash", mcu.as_str()),
    };
    format!("{}: {what} ({} / {})", lang.pick(zh, en), clash.first, clash.second)
}

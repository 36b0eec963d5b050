//! `vcops check`: says what is wrong with settings and inventory files, without a daemon.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::tz::TimeZone;

use super::exit;
use crate::config;
use crate::domain::inventory::Inventory;
use crate::domain::lang::Lang;
use crate::domain::problem::Problem;
use crate::intake::{self, Known};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// 文件 files: vcops.toml and agent.toml are settings, everything else is submitted inventory.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// 作为控制端设置 read as the controller's settings, whatever the name.
    #[arg(long, conflicts_with = "agent")]
    controller: bool,
    /// 作为测试机设置 read as an agent's settings, whatever the name.
    #[arg(long)]
    agent: bool,
}

pub(super) fn run(arguments: &Arguments, lang: Lang) -> ExitCode {
    let mut bad = false;
    for file in &arguments.files {
        match problems(arguments, file) {
            Ok(problems) if problems.is_empty() => {
                println!("{}: {}", file.display(), lang.pick("没有问题", "nothing wrong"));
            }
            Ok(problems) => {
                bad = true;
                println!("{}", intake::lines(&problems, lang));
            }
            Err(error) => {
                bad = true;
                eprintln!("{}: {error}", file.display());
            }
        }
    }
    if bad { exit::bad_input() } else { ExitCode::SUCCESS }
}

fn problems(arguments: &Arguments, file: &Path) -> std::io::Result<Vec<Problem>> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if arguments.controller || name == "vcops.toml" {
        return Ok(config::load_controller(file).err().unwrap_or_default());
    }
    if arguments.agent || name == "agent.toml" {
        return Ok(config::load_agent(file).err().unwrap_or_default());
    }
    let bytes = std::fs::read(file)?;
    let (inventory, people) = (Inventory::default(), Vec::new());
    let known = Known { inventory: &inventory, people: &people };
    let zone = TimeZone::get("Asia/Shanghai").unwrap_or(TimeZone::UTC);
    Ok(intake::read(&file.display().to_string(), &bytes, &known, &zone).problems)
}

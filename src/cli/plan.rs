//! `vcops plan`: reads emergency plans, shows them as texts, and plays one through, without a daemon.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Subcommand, ValueEnum};
use jiff::tz::TimeZone;

use super::exit;
use crate::domain::inventory::{Inventory, Item};
use crate::domain::lang::Lang;
use crate::domain::plan::Plan;
use crate::domain::problem::Problem;
use crate::intake::{self, Known, shipped};
use crate::report;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// 检查 say what is wrong with plan files.
    Check {
        /// 文件 files; without any, the plans that come with the program.
        files: Vec<PathBuf>,
    },
    /// 显示 show plans as texts to read and to print.
    Show {
        /// 预案 which; without a name, a list.
        id: Option<String>,
        /// 文件 from these files, in the place of the plans that come with the program.
        #[arg(long)]
        file: Vec<PathBuf>,
    },
    /// 推演 play a plan through in virtual time; no device is spoken to, nobody is told anything.
    Simulate {
        /// 预案 which.
        id: String,
        /// 文件 from these files, in the place of the plans that come with the program.
        #[arg(long)]
        file: Vec<PathBuf>,
        /// 人员 how people behave: they act, fail, or are absent.
        #[arg(long, value_enum, default_value_t = Folk::Act)]
        people: Folk,
        /// 设备 how devices behave: what they do helps, does not help, or they cannot be seen.
        #[arg(long, value_enum, default_value_t = Gear::Obey)]
        devices: Gear,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Folk {
    Act,
    Fail,
    Absent,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Gear {
    Help,
    Obey,
    Unseen,
}

pub(super) fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    match &arguments.what {
        What::Check { files } => check(files, lang),
        What::Show { id, file } => show(id.as_deref(), file, lang),
        What::Simulate { id, file, people, devices } => simulate(id, file, *people, *devices, lang),
    }
}

fn check(files: &[PathBuf], lang: Lang) -> anyhow::Result<ExitCode> {
    let (plans, problems) = load(files)?;
    print!("{}", intake::lines(&problems, lang));
    for plan in &plans {
        let count = plan.steps.len();
        println!("{} · {} · {count} {}", plan.id, plan.title.pick(lang), lang.pick("步", "steps"));
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { exit::bad_input() })
}

fn show(id: Option<&str>, files: &[PathBuf], lang: Lang) -> anyhow::Result<ExitCode> {
    let (plans, problems) = load(files)?;
    eprint!("{}", intake::lines(&problems, lang));
    let Some(id) = id else {
        plans.iter().for_each(|plan| println!("{} · {}", plan.id, plan.title.pick(lang)));
        return Ok(ExitCode::SUCCESS);
    };
    match plans.iter().find(|plan| plan.id.as_str() == id) {
        Some(plan) => {
            print!("{}", report::plan(plan, lang));
            Ok(ExitCode::SUCCESS)
        }
        None => Ok(unknown(id, lang)),
    }
}

fn simulate(
    id: &str,
    files: &[PathBuf],
    people: Folk,
    devices: Gear,
    lang: Lang,
) -> anyhow::Result<ExitCode> {
    let (plans, problems) = load(files)?;
    eprint!("{}", intake::lines(&problems, lang));
    let Some(plan) = plans.iter().find(|plan| plan.id.as_str() == id) else {
        return Ok(unknown(id, lang));
    };
    let people = match people {
        Folk::Act => report::People::Act,
        Folk::Fail => report::People::Fail,
        Folk::Absent => report::People::Absent,
    };
    let devices = match devices {
        Gear::Help => report::Devices::Help,
        Gear::Obey => report::Devices::Obey,
        Gear::Unseen => report::Devices::Unseen,
    };
    print!("{}", report::practice(plan, people, devices, lang));
    Ok(ExitCode::SUCCESS)
}

fn unknown(id: &str, lang: Lang) -> ExitCode {
    eprintln!("{} {id}", lang.pick("没有预案", "there is no plan"));
    exit::bad_input()
}

/// The plans of these files; those that come with the program when no file is named.
fn load(files: &[PathBuf]) -> anyhow::Result<(Vec<Plan>, Vec<Problem>)> {
    if files.is_empty() {
        return Ok(shipped::plans());
    }
    let (mut plans, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        let (found, wrong) = read(file)?;
        plans.extend(found);
        problems.extend(wrong);
    }
    Ok((plans, problems))
}

fn read(file: &Path) -> anyhow::Result<(Vec<Plan>, Vec<Problem>)> {
    let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
    let inventory = Inventory::default();
    let known = Known { inventory: &inventory, people: &[] };
    let submission = intake::read(&file.display().to_string(), &bytes, &known, &TimeZone::UTC);
    let plan = |item: Item| if let Item::Plan(plan) = item { Some(plan) } else { None };
    Ok((submission.items.into_iter().filter_map(plan).collect(), submission.problems))
}

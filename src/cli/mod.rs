//! The command line: one file per subcommand.
//!
//! Acting commands speak to the daemon over its local socket, so that only the daemon writes and the caller's
//! account is the actor. Exit codes: 0 done, 1 a venue failed, 2 a test broke (for `rehearse` and `demo`);
//! 64 usage, 65 bad input, 69 the daemon does not answer, 70 everything else.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks on stdout and stderr")]

mod agent;
mod apply;
mod backup;
mod check;
mod daemon;
mod demo;
mod exit;
mod incidents;
mod invite;
mod journal;
mod mcu;
mod notify;
mod plan;
mod probe;
mod rehearse;
mod runtime;
mod serve;
mod statistics;
mod user;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::domain::lang::Lang;

/// 视频会议保障 video-conference operations controller.
#[derive(Debug, Parser)]
#[command(name = "vcops", version, propagate_version = true)]
struct Arguments {
    /// 语言 language of texts: zh or en.
    #[arg(long, global = true, value_parser = lang, default_value = "zh", env = "VCOPS_LANG")]
    lang: Lang,
    #[command(subcommand)]
    subcommand: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// 启动控制端 run the controller.
    Serve(serve::Arguments),
    /// 会场测试机 run a venue's agent, enrol it, or give consent.
    Agent(agent::Arguments),
    /// 检查设置文件 check settings and inventory files without using them.
    Check(check::Arguments),
    /// 提交台账或会议 submit an inventory or meetings (.toml, .ics, .csv).
    Apply(apply::Arguments),
    /// 邀请测试机登记 print a one-time token that lets an agent enrol.
    Invite(invite::Arguments),
    /// 联调 rehearse a meeting's venues.
    Rehearse(rehearse::Arguments),
    /// 看一路流 show one stream live: size, codec, rate, loss, levels, what looks wrong.
    Probe(probe::Arguments),
    /// 设备 an MCU, endpoint or other device: how it is, who is there, and orders to it.
    Mcu(mcu::Arguments),
    /// 通知渠道 channels of notices: which there are, and tests of them.
    Notify(notify::Arguments),
    /// 预案 read, show and play through emergency plans.
    Plan(plan::Arguments),
    /// 事件 incidents: what is wrong, how sure, since when, and what was done.
    Incidents(incidents::Arguments),
    /// 统计 a month or a quarter in figures.
    Statistics(statistics::Arguments),
    /// 演示 a small real city on this machine.
    Demo(demo::Arguments),
    /// 日志 verify or export the journal.
    Journal(journal::Arguments),
    /// 备份 copy everything, verified.
    Backup(backup::BackupArguments),
    /// 恢复 put a backup back.
    Restore(backup::RestoreArguments),
    /// 用户 manage users.
    User(user::Arguments),
    /// 媒体子进程 a media worker; started by vcops itself.
    #[command(hide = true)]
    Worker(worker::Arguments),
    /// 命令补全 print a shell's completion script.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// Where the daemon listens for local commands.
#[derive(Debug, Clone, clap::Args)]
struct Daemon {
    /// 控制端本地套接字 the controller's local socket.
    #[arg(long, default_value = "/run/vcops/vcops.sock", env = "VCOPS_SOCKET")]
    socket: PathBuf,
}

/// Parses the command line and runs one subcommand.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // A closed pipe is the reader's choice, not an error of ours.
            let _ = error.print();
            return if error.use_stderr() { exit::usage() } else { ExitCode::SUCCESS };
        }
    };
    run(arguments).unwrap_or_else(|error| exit::report(&error))
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let lang = arguments.lang;
    match arguments.subcommand {
        Sub::Serve(arguments) => serve::run(&arguments, lang),
        Sub::Agent(arguments) => agent::run(arguments, lang),
        Sub::Check(arguments) => Ok(check::run(&arguments, lang)),
        Sub::Apply(arguments) => apply::run(&arguments, lang),
        Sub::Invite(arguments) => invite::run(&arguments, lang),
        Sub::Rehearse(arguments) => rehearse::run(arguments, lang),
        Sub::Probe(arguments) => probe::run(&arguments, lang),
        Sub::Mcu(arguments) => mcu::run(arguments, lang),
        Sub::Notify(arguments) => notify::run(arguments, lang),
        Sub::Plan(arguments) => plan::run(&arguments, lang),
        Sub::Incidents(arguments) => incidents::run(&arguments, lang),
        Sub::Statistics(arguments) => statistics::run(&arguments, lang),
        Sub::Demo(arguments) => demo::run(arguments, lang),
        Sub::Journal(arguments) => journal::run(arguments, lang),
        Sub::Backup(arguments) => backup::backup(&arguments, lang),
        Sub::Restore(arguments) => backup::restore(&arguments, lang),
        Sub::User(arguments) => user::run(arguments, lang),
        Sub::Worker(arguments) => Ok(worker::run(&arguments)),
        Sub::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "vcops", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn lang(text: &str) -> Result<Lang, String> {
    match text {
        "zh" => Ok(Lang::Zh),
        "en" => Ok(Lang::En),
        other => Err(format!("语言只有 zh 或 en (the languages are zh and en), not {other:?}")),
    }
}

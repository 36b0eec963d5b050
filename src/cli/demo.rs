//! `vcops demo`: a real small city on this machine, rehearsed at once.

use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::{rehearse, runtime};
use crate::config::value::{LogFormat, LogLevel};
use crate::demo::{Demo, Options};
use crate::domain::check::RoundId;
use crate::domain::lang::Lang;
use crate::engine::wording;
use crate::report::{Matrix, SeededFault, SeededKind, json, table};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// 种子 decides which venues are faulty.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// 联调一次即退出 rehearse once and exit by the verdicts.
    #[arg(long)]
    once: bool,
    /// 机器可读 one JSON object instead of the table.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    runtime::start_log(LogLevel::Error, LogFormat::Text);
    let program = std::env::current_exe()?;
    runtime::block_on(async {
        let stop = runtime::stop_signal()?;
        let options = Options { seed: arguments.seed, program };
        say(&arguments, lang.pick("演示城市(示例)正在启动…", "the example city is starting…"));
        let demo = tokio::select! {
            demo = Demo::start(&options) => demo?,
            () = stop.cancelled() => return Ok(ExitCode::from(130)),
        };
        let code = tokio::select! {
            code = show(&demo, &arguments, lang) => code,
            () = stop.cancelled() => Ok(ExitCode::from(130)),
        };
        if code.is_err() || arguments.once {
            demo.stop().await?;
            return code;
        }
        stop.cancelled().await;
        demo.stop().await?;
        Ok(ExitCode::SUCCESS)
    })
}

async fn show(demo: &Demo, arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let page = demo.page().await?;
    if !arguments.once {
        say(arguments, &format!("{}: {page}", lang.pick("网页(一次性登录)", "page, signs in once")));
    }
    let round = demo.open_round().await?;
    let matrix = tokio::select! {
        matrix = demo.rehearsed(round, lang) => matrix?,
        never = progress(demo, round, arguments, lang) => match never {},
    };
    if arguments.json {
        println!("{}", serde_json::to_string(&json(&matrix, demo.seeded().to_vec()))?);
    } else {
        print!("{}", table(&matrix, lang));
        demo.seeded().iter().for_each(|fault| println!("{}", seeded_line(fault, &matrix, lang)));
    }
    if !arguments.once {
        say(arguments, &format!("{}: {page}", lang.pick("网页(一次性登录)", "page, signs in once")));
        say(arguments, &format!("VCOPS_SOCKET={}", demo.socket().display()));
        say(arguments, lang.pick("按 Ctrl-C 结束并清理", "Ctrl-C ends and cleans up"));
    }
    Ok(rehearse::code(&matrix))
}

fn say(arguments: &Arguments, text: &str) {
    if arguments.json {
        eprintln!("{text}");
    } else {
        println!("{text}");
    }
}

async fn progress(
    demo: &Demo,
    round: RoundId,
    arguments: &Arguments,
    lang: Lang,
) -> std::convert::Infallible {
    let style = ProgressStyle::with_template("{bar:30} {msg}").expect("the template is fixed");
    let bar = if arguments.json { ProgressBar::hidden() } else { ProgressBar::new(100).with_style(style) };
    loop {
        if let Some(matrix) = demo.matrix(round, lang) {
            bar.set_position((matrix.progress.share * 100.0) as u64);
            let (done, all) = (matrix.progress.venues_done, matrix.progress.venues);
            bar.set_message(format!(
                "{done}/{all} {} {:.0} s",
                lang.pick("会场", "venues"),
                matrix.progress.elapsed_s
            ));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn seeded_line(fault: &SeededFault, matrix: &Matrix, lang: Lang) -> String {
    let row = matrix.rows.iter().find(|row| row.venue == fault.venue);
    let name = row.map_or(fault.venue.as_str(), |row| row.name.as_str());
    let what = match fault.fault {
        SeededKind::BurstLoss => lang.pick("主用线路成串丢包", "burst loss on the primary link"),
        SeededKind::SlowBackup => lang.pick("备用线路往返 600 ms", "600 ms round trip on the backup link"),
        SeededKind::AgentOff => lang.pick("测试机关机", "agent off"),
    };
    let way = fault
        .direction
        .map(|direction| format!(" {}", wording::direction(direction, lang)))
        .unwrap_or_default();
    format!("{} {name}: {what}{way}", lang.pick("预置故障", "seeded fault"))
}

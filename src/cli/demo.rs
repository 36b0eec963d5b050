//! `vcops demo`: a real small city on this machine: rehearsed at once, then live, with faults on command.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::{rehearse, runtime};
use crate::config::value::{LogFormat, LogLevel};
use crate::demo::{Demo, McuFault, Options, StreamFault};
use crate::domain::check::RoundId;
use crate::domain::id::StreamId;
use crate::domain::lang::Lang;
use crate::domain::time::{Span, Utc};
use crate::engine::wording;
use crate::report::{Matrix, SeededFault, SeededKind, json, table};

/// The word for the MCU.
const MCU: &str = "mcu";
/// The MCU's program, as it is found in the system.
const JANUS: &str = "janus";
/// Said where it is not installed.
const WITHOUT_MCU: (&str, &str) = (
    "本机没有安装 Janus，演示中没有 MCU（scripts/system-packages.sh demo 可安装）",
    "no Janus is installed: the city has no MCU (scripts/system-packages.sh demo installs it)",
);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// 种子 decides which venues are faulty.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// 联调并开会一次即退出 rehearse once, try each stream fault once, and exit by the verdicts.
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
        let (clips, janus) = (Some(clips()), PathBuf::from(JANUS));
        let options = Options { seed: arguments.seed, program, clips, janus };
        say(&arguments, lang.pick("演示城市(示例)正在启动…", "the example city is starting…"));
        let mut demo = tokio::select! {
            demo = Demo::start(&options) => demo?,
            () = stop.cancelled() => return Ok(ExitCode::from(130)),
        };
        let code = tokio::select! {
            code = day(&mut demo, &arguments, lang) => code,
            () = stop.cancelled() => Ok(ExitCode::from(130)),
        };
        demo.stop().await?;
        code
    })
}

/// Rehearses, then lets the meeting begin: with `--once` each fault is tried, else they come on command.
async fn day(demo: &mut Demo, arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    if !demo.has_mcu() {
        say(arguments, lang.pick(WITHOUT_MCU.0, WITHOUT_MCU.1));
    }
    let code = show(demo, arguments, lang).await?;
    demo.begin_meeting().await?;
    demo.flowing().await?;
    if !arguments.once {
        say(arguments, lang.pick("会议已开始，各会场画面正常", "the meeting has begun, every stream flows"));
        return orders(demo, arguments, lang).await;
    }
    for fault in StreamFault::ALL {
        let (speaker, listener) = demo.speaker_and_listener();
        let stream = if fault == StreamFault::Mute { speaker } else { listener };
        let onset = demo.spoil(&stream, fault).await?;
        let took = demo.shown(&stream, fault, onset).await?;
        say(arguments, &shown_line(&stream, fault, took, lang));
        demo.mend(&stream).await?;
        demo.cleared(&stream, fault).await?;
    }
    Ok(code)
}

/// Faults as they are typed: `freeze guidong`, `clear guidong`, `kill mcu`.
async fn orders(demo: &mut Demo, arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let words: Vec<&str> = StreamFault::ALL.iter().map(|fault| fault.word()).collect();
    let usage = format!(
        "{} | clear  +  {}",
        words.join(" | "),
        demo.stream_ids().iter().map(StreamId::as_str).collect::<Vec<_>>().join(" ")
    );
    say(arguments, &format!("{}:\n  {usage}", lang.pick("输入故障与会场", "type a fault and a venue")));
    let (speaker, listener) = demo.speaker_and_listener();
    let such = lang.pick("例如", "such as");
    let of_mcu =
        if demo.has_mcu() { format!(" / kill {MCU} / hang {MCU} / clear {MCU}") } else { String::new() };
    say(arguments, &format!("  {such}: freeze {listener} / clear {listener} / mute {speaker}{of_mcu}"));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        match order(demo, &line, lang).await {
            Ok(Some(text)) => say(arguments, &text),
            Ok(None) => say(arguments, &usage),
            Err(error) => say(arguments, &format!("{error:#}")),
        }
    }
    // Without anybody at the keyboard it goes on until it is told to end.
    std::future::pending().await
}

/// Carries out one typed order; `None` when it is none.
async fn order(demo: &mut Demo, line: &str, lang: Lang) -> anyhow::Result<Option<String>> {
    if let Some(what) = line.trim().strip_suffix(MCU).map(str::trim) {
        return of_mcu(demo, what, lang).await;
    }
    let mut words = line.split_whitespace();
    let (Some(what), Some(Ok(stream)), None) =
        (words.next(), words.next().map(StreamId::parse), words.next())
    else {
        return Ok(None);
    };
    if what == "clear" {
        demo.mend(&stream).await?;
        return Ok(Some(format!("{stream}: {}", lang.pick("已恢复", "in order again"))));
    }
    let Some(fault) = StreamFault::parse(what) else { return Ok(None) };
    let onset = demo.spoil(&stream, fault).await?;
    let took = demo.shown(&stream, fault, onset).await?;
    let began = Utc::from_timestamp(jiff::Timestamp::now()) - Span(micros(onset.at.elapsed()));
    Ok(Some(format!("{} ({} {began})", shown_line(&stream, fault, took, lang), lang.pick("发生于", "since"))))
}

/// Carries out a typed order about the MCU; `None` when it is none.
async fn of_mcu(demo: &mut Demo, what: &str, lang: Lang) -> anyhow::Result<Option<String>> {
    if what == "clear" {
        demo.mend_mcu().await?;
        return Ok(Some(format!("{MCU}: {}", lang.pick("已恢复", "in order again"))));
    }
    let Some(fault) = McuFault::parse(what) else { return Ok(None) };
    let took = demo.spoil_mcu(fault).await?;
    let shown = lang.pick("从发生到上屏", "from its onset to the screen");
    Ok(Some(format!("{what} {MCU}: {shown} {:.1} s", took.as_secs_f64())))
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn shown_line(stream: &StreamId, fault: StreamFault, took: Duration, lang: Lang) -> String {
    let bar = fault.bar_ms().map_or(String::new(), |bar| format!(" ({} {bar} ms)", lang.pick("限", "bar")));
    let shown = lang.pick("从发生到上屏", "from its onset to the screen");
    format!("{} {stream}: {shown} {} ms{bar}", fault.word(), took.as_millis())
}

/// Clips last from one demo to the next in the account's cache.
fn clips() -> PathBuf {
    let home = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    home.unwrap_or_else(std::env::temp_dir).join("vcops-demo-clips")
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

//! `vcops rehearse`: opens a round, shows it live, prints the table, exits by the verdicts.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::daemon::Client;
use super::{Daemon, runtime};
use crate::domain::check::{RoundId, RoundKind};
use crate::domain::id::{MeetingId, VenueId};
use crate::domain::inventory::Inventory;
use crate::domain::lang::Lang;
use crate::engine::effect::Outcome;
use crate::engine::input::Command;
use crate::engine::verdict::Verdict;
use crate::report::{Matrix, Row};

/// How often the round is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    daemon: Daemon,
    /// 会议 the meeting; without it the next one.
    #[arg(long)]
    meeting: Option<MeetingId>,
    /// 会场 only these venues.
    #[arg(long)]
    venue: Vec<VenueId>,
    /// 机器可读 one JSON object instead of the table.
    #[arg(long)]
    json: bool,
    /// 不等现场核对 do not wait for manual items.
    #[arg(long)]
    no_wait_for_people: bool,
}

pub(super) fn run(arguments: Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let client = Client::new(&arguments.daemon.socket, lang);
    runtime::block_on(async {
        let meeting = meeting(&client, arguments.meeting, lang).await?;
        let kind = if arguments.venue.is_empty() { RoundKind::WholeNetwork } else { RoundKind::SinglePoint };
        let command = Command::OpenRound { meeting, kind, venues: arguments.venue };
        let outcome: Outcome = client.post("/v1/command", &command).await?;
        let Outcome::Round(round) = outcome else { anyhow::bail!("unexpected answer: {outcome:?}") };
        let matrix = follow(&client, round, arguments.no_wait_for_people, lang).await?;
        show(&client, round, arguments.json).await?;
        Ok(code(&matrix))
    })
}

async fn meeting(client: &Client, given: Option<MeetingId>, lang: Lang) -> anyhow::Result<MeetingId> {
    if let Some(meeting) = given {
        return Ok(meeting);
    }
    let inventory: Inventory = client.get("/v1/inventory").await?;
    let now = crate::domain::time::Utc::from_timestamp(jiff::Timestamp::now());
    let next =
        inventory.meetings.values().filter(|meeting| meeting.ends > now).min_by_key(|meeting| meeting.starts);
    let none = lang.pick("台账里没有将要召开的会议", "the inventory has no meeting ahead");
    next.map(|meeting| meeting.id.clone()).ok_or_else(|| anyhow::anyhow!(none))
}

/// Shows a line per venue until the round has ended.
async fn follow(client: &Client, round: RoundId, only_machines: bool, lang: Lang) -> anyhow::Result<Matrix> {
    let bars = MultiProgress::new();
    let mut lines: BTreeMap<VenueId, ProgressBar> = BTreeMap::new();
    loop {
        let matrix: Matrix = client.get(&format!("/v1/rounds/{round}/matrix")).await?;
        for row in &matrix.rows {
            let line = lines.entry(row.venue.clone()).or_insert_with(|| bars.add(bar(&row.name)));
            line.set_length(row.cells.iter().flatten().count() as u64);
            line.set_position(judged(row));
            line.set_message(row.verdict_text.clone());
        }
        let measured = only_machines && matrix.progress.venues_done == matrix.progress.venues;
        if matrix.ended.is_some() || measured {
            lines.values().for_each(ProgressBar::finish_and_clear);
            return Ok(matrix);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = tokio::signal::ctrl_c() => {
                let gone = lang.pick("联调在控制端继续进行", "the round goes on at the controller");
                anyhow::bail!("{gone} ({round})");
            }
        }
    }
}

fn bar(name: &str) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{prefix} {bar:20} {pos}/{len} {msg}").expect("the template is fixed");
    let width = unicode_width::UnicodeWidthStr::width(name);
    let padding = " ".repeat(16usize.saturating_sub(width));
    ProgressBar::new(1).with_style(style).with_prefix(format!("{name}{padding}"))
}

fn judged(row: &Row) -> u64 {
    row.cells.iter().flatten().filter(|cell| cell.verdict.is_some()).count() as u64
}

async fn show(client: &Client, round: RoundId, json: bool) -> anyhow::Result<()> {
    if json {
        let answer: serde_json::Value = client.get(&format!("/v1/rounds/{round}/json")).await?;
        println!("{answer}");
    } else {
        print!("{}", client.text(&format!("/v1/rounds/{round}/table")).await?);
    }
    Ok(())
}

/// 0: nothing worse than a warning; 1: a venue failed or did not answer; 2: a test broke, which outranks 1.
pub(super) fn code(matrix: &Matrix) -> ExitCode {
    let worst = matrix.rows.iter().filter_map(|row| row.verdict).max();
    match worst {
        None | Some(Verdict::Waived | Verdict::Pass | Verdict::Warn) => ExitCode::SUCCESS,
        Some(Verdict::NoAnswer | Verdict::Fail) => ExitCode::from(1),
        Some(Verdict::TestBroke) => ExitCode::from(2),
    }
}

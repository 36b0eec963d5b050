//! `vcops mcu`: how a device is, who is in its conferences, and orders to it, through the daemon's local socket.

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};

use super::daemon::Client;
use super::{Daemon, runtime};
use crate::domain::lang::Lang;
use crate::domain::mcu::{ConferenceRef, NodeRef, ParticipantRef};
use crate::observation::action::Action;
use crate::observation::device::{Medium, Way};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    daemon: Daemon,
    /// 设备 the device: its id or its name in the inventory (an MCU, an endpoint or other equipment).
    name: String,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// 状态 how it is.
    Status(Form),
    /// 与会名单 who is in its conferences.
    Roster(Form),
    /// 媒体 the media of its sites.
    Streams(Form),
    /// 操作 have it do something; nothing is ever sent twice.
    Act(Act),
}

#[derive(Debug, Clone, Copy, clap::Args)]
struct Form {
    /// 机器可读 one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Act {
    /// 原因 why; stands in the journal.
    #[arg(long)]
    why: String,
    /// 只演示 only say what it would touch and send.
    #[arg(long)]
    dry_run: bool,
    /// 机器可读 one JSON object instead of words.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    action: Doing,
}

#[derive(Debug, Subcommand)]
enum Doing {
    /// 呼叫 call an address into a conference.
    Dial {
        /// 会议 the conference, as the device calls it.
        conference: String,
        /// 地址 the address to call.
        address: String,
        /// 名称 the name to show.
        #[arg(long, default_value = "")]
        name: String,
        /// 速率 the rate, kbit/s.
        #[arg(long)]
        kbps: Option<u32>,
    },
    /// 重呼 hang up and call again.
    Redial(Site),
    /// 挂断 hang up.
    Disconnect(Site),
    /// 静音 mute what comes from a site, or from all.
    Mute(Muting),
    /// 取消静音 unmute.
    Unmute(Muting),
    /// 画面布局 set the layout.
    Layout {
        /// 会议 the conference.
        conference: String,
        /// 布局 the layout in the device's words.
        layout: String,
        /// 会场 only for this site.
        #[arg(long)]
        site: Option<String>,
    },
    /// 广播 show one site to all.
    Broadcast(Site),
    /// 关键帧 ask a site for a key frame.
    KeyFrame(Site),
    /// 转会 move a site to another conference.
    Move {
        /// 从哪个会议 from which conference.
        conference: String,
        /// 会场 whom.
        site: String,
        /// 到哪个会议 to which.
        to: String,
    },
    /// 迁移会议 move a whole conference: to a node of the same cluster, or MCU or MCU/CONFERENCE.
    Migrate {
        /// 会议 which.
        conference: String,
        /// 到哪里 where to.
        to: String,
    },
    /// 停接新呼 take no new calls.
    Drain,
    /// 恢复接呼 take new calls again.
    Undrain,
}

#[derive(Debug, clap::Args)]
struct Site {
    /// 会议 the conference, as the device calls it.
    conference: String,
    /// 会场 the site, as the device calls it.
    site: String,
}

#[derive(Debug, clap::Args)]
struct Muting {
    /// 会议 the conference, as the device calls it.
    conference: String,
    /// 会场 the site; without it all.
    #[arg(long)]
    site: Option<String>,
    /// 声音或图像 what is muted.
    #[arg(long, value_enum, default_value_t = Muted::Audio)]
    medium: Muted,
    /// 下行 mute what the site receives, instead of what it sends.
    #[arg(long)]
    to_site: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Muted {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// One row of the list, as far as it is needed to find a device.
#[derive(Debug, serde::Deserialize)]
struct Found {
    kind: String,
    id: String,
    name: String,
}

/// The answer to an order, as far as it is printed.
#[derive(Debug, serde::Deserialize)]
struct Answer {
    key: Option<String>,
    preview: Option<Words>,
    plan: Option<Steps>,
}

#[derive(Debug, serde::Deserialize)]
struct Words {
    zh: String,
    en: String,
}

#[derive(Debug, serde::Deserialize)]
struct Steps {
    steps: Vec<String>,
    preconditions: Vec<(String, String)>,
}

pub(super) fn run(arguments: Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let client = Client::new(&arguments.daemon.socket, lang);
    runtime::block_on(async {
        let path = find(&client, &arguments.name, lang).await?;
        match arguments.what {
            What::Status(form) => show(&client, &path, "status", form).await?,
            What::Roster(form) => show(&client, &path, "roster", form).await?,
            What::Streams(form) => show(&client, &path, "streams", form).await?,
            What::Act(act) => order(&client, &path, act, lang).await?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The path of the one device of that id or name.
async fn find(client: &Client, name: &str, lang: Lang) -> anyhow::Result<String> {
    let all: Vec<Found> = client.get("/v1/devices").await?;
    let by_id = all.iter().find(|found| found.id == name);
    let mut named = all.iter().filter(|found| found.name == name);
    let found = by_id.or_else(|| named.next().filter(|_| named.next().is_none()));
    let none = lang.pick(
        "台账里没有这台设备，或名称不唯一",
        "the inventory has no such device, or several of that name",
    );
    let found = found.ok_or_else(|| anyhow::anyhow!("{none}: {name}"))?;
    Ok(format!("/v1/devices/{}/{}", found.kind, found.id))
}

async fn show(client: &Client, path: &str, what: &str, form: Form) -> anyhow::Result<()> {
    if form.json {
        let report: serde_json::Value = client.get(path).await?;
        println!("{}", part(report, what));
    } else {
        print!("{}", client.text(&format!("{path}/{what}")).await?);
    }
    Ok(())
}

/// The part of a report that was asked for.
fn part(report: serde_json::Value, what: &str) -> serde_json::Value {
    match what {
        "status" => report,
        _ => report.get("conferences").cloned().unwrap_or_default(),
    }
}

async fn order(client: &Client, path: &str, act: Act, lang: Lang) -> anyhow::Result<()> {
    let body = serde_json::json!({"action": action(act.action), "why": act.why, "dry_run": act.dry_run});
    let answer: serde_json::Value = client.post(&format!("{path}/actions"), &body).await?;
    if act.json {
        println!("{answer}");
        return Ok(());
    }
    let answer: Answer = serde_json::from_value(answer)?;
    if let Some(key) = answer.key {
        println!("{} {key}", lang.pick("已下达", "ordered"));
    }
    if let Some(words) = answer.preview {
        println!("{}", lang.pick(words.zh, words.en));
    }
    if let Some(plan) = answer.plan {
        plan.preconditions.iter().for_each(|(zh, en)| println!("· {}", lang.pick(zh, en)));
        plan.steps.iter().for_each(|step| println!("> {step}"));
    }
    Ok(())
}

fn action(doing: Doing) -> Action {
    let at = |site: &Site| (ConferenceRef::new(&site.conference), ParticipantRef::new(&site.site));
    match doing {
        Doing::Dial { conference, address, name, kbps } => {
            Action::Dial { conference: ConferenceRef::new(&conference), address, name, kbps, via: None }
        }
        Doing::Redial(site) => {
            let (conference, participant) = at(&site);
            Action::Redial { conference, participant }
        }
        Doing::Disconnect(site) => {
            let (conference, participant) = at(&site);
            Action::Disconnect { conference, participant }
        }
        Doing::Broadcast(site) => {
            let (conference, participant) = at(&site);
            Action::Broadcast { conference, participant }
        }
        Doing::KeyFrame(site) => {
            let (conference, participant) = at(&site);
            Action::KeyFrame { conference, participant }
        }
        Doing::Mute(muting) => mute(muting, true),
        Doing::Unmute(muting) => mute(muting, false),
        Doing::Layout { conference, layout, site } => Action::Layout {
            conference: ConferenceRef::new(&conference),
            participant: site.as_deref().map(ParticipantRef::new),
            layout,
        },
        Doing::Move { conference, site, to } => Action::MoveParticipant {
            conference: ConferenceRef::new(&conference),
            participant: ParticipantRef::new(&site),
            to: ConferenceRef::new(&to),
        },
        Doing::Migrate { conference, to } => {
            Action::MigrateConference { conference: ConferenceRef::new(&conference), to: NodeRef::new(&to) }
        }
        Doing::Drain => Action::Drain { on: true },
        Doing::Undrain => Action::Drain { on: false },
    }
}

fn mute(muting: Muting, on: bool) -> Action {
    Action::Mute {
        conference: ConferenceRef::new(&muting.conference),
        participant: muting.site.as_deref().map(ParticipantRef::new),
        medium: match muting.medium {
            Muted::Audio => Medium::Audio,
            Muted::Video => Medium::Video,
        },
        way: if muting.to_site { Way::ToSite } else { Way::FromSite },
        on,
    }
}

//! A real small city on one machine: a controller, thirteen agent processes, and a relay before every line.
//!
//! Nothing is simulated but the lines: agents enrol with tokens, speak through the embedded broker, and every packet
//! of a path test goes through a relay that delays or loses it. Everything lives in one temporary directory and on
//! loopback addresses, and goes when the demo ends. From every venue a stream flows, and faults can be put into it
//! while the meeting runs.

mod agents;
mod city;
mod faults;
mod lines;
mod mcu;
mod streams;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::config::read_controller;
use crate::controller::{Addresses, Controller, Handle};
use crate::domain::actor::{Actor, Grant, Role};
use crate::domain::check::{RoundId, RoundKind};
use crate::domain::id::{StreamId, UserId, VenueId};
use crate::domain::inventory::{Change, Item, Resource};
use crate::domain::lang::Lang;
use crate::domain::time::{Span, Utc};
use crate::engine::effect::Outcome;
use crate::engine::finding::{RuleCode, Subject};
use crate::engine::input::Command;
use crate::engine::state::Finding;
use crate::media::sender::Onset;
use crate::observation::device::{Device, Flow, SiteSeen, Way};
use crate::observation::{Reception, StreamReport};
use crate::report::{Matrix, SeededFault, SeededKind, Snapshot, StreamView, matrix};
use crate::web::account::User;
use agents::Agents;
use lines::Lines;
use mcu::CityMcu;
pub use mcu::McuFault;
pub use streams::StreamFault;
use streams::Streams;

/// How long agents may take to be heard after their start.
const HEARD_WITHIN: Duration = Duration::from_secs(60);
/// An agent that was switched off is missed after this long.
const MISSED_WITHIN: Duration = Duration::from_secs(15);
/// How long a rehearsal may take before the demo gives up.
const REHEARSED_WITHIN: Duration = Duration::from_secs(180);
/// How long streams may take to be received, and their faults to be shown and to clear.
const FLOWING_WITHIN: Duration = Duration::from_secs(30);
const SHOWN_WITHIN: Duration = Duration::from_secs(20);
const CLEARED_WITHIN: Duration = Duration::from_secs(40);
/// How long a fault of the MCU may take to be shown, and to be over: its start, thirteen venues that join, a watch that
/// looks again.
const MCU_SHOWN_WITHIN: Duration = Duration::from_secs(40);
const MCU_CLEARED_WITHIN: Duration = Duration::from_secs(90);
/// How long it may take until the watch has read the room and the media of all in it.
const SEATED_WITHIN: Duration = Duration::from_secs(40);
const NO_MCU: &str = "no Janus is installed here / 本机没有安装 Janus";
/// How often the demo looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long the page's one-time sign-in is good.
const LINK_LIFE: Span = Span::minutes(12 * 60);

/// How to run the demo.
#[derive(Debug, Clone)]
pub struct Options {
    /// Decides which venues are faulty, and every chance of the lines.
    pub seed: u64,
    /// The program to start agents and workers with: this one.
    pub program: PathBuf,
    /// Where clips are kept from one demo to the next; with none they are made anew.
    pub clips: Option<PathBuf>,
    /// The program of the MCU; the city does without one where there is no such program.
    pub janus: PathBuf,
}

/// A running demo. Dropping it ends the agents; [`Demo::stop`] ends everything in order.
#[derive(Debug)]
pub struct Demo {
    controller: Controller,
    handle: Handle,
    agents: Agents,
    streams: Streams,
    /// `None` where there is no Janus on this machine.
    mcu: Option<CityMcu>,
    seeded: Vec<SeededFault>,
    stop: CancellationToken,
    // The relays and the directory live as long as the demo.
    _lines: Lines,
    dir: TempDir,
}

impl Demo {
    /// Starts the city and waits until every agent is heard; the one that is to be off is switched off then.
    pub async fn start(options: &Options) -> anyhow::Result<Self> {
        let seeded = faults::seed(options.seed, &city::venue_ids()[1..]);
        let dir = tempfile::Builder::new().prefix("vcops-demo-").tempdir().context("making a directory")?;
        let stop = CancellationToken::new();
        let mut mcu = CityMcu::start(&options.janus, dir.path()).await?;
        let settings = read_controller("demo", &controller_text(&dir, mcu.as_ref()))
            .map_err(|problems| anyhow::anyhow!(crate::intake::lines(&problems, Lang::En)))?;
        let controller = Controller::start(&settings, stop.clone()).await?;
        let handle = controller.handle().clone();
        let hub = *handle.addresses().reflectors.first().context("the hub has no reflector")?;
        let lines = Lines::open(options.seed, hub, &seeded).context("opening the lines")?;
        let streams = start_streams(options, &seeded, &dir).await.context("starting the streams")?;
        if let Some(mcu) = &mut mcu {
            mcu.seat_all(&streams).await.context("seating the venues in the room")?;
        }
        submit(&handle, &lines, &streams, mcu.as_ref()).await?;
        let agents = Agents::start(&options.program, &dir, &lines, &handle).await?;
        let mut demo = Self { controller, handle, agents, streams, mcu, seeded, stop, _lines: lines, dir };
        demo.until_heard().await?;
        demo.switch_off().await?;
        Ok(demo)
    }

    /// The faults that were put in.
    pub fn seeded(&self) -> &[SeededFault] {
        &self.seeded
    }

    /// Where the controller listens.
    pub fn addresses(&self) -> &Addresses {
        self.handle.addresses()
    }

    /// The directory of the demo: journal, agents' logs.
    pub fn directory(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// The controller's local socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("vcops.sock")
    }

    /// The page's address with a one-time sign-in.
    pub async fn page(&self) -> anyhow::Result<String> {
        let user = UserId::parse("demo").expect("a valid word");
        let roles = [Role::Technician, Role::Operator, Role::Manager];
        let grants = roles.map(|role| Grant { role, region: None }).to_vec();
        let account =
            User { id: user.clone(), name: "演示".into(), grants, password: None, disabled: false };
        self.handle.app().add_account(&account).await?;
        let token = self.handle.app().one_time_link(user, LINK_LIFE).await;
        Ok(format!("http://{}/?login={}", self.addresses().web, token.reveal()))
    }

    /// Opens a round over all venues.
    pub async fn open_round(&self) -> anyhow::Result<RoundId> {
        let command = Command::OpenRound {
            meeting: city::meeting_id(),
            kind: RoundKind::WholeNetwork,
            venues: Vec::new(),
        };
        let outcome = self.handle.ask(Actor::Vcops, command).await;
        let Outcome::Round(round) = outcome else { anyhow::bail!("the round was not opened: {outcome:?}") };
        Ok(round)
    }

    /// The round as it stands.
    pub fn matrix(&self, round: RoundId, lang: Lang) -> Option<Matrix> {
        matrix(&self.handle.view().borrow(), round, lang, |_| true)
    }

    /// Waits until a round has ended.
    pub async fn rehearsed(&self, round: RoundId, lang: Lang) -> anyhow::Result<Matrix> {
        let ended = || self.matrix(round, lang).filter(|matrix| matrix.ended.is_some());
        wait("the rehearsal", REHEARSED_WITHIN, || ended().is_some()).await?;
        ended().context("an ended round is shown")
    }

    /// Lets the meeting begin: from now on faults of streams count.
    pub async fn begin_meeting(&self) -> anyhow::Result<()> {
        let now = Utc::from_timestamp(jiff::Timestamp::now());
        let mcu = self.mcu.as_ref().map(|_| mcu::id());
        put(&self.handle, vec![Item::Meeting(city::live_meeting(now, mcu))]).await
    }

    /// Waits until every stream whose watcher is on is received.
    pub async fn flowing(&self) -> anyhow::Result<()> {
        let view = self.handle.view();
        let flows = |stream: &StreamView| {
            let report = stream.report.as_ref().filter(|_| stream.fresh);
            let comes = |report: &StreamReport| report.video.is_some() || report.audio.is_some();
            report.is_some_and(|report| report.reception == Reception::Flowing && comes(report))
        };
        let all = || view.borrow().streams.values().all(flows);
        wait("all streams", FLOWING_WITHIN, all).await
    }

    /// Lets something go wrong with a stream and tells when it truly began.
    pub async fn spoil(&self, stream: &StreamId, fault: StreamFault) -> anyhow::Result<Onset> {
        self.streams.spoil(stream, fault).await
    }

    /// Puts a stream in order again.
    pub async fn mend(&self, stream: &StreamId) -> anyhow::Result<()> {
        self.streams.mend(stream).await
    }

    /// Whether the city has an MCU.
    pub fn has_mcu(&self) -> bool {
        self.mcu.is_some()
    }

    /// Waits until all venues are seen in the MCU's room with media that flow.
    pub async fn mcu_seen(&self) -> anyhow::Result<()> {
        let devices = self.handle.devices();
        let flows = |site: &SiteSeen| {
            let from = site.streams.iter().find(|stream| stream.way == Way::FromSite);
            !site.probe && from.is_some_and(|stream| stream.flow == Flow::Flowing)
        };
        let seen = || {
            let board = devices.borrow();
            let report = board.get(&Device::Mcu(mcu::id()));
            let sites =
                report.into_iter().flat_map(|report| &report.conferences).flat_map(|seen| &seen.present);
            sites.filter(|site| flows(site)).count() == city::VENUES.len()
        };
        wait("all venues in the MCU's room", SEATED_WITHIN, seen).await
    }

    /// Lets something go wrong with the MCU, and waits until the snapshot shows it: how long that took.
    pub async fn spoil_mcu(&mut self, fault: McuFault) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        self.mcu.as_mut().context(NO_MCU)?.spoil(fault).await?;
        let view = self.handle.view();
        let shown = || !of_mcu(&view.borrow(), fault).is_empty();
        wait("the MCU's fault to be shown", MCU_SHOWN_WITHIN, shown).await?;
        Ok(begun.elapsed())
    }

    /// Puts the MCU in order again, and waits until nothing is shown of it any more.
    pub async fn mend_mcu(&mut self) -> anyhow::Result<()> {
        self.mcu.as_mut().context(NO_MCU)?.mend(&self.streams).await?;
        let view = self.handle.view();
        let clear = || McuFault::ALL.iter().all(|fault| of_mcu(&view.borrow(), *fault).is_empty());
        wait("the MCU to be in order", MCU_CLEARED_WITHIN, clear).await
    }

    /// What is raised now about the MCU, about what it carries, and about anything of which it is the cause.
    pub fn findings_of_mcu(&self) -> Vec<Finding> {
        let cause = Resource::Mcu(mcu::id());
        let of_mcu = |finding: &&Finding| match &finding.key.subject {
            Subject::Device(Device::Mcu(_)) | Subject::Site(_) => true,
            Subject::Stream(stream) => *stream == mcu::mix_id() || finding.cause.as_ref() == Some(&cause),
            Subject::Agent(_) | Subject::Resource(_) | Subject::Reading(_) | Subject::Device(_) => {
                finding.cause.as_ref() == Some(&cause)
            }
        };
        self.handle.view().borrow().findings.iter().filter(of_mcu).cloned().collect()
    }

    /// Waits until the snapshot shows a stream's fault, and how long that took from its onset.
    pub async fn shown(
        &self,
        stream: &StreamId,
        fault: StreamFault,
        onset: Onset,
    ) -> anyhow::Result<Duration> {
        let mut view = self.handle.view();
        let seen = async {
            while !is_shown(&view.borrow_and_update(), stream, fault) {
                view.changed().await?;
            }
            anyhow::Ok(onset.at.elapsed())
        };
        tokio::time::timeout(SHOWN_WITHIN, seen).await.context("the fault was not shown")?
    }

    /// Waits until nothing is shown of a stream's fault any more.
    pub async fn cleared(&self, stream: &StreamId, fault: StreamFault) -> anyhow::Result<()> {
        let view = self.handle.view();
        wait("a fault to clear", CLEARED_WITHIN, || !is_shown(&view.borrow(), stream, fault)).await
    }

    /// The stream of the venue that has the floor, and one of a venue that listens and has no seeded fault.
    pub fn speaker_and_listener(&self) -> (StreamId, StreamId) {
        let venues = city::venue_ids();
        let sound = |venue: &&VenueId| !self.seeded.iter().any(|fault| fault.venue == **venue);
        let listener =
            venues[1..].iter().find(sound).expect("more venues listen than are seeded with faults");
        (streams::stream_of(&venues[0]), streams::stream_of(listener))
    }

    /// The streams by their ids.
    pub fn stream_ids(&self) -> Vec<StreamId> {
        self.handle.view().borrow().streams.keys().cloned().collect()
    }

    /// Ends everything in order and removes it.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.agents.stop().await;
        if let Some(mcu) = &mut self.mcu {
            mcu.stop().await;
        }
        self.stop.cancel();
        self.controller.run().await?;
        self.dir.close().context("removing the demo's directory")
    }

    async fn until_heard(&self) -> anyhow::Result<()> {
        let view = self.handle.view();
        let all = || view.borrow().agents.values().filter(|agent| agent.online).count() == city::VENUES.len();
        let heard = wait("all agents", HEARD_WITHIN, all).await;
        heard.with_context(|| self.agents.complaint())
    }

    async fn switch_off(&mut self) -> anyhow::Result<()> {
        let off = self.seeded.iter().find(|fault| fault.fault == SeededKind::AgentOff);
        let Some(venue) = off.map(|fault| fault.venue.clone()) else { return Ok(()) };
        self.agents.switch_off(&venue).await;
        let (view, agent) = (self.handle.view(), city::agent_of(&venue));
        let missed = || view.borrow().agents.get(&agent).is_some_and(|agent| !agent.online);
        wait("the switched-off agent to be missed", MISSED_WITHIN, missed).await
    }
}

async fn submit(
    handle: &Handle,
    lines: &Lines,
    streams: &Streams,
    mcu: Option<&CityMcu>,
) -> anyhow::Result<()> {
    let now = Utc::from_timestamp(jiff::Timestamp::now());
    let of_mcu = mcu.map(CityMcu::items).into_iter().flatten();
    let items = city::items(&lines.addresses(), now, mcu.map(|_| mcu::id()));
    put(handle, items.into_iter().chain(of_mcu).chain(streams.items()).collect()).await
}

async fn put(handle: &Handle, items: Vec<Item>) -> anyhow::Result<()> {
    let base = handle.view().borrow().inventory.version;
    let changes = items.into_iter().map(Change::Put).collect();
    let command = Command::SubmitInventory { base, changes, origin: "demo".into() };
    let outcome = handle.ask(Actor::Vcops, command).await;
    anyhow::ensure!(matches!(outcome, Outcome::Version(_)), "the city was not taken: {outcome:?}");
    Ok(())
}

/// Clips are kept from one demo to the next. One venue's own agent watches its stream, and it stays on.
async fn start_streams(options: &Options, seeded: &[SeededFault], dir: &TempDir) -> anyhow::Result<Streams> {
    let off = |venue: &&VenueId| {
        seeded.iter().any(|fault| fault.venue == **venue && fault.fault == SeededKind::AgentOff)
    };
    let venues = city::venue_ids();
    let by_agent = venues.iter().rev().find(|venue| !off(venue)).expect("one venue alone is switched off");
    let clips = options.clips.clone().unwrap_or_else(|| dir.path().join("clips"));
    Streams::start(options.program.clone(), clips, by_agent).await
}

async fn wait(what: &str, within: Duration, done: impl Fn() -> bool) -> anyhow::Result<()> {
    let looked = async {
        while !done() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let late = || format!("waited {} s in vain for {what}", within.as_secs());
    tokio::time::timeout(within, looked).await.with_context(late)
}

/// The findings that show a fault of the MCU.
fn of_mcu(snapshot: &Snapshot, fault: McuFault) -> Vec<&Finding> {
    let rule = match fault {
        McuFault::Kill => RuleCode::McuDown,
        McuFault::Hang => RuleCode::McuBlind,
    };
    let own = |finding: &&Finding| {
        let of_mcu = matches!(&finding.key.subject, Subject::Device(Device::Mcu(id)) if *id == mcu::id());
        // One that hangs is blind at first, and under suspicion when its media are missed.
        let other = fault == McuFault::Hang && finding.key.rule == RuleCode::McuSuspected;
        of_mcu && (finding.key.rule == rule || other)
    };
    snapshot.findings.iter().filter(own).collect()
}

fn is_shown(snapshot: &Snapshot, stream: &StreamId, fault: StreamFault) -> bool {
    let findings = snapshot.streams.get(stream).map(|stream| stream.findings.as_slice()).unwrap_or_default();
    findings.iter().any(|finding| fault.rules().contains(&finding.rule))
}

fn controller_text(dir: &TempDir, mcu: Option<&CityMcu>) -> String {
    let (data, socket) = (dir.path().join("controller"), dir.path().join("vcops.sock"));
    format!(
        "data_dir = {data:?}\n\
         [web]\nlisten = \"127.0.0.1:0\"\n\
         [socket]\npath = {socket:?}\n\
         [broker.embedded]\nlisten = \"127.0.0.1:0\"\n\
         [accounts]\nproof_minutes = 0\n[enrolment]\nlisten = \"127.0.0.1:0\"\n\
         [streams]\nsources = [\"127.0.0.0/8\"]\n\
         [prober]\nhub_reflector = [\"{}:0\"]\nallow = [\"127.0.0.0/8\"]\n\
         {}",
        lines::HUB,
        CityMcu::settings_text(mcu)
    )
}

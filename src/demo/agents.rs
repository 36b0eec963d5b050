//! Thirteen agent processes: invited, enrolled and run like any other.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::process::{Child, Command as Process};
use tokio::task::JoinSet;

use super::city::agent_of;
use super::lines::{Lines, VenueLines};
use crate::controller::Handle;
use crate::domain::actor::Actor;
use crate::domain::id::VenueId;
use crate::domain::time::{Span, Utc};
use crate::engine::effect::Outcome;
use crate::engine::input::Command;

/// How long an agent may take to enrol, and to end when told.
const PATIENCE: Duration = Duration::from_secs(40);
const FAREWELL: Duration = Duration::from_secs(6);

/// The agents' processes.
#[derive(Debug)]
pub(super) struct Agents {
    running: BTreeMap<VenueId, Child>,
    dir: PathBuf,
}

impl Agents {
    /// Invites, enrols and starts all of them at once.
    pub(super) async fn start(
        program: &Path,
        dir: &TempDir,
        lines: &Lines,
        handle: &Handle,
    ) -> anyhow::Result<Self> {
        let mut starting = JoinSet::new();
        for line in lines.venues() {
            let home = dir.path().join(line.venue.as_str());
            prepare(&home, line, handle).await?;
            let (program, venue) = (program.to_owned(), line.venue.clone());
            starting.spawn(async move { enrol_and_run(&program, &home).await.map(|child| (venue, child)) });
        }
        let mut running = BTreeMap::new();
        while let Some(started) = starting.join_next().await {
            let (venue, child) = started.context("starting an agent")??;
            running.insert(venue, child);
        }
        Ok(Self { running, dir: dir.path().to_owned() })
    }

    /// Ends one agent.
    pub(super) async fn switch_off(&mut self, venue: &VenueId) {
        if let Some(child) = self.running.remove(venue) {
            end(child).await;
        }
    }

    /// Ends all of them.
    pub(super) async fn stop(&mut self) {
        let mut ending: JoinSet<()> = std::mem::take(&mut self.running).into_values().map(end).collect();
        while ending.join_next().await.is_some() {}
    }

    /// The last words of the agents' logs, for a failed start.
    pub(super) fn complaint(&self) -> String {
        let last = |venue: &VenueId| {
            let log = fs::read_to_string(self.dir.join(venue.as_str()).join("log")).unwrap_or_default();
            format!("{venue}: {}", log.lines().last().unwrap_or("no log"))
        };
        self.running.keys().map(last).collect::<Vec<_>>().join("\n")
    }
}

async fn prepare(home: &Path, line: &VenueLines, handle: &Handle) -> anyhow::Result<()> {
    fs::create_dir_all(home).with_context(|| home.display().to_string())?;
    let agent = agent_of(&line.venue);
    let invitation = handle.invite(&agent);
    let expires = Utc::from_timestamp(jiff::Timestamp::now()) + Span::minutes(10);
    let command = Command::InviteAgent { agent, secret_hash: invitation.secret_hash, expires };
    let outcome = handle.ask(Actor::Vcops, command).await;
    anyhow::ensure!(outcome == Outcome::Done, "{} was not invited: {outcome:?}", line.venue);
    fs::write(home.join("token"), invitation.token)?;
    fs::write(home.join("agent.toml"), settings(home, line, handle))?;
    Ok(())
}

fn settings(home: &Path, line: &VenueLines, handle: &Handle) -> String {
    let [primary, backup] = line.reflectors;
    format!(
        "state_dir = {:?}\n\
         [controller]\nenrol = \"{}\"\n\
         [reflector]\nlisten = [\"{primary}\", \"{backup}\"]\nallow = [\"127.0.0.0/8\"]\n\
         [tests]\ntargets = [\"127.0.0.0/8\"]\n",
        home.join("state"),
        handle.addresses().enrolment,
    )
}

async fn enrol_and_run(program: &Path, home: &Path) -> anyhow::Result<Child> {
    let enrol = process(program, home)?.arg("enrol").arg("--token-file").arg(home.join("token")).status();
    let status = tokio::time::timeout(PATIENCE, enrol).await.context("enrolment took too long")??;
    let log = || fs::read_to_string(home.join("log")).unwrap_or_default();
    anyhow::ensure!(status.success(), "{} did not enrol: {}", home.display(), log());
    process(program, home)?.arg("run").spawn().context("starting an agent")
}

/// The agent's program with its settings; what it says goes to its log. It dies with the demo.
fn process(program: &Path, home: &Path) -> anyhow::Result<Process> {
    let log = fs::OpenOptions::new().create(true).append(true).open(home.join("log"))?;
    let mut process = Process::new(program);
    process.arg("agent").arg("--config").arg(home.join("agent.toml"));
    process.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
    Ok(process)
}

/// Asks a process to end, and makes it after a while.
async fn end(mut child: Child) {
    if let Some(pid) = child.id() {
        // The shell's own `kill`: a minimal system has no program of that name.
        let asked = Process::new("sh").args(["-c", "kill -TERM \"$0\"", &pid.to_string()]).status().await;
        if asked.is_ok_and(|status| status.success())
            && tokio::time::timeout(FAREWELL, child.wait()).await.is_ok()
        {
            return;
        }
    }
    let _ = child.kill().await;
}

//! Processes of the bench: started with a task, asked line by line, and what the system says they cost.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// In what Linux counts processor time for its users, on every architecture.
const TICKS_PER_S: f64 = 100.0;

/// A copy of this bench in another role.
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// What a process and everything it started has used, at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    at: Instant,
    cpu_s: f64,
    own_cpu_s: f64,
    pub(crate) rss_mib: f64,
    pub(crate) threads: u64,
}

/// The difference of two costs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    /// Cores, the process and its children.
    pub(crate) cores: f64,
    /// Cores, the process alone.
    pub(crate) own_cores: f64,
}

impl Process {
    /// Starts this program in a role, with its task as JSON.
    pub(crate) fn start(role: &str, task: &impl Serialize) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([role, &serde_json::to_string(task)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("no standard output")?);
        Ok(Self { child, input, output })
    }

    /// The next line that it tells.
    pub(crate) fn hear<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        serde_json::from_str(&line).with_context(|| format!("a process of the bench said {line:?}"))
    }

    /// Asks for its counts.
    pub(crate) fn ask<T: DeserializeOwned>(&mut self) -> Result<T> {
        let input = self.input.as_mut().context("already told to end")?;
        input.write_all(b"\n")?;
        input.flush()?;
        self.hear()
    }

    /// What it has cost so far.
    pub(crate) fn cost(&self) -> Cost {
        cost(self.child.id())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Its input ends, and so does it.
        self.input = None;
        let _ = self.child.wait();
    }
}

impl Cost {
    pub(crate) fn since(self, earlier: Self) -> Spent {
        let seconds = (self.at - earlier.at).as_secs_f64();
        Spent {
            cores: (self.cpu_s - earlier.cpu_s) / seconds,
            own_cores: (self.own_cpu_s - earlier.own_cpu_s) / seconds,
        }
    }
}

/// Tells one line of JSON.
pub(crate) fn tell(value: &impl Serialize) {
    let mut out = std::io::stdout().lock();
    // Whoever started this process has ended when nobody reads.
    let _ = serde_json::to_writer(&mut out, value);
    let _ = out.write_all(b"\n").and_then(|()| out.flush());
}

/// What a process and all its descendants have cost.
pub(crate) fn cost(pid: u32) -> Cost {
    let all = descendants(pid);
    let cpu = |pid: &u32| cpu_s(*pid);
    let status = |field: &str| all.iter().filter_map(|pid| status(*pid, field)).sum::<u64>();
    Cost {
        at: Instant::now(),
        cpu_s: all.iter().map(cpu).sum(),
        own_cpu_s: cpu_s(pid),
        rss_mib: status("VmRSS:") as f64 / 1024.0,
        threads: status("Threads:"),
    }
}

fn descendants(pid: u32) -> BTreeSet<u32> {
    let mut all = BTreeSet::from([pid]);
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, fields(pid)?.get(1)?.parse().ok()?)))
        .collect();
    loop {
        let more = parents.iter().filter(|(_, parent)| all.contains(parent)).map(|(pid, _)| *pid);
        let more: Vec<u32> = more.filter(|pid| !all.contains(pid)).collect();
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

/// User and system time of a process and of its children that have ended.
fn cpu_s(pid: u32) -> f64 {
    let ticks = fields(pid).map_or(0, |fields| {
        fields.iter().skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum()
    });
    ticks as f64 / TICKS_PER_S
}

/// The fields of `stat` behind the name, which may hold anything: state, parent, …
fn fields(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn status(pid: u32, field: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

//! Other tools in the same run: irtt through relays with the same impairments and seeds, ping and fping on the bare
//! loopback, where the truth is zero.
//!
//! ping and fping send ICMP, which the UDP relay does not carry: their rows show only what they add themselves.

use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use vcops::relay::truth::{Fate, Truth};
use vcops::relay::{RelayHost, RelaySpec};

use super::ours::{PathError, Through, loopback, mean, p99, relative, worse};
use super::{Extent, impairments};

/// UDP payload of irtt's test packets, bytes; ours are as long.
const IRTT_BYTES: u16 = 172;

/// Tools under way.
pub(crate) struct Peers {
    irtt_server: Option<Child>,
    irtt: Vec<(Through, Child)>,
    ping: Option<Child>,
    fping: Option<Child>,
    _host: RelayHost,
}

type Row = (&'static str, &'static str, PathError);

impl Peers {
    /// Starts every tool that is installed.
    pub(crate) fn start(extent: Extent, run: u64) -> Result<Self> {
        let host = RelayHost::start(60)?;
        let server = free_port()?;
        let irtt_server = tool("irtt", &["server", "-b", &server.to_string()]);
        let mut irtt = Vec::new();
        if irtt_server.is_some() {
            std::thread::sleep(Duration::from_millis(500));
            for (at, (name, impairment)) in impairments().into_iter().enumerate() {
                let seed = run * 100 + at as u64 + 1;
                let spec = RelaySpec {
                    to_target: impairment,
                    to_client: impairment,
                    seed,
                    ..RelaySpec::new(loopback(), server)
                };
                let relay = host.add(spec)?;
                let client = irtt_client(relay.local_addr(), extent)?;
                irtt.push((Through { name, relay }, client));
            }
        }
        let count = extent.packets.to_string();
        let ping = tool("ping", &["-q", "-n", "-i", "0.02", "-c", &count, "127.0.0.1"]);
        let fping = tool("fping", &["-q", "-p", "20", "-c", &count, "127.0.0.1"]);
        Ok(Self { irtt_server, irtt, ping, fping, _host: host })
    }

    /// Waits for all and reads what they found.
    pub(crate) fn finish(mut self, floor_ms: f64) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for (through, client) in std::mem::take(&mut self.irtt) {
            let output = client.wait_with_output()?;
            // A peer that fails on a busy machine loses its row of this run, and the run goes on.
            match serde_json::from_slice::<Value>(&output.stdout) {
                Ok(report) => {
                    let error = irtt_error(&report, &through.relay.truth()?, floor_ms);
                    rows.push(("irtt", through.name, error));
                }
                Err(_) => println!("irtt gave no report for {}: {}", through.name, last_line(&output.stderr)),
            }
        }
        for (name, child) in [("ping", self.ping.take()), ("fping", self.fping.take())] {
            let Some(child) = child else {
                continue;
            };
            let output = child.wait_with_output()?;
            let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            if let Some(average) = average_ms(&text) {
                let unknown = f64::NAN;
                let error = PathError {
                    rtt_bias_ms: average,
                    rtt_p99_err_ms: unknown,
                    ipdv_err_pct: unknown,
                    ..Default::default()
                };
                rows.push((name, "loopback", error));
            }
        }
        Ok(rows)
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        let clients = self.irtt.iter_mut().map(|(_, child)| child);
        for child in clients.chain(&mut self.irtt_server).chain(&mut self.ping).chain(&mut self.fping) {
            // One that has ended by itself is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn irtt_client(relay: SocketAddr, extent: Extent) -> Result<Child> {
    let duration = format!("{}ms", extent.packets * 20);
    let length = IRTT_BYTES.to_string();
    let target = relay.to_string();
    let args = ["client", "-i", "20ms", "-d", &duration, "-l", &length, "-o", "-", "-Q", &target];
    tool("irtt", &args).context("irtt's client does not start")
}

fn tool(name: &str, args: &[&str]) -> Option<Child> {
    let mut command = Command::new(name);
    let started =
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    if started.is_err() {
        println!("{name} is not installed: its rows are missing");
    }
    started.ok()
}

fn free_port() -> Result<SocketAddr> {
    Ok(UdpSocket::bind(loopback())?.local_addr()?)
}

/// irtt's own floor is part of its error; what the loopback and the relay's sockets take is not.
fn irtt_error(report: &Value, truth: &Truth, floor_ms: f64) -> PathError {
    let held = held_by_number(truth);
    let trips = report["round_trips"].as_array().map(Vec::as_slice).unwrap_or_default();
    let error = |trip: &Value| {
        let number = trip["seqno"].as_u64()? as usize;
        let rtt_ms = trip["delay"]["rtt"].as_f64()? / 1e6;
        Some(rtt_ms - (*held.get(number)?)? - floor_ms)
    };
    let errors: Vec<f64> = trips.iter().filter_map(error).collect();
    let stats = &report["stats"];
    let ipdv = |key: &str| stats[key]["mean"].as_f64().unwrap_or(0.0) / 1e6;
    let (to_target, to_client) = (data_only(truth, true), data_only(truth, false));
    let there = relative(ipdv("ipdv_send"), to_target.ipdv_mean_ms().unwrap_or(0.0));
    let back = relative(ipdv("ipdv_receive"), to_client.ipdv_mean_ms().unwrap_or(0.0));
    let (ipdv_err_pct, ipdv_true_ms) = worse(there, back);
    let share = |key: &str| stats[key].as_f64().unwrap_or(f64::NAN);
    let sent = to_target.packets.len() as f64;
    let right = |found_pct: f64, lost: u64, of: f64| (found_pct - 100.0 * lost as f64 / of).abs() < 0.01;
    let split = right(share("upstream_loss_percent"), to_target.lost(), sent)
        && right(share("downstream_loss_percent"), to_client.lost(), to_client.packets.len() as f64);
    PathError {
        rtt_bias_ms: mean(&errors),
        rtt_p99_err_ms: p99(errors.iter().map(|error| error.abs()).collect()),
        ipdv_err_pct,
        ipdv_true_ms,
        lost: (to_target.lost() + to_client.lost()) as f64,
        loss_exact: Some(f64::from(u8::from(split))),
        ..PathError::default()
    }
}

/// The direction without irtt's greeting and farewell, which are shorter.
fn data_only(truth: &Truth, to_target: bool) -> vcops::relay::truth::DirectionTruth {
    let direction = if to_target { &truth.to_target } else { &truth.to_client };
    let packets = direction.packets.iter().filter(|packet| packet.bytes == IRTT_BYTES).copied().collect();
    vcops::relay::truth::DirectionTruth { packets, left: Vec::new(), beyond: 0 }
}

/// How long the relay held probe and reply together, by irtt's number, milliseconds. The server answers in the order in
/// which packets left the relay, copies included, so the n-th answer belongs to the n-th that left.
fn held_by_number(truth: &Truth) -> Vec<Option<f64>> {
    let is_data =
        |index: &u32| truth.to_target.packets.get(*index as usize).is_some_and(|p| p.bytes == IRTT_BYTES);
    let numbers: Vec<u32> = (0..truth.to_target.packets.len() as u32).filter(is_data).collect();
    let answers = truth.to_client.packets.iter().filter(|packet| packet.bytes == IRTT_BYTES);
    let mut held = vec![None; numbers.len()];
    for (index, answer) in truth.to_target.left.iter().filter(|index| is_data(index)).zip(answers) {
        let Ok(number) = numbers.binary_search(index) else {
            continue;
        };
        let there = truth.to_target.packets[*index as usize].held_ns();
        if held[number].is_none() && answer.fate == Fate::Delivered {
            held[number] = there.zip(answer.held_ns()).map(|(there, back)| (there + back) as f64 / 1e6);
        }
    }
    held
}

fn last_line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).lines().next_back().unwrap_or("nothing on its error output").to_owned()
}

/// The second of "min/avg/max", as ping and fping both print it, milliseconds.
fn average_ms(text: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.contains("min/avg/max"))?;
    line.rsplit_once(" = ")?.1.split('/').nth(1)?.trim().parse().ok()
}

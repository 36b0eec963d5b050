//! How far path tests are from the truth: round trips, delay variation, loss, bursts, reordering and duplicates through
//! five impairments, on a quiet machine and with both cores and the runtime saturated; irtt through the same
//! impairments, ping and fping on the bare loopback, in the same run.
//!
//! Truth is the relay's own: kernel stamps at its sockets. What the loopback itself takes (the delay-0 floor: median of a
//! pass through a relay that does nothing, in the same run) is subtracted from every sample, the peers' too.
//! `--quick` runs a slice. Prints a table; the last line is one JSON object. A missed bar does not fail the run.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod load;
mod ours;
mod peers;
mod figures;

use std::collections::BTreeMap;

use anyhow::Result;
use vcops::relay::impairment::{Impairment, Jitter, Loss};

use figures::{Figures, median};
use load::{Load, Spinners};
use ours::PathError;
use peers::Peers;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// Packets per path and run, at 50 per second.
    pub(crate) packets: u32,
    /// Runs per load; figures are medians over them.
    pub(crate) runs: u64,
}

fn main() -> Result<()> {
    if load::is_busy_child() {
        load::spin_for_ever();
    }
    let quick = std::env::args().any(|arg| arg == "--quick");
    let extent = if quick { Extent { packets: 250, runs: 1 } } else { Extent { packets: 1000, runs: 5 } };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut figures = Figures::default();
    for load in [Load::Quiet, Load::Saturated] {
        let _spinners = Spinners::start(&runtime, load)?;
        measure(&runtime, extent, load, &mut figures)?;
    }
    figures.print();
    Ok(())
}

/// The five impairments by name. Both directions of a relay are impaired alike, by different chance.
pub(crate) fn impairments() -> [(&'static str, Impairment); 5] {
    let plain = Impairment::default();
    let delayed = Impairment { delay_ms: 20.0, ..plain };
    [
        ("clean", plain),
        ("40±5 ms", Impairment { delay_ms: 40.0, jitter: Jitter::Uniform { ms: 5.0 }, ..plain }),
        ("2 % random", Impairment { loss: Loss::Random { pct: 2.0 }, ..delayed }),
        ("bursty", Impairment { loss: Loss::Gilbert { enter_pct: 1.0, leave_pct: 25.0 }, ..delayed }),
        ("dup+reorder", Impairment { duplicate_pct: 2.0, reorder_pct: 2.0, keep_order: false, ..delayed }),
    ]
}

fn measure(
    runtime: &tokio::runtime::Runtime,
    extent: Extent,
    load: Load,
    figures: &mut Figures,
) -> Result<()> {
    let mut ours: BTreeMap<&str, Vec<PathError>> = BTreeMap::new();
    let mut theirs: BTreeMap<(&str, &str), Vec<PathError>> = BTreeMap::new();
    for run in 0..extent.runs {
        let peers = Peers::start(extent, run)?;
        let paths = runtime.block_on(ours::run(extent, run))?;
        for (name, error) in paths.errors {
            ours.entry(name).or_default().push(error);
        }
        for (peer, name, error) in peers.finish(paths.floor_ms)? {
            theirs.entry((peer, name)).or_default().push(error);
        }
    }
    println!("\n{} ({} × {} packets at 50/s per row, medians)", load.name(), extent.runs, extent.packets);
    println!("{}", PathError::HEADER);
    for (name, _) in impairments() {
        let all = &ours[name];
        println!("{}", PathError::median(all).row("vcops", name));
        figures.add_ours(load, all);
    }
    for ((peer, name), all) in &theirs {
        let middle = PathError::median(all);
        println!("{}", middle.row(peer, name));
        figures.add_peer(load, peer, &middle);
    }
    println!("real-time priority: {}", if load::realtime_granted() { "granted" } else { "not granted" });
    let lateness: Vec<f64> = ours.values().flatten().map(|error| error.late_p99_ms).collect();
    println!("send lateness p99, median over paths and runs: {:.3} ms", median(&lateness));
    Ok(())
}

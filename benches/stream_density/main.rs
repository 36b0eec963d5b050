//! How many streams a machine watches: 1080p25 with a thumbnail each two seconds and Opus or AAC meters ten times a
//! second, half by RTSP over TCP, half by RTP over UDP; ffmpeg's detectors on the same streams in the same run.
//!
//! Three processes: this one, one that sends, one that watches as a daemon does, with its workers. What the watching
//! process and its workers cost is read from `/proc`; the sending process is left out, though it runs on the same
//! machine: its streams are cut into packets beforehand, each has a phase of its own, and a unit that leaves more than
//! 20 ms late voids the run, as does a stream that is not received whole. `--quick` runs a slice. Prints a table; the
//! last line is one JSON object. A missed bar does not fail the run; a void one does.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod field;
mod sending;
mod watching;
mod processes;
mod peers;
mod figures;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use vcops::media::clip::studio::Studio;

use field::{CLIPS, Place, Rate, field, recipe};
use figures::{Bar, Figures};
use processes::{Cost, Process, Spent};
use sending::Sent;
use watching::Book;

/// This program as the sending process.
const SEND: &str = "--send";
/// This program as the watching process.
const WATCH: &str = "--watch";
/// Connections are made, clips have repeated, decoders have their memory.
const WARM_UP: Duration = Duration::from_secs(12);
/// Streams of the comparison with ffmpeg.
const PEER_STREAMS: u16 = 8;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Extent {
    conference: u16,
    recorder: u16,
    window: Duration,
}

/// What one field cost.
struct Outcome {
    spent: Spent,
    cost: Cost,
    sent: Sent,
    book: Book,
    /// Cores of ffmpeg on the same streams, where it was asked.
    ffmpeg_cores: Option<f64>,
}

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().collect();
    let task = |role: &str| arguments.iter().skip_while(|argument| *argument != role).nth(1);
    if let Some(task) = task(SEND) {
        return sending::run(serde_json::from_str(task)?).map(|()| ExitCode::SUCCESS);
    }
    if let Some(task) = task(WATCH) {
        return watching::run(serde_json::from_str(task)?).map(|()| ExitCode::SUCCESS);
    }
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let extent = if quick {
        Extent { conference: 20, recorder: 10, window: Duration::from_secs(15) }
    } else {
        Extent { conference: 100, recorder: 50, window: Duration::from_secs(60) }
    };
    let void = measure(extent)?;
    Ok(if void.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Everything; gives what voids the run.
fn measure(extent: Extent) -> Result<Vec<String>> {
    let clips = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stream_density");
    make_clips(&clips)?;
    let (mut figures, mut void) = (Figures::default(), Vec::new());
    println!(
        "{:<22} {:>3} {:>7} {:>8} {:>8} {:>8} {:>4} {:>8}",
        "", "n", "cores", "%/stream", "daemon %", "RSS MiB", "thr", "late µs"
    );
    let runs = [
        ("1.8 Mbit/s", Rate::Conference, extent.conference, false),
        ("4 Mbit/s, B pictures", Rate::Recorder, extent.recorder, false),
        ("1.8 Mbit/s and ffmpeg", Rate::Conference, PEER_STREAMS, true),
    ];
    for (name, rate, streams, peers) in runs {
        let outcome = run(&clips, field(streams, rate, &free_ports(streams)?), extent.window, peers)?;
        row(name, streams, &outcome);
        void.extend(faults(name, streams, &outcome, extent.window));
        add(&mut figures, (rate, streams), &outcome);
    }
    println!("senders in a process of their own, on the same machine, not counted");
    figures.print(&void);
    Ok(void)
}

fn make_clips(folder: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let pool = sending::pool();
        let studio = Studio::new(pool.clone(), Some(folder.to_owned()));
        for rate in [Rate::Conference, Rate::Recorder] {
            let mut kbps = Vec::new();
            for seed in 0..CLIPS {
                kbps.push(studio.video(&recipe(rate, seed)).await?.kbps().round());
            }
            println!("{rate:?} clips: {kbps:?} kbit/s");
        }
        pool.stop().await;
        Ok(())
    })
}

/// Sends and watches one field.
fn run(clips: &Path, places: Vec<Place>, window: Duration, peers: bool) -> Result<Outcome> {
    let clips = PathBuf::from(clips);
    let mut sending = Process::start(SEND, &sending::Task { places: places.clone(), clips })?;
    let server: SocketAddr = sending.hear()?;
    let mut watching = Process::start(WATCH, &watching::Task { places: places.clone(), server })?;
    std::thread::sleep(WARM_UP);
    let _: Book = watching.ask()?;
    let (before, sent_before): (Cost, Sent) = (watching.cost(), sending.ask()?);
    std::thread::sleep(window);
    let (cost, sent_after): (Cost, Sent) = (watching.cost(), sending.ask()?);
    let book = watching.ask()?;
    drop(watching);
    let ffmpeg_cores = if peers { Some(peers::cores(&places, server, window)?) } else { None };
    let sent = Sent {
        units: sent_after.units - sent_before.units,
        packets: sent_after.packets - sent_before.packets,
        refused: sent_after.refused - sent_before.refused,
        late: sent_after.late - sent_before.late,
        late_max_us: sent_after.late_max_us,
    };
    Ok(Outcome { spent: cost.since(before), cost, sent, book, ffmpeg_cores })
}

fn row(name: &str, streams: u16, outcome: &Outcome) {
    let Outcome { spent, cost, sent, .. } = outcome;
    let share = spent.cores * 100.0 / f64::from(streams);
    let own = spent.own_cores * 100.0 / f64::from(streams);
    println!(
        "{name:<22} {streams:>3} {:>7.3} {share:>8.3} {own:>8.3} {:>8.0} {:>4} {:>8}",
        spent.cores, cost.rss_mib, cost.threads, sent.late_max_us
    );
    let seen: Vec<_> = outcome.book.iter().filter(|(_, given)| !given.seen.is_empty()).collect();
    if !seen.is_empty() {
        println!(
            "  seen in good streams: {:?}",
            seen.iter().map(|(name, given)| (name, &given.seen)).collect::<Vec<_>>()
        );
    }
}

/// What makes a field's figures worthless.
fn faults(name: &str, streams: u16, outcome: &Outcome, window: Duration) -> Vec<String> {
    let mut faults = Vec::new();
    if outcome.sent.late > 0 {
        let late = outcome.sent.late;
        faults.push(format!("{name}: {late} units left more than {:?} late", sending::TOLERANCE));
    }
    let seconds = window.as_secs();
    let whole = outcome.book.values().filter(|given| {
        let shown = given.thumbnails + 2 >= seconds / 2 && given.meters >= seconds * 8;
        shown && given.flowing == given.reports && given.reports >= seconds / 2 && given.lost == 0
    });
    let whole = whole.count();
    if whole < usize::from(streams) {
        let example = outcome.book.iter().min_by_key(|(_, given)| (given.thumbnails, given.meters));
        faults.push(format!(
            "{name}: {whole} of {streams} streams were received whole; the worst: {example:?}"
        ));
    }
    faults
}

fn add(figures: &mut Figures, (rate, streams): (Rate, u16), outcome: &Outcome) {
    let (cores, each) = (outcome.spent.cores, outcome.spent.cores * 100.0 / f64::from(streams));
    if let Some(ffmpeg) = outcome.ffmpeg_cores {
        figures.add("ratio_vs_ffmpeg", ffmpeg / cores, "1", Bar::AtLeast(6.0));
        figures.add("core_pct_1m8_n8", each, "%", Bar::None);
        figures.add("peer_ffmpeg_core_pct_n8", ffmpeg * 100.0 / f64::from(streams), "%", Bar::None);
        return;
    }
    let (tag, rss, threads) = match rate {
        Rate::Conference => {
            // A slice is scaled up to a hundred streams; the full run is as it is.
            figures.add("cores_100_1m8", cores * 100.0 / f64::from(streams), "core", Bar::AtMost(1.2));
            ("1m8", outcome.cost.rss_mib, outcome.cost.threads)
        }
        Rate::Recorder => {
            figures.add("core_pct_4m", each, "%", Bar::AtMost(2.0));
            ("4m", outcome.cost.rss_mib, outcome.cost.threads)
        }
    };
    figures.add(
        format!("daemon_core_pct_{tag}"),
        outcome.spent.own_cores * 100.0 / f64::from(streams),
        "%",
        Bar::None,
    );
    figures.add(format!("rss_mib_{tag}"), rss, "MiB", Bar::None);
    figures.add(format!("threads_{tag}"), threads as f64, "1", Bar::None);
}

/// Even ports that nobody uses now, each with its neighbour, one for every other stream.
fn free_ports(streams: u16) -> Result<Vec<u16>> {
    let free = |port: u16| UdpSocket::bind((Ipv4Addr::LOCALHOST, port));
    let pair = |port: &u16| free(*port).and_then(|_| free(port + 1)).is_ok();
    let ports: Vec<u16> =
        (20_000..30_000).step_by(2).filter(pair).take(usize::from(streams.div_ceil(2))).collect();
    (ports.len() == usize::from(streams.div_ceil(2))).then_some(ports).context("not enough free ports")
}

//! ffmpeg's detectors over the same clips, offline: when would they have said it, and what would they have said too
//! much. Their delay is the duration that they wait for; decoding costs them nothing here.

use std::path::Path;
use std::process::Command;

use vcops::domain::stream::VideoCodec;

use super::story::{FPS, Fault, Kind, Story};

/// What ffmpeg is asked for: its own defaults, and the shortest durations in common use.
pub(crate) const TUNINGS: [Tuning; 2] = [
    Tuning { name: "ffmpeg_default", noise_db: -60, freeze_s: 2.0, black_s: 2.0 },
    Tuning { name: "ffmpeg_short", noise_db: -50, freeze_s: 0.5, black_s: 0.1 },
];

/// Settings of freezedetect and blackdetect.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tuning {
    pub(crate) name: &'static str,
    noise_db: i32,
    freeze_s: f64,
    black_s: f64,
}

/// What one tuning made of one clip.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// Latency of each freeze and black, seconds; `None` for a miss.
    pub(crate) found: Vec<(Kind, Option<f64>)>,
    /// Freezes and blacks that were not there.
    pub(crate) false_alarms: usize,
}

/// Runs a tuning; `None` where ffmpeg is not installed or fails.
pub(crate) fn judge(tuning: Tuning, clip: &Path, codec: VideoCodec, story: &Story) -> Option<Said> {
    let Tuning { noise_db, freeze_s, black_s, .. } = tuning;
    let format = match codec {
        VideoCodec::H264 => "h264",
        VideoCodec::H265 => "hevc",
    };
    let filter = format!("freezedetect=n={noise_db}dB:d={freeze_s},blackdetect=d={black_s}:pix_th=0.10");
    let fps = FPS.to_string();
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-threads", "1", "-r", &fps, "-f", format, "-i"])
        .arg(clip)
        .args(["-vf", &filter, "-f", "null", "-"])
        .output()
        .ok()?;
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    output.status.success().then(|| compare(tuning, &log, story))
}

fn compare(tuning: Tuning, log: &str, story: &Story) -> Said {
    let freezes = numbers(log, "freeze_start: ");
    let blacks = numbers(log, "black_start:");
    let mut said = Said::default();
    for fault in &story.faults {
        let (starts, wait_s) = match fault.kind {
            Kind::Freeze => (&freezes, tuning.freeze_s),
            Kind::Black => (&blacks, tuning.black_s),
            Kind::Flat => continue,
        };
        let start = starts.iter().find(|&&start| inside(fault, start)).copied();
        let latency = start.map(|start| (start - second(fault.from)).max(0.0) + wait_s);
        said.found.push((fault.kind, latency));
    }
    // A picture that stands black or flat stands still.
    let known = |start: &&f64| story.faults.iter().any(|fault| inside(fault, **start));
    said.false_alarms = freezes.iter().chain(&blacks).filter(|start| !known(start)).count();
    said
}

fn inside(fault: &Fault, start: f64) -> bool {
    (second(fault.from) - 0.3..=second(fault.until)).contains(&start)
}

fn second(picture: u32) -> f64 {
    f64::from(picture) / f64::from(FPS)
}

/// Numbers that stand after a word.
fn numbers(log: &str, word: &str) -> Vec<f64> {
    let number =
        |text: &str| text.split(|c: char| c.is_whitespace()).next().and_then(|text| text.parse().ok());
    log.split(word).skip(1).filter_map(number).collect()
}

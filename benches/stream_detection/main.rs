//! How surely and how soon monitors say that a picture is frozen, black or of one colour, that sound is silent, that
//! packets are lost, that nothing comes; and how often they say so without cause. ffmpeg's detectors beside them.
//!
//! Generated faults through 15 encoder configurations, real footage from packages (fetched once, kept in the build's
//! folder, left out where there is none). Clips are made beforehand and kept. Then everything runs in real time: clips
//! are sent as RTP on the loopback, received by the daemon's own monitors, decoded by its own workers, several streams
//! at once. A latency begins when the first bad unit is due to leave and ends when the report arrives, so it holds the
//! network, headers, budget, decoding and judging of a machine that also sends.
//!
//! Thresholds were chosen on the clips of `--tune`; without it the other half is reported: other seeds, other moments
//! within the group, other footage. `--quick` runs a slice. Prints tables; the last line is one JSON object. A missed
//! bar does not fail the run.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod story;
mod footage;
mod clips;
mod field;
mod score;
mod peers;
mod figures;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use vcops::domain::inventory::PictureKind;
use vcops::domain::stream::AudioCodec;
use vcops::media::clip::recipe::AudioRecipe;
use vcops::media::clip::studio::Studio;
use vcops::media::clip::{AudioClip, VideoClip};
use vcops::media::scene::Look;
use vcops::media::sound::Voice;
use vcops::metrics::Counters;
use vcops::worker::pool::{Pool, PoolSettings};

use clips::{CONFIGS, Config, Shelf};
use field::{Play, Seen};
use figures::{Bar, Figures, percentile};
use score::{Score, seconds};
use story::{FPS, Fault, Kind, Story, Subject};

/// Streams that are sent and watched at once.
const AT_ONCE: usize = 6;
/// Sound of the streams that have any: speech, then silence, then speech.
const SPEECH_MS: u32 = 12_000;
const SILENCE_MS: u32 = 6_000;

/// What a clip is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Purpose {
    /// Faults in moving pictures.
    Faults,
    /// Moving pictures without a fault.
    Moving,
    /// Pictures that detectors mistake: reported apart.
    Hard,
}

/// One clip of the run.
struct Entry {
    purpose: Purpose,
    story: Story,
    config: Config,
}

/// One clip and what became of it.
struct Watched {
    entry: Entry,
    path: PathBuf,
    score: Score,
    silence_s: Option<Option<f64>>,
    late: u64,
    continuous: bool,
}

fn main() -> Result<()> {
    let has = |flag: &str| std::env::args().any(|arg| arg == flag);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stream_detection");
    let found = footage::fetch(&footage::folder(&tmp));
    let mut entries = entries(&found, has("--tune"));
    if has("--quick") {
        entries = entries.into_iter().step_by(6).collect();
    }
    if let Some(only) = std::env::args().skip_while(|arg| arg != "--only").nth(1) {
        entries
            .retain(|entry| format!("{} {}", entry.story.subject.name(), entry.config.name).contains(&only));
    }
    let results = runtime.block_on(run(&tmp, entries))?;
    table(&results);
    let mut figures = Figures::default();
    add_ours(&results, &mut figures);
    add_peers(&results, &mut figures);
    figures.print();
    Ok(())
}

/// Every clip of one half.
fn entries(found: &[Subject], tune: bool) -> Vec<Entry> {
    let half: u64 = if tune { 1 } else { 2 };
    let scene = |look| Subject::Scene(look);
    let real = |name: &str| footage::named(found, name);
    let mut entries = Vec::new();
    for (index, config) in (0_u64..).zip(CONFIGS) {
        // Another moment within the group of pictures for each configuration and half.
        let offset = ((index * 17 + half * 23) % 50) as u32;
        let talker = Story {
            subject: scene(Look::Talker),
            pictures: 38 * FPS,
            faults: faults(offset),
            seed: half * 100 + index,
        };
        entries.push(Entry { purpose: Purpose::Faults, story: talker, config });
    }
    let (moving, faulty) = if tune { ("faces", "carphone") } else { ("bikes", "surveillance") };
    let regular = [CONFIGS[1], CONFIGS[4], CONFIGS[9], CONFIGS[12]];
    for (index, config) in (0_u32..).zip(regular) {
        if let Some(subject) = real(faulty) {
            let story = Story { subject, pictures: 38 * FPS, faults: faults(11 + 13 * index), seed: half };
            entries.push(Entry { purpose: Purpose::Faults, story, config });
        }
    }
    let moving_subjects =
        [real(moving), real(faulty), if tune { None } else { real("animation") }, Some(scene(Look::Mix))];
    for (index, subject) in moving_subjects.into_iter().flatten().enumerate() {
        for config in [CONFIGS[1 + index % 2], CONFIGS[7], CONFIGS[13]] {
            let story =
                Story { subject: subject.clone(), pictures: 60 * FPS, faults: Vec::new(), seed: half };
            entries.push(Entry { purpose: Purpose::Moving, story, config });
        }
    }
    let hard = [
        Look::CalmTalker,
        Look::DimTalker,
        Look::Room,
        Look::Slides { every: 150 },
        Look::Cuts { every: 75 },
    ];
    for (index, look) in hard.into_iter().enumerate() {
        for config in [CONFIGS[1], CONFIGS[(4 + index) % 11], CONFIGS[12]] {
            let story =
                Story { subject: scene(look), pictures: 50 * FPS, faults: Vec::new(), seed: half * 10 };
            entries.push(Entry { purpose: Purpose::Hard, story, config });
        }
    }
    entries
}

/// A freeze, black and one colour, with moving pictures between; the last six seconds are left for loss.
fn faults(offset: u32) -> Vec<Fault> {
    let fault = |kind, from_s: u32, length_s: u32| {
        let from = from_s * FPS + offset;
        Fault { kind, from, until: from + length_s * FPS }
    };
    vec![fault(Kind::Freeze, 9, 5), fault(Kind::Black, 19, 3), fault(Kind::Flat, 26, 3)]
}

async fn run(tmp: &Path, entries: Vec<Entry>) -> Result<Vec<Watched>> {
    let counters = Arc::new(Counters::new());
    let program = PathBuf::from(env!("CARGO_BIN_EXE_vcops"));
    let settings =
        PoolSettings { program, registry: Some(tmp.join("registry.bin")), ..PoolSettings::default() };
    std::fs::create_dir_all(tmp).context("making the bench's folder")?;
    let pool = Pool::start(settings, Arc::clone(&counters));
    let shelf = Shelf::new(pool.clone(), &tmp.join("clips"))?;
    let studio = Studio::new(pool.clone(), Some(tmp.join("sound")));
    let sound = studio.audio(&speech()).await.context("making sound")?;
    let mut made = Vec::new();
    for entry in entries {
        let (clip, path) = shelf.clip(&entry.story, &entry.config).await?;
        made.push((entry, clip, path));
    }
    let mut results = Vec::new();
    while !made.is_empty() {
        let batch: Vec<(Entry, VideoClip, PathBuf)> = made.drain(..made.len().min(AT_ONCE)).collect();
        let plays = batch
            .iter()
            .enumerate()
            .map(|(index, (entry, clip, _))| play(index, entry, clip, &sound))
            .collect();
        let seen = field::run(&pool, &counters, plays).await?;
        for ((entry, clip, path), seen) in batch.into_iter().zip(seen) {
            results.push(judge(entry, &clip, path, &seen));
        }
    }
    pool.stop().await;
    Ok(results)
}

/// Every other stream has sound.
fn play(index: usize, entry: &Entry, clip: &VideoClip, sound: &Arc<AudioClip>) -> Play {
    Play {
        video: clip.clone(),
        audio: index.is_multiple_of(2).then(|| Arc::clone(sound)),
        picture: PictureKind::Camera,
        lossy: entry.purpose == Purpose::Faults,
    }
}

fn speech() -> AudioRecipe {
    AudioRecipe {
        acts: vec![(Voice::Speech, SPEECH_MS), (Voice::Silence, SILENCE_MS), (Voice::Speech, 40_000)],
        codec: AudioCodec::Opus,
        kbps: 32,
        seed: 5,
        fault: Some(1),
    }
}

fn judge(entry: Entry, clip: &VideoClip, path: PathBuf, seen: &Seen) -> Watched {
    let score = score::score(&entry.story, clip, seen);
    Watched { score, silence_s: silence(seen), late: seen.late, continuous: seen.continuous, entry, path }
}

/// How long after the silence began it was reported; `None` for a stream without sound, or one that was too short.
fn silence(seen: &Seen) -> Option<Option<f64>> {
    seen.reports.iter().find(|(_, report)| report.audio.is_some())?;
    let heard = |code: &str| {
        let says =
            |detections: &[vcops::observation::Detection]| detections.iter().any(|it| it.seen.code() == code);
        seen.reports
            .iter()
            .find(|(_, report)| says(&report.detections))
            .map(|(at, _)| seconds(*at, seen.began))
    };
    // Sound is not played anew with the pictures: it began a little before them.
    Some(heard("silence").map(|at_s| at_s - f64::from(SPEECH_MS) / 1e3))
}

fn table(results: &[Watched]) {
    println!(
        "{:<14} {:<26} {:>7} {:>7} {:>7} {:>7} {:>7} {:>8}  other",
        "subject", "encoder", "freeze", "black", "flat", "corrupt", "cut", "silence"
    );
    for result in results {
        let latency = |word: &str| {
            let outcome = result.score.outcomes.iter().find(|outcome| outcome.word == word);
            outcome
                .map_or("-".to_owned(), |it| it.latency_s.map_or("MISSED".to_owned(), |s| format!("{s:.2}")))
        };
        let silence =
            result.silence_s.map_or("-".to_owned(), |s| s.map_or("MISSED".into(), |s| format!("{s:.2}")));
        let Score { false_alarms, false_suspicions, .. } = &result.score;
        let alarms: Vec<String> =
            false_alarms.iter().map(|(code, at_s)| format!("{code}@{at_s:.1}")).collect();
        println!(
            "{:<14} {:<26} {:>7} {:>7} {:>7} {:>7} {:>7} {:>8}  {}{} late {}{}",
            result.entry.story.subject.name(),
            result.entry.config.name,
            latency("freeze"),
            latency("black"),
            latency("flat"),
            latency("corrupt"),
            latency("no_media"),
            silence,
            if alarms.is_empty() { String::new() } else { format!("FALSE {} ", alarms.join(" ")) },
            if *false_suspicions > 0 { format!("suspected {false_suspicions} ") } else { String::new() },
            result.late,
            if result.continuous { " continuous" } else { "" },
        );
    }
}

fn add_ours(results: &[Watched], figures: &mut Figures) {
    let faulty = || results.iter().filter(|result| result.entry.purpose == Purpose::Faults);
    let outcomes = |word: &'static str, irregular: Option<bool>| -> Vec<Option<f64>> {
        let fits =
            move |result: &&Watched| irregular.is_none_or(|wanted| result.entry.config.irregular() == wanted);
        let of = move |result: &Watched| -> Vec<Option<f64>> {
            result.score.outcomes.iter().filter(|it| it.word == word).map(|it| it.latency_s).collect()
        };
        faulty().filter(fits).flat_map(of).collect()
    };
    let mut all: Vec<Option<f64>> = Vec::new();
    let timed = [
        ("freeze", "freeze", Some(false), Bar::AtMost(1.0)),
        ("freeze_irregular", "freeze", Some(true), Bar::AtMost(1.2)),
        ("black", "black", None, Bar::AtMost(0.6)),
        ("flat", "flat", None, Bar::None),
        ("no_media", "no_media", None, Bar::AtMost(1.0)),
        ("loss", "loss", None, Bar::None),
        ("corrupt", "corrupt", None, Bar::None),
    ];
    for (name, word, irregular, bar) in timed {
        let found = outcomes(word, irregular);
        let latencies: Vec<f64> = found.iter().copied().flatten().collect();
        figures.add(format!("{name}_p50_s"), percentile(&latencies, 0.5), Bar::None);
        figures.add(format!("{name}_p95_s"), percentile(&latencies, 0.95), bar);
        all.extend(found);
    }
    let silences: Vec<Option<f64>> = results.iter().filter_map(|result| result.silence_s).collect();
    let latencies: Vec<f64> = silences.iter().copied().flatten().collect();
    figures.add("silence_p95_s", percentile(&latencies, 0.95), Bar::None);
    all.extend(silences);
    figures.add("faults", all.len() as f64, Bar::None);
    figures.add("recall", all.iter().flatten().count() as f64 / all.len() as f64, Bar::Equals(1.0));
    add_false_alarms(results, figures);
}

fn add_false_alarms(results: &[Watched], figures: &mut Figures) {
    let alarms = |results: &[&Watched]| {
        results.iter().map(|result| result.score.false_alarms.len()).sum::<usize>() as f64
    };
    let hours = |results: &[&Watched]| results.iter().map(|result| result.score.good_s).sum::<f64>() / 3600.0;
    let moving: Vec<&Watched> =
        results.iter().filter(|result| result.entry.purpose != Purpose::Hard).collect();
    figures.add("false_alarms", alarms(&moving), Bar::Equals(0.0));
    figures.add("false_alarms_per_hour", alarms(&moving) / hours(&moving), Bar::None);
    figures.add("good_hours", hours(&moving), Bar::None);
    figures.add("missed_slots", results.iter().map(|result| result.late).sum::<u64>() as f64, Bar::None);
    let mut hard: BTreeMap<String, Vec<&Watched>> = BTreeMap::new();
    for result in results.iter().filter(|result| result.entry.purpose == Purpose::Hard) {
        hard.entry(result.entry.story.subject.name()).or_default().push(result);
    }
    for (name, results) in hard {
        figures.add(format!("false_alarms_{name}"), alarms(&results), Bar::None);
    }
}

fn add_peers(results: &[Watched], figures: &mut Figures) {
    for tuning in peers::TUNINGS {
        let mut found: BTreeMap<Kind, Vec<Option<f64>>> = BTreeMap::new();
        let (mut moving, mut hard) = (0, 0);
        for result in results {
            let codec = result.entry.config.codec();
            let Some(said) = peers::judge(tuning, &result.path, codec, &result.entry.story) else {
                println!("{} is not to be had here and left out", tuning.name);
                break;
            };
            for (kind, latency) in said.found {
                found.entry(kind).or_default().push(latency);
            }
            let alarms = if result.entry.purpose == Purpose::Hard { &mut hard } else { &mut moving };
            *alarms += said.false_alarms;
        }
        for (kind, latencies) in &found {
            let times: Vec<f64> = latencies.iter().copied().flatten().collect();
            let name = format!("peer_{}_{}", tuning.name, kind.code());
            figures.add(format!("{name}_recall"), times.len() as f64 / latencies.len() as f64, Bar::None);
            figures.add(format!("{name}_p95_s"), percentile(&times, 0.95), Bar::None);
        }
        if !found.is_empty() {
            figures.add(
                format!("peer_{}_false_alarms", tuning.name),
                f64::from(u32::try_from(moving).unwrap_or(u32::MAX)),
                Bar::None,
            );
            figures.add(
                format!("peer_{}_false_alarms_hard", tuning.name),
                f64::from(u32::try_from(hard).unwrap_or(u32::MAX)),
                Bar::None,
            );
        }
    }
}

//! What was seen held against what was done: found or missed, how long it took, and what was seen that was not there.

use std::time::{Duration, Instant};

use vcops::media::clip::VideoClip;
use vcops::observation::{Detection, StreamReport, Sure};

use super::field::{Seen, says_no_media};
use super::story::{FPS, Fault, Kind, Story};

/// How long after its end a fault may still be reported: monitors clear on motion, at the latest with the next key
/// picture that they look at.
const CLEARS_WITHIN: Duration = Duration::from_millis(2_600);

/// One fault and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) word: &'static str,
    /// From the leaving of the first bad unit to the report, seconds; `None` when it was missed.
    pub(crate) latency_s: Option<f64>,
}

/// How a stream was seen.
#[derive(Debug, Default)]
pub(crate) struct Score {
    pub(crate) outcomes: Vec<Outcome>,
    /// Confirmed detections of pictures that are not there: what, seconds after the beginning.
    pub(crate) false_alarms: Vec<(&'static str, f64)>,
    /// Suspicions outside every fault.
    pub(crate) false_suspicions: usize,
    /// Time without fault, seconds.
    pub(crate) good_s: f64,
}

/// A detection from its first report to its last.
struct Stretch {
    code: &'static str,
    sure: Sure,
    from: Instant,
    until: Instant,
}

/// Scores one stream.
pub(crate) fn score(story: &Story, clip: &VideoClip, seen: &Seen) -> Score {
    let stretches = stretches(&seen.reports, &["freeze", "black", "flat"]);
    let left = |picture: u32| seen.began + leaves_after(clip, picture);
    let mut outcomes: Vec<Outcome> = story.faults.iter().map(|fault| find(fault, &stretches, left)).collect();
    outcomes.extend(seen.lossy_from.map(|from| first(&seen.reports, "loss", from)));
    outcomes.extend(seen.lossy_from.map(|from| first(&seen.reports, "corrupt", from)));
    outcomes.push(no_media(seen));
    let end = seen.lossy_from.unwrap_or(seen.cut_at);
    let strange = |stretch: &&Stretch| {
        stretch.from < end && !story.faults.iter().any(|fault| explains(fault, stretch, left))
    };
    let (sure, suspected): (Vec<&Stretch>, Vec<&Stretch>) =
        stretches.iter().filter(strange).partition(|stretch| stretch.sure == Sure::Confirmed);
    let faulty: u32 = story.faults.iter().map(|fault| fault.until - fault.from).sum();
    Score {
        outcomes,
        false_alarms: sure.iter().map(|it| (it.code, seconds(it.from, seen.began))).collect(),
        false_suspicions: suspected.len(),
        good_s: (seconds(end, seen.began) - f64::from(faulty) / f64::from(FPS)).max(0.0),
    }
}

/// When the first unit that shows a picture, or a later one, leaves.
fn leaves_after(clip: &VideoClip, picture: u32) -> Duration {
    let at = clip.units().iter().position(|unit| unit.number >= picture).unwrap_or(clip.units().len());
    Duration::from_secs_f64(at as f64 / f64::from(FPS))
}

fn find(fault: &Fault, stretches: &[Stretch], left: impl Fn(u32) -> Instant) -> Outcome {
    let (from, until) = (left(fault.from), left(fault.until));
    let found = stretches.iter().find(|stretch| {
        stretch.code == fault.kind.code()
            && stretch.sure == Sure::Confirmed
            && stretch.until >= from
            && stretch.from < until
    });
    Outcome { word: fault.kind.code(), latency_s: found.map(|stretch| seconds(stretch.from, from)) }
}

/// Whether a detection is of that fault. A picture that stands black stands still: both words are right.
fn explains(fault: &Fault, stretch: &Stretch, left: impl Fn(u32) -> Instant) -> bool {
    let fits =
        stretch.code == fault.kind.code() || stretch.sure == Sure::Suspected || fault.kind != Kind::Freeze;
    fits && stretch.from >= left(fault.from) && stretch.from <= left(fault.until) + CLEARS_WITHIN
}

fn first(reports: &[(Instant, StreamReport)], word: &'static str, from: Instant) -> Outcome {
    let says =
        |report: &StreamReport| report.detections.iter().any(|detection| detection.seen.code() == word);
    let found = reports.iter().find(|(at, report)| *at >= from && says(report));
    Outcome { word, latency_s: found.map(|(at, _)| seconds(*at, from)) }
}

fn no_media(seen: &Seen) -> Outcome {
    let found = seen.reports.iter().find(|(at, report)| *at >= seen.cut_at && says_no_media(report));
    Outcome { word: "no_media", latency_s: found.map(|(at, _)| seconds(*at, seen.cut_at)) }
}

/// Detections of these kinds as stretches of reports that follow one another.
fn stretches(reports: &[(Instant, StreamReport)], codes: &[&str]) -> Vec<Stretch> {
    let mut done: Vec<Stretch> = Vec::new();
    let mut open: Vec<Stretch> = Vec::new();
    for (at, report) in reports {
        let wanted = |detection: &&Detection| codes.contains(&detection.seen.code());
        let now: Vec<&Detection> = report.detections.iter().filter(wanted).collect();
        let goes_on = |stretch: &Stretch| {
            now.iter()
                .any(|detection| (detection.seen.code(), detection.sure) == (stretch.code, stretch.sure))
        };
        let (still, over): (Vec<Stretch>, Vec<Stretch>) = open.into_iter().partition(goes_on);
        done.extend(over);
        open = still;
        for detection in now {
            let (code, sure) = (detection.seen.code(), detection.sure);
            match open.iter_mut().find(|stretch| (stretch.code, stretch.sure) == (code, sure)) {
                Some(stretch) => stretch.until = *at,
                None => open.push(Stretch { code, sure, from: *at, until: *at }),
            }
        }
    }
    done.extend(open);
    done
}

/// Seconds from `earlier` to `later`; negative when it was before.
pub(crate) fn seconds(later: Instant, earlier: Instant) -> f64 {
    if later >= earlier {
        later.duration_since(earlier).as_secs_f64()
    } else {
        -earlier.duration_since(later).as_secs_f64()
    }
}

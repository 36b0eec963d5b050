//! What headers alone say that looks wrong. Pure: figures in, detections out; each keeps its beginning as long as it
//! is seen.

use std::collections::BTreeMap;

use super::clock::utc_of;
use super::headers::Headers;
use crate::domain::inventory::{PictureKind, SoundKind};
use crate::domain::time::{Mono, Now, Span};
use crate::observation::{Detection, Seen, StreamOrder, Sure};

/// Jitter that is said (Microsoft's limit for a poor call), and where it ends.
const JITTER_MS: (f64, f64) = (30.0, 25.0);

/// Share of the declared picture rate below which it is low, and where it ends.
const FPS_SHARE: (f64, f64) = (0.7, 0.85);

/// Share of the usual bit rate below which it is low, and where it ends.
const BITRATE_SHARE: (f64, f64) = (0.3, 0.4);

/// Sound later or earlier than this is said (EBU R37), and a share of it where it ends.
const SKEW_LATE_MS: f64 = 60.0;
const SKEW_EARLY_MS: f64 = 40.0;
const SKEW_END: f64 = 0.7;

/// A track is missed after so long without it while the other comes.
const TRACK_MISSED: Span = Span::seconds(2);

/// What headers say now, and since when.
#[derive(Debug, Default)]
pub(super) struct Findings {
    since: BTreeMap<String, Mono>,
}

/// One finding before its beginning is settled.
struct Found {
    seen: Seen,
    since: Option<Mono>,
}

impl Findings {
    /// Everything that looks wrong now. `flowing_since` is when media began.
    pub(super) fn look(
        &mut self,
        headers: &mut Headers,
        order: &StreamOrder,
        flowing_since: Mono,
        now: Now,
    ) -> Vec<Detection> {
        let mut found = tracks(headers, order, flowing_since, now.mono);
        self.travel(headers, now.mono, &mut found);
        self.rates(headers, order, now.mono, &mut found);
        self.skew(headers, &mut found);
        self.settle(found, now)
    }

    /// Nothing is seen while no media arrive.
    pub(super) fn forget(&mut self) {
        self.since.clear();
    }

    fn travel(&self, headers: &mut Headers, now: Mono, found: &mut Vec<Found>) {
        let travel = headers.travel();
        if travel.lost > 0 {
            let seen = Seen::Loss { lost: travel.lost, expected: travel.expected };
            found.push(Found { seen, since: headers.lost_since() });
        }
        if travel.jitter_ms > self.limit("jitter", JITTER_MS) {
            found.push(Found { seen: Seen::Jitter { ms: travel.jitter_ms }, since: None });
        }
        for (indicator, count, since) in headers.conformance(now) {
            let seen = Seen::Transport { indicator: indicator.to_owned(), count };
            found.push(Found { seen, since: Some(since) });
        }
    }

    fn rates(&self, headers: &mut Headers, order: &StreamOrder, now: Mono, found: &mut Vec<Found>) {
        let (fps_share, bitrate_share) =
            (self.limit("low_fps", FPS_SHARE), self.limit("low_bitrate", BITRATE_SHARE));
        let Some(video) = headers.video() else { return };
        if let Some(damage) = video.damage() {
            let seen = Seen::Corrupt { pictures: damage.pictures };
            found.push(Found { seen, since: Some(damage.since) });
        }
        if order.picture != PictureKind::Camera {
            return;
        }
        if let Some(slow) = video.slow(now, order.fps.map(f64::from), fps_share) {
            let seen = Seen::LowFps { fps: slow.fps, declared: slow.declared };
            found.push(Found { seen, since: Some(slow.since) });
        }
        if let Some((kbps, usual_kbps)) = video.thin(now, bitrate_share) {
            found.push(Found { seen: Seen::LowBitrate { kbps, usual_kbps }, since: None });
        }
    }

    fn skew(&self, headers: &Headers, found: &mut Vec<Found>) {
        let Some(audio_late_ms) = headers.audio_late_ms() else { return };
        let share = self.limit("skew", (1.0, SKEW_END));
        if audio_late_ms > SKEW_LATE_MS * share || audio_late_ms < -SKEW_EARLY_MS * share {
            found.push(Found { seen: Seen::Skew { audio_late_ms }, since: None });
        }
    }

    /// The limit at which something begins, or ends when it is seen already.
    fn limit(&self, code: &str, (begins, ends): (f64, f64)) -> f64 {
        if self.since.contains_key(code) { ends } else { begins }
    }

    fn settle(&mut self, found: Vec<Found>, now: Now) -> Vec<Detection> {
        let mut since = BTreeMap::new();
        let detections = found.into_iter().map(|found| {
            let key = key(&found.seen);
            let began = self.since.get(&key).copied().or(found.since).unwrap_or(now.mono);
            since.insert(key, began);
            Detection { seen: found.seen, since: utc_of(began, now), sure: Sure::Confirmed, evidence: None }
        });
        let detections = detections.collect();
        self.since = since;
        detections
    }
}

/// Tracks that are missing, or not what was agreed.
fn tracks(headers: &mut Headers, order: &StreamOrder, flowing_since: Mono, now: Mono) -> Vec<Found> {
    let missed = |last: Option<Mono>| {
        let last = last.unwrap_or(flowing_since);
        (now.since(last) > TRACK_MISSED).then_some(last)
    };
    let video = missed(headers.video().and_then(|video| video.last()));
    let audio = missed(headers.audio().and_then(|audio| audio.last()));
    let mut found = Vec::new();
    match order.picture {
        // Slides may stand still for long; they are not missed as long as sound comes.
        PictureKind::None | PictureKind::Slides => {}
        PictureKind::Camera => {
            found.extend(video.map(|since| Found { seen: Seen::NoVideo, since: Some(since) }));
        }
    }
    if order.sound == SoundKind::Expected {
        found.extend(audio.map(|since| Found { seen: Seen::NoAudio, since: Some(since) }));
    }
    let codec = headers.video().map(|video| video.codec());
    if let (Some(codec), Some(wanted)) = (codec, order.codec)
        && codec != wanted
    {
        found.push(Found { seen: Seen::WrongCodec { found: codec }, since: None });
    }
    found
}

/// Tells two things seen apart: the code, and for transport streams the indicator.
fn key(seen: &Seen) -> String {
    match seen {
        Seen::Transport { indicator, .. } => format!("transport {indicator}"),
        Seen::NoVideo
        | Seen::NoAudio
        | Seen::WrongCodec { .. }
        | Seen::Loss { .. }
        | Seen::Jitter { .. }
        | Seen::LowFps { .. }
        | Seen::LowBitrate { .. }
        | Seen::Corrupt { .. }
        | Seen::Freeze { .. }
        | Seen::Static { .. }
        | Seen::Black { .. }
        | Seen::Flat { .. }
        | Seen::Silence { .. }
        | Seen::Clipping { .. }
        | Seen::Sound { .. }
        | Seen::Skew { .. } => seen.code().to_owned(),
    }
}

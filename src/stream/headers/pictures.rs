//! What the pictures of a stream say without being decoded: rate, key pictures, effort, damage.

use bytes::Bytes;

use super::effort::{Effort, Low};
use super::timeline::Timeline;
use super::usual::Usual;
use super::window::Window;
use crate::domain::stream::VideoCodec;
use crate::domain::time::Mono;
use crate::observation::VideoFigures;
use crate::stream::unit::{Track, Unit};
use crate::wire::coding::VIDEO_CLOCK_HZ;
use crate::wire::depay::AccessUnit;
use crate::wire::nal::{PictureFacts, PictureFormat, PictureReader};

/// Random access farther back than this is none.
const IDR_FORGOTTEN_US: u64 = 10_000_000;

/// A gap this much longer than declared is a missing picture.
const LONG_GAP: f64 = 1.5;

/// So many pictures in time end a run of gaps.
const REGULAR_RUN: u32 = 12;

/// Pictures of one stream.
#[derive(Debug)]
pub(in crate::stream) struct Pictures {
    reader: PictureReader,
    timeline: Timeline,
    format: Option<PictureFormat>,
    count: Window<21>,
    bits: Window<21>,
    last: Option<Mono>,
    random_access: Option<Mono>,
    random_access_every_us: Option<u64>,
    effort: Effort,
    low: Option<Low>,
    damage: Option<Damage>,
    /// A recovery point was seen; so many pictures until the output is clean.
    recovers_in: Option<u32>,
    gaps: Gaps,
    usual_kbps: Usual,
    usual_fps: Usual,
}

/// Data was lost and no clean picture has come since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::stream) struct Damage {
    /// Pictures lost or damaged.
    pub(in crate::stream) pictures: u64,
    /// The first.
    pub(in crate::stream) since: Mono,
}

/// When pictures began to come irregularly.
#[derive(Debug, Default)]
struct Gaps {
    since: Option<Mono>,
    regular: u32,
}

impl Pictures {
    pub(in crate::stream) fn new(codec: VideoCodec, now: Mono) -> Self {
        Self {
            reader: PictureReader::new(codec),
            timeline: Timeline::new(VIDEO_CLOCK_HZ),
            format: None,
            count: Window::new(now),
            bits: Window::new(now),
            last: None,
            random_access: None,
            random_access_every_us: None,
            effort: Effort::default(),
            low: None,
            damage: None,
            recovers_in: None,
            gaps: Gaps::default(),
            usual_kbps: Usual::new(0.3),
            usual_fps: Usual::new(0.7),
        }
    }

    /// Parameter sets that came beside the pictures.
    pub(in crate::stream) fn learn(&mut self, sets: &[Vec<u8>]) {
        sets.iter().for_each(|set| self.reader.learn(set));
        if self.format.is_none() {
            self.format = self.reader.format();
        }
    }

    /// Media begin again after a pause: rates count from now, what was usual stays.
    pub(in crate::stream) fn resume(&mut self, now: Mono) {
        self.count = Window::new(now);
        self.bits = Window::new(now);
        self.gaps = Gaps::default();
        self.last = None;
    }

    /// Another source or time base: nothing of the old one is comparable.
    pub(in crate::stream) fn restart(&mut self) {
        self.timeline = Timeline::new(VIDEO_CLOCK_HZ);
        self.effort.forget();
        self.low = None;
        self.random_access = None;
        self.random_access_every_us = None;
    }

    /// Takes a finished access unit that arrived `at`.
    pub(in crate::stream) fn take(&mut self, unit: AccessUnit, at: Mono) -> Unit {
        let placed = self.timeline.place(unit.timestamp, at);
        let facts = self.reader.read(&unit.data);
        if let Some(facts) = &facts {
            self.note_picture(facts, at);
            self.note_damage(facts, &unit, at);
        }
        Unit {
            track: Track::Video(self.reader.codec()),
            at,
            pts_us: placed.pts_us,
            data: self.enterable(unit.data, facts.as_ref()),
            facts,
            damaged: unit.damaged || unit.gap_before,
        }
    }

    /// Where decoding can begin, the parameter sets stand before the picture: many senders say them once, beside it.
    fn enterable(&self, data: Bytes, facts: Option<&PictureFacts>) -> Bytes {
        if !facts.is_some_and(|facts| facts.random_access && !facts.parameter_sets) {
            return data;
        }
        let mut whole = self.reader.parameter_sets();
        whole.extend_from_slice(&data);
        Bytes::from(whole)
    }

    /// The sender's report on its clock.
    pub(in crate::stream) fn report(&mut self, timestamp: u32, ntp_us: i64) {
        self.timeline.report(timestamp, ntp_us);
    }

    /// A tenth of a second has passed.
    pub(in crate::stream) fn tick(&mut self, now: Mono) {
        let (kbps, fps) = (self.kbps(now), self.count.per_s(now));
        if self.count.is_full() {
            self.usual_kbps.note(now, kbps);
            self.usual_fps.note(now, fps);
        }
    }

    pub(in crate::stream) fn figures(&mut self, now: Mono) -> VideoFigures {
        let seen = self.random_access.is_some_and(|at| now.since(at).0 <= IDR_FORGOTTEN_US);
        VideoFigures {
            codec: self.reader.codec(),
            width: self.format.map_or(0, |format| format.width),
            height: self.format.map_or(0, |format| format.height),
            fps: self.count.per_s(now),
            fps_declared: self.format.and_then(|format| format.fps),
            kbps: self.kbps(now),
            idr_every_s: self.random_access_every_us.filter(|_| seen).map(|us| us as f64 / 1e6),
        }
    }

    /// Pictures per second and since when they are fewer, if they are fewer than a share of what is declared, said or
    /// usual.
    pub(in crate::stream) fn slow(&mut self, now: Mono, said: Option<f64>, share: f64) -> Option<Slow> {
        let declared = said.or(self.declared()).or(self.usual_fps.value())?;
        let fps = self.count.per_s(now);
        let since = self.gaps.since?;
        (self.count.is_full() && fps < declared * share).then_some(Slow { fps, declared, since })
    }

    /// Rate and usual rate, kbit/s, if the rate is less than a share of the usual.
    pub(in crate::stream) fn thin(&mut self, now: Mono, share: f64) -> Option<(f64, f64)> {
        let usual = self.usual_kbps.value()?;
        let kbps = self.kbps(now);
        (self.bits.is_full() && kbps < usual * share).then_some((kbps, usual))
    }

    pub(in crate::stream) fn damage(&self) -> Option<Damage> {
        self.damage
    }

    /// The trigger, as long as it is pulled.
    pub(in crate::stream) fn low(&self) -> Option<Low> {
        self.low
    }

    pub(in crate::stream) fn late_us(&self) -> Option<i64> {
        self.timeline.late_us()
    }

    pub(in crate::stream) fn last(&self) -> Option<Mono> {
        self.last
    }

    pub(in crate::stream) fn codec(&self) -> VideoCodec {
        self.reader.codec()
    }

    fn note_picture(&mut self, facts: &PictureFacts, at: Mono) {
        let interval_us = self.declared().or(self.usual_fps.value()).map(|fps| 1e6 / fps);
        self.gaps.note(self.last, at, interval_us);
        self.last = Some(at);
        self.count.add(at, 1);
        self.bits.add(at, facts.bytes as u64 * 8);
        if facts.random_access {
            self.random_access_every_us = self.random_access.map(|before| at.since(before).0);
            self.random_access = Some(at);
        }
        if facts.parameter_sets || self.format.is_none() {
            self.note_format();
        }
        if let (Some(x), Some(qp), false) = (facts.effort(), facts.qp, facts.random_access) {
            self.low = self.effort.push(x as f32, qp as f32, at);
        }
    }

    fn note_format(&mut self) {
        let format = self.reader.format();
        if format != self.format {
            // Effort at another size is not comparable.
            self.effort.forget();
            self.low = None;
            self.format = format;
        }
    }

    fn note_damage(&mut self, facts: &PictureFacts, unit: &AccessUnit, at: Mono) {
        let lost = u64::from(facts.missing);
        // What was lost before an IDR does not matter to it.
        let misses = (lost > 0 || unit.gap_before) && !facts.idr;
        let is_bad = unit.damaged || facts.headless || misses;
        if is_bad {
            let damage = self.damage.get_or_insert(Damage { pictures: 0, since: at });
            damage.pictures += lost.max(1);
            self.recovers_in = None;
            return;
        }
        if facts.random_access {
            self.recovers_in = Some(facts.recovery_pictures.unwrap_or(0));
        }
        match self.recovers_in {
            Some(0) => {
                self.damage = None;
                self.recovers_in = None;
            }
            Some(pictures) => self.recovers_in = Some(pictures - 1),
            None => {}
        }
    }

    /// What the stream declares. Senders that count fields declare twice of what they ever sent.
    fn declared(&self) -> Option<f64> {
        let declared = self.format?.fps.filter(|fps| (0.5..=240.0).contains(fps))?;
        let counts_fields =
            self.usual_fps.value().is_some_and(|usual| (usual * 2.0 / declared - 1.0).abs() < 0.1);
        Some(if counts_fields { declared / 2.0 } else { declared })
    }

    fn kbps(&mut self, now: Mono) -> f64 {
        self.bits.per_s(now) / 1000.0
    }
}

/// Fewer pictures than there should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::stream) struct Slow {
    pub(in crate::stream) fps: f64,
    pub(in crate::stream) declared: f64,
    pub(in crate::stream) since: Mono,
}

impl Gaps {
    fn note(&mut self, last: Option<Mono>, at: Mono, interval_us: Option<f64>) {
        let (Some(last), Some(interval_us)) = (last, interval_us) else { return };
        if at.since(last).0 as f64 > interval_us * LONG_GAP {
            self.regular = 0;
            self.since.get_or_insert(last);
        } else {
            self.regular += 1;
            if self.regular >= REGULAR_RUN {
                self.since = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::nal;

    /// Three seconds of pictures, a key picture each second, without delimiters.
    fn clip() -> Vec<Vec<u8>> {
        let bytes = include_bytes!("../../../tests/data/stream/bars.h264");
        let mut pictures: Vec<Vec<u8>> = Vec::new();
        for unit in nal::annex_b(bytes) {
            match (unit[0] & 0x1f, pictures.last_mut()) {
                (9, _) => pictures.push(Vec::new()),
                (_, Some(picture)) => nal::push_unit(unit, picture),
                (_, None) => {}
            }
        }
        pictures
    }

    fn unit(n: usize, data: &[u8], gap_before: bool) -> AccessUnit {
        let timestamp = n as u32 * 3_600;
        AccessUnit { timestamp, data: Bytes::copy_from_slice(data), damaged: false, gap_before }
    }

    fn at(n: usize) -> Mono {
        Mono(1_000_000 + n as u64 * 40_000)
    }

    #[test]
    fn figures_of_a_whole_stream() {
        let mut pictures = Pictures::new(VideoCodec::H264, at(0));
        for (n, data) in clip().iter().enumerate() {
            pictures.take(unit(n, data, false), at(n));
            pictures.tick(at(n));
        }
        let figures = pictures.figures(at(75));
        assert_eq!((figures.width, figures.height), (320, 180));
        assert!((figures.fps - 25.0).abs() < 1.0, "{figures:?}");
        assert!((figures.idr_every_s.unwrap() - 1.0).abs() < 1e-6, "{figures:?}");
        assert!((150.0..400.0).contains(&figures.kbps), "{figures:?}");
        assert_eq!((pictures.damage(), pictures.low()), (None, None));
    }

    #[test]
    fn damage_lasts_from_the_gap_to_the_next_key_picture_and_counts_what_is_missing() {
        let mut pictures = Pictures::new(VideoCodec::H264, at(0));
        let mut damages = Vec::new();
        for (n, data) in clip().iter().enumerate().filter(|(n, _)| !(30..33).contains(n)) {
            pictures.take(unit(n, data, n == 33), at(n));
            damages.push((n, pictures.damage()));
        }
        let damaged: Vec<usize> =
            damages.iter().filter(|(_, damage)| damage.is_some()).map(|(n, _)| *n).collect();
        assert_eq!(damaged, (33..50).collect::<Vec<_>>());
        let (_, first) = damages[30];
        assert_eq!(first, Some(Damage { pictures: 3, since: at(33) }));
    }

    #[test]
    fn what_is_lost_before_a_key_picture_harms_nothing() {
        let mut pictures = Pictures::new(VideoCodec::H264, at(0));
        for (n, data) in clip().iter().enumerate().filter(|(n, _)| !(45..50).contains(n)) {
            pictures.take(unit(n, data, n == 50), at(n));
            assert_eq!(pictures.damage(), None, "{n}");
        }
    }

    #[test]
    fn parameter_sets_that_came_beside_the_pictures_stand_before_key_pictures() {
        let clip = clip();
        let is_set = |unit: &&[u8]| matches!(unit[0] & 0x1f, 7 | 8);
        let sets: Vec<Vec<u8>> = nal::annex_b(&clip[0]).filter(is_set).map(<[u8]>::to_vec).collect();
        let mut bare = Vec::new();
        nal::annex_b(&clip[0]).filter(|unit| !is_set(unit)).for_each(|unit| nal::push_unit(unit, &mut bare));
        let mut pictures = Pictures::new(VideoCodec::H264, at(0));
        pictures.learn(&sets);
        let taken = pictures.take(unit(0, &bare, false), at(0));
        assert_eq!(nal::annex_b(&taken.data).filter(is_set).count(), 2);
        assert!(taken.facts.unwrap().idr);
        let next = pictures.take(unit(1, &clip[1], false), at(1));
        assert_eq!(next.data, clip[1]);
    }
}

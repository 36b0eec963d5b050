//! What can be said of pictures by looking at them: pure rules over small pictures and the encoder's effort.
//!
//! Values in, values out; times are media times. Must not know decoders, workers, tokens or clocks.
//!
//! A picture that stands still is frozen when all that moved stopped from one picture to the next, or when the encoder
//! has less to do than before; it is static when it is still busy with the noise of a camera: an empty room stands as
//! still as a frozen one. Effort alone says nothing: a cut to a simpler scene lowers it too, and an encoder at a
//! constant rate refines a still with all its bits.

pub mod effort;
mod grain;
pub mod luma;
pub mod motion;
pub mod shade;
pub mod slides;

use effort::Efforts;
use grain::Grain;
use luma::Luma;
use motion::{Motion, Stillness};
use shade::{Blankness, Blanks};
use slides::Slides;

use crate::domain::inventory::PictureKind;

/// How far the effort must have fallen for a still picture to be frozen, powers of two.
pub const FREEZE_DROP: f32 = 1.0;
/// Fall of effort of a still picture that is worth a closer look.
const DOUBT_DROP: f32 = 0.4;
/// How long after it stood still a picture may still turn out to be frozen, microseconds: encoders refine a still.
const SETTLES_US: i64 = 3_000_000;
/// How long a verdict must have been confirmed by every picture until key pictures suffice, microseconds.
const CONFIRMED_US: i64 = 3_000_000;
/// How long motion must have been seen until a suspicion is dismissed, microseconds.
const DISMISSED_US: i64 = 1_200_000;
/// Longest look at every picture without any verdict, microseconds.
const LOOK_MAX_US: i64 = 8_000_000;
/// Largest block difference between key pictures without motion between them.
const KEYS_STILL_BELOW: f32 = 5.0;
/// Least time between two key pictures that are compared, microseconds: calm talkers move in it.
const KEYS_APART_US: i64 = 1_500_000;
/// How much pictures must have differed from one to the next just before a stillness for it to be a sudden one: talkers
/// reach 7, calm ones less, slides nothing.
const SUDDEN_STEP: f32 = 4.0;
/// The same between key pictures, where those just before were not looked at.
const SUDDEN_KEYS: f32 = 8.0;
/// How old what key pictures say may be, microseconds: two groups.
const SUDDEN_KEYS_US: i64 = 4_500_000;
/// Further fall of effort that makes a dismissed suspicion a new one.
const FURTHER_DROP: f32 = 0.6;

/// How a picture came to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Every picture around it is looked at, in the order of showing.
    Full,
    /// A key picture alone.
    Key,
}

/// What is seen now.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sight {
    /// Black, or of one colour.
    pub blank: Option<Blankness>,
    /// A picture that stands still; never together with a blank one.
    pub still: Option<Still>,
}

/// A picture that stands still.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Still {
    /// First picture that repeats the one before, media time in microseconds.
    pub since_us: i64,
    /// Largest block difference, luma steps.
    pub block_max: f32,
    /// How far effort fell with it, powers of two; `None` while that is not known.
    pub drop: Option<f32>,
    /// Whether it is frozen, not merely static.
    pub frozen: bool,
    /// Whether a camera's noise was seen in it: then it is not frozen, whatever the encoder's effort.
    alive: bool,
}

/// Looks at one stream.
#[derive(Debug)]
pub struct Eye {
    declared: PictureKind,
    motion: Motion,
    blanks: Blanks,
    efforts: Efforts,
    grain: Grain,
    slides: Slides,
    still: Option<Still>,
    /// The newest picture of any depth.
    last: Option<Luma>,
    /// The newest key picture that others are compared with.
    key: Option<Luma>,
    /// The last comparison of key pictures: when the earlier of them was, and how much they differed.
    keys_differed: Option<(i64, f32)>,
    watch: Watch,
    /// What headers say: how far effort is down, while that is suspicious.
    suspicion: Option<f32>,
    newest_us: i64,
}

/// Which pictures are needed now.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Watch {
    /// Key pictures. A suspicion up to that fall of effort was looked into and dismissed.
    Keys { dismissed: f32 },
    /// Every picture, since then; and since when there has been motion, or a verdict.
    Every { since_us: i64, moves_since_us: Option<i64>, verdict_since_us: Option<i64> },
    /// Key pictures: the verdict was confirmed.
    Settled,
}

impl Eye {
    /// Looks at a stream whose picture is declared to be of that kind.
    pub fn new(declared: PictureKind) -> Self {
        Self {
            declared,
            motion: Motion::default(),
            blanks: Blanks::default(),
            efforts: Efforts::default(),
            grain: Grain::default(),
            slides: Slides::default(),
            still: None,
            last: None,
            key: None,
            keys_differed: None,
            watch: Watch::Keys { dismissed: 0.0 },
            suspicion: None,
            newest_us: i64::MIN,
        }
    }

    /// Takes the coding effort of a picture that is not intra-coded, in decoding order.
    pub fn effort(&mut self, pts_us: i64, x: f32) {
        self.efforts.push(pts_us, x);
        self.newest_us = self.newest_us.max(pts_us);
        self.judge_stillness();
        let frozen = self.still.is_some_and(|still| self.is_frozen(&still));
        if self.watch == Watch::Settled && frozen && self.efforts.is_back() {
            self.look();
        }
    }

    /// The picture at that media time is a key picture; told before it is shown.
    pub fn key(&mut self, pts_us: i64) {
        self.motion.key(pts_us);
    }

    /// Headers find the effort suspiciously low, by that many powers of two; `None` when not (any more).
    pub fn suspect(&mut self, drop: Option<f32>) {
        let fresh = match (self.watch, drop) {
            (Watch::Keys { dismissed }, Some(drop)) => dismissed == 0.0 || drop >= dismissed + FURTHER_DROP,
            (Watch::Every { .. } | Watch::Settled, Some(_)) | (_, None) => false,
        };
        self.suspicion = drop;
        if let (Watch::Keys { dismissed }, None) = (&mut self.watch, drop) {
            *dismissed = 0.0;
        }
        if fresh {
            self.look();
        }
    }

    /// Takes a decoded picture.
    pub fn picture(&mut self, luma: Luma, depth: Depth) {
        let at_us = luma.pts_us();
        self.newest_us = self.newest_us.max(at_us);
        self.blanks.push(at_us, luma.shade());
        match depth {
            Depth::Full => self.full(luma.clone()),
            Depth::Key => self.key_picture(&luma),
        }
        self.last = Some(luma);
        self.judge_stillness();
        self.move_on(at_us);
    }

    /// Units are missing, or the picture is another one: nothing before counts.
    pub fn interrupted(&mut self) {
        let slides = std::mem::take(&mut self.slides);
        *self = Self { slides, ..Self::new(self.declared) };
    }

    /// Pictures that are not looked at lie between the last ones and the next.
    pub fn skipped(&mut self) {
        self.motion.restart();
    }

    /// Whether every picture is wanted, not only key pictures.
    pub fn wants_every(&self) -> bool {
        matches!(self.watch, Watch::Every { .. })
    }

    /// From which media time on pictures are wanted when every one is.
    pub fn wants_from_us(&self) -> i64 {
        match self.watch {
            Watch::Every { since_us, .. } => since_us - 2 * (motion::LAG_US + motion::HOLD_US),
            Watch::Keys { .. } | Watch::Settled => self.newest_us,
        }
    }

    /// What is seen now.
    pub fn sight(&self) -> Sight {
        let blank = self.blanks.blank();
        let still = if blank.is_some() { None } else { self.still };
        Sight { blank, still: still.map(|still| Still { frozen: self.is_frozen(&still), ..still }) }
    }

    /// What headers suspect and nobody has looked into: how far the effort fell.
    pub fn suspicion(&self) -> Option<f32> {
        self.suspicion.filter(|_| self.wants_every() && !self.shows_slides())
    }

    fn is_frozen(&self, still: &Still) -> bool {
        still.frozen && !still.alive && !self.shows_slides()
    }

    fn shows_slides(&self) -> bool {
        self.declared == PictureKind::Slides || self.slides.learned()
    }

    fn look(&mut self) {
        self.watch = Watch::Every { since_us: self.newest_us, moves_since_us: None, verdict_since_us: None };
    }

    fn full(&mut self, luma: Luma) {
        let changed = self.motion.newest().map(|before| luma.changed(before));
        let at_us = luma.pts_us();
        self.motion.push(luma);
        if let Some(seen) = self.motion.still() {
            let sudden = self.is_sudden(&seen);
            if self.still.is_none() {
                self.slides.stands(seen.since_us);
            }
            let fresh =
                Still { since_us: seen.since_us, block_max: 0.0, drop: None, frozen: sudden, alive: false };
            let still = self.still.get_or_insert(fresh);
            if sudden && !still.frozen && seen.since_us > still.since_us {
                *still = fresh;
            }
            still.block_max = seen.block_max;
            self.grain.push(at_us - seen.since_us, changed.unwrap_or(0.0));
            still.alive |= self.grain.is_alive() == Some(true);
        } else if self.motion.moves() {
            self.moved();
        }
    }

    /// Whether all that moved stopped from one picture to the next.
    fn is_sudden(&self, seen: &Stillness) -> bool {
        if let Some(step) = seen.moved_before {
            return step >= SUDDEN_STEP;
        }
        // The group began with the stillness, or just before: key pictures know whether there was motion.
        let recent = |at_us: i64| at_us < seen.since_us && seen.since_us - at_us <= SUDDEN_KEYS_US;
        let since_key = self.key.as_ref().filter(|key| recent(key.pts_us())).zip(self.motion.newest());
        let differs = since_key.map_or(0.0, |(key, newest)| key.block_max(newest));
        let differed = self.keys_differed.filter(|&(at_us, _)| recent(at_us)).map_or(0.0, |(_, by)| by);
        self.suspicion.is_some() && differs.max(differed) >= SUDDEN_KEYS
    }

    fn key_picture(&mut self, luma: &Luma) {
        let Some(before) = &self.key else {
            self.key = Some(luma.clone());
            return;
        };
        if luma.pts_us() - before.pts_us() < KEYS_APART_US {
            return;
        }
        let difference = luma.block_max(before);
        let since_us = before.pts_us();
        self.key = Some(luma.clone());
        self.keys_differed = Some((since_us, difference));
        if difference >= KEYS_STILL_BELOW {
            self.keys_differ();
        } else if self.still.is_none() && !self.wants_every() && !self.blanks.begins() {
            self.slides.stands(since_us);
            self.still =
                Some(Still { since_us, block_max: difference, drop: None, frozen: false, alive: false });
        }
    }

    /// Motion lies between two key pictures. Of a verdict that stood, every picture is looked at.
    fn keys_differ(&mut self) {
        if self.still.is_some() && !self.wants_every() {
            self.moved();
            self.look();
        }
    }

    fn moved(&mut self) {
        self.grain = Grain::default();
        if self.still.take().is_some() {
            self.slides.changes(self.newest_us);
        }
    }

    /// Decides whether what stands still is frozen, as soon as the effort of enough pictures is known.
    fn judge_stillness(&mut self) {
        let Some(still) = &mut self.still else { return };
        if self.newest_us - still.since_us > SETTLES_US && still.drop.is_some() {
            return;
        }
        let Some(drop) = self.efforts.drop_at(still.since_us) else { return };
        still.drop = Some(still.drop.map_or(drop, |before| before.max(drop)));
        still.frozen |= drop >= FREEZE_DROP;
    }

    /// Decides whether every picture is still, or now, wanted.
    fn move_on(&mut self, at_us: i64) {
        let has_verdict = self.blanks.blank().is_some() || self.still.is_some();
        match &mut self.watch {
            Watch::Keys { .. } => {
                let doubtful =
                    self.still.is_some_and(|still| !still.frozen && still.drop >= Some(DOUBT_DROP));
                if self.blanks.begins() || doubtful {
                    self.look();
                }
            }
            Watch::Every { since_us, moves_since_us, verdict_since_us } => {
                let moves = self.motion.moves() && !self.blanks.begins();
                // Motion before the suspicion, in pictures that are only caught up with, dismisses nothing.
                *moves_since_us = moves.then(|| moves_since_us.unwrap_or(at_us.max(*since_us)));
                *verdict_since_us = has_verdict.then(|| verdict_since_us.unwrap_or(at_us));
                let lasts = |since: &Option<i64>, us: i64| since.is_some_and(|since| at_us - since >= us);
                if lasts(verdict_since_us, CONFIRMED_US) {
                    // The next key picture is compared with this one: the last key picture may be from before.
                    self.key = self.last.clone();
                    self.watch = Watch::Settled;
                } else if lasts(moves_since_us, DISMISSED_US) || at_us - *since_us > LOOK_MAX_US {
                    self.watch = Watch::Keys { dismissed: self.suspicion.unwrap_or(0.0) };
                }
            }
            Watch::Settled if !has_verdict => self.look(),
            Watch::Settled => {}
        }
    }
}

#[cfg(test)]
mod tests;

//! Whether a picture moves, from small pictures that follow one another closely. Times are media times; knows neither
//! decoder nor clock.
//!
//! A picture is compared with the one about half a second before: long enough that a calm talker has moved, short
//! enough that a frozen picture is known within a second.

use std::collections::VecDeque;

use super::luma::Luma;

/// How far back a picture is compared, microseconds.
pub const LAG_US: i64 = 400_000;
/// How long nothing may move until the picture stands still, microseconds.
pub const HOLD_US: i64 = 400_000;
/// Largest block difference of a picture that does not move. Encoders that refine a still reach 1.8, calm talkers stay
/// above 2.6.
pub const STILL_BELOW: f32 = 2.2;
/// Block difference above which a picture that stood still moves again: a fresh key picture of the same still may
/// differ by more than the encoder's refinement does.
pub const MOVES_ABOVE: f32 = 3.0;
/// The same where a key picture lies between those compared: at a constant rate it is coarser than the refined still
/// before it.
pub const MOVES_ABOVE_KEY: f32 = 5.0;
/// Key pictures that are remembered.
const KEYS_MAX: usize = 4;
/// Farthest that two compared pictures may lie apart, microseconds: with less than one picture in that time nothing
/// can be said about motion.
const APART_MAX_US: i64 = 2_500_000;
/// Most pictures kept: half a second at 100 pictures per second, with a margin.
const KEPT_MAX: usize = 64;
/// How much of the time before a stillness says whether something moved, microseconds.
const BEFORE_US: i64 = 1_000_000;
/// Steps from picture to picture that say so.
const STEPS_MIN: usize = 3;
/// Most steps kept: the lag, the hold and the time before at 100 pictures per second.
const STEPS_MAX: usize = 192;

/// Watches consecutive pictures for motion.
#[derive(Debug, Clone, Default)]
pub struct Motion {
    kept: VecDeque<Luma>,
    /// Media time, and largest block difference to the picture before.
    steps: VecDeque<(i64, f32)>,
    /// Media times of the newest key pictures.
    keys: VecDeque<i64>,
    still: Option<Stillness>,
}

/// A stretch without motion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stillness {
    /// First picture that repeats the one before, media time in microseconds.
    pub since_us: i64,
    /// First picture for which that could be said.
    known_us: i64,
    /// Newest picture.
    until_us: i64,
    /// Largest block difference since, luma steps.
    pub block_max: f32,
    /// How much pictures differed from one to the next in the second before: the upper quartile of their largest block
    /// differences. `None` where too few of them were seen.
    pub moved_before: Option<f32>,
}

impl Motion {
    /// Takes the next picture, in the order of showing. One that is not newer than the last starts over.
    pub fn push(&mut self, picture: Luma) {
        if self.kept.back().is_some_and(|last| picture.pts_us() <= last.pts_us()) {
            self.restart();
        }
        let at_us = picture.pts_us();
        self.forget_before(at_us - LAG_US);
        if let Some(reference) = self.kept.front().filter(|kept| kept.pts_us() <= at_us - LAG_US) {
            let difference = picture.block_max(reference);
            let since_us = self.kept.get(1).map_or(at_us, Luma::pts_us);
            self.compare(difference, since_us, at_us);
        }
        self.note_step(&picture);
        if self.kept.len() == KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(picture);
    }

    /// A picture at that media time is a key picture.
    pub fn key(&mut self, pts_us: i64) {
        if self.keys.len() == KEYS_MAX {
            self.keys.pop_front();
        }
        self.keys.push_back(pts_us);
    }

    /// Forgets everything: the next picture does not follow the last one.
    pub fn restart(&mut self) {
        self.kept.clear();
        self.steps.clear();
        self.still = None;
    }

    /// The picture that came last.
    pub fn newest(&self) -> Option<&Luma> {
        self.kept.back()
    }

    /// The stretch without motion that lasts until now, once it is long enough.
    pub fn still(&self) -> Option<Stillness> {
        self.still.filter(|still| still.until_us - still.known_us >= HOLD_US)
    }

    /// Whether the newest pictures that could be compared differ.
    pub fn moves(&self) -> bool {
        self.still.is_none() && self.spans_lag()
    }

    /// Keeps the newest picture that is at least as old as that, and all after it.
    fn forget_before(&mut self, before_us: i64) {
        while self.kept.get(1).is_some_and(|second| second.pts_us() <= before_us) {
            self.kept.pop_front();
        }
        let apart_max_us = before_us + LAG_US - APART_MAX_US;
        if self.kept.front().is_some_and(|first| first.pts_us() < apart_max_us) {
            self.restart();
        }
    }

    fn compare(&mut self, difference: f32, since_us: i64, at_us: i64) {
        // Once it seems to stand still, a fresh key picture of the same still is no motion.
        let refreshed = self.keys.iter().any(|key| (since_us..=at_us).contains(key));
        let limit = match self.still {
            None => STILL_BELOW,
            Some(_) if refreshed => MOVES_ABOVE_KEY,
            Some(_) => MOVES_ABOVE,
        };
        if difference >= limit {
            self.still = None;
            return;
        }
        let fresh = |motion: &Self| Stillness {
            since_us,
            known_us: at_us,
            until_us: at_us,
            block_max: 0.0,
            moved_before: motion.moved_before(since_us),
        };
        let begun = self.still.unwrap_or_else(|| fresh(self));
        let still = self.still.insert(begun);
        still.until_us = at_us;
        still.block_max = still.block_max.max(difference);
    }

    fn note_step(&mut self, picture: &Luma) {
        let Some(before) = self.kept.back() else { return };
        if self.steps.len() == STEPS_MAX {
            self.steps.pop_front();
        }
        self.steps.push_back((picture.pts_us(), picture.block_max(before)));
    }

    fn moved_before(&self, since_us: i64) -> Option<f32> {
        let window = since_us - BEFORE_US..since_us;
        let mut steps: Vec<f32> =
            self.steps.iter().filter(|(at_us, _)| window.contains(at_us)).map(|&(_, step)| step).collect();
        if steps.len() < STEPS_MIN {
            return None;
        }
        let upper_quartile = steps.len() * 3 / 4;
        Some(*steps.select_nth_unstable_by(upper_quartile, f32::total_cmp).1)
    }

    fn spans_lag(&self) -> bool {
        match (self.kept.front(), self.kept.back()) {
            (Some(first), Some(last)) => last.pts_us() - first.pts_us() >= LAG_US,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::eye::luma::{PIXELS, WIDTH};

    const FRAME_US: i64 = 40_000;

    fn picture(index: i64, brightness_of_face: u8) -> Luma {
        let mut pixels = vec![100; PIXELS];
        for row in 20..40 {
            pixels[row * WIDTH + 40..row * WIDTH + 60].fill(brightness_of_face);
        }
        Luma::new(index * FRAME_US, pixels).unwrap()
    }

    fn moving(index: i64) -> Luma {
        picture(index, (index % 7 * 20) as u8)
    }

    fn known_still_after(first_frozen: i64, frames: i64) -> Option<i64> {
        let mut motion = Motion::default();
        for index in 0..frames {
            motion.push(moving(index.min(first_frozen - 1)).at(index));
            if motion.still().is_some() {
                return Some(index - first_frozen);
            }
        }
        None
    }

    impl Luma {
        fn at(self, index: i64) -> Self {
            let brightness = self.pixel(25 * WIDTH + 50);
            picture(index, brightness)
        }
    }

    #[test]
    fn a_frozen_picture_is_known_within_nine_tenths_of_a_second() {
        let frames = known_still_after(50, 120).unwrap();
        assert!((18..=22).contains(&frames), "{frames}");
        assert_eq!(known_still_after(200, 120), None);
    }

    #[test]
    fn it_began_with_the_first_repeated_picture_and_ends_with_motion() {
        let mut motion = Motion::default();
        for index in 0..90 {
            motion.push(moving(index.min(49)).at(index));
        }
        assert_eq!(motion.still().map(|still| still.since_us / FRAME_US), Some(50));
        assert!(motion.still().and_then(|still| still.moved_before).is_some_and(|step| step >= 20.0));
        motion.push(picture(90, 200));
        assert_eq!(motion.still(), None);
        assert!(motion.moves());
    }

    #[test]
    fn a_coarser_key_picture_of_the_same_still_is_no_motion() {
        for (key, expected) in [(true, Some(50)), (false, None)] {
            let mut motion = Motion::default();
            for index in 0..75 {
                if key && index == 62 {
                    motion.key(index * FRAME_US);
                }
                // Four luma steps, from the key picture on.
                let coarser = u8::from(index >= 62) * 4;
                let shown = moving(index.min(49)).at(index);
                motion.push(picture(index, shown.pixel(25 * WIDTH + 50) + coarser));
            }
            assert_eq!(motion.still().map(|still| still.since_us / FRAME_US), expected, "{key}");
        }
    }

    #[test]
    fn a_gap_or_a_step_back_starts_over() {
        for jump in [200, -200] {
            let mut motion = Motion::default();
            for index in 0..60 {
                motion.push(picture(index + 300, 100));
            }
            assert_eq!(motion.still().map(|still| still.moved_before), Some(None));
            motion.push(picture(360 + jump, 100));
            assert_eq!(motion.still(), None, "{jump}");
            assert!(!motion.moves());
        }
    }

    #[test]
    fn few_pictures_per_second_are_compared_too() {
        let mut motion = Motion::default();
        for index in 0..4 {
            motion.push(picture(index * 25, 100));
        }
        assert!(motion.still().is_some());
    }
}

//! Whether a picture that stands still is alive: a camera's noise changes a few pixels from each picture to the next,
//! a frozen picture changes none once its encoder has refined it. Knows shares of pixels, nothing else.

use std::collections::VecDeque;

/// How long an encoder refines a picture that has just been frozen, microseconds: until then changes say nothing.
const REFINED_US: i64 = 800_000;
/// Pictures that are looked at together.
const WINDOW: usize = 20;
/// Share of pixels that change in three of four pictures of a camera. Frozen pictures stay below 0.014, refinement
/// and key pictures change many pixels, but only now and then.
const ALIVE_SHARE: f32 = 0.016;
/// The same while an encoder at a constant rate may still spend all of it on refining: frozen pictures reach 0.03
/// then, noisy rooms 0.057.
const ALIVE_SHARE_EARLY: f32 = 0.045;
/// From when on the first holds, microseconds.
const EARLY_US: i64 = 2_400_000;

/// Changes of a picture that stands still.
#[derive(Debug, Clone, Default)]
pub(super) struct Grain {
    shares: VecDeque<f32>,
    early: bool,
}

impl Grain {
    /// Takes which share of the pixels changed from one picture to the next, so long after the first that stood still.
    pub(super) fn push(&mut self, after_us: i64, share: f32) {
        let early = after_us < EARLY_US;
        if after_us < REFINED_US || early != self.early {
            self.shares.clear();
        }
        self.early = early;
        if after_us < REFINED_US {
            return;
        }
        if self.shares.len() == WINDOW {
            self.shares.pop_front();
        }
        self.shares.push_back(share);
    }

    /// Whether it is alive; `None` while too few pictures are known.
    pub(super) fn is_alive(&self) -> Option<bool> {
        if self.shares.len() < WINDOW {
            return None;
        }
        let mut sorted: Vec<f32> = self.shares.iter().copied().collect();
        sorted.sort_by(f32::total_cmp);
        let share = if self.early { ALIVE_SHARE_EARLY } else { ALIVE_SHARE };
        Some(sorted[WINDOW / 4] >= share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alive(pictures: i64, shares: impl Fn(i64) -> f32) -> Option<bool> {
        let mut grain = Grain::default();
        (0..pictures).for_each(|at| grain.push(at * 40_000, shares(at)));
        grain.is_alive()
    }

    #[test]
    fn noise_is_alive_and_refinement_and_key_pictures_are_not() {
        assert_eq!(alive(60, |_| 0.06), Some(true));
        // A constant-rate encoder refines for two seconds; a calm camera is known after that.
        assert_eq!(alive(60, |_| 0.03), Some(false));
        assert_eq!(alive(90, |_| 0.03), Some(true));
        assert_eq!(alive(90, |at| if at < 55 { 0.03 } else { 0.012 }), Some(false));
        assert_eq!(alive(60, |at| if at < 25 { 0.08 } else { 0.006 }), Some(false));
        assert_eq!(alive(60, |at| if at % 10 < 4 { 0.2 } else { 0.004 }), Some(false));
        let mut grain = Grain::default();
        (0..30).for_each(|at| grain.push(at * 40_000, 0.03));
        assert_eq!(grain.is_alive(), None);
    }
}

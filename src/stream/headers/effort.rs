//! The compressed-domain trigger: an encoder whose picture stands still, or is black, has suddenly less to do.
//!
//! Effort is X = log2(bits · 2^(QP/6)): size alone says nothing with constant-rate encoders, which spend the same bits
//! at a finer step. The trigger is no verdict, since scene cuts pull it too; pixels decide.

use crate::domain::time::Mono;

/// Pictures of which the median counts.
const MEDIAN_OF: usize = 12;

/// Fall of the median below the average that makes suspicious, powers of two.
const DROP_MIN: f32 = 1.0;

/// Fall below which suspicion ends again.
const DROP_END: f32 = 0.7;

/// Pictures until an average means something.
const WARM_UP: u32 = 25;

/// Weight of one picture in the average: a time constant of five seconds at 25 pictures per second.
const WEIGHT: f32 = 1.0 / 128.0;

/// After so long a low effort is what is usual now: the scene has changed.
const ADAPT_AFTER_US: u64 = 60_000_000;

/// Watches the effort of one stream's pictures, random access points left out.
#[derive(Debug, Default)]
pub(in crate::stream) struct Effort {
    last: Vec<f32>,
    next: usize,
    average: f32,
    seen: u32,
    low: Option<Low>,
    suspicious: bool,
}

/// An effort that has fallen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::stream) struct Low {
    /// How far below the average, powers of two.
    pub(in crate::stream) drop: f32,
    /// Arrival of the first picture that was low.
    pub(in crate::stream) since: Mono,
}

impl Effort {
    /// Takes the effort of a picture; gives what is low as long as the trigger is pulled.
    pub(in crate::stream) fn push(&mut self, x: f32, at: Mono) -> Option<Low> {
        let median = self.median_with(x);
        if self.seen < WARM_UP {
            self.seen += 1;
            self.average += (x - self.average) / self.seen as f32;
            return None;
        }
        self.note(x, at);
        let drop = self.average - median;
        self.suspicious = drop >= if self.suspicious { DROP_END } else { DROP_MIN };
        let adapts = self.low.is_some_and(|low| at.since(low.since).0 > ADAPT_AFTER_US);
        if !self.suspicious || adapts {
            self.average += (x - self.average) * WEIGHT;
        }
        self.low.filter(|_| self.suspicious).map(|low| Low { drop, ..low })
    }

    /// A new source: nothing is usual yet.
    pub(in crate::stream) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Remembers since when pictures are low.
    fn note(&mut self, x: f32, at: Mono) {
        let is_low = self.average - x >= DROP_MIN;
        if !is_low && !self.suspicious {
            self.low = None;
        } else if is_low && self.low.is_none() {
            self.low = Some(Low { drop: 0.0, since: at });
        }
    }

    fn median_with(&mut self, x: f32) -> f32 {
        if self.last.len() < MEDIAN_OF {
            self.last.push(x);
        } else {
            self.last[self.next] = x;
        }
        self.next = (self.next + 1) % MEDIAN_OF;
        let mut sorted = [f32::INFINITY; MEDIAN_OF];
        sorted[..self.last.len()].copy_from_slice(&self.last);
        sorted.sort_unstable_by(f32::total_cmp);
        sorted[self.last.len() / 2]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds runs of (pictures, effort) at 25 per second; gives at which picture it first fired, and since when.
    fn first_low(runs: &[(usize, f32)]) -> Option<(usize, u64)> {
        let mut effort = Effort::default();
        let xs = runs.iter().flat_map(|&(n, x)| std::iter::repeat_n(x, n));
        xs.enumerate().find_map(|(n, x)| {
            let wobble = if n % 2 == 0 { 0.2 } else { -0.2 };
            let low = effort.push(x + wobble, Mono(n as u64 * 40_000))?;
            Some((n, low.since.0 / 40_000))
        })
    }

    #[test]
    fn a_fall_fires_within_a_third_of_a_second_and_knows_its_first_picture() {
        for (live, frozen) in [(19.4, 17.3), (19.4, 16.5), (19.0, 9.0), (19.4, 13.1)] {
            let (fired, since) = first_low(&[(100, live), (50, frozen)]).unwrap();
            assert!(fired - 100 <= 8, "{live} {frozen}: {fired}");
            assert_eq!(since, 100, "{live} {frozen}");
        }
    }

    #[test]
    fn calm_noise_and_single_small_pictures_do_not_fire() {
        assert_eq!(first_low(&[(100, 19.4), (200, 18.8)]), None);
        assert_eq!(first_low(&[(100, 19.4), (3, 9.0), (100, 19.4)]), None);
        assert_eq!(first_low(&[(10, 19.4), (10, 9.0)]), None);
    }

    #[test]
    fn a_long_still_scene_becomes_usual() {
        let mut effort = Effort::default();
        let mut fired = 0;
        for n in 0..6_000u64 {
            let x = if n < 100 { 19.0 } else { 16.0 };
            fired += u64::from(effort.push(x, Mono(n * 40_000)).is_some());
        }
        assert!(effort.push(16.0, Mono(6_000 * 40_000)).is_none(), "{fired}");
        assert!(fired > 1_400, "{fired}");
    }
}

//! The compressed-domain trigger: an encoder whose picture stands still, or is black, has suddenly less to do.
//!
//! Effort is X = log2(bits · 2^(QP/6)): size alone says nothing with constant-rate encoders, which spend the same bits
//! at a finer step. Those that refine a still with all their rate keep X up for a second and more, but their step falls
//! within five pictures, so the quantiser alone is watched too. The trigger is no verdict, since scene cuts pull it as
//! well; pixels decide.

use crate::domain::time::Mono;

/// Values until an average means something.
const WARM_UP: u32 = 25;

/// Weight of one value in the average: a time constant of five seconds at 25 pictures per second.
const WEIGHT: f32 = 1.0 / 128.0;

/// After so long a low value is what is usual now: the scene has changed.
const ADAPT_AFTER_US: u64 = 60_000_000;

/// Effort, powers of two.
const EFFORT: Limits = Limits { median_of: 12, begins: 1.0, ends: 0.7 };

/// Quantiser, its own steps, of which six are one power of two. Talkers at a constant rate stay within two steps of
/// their average.
const QUANTISER: Limits = Limits { median_of: 6, begins: 3.5, ends: 2.5 };

/// Steps of the quantiser that double its step size (ITU-T H.264 8.5.9, H.265 8.6.1).
const STEPS_PER_POWER: f32 = 6.0;

/// Watches the effort of one stream's pictures, random access points left out.
#[derive(Debug)]
pub(in crate::stream) struct Effort {
    effort: Fall,
    quantiser: Fall,
}

/// An effort that has fallen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::stream) struct Low {
    /// How far below the average, powers of two.
    pub(in crate::stream) drop: f32,
    /// Arrival of the first picture that was low.
    pub(in crate::stream) since: Mono,
}

impl Default for Effort {
    fn default() -> Self {
        Self { effort: Fall::new(EFFORT), quantiser: Fall::new(QUANTISER) }
    }
}

impl Effort {
    /// Takes effort and quantiser of a picture; gives what is low as long as the trigger is pulled.
    pub(in crate::stream) fn push(&mut self, x: f32, quantiser: f32, at: Mono) -> Option<Low> {
        let effort = self.effort.push(x, at);
        let step = self.quantiser.push(quantiser, at);
        let step = step.map(|low| Low { drop: low.drop / STEPS_PER_POWER, ..low });
        match (effort, step) {
            (Some(a), Some(b)) => Some(Low { drop: a.drop.max(b.drop), since: a.since.min(b.since) }),
            (one, other) => one.or(other),
        }
    }

    /// A new source: nothing is usual yet.
    pub(in crate::stream) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// When a value counts as fallen.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Values of which the median counts.
    median_of: usize,
    /// Fall of the median below the average that makes suspicious.
    begins: f32,
    /// Fall below which suspicion ends again.
    ends: f32,
}

/// A value that has a usual size and may fall below it.
#[derive(Debug)]
struct Fall {
    limits: Limits,
    last: Vec<f32>,
    next: usize,
    average: f32,
    seen: u32,
    low_since: Option<Mono>,
    suspicious: bool,
}

impl Fall {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            last: Vec::with_capacity(limits.median_of),
            next: 0,
            average: 0.0,
            seen: 0,
            low_since: None,
            suspicious: false,
        }
    }

    fn push(&mut self, value: f32, at: Mono) -> Option<Low> {
        let median = self.median_with(value);
        if self.seen < WARM_UP {
            self.seen += 1;
            self.average += (value - self.average) / self.seen as f32;
            return None;
        }
        self.note(value, at);
        let drop = self.average - median;
        self.suspicious = drop >= if self.suspicious { self.limits.ends } else { self.limits.begins };
        let adapts = self.low_since.is_some_and(|since| at.since(since).0 > ADAPT_AFTER_US);
        if !self.suspicious || adapts {
            self.average += (value - self.average) * WEIGHT;
        }
        self.low_since.filter(|_| self.suspicious).map(|since| Low { drop, since })
    }

    /// Remembers since when values are low.
    fn note(&mut self, value: f32, at: Mono) {
        let is_low = self.average - value >= self.limits.begins;
        if !is_low && !self.suspicious {
            self.low_since = None;
        } else if is_low && self.low_since.is_none() {
            self.low_since = Some(at);
        }
    }

    fn median_with(&mut self, value: f32) -> f32 {
        if self.last.len() < self.limits.median_of {
            self.last.push(value);
        } else {
            self.last[self.next] = value;
        }
        self.next = (self.next + 1) % self.limits.median_of;
        let mut sorted = [f32::INFINITY; EFFORT.median_of];
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
            let low = effort.push(x + wobble, 30.0, Mono(n as u64 * 40_000))?;
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
            fired += u64::from(effort.push(x, 30.0, Mono(n * 40_000)).is_some());
        }
        assert!(effort.push(16.0, 30.0, Mono(6_000 * 40_000)).is_none(), "{fired}");
        assert!(fired > 1_400, "{fired}");
    }

    #[test]
    fn an_encoder_that_refines_a_still_is_known_by_its_quantiser() {
        let falls = |frozen: &[f32]| {
            let mut effort = Effort::default();
            let usual = (0..100).map(|n| 30.0 + (n % 3) as f32 - 1.0);
            let qps = usual.chain(frozen.iter().copied());
            let low = |(n, qp): (u64, f32)| effort.push(20.0, qp, Mono(n * 40_000)).map(|low| (n, low.since));
            (0..).zip(qps).find_map(low)
        };
        // A talker that froze before x264 at 1 Mbit/s.
        assert_eq!(falls(&[28.0, 25.0, 23.0, 22.0, 21.0, 25.0]), Some((104, Mono(101 * 40_000))));
        assert_eq!(falls(&[28.0, 27.0, 28.0, 28.0, 27.0, 28.0, 28.0]), None);
    }
}

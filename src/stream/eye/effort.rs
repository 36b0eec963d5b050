//! How far the encoder's effort fell when a picture came to stand still. Knows numbers with media times, nothing else.
//!
//! Effort is X = log2(bits · 2^(QP/6)) of a picture, so a fall of one is half as much to say. The median before the
//! stillness is compared with the median since: single large or small pictures do not count.

use std::collections::VecDeque;

/// How much of the time before is compared, microseconds.
const BEFORE_US: i64 = 4_000_000;
/// Pictures before, and since, that make a median.
const BEFORE_MIN: usize = 12;
const SINCE_MIN: usize = 8;
/// Newest pictures that count when a stillness lasts.
const SINCE_MAX: usize = 25;
/// How long efforts are kept, microseconds: what came before a stillness that keys find only after two groups.
const KEPT_US: i64 = 15_000_000;
/// Most pictures kept.
const KEPT_MAX: usize = 1024;
/// Fall below which the effort is back at its usual.
const BACK_BELOW: f32 = 0.5;

/// Efforts of the last pictures.
#[derive(Debug, Clone, Default)]
pub struct Efforts {
    kept: VecDeque<(i64, f32)>,
    /// The median before the stillness that is being judged.
    before: Option<(i64, f32)>,
}

impl Efforts {
    /// Takes a picture's effort.
    pub fn push(&mut self, pts_us: i64, x: f32) {
        if self.kept.len() == KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back((pts_us, x));
        while self.kept.front().is_some_and(|&(first, _)| pts_us - first > KEPT_US) {
            self.kept.pop_front();
        }
    }

    /// How far effort fell at that moment, powers of two; `None` while too few pictures are known. What was before
    /// is remembered until another moment is asked for.
    pub fn drop_at(&mut self, since_us: i64) -> Option<f32> {
        let before = self.before_of(since_us)?;
        let since = self.kept.iter().rev().filter(|&&(pts, _)| pts >= since_us).take(SINCE_MAX);
        let after = median(since.map(|&(_, x)| x).collect(), SINCE_MIN)?;
        Some(before - after)
    }

    /// Whether the newest pictures cost about as much again as those before the stillness that was judged last.
    pub fn is_back(&self) -> bool {
        let newest = median(self.kept.iter().rev().take(SINCE_MIN).map(|&(_, x)| x).collect(), SINCE_MIN);
        match (self.before, newest) {
            (Some((_, before)), Some(newest)) => before - newest < BACK_BELOW,
            _ => false,
        }
    }

    fn before_of(&mut self, since_us: i64) -> Option<f32> {
        if let Some((of_us, before)) = self.before.filter(|&(of_us, _)| of_us == since_us) {
            return (of_us == since_us).then_some(before);
        }
        let window = since_us - BEFORE_US..since_us;
        let before = self.kept.iter().filter(|(pts, _)| window.contains(pts)).map(|&(_, x)| x).collect();
        let before = median(before, BEFORE_MIN)?;
        self.before = Some((since_us, before));
        Some(before)
    }
}

/// The middle value of at least that many.
fn median(mut values: Vec<f32>, at_least: usize) -> Option<f32> {
    if values.len() < at_least {
        return None;
    }
    let middle = values.len() / 2;
    Some(*values.select_nth_unstable_by(middle, f32::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(runs: &[(i64, f32)]) -> Efforts {
        let mut efforts = Efforts::default();
        let xs = runs
            .iter()
            .flat_map(|&(count, x)| (0..count).map(move |i| x + if i % 2 == 0 { 0.2 } else { -0.2 }));
        for (index, x) in (0..).zip(xs) {
            efforts.push(index * 40_000, x);
        }
        efforts
    }

    #[test]
    fn the_fall_is_between_medians() {
        let cases = [
            (&[(100, 19.4), (10, 17.0)][..], Some(2.4)),
            (&[(100, 19.4), (60, 19.4)], Some(0.0)),
            (&[(100, 19.4), (7, 17.0)], None),
            (&[(5, 19.4), (50, 17.0)], None),
            (&[(100, 19.4), (2, 25.0), (20, 17.0)], Some(2.4)),
        ];
        for (runs, expected) in cases {
            let drop = fed(runs).drop_at(runs[0].0 * 40_000);
            match (drop, expected) {
                (Some(drop), Some(expected)) => assert!((drop - expected).abs() < 0.41, "{runs:?}: {drop}"),
                (drop, expected) => assert_eq!(drop.is_some(), expected.is_some(), "{runs:?}"),
            }
        }
    }

    #[test]
    fn what_was_before_is_remembered_and_its_return_noticed() {
        let mut efforts = fed(&[(100, 19.4), (30, 15.0)]);
        assert!(efforts.drop_at(4_000_000).is_some());
        assert!(!efforts.is_back());
        for index in 130..1000 {
            efforts.push(index * 40_000, 15.0);
        }
        assert!(efforts.drop_at(4_000_000).is_some_and(|drop| drop > 4.0));
        for index in 1000..1010 {
            efforts.push(index * 40_000, 19.3);
        }
        assert!(efforts.is_back());
    }
}

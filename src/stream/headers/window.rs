//! Sums over the last seconds, in steps of a tenth.

use crate::domain::time::Mono;

/// One step, in microseconds.
const STEP_US: u64 = 100_000;

/// A sum over the last `N` tenths of a second. Knows nothing of what is summed.
#[derive(Debug, Clone)]
pub(in crate::stream) struct Window<const N: usize> {
    steps: [u64; N],
    /// The step being filled, counted from the start of the clock.
    at: u64,
    /// Steps that this window has seen, at most `N`.
    filled: usize,
}

impl<const N: usize> Window<N> {
    /// Empty, from now on.
    pub(in crate::stream) fn new(now: Mono) -> Self {
        Self { steps: [0; N], at: now.0 / STEP_US, filled: 1 }
    }

    /// Adds at a moment; moments older than the newest count as the newest.
    pub(in crate::stream) fn add(&mut self, now: Mono, value: u64) {
        self.turn(now);
        let slot = self.slot();
        self.steps[slot] = self.steps[slot].saturating_add(value);
    }

    /// The sum up to now.
    pub(in crate::stream) fn sum(&mut self, now: Mono) -> u64 {
        self.turn(now);
        self.steps.iter().sum()
    }

    /// The sum per second, over as long as this window has been filled, the step under way left out.
    pub(in crate::stream) fn per_s(&mut self, now: Mono) -> f64 {
        self.turn(now);
        let whole: u64 = self.steps.iter().sum::<u64>() - self.steps[self.slot()];
        let steps = self.filled.saturating_sub(1).max(1);
        whole as f64 * 10.0 / steps as f64
    }

    /// Whether it has been filled once around.
    pub(in crate::stream) fn is_full(&self) -> bool {
        self.filled == N
    }

    fn slot(&self) -> usize {
        (self.at % N as u64) as usize
    }

    fn turn(&mut self, now: Mono) {
        let to = now.0 / STEP_US;
        let turns = to.saturating_sub(self.at).min(N as u64);
        for _ in 0..turns {
            self.at += 1;
            let slot = self.slot();
            self.steps[slot] = 0;
        }
        self.filled = (self.filled + turns as usize).min(N);
        if to > self.at {
            // Everything was cleared: only the place of the next sums moves.
            let slot = self.slot();
            self.at = to;
            debug_assert_eq!(self.steps[slot], 0, "a long pause empties the window");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(tenths: u64) -> Mono {
        Mono(tenths * STEP_US)
    }

    #[test]
    fn old_steps_leave_the_sum() {
        let mut window = Window::<20>::new(s(0));
        for tenth in 0..40 {
            window.add(s(tenth), 1);
        }
        assert_eq!(window.sum(s(39)), 20);
        assert_eq!(window.sum(s(49)), 10);
        assert_eq!(window.sum(s(1_000)), 0);
        window.add(s(1_000), 7);
        assert_eq!(window.sum(s(1_000)), 7);
    }

    #[test]
    fn a_rate_is_right_before_the_window_is_full_and_after_a_pause() {
        let mut window = Window::<20>::new(s(100));
        for tenth in 100..105 {
            window.add(s(tenth), 4);
        }
        assert!((window.per_s(s(105)) - 40.0).abs() < 1e-9);
        assert!(!window.is_full());
        assert!(window.per_s(s(400)).abs() < 1e-9);
        assert!(window.is_full());
    }

    #[test]
    fn time_that_goes_back_counts_as_now() {
        let mut window = Window::<20>::new(s(50));
        window.add(s(10), 3);
        assert_eq!(window.sum(s(50)), 3);
    }
}

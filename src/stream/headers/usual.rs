//! What a figure usually is: its average over a minute, which a fault does not pull down.

use crate::domain::time::Mono;

/// Weight of one second: a time constant of a minute.
const WEIGHT: f64 = 1.0 / 60.0;

/// What is low for so many seconds is usual from then on.
const ACCEPTED_AFTER_S: u32 = 600;

/// The average of one figure.
#[derive(Debug)]
pub(super) struct Usual {
    average: Option<f64>,
    /// The second that was counted last.
    counted: u64,
    seconds: u32,
    low_seconds: u32,
    /// Below this share of the average a value is a fault's.
    low_share: f64,
}

impl Usual {
    pub(super) fn new(low_share: f64) -> Self {
        Self { average: None, counted: 0, seconds: 0, low_seconds: 0, low_share }
    }

    /// Takes the value of a moment; each second counts once.
    pub(super) fn note(&mut self, now: Mono, value: f64) {
        let second = now.0 / 1_000_000;
        if second == self.counted {
            return;
        }
        self.counted = second;
        let average = *self.average.get_or_insert(value);
        if value < average * self.low_share {
            self.low_seconds += 1;
            if self.low_seconds < ACCEPTED_AFTER_S {
                return;
            }
            self.seconds = 0;
        }
        self.low_seconds = 0;
        self.seconds = self.seconds.saturating_add(1);
        self.average = Some(average + (value - average) * WEIGHT.max(1.0 / f64::from(self.seconds)));
    }

    /// The average; `None` before the first value.
    pub(super) fn value(&self) -> Option<f64> {
        self.average
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(runs: &[(u64, f64)]) -> f64 {
        let mut usual = Usual::new(0.3);
        let values = runs.iter().flat_map(|&(seconds, value)| (0..seconds).map(move |_| value));
        for (second, value) in (1u64..).zip(values) {
            usual.note(Mono(second * 1_000_000), value);
            usual.note(Mono(second * 1_000_000 + 500_000), value);
        }
        usual.value().unwrap()
    }

    #[test]
    fn a_fault_does_not_become_usual_and_a_lasting_change_does() {
        assert!((after(&[(30, 1800.0)]) - 1800.0).abs() < 1e-6);
        assert!((after(&[(30, 1800.0), (300, 100.0)]) - 1800.0).abs() < 1e-6);
        assert!((after(&[(30, 1800.0), (700, 100.0)]) - 100.0).abs() < 1e-6);
        let halved = after(&[(60, 1800.0), (120, 900.0)]);
        assert!((900.0..1100.0).contains(&halved), "{halved}");
    }
}

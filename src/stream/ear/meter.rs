//! Loudness of samples: tenths of a second from 16 bit samples as they come. Knows neither codec nor stream.

use super::Tenth;

/// Sample value at −0.1 dBFS, from which on it counts as full scale.
const FULL_SCALE: u16 = 32_393;
/// Samples in a row at full scale that make a tenth clipped.
const CLIPPED_RUN: u32 = 3;
/// Least loudness that is said, dBFS.
const FLOOR_DBFS: f32 = -120.0;

/// Measures one channel of sound in tenths of a second.
#[derive(Debug, Clone)]
pub struct Meter {
    samples_per_tenth: u32,
    samples: u32,
    energy: f64,
    peak: u16,
    run: u32,
    clipped: bool,
}

impl Meter {
    /// A meter for that many samples per second; at least ten.
    pub fn new(rate_hz: u32) -> Self {
        let samples_per_tenth = (rate_hz / 10).max(1);
        Self { samples_per_tenth, samples: 0, energy: 0.0, peak: 0, run: 0, clipped: false }
    }

    /// Takes samples whose first one is at `pts_us`, media time in microseconds, and gives the tenths that they complete.
    pub fn push(&mut self, pts_us: i64, samples: impl Iterator<Item = i16>) -> Vec<Tenth> {
        let mut tenths = Vec::new();
        for (index, sample) in (1_i64..).zip(samples) {
            self.take(sample);
            if self.samples == self.samples_per_tenth {
                let until_us = pts_us + index * 100_000 / i64::from(self.samples_per_tenth);
                tenths.push(self.finish(until_us));
            }
        }
        tenths
    }

    fn take(&mut self, sample: i16) {
        let size = sample.unsigned_abs();
        self.samples += 1;
        self.energy += f64::from(size) * f64::from(size);
        self.peak = self.peak.max(size);
        self.run = if size >= FULL_SCALE { self.run + 1 } else { 0 };
        self.clipped |= self.run >= CLIPPED_RUN;
    }

    fn finish(&mut self, until_us: i64) -> Tenth {
        let rms = (self.energy / f64::from(self.samples)).sqrt();
        let tenth = Tenth {
            until_us,
            rms_dbfs: dbfs(rms),
            peak_dbfs: dbfs(f64::from(self.peak)),
            clipped: self.clipped,
            speech_band: None,
        };
        *self = Self { run: self.run, ..Self::new(self.samples_per_tenth * 10) };
        tenth
    }
}

fn dbfs(value: f64) -> f32 {
    ((20.0 * (value / 32_768.0).log10()) as f32).max(FLOOR_DBFS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_signals_have_known_levels() {
        let square = |size: i16| (0..800).map(move |i| if i % 2 == 0 { size } else { -size });
        let cases = [(0, -120.0, false), (16_384, -6.02, false), (32_767, 0.0, true), (1, -90.31, false)];
        for (size, expected, clipped) in cases {
            let tenths = Meter::new(8000).push(0, square(size));
            assert_eq!(tenths.len(), 1);
            assert!((tenths[0].rms_dbfs - expected).abs() < 0.01, "{:?}", tenths[0]);
            assert_eq!(tenths[0].clipped, clipped, "{size}");
        }
    }

    #[test]
    fn a_tenth_may_end_within_a_frame() {
        let mut meter = Meter::new(8000);
        let frame = || std::iter::repeat_n(100_i16, 480);
        assert!(meter.push(0, frame()).is_empty());
        let tenths = meter.push(60_000, frame());
        assert_eq!(tenths.iter().map(|tenth| tenth.until_us).collect::<Vec<_>>(), [100_000]);
    }
}

//! How loud sound is, per 100 ms. Pure; knows samples and nothing of codecs or elements.

use crate::worker::sound::{FLOOR_DBFS, LOUDNESS_MS, Loudness};

/// −0.1 dBFS: a sample from here on counts as standing at full scale.
const FULL_SCALE: f32 = 0.988_553;
/// So many in a row are a clipped run.
const RUN: u32 = 3;
/// The band of speech on a telephone line, in Hz.
const BAND_HZ: (f32, f32) = (300.0, 3400.0);

/// Measures sound of one rate and any number of channels.
#[derive(Debug)]
pub(super) struct Meter {
    window: usize,
    band: [Filter; 2],
    runs: Vec<u32>,
    now: Sums,
}

/// What the current 100 ms have gathered so far.
#[derive(Debug, Default)]
struct Sums {
    frames: usize,
    samples: u32,
    square: f32,
    sum: f32,
    peak: f32,
    mixed: f32,
    banded: f32,
    clipped_runs: u16,
}

impl Meter {
    /// For sound of so many samples a second.
    pub(super) fn new(rate_hz: u32) -> Self {
        let rate = u16::try_from(rate_hz).map_or(f32::from(u16::MAX), f32::from).max(1000.0);
        let window = usize::try_from(rate_hz.max(1000) * LOUDNESS_MS / 1000).unwrap_or(usize::MAX);
        let band = [Filter::high_pass(BAND_HZ.0, rate), Filter::low_pass(BAND_HZ.1, rate)];
        Self { window, band, runs: Vec::new(), now: Sums::default() }
    }

    /// Takes samples, channel after channel within each moment, full scale 1; gives what was completed.
    pub(super) fn feed(&mut self, samples: &[f32], channels: usize, pts_us: i64, out: &mut Vec<Loudness>) {
        let channels = channels.max(1);
        self.runs.resize(channels, 0);
        let mut rest = samples;
        while rest.len() >= channels {
            let frames = (self.window - self.now.frames).min(rest.len() / channels);
            let (these, later) = rest.split_at(frames * channels);
            self.gather(these, channels);
            rest = later;
            if self.now.frames >= self.window {
                out.push(std::mem::take(&mut self.now).loudness(pts_us));
            }
        }
    }

    fn gather(&mut self, samples: &[f32], channels: usize) {
        let share = 1.0 / f32::from(u8::try_from(channels).unwrap_or(u8::MAX));
        for moment in samples.chunks_exact(channels) {
            let mut mix = 0.0;
            for (&sample, run) in moment.iter().zip(&mut self.runs) {
                let size = sample.abs();
                self.now.square += sample * sample;
                self.now.peak = self.now.peak.max(size);
                mix += sample;
                *run = if size >= FULL_SCALE { *run + 1 } else { 0 };
                if *run == RUN {
                    self.now.clipped_runs = self.now.clipped_runs.saturating_add(1);
                }
            }
            mix *= share;
            let high = self.band[0].step(mix);
            let voice = self.band[1].step(high);
            self.now.sum += mix;
            self.now.mixed += mix * mix;
            self.now.banded += voice * voice;
        }
        self.now.frames += samples.len() / channels;
        self.now.samples += u32::try_from(samples.len()).unwrap_or(u32::MAX);
    }
}

impl Sums {
    fn loudness(self, pts_us: i64) -> Loudness {
        let part = |sum: f32, count: f32| if count > 0.0 { sum / count } else { 0.0 };
        let count = u16::try_from(self.samples).map_or(f32::from(u16::MAX), f32::from);
        let frames = u16::try_from(self.frames).map_or(f32::from(u16::MAX), f32::from);
        Loudness {
            pts_us,
            rms_dbfs: dbfs(part(self.square, count).sqrt()),
            peak_dbfs: dbfs(self.peak),
            clipped_runs: self.clipped_runs,
            speech_band: if self.mixed > 1e-9 { (self.banded / self.mixed).clamp(0.0, 1.0) } else { 0.0 },
            offset: part(self.sum, frames).clamp(-1.0, 1.0),
        }
    }
}

fn dbfs(level: f32) -> f32 {
    if level.is_finite() { (20.0 * level.log10()).max(FLOOR_DBFS) } else { 0.0 }
}

/// A second-order Butterworth section (bilinear transform, Q = 1/√2).
#[derive(Debug, Clone, Copy)]
struct Filter {
    b: [f32; 3],
    a: [f32; 2],
    state: [f32; 2],
}

impl Filter {
    fn high_pass(corner_hz: f32, rate_hz: f32) -> Self {
        let (cos, alpha) = Self::terms(corner_hz, rate_hz);
        Self::new([(1.0 + cos) / 2.0, -(1.0 + cos), (1.0 + cos) / 2.0], cos, alpha)
    }

    /// Lets everything through when the corner lies beyond what the rate can carry.
    fn low_pass(corner_hz: f32, rate_hz: f32) -> Self {
        if corner_hz >= rate_hz * 0.45 {
            return Self { b: [1.0, 0.0, 0.0], a: [0.0; 2], state: [0.0; 2] };
        }
        let (cos, alpha) = Self::terms(corner_hz, rate_hz);
        Self::new([(1.0 - cos) / 2.0, 1.0 - cos, (1.0 - cos) / 2.0], cos, alpha)
    }

    fn terms(corner_hz: f32, rate_hz: f32) -> (f32, f32) {
        let angle = 2.0 * std::f32::consts::PI * corner_hz / rate_hz;
        (angle.cos(), angle.sin() * std::f32::consts::FRAC_1_SQRT_2)
    }

    fn new(b: [f32; 3], cos: f32, alpha: f32) -> Self {
        let a0 = 1.0 + alpha;
        Self { b: b.map(|term| term / a0), a: [-2.0 * cos / a0, (1.0 - alpha) / a0], state: [0.0; 2] }
    }

    fn step(&mut self, sample: f32) -> f32 {
        let out = self.b[0] * sample + self.state[0];
        self.state[0] = self.b[1] * sample - self.a[0] * out + self.state[1];
        self.state[1] = self.b[2] * sample - self.a[1] * out;
        // One value that is no number must not stay for ever.
        if !out.is_finite() {
            self.state = [0.0; 2];
            return 0.0;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f32, level: f32, rate: u16, seconds: u16) -> Vec<f32> {
        let step = 2.0 * std::f32::consts::PI * hz / f32::from(rate);
        (0..rate * seconds).map(|at| (f32::from(at) * step).sin() * level).collect()
    }

    fn measure(samples: &[f32], channels: usize, rate: u32) -> Vec<Loudness> {
        let mut out = Vec::new();
        let mut meter = Meter::new(rate);
        samples.chunks(channels * 777).for_each(|piece| meter.feed(piece, channels, 5, &mut out));
        out
    }

    #[test]
    fn a_tone_has_its_level_and_its_band() {
        for (hz, in_band) in [(1000.0, 0.9..=1.0), (60.0, 0.0..=0.05), (7000.0, 0.0..=0.12)] {
            let found = measure(&tone(hz, 0.1, 16_000, 1), 1, 16_000);
            assert_eq!(found.len(), 10);
            let last = found[9];
            assert!((last.rms_dbfs + 23.01).abs() < 0.1 && (last.peak_dbfs + 20.0).abs() < 0.2, "{last:?}");
            assert!(in_band.contains(&last.speech_band), "{hz} Hz: {}", last.speech_band);
            assert_eq!((last.clipped_runs, last.pts_us), (0, 5));
        }
    }

    #[test]
    fn silence_clipping_and_direct_current_show() {
        let silent = measure(&[0.0; 4800], 1, 48_000)[0];
        assert_eq!((silent.rms_dbfs, silent.peak_dbfs, silent.speech_band), (FLOOR_DBFS, FLOOR_DBFS, 0.0));
        let loud: Vec<f32> = tone(200.0, 2.0, 8000, 1).into_iter().map(|s| s.clamp(-1.0, 1.0)).collect();
        // 20 periods in 100 ms, each clipped above and below.
        assert!((39..=41).contains(&measure(&loud, 1, 8000)[3].clipped_runs));
        let shifted = measure(&[0.25; 1600], 2, 8000)[0];
        assert!((shifted.offset - 0.25).abs() < 1e-3 && (shifted.rms_dbfs + 12.04).abs() < 0.1);
    }

    #[test]
    fn what_is_no_number_passes() {
        let mut samples = vec![0.1; 1600];
        samples[3] = f32::NAN;
        samples[5] = f32::INFINITY;
        let found = measure(&samples, 1, 8000);
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|level| level.rms_dbfs.is_finite() && level.speech_band.is_finite()));
    }
}

//! What can be said of sound by its loudness: silence, clipping, and that somebody can be heard. Pure rules over
//! tenths of a second; must not know decoders, workers or clocks.

pub mod g722;
pub mod meter;
mod speech;

use std::collections::VecDeque;

use speech::Speech;

/// Longest that a tenth may lie after the one before and still follow it, microseconds.
const GAP_US: i64 = 1_000_000;
/// Loudness below which there is nothing to be heard, dBFS (the default of ffmpeg's silencedetect).
const SILENT_BELOW_DBFS: f32 = -60.0;
/// How long it must be silent, tenths.
const SILENT_TENTHS: usize = 20;
/// Tenths with clipped samples within a second that make it clipping, and fewer that end it.
const CLIPPED_TENTHS: u8 = 3;

/// A tenth of a second of sound, all channels together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tenth {
    /// Media time at which it ended, microseconds.
    pub until_us: i64,
    /// Root mean square, dBFS, at least −120.
    pub rms_dbfs: f32,
    /// Peak sample, dBFS, at least −120.
    pub peak_dbfs: f32,
    /// Whether at least three samples in a row stood within 0.1 dB of full scale.
    pub clipped: bool,
    /// Part of the energy between 300 and 3400 Hz, 0 to 1; `None` where that is not known.
    pub speech_band: Option<f32>,
}

/// What is heard now. Several may hold at once.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Heard {
    /// Nothing to be heard, since then.
    pub silence: Option<Since>,
    /// Full scale again and again: since then, and in how many tenths of the last second.
    pub clipping: Option<(Since, u8)>,
    /// Somebody or something can be heard, since then.
    pub sound: Option<Since>,
}

/// Since when, and how loud it is now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Since {
    /// First tenth of it, media time in microseconds.
    pub since_us: i64,
    /// Loudness of the last second, dBFS.
    pub rms_dbfs: f32,
}

/// Listens to one track.
#[derive(Debug, Clone, Default)]
pub struct Ear {
    /// The last second, oldest first.
    last: VecDeque<Tenth>,
    silent: Run,
    clipping_since_us: Option<i64>,
    speech: Speech,
}

/// Tenths in a row of which something holds.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    since_us: i64,
    tenths: usize,
}

impl Ear {
    /// Takes the next tenth; one after a gap, or from the past, starts over.
    pub fn push(&mut self, tenth: Tenth) {
        let follows = |last: &Tenth| (0..=GAP_US).contains(&(tenth.until_us - last.until_us));
        if !self.last.back().is_none_or(follows) {
            self.restart();
        }
        if self.last.len() == 10 {
            self.last.pop_front();
        }
        self.last.push_back(tenth);
        self.silent.go_on(tenth.rms_dbfs < SILENT_BELOW_DBFS, tenth.until_us);
        self.watch_clipping();
        self.speech.push(&tenth);
    }

    /// Forgets everything.
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    /// What is heard now.
    pub fn heard(&self) -> Heard {
        let rms_dbfs = self.last_second().map_or(f32::from(-120_i8), |second| second.rms_dbfs);
        let since = |since_us: i64| Since { since_us, rms_dbfs };
        let silence = (self.silent.tenths >= SILENT_TENTHS).then(|| since(self.silent.since_us));
        Heard {
            silence,
            clipping: self.clipping_since_us.map(|us| (since(us), self.clipped_tenths())),
            sound: self.speech.since_us().filter(|_| silence.is_none()).map(since),
        }
    }

    /// The last second as one: loudness by energy, the largest peak; `None` before the first tenth.
    pub fn last_second(&self) -> Option<Tenth> {
        let newest = self.last.back()?;
        let energy: f32 = self.last.iter().map(|tenth| 10_f32.powf(tenth.rms_dbfs / 10.0)).sum();
        Some(Tenth {
            rms_dbfs: (10.0 * (energy / self.last.len() as f32).log10()).max(-120.0),
            peak_dbfs: self.last.iter().map(|tenth| tenth.peak_dbfs).fold(-120.0, f32::max),
            clipped: self.clipped_tenths() > 0,
            ..*newest
        })
    }

    fn watch_clipping(&mut self) {
        let clipped = self.clipped_tenths();
        if clipped >= CLIPPED_TENTHS {
            let first = self.last.iter().find(|tenth| tenth.clipped).map(|tenth| tenth.until_us);
            self.clipping_since_us = self.clipping_since_us.or(first);
        } else if clipped == 0 {
            self.clipping_since_us = None;
        }
    }

    fn clipped_tenths(&self) -> u8 {
        self.last.iter().map(|tenth| u8::from(tenth.clipped)).sum()
    }
}

impl Run {
    fn go_on(&mut self, holds: bool, until_us: i64) {
        if !holds {
            self.tenths = 0;
            return;
        }
        if self.tenths == 0 {
            self.since_us = until_us - 100_000;
        }
        self.tenths += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenth(index: i64, rms_dbfs: f32, clipped: bool) -> Tenth {
        Tenth { until_us: index * 100_000, rms_dbfs, peak_dbfs: rms_dbfs + 6.0, clipped, speech_band: None }
    }

    #[test]
    fn silence_takes_two_seconds_and_ends_with_a_sound() {
        let mut ear = Ear::default();
        for index in 0..10 {
            ear.push(tenth(index, -30.0, false));
        }
        for index in 10..30 {
            assert_eq!(ear.heard().silence, None, "{index}");
            ear.push(tenth(index, -70.0, false));
        }
        assert_eq!(ear.heard().silence.map(|silence| silence.since_us), Some(900_000));
        ear.push(tenth(30, -59.0, false));
        assert_eq!(ear.heard().silence, None);
    }

    #[test]
    fn clipping_is_three_tenths_of_a_second_and_ends_after_a_clean_one() {
        let mut ear = Ear::default();
        let clipped = [false, true, false, true, false, true, false];
        let known: Vec<bool> = (0_i64..)
            .zip(clipped)
            .map(|(index, clipped)| {
                ear.push(tenth(index, -6.0, clipped));
                ear.heard().clipping.is_some()
            })
            .collect();
        assert_eq!(known, [false, false, false, false, false, true, true]);
        assert_eq!(ear.heard().clipping.map(|(since, tenths)| (since.since_us, tenths)), Some((100_000, 3)));
        for index in 7..16 {
            ear.push(tenth(index, -6.0, false));
        }
        assert_eq!(ear.heard().clipping, None);
    }

    #[test]
    fn a_gap_starts_over() {
        let mut ear = Ear::default();
        for index in 0..25 {
            ear.push(tenth(index, -80.0, false));
        }
        assert!(ear.heard().silence.is_some());
        ear.push(tenth(60, -80.0, false));
        assert_eq!(ear.heard(), Heard::default());
    }

    #[test]
    fn a_second_is_summed_by_energy() {
        let mut ear = Ear::default();
        assert_eq!(ear.last_second(), None);
        for index in 0..10 {
            ear.push(tenth(index, if index == 4 { -20.0 } else { -120.0 }, false));
        }
        let second = ear.last_second().unwrap();
        assert!((second.rms_dbfs + 30.0).abs() < 0.01, "{second:?}");
        assert!((second.peak_dbfs + 14.0).abs() < 0.01, "{second:?}");
    }
}

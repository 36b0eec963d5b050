//! Whether somebody or something can be heard: a voice's rise and fall over the noise of the room, or a steady loud
//! sound. Loudness alone does not say so: a fan at a microphone is louder than a quiet voice.
//!
//! Speech rises and falls with its syllables, 3 to 6 a second, by 10 dB and more, and pauses. Tenths of a second show
//! that as several rises within two seconds. Room noise is steady within 3 dB.

use std::collections::VecDeque;

use super::Tenth;

/// Tenths that are looked at together.
const WINDOW: usize = 20;
/// Tenths of which the quietest give the room's noise: ten seconds.
const FLOOR_TENTHS: usize = 100;
/// How far over the room's noise a tenth must be to be a voice, dB.
const OVER_FLOOR_DB: f32 = 10.0;
/// Loudness below which nobody in the meeting would hear it, dBFS.
const HEARD_ABOVE_DBFS: f32 = -52.0;
/// Loudness from which even a steady sound disturbs, dBFS.
const LOUD_DBFS: f32 = -35.0;
/// A rise of a syllable over the dip before it, dB.
const RISE_DB: f32 = 5.0;
/// Rises within the window that make it speech.
const RISES_MIN: usize = 3;
/// Voiced tenths within the window that make it speech.
const VOICED_MIN: usize = 6;
/// Part of the energy that speech has between 300 and 3400 Hz, at least.
const BAND_MIN: f32 = 0.25;
/// How long after the last voiced window it is over, tenths: speakers pause.
const PAUSE_TENTHS: u32 = 50;

/// Watches for a voice.
#[derive(Debug, Clone, Default)]
pub(super) struct Speech {
    window: VecDeque<Tenth>,
    floor: VecDeque<f32>,
    since_us: Option<i64>,
    quiet_tenths: u32,
}

impl Speech {
    pub(super) fn push(&mut self, tenth: &Tenth) {
        keep(&mut self.window, *tenth, WINDOW);
        keep(&mut self.floor, tenth.rms_dbfs, FLOOR_TENTHS);
        if self.window.len() == WINDOW && self.is_heard() {
            self.quiet_tenths = 0;
            let first = self.first_heard_us();
            self.since_us = self.since_us.or(first);
        } else if self.since_us.is_some() {
            self.quiet_tenths += 1;
            if self.quiet_tenths > PAUSE_TENTHS {
                self.since_us = None;
            }
        }
    }

    /// Since when something can be heard.
    pub(super) fn since_us(&self) -> Option<i64> {
        self.since_us
    }

    fn is_heard(&self) -> bool {
        let loud = self.window.iter().all(|tenth| tenth.rms_dbfs >= LOUD_DBFS);
        let limit = self.voice_above_dbfs();
        let voiced = self.window.iter().filter(|tenth| is_voiced(tenth, limit)).count();
        loud || (voiced >= VOICED_MIN && self.rises(limit) >= RISES_MIN)
    }

    fn first_heard_us(&self) -> Option<i64> {
        let limit = self.voice_above_dbfs().min(LOUD_DBFS);
        self.window.iter().find(|tenth| tenth.rms_dbfs >= limit).map(|tenth| tenth.until_us)
    }

    /// Quietest tenth of the last ten seconds but for a few, plus a margin; never below what can be heard.
    fn voice_above_dbfs(&self) -> f32 {
        let mut sorted: Vec<f32> = self.floor.iter().copied().collect();
        sorted.sort_by(f32::total_cmp);
        let floor = sorted.get(sorted.len() / 20).copied().unwrap_or(0.0);
        (floor + OVER_FLOOR_DB).max(HEARD_ABOVE_DBFS)
    }

    /// How often loudness rose from a dip into a voiced tenth.
    fn rises(&self, limit: f32) -> usize {
        let mut dip = f32::INFINITY;
        let mut crest = f32::NEG_INFINITY;
        let mut rises = 0;
        for tenth in &self.window {
            let level = tenth.rms_dbfs;
            if level >= dip + RISE_DB && is_voiced(tenth, limit) {
                rises += 1;
                crest = level;
                dip = f32::INFINITY;
            } else {
                crest = crest.max(level);
                if level <= crest - RISE_DB || dip.is_finite() || rises == 0 {
                    dip = dip.min(level);
                }
            }
        }
        rises
    }
}

fn is_voiced(tenth: &Tenth, limit: f32) -> bool {
    tenth.rms_dbfs >= limit && tenth.speech_band.is_none_or(|part| part >= BAND_MIN)
}

fn keep<T>(queue: &mut VecDeque<T>, item: T, most: usize) {
    if queue.len() == most {
        queue.pop_front();
    }
    queue.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard_after(levels: impl Iterator<Item = f32>, speech_band: Option<f32>) -> Option<usize> {
        let mut speech = Speech::default();
        for (index, rms_dbfs) in levels.enumerate() {
            let until_us = index as i64 * 100_000;
            speech.push(&Tenth { until_us, rms_dbfs, peak_dbfs: rms_dbfs, clipped: false, speech_band });
            if speech.since_us().is_some() {
                return Some(index);
            }
        }
        None
    }

    /// Syllables of three tenths, and a pause of a second each four.
    fn talk(quiet: f32, loud: f32) -> impl Iterator<Item = f32> {
        (0..200).map(move |index| match index {
            0..30 => quiet,
            _ if index % 40 < 10 => quiet,
            _ if index % 3 == 0 => quiet + (loud - quiet) / 3.0,
            _ => loud,
        })
    }

    #[test]
    fn a_voice_is_heard_and_a_steady_room_is_not() {
        let room = |level: f32| (0..200).map(move |index| level + (index % 5) as f32 * 0.5);
        assert!(heard_after(talk(-65.0, -30.0), None).is_some());
        assert!(heard_after(talk(-60.0, -45.0), Some(0.8)).is_some());
        assert_eq!(heard_after(talk(-65.0, -30.0), Some(0.1)), None, "rumble");
        assert_eq!(heard_after(talk(-85.0, -58.0), None), None, "too soft");
        assert_eq!(heard_after(room(-45.0), None), None, "a fan");
        assert!(heard_after(room(-30.0), None).is_some(), "a loud hum");
    }

    #[test]
    fn one_cough_is_not_a_voice() {
        let cough = (0..200).map(|index| if (60..63).contains(&index) { -20.0 } else { -65.0 });
        assert_eq!(heard_after(cough, None), None);
    }

    #[test]
    fn it_is_over_five_seconds_after_the_last_word() {
        let mut speech = Speech::default();
        let levels = talk(-65.0, -30.0).take(100).chain((0..100).map(|_| -65.0));
        let mut over = None;
        for (index, rms_dbfs) in levels.enumerate() {
            let until_us = index as i64 * 100_000;
            speech.push(&Tenth {
                until_us,
                rms_dbfs,
                peak_dbfs: rms_dbfs,
                clipped: false,
                speech_band: None,
            });
            if index > 100 && speech.since_us().is_none() {
                over.get_or_insert(index);
            }
        }
        assert!((150..=172).contains(&over.unwrap()), "{over:?}");
    }
}

//! What a microphone hears: speech with its pauses, silence, a room, a tone, an overdriven input. Decided by its seed.
//!
//! Knows voices and samples; must not know codecs, time or faults.

mod speech;

use std::f32::consts::TAU;

use serde::Serialize;

use speech::Speech;

use super::chance::Chance;

/// What is to be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Voice {
    /// Somebody who talks, about −23 dBFS while talking, with pauses.
    Speech,
    /// The same through an overdriven input: at full scale again and again.
    Overdriven,
    /// A microphone left open: people talk somewhere in the room, about −38 dBFS, never quite silent.
    OpenMicrophone,
    /// A quiet room: noise at about −68 dBFS.
    Hush,
    /// Digital silence.
    Silence,
    /// A sine at −20 dBFS.
    Tone {
        /// Its frequency.
        hz: u16,
    },
}

/// What decides a sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SoundSpec {
    /// What is to be heard.
    pub voice: Voice,
    /// Samples per second.
    pub rate: u32,
    /// Voice and pauses.
    pub seed: u64,
}

/// Makes samples one after another: one channel, 16 bits.
#[derive(Debug)]
pub struct Sound {
    spec: SoundSpec,
    speakers: Vec<Speech>,
    chance: Chance,
    at: u64,
}

impl Sound {
    /// At its beginning.
    pub fn new(spec: SoundSpec) -> Self {
        let speakers = match spec.voice {
            Voice::Speech | Voice::Overdriven => 1,
            Voice::OpenMicrophone => 3,
            Voice::Hush | Voice::Silence | Voice::Tone { .. } => 0,
        };
        let speaker = |at: u64| Speech::new(spec.rate, spec.seed.wrapping_add(at * 7919));
        let speakers = (0..speakers).map(speaker).collect();
        Self { spec, speakers, chance: Chance::new(spec.seed), at: 0 }
    }

    /// Goes on with as many samples as there is room for.
    pub fn fill(&mut self, samples: &mut [i16]) {
        for sample in samples {
            *sample = (self.next() * 32_768.0).clamp(-32_768.0, 32_767.0) as i16;
            self.at += 1;
        }
    }

    /// One sample, 1 is full scale.
    fn next(&mut self) -> f32 {
        match self.spec.voice {
            Voice::Silence => 0.0,
            Voice::Hush => self.chance.normal() * 0.0004,
            Voice::Tone { hz } => {
                let turns = self.at as f64 * f64::from(hz) / f64::from(self.spec.rate);
                0.1414 * (TAU * turns.fract() as f32).sin()
            }
            Voice::Speech => self.talk() + self.chance.normal() * 0.0004,
            Voice::Overdriven => self.talk() * 40.0,
            Voice::OpenMicrophone => self.talk() * 0.1 + self.chance.normal() * 0.002,
        }
    }

    fn talk(&mut self) -> f32 {
        self.speakers.iter_mut().map(Speech::next).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Loudness of each 100 ms of ten seconds, dBFS, and the longest run at full scale.
    fn heard(voice: Voice, rate: u32) -> (Vec<f32>, usize) {
        let mut samples = vec![0; rate as usize * 10];
        Sound::new(SoundSpec { voice, rate, seed: 3 }).fill(&mut samples);
        let power = |tenth: &[i16]| -> f32 {
            let sum: f32 = tenth.iter().map(|sample| (f32::from(*sample) / 32_768.0).powi(2)).sum();
            10.0 * (sum / tenth.len() as f32).max(1e-12).log10()
        };
        let runs = samples.split(|sample| sample.unsigned_abs() < 32_000).map(<[i16]>::len);
        (samples.chunks(rate as usize / 10).map(power).collect(), runs.max().unwrap_or(0))
    }

    #[test]
    fn voices_are_as_loud_as_they_say_at_every_rate() {
        for rate in [8_000, 16_000, 48_000] {
            let loud = |voice, above: f32| heard(voice, rate).0.iter().filter(|db| **db > above).count();
            assert_eq!(loud(Voice::Silence, -119.0), 0);
            assert_eq!(loud(Voice::Hush, -60.0), 0);
            assert_eq!(loud(Voice::Tone { hz: 1000 }, -20.2), 100);
            let talking = loud(Voice::Speech, -35.0);
            assert!((40..=95).contains(&talking), "{talking} tenths of speech at {rate}");
            assert!(loud(Voice::Speech, -12.0) < 5);
            assert_eq!(loud(Voice::OpenMicrophone, -56.0), 100);
            assert!(loud(Voice::OpenMicrophone, -45.0) > 30);
        }
    }

    #[test]
    fn only_an_overdriven_input_clips() {
        assert!(heard(Voice::Overdriven, 48_000).1 > 10);
        assert_eq!(heard(Voice::Speech, 48_000).1, 0);
    }
}

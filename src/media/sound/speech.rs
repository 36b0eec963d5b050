//! Speech-like sound: a buzzing source through three resonators that wander from vowel to vowel, hissing consonants
//! between them, a syllable every fifth of a second, a pause after each phrase.

use std::f32::consts::{PI, TAU};

use crate::media::chance::Chance;

/// Formants of a, e, i, o, u in Hz (Peterson and Barney 1952, men).
const VOWELS: [[f32; 3]; 5] = [
    [730.0, 1090.0, 2440.0],
    [530.0, 1840.0, 2480.0],
    [270.0, 2290.0, 3010.0],
    [570.0, 840.0, 2410.0],
    [300.0, 870.0, 2240.0],
];
/// Makes the loudest syllables about −16 dBFS.
const GAIN: f32 = 0.42;

/// One speaker.
#[derive(Debug)]
pub(super) struct Speech {
    rate: f32,
    chance: Chance,
    pitch: f32,
    phase: f32,
    syllable: Syllable,
    /// Samples into the syllable.
    at: u32,
    /// Syllables until the next pause.
    until_pause: usize,
    formants: [Resonator; 3],
}

#[derive(Debug, Clone, Copy)]
struct Syllable {
    samples: u32,
    hiss: u32,
    loudness: f32,
    pitch: f32,
}

/// A two-pole resonator.
#[derive(Debug, Clone, Copy, Default)]
struct Resonator {
    a: f32,
    b: f32,
    gain: f32,
    y1: f32,
    y2: f32,
}

impl Speech {
    pub(super) fn new(rate: u32, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let pitch = if chance.share() < 0.5 { 118.0 } else { 205.0 };
        let syllable = Syllable { samples: rate / 10, hiss: 0, loudness: 0.0, pitch };
        let formants = [Resonator::default(); 3];
        Self { rate: rate as f32, chance, pitch, phase: 0.0, syllable, at: 0, until_pause: 9, formants }
    }

    /// One sample; 1 is full scale.
    pub(super) fn next(&mut self) -> f32 {
        if self.at >= self.syllable.samples {
            self.advance();
        }
        let source = self.source();
        let envelope = self.envelope();
        self.at += 1;
        let voiced: f32 = self.formants.iter_mut().map(|formant| formant.pass(source)).sum();
        (voiced * envelope * GAIN).clamp(-0.6, 0.6)
    }

    /// A glottal buzz, or noise while a consonant hisses.
    fn source(&mut self) -> f32 {
        if self.at < self.syllable.hiss {
            return self.chance.swing() * 0.5;
        }
        self.phase = (self.phase + self.syllable.pitch / self.rate).fract();
        let breath = self.chance.swing() * 0.03;
        if self.phase < 0.6 {
            (PI * self.phase / 0.6).sin() * (TAU * self.phase).cos() + breath
        } else {
            breath
        }
    }

    fn envelope(&self) -> f32 {
        let through = self.at as f32 / self.syllable.samples as f32;
        self.syllable.loudness * (PI * through).sin().max(0.0).powf(0.6)
    }

    fn advance(&mut self) {
        self.at = 0;
        if self.until_pause == 0 {
            self.until_pause = 6 + self.chance.below(12);
            let pause = self.rate * (0.25 + 0.45 * self.chance.share());
            self.syllable = Syllable { samples: pause as u32, hiss: 0, loudness: 0.0, pitch: self.pitch };
            return;
        }
        self.until_pause -= 1;
        let samples = self.rate * (0.13 + 0.12 * self.chance.share());
        let hiss = if self.chance.share() < 0.5 { samples * 0.3 } else { 0.0 };
        let pitch = self.pitch * (1.0 + 0.15 * self.chance.swing());
        let loudness = 0.55 + 0.45 * self.chance.share();
        self.syllable = Syllable { samples: samples as u32, hiss: hiss as u32, loudness, pitch };
        let vowel = VOWELS[self.chance.below(VOWELS.len())];
        for (formant, hz) in self.formants.iter_mut().zip(vowel) {
            formant.tune(hz, self.rate);
        }
    }
}

impl Resonator {
    fn tune(&mut self, hz: f32, rate: f32) {
        let hz = hz.min(rate * 0.45);
        let radius = (-PI * (60.0 + hz * 0.06) / rate).exp();
        self.a = 2.0 * radius * (TAU * hz / rate).cos();
        self.b = -radius * radius;
        // Unit gain at the resonance, higher formants weaker as in speech.
        let falling = (500.0 / hz).min(1.0).sqrt();
        self.gain = (1.0 - radius) * 2.0 * (TAU * hz / rate).sin().abs().max(0.05) * falling * 2.0;
    }

    fn pass(&mut self, x: f32) -> f32 {
        let y = self.gain * x + self.a * self.y1 + self.b * self.y2;
        self.y2 = self.y1;
        self.y1 = y;
        y
    }
}

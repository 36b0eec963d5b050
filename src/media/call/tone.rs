//! The tone of a probe: made as G.711 frames, and found again in what comes back. Pure.

use std::f32::consts::TAU;
use std::sync::Arc;

use bytes::Bytes;

use crate::domain::stream::AudioCodec;
use crate::domain::time::{Mono, Span};
use crate::media::clip::AudioClip;
use crate::media::sender::packed::Packed;
use crate::media::sound::{Sound, SoundSpec, Voice};
use crate::observation::ToneHeard;
use crate::observation::device::{Absent, Given};
use crate::wire::coding::AudioFormat;
use crate::wire::g711::{ALAW, MULAW};

/// Samples per second of G.711.
pub(super) const RATE_HZ: u32 = 8_000;
/// Samples of a frame of 20 ms.
const FRAME: usize = 160;
/// Frames of tone, then as many of silence.
const HALF_PERIOD: usize = 50;
/// Our tone begins anew after each silence, so often.
const PERIOD: Span = Span::millis(20 * 2 * HALF_PERIOD as u64);
/// Frames without a tone after which it begins anew: a lost packet in its middle is none.
const PAUSE: u32 = 20;
/// A tone weaker than this is none.
const FAINT_DBOV: f64 = -50.0;
/// The part of a frame's power that must be the tone's.
const PURE: f32 = 0.5;

/// The law of a G.711 codec; `None` for another codec.
pub(super) fn law(codec: AudioCodec) -> Option<&'static [i16; 256]> {
    match codec {
        AudioCodec::Pcma => Some(&ALAW),
        AudioCodec::Pcmu => Some(&MULAW),
        AudioCodec::G722 | AudioCodec::Aac | AudioCodec::Opus => None,
    }
}

/// One second of a tone at −20 dBov and one of silence, for ever; `None` for a codec that is not G.711.
pub(super) fn packed(codec: AudioCodec, hz: u16) -> Option<Arc<Packed>> {
    let law = law(codec)?;
    let mut voice = Sound::new(SoundSpec { voice: Voice::Tone { hz }, rate: RATE_HZ, seed: 0 });
    let mut samples = [0; FRAME];
    let mut frame = |at: usize| {
        if at < HALF_PERIOD {
            voice.fill(&mut samples)
        } else {
            samples.fill(0)
        }
        samples.iter().map(|sample| code(law, *sample)).collect::<Bytes>()
    };
    let frames = (0..2 * HALF_PERIOD).map(&mut frame).collect();
    let clip = AudioClip::new(AudioFormat::telephone(codec), FRAME as u32, frames, None).ok()?;
    Some(Packed::audio(&clip))
}

/// The code whose sample is nearest.
fn code(law: &[i16; 256], sample: i16) -> u8 {
    let distance = |code: &u8| (i32::from(law[usize::from(*code)]) - i32::from(sample)).abs();
    (0..=u8::MAX).min_by_key(distance).unwrap_or_default()
}

/// Listens for tones in decoded sound.
#[derive(Debug)]
pub(super) struct ToneMeter {
    law: &'static [i16; 256],
    wanted: Vec<Wanted>,
    frame: Vec<f32>,
    frames: u32,
}

#[derive(Debug)]
struct Wanted {
    hz: u16,
    /// Twice the cosine of its turn per sample.
    turn: f32,
    frames: u32,
    power: f64,
    first: Option<Mono>,
    /// Frames without it since it was last heard.
    silent: u32,
    /// When it last began.
    onset: Option<Mono>,
}

impl ToneMeter {
    /// Listens for these frequencies in sound of this law.
    pub(super) fn new(law: &'static [i16; 256], wanted: &[u16]) -> Self {
        let wanted = wanted.iter().map(|hz| Wanted {
            hz: *hz,
            turn: 2.0 * (TAU * f32::from(*hz) / RATE_HZ as f32).cos(),
            frames: 0,
            power: 0.0,
            first: None,
            silent: 0,
            onset: None,
        });
        Self { law, wanted: wanted.collect(), frame: Vec::with_capacity(FRAME), frames: 0 }
    }

    /// Takes the payload of a packet that came `at`. After a gap the frame begins anew.
    pub(super) fn take(&mut self, payload: &[u8], after_gap: bool, at: Mono) {
        if after_gap {
            self.frame.clear();
        }
        for code in payload {
            self.frame.push(f32::from(self.law[usize::from(*code)]) / 32_768.0);
            if self.frame.len() == FRAME {
                self.measure(at);
                self.frame.clear();
            }
        }
    }

    fn measure(&mut self, at: Mono) {
        self.frames += 1;
        let total = self.frame.iter().map(|sample| sample * sample).sum::<f32>() / FRAME as f32;
        for wanted in &mut self.wanted {
            let power = power_at(&self.frame, wanted.turn);
            if power >= total * PURE && dbov(f64::from(power)) >= FAINT_DBOV {
                wanted.frames += 1;
                wanted.power += f64::from(power);
                wanted.first = wanted.first.or(Some(at));
                if wanted.silent >= PAUSE {
                    wanted.onset = Some(at);
                }
                wanted.silent = 0;
            } else {
                wanted.silent += 1;
            }
        }
    }

    /// How long a tone was under way that first left at `left`, by its newest beginning that was heard after a
    /// silence; less than the two seconds after which it begins anew.
    pub(super) fn delay_ms(&self, hz: u16, left: Mono) -> Option<f64> {
        let onset = self.wanted.iter().find(|wanted| wanted.hz == hz)?.onset?;
        Some(Span(onset.since(left).0 % PERIOD.0).as_ms())
    }

    /// In how many of the frames that came a tone was.
    pub(super) fn frames(&self, hz: u16) -> u32 {
        self.wanted.iter().find(|wanted| wanted.hz == hz).map_or(0, |wanted| wanted.frames)
    }

    /// When a tone was first heard.
    pub(super) fn first(&self, hz: u16) -> Option<Mono> {
        self.wanted.iter().find(|wanted| wanted.hz == hz)?.first
    }

    /// What was heard. `left` is when our own tone, the first wanted, first left.
    pub(super) fn heard(&self, left: Mono) -> Vec<ToneHeard> {
        let heard = |(place, wanted): (usize, &Wanted)| {
            let absent = if self.frames == 0 { Absent::NothingMoved } else { Absent::NotYet };
            let level = (wanted.frames > 0).then(|| dbov(wanted.power / f64::from(wanted.frames)));
            let share = (self.frames > 0).then(|| f64::from(wanted.frames) * 100.0 / f64::from(self.frames));
            let delay = wanted.first.filter(|_| place == 0).map(|first| first.since(left).as_ms());
            ToneHeard {
                hz: wanted.hz,
                level_dbov: Given::or_absent(level, absent),
                share_pct: Given::or_absent(share, Absent::NothingMoved),
                delay_ms: Given::or_absent(delay, if place == 0 { absent } else { Absent::NotProvided }),
            }
        };
        self.wanted.iter().enumerate().map(heard).collect()
    }
}

/// Power of one frequency in a frame (Goertzel); full scale is 1.
fn power_at(frame: &[f32], turn: f32) -> f32 {
    let (mut before, mut last) = (0.0_f32, 0.0_f32);
    for sample in frame {
        (before, last) = (last, sample + turn * last - before);
    }
    let square = last * last + before * before - turn * last * before;
    let amplitude = 2.0 * square.max(0.0).sqrt() / frame.len() as f32;
    amplitude * amplitude / 2.0
}

fn dbov(power: f64) -> f64 {
    10.0 * power.max(1e-12).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames as they leave, 20 ms apart from the first second on.
    fn listen(
        codec: AudioCodec,
        sent_hz: u16,
        wanted: &[u16],
        lost: impl Fn(usize) -> bool,
    ) -> Vec<ToneHeard> {
        let law = law(codec).unwrap();
        let mut voice = Sound::new(SoundSpec { voice: Voice::Tone { hz: sent_hz }, rate: RATE_HZ, seed: 0 });
        let mut meter = ToneMeter::new(law, wanted);
        let mut after_gap = false;
        for at in 0..100 {
            let mut samples = [0_i16; FRAME];
            if at < HALF_PERIOD {
                voice.fill(&mut samples);
            }
            let payload: Vec<u8> = samples.iter().map(|sample| code(law, *sample)).collect();
            if lost(at) {
                after_gap = true;
            } else {
                meter.take(&payload, after_gap, Mono(1_000_000) + Span::millis(20 * at as u64));
                after_gap = false;
            }
        }
        meter.heard(Mono(900_000))
    }

    #[test]
    fn a_tone_is_found_at_its_level_and_others_are_not() {
        for codec in [AudioCodec::Pcma, AudioCodec::Pcmu] {
            for hz in [440, 1000, 1020, 2600] {
                let heard = listen(codec, hz, &[hz, 1730], |_| false);
                let level = heard[0].level_dbov.value().unwrap();
                assert!((-20.6..=-19.4).contains(&level), "{codec:?} {hz}: {level}");
                assert_eq!(
                    (heard[0].share_pct, heard[0].delay_ms),
                    (Given::Value(50.0), Given::Value(100.0))
                );
                assert_eq!(
                    (heard[1].level_dbov, heard[1].share_pct),
                    (Given::Absent(Absent::NotYet), Given::Value(0.0))
                );
                assert_eq!(heard[1].delay_ms, Given::Absent(Absent::NotProvided));
            }
        }
    }

    #[test]
    fn losses_shorten_what_is_heard_and_not_its_level() {
        let heard = listen(AudioCodec::Pcma, 1000, &[1000], |at| at < 25);
        assert_eq!(heard[0].delay_ms, Given::Value(600.0));
        let share = heard[0].share_pct.value().unwrap();
        assert!((33.0..34.0).contains(&share), "{share}");
        let nothing = listen(AudioCodec::Pcma, 1000, &[1000], |_| true);
        let none = Given::Absent(Absent::NothingMoved);
        assert_eq!((nothing[0].level_dbov, nothing[0].share_pct, nothing[0].delay_ms), (none, none, none));
    }

    #[test]
    fn the_clip_is_two_seconds_of_g711_and_nothing_else_is_made() {
        let packed = packed(AudioCodec::Pcmu, 1000).unwrap();
        assert_eq!((packed.packets(), packed.payload_type()), (100, 0));
        assert!(super::packed(AudioCodec::Opus, 1000).is_none());
    }
}

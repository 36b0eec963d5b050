//! What a clip is to show and how it is coded: everything that decides its bytes.

use serde::Serialize;

use crate::domain::stream::AudioCodec;
use crate::media::picture::{Colour, Size};
use crate::media::scene::{Look, SceneSpec};
use crate::media::sound::Voice;
use crate::worker::kind::VideoPreset;

/// Pictures to be made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct VideoRecipe {
    /// What there is to see; its motion repeats after the first act that is live.
    pub scene: SceneSpec,
    /// Pictures per second, 1–120.
    pub fps: u8,
    /// The encoder.
    pub preset: VideoPreset,
    /// Target rate, kbit/s.
    pub kbps: u32,
    /// Pictures from key picture to key picture.
    pub gop: u16,
    /// What happens, one after the other.
    pub acts: Vec<Act>,
    /// The act from which it repeats; it must begin with a key picture.
    pub repeat_from: usize,
    /// The act that is the fault.
    pub fault: Option<usize>,
}

/// A stretch of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Act {
    /// What is shown.
    pub shown: Shown,
    /// For so many pictures.
    pub pictures: u32,
}

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// The scene.
    Live,
    /// The last picture again and again: frozen before the encoder.
    Still,
    /// Black, of the encoder's own making: without noise.
    Black,
    /// One colour.
    Flat(Colour),
}

/// Sound to be made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct AudioRecipe {
    /// What is heard, each for so many milliseconds.
    pub acts: Vec<(Voice, u32)>,
    /// The codec. Opus and AAC at 48 kHz, one channel.
    pub codec: AudioCodec,
    /// Target rate, kbit/s; G.711 and G.722 have their own.
    pub kbps: u32,
    /// Decides the voice.
    pub seed: u64,
    /// The act that is the fault.
    pub fault: Option<usize>,
}

impl VideoRecipe {
    /// A live scene at 25 pictures per second, 8 s, a key picture each 2 s, as a conference codec makes it.
    pub fn live(look: Look, size: Size, kbps: u32, seed: u64) -> Self {
        Self {
            scene: SceneSpec { look, size, period: 200, seed },
            fps: 25,
            preset: VideoPreset::X264Cbr,
            kbps,
            gop: 50,
            acts: vec![Act { shown: Shown::Live, pictures: 200 }],
            repeat_from: 0,
            fault: None,
        }
    }

    /// The same, but after half a second of the scene, in the middle of a group of pictures, something else is shown
    /// for as long as the clip is played. Encoders without regular key pictures cannot repeat there: their clip lasts
    /// 30 s and begins anew with the scene.
    #[must_use]
    pub fn ending_in(&self, shown: Shown) -> Self {
        let (gop, lead) = (u32::from(self.gop), u32::from(self.fps) * 13 / 25);
        let act = |shown, pictures| Act { shown, pictures };
        let live = act(Shown::Live, lead);
        let (acts, repeat_from) = if regular(self.preset) {
            let rest = (lead / gop + 2) * gop - lead;
            (vec![live, act(shown, rest), act(shown, 2 * gop)], 2)
        } else {
            (vec![live, act(shown, u32::from(self.fps) * 30 - lead)], 0)
        };
        Self { acts, repeat_from, fault: Some(1), ..self.clone() }
    }

    /// The same scene at another rate of pictures, with the same seconds between key pictures and repetitions.
    #[must_use]
    pub fn at_fps(&self, fps: u8) -> Self {
        let (from, to) = (u32::from(self.fps.max(1)), u32::from(fps.max(1)));
        let scaled = |pictures: u32| (pictures * to / from).max(1);
        let acts = self.acts.iter().map(|act| Act { pictures: scaled(act.pictures), ..*act }).collect();
        let scene = SceneSpec { period: scaled(self.scene.period), ..self.scene };
        let gop = scaled(u32::from(self.gop)) as u16;
        Self { scene, fps, gop, acts, ..self.clone() }
    }

    /// Pictures of all acts.
    pub fn pictures(&self) -> u32 {
        self.acts.iter().map(|act| act.pictures).sum()
    }

    /// The first picture of an act.
    pub fn begins(&self, act: usize) -> u32 {
        self.acts.iter().take(act).map(|act| act.pictures).sum()
    }
}

impl AudioRecipe {
    /// One voice for ten seconds.
    pub fn of(voice: Voice, codec: AudioCodec, seed: u64) -> Self {
        Self { acts: vec![(voice, 10_000)], codec, kbps: 32, seed, fault: None }
    }

    /// Samples per second of the raw sound.
    pub fn rate_hz(&self) -> u32 {
        match self.codec {
            AudioCodec::Aac | AudioCodec::Opus => 48_000,
            AudioCodec::Pcma | AudioCodec::Pcmu => 8_000,
            AudioCodec::G722 => 16_000,
        }
    }
}

/// Whether key pictures come regularly.
fn regular(preset: VideoPreset) -> bool {
    match preset {
        VideoPreset::X264Cbr
        | VideoPreset::X264Crf
        | VideoPreset::X264Hrd
        | VideoPreset::OpenH264
        | VideoPreset::X265 => true,
        VideoPreset::X264IntraRefresh | VideoPreset::X264Infinite | VideoPreset::OpenH264Infinite => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_begins_within_a_group_and_repeats_at_a_key_picture() {
        let live = VideoRecipe::live(Look::Talker, Size::P180, 500, 1);
        for (gop, begins) in [(50, 100), (12, 36), (10, 30), (13, 39)] {
            let recipe = VideoRecipe { gop, ..live.clone() }.ending_in(Shown::Still);
            assert_eq!((recipe.begins(1), recipe.begins(2)), (13, begins), "{gop}");
            assert_eq!(recipe.begins(recipe.repeat_from) % u32::from(gop), 0);
        }
        let slow = live.at_fps(5);
        assert_eq!((slow.fps, slow.gop, slow.scene.period, slow.pictures()), (5, 10, 40, 40));
        let endless = VideoRecipe { preset: VideoPreset::X264Infinite, ..live }.ending_in(Shown::Black);
        assert_eq!((endless.pictures(), endless.repeat_from), (750, 0));
    }
}

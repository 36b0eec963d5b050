//! What is sent, where, and in which process: plain values that the processes of the bench hand to each other.

use serde::{Deserialize, Serialize};
use vcops::domain::stream::AudioCodec;
use vcops::media::clip::recipe::{AudioRecipe, VideoRecipe};
use vcops::media::picture::Size;
use vcops::media::scene::Look;
use vcops::media::sound::Voice;
use vcops::worker::kind::VideoPreset;

/// Different clips per rate: streams are not copies of one.
pub(crate) const CLIPS: u64 = 4;

/// How pictures are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Rate {
    /// 1080p25 as a conference codec makes it: x264 veryfast, zero latency, no B pictures, constant 1.8 Mbit/s.
    Conference,
    /// 1080p25 as a recorder makes it: x264 fast, 2 B pictures, CABAC, constant quality, about 4 Mbit/s.
    Recorder,
}

/// One stream of the field.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) number: u16,
    pub(crate) rate: Rate,
    /// Where RTP over UDP goes; without it the stream is fetched by RTSP over TCP.
    pub(crate) udp_port: Option<u16>,
}

impl Place {
    pub(crate) fn name(&self) -> String {
        format!("stream-{:03}", self.number)
    }

    /// Half of the streams have Opus, half AAC, of either transport.
    pub(crate) fn audio_codec(&self) -> AudioCodec {
        if (self.number / 2).is_multiple_of(2) { AudioCodec::Opus } else { AudioCodec::Aac }
    }

    pub(crate) fn video(&self) -> VideoRecipe {
        recipe(self.rate, u64::from(self.number) % CLIPS)
    }

    pub(crate) fn audio(&self) -> AudioRecipe {
        AudioRecipe::of(Voice::Speech, self.audio_codec(), u64::from(self.number) % CLIPS)
    }
}

/// The clip of a rate and seed: a talker, 8 s, a key picture each 2 s.
pub(crate) fn recipe(rate: Rate, seed: u64) -> VideoRecipe {
    let live = VideoRecipe::live(Look::Talker, Size::P1080, 1800, 40 + seed);
    match rate {
        Rate::Conference => live,
        Rate::Recorder => VideoRecipe { preset: VideoPreset::X264Crf, kbps: 4000, ..live },
    }
}

/// Every other stream over UDP, to the ports given, the others by RTSP.
pub(crate) fn field(streams: u16, rate: Rate, ports: &[u16]) -> Vec<Place> {
    let mut ports = ports.iter().copied();
    let place = |number: u16| Place {
        number,
        rate,
        udp_port: if number.is_multiple_of(2) { ports.next() } else { None },
    };
    (0..streams).map(place).collect()
}

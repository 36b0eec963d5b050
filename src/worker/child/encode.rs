//! Encoders as venues have them, from a closed list. Knows elements and their settings; must not know what is encoded.

use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;

use super::coder::Coder;
use super::drive::element;
use crate::domain::stream::AudioCodec;
use crate::worker::kind::{AudioEncoding, VideoEncoding, VideoPreset};
use crate::worker::protocol::Chunk;

/// Constant quality of the recorder preset; the usual default of x264.
const CRF: u32 = 23;

/// Distance of key pictures that x264 takes for never (its `X264_KEYINT_MAX_INFINITE`).
const KEYS_NEVER: u32 = 1 << 30;

/// An encoder and the length of what it gets.
#[derive(Debug)]
pub(super) struct Encoder {
    coder: Coder,
    /// Bytes of one frame; `None` where any length will do.
    frame_bytes: Option<usize>,
    /// Bytes of one sample in all channels; frames are whole samples.
    sample_bytes: usize,
    duration: Option<gst::ClockTime>,
}

impl Encoder {
    pub(super) fn video(encoding: &VideoEncoding) -> Result<Self, String> {
        let VideoEncoding { width, height, fps, .. } = *encoding;
        check(encoding)?;
        let caps = gst::Caps::builder("video/x-raw")
            .field("format", "I420")
            .field("width", i32::from(width))
            .field("height", i32::from(height))
            .field("framerate", gst::Fraction::new(i32::from(fps), 1))
            .build();
        let media = if encoding.preset == VideoPreset::X265 { "video/x-h265" } else { "video/x-h264" };
        let accepts =
            gst::Caps::builder(media).field("stream-format", "byte-stream").field("alignment", "au").build();
        let coder = Coder::new(vec![video_element(encoding)?], caps, &accepts)?;
        let pixels = usize::from(width) * usize::from(height);
        Ok(Self {
            coder,
            frame_bytes: Some(pixels * 3 / 2),
            sample_bytes: 1,
            duration: Some(gst::ClockTime::SECOND / u64::from(fps)),
        })
    }

    pub(super) fn audio(encoding: &AudioEncoding) -> Result<Self, String> {
        if !(1..=2).contains(&encoding.channels) || !(8000..=48_000).contains(&encoding.rate_hz) {
            return Err("sound of 1 or 2 channels at 8 to 48 kHz".to_owned());
        }
        let caps = gst::Caps::builder("audio/x-raw")
            .field("format", "S16LE")
            .field("layout", "interleaved")
            .field("rate", i32::try_from(encoding.rate_hz).unwrap_or(0))
            .field("channels", i32::from(encoding.channels))
            .build();
        let (elements, accepts) = audio_chain(encoding)?;
        Ok(Self {
            coder: Coder::new(elements, caps, &accepts)?,
            frame_bytes: None,
            sample_bytes: 2 * usize::from(encoding.channels),
            duration: None,
        })
    }

    /// Encodes frames and gives what came out.
    pub(super) fn work(&mut self, frames: Vec<Chunk>, drain: bool) -> Result<Vec<Chunk>, String> {
        for frame in frames {
            self.feed(frame.pts_us, frame.data)?;
        }
        if drain {
            self.coder.drain();
        }
        let units = self.coder.take();
        if drain {
            self.coder.restart();
        }
        Ok(units)
    }

    fn feed(&mut self, pts_us: i64, data: Bytes) -> Result<(), String> {
        if self.frame_bytes.is_some_and(|bytes| bytes != data.len())
            || !data.len().is_multiple_of(self.sample_bytes)
        {
            return Err(format!("a frame of {} bytes", data.len()));
        }
        self.coder.feed(pts_us, self.duration, data)
    }
}

fn check(encoding: &VideoEncoding) -> Result<(), String> {
    let side = |length: u16| (16..=4096).contains(&length) && length.is_multiple_of(2);
    let VideoEncoding { width, height, fps, kbps, gop, .. } = *encoding;
    let ok = side(width)
        && side(height)
        && (1..=120).contains(&fps)
        && (16..=50_000).contains(&kbps)
        && (1..=600).contains(&gop);
    if ok { Ok(()) } else { Err("an encoding outside its limits".to_owned()) }
}

fn video_element(encoding: &VideoEncoding) -> Result<gst::Element, String> {
    match encoding.preset {
        VideoPreset::X264Cbr
        | VideoPreset::X264Crf
        | VideoPreset::X264Hrd
        | VideoPreset::X264IntraRefresh
        | VideoPreset::X264Infinite => x264(encoding),
        VideoPreset::OpenH264 => openh264(encoding, u32::from(encoding.gop)),
        VideoPreset::OpenH264Infinite => openh264(encoding, 0),
        VideoPreset::X265 => x265(encoding),
    }
}

fn x264(encoding: &VideoEncoding) -> Result<gst::Element, String> {
    let encoder = element("x264enc")?;
    encoder.set_property("threads", 1u32);
    encoder.set_property("bitrate", encoding.kbps);
    encoder.set_property("key-int-max", u32::from(encoding.gop));
    encoder.set_property("byte-stream", true);
    if encoding.preset == VideoPreset::X264Crf {
        encoder.set_property_from_str("speed-preset", "fast");
        encoder.set_property_from_str("pass", "qual");
        encoder.set_property("quantizer", CRF);
        encoder.set_property("bframes", 2u32);
        encoder.set_property("rc-lookahead", 20i32);
        return Ok(encoder);
    }
    encoder.set_property_from_str("speed-preset", "veryfast");
    encoder.set_property_from_str("tune", "zerolatency");
    encoder.set_property_from_str("pass", "cbr");
    encoder.set_property("sliced-threads", false);
    match encoding.preset {
        VideoPreset::X264Hrd => encoder.set_property_from_str("option-string", "nal-hrd=cbr:filler=1"),
        VideoPreset::X264IntraRefresh => encoder.set_property("intra-refresh", true),
        VideoPreset::X264Infinite => {
            // The property is applied after the options: `keyint=infinite` there would be lost.
            encoder.set_property("key-int-max", KEYS_NEVER);
            encoder.set_property_from_str("option-string", "scenecut=0");
        }
        VideoPreset::X264Cbr
        | VideoPreset::X264Crf
        | VideoPreset::OpenH264
        | VideoPreset::OpenH264Infinite
        | VideoPreset::X265 => {}
    }
    Ok(encoder)
}

fn openh264(encoding: &VideoEncoding, gop: u32) -> Result<gst::Element, String> {
    let encoder = element("openh264enc")?;
    encoder.set_property("bitrate", encoding.kbps * 1000);
    encoder.set_property("gop-size", gop);
    encoder.set_property("multi-thread", 1u32);
    encoder.set_property_from_str("rate-control", "bitrate");
    encoder.set_property_from_str("complexity", "low");
    encoder.set_property("scene-change-detection", false);
    Ok(encoder)
}

fn x265(encoding: &VideoEncoding) -> Result<gst::Element, String> {
    let encoder = element("x265enc")?;
    encoder.set_property("bitrate", encoding.kbps);
    encoder.set_property("key-int-max", i32::from(encoding.gop));
    encoder.set_property_from_str("speed-preset", "superfast");
    encoder.set_property_from_str("tune", "zerolatency");
    encoder.set_property_from_str("option-string", "pools=none:frame-threads=1:wpp=0");
    Ok(encoder)
}

fn audio_chain(encoding: &AudioEncoding) -> Result<(Vec<gst::Element>, gst::Caps), String> {
    let bits = i32::try_from(encoding.kbps.clamp(8, 512) * 1000).unwrap_or(64_000);
    let convert = element("audioconvert")?;
    let resample = element("audioresample")?;
    let (encoder, accepts) = match encoding.codec {
        AudioCodec::Aac => (aac(bits)?, aac_caps()),
        AudioCodec::Opus => {
            let encoder = element("opusenc")?;
            encoder.set_property("bitrate", bits);
            (encoder, gst::Caps::new_empty_simple("audio/x-opus"))
        }
        AudioCodec::Pcma => (element("alawenc")?, gst::Caps::new_empty_simple("audio/x-alaw")),
        AudioCodec::Pcmu => (element("mulawenc")?, gst::Caps::new_empty_simple("audio/x-mulaw")),
        AudioCodec::G722 => (element("avenc_g722")?, gst::Caps::new_empty_simple("audio/G722")),
    };
    Ok((vec![convert, resample, encoder], accepts))
}

/// An encoder of AAC-LC.
pub(super) fn aac(bits: i32) -> Result<gst::Element, String> {
    let encoder = element("voaacenc")?;
    encoder.set_property("bitrate", bits);
    Ok(encoder)
}

/// AAC without transport framing.
pub(super) fn aac_caps() -> gst::Caps {
    gst::Caps::builder("audio/mpeg").field("mpegversion", 4i32).field("stream-format", "raw").build()
}

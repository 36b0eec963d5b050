//! Decodes frames of sound and measures them, or turns them into AAC. Knows decoders; must not know whose sound it is.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;

use super::coder::Coder;
use super::drive::{self, Drive, Item, element};
use super::encode::{aac, aac_caps};
use super::meter::Meter;
use crate::domain::stream::AudioCodec;
use crate::wire::g711;
use crate::worker::kind::AudioKind;
use crate::worker::protocol::Chunk;
use crate::worker::sound::{Loudness, SoundFrame};

/// Opus can be decoded at less than its 48 kHz, which is cheaper and keeps all of speech.
const OPUS_METER_HZ: i32 = 16_000;
/// Media time between two frames of a meter: it only counts samples.
const STEP: gst::ClockTime = gst::ClockTime::from_mseconds(20);

/// Decodes and measures.
#[derive(Debug)]
pub(super) struct SoundMeter {
    chain: Chain,
    gauge: Arc<Mutex<Gauge>>,
    fed: u64,
}

#[derive(Debug)]
enum Chain {
    /// G.711 is a table.
    Table(&'static [i16; 256]),
    Drive {
        drive: Box<Drive>,
        caps: gst::Caps,
    },
}

/// Decoded sound on its way into the meter.
#[derive(Debug)]
struct Gauge {
    format: Format,
    channels: usize,
    meter: Option<Meter>,
    samples: Vec<f32>,
    pts_us: i64,
    found: Vec<Loudness>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// Signed 16 bit, interleaved.
    S16,
    /// Float, one channel after the other.
    PlanarF32,
    /// None of those that decoders of ours give.
    Unknown,
}

impl SoundMeter {
    pub(super) fn new(kind: &AudioKind) -> Result<Self, String> {
        check(kind)?;
        let gauge = Arc::new(Mutex::new(Gauge {
            format: Format::S16,
            channels: usize::from(kind.channels),
            meter: Some(Meter::new(kind.rate_hz)),
            samples: Vec::new(),
            pts_us: 0,
            found: Vec::new(),
        }));
        let chain = match kind.codec {
            AudioCodec::Pcma => Chain::Table(&g711::ALAW),
            AudioCodec::Pcmu => Chain::Table(&g711::MULAW),
            AudioCodec::Aac | AudioCodec::Opus | AudioCodec::G722 => Chain::drive(kind, &gauge)?,
        };
        Ok(Self { chain, gauge, fed: 0 })
    }

    /// Decodes frames and gives the levels that they completed.
    pub(super) fn work(&mut self, frames: Vec<Chunk>) -> Result<Vec<Chunk>, String> {
        for frame in frames.into_iter().map(SoundFrame::of_chunk).filter(|frame| !frame.data.is_empty()) {
            self.feed(frame)?;
        }
        let found = std::mem::take(&mut self.gauge().found);
        Ok(found.into_iter().map(Loudness::into_chunk).collect())
    }

    fn feed(&mut self, frame: SoundFrame) -> Result<(), String> {
        self.gauge().pts_us = frame.pts_us;
        self.fed += 1;
        match &mut self.chain {
            Chain::Table(table) => {
                let table = *table;
                self.gauge().measure_table(&frame.data, table);
                Ok(())
            }
            Chain::Drive { drive, caps } => {
                drive.begin(caps);
                drive.push(drive::buffer(frame.data, STEP * self.fed))
            }
        }
    }

    fn gauge(&self) -> std::sync::MutexGuard<'_, Gauge> {
        self.gauge.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chain {
    fn drive(kind: &AudioKind, gauge: &Arc<Mutex<Gauge>>) -> Result<Self, String> {
        let inner = Arc::clone(gauge);
        let take = move |item: Item<'_>| inner.lock().unwrap_or_else(PoisonError::into_inner).take(item);
        let mut accepts = gst::Caps::builder("audio/x-raw");
        if kind.codec == AudioCodec::Opus {
            accepts = accepts.field("rate", OPUS_METER_HZ);
        }
        let drive = Drive::new(vec![decoder(kind.codec)?], &accepts.build(), take)?;
        Ok(Self::Drive { drive: Box::new(drive), caps: coded_caps(kind) })
    }
}

impl Gauge {
    fn take(&mut self, item: Item<'_>) {
        match item {
            Item::Caps(caps) => self.learn(caps),
            Item::Segment(_) => {}
            Item::Buffer(buffer) => {
                if let Ok(map) = buffer.map_readable() {
                    self.unpack(&map);
                    self.measure();
                }
            }
        }
    }

    fn learn(&mut self, caps: &gst::CapsRef) {
        let Some(caps) = caps.structure(0) else {
            return;
        };
        let layout = caps.get::<&str>("layout").unwrap_or("interleaved");
        self.format = match (caps.get::<&str>("format").unwrap_or_default(), layout) {
            ("S16LE", "interleaved") => Format::S16,
            ("F32LE", "non-interleaved") => Format::PlanarF32,
            _ => Format::Unknown,
        };
        self.channels =
            caps.get::<i32>("channels").ok().and_then(|n| usize::try_from(n).ok()).unwrap_or(1).max(1);
        let rate_hz =
            caps.get::<i32>("rate").ok().and_then(|rate| u32::try_from(rate).ok()).unwrap_or(48_000);
        self.meter = Some(Meter::new(rate_hz));
    }

    fn unpack(&mut self, data: &[u8]) {
        self.samples.clear();
        match self.format {
            Format::S16 => {
                let samples = data.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
                self.samples.extend(samples.map(|sample| f32::from(sample) / 32_768.0));
            }
            Format::PlanarF32 => {
                let frames = data.len() / 4 / self.channels;
                let at = |index: usize| {
                    let bytes = &data[index * 4..index * 4 + 4];
                    f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
                };
                let moments =
                    (0..frames).flat_map(|frame| (0..self.channels).map(move |channel| (channel, frame)));
                self.samples.extend(moments.map(|(channel, frame)| at(channel * frames + frame)));
            }
            Format::Unknown => {}
        }
    }

    fn measure_table(&mut self, data: &[u8], table: &[i16; 256]) {
        self.samples.clear();
        self.samples.extend(data.iter().map(|&code| f32::from(table[usize::from(code)]) / 32_768.0));
        self.measure();
    }

    fn measure(&mut self) {
        if let Some(meter) = &mut self.meter {
            meter.feed(&self.samples, self.channels, self.pts_us, &mut self.found);
        }
    }
}

/// Decodes and encodes again, as AAC-LC.
#[derive(Debug)]
pub(super) struct Transcoder {
    coder: Coder,
    last_us: i64,
}

impl Transcoder {
    pub(super) fn new(kind: &AudioKind) -> Result<Self, String> {
        check(kind)?;
        let rate = i32::try_from(kind.rate_hz).unwrap_or(48_000);
        // The encoder refuses more than a few bits a sample.
        let bits = (rate * 3).min(64_000) * i32::from(kind.channels.min(2));
        let elements =
            vec![decoder(kind.codec)?, element("audioconvert")?, element("audioresample")?, aac(bits)?];
        Ok(Self { coder: Coder::new(elements, coded_caps(kind), &aac_caps())?, last_us: i64::MIN })
    }

    /// Turns frames into AAC; a jump back in time begins anew.
    pub(super) fn work(&mut self, frames: Vec<Chunk>) -> Result<Vec<Chunk>, String> {
        let mut done = Vec::new();
        for frame in frames.into_iter().map(SoundFrame::of_chunk).filter(|frame| !frame.data.is_empty()) {
            if frame.pts_us < self.last_us {
                self.coder.drain();
                done.extend(self.coder.take());
                self.coder.restart();
            }
            self.last_us = frame.pts_us;
            self.coder.feed(frame.pts_us, None, frame.data)?;
        }
        done.extend(self.coder.take());
        Ok(done)
    }
}

fn check(kind: &AudioKind) -> Result<(), String> {
    let ok = (1..=8).contains(&kind.channels)
        && (8000..=96_000).contains(&kind.rate_hz)
        && kind.config.len() <= 64;
    if ok { Ok(()) } else { Err("sound outside its limits".to_owned()) }
}

fn decoder(codec: AudioCodec) -> Result<gst::Element, String> {
    let decoder = element(match codec {
        AudioCodec::Aac => "avdec_aac",
        AudioCodec::Opus => "opusdec",
        AudioCodec::Pcma => "alawdec",
        AudioCodec::Pcmu => "mulawdec",
        AudioCodec::G722 => "avdec_g722",
    })?;
    // A damaged frame is the stream's affair, not the end of the decoder.
    if decoder.has_property("max-errors") {
        decoder.set_property("max-errors", -1i32);
    }
    Ok(decoder)
}

fn coded_caps(kind: &AudioKind) -> gst::Caps {
    let media = match kind.codec {
        AudioCodec::Aac => "audio/mpeg",
        AudioCodec::Opus => "audio/x-opus",
        AudioCodec::Pcma => "audio/x-alaw",
        AudioCodec::Pcmu => "audio/x-mulaw",
        AudioCodec::G722 => "audio/G722",
    };
    let caps = gst::Caps::builder(media)
        .field("rate", i32::try_from(kind.rate_hz).unwrap_or(48_000))
        .field("channels", i32::from(kind.channels));
    match kind.codec {
        AudioCodec::Aac if kind.config.is_empty() => {
            caps.field("mpegversion", 4i32).field("stream-format", "adts").field("framed", true).build()
        }
        AudioCodec::Aac => {
            let config = gst::Buffer::from_slice(Bytes::copy_from_slice(&kind.config));
            caps.field("mpegversion", 4i32)
                .field("stream-format", "raw")
                .field("framed", true)
                .field("codec_data", config)
                .build()
        }
        AudioCodec::Opus => caps.field("channel-mapping-family", 0i32).build(),
        AudioCodec::Pcma | AudioCodec::Pcmu | AudioCodec::G722 => caps.build(),
    }
}

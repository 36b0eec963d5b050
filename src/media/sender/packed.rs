//! A clip cut into RTP packets once, so that sending it costs next to nothing: only sequence number, timestamp and
//! source are written into each packet as it leaves.

use std::sync::Arc;

use bytes::Bytes;

use super::impairment::TrackKind;
use crate::domain::stream::{AudioCodec, VideoCodec};
use crate::media::clip::{AudioClip, VideoClip};
use crate::wire::coding::{Coding, VIDEO_CLOCK_HZ};
use crate::wire::nal::annex_b;
use crate::wire::pay::Pay;
use crate::wire::rtp::HEAD_BYTES;

/// Payload type of pictures.
pub const VIDEO_TYPE: u8 = 96;
/// Payload type of sound whose codec has none of its own.
pub const AUDIO_TYPE: u8 = 97;

/// A track that can be sent.
#[derive(Debug)]
pub struct Packed {
    pub(super) coding: Coding,
    pub(super) payload_type: u8,
    pub(super) slots: Vec<Slot>,
    /// Ticks from slot to slot.
    pub(super) step: u32,
    pub(super) repeat_from: usize,
    pub(super) mark: Option<usize>,
    parameter_sets: Vec<Bytes>,
}

/// One unit and the moment it leaves.
#[derive(Debug)]
pub(super) struct Slot {
    /// Whole RTP packets with the head to be filled in.
    pub(super) packets: Vec<Bytes>,
    /// The unit itself, for a transport stream.
    pub(super) unit: Bytes,
    /// Ticks from its leaving to its showing.
    pub(super) shift: u32,
    pub(super) key: bool,
}

impl Packed {
    /// Pictures.
    pub fn video(clip: &VideoClip) -> Arc<Self> {
        let coding = Coding::Video(clip.codec());
        let (step, reorder) = (VIDEO_CLOCK_HZ / clip.fps(), clip.reorder());
        let mut pay = Pay::new(coding.clone(), VIDEO_TYPE, 0, 0);
        let slot = |(at, unit): (u32, &crate::media::clip::PictureUnit)| Slot {
            packets: packets(&mut pay, &unit.data),
            unit: unit.data.clone(),
            shift: (unit.number + reorder - at) * step,
            key: unit.key,
        };
        let slots = (0..).zip(clip.units()).map(slot).collect();
        let parameter_sets = parameter_sets(clip.codec(), &clip.units()[0].data);
        let (repeat_from, mark) = (clip.repeat_from(), clip.mark());
        Arc::new(Self { coding, payload_type: VIDEO_TYPE, slots, step, repeat_from, mark, parameter_sets })
    }

    /// Sound.
    pub fn audio(clip: &AudioClip) -> Arc<Self> {
        let coding = Coding::Audio(clip.format().clone());
        let payload_type = audio_type(clip.format().codec);
        let mut pay = Pay::new(coding.clone(), payload_type, 0, 0);
        let slot =
            |unit: &Bytes| Slot { packets: packets(&mut pay, unit), unit: unit.clone(), shift: 0, key: true };
        let slots = clip.units().iter().map(slot).collect();
        let (step, mark) = (clip.samples_per_unit(), clip.mark());
        Arc::new(Self { coding, payload_type, slots, step, repeat_from: 0, mark, parameter_sets: Vec::new() })
    }

    /// How it is coded.
    pub fn coding(&self) -> &Coding {
        &self.coding
    }

    /// Payload type of its packets.
    pub fn payload_type(&self) -> u8 {
        self.payload_type
    }

    /// VPS, SPS and PPS as a session description carries them: NAL units without start code.
    pub fn parameter_sets(&self) -> &[Bytes] {
        &self.parameter_sets
    }

    /// Packets of the whole clip.
    pub fn packets(&self) -> usize {
        self.slots.iter().map(|slot| slot.packets.len()).sum()
    }

    /// Pictures or sound.
    pub fn kind(&self) -> TrackKind {
        match self.coding {
            Coding::Video(_) => TrackKind::Video,
            Coding::Audio(_) => TrackKind::Audio,
        }
    }

    pub(super) fn clock_hz(&self) -> u32 {
        self.coding.rtp_clock_hz()
    }
}

fn packets(pay: &mut Pay, unit: &[u8]) -> Vec<Bytes> {
    let mut packets = Vec::new();
    pay.push(unit, 0, &mut packets);
    packets.retain(|packet| packet.len() > HEAD_BYTES);
    packets
}

fn parameter_sets(codec: VideoCodec, unit: &[u8]) -> Vec<Bytes> {
    let wanted = |unit: &&[u8]| match (codec, unit.first()) {
        (VideoCodec::H264, Some(head)) => matches!(head & 0x1f, 7 | 8),
        (VideoCodec::H265, Some(head)) => matches!(head >> 1 & 0x3f, 32..=34),
        (_, None) => false,
    };
    annex_b(unit).filter(wanted).map(Bytes::copy_from_slice).collect()
}

/// RFC 3551 where it names one.
fn audio_type(codec: AudioCodec) -> u8 {
    match codec {
        AudioCodec::Pcmu => 0,
        AudioCodec::Pcma => 8,
        AudioCodec::G722 => 9,
        AudioCodec::Aac | AudioCodec::Opus => AUDIO_TYPE,
    }
}

//! Decodes access units and makes the wanted pictures small. Knows decoders; must not know streams.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;

use super::drive::{self, Drive, Item};
use super::shrink::{Plane, Sample, full_range};
use super::thumbnail::{Colour, Small};
use crate::domain::stream::VideoCodec;
use crate::worker::picture::{LUMA_HEIGHT, LUMA_WIDTH, Picture, VideoUnit, Want};
use crate::worker::protocol::Chunk;

/// Pictures a decoder may owe us; older ones will never come (they were damaged).
const OWED_MAX: usize = 64;
/// Media time of a decoder's first unit; leaves room for units that belong before it.
const ORIGIN_US: i64 = 3_600_000_000;
/// A unit's number travels as a time.
const STEP: gst::ClockTime = gst::ClockTime::SECOND;
/// By this name the number is known among other times of a picture.
const NUMBER: &str = "timestamp/x-vcops-unit";

/// A decoder for one codec and what it owes.
#[derive(Debug)]
pub(super) struct VideoDecoder {
    drive: Drive,
    caps: gst::Caps,
    ledger: Arc<Mutex<Ledger>>,
    fed: u64,
    /// The caller's time at [`ORIGIN_US`].
    origin_us: Option<i64>,
    number: gst::Caps,
}

/// What was asked for, by number of the unit, and what came.
#[derive(Debug, Default)]
struct Ledger {
    info: Option<gst_video::VideoInfo>,
    owed: BTreeMap<u64, (i64, Want)>,
    done: Vec<Chunk>,
}

impl VideoDecoder {
    pub(super) fn new(codec: VideoCodec) -> Result<Self, String> {
        let (name, media) = match codec {
            VideoCodec::H264 => ("avdec_h264", "video/x-h264"),
            VideoCodec::H265 => ("avdec_h265", "video/x-h265"),
        };
        let decoder = drive::element(name)?;
        // Threads hold pictures back and cost a quarter more.
        decoder.set_property("max-threads", 1i32);
        // "Strict" would hold back 16 pictures of a stream that does not say how many it reorders.
        decoder.set_property_from_str("std-compliance", "normal");
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let desk = Arc::clone(&ledger);
        let take = move |item: Item<'_>| desk.lock().unwrap_or_else(PoisonError::into_inner).take(item);
        let drive = Drive::new(vec![decoder], &gst::Caps::new_empty_simple("video/x-raw"), take)?;
        let caps =
            gst::Caps::builder(media).field("stream-format", "byte-stream").field("alignment", "au").build();
        let number = gst::Caps::new_empty_simple(NUMBER);
        Ok(Self { drive, caps, ledger, fed: 0, origin_us: None, number })
    }

    /// Decodes one unit.
    pub(super) fn feed(&mut self, unit: VideoUnit) -> Result<(), String> {
        self.drive.begin(&self.caps);
        let time = self.time(unit.pts_us);
        self.fed += 1;
        self.desk().owe(self.fed, unit.pts_us, unit.want);
        let mut buffer = drive::buffer(unit.data, time);
        if let Some(buffer) = buffer.get_mut() {
            // The decoder hands this on with the picture. Its times it may change, where they go backwards.
            gst::ReferenceTimestampMeta::add(buffer, &self.number, STEP * self.fed, gst::ClockTime::NONE);
        }
        self.drive.push(buffer)
    }

    /// The decoder's own time of a unit: as far apart as the caller's, and never below 0.
    fn time(&mut self, pts_us: i64) -> gst::ClockTime {
        let origin = *self.origin_us.get_or_insert(pts_us);
        let mut since = pts_us.wrapping_sub(origin);
        if !(-ORIGIN_US..=ORIGIN_US * 1000).contains(&since) {
            self.origin_us = Some(pts_us);
            since = 0;
        }
        gst::ClockTime::from_useconds(u64::try_from(since + ORIGIN_US).unwrap_or(0))
    }

    /// Makes it give out all it holds back; the next unit must be a key picture.
    pub(super) fn drain(&mut self) {
        self.drive.drain();
        self.desk().owed.clear();
    }

    /// What was done since the last call.
    pub(super) fn take(&self) -> Vec<Chunk> {
        std::mem::take(&mut self.desk().done)
    }

    /// Width and height of the last picture.
    pub(super) fn size(&self) -> Option<(u32, u32)> {
        self.desk().info.as_ref().map(|info| (info.width(), info.height()))
    }

    fn desk(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    fn owe(&mut self, number: u64, pts_us: i64, want: Want) {
        self.owed.insert(number, (pts_us, want));
        while self.owed.len() > OWED_MAX {
            self.owed.pop_first();
        }
    }

    fn take(&mut self, item: Item<'_>) {
        match item {
            Item::Caps(caps) => self.info = gst_video::VideoInfo::from_caps(caps).ok(),
            Item::Segment(_) => {}
            Item::Buffer(buffer) => {
                let number = number_of(&buffer);
                if let (Some((pts_us, want)), Some(info)) = (self.owed.remove(&number), &self.info)
                    && want != Want::Nothing
                {
                    self.done.extend(small(&buffer, info, pts_us, want).map(Picture::into_chunk));
                }
            }
        }
    }
}

/// The number of the unit that became this picture; 0 for none.
fn number_of(buffer: &gst::BufferRef) -> u64 {
    let ours = |meta: &gst::MetaRef<'_, gst::ReferenceTimestampMeta>| {
        meta.reference().structure(0).is_some_and(|caps| caps.name() == NUMBER)
    };
    let number = buffer.iter_meta::<gst::ReferenceTimestampMeta>().find(ours);
    number.map_or(0, |meta| meta.timestamp().nseconds() / STEP.nseconds())
}

/// The picture made small; `None` for a format without luma.
fn small(buffer: &gst::BufferRef, info: &gst_video::VideoInfo, pts_us: i64, want: Want) -> Option<Picture> {
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info).ok()?;
    let luma = plane(&frame, 0)?;
    let colour = colour(info);
    let thumbnail = match want {
        Want::Nothing | Want::Luma => None,
        Want::Thumbnail => {
            let chroma = plane(&frame, 1).zip(plane(&frame, 2)).map(|(blue, red)| [blue, red]);
            Some(Small::of(&luma, chroma, colour))
        }
    };
    // Always the same way from the decoder's rows: a grey picture made from the thumbnail differs at sharp edges from
    // those before and after it, which looks like motion.
    let mut grey = Vec::with_capacity(LUMA_WIDTH * LUMA_HEIGHT);
    luma.shrink(LUMA_WIDTH, LUMA_HEIGHT, &mut grey);
    if colour.studio_range {
        full_range(&mut grey);
    }
    let side = |length: u32| u16::try_from(length).unwrap_or(u16::MAX);
    Some(Picture {
        pts_us,
        width: side(info.width()),
        height: side(info.height()),
        luma: grey.into(),
        thumbnail: thumbnail.and_then(|small| small.jpeg(colour)).map(Into::into),
    })
}

fn colour(info: &gst_video::VideoInfo) -> Colour {
    let colorimetry = info.colorimetry();
    Colour {
        studio_range: colorimetry.range() != gst_video::VideoColorRange::Range0_255,
        bt709: colorimetry.matrix() == gst_video::VideoColorMatrix::Bt709,
    }
}

fn plane<'a>(frame: &'a gst_video::VideoFrameRef<&gst::BufferRef>, component: u32) -> Option<Plane<'a>> {
    let format = frame.format_info();
    if !format.is_yuv() && !format.is_gray() || component >= format.n_components() {
        return None;
    }
    let data = frame.comp_data(component).ok()?;
    let step = usize::try_from(frame.comp_pstride(component)).ok()?;
    let depth = frame.comp_depth(component);
    let sample = if depth > 8 { Sample::Word { step, shift: depth - 8 } } else { Sample::Byte { step } };
    Some(Plane {
        data,
        stride: usize::try_from(frame.comp_stride(component)).ok()?,
        width: usize::try_from(frame.comp_width(component)).ok()?,
        height: usize::try_from(frame.comp_height(component)).ok()?,
        sample,
    })
}

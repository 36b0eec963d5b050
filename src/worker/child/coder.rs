//! A chain whose output is coded units: encoders, and decoders followed by an encoder. Knows elements' output; must
//! not know which elements they are.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use gstreamer as gst;

use super::drive::{self, Drive, Item};
use crate::worker::protocol::Chunk;
use crate::worker::session::{MARK_CONFIG, MARK_KEY};

/// A chain and what came out of it.
#[derive(Debug)]
pub(super) struct Coder {
    drive: Drive,
    caps: gst::Caps,
    tray: Arc<Mutex<Tray>>,
    /// Media time of the first frame: the chain's own time begins at 0 with it.
    origin_us: Option<i64>,
}

#[derive(Debug, Default)]
struct Tray {
    segment: Option<gst::FormattedSegment<gst::ClockTime>>,
    config: Option<Chunk>,
    units: Vec<Chunk>,
}

impl Coder {
    /// `caps` goes in, `accepts` may come out.
    pub(super) fn new(
        elements: Vec<gst::Element>,
        caps: gst::Caps,
        accepts: &gst::Caps,
    ) -> Result<Self, String> {
        let tray = Arc::new(Mutex::new(Tray::default()));
        let inner = Arc::clone(&tray);
        let take = move |item: Item<'_>| inner.lock().unwrap_or_else(PoisonError::into_inner).take(item);
        let drive = Drive::new(elements, accepts, take)?;
        Ok(Self { drive, caps, tray, origin_us: None })
    }

    /// Pushes one frame through.
    pub(super) fn feed(
        &mut self,
        pts_us: i64,
        duration: Option<gst::ClockTime>,
        data: Bytes,
    ) -> Result<(), String> {
        self.drive.begin(&self.caps);
        let origin = *self.origin_us.get_or_insert(pts_us);
        let since = u64::try_from(pts_us.saturating_sub(origin)).map_err(|_| "time went back")?;
        let mut buffer = drive::buffer(data, gst::ClockTime::from_useconds(since));
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_duration(duration);
        }
        self.drive.push(buffer)
    }

    /// Makes the chain give out what it holds back; the next frame begins anew.
    pub(super) fn drain(&mut self) {
        self.drive.drain();
    }

    /// What came out since the last call, the codec's configuration first.
    pub(super) fn take(&self) -> Vec<Chunk> {
        let mut tray = self.tray.lock().unwrap_or_else(PoisonError::into_inner);
        let origin = self.origin_us.unwrap_or(0);
        let mut chunks: Vec<Chunk> = tray.config.clone().into_iter().collect();
        chunks.extend(
            tray.units.drain(..).map(|unit| Chunk { pts_us: unit.pts_us.saturating_add(origin), ..unit }),
        );
        chunks
    }

    /// Forgets where media time began, after a drain.
    pub(super) fn restart(&mut self) {
        self.origin_us = None;
    }
}

impl Tray {
    fn take(&mut self, item: Item<'_>) {
        match item {
            Item::Caps(caps) => {
                let config = caps.structure(0).and_then(|caps| caps.get::<gst::Buffer>("codec_data").ok());
                self.config =
                    config.and_then(bytes_of).map(|data| Chunk { pts_us: 0, mark: MARK_CONFIG, data });
            }
            Item::Segment(segment) => self.segment = segment.clone().downcast().ok(),
            Item::Buffer(buffer) => {
                let pts_us = self.time_of(&buffer);
                let key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
                let header = buffer.flags().contains(gst::BufferFlags::HEADER) && buffer.pts().is_none();
                if let Some(data) = bytes_of(buffer).filter(|_| !header) {
                    self.units.push(Chunk { pts_us, mark: if key { MARK_KEY } else { 0 }, data });
                }
            }
        }
    }

    /// Encoders shift their times so that none is negative, and say by how much in the segment.
    fn time_of(&self, buffer: &gst::BufferRef) -> i64 {
        let Some(pts) = buffer.pts() else {
            return 0;
        };
        let start = self.segment.as_ref().and_then(|segment| segment.start()).unwrap_or_default();
        let signed = |time: gst::ClockTime| i64::try_from(time.nseconds()).unwrap_or(i64::MAX);
        (signed(pts) - signed(start)).div_euclid(1000)
    }
}

/// The bytes of a buffer; copied, because an element may keep the memory for its next one.
pub(super) fn bytes_of(buffer: gst::Buffer) -> Option<Bytes> {
    buffer.map_readable().ok().map(|map| Bytes::copy_from_slice(&map))
}

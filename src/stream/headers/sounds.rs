//! What the sound frames of a stream say without being decoded.

use super::timeline::Timeline;
use super::window::Window;
use crate::domain::time::Mono;
use crate::stream::unit::{SoundFormat, Track, Unit};
use crate::wire::depay::AccessUnit;

/// Sound of one stream.
#[derive(Debug)]
pub(in crate::stream) struct Sounds {
    format: SoundFormat,
    clock_hz: u32,
    timeline: Timeline,
    bits: Window<21>,
    last: Option<Mono>,
}

impl Sounds {
    /// Timestamps count in `clock_hz`.
    pub(in crate::stream) fn new(format: SoundFormat, clock_hz: u32, now: Mono) -> Self {
        Self { format, clock_hz, timeline: Timeline::new(clock_hz), bits: Window::new(now), last: None }
    }

    pub(in crate::stream) fn format(&self) -> &SoundFormat {
        &self.format
    }

    /// Media begin again after a pause.
    pub(in crate::stream) fn resume(&mut self, now: Mono) {
        self.bits = Window::new(now);
        self.last = None;
    }

    /// Another source or time base.
    pub(in crate::stream) fn restart(&mut self) {
        self.timeline = Timeline::new(self.clock_hz);
    }

    /// Takes a frame that arrived `at`.
    pub(in crate::stream) fn take(&mut self, unit: AccessUnit, at: Mono) -> Unit {
        let placed = self.timeline.place(unit.timestamp, at);
        self.last = Some(at);
        self.bits.add(at, unit.data.len() as u64 * 8);
        Unit {
            track: Track::Audio(self.format.clone()),
            at,
            pts_us: placed.pts_us,
            data: unit.data,
            facts: None,
            damaged: unit.damaged || unit.gap_before,
        }
    }

    /// The sender's report on its clock.
    pub(in crate::stream) fn report(&mut self, timestamp: u32, ntp_us: i64) {
        self.timeline.report(timestamp, ntp_us);
    }

    pub(in crate::stream) fn kbps(&mut self, now: Mono) -> f64 {
        self.bits.per_s(now) / 1000.0
    }

    pub(in crate::stream) fn late_us(&self) -> Option<i64> {
        self.timeline.late_us()
    }

    pub(in crate::stream) fn last(&self) -> Option<Mono> {
        self.last
    }
}

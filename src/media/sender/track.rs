//! One track on its way out: which unit leaves next and when, with continuous timestamps over repetitions and changes
//! of clip.
//!
//! Knows clips and ticks; must not read a clock.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::Onset;
use super::impairment::{Impairment, Spoiler, TrackKind};
use super::packed::{Packed, Slot};
use crate::wire::rtp::HEAD_BYTES;

/// Nanoseconds in a second.
pub(super) const NS_PER_S: u64 = 1_000_000_000;

/// When a change of clip happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Before the next key picture of what is playing: no decoder notices.
    NextKey,
    /// Before the next unit.
    Now,
}

/// Where whoever gave an order hears that its effect has left.
pub(super) type Told = oneshot::Sender<Onset>;

/// A clip that waits for its entry.
#[derive(Debug)]
struct Change {
    packed: Arc<Packed>,
    entry: Entry,
    told: Told,
}

/// The state of one track.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) kind: TrackKind,
    packed: Arc<Packed>,
    next: usize,
    /// Ticks since the stream began, at the next unit.
    ticks: u64,
    identity: Identity,
    change: Option<Change>,
    pub(super) spoiler: Spoiler,
    /// Told when the marked unit of the clip leaves.
    at_mark: Option<Told>,
    /// Told when the impairment first does something, or when the next whole unit leaves if there is none.
    pub(super) at_harm: Option<Told>,
    pub(super) sent_packets: u32,
    pub(super) sent_bytes: u32,
}

/// What RTP heads say of the track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp_base: u32,
}

/// A unit that is due.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) packed: Arc<Packed>,
    pub(super) at: usize,
    /// RTP timestamp.
    pub(super) timestamp: u32,
    /// Its time of showing in nanoseconds since the stream began.
    pub(super) shown_ns: u64,
    /// Told as it leaves.
    pub(super) told: Option<Told>,
}

impl Track {
    pub(super) fn new(kind: TrackKind, packed: Arc<Packed>, identity: Identity) -> Self {
        Self {
            kind,
            packed,
            next: 0,
            ticks: 0,
            identity,
            change: None,
            spoiler: Spoiler::new(Impairment::default(), kind),
            at_mark: None,
            at_harm: None,
            sent_packets: 0,
            sent_bytes: 0,
        }
    }

    /// When the next unit is due, nanoseconds since the stream began.
    pub(super) fn due_ns(&self) -> u64 {
        self.ns(self.ticks) + self.spoiler.late_ns()
    }

    /// Another clip from the next entry on. A change that still waits is replaced, and nobody tells of it.
    pub(super) fn change(&mut self, packed: Arc<Packed>, entry: Entry, told: Told) {
        self.change = Some(Change { packed, entry, told });
    }

    /// Takes the next unit; the one after it is due a step later.
    pub(super) fn take(&mut self) -> Due {
        self.enter_if_due();
        let (packed, at) = (Arc::clone(&self.packed), self.next);
        let shown = self.ticks + u64::from(self.slot().shift);
        let told = if packed.mark.is_none_or(|mark| mark == at) { self.at_mark.take() } else { None };
        self.ticks += u64::from(packed.step);
        self.next = if at + 1 < packed.slots.len() { at + 1 } else { packed.repeat_from };
        Due { packed, at, timestamp: self.timestamp(shown), shown_ns: self.ns(shown), told }
    }

    /// Writes the next head into a packet.
    pub(super) fn head(&mut self, timestamp: u32, packet: &[u8], out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(packet);
        if let Some(head) = out.get_mut(..HEAD_BYTES) {
            head[2..4].copy_from_slice(&self.identity.sequence.to_be_bytes());
            head[4..8].copy_from_slice(&timestamp.to_be_bytes());
            head[8..12].copy_from_slice(&self.identity.ssrc.to_be_bytes());
        }
        self.identity.sequence = self.identity.sequence.wrapping_add(1);
        self.sent_packets = self.sent_packets.wrapping_add(1);
        self.sent_bytes = self.sent_bytes.wrapping_add(packet.len().saturating_sub(HEAD_BYTES) as u32);
    }

    /// The RTP timestamp of a moment, nanoseconds since the stream began.
    pub(super) fn timestamp_at(&self, ns: u64) -> u32 {
        self.timestamp((u128::from(ns) * u128::from(self.packed.clock_hz()) / u128::from(NS_PER_S)) as u64)
    }

    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    /// Another source: nothing of the old identity stays.
    pub(super) fn become_another(&mut self, identity: Identity) {
        self.identity = identity;
        (self.sent_packets, self.sent_bytes) = (0, 0);
    }

    /// The clip that plays.
    pub(super) fn packed(&self) -> &Arc<Packed> {
        &self.packed
    }

    fn slot(&self) -> &Slot {
        &self.packed.slots[self.next]
    }

    fn enter_if_due(&mut self) {
        let enters = self.change.as_ref().is_some_and(|change| change.entry == Entry::Now || self.slot().key);
        if let Some(change) = self.change.take_if(|_| enters) {
            // The same moment in the ticks of the other clock.
            let moment = self.ns(self.ticks);
            self.packed = change.packed;
            let clock = u128::from(self.packed.clock_hz());
            self.ticks =
                ((u128::from(moment) * clock + u128::from(NS_PER_S) / 2) / u128::from(NS_PER_S)) as u64;
            self.next = 0;
            self.at_mark = Some(change.told);
        }
    }

    fn timestamp(&self, ticks: u64) -> u32 {
        self.identity.timestamp_base.wrapping_add(ticks as u32)
    }

    fn ns(&self, ticks: u64) -> u64 {
        (u128::from(ticks) * u128::from(NS_PER_S) / u128::from(self.packed.clock_hz())) as u64
    }
}

impl Due {
    pub(super) fn slot(&self) -> &Slot {
        &self.packed.slots[self.at]
    }

    pub(super) fn packets(&self) -> &[Bytes] {
        &self.slot().packets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stream::VideoCodec;
    use crate::media::clip::{PictureUnit, VideoClip};
    use crate::media::picture::Size;

    /// Four pictures with a key picture each two; the second half repeats.
    fn packed(fps: u32, mark: Option<u32>) -> Arc<Packed> {
        let unit = |number: u32| PictureUnit {
            data: Bytes::from(vec![0, 0, 0, 1, 0x65, number as u8]),
            number,
            key: number.is_multiple_of(2),
        };
        let units = (0..4).map(unit).collect();
        Packed::video(&VideoClip::new((VideoCodec::H264, Size::P180, fps), units, 2, mark).unwrap())
    }

    fn track() -> Track {
        let identity = Identity { ssrc: 7, sequence: u16::MAX, timestamp_base: u32::MAX - 3599 };
        Track::new(TrackKind::Video, packed(25, None), identity)
    }

    #[test]
    fn time_goes_on_evenly_over_repetitions_and_wraps() {
        let mut track = track();
        let taken: Vec<_> = (0..7).map(|_| track.take()).collect();
        let which: Vec<_> = taken.iter().map(|due| due.at).collect();
        assert_eq!(which, [0, 1, 2, 3, 2, 3, 2]);
        assert_eq!(
            (taken[0].timestamp, taken[1].timestamp, taken[6].timestamp),
            (u32::MAX - 3599, 0, 18_000)
        );
        assert_eq!((taken[6].shown_ns, track.due_ns()), (240_000_000, 280_000_000));
        let mut out = Vec::new();
        track.head(9, &[0x80; 20], &mut out);
        assert_eq!(out[..12], [0x80, 0x80, 255, 255, 0, 0, 0, 9, 0, 0, 0, 7]);
        assert_eq!(track.identity().sequence, 0);
    }

    #[test]
    fn a_change_waits_for_a_key_picture_and_tells_at_the_mark() {
        let mut track = track();
        track.take();
        let (told, mut hears) = oneshot::channel();
        track.change(packed(5, Some(1)), Entry::NextKey, told);
        let second = track.take();
        assert_eq!((second.at, second.packed.step), (1, 3600));
        let third = track.take();
        assert_eq!((third.at, third.packed.step, third.shown_ns), (0, 18_000, 80_000_000));
        assert!(third.told.is_none() && hears.try_recv().is_err());
        let fourth = track.take();
        assert_eq!((fourth.at, fourth.shown_ns, fourth.told.is_some()), (1, 280_000_000, true));
    }

    #[test]
    fn a_change_now_does_not_wait() {
        let mut track = track();
        track.take();
        let (told, _hears) = oneshot::channel();
        track.change(packed(25, None), Entry::Now, told);
        let due = track.take();
        assert_eq!((due.at, due.told.is_some()), (0, true));
    }
}

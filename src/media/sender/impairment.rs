//! What goes wrong on the way out, decided by a seed: packets that are lost, damaged, cut short or replaced by
//! garbage, pictures that never become packets, tracks that fall silent or late.
//!
//! Knows packets and chance; must not know time or sockets.

use crate::media::chance::Chance;
use crate::wire::rtp::HEAD_BYTES;

/// Everything at once; each part is off by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Impairment {
    /// Nothing leaves at all: the sender is cut off.
    pub cut: bool,
    /// No pictures leave.
    pub no_video: bool,
    /// No sound leaves: muted by not sending.
    pub no_audio: bool,
    /// One of so many packets is lost; its sequence number is missing. 0 for none.
    pub lose_one_in: u32,
    /// One of so many pictures that are not key pictures never becomes packets: sequence numbers go on. 0 for none.
    pub skip_one_in: u32,
    /// One of so many packets has bits turned over behind its head. 0 for none.
    pub flip_one_in: u32,
    /// One of so many packets is cut short somewhere, its head included. 0 for none.
    pub cut_short_one_in: u32,
    /// Before one of so many packets another of random bytes leaves. 0 for none.
    pub garbage_one_in: u32,
    /// How much later than its time sound leaves, milliseconds; its timestamps do not know.
    pub audio_late_ms: u32,
    /// Decides which.
    pub seed: u64,
}

/// Which track something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrackKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
}

/// Applies an impairment to one track.
#[derive(Debug)]
pub(super) struct Spoiler {
    what: Impairment,
    kind: TrackKind,
    chance: Chance,
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It leaves as it is.
    Whole,
    /// It leaves changed.
    Changed,
    /// It does not leave.
    Lost,
    /// It leaves as it is, but garbage leaves before it.
    AfterGarbage,
}

impl Impairment {
    /// Nothing goes wrong.
    pub fn is_none(&self) -> bool {
        Self { seed: 0, ..*self } == Self::default()
    }
}

impl Spoiler {
    pub(super) fn new(what: Impairment, kind: TrackKind) -> Self {
        let seed = what.seed.wrapping_add(u64::from(kind == TrackKind::Audio) << 32);
        Self { what, kind, chance: Chance::new(seed) }
    }

    /// Whether the track sends at all.
    pub(super) fn sends(&self) -> bool {
        let silent = match self.kind {
            TrackKind::Video => self.what.no_video,
            TrackKind::Audio => self.what.no_audio,
        };
        !(self.what.cut || silent)
    }

    /// Whether nothing goes wrong.
    pub(super) fn is_harmless(&self) -> bool {
        self.what.is_none()
    }

    /// How much later the track leaves, nanoseconds.
    pub(super) fn late_ns(&self) -> u64 {
        match self.kind {
            TrackKind::Video => 0,
            TrackKind::Audio => u64::from(self.what.audio_late_ms) * 1_000_000,
        }
    }

    /// Whether a picture is left out.
    pub(super) fn skips(&mut self, key: bool) -> bool {
        self.kind == TrackKind::Video && !key && self.one_in(self.what.skip_one_in)
    }

    /// Decides about a packet, and changes it accordingly.
    pub(super) fn packet(&mut self, packet: &mut Vec<u8>) -> Fate {
        if self.one_in(self.what.lose_one_in) {
            return Fate::Lost;
        }
        if self.one_in(self.what.cut_short_one_in) {
            let left = self.chance.below(packet.len());
            packet.truncate(left);
            return Fate::Changed;
        }
        if self.one_in(self.what.flip_one_in) && packet.len() > HEAD_BYTES + 4 {
            for _ in 0..8 {
                let at = HEAD_BYTES + 4 + self.chance.below(packet.len() - HEAD_BYTES - 4);
                packet[at] ^= 1 << self.chance.below(8);
            }
            return Fate::Changed;
        }
        if self.one_in(self.what.garbage_one_in) { Fate::AfterGarbage } else { Fate::Whole }
    }

    /// A datagram that nobody means.
    pub(super) fn garbage(&mut self, out: &mut Vec<u8>) {
        out.clear();
        let length = 1 + self.chance.below(1_200);
        out.extend((0..length).map(|_| self.chance.next() as u8));
    }

    fn one_in(&mut self, many: u32) -> bool {
        many > 0 && self.chance.below(many as usize) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(what: Impairment) -> [usize; 4] {
        let mut spoiler = Spoiler::new(what, TrackKind::Video);
        let mut counts = [0; 4];
        for _ in 0..10_000 {
            let mut packet = vec![0; 200];
            let fate = spoiler.packet(&mut packet);
            assert_eq!(fate == Fate::Changed, packet != [0; 200]);
            counts[fate as usize] += 1;
        }
        counts
    }

    #[test]
    fn each_impairment_does_what_it_says_as_often_as_it_says() {
        let none = Impairment { seed: 5, ..Impairment::default() };
        assert_eq!(fates(none), [10_000, 0, 0, 0]);
        let about = |count: usize, wanted: usize| count.abs_diff(wanted) < wanted / 4;
        assert!(about(fates(Impairment { lose_one_in: 50, ..none })[2], 200));
        assert!(about(fates(Impairment { flip_one_in: 20, ..none })[1], 500));
        assert!(about(fates(Impairment { cut_short_one_in: 20, ..none })[1], 500));
        assert!(about(fates(Impairment { garbage_one_in: 20, ..none })[3], 500));
        let mut skipping = Spoiler::new(Impairment { skip_one_in: 4, ..none }, TrackKind::Video);
        assert!((0..1000).all(|_| !skipping.skips(true)));
        assert!(about((0..1000).filter(|_| skipping.skips(false)).count(), 250));
    }

    #[test]
    fn a_mute_track_does_not_silence_the_other() {
        let sends = |what, kind| Spoiler::new(what, kind).sends();
        let mute = Impairment { no_audio: true, ..Impairment::default() };
        assert!(sends(mute, TrackKind::Video) && !sends(mute, TrackKind::Audio));
        let cut = Impairment { cut: true, ..Impairment::default() };
        assert!(!sends(cut, TrackKind::Video) && !sends(cut, TrackKind::Audio));
    }
}

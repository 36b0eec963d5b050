//! What moved between two readings of a stream: the only thing that proves flow, for the clocks of relay and monitor
//! may differ. Pure: time is handed in.

use std::collections::BTreeMap;

use super::reply::Came;
use crate::domain::time::{Mono, Span, Utc};
use crate::observation::device::{Absent, Counted, Flow, Given};

/// A stream that brought nothing for so long has no media.
const SILENCE: Span = Span::seconds(2);
/// A packet this old by its stamp, with none since the reading before, is no flow either.
const STAMP_OLD: Span = Span::seconds(3);
/// Rates over less time than this are chance.
const RATE_OVER: Span = Span::millis(250);
/// A stream that nobody read for so long is forgotten.
const FORGET: Span = Span::minutes(10);
/// Most streams that are remembered.
const STREAMS_MAX: usize = 16_384;

/// Which stream: call, tag, place of the medium.
pub(super) type Which = (String, String, i64);

/// Earlier readings.
#[derive(Debug, Default)]
pub(super) struct Progress {
    kept: BTreeMap<Which, Kept>,
}

#[derive(Debug)]
struct Kept {
    came: Came,
    epoch: u32,
    first: Mono,
    read: Mono,
    grew: Option<(Mono, Utc)>,
    kbps: Given<f64>,
}

/// What a reading shows, compared with the one before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moved {
    pub(super) flow: Flow,
    pub(super) kbps: Given<f64>,
    pub(super) packets: Counted,
}

impl Progress {
    /// Whether it was never read before, so that a single reading proves nothing.
    pub(super) fn is_new(&self, which: &Which) -> bool {
        !self.kept.contains_key(which)
    }

    /// Takes a reading.
    pub(super) fn take(&mut self, which: Which, came: Came, now: (Mono, Utc)) -> Moved {
        if self.kept.len() >= STREAMS_MAX {
            self.kept.retain(|_, kept| now.0.since(kept.read) < FORGET);
        }
        let fresh = Kept { came, epoch: 0, first: now.0, read: now.0, grew: None, kbps: NOT_YET };
        if let Some(kept) = self.kept.get_mut(&which) {
            kept.take(came, now);
            return kept.moved(now);
        }
        let moved = fresh.moved(now);
        if self.kept.len() < STREAMS_MAX {
            self.kept.insert(which, fresh);
        }
        moved
    }
}

const NOT_YET: Given<f64> = Given::Absent(Absent::NotYet);

impl Kept {
    fn take(&mut self, came: Came, now: (Mono, Utc)) {
        let restarted = came.packets < self.came.packets || came.port != self.came.port;
        if restarted {
            *self =
                Self { came, epoch: self.epoch + 1, first: now.0, read: now.0, grew: None, kbps: NOT_YET };
            return;
        }
        if came.packets > self.came.packets {
            self.grew = Some(now);
        }
        let over = now.0.since(self.read);
        if over >= RATE_OVER {
            self.kbps = Given::Value((came.bytes - self.came.bytes).max(0) as f64 * 8.0 / over.as_ms());
            (self.came.bytes, self.read) = (came.bytes, now.0);
        }
        self.came = Came { bytes: self.came.bytes, ..came };
    }

    fn moved(&self, now: (Mono, Utc)) -> Moved {
        let packets = Counted { epoch: self.epoch, count: self.came.packets };
        Moved { flow: self.flow(now), kbps: self.kbps, packets }
    }

    fn flow(&self, (mono, utc): (Mono, Utc)) -> Flow {
        let stamp = self.came.last.filter(|_| self.came.packets > 0);
        let stamp = stamp.map(|seconds| Utc(seconds.saturating_mul(1_000_000)));
        match self.grew {
            Some((at, _)) if mono.since(at) < SILENCE => Flow::Flowing,
            Some((_, since)) => Flow::NoMedia { since: Some(since) },
            None if mono.since(self.first) >= SILENCE => Flow::NoMedia { since: stamp },
            None => {
                let read_twice = mono.since(self.first) >= RATE_OVER;
                let old = stamp.is_some_and(|stamp| utc.since(stamp) >= STAMP_OLD);
                if read_twice && old { Flow::NoMedia { since: stamp } } else { Flow::Unknown }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_800_000_000;

    fn at(ms: u64) -> (Mono, Utc) {
        (Mono(5_000_000) + Span::millis(ms), Utc(START * 1_000_000) + Span::millis(ms))
    }

    fn which() -> Which {
        ("call".into(), "tag".into(), 1)
    }

    fn came(packets: i64, last: i64) -> Came {
        Came { ssrc: Some(1), port: 40_000, packets, bytes: packets * 172, errors: 0, last: Some(last) }
    }

    /// Readings one after the other: moment in milliseconds, packets, stamp in seconds after the start.
    fn flows(readings: &[(u64, i64, i64)]) -> Vec<Flow> {
        let mut progress = Progress::default();
        let read = |&(ms, packets, last): &(u64, i64, i64)| {
            progress.take(which(), came(packets, START + last), at(ms)).flow
        };
        readings.iter().map(read).collect()
    }

    #[test]
    fn only_what_moved_flows() {
        let none = |ms| Flow::NoMedia { since: Some(at(ms).1) };
        let cases: [(&[(u64, i64, i64)], &[Flow]); 4] = [
            // Moves, then stops: said two seconds after it was last seen to move.
            (
                &[(0, 10, 0), (300, 25, 0), (1500, 80, 1), (3000, 80, 1), (3600, 80, 1)],
                &[Flow::Unknown, Flow::Flowing, Flow::Flowing, Flow::Flowing, none(1500)],
            ),
            // Long dead when first read: stamp and stillness agree.
            (
                &[(0, 500, -60), (300, 500, -60)],
                &[Flow::Unknown, Flow::NoMedia { since: Some(Utc((START - 60) * 1_000_000)) }],
            ),
            // Never brought a packet: the stamp is the call's beginning and says nothing.
            (
                &[(0, 0, -60), (300, 0, -60), (2000, 0, -60)],
                &[Flow::Unknown, Flow::Unknown, Flow::NoMedia { since: None }],
            ),
            // The relay's clock is an hour ahead: stillness alone must do.
            (
                &[(0, 9, 3600), (300, 9, 3600), (2000, 9, 3600)],
                &[
                    Flow::Unknown,
                    Flow::Unknown,
                    Flow::NoMedia { since: Some(Utc((START + 3600) * 1_000_000)) },
                ],
            ),
        ];
        for (readings, expected) in cases {
            assert_eq!(flows(readings), expected, "{readings:?}");
        }
    }

    #[test]
    fn a_counter_that_falls_begins_an_epoch_and_no_rate_is_taken_across() {
        let mut progress = Progress::default();
        let take =
            |progress: &mut Progress, ms, packets| progress.take(which(), came(packets, START), at(ms));
        assert!(progress.is_new(&which()));
        take(&mut progress, 0, 100);
        let second = take(&mut progress, 1000, 150);
        assert_eq!((second.kbps, second.packets), (Given::Value(68.8), Counted { epoch: 0, count: 150 }));
        let third = take(&mut progress, 2000, 5);
        assert_eq!((third.kbps, third.packets), (NOT_YET, Counted { epoch: 1, count: 5 }));
    }

    #[test]
    fn what_nobody_reads_is_forgotten() {
        let mut progress = Progress::default();
        for tag in 0..STREAMS_MAX {
            progress.take(("call".into(), tag.to_string(), 1), came(1, START), at(0));
        }
        let late = ("call".into(), "late".into(), 1);
        progress.take(late.clone(), came(1, START), at(1000));
        assert!(progress.is_new(&late), "there is no room while all are fresh");
        progress.take(late.clone(), came(1, START), at(700_000));
        assert!(!progress.is_new(&late) && progress.kept.len() == 1);
    }
}

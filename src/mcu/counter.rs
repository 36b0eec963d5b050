//! Counters and flow of one stream, read again and again.
//!
//! Epochs, signed differences, loss only while packets moved, and since when nothing moves. For every make that gives
//! counters; knows none of them and no clock.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::time::Utc;
use crate::observation::device::{Absent, Counted, Flow, Given, ROSTER_MAX};

/// Most streams that are remembered at once: two media both ways of every participant.
pub const METERS_MAX: usize = 4 * ROSTER_MAX;
/// Two readings closer than this give no rate: the counters of many devices move once a second.
const RATE_WINDOW_MIN: Duration = Duration::from_millis(200);

/// What a device's counters say at one moment. What it does not give is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// Tells two streams in the same place apart: SSRC, stream or handle number. Another one begins a new epoch.
    pub identity: u64,
    /// Packets received or sent.
    pub packets: Option<u64>,
    /// Lost packets; signed, for late packets take some back.
    pub lost: Option<i64>,
    /// Bytes received or sent.
    pub bytes: Option<u64>,
    /// Monotonic time of the reading, from any fixed start.
    pub at: Duration,
}

/// Which packets a counter counts: loss is a share of what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// Packets that arrived: what was sent is these and the lost ones.
    Arrived,
    /// Packets that left: the lost ones are among them.
    Left,
}

/// What two readings say together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tally {
    /// Packets with their epoch.
    pub packets: Given<Counted>,
    /// Lost packets with their epoch.
    pub lost: Given<Counted>,
    /// Loss since the last reading, percent.
    pub loss_pct: Given<f64>,
    /// Rate since the last reading, kbit/s.
    pub kbps: Given<f64>,
    /// Whether packets moved since the last reading of the same epoch; `None` when there is none to compare with.
    pub moved: Option<bool>,
}

/// The memory of one stream.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    epoch: u32,
    last: Option<Reading>,
    silent_since: Option<Utc>,
}

impl Meter {
    /// Takes a reading and says what it means beside the last one.
    pub fn read(&mut self, reading: Reading, counts: Counts) -> Tally {
        if self.last.is_some_and(|last| restarted(&last, &reading)) {
            self.epoch = self.epoch.saturating_add(1);
            self.last = None;
        }
        let last = self.last.replace(reading);
        let packets = delta(last.and_then(|last| last.packets), reading.packets);
        let lost = last.and_then(|last| Some(reading.lost?.saturating_sub(last.lost?)));
        Tally {
            packets: self.counted(reading.packets.map(|count| i64::try_from(count).unwrap_or(i64::MAX))),
            lost: self.counted(reading.lost),
            loss_pct: reading
                .lost
                .map_or(Given::Absent(Absent::NotProvided), |_| loss(packets, lost, counts)),
            kbps: rate(last, &reading),
            moved: packets.map(|packets| packets > 0),
        }
    }

    /// Flow from whether media move now; remembers since when they do not.
    pub fn flow(&mut self, moving: bool, now: Utc) -> Flow {
        if moving {
            self.silent_since = None;
            return Flow::Flowing;
        }
        Flow::NoMedia { since: Some(*self.silent_since.get_or_insert(now)) }
    }

    /// Media are not meant to flow: a later silence begins anew.
    pub fn pause(&mut self) {
        self.silent_since = None;
    }

    fn counted(&self, count: Option<i64>) -> Given<Counted> {
        Given::or_absent(count.map(|count| Counted { epoch: self.epoch, count }), Absent::NotProvided)
    }
}

/// A counter of packets only grows; one that fell, or another identity, began anew. `lost` may fall.
fn restarted(last: &Reading, now: &Reading) -> bool {
    last.identity != now.identity
        || matches!((last.packets, now.packets), (Some(before), Some(after)) if after < before)
        || matches!((last.bytes, now.bytes), (Some(before), Some(after)) if after < before)
}

fn delta(before: Option<u64>, after: Option<u64>) -> Option<i64> {
    i64::try_from(after?.checked_sub(before?)?).ok()
}

/// Loss of an interval. During a total outage the counters stand still, which is no loss of 0 %.
fn loss(packets: Option<i64>, lost: Option<i64>, counts: Counts) -> Given<f64> {
    let (Some(packets), Some(lost)) = (packets, lost) else { return Given::Absent(Absent::NotYet) };
    if packets <= 0 {
        return Given::Absent(Absent::NothingMoved);
    }
    // Late packets that come back lower the counter: this interval lost none.
    let lost = lost.max(0);
    let sent = match counts {
        Counts::Arrived => packets.saturating_add(lost),
        Counts::Left => packets,
    };
    if lost > sent {
        return Given::Absent(Absent::OutOfRange);
    }
    Given::Value(lost as f64 * 100.0 / sent as f64)
}

fn rate(last: Option<Reading>, now: &Reading) -> Given<f64> {
    if now.bytes.is_none() {
        return Given::Absent(Absent::NotProvided);
    }
    let window = last.map(|last| now.at.saturating_sub(last.at)).unwrap_or_default();
    match delta(last.and_then(|last| last.bytes), now.bytes) {
        Some(bytes) if window >= RATE_WINDOW_MIN => {
            Given::Value(bytes as f64 * 8.0 / 1_000.0 / window.as_secs_f64())
        }
        _ => Given::Absent(Absent::NotYet),
    }
}

/// Meters by the name of their stream; the one not read for longest makes room for a new one.
#[derive(Debug, Clone)]
pub struct Meters<K> {
    turn: u64,
    meters: BTreeMap<K, (u64, Meter)>,
    max: usize,
}

impl<K: Ord + Clone> Meters<K> {
    /// Room for [`METERS_MAX`] streams.
    pub fn new() -> Self {
        Self::with_room(METERS_MAX)
    }

    fn with_room(max: usize) -> Self {
        Self { turn: 0, meters: BTreeMap::new(), max }
    }

    /// The meter of a stream.
    pub fn of(&mut self, name: &K) -> &mut Meter {
        self.turn += 1;
        if !self.meters.contains_key(name) && self.meters.len() >= self.max {
            let oldest = self.meters.iter().min_by_key(|(_, (turn, _))| *turn).map(|(name, _)| name.clone());
            oldest.map(|name| self.meters.remove(&name));
        }
        let entry = self.meters.entry(name.clone()).or_default();
        entry.0 = self.turn;
        &mut entry.1
    }
}

impl<K: Ord + Clone> Default for Meters<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reading(packets: u64, lost: i64, seconds: u64) -> Reading {
        Reading {
            identity: 1,
            packets: Some(packets),
            lost: Some(lost),
            bytes: Some(packets * 125),
            at: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn loss_is_judged_only_while_packets_move() {
        // The counters of a real call: clean, 10 % loss, black hole, still black.
        let steps = [
            (reading(550, 0, 0), Given::Absent(Absent::NotYet), None),
            (reading(1228, 70, 10), Given::Value(70.0 * 100.0 / 748.0), Some(true)),
            (reading(1439, 62, 20), Given::Value(0.0), Some(true)),
            (reading(1439, 62, 28), Given::Absent(Absent::NothingMoved), Some(false)),
        ];
        let mut meter = Meter::default();
        for (reading, loss, moved) in steps {
            let tally = meter.read(reading, Counts::Arrived);
            assert_eq!((tally.loss_pct, tally.moved), (loss, moved), "{reading:?}");
        }
        assert_eq!(meter.epoch, 0, "`lost` may fall without a restart");
    }

    #[test]
    fn a_restart_begins_an_epoch_and_no_difference_is_taken_across_it() {
        let mut meter = Meter::default();
        meter.read(reading(1000, 10, 0), Counts::Arrived);
        let fallen = meter.read(reading(20, 0, 1), Counts::Arrived);
        assert_eq!(fallen.packets, Given::Value(Counted { epoch: 1, count: 20 }));
        assert_eq!(
            (fallen.loss_pct, fallen.kbps),
            (Given::Absent(Absent::NotYet), Given::Absent(Absent::NotYet))
        );
        let other = meter.read(Reading { identity: 2, ..reading(500, 0, 2) }, Counts::Arrived);
        assert_eq!(other.packets, Given::Value(Counted { epoch: 2, count: 500 }));
        assert_eq!(other.moved, None);
    }

    #[test]
    fn what_left_holds_what_was_lost_and_what_arrived_does_not() {
        let mut meter = Meter::default();
        meter.read(reading(100, 0, 0), Counts::Left);
        let tally = meter.read(reading(200, 10, 1), Counts::Left);
        assert_eq!(tally.loss_pct, Given::Value(10.0));
        assert_eq!(tally.kbps, Given::Value(100.0));
        let tally = meter.read(reading(210, 40, 2), Counts::Left);
        assert_eq!(tally.loss_pct, Given::Absent(Absent::OutOfRange));
    }

    #[test]
    fn what_is_not_given_stays_absent() {
        let tally = Meter::default().read(Reading::default(), Counts::Arrived);
        let none = Given::Absent(Absent::NotProvided);
        assert_eq!((tally.kbps, tally.loss_pct, tally.moved), (none, none, None));
        assert_eq!(tally.packets, Given::Absent(Absent::NotProvided));
    }

    #[test]
    fn silence_has_a_beginning_which_a_pause_forgets() {
        let mut meter = Meter::default();
        assert_eq!(meter.flow(false, Utc(5)), Flow::NoMedia { since: Some(Utc(5)) });
        assert_eq!(meter.flow(false, Utc(9)), Flow::NoMedia { since: Some(Utc(5)) });
        meter.pause();
        assert_eq!(meter.flow(false, Utc(12)), Flow::NoMedia { since: Some(Utc(12)) });
        assert_eq!(meter.flow(true, Utc(13)), Flow::Flowing);
        assert_eq!(meter.flow(false, Utc(14)), Flow::NoMedia { since: Some(Utc(14)) });
    }

    #[test]
    fn the_meter_not_read_for_longest_makes_room() {
        let mut meters = Meters::with_room(2);
        for name in ["a", "b"] {
            meters.of(&name).read(reading(1, 0, 0), Counts::Arrived);
        }
        meters.of(&"a");
        meters.of(&"c");
        assert!(meters.of(&"a").last.is_some());
        assert_eq!(meters.meters.keys().copied().collect::<Vec<_>>(), ["a", "c"]);
    }

    proptest! {
        #[test]
        fn any_counters_give_a_loss_between_0_and_100(
            steps in prop::collection::vec((0u64..3, any::<u64>(), any::<i64>(), any::<u64>()), 1..40),
        ) {
            let mut meter = Meter::default();
            for (at, (identity, packets, lost, bytes)) in steps.into_iter().enumerate() {
                let at = Duration::from_secs(at as u64);
                let reading =
                    Reading { identity, packets: Some(packets), lost: Some(lost), bytes: Some(bytes), at };
                let tally = meter.read(reading, Counts::Arrived);
                prop_assert!(tally.loss_pct.value().is_none_or(|loss| (0.0..=100.0).contains(&loss)));
                prop_assert!(tally.kbps.value().is_none_or(|kbps| kbps >= 0.0));
            }
        }
    }
}

//! Media time: timestamps of a sender's own clock, put on the watcher's axis without the network's jitter, and how far
//! arrivals lag behind them, from which drift between sound and pictures is told.

use crate::domain::time::Mono;

/// A timestamp this far from where its arrival puts it is a new base, not jitter.
const JUMP_US: i64 = 5_000_000;

/// Length of one measurement of the lag.
const LAG_WINDOW_US: u64 = 1_000_000;

/// Most samples of one measurement.
const LAG_SAMPLES_MAX: usize = 64;

/// Measurements of which the usual lag is made.
const USUAL_OF: usize = 5;

/// The time axis of one track.
#[derive(Debug)]
pub(in crate::stream) struct Timeline {
    rate_hz: u32,
    anchor: Option<Anchor>,
    lag: Lag,
    /// The sender's wall clock minus media time at its first report, and how far that has moved since.
    reported: Option<(i64, i64)>,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    /// Extended timestamp and media time of one moment.
    ticks: i64,
    us: i64,
    /// The last extended timestamp.
    last: i64,
}

/// A timestamp's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::stream) struct Placed {
    /// Media time, microseconds.
    pub(in crate::stream) pts_us: i64,
    /// Whether the sender began a new base here.
    pub(in crate::stream) jumped: bool,
}

impl Timeline {
    /// For a clock of so many ticks per second; 0 counts as 90,000.
    pub(in crate::stream) fn new(rate_hz: u32) -> Self {
        let rate_hz = if rate_hz == 0 { 90_000 } else { rate_hz };
        Self { rate_hz, anchor: None, lag: Lag::default(), reported: None }
    }

    /// Places a timestamp that arrived at a moment.
    pub(in crate::stream) fn place(&mut self, timestamp: u32, at: Mono) -> Placed {
        let Some(anchor) = self.anchor.as_mut() else {
            return self.anchor_at(timestamp, at, false);
        };
        // RFC 3550 §5.1: timestamps wrap; the nearer way round is the right one.
        let step = timestamp.wrapping_sub(anchor.last as u32) as i32;
        let ticks = anchor.last + i64::from(step);
        let pts_us = anchor.us + (ticks - anchor.ticks) * 1_000_000 / i64::from(self.rate_hz);
        if (at_us(at) - pts_us).abs() > JUMP_US {
            return self.anchor_at(timestamp, at, true);
        }
        anchor.last = ticks;
        let shift_us = self.reported.map_or(0, |(_, shift)| shift);
        self.lag.sample(at_us(at) - pts_us - shift_us, at);
        Placed { pts_us, jumped: false }
    }

    /// The sender says what its wall clock shows at a timestamp (RTCP SR, RFC 3550 §6.4.1).
    pub(in crate::stream) fn report(&mut self, timestamp: u32, ntp_us: i64) {
        let Some(anchor) = self.anchor else { return };
        let step = timestamp.wrapping_sub(anchor.last as u32) as i32;
        let ticks = anchor.last + i64::from(step) - anchor.ticks;
        let offset = ntp_us - (anchor.us + ticks * 1_000_000 / i64::from(self.rate_hz));
        let first = self.reported.map_or(offset, |(first, _)| first);
        self.reported = Some((first, offset - first));
    }

    /// How much later than usual media arrive for their timestamps, microseconds; `None` until that is known.
    pub(in crate::stream) fn late_us(&self) -> Option<i64> {
        self.lag.late_us()
    }

    /// When the current base began to be measured anew: a change of it makes [`Timeline::late_us`] start over.
    fn anchor_at(&mut self, timestamp: u32, at: Mono, jumped: bool) -> Placed {
        let ticks = i64::from(timestamp);
        self.anchor = Some(Anchor { ticks, us: at_us(at), last: ticks });
        self.lag = Lag::default();
        self.reported = None;
        Placed { pts_us: at_us(at), jumped }
    }
}

/// Medians of the lag, each over a second.
#[derive(Debug, Default)]
struct Lag {
    samples: Vec<i64>,
    since: Option<Mono>,
    /// The first medians; when there are enough of them, their median is what is usual.
    first: Vec<i64>,
    usual: Option<i64>,
    now: Option<i64>,
}

impl Lag {
    fn sample(&mut self, lag_us: i64, at: Mono) {
        let since = *self.since.get_or_insert(at);
        if self.samples.len() < LAG_SAMPLES_MAX {
            self.samples.push(lag_us);
        }
        if at.since(since).0 < LAG_WINDOW_US {
            return;
        }
        let Some(median) = median(&mut self.samples) else { return };
        self.samples.clear();
        self.since = Some(at);
        if self.usual.is_none() {
            self.first.push(median);
            if self.first.len() == USUAL_OF {
                self.usual = self::median(&mut self.first);
                self.first = Vec::new();
            }
        }
        self.now = Some(median);
    }

    fn late_us(&self) -> Option<i64> {
        Some(self.now? - self.usual?)
    }
}

fn median(values: &mut [i64]) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

fn at_us(at: Mono) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_US: u64 = 7_000_000;

    /// Ten seconds of 25 pictures per second; from second `shift.0` on their timestamps are `shift.1` ms less.
    fn run(timeline: &mut Timeline, first: u32, shift: (u64, i64)) -> Vec<Placed> {
        (0..250u64)
            .map(|n| {
                let late = if n >= shift.0 * 25 { shift.1 * 90 } else { 0 };
                let ticks = (n as i64 * 3_600 - late) as u32;
                timeline.place(first.wrapping_add(ticks), Mono(START_US + n * 40_000 + n * 7_919 % 3_000))
            })
            .collect()
    }

    #[test]
    fn media_time_is_even_though_arrivals_are_not_and_wraps_do_not_show() {
        for first in [0, 12_345, u32::MAX - 90_000] {
            let placed = run(&mut Timeline::new(90_000), first, (99, 0));
            assert!(placed.iter().all(|p| !p.jumped), "{first}");
            assert!(placed.windows(2).all(|w| w[1].pts_us - w[0].pts_us == 40_000), "{first}");
        }
    }

    #[test]
    fn a_new_base_starts_over_at_its_arrival() {
        let mut timeline = Timeline::new(90_000);
        timeline.place(1_000, Mono(START_US));
        let placed = timeline.place(2_000_000_000, Mono(START_US + 40_000));
        assert_eq!(placed, Placed { pts_us: START_US as i64 + 40_000, jumped: true });
    }

    #[test]
    fn lateness_is_what_changed_since_the_beginning() {
        for (shift_ms, expected_ms) in [(0, 0), (200, 200), (-150, -150)] {
            let mut timeline = Timeline::new(90_000);
            run(&mut timeline, 55, (7, shift_ms));
            let late_ms = timeline.late_us().unwrap() / 1000;
            assert!((late_ms - expected_ms).abs() <= 3, "{shift_ms}: {late_ms}");
        }
    }

    #[test]
    fn a_sender_that_declares_its_new_timestamps_is_not_late() {
        let mut timeline = Timeline::new(90_000);
        timeline.place(0, Mono(START_US));
        timeline.report(0, 1_000_000_000);
        for n in 1..150u64 {
            timeline.place(n as u32 * 3_600, Mono(START_US + n * 40_000));
        }
        // From here on timestamps are 300 ms less, and the sender's report says so.
        timeline.report(150 * 3_600 - 27_000, 1_000_000_000 + 150 * 40_000);
        for n in 150..250u64 {
            timeline.place(n as u32 * 3_600 - 27_000, Mono(START_US + n * 40_000));
        }
        assert!(timeline.late_us().unwrap().abs() <= 3_000, "{:?}", timeline.late_us());
    }
}

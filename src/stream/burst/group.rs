//! The pictures since decoding could last begin, coded, so that a suspicion can look back. Bounded in bytes and time.

use std::collections::VecDeque;

use bytes::Bytes;

/// Most bytes kept of one stream.
const BYTES_MAX: usize = 4 << 20;
/// Longest time kept, microseconds of media time.
const KEPT_US: i64 = 10_000_000;
/// Most pictures kept.
const UNITS_MAX: usize = 1024;

/// A coded picture.
#[derive(Debug, Clone)]
pub struct Coded {
    /// Counts up by one with each picture of the stream.
    pub number: u64,
    /// Media time, microseconds.
    pub pts_us: i64,
    /// Annex B.
    pub data: Bytes,
    /// Decoding can begin here, and so many pictures from here on are not clean yet.
    pub entry: Option<u32>,
}

impl Coded {
    /// Number of the first clean picture, if decoding begins here.
    pub fn clean_from(&self) -> u64 {
        self.number + u64::from(self.entry.unwrap_or(0))
    }
}

/// The newest group of pictures, and whatever of the one before is still wanted.
#[derive(Debug, Default)]
pub struct Group {
    units: VecDeque<Coded>,
    bytes: usize,
    next: u64,
}

impl Group {
    /// Takes the next picture. With one at which decoding can begin, those before `wanted` are forgotten.
    pub fn push(&mut self, pts_us: i64, data: Bytes, entry: Option<u32>, wanted: Option<u64>) {
        if entry.is_some() {
            let from = wanted.unwrap_or(u64::MAX);
            self.forget_while(|first| first.number < from);
        }
        self.bytes += data.len();
        self.units.push_back(Coded { number: self.next, pts_us, data, entry });
        self.next += 1;
        self.bound(pts_us);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.units.clear();
        self.bytes = 0;
    }

    /// The newest picture at which decoding can begin.
    pub fn entry(&self) -> Option<&Coded> {
        self.units.iter().rev().find(|unit| unit.entry.is_some())
    }

    /// Pictures from that number on, at most that many. Empty when the first of them was forgotten.
    pub fn from(&self, number: u64, most: usize) -> impl Iterator<Item = &Coded> {
        let first = self.units.front().map_or(u64::MAX, |first| first.number);
        let skip =
            if number < first { usize::MAX } else { usize::try_from(number - first).unwrap_or(usize::MAX) };
        self.units.iter().skip(skip).take(most)
    }

    /// Number of the picture that comes next.
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// Media time of the picture that came last, microseconds.
    pub fn newest_us(&self) -> Option<i64> {
        self.units.back().map(|last| last.pts_us)
    }

    /// Whether that picture, or everything up to it, is still here.
    pub fn holds(&self, number: u64) -> bool {
        self.units.front().map_or(number == self.next, |first| first.number <= number)
    }

    fn bound(&mut self, newest_us: i64) {
        while self.bytes > BYTES_MAX || self.units.len() > UNITS_MAX || self.spans_too_long(newest_us) {
            self.forget_first();
        }
    }

    fn spans_too_long(&self, newest_us: i64) -> bool {
        self.units.front().is_some_and(|first| newest_us.saturating_sub(first.pts_us) > KEPT_US)
    }

    fn forget_while(&mut self, forgotten: impl Fn(&Coded) -> bool) {
        while self.units.front().is_some_and(&forgotten) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some(first) = self.units.pop_front() {
            self.bytes -= first.data.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(group: &Group, from: u64) -> Vec<u64> {
        group.from(from, 100).map(|unit| unit.number).collect()
    }

    #[test]
    fn a_new_group_replaces_the_one_before_unless_it_is_wanted() {
        let mut group = Group::default();
        let unit = || Bytes::from_static(b"unit");
        for index in 0..4 {
            group.push(index * 40_000, unit(), (index == 0).then_some(0), None);
        }
        assert_eq!(group.entry().map(|entry| entry.number), Some(0));
        group.push(160_000, unit(), Some(0), Some(2));
        assert_eq!(numbers(&group, 2), [2, 3, 4]);
        assert_eq!(numbers(&group, 0), [0; 0]);
        assert!(group.holds(2) && !group.holds(1));
        group.push(200_000, unit(), Some(0), None);
        assert_eq!(numbers(&group, 5), [5]);
        assert_eq!(group.next_number(), 6);
    }

    #[test]
    fn bytes_and_time_are_bounded() {
        let mut group = Group::default();
        group.push(0, Bytes::from(vec![0; BYTES_MAX]), Some(0), None);
        group.push(40_000, Bytes::from_static(b"x"), None, None);
        assert!(group.entry().is_none());
        group.push(40_000 + KEPT_US + 1, Bytes::from_static(b"y"), None, None);
        assert_eq!(numbers(&group, 2), [2]);
    }
}

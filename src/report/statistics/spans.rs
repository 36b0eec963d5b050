//! Sets of moments as sorted, disjoint stretches of time.

use crate::domain::time::{Utc, Window};

/// A set of moments.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Spans(Vec<(i64, i64)>);

impl Spans {
    /// All moments that lie in any of the windows.
    pub(super) fn new(windows: impl IntoIterator<Item = Window>) -> Self {
        let bounds = windows.into_iter().map(|window| (window.from.0, window.until.0));
        let mut sorted: Vec<(i64, i64)> = bounds.filter(|(from, until)| from < until).collect();
        sorted.sort_unstable();
        let mut joined: Vec<(i64, i64)> = Vec::with_capacity(sorted.len());
        for (from, until) in sorted {
            match joined.last_mut().filter(|last| last.1 >= from) {
                Some(last) => last.1 = last.1.max(until),
                None => joined.push((from, until)),
            }
        }
        Self(joined)
    }

    /// The moments in either.
    pub(super) fn or(&self, other: &Self) -> Self {
        let both = self.0.iter().chain(&other.0);
        Self::new(both.map(|(from, until)| Window { from: Utc(*from), until: Utc(*until) }))
    }

    /// The moments in both.
    pub(super) fn and(&self, other: &Self) -> Self {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut found = Vec::new();
        while let (Some(&&(a_from, a_until)), Some(&&(b_from, b_until))) = (a.peek(), b.peek()) {
            let (from, until) = (a_from.max(b_from), a_until.min(b_until));
            if from < until {
                found.push((from, until));
            }
            if a_until <= b_until {
                a.next()
            } else {
                b.next()
            };
        }
        Self(found)
    }

    /// The moments that are not in the other.
    pub(super) fn without(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        let mut cuts = other.0.iter().copied().peekable();
        for (mut from, until) in self.0.iter().copied() {
            while cuts.next_if(|cut| cut.1 <= from).is_some() {}
            let mut inside = cuts.clone();
            while let Some(cut) = inside.next_if(|cut| cut.0 < until) {
                if from < cut.0 {
                    left.push((from, cut.0));
                }
                from = from.max(cut.1);
            }
            if from < until {
                left.push((from, until));
            }
        }
        Self(left)
    }

    /// How long all of it is, whole seconds.
    pub(super) fn seconds(&self) -> u64 {
        let us: i64 = self.0.iter().map(|(from, until)| until - from).sum();
        u64::try_from(us / crate::domain::time::US_PER_S).unwrap_or(0)
    }
}

impl From<Window> for Spans {
    fn from(window: Window) -> Self {
        Self::new([window])
    }
}

/// The part of a window that lies in another.
pub(super) fn clipped(window: Window, to: Window) -> Window {
    let from: Utc = window.from.max(to.from);
    Window { from, until: window.until.min(to.until).max(from) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(bounds: &[(i64, i64)]) -> Spans {
        Spans::new(bounds.iter().map(|(from, until)| Window { from: Utc(*from), until: Utc(*until) }))
    }

    #[test]
    fn windows_that_touch_are_one_and_empty_ones_are_none() {
        assert_eq!(spans(&[(5, 9), (1, 3), (3, 4), (8, 12), (20, 20)]), Spans(vec![(1, 4), (5, 12)]));
    }

    #[test]
    fn sets_are_cut_and_taken_away() {
        let (a, b) = (spans(&[(0, 10), (20, 30)]), spans(&[(5, 7), (9, 22), (29, 40)]));
        assert_eq!(a.and(&b), Spans(vec![(5, 7), (9, 10), (20, 22), (29, 30)]));
        assert_eq!(a.without(&b), Spans(vec![(0, 5), (7, 9), (22, 29)]));
        assert_eq!(a.without(&spans(&[(0, 40)])), Spans::default());
        assert_eq!(spans(&[(0, 2), (3, 5)]).without(&spans(&[(1, 4)])), Spans(vec![(0, 1), (4, 5)]));
        assert_eq!(spans(&[(0, 2_500_000)]).seconds(), 2);
    }
}

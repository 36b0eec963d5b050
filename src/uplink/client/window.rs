//! Which events to send next: a window over the outbox, moved by acknowledgements, sent again with growing patience.
//! Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::domain::time::{Mono, Span};

/// Events on the way without acknowledgement.
pub(super) const WINDOW: u64 = 32;
/// First wait before sending again.
pub(super) const WAIT_MIN: Span = Span::seconds(2);
/// Longest wait before sending again.
pub(super) const WAIT_MAX: Span = Span::seconds(30);

/// The sender's view of the outbox over one connection.
#[derive(Debug, Clone)]
pub(super) struct Window {
    through: u64,
    cursor: u64,
    held: BTreeSet<u64>,
    retry_at: Option<Mono>,
    wait: Span,
}

impl Window {
    /// A window that begins after `through`, the last number known to be acknowledged.
    pub(super) fn after(through: u64) -> Self {
        Self { through, cursor: through, held: BTreeSet::new(), retry_at: None, wait: WAIT_MIN }
    }

    /// The number after which to look for the next event.
    pub(super) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Everything up to here was acknowledged.
    pub(super) fn through(&self) -> u64 {
        self.through
    }

    /// Whether one more may be on the way, counted in numbers.
    pub(super) fn has_room(&self) -> bool {
        self.cursor.saturating_sub(self.through) < WINDOW
    }

    /// Whether the controller already holds this one.
    pub(super) fn is_held(&self, number: u64) -> bool {
        self.held.contains(&number)
    }

    /// An event was handed to the connection, or passed over because it is held.
    pub(super) fn sent(&mut self, number: u64, now: Mono) {
        // A hole in the numbers (a lost segment) must not close the window: it moves along.
        if number > self.cursor + 1 && self.cursor == self.through {
            self.through = number - 1;
        }
        self.cursor = self.cursor.max(number);
        self.retry_at.get_or_insert(now + self.wait);
    }

    /// An acknowledgement came. Gives whether it was news.
    pub(super) fn acknowledged(&mut self, through: u64, held: &[u64], now: Mono) -> bool {
        self.held = held.iter().copied().filter(|number| *number > through).collect();
        if through <= self.through {
            return false;
        }
        self.through = through;
        self.cursor = self.cursor.max(through);
        self.wait = WAIT_MIN;
        self.retry_at = (self.cursor > through).then(|| now + self.wait);
        true
    }

    /// How long until [`Self::rewind_if_due`] has something to do; `None` when nothing is on the way.
    pub(super) fn patience(&self, now: Mono) -> Option<Duration> {
        self.retry_at.map(|at| at.since(now).std())
    }

    /// Goes back to the first event without acknowledgement when patience is over, with more patience next time.
    pub(super) fn rewind_if_due(&mut self, now: Mono) -> bool {
        if self.retry_at.is_none_or(|at| at > now) {
            return false;
        }
        self.cursor = self.through;
        self.retry_at = None;
        self.wait = Span((self.wait.0 * 2).min(WAIT_MAX.0));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;

    #[test]
    fn the_window_closes_opens_and_goes_back() {
        let mut window = Window::after(5);
        for number in 6..6 + WINDOW {
            assert!(window.has_room());
            window.sent(number, Mono(0));
        }
        assert!(!window.has_room());
        assert!(window.acknowledged(10, &[12], Mono(S)));
        assert!(window.has_room() && window.is_held(12) && !window.is_held(11));
        assert!(!window.acknowledged(9, &[], Mono(S)), "an older acknowledgement is no news");
        assert!(!window.rewind_if_due(Mono(2 * S)), "news renews the patience");
        assert!(window.rewind_if_due(Mono(3 * S)));
        assert_eq!(window.cursor(), 10);
    }

    #[test]
    fn patience_doubles_without_news_up_to_its_bound() {
        let mut window = Window::after(0);
        let (mut now, mut waits) = (Mono(0), Vec::new());
        for _ in 0..6 {
            window.sent(1, now);
            let wait = window.patience(now).unwrap();
            waits.push(wait.as_secs());
            now = now + Span(u64::try_from(wait.as_micros()).unwrap());
            assert!(window.rewind_if_due(now));
        }
        assert_eq!(waits, [2, 4, 8, 16, 30, 30]);
        assert!(window.acknowledged(1, &[], now));
        assert_eq!(window.patience(now), None);
    }

    #[test]
    fn a_hole_in_the_numbers_does_not_close_the_window() {
        let mut window = Window::after(7);
        window.sent(100, Mono(0));
        assert!(window.has_room());
        assert!(window.rewind_if_due(Mono(9 * S)));
        assert_eq!(window.cursor(), 99);
    }
}

//! Learns that a stream shows slides: long stretches without motion with sharp changes between. Knows moments in media
//! time, no pictures.

use std::collections::VecDeque;

/// Longest time from one still picture to the next that is a sharp change, microseconds. Stillness is counted from its
/// first picture.
const SHARP_US: i64 = 1_500_000;
/// Shortest stretch without motion that counts, microseconds.
const STANDS_US: i64 = 3_000_000;
/// Sharp changes that make slides.
const CHANGES_MIN: usize = 3;
/// How long a sharp change is remembered, microseconds.
const REMEMBERED_US: i64 = 1_800_000_000;
/// Motion that lasts so long is a camera's, microseconds.
const CAMERA_US: i64 = 8_000_000;

/// What is known of a stream's changes.
#[derive(Debug, Clone, Default)]
pub struct Slides {
    changes: VecDeque<i64>,
    stood_since_us: Option<i64>,
    changed_us: Option<i64>,
}

impl Slides {
    /// The picture stands still, since then.
    pub fn stands(&mut self, since_us: i64) {
        if let Some(changed_us) = self.changed_us.take() {
            let moved_us = since_us - changed_us;
            if moved_us <= SHARP_US {
                self.remember(since_us);
            } else if moved_us >= CAMERA_US {
                self.changes.clear();
            }
        }
        self.stood_since_us = Some(since_us);
    }

    /// It does not stand still any more.
    pub fn changes(&mut self, at_us: i64) {
        let stood = self.stood_since_us.take();
        self.changed_us = stood.filter(|since| at_us - since >= STANDS_US).map(|_| at_us);
    }

    /// Whether it shows slides.
    pub fn learned(&self) -> bool {
        self.changes.len() >= CHANGES_MIN
    }

    fn remember(&mut self, at_us: i64) {
        while self.changes.front().is_some_and(|first| at_us - first > REMEMBERED_US) {
            self.changes.pop_front();
        }
        if self.changes.len() == CHANGES_MIN {
            self.changes.pop_front();
        }
        self.changes.push_back(at_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000;

    fn learned_after(stretches: &[(i64, i64)]) -> bool {
        let mut slides = Slides::default();
        for &(from, until) in stretches {
            slides.stands(from * S);
            slides.changes(until * S);
        }
        slides.learned()
    }

    #[test]
    fn three_sharp_changes_are_slides_and_a_freezing_camera_is_not() {
        assert!(learned_after(&[(0, 10), (11, 40), (41, 60), (61, 90)]));
        assert!(!learned_after(&[(0, 10), (11, 40), (41, 60)]));
        assert!(!learned_after(&[(0, 10), (20, 30), (40, 50), (60, 70), (80, 90)]), "motion between");
        assert!(!learned_after(&[(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)]), "never long");
        assert!(!learned_after(&[(0, 10), (11, 40), (41, 60), (61, 90), (120, 130)]), "a camera again");
    }
}

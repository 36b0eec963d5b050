//! Black pictures and pictures of one colour, from the brightness of small pictures. Knows neither decoder nor clock.

use super::luma::Shade;

/// How long it must last, microseconds of media time: a fade between scenes is shorter.
pub const HOLD_US: i64 = 400_000;
/// 98th percentile of luma up to which a picture is black. A talker in a dim room has 24.
const BLACK_P98: u8 = 12;
/// Standard deviation of luma below which a dark picture is black. A talker in a dim room has 6.
const BLACK_SD: f32 = 2.5;
/// Standard deviation of luma below which a picture has one colour.
const FLAT_SD: f32 = 2.0;
/// Longest time between two pictures that still belong together, microseconds.
const GAP_US: i64 = 6_000_000;

/// A picture that shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blank {
    /// Black.
    Black,
    /// One colour that is not black.
    Flat,
}

/// A stretch of pictures that show nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Blankness {
    /// Of which kind.
    pub blank: Blank,
    /// First such picture, media time in microseconds.
    pub since_us: i64,
    /// Newest such picture.
    until_us: i64,
    /// The newest one's brightness.
    pub shade: Shade,
}

/// Watches for pictures that show nothing.
#[derive(Debug, Clone, Default)]
pub struct Blanks {
    run: Option<Blankness>,
}

/// What a single picture shows, by its brightness alone.
pub fn blank_of(shade: Shade) -> Option<Blank> {
    if shade.p98 <= BLACK_P98 && shade.sd < BLACK_SD {
        return Some(Blank::Black);
    }
    (shade.sd < FLAT_SD && shade.mean > f32::from(BLACK_P98)).then_some(Blank::Flat)
}

impl Blanks {
    /// Takes the brightness of a picture; older ones than the last are taken for the same moment.
    pub fn push(&mut self, at_us: i64, shade: Shade) {
        let Some(blank) = blank_of(shade) else {
            self.run = None;
            return;
        };
        let goes_on = |run: &Blankness| run.blank == blank && at_us - run.until_us <= GAP_US;
        let since_us = self.run.filter(goes_on).map_or(at_us, |run| run.since_us.min(at_us));
        self.run = Some(Blankness { blank, since_us, until_us: at_us, shade });
    }

    /// The stretch that lasts until now, once it is long enough.
    pub fn blank(&self) -> Option<Blankness> {
        self.run.filter(|run| run.until_us - run.since_us >= HOLD_US)
    }

    /// Whether the newest picture showed nothing, however short that has been so.
    pub fn begins(&self) -> bool {
        self.run.is_some()
    }

    /// Forgets everything.
    pub fn restart(&mut self) {
        self.run = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLACK: Shade = Shade { mean: 1.0, sd: 0.4, p98: 2 };
    const BLUE: Shade = Shade { mean: 41.0, sd: 0.3, p98: 42 };
    const TALKER: Shade = Shade { mean: 90.0, sd: 40.0, p98: 200 };

    #[test]
    fn single_pictures() {
        let cases = [
            (BLACK, Some(Blank::Black)),
            (BLUE, Some(Blank::Flat)),
            (TALKER, None),
            (Shade { mean: 10.8, sd: 6.3, p98: 24 }, None),
            (Shade { mean: 3.0, sd: 4.0, p98: 11 }, None),
            (Shade { mean: 11.0, sd: 1.0, p98: 13 }, None),
        ];
        for (shade, expected) in cases {
            assert_eq!(blank_of(shade), expected, "{shade:?}");
        }
    }

    #[test]
    fn black_is_known_after_four_tenths_of_a_second_and_since_its_first_picture() {
        let mut blanks = Blanks::default();
        blanks.push(960_000, TALKER);
        for at_us in (1_000_000..1_400_000).step_by(40_000) {
            blanks.push(at_us, BLACK);
            assert_eq!(blanks.blank(), None, "{at_us}");
        }
        blanks.push(1_400_000, BLACK);
        let run = blanks.blank().unwrap();
        assert_eq!((run.blank, run.since_us), (Blank::Black, 1_000_000));
        blanks.push(1_440_000, TALKER);
        assert!(!blanks.begins());
    }

    #[test]
    fn another_kind_or_a_long_gap_starts_over() {
        let mut blanks = Blanks::default();
        blanks.push(0, BLACK);
        blanks.push(400_000, BLUE);
        assert_eq!(blanks.blank(), None);
        blanks.push(7_000_000, BLUE);
        assert_eq!(blanks.blank(), None);
    }
}

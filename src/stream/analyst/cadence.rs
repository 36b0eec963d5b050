//! How often decoding can begin in a stream, and so whether key pictures are enough to watch it. Knows media times.

/// Longest time between two pictures at which decoding can begin for key pictures to be enough, microseconds.
const REGULAR_US: i64 = 2_600_000;
/// Regular intervals in a row after which an irregular stream counts as regular.
const REGULAR_AGAIN: u32 = 3;

/// The rhythm of a stream's key pictures.
#[derive(Debug, Clone, Default)]
pub(super) struct Cadence {
    last_us: Option<i64>,
    regular: u32,
    irregular: bool,
}

impl Cadence {
    /// Takes a picture's media time, and whether decoding can begin there.
    pub(super) fn push(&mut self, pts_us: i64, entry: bool) {
        let last_us = *self.last_us.get_or_insert(pts_us);
        if pts_us - last_us > REGULAR_US {
            self.irregular = true;
            self.regular = 0;
        }
        if entry {
            self.regular = self.regular.saturating_add(u32::from(pts_us > last_us));
            self.irregular &= self.regular < REGULAR_AGAIN;
            self.last_us = Some(pts_us);
        }
    }

    /// Whether key pictures come too rarely.
    pub(super) fn is_irregular(&self) -> bool {
        self.irregular
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_key_pictures_make_a_stream_irregular_until_they_come_often_again() {
        let mut cadence = Cadence::default();
        let mut states = Vec::new();
        for index in 0..600_i64 {
            let every = if !(200..400).contains(&index) { 50 } else { 1_000 };
            cadence.push(index * 40_000, index % every == 0);
            if index % 50 == 49 {
                states.push(cadence.is_irregular());
            }
        }
        assert_eq!(states, [false, false, false, false, true, true, true, true, true, true, false, false],);
    }
}

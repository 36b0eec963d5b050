//! Sensor noise: what keeps a still room alive for an encoder.

use crate::media::chance::Chance;
use crate::media::picture::Picture;

/// Entries of the table; rows begin anywhere in it.
const TABLE: usize = 1 << 16;

/// Normally distributed noise out of a table, fresh in each picture.
#[derive(Debug)]
pub(super) struct Grain {
    luma: Box<[i8]>,
    chroma: Box<[i8]>,
    chance: Chance,
}

impl Grain {
    /// With a standard deviation of `strength` luma steps; chroma has half of it.
    pub(super) fn new(strength: f32, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mut table = |sd: f32| (0..TABLE).map(|_| (chance.normal() * sd).round() as i8).collect();
        Self { luma: table(strength), chroma: table(strength / 2.0), chance }
    }

    /// Adds noise to a picture.
    pub(super) fn spray(&mut self, picture: &mut Picture) {
        let width = picture.size().width();
        for (plane, samples) in picture.planes().into_iter().enumerate() {
            let (table, width) = if plane == 0 { (&self.luma, width) } else { (&self.chroma, width / 2) };
            for row in samples.chunks_exact_mut(width) {
                let from = self.chance.below(TABLE - width);
                for (sample, noise) in row.iter_mut().zip(&table[from..from + width]) {
                    *sample = sample.saturating_add_signed(*noise);
                }
            }
        }
    }
}

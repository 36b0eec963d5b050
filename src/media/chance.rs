//! Seeded chance: the same seed paints, speaks and loses the same. Good enough for test signals and for nothing else.

/// A sequence of numbers that a seed decides (xorshift64*, Vigna 2016).
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        // Zero would stay zero; small seeds should not begin alike.
        Self((seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Evenly in 0–1, 1 excluded.
    pub(super) fn share(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// Evenly in −1–1.
    pub(super) fn swing(&mut self) -> f32 {
        self.share() * 2.0 - 1.0
    }

    /// Evenly in `0..below`; 0 when that is empty.
    pub(super) fn below(&mut self, below: usize) -> usize {
        if below == 0 { 0 } else { (self.next() >> 11) as usize % below }
    }

    /// Approximately normal, standard deviation 1 (sum of four).
    pub(super) fn normal(&mut self) -> f32 {
        (0..4).map(|_| self.swing()).sum::<f32>() * 0.866
    }
}

//! A picture small enough to judge: 160×90 luma, and what can be measured in one or between two. Values in, values
//! out; knows no codec, no stream and no verdict.

/// Width of a small picture.
pub const WIDTH: usize = 160;
/// Height of a small picture.
pub const HEIGHT: usize = 90;
/// Pixels of a small picture.
pub const PIXELS: usize = WIDTH * HEIGHT;
/// Side of the blocks in which differences are averaged: 16 × 9 of them.
const BLOCK: usize = 10;

/// A small picture: full-range luma, each pixel the mean of its area.
#[derive(Clone, PartialEq, Eq)]
pub struct Luma {
    pts_us: i64,
    pixels: Box<[u8]>,
}

/// What one picture's brightness is like, in luma steps of 255.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shade {
    /// Mean.
    pub mean: f32,
    /// Standard deviation.
    pub sd: f32,
    /// 98th percentile.
    pub p98: u8,
}

impl Luma {
    /// Takes 160 × 90 pixels, row by row; `None` for any other number.
    pub fn new(pts_us: i64, pixels: Vec<u8>) -> Option<Self> {
        (pixels.len() == PIXELS).then(|| Self { pts_us, pixels: pixels.into_boxed_slice() })
    }

    /// The picture's media time in microseconds.
    pub fn pts_us(&self) -> i64 {
        self.pts_us
    }

    /// One pixel, counted row by row.
    ///
    /// # Panics
    /// When there is no such pixel.
    #[cfg(test)]
    pub(crate) fn pixel(&self, index: usize) -> u8 {
        self.pixels[index]
    }

    /// Largest mean absolute difference of any 10×10 block, in luma steps. The mean over the whole picture cannot tell
    /// a small person who moves from an encoder that refines a still; the worst block can.
    pub fn block_max(&self, other: &Self) -> f32 {
        let rows = self.pixels.chunks_exact(WIDTH * BLOCK).zip(other.pixels.chunks_exact(WIDTH * BLOCK));
        let worst = rows.map(|(mine, theirs)| worst_of_band(mine, theirs)).max().unwrap_or(0);
        worst as f32 / (BLOCK * BLOCK) as f32
    }

    /// Share of the pixels that differ at all, 0 to 1.
    pub fn changed(&self, other: &Self) -> f32 {
        let differing = self.pixels.iter().zip(&other.pixels).filter(|(mine, theirs)| mine != theirs).count();
        differing as f32 / PIXELS as f32
    }

    /// Brightness of this picture.
    pub fn shade(&self) -> Shade {
        let mut histogram = [0_u32; 256];
        for &pixel in &self.pixels {
            histogram[usize::from(pixel)] += 1;
        }
        let weighed = |f: fn(f64) -> f64| -> f64 {
            let sum: f64 = histogram.iter().zip(0_u32..).map(|(&n, v)| f64::from(n) * f(f64::from(v))).sum();
            sum / PIXELS as f64
        };
        let mean = weighed(|v| v);
        let variance = (weighed(|v| v * v) - mean * mean).max(0.0);
        Shade {
            mean: mean as f32,
            sd: variance.sqrt() as f32,
            p98: percentile(&histogram, PIXELS as u32 * 98 / 100),
        }
    }
}

/// Worst block of a band of ten rows, as the sum of its differences.
fn worst_of_band(mine: &[u8], theirs: &[u8]) -> u32 {
    let mut columns = [0_u16; WIDTH];
    for (a, b) in mine.chunks_exact(WIDTH).zip(theirs.chunks_exact(WIDTH)) {
        for ((sum, &x), &y) in columns.iter_mut().zip(a).zip(b) {
            *sum += u16::from(x.abs_diff(y));
        }
    }
    let blocks = columns.chunks_exact(BLOCK).map(|block| block.iter().map(|&sum| u32::from(sum)).sum());
    blocks.max().unwrap_or(0)
}

/// Smallest value below or at which lie more than `rank` of the counted.
fn percentile(histogram: &[u32; 256], rank: u32) -> u8 {
    let mut below = 0;
    for (&count, value) in histogram.iter().zip(0_u8..=255) {
        below += count;
        if below > rank {
            return value;
        }
    }
    u8::MAX
}

impl std::fmt::Debug for Luma {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Luma").field("pts_us", &self.pts_us).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(with: impl Fn(usize, usize) -> u8) -> Luma {
        let pixels = (0..PIXELS).map(|i| with(i % WIDTH, i / WIDTH)).collect();
        Luma::new(0, pixels).unwrap()
    }

    #[test]
    fn only_the_right_number_of_pixels_is_a_picture() {
        assert!(Luma::new(0, vec![0; PIXELS - 1]).is_none());
        assert!(Luma::new(0, vec![0; PIXELS + 1]).is_none());
    }

    #[test]
    fn one_block_that_moves_counts_in_full() {
        let still = filled(|_, _| 100);
        let face = filled(|x, y| if (150..160).contains(&x) && (80..90).contains(&y) { 130 } else { 100 });
        let between = filled(|x, y| if (145..155).contains(&x) && (80..90).contains(&y) { 130 } else { 100 });
        assert_eq!(still.block_max(&still), 0.0);
        assert_eq!(still.block_max(&face), 30.0);
        assert_eq!(still.block_max(&between), 15.0);
    }

    #[test]
    fn brightness_of_known_pictures() {
        let cases = [
            (filled(|_, _| 0), Shade { mean: 0.0, sd: 0.0, p98: 0 }),
            (filled(|_, _| 255), Shade { mean: 255.0, sd: 0.0, p98: 255 }),
            (filled(|x, _| if x < 80 { 0 } else { 200 }), Shade { mean: 100.0, sd: 100.0, p98: 200 }),
            (filled(|x, _| if x < 2 { 90 } else { 10 }), Shade { mean: 11.0, sd: 8.888, p98: 10 }),
        ];
        for (picture, expected) in cases {
            let shade = picture.shade();
            assert!((shade.mean - expected.mean).abs() < 0.01, "{shade:?} {expected:?}");
            assert!((shade.sd - expected.sd).abs() < 0.01, "{shade:?} {expected:?}");
            assert_eq!(shade.p98, expected.p98);
        }
    }
}

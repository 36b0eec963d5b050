//! Makes pictures small: means over areas, from the decoder's own rows. Pure; knows samples in rows and nothing of
//! codecs or elements.

/// One component of a picture, as a decoder left it in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane<'a> {
    /// Rows, `stride` bytes apart.
    pub(super) data: &'a [u8],
    /// Bytes from one row to the next.
    pub(super) stride: usize,
    /// Samples in a row.
    pub(super) width: usize,
    /// Rows.
    pub(super) height: usize,
    /// How a sample lies in memory.
    pub(super) sample: Sample,
}

/// How a sample lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sample {
    /// One byte, `step` bytes to the next.
    Byte { step: usize },
    /// Two bytes, little endian, `step` bytes to the next; shifted right they fit a byte.
    Word { step: usize, shift: u32 },
}

/// Rows of an area that are read: every second one of a tall area says the same at half the price.
const TALL: usize = 4;

impl Plane<'_> {
    /// The plane as `width`×`height` means over equal areas, into `out`, row by row.
    pub(super) fn shrink(&self, width: usize, height: usize, out: &mut Vec<u8>) {
        out.clear();
        let usable = self.usable_height();
        if width == 0 || height == 0 || self.width == 0 || usable == 0 {
            out.resize(width * height, 0);
            return;
        }
        let edges: Vec<usize> = (0..=width).map(|x| x * self.width / width).collect();
        let (mut sums, mut row) = (vec![0u16; self.width], vec![0u8; self.width]);
        for y in 0..height {
            let top = y * usable / height;
            let bottom = ((y + 1) * usable / height).max(top + 1).min(usable);
            let rows = self.sum_rows(top..bottom, &mut sums, &mut row);
            out.extend(edges.windows(2).map(|edge| mean(&sums, edge[0], edge[1], rows)));
        }
    }

    /// Rows that are whole in memory: a plane that claims more is read as far as it goes.
    fn usable_height(&self) -> usize {
        let row_bytes = match self.sample {
            Sample::Byte { step } => (self.width.max(1) - 1) * step + 1,
            Sample::Word { step, .. } => (self.width.max(1) - 1) * step + 2,
        };
        if self.stride == 0 || self.data.len() < row_bytes {
            return 0;
        }
        self.height.min((self.data.len() - row_bytes) / self.stride + 1)
    }

    /// Sums columns over some of the rows; gives how many.
    fn sum_rows(&self, range: std::ops::Range<usize>, sums: &mut [u16], row: &mut [u8]) -> u32 {
        let tall = range.len();
        // 256 rows of 255 are the most that 16 bits hold.
        let step = if tall < TALL { 1 } else { (tall / 256 + 1).max(2) };
        sums.fill(0);
        let mut rows = 0;
        for y in range.step_by(step) {
            let line = &self.data[y * self.stride..];
            if self.sample == (Sample::Byte { step: 1 }) {
                add(sums, &line[..self.width]);
            } else {
                self.bytes_of(line, row);
                add(sums, row);
            }
            rows += 1;
        }
        rows
    }

    fn bytes_of(&self, line: &[u8], row: &mut [u8]) {
        match self.sample {
            Sample::Byte { step } => {
                row.iter_mut().enumerate().for_each(|(x, sample)| *sample = line[x * step]);
            }
            Sample::Word { step, shift } => row.iter_mut().enumerate().for_each(|(x, sample)| {
                let word = u16::from_le_bytes([line[x * step], line[x * step + 1]]);
                *sample = u8::try_from(word.checked_shr(shift).unwrap_or(0)).unwrap_or(u8::MAX);
            }),
        }
    }
}

fn add(sums: &mut [u16], row: &[u8]) {
    for (sum, &sample) in sums.iter_mut().zip(row) {
        *sum = sum.wrapping_add(u16::from(sample));
    }
}

fn mean(sums: &[u16], left: usize, right: usize, rows: u32) -> u8 {
    let right = right.max(left + 1).min(sums.len());
    let left = left.min(right - 1);
    let sum: u32 = sums[left..right].iter().map(|&sum| u32::from(sum)).sum();
    let count = rows * u32::try_from(right - left).unwrap_or(u32::MAX);
    u8::try_from((sum + count / 2) / count.max(1)).unwrap_or(u8::MAX)
}

/// Width and height within `within`, of the same shape, both even, never larger than the picture.
pub(super) fn fit(picture: (usize, usize), within: (usize, usize)) -> (usize, usize) {
    let (width, height) = (picture.0.max(2), picture.1.max(2));
    let (most_wide, most_high) = (within.0.min(width), within.1.min(height));
    let by_width = (most_wide, most_wide * height / width);
    let by_height = (most_high * width / height, most_high);
    let (w, h) = if by_width.1 <= most_high { by_width } else { by_height };
    ((w & !1).max(2), (h & !1).max(2))
}

/// Turns studio range (16–235) into full range (0–255), in place.
pub(super) fn full_range(luma: &mut [u8]) {
    for sample in luma {
        let above = u32::from(sample.saturating_sub(16));
        *sample = u8::try_from((above * 255 + 109) / 219).unwrap_or(u8::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(data: &[u8], width: usize, height: usize, stride: usize) -> Plane<'_> {
        Plane { data, stride, width, height, sample: Sample::Byte { step: 1 } }
    }

    #[test]
    fn areas_become_their_means() {
        let data = [0, 10, 20, 30, 99, 2, 12, 22, 32, 99];
        let mut out = Vec::new();
        plane(&data, 4, 2, 5).shrink(2, 1, &mut out);
        assert_eq!(out, [6, 26]);
        plane(&data, 4, 2, 5).shrink(8, 2, &mut out);
        assert_eq!(out, [0, 0, 10, 10, 20, 20, 30, 30, 2, 2, 12, 12, 22, 22, 32, 32]);
    }

    #[test]
    fn a_large_flat_picture_keeps_its_value() {
        let data = vec![235; 1920 * 1080];
        let mut out = Vec::new();
        plane(&data, 1920, 1080, 1920).shrink(160, 90, &mut out);
        assert!(out.len() == 14_400 && out.iter().all(|&sample| sample == 235));
        plane(&data, 1920, 1080, 1920).shrink(1, 1, &mut out);
        assert_eq!(out, [235]);
    }

    #[test]
    fn words_interleaved_samples_and_short_planes_are_read() {
        let words: Vec<u8> = [940u16, 64, 512, 1023].iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut out = Vec::new();
        let sample = Sample::Word { step: 2, shift: 2 };
        Plane { data: &words, stride: 8, width: 4, height: 1, sample }.shrink(4, 1, &mut out);
        assert_eq!(out, [235, 16, 128, 255]);
        let sample = Sample::Byte { step: 2 };
        Plane { data: &words, stride: 8, width: 4, height: 1, sample }.shrink(1, 1, &mut out);
        assert_eq!(out.len(), 1);
        plane(&[7; 10], 4, 100, 4).shrink(1, 1, &mut out);
        assert_eq!(out, [7]);
        plane(&[], 4, 4, 4).shrink(2, 2, &mut out);
        assert_eq!(out, [0; 4]);
    }

    #[test]
    fn thumbnails_keep_the_shape() {
        let cases = [
            ((1920, 1080), (320, 180)),
            ((1440, 1080), (240, 180)),
            ((3840, 1080), (320, 90)),
            ((176, 144), (176, 144)),
            ((1080, 1920), (100, 180)),
            ((1, 1), (2, 2)),
        ];
        for (picture, expected) in cases {
            assert_eq!(fit(picture, (320, 180)), expected, "{picture:?}");
        }
    }

    #[test]
    fn studio_range_becomes_full_range() {
        let mut luma = [0, 16, 126, 235, 255];
        full_range(&mut luma);
        assert_eq!(luma, [0, 0, 128, 255, 255]);
    }
}

//! A raw picture as cameras give it: planar YUV 4:2:0, limited range, BT.709. Knows no scene and no codec.

use serde::Serialize;

/// Width and height in pixels: multiples of 8 and of 2, so that rows stand without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Size {
    width: usize,
    height: usize,
}

/// A colour: luma 16–235, chroma round 128.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Colour {
    /// Luma.
    pub y: u8,
    /// Blue difference.
    pub u: u8,
    /// Red difference.
    pub v: u8,
}

/// One picture: the luma plane, then U, then V, each row after row without gaps (I420).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    size: Size,
    bytes: Vec<u8>,
}

impl Size {
    /// 320×180.
    pub const P180: Self = Self { width: 320, height: 180 };
    /// 640×360.
    pub const P360: Self = Self { width: 640, height: 360 };
    /// 1280×720.
    pub const P720: Self = Self { width: 1280, height: 720 };
    /// 1920×1080.
    pub const P1080: Self = Self { width: 1920, height: 1080 };

    /// A size that pictures may have: 64 to 4096 pixels, the width a multiple of 8, the height an even number.
    pub fn new(width: usize, height: usize) -> Option<Self> {
        let fits = (64..=4096).contains(&width) && (64..=4096).contains(&height);
        (fits && width.is_multiple_of(8) && height.is_multiple_of(2)).then_some(Self { width, height })
    }

    /// Pixels per row.
    pub fn width(self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(self) -> usize {
        self.height
    }

    /// Bytes of one picture.
    pub fn bytes(self) -> usize {
        self.width * self.height * 3 / 2
    }

    /// Half as wide and high, cut to what pictures may have.
    pub(super) fn half(self) -> Self {
        Self { width: self.width / 16 * 8, height: self.height / 4 * 2 }
    }
}

impl Colour {
    /// Black.
    pub const BLACK: Self = Self::new(16, 128, 128);
    /// White.
    pub const WHITE: Self = Self::new(235, 128, 128);
    /// The blue that devices show without a signal.
    pub const BLUE: Self = Self::new(41, 240, 110);

    /// From its parts.
    pub const fn new(y: u8, u: u8, v: u8) -> Self {
        Self { y, u, v }
    }
}

impl Picture {
    /// A black picture.
    pub fn new(size: Size) -> Self {
        let mut picture = Self { size, bytes: vec![0; size.bytes()] };
        picture.fill(Colour::BLACK);
        picture
    }

    /// Its size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// All planes, as an encoder takes them.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The luma plane.
    pub fn luma(&self) -> &[u8] {
        &self.bytes[..self.size.width * self.size.height]
    }

    /// Paints everything in one colour.
    pub fn fill(&mut self, colour: Colour) {
        let [y, u, v] = self.planes();
        y.fill(colour.y);
        u.fill(colour.u);
        v.fill(colour.v);
    }

    /// Takes over another picture of the same size.
    pub fn copy_from(&mut self, other: &Self) {
        debug_assert_eq!(self.size, other.size);
        self.bytes.copy_from_slice(&other.bytes);
    }

    /// Copies a picture into this one with its upper left corner at even coordinates; what does not fit is cut.
    pub(super) fn place(&mut self, other: &Self, left: usize, top: usize) {
        let (to, from) = (self.size, other.size);
        let width = from.width.min(to.width.saturating_sub(left));
        let height = from.height.min(to.height.saturating_sub(top));
        let sources = other.split();
        for (plane, (target, source)) in self.planes().into_iter().zip(sources).enumerate() {
            let half = if plane == 0 { 1 } else { 2 };
            for row in 0..height / half {
                let at = (top / half + row) * (to.width / half) + left / half;
                let line = &source[row * (from.width / half)..][..width / half];
                target[at..at + line.len()].copy_from_slice(line);
            }
        }
    }

    /// Luma, U and V to paint on.
    pub(super) fn planes(&mut self) -> [&mut [u8]; 3] {
        let pixels = self.size.width * self.size.height;
        let (y, chroma) = self.bytes.split_at_mut(pixels);
        let (u, v) = chroma.split_at_mut(pixels / 4);
        [y, u, v]
    }

    fn split(&self) -> [&[u8]; 3] {
        let pixels = self.size.width * self.size.height;
        let (y, chroma) = self.bytes.split_at(pixels);
        let (u, v) = chroma.split_at(pixels / 4);
        [y, u, v]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sizes_without_gaps_are_sizes() {
        assert!(Size::new(1280, 720).is_some() && Size::new(64, 64).is_some());
        for (width, height) in [(1278, 720), (1280, 721), (0, 720), (8192, 720)] {
            assert_eq!(Size::new(width, height), None, "{width}x{height}");
        }
    }

    #[test]
    fn a_placed_picture_stands_where_it_was_placed() {
        let (mut wall, mut tile) = (Picture::new(Size::P360), Picture::new(Size::P180));
        tile.fill(Colour::WHITE);
        wall.place(&tile, 320, 180);
        let white = wall.luma().iter().filter(|luma| **luma == 235).count();
        assert_eq!(white, 320 * 180);
        assert_eq!((wall.luma()[180 * 640 + 319], wall.luma()[180 * 640 + 320]), (16, 235));
    }
}

//! Shapes on a picture: filled row by row, with soft edges. Coordinates are shares of the picture's height, so that a
//! scene looks alike in every size.

use crate::media::picture::{Colour, Picture};

/// A picture to paint on, measured in heights.
#[derive(Debug)]
pub(super) struct Canvas<'a> {
    picture: &'a mut Picture,
}

/// How a shape is filled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ink {
    /// Its colour.
    pub(super) colour: Colour,
    /// How much lighter its top is than its bottom, luma steps: what light from above does.
    pub(super) shade: f32,
}

/// An ellipse, or its upper half.
#[derive(Debug, Clone, Copy)]
pub(super) struct Oval {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) rx: f32,
    pub(super) ry: f32,
}

impl Ink {
    pub(super) const fn plain(y: u8, u: u8, v: u8) -> Self {
        Self { colour: Colour::new(y, u, v), shade: 0.0 }
    }

    pub(super) const fn shaded(y: u8, u: u8, v: u8, shade: f32) -> Self {
        Self { colour: Colour::new(y, u, v), shade }
    }
}

impl<'a> Canvas<'a> {
    pub(super) fn new(picture: &'a mut Picture) -> Self {
        Self { picture }
    }

    /// Width in heights.
    pub(super) fn aspect(&self) -> f32 {
        let size = self.picture.size();
        size.width() as f32 / size.height() as f32
    }

    /// A rectangle from (x0, y0) to (x1, y1).
    pub(super) fn rectangle(&mut self, (x0, y0): (f32, f32), (x1, y1): (f32, f32), ink: Ink) {
        self.rows(y0, y1, ink, |_| Some((x0, x1)));
    }

    /// A filled ellipse.
    pub(super) fn oval(&mut self, oval: Oval, ink: Ink) {
        self.rows(oval.y - oval.ry, oval.y + oval.ry, ink, |y| oval.at(y));
    }

    /// The part of an ellipse that lies below `floor`, down to the picture's end: shoulders over a desk.
    pub(super) fn mound(&mut self, oval: Oval, ink: Ink) {
        self.rows(oval.y - oval.ry, 1.0, ink, |y| if y > oval.y { oval.at(oval.y) } else { oval.at(y) });
    }

    /// Any shape that is one stretch per row.
    pub(super) fn rows(
        &mut self,
        top: f32,
        bottom: f32,
        ink: Ink,
        edges: impl Fn(f32) -> Option<(f32, f32)>,
    ) {
        let size = self.picture.size();
        let tall = (bottom - top).max(1e-6);
        for (plane, samples) in self.picture.planes().into_iter().enumerate() {
            let half = if plane == 0 { 1 } else { 2 };
            let (width, rows) = (size.width() / half, size.height() / half);
            let scale = rows as f32;
            for row in inside(top * scale, rows)..inside(bottom * scale, rows) {
                let y = (row as f32 + 0.5) / scale;
                if let Some((x0, x1)) = edges(y) {
                    let line = &mut samples[row * width..][..width];
                    stretch(line, x0 * scale, x1 * scale, ink.sample(plane, (y - top) / tall));
                }
            }
        }
    }
}

impl Ink {
    /// The value of a plane's samples at a depth of 0 (top) to 1.
    fn sample(self, plane: usize, depth: f32) -> u8 {
        match plane {
            0 => (f32::from(self.colour.y) + self.shade * (0.5 - depth)).clamp(16.0, 235.0) as u8,
            1 => self.colour.u,
            _ => self.colour.v,
        }
    }
}

impl Oval {
    /// From where to where it reaches at a height.
    fn at(self, y: f32) -> Option<(f32, f32)> {
        let t = (y - self.y) / self.ry;
        let half = self.rx * (1.0 - t * t).max(0.0).sqrt();
        (half > 0.0).then_some((self.x - half, self.x + half))
    }
}

fn inside(at: f32, most: usize) -> usize {
    (at.round().max(0.0) as usize).min(most)
}

/// Paints from `x0` to `x1`; the samples at the ends are mixed by how much of them is covered.
fn stretch(line: &mut [u8], x0: f32, x1: f32, value: u8) {
    let width = line.len() as f32;
    let (x0, x1) = (x0.clamp(0.0, width), x1.clamp(0.0, width));
    if x1 <= x0 {
        return;
    }
    let (first, last) = (x0.ceil() as usize, x1.floor() as usize);
    if first <= last {
        line[first..last].fill(value);
    }
    mix(line, first.wrapping_sub(1), first as f32 - x0, value);
    mix(line, last, x1 - last as f32, value);
}

fn mix(line: &mut [u8], at: usize, share: f32, value: u8) {
    if let Some(sample) = line.get_mut(at) {
        let mixed = f32::from(*sample) + (f32::from(value) - f32::from(*sample)) * share.clamp(0.0, 1.0);
        *sample = mixed.round() as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::picture::Size;

    #[test]
    fn shapes_beyond_the_edges_are_cut_and_cover_their_area_within() {
        let mut picture = Picture::new(Size::P180);
        let mut canvas = Canvas::new(&mut picture);
        let ink = Ink::plain(216, 100, 160);
        for (x, y) in [(-3.0, 0.5), (9.0, 0.5), (0.5, -4.0), (0.5, 7.0)] {
            canvas.oval(Oval { x, y, rx: 1.0, ry: 1.0 }, ink);
        }
        assert!(picture.luma().iter().all(|luma| *luma == 16));
        Canvas::new(&mut picture).oval(Oval { x: 0.8, y: 0.5, rx: 0.3, ry: 0.2 }, ink);
        let sum: f64 = picture.luma().iter().map(|luma| f64::from(luma - 16) / 200.0).sum();
        let area = std::f64::consts::PI * (0.3 * 180.0) * (0.2 * 180.0);
        assert!((sum / area - 1.0).abs() < 0.01, "{sum} of {area}");
    }
}

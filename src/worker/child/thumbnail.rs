//! Small JPEG pictures from the planes of a decoded one. Knows colour and JPEG; must not know decoders.

use jpeg_encoder::{Encoder, ImageBuffer, JpegColorType, SamplingFactor};

use super::shrink::{Plane, fit, full_range};
use crate::worker::picture::{THUMBNAIL_HEIGHT, THUMBNAIL_WIDTH};

const QUALITY: u8 = 60;

/// How a picture's numbers are meant (ITU-T H.273).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour {
    /// Luma 16–235 instead of 0–255.
    pub(super) studio_range: bool,
    /// BT.709 coefficients; JPEG has those of BT.601.
    pub(super) bt709: bool,
}

/// A small picture: studio range already widened in its luma; chroma, at half size, as it came.
#[derive(Debug)]
pub(super) struct Small {
    width: usize,
    height: usize,
    luma: Vec<u8>,
    blue: Vec<u8>,
    red: Vec<u8>,
}

impl Small {
    /// The picture made small.
    pub(super) fn of(luma: &Plane<'_>, chroma: Option<[Plane<'_>; 2]>, colour: Colour) -> Self {
        let (width, height) = fit((luma.width, luma.height), (THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT));
        let half = (width / 2, height / 2);
        let mut small = Self { width, height, luma: Vec::new(), blue: Vec::new(), red: Vec::new() };
        luma.shrink(width, height, &mut small.luma);
        match chroma {
            Some([blue, red]) => {
                blue.shrink(half.0, half.1, &mut small.blue);
                red.shrink(half.0, half.1, &mut small.red);
            }
            None => {
                small.blue = vec![128; half.0 * half.1];
                small.red = vec![128; half.0 * half.1];
            }
        }
        if colour.studio_range {
            full_range(&mut small.luma);
        }
        small
    }

    /// As JPEG.
    pub(super) fn jpeg(mut self, colour: Colour) -> Option<Vec<u8>> {
        self.convert(colour);
        let mut jpeg = Vec::with_capacity(16 << 10);
        let mut encoder = Encoder::new(&mut jpeg, QUALITY);
        encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
        encoder.encode_image(self).ok()?;
        Some(jpeg)
    }

    /// To JPEG's own colours: full range, BT.601.
    fn convert(&mut self, colour: Colour) {
        if colour.studio_range {
            for sample in self.blue.iter_mut().chain(&mut self.red) {
                *sample = clamp(128 + (i32::from(*sample) - 128) * 255 / 224);
            }
        }
        if colour.bt709 {
            self.as_bt601();
        }
    }

    /// BT.709 to BT.601, full range: `Y' = Y + 0.102·Cb + 0.196·Cr`, `Cb' = 0.990·Cb − 0.111·Cr`,
    /// `Cr' = 0.983·Cr − 0.072·Cb` (both matrices of ITU-T H.273 table 4, multiplied).
    fn as_bt601(&mut self) {
        let half = self.width / 2;
        for (y, row) in self.luma.chunks_exact_mut(self.width).enumerate() {
            let at = (y / 2).min(self.height / 2 - 1) * half;
            let (blue, red) = (&self.blue[at..at + half], &self.red[at..at + half]);
            for ((pair, &blue), &red) in row.chunks_exact_mut(2).zip(blue).zip(red) {
                let more = (104 * (i32::from(blue) - 128) + 201 * (i32::from(red) - 128)) >> 10;
                pair[0] = clamp(i32::from(pair[0]) + more);
                pair[1] = clamp(i32::from(pair[1]) + more);
            }
        }
        for (blue, red) in self.blue.iter_mut().zip(&mut self.red) {
            let (b, r) = (i32::from(*blue) - 128, i32::from(*red) - 128);
            *blue = clamp(128 + ((1014 * b - 113 * r) >> 10));
            *red = clamp(128 + ((1007 * r - 74 * b) >> 10));
        }
    }
}

fn clamp(sample: i32) -> u8 {
    u8::try_from(sample.clamp(0, 255)).unwrap_or(0)
}

impl ImageBuffer for Small {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        u16::try_from(self.width).expect("a thumbnail is small")
    }

    fn height(&self) -> u16 {
        u16::try_from(self.height).expect("a thumbnail is small")
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let y = usize::from(y);
        let half = self.width / 2;
        let at = (y / 2).min(self.height / 2 - 1) * half;
        buffers[0].extend_from_slice(&self.luma[y * self.width..(y + 1) * self.width]);
        for (buffer, plane) in buffers[1..3].iter_mut().zip([&self.blue, &self.red]) {
            buffer.extend(plane[at..at + half].iter().flat_map(|&sample| [sample, sample]));
        }
    }
}

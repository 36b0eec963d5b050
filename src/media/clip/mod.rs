//! Coded pictures and sound that are played again and again: access units in coding order, each with its place in
//! time, and where the repetition begins.
//!
//! Knows what a clip needs in order to be repeated without a seam; must not know who encodes or sends it.

pub mod recipe;
pub mod studio;
mod shelf;

use bytes::Bytes;

use super::picture::Size;
use crate::domain::stream::VideoCodec;
use crate::wire::coding::AudioFormat;

/// Most units of one clip: eleven minutes at 25 pictures a second.
pub const UNITS_MAX: usize = 16_384;

/// Coded pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoClip {
    codec: VideoCodec,
    size: Size,
    fps: u32,
    units: Vec<PictureUnit>,
    repeat_from: usize,
    mark: Option<usize>,
}

/// One coded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureUnit {
    /// Access unit, Annex B; a key picture has its parameter sets before it.
    pub data: Bytes,
    /// Which picture it is, in the order of showing.
    pub number: u32,
    /// Whether decoding can begin here.
    pub key: bool,
}

/// Coded sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioClip {
    format: AudioFormat,
    samples_per_unit: u32,
    units: Vec<Bytes>,
    mark: Option<usize>,
}

/// Why units are not a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAClip {
    /// No units, or more than [`UNITS_MAX`].
    #[error("a clip has 1 to 16384 units")]
    Length,
    /// It does not begin with a key picture, or would not repeat at one.
    #[error("a clip begins and repeats at a key picture that nothing before it refers beyond")]
    Key,
    /// A picture is missing or there twice.
    #[error("picture {0} of the clip is missing or there twice")]
    Gap(u32),
}

impl VideoClip {
    /// A clip of `units` in coding order. It repeats from the unit `repeat_from`; `marked` is the first picture, in
    /// the order of showing, of the fault that the clip is about.
    ///
    /// # Errors
    /// See [`NotAClip`].
    pub fn new(
        (codec, size, fps): (VideoCodec, Size, u32),
        units: Vec<PictureUnit>,
        repeat_from: usize,
        marked: Option<u32>,
    ) -> Result<Self, NotAClip> {
        if units.is_empty() || units.len() > UNITS_MAX {
            return Err(NotAClip::Length);
        }
        whole(&units)?;
        let enters = |at: usize| units.get(at).is_some_and(|unit| unit.key && unit.number as usize == at);
        if !(enters(0) && enters(repeat_from)) {
            return Err(NotAClip::Key);
        }
        let mark = marked.and_then(|marked| units.iter().position(|unit| unit.number >= marked));
        Ok(Self { codec, size, fps: fps.max(1), units, repeat_from, mark })
    }

    /// How it is coded.
    pub fn codec(&self) -> VideoCodec {
        self.codec
    }

    /// Its pictures' size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Pictures per second.
    pub fn fps(&self) -> u32 {
        self.fps
    }

    /// Its units in coding order.
    pub fn units(&self) -> &[PictureUnit] {
        &self.units
    }

    /// The unit that follows the last.
    pub fn repeat_from(&self) -> usize {
        self.repeat_from
    }

    /// The unit with which its fault begins.
    pub fn mark(&self) -> Option<usize> {
        self.mark
    }

    /// How many pictures a picture may wait for those shown before it.
    pub fn reorder(&self) -> u32 {
        let late = self.units.iter().enumerate().map(|(at, unit)| (at as u32).saturating_sub(unit.number));
        late.max().unwrap_or(0)
    }

    /// Rate over the whole clip, kbit/s.
    pub fn kbps(&self) -> f64 {
        let bytes: usize = self.units.iter().map(|unit| unit.data.len()).sum();
        bytes as f64 * 8.0 * f64::from(self.fps) / self.units.len() as f64 / 1e3
    }
}

impl AudioClip {
    /// A clip of frames of `samples_per_unit` samples each, in ticks of the format's RTP clock; `mark` is the first
    /// of its fault.
    ///
    /// # Errors
    /// [`NotAClip::Length`].
    pub fn new(
        format: AudioFormat,
        samples_per_unit: u32,
        units: Vec<Bytes>,
        mark: Option<usize>,
    ) -> Result<Self, NotAClip> {
        let fits = !units.is_empty() && units.len() <= UNITS_MAX && samples_per_unit > 0;
        fits.then_some(Self { format, samples_per_unit, units, mark }).ok_or(NotAClip::Length)
    }

    /// How it is coded.
    pub fn format(&self) -> &AudioFormat {
        &self.format
    }

    /// Ticks of the RTP clock per unit.
    pub fn samples_per_unit(&self) -> u32 {
        self.samples_per_unit
    }

    /// Its frames.
    pub fn units(&self) -> &[Bytes] {
        &self.units
    }

    /// The frame with which its fault begins.
    pub fn mark(&self) -> Option<usize> {
        self.mark
    }
}

/// Every picture is there once.
fn whole(units: &[PictureUnit]) -> Result<(), NotAClip> {
    let mut numbers: Vec<u32> = units.iter().map(|unit| unit.number).collect();
    numbers.sort_unstable();
    let gap = numbers.iter().zip(0..).find(|(number, at)| *number != at);
    gap.map_or(Ok(()), |(_, at)| Err(NotAClip::Gap(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(order: &[(u32, bool)], repeat_from: usize) -> Result<VideoClip, NotAClip> {
        let unit = |&(number, key)| PictureUnit { data: Bytes::from_static(&[0; 100]), number, key };
        let units = order.iter().map(unit).collect();
        VideoClip::new((VideoCodec::H264, Size::P180, 25), units, repeat_from, Some(2))
    }

    #[test]
    fn a_clip_repeats_only_where_it_can() {
        let order = [(0, true), (2, false), (1, false), (3, true), (4, false)];
        let good = clip(&order, 3).unwrap();
        assert_eq!((good.reorder(), good.mark(), good.kbps()), (1, Some(1), 20.0));
        assert_eq!(clip(&order, 1), Err(NotAClip::Key));
        assert_eq!(clip(&order[1..], 0), Err(NotAClip::Gap(0)));
        assert_eq!(clip(&[(0, true), (2, true), (1, false)], 1), Err(NotAClip::Key));
        assert_eq!(clip(&[(0, true), (0, true)], 0), Err(NotAClip::Gap(1)));
        assert_eq!(clip(&[], 0), Err(NotAClip::Length));
    }
}

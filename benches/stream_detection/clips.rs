//! Stories as clips: encoded by what venues really have, kept in the build's folder from run to run.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use vcops::domain::stream::VideoCodec;
use vcops::media::clip::{PictureUnit, VideoClip};
use vcops::media::picture::Size;
use vcops::worker::kind::{VideoEncoding, VideoPreset};
use vcops::worker::pool::Pool;
use vcops::worker::session::{After, RawFrame};

use super::story::{FPS, Story, Teller};

/// Raw pictures that are handed to the encoder at once, in bytes.
const REQUEST_BYTES: usize = 8 << 20;
/// Changes when clips must be made anew.
const EDITION: u32 = 1;

/// An encoder's configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Config {
    pub(crate) name: &'static str,
    pub(crate) preset: VideoPreset,
    pub(crate) size: Size,
    pub(crate) kbps: u32,
    pub(crate) gop: u16,
}

/// All of them. Those without a key picture at least each two seconds are irregular.
pub(crate) const CONFIGS: [Config; 15] = [
    config("x264-cbr-360p", VideoPreset::X264Cbr, Size::P360, 300, 50),
    config("x264-cbr-720p", VideoPreset::X264Cbr, Size::P720, 1000, 50),
    config("x264-cbr-1080p", VideoPreset::X264Cbr, Size::P1080, 1800, 50),
    config("x264-cbr-1080p-4m", VideoPreset::X264Cbr, Size::P1080, 4000, 25),
    config("x264-crf-b-720p", VideoPreset::X264Crf, Size::P720, 2500, 50),
    config("x264-crf-b-1080p", VideoPreset::X264Crf, Size::P1080, 4000, 50),
    config("x264-hrd-720p", VideoPreset::X264Hrd, Size::P720, 1000, 50),
    config("openh264-720p", VideoPreset::OpenH264, Size::P720, 1000, 50),
    config("openh264-360p", VideoPreset::OpenH264, Size::P360, 400, 50),
    config("x265-720p", VideoPreset::X265, Size::P720, 900, 50),
    config("x265-1080p", VideoPreset::X265, Size::P1080, 1500, 50),
    config("x264-gop10s-720p", VideoPreset::X264Cbr, Size::P720, 1000, 250),
    config("x264-intra-refresh-720p", VideoPreset::X264IntraRefresh, Size::P720, 1000, 50),
    config("x264-infinite-720p", VideoPreset::X264Infinite, Size::P720, 1000, 50),
    config("openh264-infinite-360p", VideoPreset::OpenH264Infinite, Size::P360, 400, 50),
];

const fn config(name: &'static str, preset: VideoPreset, size: Size, kbps: u32, gop: u16) -> Config {
    Config { name, preset, size, kbps, gop }
}

impl Config {
    /// Whether key pictures come too rarely to be enough.
    pub(crate) fn irregular(&self) -> bool {
        let regular = match self.preset {
            VideoPreset::X264Cbr
            | VideoPreset::X264Crf
            | VideoPreset::X264Hrd
            | VideoPreset::OpenH264
            | VideoPreset::X265 => true,
            VideoPreset::X264IntraRefresh | VideoPreset::X264Infinite | VideoPreset::OpenH264Infinite => {
                false
            }
        };
        !regular || u32::from(self.gop) > 2 * FPS
    }

    /// The codec.
    pub(crate) fn codec(&self) -> VideoCodec {
        if self.preset == VideoPreset::X265 { VideoCodec::H265 } else { VideoCodec::H264 }
    }
}

/// Makes clips and keeps them.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    pool: Pool,
    folder: PathBuf,
}

impl Shelf {
    pub(crate) fn new(pool: Pool, folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(Self { pool, folder: folder.to_owned() })
    }

    /// The clip of a story, and where its bytes are for other tools.
    pub(crate) async fn clip(&self, story: &Story, config: &Config) -> Result<(VideoClip, PathBuf)> {
        let path = self.folder.join(format!("{}.bits", name(story, config)));
        let index = path.with_extension("json");
        let units = match read(&path, &index) {
            Some(units) => units,
            None => {
                let units = self.encode(story, config).await.with_context(|| config.name.to_owned())?;
                write(&path, &index, &units)?;
                units
            }
        };
        let clip = VideoClip::new((config.codec(), config.size, FPS), units, 0, None)?;
        Ok((clip, path))
    }

    async fn encode(&self, story: &Story, config: &Config) -> Result<Vec<PictureUnit>> {
        let mut teller = Teller::new(story, config.size)?;
        let mut encoder = self.pool.video_encoder(encoding(config)?).await?;
        let at_once = (REQUEST_BYTES / config.size.bytes()).max(1);
        let mut units = Vec::new();
        let mut number = 0;
        loop {
            let mut frames = Vec::new();
            while frames.len() < at_once {
                let Some(data) = teller.next()? else { break };
                frames
                    .push(RawFrame { pts_us: number * 1_000_000 / i64::from(FPS), data: Bytes::from(data) });
                number += 1;
            }
            let after = if frames.len() < at_once { After::Drain } else { After::Keep };
            units.extend(encoder.encode(frames, after).await?.units);
            if after == After::Drain {
                break;
            }
        }
        if units.len() != story.pictures as usize {
            bail!("{} pictures became {} units", story.pictures, units.len());
        }
        let nearest = |pts_us: i64| ((pts_us * i64::from(FPS) + 500_000) / 1_000_000) as u32;
        Ok(units
            .into_iter()
            .map(|unit| PictureUnit { data: unit.data, number: nearest(unit.pts_us), key: unit.key })
            .collect())
    }
}

fn encoding(config: &Config) -> Result<VideoEncoding> {
    Ok(VideoEncoding {
        preset: config.preset,
        width: u16::try_from(config.size.width())?,
        height: u16::try_from(config.size.height())?,
        fps: FPS as u8,
        kbps: config.kbps,
        gop: config.gop,
    })
}

fn name(story: &Story, config: &Config) -> String {
    let faults: Vec<String> = story
        .faults
        .iter()
        .map(|fault| format!("{}{}-{}", fault.kind.code(), fault.from, fault.until))
        .collect();
    let Story { subject, pictures, seed, .. } = story;
    format!("{EDITION}-{}-{}-{seed}-{pictures}-{}", subject.name(), config.name, faults.join("-"))
}

fn read(path: &Path, index: &Path) -> Option<Vec<PictureUnit>> {
    let index: Vec<(usize, u32, bool)> = serde_json::from_slice(&std::fs::read(index).ok()?).ok()?;
    let mut bytes = Bytes::from(std::fs::read(path).ok()?);
    let total: usize = index.iter().map(|(length, ..)| length).sum();
    (total == bytes.len()).then(|| {
        let unit = |(length, number, key)| PictureUnit { data: bytes.split_to(length), number, key };
        index.into_iter().map(unit).collect()
    })
}

fn write(path: &Path, index: &Path, units: &[PictureUnit]) -> Result<()> {
    let rows: Vec<(usize, u32, bool)> =
        units.iter().map(|unit| (unit.data.len(), unit.number, unit.key)).collect();
    let bytes: Vec<u8> = units.iter().flat_map(|unit| unit.data.iter().copied()).collect();
    std::fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))?;
    Ok(std::fs::write(index, serde_json::to_vec(&rows)?)?)
}

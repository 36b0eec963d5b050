//! Clips that real encoders made: they decode, they show what they should, and the same recipe is made once.

use std::sync::Arc;
use std::time::Duration;

use vcops::domain::stream::{AudioCodec, VideoCodec};
use vcops::media::clip::recipe::{AudioRecipe, Shown, VideoRecipe};
use vcops::media::clip::studio::Studio;
use vcops::media::clip::{AudioClip, VideoClip};
use vcops::media::picture::{Colour, Size};
use vcops::media::scene::Look;
use vcops::media::sound::Voice;
use vcops::metrics::Counters;
use vcops::worker::kind::{AudioKind, VideoFeed, VideoKind, VideoPreset};
use vcops::worker::picture::{Picture, VideoUnit, Want};
use vcops::worker::pool::{Pool, PoolSettings};
use vcops::worker::session::After;
use vcops::worker::sound::{Loudness, SoundFrame};

const PATIENCE: Duration = Duration::from_secs(60);

/// Workers of the binary under test.
pub(crate) fn pool() -> Pool {
    let program = env!("CARGO_BIN_EXE_vcops").into();
    Pool::start(PoolSettings { program, ..PoolSettings::default() }, Arc::new(Counters::default()))
}

fn recipe(look: Look) -> VideoRecipe {
    let mut recipe = VideoRecipe::live(look, Size::P180, 300, 4);
    recipe.gop = 25;
    recipe.acts[0].pictures = 50;
    recipe
}

async fn shown(pool: &Pool, clip: &VideoClip) -> Vec<Picture> {
    let mut session = pool.video(VideoKind { codec: clip.codec(), feed: VideoFeed::Continuous });
    let unit = |unit: &vcops::media::clip::PictureUnit| VideoUnit {
        pts_us: i64::from(unit.number) * 40_000,
        data: unit.data.clone(),
        want: Want::Luma,
    };
    let mut pictures = Vec::new();
    let units: Vec<VideoUnit> = clip.units().iter().map(unit).collect();
    for units in units.chunks(25) {
        pictures.extend(session.decode(units.to_vec(), After::Keep, PATIENCE).await.unwrap().pictures);
    }
    pictures.extend(session.decode(Vec::new(), After::Drain, PATIENCE).await.unwrap().pictures);
    pictures.sort_by_key(|picture| picture.pts_us);
    pictures
}

/// Largest mean difference of any 10×10 block.
fn block_max(a: &Picture, b: &Picture) -> f32 {
    let (a, b) = (&a.luma, &b.luma);
    let blocks = (0..9).flat_map(|y| (0..16).map(move |x| (x * 10, y * 10)));
    let difference = |(x, y): (usize, usize)| -> f32 {
        let rows = (0..10).map(|row| (y + row) * 160 + x);
        let sum: u32 = rows
            .flat_map(|at| a[at..at + 10].iter().zip(&b[at..at + 10]))
            .map(|(a, b)| u32::from(a.abs_diff(*b)))
            .sum();
        sum as f32 / 100.0
    };
    blocks.map(difference).fold(0.0, f32::max)
}

#[tokio::test]
async fn a_live_clip_moves_all_the_time() {
    let pool = pool();
    let studio = Studio::new(pool.clone(), None);
    let clip = studio.video(&recipe(Look::Talker)).await.unwrap();
    let pictures = shown(&pool, &clip).await;
    assert_eq!(pictures.len(), 50);
    let least = pictures.iter().zip(&pictures[12..]).map(|(a, b)| block_max(a, b)).fold(f32::MAX, f32::min);
    assert!(least > 3.0, "{least}");
    assert!((100.0..600.0).contains(&clip.kbps()), "{}", clip.kbps());
}

#[tokio::test]
async fn a_fault_clip_is_live_until_its_mark_and_bad_from_there_on() {
    let pool = pool();
    let studio = Studio::new(pool.clone(), None);
    let live = recipe(Look::Talker);
    let still = studio.video(&live.ending_in(Shown::Still)).await.unwrap();
    let mark = still.mark().unwrap();
    let pictures = shown(&pool, &still).await;
    assert!(block_max(&pictures[0], &pictures[mark - 1]) > 3.0);
    // What the encoder refines at first is no motion either, but moves a block by more than later.
    let frozen =
        pictures[mark + 12..].windows(13).map(|few| block_max(&few[0], &few[12])).fold(0.0, f32::max);
    assert!(frozen < 2.2, "{frozen}");
    let black = studio.video(&live.ending_in(Shown::Black)).await.unwrap();
    let pictures = shown(&pool, &black).await;
    let brightest = |picture: &Picture| picture.luma.iter().copied().max().unwrap();
    assert!(brightest(&pictures[mark - 1]) > 100 && brightest(&pictures[mark + 2]) < 12);
    let flat = studio.video(&live.ending_in(Shown::Flat(Colour::BLUE))).await.unwrap();
    let last = shown(&pool, &flat).await.pop().unwrap();
    let (least, most) = (last.luma.iter().min().unwrap(), last.luma.iter().max().unwrap());
    assert!(most - least < 6 && *least > 12, "{least}–{most}");
}

#[tokio::test]
async fn every_encoder_makes_clips_that_repeat() {
    let pool = pool();
    let studio = Studio::new(pool.clone(), None);
    for (preset, codec) in [
        (VideoPreset::X264Cbr, VideoCodec::H264),
        (VideoPreset::X264Crf, VideoCodec::H264),
        (VideoPreset::X264Hrd, VideoCodec::H264),
        (VideoPreset::X264IntraRefresh, VideoCodec::H264),
        (VideoPreset::X264Infinite, VideoCodec::H264),
        (VideoPreset::OpenH264, VideoCodec::H264),
        (VideoPreset::X265, VideoCodec::H265),
    ] {
        let clip = studio.video(&VideoRecipe { preset, ..recipe(Look::Talker) }).await.unwrap();
        assert_eq!((clip.codec(), clip.units().len()), (codec, 50), "{preset:?}");
        let reorders = preset == VideoPreset::X264Crf;
        assert_eq!(clip.reorder() > 0, reorders, "{preset:?}");
    }
}

#[tokio::test]
async fn a_recipe_is_made_once_and_found_on_the_shelf() {
    let pool = pool();
    let folder = tempfile::tempdir().unwrap();
    let studio = Studio::new(pool.clone(), Some(folder.path().into()));
    let recipe = recipe(Look::Room);
    let (first, second) = tokio::join!(studio.video(&recipe), studio.video(&recipe));
    let first = first.unwrap();
    assert!(Arc::ptr_eq(&first, &second.unwrap()));
    // Nobody encodes any more: what comes now was kept.
    pool.stop().await;
    let later = Studio::new(pool, Some(folder.path().into()));
    assert_eq!(later.video(&recipe).await.unwrap(), first);
}

async fn heard(pool: &Pool, clip: &AudioClip) -> Vec<Loudness> {
    let format = clip.format();
    let kind = AudioKind {
        codec: format.codec,
        rate_hz: format.rate_hz,
        channels: format.channels,
        config: format.config.clone(),
    };
    let mut session = pool.audio(kind);
    let frame = |(at, data): (i64, &bytes::Bytes)| SoundFrame { pts_us: at * 20_000, data: data.clone() };
    let frames: Vec<SoundFrame> = (0..).zip(clip.units()).map(frame).collect();
    let mut levels = Vec::new();
    for frames in frames.chunks(50) {
        levels.extend(session.levels(frames.to_vec(), PATIENCE).await.unwrap().levels);
    }
    levels
}

#[tokio::test]
async fn sound_is_as_loud_as_its_voice_in_every_codec() {
    let pool = pool();
    let studio = Studio::new(pool.clone(), None);
    for codec in [AudioCodec::Opus, AudioCodec::Aac, AudioCodec::Pcma, AudioCodec::Pcmu, AudioCodec::G722] {
        let speech =
            AudioRecipe { acts: vec![(Voice::Speech, 4000)], ..AudioRecipe::of(Voice::Speech, codec, 1) };
        let speech = heard(&pool, &studio.audio(&speech).await.unwrap()).await;
        let talking = speech.iter().filter(|level| level.rms_dbfs > -35.0).count();
        assert!(talking * 2 > speech.len() && speech.len() > 30, "{codec:?}: {talking} of {}", speech.len());
        let silence = studio.audio(&AudioRecipe::of(Voice::Silence, codec, 1)).await.unwrap();
        let levels = heard(&pool, &silence).await;
        assert!(levels.iter().skip(3).all(|level| level.rms_dbfs < -60.0), "{codec:?}");
    }
}

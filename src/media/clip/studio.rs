//! Makes clips: paints, encodes in a worker, keeps what was made. The same recipe is made once, however many ask.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{OnceCell, Semaphore, mpsc};
use tokio::task::JoinError;

use super::recipe::{AudioRecipe, Shown, VideoRecipe};
use super::shelf::Shelf;
use super::{AudioClip, NotAClip, PictureUnit, VideoClip};
use crate::domain::stream::{AudioCodec, VideoCodec};
use crate::media::picture::Picture;
use crate::media::scene::Scene;
use crate::media::sound::{Sound, SoundSpec};
use crate::wire::coding::AudioFormat;
use crate::worker::kind::{AudioEncoding, VideoEncoding, VideoPreset};
use crate::worker::pool::Pool;
use crate::worker::session::{After, Coded, CodedUnit, EncodeSession, RawFrame, WorkerError};

/// Raw bytes of one request to the encoder, about: a few large pictures or many small ones.
const REQUEST_BYTES: usize = 8 << 20;
/// Requests that are painted ahead.
const AHEAD: usize = 1;
/// Clips made at once: painting and encoding take a core each.
const AT_ONCE: usize = 2;
/// Length of one frame of Opus, G.711 or G.722.
const FRAME_MS: u32 = 20;
/// Samples of one frame of AAC.
const AAC_SAMPLES: u32 = 1024;

/// Makes and keeps clips. Clones share them.
#[derive(Debug, Clone)]
pub struct Studio {
    pool: Pool,
    shelf: Option<Shelf>,
    turns: Arc<Semaphore>,
    videos: Kept<VideoRecipe, VideoClip>,
    audios: Kept<AudioRecipe, AudioClip>,
}

/// Clips by their recipes; a cell is filled by whoever asks first.
type Kept<R, C> = Arc<Mutex<BTreeMap<R, Arc<OnceCell<Arc<C>>>>>>;

/// Why a clip could not be made.
#[derive(Debug, thiserror::Error)]
pub enum StudioError {
    /// The encoder did not do it.
    #[error("the encoder: {0}")]
    Worker(#[from] WorkerError),
    /// What came out is not a clip.
    #[error(transparent)]
    Clip(#[from] NotAClip),
    /// The painter did not come to its end.
    #[error("the painter: {0}")]
    Painter(#[from] JoinError),
}

impl Studio {
    /// Encodes in workers of `pool`. With a folder, clips are kept there from one start to the next; a folder that
    /// cannot be used costs time and nothing else.
    pub fn new(pool: Pool, folder: Option<PathBuf>) -> Self {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        Self { pool, shelf: folder.map(Shelf::new), turns, videos: Kept::default(), audios: Kept::default() }
    }

    /// The clip of a recipe, made if it does not exist yet.
    ///
    /// # Errors
    /// See [`StudioError`]; the next call tries again.
    pub async fn video(&self, recipe: &VideoRecipe) -> Result<Arc<VideoClip>, StudioError> {
        cell(&self.videos, recipe).get_or_try_init(|| self.find_video(recipe)).await.cloned()
    }

    /// The sound of a recipe, made if it does not exist yet.
    ///
    /// # Errors
    /// See [`StudioError`]; the next call tries again.
    pub async fn audio(&self, recipe: &AudioRecipe) -> Result<Arc<AudioClip>, StudioError> {
        cell(&self.audios, recipe)
            .get_or_try_init(|| async { Ok(Arc::new(self.make_audio(recipe).await?)) })
            .await
            .cloned()
    }

    async fn find_video(&self, recipe: &VideoRecipe) -> Result<Arc<VideoClip>, StudioError> {
        if let Some(shelf) = self.shelf.clone() {
            let wanted = recipe.clone();
            let found = tokio::task::spawn_blocking(move || shelf.take(&wanted)).await?;
            if let Some(clip) = found.and_then(|units| clip(recipe, units).ok()) {
                return Ok(Arc::new(clip));
            }
        }
        let units = self.make_video(recipe).await?;
        if let Some(shelf) = self.shelf.clone() {
            let (recipe, units) = (recipe.clone(), units.clone());
            tokio::task::spawn_blocking(move || shelf.put(&recipe, &units)).await?;
        }
        Ok(Arc::new(clip(recipe, units)?))
    }

    async fn make_video(&self, recipe: &VideoRecipe) -> Result<Vec<PictureUnit>, StudioError> {
        let _turn = self.turns.acquire().await.expect("the semaphore is never closed");
        let mut encoder = self.pool.video_encoder(encoding(recipe)).await?;
        let (paint, mut painted) = mpsc::channel(AHEAD);
        let painter = {
            let recipe = recipe.clone();
            tokio::task::spawn_blocking(move || paint_all(&recipe, &paint))
        };
        let mut coded = Vec::new();
        while let Some(frames) = painted.recv().await {
            coded.extend(encoder.encode(frames, After::Keep).await?.units);
        }
        painter.await?;
        coded.extend(encoder.encode(Vec::new(), After::Drain).await?.units);
        Ok(coded.into_iter().map(|unit| picture_unit(unit, recipe.fps)).collect())
    }

    async fn make_audio(&self, recipe: &AudioRecipe) -> Result<AudioClip, StudioError> {
        let _turn = self.turns.acquire().await.expect("the semaphore is never closed");
        let rate_hz = recipe.rate_hz();
        let encoding = AudioEncoding { codec: recipe.codec, rate_hz, channels: 1, kbps: recipe.kbps };
        let mut encoder = self.pool.audio_encoder(encoding).await?;
        let coded = encode_sound(&mut encoder, recipe).await?;
        let per_unit = raw_samples(recipe.codec, rate_hz);
        let mark = recipe.fault.map(|act| {
            let ms: u32 = recipe.acts.iter().take(act).map(|(_, ms)| ms).sum();
            (ms * (rate_hz / 1000) / per_unit) as usize
        });
        let format = format(recipe.codec, &coded.config);
        let ticks = per_unit * format.rtp_clock_hz() / rate_hz;
        let units = coded.units.into_iter().map(|unit| unit.data).collect();
        Ok(AudioClip::new(format, ticks, units, mark)?)
    }
}

fn cell<R: Clone + Ord, C>(kept: &Kept<R, C>, recipe: &R) -> Arc<OnceCell<Arc<C>>> {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(kept.entry(recipe.clone()).or_default())
}

fn encoding(recipe: &VideoRecipe) -> VideoEncoding {
    VideoEncoding {
        preset: recipe.preset,
        width: recipe.scene.size.width() as u16,
        height: recipe.scene.size.height() as u16,
        fps: recipe.fps,
        kbps: recipe.kbps,
        gop: recipe.gop,
    }
}

fn clip(recipe: &VideoRecipe, units: Vec<PictureUnit>) -> Result<VideoClip, NotAClip> {
    let repeat_from = recipe.begins(recipe.repeat_from) as usize;
    let marked = recipe.fault.map(|act| recipe.begins(act));
    VideoClip::new(
        (codec(recipe.preset), recipe.scene.size, u32::from(recipe.fps)),
        units,
        repeat_from,
        marked,
    )
}

/// What an encoder makes.
fn codec(preset: VideoPreset) -> VideoCodec {
    match preset {
        VideoPreset::X264Cbr
        | VideoPreset::X264Crf
        | VideoPreset::X264Hrd
        | VideoPreset::X264IntraRefresh
        | VideoPreset::X264Infinite
        | VideoPreset::OpenH264
        | VideoPreset::OpenH264Infinite => VideoCodec::H264,
        VideoPreset::X265 => VideoCodec::H265,
    }
}

/// Paints every act; ends early when nobody takes the pictures any more.
fn paint_all(recipe: &VideoRecipe, frames: &mpsc::Sender<Vec<RawFrame>>) {
    let mut scene = Scene::new(recipe.scene);
    let mut picture = Picture::new(recipe.scene.size);
    let at_once = (REQUEST_BYTES / recipe.scene.size.bytes()).max(1);
    let mut request = Vec::with_capacity(at_once);
    let acts = recipe.acts.iter().flat_map(|act| (0..act.pictures).map(|_| act.shown));
    for (number, shown) in (0..).zip(acts) {
        paint(&mut scene, shown, number, &mut picture);
        let pts_us = i64::from(number) * 1_000_000 / i64::from(recipe.fps.max(1));
        request.push(RawFrame { pts_us, data: Bytes::copy_from_slice(picture.bytes()) });
        if request.len() >= at_once && frames.blocking_send(std::mem::take(&mut request)).is_err() {
            return;
        }
    }
    // Nobody waits for the rest if nobody takes it.
    let _ = frames.blocking_send(request);
}

fn paint(scene: &mut Scene, shown: Shown, number: u32, picture: &mut Picture) {
    match shown {
        Shown::Live => scene.paint(number, picture),
        Shown::Still => {}
        Shown::Black => picture.fill(crate::media::picture::Colour::BLACK),
        Shown::Flat(colour) => picture.fill(colour),
    }
}

/// The picture that a unit's time names.
fn picture_unit(unit: CodedUnit, fps: u8) -> PictureUnit {
    let number = (unit.pts_us.max(0) * i64::from(fps) + 500_000) / 1_000_000;
    PictureUnit { data: unit.data, number: number as u32, key: unit.key }
}

/// Samples that one coded frame takes.
fn raw_samples(codec: AudioCodec, rate_hz: u32) -> u32 {
    match codec {
        AudioCodec::Aac => AAC_SAMPLES,
        AudioCodec::Opus | AudioCodec::Pcma | AudioCodec::Pcmu | AudioCodec::G722 => {
            rate_hz / 1000 * FRAME_MS
        }
    }
}

fn format(codec: AudioCodec, config: &[u8]) -> AudioFormat {
    match codec {
        AudioCodec::Aac => {
            AudioFormat::from_aac_config(config).unwrap_or_else(|| AudioFormat::aac(48_000, 1))
        }
        AudioCodec::Opus => AudioFormat::opus(1),
        AudioCodec::Pcma | AudioCodec::Pcmu | AudioCodec::G722 => AudioFormat::telephone(codec),
    }
}

async fn encode_sound(encoder: &mut EncodeSession, recipe: &AudioRecipe) -> Result<Coded, WorkerError> {
    let rate = recipe.rate_hz();
    let frame = raw_samples(recipe.codec, rate) as usize;
    let samples = sound(recipe);
    let frames = samples.chunks_exact(frame).zip(0_i64..).map(|(samples, at)| RawFrame {
        pts_us: at * frame as i64 * 1_000_000 / i64::from(rate),
        data: samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
    });
    let frames: Vec<RawFrame> = frames.collect();
    let mut coded = Coded::default();
    for request in frames.chunks(100) {
        let more = encoder.encode(request.to_vec(), After::Keep).await?;
        add(&mut coded, more);
    }
    add(&mut coded, encoder.encode(Vec::new(), After::Drain).await?);
    Ok(coded)
}

fn add(coded: &mut Coded, more: Coded) {
    coded.units.extend(more.units);
    if !more.config.is_empty() {
        coded.config = more.config;
    }
}

fn sound(recipe: &AudioRecipe) -> Vec<i16> {
    let rate = recipe.rate_hz();
    let act = |&(voice, ms): &(_, u32)| {
        let mut samples = vec![0; (u64::from(ms) * u64::from(rate) / 1000) as usize];
        Sound::new(SoundSpec { voice, rate, seed: recipe.seed }).fill(&mut samples);
        samples
    };
    recipe.acts.iter().flat_map(act).collect()
}

//! What goes in comes out: every encoder with its decoder, key pictures at once, loudness, AAC.

use std::f32::consts::PI;

use bytes::Bytes;
use vcops::domain::stream::{AudioCodec, VideoCodec};
use vcops::worker::kind::{AudioEncoding, AudioKind, VideoFeed, VideoKind, VideoPreset};
use vcops::worker::picture::{Picture, Want};
use vcops::worker::pool::Pool;
use vcops::worker::session::{After, Coded, RawFrame, WorkerError};
use vcops::worker::sound::SoundFrame;

use super::{KEYFRAMES, PATIENCE, encode, encoding, pool, unit};

const PRESETS: [VideoPreset; 8] = [
    VideoPreset::X264Cbr,
    VideoPreset::X264Crf,
    VideoPreset::X264Hrd,
    VideoPreset::X264IntraRefresh,
    VideoPreset::X264Infinite,
    VideoPreset::OpenH264,
    VideoPreset::OpenH264Infinite,
    VideoPreset::X265,
];

fn codec(preset: VideoPreset) -> VideoCodec {
    if preset == VideoPreset::X265 { VideoCodec::H265 } else { VideoCodec::H264 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_preset_encodes_and_decodes_again() {
    let (pool, _) = pool(1);
    for preset in PRESETS {
        let coded = encode(&pool, encoding(preset), 25).await;
        assert_eq!(coded.units.len(), 25, "{preset:?}");
        let mut session = pool.video(VideoKind { codec: codec(preset), feed: VideoFeed::Continuous });
        let units = coded.units.iter().map(|coded| unit(coded.pts_us, &coded.data, Want::Luma)).collect();
        let done = session.decode(units, After::Drain, PATIENCE).await.unwrap();
        let times: Vec<i64> = done.pictures.iter().map(|picture| picture.pts_us).collect();
        assert_eq!(times, (0..25).map(|at| at * 40_000).collect::<Vec<_>>(), "{preset:?}");
        done.pictures.iter().enumerate().for_each(|(at, picture)| shows_square(picture, at, preset));
    }
}

/// The square of picture `at` stands where it was painted, at its brightness in full range.
fn shows_square(picture: &Picture, at: usize, preset: VideoPreset) {
    assert_eq!((picture.width, picture.height), (320, 180));
    let left = at * 4 % (320 - 64);
    let sample = |x: usize, y: usize| i32::from(picture.luma[y / 2 * 160 + x / 2]);
    let (inside, outside) = (sample(left + 32, 82), sample((left + 160) % 320, 20));
    assert!((inside - 214).abs() <= 12, "{preset:?} picture {at}: {inside} inside");
    assert!((outside - 28).abs() <= 12, "{preset:?} picture {at}: {outside} outside");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_picture_comes_at_once_whatever_the_stream_reorders() {
    let (pool, _) = pool(1);
    for preset in [VideoPreset::X264Crf, VideoPreset::OpenH264, VideoPreset::X265] {
        let coded = encode(&pool, encoding(preset), 30).await;
        // Two streams share the decoder and take turns.
        let kind = VideoKind { codec: codec(preset), feed: VideoFeed::Keyframes };
        let mut sessions = [pool.video(kind), pool.video(kind)];
        let keys: Vec<_> = coded.units.iter().filter(|unit| unit.key).collect();
        assert!(keys.len() >= 3, "{preset:?}");
        for key in keys {
            for session in &mut sessions {
                let units = vec![unit(key.pts_us, &key.data, Want::Thumbnail)];
                let done = session.decode(units, After::Keep, PATIENCE).await.unwrap();
                let [picture] = &done.pictures[..] else {
                    panic!("{preset:?}: {} pictures", done.pictures.len())
                };
                assert_eq!(picture.pts_us, key.pts_us);
                shows_square(picture, usize::try_from(key.pts_us / 40_000).unwrap(), preset);
                let jpeg = picture.thumbnail.as_ref().unwrap();
                assert!(jpeg.starts_with(&[0xff, 0xd8]) && jpeg.ends_with(&[0xff, 0xd9]));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_wanted_comes_back_and_state_lasts_between_requests() {
    let (pool, _) = pool(1);
    let coded = encode(&pool, encoding(VideoPreset::X264Infinite), 20).await;
    let mut session = pool.video(VideoKind { codec: VideoCodec::H264, feed: VideoFeed::Continuous });
    let mut times = Vec::new();
    for (at, coded) in coded.units.iter().enumerate() {
        let want = if at % 5 == 4 { Want::Luma } else { Want::Nothing };
        let done =
            session.decode(vec![unit(coded.pts_us, &coded.data, want)], After::Keep, PATIENCE).await.unwrap();
        times.extend(done.pictures.iter().map(|picture| picture.pts_us));
    }
    assert_eq!(times, [160_000, 360_000, 560_000, 760_000]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_that_jump_back_or_stand_still_lose_no_picture() {
    let (pool, _) = pool(1);
    let coded = encode(&pool, encoding(VideoPreset::X264Infinite), 40).await;
    let mut session = pool.video(VideoKind { codec: VideoCodec::H264, feed: VideoFeed::Continuous });
    let jumps = |at: i64| {
        [at * 40_000, -9_000_000_000_000 + at * 40_000, 5, i64::MAX - at][usize::try_from(at / 10).unwrap()]
    };
    let sent: Vec<i64> = (0..40).map(jumps).collect();
    let units =
        coded.units.iter().zip(&sent).map(|(coded, &pts_us)| unit(pts_us, &coded.data, Want::Luma)).collect();
    let done = session.decode(units, After::Drain, PATIENCE).await.unwrap();
    assert_eq!(done.pictures.iter().map(|picture| picture.pts_us).collect::<Vec<_>>(), sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_size_is_followed() {
    let (pool, _) = pool(1);
    let mut session = pool.video(KEYFRAMES);
    for (width, height) in [(320, 180), (640, 480), (1920, 1080), (128, 96), (320, 180)] {
        let encoding = vcops::worker::kind::VideoEncoding { width, height, ..encoding(VideoPreset::X264Cbr) };
        let mut encoder = pool.video_encoder(encoding).await.unwrap();
        let grey = vec![126u8; usize::from(width) * usize::from(height) * 3 / 2];
        let frame = RawFrame { pts_us: 0, data: grey.into() };
        let coded = encoder.encode(vec![frame], After::Drain).await.unwrap();
        let units = vec![unit(7, &coded.units[0].data, Want::Thumbnail)];
        let done = session.decode(units, After::Keep, PATIENCE).await.unwrap();
        let picture = &done.pictures[0];
        assert_eq!((picture.width, picture.height, picture.pts_us), (width, height, 7));
        assert!(picture.luma.iter().all(|&luma| luma.abs_diff(128) <= 4));
    }
}

async fn tone(pool: &Pool, encoding: AudioEncoding, level: f32) -> Coded {
    let rate = u16::try_from(encoding.rate_hz).unwrap();
    let sample = |at: u32| {
        let angle = 2.0 * PI * 1000.0 * (at % u32::from(rate)) as f32 / f32::from(rate);
        (angle.sin() * level * 32_767.0) as i16
    };
    let piece = encoding.rate_hz / 50;
    let frame = |number: u32| {
        let samples = (number * piece..(number + 1) * piece).map(sample);
        let channels = usize::from(encoding.channels);
        let data: Bytes = samples.flat_map(|sample| sample.to_le_bytes().repeat(channels)).collect();
        RawFrame { pts_us: i64::from(number) * 20_000, data }
    };
    let mut encoder = pool.audio_encoder(encoding).await.unwrap();
    encoder.encode((0..100).map(frame).collect(), After::Drain).await.unwrap()
}

fn frames(coded: &Coded) -> Vec<SoundFrame> {
    coded.units.iter().map(|unit| SoundFrame { pts_us: unit.pts_us, data: unit.data.clone() }).collect()
}

const SOUNDS: [(AudioCodec, u32, u8); 6] = [
    (AudioCodec::Opus, 48_000, 1),
    (AudioCodec::Opus, 48_000, 2),
    (AudioCodec::Aac, 48_000, 2),
    (AudioCodec::Pcma, 8000, 1),
    (AudioCodec::Pcmu, 8000, 1),
    (AudioCodec::G722, 16_000, 1),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tone_has_its_level_in_every_codec() {
    let (pool, _) = pool(1);
    for (codec, rate_hz, channels) in SOUNDS {
        let coded = tone(&pool, AudioEncoding { codec, rate_hz, channels, kbps: 64 }, 0.25).await;
        let kind = AudioKind { codec, rate_hz, channels, config: coded.config.to_vec() };
        let mut session = pool.audio(kind);
        let levels = session.levels(frames(&coded), PATIENCE).await.unwrap().levels;
        assert!((18..=21).contains(&levels.len()), "{codec:?} {channels}: {} levels", levels.len());
        let middle = levels[10];
        assert!((middle.rms_dbfs + 15.05).abs() < 0.6, "{codec:?} {channels}: {middle:?}");
        assert!((middle.peak_dbfs + 12.04).abs() < 1.2, "{codec:?} {channels}: {middle:?}");
        assert!(middle.speech_band > 0.9 && middle.clipped_runs == 0, "{codec:?} {channels}: {middle:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sound_becomes_aac_of_the_same_level() {
    let (pool, _) = pool(1);
    for (codec, rate_hz, channels) in SOUNDS {
        let coded = tone(&pool, AudioEncoding { codec, rate_hz, channels, kbps: 64 }, 0.25).await;
        let kind = AudioKind { codec, rate_hz, channels, config: coded.config.to_vec() };
        let aac = pool.transcode(kind).transcode(frames(&coded), PATIENCE).await.unwrap();
        assert!(!aac.config.is_empty(), "{codec:?} {channels}");
        let times: Vec<i64> = aac.units.iter().map(|unit| unit.pts_us).collect();
        assert!(times.len() > 10 && times.windows(2).all(|pair| pair[0] < pair[1]), "{codec:?} {channels}");
        let kind = AudioKind { codec: AudioCodec::Aac, rate_hz, channels, config: aac.config.to_vec() };
        let levels = pool.audio(kind).levels(frames(&aac), PATIENCE).await.unwrap().levels;
        assert!((levels[8].rms_dbfs + 15.05).abs() < 1.0, "{codec:?} {channels}: {:?}", levels[8]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_refused_and_the_child_lives_on() {
    let (pool, counters) = pool(1);
    let bad = vcops::worker::kind::VideoEncoding { width: 15, ..encoding(VideoPreset::X264Cbr) };
    let mut encoder = pool.video_encoder(bad).await.unwrap();
    let frame = RawFrame { pts_us: 0, data: Bytes::from_static(&[0; 64]) };
    assert!(matches!(encoder.encode(vec![frame], After::Keep).await, Err(WorkerError::Refused(_))));
    let kind = AudioKind { codec: AudioCodec::Opus, rate_hz: 1, channels: 0, config: Vec::new() };
    let frame = SoundFrame { pts_us: 0, data: Bytes::from_static(b"x") };
    let refused = pool.audio(kind).levels(vec![frame], PATIENCE).await;
    assert!(matches!(refused, Err(WorkerError::Refused(_))), "{refused:?}");
    let large = unit(0, &Bytes::from(vec![0; 17 << 20]), Want::Luma);
    assert_eq!(
        pool.video(KEYFRAMES).decode(vec![large], After::Keep, PATIENCE).await,
        Err(WorkerError::TooLarge)
    );
    assert_eq!(counters.worker_restarts.with_label_values(&["died"]).get(), 0);
}

//! Workers as processes: what they decode and encode, and what happens to them when they are killed, stopped or fed
//! with garbage.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use vcops::domain::stream::VideoCodec;
use vcops::metrics::Counters;
use vcops::worker::kind::{VideoEncoding, VideoFeed, VideoKind, VideoPreset};
use vcops::worker::picture::{VideoUnit, Want};
use vcops::worker::pool::{Pool, PoolSettings};
use vcops::worker::session::{After, Coded, RawFrame};

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn settings() -> PoolSettings {
    PoolSettings { program: PathBuf::from(env!("CARGO_BIN_EXE_vcops")), ..PoolSettings::default() }
}

fn pool(children: usize) -> (Pool, Arc<Counters>) {
    let counters = Arc::new(Counters::new());
    (Pool::start(PoolSettings { children, ..settings() }, Arc::clone(&counters)), counters)
}

fn encoding(preset: VideoPreset) -> VideoEncoding {
    VideoEncoding { preset, width: 320, height: 180, fps: 25, kbps: 400, gop: 10 }
}

/// A bright square that moves over a dark ground, in studio range.
fn moving_square(encoding: &VideoEncoding, frames: i64) -> Vec<RawFrame> {
    let (width, height) = (usize::from(encoding.width), usize::from(encoding.height));
    let frame = |at: i64| {
        let mut picture = vec![40u8; width * height * 3 / 2];
        picture[width * height..].fill(128);
        let left = usize::try_from(at * 4).unwrap() % (width - 64);
        for y in 50..114 {
            picture[y * width + left..y * width + left + 64].fill(200);
        }
        RawFrame { pts_us: at * 1_000_000 / i64::from(encoding.fps), data: picture.into() }
    };
    (0..frames).map(frame).collect()
}

async fn encode(pool: &Pool, encoding: VideoEncoding, frames: i64) -> Coded {
    let mut encoder = pool.video_encoder(encoding).await.unwrap();
    encoder.encode(moving_square(&encoding, frames), After::Drain).await.unwrap()
}

fn unit(pts_us: i64, data: &Bytes, want: Want) -> VideoUnit {
    VideoUnit { pts_us, data: data.clone(), want }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_preset_encodes_and_decodes_again() {
    let presets = [
        VideoPreset::X264Cbr,
        VideoPreset::X264Crf,
        VideoPreset::X264Hrd,
        VideoPreset::X264IntraRefresh,
        VideoPreset::X264Infinite,
        VideoPreset::OpenH264,
        VideoPreset::OpenH264Infinite,
        VideoPreset::X265,
    ];
    let (pool, _) = pool(1);
    for preset in presets {
        let encoding = encoding(preset);
        let coded = encode(&pool, encoding, 25).await;
        assert_eq!(coded.units.len(), 25, "{preset:?}");
        assert!(coded.units[0].key, "{preset:?}");
        let codec = if preset == VideoPreset::X265 { VideoCodec::H265 } else { VideoCodec::H264 };
        let mut session = pool.video(VideoKind { codec, feed: VideoFeed::Continuous });
        let units = coded.units.iter().map(|coded| unit(coded.pts_us, &coded.data, Want::Luma)).collect();
        let done = session.decode(units, After::Drain, PATIENCE).await.unwrap();
        let times: Vec<i64> = done.pictures.iter().map(|picture| picture.pts_us).collect();
        assert_eq!(times, (0..25).map(|at| at * 40_000).collect::<Vec<_>>(), "{preset:?}");
        assert!(done.pictures.iter().all(|picture| (picture.width, picture.height) == (320, 180)));
        let keys = coded.units.iter().filter(|unit| unit.key).count();
        println!(
            "{preset:?}: {keys} keys, {} bytes",
            coded.units.iter().map(|unit| unit.data.len()).sum::<usize>()
        );
    }
}

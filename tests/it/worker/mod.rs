//! Workers as processes: what they decode, encode and fetch, and what happens when they are killed, stopped or fed
//! with garbage.

mod coding;
mod faults;
mod fetching;

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
const KEYFRAMES: VideoKind = VideoKind { codec: VideoCodec::H264, feed: VideoFeed::Keyframes };

fn settings() -> PoolSettings {
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

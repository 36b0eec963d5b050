//! Streams as fragmented MP4, read back by a program that did not write it: real encoders' streams go through the
//! muxer and ffprobe says what came out.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use serde_json::Value;
use vcops::domain::live::MediaPiece;
use vcops::domain::stream::{AudioCodec, VideoCodec};
use vcops::domain::time::Mono;
use vcops::stream::fmp4::{Muxer, Tracks};
use vcops::stream::unit::{SoundFormat, Track, Unit};

const FRAME_US: i64 = 40_000;
const BOTH: Tracks = Tracks { pictures: true, sound: true };

fn ffmpeg(arguments: &str, out: &Path) -> Vec<u8> {
    let arguments = arguments.split_whitespace();
    let status = Command::new("ffmpeg").args(["-v", "error", "-y"]).args(arguments).arg(out).status();
    assert!(status.expect("ffmpeg is installed").success());
    std::fs::read(out).unwrap()
}

/// Four seconds of 25 pictures a second, cut at the access unit delimiters, with the times of their showing.
pub(crate) fn pictures(codec: VideoCodec, options: &str) -> Vec<Unit> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("v.mkv");
    let (encoder, container, delimiter) = match codec {
        VideoCodec::H264 => ("libx264 -x264-params keyint=50:scenecut=0", "h264", 0x09),
        VideoCodec::H265 => ("libx265 -x265-params keyint=50:scenecut=0:log-level=none", "hevc", 0x46),
    };
    let source = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=4 -pix_fmt yuv420p";
    ffmpeg(&format!("{source} -c:v {encoder} {options}"), &file);
    let filters = format!("{container}_mp4toannexb,{container}_metadata=aud=insert");
    let plain = format!("-i {} -c copy -bsf:v {filters} -f {container}", file.display());
    let coded = ffmpeg(&plain, &dir.path().join("v"));
    let starts: Vec<usize> = (0..coded.len() - 5)
        .filter(|at| coded[*at..].starts_with(&[0, 0, 0, 1]) && coded[*at + 4] == delimiter)
        .collect();
    let ends = starts.iter().skip(1).copied().chain([coded.len()]);
    let packets = &ffprobe(&file, &["-show_entries", "packet=pts", "-of", "json"])["packets"];
    let shown: Vec<i64> =
        packets.as_array().unwrap().iter().map(|packet| packet["pts"].as_i64().unwrap()).collect();
    assert_eq!(starts.len(), shown.len(), "{options}");
    let units = starts.iter().zip(ends).map(|(from, to)| Bytes::copy_from_slice(&coded[*from..to]));
    let unit = |(data, shown_ms): (Bytes, i64)| unit(Track::Video(codec), 1_000_000 + shown_ms * 1000, data);
    units.zip(shown).map(unit).collect()
}

/// Four seconds of AAC, raw frames.
pub(crate) fn sound() -> Vec<Unit> {
    let dir = tempfile::tempdir().unwrap();
    let coded = ffmpeg(
        "-f lavfi -i sine=frequency=440:sample_rate=48000:duration=4 -c:a aac -f adts",
        &dir.path().join("a"),
    );
    let format = SoundFormat {
        codec: AudioCodec::Aac,
        rate_hz: 48_000,
        channels: 1,
        config: Bytes::from_static(&[0x11, 0x88]),
    };
    let (mut at, mut units) = (0, Vec::new());
    while at + 7 <= coded.len() {
        let length = usize::from(coded[at + 3] & 3) << 11
            | usize::from(coded[at + 4]) << 3
            | usize::from(coded[at + 5] >> 5);
        let pts_us = 1_000_000 + units.len() as i64 * 1024 * 1_000_000 / 48_000;
        units.push(unit(
            Track::Audio(format.clone()),
            pts_us,
            Bytes::copy_from_slice(&coded[at + 7..at + length]),
        ));
        at += length;
    }
    units
}

fn unit(track: Track, pts_us: i64, data: Bytes) -> Unit {
    Unit { track, at: Mono(0), pts_us, data, facts: None, damaged: false }
}

/// As they would arrive: in the order of their times, pictures in decoding order.
pub(crate) fn interleaved(pictures: Vec<Unit>, sound: Vec<Unit>) -> Vec<Unit> {
    let arrival = |(place, unit): (usize, Unit)| (1_000_000 + place as i64 * FRAME_US, unit);
    let mut all: Vec<(i64, Unit)> = pictures.into_iter().enumerate().map(arrival).collect();
    all.extend(sound.into_iter().map(|unit| (unit.pts_us, unit)));
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, unit)| unit).collect()
}

fn muxed(units: &[Unit], tracks: Tracks) -> Vec<MediaPiece> {
    let mut muxer = Muxer::new(tracks);
    units.iter().flat_map(|unit| muxer.push(unit)).collect()
}

fn bytes(pieces: &[MediaPiece]) -> Vec<u8> {
    let bytes = |piece: &MediaPiece| match piece {
        MediaPiece::Beginning { bytes, .. } | MediaPiece::Fragment { bytes, .. } => bytes.to_vec(),
    };
    pieces.iter().flat_map(bytes).collect()
}

fn ffprobe(file: &Path, arguments: &[&str]) -> Value {
    let out = Command::new("ffprobe")
        .args(["-v", "error"])
        .args(arguments)
        .arg(file)
        .output()
        .expect("ffprobe is installed");
    assert!(out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn probed(pieces: &[MediaPiece]) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("movie.mp4");
    std::fs::write(&file, bytes(pieces)).unwrap();
    ffprobe(&file, &["-count_frames", "-show_streams", "-show_packets", "-of", "json"])
}

/// Times of a track's packets in seconds, and whether decoding times only rise.
fn times(probed: &Value, kind: &str) -> (Vec<f64>, bool) {
    let packets = probed["packets"].as_array().unwrap().iter().filter(|packet| packet["codec_type"] == kind);
    let second = |packet: &Value, name: &str| packet[name].as_str().unwrap().parse::<f64>().unwrap();
    let (pts, dts): (Vec<f64>, Vec<f64>) =
        packets.map(|it| (second(it, "pts_time"), second(it, "dts_time"))).unzip();
    let rises = dts.windows(2).all(|pair| pair[0] < pair[1]);
    (pts, rises)
}

fn stream<'a>(probed: &'a Value, kind: &str) -> &'a Value {
    probed["streams"].as_array().unwrap().iter().find(|stream| stream["codec_type"] == kind).expect(kind)
}

#[test]
fn pictures_and_sound_are_read_back_as_they_went_in() {
    let cases = [
        (VideoCodec::H264, "-tune zerolatency -profile:v main", "h264", "avc1.4d"),
        (VideoCodec::H264, "-bf 2 -preset fast -profile:v high", "h264", "avc1.64"),
        (VideoCodec::H265, "-preset superfast -tune zerolatency", "hevc", "hvc1.1.6.L"),
    ];
    for (codec, options, name, named) in cases {
        let pieces = muxed(&interleaved(pictures(codec, options), sound()), BOTH);
        let MediaPiece::Beginning { mime, .. } = &pieces[0] else { panic!("{options}: no beginning first") };
        assert!(mime.contains(named) && mime.contains("mp4a.40.2"), "{options}: {mime}");
        let others = pieces.iter().skip(1).filter(|piece| matches!(piece, MediaPiece::Beginning { .. }));
        assert_eq!(others.count(), 0, "{options}: one beginning");
        let probed = probed(&pieces);
        let video = stream(&probed, "video");
        assert_eq!(
            (video["codec_name"].as_str(), video["width"].as_u64()),
            (Some(name), Some(320)),
            "{options}"
        );
        // The last pictures still wait for their successors.
        let decoded: u64 = video["nb_read_frames"].as_str().unwrap().parse().unwrap();
        assert!((94..=100).contains(&decoded), "{options}: {decoded} pictures");
        let (mut shown, rises) = times(&probed, "video");
        assert!(rises, "{options}: decoding times go back");
        shown.sort_by(f64::total_cmp);
        // Of the last few, some still wait.
        shown.truncate(90);
        let even = shown.windows(2).all(|pair| (pair[1] - pair[0] - 0.04).abs() < 0.002);
        assert!(even, "{options}: {shown:?}");
        let (heard, rises) = times(&probed, "audio");
        assert!(rises && heard.len() > 170, "{options}: {} frames of sound", heard.len());
        let skew = heard[0] - shown[0];
        assert!(skew.abs() < 0.15, "{options}: sound begins {skew} s after the pictures");
        let keys =
            pieces.iter().filter(|piece| matches!(piece, MediaPiece::Fragment { key: true, .. })).count();
        assert_eq!(keys, 2, "{options}: a key picture begins a fragment");
    }
}

#[test]
fn sound_that_stops_is_filled_with_silence_and_pictures_go_on() {
    let pictures = pictures(VideoCodec::H264, "-tune zerolatency");
    let sound: Vec<Unit> = sound().into_iter().filter(|unit| unit.pts_us < 2_000_000).collect();
    let probed = probed(&muxed(&interleaved(pictures, sound), BOTH));
    let (heard, _) = times(&probed, "audio");
    let (shown, _) = times(&probed, "video");
    let behind = shown.last().unwrap() - heard.last().unwrap();
    assert!(behind < 1.0, "sound ends {behind} s before the pictures");
}

#[test]
fn a_stream_without_sound_begins_soon_and_begins_anew_when_sound_comes() {
    let all = pictures(VideoCodec::H264, "-tune zerolatency");
    let late: Vec<Unit> = sound().into_iter().filter(|unit| unit.pts_us > 2_500_000).collect();
    let pieces = muxed(&interleaved(all, late), BOTH);
    let mimes: Vec<&str> = pieces
        .iter()
        .filter_map(|piece| match piece {
            MediaPiece::Beginning { mime, .. } => Some(mime.as_ref()),
            MediaPiece::Fragment { .. } => None,
        })
        .collect();
    assert_eq!(mimes.len(), 2, "{mimes:?}");
    assert!(!mimes[0].contains("mp4a") && mimes[1].contains("mp4a"), "{mimes:?}");
}

#[test]
fn a_jump_of_the_clock_and_another_format_begin_anew() {
    let small = pictures(VideoCodec::H264, "-tune zerolatency");
    let mut jumped = small.clone();
    jumped.iter_mut().for_each(|unit| unit.pts_us += 60_000_000);
    let large = pictures(VideoCodec::H264, "-tune zerolatency -s 640x360");
    let mut units = small;
    units.extend(jumped);
    units.extend(large.into_iter().map(|unit| Unit { pts_us: unit.pts_us + 64_000_000, ..unit }));
    let pieces = muxed(&units, Tracks { pictures: true, sound: false });
    let beginnings = pieces.iter().filter(|piece| matches!(piece, MediaPiece::Beginning { .. })).count();
    assert_eq!(beginnings, 3);
}

#[test]
fn sound_alone_is_a_movie_too() {
    let pieces = muxed(&sound(), Tracks { pictures: false, sound: true });
    let MediaPiece::Beginning { mime, .. } = &pieces[0] else { panic!("no beginning") };
    assert_eq!(mime.as_ref(), "audio/mp4; codecs=\"mp4a.40.2\"");
    let (heard, rises) = times(&probed(&pieces), "audio");
    assert!(rises && heard.len() > 170);
}

#[test]
fn garbage_makes_no_movie_and_no_panic() {
    let mut muxer = Muxer::new(BOTH);
    for length in 0..200_u8 {
        let data: Vec<u8> = (0..length).map(|n| n.wrapping_mul(37) ^ length).collect();
        assert!(
            muxer
                .push(&unit(Track::Video(VideoCodec::H264), i64::from(length) << 50, data.into()))
                .is_empty()
        );
    }
}

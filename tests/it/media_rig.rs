//! Clips without an encoder: units that carry their own number, so that a receiver knows each of them.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use vcops::domain::stream::{AudioCodec, VideoCodec};
use vcops::media::clip::{AudioClip, PictureUnit, VideoClip};
use vcops::media::picture::Size;
use vcops::media::sender::packed::{Packed, VIDEO_TYPE};
use vcops::media::sender::{StreamSpec, Transmitter};
use vcops::wire::coding::AudioFormat;
use vcops::wire::rtp;

/// Pictures per second of the clips here.
pub(crate) const FPS: u32 = 50;

/// A packet as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) at: Instant,
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    /// The clip's label: the byte behind a picture's head, or the first of sound; 0 in parameter sets.
    pub(crate) label: u8,
}

/// A clip of `label`ed pictures, a key picture each ten; the fault begins at `marked`, from where the label is one
/// higher.
pub(crate) fn pictures(label: u8, units: u32, marked: Option<u32>) -> Arc<Packed> {
    let unit = |number: u32| PictureUnit {
        data: picture(label, number, marked),
        number,
        key: number.is_multiple_of(10),
    };
    let units = (0..units).map(unit).collect();
    Packed::video(&VideoClip::new((VideoCodec::H264, Size::P180, FPS), units, 0, marked).unwrap())
}

fn picture(label: u8, number: u32, marked: Option<u32>) -> Bytes {
    let label = label + u8::from(marked.is_some_and(|marked| number >= marked));
    let mut data = Vec::new();
    if number.is_multiple_of(10) {
        data.extend_from_slice(&[0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80]);
    }
    let head = if number.is_multiple_of(10) { 0x65 } else { 0x41 };
    data.extend_from_slice(&[0, 0, 0, 1, head, label]);
    data.extend((0..300).map(|at| (at % 250) as u8 + 1));
    data.into()
}

/// Two seconds of sound.
pub(crate) fn sound(label: u8) -> Arc<Packed> {
    let units = (0..100).map(|_| Bytes::from(vec![label; 160])).collect();
    let format = AudioFormat::telephone(AudioCodec::Pcma);
    Packed::audio(&AudioClip::new(format, 160, units, None).unwrap())
}

pub(crate) fn spec(video: Option<Arc<Packed>>, audio: Option<Arc<Packed>>) -> StreamSpec {
    let (phase, tolerance) = (Duration::ZERO, Duration::from_millis(20));
    StreamSpec { video, audio, outlets: Vec::new(), phase, tolerance }
}

/// A transmitter that ends with the test.
pub(crate) fn transmitter() -> Transmitter {
    Transmitter::start().unwrap()
}

/// A socket on the loopback and its address.
pub(crate) fn ear() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// All RTP that arrives until `until` says that it is enough, at most ten seconds.
pub(crate) fn listen(ear: &UdpSocket, mut until: impl FnMut(&[Arrived]) -> bool) -> Vec<Arrived> {
    let began = Instant::now();
    let mut arrived = Vec::new();
    let mut bytes = [0; 2048];
    while began.elapsed() < Duration::from_secs(10) && !until(&arrived) {
        let Ok(length) = ear.recv(&mut bytes) else { continue };
        arrived.extend(read(&bytes[..length]));
    }
    arrived
}

fn read(bytes: &[u8]) -> Option<Arrived> {
    let packet = rtp::parse(bytes).ok().filter(|_| !rtp::is_rtcp(bytes))?;
    // Parameter sets say nothing of their clip.
    let label = match (packet.payload_type, packet.payload.first()? & 0x1f) {
        (VIDEO_TYPE, 1 | 5) => *packet.payload.get(1)?,
        (VIDEO_TYPE, _) => 0,
        _ => *packet.payload.first()?,
    };
    let (ssrc, sequence, timestamp) = (packet.ssrc, packet.sequence, packet.timestamp);
    Some(Arrived { at: Instant::now(), ssrc, sequence, timestamp, label })
}

/// Distances of neighbouring values.
pub(crate) fn steps(arrived: &[Arrived]) -> Vec<(u16, u32)> {
    let step = |two: &[Arrived]| {
        (two[1].sequence.wrapping_sub(two[0].sequence), two[1].timestamp.wrapping_sub(two[0].timestamp))
    };
    arrived.windows(2).map(step).collect()
}

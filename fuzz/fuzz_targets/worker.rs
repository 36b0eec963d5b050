//! Any bytes in place of a worker's or a daemon's: messages are taken whole, in whatever pieces they arrive, are
//! written back as they were, and everything they may carry is read without a panic.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use vcops::worker::fetched::{FetchEnd, Fetched};
use vcops::worker::kind::SessionKind;
use vcops::worker::picture::{Picture, VideoUnit};
use vcops::worker::protocol::{MESSAGE_BYTES_MAX, Message, take};
use vcops::worker::sound::{Loudness, SoundFrame};

fuzz_target!(|bytes: &[u8]| {
    let step = usize::from(bytes.first().copied().unwrap_or(1)).max(1);
    let (mut here, mut taken) = (BytesMut::new(), 0);
    for piece in bytes.chunks(step) {
        here.extend_from_slice(piece);
        loop {
            match take(&mut here) {
                Ok(Some(message)) => taken += read(&message),
                Ok(None) => break,
                Err(_) => return,
            }
        }
        assert!(here.capacity() <= 2 * (MESSAGE_BYTES_MAX + bytes.len() + 64));
    }
    assert_eq!(taken + here.len(), bytes.len());
});

/// Reads all that a message may mean; gives its length on the wire.
fn read(message: &Message) -> usize {
    assert!(message.fits());
    let mut again = BytesMut::new();
    message.put(&mut again);
    assert_eq!(take(&mut again).as_ref(), Ok(&Some(message.clone())));
    assert!(message.as_text().chars().count() <= 200);
    let _ = FetchEnd::of_text(&message.as_text());
    for chunk in &message.chunks {
        let _ = serde_json::from_slice::<SessionKind>(&chunk.data);
        let _ = (VideoUnit::of_chunk(chunk.clone()), SoundFrame::of_chunk(chunk.clone()));
        let _ = (Picture::of_chunk(chunk), Fetched::of_chunk(chunk));
        if let Some(loudness) = Loudness::of_chunk(chunk) {
            assert!(loudness.rms_dbfs.is_finite() && (0.0..=1.0).contains(&loudness.speech_band));
        }
    }
    message.wire_len()
}

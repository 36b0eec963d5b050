//! Any bytes as STOMP: never a panic, the same items however they are cut, and what was read is read again when it
//! is written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::mcu::smc3::stomp::{Decoder, Item, StompError};

/// A head that is not longer is read.
const HEAD_BYTES_SURE: usize = 16_000;

/// Items up to the first error, if there is one.
fn read(pieces: &[&[u8]]) -> (Vec<Item>, Option<StompError>) {
    let (mut decoder, mut items) = (Decoder::default(), Vec::new());
    for piece in pieces {
        if let Err(error) = decoder.feed(piece) {
            return (items, Some(error));
        }
        loop {
            match decoder.next_item() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(error) => return (items, Some(error)),
            }
        }
    }
    (items, None)
}

fuzz_target!(|bytes: &[u8]| {
    let whole = read(&[bytes]);
    let cut = bytes.first().map_or(0, |first| usize::from(*first) % bytes.len());
    assert_eq!(read(&[&bytes[..cut], &bytes[cut..]]), whole, "cut at {cut}");
    for item in whole.0 {
        let Item::Frame(frame) = item else { continue };
        if frame.command.starts_with("CONNECT") {
            continue;
        }
        let written = frame.write();
        // Escaping makes a head longer, perhaps longer than one that is read.
        if written.len() - frame.body.len() > HEAD_BYTES_SURE {
            continue;
        }
        let Some(Item::Frame(again)) = read(&[&written]).0.pop() else { panic!("{frame:?}") };
        assert_eq!(again.body, frame.body);
    }
});

//! Any bytes of a player: what is read is never longer than what came, nothing is read twice, and a request's parts
//! are its own.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::media::rtsp::request::{Begin, begin, transport};

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    loop {
        let used = match begin(rest) {
            Begin::Incomplete | Begin::Bad(_) => break,
            Begin::Interleaved { used, .. } => used.0,
            Begin::Request(request, used) => {
                let _ = request.header("Transport").and_then(transport);
                assert!(request.path().len() <= request.uri.len());
                assert!(request.uri.len() < used.0);
                used.0
            }
        };
        assert!(used > 0 && used <= rest.len());
        rest = &rest[used..];
    }
});

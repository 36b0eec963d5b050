//! Any bytes as an answer of rtpengine: never a panic, and what is written of it reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::mcu::sip::bencode::Value;
use vcops::mcu::sip::reply::{CallRead, calls, sessions};
use vcops::observation::device::ROSTER_MAX;

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = Value::parse(bytes) else { return };
    let mut again = Vec::new();
    value.write(&mut again);
    assert_eq!(Value::parse(&again).as_ref(), Ok(&value));
    assert!(calls(&value).len() <= ROSTER_MAX);
    let _ = sessions(&value);
    if let Ok(call) = CallRead::of(&value) {
        assert!(call.tags.len() <= ROSTER_MAX);
    }
});

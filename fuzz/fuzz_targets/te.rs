//! Any bytes as a reply of a Huawei endpoint: never a panic, and no figure outside what can be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::mcu::te::{figure, plan, reply};
use vcops::observation::device::Flow;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(data) = reply::unwrapped(bytes) {
        let muted = reply::muted(&data);
        let _ = reply::call(&data);
        for stream in reply::streams(&data, muted).unwrap_or_default() {
            assert!(stream.loss_pct.value().is_none_or(|loss| (0.0..=100.0).contains(&loss)));
            assert!(stream.flow != Flow::Flowing || stream.kbps.value().is_some_and(|kbps| kbps > 0.0));
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = (figure::kbps(text), figure::ms(text), figure::percent(text), figure::size(text));
    let _ = plan::Step::read(text);
});

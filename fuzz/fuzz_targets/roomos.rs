//! Any bytes as a status, an answer or an event of a RoomOS endpoint: never a panic, and no figure that cannot be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::mcu::roomos::{plan, reply};

fuzz_target!(|bytes: &[u8]| {
    let _ = (reply::commanded(bytes), reply::posted(bytes));
    let _ = std::str::from_utf8(bytes).map(plan::is_step);
    let Ok(status) = reply::status(bytes) else { return };
    let _ = (reply::unit(&status), reply::alarms(&status), reply::readings(&status), reply::muted(&status));
    // Each is looked for in all channels: a few tell as much as thousands.
    for call in reply::calls(&status).unwrap_or_default().into_iter().take(4) {
        let still = reply::Still { on_hold: false, muted: true };
        for stream in reply::streams(&status, &call.id, still).unwrap_or_default() {
            assert!(stream.loss_pct.value().is_none_or(|loss| (0.0..=100.0).contains(&loss)));
            assert!(stream.fps.value().is_none_or(|fps| fps > 0.0 && fps <= 65.0));
        }
    }
});

//! Any bytes as the reply of an RMX, to whatever was asked: never a panic, and no figure that cannot be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::domain::mcu::ConferenceRef;
use vcops::domain::time::Utc;
use vcops::mcu::rmx::media;
use vcops::mcu::rmx::reply::{self, Muted};
use vcops::observation::device::ROSTER_MAX;

fuzz_target!(|bytes: &[u8]| {
    let Ok(answer) = reply::open(bytes) else { return };
    let at = Utc(1_800_000_000_000_000);
    let _ = (reply::login(&answer), reply::state(&answer), reply::list(&answer, at));
    for capacity in reply::resources(&answer).unwrap_or_default() {
        assert!(capacity.free().value().is_none_or(|free| free >= 0.0));
    }
    if let Ok(conference) = reply::conference(&answer, &ConferenceRef::new("1"), at) {
        assert!(conference.seen.present.len() <= ROSTER_MAX);
    }
    for stream in media::streams(&answer, Muted::default()).unwrap_or_default() {
        assert!(stream.loss_pct.value().is_none_or(|loss| (0.0..=100.0).contains(&loss)));
        assert!(stream.fps.value().is_none_or(|fps| fps > 0.0));
    }
});

//! Any bytes as a Kedacom reply or push: never a panic, lists stay bounded and no figure is made up.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::mcu::kedacom::{bayeux, plan, reply};
use vcops::observation::device::{Absent, Given, ROSTER_MAX};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = reply::checked(bytes) {
        let _ = (reply::page(&value), reply::resources(&value), reply::name(&value));
        if let Ok((sites, _)) = reply::roster(&value) {
            assert!(sites.len() <= ROSTER_MAX);
        }
        for stream in reply::streams(&value).unwrap_or_default() {
            assert_eq!(stream.loss_pct, Given::Absent(Absent::NotProvided));
            assert!(stream.kbps.value().is_none_or(|kbps| kbps > 0.0));
        }
    }
    for message in bayeux::read(bytes).unwrap_or_default() {
        let _ = bayeux::conference(&message.channel);
    }
    if let Some(step) = std::str::from_utf8(bytes).ok().and_then(plan::Step::read) {
        assert!(step.path.starts_with("api/v1/vc/confs/") && !step.path.contains(".."));
    }
});

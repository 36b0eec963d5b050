//! Any bytes as an answer of ZTE's service: never a panic, and what points to itself does not swell.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::domain::mcu::ParticipantRef;
use vcops::mcu::zte::{plan, reply, soap};
use vcops::observation::device::{Absent, Given, ROSTER_MAX};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(answer) = soap::returned(bytes) {
        let _ = (reply::service(&answer), reply::conferences(&answer), reply::random_key(&answer));
        if let Ok(page) = reply::page(&answer) {
            assert!(page.sites.len() <= ROSTER_MAX);
        }
        for stream in reply::streams(&answer, &ParticipantRef::new("1")).unwrap_or_default() {
            assert_eq!(stream.loss_pct, Given::Absent(Absent::NotProvided));
        }
    }
    if let Some(step) = std::str::from_utf8(bytes).ok().and_then(plan::Step::read) {
        let call = soap::call(&step.operation, &step.fields, Some("token"));
        assert!(vcops::mcu::xml::parse(call.as_bytes()).is_ok(), "what we write reads");
    }
});

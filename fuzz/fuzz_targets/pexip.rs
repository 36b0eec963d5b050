//! Any bytes as a reply or an event of a Pexip platform: never a panic, and no figure that cannot be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::mcu::pexip::participant::{self, Switches};
use vcops::mcu::pexip::plan::Step;
use vcops::mcu::pexip::{reply, sink};

fuzz_target!(|bytes: &[u8]| {
    let _ = (reply::licences(bytes), reply::accepted(bytes), reply::said(bytes));
    if let Some(step) = Step::read(&String::from_utf8_lossy(bytes)) {
        assert_eq!(Step::read(&step.to_string()), Some(step));
    }
    if let Ok(events) = sink::read(bytes) {
        let _ = sink::Order::default().take(events);
    }
    let Ok(page) = reply::page(bytes) else { return };
    let workers: Vec<_> = page.objects.iter().flat_map(reply::worker).collect();
    let _ = (reply::health(&workers, None, Default::default()), reply::tokens(&workers).free());
    for object in &page.objects {
        let _ = (reply::alarm(object), reply::conference(object), reply::alias(object));
        let _ = participant::participant(object);
    }
    for stream in participant::streams(&page.objects, Switches::default()).unwrap_or_default() {
        assert!(stream.sample.loss_pct.value().is_none_or(|loss| (0.0..=100.0).contains(&loss)));
        assert!(stream.sample.fps.value().is_none_or(|fps| (0.0..=65.0).contains(&fps)));
    }
});

//! Any bytes as a reply or a record of a Cisco Meeting Server: never a panic, and no figure that cannot be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::mcu::cms::plan::Step;
use vcops::mcu::cms::{cdr, leg, reply};

fuzz_target!(|bytes: &[u8]| {
    let _ = (reply::load(bytes), reply::limits(bytes), reply::licences(bytes), reply::failure(bytes));
    if let Ok(status) = reply::status(bytes) {
        let load = reply::load(bytes).unwrap_or(status.legs);
        let _ = reply::health(&status, load, Default::default(), Vec::new(), Default::default());
    }
    if let Some(step) = Step::read(&String::from_utf8_lossy(bytes)) {
        assert_eq!(Step::read(&step.to_string()), Some(step));
    }
    if let Ok(post) = cdr::read(bytes) {
        let _ = cdr::Order::default().take(&post);
    }
    for (list, entry) in [("alarms", "alarm"), ("calls", "call"), ("callLegs", "callLeg")] {
        for entry in reply::page(bytes, list, entry).map(|page| page.entries).unwrap_or_default() {
            let _ = (reply::alarm(&entry, Default::default()), reply::call(&entry), leg::leg(&entry));
        }
    }
    let Ok(page) = reply::root(bytes, "callLeg") else { return };
    let Ok(details) = leg::details(&page) else { return };
    for sample in leg::streams(&page, &details, &Default::default()).unwrap_or_default() {
        assert!(sample.loss_pct.value().is_none_or(|loss| (0.0..=100.0).contains(&loss)));
        assert!(sample.kbps.value().is_none_or(|kbps| kbps >= 0.0));
    }
});

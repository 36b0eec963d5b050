//! Any bytes as a page of metrics: a page or a refusal, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::mcu::prometheus::text::{SAMPLES_MAX, parse};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(page) = parse(bytes) {
        assert!(page.samples.len() <= SAMPLES_MAX);
    }
});

//! Any bytes as a mapping file, and any document read through it: never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::config::mapping::{self, DeviceMapping};
use vcops::mcu::json::reply;

fuzz_target!(|bytes: &[u8]| {
    let cut = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (file, rest) = bytes.split_at(cut);
    let document = serde_json::from_slice(rest.get(1..).unwrap_or_default()).unwrap_or_default();
    if let Ok(DeviceMapping::Json(mapping)) = mapping::read("any.toml", file) {
        drop(reply::health(&mapping.health, &document));
        drop(mapping.alarms.map(|map| reply::alarms(&map, &document)));
        drop(mapping.participants.map(|map| reply::participants(&map, &document)));
    }
});

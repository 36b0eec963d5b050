//! Any bytes as a reply or a message of an SMC 3.0: never a panic, and no figure that cannot be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::domain::mcu::ConferenceRef;
use vcops::domain::time::Utc;
use vcops::mcu::smc3::news::{News, news};
use vcops::mcu::smc3::reply::{self, Off};

fuzz_target!(|bytes: &[u8]| {
    let _ = (reply::refusal(200, bytes), reply::token(bytes), reply::codecs(bytes), reply::detail(bytes));
    if let Ok(token) = reply::bare_token(bytes) {
        assert!(token.bytes().all(|byte| byte.is_ascii_graphic()), "it goes into a header as it is");
    }
    if let Ok(page) = reply::page(bytes) {
        for row in &page.rows {
            let _ = reply::site(row);
            if let Ok(Some(seen)) = reply::conference(row, Utc(1_800_000_000_000_000)) {
                let _ = reply::alarms(&seen, bytes);
            }
        }
    }
    for each in news(Some(&ConferenceRef::new("c")), bytes).unwrap_or_default() {
        if let News::Media { measured, .. } = each {
            for stream in measured.samples(Off::default()) {
                assert!(stream.loss_pct.value().is_none_or(|loss| (0.0..=100.0).contains(&loss)));
                assert!(stream.kbps.value().is_none_or(|kbps| kbps >= 0.0));
            }
        }
    }
});

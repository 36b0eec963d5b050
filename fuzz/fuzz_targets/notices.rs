//! Any text as an answer to a notice, as a text message from a modem, as a telephone number; any bytes as a message of an
//! Alertmanager.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::notify::alertmanager::{ALERTS_MAX, parse};
use vcops::notify::answer::{parse_reply, same_number};
use vcops::notify::modem::decode;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(alerts) = parse(bytes) {
        assert!(alerts.len() <= ALERTS_MAX);
    }
    let text = String::from_utf8_lossy(bytes);
    if let Some(reply) = parse_reply(&text) {
        assert!(reply.code.len() == 4 && reply.code.bytes().all(|digit| digit.is_ascii_digit()));
    }
    let _ = decode(&text);
    let hexadecimal: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    if let Some(message) = decode(&hexadecimal) {
        assert!(message.text.chars().count() <= 256);
        let _ = same_number(&message.from, &text);
    }
});

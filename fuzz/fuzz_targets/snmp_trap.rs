//! Any bytes at the trap port: taken apart or refused, and a signature lies within the message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::mcu::snmp::traps::{Opened, meaning, open};

fuzz_target!(|bytes: &[u8]| match open(bytes) {
    Ok(Opened::Community { trap, .. }) => drop(meaning(&trap)),
    Ok(Opened::User(signed)) => {
        assert_eq!(&bytes[signed.signature_at..][..signed.signature.len()], signed.signature);
    }
    Err(_) => {}
});

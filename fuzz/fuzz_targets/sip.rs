//! Any bytes as an answer to one of our SIP requests, alone and in a stream; any text as a SIP address.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::sip::reply::{Framed, Reply, frame};
use vcops::sip::target::Target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(reply) = Reply::parse(bytes) {
        assert!((100..700).contains(&reply.code) && !reply.branch.is_empty());
    }
    let mut rest = bytes;
    while let Framed::Whole(length) = frame(rest) {
        assert!(length >= 4 && length <= rest.len());
        rest = &rest[length..];
    }
    if let Some(target) = std::str::from_utf8(bytes).ok().and_then(|text| Target::parse(text).ok()) {
        let again = Target::parse(&target.to_string()).expect("what we write reads");
        assert_eq!(again.to_string(), target.to_string());
    }
});

//! Any bytes: a probe's reply is exactly as long as the probe and is itself readable, and no chain of extensions ends
//! anywhere but at its end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::wire::stamp::tlv::{ClassOfService, FollowUp, HEAD_BYTES, Summary};
use vcops::wire::stamp::{ErrorEstimate, Ntp, Probe, Reply, ReplyFacts, SummaryFacts, write_reply};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(reply) = Reply::parse(bytes) {
        let _ = (reply.received_ns(), reply.sent_ns());
        let mut walked = 0;
        for tlv in reply.tlvs().map_while(Result::ok) {
            let _ = (ClassOfService::parse(tlv.value), FollowUp::parse(tlv.value), Summary::parse(tlv.value));
            assert_eq!(tlv.at, walked);
            walked += HEAD_BYTES + tlv.value.len();
        }
        assert!(walked <= reply.tail.len());
    }
    if let Ok(probe) = Probe::parse(bytes) {
        let facts = ReplyFacts {
            seq: 1,
            received: Ntp(2),
            error: ErrorEstimate::UNSYNCHRONISED,
            ttl: 64,
            tos: 0xb8,
            follow_up: Some(FollowUp { seq: 0, sent: Ntp(1), method: 2 }),
            summary: Some(SummaryFacts { bitmap: bytes, ..SummaryFacts::default() }),
        };
        let mut reply = Vec::new();
        write_reply(&probe, &facts, &mut reply);
        assert_eq!(reply.len(), bytes.len());
        assert!(Reply::parse(&reply).is_ok());
    }
});

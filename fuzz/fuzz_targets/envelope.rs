//! Any bytes as an envelope, and any change to a good one: never a panic, and nothing is believed that was not signed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use vcops::domain::id::VenueId;
use vcops::domain::time::{Span, Utc};
use vcops::uplink::envelope::{Direction, Expect, Header, Kind, parse, seal};
use vcops::uplink::key::SecretKey;
use vcops::uplink::replay::Mark;

const NOW: Utc = Utc(1_800_000_000_000_000);

fuzz_target!(|bytes: &[u8]| {
    let (key, venue) = (SecretKey::from_seed(&[1; 32]), VenueId::parse("guidong").expect("a good id"));
    let mark = Mark { boot: 1, seq: 1 };
    let header = Header {
        kind: Kind::Event,
        venue: venue.clone(),
        mark,
        sent_at: NOW,
        expires: NOW + Span::seconds(9),
    };
    let body = RawValue::from_string("{\"n\":1}".into()).expect("good JSON");
    let expect = Expect {
        key: Some(key.public()),
        direction: Direction::Up,
        venue: &venue,
        now: NOW,
        mark: Mark::default(),
    };
    // The input laid over a good message at a place it chooses, and the input by itself.
    let mut changed = seal(&key, &header, &body).expect("a good header");
    let at = bytes.first().map_or(0, |first| usize::from(*first) * 2) % changed.len();
    changed.iter_mut().skip(at).zip(bytes.iter().skip(1)).for_each(|(old, new)| *old = *new);
    for message in [bytes, &changed] {
        if let Ok((opened, read)) = parse(message).and_then(|sealed| sealed.open(&expect)) {
            assert_eq!((&opened, read.get()), (&header, body.get()));
        }
    }
});

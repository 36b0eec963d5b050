//! Any bytes as an answer or an event of Janus: never a panic, figures that can be, and no more than the bounds say.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use vcops::domain::time::Utc;
use vcops::mcu::counter::Meters;
use vcops::mcu::janus::event::Follower;
use vcops::mcu::janus::media::{self, CallRules, Moment};
use vcops::mcu::janus::name::{Plugin, Room};
use vcops::mcu::janus::source::Message;
use vcops::mcu::janus::{handle, reply};
use vcops::observation::device::{ROSTER_MAX, StreamSample};

fuzz_target!(|bytes: &[u8]| {
    let _ = reply::answer(bytes);
    let Some(Message { body: value, .. }) = Message::read("/status", false, bytes) else { return };
    answers(&value);
    events(&value);
});

fn answers(value: &Value) {
    let _ = reply::server_info(value);
    if let Ok((parties, _)) = reply::parties(value) {
        assert!(parties.len() <= ROSTER_MAX);
    }
    for plugin in Plugin::ALL {
        let Ok(data) = reply::plugin_answer(value, plugin) else { continue };
        let Ok((rooms, _)) = reply::rooms(data, plugin) else { continue };
        for listed in rooms {
            let room = Room { plugin, id: listed.id };
            assert_eq!(Room::parse(&room.reference()).as_ref(), Some(&room));
            media::source_streams(&listed.lanes, true, Utc(0));
        }
    }
    for value in [value, &json!({ "info": value })] {
        let Ok(info) = handle::handle_info(value) else { continue };
        let mut meters = Meters::new();
        for second in 1..3 {
            let at = Moment { mono: Duration::from_secs(second), utc: Utc(0) };
            fair(&media::call_streams(&mut meters, 1, &info, CallRules::default(), at));
        }
    }
}

fn events(value: &Value) {
    let mut follower = Follower::new(Duration::from_secs(1), Duration::ZERO);
    for second in 1..4 {
        let at = Moment { mono: Duration::from_secs(second), utc: Utc(0) };
        follower.take(value, at);
        follower.status(value, second == 1, at);
        follower.silence(Duration::from_secs(2 * second));
    }
}

fn fair(streams: &[StreamSample]) {
    for sample in streams {
        assert!(sample.loss_pct.value().is_none_or(|loss| (0.0..=100.0).contains(&loss)));
        assert!(sample.kbps.value().is_none_or(|kbps| kbps >= 0.0));
    }
}

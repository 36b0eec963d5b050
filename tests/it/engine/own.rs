//! What the controller finds of itself, in virtual time.

use vcops::domain::time::Span;
use vcops::observation::{Fact, FullestQueue, HubHealth, SilentTask, Source};

use super::world::World;

/// As often as the controller measures itself, seconds.
const EVERY_S: u64 = 5;

impl World {
    /// Tells how the controller finds itself for so many seconds; whether it was about that.
    pub(crate) fn tell_own(&mut self, words: &[&str]) -> bool {
        let ["hub", seconds, what] = words else { return false };
        let health = health(what);
        for _ in 0..seconds.parse::<u64>().unwrap() / EVERY_S {
            self.observe(Source::Hub, Fact::HubSeen { health: health.clone() });
            self.pass(Span::seconds(EVERY_S));
        }
        true
    }
}

fn health(what: &str) -> HubHealth {
    let well = HubHealth {
        disk_free_mib: Some(50_000),
        fullest: None,
        silent: None,
        line_up: true,
        notice_waits_s: Some(0),
    };
    match what.split_once('=') {
        None if what == "well" => well,
        Some(("disk", mib)) => HubHealth { disk_free_mib: Some(mib.parse().unwrap()), ..well },
        Some(("queue", pct)) => {
            let queue = "arrivals".to_owned();
            HubHealth { fullest: Some(FullestQueue { queue, pct: pct.parse().unwrap() }), ..well }
        }
        Some(("task", task)) => {
            HubHealth { silent: Some(SilentTask { task: task.to_owned(), seconds: 90 }), ..well }
        }
        Some(("line", _)) => HubHealth { line_up: false, ..well },
        Some(("notice", seconds)) => HubHealth { notice_waits_s: Some(seconds.parse().unwrap()), ..well },
        other => panic!("the controller does not find itself {other:?}"),
    }
}

//! ETSI TR 101 290, priorities 1 and 2, counted over the last ten seconds.

use std::collections::BTreeMap;
use std::fmt;

use dvb_conformance::{ConformanceMonitor, Indicator, Priority};

use super::window::Window;
use crate::domain::time::Mono;
use crate::wire::ts::PACKET_BYTES;

/// Tables may be late while a stream is joined; what is raised before this is not counted.
const JOINING_US: u64 = 1_000_000;

/// Judges the packets of one transport stream.
#[derive(Default)]
pub(super) struct Conformance {
    monitor: Option<Box<ConformanceMonitor>>,
    began: Option<Mono>,
    counts: BTreeMap<&'static str, Count>,
}

struct Count {
    window: Window<101>,
    since: Mono,
}

impl Conformance {
    /// Takes whole packets that arrived `at`.
    pub(super) fn feed(&mut self, packets: &[u8], at: Mono) {
        let began = *self.began.get_or_insert(at);
        let monitor = self.monitor.get_or_insert_with(|| Box::new(ConformanceMonitor::new()));
        for packet in packets.chunks(PACKET_BYTES) {
            for event in monitor.feed(packet, at.since(began).std()) {
                if event.priority == Priority::Third || at.since(began).0 < JOINING_US {
                    continue;
                }
                let count = self.counts.entry(number(event.indicator));
                let count = count.or_insert_with(|| Count { window: Window::new(at), since: at });
                count.window.add(at, 1);
            }
        }
    }

    /// What was raised in the last ten seconds.
    pub(super) fn raised(&mut self, now: Mono) -> Vec<(&'static str, u64, Mono)> {
        self.counts.retain(|_, count| count.window.sum(now) > 0);
        self.counts.iter_mut().map(|(number, count)| (*number, count.window.sum(now), count.since)).collect()
    }
}

impl fmt::Debug for Conformance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conformance").field("began", &self.began).finish_non_exhaustive()
    }
}

/// The indicator's number in tables 5.0a and 5.0b: the last word of its clause.
fn number(indicator: Indicator) -> &'static str {
    indicator.clause().rsplit(' ').next().unwrap_or("")
}

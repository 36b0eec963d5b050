//! Decides each packet's fate from the seed and its index. Pure: the same packets at the same times fare the same.

use super::Way;
use super::impairment::{Impairment, Jitter, Loss};
use super::truth::Fate;

const NS_PER_MS: f64 = 1e6;
/// IPv4 and UDP headers, which a bottleneck carries too.
const HEADER_BYTES: usize = 28;

/// What a number of chance is used for: each use has its own sequence, so that switching one impairment on does not
/// change another's choices.
#[derive(Debug, Clone, Copy)]
enum Use {
    Loss,
    Jitter,
    JitterToo,
    Duplicate,
    Reorder,
}

/// One direction of one relay.
#[derive(Debug, Clone)]
pub(super) struct Course {
    pub(super) impairment: Impairment,
    stream: u64,
    index: u64,
    in_burst: bool,
    last_out_ns: i64,
    busy_until_ns: i64,
}

/// What shall happen to one packet. Times are on the axis of the arrival.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Decision {
    pub(super) index: u64,
    pub(super) fate: Fate,
    pub(super) out_ns: i64,
    pub(super) doubled: bool,
}

impl Course {
    pub(super) fn new(impairment: Impairment, seed: u64, way: Way) -> Self {
        let stream = scramble(seed ^ scramble(way as u64 + 1));
        Self { impairment, stream, index: 0, in_burst: false, last_out_ns: i64::MIN, busy_until_ns: i64::MIN }
    }

    /// Decides the next packet's fate.
    pub(super) fn decide(&mut self, arrival_ns: i64, bytes: usize) -> Decision {
        let index = self.index;
        self.index += 1;
        let lost = self.lost(index);
        let (fate, out_ns) = match (self.impairment.blackout, lost) {
            (true, _) => (Fate::Blackout, arrival_ns),
            (false, true) => (Fate::Lost, arrival_ns),
            (false, false) => self.schedule(index, arrival_ns, bytes),
        };
        let doubled =
            fate == Fate::Delivered && self.hits(index, Use::Duplicate, self.impairment.duplicate_pct);
        Decision { index, fate, out_ns, doubled }
    }

    fn lost(&mut self, index: u64) -> bool {
        match self.impairment.loss {
            Loss::None => false,
            Loss::Random { pct } => self.hits(index, Use::Loss, pct),
            Loss::Gilbert { enter_pct, leave_pct } => {
                let turn_pct = if self.in_burst { leave_pct } else { enter_pct };
                self.in_burst ^= self.hits(index, Use::Loss, turn_pct);
                self.in_burst
            }
        }
    }

    fn schedule(&mut self, index: u64, arrival_ns: i64, bytes: usize) -> (Fate, i64) {
        let Some(through_ns) = self.pass_bottleneck(arrival_ns, bytes) else {
            return (Fate::QueueFull, arrival_ns);
        };
        let delay_ms = (self.impairment.delay_ms + self.jitter_ms(index)).max(0.0);
        let mut out_ns = through_ns + (delay_ms * NS_PER_MS) as i64;
        if self.impairment.keep_order {
            out_ns = out_ns.max(self.last_out_ns);
            self.last_out_ns = out_ns;
        }
        if self.hits(index, Use::Reorder, self.impairment.reorder_pct) {
            out_ns += (self.impairment.reorder_by_ms * NS_PER_MS) as i64;
        }
        (Fate::Delivered, out_ns)
    }

    /// When the packet is through the bottleneck, or `None` when its queue is full.
    fn pass_bottleneck(&mut self, arrival_ns: i64, bytes: usize) -> Option<i64> {
        let Some(rate) = self.impairment.rate else {
            return Some(arrival_ns);
        };
        let begins_ns = self.busy_until_ns.max(arrival_ns);
        if (begins_ns - arrival_ns) as f64 > rate.queue_ms * NS_PER_MS {
            return None;
        }
        let bits = (bytes + HEADER_BYTES) as f64 * 8.0;
        self.busy_until_ns = begins_ns + (bits / rate.kbit_s.max(0.001) * NS_PER_MS) as i64;
        Some(self.busy_until_ns)
    }

    fn jitter_ms(&self, index: u64) -> f64 {
        match self.impairment.jitter {
            Jitter::None => 0.0,
            Jitter::Uniform { ms } => (2.0 * self.chance(index, Use::Jitter) - 1.0) * ms,
            Jitter::Normal { sd_ms } => {
                // Box–Muller; one minus the first keeps the logarithm's argument above zero.
                let radius = (-2.0 * (1.0 - self.chance(index, Use::Jitter)).ln()).sqrt();
                radius * (std::f64::consts::TAU * self.chance(index, Use::JitterToo)).cos() * sd_ms
            }
        }
    }

    fn hits(&self, index: u64, of: Use, pct: f64) -> bool {
        pct > 0.0 && self.chance(index, of) * 100.0 < pct
    }

    /// Evenly distributed in 0 ≤ x < 1.
    fn chance(&self, index: u64, of: Use) -> f64 {
        let bits = scramble(self.stream ^ scramble(index << 3 | of as u64));
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): one step from any number to an unrelated one.
fn scramble(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

#[cfg(test)]
mod tests {
    use super::super::impairment::Rate;
    use super::*;

    const MS: i64 = 1_000_000;

    fn decisions(impairment: Impairment, seed: u64, packets: i64) -> Vec<Decision> {
        let mut course = Course::new(impairment, seed, Way::ToTarget);
        (0..packets).map(|at| course.decide(at * 20 * MS, 172)).collect()
    }

    fn lost(decisions: &[Decision]) -> usize {
        decisions.iter().filter(|d| d.fate == Fate::Lost).count()
    }

    #[test]
    fn the_seed_alone_decides() {
        let impairment = Impairment {
            loss: Loss::Random { pct: 5.0 },
            jitter: Jitter::Normal { sd_ms: 3.0 },
            ..Default::default()
        };
        assert_eq!(decisions(impairment, 7, 500), decisions(impairment, 7, 500));
        assert_ne!(decisions(impairment, 7, 500), decisions(impairment, 8, 500));
    }

    #[test]
    fn shares_are_what_was_asked() {
        let random =
            decisions(Impairment { loss: Loss::Random { pct: 2.0 }, ..Default::default() }, 1, 50_000);
        assert!((800..1200).contains(&lost(&random)), "{}", lost(&random));
        let gilbert = Loss::Gilbert { enter_pct: 1.0, leave_pct: 25.0 };
        let bursty = decisions(Impairment { loss: gilbert, ..Default::default() }, 1, 50_000);
        // In the long run p / (p + r) = 3.8 % are lost.
        assert!((1500..2400).contains(&lost(&bursty)), "{}", lost(&bursty));
        let doubled = decisions(Impairment { duplicate_pct: 10.0, ..Default::default() }, 1, 10_000);
        assert!((800..1200).contains(&doubled.iter().filter(|d| d.doubled).count()));
    }

    #[test]
    fn jitter_stays_within_its_width_and_keeps_order_when_told() {
        let jitter = Jitter::Uniform { ms: 30.0 };
        for keep_order in [true, false] {
            let made =
                decisions(Impairment { delay_ms: 40.0, jitter, keep_order, ..Default::default() }, 3, 2000);
            let delays = made.iter().enumerate().map(|(at, d)| d.out_ns - at as i64 * 20 * MS);
            assert!(keep_order || delays.clone().all(|delay| (10 * MS..=70 * MS).contains(&delay)));
            assert_eq!(made.windows(2).all(|pair| pair[0].out_ns <= pair[1].out_ns), keep_order);
        }
    }

    #[test]
    fn a_bottleneck_queues_and_then_drops() {
        // 200 bytes in 20 ms are 80 kbit/s; half of that passes.
        let rate = Some(Rate { kbit_s: 40.0, queue_ms: 200.0 });
        let made = decisions(Impairment { rate, ..Default::default() }, 1, 1000);
        let dropped = made.iter().filter(|d| d.fate == Fate::QueueFull).count();
        assert!((480..500).contains(&dropped), "{dropped}");
        assert!(made.iter().enumerate().all(|(at, d)| d.out_ns - at as i64 * 20 * MS <= 240 * MS));
    }
}

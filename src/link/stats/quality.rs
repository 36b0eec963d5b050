//! How far a run's figures can be trusted: the measurement judges itself before anybody judges a line by it.

use crate::observation::{Quality, QualityFlaw};

use super::super::raw::{FarSide, RawRun};
use super::delay::percentile;

/// Later than this for more than 1 % of the packets (that is, at the 99th percentile) is a flaw.
const LATE_MS: f64 = 5.0;
/// A flaw touching more than this share of the packets is named.
const SHARE_NAMED: f64 = 0.01;
/// A flaw touching more than this share makes the run useless.
const SHARE_INVALID: f64 = 0.25;
/// A wall clock stepped by more than this spoils the round trips under way.
const STEP_MS: f64 = 1.0;

/// Names the flaws and their weight.
pub(super) fn judge(run: &RawRun, answered: usize) -> Quality {
    let mut flaws = Flaws { named: Vec::new(), invalid: false, packets: run.sent.len() as u64 };
    flaws.late(run);
    let skipped = run.sending.skipped;
    flaws.share(skipped, SHARE_INVALID, |slots| QualityFlaw::SkippedSlots { slots });
    // What our own queue dropped looks like loss on the line, so little of it is already too much.
    flaws.some(run.overflow, SHARE_NAMED, |packets| QualityFlaw::QueueOverflow { packets });
    flaws.share(unstamped(run), f64::INFINITY, |packets| QualityFlaw::NoKernelStamps { packets });
    if let FarSide::Remembered(memory) = &run.far_side {
        let limited = u64::from(memory.limited);
        flaws.some(limited, SHARE_NAMED, |packets| QualityFlaw::RateLimited { packets });
    }
    let step_ms = run.clock_step_ns as f64 / 1e6;
    if step_ms.abs() > STEP_MS {
        flaws.named.push(QualityFlaw::ClockStepped { ms: step_ms });
    }
    if run.far_side == FarSide::Stateless && answered < run.sent.len() {
        flaws.named.push(QualityFlaw::StatelessReflector);
    }
    flaws.verdict()
}

struct Flaws {
    named: Vec<QualityFlaw>,
    invalid: bool,
    packets: u64,
}

impl Flaws {
    fn late(&mut self, run: &RawRun) {
        let mut late_ms: Vec<f64> = run.sending.late_us.iter().map(|us| f64::from(*us) / 1e3).collect();
        late_ms.sort_by(f64::total_cmp);
        if let Some(p99_ms) = percentile(&late_ms, 99.0).filter(|p99| *p99 > LATE_MS) {
            self.named.push(QualityFlaw::LateSending { p99_ms });
        }
    }

    /// A flaw that is named once it touches a share of the packets worth naming.
    fn share(&mut self, count: u64, invalid_above: f64, flaw: fn(u64) -> QualityFlaw) {
        if count as f64 > SHARE_NAMED * self.packets as f64 {
            self.some(count, invalid_above, flaw);
        }
    }

    /// A flaw that is named as soon as it occurs.
    fn some(&mut self, count: u64, invalid_above: f64, flaw: fn(u64) -> QualityFlaw) {
        if count > 0 {
            self.named.push(flaw(count));
            self.invalid |= count as f64 > invalid_above * self.packets as f64;
        }
    }

    fn verdict(self) -> Quality {
        match (self.named.is_empty(), self.invalid) {
            (true, _) => Quality::Good,
            (false, false) => Quality::Degraded(self.named),
            (false, true) => Quality::Invalid(self.named),
        }
    }
}

/// Packets with a stamp taken by a program where the kernel's was wanted.
fn unstamped(run: &RawRun) -> u64 {
    let sent = run.sent.iter().filter(|packet| packet.kernel_ns.is_none()).count();
    let received = run.replies.iter().filter(|reply| !reply.back_by_kernel).count();
    sent.max(received) as u64
}

//! Our own path tests through one relay per impairment, all at once, compared with what the relays did.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, anyhow};
use tokio::sync::watch;

use vcops::domain::check::{PathPlan, TestId};
use vcops::domain::id::LinkId;
use vcops::link::raw::RawRun;
use vcops::link::reflector::{Reflector, ReflectorSettings};
use vcops::link::sender::{LinkProber, ProberSettings, Progress};
use vcops::link::stats::{Side, percentile, reduce, samples};
use vcops::observation::{DirectionStats, PathOrder};
use vcops::relay::impairment::Impairment;
use vcops::relay::truth::{DirectionTruth, Truth};
use vcops::relay::{Relay, RelayHost, RelaySpec};

use super::figures::median;
use super::{Extent, impairments};

/// Below this, a relative error of the delay variation says nothing: it is then taken relative to this.
const IPDV_LEAST_MS: f64 = 0.1;

/// How far one tool was off on one path.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PathError {
    /// Mean error of the round trips, milliseconds.
    pub(crate) rtt_bias_ms: f64,
    /// 99th percentile of the absolute error of single round trips, milliseconds.
    pub(crate) rtt_p99_err_ms: f64,
    /// Worse direction's relative error of the mean delay variation, percent.
    pub(crate) ipdv_err_pct: f64,
    /// True delay variation of that direction, milliseconds.
    pub(crate) ipdv_true_ms: f64,
    /// Packets the relay lost, both directions.
    pub(crate) lost: f64,
    /// 1 when each count equals the relay's; `None` where a tool does not say.
    pub(crate) loss_exact: Option<f64>,
    pub(crate) burst_exact: Option<f64>,
    pub(crate) reorder_exact: Option<f64>,
    pub(crate) duplicate_exact: Option<f64>,
    /// 99th percentile of how late packets left, milliseconds.
    pub(crate) late_p99_ms: f64,
}

impl PathError {
    pub(crate) const HEADER: &'static str = concat!(
        "tool   impairment    RTT bias ms  RTT p99 err ms  IPDV err %  IPDV true ms  lost",
        "  loss burst reorder dup exact"
    );

    pub(crate) fn row(&self, tool: &str, name: &str) -> String {
        let exact = |flag: Option<f64>| flag.map_or("–".into(), |flag| format!("{flag:.0}"));
        format!(
            "{tool:<6} {name:<12} {:>12.4} {:>15.4} {:>11.2} {:>13.4} {:>5.0}  {:>4} {:>5} {:>7} {:>3}",
            self.rtt_bias_ms,
            self.rtt_p99_err_ms,
            self.ipdv_err_pct,
            self.ipdv_true_ms,
            self.lost,
            exact(self.loss_exact),
            exact(self.burst_exact),
            exact(self.reorder_exact),
            exact(self.duplicate_exact),
        )
    }

    /// Medians of the figures; a count is exact when it was so in every run.
    pub(crate) fn median(all: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(&all.iter().map(figure).collect::<Vec<_>>());
        let always = |flag: fn(&Self) -> Option<f64>| {
            all.iter().map(flag).try_fold(1.0, |least: f64, f| Some(least.min(f?)))
        };
        Self {
            rtt_bias_ms: of(|e| e.rtt_bias_ms),
            rtt_p99_err_ms: of(|e| e.rtt_p99_err_ms),
            ipdv_err_pct: of(|e| e.ipdv_err_pct),
            ipdv_true_ms: of(|e| e.ipdv_true_ms),
            lost: of(|e| e.lost),
            loss_exact: always(|e| e.loss_exact),
            burst_exact: always(|e| e.burst_exact),
            reorder_exact: always(|e| e.reorder_exact),
            duplicate_exact: always(|e| e.duplicate_exact),
            late_p99_ms: of(|e| e.late_p99_ms),
        }
    }
}

/// One run over all impairments.
pub(crate) struct Paths {
    pub(crate) errors: Vec<(&'static str, PathError)>,
    /// What the loopback itself takes.
    pub(crate) floor_ms: f64,
}

pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub(crate) async fn run(extent: Extent, run: u64) -> Result<Paths> {
    let allow = vec!["127.0.0.0/8".parse()?];
    let settings = ReflectorSettings {
        listen: vec![loopback()],
        allow,
        packets_per_second_max: 10_000,
        ..Default::default()
    };
    let reflector = Reflector::start(&settings)?;
    let prober = LinkProber::start(ProberSettings::default())?;
    let host = RelayHost::start(60)?;
    let target = reflector.local_addrs()[0];
    let names = [("floor", Impairment::default())].into_iter().chain(impairments());
    let mut tests = Vec::new();
    for (at, (name, impairment)) in names.enumerate() {
        let seed = run * 100 + at as u64;
        let spec = RelaySpec {
            to_target: impairment,
            to_client: impairment,
            seed,
            ..RelaySpec::new(loopback(), target)
        };
        let relay = host.add(spec)?;
        let prober = prober.clone();
        let order = order(relay.local_addr(), extent.packets)?;
        let test = tokio::spawn(async move {
            let (progress, _) = watch::channel(Progress::default());
            prober.run_raw(&order, &progress).await
        });
        tests.push((name, relay, test));
    }
    let mut runs = Vec::new();
    for (name, relay, test) in tests {
        let raw = test.await?.map_err(|broke| anyhow!("{name}: {broke:?}"))?;
        runs.push((name, raw, relay.truth()?));
    }
    let (_, floor_raw, floor_truth) = runs.first().context("the floor is measured first")?;
    let floor_ms = median(&excesses(floor_raw, floor_truth));
    let errors = runs[1..].iter().map(|(name, raw, truth)| (*name, error(raw, truth, floor_ms))).collect();
    Ok(Paths { errors, floor_ms })
}

fn order(remote: SocketAddr, packets: u32) -> Result<PathOrder> {
    let (test, link) = (TestId { boot: 1, n: 1 }, LinkId::parse("bench").map_err(|bad| anyhow!("{bad}"))?);
    let plan = PathPlan { packets, ..PathPlan::default() };
    Ok(PathOrder { test, link, local: Some(loopback().ip()), remote, plan })
}

/// Each round trip beyond what the relay held the packet, milliseconds.
fn excesses(raw: &RawRun, truth: &Truth) -> Vec<f64> {
    let held = |direction: &DirectionTruth, at: u32| direction.packets.get(at as usize)?.held_ns();
    let excess = |trip: &vcops::link::stats::RoundTrip| {
        let there = held(&truth.to_target, trip.probe)?;
        let back = held(&truth.to_client, trip.reply)?;
        Some((trip.rtt_ns - there - back) as f64 / 1e6)
    };
    samples(raw).iter().filter_map(excess).collect()
}

fn error(raw: &RawRun, truth: &Truth, floor_ms: f64) -> PathError {
    let stats = reduce(raw, Side::Hub);
    let there = truth.to_target.first(stats.sent as usize);
    let back = truth.to_client.first(stats.from_venue.sent as usize);
    let both = [(&stats.to_venue, &there), (&stats.from_venue, &back)];
    let errors: Vec<f64> = excesses(raw, truth).iter().map(|excess| excess - floor_ms).collect();
    let (ipdv_err_pct, ipdv_true_ms) =
        both.iter().map(|(found, truth)| ipdv_error(found, truth)).fold((0.0, 0.0), worse);
    let exact = |equal: fn(&DirectionStats, &DirectionTruth) -> bool| {
        Some(f64::from(u8::from(both.iter().all(|(found, truth)| equal(found, truth)))))
    };
    let late_ms: Vec<f64> = raw.sending.late_us.iter().map(|us| f64::from(*us) / 1e3).collect();
    PathError {
        rtt_bias_ms: mean(&errors),
        rtt_p99_err_ms: p99(errors.iter().map(|error| error.abs()).collect()),
        ipdv_err_pct,
        ipdv_true_ms,
        lost: (there.lost() + back.lost()) as f64,
        loss_exact: exact(|found, truth| {
            found.lost == truth.lost() && found.sent == truth.packets.len() as u64
        }),
        burst_exact: exact(|found, truth| found.bursts == truth.bursts()),
        reorder_exact: exact(|found, truth| found.reordered == truth.reordered()),
        duplicate_exact: exact(|found, truth| found.duplicates == truth.duplicates()),
        late_p99_ms: p99(late_ms),
    }
}

fn ipdv_error(found: &DirectionStats, truth: &DirectionTruth) -> (f64, f64) {
    relative(found.ipdv_mean_ms.unwrap_or(0.0), truth.ipdv_mean_ms().unwrap_or(0.0))
}

/// Relative error in percent, and the true value.
pub(crate) fn relative(found_ms: f64, true_ms: f64) -> (f64, f64) {
    (100.0 * (found_ms - true_ms).abs() / true_ms.max(IPDV_LEAST_MS), true_ms)
}

pub(crate) fn worse(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    if b.0 > a.0 { b } else { a }
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    vcops::link::stats::mean(values).unwrap_or(f64::NAN)
}

pub(crate) fn p99(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    percentile(&values, 99.0).unwrap_or(f64::NAN)
}

/// Keeps a relay alive as long as whoever measures through it.
#[derive(Debug)]
pub(crate) struct Through {
    pub(crate) name: &'static str,
    pub(crate) relay: Relay,
}

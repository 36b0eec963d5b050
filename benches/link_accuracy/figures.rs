//! The figures with their bars, and the last line.

use std::collections::BTreeMap;

use super::load::Load;
use super::ours::PathError;

/// Middle value; not a number of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[middle],
        _ => sorted[middle - 1].midpoint(sorted[middle]),
    }
}

/// What a figure is held against.
#[derive(Debug, Clone, Copy)]
enum Bar {
    AtMost(f64),
    Equals(f64),
    /// A peer's figure, for comparison.
    None,
}

/// Figures by name, each the worst over the impairments.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    worst: BTreeMap<String, (f64, Bar)>,
}

impl Figures {
    pub(crate) fn add_ours(&mut self, load: Load, runs: &[PathError]) {
        let middle = PathError::median(runs);
        let load = load.name();
        self.at_most(format!("rtt_bias_ms_{load}"), middle.rtt_bias_ms.abs(), Bar::AtMost(0.1));
        self.at_most(format!("rtt_p99_err_ms_{load}"), middle.rtt_p99_err_ms, Bar::AtMost(0.3));
        self.at_most("ipdv_err_pct".into(), middle.ipdv_err_pct, Bar::AtMost(3.0));
        let exact = [
            ("loss_exact", middle.loss_exact),
            ("burst_exact", middle.burst_exact),
            ("reorder_exact", middle.reorder_exact),
            ("duplicate_exact", middle.duplicate_exact),
        ];
        for (name, flag) in exact {
            let entry = self.worst.entry(name.into()).or_insert((1.0, Bar::Equals(1.0)));
            entry.0 = entry.0.min(flag.unwrap_or(0.0));
        }
    }

    pub(crate) fn add_peer(&mut self, load: Load, peer: &str, middle: &PathError) {
        let load = load.name();
        self.at_most(format!("peer_{peer}_rtt_bias_ms_{load}"), middle.rtt_bias_ms.abs(), Bar::None);
        if middle.rtt_p99_err_ms.is_finite() {
            self.at_most(format!("peer_{peer}_rtt_p99_err_ms_{load}"), middle.rtt_p99_err_ms, Bar::None);
            self.at_most(format!("peer_{peer}_ipdv_err_pct_{load}"), middle.ipdv_err_pct, Bar::None);
        }
    }

    /// Prints the figures, then all of them as one JSON line.
    pub(crate) fn print(&self) {
        println!();
        for (name, (value, bar)) in &self.worst {
            println!("{name:<36} {value:>10.4}  {}", bar.words(*value));
        }
        let figures: Vec<serde_json::Value> = self.worst.iter().map(json).collect();
        println!("{}", serde_json::json!({ "bench": "link_accuracy", "figures": figures }));
    }

    fn at_most(&mut self, name: String, value: f64, bar: Bar) {
        let entry = self.worst.entry(name).or_insert((value, bar));
        entry.0 = entry.0.max(value);
    }
}

fn json((name, (value, bar)): (&String, &(f64, Bar))) -> serde_json::Value {
    let rounded = (value * 1e4).round() / 1e4;
    let unit = if name.contains("_ms") { "ms" } else { "%" };
    let unit = if name.ends_with("_exact") { "1" } else { unit };
    let (bar_text, ok) = match bar {
        Bar::AtMost(most) => (Some(format!("<= {most}")), Some(bar.met(*value))),
        Bar::Equals(wanted) => (Some(format!("= {wanted}")), Some(bar.met(*value))),
        Bar::None => (None, None),
    };
    serde_json::json!({ "name": name, "value": rounded, "unit": unit, "bar": bar_text, "ok": ok })
}

impl Bar {
    fn met(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::Equals(wanted) => (value - wanted).abs() < f64::EPSILON,
            Self::None => true,
        }
    }

    fn words(self, value: f64) -> String {
        let verdict = if self.met(value) { "ok" } else { "MISSED" };
        match self {
            Self::AtMost(most) => format!("<= {most}  {verdict}"),
            Self::Equals(wanted) => format!("= {wanted}  {verdict}"),
            Self::None => "(for comparison)".into(),
        }
    }
}

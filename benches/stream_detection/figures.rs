//! The figures with their bars, the tables, and the last line.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::collections::BTreeMap;

/// What a figure is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bar {
    AtMost(f64),
    Equals(f64),
    /// For comparison.
    None,
}

/// Figures by name.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    all: BTreeMap<String, (f64, Bar)>,
}

impl Figures {
    /// Adds a figure; one that is not a number is left out.
    pub(crate) fn add(&mut self, name: impl Into<String>, value: f64, bar: Bar) {
        if value.is_finite() {
            self.all.insert(name.into(), (value, bar));
        }
    }

    /// Prints them, then all of them as one JSON line.
    pub(crate) fn print(&self) {
        println!();
        for (name, (value, bar)) in &self.all {
            println!("{name:<40} {value:>10.4}  {}", bar.words(*value));
        }
        let figures: Vec<serde_json::Value> = self.all.iter().map(json).collect();
        println!("{}", serde_json::json!({ "bench": "stream_detection", "figures": figures }));
    }
}

fn json((name, (value, bar)): (&String, &(f64, Bar))) -> serde_json::Value {
    let rounded = (value * 1e4).round() / 1e4;
    let unit = if name.ends_with("_s") { "s" } else { "1" };
    let (text, ok) = match bar {
        Bar::AtMost(most) => (Some(format!("<= {most}")), Some(bar.met(*value))),
        Bar::Equals(wanted) => (Some(format!("= {wanted}")), Some(bar.met(*value))),
        Bar::None => (None, None),
    };
    serde_json::json!({ "name": name, "value": rounded, "unit": unit, "bar": text, "ok": ok })
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

/// The value below which that share of all lies (nearest rank); not a number of nothing.
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
}

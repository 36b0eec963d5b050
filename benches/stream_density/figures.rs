//! The figures with their bars, and the last line.

use std::collections::BTreeMap;

/// What a figure is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bar {
    AtMost(f64),
    AtLeast(f64),
    /// For comparison.
    None,
}

/// Figures by name: value, unit, bar.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    all: BTreeMap<String, (f64, &'static str, Bar)>,
}

impl Figures {
    pub(crate) fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str, bar: Bar) {
        self.all.insert(name.into(), (value, unit, bar));
    }

    /// Prints the figures, then all of them as one JSON line. A void run has no figures to hold against a bar.
    pub(crate) fn print(&self, void: &[String]) {
        println!();
        for (name, (value, unit, bar)) in &self.all {
            println!("{name:<28} {value:>10.4} {unit:<4} {}", bar.words(*value));
        }
        void.iter().for_each(|why| println!("VOID: {why}"));
        let figures: Vec<serde_json::Value> = self.all.iter().map(json).collect();
        println!("{}", serde_json::json!({ "bench": "stream_density", "figures": figures, "void": void }));
    }
}

fn json((name, (value, unit, bar)): (&String, &(f64, &'static str, Bar))) -> serde_json::Value {
    let rounded = (value * 1e4).round() / 1e4;
    let (text, ok) = match bar {
        Bar::AtMost(most) => (Some(format!("<= {most}")), Some(bar.met(*value))),
        Bar::AtLeast(least) => (Some(format!(">= {least}")), Some(bar.met(*value))),
        Bar::None => (None, None),
    };
    serde_json::json!({ "name": name, "value": rounded, "unit": unit, "bar": text, "ok": ok })
}

impl Bar {
    fn met(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
            Self::None => true,
        }
    }

    fn words(self, value: f64) -> String {
        let verdict = if self.met(value) { "ok" } else { "MISSED" };
        match self {
            Self::AtMost(most) => format!("<= {most}  {verdict}"),
            Self::AtLeast(least) => format!(">= {least}  {verdict}"),
            Self::None => "(for comparison)".into(),
        }
    }
}

//! Counters over time: what they grew by, series by series, and when one started again.

use std::collections::BTreeMap;

use super::text::Sample;

/// A series: its name and labels.
pub type Series = (String, BTreeMap<String, String>);

/// Counters as they were at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Counters(BTreeMap<Series, f64>);

impl Counters {
    /// The counters among samples, by their names.
    pub fn of(samples: &[Sample], names: &[&str]) -> Self {
        let counted = samples.iter().filter(|sample| names.contains(&sample.name.as_str()));
        let finite = counted.filter(|sample| sample.value.is_finite());
        Self(finite.map(|sample| ((sample.name.clone(), sample.labels.clone()), sample.value)).collect())
    }

    /// What the series of one of these names grew by since `before`, those that `which` picks. A series that is new
    /// or has started again counts from the next time on; `None` when none can be compared.
    pub fn grown(&self, before: &Self, names: &[&str], which: impl Fn(&Series) -> bool) -> Option<f64> {
        let picked = self.0.iter().filter(|(series, _)| names.contains(&series.0.as_str()) && which(series));
        let compared = picked.filter_map(|(series, now)| {
            let before = before.0.get(series)?;
            (now >= before).then(|| now - before)
        });
        let compared: Vec<f64> = compared.collect();
        (!compared.is_empty()).then(|| compared.iter().sum())
    }

    /// How many series there are of these names that `which` picks.
    pub fn count(&self, names: &[&str], which: impl Fn(&Series) -> bool) -> usize {
        self.0.keys().filter(|series| names.contains(&series.0.as_str()) && which(series)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcu::prometheus::text::parse;

    fn counters(text: &str) -> Counters {
        Counters::of(&parse(text.as_bytes()).unwrap().samples, &["bytes_total"])
    }

    #[test]
    fn a_difference_is_never_taken_across_a_restart() {
        let before = counters("bytes_total{s=\"a\"} 100\nbytes_total{s=\"b\"} 900\nother 5");
        let all = |_: &Series| true;
        for (after, expected) in [
            ("bytes_total{s=\"a\"} 150\nbytes_total{s=\"b\"} 950", Some(100.0)),
            ("bytes_total{s=\"a\"} 150\nbytes_total{s=\"b\"} 3", Some(50.0)),
            ("bytes_total{s=\"a\"} 150\nbytes_total{s=\"c\"} 7000", Some(50.0)),
            ("bytes_total{s=\"a\"} 1\nbytes_total{s=\"b\"} 1", None),
            ("bytes_total{s=\"a\"} NaN", None),
            ("", None),
        ] {
            assert_eq!(counters(after).grown(&before, &["bytes_total"], all), expected, "{after}");
        }
    }
}

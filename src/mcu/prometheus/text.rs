//! A page of metrics: Prometheus text 0.0.4 and OpenMetrics text 1.0. Total over any bytes, bounded by their length.
//!
//! A page is read whole or not at all: a line that is none says where, and half a page would give half a sum.

use std::collections::BTreeMap;

/// Most samples of one page.
pub const SAMPLES_MAX: usize = 200_000;
/// Most labels of one sample.
const LABELS_MAX: usize = 64;

/// A page of metrics.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// Its samples in their order.
    pub samples: Vec<Sample>,
}

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The series' name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value; may be infinite or not a number.
    pub value: f64,
}

/// Why a page is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPage {
    /// No UTF-8.
    #[error("no text")]
    Text,
    /// A line that is neither a sample nor a remark.
    #[error("line {line} is no sample")]
    Line {
        /// Counted from 1.
        line: usize,
    },
    /// More than [`SAMPLES_MAX`].
    #[error("more than {SAMPLES_MAX} samples")]
    TooMany,
    /// Something after `# EOF`.
    #[error("line {line} stands after the end")]
    AfterEnd {
        /// Counted from 1.
        line: usize,
    },
}

/// Reads a page.
pub fn parse(bytes: &[u8]) -> Result<Page, BadPage> {
    let text = std::str::from_utf8(bytes).map_err(|_| BadPage::Text)?;
    let mut page = Page::default();
    let mut ended = false;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_matches([' ', '\t', '\r']);
        if ended && !line.is_empty() {
            return Err(BadPage::AfterEnd { line: number });
        }
        if line.is_empty() || line.starts_with('#') {
            ended |= line == "# EOF";
            continue;
        }
        if page.samples.len() == SAMPLES_MAX {
            return Err(BadPage::TooMany);
        }
        page.samples.push(sample(line).ok_or(BadPage::Line { line: number })?);
    }
    Ok(page)
}

/// `name{label="value",…} value [time] [# exemplar]`.
fn sample(line: &str) -> Option<Sample> {
    let end = line.find(|c: char| !is_name_part(c)).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let rest = rest.trim_start();
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let rest = rest.split(" # ").next().unwrap_or_default();
    let mut words = rest.split_ascii_whitespace();
    let value = number(words.next()?)?;
    let time_fits = words.next().is_none_or(|time| number(time).is_some());
    (time_fits && words.next().is_none()).then(|| Sample { name: name.to_owned(), labels, value })
}

fn is_name_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// Labels up to the closing brace, and what follows it.
fn labels(text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut found = BTreeMap::new();
    let mut rest = text.trim_start();
    while !rest.starts_with('}') {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim();
        let named = !name.is_empty() && name.chars().all(is_name_part);
        let (value, after) = quoted(after.trim_start().strip_prefix('"')?)?;
        if !named || found.len() == LABELS_MAX || found.insert(name.to_owned(), value).is_some() {
            return None;
        }
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(after) => after.trim_start(),
            None if after.starts_with('}') => after,
            None => return None,
        };
    }
    Some((found, &rest[1..]))
}

/// A value up to its closing quote, with `\\`, `\"` and `\n` undone, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                c @ ('\\' | '"') => value.push(c),
                // An escape that is not one stands for itself.
                c => value.extend(['\\', c]),
            },
            c => value.push(c),
        }
    }
    None
}

fn number(word: &str) -> Option<f64> {
    let digits = word.trim_start_matches(['+', '-']);
    match digits.to_ascii_lowercase().as_str() {
        "nan" => Some(f64::NAN),
        "inf" | "infinity" => Some(if word.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY }),
        _ => digits.starts_with(|c: char| c.is_ascii_digit() || c == '.').then(|| word.parse().ok())?,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(line: &str) -> Option<(String, Vec<(String, String)>, f64)> {
        let page = parse(line.as_bytes()).ok()?;
        let sample = page.samples.into_iter().next()?;
        Some((sample.name, sample.labels.into_iter().collect(), sample.value))
    }

    #[test]
    fn both_formats_are_read() {
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let cases = [
            ("up 1", "up", vec![], 1.0),
            ("  up\t1.5e3 1395066363000 ", "up", vec![], 1500.0),
            (
                "a:b_total{x=\"1\", y=\"b,}\",} -2",
                "a:b_total",
                vec![label("x", "1"), label("y", "b,}")],
                -2.0,
            ),
            ("a{} +Inf", "a", vec![], f64::INFINITY),
            ("a{p=\"C:\\\\DIR\\n\\\"\"} 0x", "", vec![], 0.0),
            ("a{p=\"C:\\\\D\\n\\\"\"} 3", "a", vec![label("p", "C:\\D\n\"")], 3.0),
            ("a_bucket{le=\"1\"} 4 # {trace=\"x\"} 0.5 1.2", "a_bucket", vec![label("le", "1")], 4.0),
            ("a 1 2 3", "", vec![], 0.0),
            ("1a 1", "", vec![], 0.0),
            ("a", "", vec![], 0.0),
            ("a{x=1} 1", "", vec![], 0.0),
            ("a{x=\"1\" 1", "", vec![], 0.0),
            ("a{x=\"1\"y=\"2\"} 1", "", vec![], 0.0),
            ("a{x=\"1\",x=\"2\"} 1", "", vec![], 0.0),
            ("a{=\"1\"} 1", "", vec![], 0.0),
        ];
        for (line, name, labels, value) in cases {
            let expected = (!name.is_empty()).then(|| (name.to_owned(), labels, value));
            assert_eq!(one(line), expected, "{line}");
        }
        assert!(one("a NaN").unwrap().2.is_nan());
    }

    #[test]
    fn a_page_is_read_whole_or_not_at_all() {
        let page = parse(b"# HELP a b\n# TYPE a gauge\na 1\n\nb 2\n# EOF\n").unwrap();
        assert_eq!(page.samples.len(), 2);
        assert_eq!(parse(b"a 1\nb\n"), Err(BadPage::Line { line: 2 }));
        assert_eq!(parse(b"a 1\n# EOF\nb 2\n"), Err(BadPage::AfterEnd { line: 3 }));
        assert_eq!(parse(&[0xff]), Err(BadPage::Text));
        assert_eq!(parse(b"<html></html>"), Err(BadPage::Line { line: 1 }));
    }

    proptest! {
        #[test]
        fn any_text_is_a_page_or_none(text in "[a-z{}=\",# \\\\\n0-9.]{0,200}") {
            let _ = parse(text.as_bytes());
        }

        #[test]
        fn what_is_written_is_read(name in "[a-z_:][a-z0-9_:]{0,9}", value in "\\PC{0,20}", number in -1e9..1e9f64) {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let line = format!("{name}{{l=\"{escaped}\"}} {number}");
            // A line's end within a value would end the line.
            prop_assume!(line.lines().count() == 1);
            prop_assert_eq!(one(&line), Some((name, vec![("l".to_owned(), value)], number)));
        }
    }
}

//! Where a value stands in a JSON document: names and places in a list, `state.units[0].name`. No language: no
//! filters, no wildcards, no functions.

use std::fmt;

use serde_json::Value;

/// Most steps of a path.
const STEPS_MAX: usize = 16;
/// Longest path, in bytes.
const PATH_BYTES_MAX: usize = 256;

/// A path; the empty one is the document itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Path {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Place(usize),
}

impl Path {
    /// Reads a path: names between dots, places in square brackets, names with other characters in double quotes;
    /// `.` alone is the document itself. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "." {
            return Some(Self::default());
        }
        let mut steps = Vec::new();
        let mut rest = text;
        let mut begins = true;
        while !rest.is_empty() {
            let (step, after) = step(rest, begins)?;
            steps.push(step);
            rest = after;
            begins = false;
        }
        let fits = (1..=STEPS_MAX).contains(&steps.len()) && text.len() <= PATH_BYTES_MAX;
        fits.then_some(Self { steps })
    }

    /// The value at this path.
    pub fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.steps.iter().try_fold(document, |value, step| match step {
            Step::Name(name) => value.get(name),
            Step::Place(place) => value.get(place),
        })
    }
}

fn step(text: &str, begins: bool) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (place, rest) = rest.split_once(']')?;
        let digits = !place.is_empty() && place.bytes().all(|byte| byte.is_ascii_digit());
        return digits.then(|| place.parse().ok().map(|place| (Step::Place(place), rest)))?;
    }
    let text = if begins { text } else { text.strip_prefix('.')? };
    if let Some(rest) = text.strip_prefix('"') {
        let (name, rest) = rest.split_once('"')?;
        return Some((Step::Name(name.to_owned()), rest));
    }
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | ':');
    (!name.is_empty() && name.chars().all(plain)).then(|| (Step::Name(name.to_owned()), rest))
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.steps.iter().enumerate() {
            match step {
                Step::Name(name) => write!(f, "{}{name}", if place == 0 { "" } else { "." })?,
                Step::Place(at) => write!(f, "[{at}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_to_values() {
        let document = json!({"state": {"units": [{"name": "a"}, {"name": "b"}], "a.b": 3}, "名": 1});
        for (text, expected) in [
            ("state.units[1].name", Some(json!("b"))),
            ("state.\"a.b\"", Some(json!(3))),
            ("名", Some(json!(1))),
            ("state.units[9]", None),
            ("state.name", None),
            ("state[0]", None),
        ] {
            assert_eq!(Path::parse(text).unwrap().find(&document), expected.as_ref(), "{text}");
        }
        assert_eq!(Path::parse(".").unwrap().find(&document), Some(&document));
        assert_eq!(Path::parse("[1].x").unwrap().find(&json!([0, {"x": 5}])), Some(&json!(5)));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        let long = ["a"; 17].join(".");
        for text in
            ["", "a..b", "a.", ".a", "a[", "a[x]", "a[]", "a[-1]", "$.a", "a b", "a[*]", "a.\"b", &long]
        {
            assert_eq!(Path::parse(text), None, "{text}");
        }
    }
}

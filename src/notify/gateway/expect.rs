//! How an answer is recognised: `status 200`, `json /code = 0`, `text starts OK`, `text contains <status>0`.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::notify::line::Answer;

/// A condition on an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// This HTTP status.
    Status(u16),
    /// At this place of a JSON body (RFC 6901) stands this value, compared as text.
    Json {
        /// Where.
        pointer: String,
        /// What.
        value: String,
    },
    /// The body starts so, blanks before it left out.
    Starts(String),
    /// The body holds this.
    Contains(String),
}

/// Why a text is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a condition: {0}")]
pub struct BadExpect(pub String);

impl Expect {
    /// Whether it holds.
    pub fn holds(&self, answer: &Answer) -> bool {
        match self {
            Self::Status(status) => answer.status == *status,
            Self::Json { pointer, value } => {
                let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
                body.as_ref()
                    .and_then(|body| body.pointer(pointer))
                    .is_some_and(|found| said(found) == *value)
            }
            Self::Starts(start) => answer.text().trim_start().starts_with(start.as_str()),
            Self::Contains(part) => answer.text().contains(part.as_str()),
        }
    }
}

fn said(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

impl FromStr for Expect {
    type Err = BadExpect;

    fn from_str(text: &str) -> Result<Self, BadExpect> {
        let bad = || BadExpect(text.to_owned());
        let (what, rest) = text.trim().split_once(' ').ok_or_else(bad)?;
        let rest = rest.trim();
        match what {
            "status" => rest.parse().map(Self::Status).map_err(|_| bad()),
            "json" => {
                let (pointer, value) = rest.split_once('=').ok_or_else(bad)?;
                let pointer = pointer.trim();
                let rooted = pointer.starts_with('/');
                let (pointer, value) = (pointer.to_owned(), value.trim().to_owned());
                if rooted && !value.is_empty() { Ok(Self::Json { pointer, value }) } else { Err(bad()) }
            }
            "text" => {
                let (how, part) = rest.split_once(' ').ok_or_else(bad)?;
                let part = part.trim().to_owned();
                match how {
                    "starts" => Ok(Self::Starts(part)),
                    "contains" => Ok(Self::Contains(part)),
                    _ => Err(bad()),
                }
            }
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            Self::Json { pointer, value } => write!(f, "json {pointer} = {value}"),
            Self::Starts(start) => write!(f, "text starts {start}"),
            Self::Contains(part) => write!(f, "text contains {part}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_and_hold_or_not() {
        let cases = [
            ("status 200", 200, "", true),
            ("status 200", 201, "", false),
            ("json /code = 0", 200, r#"{"code":0}"#, true),
            ("json /code = 0", 200, r#"{"code":"0"}"#, true),
            ("json /code = 0", 200, r#"{"code":1}"#, false),
            ("json /code = 0", 200, "<html>", false),
            ("json /SendStatusSet/0/Code = Ok", 200, r#"{"SendStatusSet":[{"Code":"Ok"}]}"#, true),
            ("text starts 0,", 200, " 0,20261128", true),
            ("text contains <returnstatus>Success", 200, "<a><returnstatus>Success</returnstatus>", true),
        ];
        for (text, status, body, expected) in cases {
            let expect: Expect = text.parse().unwrap();
            assert_eq!(expect.to_string(), text);
            assert_eq!(expect.holds(&Answer { status, body: body.into() }), expected, "{text} {body}");
        }
        for bad in
            ["", "status", "status ok", "json code = 0", "json /code", "json /a =", "text ends x", "x y"]
        {
            assert!(bad.parse::<Expect>().is_err(), "{bad}");
        }
    }
}

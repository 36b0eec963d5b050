//! Bodies in one spelling, so that equal values have equal bytes and equal hashes: JSON with keys in order of
//! their bytes and no spaces. What a body means is the caller's affair.

use serde::Serialize;
use serde_json::Value;

use super::error::StoreError;

/// Largest body of an ordinary row, in bytes.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Largest state that opens a segment, in bytes.
pub const STATE_BYTES_MAX: usize = 256 << 20;

/// Canonical JSON, by construction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body(Vec<u8>);

impl Body {
    /// The canonical spelling of a value; refused when the value has no JSON form.
    pub fn of(value: &impl Serialize) -> Result<Self, StoreError> {
        let value = serde_json::to_value(value).map_err(|e| StoreError::unfit(format!("body: {e}")))?;
        Ok(Self::of_value(&value))
    }

    /// The canonical spelling of JSON text.
    pub fn parse(text: &[u8]) -> Result<Self, StoreError> {
        let value: Value =
            serde_json::from_slice(text).map_err(|e| StoreError::unfit(format!("body: {e}")))?;
        Ok(Self::of_value(&value))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Bytes that the caller built in canonical form.
    pub(super) const fn trusted(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    fn of_value(value: &Value) -> Self {
        let mut out = Vec::new();
        write(value, &mut out);
        Self(out)
    }
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Array(items) => write_all(out, b'[', items, b']', write),
        Value::Object(map) => {
            // Sorted here, because whether the map keeps its order is a build feature of another crate.
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| key.as_bytes());
            write_all(out, b'{', &entries, b'}', |(key, value), out| {
                scalar(&Value::String((*key).clone()), out);
                out.push(b':');
                write(value, out);
            });
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => scalar(value, out),
    }
}

fn write_all<T>(out: &mut Vec<u8>, open: u8, items: &[T], close: u8, mut one: impl FnMut(&T, &mut Vec<u8>)) {
    out.push(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        one(item, out);
    }
    out.push(close);
}

fn scalar(value: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(value.to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_equal_bytes() {
        let cases: [(&str, &str); 5] = [
            (r#"{"b":1, "a":[ true,null ]}"#, r#"{"a":[true,null],"b":1}"#),
            (r#"{"é":1,"z":{"y":"\u0041\n","x":-0}}"#, r#"{"z":{"x":-0.0,"y":"A\n"},"é":1}"#),
            ("[1.50, 1e2]", "[1.5,100.0]"),
            (r#""会场""#, r#""会场""#),
            ("{}", "{}"),
        ];
        for (text, expected) in cases {
            let body = Body::parse(text.as_bytes()).unwrap();
            assert_eq!(std::str::from_utf8(body.as_bytes()).unwrap(), expected);
            assert_eq!(Body::parse(body.as_bytes()).unwrap(), body, "the spelling is a fixed point");
        }
        assert!(Body::parse(b"{").is_err());
    }
}

//! Fields of a JSON reply, read as devices write them: a number as text, a flag as 0 or 1, a name with blanks around
//! it. Knows no device. Everything is total and bounded by the reply.

use serde_json::Value;

use super::fault::Fault;
use crate::domain::mcu::bounded;

/// Reads a reply.
pub fn json(bytes: &[u8]) -> Result<Value, Fault> {
    serde_json::from_slice(bytes).map_err(|error| Fault::Shape(format!("JSON: {error}")))
}

/// A text, or a number as text; trimmed and cut at a name's length. Absent where it is empty.
pub fn text(value: &Value, name: &str) -> Option<String> {
    let found = value.get(name)?;
    let number = found.as_i64().map(|number| number.to_string());
    let text = found.as_str().map(str::to_owned).or(number)?;
    Some(bounded(text.trim()).to_owned()).filter(|text| !text.is_empty())
}

/// A whole number, or a text that is one.
pub fn whole(value: &Value, name: &str) -> Option<i64> {
    let found = value.get(name)?;
    found.as_i64().or_else(|| found.as_str()?.trim().parse().ok())
}

/// A finite number, or a text that is one.
pub fn number(value: &Value, name: &str) -> Option<f64> {
    let found = value.get(name)?;
    found.as_f64().or_else(|| found.as_str()?.trim().parse().ok()).filter(|number| number.is_finite())
}

/// `true` and `false`, 1 and 0, as such or as text.
pub fn flag(value: &Value, name: &str) -> Option<bool> {
    let found = value.get(name)?;
    found.as_bool().or_else(|| match (whole(value, name), found.as_str()) {
        (Some(1), _) | (_, Some("true")) => Some(true),
        (Some(0), _) | (_, Some("false")) => Some(false),
        _ => None,
    })
}

/// A list; absent where there is none.
pub fn list<'a>(value: &'a Value, name: &str) -> Option<&'a [Value]> {
    value.get(name)?.as_array().map(Vec::as_slice)
}

/// A field that must be there: without it the reply has another shape than documented.
pub fn required<T>(found: Option<T>, name: &str) -> Result<T, Fault> {
    found.ok_or_else(|| Fault::Shape(format!("no `{name}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_flags_are_read_in_every_dress() {
        let value = json(br#"{"a":" 12 ","b":3,"c":true,"d":"0","e":"","f":"nan","g":[1],"h":2}"#).unwrap();
        assert_eq!(text(&value, "a").as_deref(), Some("12"));
        assert_eq!((whole(&value, "a"), whole(&value, "b")), (Some(12), Some(3)));
        let flags = ["c", "d", "h", "z"].map(|name| flag(&value, name));
        assert_eq!(flags, [Some(true), Some(false), None, None]);
        assert_eq!((text(&value, "e"), number(&value, "f")), (None, None));
        assert_eq!(list(&value, "g").map(<[Value]>::len), Some(1));
        assert!(required(list(&value, "b"), "b").is_err());
    }
}

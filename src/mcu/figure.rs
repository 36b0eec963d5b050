//! Figures as devices write them: what stands for "none" and what cannot be become absent, each with its reason, and
//! never a zero. Knows no device.

use std::ops::RangeInclusive;

use serde_json::Value;

use crate::observation::device::{Absent, Given};

/// Percent of a whole.
pub const PERCENT: RangeInclusive<f64> = 0.0..=100.0;
/// Rates, kbit/s: up to 10 Gbit/s.
pub const KBPS: RangeInclusive<f64> = 0.0..=1e7;
/// Delays and jitter, milliseconds: up to a minute.
pub const MILLISECONDS: RangeInclusive<f64> = 0.0..=60_000.0;
/// Pictures per second of a conference; devices are known to write more.
pub const FPS: RangeInclusive<f64> = 0.0..=65.0;
/// Width or height, pixels.
pub const PIXELS: RangeInclusive<f64> = 1.0..=16_384.0;
/// Anything that is counted.
pub const COUNT: RangeInclusive<f64> = 0.0..=1e15;

/// A figure in a text. Absent: not provided. Empty, `--`, `-1` or no number: a sentinel.
pub fn of_text(text: Option<&str>, range: RangeInclusive<f64>) -> Given<f64> {
    let Some(text) = text else { return Given::Absent(Absent::NotProvided) };
    match text.trim().parse::<f64>() {
        Ok(number) => within(number, &range),
        Err(_) => Given::Absent(Absent::Sentinel),
    }
}

/// A figure in a JSON reply: a number, or a text that holds one.
pub fn of_json(value: Option<&Value>, range: RangeInclusive<f64>) -> Given<f64> {
    match value {
        None => Given::Absent(Absent::NotProvided),
        Some(Value::Number(number)) => within(number.as_f64().unwrap_or(f64::NAN), &range),
        Some(Value::String(text)) => of_text(Some(text), range),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
            Given::Absent(Absent::Sentinel)
        }
    }
}

fn within(number: f64, range: &RangeInclusive<f64>) -> Given<f64> {
    if number == -1.0 || number.is_nan() {
        Given::Absent(Absent::Sentinel)
    } else if range.contains(&number) {
        Given::Value(number)
    } else {
        Given::Absent(Absent::OutOfRange)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_means_none_and_what_cannot_be_is_no_number() {
        let cases = [
            (None, Given::Absent(Absent::NotProvided)),
            (Some(""), Given::Absent(Absent::Sentinel)),
            (Some("--"), Given::Absent(Absent::Sentinel)),
            (Some("-1"), Given::Absent(Absent::Sentinel)),
            (Some("NaN"), Given::Absent(Absent::Sentinel)),
            (Some("120"), Given::Absent(Absent::OutOfRange)),
            (Some("-0.5"), Given::Absent(Absent::OutOfRange)),
            (Some(" 0 "), Given::Value(0.0)),
            (Some("99.5"), Given::Value(99.5)),
        ];
        for (text, given) in cases {
            assert_eq!(of_text(text, PERCENT), given, "{text:?}");
            assert_eq!(of_json(text.map(|text| json!(text)).as_ref(), PERCENT), given, "{text:?}");
        }
        assert_eq!(of_json(Some(&json!(41)), FPS), Given::Value(41.0));
        assert_eq!(of_json(Some(&json!(null)), FPS), Given::Absent(Absent::Sentinel));
        assert_eq!(of_json(Some(&json!(-1)), FPS), Given::Absent(Absent::Sentinel));
    }
}

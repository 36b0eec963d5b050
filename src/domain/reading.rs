//! Readings of equipment: how they are named, and between which values they are in order.
//!
//! A name carries its unit: `room_temperature_c`, `ups_minutes_left`. Knows no device and no protocol.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// Longest name of a reading, in bytes.
pub const READING_NAME_BYTES_MAX: usize = 64;

/// The name of a reading: small letters, digits and `_`, its unit at the end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ReadingName(String);

impl ReadingName {
    /// Accepts a text as a name; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let fits = (1..=READING_NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(named);
        fits.then(|| Self(text.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Between which values a reading of this name is in order as a rule. Temperature and humidity of a machine room
    /// are those of GB 50174 with a margin; the others leave time to act within a meeting.
    pub fn usual(&self) -> Option<ReadingLimit> {
        let below = |warn, severe| Some(ReadingLimit { warn_below: warn, severe_below: severe, ..NONE });
        let above = |warn, severe| Some(ReadingLimit { warn_above: warn, severe_above: severe, ..NONE });
        match self.0.as_str() {
            "ups_minutes_left" => below(Some(20.0), Some(10.0)),
            "ups_charge_pct" => below(Some(50.0), Some(20.0)),
            "ups_load_pct" | "load_pct" | "memory_used_pct" => above(Some(85.0), Some(95.0)),
            "ups_on_battery" | "water_leak" => above(None, Some(0.5)),
            "ups_battery_low" | "air_conditioning_failed" => above(None, Some(0.5)),
            "ups_battery_bad" => above(Some(0.5), None),
            "disk_used_pct" => above(Some(90.0), Some(97.0)),
            "generator_fuel_pct" => below(Some(50.0), Some(25.0)),
            "backup_succeeded" => below(Some(0.5), None),
            "backup_age_hours" => above(Some(26.0), Some(50.0)),
            "room_temperature_c" => Some(ReadingLimit {
                severe_below: Some(5.0),
                warn_below: Some(15.0),
                warn_above: Some(28.0),
                severe_above: Some(35.0),
            }),
            "room_humidity_pct" => Some(ReadingLimit {
                severe_below: None,
                warn_below: Some(20.0),
                warn_above: Some(70.0),
                severe_above: Some(85.0),
            }),
            _ => None,
        }
    }
}

impl fmt::Display for ReadingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ReadingName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("a reading is named with a-z, 0-9 and '_' only"))
    }
}

/// Between which values a reading is in order. What is not given does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadingLimit {
    /// Severe below this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severe_below: Option<f64>,
    /// A warning below this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warn_below: Option<f64>,
    /// A warning above this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warn_above: Option<f64>,
    /// Severe above this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severe_above: Option<f64>,
}

const NONE: ReadingLimit =
    ReadingLimit { severe_below: None, warn_below: None, warn_above: None, severe_above: None };

/// What a limit says about a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Beyond {
    /// In order.
    Within,
    /// A warning.
    Warn,
    /// Severe.
    Severe,
}

impl ReadingLimit {
    /// Whether its values are numbers in their order, and at least one is given.
    pub fn holds(&self) -> bool {
        let given: Vec<f64> = [self.severe_below, self.warn_below, self.warn_above, self.severe_above]
            .into_iter()
            .flatten()
            .collect();
        !given.is_empty()
            && given.iter().all(|value| value.is_finite())
            && given.windows(2).all(|pair| pair[0] <= pair[1])
    }

    /// What it says about a value. One on the limit itself is in order.
    pub fn judge(&self, value: f64) -> Beyond {
        let below = |limit: Option<f64>| limit.is_some_and(|limit| value < limit);
        let above = |limit: Option<f64>| limit.is_some_and(|limit| value > limit);
        match () {
            () if below(self.severe_below) || above(self.severe_above) => Beyond::Severe,
            () if below(self.warn_below) || above(self.warn_above) => Beyond::Warn,
            () => Beyond::Within,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual(name: &str) -> Option<ReadingLimit> {
        ReadingName::parse(name).unwrap().usual()
    }

    #[test]
    fn names_are_small_words() {
        for (text, fits) in [
            ("ups_minutes_left", true),
            ("a", true),
            ("", false),
            ("Temp", false),
            ("a b", false),
            ("温度", false),
        ] {
            assert_eq!(ReadingName::parse(text).is_some(), fits, "{text}");
        }
        assert!(ReadingName::parse(&"a".repeat(65)).is_none());
    }

    #[test]
    fn a_value_is_judged_on_both_sides() {
        let cases = [
            ("ups_minutes_left", 30.0, Beyond::Within),
            ("ups_minutes_left", 20.0, Beyond::Within),
            ("ups_minutes_left", 19.0, Beyond::Warn),
            ("ups_minutes_left", 9.0, Beyond::Severe),
            ("room_temperature_c", 24.0, Beyond::Within),
            ("room_temperature_c", 29.0, Beyond::Warn),
            ("room_temperature_c", 36.0, Beyond::Severe),
            ("room_temperature_c", -2.0, Beyond::Severe),
            ("ups_on_battery", 0.0, Beyond::Within),
            ("ups_on_battery", 1.0, Beyond::Severe),
            ("backup_succeeded", 0.0, Beyond::Warn),
        ];
        for (name, value, expected) in cases {
            assert_eq!(usual(name).unwrap().judge(value), expected, "{name} {value}");
        }
        assert_eq!(usual("something_else"), None);
    }

    #[test]
    fn limits_hold_in_their_order_only() {
        let limit = |severe_below, warn_below, warn_above, severe_above| ReadingLimit {
            severe_below,
            warn_below,
            warn_above,
            severe_above,
        };
        assert!(limit(Some(5.0), Some(15.0), Some(28.0), Some(35.0)).holds());
        assert!(limit(None, None, Some(28.0), None).holds());
        assert!(!limit(None, Some(30.0), Some(28.0), None).holds());
        assert!(!limit(None, Some(f64::NAN), None, None).holds());
        assert!(!ReadingLimit::default().holds());
    }
}

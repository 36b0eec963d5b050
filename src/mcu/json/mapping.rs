//! What a mapping file says: which requests to send, and where in their answers which value stands. Values only;
//! reading the file is not done here.

use std::collections::BTreeMap;

use super::path::Path;
use crate::domain::mcu::bounded;
use crate::domain::reading::ReadingName;
use crate::observation::device::{Absent, AlarmLevel, CapacityUnit, Given, Medium, Service, Way};
use serde_json::Value;

/// Where a participant's or alarm's request names the conference.
pub const CONFERENCE_PLACE: &str = "{conference}";

/// A whole mapping.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mapping {
    /// How the account is sent.
    pub account: AccountStyle,
    /// The health of the device.
    pub health: HealthMap,
    /// What it has room for.
    pub capacities: Vec<CapacityMap>,
    /// Its readings.
    pub readings: Vec<ReadingMap>,
    /// Its alarms.
    pub alarms: Option<AlarmsMap>,
    /// Its conferences.
    pub conferences: Option<ConferencesMap>,
    /// Their participants.
    pub participants: Option<ParticipantsMap>,
}

/// How the account is sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AccountStyle {
    /// HTTP basic authentication.
    #[default]
    Basic,
    /// `Authorization: Bearer` with the secret.
    Bearer,
    /// The secret in a header of this name.
    Header(String),
}

/// A request: what follows the address, without a leading slash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Request(pub String);

/// Health: the first condition list that holds decides, the gravest first; else the service is not said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HealthMap {
    /// Where to ask.
    pub request: Request,
    /// What must hold for each state.
    pub when: Vec<(Service, Vec<Condition>)>,
    /// Load, percent.
    pub load_pct: Option<Number>,
    /// Uptime, seconds.
    pub uptime_s: Option<Number>,
    /// Version.
    pub version: Option<Path>,
    /// What changes with each start.
    pub boot: Option<Path>,
}

/// One comparison. Several of them must all hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The value.
    pub path: Path,
    /// Compared how.
    pub test: Test,
}

/// How a value is compared. A closed list.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// It is one of these, as text.
    OneOf(Vec<String>),
    /// It is there and none of these.
    NoneOf(Vec<String>),
    /// A number between the two, both included.
    Between(f64, f64),
    /// It is there at all, or it is not.
    Present(bool),
}

/// A number in an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    /// Where it stands.
    pub path: Path,
    /// Multiplies.
    pub scale: f64,
    /// Is added.
    pub offset: f64,
    /// Texts and numbers that stand for "not given".
    pub absent: Vec<String>,
}

/// What there is room for.
#[derive(Debug, Clone, PartialEq)]
pub struct CapacityMap {
    /// Of what.
    pub what: String,
    /// Counted in what.
    pub unit: CapacityUnit,
    /// Where to ask.
    pub request: Request,
    /// All there is.
    pub total: Option<Number>,
    /// In use.
    pub used: Option<Number>,
}

/// One reading.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadingMap {
    /// Its name.
    pub name: ReadingName,
    /// Where to ask.
    pub request: Request,
    /// What it is.
    pub value: ReadingValue,
}

/// What a reading is.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadingValue {
    /// A number.
    Number(Number),
    /// 1 when the condition holds, 0 when it does not.
    Holds(Condition),
}

/// The list of alarms.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmsMap {
    /// Where to ask.
    pub request: Request,
    /// The list.
    pub list: Path,
    /// Within an entry: what tells two of a kind apart.
    pub id: Path,
    /// Its kind.
    pub what: Path,
    /// Further words.
    pub detail: Option<Path>,
    /// Its level, by the words of the device; others are minor.
    pub level: Option<(Path, BTreeMap<String, AlarmLevel>)>,
}

/// The list of conferences.
#[derive(Debug, Clone, PartialEq)]
pub struct ConferencesMap {
    /// Where to ask.
    pub request: Request,
    /// The list.
    pub list: Path,
    /// Within an entry: its reference.
    pub id: Path,
    /// Its shown name.
    pub name: Option<Path>,
}

/// The list of participants of one conference.
#[derive(Debug, Clone, PartialEq)]
pub struct ParticipantsMap {
    /// Where to ask; [`CONFERENCE_PLACE`] stands for the conference's reference.
    pub request: Request,
    /// The list.
    pub list: Path,
    /// Within an entry: its reference.
    pub id: Path,
    /// Its shown name.
    pub name: Option<Path>,
    /// Its address.
    pub address: Option<Path>,
    /// Whether it is connected; without it, whoever is listed is.
    pub connected: Vec<Condition>,
    /// Whether its microphone is muted.
    pub muted: Vec<Condition>,
    /// Its media.
    pub streams: Vec<StreamMap>,
}

/// One medium in one direction, within a participant's entry.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamMap {
    /// Which medium.
    pub medium: Medium,
    /// Which way, seen from the site.
    pub way: Way,
    /// Whether media flow; without it, that is not said.
    pub flowing: Vec<Condition>,
    /// Codec.
    pub codec: Option<Path>,
    /// Figures by their name.
    pub figures: BTreeMap<Figure, Number>,
}

/// A figure of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// Rate, kbit/s.
    Kbps,
    /// Packets.
    Packets,
    /// Lost packets.
    Lost,
    /// Loss, percent.
    LossPct,
    /// Jitter, milliseconds.
    JitterMs,
    /// Round trip, milliseconds.
    RttMs,
    /// Width, pixels.
    Width,
    /// Height, pixels.
    Height,
    /// Pictures per second.
    Fps,
}

impl Figure {
    /// Every figure with its name in a file, and the largest value that it can have.
    pub const ALL: [(Self, &'static str, f64); 9] = [
        (Self::Kbps, "kbps", 1e7),
        (Self::Packets, "packets", 1e15),
        (Self::Lost, "lost", 1e15),
        (Self::LossPct, "loss_pct", 100.0),
        (Self::JitterMs, "jitter_ms", 1e5),
        (Self::RttMs, "rtt_ms", 1e5),
        (Self::Width, "width", 16384.0),
        (Self::Height, "height", 16384.0),
        (Self::Fps, "fps", 240.0),
    ];
}

impl Number {
    /// The number in a document, with its reason when it is absent.
    pub fn read(&self, document: &Value) -> Given<f64> {
        let Some(value) = self.path.find(document) else { return Given::Absent(Absent::NotProvided) };
        let Some(written) = written(value) else { return Given::Absent(Absent::Sentinel) };
        if written.is_empty() || self.absent.contains(&written) {
            return Given::Absent(Absent::Sentinel);
        }
        let number = written.parse::<f64>().ok().map(|number| number * self.scale + self.offset);
        Given::or_absent(number.filter(|number| number.is_finite()), Absent::OutOfRange)
    }
}

impl Condition {
    /// Whether it holds in a document. `None` when the value is not there and the test is not about that.
    pub fn holds(&self, document: &Value) -> Option<bool> {
        let found = self.path.find(document).filter(|value| !value.is_null());
        match &self.test {
            Test::Present(wanted) => Some(found.is_some() == *wanted),
            Test::OneOf(words) => Some(words.contains(&written(found?)?)),
            Test::NoneOf(words) => Some(!words.contains(&written(found?)?)),
            Test::Between(least, most) => {
                let number: f64 = written(found?)?.parse().ok()?;
                Some((*least..=*most).contains(&number))
            }
        }
    }
}

/// Whether all hold; `None` when none is given or one cannot be told.
pub fn all_hold(conditions: &[Condition], document: &Value) -> Option<bool> {
    let mut found = None;
    for condition in conditions {
        found = Some(found.unwrap_or(true) && condition.holds(document)?);
    }
    found
}

/// A single value as text: words as they are, numbers as written, `true` and `false`.
pub fn written(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(bounded(text.trim()).to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(text: &str) -> Path {
        Path::parse(text).unwrap()
    }

    #[test]
    fn numbers_are_scaled_or_absent_with_their_reason() {
        let number =
            Number { path: path("v"), scale: 0.5, offset: 1.0, absent: vec!["-1".into(), "--".into()] };
        for (value, expected) in [
            (json!({"v": 10}), Given::Value(6.0)),
            (json!({"v": "10"}), Given::Value(6.0)),
            (json!({"v": -1}), Given::Absent(Absent::Sentinel)),
            (json!({"v": "--"}), Given::Absent(Absent::Sentinel)),
            (json!({"v": null}), Given::Absent(Absent::Sentinel)),
            (json!({"v": {}}), Given::Absent(Absent::Sentinel)),
            (json!({"v": "ten"}), Given::Absent(Absent::OutOfRange)),
            (json!({"v": "inf"}), Given::Absent(Absent::OutOfRange)),
            (json!({}), Given::Absent(Absent::NotProvided)),
        ] {
            assert_eq!(number.read(&value), expected, "{value}");
        }
    }

    #[test]
    fn conditions_say_yes_no_or_that_they_cannot_tell() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let document = json!({"s": "ok", "n": 5, "f": true, "nothing": null});
        for (at, test, expected) in [
            ("s", Test::OneOf(words(&["ok", "fine"])), Some(true)),
            ("s", Test::NoneOf(words(&["ok"])), Some(false)),
            ("n", Test::Between(1.0, 5.0), Some(true)),
            ("n", Test::OneOf(words(&["5"])), Some(true)),
            ("s", Test::Between(1.0, 5.0), None),
            ("f", Test::OneOf(words(&["true"])), Some(true)),
            ("x", Test::OneOf(words(&["ok"])), None),
            ("x", Test::Present(false), Some(true)),
            ("nothing", Test::Present(true), Some(false)),
        ] {
            let condition = Condition { path: path(at), test: test.clone() };
            assert_eq!(condition.holds(&document), expected, "{at} {test:?}");
        }
        assert_eq!(all_hold(&[], &document), None);
    }
}

//! Durable events as the journal keeps them: a kind, a subject, a version and canonical JSON.
//!
//! A field may be added with a default; anything else is a new version and an upgrade here, one version at a
//! time, over plain JSON: old shapes need no types.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::escalation::DutyChange;
use super::event::{Durable, EVENT_VERSION, What};
use super::finding::{FindingKey, SiteKey, Subject, Who};
use super::state::RunKey;
use crate::domain::check::RoundId;
use crate::observation::action::ActionKey;
use crate::observation::device::Device;

/// Longest subject, in bytes.
const SUBJECT_BYTES_MAX: usize = 256;

/// A durable event, ready for the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The kind's tag, such as `check_judged`.
    pub kind: String,
    /// What it is about, for searching: `round 3 guidong/path:guidong-a`, `agent guidong`.
    pub subject: String,
    /// The version of the body's shape.
    pub version: u16,
    /// Canonical JSON of the whole event: keys in the order of their bytes, no spaces.
    pub body: Vec<u8>,
}

/// Why a body is not an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadRecord {
    /// Written by a newer program, or by none.
    Version(u16),
    /// Not of that version's shape.
    Shape(String),
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => {
                write!(f, "event version {version} is unknown here; this program knows 1 to {EVENT_VERSION}")
            }
            Self::Shape(why) => write!(f, "not an event: {why}"),
        }
    }
}

impl std::error::Error for BadRecord {}

/// Writes an event in the present version.
pub fn encode(event: &Durable) -> Record {
    let value = to_value(event);
    let kind = value.pointer("/what/kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    Record { kind, subject: subject(&event.what), version: EVENT_VERSION, body: bytes(value) }
}

/// Reads an event of any version that was ever written.
pub fn decode(version: u16, body: &[u8]) -> Result<Durable, BadRecord> {
    let shape = |error: serde_json::Error| BadRecord::Shape(error.to_string());
    let value: Value = serde_json::from_slice(body).map_err(shape)?;
    serde_json::from_value(upgrade(version, value)?).map_err(shape)
}

/// Canonical JSON of a value: equal values are equal bytes.
pub fn canonical(value: &impl Serialize) -> Vec<u8> {
    bytes(to_value(value))
}

fn to_value(value: &impl Serialize) -> Value {
    serde_json::to_value(value)
        .expect("events and states have texts as keys and write themselves without failing")
}

fn bytes(value: Value) -> Vec<u8> {
    sorted(value).to_string().into_bytes()
}

/// Sorted here, because whether a map keeps its order is a build feature of another crate.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().collect();
            entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(entries.into_iter().map(|(key, value)| (key, sorted(value))).collect::<Map<_, _>>())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// Brings a body of an earlier version to the present one, version by version.
fn upgrade(version: u16, mut value: Value) -> Result<Value, BadRecord> {
    if version == 0 || version > EVENT_VERSION {
        return Err(BadRecord::Version(version));
    }
    if version < 2 {
        bursts_to_pairs(&mut value);
    }
    Ok(value)
}

/// Version 1 wrote bursts as an object; its keys, being texts, could not be read back.
fn bursts_to_pairs(value: &mut Value) {
    for way in ["to_venue", "from_venue"] {
        let bursts = value.pointer_mut(&format!("/what/observation/fact/outcome/measured/{way}/bursts"));
        let Some(bursts) = bursts else { continue };
        if let Value::Object(map) = bursts {
            let pair = |(run, count): (&String, &Value)| {
                run.parse::<u32>().ok().map(|run| Value::Array(vec![run.into(), count.clone()]))
            };
            let pairs = map.iter().filter_map(pair).collect();
            *bursts = Value::Array(pairs);
        }
    }
}

fn subject(what: &What) -> String {
    let round = |id: &RoundId| format!("round {id}");
    let cell = |id: &RoundId, key: &dyn fmt::Display| format!("round {id} {key}");
    let mut subject = match what {
        What::Started { .. } | What::Gap { .. } => "controller".to_owned(),
        What::InventoryChanged { .. } => "inventory".to_owned(),
        What::RoundOpened { round: id, meeting, .. } => format!("round {id} meeting {meeting}"),
        What::RetestAsked { round: id, .. } => round(id),
        What::CheckJudged { round: id, judgement } => cell(id, &judgement.key),
        What::CheckWaived { round: id, key, .. } => cell(id, key),
        What::RoomRecorded { round: id, venue, item, .. } => {
            format!("round {id} {venue}/room:{}", item.code())
        }
        What::ConfirmRecorded { round: id, venue, item, .. } => {
            format!("round {id} {venue}/confirm:{}", item.code())
        }
        What::CallOrdered { round: id, key, .. } | What::CallEnded { round: id, key, .. } => cell(id, key),
        What::RoundEnded { round: id, .. } | What::SignedOff { round: id, .. } => round(id),
        What::ConsentGiven { venue, .. } => format!("venue {venue}"),
        What::RollCalled { meeting, venue, .. } => format!("meeting {meeting} {venue}"),
        What::FindingRaised { finding, .. }
        | What::FindingWeighed { finding, .. }
        | What::FindingCleared { finding } => finding.to_string(),
        What::CauseFound { cause, .. } | What::CauseParted { cause, .. } => cause.to_string(),
        What::AgentInvited { agent, .. }
        | What::AgentEnrolled { agent, .. }
        | What::AgentRevoked { agent, .. } => {
            format!("agent {agent}")
        }
        What::ActionOrdered { order, .. } => action(&order.key, Some(&order.device)),
        What::ActionReported { report } => action(&report.key, None),
        What::ActionDecided { key, .. } => action(key, None),
        What::ActionFrozen { freeze, .. } | What::ActionThawed { freeze, .. } => {
            format!("interface {} {}", freeze.interface, freeze.version)
        }
        What::EvidenceKept { test, .. } => format!("test {test}"),
        What::AlarmsChanged { alarms, change } => {
            let first = alarms.first().map(ToString::to_string).unwrap_or_default();
            format!("alarm {} {first}", change.code())
        }
        What::FloodChanged { .. } => "alarms".to_owned(),
        What::IncidentOpened { incident, .. } => format!("incident {incident}"),
        What::IncidentChanged { incident, change } => format!("incident {incident} {}", change.code()),
        What::PlanBegun { run, plan, .. } => format!("{} plan {}", named(*run), plan.id),
        What::StepChanged { run, step, change } => format!("{} step {step} {}", named(*run), change.code()),
        What::PlanEnded { run, .. } => named(*run),
        What::PagingChanged { incident, .. } => format!("incident {incident}"),
        What::DutyChanged { change } => match change {
            DutyChange::DigestSent { to } => format!("person {to}"),
            DutyChange::HandedOver { from, to, .. } | DutyChange::TakenOver { from, to } => {
                format!("shift {from} to {to}")
            }
        },
        What::IdentityChanged { subject, .. } => subject.clone(),
    };
    let end = (0..=SUBJECT_BYTES_MAX).rev().find(|at| subject.is_char_boundary(*at)).unwrap_or(0);
    subject.truncate(end);
    subject
}

fn named(run: RunKey) -> String {
    format!("incident {} run {}", run.incident, run.no)
}

fn action(key: &ActionKey, device: Option<&Device>) -> String {
    let device = device.map(|device| format!(" {device}")).unwrap_or_default();
    format!("action {}{device}", key.0)
}

impl fmt::Display for FindingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.rule.code())?;
        match &self.subject {
            Subject::Agent(agent) => write!(f, "agent {agent}"),
            Subject::Resource(resource) => write!(f, "{resource}"),
            Subject::Stream(stream) => write!(f, "stream {stream}"),
            Subject::Device(device) => write!(f, "{device}"),
            Subject::Site(SiteKey { mcu, who: Who::Venue(venue) }) => write!(f, "site {mcu}/{venue}"),
            Subject::Site(SiteKey { mcu, who: Who::Stranger { conference, participant } }) => {
                write!(f, "stranger {mcu}/{conference}/{participant}")
            }
            Subject::Reading(reading) => write!(f, "{}/{}", reading.device, reading.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::actor::Actor;
    use crate::domain::time::Utc;

    #[test]
    fn an_event_is_read_back_as_it_was_written() {
        let what = What::IdentityChanged { what: "user_created".to_owned(), subject: "张".repeat(200) };
        let event = Durable { at: Utc(1_234_567), by: Actor::Vcops, what };
        let record = encode(&event);
        assert_eq!((record.kind.as_str(), record.subject.len()), ("identity_changed", 255));
        assert_eq!(decode(record.version, &record.body), Ok(event));
    }

    #[test]
    fn an_unknown_version_or_shape_is_named() {
        assert_eq!(decode(EVENT_VERSION + 1, b"{}"), Err(BadRecord::Version(EVENT_VERSION + 1)));
        assert_eq!(decode(0, b"{}"), Err(BadRecord::Version(0)));
        assert!(matches!(decode(EVENT_VERSION, b"{}"), Err(BadRecord::Shape(_))));
        assert!(matches!(decode(EVENT_VERSION, b"["), Err(BadRecord::Shape(_))));
    }

    #[test]
    fn canonical_json_has_its_keys_in_order() {
        let value = serde_json::json!({"b": [{"d": 1.5, "c": null}], "a": "会"});
        assert_eq!(String::from_utf8(canonical(&value)).unwrap(), r#"{"a":"会","b":[{"c":null,"d":1.5}]}"#);
    }
}

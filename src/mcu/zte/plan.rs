//! What is sent to a ZTE platform for an action: each step is the very call without its token, `operation JSON`. Pure.

use serde_json::{Value, json};

use super::super::act;
use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::observation::action::{Action, Plan, Refused};
use crate::observation::device::{ConferenceSeen, Medium, SiteSeen, Way};

/// What may be sent to act. The spelling of `boardcast` is the maker's.
const ACTS: [&str; 10] = [
    "connectParticipant",
    "disconnectParticipant",
    "inviteParticipant",
    "muteParticipant",
    "cancelMuteParticipant",
    "quietParticipant",
    "cancelQuietParticipant",
    "boardcastParticipant",
    "setMultiViewNum",
    "transferParticipant",
];

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its operation.
    pub operation: String,
    /// The fields of its request: an object.
    pub fields: Value,
}

impl Step {
    /// A step of a plan as it was written. Nothing but what acts on a running conference is one.
    pub fn read(text: &str) -> Option<Self> {
        let (operation, fields) = text.split_once(' ')?;
        let fields: Value = serde_json::from_str(fields).ok()?;
        let known = ACTS.contains(&operation) && fields.is_object() && names_fit(&fields);
        known.then(|| Self { operation: operation.to_owned(), fields })
    }
}

/// Names become elements, so they are letters only.
fn names_fit(fields: &Value) -> bool {
    let letters = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic());
    match fields {
        Value::Object(all) => all.iter().all(|(name, value)| letters(name) && names_fit(value)),
        Value::Array(all) => all.iter().all(Value::is_string),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

fn step(operation: &str, fields: &Value) -> String {
    format!("{operation} {fields}")
}

/// The requests that name one terminal in a list.
fn listed(operation: &str, conference: &ConferenceRef, participant: &ParticipantRef) -> String {
    let terminals = [participant.as_str()];
    step(operation, &json!({"conferenceIdentifier": conference.as_str(), "terminalIdentifier": terminals}))
}

/// The requests that name one terminal alone.
fn single(operation: &str, conference: &ConferenceRef, participant: &ParticipantRef) -> String {
    let terminal = participant.as_str();
    step(operation, &json!({"conferenceIdentifier": conference.as_str(), "terminalIdentifier": terminal}))
}

/// Describes an action. `seen` must be the conference that is meant, as it was read last.
pub fn plan(action: &Action, seen: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
    let Some(conference) = action.conference() else { return Err(Refused::NotProvided) };
    let site = |participant| act::site(seen, conference, participant);
    let everyone = || act::conference(seen, conference).map(act::all);
    let (touches, steps) = match action {
        Action::Dial { address, name, kbps, via: None, .. } => {
            dial(act::conference(seen, conference)?, address, name, *kbps)?
        }
        Action::Redial { participant, .. } => redial(conference, site(participant)?),
        Action::Disconnect { participant, .. } => (
            vec![site(participant)?.name.clone()],
            vec![listed("disconnectParticipant", conference, participant)],
        ),
        Action::Mute { participant: Some(participant), medium: Medium::Audio, way, on, .. } => {
            (vec![site(participant)?.name.clone()], vec![listed(switch(*way, *on), conference, participant)])
        }
        Action::Broadcast { participant, .. } => {
            site(participant)?;
            (everyone()?, vec![single("boardcastParticipant", conference, participant)])
        }
        Action::Layout { participant: None, layout, .. } => (everyone()?, vec![compose(conference, layout)?]),
        Action::MoveParticipant { participant, to, .. } => {
            act::plain("to", to.as_str())?;
            let fields = json!({"conferenceIdentifier": conference.as_str(),
                "newConferenceIdentifier": to.as_str(), "terminalIdentifier": participant.as_str()});
            (vec![site(participant)?.name.clone()], vec![step("transferParticipant", &fields)])
        }
        Action::Dial { .. }
        | Action::Mute { .. }
        | Action::Layout { .. }
        | Action::KeyFrame { .. }
        | Action::MigrateConference { .. }
        | Action::Drain { .. } => return Err(Refused::NotProvided),
    };
    Ok(act::plan(action, touches, steps))
}

type Sent = (Vec<String>, Vec<String>);

/// A terminal of the list is connected; another is invited, by its IP address or its number. The kind of terminal
/// and of call are left at the platform's default.
fn dial(seen: &ConferenceSeen, address: &str, name: &str, kbps: Option<u32>) -> Result<Sent, Refused> {
    act::plain("address", address)?;
    act::plain("name", name)?;
    if let Some(site) = act::addressed(seen, address) {
        if act::is_up(site) {
            return Err(Refused::CalledAlready);
        }
        return Ok((
            vec![site.name.clone()],
            vec![listed("connectParticipant", &seen.conference, &site.participant)],
        ));
    }
    if kbps.is_some() {
        let why = "the platform's own setting is used".to_owned();
        return Err(Refused::BadValue { field: "kbps".to_owned(), why });
    }
    let place = if address.parse::<std::net::IpAddr>().is_ok() { "ipAddress" } else { "terminalNumber" };
    let fields = json!({"conferenceIdentifier": seen.conference.as_str(),
        "participant": {"terminalName": name, place: address}});
    Ok((vec![name.to_owned()], vec![step("inviteParticipant", &fields)]))
}

fn redial(conference: &ConferenceRef, site: &SiteSeen) -> Sent {
    let mut steps = vec![listed("connectParticipant", conference, &site.participant)];
    if act::is_up(site) {
        steps.insert(0, listed("disconnectParticipant", conference, &site.participant));
    }
    (vec![site.name.clone()], steps)
}

/// Mute 闭音 for what comes from the site, quiet 静音 for what goes to it.
fn switch(way: Way, on: bool) -> &'static str {
    match (way, on) {
        (Way::FromSite, true) => "muteParticipant",
        (Way::FromSite, false) => "cancelMuteParticipant",
        (Way::ToSite, true) => "quietParticipant",
        (Way::ToSite, false) => "cancelQuietParticipant",
    }
}

/// How many pictures, and by which of the platform's layouts if one is named: `4`, `4:1`.
fn compose(conference: &ConferenceRef, text: &str) -> Result<String, Refused> {
    let bad = || Refused::BadValue {
        field: "layout".to_owned(),
        why: "how many pictures, and the number of a layout: 4 or 4:1".to_owned(),
    };
    let (count, layout) = text.split_once(':').unwrap_or((text, "0"));
    let (count, layout): (u8, u8) = (count.parse().map_err(|_| bad())?, layout.parse().map_err(|_| bad())?);
    let fields = json!({"conferenceIdentifier": conference.as_str(), "layout": layout, "multiViewGroupID": 0,
        "multiViewNum": count});
    Ok(step("setMultiViewNum", &fields))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Utc;
    use crate::observation::device::Presence;

    fn seen() -> ConferenceSeen {
        let site = |id: &str, presence| SiteSeen {
            participant: ParticipantRef::new(id),
            name: format!("site {id}"),
            address: Some(format!("0512{id}")),
            presence,
            muted: None,
            redialled_by_platform: false,
            cascade: false,
            probe: false,
            streams: Vec::new(),
        };
        let all = vec![site("31", Presence::Connected), site("32", Presence::Left { cause: String::new() })];
        ConferenceSeen {
            conference: ConferenceRef::new("c-1"),
            name: "例会".into(),
            expected: Some(all.clone()),
            present: vec![all[0].clone()],
            complete: true,
            at: Utc(0),
        }
    }

    fn steps(action: &Action) -> Result<Vec<String>, Refused> {
        plan(action, Some(&seen())).map(|plan| plan.steps)
    }

    fn dial(address: &str) -> Action {
        let (conference, name) = (ConferenceRef::new("c-1"), "A县<1>".to_owned());
        Action::Dial { conference, address: address.into(), name, kbps: None, via: None }
    }

    #[test]
    fn what_is_planned_is_what_is_sent() {
        let redial =
            Action::Redial { conference: ConferenceRef::new("c-1"), participant: ParticipantRef::new("31") };
        let planned = steps(&redial).unwrap();
        assert_eq!(
            planned[0],
            r#"disconnectParticipant {"conferenceIdentifier":"c-1","terminalIdentifier":["31"]}"#
        );
        assert_eq!(
            planned[1],
            r#"connectParticipant {"conferenceIdentifier":"c-1","terminalIdentifier":["31"]}"#
        );
        assert_eq!(steps(&dial("051232")).unwrap()[0].split(' ').next(), Some("connectParticipant"));
        let invited = steps(&dial("10.0.0.8")).unwrap().remove(0);
        assert_eq!(Step::read(&invited).unwrap().fields["participant"]["ipAddress"], "10.0.0.8");
        assert_eq!(steps(&dial("051231")), Err(Refused::CalledAlready));
    }

    #[test]
    fn layouts_are_numbers() {
        let layout = |layout: &str| {
            let conference = ConferenceRef::new("c-1");
            steps(&Action::Layout { conference, participant: None, layout: layout.into() })
        };
        let fields = Step::read(&layout("4:1").unwrap()[0]).unwrap().fields;
        assert_eq!((fields["multiViewNum"].as_u64(), fields["layout"].as_u64()), (Some(4), Some(1)));
        assert!(matches!(layout("grid"), Err(Refused::BadValue { .. })));
    }

    #[test]
    fn nothing_else_is_a_step() {
        for bad in [
            "",
            "endConference {}",
            "muteParticipant []",
            r#"muteParticipant {"a><b":1}"#,
            "muteParticipant {",
        ] {
            assert_eq!(Step::read(bad), None, "{bad}");
        }
    }
}

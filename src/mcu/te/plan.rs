//! What is sent to a Huawei endpoint for an action: each step is the very request without its token, `API JSON`. Pure.

use serde_json::{Value, json};

use super::super::act;
use crate::observation::action::{Action, Plan, Refused};
use crate::observation::device::{ConferenceSeen, Medium, Presence, SiteSeen, Way};

/// What may be sent to act.
const ACTS: [&str; 5] =
    ["WEB_CallNumberAPI", "WEB_HangupCallAPI", "WEB_CancelCallAPI", "WEB_CloseMicAPI", "WEB_OpenMicAPI"];

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The action's name in the interface.
    pub api: String,
    /// Its parameters: an object.
    pub body: Value,
}

impl Step {
    /// A request that only reads.
    pub(super) fn read_only(api: &str) -> Self {
        Self { api: api.to_owned(), body: json!({}) }
    }

    /// A step of a plan as it was written. Nothing but calls, hanging up and the microphone is one.
    pub fn read(text: &str) -> Option<Self> {
        let (api, body) = text.split_once(' ')?;
        let body: Value = serde_json::from_str(body).ok()?;
        (ACTS.contains(&api) && body.is_object()).then(|| Self { api: api.to_owned(), body })
    }
}

/// Describes an action. An endpoint that is idle has no conference to be seen; then a call is planned without one.
pub fn plan(action: &Action, seen: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
    let (touched, step) = match action {
        Action::Dial { address, via: None, .. } => dial(address, seen)?,
        Action::Disconnect { conference, participant } => {
            let site = act::site(seen, conference, participant)?;
            (site.name.clone(), hang_up(site)?)
        }
        // The endpoint is its only site, so all are the same as one.
        Action::Mute { conference, participant, medium: Medium::Audio, way: Way::FromSite, on } => {
            let touched = match participant {
                Some(participant) => act::site(seen, conference, participant)?.name.clone(),
                None => act::conference(seen, conference)?.name.clone(),
            };
            (touched, if *on { "WEB_CloseMicAPI {}" } else { "WEB_OpenMicAPI {}" }.to_owned())
        }
        Action::Dial { .. }
        | Action::Redial { .. }
        | Action::Mute { .. }
        | Action::Layout { .. }
        | Action::Broadcast { .. }
        | Action::KeyFrame { .. }
        | Action::MoveParticipant { .. }
        | Action::MigrateConference { .. }
        | Action::Drain { .. } => return Err(Refused::NotProvided),
    };
    let mut plan = act::plan(action, vec![touched], vec![step]);
    plan.preconditions = preconditions(action);
    Ok(plan)
}

fn dial(address: &str, seen: Option<&ConferenceSeen>) -> Result<(String, String), Refused> {
    act::plain("address", address)?;
    if seen.is_some_and(|seen| seen.present.iter().any(act::is_up)) {
        return Err(Refused::CalledAlready);
    }
    let touched = seen.map_or_else(|| address.to_owned(), |seen| seen.name.clone());
    Ok((touched, format!("WEB_CallNumberAPI {}", json!({"szNumber": address}))))
}

/// A call that is still being set up is cancelled, another is hung up.
fn hang_up(site: &SiteSeen) -> Result<String, Refused> {
    let handle: i64 = site.participant.as_str().parse().map_err(|_| Refused::BadValue {
        field: "participant".to_owned(),
        why: "not the number of a call".to_owned(),
    })?;
    let calling = site.presence == Presence::Calling;
    let api = if calling { "WEB_CancelCallAPI" } else { "WEB_HangupCallAPI" };
    Ok(format!("{api} {}", json!({"ucSiteHandle": handle})))
}

fn preconditions(action: &Action) -> Vec<(String, String)> {
    if matches!(action, Action::Dial { .. }) {
        return vec![
            ("终端空闲".to_owned(), "the endpoint is idle".to_owned()),
            ("呼叫速率按终端自身设置".to_owned(), "the rate is the endpoint's own setting".to_owned()),
        ];
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mcu::{ConferenceRef, ParticipantRef};
    use crate::domain::time::Utc;

    fn seen(presence: Presence) -> ConferenceSeen {
        let site = SiteSeen {
            participant: ParticipantRef::new("1"),
            name: "Huawei TE20 10.0.0.9".into(),
            address: None,
            presence,
            muted: None,
            redialled_by_platform: false,
            cascade: false,
            probe: false,
            streams: Vec::new(),
        };
        ConferenceSeen {
            conference: ConferenceRef::new(super::super::OWN_CALL),
            name: site.name.clone(),
            expected: None,
            present: vec![site],
            complete: true,
            at: Utc(0),
        }
    }

    fn hang_up_planned(presence: Presence) -> String {
        let action = Action::Disconnect {
            conference: ConferenceRef::new(super::super::OWN_CALL),
            participant: ParticipantRef::new("1"),
        };
        plan(&action, Some(&seen(presence))).unwrap().steps.remove(0)
    }

    #[test]
    fn a_call_that_is_being_set_up_is_cancelled_and_another_hung_up() {
        assert_eq!(hang_up_planned(Presence::Calling), r#"WEB_CancelCallAPI {"ucSiteHandle":1}"#);
        assert_eq!(hang_up_planned(Presence::Connected), r#"WEB_HangupCallAPI {"ucSiteHandle":1}"#);
    }

    #[test]
    fn only_an_idle_endpoint_calls() {
        let dial = Action::Dial {
            conference: ConferenceRef::new("any"),
            address: "9001#10.0.0.1".into(),
            name: "x".into(),
            kbps: None,
            via: None,
        };
        assert_eq!(plan(&dial, Some(&seen(Presence::Connected))), Err(Refused::CalledAlready));
        let step = plan(&dial, None).unwrap().steps.remove(0);
        assert_eq!(step, r##"WEB_CallNumberAPI {"szNumber":"9001#10.0.0.1"}"##);
        assert_eq!(Step::read(&step).unwrap().api, "WEB_CallNumberAPI");
    }

    #[test]
    fn nothing_else_is_a_step() {
        for bad in ["", "WEB_CallNumberAPI", "WEB_RebootAPI {}", "WEB_CloseMicAPI []", "WEB_CloseMicAPI {"] {
            assert_eq!(Step::read(bad), None, "{bad}");
        }
    }
}

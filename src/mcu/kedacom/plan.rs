//! What is sent to a Kedacom platform for an action: each step is the very request, `METHOD path JSON`. Pure.

use reqwest::Method;
use serde_json::{Value, json};

use super::super::act;
use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::observation::action::{Action, Plan, Refused};
use crate::observation::device::{ConferenceSeen, Medium, SiteSeen, Way};

/// Where everything about running conferences lies.
const CONFERENCES: &str = "api/v1/vc/confs";

/// One request of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// POST, PUT or DELETE.
    pub method: Method,
    /// Below the platform's address.
    pub path: String,
    /// What the form's `params` carry.
    pub params: Value,
}

impl Step {
    /// A step of a plan as it was written. Nothing but requests about running conferences is one.
    pub fn read(text: &str) -> Option<Self> {
        let (method, rest) = text.split_once(' ')?;
        let (path, params) = rest.split_once(' ')?;
        let method =
            [Method::POST, Method::PUT, Method::DELETE].into_iter().find(|known| *known == method)?;
        let below = path.strip_prefix(CONFERENCES)?.strip_prefix('/')?;
        let fits = below.split('/').all(|part| act::name_in_path("path", part).is_ok());
        let params = serde_json::from_str(params).ok()?;
        fits.then(|| Self { method, path: path.to_owned(), params })
    }
}

fn step(method: &Method, conference: &ConferenceRef, rest: &str, params: &Value) -> String {
    format!("{method} {CONFERENCES}/{conference}/{rest} {params}")
}

/// Describes an action. `seen` must be the conference that is meant, as it was read last.
pub fn plan(action: &Action, seen: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
    let Some(conference) = action.conference() else { return Err(Refused::NotProvided) };
    act::name_in_path("conference", conference.as_str())?;
    let one = |participant: &ParticipantRef| {
        act::name_in_path("participant", participant.as_str())?;
        act::site(seen, conference, participant)
    };
    let (touches, steps) = match action {
        Action::Dial { address, kbps, via: None, .. } => {
            dial(act::conference(seen, conference)?, address, *kbps)?
        }
        Action::Redial { participant, .. } => redial(conference, one(participant)?)?,
        Action::Disconnect { participant, .. } => {
            let site = one(participant)?;
            (vec![site.name.clone()], vec![hang_up(conference, participant)])
        }
        Action::Mute { participant: Some(participant), medium, way, on, .. } => {
            let rest = format!("mts/{participant}/{}", switch(*medium, *way)?);
            (vec![one(participant)?.name.clone()], vec![set(conference, &rest, *on)])
        }
        Action::Mute { participant: None, medium, way, on, .. } => {
            let touched = act::all(act::conference(seen, conference)?);
            (touched, vec![set(conference, switch(*medium, *way)?, *on)])
        }
        Action::Layout { participant: None, layout, .. } => {
            (act::all(act::conference(seen, conference)?), vec![compose(conference, layout)?])
        }
        Action::Broadcast { participant, .. } => {
            one(participant)?;
            let params = json!({"mt_id": participant.as_str(), "force_broadcast": 1});
            (
                act::all(act::conference(seen, conference)?),
                vec![step(&Method::PUT, conference, "speaker", &params)],
            )
        }
        Action::Dial { .. }
        | Action::Layout { .. }
        | Action::KeyFrame { .. }
        | Action::MoveParticipant { .. }
        | Action::MigrateConference { .. }
        | Action::Drain { .. } => return Err(Refused::NotProvided),
    };
    let mut plan = act::plan(action, touches, steps);
    plan.preconditions = preconditions(action);
    Ok(plan)
}

type Sent = (Vec<String>, Vec<String>);

/// A terminal of the list is called; another is added to it, which calls it once.
fn dial(seen: &ConferenceSeen, address: &str, kbps: Option<u32>) -> Result<Sent, Refused> {
    act::plain("address", address)?;
    let Some(site) = act::addressed(seen, address) else {
        let mut terminal = json!({"account": address, "account_type": account_type(address)?});
        if let Some(kbps) = kbps {
            terminal["bitrate"] = kbps.into();
        }
        let added = step(&Method::POST, &seen.conference, "mts", &json!({"mts": [terminal]}));
        return Ok((vec![address.to_owned()], vec![added]));
    };
    act::name_in_path("participant", site.participant.as_str())?;
    if act::is_up(site) || site.redialled_by_platform {
        return Err(Refused::CalledAlready);
    }
    Ok((vec![site.name.clone()], vec![call(&seen.conference, &site.participant)]))
}

/// The kinds of account of 批量添加终端: 5 an E.164 number, 7 an IP address. Assumed from the document's list.
fn account_type(address: &str) -> Result<u8, Refused> {
    if address.parse::<std::net::IpAddr>().is_ok() {
        return Ok(7);
    }
    if address.chars().all(|c| c.is_ascii_digit()) {
        return Ok(5);
    }
    let why = "an IP address or a number of digits".to_owned();
    Err(Refused::BadValue { field: "address".to_owned(), why })
}

/// One that is there is hung up first. One that the platform calls by itself is left to it.
fn redial(conference: &ConferenceRef, site: &SiteSeen) -> Result<Sent, Refused> {
    let mut steps = vec![call(conference, &site.participant)];
    if act::is_up(site) {
        steps.insert(0, hang_up(conference, &site.participant));
    } else if site.redialled_by_platform {
        return Err(Refused::CalledAlready);
    }
    Ok((vec![site.name.clone()], steps))
}

fn call(conference: &ConferenceRef, participant: &ParticipantRef) -> String {
    let params = json!({"mts": [{"mt_id": participant.as_str(), "forced_call": 0}]});
    step(&Method::POST, conference, "online_mts", &params)
}

fn hang_up(conference: &ConferenceRef, participant: &ParticipantRef) -> String {
    let params = json!({"mts": [{"mt_id": participant.as_str()}]});
    step(&Method::DELETE, conference, "online_mts", &params)
}

/// 哑音 for what comes from the site, 静音 for what goes to it. Pictures cannot be muted.
fn switch(medium: Medium, way: Way) -> Result<&'static str, Refused> {
    match (medium, way) {
        (Medium::Audio, Way::FromSite) => Ok("mute"),
        (Medium::Audio, Way::ToSite) => Ok("silence"),
        (Medium::Video | Medium::Content, _) => Err(Refused::NotProvided),
    }
}

fn set(conference: &ConferenceRef, rest: &str, on: bool) -> String {
    step(&Method::PUT, conference, rest, &json!({"value": u8::from(on)}))
}

/// An automatic composition (mode 2, assumed) with the platform's number of a layout.
fn compose(conference: &ConferenceRef, layout: &str) -> Result<String, Refused> {
    let number: u8 = layout.parse().map_err(|_| Refused::BadValue {
        field: "layout".to_owned(),
        why: "the platform's number of a layout, 1 to 255".to_owned(),
    })?;
    Ok(step(&Method::POST, conference, "vmps", &json!({"mode": 2, "layout": number})))
}

fn preconditions(action: &Action) -> Vec<(String, String)> {
    let both = |zh: &str, en: &str| vec![(zh.to_owned(), en.to_owned())];
    match action {
        Action::Redial { .. } => {
            both("会场仍在会议终端列表中", "the site is still in the conference's list of terminals")
        }
        Action::Disconnect { .. } => both(
            "该会场未设为平台自动呼叫,否则会被再次呼叫",
            "the platform does not call the site by itself, or it calls again",
        ),
        Action::Dial { .. }
        | Action::Mute { .. }
        | Action::Layout { .. }
        | Action::Broadcast { .. }
        | Action::KeyFrame { .. }
        | Action::MoveParticipant { .. }
        | Action::MigrateConference { .. }
        | Action::Drain { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Utc;
    use crate::observation::device::Presence;

    fn site(id: &str, presence: Presence, by_platform: bool) -> SiteSeen {
        SiteSeen {
            participant: ParticipantRef::new(id),
            name: format!("site {id}"),
            address: Some(format!("10.0.0.{id}")),
            presence,
            muted: None,
            redialled_by_platform: by_platform,
            cascade: false,
            probe: false,
            streams: Vec::new(),
        }
    }

    fn seen() -> ConferenceSeen {
        let left = || Presence::Left { cause: String::new() };
        let all =
            vec![site("1", Presence::Connected, true), site("2", left(), false), site("3", left(), true)];
        ConferenceSeen {
            conference: ConferenceRef::new("77"),
            name: "全市例会".into(),
            expected: Some(all.clone()),
            present: vec![all[0].clone()],
            complete: true,
            at: Utc(0),
        }
    }

    fn redial(id: &str) -> Action {
        Action::Redial { conference: ConferenceRef::new("77"), participant: ParticipantRef::new(id) }
    }

    fn dial(address: &str) -> Action {
        Action::Dial {
            conference: ConferenceRef::new("77"),
            address: address.into(),
            name: "x".into(),
            kbps: Some(1920),
            via: None,
        }
    }

    fn steps(action: &Action) -> Result<Vec<String>, Refused> {
        plan(action, Some(&seen())).map(|plan| plan.steps)
    }

    #[test]
    fn what_is_planned_is_what_is_sent() {
        let hang_up = r#"DELETE api/v1/vc/confs/77/online_mts {"mts":[{"mt_id":"1"}]}"#;
        let call = |id: &str| {
            format!(r#"POST api/v1/vc/confs/77/online_mts {{"mts":[{{"forced_call":0,"mt_id":"{id}"}}]}}"#)
        };
        assert_eq!(steps(&redial("1")).unwrap(), [hang_up.to_owned(), call("1")]);
        assert_eq!(steps(&redial("2")).unwrap(), [call("2")]);
        assert_eq!(steps(&dial("10.0.0.2")).unwrap(), [call("2")]);
        let added =
            r#"POST api/v1/vc/confs/77/mts {"mts":[{"account":"051299","account_type":5,"bitrate":1920}]}"#;
        assert_eq!(steps(&dial("051299")).unwrap(), [added]);
        let read = Step::read(added).unwrap();
        assert_eq!((read.method, read.path.as_str()), (Method::POST, "api/v1/vc/confs/77/mts"));
        assert_eq!(read.params["mts"][0]["account"], "051299");
    }

    #[test]
    fn a_site_that_the_platform_calls_by_itself_is_left_to_it() {
        assert_eq!(steps(&redial("3")), Err(Refused::CalledAlready));
        assert_eq!(steps(&dial("10.0.0.3")), Err(Refused::CalledAlready));
        assert_eq!(steps(&dial("10.0.0.1")), Err(Refused::CalledAlready));
    }

    #[test]
    fn what_does_not_exist_or_cannot_be_sent_is_refused() {
        assert!(matches!(steps(&redial("9")), Err(Refused::NoSuchParticipant { .. })));
        assert!(matches!(steps(&redial("../1")), Err(Refused::BadValue { .. })));
        assert!(matches!(steps(&dial("sip:a@b")), Err(Refused::BadValue { .. })));
        assert!(matches!(plan(&redial("1"), None), Err(Refused::NoSuchConference { .. })));
        let key =
            Action::KeyFrame { conference: ConferenceRef::new("77"), participant: ParticipantRef::new("1") };
        assert_eq!(steps(&key), Err(Refused::NotProvided));
        for bad in [
            "",
            "POST",
            "POST api/v1/system/login {}",
            "POST api/v1/vc/confs/../x {}",
            "GET api/v1/vc/confs/1 {}",
        ] {
            assert_eq!(Step::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn mute_tells_the_two_directions_apart() {
        let mute = |way, on| {
            let (conference, participant) = (ConferenceRef::new("77"), Some(ParticipantRef::new("1")));
            steps(&Action::Mute { conference, participant, medium: Medium::Audio, way, on })
                .unwrap()
                .remove(0)
        };
        assert_eq!(mute(Way::FromSite, true), r#"PUT api/v1/vc/confs/77/mts/1/mute {"value":1}"#);
        assert_eq!(mute(Way::ToSite, false), r#"PUT api/v1/vc/confs/77/mts/1/silence {"value":0}"#);
    }
}

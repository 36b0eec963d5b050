//! What an action becomes on an SMC 3.0: the requests, whom they touch, what must hold. Pure.
//!
//! Sites and conferences are told what they are to be (`isOnline`, `isMute`, …), so the same request twice is the
//! same as once.

use reqwest::Method;
use serde_json::{Value, json};

use super::portal::Request;
use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::mcu::act;
use crate::observation::action::{Action, Does, Looked, Plan, Refused};
use crate::observation::device::{ConferenceSeen, Medium, SiteSeen, Way};

/// What an SMC can be told.
///
/// Not among it: moving a conference to another node. Its address is known (`POST /online/conferences/{id}/migrate`)
/// and its body is not, and to guess a body that moves a whole conference would be reckless. Nor a key frame, moving
/// one site, or taking no new calls, for which the interface has nothing.
pub(super) const DOES: [Does; 6] =
    [Does::Dial, Does::Redial, Does::Disconnect, Does::Mute, Does::Layout, Does::Broadcast];

/// Most cells of a layout.
const CELLS_MAX: usize = 25;

/// Plans an action. `seen` is the conference as it was read last.
pub(super) fn plan(action: &Action, seen: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
    if let Some(conference) = action.conference() {
        act::name_in_path("conference", conference.as_str())?;
    }
    match action {
        Action::Dial { conference, via: None, .. } => dial(action, act::conference(seen, conference)?),
        Action::Redial { conference, participant } => {
            let site = site(seen, conference, participant)?;
            let online = |on| patch_site(conference, participant, &json!({ "isOnline": on }));
            let steps = if act::is_up(site) { vec![online(false), online(true)] } else { vec![online(true)] };
            Ok(planned(action, vec![site.name.clone()], &steps))
        }
        Action::Disconnect { conference, participant } => {
            let site = site(seen, conference, participant)?;
            let step = patch_site(conference, participant, &json!({ "isOnline": false }));
            let mut plan = planned(action, vec![site.name.clone()], &[step]);
            let back = Action::Redial { conference: conference.clone(), participant: participant.clone() };
            plan.undone_by = Some(back);
            Ok(plan)
        }
        Action::Mute { conference, participant, medium, way, on } => {
            let what = switch(*medium, *way, participant.is_none())?;
            let body = json!({ what: on });
            match participant {
                Some(participant) => {
                    let site = site(seen, conference, participant)?;
                    let step = patch_site(conference, participant, &body);
                    Ok(planned(action, vec![site.name.clone()], &[step]))
                }
                None => for_all(action, seen, &body),
            }
        }
        Action::Layout { conference, participant, layout } => {
            let body = json!({ "multiPicInfo": picture(act::conference(seen, conference)?, layout)? });
            match participant {
                Some(participant) => {
                    let site = site(seen, conference, participant)?;
                    let step = patch_site(conference, participant, &body);
                    Ok(planned(action, vec![site.name.clone()], &[step]))
                }
                None => for_all(action, seen, &body),
            }
        }
        Action::Broadcast { conference, participant } => {
            site(seen, conference, participant)?;
            for_all(action, seen, &json!({ "broadcaster": participant.as_str() }))
        }
        Action::Dial { via: Some(_), .. }
        | Action::KeyFrame { .. }
        | Action::MoveParticipant { .. }
        | Action::MigrateConference { .. }
        | Action::Drain { .. } => Err(Refused::NotProvided),
    }
}

/// A site that belongs to the conference already is called; another is added, and the SMC calls whom it adds.
fn dial(action: &Action, seen: &ConferenceSeen) -> Result<Plan, Refused> {
    let Action::Dial { conference, address, name, kbps, .. } = action else {
        return Err(Refused::NotProvided);
    };
    act::plain("address", address)?;
    act::plain("name", name)?;
    let step = match known(seen, address) {
        Some(site) if act::is_up(site) => return Err(Refused::CalledAlready),
        Some(site) => {
            act::name_in_path("participant", site.participant.as_str())?;
            patch_site(conference, &site.participant, &json!({ "isOnline": true }))
        }
        None => {
            let (protocol, uri) = callee(address);
            let mut site = json!({ "name": name, "uri": uri, "ipProtocolType": protocol });
            if let Some(kbps) = kbps {
                site["rate"] = json!(kbps);
            }
            let path = format!("online/conferences/{conference}/participants");
            Request::with(Method::POST, path, json!([site]))
        }
    };
    let mut plan = planned(action, vec![name.clone()], &[step]);
    plan.preconditions = vec![(
        "该地址不在会中，也不在呼叫中".to_owned(),
        "The address is neither in the conference nor being called".to_owned(),
    )];
    Ok(plan)
}

fn known<'a>(seen: &'a ConferenceSeen, address: &str) -> Option<&'a SiteSeen> {
    act::addressed(seen, address).or_else(|| act::addressed(seen, callee(address).1))
}

/// The protocol and the address without it.
fn callee(address: &str) -> (&'static str, &str) {
    match address.split_once(':') {
        Some(("h323", rest)) => ("H323", rest),
        Some(("sip" | "sips", rest)) => ("SIP", rest),
        Some(_) | None => ("SIP", address),
    }
}

/// Which switch mutes a medium one way. `isMute` is the microphone, `isQuiet` the loudspeaker.
fn switch(medium: Medium, way: Way, all: bool) -> Result<&'static str, Refused> {
    match (medium, way) {
        (Medium::Audio, Way::FromSite) => Ok("isMute"),
        (Medium::Audio, Way::ToSite) => Ok("isQuiet"),
        (Medium::Video, Way::FromSite) if !all => Ok("isVideoMute"),
        (Medium::Video | Medium::Content, Way::FromSite | Way::ToSite) => Err(Refused::NotProvided),
    }
}

/// A layout is its number of cells and, after a stroke, its mode: `4`, `4/1`. The sites that are there fill the cells
/// in the order of the roster, and cells that are left stay empty.
fn picture(seen: &ConferenceSeen, layout: &str) -> Result<Value, Refused> {
    let bad = || Refused::BadValue {
        field: "layout".into(),
        why: format!("cells and mode, such as 4/1, at most {CELLS_MAX} cells"),
    };
    let (cells, mode) = layout.split_once('/').unwrap_or((layout, "1"));
    let cells: usize = cells.parse().map_err(|_| bad())?;
    let mode: u8 = mode.parse().map_err(|_| bad())?;
    if cells == 0 || cells > CELLS_MAX {
        return Err(bad());
    }
    let mut sites = seen.present.iter().filter(|site| !site.cascade).map(|site| site.participant.as_str());
    let cell = |_| json!({ "participantId": sites.next().unwrap_or_default(), "streamNumber": 0 });
    let filled: Vec<Value> = (0..cells).map(cell).collect();
    Ok(json!({ "picNum": cells, "mode": mode, "subPicList": filled }))
}

fn site<'a>(
    seen: Option<&'a ConferenceSeen>,
    conference: &ConferenceRef,
    participant: &ParticipantRef,
) -> Result<&'a SiteSeen, Refused> {
    let site = act::site(seen, conference, participant)?;
    act::name_in_path("participant", participant.as_str())?;
    Ok(site)
}

fn for_all(action: &Action, seen: Option<&ConferenceSeen>, body: &Value) -> Result<Plan, Refused> {
    let conference = action.conference().ok_or(Refused::NotProvided)?;
    let touches = act::all(act::conference(seen, conference)?);
    let path = format!("online/conferences/{conference}/status");
    Ok(planned(action, touches, &[Request::with(Method::PATCH, path, body.clone())]))
}

fn patch_site(conference: &ConferenceRef, participant: &ParticipantRef, body: &Value) -> Request {
    let path = format!("online/conferences/{conference}/participants/{participant}/status");
    Request::with(Method::PATCH, path, body.clone())
}

fn planned(action: &Action, touches: Vec<String>, steps: &[Request]) -> Plan {
    act::plan(action, touches, steps.iter().map(step).collect())
}

fn step(request: &Request) -> String {
    let body = request.body.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{} /conf-portal/{} {body}", request.method, request.path)
}

/// The request of a step of ours. `None` for what is none.
pub(super) fn from_step(step: &str) -> Option<Request> {
    let (method, rest) = step.split_once(' ')?;
    let (path, body) = rest.split_once(' ')?;
    let path = path.strip_prefix("/conf-portal/online/conferences/")?;
    let method = match method {
        "PATCH" => Method::PATCH,
        "POST" => Method::POST,
        _ => return None,
    };
    let body = serde_json::from_str(body).ok()?;
    Some(Request::with(method, format!("online/conferences/{path}"), body))
}

/// Whether an action has happened, by a roster that was read anew after it, and by which site is shown to all. What
/// a redial or a layout left behind looks the same as what was there before.
pub(super) fn looked(action: &Action, seen: &ConferenceSeen, shown: Option<&ParticipantRef>) -> Looked {
    let find = |participant: &ParticipantRef| {
        let mut sites = seen.present.iter().chain(seen.expected.iter().flatten());
        sites.find(|site| site.participant == *participant)
    };
    let told = |happened: Option<bool>| match happened {
        Some(true) => Looked::Happened,
        Some(false) if seen.complete => Looked::DidNot,
        Some(false) | None => Looked::CannotTell,
    };
    match action {
        Action::Dial { address, .. } => told(Some(known(seen, address).is_some_and(act::is_up))),
        Action::Disconnect { participant, .. } => told(find(participant).map(|site| !act::is_up(site))),
        Action::Mute {
            participant: Some(participant),
            medium: Medium::Audio,
            way: Way::FromSite,
            on,
            ..
        } => told(find(participant).and_then(|site| site.muted).map(|muted| muted == *on)),
        Action::Broadcast { participant, .. } => told(Some(shown == Some(participant))),
        Action::Mute { .. }
        | Action::Redial { .. }
        | Action::Layout { .. }
        | Action::KeyFrame { .. }
        | Action::MoveParticipant { .. }
        | Action::MigrateConference { .. }
        | Action::Drain { .. } => Looked::CannotTell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_microphone_is_from_the_site_and_a_loudspeaker_to_it() {
        assert_eq!(switch(Medium::Audio, Way::FromSite, false), Ok("isMute"));
        assert_eq!(switch(Medium::Audio, Way::ToSite, true), Ok("isQuiet"));
        assert_eq!(switch(Medium::Video, Way::FromSite, false), Ok("isVideoMute"));
        assert_eq!(switch(Medium::Video, Way::FromSite, true), Err(Refused::NotProvided));
        assert_eq!(switch(Medium::Video, Way::ToSite, false), Err(Refused::NotProvided));
    }

    #[test]
    fn a_step_is_the_request_and_nothing_else_is_one() {
        let conference = ConferenceRef::new("c-1");
        let request = patch_site(&conference, &ParticipantRef::new("p-1"), &json!({ "isMute": true }));
        assert_eq!(from_step(&step(&request)), Some(request));
        for other in ["DELETE /conf-portal/online/conferences/c-1 {}", "PATCH /sys-portal/x {}", "PATCH", ""]
        {
            assert_eq!(from_step(other), None, "{other}");
        }
    }
}

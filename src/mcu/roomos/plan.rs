//! What is sent to a RoomOS endpoint for an action: each step is the very command as XML. Pure.

use super::super::act;
use super::super::xml::{self, escaped};
use crate::observation::action::{Action, Plan, Refused};
use crate::observation::device::{ConferenceSeen, Medium, SiteSeen, Way};

/// A step of a plan, if it is a command that calls, hangs up or mutes; nothing else is sent.
pub fn is_step(text: &str) -> bool {
    let Ok(root) = xml::parse(text.as_bytes()) else { return false };
    let known = |child: &xml::Element| {
        let call = child.is("Dial") || (child.is("Call") && child.child("Disconnect").is_some());
        call || (child.is("Audio") && child.child("Microphones").is_some())
    };
    root.is("Command") && root.children.len() == 1 && root.children.iter().all(known)
}

/// Describes an action. An endpoint that is idle has no conference to be seen; then a call is planned without one.
pub fn plan(action: &Action, seen: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
    let (touched, steps) = match action {
        Action::Dial { address, kbps, via: None, .. } => {
            let touched = seen.map_or_else(|| address.clone(), |seen| seen.name.clone());
            (touched, vec![dial(address, *kbps)?])
        }
        Action::Disconnect { conference, participant } => {
            let site = act::site(seen, conference, participant)?;
            (site.name.clone(), vec![hang_up(site)?])
        }
        Action::Redial { conference, participant } => redial(act::site(seen, conference, participant)?)?,
        // The endpoint is its only site, so all are the same as one.
        Action::Mute { conference, participant, medium: Medium::Audio, way: Way::FromSite, on } => {
            let touched = match participant {
                Some(participant) => act::site(seen, conference, participant)?.name.clone(),
                None => act::conference(seen, conference)?.name.clone(),
            };
            (touched, vec![microphones(*on)])
        }
        Action::Dial { .. }
        | Action::Mute { .. }
        | Action::Layout { .. }
        | Action::Broadcast { .. }
        | Action::KeyFrame { .. }
        | Action::MoveParticipant { .. }
        | Action::MigrateConference { .. }
        | Action::Drain { .. } => return Err(Refused::NotProvided),
    };
    Ok(act::plan(action, vec![touched], steps))
}

/// The protocol is told where the address tells it; else the endpoint chooses.
fn dial(address: &str, kbps: Option<u32>) -> Result<String, Refused> {
    act::plain("address", address)?;
    let lower = address.to_ascii_lowercase();
    let protocol = match lower.split_once(':') {
        Some(("sip" | "sips", _)) => "<Protocol>SIP</Protocol>",
        Some(("h323", _)) => "<Protocol>H323</Protocol>",
        Some(_) | None => "",
    };
    let rate = kbps.map(|kbps| format!("<CallRate>{kbps}</CallRate>")).unwrap_or_default();
    let number = escaped(address);
    Ok(format!("<Command><Dial><Number>{number}</Number>{protocol}{rate}</Dial></Command>"))
}

fn hang_up(site: &SiteSeen) -> Result<String, Refused> {
    let call: u32 = site.participant.as_str().parse().map_err(|_| Refused::BadValue {
        field: "participant".to_owned(),
        why: "not the number of a call".to_owned(),
    })?;
    Ok(format!("<Command><Call><Disconnect><CallId>{call}</CallId></Disconnect></Call></Command>"))
}

/// The same far side is called again, so it must be known.
fn redial(site: &SiteSeen) -> Result<(String, Vec<String>), Refused> {
    let address = site.address.as_deref().ok_or_else(|| Refused::BadValue {
        field: "participant".to_owned(),
        why: "the endpoint does not tell whom it has called".to_owned(),
    })?;
    Ok((site.name.clone(), vec![hang_up(site)?, dial(address, None)?]))
}

fn microphones(mute: bool) -> String {
    let verb = if mute { "Mute" } else { "Unmute" };
    format!("<Command><Audio><Microphones><{verb}/></Microphones></Audio></Command>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mcu::{ConferenceRef, ParticipantRef};
    use crate::domain::time::Utc;
    use crate::observation::device::Presence;

    fn seen(address: Option<&str>) -> ConferenceSeen {
        let site = SiteSeen {
            participant: ParticipantRef::new("5"),
            name: "A县会议室".into(),
            address: address.map(str::to_owned),
            presence: Presence::Connected,
            muted: None,
            redialled_by_platform: false,
            cascade: false,
            probe: false,
            streams: Vec::new(),
        };
        ConferenceSeen {
            conference: ConferenceRef::new("5"),
            name: "全市例会".into(),
            expected: None,
            present: vec![site],
            complete: true,
            at: Utc(0),
        }
    }

    fn dialled(address: &str, kbps: Option<u32>) -> Result<String, Refused> {
        let (conference, name) = (ConferenceRef::new("any"), "x".to_owned());
        let action = Action::Dial { conference, address: address.into(), name, kbps, via: None };
        plan(&action, None).map(|plan| plan.steps[0].clone())
    }

    #[test]
    fn what_is_planned_is_what_is_sent() {
        assert_eq!(
            dialled("sip:9001@10.0.0.1", Some(1920)).unwrap(),
            "<Command><Dial><Number>sip:9001@10.0.0.1</Number><Protocol>SIP</Protocol><CallRate>1920</CallRate></Dial></Command>"
        );
        assert_eq!(dialled("9001", None).unwrap(), "<Command><Dial><Number>9001</Number></Dial></Command>");
        let odd = dialled("a</Number><X>&", None).unwrap();
        assert!(is_step(&odd) && odd.contains("a&lt;/Number&gt;"), "{odd}");
        assert!(dialled("sip:a\r\n@b", None).is_err());
        let redial =
            Action::Redial { conference: ConferenceRef::new("5"), participant: ParticipantRef::new("5") };
        let steps = plan(&redial, Some(&seen(Some("sip:9001@mcu")))).unwrap().steps;
        assert!(
            steps[0].contains("<CallId>5</CallId>") && steps[1].contains("<Number>sip:9001@mcu</Number>")
        );
        assert!(plan(&redial, Some(&seen(None))).is_err(), "nobody knows whom to call");
    }

    #[test]
    fn nothing_else_is_a_step() {
        let bad = [
            "",
            "<Command/>",
            "<Command><SystemUnit><Boot/></SystemUnit></Command>",
            "<Command><Dial/><SystemUnit><Boot/></SystemUnit></Command>",
            "<Command><Call><Accept/></Call></Command>",
            "<Configuration><Dial/></Configuration>",
        ];
        for text in bad {
            assert!(!is_step(text), "{text}");
        }
    }
}

//! What a Cisco Meeting Server can be told, as the very requests that are sent. Pure; asks and sends nothing.
//!
//! A step is a request word for word (`POST path form`), so that the dry run and what is sent cannot differ. Two words
//! stand for what is known only when it is sent: [`OWNER`], the key of the order, which the bridge gives back when it
//! is asked (`ownerId`), and [`PARTICIPANT`], the participant to whom a leg belongs.

use std::fmt;

use reqwest::Method;
use sha2::{Digest as _, Sha256};
use url::form_urlencoded;

use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::mcu::act;
use crate::observation::action::{Action, ActionKey, Plan, Refused};
use crate::observation::device::{ConferenceSeen, Medium, SiteSeen, Way};

/// Stands for the order's key.
pub const OWNER: &str = "ORDER-KEY";
/// Stands for the participant of the leg in the step.
pub const PARTICIPANT: &str = "PARTICIPANT-OF-";
/// Below the base.
pub const API: &str = "api/v1/";
/// Longest name that the bridge shows, in bytes.
const NAME_BYTES_MAX: usize = 50;
/// The layouts that Cisco documents.
const LAYOUTS: [&str; 13] = [
    "speakerOnly",
    "telepresence",
    "stacked",
    "allEqual",
    "allEqualQuarters",
    "allEqualNinths",
    "allEqualSixteenths",
    "allEqualTwentyFifths",
    "onePlusFive",
    "onePlusSeven",
    "onePlusNine",
    "automatic",
    "onePlusN",
];

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// `POST`, `PUT` or `DELETE`.
    pub method: Method,
    /// Below the base.
    pub path: String,
    /// The form, encoded; empty where there is none.
    pub form: String,
}

impl Step {
    fn new(method: Method, path: String, fields: &[(&str, &str)]) -> Self {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Self { method, path: format!("{API}{path}"), form }
    }

    /// Reads a step of a plan back. Only what this module plans is a step.
    pub fn read(text: &str) -> Option<Self> {
        let (method, rest) = text.split_once(' ')?;
        let (path, form) = rest.split_once(' ').unwrap_or((rest, ""));
        let method = match method {
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "DELETE" => Method::DELETE,
            _ => return None,
        };
        let inside = path.strip_prefix(API)?;
        let told = inside.starts_with("calls/") || inside.starts_with("callLegs/");
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '*');
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.*+%&=".contains(c);
        let fine = told && inside.chars().all(fits) && form.chars().all(plain);
        fine.then(|| Self { method, path: path.to_owned(), form: form.to_owned() })
    }

    /// A field of the form.
    pub fn field(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.form.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The address that it calls, if it calls one.
    pub fn calls(&self) -> Option<String> {
        if self.method == Method::POST { self.field("remoteParty") } else { None }
    }

    /// The leg whose participant must be found before it can be sent.
    pub fn moves(&self) -> Option<String> {
        let moved = self.field("movedParticipant")?;
        moved.strip_prefix(PARTICIPANT).map(str::to_owned)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        if self.form.is_empty() { Ok(()) } else { write!(f, " {}", self.form) }
    }
}

/// The key of an order as the bridge wants it: in the form of a GUID, always the same for the same order.
pub fn owner(key: &ActionKey) -> String {
    let digest = hex::encode(Sha256::digest(key.0.as_bytes()));
    let parts = [&digest[..8], &digest[8..12], &digest[12..16], &digest[16..20], &digest[20..32]];
    parts.join("-")
}

/// Plans an action.
pub fn plan(action: &Action, seen: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
    match action {
        Action::Dial { .. } => dial(action, seen),
        Action::Redial { conference, participant } => redial(action, seen, conference, participant),
        Action::Disconnect { conference, participant } => {
            let site = leg(seen, conference, participant)?;
            Ok(finished(action, vec![site.name.clone()], &[hang_up(participant)]))
        }
        Action::Mute { conference, participant, medium, way, on } => {
            let field = (mute_field(*medium, *way).ok_or(Refused::NotProvided)?, truth(*on));
            change(action, seen, (conference, participant.as_ref()), field)
        }
        Action::Layout { conference, participant, layout } => {
            if !LAYOUTS.contains(&layout.as_str()) {
                return Err(Refused::BadValue { field: "layout".to_owned(), why: LAYOUTS.join(", ") });
            }
            let name = if participant.is_some() { "chosenLayout" } else { "layout" };
            change(action, seen, (conference, participant.as_ref()), (name, layout))
        }
        Action::KeyFrame { conference, participant } => key_frame(action, seen, conference, participant),
        Action::MoveParticipant { conference, participant, to } => {
            act::name_in_path("to", to.as_str())?;
            let site = leg(seen, conference, participant)?;
            let moved = format!("{PARTICIPANT}{participant}");
            let step =
                Step::new(Method::POST, format!("calls/{to}/participants"), &[("movedParticipant", &moved)]);
            let can_move = ("该会场允许移动（canMove）", "the site can be moved (canMove)");
            Ok(under(finished(action, vec![site.name.clone()], &[step]), &[can_move]))
        }
        Action::Broadcast { .. } | Action::MigrateConference { .. } | Action::Drain { .. } => {
            Err(Refused::NotProvided)
        }
    }
}

fn finished(action: &Action, touches: Vec<String>, steps: &[Step]) -> Plan {
    act::plan(action, touches, steps.iter().map(Step::to_string).collect())
}

fn under(plan: Plan, conditions: &[(&str, &str)]) -> Plan {
    let preconditions = conditions.iter().map(|(zh, en)| ((*zh).to_owned(), (*en).to_owned())).collect();
    Plan { preconditions, ..plan }
}

/// A site that can be told something: its reference stands in a path.
fn leg<'a>(
    seen: Option<&'a ConferenceSeen>,
    conference: &ConferenceRef,
    participant: &ParticipantRef,
) -> Result<&'a SiteSeen, Refused> {
    let site = act::site(seen, conference, participant)?;
    act::name_in_path("participant", participant.as_str())?;
    Ok(site)
}

fn dial(action: &Action, seen: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
    let Action::Dial { conference, address, name, kbps, via } = action else {
        return Err(Refused::NotProvided);
    };
    act::name_in_path("conference", conference.as_str())?;
    act::plain("address", address)?;
    act::plain("name", name)?;
    if seen.is_some_and(|seen| seen.present.iter().any(|site| same(site, address))) {
        return Err(Refused::CalledAlready);
    }
    let step = match via {
        // Called by another bridge of the cluster: that one places the call. Only the participant's form says which.
        Some(bridge) => {
            act::name_in_path("via", bridge.as_str())?;
            call(
                &format!("calls/{conference}/participants"),
                address,
                name,
                &[("callBridge", bridge.as_str())],
            )
        }
        None => call(&format!("calls/{conference}/callLegs"), address, name, &[]),
    };
    let rate = kbps.map(|kbps| (u64::from(kbps) * 1_000).to_string());
    let step = match &rate {
        Some(rate) => Step { form: format!("{}&bandwidth={rate}", step.form), ..step },
        None => step,
    };
    let absent = ("该会场不在会议中，也未被呼叫", "the site is not in the conference and not being called");
    Ok(under(finished(action, vec![name.clone()], &[step]), &[absent]))
}

fn call(path: &str, address: &str, name: &str, more: &[(&str, &str)]) -> Step {
    let mut end = name.len().min(NAME_BYTES_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let mut fields = vec![("remoteParty", address), ("ownerId", OWNER), ("nameLabelOverride", &name[..end])];
    fields.extend_from_slice(more);
    Step::new(Method::POST, path.to_owned(), &fields)
}

fn redial(
    action: &Action,
    seen: Option<&ConferenceSeen>,
    conference: &ConferenceRef,
    participant: &ParticipantRef,
) -> Result<Plan, Refused> {
    let site = leg(seen, conference, participant)?;
    act::name_in_path("conference", conference.as_str())?;
    let address = site.address.as_deref().ok_or_else(|| Refused::BadValue {
        field: "participant".to_owned(),
        why: "its address is not known".to_owned(),
    })?;
    let steps =
        [hang_up(participant), call(&format!("calls/{conference}/callLegs"), address, &site.name, &[])];
    let there =
        ("会场仍在会议中，挂断后再呼叫", "the site is still in the conference: it is hung up, then called");
    Ok(under(finished(action, vec![site.name.clone()], &steps), &[there]))
}

fn hang_up(participant: &ParticipantRef) -> Step {
    Step::new(Method::DELETE, format!("callLegs/{participant}"), &[])
}

/// Changes one leg, or all participants of a conference.
fn change(
    action: &Action,
    seen: Option<&ConferenceSeen>,
    (conference, participant): (&ConferenceRef, Option<&ParticipantRef>),
    field: (&str, &str),
) -> Result<Plan, Refused> {
    let Some(participant) = participant else {
        act::name_in_path("conference", conference.as_str())?;
        let touches = act::all(act::conference(seen, conference)?);
        let step = Step::new(Method::PUT, format!("calls/{conference}/participants/*"), &[field]);
        return Ok(finished(action, touches, &[step]));
    };
    let site = leg(seen, conference, participant)?;
    let step = Step::new(Method::PUT, format!("callLegs/{participant}"), &[field]);
    Ok(finished(action, vec![site.name.clone()], &[step]))
}

/// The key frame is made in what goes to the site: it mends the picture that the site sees, not the one that it sends.
fn key_frame(
    action: &Action,
    seen: Option<&ConferenceSeen>,
    conference: &ConferenceRef,
    participant: &ParticipantRef,
) -> Result<Plan, Refused> {
    let site = leg(seen, conference, participant)?;
    let step = Step::new(Method::POST, format!("callLegs/{participant}/generateKeyframe"), &[]);
    let way = (
        "只修复该会场看到的画面，不影响它送来的画面",
        "it mends the picture that the site sees, not the one that it sends",
    );
    Ok(under(finished(action, vec![site.name.clone()], &[step]), &[way]))
}

/// `rx` is what the bridge receives: what comes from the site.
fn mute_field(medium: Medium, way: Way) -> Option<&'static str> {
    match (medium, way) {
        (Medium::Audio, Way::FromSite) => Some("rxAudioMute"),
        (Medium::Audio, Way::ToSite) => Some("txAudioMute"),
        (Medium::Video, Way::FromSite) => Some("rxVideoMute"),
        (Medium::Video, Way::ToSite) => Some("txVideoMute"),
        (Medium::Content, Way::FromSite | Way::ToSite) => None,
    }
}

fn truth(on: bool) -> &'static str {
    if on { "true" } else { "false" }
}

/// Whether a site has that address, whatever its scheme and case.
pub fn same(site: &SiteSeen, address: &str) -> bool {
    site.address.as_deref().is_some_and(|found| bare(found) == bare(address))
}

fn bare(address: &str) -> String {
    let lower = address.trim().to_lowercase();
    let found = ["sips:", "sip:", "h323:"].iter().find_map(|scheme| lower.strip_prefix(scheme));
    found.map(str::to_owned).unwrap_or(lower)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mcu::NodeRef;
    use crate::domain::time::Utc;
    use crate::observation::device::Presence;

    fn seen() -> ConferenceSeen {
        let site = SiteSeen {
            participant: ParticipantRef::new("l1"),
            name: "A县".into(),
            address: Some("a@city.cn".into()),
            presence: Presence::Connected,
            muted: None,
            redialled_by_platform: false,
            cascade: false,
            probe: false,
            streams: Vec::new(),
        };
        let (conference, name) = (ConferenceRef::new("c1"), "全市例会".into());
        ConferenceSeen { conference, name, expected: None, present: vec![site], complete: true, at: Utc(0) }
    }

    fn dial(address: &str, via: Option<&str>) -> Action {
        Action::Dial {
            conference: ConferenceRef::new("c1"),
            address: address.into(),
            name: "长名分会场".repeat(4),
            kbps: Some(2_048),
            via: via.map(NodeRef::new),
        }
    }

    fn step(action: &Action) -> Step {
        let plan = plan(action, Some(&seen())).unwrap();
        Step::read(&plan.steps[0]).unwrap()
    }

    #[test]
    fn rx_audio_mute_is_the_sound_from_the_site() {
        let mute = |medium, way| Action::Mute {
            conference: ConferenceRef::new("c1"),
            participant: Some(ParticipantRef::new("l1")),
            medium,
            way,
            on: true,
        };
        for (medium, way, form) in [
            (Medium::Audio, Way::FromSite, "rxAudioMute=true"),
            (Medium::Audio, Way::ToSite, "txAudioMute=true"),
            (Medium::Video, Way::FromSite, "rxVideoMute=true"),
            (Medium::Video, Way::ToSite, "txVideoMute=true"),
        ] {
            let told = step(&mute(medium, way));
            assert_eq!((told.method, told.form.as_str()), (Method::PUT, form));
        }
        assert_eq!(plan(&mute(Medium::Content, Way::FromSite), Some(&seen())), Err(Refused::NotProvided));
    }

    #[test]
    fn a_call_carries_the_orders_key_and_its_rate_in_bits() {
        let told = step(&dial("b@city.cn", None));
        assert_eq!(told.path, "api/v1/calls/c1/callLegs");
        assert_eq!(told.field("ownerId").as_deref(), Some(OWNER));
        assert_eq!(told.field("bandwidth").as_deref(), Some("2048000"));
        assert_eq!(told.field("nameLabelOverride").unwrap().len(), 48, "cut at a character");
        let told = step(&dial("b@city.cn", Some("cb-2")));
        assert_eq!(told.path, "api/v1/calls/c1/participants");
        assert_eq!(told.field("callBridge").as_deref(), Some("cb-2"));
        let key = ActionKey("order 7".into());
        assert_eq!(owner(&key), owner(&key));
        assert_eq!(owner(&key).len(), 36);
        assert_ne!(owner(&key), owner(&ActionKey("order 8".into())));
    }

    #[test]
    fn what_would_leave_its_place_is_no_step_and_not_planned() {
        for wrong in [
            "GET api/v1/calls/c1",
            "DELETE api/v1/coSpaces/1",
            "DELETE api/v1/callLegs/../system/database",
            "PUT api/v1/callLegs/l1?x=y rxAudioMute=true",
            "PUT /api/v1/callLegs/l1 rxAudioMute=true",
            "PUT api/v1/callLegs/l1 a=b\r\nX: y",
        ] {
            assert_eq!(Step::read(wrong), None, "{wrong}");
        }
        let mut elsewhere = seen();
        elsewhere.present[0].participant = ParticipantRef::new("../system");
        let away = Action::Disconnect {
            conference: ConferenceRef::new("c1"),
            participant: ParticipantRef::new("../system"),
        };
        assert!(matches!(plan(&away, Some(&elsewhere)), Err(Refused::BadValue { .. })));
        assert_eq!(plan(&dial("SIP:A@city.cn", None), Some(&seen())), Err(Refused::CalledAlready));
    }
}

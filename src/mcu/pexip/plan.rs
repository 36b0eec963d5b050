//! What a Pexip platform can be told, as the very requests that are sent. Pure; asks and sends nothing.
//!
//! A step is a request word for word (`POST path body`), so that the dry run and what is sent cannot differ. Commands
//! are answered with 202: taken, not done (docs.pexip.com, command API).

use std::collections::BTreeMap;
use std::fmt;

use reqwest::Method;
use serde_json::{Value, json};

use super::reply::Worker;
use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::mcu::act;
use crate::observation::action::{Action, Plan, Refused};
use crate::observation::device::{ConferenceSeen, Medium, SiteSeen, Way};

/// Where commands are posted.
const COMMAND: &str = "api/admin/command/v1/";
/// Where a node is put into maintenance.
const NODE: &str = "api/admin/configuration/v1/worker_vm/";

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// `POST` or `PATCH`.
    pub method: Method,
    /// Below the base.
    pub path: String,
    /// JSON.
    pub body: Value,
}

impl Step {
    fn command(name: &str, body: Value) -> Self {
        Self { method: Method::POST, path: format!("{COMMAND}{name}/"), body }
    }

    fn maintenance(node: i64, on: bool) -> Self {
        let body = json!({ "maintenance_mode": on });
        Self { method: Method::PATCH, path: format!("{NODE}{node}/"), body }
    }

    /// Reads a step of a plan back. Only what this module plans is a step.
    pub fn read(text: &str) -> Option<Self> {
        let (method, rest) = text.split_once(' ')?;
        let (path, body) = rest.split_once(' ')?;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_');
        let known = match method {
            "POST" => path.starts_with(COMMAND),
            "PATCH" => path.starts_with(NODE),
            _ => false,
        };
        if !known || !path.chars().all(fits) {
            return None;
        }
        let method = if method == "POST" { Method::POST } else { Method::PATCH };
        Some(Self { method, path: path.to_owned(), body: serde_json::from_str(body).ok()? })
    }

    /// The address that it calls, if it calls one.
    pub fn calls(&self) -> Option<&str> {
        self.path.ends_with("/dial/").then(|| self.body.get("destination")?.as_str()).flatten()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.method, self.path, self.body)
    }
}

/// What an adapter knows beside the roster.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// What a conference is called by, by its name.
    pub aliases: BTreeMap<ConferenceRef, String>,
    /// The number of a running conference, by its name.
    pub numbers: BTreeMap<ConferenceRef, String>,
    /// The nodes.
    pub workers: Vec<Worker>,
}

impl Known {
    /// Where no alias is known the name is tried: often they are the same, and a wrong one is refused.
    fn alias<'a>(&'a self, conference: &'a ConferenceRef) -> &'a str {
        self.aliases.get(conference).map_or(conference.as_str(), String::as_str)
    }

    fn number(&self, conference: &ConferenceRef) -> Result<&str, Refused> {
        let number = self.numbers.get(conference).map(String::as_str);
        number.ok_or_else(|| Refused::NoSuchConference { conference: conference.clone() })
    }
}

/// Plans an action.
pub fn plan(action: &Action, seen: Option<&ConferenceSeen>, known: &Known) -> Result<Plan, Refused> {
    match action {
        Action::Dial { conference, address, name, .. } => {
            dial(action, seen, (conference, address, name), known)
        }
        Action::Redial { conference, participant } => redial(action, seen, (conference, participant), known),
        Action::Disconnect { conference, participant } => {
            let site = act::site(seen, conference, participant)?;
            Ok(finished(action, vec![site.name.clone()], &[disconnect(participant)], Vec::new()))
        }
        Action::Mute { medium: Medium::Audio, way: Way::FromSite, conference, participant, on } => {
            mute(action, seen, (conference, participant.as_ref(), *on), known)
        }
        Action::Layout { conference, participant: None, layout } => {
            is_layout(layout)?;
            let body = json!({ "conference_id": known.number(conference)?, "layout": layout });
            let touches = act::all(act::conference(seen, conference)?);
            Ok(finished(action, touches, &[Step::command("conference/transform_layout", body)], Vec::new()))
        }
        Action::MoveParticipant { conference, participant, to } => {
            let site = act::site(seen, conference, participant)?;
            let (who, where_to) = (participant.as_str(), known.alias(to));
            let body = json!({ "participant_id": who, "conference_alias": where_to, "role": "guest" });
            Ok(finished(
                action,
                vec![site.name.clone()],
                &[Step::command("participant/transfer", body)],
                Vec::new(),
            ))
        }
        Action::Drain { on } => drain(action, *on, known),
        Action::Mute { .. }
        | Action::Layout { .. }
        | Action::Broadcast { .. }
        | Action::KeyFrame { .. }
        | Action::MigrateConference { .. } => Err(Refused::NotProvided),
    }
}

fn finished(
    action: &Action,
    touches: Vec<String>,
    steps: &[Step],
    preconditions: Vec<(String, String)>,
) -> Plan {
    let steps = steps.iter().map(Step::to_string).collect();
    Plan { preconditions, ..act::plan(action, touches, steps) }
}

fn dial(
    action: &Action,
    seen: Option<&ConferenceSeen>,
    (conference, address, name): (&ConferenceRef, &str, &str),
    known: &Known,
) -> Result<Plan, Refused> {
    act::plain("address", address)?;
    act::plain("name", name)?;
    if seen.is_some_and(|seen| called(seen, address).is_some()) {
        return Err(Refused::CalledAlready);
    }
    let Action::Dial { kbps, via, .. } = action else { return Err(Refused::NotProvided) };
    let step = call(known.alias(conference), address, name, via.as_ref().map(|via| via.as_str()));
    let mut preconditions = vec![(
        "该会场不在会议中，也未被呼叫".to_owned(),
        "the site is not in the conference and not being called".to_owned(),
    )];
    // The call has no field for a rate.
    preconditions.extend(kbps.map(|kbps| {
        (
            format!("会议室自身已限速 {kbps} kbit/s（呼叫接口不能指定速率）"),
            format!("the room itself is limited to {kbps} kbit/s, for a call cannot name its rate"),
        )
    }));
    Ok(finished(action, vec![name.to_owned()], &[step], preconditions))
}

/// A call to an address. Named protocols are taken from the address; a node's location makes the routing manual.
fn call(alias: &str, address: &str, name: &str, location: Option<&str>) -> Step {
    let (protocol, destination) = match address.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("h323") => ("h323", rest),
        _ => ("sip", address),
    };
    let mut body = json!({
        "conference_alias": alias,
        "destination": destination,
        "protocol": protocol,
        "role": "guest",
        "call_type": "video",
        "remote_display_name": name,
        "routing": if location.is_some() { "manual" } else { "routing_rule" },
    });
    if let Some(location) = location {
        body["system_location"] = json!(location);
    }
    Step::command("participant/dial", body)
}

fn redial(
    action: &Action,
    seen: Option<&ConferenceSeen>,
    (conference, participant): (&ConferenceRef, &ParticipantRef),
    known: &Known,
) -> Result<Plan, Refused> {
    let site = act::site(seen, conference, participant)?;
    let address = site.address.as_deref().ok_or_else(|| Refused::BadValue {
        field: "participant".to_owned(),
        why: "its address is not known".to_owned(),
    })?;
    let steps = [disconnect(participant), call(known.alias(conference), address, &site.name, None)];
    let preconditions = vec![(
        "会场仍在会议中，挂断后再呼叫".to_owned(),
        "the site is still in the conference: it is hung up, then called".to_owned(),
    )];
    Ok(finished(action, vec![site.name.clone()], &steps, preconditions))
}

fn disconnect(participant: &ParticipantRef) -> Step {
    Step::command("participant/disconnect", json!({ "participant_id": participant.as_str() }))
}

/// To mute all is to mute the guests: hosts keep their voice.
fn mute(
    action: &Action,
    seen: Option<&ConferenceSeen>,
    (conference, participant, on): (&ConferenceRef, Option<&ParticipantRef>, bool),
    known: &Known,
) -> Result<Plan, Refused> {
    if let Some(participant) = participant {
        let site = act::site(seen, conference, participant)?;
        let name = if on { "participant/mute" } else { "participant/unmute" };
        let step = Step::command(name, json!({ "participant_id": participant.as_str() }));
        return Ok(finished(action, vec![site.name.clone()], &[step], Vec::new()));
    }
    let name = if on { "conference/mute_guests" } else { "conference/unmute_guests" };
    let step = Step::command(name, json!({ "conference_id": known.number(conference)? }));
    let preconditions = vec![(
        "只作用于来宾身份的会场，主持人身份的会场不受影响".to_owned(),
        "it reaches the sites that are guests; those that are hosts are not touched".to_owned(),
    )];
    Ok(finished(action, act::all(act::conference(seen, conference)?), &[step], preconditions))
}

/// All nodes go into maintenance, one after the other: they take no new calls, and calls that run go on.
fn drain(action: &Action, on: bool, known: &Known) -> Result<Plan, Refused> {
    let nodes: Vec<&Worker> = known.workers.iter().filter(|worker| worker.maintenance != on).collect();
    let numbers: Option<Vec<i64>> = nodes.iter().map(|worker| worker.id).collect();
    let unknown = |why: &str| Refused::BadValue { field: "nodes".to_owned(), why: why.to_owned() };
    let numbers = numbers.ok_or_else(|| unknown("a node has no number in the configuration"))?;
    if numbers.is_empty() {
        return Err(unknown("no node is known to need it"));
    }
    let steps: Vec<Step> = numbers.into_iter().map(|number| Step::maintenance(number, on)).collect();
    let touches = nodes.iter().map(|worker| worker.name.clone()).collect();
    Ok(finished(action, touches, &steps, Vec::new()))
}

/// Layouts are short words such as `1:7` or `ac`; which of them a version knows it says itself.
fn is_layout(layout: &str) -> Result<(), Refused> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-');
    if (1..=32).contains(&layout.len()) && layout.chars().all(fits) {
        return Ok(());
    }
    Err(Refused::BadValue { field: "layout".to_owned(), why: "a word such as 1:7".to_owned() })
}

/// The site with that address, whatever its scheme and case.
pub fn called<'a>(seen: &'a ConferenceSeen, address: &str) -> Option<&'a SiteSeen> {
    seen.present.iter().find(|site| same(site, address))
}

/// Whether a site has that address, whatever its scheme and case.
pub fn same(site: &SiteSeen, address: &str) -> bool {
    site.address.as_deref().is_some_and(|found| bare(found) == bare(address))
}

fn bare(address: &str) -> String {
    let lower = address.trim().to_lowercase();
    let schemes = ["sips:", "sip:", "h323:"];
    let found = schemes.iter().find_map(|scheme| lower.strip_prefix(scheme));
    found.map(str::to_owned).unwrap_or(lower)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mcu::NodeRef;
    use crate::domain::time::Utc;
    use crate::observation::action::Force;
    use crate::observation::device::Presence;

    fn seen() -> ConferenceSeen {
        let site = SiteSeen {
            participant: ParticipantRef::new("p1"),
            name: "A县".into(),
            address: Some("h323:71001".into()),
            presence: Presence::Connected,
            muted: None,
            redialled_by_platform: false,
            cascade: false,
            probe: false,
            streams: Vec::new(),
        };
        let conference = ConferenceRef::new("全市例会");
        let name = "全市例会".into();
        ConferenceSeen { conference, name, expected: None, present: vec![site], complete: true, at: Utc(0) }
    }

    fn dial(address: &str, via: Option<&str>) -> Action {
        Action::Dial {
            conference: ConferenceRef::new("全市例会"),
            address: address.into(),
            name: "B县".into(),
            kbps: None,
            via: via.map(NodeRef::new),
        }
    }

    fn known() -> Known {
        let conference = ConferenceRef::new("全市例会");
        Known { aliases: [(conference, "8001@city.cn".to_owned())].into(), ..Known::default() }
    }

    #[test]
    fn a_step_is_read_back_as_it_was_written_and_nothing_else_is_a_step() {
        let plan = plan(&dial("h323:71002", Some("市局")), Some(&seen()), &known()).unwrap();
        let step = Step::read(&plan.steps[0]).unwrap();
        assert_eq!(step.to_string(), plan.steps[0]);
        assert_eq!(step.path, "api/admin/command/v1/participant/dial/");
        assert_eq!(step.body["conference_alias"], "8001@city.cn");
        assert_eq!((&step.body["protocol"], &step.body["destination"]), (&json!("h323"), &json!("71002")));
        assert_eq!(
            (&step.body["routing"], &step.body["system_location"]),
            (&json!("manual"), &json!("市局"))
        );
        for wrong in [
            "DELETE api/admin/configuration/v1/conference/1/ {}",
            "POST api/admin/command/v1/../configuration/v1/conference/ {}",
            "POST /api/admin/command/v1/x/ {}",
            "POST api/admin/command/v1/platform/backup_create/?x {}",
            "PATCH api/admin/command/v1/x/ {}",
            "POST api/admin/command/v1/x/",
        ] {
            assert_eq!(Step::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn who_is_called_already_is_not_called_again() {
        for address in ["71001", "h323:71001", "H323:71001"] {
            let refused = plan(&dial(address, None), Some(&seen()), &known());
            assert_eq!(refused, Err(Refused::CalledAlready), "{address}");
        }
        assert!(plan(&dial("sip:b@city.cn", None), Some(&seen()), &known()).is_ok());
        let odd = plan(&dial("sip:b@city.cn\r\n", None), Some(&seen()), &known());
        assert!(matches!(odd, Err(Refused::BadValue { .. })), "{odd:?}");
    }

    #[test]
    fn a_redial_hangs_up_first_and_calls_the_same_address_with_its_protocol() {
        let (conference, participant) = (ConferenceRef::new("全市例会"), ParticipantRef::new("p1"));
        let plan = plan(&Action::Redial { conference, participant }, Some(&seen()), &known()).unwrap();
        let steps: Vec<Step> = plan.steps.iter().map(|step| Step::read(step).unwrap()).collect();
        assert_eq!(steps[0].body, json!({ "participant_id": "p1" }));
        assert_eq!(steps[1].calls(), Some("71001"));
        assert_eq!(steps[1].body["protocol"], "h323");
        assert_eq!(plan.force, Force::OneSiteLeaves);
    }

    #[test]
    fn only_the_sound_from_a_site_can_be_muted() {
        let mute = |medium, way| Action::Mute {
            conference: ConferenceRef::new("全市例会"),
            participant: Some(ParticipantRef::new("p1")),
            medium,
            way,
            on: true,
        };
        let plan = |action: &Action| plan(action, Some(&seen()), &known());
        assert!(plan(&mute(Medium::Audio, Way::FromSite)).is_ok());
        assert_eq!(plan(&mute(Medium::Audio, Way::ToSite)), Err(Refused::NotProvided));
        assert_eq!(plan(&mute(Medium::Video, Way::FromSite)), Err(Refused::NotProvided));
    }
}

//! What an action becomes on an RMX: the requests, whom they touch, what must hold. Pure.

use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::mcu::act;
use crate::observation::action::{Action, Does, Looked, Plan, Refused};
use crate::observation::device::{ConferenceSeen, Medium, SiteSeen, Way};

use super::request::{MuteWhat, NewParty, Request, bare};

/// What an RMX can be told, as far as the form of the request is known.
///
/// Not among it: a layout for one party (the name of the request is known and its form is not), a key frame, moving a
/// party or a conference to another RMX (a RealPresence DMA does that), taking no new calls.
pub(super) const DOES: [Does; 6] =
    [Does::Dial, Does::Redial, Does::Disconnect, Does::Mute, Does::Layout, Does::Broadcast];

/// Plans an action. `seen` is the conference as it was read last.
pub(super) fn plan(action: &Action, seen: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
    match action {
        Action::Dial { conference, address, name, kbps, via: None } => {
            let seen = act::conference(seen, conference)?;
            dial(action, seen, &Callee { address, name, kbps: *kbps })
        }
        Action::Redial { conference, participant } => redial(action, seen, conference, participant),
        Action::Disconnect { conference, participant } => disconnect(action, seen, conference, participant),
        Action::Mute { conference, participant, medium, way: Way::FromSite, on } => {
            let what = match medium {
                Medium::Audio => MuteWhat::Audio,
                Medium::Video => MuteWhat::Video,
                Medium::Content => return Err(Refused::NotProvided),
            };
            let sites = muted(seen, conference, participant.as_ref())?;
            let step =
                |site: &&SiteSeen| Request::mute(conference.as_str(), site.participant.as_str(), what, *on);
            Ok(planned(action, names(&sites), sites.iter().map(step).collect()))
        }
        Action::Layout { conference, participant: None, layout } => {
            act::name_in_path("layout", layout)?;
            let seen = act::conference(seen, conference)?;
            Ok(planned(action, act::all(seen), vec![Request::layout(conference.as_str(), layout)]))
        }
        Action::Broadcast { conference, participant } => {
            let site = act::site(seen, conference, participant)?;
            let touches = act::all(act::conference(seen, conference)?);
            let show = Request::show(conference.as_str(), site.participant.as_str());
            Ok(planned(action, touches, vec![show]))
        }
        Action::Dial { via: Some(_), .. }
        | Action::Mute { way: Way::ToSite, .. }
        | Action::Layout { participant: Some(_), .. }
        | Action::KeyFrame { .. }
        | Action::MoveParticipant { .. }
        | Action::MigrateConference { .. }
        | Action::Drain { .. } => Err(Refused::NotProvided),
    }
}

struct Callee<'a> {
    address: &'a str,
    name: &'a str,
    kbps: Option<u32>,
}

/// A party that is defined already is called, not defined a second time.
fn dial(action: &Action, seen: &ConferenceSeen, callee: &Callee<'_>) -> Result<Plan, Refused> {
    act::plain("address", callee.address)?;
    act::plain("name", callee.name)?;
    let conference = seen.conference.as_str();
    let request = match known(seen, callee.address) {
        Some(site) if act::is_up(site) => return Err(Refused::CalledAlready),
        Some(site) => Request::connect(conference, site.participant.as_str(), true),
        None => Request::add(conference, &NewParty::new(callee.name, callee.address, callee.kbps)),
    };
    let mut plan = planned(action, vec![callee.name.to_owned()], vec![request]);
    plan.preconditions = vec![NOT_CALLED.map()];
    Ok(plan)
}

/// A defined party is hung up and called. An undefined one leaves the conference when it is hung up, so it is taken
/// out and added anew, which needs its address.
fn redial(
    action: &Action,
    seen: Option<&ConferenceSeen>,
    conference: &ConferenceRef,
    participant: &ParticipantRef,
) -> Result<Plan, Refused> {
    let site = act::site(seen, conference, participant)?;
    let (conference, party) = (conference.as_str(), participant.as_str());
    let requests = match (is_defined(seen, participant), &site.address, act::is_up(site)) {
        (true, _, true) => {
            vec![Request::connect(conference, party, false), Request::connect(conference, party, true)]
        }
        (true, _, false) => vec![Request::connect(conference, party, true)],
        (false, Some(address), _) => {
            let anew = NewParty::new(&site.name, address, None);
            vec![Request::delete(conference, party), Request::add(conference, &anew)]
        }
        (false, None, _) => {
            return Err(Refused::Harmful { why: NO_WAY_BACK.to_owned() });
        }
    };
    let mut plan = planned(action, vec![site.name.clone()], requests);
    if site.redialled_by_platform {
        plan.preconditions.push(REDIALS_ITSELF.map());
    }
    Ok(plan)
}

fn disconnect(
    action: &Action,
    seen: Option<&ConferenceSeen>,
    conference: &ConferenceRef,
    participant: &ParticipantRef,
) -> Result<Plan, Refused> {
    let site = act::site(seen, conference, participant)?;
    let (id, party) = (conference.as_str(), participant.as_str());
    let request = if is_defined(seen, participant) {
        Request::connect(id, party, false)
    } else {
        Request::delete(id, party)
    };
    let mut plan = planned(action, vec![site.name.clone()], vec![request]);
    if site.redialled_by_platform {
        plan.preconditions.push(REDIALS_ITSELF.map());
    }
    let back = Action::Redial { conference: conference.clone(), participant: participant.clone() };
    plan.undone_by = is_defined(seen, participant).then_some(back);
    Ok(plan)
}

/// One site, or all that are there: the RMX has no request for all that spares nobody.
fn muted<'a>(
    seen: Option<&'a ConferenceSeen>,
    conference: &ConferenceRef,
    participant: Option<&ParticipantRef>,
) -> Result<Vec<&'a SiteSeen>, Refused> {
    match participant {
        Some(participant) => Ok(vec![act::site(seen, conference, participant)?]),
        None => Ok(act::conference(seen, conference)?.present.iter().filter(|site| !site.cascade).collect()),
    }
}

fn known<'a>(seen: &'a ConferenceSeen, address: &str) -> Option<&'a SiteSeen> {
    act::addressed(seen, address).or_else(|| act::addressed(seen, bare(address)))
}

fn is_defined(seen: Option<&ConferenceSeen>, participant: &ParticipantRef) -> bool {
    let expected = seen.and_then(|seen| seen.expected.as_ref());
    expected.into_iter().flatten().any(|site| site.participant == *participant)
}

fn names(sites: &[&SiteSeen]) -> Vec<String> {
    sites.iter().map(|site| site.name.clone()).collect()
}

fn planned(action: &Action, touches: Vec<String>, requests: Vec<Request>) -> Plan {
    act::plan(action, touches, requests.iter().map(Request::step).collect())
}

const NO_WAY_BACK: &str = "该会场为呼入且没有地址，挂断后无法呼回 / It called in and has no address: hung up, it cannot be called back";

/// Something that must hold at the moment of sending, in Chinese and English.
struct Precondition(&'static str, &'static str);

impl Precondition {
    fn map(&self) -> (String, String) {
        (self.0.to_owned(), self.1.to_owned())
    }
}

const NOT_CALLED: Precondition =
    Precondition("该地址不在会中，也不在呼叫中", "The address is neither in the conference nor being called");
const REDIALS_ITSELF: Precondition = Precondition(
    "MCU 已开启自动重拨：确认它此刻没有在重拨该会场",
    "The MCU redials by itself: make sure that it is not doing so now",
);

/// Whether an action has happened, by a roster that was read anew after it. What a redial or a layout left behind
/// looks the same as what was there before.
pub(super) fn looked(action: &Action, seen: &ConferenceSeen) -> Looked {
    let sites = || seen.present.iter().chain(seen.expected.iter().flatten());
    let told = |happened: bool, whole: bool| match (happened, whole) {
        (true, _) => Looked::Happened,
        (false, true) => Looked::DidNot,
        (false, false) => Looked::CannotTell,
    };
    match action {
        Action::Dial { address, .. } => {
            let there = known(seen, address).is_some_and(act::is_up);
            told(there, seen.complete)
        }
        Action::Disconnect { participant, .. } => {
            let up = sites().any(|site| site.participant == *participant && act::is_up(site));
            told(!up && seen.complete, seen.complete)
        }
        Action::Mute {
            participant: Some(participant),
            medium: Medium::Audio,
            way: Way::FromSite,
            on,
            ..
        } => {
            let muted = sites().find(|site| site.participant == *participant).and_then(|site| site.muted);
            muted.map_or(Looked::CannotTell, |muted| told(muted == *on, true))
        }
        Action::Mute { .. }
        | Action::Redial { .. }
        | Action::Layout { .. }
        | Action::Broadcast { .. }
        | Action::KeyFrame { .. }
        | Action::MoveParticipant { .. }
        | Action::MigrateConference { .. }
        | Action::Drain { .. } => Looked::CannotTell,
    }
}

//! Which of the actions Janus can do, and what would be sent. Pure.

use serde_json::{Value, json};

use super::name::{Id, Plugin, Room, SOURCE};
use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::mcu::act;
use crate::observation::action::{Action, Force, Plan, Refused};
use crate::observation::device::{ConferenceSeen, Medium, SiteSeen, Way};

/// An action as Janus can do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    /// Hang up.
    Kick { room: Room, party: Id },
    /// One request to the plugin of a room.
    Mute { room: Room, what: MuteWhat, on: bool },
    /// Leave and join again.
    Rejoin { room: Room, party: Id },
}

/// What is muted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MuteWhat {
    /// The sound of one participant of an AudioBridge.
    Party(Id),
    /// A whole AudioBridge room.
    Room,
    /// One medium of one participant of a VideoRoom.
    Line(Id, Medium),
    /// A mountpoint: it stops passing on what it gets.
    Mountpoint,
}

impl Deed {
    /// What Janus can do of it.
    pub(super) fn of(action: &Action) -> Result<Self, Refused> {
        let room = |conference: &ConferenceRef| {
            let unknown = || Refused::NoSuchConference { conference: conference.clone() };
            Room::parse(conference).ok_or_else(unknown)
        };
        match action {
            Action::Disconnect { conference, participant } => {
                let room = room(conference)?;
                not_streaming(&room)?;
                Ok(Self::Kick { room, party: party_of(participant)? })
            }
            Action::Redial { conference, participant } => {
                let room = room(conference)?;
                let party = party_of(participant)?;
                match room.plugin {
                    Plugin::AudioBridge => Ok(Self::Rejoin { room, party }),
                    // Only the browser itself can call again.
                    Plugin::VideoRoom | Plugin::Streaming => Err(Refused::NotProvided),
                }
            }
            Action::Mute { conference, participant, medium, way, on } => {
                let room = room(conference)?;
                let what = mute_what(&room, participant.as_ref(), *medium, *way)?;
                Ok(Self::Mute { room, what, on: *on })
            }
            Action::Dial { .. }
            | Action::Layout { .. }
            | Action::Broadcast { .. }
            | Action::KeyFrame { .. }
            | Action::MoveParticipant { .. }
            | Action::MigrateConference { .. }
            | Action::Drain { .. } => Err(Refused::NotProvided),
        }
    }

    /// What is asked of the plugin. The media line of a VideoRoom is known only when its handle was read.
    pub(super) fn request(&self, mid: Option<&str>) -> (Plugin, Value) {
        match self {
            Self::Kick { room, party } => {
                (room.plugin, json!({"request": "kick", "room": room.id.json(), "id": party.json()}))
            }
            Self::Mute { room, what, on } => (room.plugin, mute_request(room, what, *on, mid)),
            Self::Rejoin { room, party } => {
                (room.plugin, json!({"request": "join", "room": room.id.json(), "id": party.json()}))
            }
        }
    }
}

fn mute_request(room: &Room, what: &MuteWhat, on: bool, mid: Option<&str>) -> Value {
    let id = room.id.json();
    match what {
        MuteWhat::Party(party) => {
            json!({"request": if on { "mute" } else { "unmute" }, "room": id, "id": party.json()})
        }
        MuteWhat::Room => json!({"request": if on { "mute_room" } else { "unmute_room" }, "room": id}),
        MuteWhat::Line(party, _) => json!({
            "request": "moderate", "room": id, "id": party.json(), "mid": mid.unwrap_or("?"), "mute": on,
        }),
        // Without `stop_recording: false` this request kills the server.
        MuteWhat::Mountpoint if on => json!({"request": "disable", "id": id, "stop_recording": false}),
        MuteWhat::Mountpoint => json!({"request": "enable", "id": id}),
    }
}

fn not_streaming(room: &Room) -> Result<(), Refused> {
    if room.plugin == Plugin::Streaming { Err(Refused::NotProvided) } else { Ok(()) }
}

fn party_of(participant: &ParticipantRef) -> Result<Id, Refused> {
    let unknown = || Refused::NoSuchParticipant { participant: participant.clone() };
    Id::parse(participant.as_str()).ok_or_else(unknown)
}

fn mute_what(
    room: &Room,
    participant: Option<&ParticipantRef>,
    medium: Medium,
    way: Way,
) -> Result<MuteWhat, Refused> {
    if way == Way::ToSite {
        return Err(Refused::NotProvided);
    }
    match (room.plugin, participant, medium) {
        (Plugin::AudioBridge, Some(participant), Medium::Audio) => {
            Ok(MuteWhat::Party(party_of(participant)?))
        }
        (Plugin::AudioBridge, None, Medium::Audio) => Ok(MuteWhat::Room),
        (Plugin::VideoRoom, Some(participant), Medium::Audio | Medium::Video) => {
            Ok(MuteWhat::Line(party_of(participant)?, medium))
        }
        (Plugin::Streaming, _, Medium::Audio | Medium::Video) => Ok(MuteWhat::Mountpoint),
        _ => Err(Refused::NotProvided),
    }
}

/// What would be sent, and whom it touches.
pub(super) fn plan(action: &Action, seen: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
    let deed = Deed::of(action)?;
    let (room, named) = match action {
        Action::Disconnect { conference, participant } | Action::Redial { conference, participant } => {
            (conference, Some(participant))
        }
        Action::Mute { conference, participant, .. } => (conference, participant.as_ref()),
        Action::Dial { .. }
        | Action::Layout { .. }
        | Action::Broadcast { .. }
        | Action::KeyFrame { .. }
        | Action::MoveParticipant { .. }
        | Action::MigrateConference { .. }
        | Action::Drain { .. } => return Err(Refused::NotProvided),
    };
    let seen = act::conference(seen, room)?;
    let touched = touched(&deed, named, seen)?;
    one_medium_only(action, &deed, seen)?;
    let touches = touched.iter().map(|site| site.name.clone()).collect();
    let mut plan = act::plan(action, touches, steps(&deed));
    plan.preconditions = preconditions(&deed);
    if matches!(deed, Deed::Mute { what: MuteWhat::Mountpoint, .. }) {
        // Whoever is named, all who watch lose it.
        plan.force = Force::Conference;
    }
    Ok(plan)
}

fn touched<'a>(
    deed: &Deed,
    named: Option<&ParticipantRef>,
    seen: &'a ConferenceSeen,
) -> Result<Vec<&'a SiteSeen>, Refused> {
    let Some(named) = named else { return Ok(seen.present.iter().collect()) };
    let site = seen.present.iter().find(|site| site.participant == *named);
    if site.is_none() && matches!(deed, Deed::Mute { what: MuteWhat::Mountpoint, .. }) {
        return Err(Refused::BadValue { field: "participant".into(), why: format!("only {SOURCE}") });
    }
    let unknown = || Refused::NoSuchParticipant { participant: named.clone() };
    Ok(vec![site.ok_or_else(unknown)?])
}

/// A mountpoint is stopped whole: where it has sound and pictures, one of them alone cannot be.
fn one_medium_only(action: &Action, deed: &Deed, seen: &ConferenceSeen) -> Result<(), Refused> {
    let (Action::Mute { medium, .. }, Deed::Mute { what: MuteWhat::Mountpoint, .. }) = (action, deed) else {
        return Ok(());
    };
    let other = seen.present.iter().flat_map(|site| &site.streams).any(|stream| stream.medium != *medium);
    if other { Err(Refused::NotProvided) } else { Ok(()) }
}

fn preconditions(deed: &Deed) -> Vec<(String, String)> {
    let pair = |zh: &str, en: &str| (zh.to_owned(), en.to_owned());
    let present = pair("该会场仍在会中", "the site is still in the conference");
    match deed {
        Deed::Kick { .. } | Deed::Mute { what: MuteWhat::Party(_) | MuteWhat::Line(..), .. } => vec![present],
        Deed::Mute { .. } => Vec::new(),
        Deed::Rejoin { .. } => vec![
            present,
            pair("该会场以普通 RTP 接入", "the site is connected by plain RTP"),
            pair("会议室不要求入会密码", "the room asks for no PIN"),
            pair(
                "其网关能改用 joined 事件给出的新端口",
                "its gateway follows the new port that the joined event names",
            ),
        ],
    }
}

fn steps(deed: &Deed) -> Vec<String> {
    let (plugin, request) = deed.request(None);
    let asked = |request: &Value| format!("{}: {request}", plugin.package());
    match deed {
        Deed::Rejoin { .. } => vec![asked(&json!({"request": "leave"})), asked(&request)],
        Deed::Kick { .. } | Deed::Mute { .. } => vec![asked(&request)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Utc;
    use crate::observation::device::{Flow, Presence, StreamSample};

    fn seen(conference: &str, sites: &[(&str, &str)], media: &[Medium]) -> ConferenceSeen {
        let site = |(id, name): &(&str, &str)| SiteSeen {
            participant: ParticipantRef::new(id),
            name: (*name).to_owned(),
            address: None,
            presence: Presence::Connected,
            muted: None,
            redialled_by_platform: false,
            cascade: false,
            probe: false,
            streams: media
                .iter()
                .map(|each| StreamSample::bare(*each, Way::FromSite, Flow::Flowing))
                .collect(),
        };
        ConferenceSeen {
            conference: ConferenceRef::new(conference),
            name: String::new(),
            expected: None,
            present: sites.iter().map(site).collect(),
            complete: true,
            at: Utc(0),
        }
    }

    fn mute(conference: &str, who: Option<&str>, medium: Medium, way: Way) -> Action {
        Action::Mute {
            conference: ConferenceRef::new(conference),
            participant: who.map(ParticipantRef::new),
            medium,
            way,
            on: true,
        }
    }

    #[test]
    fn what_is_muted_is_what_janus_can_mute() {
        use Medium::{Audio, Content, Video};
        let sites = [("100", "A县"), ("101", "B县")];
        let both: &[&str] = &["A县", "B县"];
        let cases: [(Action, Option<(Force, &[&str], &str)>); 8] = [
            (
                mute("audiobridge:3001", Some("100"), Audio, Way::FromSite),
                Some((Force::OneSite, &["A县"], r#"{"id":100,"request":"mute","room":3001}"#)),
            ),
            (
                mute("audiobridge:3001", None, Audio, Way::FromSite),
                Some((Force::Conference, both, r#"{"request":"mute_room","room":3001}"#)),
            ),
            (
                mute("videoroom:1234", Some("101"), Video, Way::FromSite),
                Some((
                    Force::OneSite,
                    &["B县"],
                    r#"{"id":101,"mid":"?","mute":true,"request":"moderate","room":1234}"#,
                )),
            ),
            (
                mute("streaming:1", Some("100"), Audio, Way::FromSite),
                Some((Force::Conference, &["A县"], r#"{"id":1,"request":"disable","stop_recording":false}"#)),
            ),
            (mute("audiobridge:3001", Some("100"), Video, Way::FromSite), None),
            (mute("audiobridge:3001", Some("100"), Audio, Way::ToSite), None),
            (mute("videoroom:1234", None, Audio, Way::FromSite), None),
            (mute("videoroom:1234", Some("101"), Content, Way::FromSite), None),
        ];
        for (action, expected) in cases {
            let conference = action.conference().unwrap().as_str().to_owned();
            let planned = plan(&action, Some(&seen(&conference, &sites, &[Audio])));
            let Some((force, touches, step)) = expected else {
                assert_eq!(planned, Err(Refused::NotProvided), "{action:?}");
                continue;
            };
            let planned = planned.unwrap();
            assert_eq!(planned.force, force, "{action:?}");
            assert_eq!(planned.touches, touches, "{action:?}");
            let found = planned.steps[0].split_once(": ").unwrap().1;
            let (found, step): (Value, Value) =
                (serde_json::from_str(found).unwrap(), serde_json::from_str(step).unwrap());
            assert_eq!(found, step, "{action:?}");
        }
    }

    #[test]
    fn half_of_a_mountpoint_cannot_be_stopped() {
        let stop = mute("streaming:1", None, Medium::Audio, Way::FromSite);
        let seen = |media| seen("streaming:1", &[(SOURCE, "主会场直播")], media);
        assert!(plan(&stop, Some(&seen(&[Medium::Audio]))).is_ok());
        assert_eq!(plan(&stop, Some(&seen(&[Medium::Audio, Medium::Video]))), Err(Refused::NotProvided));
    }

    #[test]
    fn who_is_not_there_is_not_told_anything() {
        let conference = ConferenceRef::new("audiobridge:3001");
        let participant = ParticipantRef::new("7");
        let redial = |conference: &str| Action::Redial {
            conference: ConferenceRef::new(conference),
            participant: participant.clone(),
        };
        let seen = |name| seen(name, &[("100", "A县")], &[]);
        let no_conference = Err(Refused::NoSuchConference { conference: conference.clone() });
        assert_eq!(plan(&redial("audiobridge:3001"), None), no_conference);
        assert_eq!(plan(&redial("audiobridge:3001"), Some(&seen("audiobridge:3002"))), no_conference);
        let nobody = Refused::NoSuchParticipant { participant: participant.clone() };
        assert_eq!(plan(&redial("audiobridge:3001"), Some(&seen("audiobridge:3001"))), Err(nobody));
        assert_eq!(plan(&redial("videoroom:1234"), Some(&seen("videoroom:1234"))), Err(Refused::NotProvided));
        let elsewhere = Err(Refused::NoSuchConference { conference: ConferenceRef::new("4711") });
        assert_eq!(plan(&redial("4711"), Some(&seen("4711"))), elsewhere);
    }
}

//! What Janus can be told: hang up, mute, and let a plain RTP participant leave and join again. Everything else it
//! does not provide.
//!
//! A look after an unknown outcome compares with what was there before the request left; after a restart of ours that
//! memory is gone, and where Janus itself does not show it, it cannot be told.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::Janus;
use super::handle::{HandleInfo, PlainRtp, Role};
use super::line::HandleRef;
use super::name::{Id, Plugin, Room, SOURCE};
use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::mcu::fault::Fault;
use crate::observation::action::{Action, ActionKey, ActionOutcome, Force, Looked, Plan, Refused};
use crate::observation::device::{ConferenceSeen, Medium, SiteSeen, Way};

/// Longest wait until a participant that was told to leave or to join shows it.
const SHOWN: Duration = Duration::from_secs(2);
/// How often that is looked at.
const SHOWN_EVERY: Duration = Duration::from_millis(100);
/// A kick is carried out by the next second: so long a look waits before it believes that nothing happened.
const KICKED_BY: Duration = Duration::from_millis(1_200);
/// Most actions whose beginning is remembered.
const MEMORY_MAX: usize = 256;

/// What was there before a request left, by the key of its action.
#[derive(Debug, Default)]
pub(super) struct Memory {
    before: BTreeMap<ActionKey, Before>,
}

/// Tells one call of a participant from the next.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Before {
    at: HandleRef,
    call: Option<u64>,
    port: Option<u16>,
}

impl Before {
    fn of(at: HandleRef, info: &HandleInfo) -> Self {
        Self { at, call: info.call, port: info.plain.as_ref().and_then(|plain| plain.local_port) }
    }
}

impl Memory {
    fn keep(&mut self, key: &ActionKey, before: Before) {
        if self.before.len() >= MEMORY_MAX {
            self.before.pop_first();
        }
        self.before.insert(key.clone(), before);
    }
}

/// An action as Janus can do it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Deed {
    /// Hang up.
    Kick { room: Room, party: Id },
    /// One request to the plugin of a room.
    Mute { room: Room, what: MuteWhat, on: bool },
    /// Leave and join again.
    Rejoin { room: Room, party: Id },
}

/// What is muted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum MuteWhat {
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
    fn of(action: &Action) -> Result<Self, Refused> {
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

    fn force(&self) -> Force {
        match self {
            Self::Kick { .. } | Self::Rejoin { .. } => Force::OneSiteLeaves,
            Self::Mute { what: MuteWhat::Party(_) | MuteWhat::Line(..), .. } => Force::OneSite,
            Self::Mute { what: MuteWhat::Room | MuteWhat::Mountpoint, .. } => Force::Conference,
        }
    }

    /// What is asked of the plugin. The media line of a VideoRoom is known only when its handle was read.
    fn request(&self, mid: Option<&str>) -> (Plugin, Value) {
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
    let seen = seen.filter(|seen| seen.conference == *room);
    let seen = seen.ok_or_else(|| Refused::NoSuchConference { conference: room.clone() })?;
    let touched = touched(&deed, named, seen)?;
    one_medium_only(action, &deed, seen)?;
    Ok(Plan {
        action: action.clone(),
        force: deed.force(),
        touches: touched.iter().map(|site| site.name.clone()).collect(),
        preconditions: preconditions(&deed),
        steps: steps(&deed),
        undone_by: undone_by(action),
    })
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

fn undone_by(action: &Action) -> Option<Action> {
    let mut undone = action.clone();
    let Action::Mute { on, .. } = &mut undone else { return None };
    *on = !*on;
    Some(undone)
}

impl Janus {
    pub(super) async fn carry_out(&self, plan: &Plan, key: &ActionKey) -> ActionOutcome {
        let outcome = match Deed::of(&plan.action) {
            Err(_) => rejected("not_provided"),
            Ok(Deed::Rejoin { room, party }) => self.rejoin(&room, &party, key).await,
            Ok(deed) => self.ask_once(&deed, key).await,
        };
        self.stale();
        outcome
    }

    async fn ask_once(&self, deed: &Deed, key: &ActionKey) -> ActionOutcome {
        let (mid, accepted) = match deed {
            Deed::Kick { room, party } | Deed::Rejoin { room, party } => {
                self.remember(room, party, key).await;
                // The participant is gone by the next second.
                (None, Some(ActionOutcome::Accepted { handle: Some(party.to_string()) }))
            }
            Deed::Mute { room, what: MuteWhat::Line(party, medium), .. } => {
                match self.mid_of(room, party, *medium).await {
                    Ok(Some(mid)) => (Some(mid), None),
                    Ok(None) => return rejected("no_such_media_line"),
                    Err(fault) => return not_sent(&fault),
                }
            }
            Deed::Mute { .. } => (None, None),
        };
        let (plugin, request) = deed.request(mid.as_deref());
        match self.line.act(plugin, request, &key.0).await {
            Ok(_) => accepted.unwrap_or(ActionOutcome::Applied),
            Err(fault) => failed(&fault),
        }
    }

    async fn mid_of(&self, room: &Room, party: &Id, medium: Medium) -> Result<Option<String>, Fault> {
        let found = self.handle_of(room, party).await?;
        let lines = found.into_iter().flat_map(|(_, info)| info.lines);
        Ok(lines.into_iter().find(|line| line.medium == medium).map(|line| line.mid))
    }

    /// What is there before the request leaves. That it cannot be read hinders nothing: a look will then not tell.
    async fn remember(&self, room: &Room, party: &Id, key: &ActionKey) {
        if let Ok(Some((known, info))) = self.handle_of(room, party).await {
            self.state().memory.keep(key, Before::of(known.at, &info));
        }
    }

    async fn rejoin(&self, room: &Room, party: &Id, key: &ActionKey) -> ActionOutcome {
        let (at, info, rtp) = match self.rejoinable(room, party).await {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        self.state().memory.keep(key, Before::of(at, &info));
        if let Err(fault) = self.line.speak_for(at, json!({"request": "leave"}), &key.0).await {
            return failed(&fault);
        }
        match self.shows(at, |info| matches!(info.role, Role::Idle { .. })).await {
            Some(true) => {}
            // It did not leave, or we cannot see: nothing more is sent.
            Some(false) | None => return ActionOutcome::Unknown,
        }
        let (_, mut request) = Deed::Rejoin { room: room.clone(), party: party.clone() }.request(None);
        request["display"] = name_of(&info).into();
        request["muted"] = (info.muted == Some(true)).into();
        request["rtp"] = json!({"ip": rtp.remote_ip, "port": rtp.remote_port});
        let half = || ActionOutcome::Partial { done: vec!["leave".into()], undone: vec!["join".into()] };
        match self.line.speak_for(at, request, &key.0).await {
            Ok(()) => {}
            Err(fault) if fault.may_have_happened() => return ActionOutcome::Unknown,
            Err(_) => return half(),
        }
        match self.shows(at, |info| matches!(info.role, Role::Participant { .. })).await {
            Some(true) => ActionOutcome::Accepted { handle: Some(party.to_string()) },
            Some(false) => half(),
            None => ActionOutcome::Unknown,
        }
    }

    /// Everything that must hold before a participant is told to leave.
    async fn rejoinable(
        &self,
        room: &Room,
        party: &Id,
    ) -> Result<(HandleRef, HandleInfo, PlainRtp), ActionOutcome> {
        let (rooms, _) = self.list(room.plugin).await.map_err(|fault| not_sent(&fault))?;
        if rooms.iter().any(|listed| listed.id == room.id && listed.pin_required == Some(true)) {
            return Err(rejected("pin_required"));
        }
        let found = self.handle_of(room, party).await.map_err(|fault| not_sent(&fault))?;
        let (known, info) = found.ok_or_else(|| rejected("no_such_participant"))?;
        let rtp = info.plain.clone().ok_or_else(|| rejected("not_plain_rtp"))?;
        Ok((known.at, info, rtp))
    }

    /// Whether the handle comes to show something within [`SHOWN`]; `None` when it cannot be read.
    async fn shows(&self, at: HandleRef, what: impl Fn(&HandleInfo) -> bool) -> Option<bool> {
        let deadline = tokio::time::Instant::now() + SHOWN;
        loop {
            if what(&self.info_of(at).await.ok()??) {
                return Some(true);
            }
            if tokio::time::Instant::now() >= deadline {
                return Some(false);
            }
            tokio::time::sleep(SHOWN_EVERY).await;
        }
    }

    pub(super) async fn look_for(&self, plan: &Plan, key: &ActionKey) -> Result<Looked, Fault> {
        self.stale();
        match Deed::of(&plan.action) {
            Err(_) => Ok(Looked::DidNot),
            Ok(Deed::Mute { room, what, on }) => self.look_muted(&room, &what, on).await,
            Ok(Deed::Kick { room, party }) => {
                tokio::time::sleep(KICKED_BY).await;
                Ok(self.look_call(&room, &party, key).await?.unwrap_or(Looked::Happened))
            }
            // It left, and the join did not follow: not done, and known.
            Ok(Deed::Rejoin { room, party }) => {
                Ok(self.look_call(&room, &party, key).await?.unwrap_or(Looked::DidNot))
            }
        }
    }

    /// Whether the participant's call is another one than before; `None` when it is not there at all.
    async fn look_call(&self, room: &Room, party: &Id, key: &ActionKey) -> Result<Option<Looked>, Fault> {
        if !self.participants(room).await?.iter().any(|listed| listed.id == *party) {
            return Ok(None);
        }
        let before = self.state().memory.before.get(key).cloned();
        let found = self.handle_of(room, party).await?;
        Ok(Some(match (before, found) {
            (Some(before), Some((known, info))) if before == Before::of(known.at, &info) => Looked::DidNot,
            (Some(_), Some(_)) => Looked::Happened,
            (None, _) | (_, None) => Looked::CannotTell,
        }))
    }

    /// Muting is a state: whoever made it so, it is so.
    async fn look_muted(&self, room: &Room, what: &MuteWhat, on: bool) -> Result<Looked, Fault> {
        let muted = match what {
            MuteWhat::Party(party) => {
                let parties = self.participants(room).await?;
                parties.iter().find(|listed| listed.id == *party).and_then(|listed| listed.muted)
            }
            MuteWhat::Room | MuteWhat::Mountpoint => {
                let (rooms, _) = self.list(room.plugin).await?;
                let listed = rooms.iter().find(|listed| listed.id == room.id);
                listed.and_then(|listed| match what {
                    MuteWhat::Mountpoint => listed.enabled.map(|enabled| !enabled),
                    MuteWhat::Party(_) | MuteWhat::Room | MuteWhat::Line(..) => listed.muted,
                })
            }
            // Janus does not show whom it moderates.
            MuteWhat::Line(..) => None,
        };
        Ok(match muted {
            Some(muted) if muted == on => Looked::Happened,
            Some(_) => Looked::DidNot,
            None => Looked::CannotTell,
        })
    }
}

fn name_of(info: &HandleInfo) -> &str {
    match &info.role {
        Role::Participant { name, .. } => name,
        Role::Viewer { .. } | Role::Idle { .. } | Role::Other => "",
    }
}

fn rejected(code: &str) -> ActionOutcome {
    ActionOutcome::Rejected { code: code.into(), retryable: false }
}

/// What failed before anything was told.
fn not_sent(fault: &Fault) -> ActionOutcome {
    ActionOutcome::Rejected { code: code(fault), retryable: true }
}

/// What failed while telling.
fn failed(fault: &Fault) -> ActionOutcome {
    if fault.may_have_happened() {
        return ActionOutcome::Unknown;
    }
    ActionOutcome::Rejected { code: code(fault), retryable: !matches!(fault, Fault::Said { .. }) }
}

fn code(fault: &Fault) -> String {
    match fault {
        Fault::Said { code, .. } => code.clone(),
        Fault::Unreachable(_) => "unreachable".into(),
        Fault::Tls(_) => "tls".into(),
        Fault::Auth(_) => "auth".into(),
        Fault::RateLimited { .. } => "rate_limited".into(),
        Fault::Busy(_) => "busy".into(),
        Fault::Shape(_) => "shape".into(),
        Fault::Timeout { .. } => "timeout".into(),
        Fault::NotSupported => "not_supported".into(),
        Fault::OverBudget => "over_budget".into(),
        Fault::NoCredential => "no_credential".into(),
    }
}

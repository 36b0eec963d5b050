//! What Janus is told, once: hang up, mute, leave and join again; and what a look after an unknown outcome shows.
//!
//! A look compares with what was there before the request left; after a restart of ours that memory is gone, and
//! where Janus itself does not show it, it cannot be told.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::Janus;
use super::deed::{Deed, MuteWhat};
use super::handle::{HandleInfo, PlainRtp, Role};
use super::line::HandleRef;
use super::name::{Id, Room};
use crate::mcu::act;
use crate::mcu::fault::Fault;
use crate::observation::action::{ActionKey, ActionOutcome, Looked, Plan};
use crate::observation::device::Medium;

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
                    Err(fault) => return act::refused(&fault),
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
        let (rooms, _) = self.list(room.plugin).await.map_err(|fault| act::refused(&fault))?;
        if rooms.iter().any(|listed| listed.id == room.id && listed.pin_required == Some(true)) {
            return Err(rejected("pin_required"));
        }
        let found = self.handle_of(room, party).await.map_err(|fault| act::refused(&fault))?;
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

/// What failed while telling.
fn failed(fault: &Fault) -> ActionOutcome {
    if fault.may_have_happened() { ActionOutcome::Unknown } else { act::refused(fault) }
}

//! Which handle belongs to which participant. A roster names participants, media are told of handles; the two are
//! tied together by a walk through all sessions, or by the events that name both.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use super::handle::{self, HandleInfo, PlainRtp, Role};
use super::line::{HandleRef, Line};
use super::name::{Id, Room};
use super::reply;
use crate::mcu::fault::Fault;
use crate::observation::device::ROSTER_MAX;

/// Requests of a walk that are under way at once.
const AT_ONCE: usize = 8;
/// A walk costs a request per session and one per handle: the next one waits so many times as long as it took.
const REST: u32 = 4;
/// And at least so long.
const REST_MIN: Duration = Duration::from_secs(3);

/// A participant's handle.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// Its handle.
    pub at: HandleRef,
    /// Plain RTP, where it has no call.
    pub plain: Option<PlainRtp>,
    /// Ties what it watches to it.
    pub private: Option<u64>,
}

/// What is known of handles; as old as the last walk or event.
#[derive(Debug, Default)]
pub struct Handles {
    parties: BTreeMap<(Room, Id), Known>,
    viewers: BTreeMap<(Room, u64), BTreeSet<HandleRef>>,
}

impl Handles {
    /// The handle of a participant.
    pub fn of(&self, room: &Room, party: &Id) -> Option<&Known> {
        self.parties.get(&(room.clone(), party.clone()))
    }

    /// The handles with which a participant watches others.
    pub fn viewers_of(&self, room: &Room, private: u64) -> Vec<HandleRef> {
        self.viewers.get(&(room.clone(), private)).into_iter().flatten().copied().collect()
    }

    /// Who has that handle.
    pub fn holder(&self, at: HandleRef) -> Option<&(Room, Id)> {
        self.parties.iter().find(|(_, known)| known.at == at).map(|(name, _)| name)
    }

    /// Takes in what a handle says of itself.
    pub fn learn(&mut self, at: HandleRef, info: &HandleInfo) {
        self.forget(at);
        match &info.role {
            Role::Participant { room, party, private, .. } => {
                let known = Known { at, plain: info.plain.clone(), private: *private };
                self.keep((room.clone(), party.clone()), known);
            }
            Role::Viewer { room, private: Some(private) } if self.viewers.len() < ROSTER_MAX => {
                let watched = self.viewers.entry((room.clone(), *private)).or_default();
                if watched.len() < ROSTER_MAX {
                    watched.insert(at);
                }
            }
            Role::Viewer { .. } | Role::Idle { .. } | Role::Other => {}
        }
    }

    /// Takes in what an event says: somebody joined on that handle.
    pub fn joined(&mut self, at: HandleRef, room: Room, party: Id, private: Option<u64>) {
        self.forget(at);
        self.keep((room, party), Known { at, plain: None, private });
    }

    /// The handle is gone, or somebody else's.
    pub fn forget(&mut self, at: HandleRef) {
        self.parties.retain(|_, known| known.at != at);
        for watched in self.viewers.values_mut() {
            watched.remove(&at);
        }
        self.viewers.retain(|_, watched| !watched.is_empty());
    }

    fn keep(&mut self, name: (Room, Id), known: Known) {
        if self.parties.len() < ROSTER_MAX || self.parties.contains_key(&name) {
            self.parties.insert(name, known);
        }
    }
}

/// Walks through all sessions, one walk at a time and with a rest between two.
#[derive(Debug, Default)]
pub(super) struct Walker {
    rest_until: AsyncMutex<Option<Instant>>,
}

impl Walker {
    /// Everything there is, or `None` while the last walk is still rested from.
    pub(super) async fn walk(&self, line: &Line) -> Result<Option<Handles>, Fault> {
        let mut rest_until = self.rest_until.lock().await;
        let begun = Instant::now();
        if rest_until.is_some_and(|until| begun < until) {
            return Ok(None);
        }
        let found = everything(line).await;
        let ended = Instant::now();
        *rest_until = Some(ended + (ended.duration_since(begun) * REST).max(REST_MIN));
        found.map(Some)
    }
}

async fn everything(line: &Line) -> Result<Handles, Fault> {
    let sessions = reply::numbers(&line.admin("", "list_sessions").await?.value, "sessions")?;
    let listed = stream::iter(sessions)
        .map(|session| async move {
            let handles = gone_is_none(line.admin(&format!("/{session}"), "list_handles").await)?;
            let handles = handles.map(|answered| reply::numbers(&answered.value, "handles")).transpose()?;
            let named = handles.into_iter().flatten().map(move |handle| HandleRef { session, handle });
            Ok::<_, Fault>(named.collect::<Vec<_>>())
        })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let all: Vec<HandleRef> = listed
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .flatten()
        .take(4 * ROSTER_MAX)
        .collect();
    let told = stream::iter(all)
        .map(|at| async move { (at, gone_is_none(line.handle_info(at, true).await)) })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let mut found = Handles::default();
    for (at, value) in told {
        if let Some(info) = value?.as_ref().map(handle::handle_info).transpose()? {
            found.learn(at, &info);
        }
    }
    Ok(found)
}

/// Whoever leaves during the walk is no fault: no such session, no such handle.
fn gone_is_none<T>(answer: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(fault) if is_gone(&fault) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Whether Janus says that a session or handle does not exist.
pub(super) fn is_gone(fault: &Fault) -> bool {
    matches!(fault, Fault::Said { code, .. } if code == "458" || code == "459")
}

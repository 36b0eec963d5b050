//! What is asked of a bridge: lists page by page, one leg at a time, and steps that are carried out.

use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;

use super::leg::{self, Leg};
use super::plan::{self, API, Step};
use super::reply;
use super::{Cms, Known, Memory};
use crate::domain::mcu::{ConferenceRef, ParticipantRef, bounded};
use crate::mcu::fault::Fault;
use crate::mcu::http::{Intent, Reply};
use crate::mcu::xml::Element;
use crate::observation::action::ActionKey;
use crate::observation::device::ROSTER_MAX;

/// Entries of a page. The bridge may give fewer.
const PAGE: usize = 100;
/// Legs whose own pages are read in one sweep of the roster, because nothing is known of them yet.
const NEW_LEGS: usize = 25;
/// Participants of one name that are compared when a leg is to be moved.
const CANDIDATES: usize = 10;
/// Pages that are read when an order is looked for by its key.
const OWNERS_AT_ONCE: usize = 100;
/// Between hanging up and calling again, how often and how long it is looked whether the leg is gone.
const GONE_TRIES: u32 = 10;
const GONE_EVERY: Duration = Duration::from_millis(500);

/// A list, put together from its pages, and whether they agree.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) entries: Vec<Element>,
    totals: Vec<usize>,
}

impl Listed {
    /// Takes a page; whether there is another one.
    fn take(&mut self, page: reply::Page) -> bool {
        let empty = page.entries.is_empty();
        self.totals.push(page.total);
        self.entries.extend(page.entries);
        let enough = self.entries.len() >= page.total.min(ROSTER_MAX);
        !empty && !enough && self.totals.len() <= ROSTER_MAX / PAGE
    }

    /// Pages are no snapshot: only when every page counts the same, each entry came once and none is missing was the
    /// whole list read.
    pub(super) fn complete(&self) -> bool {
        let first = self.totals.first().copied().unwrap_or_default();
        let ids: BTreeSet<&str> = self.entries.iter().filter_map(|entry| entry.attribute("id")).collect();
        self.totals.iter().all(|total| *total == first) && ids.len() == first && self.entries.len() == first
    }
}

impl Cms {
    pub(super) async fn get(&self, path: &str) -> Result<Reply, Fault> {
        self.send(Method::GET, &format!("{API}{path}"), "").await
    }

    async fn send(&self, method: Method, path: &str, form: &str) -> Result<Reply, Fault> {
        let intent = if method == Method::GET { Intent::Read } else { Intent::Act };
        let mut request = self.line.request(method, path)?;
        request = request.basic_auth(&self.login.user, Some(self.login.secret.as_str()));
        if intent == Intent::Act {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.to_owned());
        }
        let reply = self.line.send(request, intent).await?;
        if (200..300).contains(&reply.status) {
            return Ok(reply);
        }
        let code = reply::failure(&reply.body);
        match code.as_deref() {
            Some("databaseNotReady") => Err(Fault::Busy("databaseNotReady".to_owned())),
            // The server broke while it worked: what it was told may have happened.
            None if reply.status >= 500 && intent == Intent::Act => Err(Fault::Timeout { sent: true }),
            Some(_) | None => {
                let code = code.unwrap_or_else(|| reply.status.to_string());
                Err(Fault::Said { code, words: bounded(&String::from_utf8_lossy(&reply.body)).to_owned() })
            }
        }
    }

    /// Every entry of a list.
    pub(super) async fn list(&self, path: &str, list: &str, entry: &str) -> Result<Listed, Fault> {
        let mut listed = Listed::default();
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let at = listed.entries.len();
            let reply = self.get(&format!("{path}{joint}limit={PAGE}&offset={at}")).await?;
            if !listed.take(reply::page(&reply.body, list, entry)?) {
                return Ok(listed);
            }
        }
    }

    /// The legs of a conference, and whether all were read.
    pub(super) async fn legs(&self, call: &ConferenceRef) -> Result<(Vec<Leg>, bool), Fault> {
        let path = format!("calls/{}/callLegs", in_path(call.as_str())?);
        let listed = self.list(&path, "callLegs", "callLeg").await?;
        let legs: Vec<Leg> = listed.entries.iter().map(leg::leg).collect::<Result<_, _>>()?;
        Ok((legs, listed.complete()))
    }

    /// A leg's own page. What it says is remembered.
    pub(super) async fn leg_page(&self, id: &ParticipantRef) -> Result<(Element, leg::Details), Fault> {
        let reply = self.get(&format!("callLegs/{}", in_path(id.as_str())?)).await?;
        let page = reply::root(&reply.body, "callLeg")?;
        let details = leg::details(&page)?;
        self.remember(|memory| {
            if let Some(known) = memory.legs.get_mut(id) {
                known.details = Some(details.clone());
            }
        });
        Ok((page, details))
    }

    /// Reads the pages of legs of which nothing is known yet, a few at a time. One that fails is read another time.
    pub(super) async fn learn(&self, legs: &[Leg]) {
        let fresh: Vec<ParticipantRef> = self.remember(|memory| {
            let settled = |leg: &&Leg| memory.legs.get(&leg.id).is_some_and(Known::is_settled);
            let fresh = legs.iter().filter(|leg| !settled(leg));
            fresh.take(NEW_LEGS).map(|leg| leg.id.clone()).collect()
        });
        for id in fresh {
            match self.leg_page(&id).await {
                Ok(_) | Err(Fault::Said { .. }) => {}
                Err(_) => return,
            }
        }
    }

    /// The legs that the bridge itself calls degraded, in one question for all conferences.
    pub(super) async fn degraded(&self) -> Result<Vec<Leg>, Fault> {
        let listed = self.list("callLegs?alarms=all", "callLegs", "callLeg").await?;
        listed.entries.iter().map(leg::leg).collect()
    }

    /// Whether a leg that was hung up is gone.
    pub(super) async fn gone(&self, id: &ParticipantRef) -> Result<bool, Fault> {
        for _ in 0..GONE_TRIES {
            match self.leg_page(id).await {
                Err(Fault::Said { .. }) => return Ok(true),
                Err(fault) => return Err(fault),
                Ok(_) => tokio::time::sleep(GONE_EVERY).await,
            }
        }
        Ok(false)
    }

    /// Sends a step. What it made is named by the reply's `Location`.
    pub(super) async fn take(&self, step: &Step, key: &ActionKey) -> Result<Option<String>, Fault> {
        let mut form = step.form.replace(plan::OWNER, &plan::owner(key));
        if let Some(leg) = step.moves() {
            let participant = self.participant_of(&leg).await.map_err(unsent)?;
            form = form.replace(&format!("{}{leg}", plan::PARTICIPANT), &participant);
        }
        let reply = self.send(step.method.clone(), &step.path, &form).await?;
        let made = reply.location.as_deref().and_then(|location| location.rsplit('/').next());
        Ok(made.filter(|id| !id.is_empty()).map(|id| bounded(id).to_owned()))
    }

    /// The participant to whom a leg belongs: among those of its conference the one that lists the leg.
    async fn participant_of(&self, id: &str) -> Result<String, Fault> {
        let nobody = || Fault::Said { code: "participantDoesNotExist".to_owned(), words: String::new() };
        let (page, _) = self.leg_page(&ParticipantRef::new(id)).await?;
        let leg = leg::leg(&page)?;
        let call = leg.call.ok_or_else(nobody)?;
        let path = format!("calls/{}/participants", in_path(call.as_str())?);
        let listed = self.list(&path, "participants", "participant").await?;
        let named = listed.entries.iter().filter(|entry| entry.text_at(&["name"]) == Some(leg.name.as_str()));
        for candidate in named.filter_map(|entry| entry.attribute("id")).take(CANDIDATES) {
            let path = format!("participants/{}/callLegs", in_path(candidate)?);
            let legs = self.list(&path, "callLegs", "callLeg").await?;
            if legs.entries.iter().any(|entry| entry.attribute("id") == Some(id)) {
                return Ok(candidate.to_owned());
            }
        }
        Err(nobody())
    }

    /// Whether a leg in the conference carries the order's key.
    pub(super) async fn owned(&self, call: &ConferenceRef, key: &ActionKey) -> Result<Owned, Fault> {
        let listed = self.list("callLegs?ownerIdSet=true", "callLegs", "callLeg").await?;
        let legs: Vec<Leg> = listed.entries.iter().map(leg::leg).collect::<Result<_, _>>()?;
        let owner = plan::owner(key);
        // A leg's key never changes, so each page is read once.
        let here = legs.into_iter().filter(|leg| leg.call.as_ref().is_none_or(|at| at == call));
        let mut asked = 0;
        for leg in here {
            let known = self.remember(|memory| {
                let known = memory.legs.get(&leg.id).and_then(|known| known.details.clone());
                known.and_then(|details| details.owner)
            });
            let found = match known {
                Some(found) => Some(found),
                None if asked >= OWNERS_AT_ONCE => return Ok(Owned::NotAllRead),
                None => {
                    asked += 1;
                    self.leg_page(&leg.id).await.map(|(_, details)| details.owner)?
                }
            };
            if found.is_some_and(|found| found.eq_ignore_ascii_case(&owner)) {
                return Ok(Owned::There);
            }
        }
        Ok(if listed.complete() { Owned::Nowhere } else { Owned::NotAllRead })
    }

    pub(super) fn remember<T>(&self, with: impl FnOnce(&mut Memory) -> T) -> T {
        with(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What became of the search for an order's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owned {
    There,
    Nowhere,
    NotAllRead,
}

/// The step itself was not sent yet.
fn unsent(fault: Fault) -> Fault {
    if fault.may_have_happened() { Fault::Timeout { sent: false } } else { fault }
}

/// A reference as part of a path. The bridge's are GUIDs; anything else would leave its place.
fn in_path(text: &str) -> Result<&str, Fault> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !text.is_empty() && text.chars().all(fits) {
        return Ok(text);
    }
    Err(Fault::Said { code: "not_a_reference".to_owned(), words: bounded(text).to_owned() })
}

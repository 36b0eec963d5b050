//! What is asked of a management node: lists page by page, one thing at a time, and steps that are carried out.

use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::time::Duration;

use axum::http::header;
use reqwest::Method;
use serde_json::Value;

use super::participant::{self, Participant, Quality};
use super::plan::Step;
use super::reply::{self, Worker};
use super::{Memory, Pexip};
use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::mcu::fault::Fault;
use crate::mcu::http::{Intent, Reply};
use crate::mcu::{Pushed, fields};
use crate::observation::action::Action;
use crate::observation::device::ROSTER_MAX;

/// Entries of a page.
const PAGE: usize = 100;
/// Aliases that are looked up in one listing of conferences.
const ALIASES_AT_ONCE: usize = 3;
/// Between hanging up and calling again, how often and how long it is looked whether the site is gone.
const GONE_TRIES: u32 = 10;
const GONE_EVERY: Duration = Duration::from_millis(500);

impl Pexip {
    pub(super) async fn get(&self, path: &str) -> Result<Reply, Fault> {
        self.send(Method::GET, path, None).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Reply, Fault> {
        let intent = if method == Method::GET { Intent::Read } else { Intent::Act };
        let mut request = self.line.request(method, path)?;
        request = request.basic_auth(&self.login.user, Some(self.login.secret.as_str()));
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let reply = self.line.send(request, intent).await?;
        match reply.status {
            200..=299 => Ok(reply),
            // The server broke while it worked: what it was told may have happened.
            500..=599 if intent == Intent::Act => Err(Fault::Timeout { sent: true }),
            status => Err(Fault::Said { code: status.to_string(), words: reply::said(&reply.body) }),
        }
    }

    /// Every entry of a list, and whether its pages agree with each other.
    pub(super) async fn list(&self, path: &str) -> Result<Listed, Fault> {
        let mut listed = Listed::default();
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let at = listed.objects.len();
            let reply = self.get(&format!("{path}{joint}limit={PAGE}&offset={at}")).await?;
            let page = reply::page(&reply.body)?;
            listed.date = reply.date;
            if !listed.take(page) {
                return Ok(listed);
            }
        }
    }

    pub(super) async fn workers(&self) -> Result<(Vec<Worker>, Option<String>), Fault> {
        let listed = self.list("api/admin/status/v1/worker_vm/").await?;
        let workers: Vec<Worker> = listed.objects.iter().map(reply::worker).collect::<Result<_, _>>()?;
        self.remember(|memory| memory.known.workers.clone_from(&workers));
        Ok((workers, listed.date))
    }

    /// The number of a running conference; none when it does not run.
    pub(super) async fn number(&self, conference: &ConferenceRef) -> Result<Option<String>, Fault> {
        let path = format!("api/admin/status/v1/conference/?name={}", encoded(conference.as_str()));
        let listed = self.list(&path).await?;
        let all: Vec<(String, String)> =
            listed.objects.iter().map(reply::conference).collect::<Result<_, _>>()?;
        Ok(all.into_iter().find(|(_, name)| name == conference.as_str()).map(|(number, _)| number))
    }

    /// Looks up what conferences are called by, a few at a time. A right that is missing there blinds nobody.
    pub(super) async fn learn_aliases(&self, names: &[ConferenceRef]) {
        let missing: Vec<ConferenceRef> = self.remember(|memory| {
            let missing = names.iter().filter(|name| !memory.known.aliases.contains_key(name));
            missing.take(ALIASES_AT_ONCE).cloned().collect()
        });
        for name in missing {
            let path = format!("api/admin/configuration/v1/conference/?name={}", encoded(name.as_str()));
            let Ok(listed) = self.list(&path).await else { return };
            let alias = listed.objects.first().and_then(reply::alias);
            let alias = alias.unwrap_or_else(|| name.as_str().to_owned());
            self.remember(|memory| memory.known.aliases.insert(name, alias));
        }
    }

    pub(super) async fn participants(
        &self,
        conference: &ConferenceRef,
    ) -> Result<(Vec<Participant>, bool), Fault> {
        let path = format!("api/admin/status/v1/participant/?conference={}", encoded(conference.as_str()));
        let listed = self.list(&path).await?;
        let all: Vec<Participant> =
            listed.objects.iter().map(participant::participant).collect::<Result<_, _>>()?;
        let ids: Vec<ParticipantRef> = all.iter().map(|each| each.site.participant.clone()).collect();
        let ours =
            all.into_iter().filter(|each| each.conference.as_ref().is_none_or(|name| name == conference));
        // A second call for the content of a site is a part of that site.
        let sites = ours.filter(|each| !each.parent.as_ref().is_some_and(|parent| ids.contains(parent)));
        Ok((sites.collect(), listed.complete()))
    }

    /// Names the sites whose media are to be read first, and remembers what tells silence from a fault.
    pub(super) fn note(&self, conference: &ConferenceRef, participants: &[Participant]) {
        self.remember(|memory| {
            memory.switches.retain(|_, (place, _)| place != conference);
            let room = ROSTER_MAX.saturating_sub(memory.switches.len());
            for each in participants.iter().take(room) {
                let entry = (conference.clone(), each.switches);
                memory.switches.insert(each.site.participant.clone(), entry);
            }
            let known = &memory.switches;
            memory.standing.keep(|participant| known.contains_key(participant));
            memory.order.placed(conference, participants.iter().map(|each| each.site.participant.clone()));
        });
        for each in participants.iter().filter(|each| each.quality >= Quality::Bad) {
            let site = each.site.participant.clone();
            let _ =
                self.hints.send(Pushed::Media { conference: conference.clone(), site, streams: Vec::new() });
        }
    }

    /// Whether the site of a redial has left.
    pub(super) async fn left(&self, action: &Action) -> Result<bool, Fault> {
        let Action::Redial { participant, .. } = action else { return Ok(true) };
        self.gone(participant.as_str()).await
    }

    /// Waits until a site that was hung up is gone: a call that meets its own predecessor fails.
    pub(super) async fn gone(&self, participant: &str) -> Result<bool, Fault> {
        let path = format!("api/admin/status/v1/participant/{}/", encoded(participant));
        for _ in 0..GONE_TRIES {
            match self.get(&path).await {
                Err(Fault::Said { code, .. }) if code == "404" => return Ok(true),
                Err(fault) => return Err(fault),
                Ok(_) => tokio::time::sleep(GONE_EVERY).await,
            }
        }
        Ok(false)
    }

    pub(super) async fn take(&self, step: &Step) -> Result<Option<String>, Fault> {
        let reply = self.send(step.method.clone(), &step.path, Some(&step.body)).await?;
        reply::accepted(&reply.body)
    }

    pub(super) fn remember<T>(&self, with: impl FnOnce(&mut Memory) -> T) -> T {
        with(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Pages of a list, put together.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) objects: Vec<Value>,
    totals: Vec<usize>,
    pub(super) date: Option<String>,
}

impl Listed {
    /// Takes a page; whether there is another one. Never more pages than the largest roster has.
    fn take(&mut self, page: reply::Page) -> bool {
        let empty = page.objects.is_empty();
        self.totals.push(page.total);
        self.objects.extend(page.objects);
        let enough = self.objects.len() >= page.total.min(ROSTER_MAX);
        !empty && !enough && self.totals.len() <= ROSTER_MAX / PAGE
    }

    /// Pages are no snapshot: only when every page counts the same, each entry came once and none is missing was the
    /// whole list read.
    fn complete(&self) -> bool {
        let first = self.totals.first().copied().unwrap_or_default();
        let ids: BTreeSet<String> =
            self.objects.iter().filter_map(|object| fields::text(object, "id")).collect();
        self.totals.iter().all(|total| *total == first) && ids.len() == first && self.objects.len() == first
    }
}

/// A text as part of an address.
pub(super) fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

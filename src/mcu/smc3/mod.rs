//! Huawei SMC 3.0: REST over two portals, and STOMP 1.2 over WebSocket for what it pushes.
//!
//! Who is expected and who is there is one list here. The quality of a site's media is told by push alone, so the
//! streams of a site are what was pushed last, and absent with the reason while nobody listens. Nothing is told about
//! the MCUs behind the SMC: neither load nor room.
//!
//! Sources: the northbound interface as public programs quote and use it. Never tried on a device by us.

pub mod news;
mod live;
mod plan;
mod portal;
mod push;
mod socket;
pub mod reply;
pub mod stomp;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use rustls::ClientConfig;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::act::{self, Run};
use super::fault::Fault;
use super::http::{HttpLine, Intent, Reply};
use super::trust::Login;
use super::{Abilities, Bridge, Pushed, Tells};
use crate::domain::mcu::{ConferenceRef, Interface, NodeRef, ParticipantRef};
use crate::domain::time::Utc;
use crate::observation::action::{Action, ActionKey, ActionOutcome, Looked, Plan, Refused};
use crate::observation::device::{
    Absent, Capacity, ConferenceSeen, DeviceAlarm, Given, Node, NodeHealth, Presence, ROSTER_MAX, Service,
    SiteSeen, StreamSample,
};
use live::Live;
use portal::{Portal, Request};
use reply::Site;

/// Sites and conferences that are asked for at once.
const PAGE: usize = 100;
/// Most pages that are read of one list.
const PAGES_MAX: usize = ROSTER_MAX.div_ceil(PAGE);
/// Of how many conferences alarms are read at most.
const ALARMED_MAX: usize = 16;
/// How often, and how many times, we look whether a site has been hung up before it is called again.
const HANGING_UP: (Duration, u32) = (Duration::from_millis(500), 12);

/// One SMC.
pub struct Smc3 {
    line: HttpLine,
    tls: ClientConfig,
    login: Login,
    conf: Portal,
    sys: Portal,
    live: Live,
}

impl fmt::Debug for Smc3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smc3").field("base", &self.line.base().as_str()).finish_non_exhaustive()
    }
}

impl Smc3 {
    /// An SMC at the end of a line. The base is its address without a portal; `tls` is that of the line, for the
    /// connection on which it pushes.
    pub fn new(line: HttpLine, tls: ClientConfig, login: Login) -> Self {
        let portal = |name| Portal::new(name, line.clone(), login.clone());
        let (conf, sys) = (portal("conf-portal"), portal("sys-portal"));
        Self { line, tls, login, conf, sys, live: Live::default() }
    }

    async fn read(&self, request: &Request) -> Result<Reply, Fault> {
        self.conf.ask(request, Intent::Read).await
    }

    async fn detail(&self, conference: &ConferenceRef) -> Result<reply::Detail, Fault> {
        let path = format!("online/conferences/{}/detail", segment(conference.as_str())?);
        reply::detail(&self.read(&Request::get(path)).await?.body)
    }

    /// All sites of a conference, page by page, and whether the pages agree with one another.
    async fn sites(&self, conference: &ConferenceRef) -> Result<(Vec<Site>, bool), Fault> {
        let conference_path = segment(conference.as_str())?;
        let (mut sites, mut totals) = (BTreeMap::new(), BTreeSet::new());
        let mut order: Vec<ParticipantRef> = Vec::new();
        for page in 0..PAGES_MAX {
            let path = format!(
                "online/conferences/{conference_path}/participants/conditions?page={page}&size={PAGE}"
            );
            let body = json!({ "showCurrentOrg": 0, "name": "" });
            let reply = self.read(&Request::with(Method::POST, path, body)).await?;
            let page = reply::page(&reply.body)?;
            totals.insert(page.total);
            for row in &page.rows {
                let site = reply::site(row)?;
                let participant = site.seen.participant.clone();
                if sites.insert(participant.clone(), site).is_none() {
                    order.push(participant);
                }
            }
            if page.rows.len() < PAGE || order.len() >= page.total {
                break;
            }
        }
        let agree = totals.len() == 1 && totals.contains(&order.len());
        let sites: Vec<Site> = order.iter().filter_map(|participant| sites.remove(participant)).collect();
        self.live.note_off(conference, &sites);
        Ok((sites, agree))
    }

    async fn online(&self) -> Result<(Vec<ConferenceSeen>, Reply), Fault> {
        let mut found = Vec::new();
        for page in 0..PAGES_MAX {
            let reply = self.list_page(page, PAGE).await?;
            let read = reply::page(&reply.body)?;
            for row in &read.rows {
                found.extend(reply::conference(row, now())?);
            }
            if read.rows.len() < PAGE || (page + 1) * PAGE >= read.total {
                return Ok((found, reply));
            }
        }
        Err(Fault::Shape("a list without an end".into()))
    }

    async fn list_page(&self, page: usize, size: usize) -> Result<Reply, Fault> {
        let path = format!("conferences/conditions?page={page}&size={size}");
        let body = json!({
            "active": true, "keyword": "", "organizationId": "", "startTime": "", "endTime": "", "showCurrentOrg": 0,
        });
        self.read(&Request::with(Method::POST, path, body)).await
    }

    /// Alarms of a conference that has any. Where they cannot be read there is at least one.
    async fn alarms_of(&self, conference: &ConferenceSeen) -> Result<Vec<DeviceAlarm>, Fault> {
        if !self.detail(&conference.conference).await?.alarmed {
            return Ok(Vec::new());
        }
        let path = format!("conferences/history/{}/alarms", segment(conference.conference.as_str())?);
        let read = match self.read(&Request::get(path)).await {
            Ok(reply) => reply::alarms(conference, &reply.body).unwrap_or_default(),
            Err(Fault::Said { .. } | Fault::Shape(_)) => Vec::new(),
            Err(fault) => return Err(fault),
        };
        Ok(if read.is_empty() { vec![reply::alarm_unread(conference)] } else { read })
    }

    /// Waits until the site of an action is hung up, so that it can be called again.
    async fn is_hung_up(&self, action: &Action) -> bool {
        let Action::Redial { conference, participant } = action else { return true };
        for _ in 0..HANGING_UP.1 {
            tokio::time::sleep(HANGING_UP.0).await;
            let sites = self.sites(conference).await.map(|(sites, _)| sites).unwrap_or_default();
            let mut site = sites.iter().filter(|site| site.seen.participant == *participant);
            if site.next().is_some_and(|site| !act::is_up(&site.seen)) {
                return true;
            }
        }
        false
    }

    fn node(portal: &Portal, service: Service) -> Node {
        let load_pct = Given::Absent(Absent::NotProvided);
        Node { node: NodeRef::new(portal.name()), service, load_pct }
    }
}

#[async_trait]
impl Bridge for Smc3 {
    fn interface(&self) -> Interface {
        Interface::Smc3
    }

    fn abilities(&self) -> Abilities {
        let tells = [
            Tells::Alarms,
            Tells::Roster,
            Tells::Expected,
            Tells::Bitrate,
            Tells::Loss,
            Tells::Jitter,
            Tells::RoundTrip,
            Tells::Resolution,
            Tells::FrameRate,
            Tells::Events,
        ];
        Abilities {
            tells: BTreeSet::from(tells),
            does: BTreeSet::from(plan::DOES),
            requests_per_minute: None,
            tried_on_a_real_device: false,
        }
    }

    /// The portal of conferences answers, or there is a fault; that of the system may fail beside it.
    async fn health(&self) -> Result<NodeHealth, Fault> {
        let reply = self.list_page(0, 1).await?;
        reply::page(&reply.body)?;
        let sys = match self.sys.keep().await {
            Ok(()) => Service::Up,
            Err(_) => Service::Failed,
        };
        Ok(NodeHealth {
            service: if sys == Service::Up { Service::Up } else { Service::Degraded },
            load_pct: Given::Absent(Absent::NotProvided),
            uptime: Given::Absent(Absent::NotProvided),
            version: None,
            boot: None,
            clock_skew_ms: reply.clock_skew_ms(now()),
            nodes: vec![Self::node(&self.conf, Service::Up), Self::node(&self.sys, sys)],
        })
    }

    async fn capacity(&self) -> Result<Vec<Capacity>, Fault> {
        Err(Fault::NotSupported)
    }

    async fn alarms(&self) -> Result<Vec<DeviceAlarm>, Fault> {
        let mut found = Vec::new();
        for conference in self.online().await?.0.iter().take(ALARMED_MAX) {
            found.extend(self.alarms_of(conference).await?);
        }
        Ok(found)
    }

    async fn conferences(&self) -> Result<Vec<ConferenceSeen>, Fault> {
        Ok(self.online().await?.0)
    }

    async fn roster(&self, conference: &ConferenceRef) -> Result<ConferenceSeen, Fault> {
        let detail = self.detail(conference).await?;
        let (sites, agree) = self.sites(conference).await?;
        let sites: Vec<SiteSeen> = sites.into_iter().map(|site| site.seen).collect();
        Ok(ConferenceSeen {
            conference: conference.clone(),
            name: detail.name,
            complete: agree && detail.sites.is_none_or(|count| count == sites.len()),
            present: sites.iter().filter(|site| act::is_up(site)).cloned().collect(),
            expected: Some(sites),
            at: now(),
        })
    }

    async fn streams(&self, conference: &ConferenceRef, site: &SiteSeen) -> Result<Vec<StreamSample>, Fault> {
        if site.presence != Presence::Connected {
            return Ok(Vec::new());
        }
        let why = match self.live.samples(conference, &site.participant) {
            Ok(samples) => return Ok(samples),
            Err(why) => why,
        };
        let path = format!(
            "online/conferences/{}/participants/{}/detailInfo",
            segment(conference.as_str())?,
            segment(site.participant.as_str())?
        );
        let (audio, video) = reply::codecs(&self.read(&Request::get(path)).await?.body)?;
        Ok(live::without_figures(audio.as_deref(), video.as_deref(), why))
    }

    async fn listen(&self, pushed: mpsc::Sender<Pushed>, stop: CancellationToken) -> Result<(), Fault> {
        push::listen(self, pushed, stop).await
    }

    fn plan(&self, action: &Action, seen: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
        plan::plan(action, seen)
    }

    async fn execute(&self, plan: &Plan, _: &ActionKey) -> ActionOutcome {
        if let Err(fault) = self.conf.keep().await {
            return act::refused(&fault);
        }
        let mut run = Run::new(&plan.steps);
        for (at, step) in plan.steps.iter().enumerate() {
            let Some(request) = plan::from_step(step) else {
                return run.failed(&Fault::Said { code: "no_such_step".into(), words: String::new() });
            };
            if at > 0 && !self.is_hung_up(&plan.action).await {
                return run.failed(&Fault::Busy("not hung up yet".into()));
            }
            match self.conf.ask(&request, Intent::Act).await {
                Ok(_) => run.took(None),
                Err(fault) => return later(run.failed(&fault)),
            }
        }
        run.ended()
    }

    async fn look(&self, plan: &Plan, _: &ActionKey) -> Result<Looked, Fault> {
        let Some(conference) = plan.action.conference() else { return Ok(Looked::CannotTell) };
        let shown = self.detail(conference).await?.shown;
        Ok(plan::looked(&plan.action, &self.roster(conference).await?, shown.as_ref()))
    }
}

/// Ports that are taken now may be free later.
fn later(outcome: ActionOutcome) -> ActionOutcome {
    if let ActionOutcome::Rejected { code, .. } = &outcome
        && code == reply::NO_RESOURCES
    {
        return ActionOutcome::Rejected { code: code.clone(), retryable: true };
    }
    outcome
}

/// An identifier that stays one segment of a path.
fn segment(id: &str) -> Result<&str, Fault> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !id.is_empty() && id.chars().all(fits) {
        return Ok(id);
    }
    Err(Fault::Shape("an identifier with other signs than letters, digits, - and _".into()))
}

fn now() -> Utc {
    Utc::from_timestamp(jiff::Timestamp::now())
}

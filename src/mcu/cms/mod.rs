//! Cisco Meeting Server by its interface for administrators (XML over HTTP), and its call detail records.
//!
//! A list names the legs of a conference and nothing more: state, mutes and media of a leg are on a page of its own.
//! So a roster is the list, the pages of legs that are new, and one question for the legs that the bridge itself calls
//! degraded (`callLegs?alarms=all`); those are named at once as sites whose media are to be read
//! ([`Pushed::Media`]), the others wait for the slow sweep. Each bridge of a cluster tells of its own legs and is a
//! device of its own; the links between bridges are legs that are no sites. Not yet tried on a real device.

pub mod reply;
pub mod leg;
pub mod cdr;
pub mod plan;
mod line;
mod look;
mod receiver;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use super::act;
use super::fault::Fault;
use super::http::HttpLine;
use super::trust::Login;
use super::{Abilities, Bridge, Pushed, Tells};
use crate::domain::mcu::{ConferenceRef, Interface, ParticipantRef};
use crate::domain::time::Utc;
use crate::observation::action::{Action, ActionKey, ActionOutcome, Does, Looked, Plan, Refused};
use crate::observation::device::{
    Capacity, ConferenceSeen, DeviceAlarm, Given, Medium, Node, NodeHealth, Presence, ROSTER_MAX, SiteSeen,
    StreamSample, Way,
};
use leg::{Details, Leg};
use plan::Step;
use reply::Limits;

/// Requests a minute that are enough for 500 legs. Cisco publishes no limit and asks to measure.
pub const BUDGET_PER_MINUTE: u32 = 600;
/// Where the records of a bridge are posted, below where the router is mounted.
pub const CDR_PATH: &str = "/cdr";

/// Hints that wait for a listener; one that is slower reads everything anew.
const HINTS_MAX: usize = 512;

/// A bridge.
pub struct Cms {
    line: HttpLine,
    login: Login,
    memory: Arc<Mutex<Memory>>,
    hints: broadcast::Sender<Pushed>,
}

/// What is remembered between two calls.
#[derive(Debug, Default)]
struct Memory {
    limits: Limits,
    bridges: Vec<Node>,
    names: BTreeMap<ConferenceRef, String>,
    legs: BTreeMap<ParticipantRef, Known>,
    order: cdr::Order,
}

/// What is known of a leg.
#[derive(Debug, Default)]
struct Known {
    call: Option<ConferenceRef>,
    details: Option<Details>,
    media: BTreeSet<(Medium, Way)>,
}

impl Known {
    /// Whether its page need not be read for the roster: a state that lasts is known.
    fn is_settled(&self) -> bool {
        let presence = self.details.as_ref().map(|details| &details.presence);
        matches!(presence, Some(Presence::Connected | Presence::OnHold))
    }
}

impl fmt::Debug for Cms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cms").field("base", &self.line.base().as_str()).finish_non_exhaustive()
    }
}

impl Cms {
    /// A bridge behind a line to its interface for administrators.
    pub fn new(line: HttpLine, login: Login) -> Self {
        let (hints, _) = broadcast::channel(HINTS_MAX);
        Self { line, login, memory: Arc::default(), hints }
    }

    /// Takes the bridge's records at [`CDR_PATH`], to be mounted where the bridge can reach it. Every post is answered
    /// 200 at once. The bridge shows no secret: whoever mounts this lets only the bridge's address in.
    pub fn router(&self) -> Router {
        receiver::router(Arc::clone(&self.memory), self.hints.clone())
    }

    /// Remembers who is where; who has left is forgotten.
    fn note(&self, call: &ConferenceRef, legs: &[Leg], complete: bool) {
        self.remember(|memory| {
            let there: BTreeSet<&ParticipantRef> = legs.iter().map(|leg| &leg.id).collect();
            memory
                .legs
                .retain(|id, known| !complete || known.call.as_ref() != Some(call) || there.contains(id));
            for leg in legs {
                if memory.legs.len() < ROSTER_MAX || memory.legs.contains_key(&leg.id) {
                    memory.legs.entry(leg.id.clone()).or_default().call = Some(call.clone());
                }
            }
            memory.order.placed(call, legs.iter().map(|leg| leg.id.clone()));
        });
    }

    /// Names the sites of a conference whose media are to be read first. Without that the sweep finds them later.
    async fn name_degraded(&self, call: &ConferenceRef) {
        for leg in self.degraded().await.unwrap_or_default() {
            if leg.call.as_ref() == Some(call) {
                let said = Pushed::Media { conference: call.clone(), site: leg.id, streams: Vec::new() };
                let _ = self.hints.send(said);
            }
        }
    }
}

#[async_trait]
impl Bridge for Cms {
    fn interface(&self) -> Interface {
        Interface::Cms
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            tells: [
                Tells::Load,
                Tells::Capacity,
                Tells::Alarms,
                Tells::Roster,
                Tells::Bitrate,
                Tells::Loss,
                Tells::Jitter,
                Tells::RoundTrip,
                Tells::Resolution,
                Tells::FrameRate,
                Tells::Events,
            ]
            .into(),
            does: [
                Does::Dial,
                Does::Redial,
                Does::Disconnect,
                Does::Mute,
                Does::Layout,
                Does::KeyFrame,
                Does::MoveParticipant,
            ]
            .into(),
            requests_per_minute: None,
            tried_on_a_real_device: false,
        }
    }

    async fn health(&self) -> Result<NodeHealth, Fault> {
        let status = reply::status(&self.get("system/status").await?.body)?;
        let load = reply::load(&self.get("system/load").await?.body)?;
        let (limits, bridges) = self.remember(|memory| (memory.limits, memory.bridges.clone()));
        Ok(reply::health(&status, load, limits, bridges, now()))
    }

    async fn capacity(&self) -> Result<Vec<Capacity>, Fault> {
        let limits = reply::limits(&self.get("system/configuration/cluster").await?.body)?;
        let listed = self.list("callBridges", "callBridges", "callBridge").await?;
        let bridges = listed.entries.iter().filter_map(reply::call_bridge).collect();
        self.remember(|memory| (memory.limits, memory.bridges) = (limits, bridges));
        let status = reply::status(&self.get("system/status").await?.body)?;
        let load = reply::load(&self.get("system/load").await?.body)?;
        let mut all = reply::capacity(&status, load, limits);
        match self.get("system/multipartyLicensing").await {
            Ok(found) => all.extend(reply::licences(&found.body)?),
            // Older versions and other kinds of licensing have no such page.
            Err(Fault::Said { .. }) => {}
            Err(fault) => return Err(fault),
        }
        Ok(all)
    }

    async fn alarms(&self) -> Result<Vec<DeviceAlarm>, Fault> {
        let listed = self.list("system/alarms", "alarms", "alarm").await?;
        listed.entries.iter().map(|entry| reply::alarm(entry, now())).collect()
    }

    async fn readings(&self) -> Result<BTreeMap<String, Given<f64>>, Fault> {
        let status = reply::status(&self.get("system/status").await?.body)?;
        let load = reply::load(&self.get("system/load").await?.body)?;
        let names =
            ["audio_from_sites_kbps", "audio_to_sites_kbps", "video_from_sites_kbps", "video_to_sites_kbps"];
        let mut readings: BTreeMap<String, Given<f64>> =
            names.into_iter().map(str::to_owned).zip(status.kbps).collect();
        readings.insert("media_processing_load".to_owned(), load);
        Ok(readings)
    }

    async fn conferences(&self) -> Result<Vec<ConferenceSeen>, Fault> {
        let listed = self.list("calls", "calls", "call").await?;
        let all: Vec<(ConferenceRef, String)> =
            listed.entries.iter().map(reply::call).collect::<Result<_, _>>()?;
        self.remember(|memory| memory.names = all.iter().cloned().collect());
        let at = now();
        let unread = |(conference, name)| ConferenceSeen {
            conference,
            name,
            expected: None,
            present: Vec::new(),
            complete: false,
            at,
        };
        Ok(all.into_iter().map(unread).collect())
    }

    async fn roster(&self, conference: &ConferenceRef) -> Result<ConferenceSeen, Fault> {
        let at = now();
        let (legs, complete) = self.legs(conference).await?;
        self.note(conference, &legs, complete);
        self.learn(&legs).await;
        self.name_degraded(conference).await;
        self.remember(|memory| {
            let name = memory.names.get(conference);
            let site = |leg: Leg| {
                let known = memory.legs.get(&leg.id).and_then(|known| known.details.as_ref());
                leg::site(leg, known)
            };
            Ok(ConferenceSeen {
                conference: conference.clone(),
                name: name.cloned().unwrap_or_else(|| conference.as_str().to_owned()),
                expected: None,
                present: legs.into_iter().map(site).collect(),
                complete,
                at,
            })
        })
    }

    async fn streams(&self, _: &ConferenceRef, site: &SiteSeen) -> Result<Vec<StreamSample>, Fault> {
        let (page, details) = self.leg_page(&site.participant).await?;
        self.remember(|memory| {
            let known = memory.legs.get_mut(&site.participant);
            let before = known.as_ref().map(|known| known.media.clone()).unwrap_or_default();
            let streams = leg::streams(&page, &details, &before)?;
            if let Some(known) = known {
                known.media.extend(streams.iter().map(|stream| (stream.medium, stream.way)));
            }
            Ok(streams)
        })
    }

    async fn listen(&self, pushed: mpsc::Sender<Pushed>, stop: CancellationToken) -> Result<(), Fault> {
        let mut hints = self.hints.subscribe();
        while let Some(hint) = stop.run_until_cancelled(hints.recv()).await {
            let said = match hint {
                Ok(said) => said,
                Err(broadcast::error::RecvError::Lagged(_)) => Pushed::Gap,
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            };
            if pushed.send(said).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn plan(&self, action: &Action, seen: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
        let plan = plan::plan(action, seen)?;
        if let Action::MoveParticipant { participant, .. } = action {
            let known = self.remember(|memory| {
                let details = memory.legs.get(participant).and_then(|known| known.details.as_ref());
                details.map(|details| details.can_move)
            });
            if known == Some(false) {
                return Err(Refused::BadValue {
                    field: "participant".to_owned(),
                    why: "this site cannot be moved (canMove is false)".to_owned(),
                });
            }
        }
        Ok(plan)
    }

    async fn execute(&self, plan: &Plan, key: &ActionKey) -> ActionOutcome {
        let steps: Option<Vec<Step>> = plan.steps.iter().map(|step| Step::read(step)).collect();
        let Some(steps) = steps else {
            return ActionOutcome::Rejected { code: "not_a_step".to_owned(), retryable: false };
        };
        let mut run = act::Run::new(&plan.steps);
        for step in &steps {
            if let Action::Redial { participant, .. } = &plan.action
                && run.is_under_way()
                && !matches!(self.gone(participant).await, Ok(true))
            {
                // The call was not sent, whatever befell the look.
                return run.failed(&Fault::Timeout { sent: false });
            }
            match self.take(step, key).await {
                Ok(handle) => run.took(handle),
                Err(fault) => return run.failed(&fault),
            }
        }
        run.ended()
    }

    async fn look(&self, plan: &Plan, key: &ActionKey) -> Result<Looked, Fault> {
        self.look_at(plan, key).await
    }
}

fn now() -> Utc {
    Utc::from_timestamp(jiff::Timestamp::now())
}

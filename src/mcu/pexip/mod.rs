//! Pexip Infinity by its management interface (docs.pexip.com/api_manage): status, commands, event sink.
//!
//! The maker allows a thousand requests a minute and asks not to poll: one list holds the whole roster with the
//! platform's own judgement of each call, and only the media of a site cost a request of their own. So a roster is
//! read first, and each site whose call is bad is named at once as one whose media are to be read
//! ([`Pushed::Media`]); the others wait for the slow sweep. Not yet tried on a real device.

pub mod reply;
pub mod participant;
pub mod sink;
pub mod plan;
mod line;
mod look;
mod receiver;
mod standing;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::act;
use super::fault::Fault;
use super::http::HttpLine;
use super::trust::Login;
use super::{Abilities, Bridge, Pushed, Tells};
use crate::domain::mcu::{ConferenceRef, Interface, ParticipantRef};
use crate::domain::time::Utc;
use crate::observation::action::{Action, ActionKey, ActionOutcome, Does, Looked, Plan, Refused};
use crate::observation::device::{Capacity, ConferenceSeen, DeviceAlarm, NodeHealth, SiteSeen, StreamSample};
use line::encoded;
use participant::Switches;
use plan::{Known, Step};
use standing::Standing;

/// Requests a minute and management node that the maker allows.
pub const ALLOWED_PER_MINUTE: u32 = 1_000;
/// Where the events of a platform are posted, below where the router is mounted.
pub const SINK_PATH: &str = "/events";

/// Hints that wait for a listener; one that is slower reads everything anew.
const HINTS_MAX: usize = 512;
/// A platform, by its management node.
pub struct Pexip {
    line: HttpLine,
    login: Login,
    memory: Arc<Mutex<Memory>>,
    hints: broadcast::Sender<Pushed>,
}

/// What is remembered between two calls.
#[derive(Debug, Default)]
struct Memory {
    known: Known,
    order: sink::Order,
    switches: BTreeMap<ParticipantRef, (ConferenceRef, Switches)>,
    standing: Standing,
}

impl fmt::Debug for Pexip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pexip").field("base", &self.line.base().as_str()).finish_non_exhaustive()
    }
}

impl Pexip {
    /// A platform behind a line to its management node.
    pub fn new(line: HttpLine, login: Login) -> Self {
        let (hints, _) = broadcast::channel(HINTS_MAX);
        Self { line, login, memory: Arc::default(), hints }
    }

    /// Takes the platform's events at [`SINK_PATH`], to be mounted where the nodes can reach it. Every event is
    /// answered 200 at once, for the platform stops a sink that is slow or refuses. `expected` is the name and secret
    /// that the sink is configured with, if any; who does not show them is answered 401 and not heard.
    pub fn router(&self, expected: Option<&Login>) -> Router {
        receiver::router(Arc::clone(&self.memory), self.hints.clone(), expected)
    }
}

#[async_trait]
impl Bridge for Pexip {
    fn interface(&self) -> Interface {
        Interface::Pexip
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
                Does::MoveParticipant,
                Does::Drain,
            ]
            .into(),
            requests_per_minute: Some(ALLOWED_PER_MINUTE),
            tried_on_a_real_device: false,
        }
    }

    async fn health(&self) -> Result<NodeHealth, Fault> {
        let (workers, date) = self.workers().await?;
        Ok(reply::health(&workers, date.as_deref(), now()))
    }

    async fn capacity(&self) -> Result<Vec<Capacity>, Fault> {
        let (workers, _) = self.workers().await?;
        let mut all = vec![reply::tokens(&workers)];
        all.extend(reply::licences(&self.get("api/admin/status/v1/licensing/").await?.body)?);
        Ok(all)
    }

    async fn alarms(&self) -> Result<Vec<DeviceAlarm>, Fault> {
        let listed = self.list("api/admin/status/v1/alarm/").await?;
        listed.objects.iter().map(reply::alarm).collect()
    }

    async fn conferences(&self) -> Result<Vec<ConferenceSeen>, Fault> {
        let listed = self.list("api/admin/status/v1/conference/").await?;
        let all: Vec<(String, String)> =
            listed.objects.iter().map(reply::conference).collect::<Result<_, _>>()?;
        let at = now();
        let numbers = all.into_iter().map(|(number, name)| (ConferenceRef::new(&name), number));
        let numbers: BTreeMap<ConferenceRef, String> = numbers.collect();
        let names: Vec<ConferenceRef> = numbers.keys().cloned().collect();
        self.remember(|memory| {
            memory.known.aliases.retain(|name, _| numbers.contains_key(name));
            memory.known.numbers = numbers;
        });
        self.learn_aliases(&names).await;
        let unread = |conference: ConferenceRef| ConferenceSeen {
            name: conference.as_str().to_owned(),
            conference,
            expected: None,
            present: Vec::new(),
            complete: false,
            at,
        };
        Ok(names.into_iter().map(unread).collect())
    }

    async fn roster(&self, conference: &ConferenceRef) -> Result<ConferenceSeen, Fault> {
        let at = now();
        let number = self.number(conference).await?;
        self.remember(|memory| match number {
            Some(number) => drop(memory.known.numbers.insert(conference.clone(), number)),
            None => drop(memory.known.numbers.remove(conference)),
        });
        let (participants, complete) = self.participants(conference).await?;
        self.note(conference, &participants);
        Ok(ConferenceSeen {
            conference: conference.clone(),
            name: conference.as_str().to_owned(),
            expected: None,
            present: participants.into_iter().map(|each| each.site).collect(),
            complete,
            at,
        })
    }

    async fn streams(&self, _: &ConferenceRef, site: &SiteSeen) -> Result<Vec<StreamSample>, Fault> {
        let who = encoded(site.participant.as_str());
        let listed = self.list(&format!("api/admin/status/v1/participant/{who}/media_stream/")).await?;
        let read_at = Instant::now();
        self.remember(|memory| {
            let remembered = memory.switches.get(&site.participant).map(|(_, switches)| *switches);
            let switches = remembered
                .unwrap_or(Switches { microphone_off: site.muted == Some(true), ..Switches::default() });
            let streams = participant::streams(&listed.objects, switches)?;
            Ok(memory.standing.judge(&site.participant, streams, read_at))
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
        self.remember(|memory| plan::plan(action, seen, &memory.known))
    }

    async fn execute(&self, plan: &Plan, _: &ActionKey) -> ActionOutcome {
        let steps: Option<Vec<Step>> = plan.steps.iter().map(|step| Step::read(step)).collect();
        let Some(steps) = steps else {
            return ActionOutcome::Rejected { code: "not_a_step".to_owned(), retryable: false };
        };
        let mut run = act::Run::new(&plan.steps);
        for step in &steps {
            if run.is_under_way() && step.calls().is_some() {
                match self.left(&plan.action).await {
                    Ok(true) => {}
                    // The call was not sent, whatever befell the look.
                    Ok(false) | Err(_) => return run.failed(&Fault::Timeout { sent: false }),
                }
            }
            match self.take(step).await {
                Ok(handle) => run.took(handle),
                Err(fault) => return run.failed(&fault),
            }
        }
        run.ended()
    }

    async fn look(&self, plan: &Plan, _: &ActionKey) -> Result<Looked, Fault> {
        self.look_at(plan).await
    }
}

fn now() -> Utc {
    Utc::from_timestamp(jiff::Timestamp::now())
}

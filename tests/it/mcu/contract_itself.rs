//! Proof that the contract can be broken: the plainest device there is, an adapter that keeps the contract, and one
//! adapter for each flaw, which the check of that flaw must catch.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;
use vcops::domain::mcu::{ConferenceRef, Interface, ParticipantRef};
use vcops::domain::time::Utc;
use vcops::mcu::budget::Budget;
use vcops::mcu::fault::Fault;
use vcops::mcu::http::{HttpLine, Intent};
use vcops::mcu::trust::Trust;
use vcops::mcu::{Abilities, Bridge, Pushed, Tells};
use vcops::observation::action::{Action, ActionKey, ActionOutcome, Does, Force, Looked, Plan, Refused};
use vcops::observation::device::{
    Absent, Capacity, ConferenceSeen, DeviceAlarm, Flow, Given, Medium, NodeHealth, Presence, Service,
    SiteSeen, StreamSample, Way,
};

use super::contract::{self, Fixture, Push, Read, Renamed, Upset};
use super::stand_in::StandIn;

const SECRET: &str = "plain-secret";
const SITES: usize = 5;
/// The number that stands for the end of the source.
const BREAK: u64 = u64::MAX;

/// What an adapter does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    ShowsSecret,
    InventsZero,
    PlansUnknownSite,
    RepeatsAction,
    CallsBusyDead,
    LogsInEachTime,
    MakesUpFields,
    TrustsPages,
    HearsTwice,
    CallsRefusalBlind,
}

/// The device: a numbered log of events, sites in pages of two, dials by key.
#[derive(Debug, Default)]
struct Device {
    dialled: Mutex<Vec<String>>,
    logins: AtomicUsize,
    upset: Mutex<Option<Upset>>,
}

async fn page(State(device): State<Arc<Device>>, Query(at): Query<Vec<(String, usize)>>) -> Json<Value> {
    let from = at.first().map_or(0, |(_, from)| *from);
    let all =
        if *device.upset.lock().unwrap() == Some(Upset::PageShrinks) && from > 0 { SITES - 2 } else { SITES };
    let ids: Vec<usize> = (from..all.min(from + 2)).collect();
    Json(json!({ "total": all, "sites": ids }))
}

async fn dial(State(device): State<Arc<Device>>, Path(key): Path<String>) -> StatusCode {
    device.dialled.lock().unwrap().push(key);
    StatusCode::NO_CONTENT
}

async fn dialled(State(device): State<Arc<Device>>, Path(key): Path<String>) -> Json<Value> {
    Json(json!({ "happened": device.dialled.lock().unwrap().contains(&key) }))
}

async fn login(State(device): State<Arc<Device>>) -> StatusCode {
    device.logins.fetch_add(1, Ordering::SeqCst);
    let refused = *device.upset.lock().unwrap() == Some(Upset::SecretRefused);
    if refused { StatusCode::UNAUTHORIZED } else { StatusCode::NO_CONTENT }
}

fn router(device: Arc<Device>) -> Router {
    Router::new()
        .route("/health", get(|| async { Json(json!({ "service": "up" })) }))
        .route("/sites", get(page))
        .route("/dial/{key}", post(dial).get(dialled))
        .route("/login", post(login))
        .with_state(device)
}

/// An adapter to it.
struct Plain {
    line: HttpLine,
    events: broadcast::Sender<u64>,
    valid: Arc<tokio::sync::Mutex<bool>>,
    flaw: Flaw,
}

impl std::fmt::Debug for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = if self.flaw == Flaw::ShowsSecret { SECRET } else { "Plain" };
        f.write_str(shown)
    }
}

impl Plain {
    async fn ask(&self, method: Method, path: &str) -> Result<Value, Fault> {
        self.renew().await?;
        let intent = if method == Method::GET { Intent::Read } else { Intent::Act };
        let reply = self.line.send(self.line.request(method, path)?, intent).await?;
        if reply.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&reply.body).map_err(|error| Fault::Shape(error.to_string()))
    }

    async fn renew(&self) -> Result<(), Fault> {
        let mut valid = self.valid.lock().await;
        if !*valid || self.flaw == Flaw::LogsInEachTime {
            self.line.send(self.line.request(Method::POST, "login")?, Intent::Read).await?;
            *valid = true;
        }
        Ok(())
    }

    fn wrong(&self, fault: Fault) -> Fault {
        match (self.flaw, &fault) {
            (Flaw::CallsBusyDead, Fault::Busy(words)) => Fault::Unreachable(words.clone()),
            (Flaw::CallsRefusalBlind, Fault::Unreachable(_)) => Fault::Timeout { sent: false },
            _ => fault,
        }
    }
}

fn site(number: u64) -> SiteSeen {
    SiteSeen {
        participant: ParticipantRef::new(&number.to_string()),
        name: format!("site {number}"),
        address: None,
        presence: Presence::Connected,
        muted: None,
        redialled_by_platform: false,
        cascade: false,
        probe: false,
        streams: Vec::new(),
    }
}

#[async_trait]
impl Bridge for Plain {
    fn interface(&self) -> Interface {
        Interface::Json
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            tells: BTreeSet::from([Tells::Roster, Tells::Events]),
            does: BTreeSet::from([Does::Dial, Does::Disconnect]),
            ..Abilities::default()
        }
    }

    async fn health(&self) -> Result<NodeHealth, Fault> {
        let read = self.ask(Method::GET, "health").await.map_err(|fault| self.wrong(fault))?;
        let said = read.get("service").and_then(Value::as_str);
        if said.is_none() && self.flaw != Flaw::MakesUpFields {
            return Err(Fault::Shape("no service".into()));
        }
        Ok(NodeHealth {
            service: Service::Up,
            load_pct: Given::Absent(Absent::NotProvided),
            uptime: Given::Absent(Absent::NotProvided),
            version: None,
            boot: None,
            clock_skew_ms: Given::Absent(Absent::NotProvided),
            nodes: Vec::new(),
        })
    }

    async fn capacity(&self) -> Result<Vec<Capacity>, Fault> {
        Err(Fault::NotSupported)
    }

    async fn alarms(&self) -> Result<Vec<DeviceAlarm>, Fault> {
        Err(Fault::NotSupported)
    }

    async fn conferences(&self) -> Result<Vec<ConferenceSeen>, Fault> {
        Ok(vec![self.roster(&ConferenceRef::new("c")).await?])
    }

    async fn roster(&self, conference: &ConferenceRef) -> Result<ConferenceSeen, Fault> {
        let (mut present, mut totals) = (Vec::new(), BTreeSet::new());
        loop {
            let page = self.ask(Method::GET, &format!("sites?from={}", present.len())).await?;
            totals.insert(page["total"].as_u64().ok_or_else(|| Fault::Shape("no total".into()))?);
            let sites = page["sites"].as_array().cloned().unwrap_or_default();
            present.extend(sites.iter().filter_map(Value::as_u64).map(site));
            if sites.is_empty() || present.len() as u64 >= *totals.last().expect("one was inserted") {
                break;
            }
        }
        let agreed = totals.len() == 1 && totals.contains(&(present.len() as u64));
        Ok(ConferenceSeen {
            conference: conference.clone(),
            name: "c".into(),
            expected: None,
            present,
            complete: agreed || self.flaw == Flaw::TrustsPages,
            at: Utc(0),
        })
    }

    async fn streams(&self, _: &ConferenceRef, _: &SiteSeen) -> Result<Vec<StreamSample>, Fault> {
        let both = [Way::FromSite, Way::ToSite];
        let mut samples = both.map(|way| StreamSample::bare(Medium::Video, way, Flow::Unknown)).to_vec();
        if self.flaw == Flaw::InventsZero {
            samples[0].jitter_ms = Given::Value(0.0);
        }
        Ok(samples)
    }

    async fn listen(&self, pushed: mpsc::Sender<Pushed>, stop: CancellationToken) -> Result<(), Fault> {
        let mut events = self.events.subscribe();
        let mut last = None;
        while let Some(event) = stop.run_until_cancelled(events.recv()).await {
            let number = event.map_err(|_| Fault::Timeout { sent: true })?;
            if number == BREAK {
                return Err(Fault::Timeout { sent: true });
            }
            let double = last == Some(number) && self.flaw != Flaw::HearsTwice;
            let said = match last {
                _ if double => continue,
                Some(before) if number > before + 1 => Pushed::Gap,
                _ => Pushed::Changed(None),
            };
            last = Some(number);
            let _ = pushed.send(said).await;
        }
        Ok(())
    }

    fn plan(&self, action: &Action, seen: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
        let force = match action {
            Action::Dial { .. } => Force::OneSite,
            Action::Disconnect { participant, .. } => {
                let there =
                    seen.is_some_and(|seen| seen.present.iter().any(|site| site.participant == *participant));
                if !there && self.flaw != Flaw::PlansUnknownSite {
                    return Err(Refused::NoSuchParticipant { participant: participant.clone() });
                }
                Force::OneSiteLeaves
            }
            Action::Redial { .. }
            | Action::Mute { .. }
            | Action::Layout { .. }
            | Action::Broadcast { .. }
            | Action::KeyFrame { .. }
            | Action::MoveParticipant { .. }
            | Action::MigrateConference { .. }
            | Action::Drain { .. } => return Err(Refused::NotProvided),
        };
        Ok(Plan {
            action: action.clone(),
            force,
            touches: vec!["one".into()],
            preconditions: Vec::new(),
            steps: vec!["POST dial".into()],
            undone_by: None,
        })
    }

    async fn execute(&self, _: &Plan, key: &ActionKey) -> ActionOutcome {
        let path = format!("dial/{}", key.0);
        let mut told = self.ask(Method::POST, &path).await;
        if told.is_err() && self.flaw == Flaw::RepeatsAction {
            told = self.ask(Method::POST, &path).await;
        }
        match told {
            Ok(_) => ActionOutcome::Applied,
            Err(fault) if fault.may_have_happened() => ActionOutcome::Unknown,
            Err(fault) => ActionOutcome::Rejected { code: fault.to_string(), retryable: true },
        }
    }

    async fn look(&self, _: &Plan, key: &ActionKey) -> Result<Looked, Fault> {
        let said = self.ask(Method::GET, &format!("dial/{}", key.0)).await?;
        Ok(if said["happened"] == json!(true) { Looked::Happened } else { Looked::DidNot })
    }
}

/// A flaw as a type, so that one fixture serves all.
trait Flawed: Send + Sync + 'static {
    const FLAW: Flaw;
}

struct Rig<W> {
    device: Arc<Device>,
    served: StandIn,
    adapter: Arc<Plain>,
    events: broadcast::Sender<u64>,
    number: AtomicUsize,
    flaw: std::marker::PhantomData<W>,
}

fn adapter<W: Flawed>(base: url::Url, events: &broadcast::Sender<u64>) -> Arc<Plain> {
    let budget = Arc::new(Budget::new(60_000));
    let line = HttpLine::new(base, Trust::Nobody.client().unwrap(), budget).unwrap();
    Arc::new(Plain { line, events: events.clone(), valid: Arc::default(), flaw: W::FLAW })
}

#[async_trait]
impl<W: Flawed> Fixture for Rig<W> {
    const SITES: usize = SITES;
    const LOOK_TELLS: bool = true;
    const UPSETS: &'static [Upset] = &[Upset::LoginExpires, Upset::SecretRefused, Upset::PageShrinks];
    const PUSHES: &'static [Push] = &[Push::Change, Push::Twice, Push::AfterGap, Push::BreaksOff];
    const RENAMED: &'static [Renamed] = &[
        Renamed { from: "service", to: "condition", read: Read::Health, documented: false },
        Renamed { from: "total", to: "count", read: Read::Roster, documented: false },
    ];

    async fn start() -> Self {
        let device = Arc::<Device>::default();
        let served = StandIn::serve(router(Arc::clone(&device))).await;
        let (events, _) = broadcast::channel(64);
        let adapter = adapter::<W>(served.base(), &events);
        Self { device, served, adapter, events, number: AtomicUsize::new(7), flaw: std::marker::PhantomData }
    }

    fn device(&self) -> &StandIn {
        &self.served
    }

    fn bridge(&self) -> Arc<dyn Bridge> {
        Arc::clone(&self.adapter) as Arc<dyn Bridge>
    }

    fn bridge_to(&self, base: url::Url) -> Arc<dyn Bridge> {
        adapter::<W>(base, &self.events)
    }

    fn conference(&self) -> ConferenceRef {
        ConferenceRef::new("c")
    }

    fn secret(&self) -> &'static str {
        SECRET
    }

    fn action(&self) -> Action {
        let (address, name) = ("sip:a@example.org".into(), "A".into());
        Action::Dial { conference: self.conference(), address, name, kbps: None, via: None }
    }

    fn carried_out(&self) -> usize {
        self.device.dialled.lock().unwrap().len()
    }

    fn logins(&self) -> usize {
        self.device.logins.load(Ordering::SeqCst)
    }

    fn upset(&self, upset: Option<Upset>) {
        *self.device.upset.lock().unwrap() = upset;
        if matches!(upset, Some(Upset::LoginExpires | Upset::SecretRefused)) {
            *self.adapter.valid.try_lock().expect("nobody asks just now") = false;
        }
    }

    async fn push(&self, push: Push) {
        if push == Push::BreaksOff {
            let _ = self.events.send(BREAK);
            return;
        }
        let ahead = if push == Push::AfterGap { 3 } else { 1 };
        let number = self.number.fetch_add(ahead, Ordering::SeqCst) + ahead;
        let times = if push == Push::Twice { 2 } else { 1 };
        for _ in 0..times {
            let _ = self.events.send(number as u64);
        }
    }
}

macro_rules! flawed {
    ($($name:ident)+) => {$(
        struct $name;
        impl Flawed for $name {
            const FLAW: Flaw = Flaw::$name;
        }
    )+};
}

/// The adapter without a flaw.
struct Faultless;

impl Flawed for Faultless {
    const FLAW: Flaw = Flaw::None;
}

flawed! {
    ShowsSecret InventsZero PlansUnknownSite RepeatsAction CallsBusyDead LogsInEachTime MakesUpFields TrustsPages
    HearsTwice CallsRefusalBlind
}

mod faultless {
    use super::*;
    contract::suite!(Rig<Faultless>);
}

async fn caught(check: impl Future<Output = ()> + Send + 'static) {
    assert!(tokio::spawn(check).await.is_err_and(|end| end.is_panic()), "the flaw passes");
}

#[tokio::test]
async fn every_flaw_is_caught() {
    caught(contract::everything_is_read::<Rig<ShowsSecret>>()).await;
    caught(contract::everything_is_read::<Rig<InventsZero>>()).await;
    caught(contract::every_action_is_planned_or_refused::<Rig<PlansUnknownSite>>()).await;
    caught(contract::an_action_that_meets_trouble_is_never_repeated::<Rig<RepeatsAction>>()).await;
    caught(contract::trouble_blinds_and_passes::<Rig<CallsBusyDead>>()).await;
    caught(contract::a_login_is_renewed_by_itself::<Rig<LogsInEachTime>>()).await;
    caught(contract::a_field_of_another_name_is_known_or_shape::<Rig<MakesUpFields>>()).await;
    caught(contract::a_roster_that_shrinks_is_incomplete::<Rig<TrustsPages>>()).await;
    caught(contract::what_is_pushed_is_heard_once::<Rig<HearsTwice>>()).await;
    caught(contract::nobody_at_the_address_is_a_sign_of_death::<Rig<CallsRefusalBlind>>()).await;
}

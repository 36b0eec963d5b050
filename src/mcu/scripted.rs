//! A device that plays a script, for tests in paused time: what it answers, what it pushes, what it was told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::budget::Budget;
use super::fault::Fault;
use super::{Abilities, Bridge, Pushed};
use crate::domain::mcu::{ConferenceRef, Interface, ParticipantRef};
use crate::domain::time::{Span, Utc};
use crate::observation::action::{Action, ActionKey, ActionOutcome, Does, Force, Looked, Plan, Refused};
use crate::observation::device::{
    Absent, Capacity, ConferenceSeen, Counted, DeviceAlarm, Flow, Given, Medium, NodeHealth, Presence,
    Service, Signal, SiteSeen, StreamSample, Way,
};

/// What the device does at the moment.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a state or a fault of its own that a test turns on"
)]
#[derive(Debug)]
pub(crate) struct Script {
    /// What is wrong with its management interface.
    pub(crate) fault: Option<Fault>,
    /// What is wrong with its rosters alone.
    pub(crate) roster_fault: Option<Fault>,
    /// How many sites may be read each half second; the others wait for their turn.
    pub(crate) turns: Option<u64>,
    /// With what its push source ends.
    pub(crate) listen_ends: Fault,
    pub(crate) boot: String,
    pub(crate) sites: Vec<SiteSeen>,
    /// Whether its counters stand.
    pub(crate) is_cut: bool,
    pub(crate) packets: i64,
    /// Panics at the next question.
    pub(crate) panics: bool,
    /// How an action goes.
    pub(crate) outcome: ActionOutcome,
    pub(crate) looked: Result<Looked, Fault>,
    /// Whether it answers calls, where it can be asked so.
    pub(crate) signalling: Option<Result<(), Fault>>,
    /// Panics at the next action.
    pub(crate) panics_at_action: bool,
    /// What its make cannot do.
    pub(crate) refuses: Vec<Does>,
    /// Whether those whom it calls come.
    pub(crate) adds_dialled: bool,
    /// How those whom it calls stand in its roster at first.
    pub(crate) dialled: Presence,
    /// Whether those on whom it hangs up go.
    pub(crate) drops_hung_up: bool,
    /// How many actions it takes.
    pub(crate) room: Option<usize>,
    /// How long it takes to answer.
    pub(crate) slow: Duration,
    pub(crate) does: Abilities,
}

/// A device of a script.
#[derive(Debug)]
pub(crate) struct Scripted {
    pub(crate) script: Mutex<Script>,
    pub(crate) budget: Arc<Budget>,
    calls: Mutex<BTreeMap<&'static str, u32>>,
    told: Mutex<Vec<(Action, ActionKey)>>,
    pushes: Mutex<Option<mpsc::Sender<Pushed>>>,
    has_push: bool,
    /// Since when this turn is, and how many were read in it.
    turn: Mutex<(tokio::time::Instant, u64)>,
}

pub(crate) fn conference() -> ConferenceRef {
    ConferenceRef::new("3001")
}

pub(crate) fn site(n: usize) -> SiteSeen {
    SiteSeen {
        participant: ParticipantRef::new(&n.to_string()),
        name: format!("{n}县分会场"),
        address: Some(format!("sip:{n}@county.example")),
        presence: Presence::Connected,
        muted: Some(false),
        redialled_by_platform: false,
        cascade: false,
        probe: false,
        streams: Vec::new(),
    }
}

impl Scripted {
    pub(crate) fn new(sites: usize, per_minute: u32, has_push: bool) -> Arc<Self> {
        let script = Script {
            fault: None,
            roster_fault: None,
            turns: None,
            listen_ends: Fault::Timeout { sent: false },
            boot: "1".into(),
            sites: (0..sites).map(site).collect(),
            is_cut: false,
            packets: 0,
            panics: false,
            outcome: ActionOutcome::Applied,
            looked: Ok(Looked::CannotTell),
            signalling: None,
            panics_at_action: false,
            refuses: Vec::new(),
            adds_dialled: false,
            dialled: Presence::Connected,
            drops_hung_up: false,
            room: None,
            slow: Duration::from_millis(20),
            does: Abilities::default(),
        };
        Arc::new(Self {
            script: Mutex::new(script),
            budget: Arc::new(Budget::new(per_minute)),
            calls: Mutex::default(),
            told: Mutex::default(),
            pushes: Mutex::default(),
            has_push,
            turn: Mutex::new((tokio::time::Instant::now(), 0)),
        })
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }

    pub(crate) fn calls(&self, what: &'static str) -> u32 {
        self.calls.lock().unwrap().get(what).copied().unwrap_or(0)
    }

    /// What it was told to do, in order.
    pub(crate) fn told(&self) -> Vec<(Action, ActionKey)> {
        self.told.lock().unwrap().clone()
    }

    pub(crate) async fn push(&self, pushed: Pushed) {
        let pushes = self.pushes.lock().unwrap().clone().expect("somebody listens");
        pushes.send(pushed).await.expect("somebody listens");
    }

    /// Ends the push source.
    pub(crate) fn hang_up(&self) {
        *self.pushes.lock().unwrap() = None;
    }

    async fn asked(&self, what: &'static str) -> Result<(), Fault> {
        *self.calls.lock().unwrap().entry(what).or_default() += 1;
        self.budget.read().await?;
        let (slow, panics) = {
            let mut script = self.script.lock().unwrap();
            (script.slow, std::mem::take(&mut script.panics))
        };
        assert!(!panics, "as the script says");
        sleep(slow).await;
        self.script.lock().unwrap().fault.clone().map_or(Ok(()), Err)
    }

    fn has_turn(&self, most: u64) -> bool {
        let mut turn = self.turn.lock().unwrap();
        let now = tokio::time::Instant::now();
        if turn.0.elapsed() >= Duration::from_millis(500) {
            *turn = (now, 0);
        }
        turn.1 += 1;
        turn.1 <= most
    }

    fn seen(&self) -> ConferenceSeen {
        ConferenceSeen {
            conference: conference(),
            name: "全市视频会议".into(),
            expected: None,
            present: self.script.lock().unwrap().sites.clone(),
            complete: true,
            at: Utc(0),
        }
    }
}

#[async_trait]
impl Bridge for Scripted {
    fn interface(&self) -> Interface {
        Interface::Json
    }

    fn abilities(&self) -> Abilities {
        self.script.lock().unwrap().does.clone()
    }

    async fn health(&self) -> Result<NodeHealth, Fault> {
        self.asked("health").await?;
        let boot = self.script.lock().unwrap().boot.clone();
        Ok(NodeHealth {
            service: Service::Up,
            load_pct: Given::Value(12.0),
            uptime: Given::Absent(Absent::NotProvided),
            version: Some("1.1.2".into()),
            boot: Some(boot),
            clock_skew_ms: Given::Absent(Absent::NotProvided),
            nodes: Vec::new(),
        })
    }

    async fn second_sign(&self) -> Option<(Signal, Result<(), Fault>)> {
        let answers = self.script.lock().unwrap().signalling.clone()?;
        Some((Signal::Signalling, answers))
    }

    async fn capacity(&self) -> Result<Vec<Capacity>, Fault> {
        self.asked("capacity").await?;
        Err(Fault::NotSupported)
    }

    async fn alarms(&self) -> Result<Vec<DeviceAlarm>, Fault> {
        self.asked("alarms").await.map(|()| Vec::new())
    }

    async fn conferences(&self) -> Result<Vec<ConferenceSeen>, Fault> {
        self.asked("conferences").await?;
        Ok(vec![ConferenceSeen { present: Vec::new(), complete: false, ..self.seen() }])
    }

    async fn roster(&self, conference: &ConferenceRef) -> Result<ConferenceSeen, Fault> {
        self.asked("roster").await?;
        if let Some(fault) = self.script.lock().unwrap().roster_fault.clone() {
            return Err(fault);
        }
        Ok(ConferenceSeen { conference: conference.clone(), ..self.seen() })
    }

    async fn streams(&self, _: &ConferenceRef, _: &SiteSeen) -> Result<Vec<StreamSample>, Fault> {
        self.asked("streams").await?;
        let turns = self.script.lock().unwrap().turns;
        if turns.is_some_and(|most| !self.has_turn(most)) {
            return Err(Fault::NotItsTurn);
        }
        *self.calls.lock().unwrap().entry("streams read").or_default() += 1;
        let mut script = self.script.lock().unwrap();
        script.packets += if script.is_cut { 0 } else { 100 };
        let packets = Given::Value(Counted { epoch: 0, count: script.packets });
        let bare = StreamSample::bare(Medium::Video, Way::FromSite, Flow::Flowing);
        Ok(vec![StreamSample { packets, ..bare }])
    }

    async fn listen(&self, pushed: mpsc::Sender<Pushed>, stop: CancellationToken) -> Result<(), Fault> {
        if !self.has_push {
            return Err(Fault::NotSupported);
        }
        pushed.send(Pushed::Alive).await.map_err(|_| Fault::NotSupported)?;
        *self.pushes.lock().unwrap() = Some(pushed);
        while self.pushes.lock().unwrap().is_some() {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = sleep(Duration::from_millis(10)) => {}
            }
        }
        Err(self.script.lock().unwrap().listen_ends.clone())
    }

    fn plan(&self, action: &Action, seen: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
        if self.script.lock().unwrap().refuses.contains(&action.does()) {
            return Err(Refused::NotProvided);
        }
        if seen.is_none() && action.conference().is_some() {
            return Err(Refused::NotProvided);
        }
        let gentle = matches!(action, Action::KeyFrame { .. });
        Ok(Plan {
            action: action.clone(),
            force: if gentle { Force::Gentle } else { Force::OneSiteLeaves },
            touches: Vec::new(),
            preconditions: Vec::new(),
            steps: vec![format!("{:?}", action.does())],
            undone_by: None,
        })
    }

    async fn execute(&self, plan: &Plan, key: &ActionKey) -> ActionOutcome {
        self.budget.act();
        self.told.lock().unwrap().push((plan.action.clone(), key.clone()));
        let (slow, panics) = {
            let mut script = self.script.lock().unwrap();
            (script.slow, std::mem::take(&mut script.panics_at_action))
        };
        // Not under the lock: others go on.
        assert!(!panics, "as the script says");
        sleep(slow).await;
        let mut script = self.script.lock().unwrap();
        if script.room.is_some_and(|room| self.told.lock().unwrap().len() > room) {
            return ActionOutcome::Rejected { code: "full".into(), retryable: false };
        }
        if let Action::Dial { address, name, .. } = &plan.action
            && script.adds_dialled
        {
            let presence = script.dialled.clone();
            let site = site(script.sites.len());
            script.sites.push(SiteSeen {
                name: name.clone(),
                address: Some(address.clone()),
                presence,
                ..site
            });
        }
        if let Action::Disconnect { participant, .. } = &plan.action
            && script.drops_hung_up
        {
            script.sites.retain(|site| &site.participant != participant);
        }
        script.outcome.clone()
    }

    async fn look(&self, _: &Plan, _: &ActionKey) -> Result<Looked, Fault> {
        self.asked("look").await?;
        self.script.lock().unwrap().looked.clone()
    }
}

/// A clock that goes with the paused time.
pub(crate) fn clock() -> super::watch::WallClock {
    let start = tokio::time::Instant::now();
    Arc::new(move || {
        Utc(1_000_000_000) + Span::millis(u64::try_from(start.elapsed().as_millis()).unwrap_or(0))
    })
}

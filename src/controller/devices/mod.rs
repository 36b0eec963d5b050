//! The devices of the inventory: keeps a watch and a desk for each in step with inventory and time, passes on what
//! they say, and hands orders to them. What a report means, and whether an order may be given, is the engine's.

mod bridges;
mod caller;
pub(super) mod doors;
mod eyes;
mod lanes;
mod prover;
mod pushes;
mod steps;
#[cfg(test)]
mod tests;
mod trials;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::clock::wall;
use super::errands::Voice;
use super::self_watch::Pulse;
use crate::config::devices::DevicesSettings;
use crate::domain::inventory::{Inventory, NetworkAttribute};
use crate::domain::mcu::Control;
use crate::mcu::Bridge;
use crate::mcu::budget::Budget;
use crate::mcu::desk::{Called, Desk, Means as DeskMeans, Peers, Settings as DeskSettings, Task};
use crate::mcu::watch::{Hint, Means, Watch};
use crate::metrics::Counters;
use crate::observation::Fact;
use crate::observation::action::{ActionOutcome, ActionReport, DeviceOrder, Plan, Refused, Step, Verified};
use crate::observation::call::{CallOrder, ProofOrder};
use crate::observation::device::{ConferenceSeen, Device, DeviceReport, Signal};
use crate::report::Snapshot;
use crate::uplink::hub::HubState;
use crate::web::{DeviceBoard, DeviceRequest, NoPlan};
use doors::Doors;
use eyes::Monitors;
use prover::Prover;
use pushes::Entrance;
use trials::Trials;

/// How often inventory and time are looked at.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// Reports, orders and questions that may wait here.
pub(super) const WAITING_MAX: usize = 1024;
/// Orders for devices that are not there yet wait so long: at the start the inventory comes a moment later.
const UNKNOWN_WAITS: Duration = Duration::from_secs(10);

/// What the devices need of the rest.
#[derive(Debug)]
pub(super) struct Devices {
    pub(super) settings: DevicesSettings,
    /// What makes adapters, and where devices push.
    pub(super) doors: Doors,
    pub(super) counters: Arc<Counters>,
    pub(super) voice: Voice,
    pub(super) view: watch::Receiver<Arc<Snapshot>>,
    /// What the judge wants done.
    pub(super) errands: mpsc::Receiver<Errand>,
    /// Questions from the web.
    pub(super) requests: mpsc::Receiver<DeviceRequest>,
    /// How our own line to the agents is: devices are reached over the same side.
    pub(super) line: watch::Receiver<HubState>,
    /// What every device said last, for whoever looks.
    pub(super) board: watch::Sender<Arc<DeviceBoard>>,
    /// Its sign of life.
    pub(super) pulse: Pulse,
}

/// What the judge wants done with devices.
#[derive(Debug)]
pub(super) enum Errand {
    /// An order for a desk.
    Order(Task),
    /// A call to a codec.
    Call(CallOrder),
    /// A call that is to end.
    EndCall(CallOrder),
    /// A proof of an MCU.
    Prove(ProofOrder),
}

impl Errand {
    fn device(&self) -> Device {
        match self {
            Self::Order(Task::Act(order) | Task::LookAt(order)) => order.device.clone(),
            Self::Call(order) | Self::EndCall(order) => Device::Mcu(order.mcu.clone()),
            Self::Prove(order) => Device::Mcu(order.mcu.clone()),
        }
    }
}

/// One device that is spoken to.
struct Spoken {
    control: Control,
    bridge: Arc<dyn Bridge>,
    budget: Arc<Budget>,
    watch: Watch,
    desk: Desk,
    entrance: Option<Arc<Entrance>>,
    /// Whether our monitors were last seen to say that its media are gone.
    media_gone: bool,
}

/// Where watches and desks put what they say.
struct Outlets {
    reports: mpsc::Sender<DeviceReport>,
    actions: mpsc::Sender<ActionReport>,
}

/// The bridges of all MCUs, by id, with the network each belongs to.
type Register = Arc<Mutex<BTreeMap<String, (NetworkAttribute, Arc<dyn Bridge>)>>>;

struct Floor {
    spoken: BTreeMap<Device, Spoken>,
    outlets: Outlets,
    register: Register,
    unknown: VecDeque<(Instant, Errand)>,
    trials: Trials,
    /// Since when our own line is broken.
    line_broken: Option<Instant>,
    version: Option<u64>,
}

/// The MCUs to which another one's conference may move: those on the same network.
#[derive(Debug)]
struct SameNetwork {
    register: Register,
    network: Option<NetworkAttribute>,
}

impl Peers for SameNetwork {
    fn peer(&self, name: &str) -> Option<Arc<dyn Bridge>> {
        let register = self.register.lock().unwrap_or_else(PoisonError::into_inner);
        let (network, bridge) = register.get(name)?;
        (Some(*network) == self.network).then(|| Arc::clone(bridge))
    }
}

impl Devices {
    /// Works until told to stop.
    pub(super) async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let (reports, mut reported) = mpsc::channel(WAITING_MAX);
        let (actions, mut acted) = mpsc::channel(WAITING_MAX);
        let mut floor = Floor {
            spoken: BTreeMap::new(),
            outlets: Outlets { reports, actions },
            register: Register::default(),
            unknown: VecDeque::new(),
            trials: Trials::new(self.voice.clone(), self.view.clone()),
            line_broken: None,
            version: None,
        };
        let mut follow = tokio::time::interval(FOLLOW_EVERY);
        follow.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = follow.tick() => {
                    self.pulse.beat();
                    self.follow(&mut floor).await;
                }
                Ok(()) = self.line.changed() => {
                    let broken = self.line.borrow_and_update().down.is_some();
                    floor.line_broken = broken.then(|| floor.line_broken.unwrap_or_else(Instant::now));
                }
                Some(report) = reported.recv() => self.pass_on(report, &floor),
                Some(report) = acted.recv() => if let Some(report) = floor.trials.steps.pass(report) {
                    self.voice.tell(Fact::ActionReported { report }).await;
                },
                () = floor.trials.ended() => {}
                errand = self.errands.recv() => match errand {
                    Some(errand) => self.give(errand, &mut floor).await,
                    None => break,
                },
                Some(request) = self.requests.recv() => answer(request, &floor),
            }
        }
        let spoken = std::mem::take(&mut floor.spoken).into_values();
        futures_util::future::join_all(spoken.map(end)).await;
        Ok(())
    }

    /// Keeps watches in step with the inventory, their pace with the meetings, their media sign with our monitors.
    async fn follow(&self, floor: &mut Floor) {
        let view = self.view.borrow().clone();
        if view.seq > 0 && floor.version != Some(view.inventory.version) {
            floor.version = Some(view.inventory.version);
            self.keep_in_step(&view.inventory, floor).await;
        }
        let now = wall();
        for (device, spoken) in &mut floor.spoken {
            spoken.watch.pace(eyes::pace(&view, device, now));
            let gone = eyes::media_gone(&view, device);
            if gone != spoken.media_gone {
                let hint = Hint::Sign { signal: Signal::Media, gone };
                // One that finds no room is said again in a second.
                if spoken.watch.hints().try_send(hint).is_ok() {
                    spoken.media_gone = gone;
                }
            }
        }
        floor.trials.make_way(|mcu| eyes::is_wanted(&view, mcu, now));
        self.try_unknown(floor).await;
    }

    async fn keep_in_step(&self, inventory: &Inventory, floor: &mut Floor) {
        let wanted = controls(inventory);
        let gone: Vec<Device> = floor
            .spoken
            .iter()
            .filter(|(device, spoken)| wanted.get(device).is_none_or(|control| **control != spoken.control))
            .map(|(device, _)| device.clone())
            .collect();
        let ends: Vec<Spoken> = gone.iter().filter_map(|device| floor.spoken.remove(device)).collect();
        futures_util::future::join_all(ends.into_iter().map(end)).await;
        self.board.send_modify(|board| {
            Arc::make_mut(board).retain(|device, _| wanted.contains_key(device));
        });
        for (device, control) in wanted {
            if !floor.spoken.contains_key(&device) {
                let spoken = self.begin(&device, control, inventory, floor);
                floor.spoken.insert(device, spoken);
            }
        }
        let entrances = floor.spoken.iter().filter_map(|(device, spoken)| {
            Some((bridges::path(device), Arc::clone(spoken.entrance.as_ref()?)))
        });
        self.doors.lobby.keep(entrances.collect());
        let mut register = floor.register.lock().unwrap_or_else(PoisonError::into_inner);
        register.clear();
        for (device, spoken) in &floor.spoken {
            if let Some(network) = network(inventory, device) {
                register.insert(name(device).to_owned(), (network, Arc::clone(&spoken.bridge)));
            }
        }
        self.counters.device.watched.set(i64::try_from(floor.spoken.len()).unwrap_or(i64::MAX));
    }

    fn begin(&self, device: &Device, control: &Control, inventory: &Inventory, floor: &Floor) -> Spoken {
        let made = self.doors.workshop.make(device, control);
        let means = Means {
            bridge: Arc::clone(&made.bridge),
            budget: Arc::clone(&made.budget),
            line: made.line,
            host: made.host,
            clock: Arc::new(wall),
            counters: Arc::clone(&self.counters),
            reports: floor.outlets.reports.clone(),
        };
        let watch = Watch::start(device.clone(), means);
        let means = DeskMeans {
            bridge: Arc::clone(&made.bridge),
            watch: watch.hints(),
            latest: watch.latest(),
            eyes: Arc::new(Monitors { view: self.view.clone() }),
            peers: Arc::new(SameNetwork {
                register: Arc::clone(&floor.register),
                network: network(inventory, device),
            }),
            counters: Arc::clone(&self.counters),
            reports: floor.outlets.actions.clone(),
        };
        let settings = DeskSettings {
            calls_per_minute: self.settings.calls_per_minute,
            verify_within: Duration::from_secs(self.settings.verify_seconds),
            ..DeskSettings::default()
        };
        let desk = Desk::open(means, settings, &called(&self.view.borrow(), device));
        Spoken {
            control: control.clone(),
            bridge: made.bridge,
            budget: made.budget,
            watch,
            desk,
            entrance: made.entrance,
            media_gone: false,
        }
    }

    /// To the judge and to the board. One of a device that has left the inventory meanwhile goes nowhere.
    fn pass_on(&self, report: DeviceReport, floor: &Floor) {
        if !floor.spoken.contains_key(&report.device) {
            return;
        }
        let sight = eyes::over_own_side(report.sight, floor.line_broken.map(|since| since.elapsed()));
        let report = DeviceReport { sight, ..report };
        let shown = Arc::new(report.clone());
        self.board.send_modify(|board| {
            Arc::make_mut(board).insert(report.device.clone(), shown);
        });
        self.voice.tell_if_room(Fact::DeviceSeen { report: Box::new(report) });
    }

    async fn give(&self, errand: Errand, floor: &mut Floor) {
        match floor.spoken.get(&errand.device()) {
            Some(spoken) => match errand {
                Errand::Order(task) => spoken.desk.give(task),
                Errand::Call(order) => floor.trials.call(order, Some(spoken.means())).await,
                Errand::EndCall(order) => floor.trials.end_call(order, Some(spoken.means())),
                Errand::Prove(order) => {
                    let inventory = Arc::clone(&self.view.borrow().inventory);
                    let mcu = inventory.mcus.get(&order.mcu);
                    let way = mcu.map(|mcu| trials::prover(&self.settings, mcu, &spoken.budget));
                    floor.trials.prove(order, way.unwrap_or(Prover::None)).await;
                }
            },
            None if floor.unknown.len() < WAITING_MAX => {
                floor.unknown.push_back((Instant::now(), errand));
            }
            None => self.nobody(errand, floor).await,
        }
    }

    /// Gives what waited for its device, and ends what waited too long.
    async fn try_unknown(&self, floor: &mut Floor) {
        for (since, errand) in std::mem::take(&mut floor.unknown) {
            if floor.spoken.contains_key(&errand.device()) {
                self.give(errand, floor).await;
            } else if since.elapsed() > UNKNOWN_WAITS {
                self.nobody(errand, floor).await;
            } else {
                floor.unknown.push_back((since, errand));
            }
        }
    }

    /// Nobody speaks to that device.
    async fn nobody(&self, errand: Errand, floor: &mut Floor) {
        let (order, step) = match errand {
            Errand::Order(Task::Act(order)) => (order, Step::Refused { why: Refused::NotProvided }),
            Errand::Order(Task::LookAt(order)) => {
                let (outcome, verified) = (ActionOutcome::Unknown, Verified::CannotTell);
                (order, Step::Ended { outcome, verified })
            }
            Errand::Call(order) => return floor.trials.call(order, None).await,
            Errand::EndCall(order) => return floor.trials.end_call(order, None),
            Errand::Prove(order) => return floor.trials.prove(order, Prover::None).await,
        };
        let DeviceOrder { key, .. } = order;
        self.voice.tell(Fact::ActionReported { report: ActionReport { key, step } }).await;
    }
}

impl Spoken {
    fn means(&self) -> trials::Means {
        trials::Means { bridge: Arc::clone(&self.bridge), tray: self.desk.tray() }
    }
}

async fn end(spoken: Spoken) {
    tokio::join!(spoken.desk.stop(), spoken.watch.stop());
}

/// Every device that is to be spoken to.
fn controls(inventory: &Inventory) -> BTreeMap<Device, &Control> {
    let mcus = inventory.mcus.values().map(|mcu| (Device::Mcu(mcu.id.clone()), mcu.control.as_ref()));
    let endpoints =
        inventory.endpoints.values().map(|it| (Device::Endpoint(it.id.clone()), it.control.as_ref()));
    let equipment =
        inventory.equipment.values().map(|it| (Device::Equipment(it.id.clone()), it.control.as_ref()));
    mcus.chain(endpoints).chain(equipment).filter_map(|(device, control)| Some((device, control?))).collect()
}

/// What a device was told to call lately, by the journal: a desk that opens anew counts it.
fn called(view: &Snapshot, device: &Device) -> Vec<Called> {
    let made = view.calls_made.iter().filter(|call| &call.device == device);
    made.map(|call| Called { site: call.site.clone(), ago: view.at.since(call.at).std() }).collect()
}

fn network(inventory: &Inventory, device: &Device) -> Option<NetworkAttribute> {
    match device {
        Device::Mcu(id) => inventory.mcus.get(id).map(|mcu| mcu.network),
        Device::Endpoint(_) | Device::Equipment(_) => None,
    }
}

fn name(device: &Device) -> &str {
    match device {
        Device::Mcu(id) => id.as_str(),
        Device::Endpoint(id) => id.as_str(),
        Device::Equipment(id) => id.as_str(),
    }
}

fn answer(request: DeviceRequest, floor: &Floor) {
    match request {
        DeviceRequest::Look { device } => {
            if let Some(spoken) = floor.spoken.get(&device) {
                let _ = spoken.watch.hints().try_send(Hint::Look);
            }
        }
        DeviceRequest::Plan { device, action, reply } => {
            let plan = plan(floor, &device, &action);
            // Whoever asked may have gone.
            let _ = reply.send(plan);
        }
    }
}

/// What would be sent, on what was read last.
fn plan(floor: &Floor, device: &Device, action: &crate::observation::action::Action) -> Result<Plan, NoPlan> {
    let spoken = floor.spoken.get(device).ok_or(NoPlan::NotSpokenTo)?;
    let latest = spoken.watch.latest().borrow().clone().ok_or(NoPlan::NotSeen)?;
    let named = action.conference();
    let seen: Option<&ConferenceSeen> =
        latest.conferences.iter().find(|seen| Some(&seen.conference) == named);
    spoken.bridge.plan(action, seen).map_err(NoPlan::Refused)
}

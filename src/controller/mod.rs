//! The control-room process: opens what must be open, connects the parts by channels, and stops them in order.
//!
//! It decides nothing: what arrives goes to the judge, what the engine wants done goes to the errands.

mod arrival;
mod clock;
mod courier;
mod desk;
mod devices;
mod enrolments;
mod errands;
mod judge;
mod keeper;
mod ledger;
mod line;
mod live;
mod premises;
mod replay;
mod self_watch;
mod streams;
mod supervise;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::config::ControllerSettings;
use crate::domain::actor::Actor;
use crate::domain::id::AgentId;
use crate::domain::inventory::Inventory;
use crate::domain::live::LiveItem;
use crate::engine::effect::{Effect, Outcome};
use crate::engine::input::Command;
use crate::intake;
use crate::link::reflector::Reflector;
use crate::link::sender::LinkProber;
use crate::metrics::Counters;
use crate::report::Snapshot;
use crate::store::Store;
use crate::uplink::broker::Broker;
use crate::uplink::hub::{Hub, HubHandle, HubState};
use crate::uplink::{enrol, push};
use crate::web::{
    self, App, CommandRequest, DeviceBoard, DeviceDoor, Invitation, Invitations as _, LiveDoor, NoticeDoor,
};
use arrival::Door;
use clock::Clock;
use courier::{AnswerDesk, Calls, Channels, Courier, Renderer};
use desk::Desk;
use devices::{Devices, Errand};
use enrolments::{Enrolments, enrolments};
use errands::{Errands, Voice};
use judge::{Bench, Judge};
use keeper::Keeper;
use ledger::Ledger;
use live::{LiveHub, Tickets};
use premises::{Doors, Premises};
use replay::Replay;
use self_watch::SelfWatch;
use streams::Streams;
use supervise::Tasks;

/// How long open work may take to end after the first signal.
const GRACE: Duration = Duration::from_secs(8);
/// Commands of the web that may wait.
const COMMANDS_MAX: usize = 256;
/// A task that goes round a few times a second is overdue after this.
const SILENT_AFTER: Duration = Duration::from_secs(15);
/// One that goes round every ten seconds, or waits for others.
const SILENT_AFTER_LONG: Duration = Duration::from_secs(90);

/// A running controller.
#[derive(Debug)]
pub struct Controller {
    tasks: Tasks,
    handle: Handle,
    // Threads that end when they are dropped.
    _held: Held,
}

#[derive(Debug)]
struct Held {
    _broker: Option<Broker>,
    _reflector: Option<Reflector>,
}

/// What may be asked of a running controller from within its process.
#[derive(Debug, Clone)]
pub struct Handle {
    door: Door,
    desk: Desk,
    view: watch::Receiver<Arc<Snapshot>>,
    app: App,
    devices: watch::Receiver<Arc<DeviceBoard>>,
    addresses: Addresses,
}

/// Where a controller listens.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// The page and the API.
    pub web: SocketAddr,
    /// Whether they speak TLS, and the certificate's SHA-256 if so.
    pub web_fingerprint: Option<String>,
    /// Enrolment.
    pub enrolment: SocketAddr,
    /// The hub's reflectors.
    pub reflectors: Vec<SocketAddr>,
    /// Where devices push, if anywhere.
    pub pushes: Option<SocketAddr>,
    /// Where SNMP traps arrive, if anywhere.
    pub traps: Option<SocketAddr>,
}

impl Handle {
    /// Asks for something; the answer comes after the commit.
    pub async fn ask(&self, actor: Actor, command: Command) -> Outcome {
        self.door.ask_and_wait(actor, command).await
    }

    /// A one-time token for an agent.
    pub fn invite(&self, agent: &AgentId) -> Invitation {
        self.desk.invite(agent)
    }

    /// What is shown now, and news of it.
    pub fn view(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.view.clone()
    }

    /// What every device said last, and news of it.
    pub fn devices(&self) -> watch::Receiver<Arc<DeviceBoard>> {
        self.devices.clone()
    }

    /// The web application: accounts, one-time links, the set-up token.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Where the controller listens.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }
}

/// What brings the inventory the plans that come with the program, where it lacks any.
fn shipped_plans(inventory: &Inventory) -> Option<Command> {
    let changes = intake::shipped::changes(inventory);
    let origin = "随程序附带的预案 shipped plans".to_owned();
    (!changes.is_empty()).then_some(Command::SubmitInventory { base: inventory.version, changes, origin })
}

/// Brings them to the inventory; without them the rest works all the same.
async fn bring(door: &Door, plans: Option<Command>) {
    if let Some(plans) = plans
        && let Outcome::Refused(refusal) = door.ask_and_wait(Actor::Vcops, plans).await
    {
        tracing::warn!(?refusal, "the emergency plans that come with the program are not in the inventory");
    }
}

impl Controller {
    /// Opens everything and starts. An error says what could not be opened; nothing is left running then.
    pub async fn start(settings: &ControllerSettings, stop: CancellationToken) -> anyhow::Result<Self> {
        let premises = Premises::open(settings).await?;
        let found = Ledger::open(premises.store.clone()).await.context("folding the journal")?;
        let boot = found.durable.boot + 1;
        let plans = shipped_plans(&found.durable.inventory);
        let state = crate::engine::State::new(found.durable);
        let (door, arrivals) = arrival::door();
        let (view_tx, view) = watch::channel(Arc::new(Snapshot::default()));
        let (enrolments_tx, enrolled) = watch::channel(Arc::new(enrolments(&state, &found.marks)));
        let (effects_tx, effects) = mpsc::channel(errands::WAITING_MAX);
        let mut tasks = Tasks::new(stop);
        let counters = Arc::new(Counters::new());

        let (notices, calls) = courier::notices();
        let (requests, asked) = mpsc::channel(streams::WAITING_MAX);
        let way_in =
            line::WayIn { door: door.clone(), streams: requests.clone(), counters: Arc::clone(&counters) };
        let (broker, hub) = start_line(&premises, way_in, &enrolled, &mut tasks)?;
        let desk = premises.desk(&door, enrolled, broker.as_ref().map(Broker::address));
        let bench = Bench {
            arrivals,
            ledger: found.ledger,
            recorder: premises.recorder().await?,
            effects: effects_tx,
            view: view_tx,
            enrolments: enrolments_tx,
            hub: hub.clone(),
            notices,
            counters: Arc::clone(&counters),
            pulse: tasks.pulse("judge", SILENT_AFTER),
        };
        let own_effects = bench.effects.downgrade();
        let judge = Judge::new(bench, state, Clock::start(), found.marks);
        tasks.spawn("judge", judge.run(boot, tasks.stop()));

        let prober = LinkProber::start(premises.prober_settings()).context("starting the prober")?;
        let voice = Voice::new(door.clone(), boot);
        let (shown, screens) = mpsc::channel(streams::WAITING_MAX);
        let watching = (premises.store.clone(), hub.clone(), shown, asked);
        start_streams(settings, (&counters, &voice, &view), watching, &mut tasks);
        let tickets = Tickets::default();
        let (plane, live) = LiveHub::new(screens, view.clone(), requests, (hub.clone(), tickets.clone()));
        tasks.spawn("live", plane.run(tasks.stop()));
        keep_house(settings, &premises, (&view, &live), &mut tasks);
        let notices = start_notices(&premises, calls, (&counters, &voice, &view), &mut tasks)?;
        let open = devices::doors::Doors::open(&settings.devices, &counters, &mut tasks).await?;
        let (pushes, traps) = (open.pushes, open.traps);
        let (orders, doors) =
            start_devices(settings, open, (&counters, &voice, &view), hub.state(), &mut tasks);
        let devices = doors.board.clone();
        let prober = Arc::new(prober);
        let (line, own_voice) = (hub.state(), voice.clone());
        let errands = Errands { prober, hub, voice, devices: orders, counters: Arc::clone(&counters) };
        tasks.spawn("errands", errands.run(effects, tasks.stop()));
        start_self_watch(&premises, (door.clone(), own_effects), (line, own_voice), &mut tasks);

        // Before anybody else may ask: the plans that come with the program are in the inventory from the first moment.
        bring(&door, plans).await;
        let reflector = premises.reflector()?;
        let (app, addresses) = start_web(
            &premises,
            (&door, &desk, tickets),
            (&view, live, doors, notices),
            &counters,
            &mut tasks,
        )
        .await?;
        let reflectors = reflector.as_ref().map(|it| it.local_addrs().to_vec()).unwrap_or_default();
        let addresses = Addresses { reflectors, pushes, traps, ..addresses };
        let handle = Handle { door, desk, view, app, devices, addresses };
        Ok(Self { tasks, handle, _held: Held { _broker: broker, _reflector: reflector } })
    }

    /// What may be asked of it.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Works until the stop signal, then drains. An error names the task whose end stopped everything.
    pub async fn run(self) -> anyhow::Result<()> {
        match self.tasks.drain(GRACE).await {
            None => Ok(()),
            Some(task) => anyhow::bail!("the task {task:?} ended; the log says why"),
        }
    }
}

/// Starts what watches streams.
fn start_streams(
    settings: &ControllerSettings,
    (counters, voice, view): (&Arc<Counters>, &Voice, &watch::Receiver<Arc<Snapshot>>),
    (store, hub, live, requests): (
        Store,
        HubHandle,
        mpsc::Sender<LiveItem>,
        mpsc::Receiver<streams::Request>,
    ),
    tasks: &mut Tasks,
) {
    let streams = Streams {
        settings: settings.streams.clone(),
        registry: settings.data_dir.join("media-plugins.bin"),
        counters: Arc::clone(counters),
        voice: voice.clone(),
        hub,
        view: view.clone(),
        store,
        live,
        requests,
        pulse: tasks.pulse("streams", SILENT_AFTER_LONG),
    };
    tasks.spawn("streams", streams.run(tasks.stop()));
}

/// Starts what speaks to devices: where errands go, and the door by which people ask.
fn start_devices(
    settings: &ControllerSettings,
    doors: devices::doors::Doors,
    (counters, voice, view): (&Arc<Counters>, &Voice, &watch::Receiver<Arc<Snapshot>>),
    line: watch::Receiver<HubState>,
    tasks: &mut Tasks,
) -> (mpsc::Sender<Errand>, DeviceDoor) {
    let (errands, given) = mpsc::channel(devices::WAITING_MAX);
    let (requests, asked) = mpsc::channel(devices::WAITING_MAX);
    let (shown, board) = watch::channel(Arc::default());
    let devices = Devices {
        settings: settings.devices.clone(),
        doors,
        counters: Arc::clone(counters),
        voice: voice.clone(),
        view: view.clone(),
        errands: given,
        requests: asked,
        line,
        board: shown,
        pulse: tasks.pulse("devices", SILENT_AFTER_LONG),
    };
    tasks.spawn("devices", devices.run(tasks.stop()));
    (errands, DeviceDoor { board, requests })
}

/// Starts what delivers notices and takes answers; returns the door by which people test channels.
fn start_notices(
    premises: &Premises,
    calls: Calls,
    (counters, voice, view): (&Arc<Counters>, &Voice, &watch::Receiver<Arc<Snapshot>>),
    tasks: &mut Tasks,
) -> anyhow::Result<NoticeDoor> {
    let settings = &premises.settings.notify;
    let opened = courier::open(settings).context("opening the channels of notices")?;
    let channels: Arc<Channels> = Arc::new(opened.channels);
    let renderer = Renderer {
        channels: Arc::clone(&channels),
        store: premises.store.clone(),
        links: premises.links()?,
        lang: premises.settings.language,
        site: settings.site.clone(),
    };
    let (store, voice) = (premises.store.clone(), voice.clone());
    let desk = AnswerDesk { store: store.clone(), voice: voice.clone(), counters: Arc::clone(counters) };
    premises.serve_answers(Arc::new(desk.clone()), opened.callbacks, tasks)?;
    for modem in opened.modems {
        let stop = tasks.stop();
        tasks.spawn("modem", async move {
            modem.run(stop).await;
            Ok(())
        });
    }
    tasks.spawn("modem answers", courier::hear(opened.incoming, desk, tasks.stop()));
    for heartbeat in &settings.heartbeats {
        let Some(channel) = channels.get(&heartbeat.channel).cloned() else { continue };
        let rhythm = (settings.site.clone(), Duration::from_secs(heartbeat.seconds));
        let (view, counters) = (view.clone(), Arc::clone(counters));
        tasks.spawn("heartbeat", courier::beat(channel, rhythm, view, counters, tasks.stop()));
    }
    let (tests, tested) = mpsc::channel(courier::TESTS_MAX);
    let shown = channels.shown();
    let pulse = tasks.pulse("courier", SILENT_AFTER_LONG);
    let courier = Courier { channels, renderer, store, voice, counters: Arc::clone(counters), pulse };
    tasks.spawn("courier", courier.run(calls, tested, tasks.stop()));
    Ok(NoticeDoor { channels: shown, tests })
}

/// Starts what measures the controller itself.
fn start_self_watch(
    premises: &Premises,
    (door, effects): (Door, mpsc::WeakSender<Effect>),
    (line, voice): (watch::Receiver<HubState>, Voice),
    tasks: &mut Tasks,
) {
    let (data_dir, store) = (premises.settings.data_dir.clone(), premises.store.clone());
    let own = SelfWatch { data_dir, door, effects, pulses: tasks.pulses(), line, store, voice };
    tasks.keep("self watch", self_watch::keep(own, tasks.stop()));
}

/// Starts what looks after the journal, and what shows earlier days.
fn keep_house(
    settings: &ControllerSettings,
    premises: &Premises,
    (view, live): (&watch::Receiver<Arc<Snapshot>>, &LiveDoor),
    tasks: &mut Tasks,
) {
    let (store, stills) = (premises.store.clone(), premises::stills(settings));
    let replay = Replay { store: store.clone(), stills, view: view.clone(), live: live.clone() };
    tasks.keep("replay", replay::keep(replay, tasks.stop()));
    let keeper = Keeper {
        store,
        view: view.clone(),
        archive: premises::archive(settings),
        retention_days: settings.journal.retention_days,
        pulse: tasks.pulse("keeper", SILENT_AFTER_LONG),
    };
    tasks.keep("keeper", keeper::keep(keeper, tasks.stop()));
}

fn start_line(
    premises: &Premises,
    way_in: line::WayIn,
    enrolled: &watch::Receiver<Arc<Enrolments>>,
    tasks: &mut Tasks,
) -> anyhow::Result<(Option<Broker>, HubHandle)> {
    let identity = &premises.identity;
    let roster = line::roster(&enrolled.borrow());
    let (users_tx, users) = watch::channel(Arc::new(line::users(&roster, identity.key())));
    let (roster_tx, rosters) = watch::channel(Arc::new(roster));
    let follow = line::follow(enrolled.clone(), Arc::clone(identity), roster_tx, users_tx, tasks.stop());
    tasks.spawn("roster", follow);
    let broker = premises.broker(users, tasks)?;
    let access = premises.hub_access(broker.as_ref().map(Broker::address));
    let (access_tx, access) = watch::channel(access);
    let (hub, handle, deliveries) = Hub::new(Arc::clone(identity), access, rosters);
    let stop = tasks.stop();
    tasks.spawn("hub", async move {
        hub.run(stop).await;
        // The hub takes the end of its settings for the end of the controller.
        drop(access_tx);
        Ok(())
    });
    tasks.spawn("line", line::listen(deliveries, way_in, tasks.stop()));
    Ok((broker, handle))
}

async fn start_web(
    premises: &Premises,
    (door, desk, tickets): (&Door, &Desk, Tickets),
    (view, live, devices, notices): (&watch::Receiver<Arc<Snapshot>>, LiveDoor, DeviceDoor, NoticeDoor),
    counters: &Arc<Counters>,
    tasks: &mut Tasks,
) -> anyhow::Result<(App, Addresses)> {
    let (commands, requests) = mpsc::channel(COMMANDS_MAX);
    tasks.spawn("commands", pass_on(requests, door.clone(), tasks.stop()));
    let ports = web::Ports {
        commands,
        snapshot: view.clone(),
        live,
        devices,
        notices,
        stills: premises::stills(&premises.settings),
        store: premises.store.clone(),
        invitations: Arc::new(desk.clone()),
        counters: Arc::clone(counters),
        clock: web::system_clock(),
    };
    let app = App::start(ports, premises.web_settings()).await.context("starting the web")?;
    let doors = Doors::open(premises)?;
    let addresses = doors.addresses()?;
    // Agents know this listener's certificate, so their streams come by it as well.
    let desk_router = enrol::server::router(Arc::new(desk.clone())).merge(push::router(Arc::new(tickets)));
    doors.serve(tasks, (web::router(&app), desk_router), app.clone());
    Ok((app, addresses))
}

async fn pass_on(
    mut requests: mpsc::Receiver<CommandRequest>,
    door: Door,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            request = requests.recv() => match request {
                Some(request) => door.ask(request),
                None => anyhow::bail!("the web has ended"),
            },
        }
    }
}

/// Opens the store that a controller would use, for commands that work on a stopped one.
pub async fn open_store(settings: &ControllerSettings) -> anyhow::Result<Store> {
    Ok(Store::open(premises::store_settings(settings)?).await?)
}

//! The venue process: answers the controller's tests, makes its own, says each second how it is.
//!
//! It is safe on one core and 256 MB: every queue, table and file is bounded, and what its own settings forbid no
//! command can allow. It decides nothing about a meeting.

pub mod consent;
mod guard;
mod health;
mod streams;
mod worker;

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::config::AgentSettings;
use crate::link::reflector::{Reflector, ReflectorSettings};
use crate::link::sender::{LinkProber, ProberSettings};
use crate::link::stats::Side;
use crate::metrics::disk;
use crate::observation::AgentHealth;
use crate::uplink::client::{self, Channels, LineState, Membership};
use crate::uplink::enrol::Token;
use crate::uplink::enrol::client as enrolment;
use crate::uplink::key::{Identity, SecretKey};
use crate::uplink::outbox::writer::{self, OutboxHandle};
use guard::Guard;
use health::Machine;
use streams::Streams;
use worker::{VenueSays, Worker};

/// Commands that may wait; the line takes no more than fit.
const COMMANDS: usize = 16;
/// Reports, and pictures and levels, that may wait for the line.
const REPORTS: usize = 64;
const LIVE: usize = 64;
const HEALTH_EVERY: Duration = Duration::from_secs(1);

/// Enrols this machine with a token. Trying again is harmless.
pub async fn enrol(settings: &AgentSettings, token: &str) -> anyhow::Result<Membership> {
    let identity = Identity::open(&settings.state_dir)?;
    let token = Token::parse(token)?;
    let controller = &settings.controller.enrol;
    let (membership, address) =
        enrolment::enrol(&controller.host, controller.port, &token, identity.key()).await?;
    client::save(&settings.state_dir, &membership, &address)?;
    Ok(membership)
}

/// Replaces this machine's key: the controller is told by both keys, then the new one is kept.
pub async fn rotate_key(settings: &AgentSettings) -> anyhow::Result<()> {
    let mut identity = Identity::open(&settings.state_dir)?;
    let (membership, address) = load(&settings.state_dir)?;
    let new = match identity.next_key()? {
        // A rotation was cut short: the controller may or may not have heard of the new key.
        Some(new) => new,
        None => identity.prepare(SecretKey::generate())?,
    };
    let answer = enrolment::rotate(&address, &membership, identity.key(), &new).await?;
    client::save(&settings.state_dir, &answer, &address)?;
    identity.adopt(new)?;
    Ok(())
}

/// Runs the agent until `stop`, then calls off its tests and waits a moment for the last acknowledgements.
pub async fn run(settings: &AgentSettings, stop: CancellationToken) -> anyhow::Result<()> {
    let identity = Identity::open(&settings.state_dir)?;
    let (mut membership, door) = load(&settings.state_dir)?;
    if let Some(broker) = &settings.controller.broker {
        (membership.broker.host, membership.broker.port) = (broker.host.clone(), broker.port);
    }
    let outbox = open_outbox(settings)?;
    let reflector = start_reflector(settings)?;
    let guard = Guard::new(settings);
    let prober = LinkProber::start(ProberSettings {
        side: Side::Venue,
        tests_max: settings.tests.at_once_max,
        realtime: settings.tests.realtime,
    })
    .context("link prober")?;

    let (health_tx, health) = watch::channel(AgentHealth { version: version(), ..absent() });
    let (commands_tx, commands) = mpsc::channel(COMMANDS);
    let (state, line) = watch::channel(LineState::default());
    let (wishes_tx, wishes) = mpsc::channel(COMMANDS);
    let worker =
        Worker::new(guard, prober, (outbox.clone(), line.clone()), settings.state_dir.clone(), wishes_tx);
    let venue_says = worker.venue_says.subscribe();
    let (reports_tx, reports) = mpsc::channel(REPORTS);
    let (live_tx, live) = mpsc::channel(LIVE);
    let streams = Streams {
        settings: settings.streams.clone(),
        registry: settings.state_dir.join("media-plugins.bin"),
        wishes,
        reports: reports_tx,
        live: live_tx,
        pool: None,
        door,
    };
    let channels = Channels { outbox: outbox.clone(), health, reports, live, commands: commands_tx, state };
    tracing::info!(agent = %membership.agent, venue = %membership.venue, boot = identity.boot(), "agent runs");

    // The line ends last: what the worker reports while stopping must still leave.
    let line_stop = CancellationToken::new();
    let watcher = Watcher { settings, outbox, line, venue_says, reflector };
    let streams_stop = stop.clone();
    let work = async {
        worker.run(commands, stop).await;
        line_stop.cancel();
    };
    let (ended, ()) = tokio::join!(client::run(&identity, &membership, channels, line_stop.clone()), async {
        tokio::select! {
            () = work => {}
            () = watcher.run(&health_tx) => {}
            () = keep_watching(streams, streams_stop) => {}
        }
    });
    ended.context("uplink")
}

/// A venue whose monitors fail is still tested and heard.
async fn keep_watching(streams: Streams, stop: CancellationToken) {
    if let Err(error) = streams.run(stop).await {
        tracing::error!(error = format!("{error:#}"), "streams are not watched any more");
    }
    std::future::pending::<()>().await;
}

fn load(directory: &Path) -> anyhow::Result<(Membership, enrolment::EnrolAddress)> {
    let found = client::load(directory)?;
    found.context("尚未注册，请先运行 vcops agent enrol / not enrolled: run vcops agent enrol first")
}

fn open_outbox(settings: &AgentSettings) -> anyhow::Result<OutboxHandle> {
    let bytes_max = settings.outbox.mib_max.saturating_mul(1024 * 1024);
    let (outbox, damages) = writer::start(&settings.state_dir.join("outbox"), bytes_max).context("outbox")?;
    for damage in damages {
        tracing::warn!(?damage, "the outbox was not as it was left");
    }
    Ok(outbox)
}

fn start_reflector(settings: &AgentSettings) -> anyhow::Result<Option<Reflector>> {
    let limits = &settings.reflector;
    if limits.listen.is_empty() {
        return Ok(None);
    }
    let reflector = Reflector::start(&ReflectorSettings {
        listen: limits.listen.clone(),
        allow: limits.allow.clone(),
        packets_per_second_max: limits.packets_per_second_max,
        sessions_max: limits.sessions_max,
        realtime: limits.realtime,
    });
    reflector.map(Some).context("reflector")
}

fn version() -> String {
    env!("CARGO_PKG_VERSION").into()
}

fn absent() -> AgentHealth {
    AgentHealth {
        version: String::new(),
        clock_offset_ms: None,
        disk_free_mib: None,
        cpu_pct: None,
        memory_mib: None,
        temperature_c: None,
        outbox: 0,
        consent: false,
        no_test: false,
        reflector_refused: 0,
    }
}

/// Looks at the machine each second.
struct Watcher<'a> {
    settings: &'a AgentSettings,
    outbox: OutboxHandle,
    line: watch::Receiver<LineState>,
    venue_says: watch::Receiver<VenueSays>,
    reflector: Option<Reflector>,
}

impl Watcher<'_> {
    async fn run(self, health: &watch::Sender<AgentHealth>) {
        let mut machine = Machine::default();
        let mut tick = tokio::time::interval(HEALTH_EVERY);
        loop {
            tick.tick().await;
            health.send_replace(self.look(&mut machine));
        }
    }

    fn look(&self, machine: &mut Machine) -> AgentHealth {
        let clock = self.line.borrow().clock;
        let says = *self.venue_says.borrow();
        let counts = self.reflector.as_ref().map(Reflector::counts).unwrap_or_default();
        AgentHealth {
            version: version(),
            // The line knows the controller's clock minus ours; health says the opposite.
            clock_offset_ms: clock.map(|offset| (-(offset.us as f64) / 1e3, offset.bound.as_ms())),
            disk_free_mib: disk::free_mib(&self.settings.state_dir),
            cpu_pct: machine.cpu_pct(),
            memory_mib: health::memory_mib(),
            temperature_c: health::temperature_c(),
            outbox: self.outbox.level().borrow().waiting,
            consent: says.consent,
            no_test: says.no_test,
            reflector_refused: counts.refused.saturating_add(counts.limited),
        }
    }
}

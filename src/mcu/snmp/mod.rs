//! Anything that speaks SNMP (v2c: RFC 3416; v3: RFC 3414): power supplies, sensors, servers, Poly RMX.
//!
//! It only reads. What a device has is learnt from its answers: each known set of objects it has gives its readings,
//! and a mapping of the site names further ones. Traps are hints to read anew, and alarms where the MIB has pairs of
//! raising and clearing ones. An agent that is asked with a wrong community does not answer at all, so that this
//! looks like a timeout; SNMPv3 tells the two apart.

pub mod name;
pub mod login;
pub mod line;
pub mod mapping;
pub mod traps;
mod sets;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::budget::Budget;
use super::fault::Fault;
use super::trust::Login;
use super::{Abilities, Bridge, Pushed, Tells};
use crate::domain::mcu::{ConferenceRef, Interface};
use crate::domain::time::Span;
use crate::observation::action::{Action, ActionKey, ActionOutcome, Looked, Plan, Refused};
use crate::observation::device::{
    Absent, Capacity, ConferenceSeen, DeviceAlarm, Given, NodeHealth, Service, SiteSeen, StreamSample,
};
use line::SnmpLine;
use login::SnmpLogin;
use mapping::SnmpMapping;
use name::{Datum, ObjectName};
use sets::{Readings, Values, host, rmx, sensor, ups};
use traps::{Meaning, TrapHub};

/// Most objects that are read of one table.
const TABLE_MAX: usize = 512;
/// How long a table that was empty is not asked for again.
const EMPTY_FOR: Duration = Duration::from_secs(600);
/// Most alarms that traps have raised.
const RAISED_MAX: usize = 256;
/// How long after a trap the device's own status may still be the old one.
const SETTLES: Duration = Duration::from_secs(15);

/// `sysDescr`, `sysUpTime`, `hrSystemUptime`, `snmpEngineBoots`.
const DESCRIPTION: &str = "1.3.6.1.2.1.1.1.0";
const AGENT_UP: &str = "1.3.6.1.2.1.1.3.0";
const HOST_UP: &str = "1.3.6.1.2.1.25.1.1.0";
const BOOTS: &str = "1.3.6.1.6.3.10.2.1.2.0";

/// One device behind SNMP.
#[derive(Debug)]
pub struct Snmp {
    line: SnmpLine,
    mapping: SnmpMapping,
    traps: Option<Arc<TrapHub>>,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    empty: BTreeMap<ObjectName, Instant>,
    raised: BTreeMap<String, (Instant, DeviceAlarm)>,
}

impl Snmp {
    /// An adapter to `host` or `host:port`. `mapping` may be empty; without `traps` nothing is pushed.
    pub fn new(
        address: &str,
        login: &Login,
        budget: Arc<Budget>,
        mapping: SnmpMapping,
        traps: Option<Arc<TrapHub>>,
    ) -> Result<Self, Fault> {
        let line = SnmpLine::new(address, SnmpLogin::read(login)?, budget);
        Ok(Self { line, mapping, traps, memory: Mutex::default() })
    }

    fn remember<T>(&self, with: impl FnOnce(&mut Memory) -> T) -> T {
        with(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A table, unless it was empty a short while ago.
    async fn table(&self, base: ObjectName) -> Result<Vec<(ObjectName, Datum)>, Fault> {
        let now = Instant::now();
        let known_empty = self
            .remember(|memory| memory.empty.get(&base).is_some_and(|at| now.duration_since(*at) < EMPTY_FOR));
        if known_empty {
            return Ok(Vec::new());
        }
        let rows = self.line.below(&base, TABLE_MAX).await?;
        self.remember(|memory| match rows.is_empty() {
            true => memory.empty.insert(base, now),
            false => memory.empty.remove(&base),
        });
        Ok(rows)
    }

    async fn scalars(&self) -> Result<Values, Fault> {
        self.line.get(&sets::scalars()).await
    }

    fn heard(&self, meaning: Meaning) {
        self.remember(|memory| match meaning {
            Meaning::Raised(alarm) => {
                if memory.raised.len() < RAISED_MAX || memory.raised.contains_key(&alarm.id) {
                    memory.raised.insert(alarm.id.clone(), (Instant::now(), alarm));
                }
            }
            Meaning::Cleared(id) => {
                memory.raised.remove(&id);
            }
            Meaning::Restarted => {
                memory.raised.clear();
                memory.empty.clear();
            }
            Meaning::Hint => {}
        });
    }
}

#[async_trait]
impl Bridge for Snmp {
    fn interface(&self) -> Interface {
        Interface::Snmp
    }

    fn abilities(&self) -> Abilities {
        let events = self.traps.is_some().then_some(Tells::Events);
        let tells: BTreeSet<Tells> = [Tells::Load, Tells::Alarms].into_iter().chain(events).collect();
        Abilities { tells, does: BTreeSet::new(), requests_per_minute: None, tried_on_a_real_device: false }
    }

    async fn health(&self) -> Result<NodeHealth, Fault> {
        let own = [DESCRIPTION, AGENT_UP, HOST_UP, BOOTS].map(sets::object);
        let names: Vec<ObjectName> = own.into_iter().chain(sets::states()).collect();
        let values = self.line.get(&names).await?;
        if values.values().all(|datum| *datum == Datum::Missing) {
            return Err(Fault::Shape("none of the objects that every agent has".into()));
        }
        let up = [HOST_UP, AGENT_UP].into_iter().find_map(|name| values.get(&sets::object(name))?.whole());
        let up = up.and_then(|hundredths| u32::try_from(hundredths).ok());
        let up = up.map(|hundredths| Span::millis(u64::from(hundredths) * 10));
        let load = host::load_pct(&self.table(host::processor_table()).await?);
        let text = |name| values.get(&sets::object(name)).and_then(Datum::text);
        Ok(NodeHealth {
            service: ups::service(&values).or_else(|| rmx::service(&values)).unwrap_or(Service::Unknown),
            load_pct: Given::or_absent(load, Absent::NotProvided),
            uptime: Given::or_absent(up, Absent::NotProvided),
            version: text(DESCRIPTION).map(|text| crate::domain::mcu::bounded(&text).to_owned()),
            boot: text(BOOTS),
            clock_skew_ms: Given::Absent(Absent::NotProvided),
            nodes: Vec::new(),
        })
    }

    async fn capacity(&self) -> Result<Vec<Capacity>, Fault> {
        Err(Fault::NotSupported)
    }

    async fn alarms(&self) -> Result<Vec<DeviceAlarm>, Fault> {
        let values = self.line.get(&sets::states()).await?;
        let present = match ups::is_there(&values) {
            true => self.line.below(&ups::alarm_table(), TABLE_MAX).await?,
            false => Vec::new(),
        };
        let mut found: BTreeMap<String, DeviceAlarm> = ups::alarms(&present)
            .into_iter()
            .chain(rmx::alarms(&values))
            .map(|alarm| (alarm.id.clone(), alarm))
            .collect();
        // What can be polled is the truth: a trap of it only said so earlier.
        let polled = |id: &str| {
            (id.starts_with("ups.") && ups::is_there(&values))
                || (id.starts_with("rmx.trap.") && rmx::is_normal(&values))
        };
        self.remember(|memory| {
            memory.raised.retain(|id, (at, _)| at.elapsed() < SETTLES || !polled(id));
            for (id, (_, alarm)) in &memory.raised {
                found.entry(id.clone()).or_insert_with(|| alarm.clone());
            }
        });
        Ok(found.into_values().collect())
    }

    async fn readings(&self) -> Result<Readings, Fault> {
        let values = self.scalars().await?;
        let mut found = rmx::readings(&values);
        if ups::is_there(&values) {
            found.extend(ups::readings(&values, &self.table(ups::load_table()).await?));
        }
        let processors = self.table(host::processor_table()).await?;
        found.extend(host::readings(&values, &processors, &self.table(host::storage_table()).await?));
        found.extend(sensor::readings(&self.table(sensor::table()).await?));
        if !self.mapping.readings.is_empty() {
            found.extend(self.mapping.read(&self.line.get(&self.mapping.objects()).await?));
        }
        Ok(found)
    }

    async fn conferences(&self) -> Result<Vec<ConferenceSeen>, Fault> {
        Err(Fault::NotSupported)
    }

    async fn roster(&self, _: &ConferenceRef) -> Result<ConferenceSeen, Fault> {
        Err(Fault::NotSupported)
    }

    async fn streams(&self, _: &ConferenceRef, _: &SiteSeen) -> Result<Vec<StreamSample>, Fault> {
        Err(Fault::NotSupported)
    }

    async fn listen(&self, pushed: mpsc::Sender<Pushed>, stop: CancellationToken) -> Result<(), Fault> {
        let Some(hub) = &self.traps else { return Err(Fault::NotSupported) };
        let from = self.line.resolve().await?.iter().map(|at| at.ip()).collect();
        let mut heard = hub.subscribe(from, self.line.login());
        loop {
            let next = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                next = heard.next() => next,
            };
            let says = match next {
                Some(Ok(trap)) => {
                    self.heard(traps::meaning(&trap));
                    Pushed::Changed(None)
                }
                Some(Err(traps::Lost)) => Pushed::Gap,
                None => return Err(Fault::Unreachable("the trap receiver has ended".into())),
            };
            if pushed.send(says).await.is_err() {
                return Ok(());
            }
        }
    }

    fn plan(&self, _: &Action, _: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
        Err(Refused::NotProvided)
    }

    async fn execute(&self, _: &Plan, _: &ActionKey) -> ActionOutcome {
        ActionOutcome::Rejected { code: "not_provided".into(), retryable: false }
    }

    async fn look(&self, _: &Plan, _: &ActionKey) -> Result<Looked, Fault> {
        Ok(Looked::DidNot)
    }
}

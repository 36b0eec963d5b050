//! Makes the adapter of a device from its entry in the inventory and the process settings: its line, its account, its
//! mapping, and what takes its pushes. What cannot be spoken to is made all the same, and says why it cannot be seen.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use axum::Router;
use rustls::ClientConfig;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::pushes::Entrance;
use crate::config::devices::{DevicesSettings, host_name};
use crate::config::mapping::{self, DeviceMapping};
use crate::config::pushes::{DevicePush, JANUS_TOPIC};
use crate::config::value::{BrokerUrl, DeviceName};
use crate::domain::id::{CredentialId, MappingId};
use crate::domain::lang::Lang;
use crate::domain::mcu::{ConferenceRef, Control, Interface};
use crate::intake;
use crate::mcu::account;
use crate::mcu::budget::Budget;
use crate::mcu::cms::Cms;
use crate::mcu::fault::Fault;
use crate::mcu::http::HttpLine;
use crate::mcu::janus::source::{EventSource, MqttSource, http_events};
use crate::mcu::janus::{self, Janus};
use crate::mcu::json::Json;
use crate::mcu::kedacom::Kedacom;
use crate::mcu::pexip::{self, Pexip};
use crate::mcu::prometheus::Prometheus;
use crate::mcu::rmx::Rmx;
use crate::mcu::roomos::Roomos;
use crate::mcu::sip::{SipEndpoint, SipRtpengine};
use crate::mcu::smc3::Smc3;
use crate::mcu::snmp::Snmp;
use crate::mcu::snmp::mapping::SnmpMapping;
use crate::mcu::snmp::traps::TrapHub;
use crate::mcu::te::Te;
use crate::mcu::trust::{Login, Trust};
use crate::mcu::watch::host::{Host, NetworkHost};
use crate::mcu::zte::Zte;
use crate::mcu::{Abilities, Bridge, Pushed};
use crate::observation::action::{Action, ActionKey, ActionOutcome, Looked, Plan, Refused};
use crate::observation::device::{
    Capacity, ConferenceSeen, Device, DeviceAlarm, NodeHealth, SiteSeen, StreamSample,
};

/// Makes adapters.
#[derive(Debug)]
pub(super) struct Workshop {
    settings: DevicesSettings,
    mappings: BTreeMap<MappingId, DeviceMapping>,
    traps: Option<Arc<TrapHub>>,
}

/// An adapter with what its watch needs beside it.
pub(super) struct Made {
    pub(super) bridge: Arc<dyn Bridge>,
    pub(super) budget: Arc<Budget>,
    /// The line whose certificate is watched.
    pub(super) line: Option<HttpLine>,
    pub(super) host: Option<Arc<dyn Host>>,
    /// Where its pushes go, if any are taken.
    pub(super) entrance: Option<Arc<Entrance>>,
}

/// An adapter as its maker's interface needs it.
struct Adapter {
    bridge: Arc<dyn Bridge>,
    line: Option<HttpLine>,
    /// Takes what the device posts.
    router: Option<Router>,
}

impl Adapter {
    fn of(bridge: impl Bridge + 'static) -> Self {
        Self { bridge: Arc::new(bridge), line: None, router: None }
    }

    fn with_line(self, line: HttpLine) -> Self {
        Self { line: Some(line), ..self }
    }

    fn with_router(self, router: Router) -> Self {
        Self { router: Some(router), ..self }
    }
}

impl Workshop {
    /// Reads the mapping files; `traps` is where traps arrive.
    pub(super) fn open(settings: &DevicesSettings, traps: Option<Arc<TrapHub>>) -> anyhow::Result<Self> {
        let read = |it: &crate::config::devices::DeviceMapping| {
            let mapping = mapping::load(&it.file);
            let mapping = mapping.map_err(|problems| anyhow::anyhow!(intake::lines(&problems, Lang::En)));
            Ok((it.name.clone(), mapping.with_context(|| format!("the mapping {}", it.name))?))
        };
        let mappings = settings.mappings.iter().map(read).collect::<anyhow::Result<_>>()?;
        Ok(Self { settings: settings.clone(), mappings, traps })
    }

    /// The adapter of a device.
    pub(super) fn make(&self, device: &Device, control: &Control) -> Made {
        let per_minute = self.settings.requests_per_minute(control.interface, allowed(control.interface));
        let budget = Arc::new(Budget::new(per_minute));
        let made = self.adapter(device, control, &budget).unwrap_or_else(|fault| {
            let (interface, address) = (control.interface, &control.address);
            tracing::warn!(%device, %interface, address, %fault, "a device cannot be spoken to");
            Adapter::of(Mute { interface: control.interface, fault })
        });
        let permitted = self.settings.permits(control);
        let host = host_name(&control.address).filter(|_| permitted);
        Made {
            entrance: made.router.and_then(|router| self.entrance(device, control, router)),
            bridge: made.bridge,
            line: made.line,
            budget,
            host: host.map(|name| Arc::new(NetworkHost::new(name)) as Arc<dyn Host>),
        }
    }

    fn adapter(&self, device: &Device, control: &Control, budget: &Arc<Budget>) -> Result<Adapter, Fault> {
        if !self.settings.permits(control) {
            return Err(Fault::Ours("the settings forbid its address".into()));
        }
        match control.interface {
            Interface::Sip => {
                SipEndpoint::new(&control.address, Arc::clone(budget)).map(Adapter::of).map_err(odd)
            }
            Interface::SipRtpengine => {
                SipRtpengine::new(&with_relay(control)?, Arc::clone(budget)).map(Adapter::of).map_err(odd)
            }
            Interface::Snmp => self.snmp(control, budget),
            Interface::Janus => self.janus(device, control, budget),
            Interface::Prometheus => self.prometheus(control, budget),
            Interface::Json => self.json(control, budget),
            Interface::Pexip
            | Interface::Cms
            | Interface::Smc3
            | Interface::Rmx
            | Interface::Kedacom
            | Interface::Zte
            | Interface::Te
            | Interface::Roomos => self.by_http(device, control, budget),
        }
    }

    fn by_http(&self, device: &Device, control: &Control, budget: &Arc<Budget>) -> Result<Adapter, Fault> {
        let login = self.login(control)?;
        // An RMX takes everything at the very address, the others have their paths below it.
        let below = control.interface != Interface::Rmx;
        let (line, tls) = self.line(control, budget, below)?;
        let http = line.clone();
        let adapter = match control.interface {
            Interface::Pexip => {
                let pexip = Pexip::new(line, login);
                let router = pexip.router(None);
                Adapter::of(pexip).with_router(router)
            }
            Interface::Cms => {
                let cms = Cms::new(line, login);
                let router = cms.router();
                Adapter::of(cms).with_router(router)
            }
            Interface::Roomos => self.roomos(device, Roomos::new(line, login)),
            Interface::Smc3 => Adapter::of(Smc3::new(line, tls, login)),
            Interface::Rmx => Adapter::of(Rmx::new(line, login)),
            Interface::Kedacom => Adapter::of(Kedacom::new(line, login)),
            Interface::Zte => Adapter::of(Zte::new(line, login)),
            Interface::Te => Adapter::of(Te::new(line, login)),
            Interface::Janus
            | Interface::Sip
            | Interface::SipRtpengine
            | Interface::Snmp
            | Interface::Prometheus
            | Interface::Json => return Err(Fault::Ours("no adapter by HTTP alone".into())),
        };
        Ok(adapter.with_line(http))
    }

    /// An endpoint is told where to push when it can be told how to reach the listener.
    fn roomos(&self, device: &Device, roomos: Roomos) -> Adapter {
        let reach = self.settings.reach.as_ref().filter(|_| self.settings.listen.is_some());
        match reach.and_then(|reach| reach.0.join(&format!("{}/", path(device))).ok()) {
            None => Adapter::of(roomos),
            Some(base) => {
                let roomos = roomos.with_feedback(base);
                let router = roomos.router();
                Adapter::of(roomos).with_router(router)
            }
        }
    }

    fn janus(&self, device: &Device, control: &Control, budget: &Arc<Budget>) -> Result<Adapter, Fault> {
        let trust = self.trust(&control.address)?;
        let mut settings = janus::Settings::new(control, self.login(control)?, trust, Arc::clone(budget))?;
        let mut router = None;
        if let Some(push) = self.settings.push(device) {
            settings.stats_period = std::time::Duration::from_secs(push.statistics_seconds);
            settings.events = Some(match &push.broker {
                Some(broker) => EventSource::Mqtt(self.broker(device, push, broker)?),
                None => {
                    let (taken, source) = http_events(None);
                    router = Some(taken);
                    EventSource::Http(source)
                }
            });
        }
        let janus = Janus::new(&settings)?;
        let line = janus.http_line().clone();
        Ok(Adapter { router, ..Adapter::of(janus).with_line(line) })
    }

    fn broker(&self, device: &Device, push: &DevicePush, broker: &BrokerUrl) -> Result<MqttSource, Fault> {
        let trust = if broker.tls { self.trust(&broker.at.to_string())? } else { Trust::Nobody };
        let topic = push.topic.as_deref().unwrap_or(JANUS_TOPIC).trim_end_matches('/').to_owned();
        let login = push.credential.as_ref().map(|name| self.named(name)).transpose()?;
        let client = format!("vcops-{}", path(device).replace('/', "-"));
        Ok(MqttSource { host: broker.at.host.clone(), port: broker.at.port, topic, client, login, trust })
    }

    fn snmp(&self, control: &Control, budget: &Arc<Budget>) -> Result<Adapter, Fault> {
        let mapping = match self.mapping(control)? {
            Some(DeviceMapping::Snmp(mapping)) => mapping.clone(),
            Some(DeviceMapping::Json(_) | DeviceMapping::Prometheus(_)) | None => SnmpMapping::default(),
        };
        let login = self.login(control)?;
        let snmp = Snmp::new(&control.address, &login, Arc::clone(budget), mapping, self.traps.clone())?;
        Ok(Adapter::of(snmp))
    }

    fn prometheus(&self, control: &Control, budget: &Arc<Budget>) -> Result<Adapter, Fault> {
        let further = match self.mapping(control)? {
            Some(DeviceMapping::Prometheus(further)) => further.clone(),
            Some(DeviceMapping::Json(_) | DeviceMapping::Snmp(_)) | None => Vec::new(),
        };
        // The address is that of the page itself.
        let (line, _) = self.line(control, budget, false)?;
        let login = self.login_if_any(control)?;
        Ok(Adapter::of(Prometheus::new(line.clone(), login, further)).with_line(line))
    }

    fn json(&self, control: &Control, budget: &Arc<Budget>) -> Result<Adapter, Fault> {
        let Some(DeviceMapping::Json(mapping)) = self.mapping(control)? else {
            return Err(Fault::Ours("a device of JSON needs a mapping, and the inventory names none".into()));
        };
        let (line, _) = self.line(control, budget, true)?;
        let login = self.login_if_any(control)?;
        Ok(Adapter::of(Json::new(line.clone(), login, (**mapping).clone())).with_line(line))
    }

    /// The mapping that a device names, which must be one for its interface.
    fn mapping(&self, control: &Control) -> Result<Option<&DeviceMapping>, Fault> {
        let Some(name) = &control.mapping else { return Ok(None) };
        let none = || Fault::Ours(format!("the settings have no mapping named {name}"));
        let found = self.mappings.get(name).ok_or_else(none)?;
        if found.interface() == control.interface {
            return Ok(Some(found));
        }
        let (is, wanted) = (found.interface(), control.interface);
        Err(Fault::Ours(format!("the mapping {name} is for {is} and the device speaks {wanted}")))
    }

    fn line(
        &self,
        control: &Control,
        budget: &Arc<Budget>,
        below: bool,
    ) -> Result<(HttpLine, ClientConfig), Fault> {
        let base = base(&control.address, below)?;
        let tls = self.trust(&control.address)?.client()?;
        Ok((HttpLine::new(base, tls.clone(), Arc::clone(budget))?, tls))
    }

    fn trust(&self, address: &str) -> Result<Trust, Fault> {
        self.settings.trust(address).map_err(|error| Fault::Tls(error.to_string()))
    }

    /// The account that the device names; a device that names none gets an empty one.
    fn login(&self, control: &Control) -> Result<Login, Fault> {
        let none = || Login { user: String::new(), secret: Zeroizing::new(String::new()) };
        Ok(self.login_if_any(control)?.unwrap_or_else(none))
    }

    fn login_if_any(&self, control: &Control) -> Result<Option<Login>, Fault> {
        let Some(name) = &control.credential else { return Ok(None) };
        let login = self.named(name)?;
        account::fits(control.interface, &login).map_err(|needs| Fault::Account(needs.en))?;
        Ok(Some(login))
    }

    fn named(&self, name: &CredentialId) -> Result<Login, Fault> {
        self.settings.login(name).and_then(Result::ok).ok_or(Fault::NoCredential)
    }

    /// Where the pushes of a device go. Only what the settings name may push; an endpoint's address is a secret of
    /// its own.
    fn entrance(&self, device: &Device, control: &Control, router: Router) -> Option<Arc<Entrance>> {
        self.settings.listen?;
        let push = self.settings.push(device);
        if push.is_none() && control.interface != Interface::Roomos {
            return None;
        }
        let account = match push.and_then(|push| push.credential.as_ref()).map(|name| self.named(name)) {
            None => None,
            Some(Ok(login)) => Some(login),
            Some(Err(fault)) => {
                tracing::warn!(%device, %fault, "pushes of a device are not taken");
                return None;
            }
        };
        let networks = push.map(|push| push.sources.clone()).unwrap_or_default();
        let addresses = [Some(control.address.as_str()), control.beside.as_deref()];
        let hosts = addresses.into_iter().flatten().filter_map(host_name).collect();
        Some(Arc::new(Entrance::new(router, networks, hosts, account.as_ref())))
    }
}

/// A device's path at the listener, as in the API: `mcus/prov-mcu`.
pub(super) fn path(device: &Device) -> String {
    DeviceName(device.clone()).to_string()
}

/// Requests per minute that a maker allows.
fn allowed(interface: Interface) -> Option<u32> {
    (interface == Interface::Pexip).then_some(pexip::ALLOWED_PER_MINUTE)
}

/// An address as a base; where paths stand `below` it, with a slash at its end.
fn base(address: &str, below: bool) -> Result<url::Url, Fault> {
    let slash = if below && !address.ends_with('/') { "/" } else { "" };
    format!("{address}{slash}").parse().map_err(|error| Fault::Shape(format!("{address}: {error}")))
}

fn odd(error: impl ToString) -> Fault {
    Fault::Shape(error.to_string())
}

/// A SIP bridge with the relay that the inventory names beside it. One that stands in the address itself was not held
/// against the addresses that may be connected to.
fn with_relay(control: &Control) -> Result<String, Fault> {
    match &control.beside {
        Some(relay) if !control.address.contains(";ng=") => Ok(format!("{};ng={relay}", control.address)),
        Some(_) | None => Err(Fault::Shape("the address of rtpengine belongs in `beside`".into())),
    }
}

/// A device that cannot be spoken to, for a reason of ours.
#[derive(Debug)]
struct Mute {
    interface: Interface,
    fault: Fault,
}

#[async_trait]
impl Bridge for Mute {
    fn interface(&self) -> Interface {
        self.interface
    }

    fn abilities(&self) -> Abilities {
        Abilities::default()
    }

    async fn health(&self) -> Result<NodeHealth, Fault> {
        Err(self.fault.clone())
    }

    async fn capacity(&self) -> Result<Vec<Capacity>, Fault> {
        Err(self.fault.clone())
    }

    async fn alarms(&self) -> Result<Vec<DeviceAlarm>, Fault> {
        Err(self.fault.clone())
    }

    async fn conferences(&self) -> Result<Vec<ConferenceSeen>, Fault> {
        Err(self.fault.clone())
    }

    async fn roster(&self, _: &ConferenceRef) -> Result<ConferenceSeen, Fault> {
        Err(self.fault.clone())
    }

    async fn streams(&self, _: &ConferenceRef, _: &SiteSeen) -> Result<Vec<StreamSample>, Fault> {
        Err(self.fault.clone())
    }

    async fn listen(&self, _: mpsc::Sender<Pushed>, _: CancellationToken) -> Result<(), Fault> {
        Err(Fault::NotSupported)
    }

    fn plan(&self, _: &Action, _: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
        Err(Refused::NotProvided)
    }

    async fn execute(&self, _: &Plan, _: &ActionKey) -> ActionOutcome {
        ActionOutcome::Rejected { code: "not_provided".into(), retryable: false }
    }

    async fn look(&self, _: &Plan, _: &ActionKey) -> Result<Looked, Fault> {
        Ok(Looked::CannotTell)
    }
}

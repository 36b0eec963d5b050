//! Makes the adapter of a device from its entry in the inventory and the process settings. What cannot be spoken to
//! is made all the same, and says why it cannot be seen.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config::devices::{DevicesSettings, host_name};
use crate::domain::mcu::{ConferenceRef, Control, Interface};
use crate::mcu::budget::Budget;
use crate::mcu::fault::Fault;
use crate::mcu::http::HttpLine;
use crate::mcu::sip::{SipEndpoint, SipRtpengine};
use crate::mcu::trust::{Login, Trust};
use crate::mcu::watch::host::{Host, NetworkHost};
use crate::mcu::{Abilities, Bridge, Pushed, janus, kedacom, pexip, te};
use crate::observation::action::{Action, ActionKey, ActionOutcome, Looked, Plan, Refused};
use crate::observation::device::{Capacity, ConferenceSeen, DeviceAlarm, NodeHealth, SiteSeen, StreamSample};

/// Makes adapters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Workshop<'a> {
    pub(super) settings: &'a DevicesSettings,
}

/// An adapter with what its watch needs beside it.
pub(super) struct Made {
    pub(super) bridge: Arc<dyn Bridge>,
    pub(super) budget: Arc<Budget>,
    pub(super) host: Option<Arc<dyn Host>>,
}

impl Workshop<'_> {
    /// The adapter of a device.
    pub(super) fn make(&self, control: &Control) -> Made {
        let per_minute = self.settings.requests_per_minute(control.interface, allowed(control.interface));
        let budget = Arc::new(Budget::new(per_minute));
        let made = self.bridge(control, &budget);
        let permitted = self.settings.permits(control);
        let host = host_name(&control.address).filter(|_| permitted);
        let bridge = made.unwrap_or_else(|fault| {
            tracing::warn!(interface = %control.interface, address = control.address, %fault, "a device cannot be spoken to");
            Arc::new(Mute { interface: control.interface, fault })
        });
        Made { bridge, budget, host: host.map(|name| Arc::new(NetworkHost::new(name)) as Arc<dyn Host>) }
    }

    fn bridge(&self, control: &Control, budget: &Arc<Budget>) -> Result<Arc<dyn Bridge>, Fault> {
        if !self.settings.permits(control) {
            return Err(Fault::Ours("the settings forbid its address".into()));
        }
        Ok(match control.interface {
            Interface::Kedacom => {
                Arc::new(kedacom::Kedacom::new(self.line(control, budget)?, self.login(control)?))
            }
            Interface::Te => Arc::new(te::Te::new(self.line(control, budget)?, self.login(control)?)),
            Interface::Pexip => {
                Arc::new(pexip::Pexip::new(self.line(control, budget)?, self.login(control)?))
            }
            Interface::Sip => Arc::new(SipEndpoint::new(&control.address, Arc::clone(budget)).map_err(odd)?),
            Interface::SipRtpengine => {
                let address = with_relay(control)?;
                Arc::new(SipRtpengine::new(&address, Arc::clone(budget)).map_err(odd)?)
            }
            Interface::Janus => {
                let (login, trust) = (self.login(control)?, self.trust(control)?);
                let settings = janus::Settings::new(control, login, trust, Arc::clone(budget))?;
                Arc::new(janus::Janus::new(&settings)?)
            }
            Interface::Cms
            | Interface::Smc3
            | Interface::Rmx
            | Interface::Zte
            | Interface::Roomos
            | Interface::Snmp
            | Interface::Prometheus
            | Interface::Json => return Err(Fault::Ours("no adapter".into())),
        })
    }

    fn line(&self, control: &Control, budget: &Arc<Budget>) -> Result<HttpLine, Fault> {
        let base = base(&control.address)?;
        HttpLine::new(base, self.trust(control)?.client()?, Arc::clone(budget))
    }

    fn trust(&self, control: &Control) -> Result<Trust, Fault> {
        self.settings.trust(&control.address).map_err(|error| Fault::Tls(error.to_string()))
    }

    /// The credential that the device names; a device that names none gets an empty one.
    fn login(&self, control: &Control) -> Result<Login, Fault> {
        let Some(name) = &control.credential else {
            return Ok(Login { user: String::new(), secret: zeroize::Zeroizing::new(String::new()) });
        };
        self.settings.login(name).and_then(Result::ok).ok_or(Fault::NoCredential)
    }
}

/// Requests per minute that a maker allows.
fn allowed(interface: Interface) -> Option<u32> {
    (interface == Interface::Pexip).then_some(1000)
}

/// An address as a base: with a slash at its end, so that paths stand below it.
fn base(address: &str) -> Result<url::Url, Fault> {
    let slash = if address.ends_with('/') { "" } else { "/" };
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

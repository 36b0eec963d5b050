//! What the devices' part opens at the start: the listener for pushes, the socket for traps, the mappings. What
//! cannot be opened stops the start and is named.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Context as _;

use super::bridges::Workshop;
use super::pushes::Lobby;
use crate::config::devices::DevicesSettings;
use crate::controller::supervise::Tasks;
use crate::mcu::snmp::traps::TrapHub;
use crate::metrics::Counters;
use crate::web::listen;
use crate::web::tls::{Certificate, CertificateFiles, load};

/// What was opened.
#[derive(Debug)]
pub(in crate::controller) struct Doors {
    pub(super) workshop: Workshop,
    pub(super) lobby: Lobby,
    /// Where devices push, if anywhere.
    pub(in crate::controller) pushes: Option<SocketAddr>,
    /// Where traps arrive, if anywhere.
    pub(in crate::controller) traps: Option<SocketAddr>,
}

impl Doors {
    /// Opens everything, and starts serving it.
    pub(in crate::controller) async fn open(
        settings: &DevicesSettings,
        counters: &Arc<Counters>,
        tasks: &mut Tasks,
    ) -> anyhow::Result<Self> {
        let hub = match settings.traps {
            None => None,
            Some(at) => {
                let bound = TrapHub::bind(at, Arc::clone(counters)).await;
                Some(bound.with_context(|| format!("opening devices.traps on {at}"))?)
            }
        };
        let workshop = Workshop::open(settings, hub.clone())?;
        let lobby = Lobby::new(Arc::clone(counters));
        let pushes = settings.listen.map(|at| serve(settings, at, &lobby, tasks)).transpose()?;
        let traps = hub.as_ref().map(|hub| hub.local_addr()).transpose()?;
        if let Some(hub) = hub {
            let stop = tasks.stop();
            tasks.spawn("traps", async move {
                hub.run(stop).await;
                Ok(())
            });
        }
        Ok(Self { workshop, lobby, pushes, traps })
    }
}

fn serve(
    settings: &DevicesSettings,
    at: SocketAddr,
    lobby: &Lobby,
    tasks: &mut Tasks,
) -> anyhow::Result<SocketAddr> {
    let certificate = certificate(settings)?;
    let listener = TcpListener::bind(at).with_context(|| format!("opening devices.listen on {at}"))?;
    let at = listener.local_addr()?;
    let serving = listen::serve_within(lobby.places(), listener, certificate, lobby.router(), tasks.stop());
    tasks.spawn("device pushes", async { Ok(serving.await?) });
    Ok(at)
}

fn certificate(settings: &DevicesSettings) -> anyhow::Result<Option<Certificate>> {
    let files = match (&settings.certificate, &settings.key) {
        (Some(certificate), Some(key)) => {
            CertificateFiles { certificate: certificate.clone(), key: key.clone() }
        }
        (Some(_), None) | (None, Some(_)) | (None, None) => return Ok(None),
    };
    load(&files).map(Some).context("the certificate of devices.listen")
}

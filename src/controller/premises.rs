//! What stands on this machine: directories, keys, certificates, listeners. Opened once, from the settings.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Addresses;
use super::arrival::Door;
use super::courier;
use super::desk::{BrokerTold, Desk};
use super::enrolments::Enrolments;
use super::line;
use super::supervise::Tasks;
use crate::config::ControllerSettings;
use crate::config::controller::{Broker as BrokerChoice, EmbeddedBroker, ExternalBroker};
use crate::domain::time::Span;
use crate::link::reflector::{Reflector, ReflectorSettings};
use crate::link::sender::ProberSettings;
use crate::link::stats::Side;
use crate::notify::answer::{self, CallbackFields, Desk as AnswerDesk, Inlets, Links};
use crate::report::statistics::ByHand;
use crate::store::recording::{self, Recorder};
use crate::store::stills::Stills;
use crate::store::{self, Store};
use crate::uplink::broker::{Broker, BrokerSettings, BrokerUsers};
use crate::uplink::enrol::tls_pin;
use crate::uplink::key::Identity;
use crate::uplink::mqtt::{BrokerAccess, Login};
use crate::web::account::{AccountLimits, SessionLimits};
use crate::web::tls::{Certificate, CertificateFiles, ensure_own, load};
use crate::web::{App, WebSettings, listen, local};

/// Everything that was opened.
#[derive(Debug)]
pub(super) struct Premises {
    /// What everything follows from.
    pub(super) settings: ControllerSettings,
    /// The journal.
    pub(super) store: Store,
    /// The controller's key for the line.
    pub(super) identity: Arc<Identity>,
    enrol_files: CertificateFiles,
    tls_pin: [u8; 32],
}

impl Premises {
    /// Opens the store, the key and the certificate for enrolment.
    pub(super) async fn open(settings: &ControllerSettings) -> anyhow::Result<Self> {
        let store = Store::open(store_settings(settings)?).await.context("opening the journal")?;
        let identity = Identity::open(&settings.data_dir.join("line")).context("opening the line's key")?;
        let enrol_dir = settings.data_dir.join("enrolment");
        fs::create_dir_all(&enrol_dir).with_context(|| enrol_dir.display().to_string())?;
        let enrol_files = ensure_own(&enrol_dir, &["vcops".to_owned()])?;
        let tls_pin = pin(&enrol_files.certificate)?;
        Ok(Self { settings: settings.clone(), store, identity: Arc::new(identity), enrol_files, tls_pin })
    }

    /// The recording of inputs.
    pub(super) async fn recorder(&self) -> anyhow::Result<Recorder> {
        let settings = recording::Settings::new(self.settings.data_dir.join("recording"));
        Recorder::open(settings).await.context("opening the recording of inputs")
    }

    /// The embedded broker, if that is the choice; what it complains of is logged.
    pub(super) fn broker(
        &self,
        users: watch::Receiver<Arc<BrokerUsers>>,
        tasks: &mut Tasks,
    ) -> anyhow::Result<Option<Broker>> {
        let BrokerChoice::Embedded(choice) = &self.settings.broker else { return Ok(None) };
        let tls = match (&choice.certificate, &choice.key) {
            (Some(certificate), Some(key)) => Some((read(certificate)?, read(key)?)),
            (Some(_), None) | (None, Some(_)) | (None, None) => None,
        };
        let settings = BrokerSettings { listen: choice.listen, tls, connections_max: choice.connections_max };
        let opening = || format!("opening the embedded broker on {}", choice.listen);
        let (broker, mut notices) = Broker::start(&settings, users).with_context(opening)?;
        let stop = tasks.stop();
        tasks.spawn("broker notices", async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    notice = notices.recv() => match notice {
                        Some(notice) => tracing::warn!(user = notice.user, from = %notice.from, what = ?notice.what, "broker"),
                        None => anyhow::bail!("the embedded broker has ended"),
                    },
                }
            }
        });
        Ok(Some(broker))
    }

    /// How the controller itself reaches the broker.
    pub(super) fn hub_access(&self, embedded: Option<SocketAddr>) -> BrokerAccess {
        match &self.settings.broker {
            BrokerChoice::Embedded(choice) => {
                let login = Some(line::hub_login(self.identity.key()));
                BrokerAccess { login, ..embedded_access(choice, embedded) }
            }
            BrokerChoice::External(choice) => external_access(choice),
        }
    }

    /// The enrolment desk.
    pub(super) fn desk(
        &self,
        door: &Door,
        enrolments: watch::Receiver<Arc<Enrolments>>,
        embedded: Option<SocketAddr>,
    ) -> Desk {
        let told = self.settings.enrolment.broker.as_ref();
        let elsewhere = |access: BrokerAccess| match told {
            Some(at) => BrokerAccess { host: at.host.clone(), port: at.port, ..access },
            None => access,
        };
        let broker = match &self.settings.broker {
            BrokerChoice::Embedded(choice) => {
                BrokerTold::Embedded(elsewhere(embedded_access(choice, embedded)))
            }
            BrokerChoice::External(choice) => BrokerTold::External(elsewhere(external_access(choice))),
        };
        let identity = Arc::clone(&self.identity);
        Desk { door: door.clone(), enrolments, identity, broker, tls_pin: self.tls_pin }
    }

    /// How paths are tested.
    pub(super) fn prober_settings(&self) -> ProberSettings {
        let prober = &self.settings.prober;
        ProberSettings { side: Side::Hub, tests_max: prober.tests_max, realtime: prober.realtime }
    }

    /// The hub's reflector, if it has addresses.
    pub(super) fn reflector(&self) -> anyhow::Result<Option<Reflector>> {
        let prober = &self.settings.prober;
        if prober.hub_reflector.is_empty() {
            return Ok(None);
        }
        let settings = ReflectorSettings {
            listen: prober.hub_reflector.clone(),
            allow: prober.allow.clone(),
            packets_per_second_max: prober.packets_per_second_max,
            realtime: prober.realtime,
            ..ReflectorSettings::default()
        };
        Reflector::start(&settings).map(Some).context("opening the hub's reflector")
    }

    /// Makes and reads the links of notices. Its key lies beside the others and is made at the first start.
    pub(super) fn links(&self) -> anyhow::Result<Links> {
        let path = self.settings.data_dir.join("notice-links.key");
        let key = match fs::read(&path) {
            Ok(bytes) => bytes.try_into().map_err(|_| anyhow::anyhow!("{} is damaged", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => new_key(&path)?,
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        let base = self.settings.notify.public_url.as_ref().map(|url| url.0.as_str());
        Ok(Links::new(key, base))
    }

    /// Opens and serves the listener for answers, if there is one.
    pub(super) fn serve_answers(
        &self,
        desk: Arc<dyn AnswerDesk>,
        callbacks: BTreeMap<String, CallbackFields>,
        tasks: &mut Tasks,
    ) -> anyhow::Result<()> {
        let settings = &self.settings.notify;
        let Some(at) = settings.listen else { return Ok(()) };
        let certificate = match (&settings.certificate, &settings.key) {
            (Some(certificate), Some(key)) => {
                Some(load(&CertificateFiles { certificate: certificate.clone(), key: key.clone() })?)
            }
            (Some(_), None) | (None, Some(_)) | (None, None) => None,
        };
        let alerts_token = settings.alerts_token_file.as_deref().map(courier::secret).transpose()?;
        let router = answer::router(desk, Inlets { links: self.links()?, callbacks, alerts_token });
        let serving = listen::serve(bind("the listener for answers", at)?, certificate, router, tasks.stop());
        tasks.spawn("answers", async { Ok(serving.await?) });
        Ok(())
    }

    /// How the web works.
    pub(super) fn web_settings(&self) -> WebSettings {
        let tls = self.settings.web.certificate.is_some();
        let invitation_life = Span::minutes(self.settings.enrolment.token_minutes.into());
        let by_hand = ByHand {
            minutes_per_venue: self.settings.statistics.minutes_by_hand_per_venue,
            travel_km_per_venue: self.settings.statistics.travel_km_per_venue,
        };
        let zone = self.settings.timezone.clone();
        let given = &self.settings.accounts;
        let session = SessionLimits {
            idle: Span::minutes(given.idle_minutes.into()),
            absolute: Span::minutes(u64::from(given.session_hours) * 60),
        };
        let accounts = AccountLimits {
            password_days: given.password_days,
            password_history: given.password_history,
            proof: Span::minutes(given.proof_minutes.into()),
            wallboard_days: given.wallboard_days,
        };
        WebSettings { tls, zone, session, accounts, invitation_life, by_hand, ..WebSettings::default() }
    }
}

/// A new key, written for the owner alone and synced before it is used.
fn new_key(path: &Path) -> anyhow::Result<[u8; 32]> {
    let context = || path.display().to_string();
    let key: [u8; 32] = rand::random();
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).with_context(context)?;
    file.write_all(&key).and_then(|()| file.sync_all()).with_context(context)?;
    Ok(key)
}

/// Where segments go before they are dropped.
pub(super) fn archive(settings: &ControllerSettings) -> PathBuf {
    settings.data_dir.join("archive")
}

/// Pictures kept for replay.
pub(super) fn stills(settings: &ControllerSettings) -> Stills {
    Stills::new(settings.data_dir.join("stills"))
}

/// How the store is opened.
pub(super) fn store_settings(settings: &ControllerSettings) -> anyhow::Result<store::Settings> {
    let journal = &settings.journal;
    Ok(store::Settings {
        home: journal.home().context("reading the password of the journal's database")?,
        anchors: journal.anchors.clone(),
        checkpoint_rows: journal.checkpoint_rows,
        checkpoint_every: Span::seconds(journal.checkpoint_seconds),
        retention_days: journal.retention_days,
        evidence_bytes_max: journal.evidence_mib_max << 20,
        ..store::Settings::new(settings.data_dir.join("store"))
    })
}

fn embedded_access(choice: &EmbeddedBroker, at: Option<SocketAddr>) -> BrokerAccess {
    let at = at.unwrap_or(choice.listen);
    let host = if at.ip().is_unspecified() { "127.0.0.1".to_owned() } else { at.ip().to_string() };
    let ca_pem = choice.certificate.as_ref().and_then(|path| read(path).ok());
    BrokerAccess { host, port: at.port(), ca_pem, login: None }
}

fn external_access(choice: &ExternalBroker) -> BrokerAccess {
    let password = |path: &PathBuf| read(path).ok().map(|text| text.trim_end().to_owned());
    let login = match (&choice.user, choice.password_file.as_ref().and_then(password)) {
        (Some(name), Some(password)) => Some(Login { name: name.clone(), password }),
        (Some(_), None) | (None, Some(_)) | (None, None) => None,
    };
    let ca_pem = choice.ca.as_ref().and_then(|path| read(path).ok());
    BrokerAccess { host: choice.url.at.host.clone(), port: choice.url.at.port, ca_pem, login }
}

fn pin(certificate: &Path) -> anyhow::Result<[u8; 32]> {
    let pem = read(certificate)?;
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| anyhow::anyhow!("{error}"));
    let der = der.with_context(|| certificate.display().to_string())?;
    tls_pin(&der).with_context(|| format!("{}: not a certificate", certificate.display()))
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

/// The listeners.
#[derive(Debug)]
pub(super) struct Doors {
    web: TcpListener,
    web_certificate: Option<Certificate>,
    enrolment: TcpListener,
    enrolment_certificate: Certificate,
    socket: UnixListener,
    socket_path: PathBuf,
}

impl Doors {
    /// Binds everything.
    pub(super) fn open(premises: &Premises) -> anyhow::Result<Self> {
        let settings = &premises.settings;
        let files = match (&settings.web.certificate, &settings.web.key) {
            (Some(certificate), Some(key)) => {
                Some(CertificateFiles { certificate: certificate.clone(), key: key.clone() })
            }
            (Some(_), None) | (None, Some(_)) | (None, None) => None,
        };
        let socket_path = settings.socket.path.clone();
        Ok(Self {
            web: bind("the page", settings.web.listen)?,
            web_certificate: files.map(|files| load(&files)).transpose()?,
            enrolment: bind("enrolment", settings.enrolment.listen)?,
            enrolment_certificate: load(&premises.enrol_files)?,
            socket: bind_socket(&socket_path)?,
            socket_path,
        })
    }

    /// Where they are.
    pub(super) fn addresses(&self) -> anyhow::Result<Addresses> {
        Ok(Addresses {
            web: self.web.local_addr()?,
            web_fingerprint: self.web_certificate.as_ref().map(|certificate| certificate.fingerprint.clone()),
            enrolment: self.enrolment.local_addr()?,
            reflectors: Vec::new(),
            pushes: None,
            traps: None,
        })
    }

    /// Starts serving all of them.
    pub(super) fn serve(self, tasks: &mut Tasks, routers: (Router, Router), app: App) {
        let (web, enrolment) = routers;
        let stop: CancellationToken = tasks.stop();
        let serving = listen::serve(self.web, self.web_certificate, web, stop.clone());
        tasks.spawn("web", async { Ok(serving.await?) });
        let serving =
            listen::serve(self.enrolment, Some(self.enrolment_certificate), enrolment, stop.clone());
        tasks.spawn("enrolment", async { Ok(serving.await?) });
        let (socket, path) = (self.socket, self.socket_path);
        tasks.spawn("socket", async move {
            let served = local::serve(socket, &path, app, stop).await;
            let _ = fs::remove_file(&path);
            Ok(served?)
        });
    }
}

fn bind(what: &'static str, at: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(at).with_context(|| format!("opening {what} on {at}"))
}

/// Binds the local socket; one that a dead daemon left behind is replaced. The store's lock guarantees that no
/// other daemon of ours lives behind it.
fn bind_socket(path: &Path) -> anyhow::Result<UnixListener> {
    let context = || format!("opening the local socket {}", path.display());
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).with_context(context)?;
    }
    if std::os::unix::net::UnixStream::connect(path).is_err() {
        let _ = fs::remove_file(path);
    }
    let listener = UnixListener::bind(path).with_context(context)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660)).with_context(context)?;
    Ok(listener)
}

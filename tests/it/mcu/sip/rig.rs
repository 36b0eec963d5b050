//! A small SIP town on loopback out of Debian's kamailio, rtpengine and baresip, each a process that can be held up
//! and killed. Ports are free ones; nothing outlives the test.

use std::fs::{self, File};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use vcops::mcu::Bridge as _;
use vcops::mcu::budget::Budget;
use vcops::mcu::sip::{SipEndpoint, SipRtpengine};

/// Nothing here takes longer than this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// Ports that a process of the town may take for media.
const RTP_PORTS: u16 = 100;

/// A process of the town with its children. They are killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

impl Process {
    fn start(command: &mut Command, log: &Path) -> Self {
        let log = File::create(log).unwrap();
        let errors = log.try_clone().unwrap();
        // A group of its own: kamailio has children that a signal to the first would not reach.
        command.stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0);
        Self { child: command.spawn().unwrap() }
    }

    /// Sends a signal, such as `-STOP`, to it and its children.
    pub(crate) fn signal(&self, signal: &str) {
        let group = format!("-{}", self.child.id());
        assert!(Command::new("kill").args([signal, "--", &group]).status().unwrap().success());
    }

    /// Kills it and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.signal("-KILL");
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.kill();
        }
    }
}

/// The town: a proxy, a relay of media, and a seat that sends back what it hears.
#[derive(Debug)]
pub(crate) struct Town {
    folder: TempDir,
    pub(crate) sip: u16,
    pub(crate) ng: u16,
    pub(crate) far: u16,
    pub(crate) relay: Process,
    pub(crate) proxy: Process,
    pub(crate) seat: Process,
}

impl Town {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (sip, ng, far) = (port(), port(), port());
        let relay = relay(folder.path(), ng);
        let bridge = bridge(sip, ng);
        // kamailio asks its relay only once when it starts.
        until("rtpengine answers", async || bridge.capacity().await.is_ok()).await;
        let seat = seat(folder.path(), far);
        let proxy = proxy(folder.path(), [sip, ng, far]);
        let town = Self { folder, sip, ng, far, relay, proxy, seat };
        town.answers(sip).await;
        town.answers(far).await;
        town
    }

    /// The adapter that a test asks.
    pub(crate) fn bridge(&self) -> SipRtpengine {
        bridge(self.sip, self.ng)
    }

    /// Another relay in the place of one that is gone.
    pub(crate) async fn restart_relay(&mut self) {
        self.relay = relay(self.folder.path(), self.ng);
        let bridge = self.bridge();
        until("rtpengine answers again", async || bridge.capacity().await.is_ok()).await;
    }

    async fn answers(&self, port: u16) {
        let endpoint = endpoint(&format!("127.0.0.1:{port}"));
        until("an answer to OPTIONS", async || endpoint.ask().await.is_ok()).await;
    }
}

pub(crate) fn budget() -> Arc<Budget> {
    Arc::new(Budget::new(60_000))
}

pub(crate) fn endpoint(address: &str) -> SipEndpoint {
    SipEndpoint::new(address, budget()).unwrap()
}

fn bridge(sip: u16, ng: u16) -> SipRtpengine {
    SipRtpengine::new(&format!("sip:127.0.0.1:{sip};ng=127.0.0.1:{ng}"), budget()).unwrap()
}

/// Asks again until `done` says yes.
pub(crate) async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done().await {
        assert!(Instant::now() < deadline, "waited too long: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// A port that is free for datagrams and connections.
pub(crate) fn port() -> u16 {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = udp.local_addr().unwrap().port();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The first of [`RTP_PORTS`] ports below those that the system gives away by itself, another part for each process.
fn media_ports() -> (u16, u16) {
    let first = 10_000 + rand::random_range(0..200_u16) * RTP_PORTS;
    (first, first + RTP_PORTS - 1)
}

fn relay(folder: &Path, ng: u16) -> Process {
    let (from, to) = media_ports();
    let mut command = Command::new("rtpengine");
    command.args([
        "--config-file=none",
        "--table=-1",
        "--interface=127.0.0.1",
        "--foreground",
        "--log-stderr",
        "--log-level=5",
    ]);
    command.arg("--delete-delay=0").arg(format!("--listen-ng=127.0.0.1:{ng}"));
    command.arg(format!("--port-min={from}")).arg(format!("--port-max={to}"));
    Process::start(&mut command, &folder.join("rtpengine.log"))
}

fn proxy(folder: &Path, ports: [u16; 3]) -> Process {
    let settings = filled("kamailio.cfg", &[("@SIP@", ports[0]), ("@NG@", ports[1]), ("@FAR@", ports[2])]);
    let path = folder.join("kamailio.cfg");
    fs::write(&path, settings).unwrap();
    let mut command = Command::new("kamailio");
    command.arg("-f").arg(&path).args(["-DD", "-E", "-Y"]).arg(folder);
    Process::start(&mut command, &folder.join("kamailio.log"))
}

/// A seat that takes every call and sends back what it hears.
fn seat(folder: &Path, far: u16) -> Process {
    let home = folder.join("baresip");
    fs::create_dir_all(&home).unwrap();
    let (from, to) = media_ports();
    let settings = filled("baresip.conf", &[("@FAR@", far)]).replace("@RTP@", &format!("{from}-{to}"));
    fs::write(home.join("config"), settings).unwrap();
    let account = format!("<sip:echo@127.0.0.1:{far}>;regint=0;answermode=auto;audio_codecs=PCMA,PCMU\n");
    fs::write(home.join("accounts"), account).unwrap();
    fs::write(home.join("contacts"), "").unwrap();
    let mut command = Command::new("baresip");
    command.arg("-f").arg(&home);
    Process::start(&mut command, &folder.join("baresip.log"))
}

fn filled(name: &str, values: &[(&str, u16)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/mcu/sip").join(name);
    let text = fs::read_to_string(path).unwrap();
    values.iter().fold(text, |text, (mark, port)| text.replace(mark, &port.to_string()))
}

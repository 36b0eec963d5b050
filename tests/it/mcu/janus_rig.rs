//! A real Janus on the loopback, with its own configuration and free ports, and venues that send it real RTP: started,
//! frozen, killed, restarted; the sender of each venue as well, and the line between spoilt.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::net::UdpSocket as AsyncUdp;
use tokio::task::JoinHandle;
use vcops::domain::mcu::{ConferenceRef, Control, Interface};
use vcops::mcu::Bridge as _;
use vcops::mcu::budget::Budget;
use vcops::mcu::janus::guest::{Guest, GuestCodec, Joining, make_room};
use vcops::mcu::janus::name::{Id, Plugin, Room};
use vcops::mcu::janus::{Janus, Settings};
use vcops::mcu::trust::{Login, Trust};
use vcops::observation::device::SiteSeen;
use zeroize::Zeroizing;

/// Longest time anything here may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The admin secret.
pub(crate) const SECRET: &str = "a-secret-of-the-rig";

/// How a Janus is set up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setup {
    /// Where it publishes its events, if anywhere.
    pub(crate) broker: Option<SocketAddr>,
    /// Whether the broker is to say that it died.
    pub(crate) will: bool,
    /// Where it posts its events, with name and password, if anywhere.
    pub(crate) backend: Option<String>,
    /// Whether every file that it writes is on a full disk.
    pub(crate) disk_full: bool,
}

/// A running Janus; ends with its value.
#[derive(Debug)]
pub(crate) struct JanusRig {
    child: Child,
    directory: tempfile::TempDir,
    api: u16,
    admin: u16,
    /// Where the source of mountpoint 1 sends its sound.
    pub(crate) mountpoint: u16,
}

impl JanusRig {
    /// Starts one and waits until it answers. Panics where Janus is not installed.
    pub(crate) async fn start(setup: &Setup) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let [api, admin] = [free_tcp(), free_tcp()];
        let mountpoint = free_udp();
        configure(directory.path(), [api, admin, mountpoint], setup);
        let rig = Self { child: launch(directory.path()), directory, api, admin, mountpoint };
        rig.answers().await;
        rig
    }

    /// How to speak to it.
    pub(crate) fn settings(&self) -> Settings {
        self.settings_with(SECRET)
    }

    /// How to speak to it with another secret.
    pub(crate) fn settings_with(&self, secret: &str) -> Settings {
        let control = Control {
            interface: Interface::Janus,
            address: format!("http://127.0.0.1:{}/janus", self.api),
            beside: Some(format!("http://127.0.0.1:{}/admin", self.admin)),
            credential: None,
            mapping: None,
        };
        let login = Login { user: String::new(), secret: Zeroizing::new(secret.into()) };
        let mut settings =
            Settings::new(&control, login, Trust::Nobody, Arc::new(Budget::new(60_000))).unwrap();
        settings.stats_period = Duration::from_secs(1);
        settings
    }

    /// An adapter to it.
    pub(crate) fn janus(&self) -> Janus {
        Janus::new(&self.settings()).unwrap()
    }

    /// A folder that Janus may write to.
    pub(crate) fn folder(&self) -> &Path {
        self.directory.path()
    }

    /// Makes an AudioBridge room for venues with plain RTP.
    pub(crate) async fn room(&self, id: u64, name: &str) -> ConferenceRef {
        let room = Room { plugin: Plugin::AudioBridge, id: Id::Number(id) };
        make_room(&self.settings(), &room, name).await.unwrap();
        room.reference()
    }

    pub(crate) fn freeze(&self) {
        signal(&self.child, Signal::STOP);
    }

    pub(crate) fn thaw(&self) {
        signal(&self.child, Signal::CONT);
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same ports, after a kill.
    pub(crate) async fn restart(&mut self) {
        self.child = launch(self.directory.path());
        self.answers().await;
    }

    /// Whether the process is still there.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    async fn answers(&self) {
        let janus = self.janus();
        let deadline = Instant::now() + PATIENCE;
        while janus.health().await.is_err() {
            assert!(Instant::now() < deadline, "janus does not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for JanusRig {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn launch(directory: &Path) -> Child {
    let config = directory.join("janus.jcfg");
    Command::new("janus")
        .arg("-F")
        .arg(directory)
        .arg("-C")
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("janus is missing: scripts/system-packages.sh test installs it")
}

fn configure(directory: &Path, [api, admin, mountpoint]: [u16; 3], setup: &Setup) {
    let folder = directory.display();
    let log = if setup.disk_full { "log_to_file = \"/dev/full\"" } else { "" };
    // Log level 4 is Janus' own; the request that kills it does so only while it writes this log.
    let files = [
        (
            "janus.jcfg",
            format!(
                "general: {{ configs_folder = \"{folder}\" interface = \"127.0.0.1\" server_name = \"rig\"\n\
                 admin_secret = \"{SECRET}\" debug_level = 4 session_timeout = 0 {log} }}\n\
                 plugins: {{ disable = \"libjanus_sip.so,libjanus_nosip.so,libjanus_textroom.so,\
                 libjanus_videocall.so,libjanus_recordplay.so,libjanus_voicemail.so,libjanus_lua.so,\
                 libjanus_duktape.so,libjanus_echotest.so\" }}\n\
                 transports: {{ disable = \"libjanus_websockets.so,libjanus_pfunix.so,libjanus_rabbitmq.so,\
                 libjanus_mqtt.so,libjanus_nanomsg.so\" }}\n\
                 events: {{ broadcast = {} stats_period = 1 }}\n",
                setup.broker.is_some() || setup.backend.is_some()
            ),
        ),
        (
            "janus.transport.http.jcfg",
            format!(
                "general: {{ json = \"compact\" http = true port = {api} ip = \"127.0.0.1\" base_path = \"/janus\" }}\n\
                 admin: {{ admin_http = true admin_port = {admin} admin_ip = \"127.0.0.1\" admin_base_path = \"/admin\" }}\n"
            ),
        ),
        (
            "janus.plugin.audiobridge.jcfg",
            "general: { rtp_port_range = \"20000-29999\" local_ip = \"127.0.0.1\" }\n".to_owned(),
        ),
        (
            "janus.plugin.videoroom.jcfg",
            "room-1234: { description = \"视频会商\" publishers = 6 }\n".to_owned(),
        ),
        (
            "janus.plugin.streaming.jcfg",
            format!(
                "hall: {{ type = \"rtp\" id = 1 description = \"主会场直播\"\n\
                 media = ({{ type = \"audio\" mid = \"a\" port = {mountpoint} pt = 100 codec = \"opus\" }}) }}\n"
            ),
        ),
        ("janus.eventhandler.mqttevh.jcfg", broker(setup)),
        ("janus.eventhandler.sampleevh.jcfg", backend(setup)),
    ];
    for (name, text) in files {
        fs::write(directory.join(name), text).unwrap();
    }
}

fn broker(setup: &Setup) -> String {
    let Some(address) = setup.broker else { return "general: { enabled = false }\n".into() };
    format!(
        "general: {{ enabled = true events = \"all\" json = \"compact\" url = \"tcp://{address}\"\n\
         client_id = \"janus-rig\" topic = \"/janus/events\" addevent = true will_enabled = {} }}\n",
        setup.will
    )
}

fn backend(setup: &Setup) -> String {
    let Some(address) = &setup.backend else { return "general: { enabled = false }\n".into() };
    format!(
        "general: {{ enabled = true events = \"all\" grouping = true json = \"compact\" backend = \"{address}\"\n\
         backend_user = \"janus\" backend_pwd = \"pass\" }}\n"
    )
}

fn free_tcp() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn free_udp() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A venue: joined by plain RTP, with a sender in a process of its own. Ends with its value.
#[derive(Debug)]
pub(crate) struct Venue {
    pub(crate) guest: Guest,
    pub(crate) sender: Tone,
    /// The line between, where it can be spoilt.
    pub(crate) line: Option<Line>,
}

impl Venue {
    /// A venue whose packets go over a line that can be spoilt.
    pub(crate) async fn over_a_line(rig: &JanusRig, room: u64, party: u64, name: &str) -> Self {
        let socket = AsyncUdp::bind("127.0.0.1:0").await.unwrap();
        let guest = join(rig, room, (party, name), socket.local_addr().unwrap()).await;
        let line = Line::before(socket, guest.to).await;
        let sender = Tone::to(line.entrance, None);
        Self { guest, sender, line: Some(line) }
    }

    /// A venue whose sender reaches Janus directly: when it dies, its host says that nobody is there.
    pub(crate) async fn direct(rig: &JanusRig, room: u64, party: u64, name: &str) -> Self {
        let from = SocketAddr::from(([127, 0, 0, 1], free_udp()));
        let guest = join(rig, room, (party, name), from).await;
        let sender = Tone::to(guest.to, Some(from.port()));
        Self { guest, sender, line: None }
    }
}

async fn join(rig: &JanusRig, room: u64, (party, name): (u64, &str), from: SocketAddr) -> Guest {
    let joining = Joining {
        room: Id::Number(room),
        party: Id::Number(party),
        name: name.into(),
        from,
        codec: GuestCodec::Opus,
    };
    Guest::join(&rig.settings(), &joining).await.unwrap()
}

/// A sender of a tone by RTP; ends with its value.
#[derive(Debug)]
pub(crate) struct Tone(Child);

impl Tone {
    /// Sends Opus to an address, from a port if one is named.
    pub(crate) fn to(to: SocketAddr, from: Option<u16>) -> Self {
        // RTCP would take the port above, which may be somebody else's.
        let from =
            from.map(|port| format!("?localrtpport={port}&localrtcpport={}", free_udp())).unwrap_or_default();
        let child = Command::new("ffmpeg")
            .args(["-v", "error", "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"])
            .args(["-c:a", "libopus", "-b:a", "32k", "-ac", "1", "-payload_type", "100", "-f", "rtp"])
            .arg(format!("rtp://{to}{from}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("ffmpeg is missing: scripts/system-packages.sh test installs it");
        Self(child)
    }

    pub(crate) fn freeze(&self) {
        signal(&self.0, Signal::STOP);
    }

    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Tone {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A line that loses every n-th packet, or all. Its exit is the address from which Janus expects the venue.
#[derive(Debug)]
pub(crate) struct Line {
    entrance: SocketAddr,
    permille: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl Line {
    async fn before(exit: AsyncUdp, to: SocketAddr) -> Self {
        let inward = AsyncUdp::bind("127.0.0.1:0").await.unwrap();
        let entrance = inward.local_addr().unwrap();
        let permille = Arc::new(AtomicU32::new(0));
        let lose = Arc::clone(&permille);
        let task = tokio::spawn(async move {
            let (mut packet, mut chance) = ([0; 2048], 1u32);
            loop {
                let Ok(length) = inward.recv(&mut packet).await else { return };
                // A fixed course of chance: losses in no rhythm, the same in every run.
                chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if (chance >> 16) % 1_000 >= lose.load(Ordering::Relaxed) {
                    let _ = exit.send_to(&packet[..length], to).await;
                }
            }
        });
        Self { entrance, permille, task }
    }

    /// Loses so many of a thousand packets from now on; 1000 is a black hole.
    pub(crate) fn lose(&self, permille: u32) {
        self.permille.store(permille, Ordering::Relaxed);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The participant of that name, as the roster has it now.
pub(crate) async fn site(janus: &Janus, room: &ConferenceRef, name: &str) -> Option<SiteSeen> {
    janus.roster(room).await.unwrap().present.into_iter().find(|site| site.name == name)
}

/// Where a recording of a room goes that is on a full disk.
pub(crate) fn full_disk_file(folder: &Path) -> PathBuf {
    let path = folder.join("recording.wav");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    path
}

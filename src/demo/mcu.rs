//! A real Janus as the city's MCU, where one is installed: a process of its own with its own configuration, and a room
//! in which the thirteen venues take part by plain RTP. What it mixes comes to the hub like the output of any MCU.
//!
//! It can be killed and stopped at a word, and put in order again.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::process::{Child, Command as Process};
use zeroize::Zeroizing;

use super::city;
use super::streams::Streams;
use crate::domain::id::{CredentialId, McuId, RegionId, StreamId};
use crate::domain::inventory::{
    Item, Mcu, NetworkAttribute, PictureKind, SoundKind, Stream, StreamRole, Watcher,
};
use crate::domain::mcu::{Control, Interface, TestConference};
use crate::domain::stream::StreamSource;
use crate::mcu::Bridge as _;
use crate::mcu::budget::Budget;
use crate::mcu::janus::guest::{Guest, GuestCodec, Joining, forward_mix, make_room};
use crate::mcu::janus::name::{Id, Plugin, Room};
use crate::mcu::janus::{Janus, Settings};
use crate::mcu::trust::{Login, Trust};
use crate::media::sender::outlet::{Outlet, RtpOutlet};
use crate::media::sender::packed::Packed;
use crate::media::sender::{Sender, StreamSpec};
use crate::media::sound::Voice;

/// Where it listens.
const HOST: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// How long it may take to answer after its start.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The meeting's room, and the one for tests.
const ROOM: u64 = 3001;
const TEST_ROOM: u64 = 9900;
/// Requests in a minute: those of the demo itself, beside what watches it.
const REQUESTS_PER_MINUTE: u32 = 6_000;
/// A packet that leaves later than this is late.
const TOLERANCE: Duration = Duration::from_millis(40);
/// The name of its account in the controller's settings.
const CREDENTIAL: &str = "demo-mcu";
/// Plugins and transports that it does without: it starts sooner.
const PLUGINS_OFF: &str = "libjanus_sip.so,libjanus_nosip.so,libjanus_textroom.so,libjanus_videocall.so,\
libjanus_recordplay.so,libjanus_voicemail.so,libjanus_lua.so,libjanus_duktape.so,libjanus_echotest.so,\
libjanus_streaming.so,libjanus_videoroom.so";
const TRANSPORTS_OFF: &str = "libjanus_websockets.so,libjanus_pfunix.so,libjanus_rabbitmq.so,libjanus_mqtt.so,\
libjanus_nanomsg.so";

/// What can go wrong with the MCU at a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum McuFault {
    /// Its process is killed.
    Kill,
    /// Its process is stopped and answers nothing any more.
    Hang,
}

impl McuFault {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Kill, Self::Hang];

    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Hang => "hang",
        }
    }

    /// The fault of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.word() == word)
    }
}

/// A Janus that has a home and may be running.
#[derive(Debug)]
pub(super) struct CityMcu {
    program: PathBuf,
    home: PathBuf,
    api: u16,
    admin: u16,
    secret: Zeroizing<String>,
    process: Option<Child>,
    seats: Vec<Seat>,
    /// Where its mix comes to the hub.
    mix: u16,
}

/// One venue in the room.
#[derive(Debug)]
struct Seat {
    _guest: Guest,
    _sender: Sender,
}

impl CityMcu {
    /// Starts it; `None` where it is not installed.
    pub(super) async fn start(program: &Path, demo: &Path) -> anyhow::Result<Option<Self>> {
        let home = demo.join("mcu");
        fs::create_dir_all(&home).with_context(|| home.display().to_string())?;
        let [api, admin] = [free_tcp()?, free_tcp()?];
        let secret = Zeroizing::new(hex::encode(rand::random::<[u8; 16]>()));
        let mix = free_udp()?;
        let program = program.to_owned();
        let mut mcu = Self { program, home, api, admin, secret, process: None, seats: Vec::new(), mix };
        mcu.configure().context("configuring Janus")?;
        Ok(mcu.launch().await?.then_some(mcu))
    }

    /// What the controller's settings say of devices, with this one or without.
    pub(super) fn settings_text(mcu: Option<&Self>) -> String {
        let allowed = "[devices]\naddresses = [\"127.0.0.0/8\"]\n";
        let account = mcu.map(|mcu| {
            let file = mcu.secret_file();
            format!("[[devices.credentials]]\nname = \"{CREDENTIAL}\"\nsecret_file = {file:?}\n")
        });
        format!("{allowed}{}", account.unwrap_or_default())
    }

    /// It and its mix, for the inventory.
    pub(super) fn items(&self) -> [Item; 2] {
        let mcu = Mcu {
            id: id(),
            name: "演示 MCU".into(),
            region: RegionId::parse("city").expect("a valid word"),
            model: "Janus".into(),
            network: NetworkAttribute::Extranet,
            control: Some(self.control()),
            test: Some(TestConference { conference: Some(room(TEST_ROOM).reference()), address: None }),
        };
        let mix = SocketAddr::from((HOST, self.mix));
        let stream = Stream {
            id: mix_id(),
            name: "MCU 混音".into(),
            venue: None,
            mcu: Some(id()),
            role: StreamRole::Mix,
            source: Some(StreamSource::parse(&format!("rtp://{mix}?audio=pcma/8")).expect("an address")),
            credential: None,
            watcher: Watcher::Hub,
            picture: PictureKind::Camera,
            sound: SoundKind::Optional,
            codec: None,
            fps: None,
        };
        [Item::Mcu(mcu), Item::Stream(stream)]
    }

    /// Opens the meeting's room and lets all venues in, each with the sound of its hall.
    pub(super) async fn seat_all(&mut self, streams: &Streams) -> anyhow::Result<()> {
        let settings = self.settings()?;
        make_room(&settings, &room(ROOM), city::MEETING_NAME).await?;
        forward_mix(&settings, &room(ROOM), SocketAddr::from((HOST, self.mix))).await?;
        let hush = streams.telephone(Voice::Hush).await?;
        let speech = streams.telephone(Voice::Speech).await?;
        for (at, (_, name)) in city::VENUES.iter().enumerate() {
            let sound = if at == 0 { &speech } else { &hush };
            self.seats.push(seat(&settings, (at, name), Arc::clone(sound), streams).await?);
        }
        Ok(())
    }

    /// Lets something go wrong.
    pub(super) async fn spoil(&mut self, fault: McuFault) -> anyhow::Result<()> {
        match fault {
            McuFault::Kill => {
                let process = self.process.as_mut().context("it is not running")?;
                process.kill().await.context("killing Janus")
            }
            McuFault::Hang => self.signal("STOP").await,
        }
    }

    /// Puts it in order: one that hangs goes on, one that was killed is started anew and everybody joins again.
    pub(super) async fn mend(&mut self, streams: &Streams) -> anyhow::Result<()> {
        let runs = self.process.as_mut().is_some_and(|process| matches!(process.try_wait(), Ok(None)));
        if runs {
            return self.signal("CONT").await;
        }
        self.seats.clear();
        anyhow::ensure!(self.launch().await?, "Janus is gone from this machine");
        self.seat_all(streams).await
    }

    /// Ends it.
    pub(super) async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill().await;
        }
    }

    /// Starts the process and waits until it answers; whether there is such a program.
    async fn launch(&mut self) -> anyhow::Result<bool> {
        let log = fs::File::create(self.home.join("log"))?;
        let mut program = Process::new(&self.program);
        program.arg("-F").arg(&self.home).arg("-C").arg(self.home.join("janus.jcfg"));
        program.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        match program.spawn() {
            Ok(child) => self.process = Some(child),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error).context("starting Janus"),
        }
        let janus = Janus::new(&self.settings()?)?;
        let answers = async {
            while janus.health().await.is_err() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(ANSWERS_WITHIN, answers).await.context("Janus does not answer")?;
        Ok(true)
    }

    async fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let id = self.process.as_ref().and_then(Child::id).context("it is not running")?;
        // The shell's own `kill`: a minimal system has no program of that name.
        let command = format!("kill -{signal} \"$0\"");
        let status = Process::new("sh").args(["-c", &command, &id.to_string()]).status().await?;
        anyhow::ensure!(status.success(), "no signal could be sent to Janus");
        Ok(())
    }

    fn control(&self) -> Control {
        Control {
            interface: Interface::Janus,
            address: format!("http://{HOST}:{}/janus", self.api),
            beside: Some(format!("http://{HOST}:{}/admin", self.admin)),
            credential: Some(CredentialId::parse(CREDENTIAL).expect("a valid word")),
            mapping: None,
        }
    }

    fn settings(&self) -> anyhow::Result<Settings> {
        let login = Login { user: String::new(), secret: self.secret.clone() };
        let budget = Arc::new(Budget::new(REQUESTS_PER_MINUTE));
        Ok(Settings::new(&self.control(), login, Trust::Nobody, budget)?)
    }

    fn secret_file(&self) -> PathBuf {
        self.home.join("secret")
    }

    /// Its whole configuration: everything on the loopback, on ports that were free, with a secret of this demo.
    fn configure(&self) -> io::Result<()> {
        let (home, secret) = (self.home.display(), self.secret.as_str());
        let (api, admin) = (self.api, self.admin);
        let general = format!(
            "general: {{ configs_folder = \"{home}\" interface = \"{HOST}\" server_name = \"vcops-demo\"\n\
             admin_secret = \"{secret}\" debug_level = 3 session_timeout = 0 }}\n\
             plugins: {{ disable = \"{PLUGINS_OFF}\" }}\n\
             transports: {{ disable = \"{TRANSPORTS_OFF}\" }}\n\
             events: {{ broadcast = false }}\n"
        );
        let http = format!(
            "general: {{ json = \"compact\" http = true port = {api} ip = \"{HOST}\" base_path = \"/janus\" }}\n\
             admin: {{ admin_http = true admin_port = {admin} admin_ip = \"{HOST}\" admin_base_path = \"/admin\" }}\n"
        );
        let rooms = format!("general: {{ rtp_port_range = \"20000-29999\" local_ip = \"{HOST}\" }}\n");
        write_private(&self.home.join("janus.jcfg"), &general)?;
        write_private(&self.secret_file(), secret)?;
        fs::write(self.home.join("janus.transport.http.jcfg"), http)?;
        fs::write(self.home.join("janus.plugin.audiobridge.jcfg"), rooms)
    }
}

/// The MCU's id.
pub(super) fn id() -> McuId {
    McuId::parse("mcu").expect("a valid word")
}

/// The id of the stream of what it mixes.
pub(super) fn mix_id() -> StreamId {
    StreamId::parse("mcu-mix").expect("a valid word")
}

fn room(number: u64) -> Room {
    Room { plugin: Plugin::AudioBridge, id: Id::Number(number) }
}

/// One venue joins the room and speaks. It hears the others too, and listens to nobody.
async fn seat(
    settings: &Settings,
    (at, name): (usize, &str),
    sound: Arc<Packed>,
    streams: &Streams,
) -> anyhow::Result<Seat> {
    let socket = UdpSocket::bind((HOST, 0))?;
    let joining = Joining {
        room: Id::Number(ROOM),
        party: Id::Number(100 + at as u64),
        name: name.to_owned(),
        from: socket.local_addr()?,
        codec: GuestCodec::Pcma,
    };
    let guest = Guest::join(settings, &joining).await.with_context(|| format!("{name} does not get in"))?;
    let spec = StreamSpec {
        video: None,
        audio: Some(sound),
        outlets: vec![Outlet::Rtp(RtpOutlet::without_reports(socket, guest.to)?)],
        phase: Duration::from_millis(7 * at as u64),
        tolerance: TOLERANCE,
    };
    let sender = streams.transmitter().send(spec)?;
    Ok(Seat { _guest: guest, _sender: sender })
}

/// Writes a file that only this account may read.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

fn free_tcp() -> io::Result<u16> {
    Ok(TcpListener::bind((HOST, 0))?.local_addr()?.port())
}

/// A pair of free ports (RFC 3550 §11), by the even one.
fn free_udp() -> io::Result<u16> {
    loop {
        let port = UdpSocket::bind((HOST, 0))?.local_addr()?.port() & !1;
        let both = UdpSocket::bind((HOST, port)).and_then(|_| UdpSocket::bind((HOST, port + 1)));
        if both.is_ok() {
            return Ok(port);
        }
    }
}

//! RTSP: servers that serve, refuse, hang, die and come back, and what a monitor says of each.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use vcops::domain::id::CredentialId;
use vcops::domain::stream::AudioCodec;
use vcops::media::rtsp::auth::Account;
use vcops::media::rtsp::{Manner, Mount, RtspServer};
use vcops::media::sender::{StreamSpec, Transmitter};
use vcops::observation::{DownWhy, Reception, StreamReport};
use vcops::relay::tcp::{TcpMode, TcpRelay};
use vcops::stream::settings::{Credential, StreamSettings};

use crate::stream_rig::{Watch, is_down, is_flowing, opus, order, pictures, seen};

const PROCESS: &str = "stream_rtsp::a_server_is_watched_over_tcp_and_over_udp";
const PROCESS_AT: &str = "VCOPS_TEST_RTSP_AT";

/// A server with one stream at `/live`.
struct Server {
    server: RtspServer,
    _transmitter: Transmitter,
}

impl Server {
    fn start(at: &str, account: Option<Account>) -> Self {
        let transmitter = Transmitter::start().unwrap();
        let (video, audio) = (pictures(), opus());
        let spec = StreamSpec {
            video: Some(video.clone()),
            audio: Some(audio.clone()),
            outlets: Vec::new(),
            phase: Duration::ZERO,
            tolerance: Duration::from_millis(20),
        };
        let sender = Arc::new(transmitter.send(spec).unwrap());
        let mounts = BTreeMap::from([("live".to_owned(), Mount { sender, tracks: vec![video, audio] })]);
        let server = RtspServer::start(at.parse().unwrap(), mounts, account).unwrap();
        Self { server, _transmitter: transmitter }
    }

    fn url(&self) -> String {
        format!("rtsp://{}/live", self.server.local_addr())
    }
}

/// A server in a process of its own, which can be held up and killed.
struct Process {
    child: Child,
    at: SocketAddr,
}

impl Process {
    fn start(at: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([PROCESS, "--exact", "--nocapture", "--test-threads=1"]).env(PROCESS_AT, at);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines().map_while(Result::ok);
        let at = lines.into_iter().find_map(|line| line.rsplit_once("serves at ")?.1.parse().ok()).unwrap();
        Self { child, at }
    }

    fn signal(&self, signal: &str) {
        let done = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already is fine as well.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }
}

fn why(report: &StreamReport) -> Option<DownWhy> {
    match report.reception {
        Reception::Down { why, .. } => Some(why),
        Reception::Connecting | Reception::Flowing | Reception::Blind { .. } => None,
    }
}

/// Also the process that [`Process`] starts: told an address, it serves there until its input ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_watched_over_tcp_and_over_udp() {
    if let Ok(at) = std::env::var(PROCESS_AT) {
        let server = Server::start(&at, None);
        println!("serves at {}", server.server.local_addr());
        let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        ended.await.unwrap().unwrap();
        return;
    }
    let server = Server::start("127.0.0.1:0", None);
    for transport in ["", "?transport=udp"] {
        let mut watch = Watch::one(&format!("{}{transport}", server.url()));
        let steady = watch.until_steady().await;
        let (video, audio) = (steady.video.clone().unwrap(), steady.audio.clone().unwrap());
        assert_eq!((video.width, video.height), (320, 180), "{transport}");
        assert_eq!(audio.codec, AudioCodec::Opus);
        assert_eq!(steady.transport.lost, 0);
        assert!(steady.transport.expected > 0);
        assert!(
            !seen(&steady).iter().any(|code| ["loss", "corrupt", "wrong_codec"].contains(code)),
            "{steady:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_and_passwords_come_from_the_settings() {
    let account = Account { user: "watcher".to_owned(), password: "on duty".to_owned() };
    let server = Server::start("127.0.0.1:0", Some(account));
    for (password, welcome) in [("on duty", true), ("guessed", false)] {
        let id = CredentialId::parse("hall").unwrap();
        let known = Credential { user: "watcher".to_owned(), password: password.to_owned() };
        let credentials = BTreeMap::from([(id.clone(), known)]);
        let mut watch = Watch::new(StreamSettings { credentials, ..StreamSettings::default() });
        let mut wanted = order("one", &server.url());
        wanted.credential = Some(id);
        watch.set.watch(vec![wanted]);
        let end = watch.until("an answer", |report| is_flowing(report) || is_down(report)).await;
        assert_eq!(why(&end), (!welcome).then_some(DownWhy::Unauthorised));
    }
    let mut watch = Watch::one(&server.url());
    let end = watch.until("an answer", is_down).await;
    assert_eq!(why(&end), Some(DownWhy::Unauthorised));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_server_gets_its_own_reason() {
    let cases = [
        (Manner::Hung, DownWhy::NoAnswer),
        (Manner::Redirecting, DownWhy::Protocol),
        (Manner::OddCodec, DownWhy::Codec),
        (Manner::Forgetful, DownWhy::NotFound),
        (Manner::Babbling, DownWhy::Protocol),
    ];
    for (manner, expected) in cases {
        let server = Server::start("127.0.0.1:0", None);
        server.server.behave(manner);
        let mut watch = Watch::one(&server.url());
        watch.until(&format!("{manner:?}"), |report| why(report) == Some(expected)).await;
        server.server.behave(Manner::Fine);
        watch.until("it mends its ways", is_flowing).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_address_is_named_as_what_it_is() {
    let cases =
        [("rtsp://127.0.0.1:1/live", DownWhy::Refused), ("rtsp://nobody.invalid/live", DownWhy::NameUnknown)];
    for (url, expected) in cases {
        let mut watch = Watch::one(url);
        let down = watch.until(url, |report| why(report).is_some_and(|why| why != DownWhy::Silent)).await;
        assert_eq!(why(&down), Some(expected), "{url}");
        let tries =
            |report: &StreamReport| matches!(report.reception, Reception::Down { tries, .. } if tries >= 3);
        let later = watch.until("it is tried again", tries).await;
        assert_eq!(later.since, down.since);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_server_is_waited_for_and_one_that_dies_is_asked_again() {
    let server = Server::start("127.0.0.1:0", None);
    server.server.behave(Manner::Slow { ms: 700 });
    let mut watch = Watch::one(&server.url());
    watch.until("it answers in the end", is_flowing).await;
    server.server.behave(Manner::Dying { ms: 1_200 });
    watch.until("it closes", |report| why(report) == Some(DownWhy::Closed)).await;
    watch.until("and serves again", is_flowing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_held_up_killed_and_started_again_is_down_since_its_last_packet() {
    let process = Process::start("127.0.0.1:0");
    let at = process.at;
    let mut watch = Watch::one(&format!("rtsp://{at}/live"));
    let steady = watch.until_steady().await;

    process.signal("-STOP");
    let held = watch.until("held up", is_down).await;
    assert!(held.since > steady.since);
    let answers = watch.until("no answer either", |report| why(report) == Some(DownWhy::NoAnswer)).await;
    assert_eq!(answers.since, held.since);
    process.signal("-CONT");
    let on = watch.until("it goes on", is_flowing).await;

    process.signal("-KILL");
    let dead = watch.until("it is dead", is_down).await;
    assert!(dead.since > on.since);
    let refused = watch.until("nobody listens", |report| why(report) == Some(DownWhy::Refused)).await;
    assert_eq!(refused.since, dead.since);
    drop(process);
    let _again = Process::start(&at.to_string());
    watch.until("it is back", is_flowing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_hangs_forgets_or_cuts_connections_is_survived() {
    let server = Server::start("127.0.0.1:0", None);
    let relay = TcpRelay::start("127.0.0.1:0".parse().unwrap(), server.server.local_addr()).await.unwrap();
    let mut watch = Watch::one(&format!("rtsp://{}/live", relay.local_addr()));
    watch.until_steady().await;
    for mode in [TcpMode::Stall, TcpMode::BlackHole, TcpMode::Refuse] {
        relay.set_mode(mode);
        let down = watch.until(&format!("{mode:?}"), is_down).await;
        let later = watch
            .until("it lasts", |r| matches!(r.reception, Reception::Down { tries, .. } if tries >= 2))
            .await;
        assert_eq!(later.since, down.since, "{mode:?}");
        relay.set_mode(TcpMode::Forward);
        watch.until(&format!("after {mode:?}"), is_flowing).await;
    }
    relay.cut();
    let cut = watch.until("cut", is_down).await;
    assert!(matches!(why(&cut), Some(DownWhy::Closed | DownWhy::Protocol)), "{cut:?}");
    watch.until("after the cut", is_flowing).await;
}

/// Memory and threads after many connections must be what they were after few. Thirty restarts here, 500 when
/// `VCOPS_SOAK` is set.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_leave_nothing_behind() {
    let restarts: u32 = if std::env::var_os("VCOPS_SOAK").is_some() { 500 } else { 30 };
    let server = Server::start("127.0.0.1:0", None);
    let relay = TcpRelay::start("127.0.0.1:0".parse().unwrap(), server.server.local_addr()).await.unwrap();
    let mut watch = Watch::one(&format!("rtsp://{}/live", relay.local_addr()));
    watch.until("first", is_flowing).await;
    let mut after = Vec::new();
    for restart in 0..restarts {
        relay.cut();
        watch.until("cut", is_down).await;
        watch.until("again", is_flowing).await;
        if restart % (restarts / 10) == 0 {
            after.push(footprint());
        }
    }
    // The first tenth warms caches up.
    let (early, late) = (after[1], after[after.len() - 1]);
    println!("{restarts} restarts: {early:?} then {late:?}");
    assert!(late.threads <= early.threads, "{after:?}");
    assert!(late.rss_kib < early.rss_kib + 20_000, "{after:?}");
    assert_eq!(watch.counters.stream.restarts.get(), 0);
}

/// What this process holds.
#[derive(Debug, Clone, Copy)]
struct Footprint {
    rss_kib: u64,
    threads: u64,
}

fn footprint() -> Footprint {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    };
    Footprint { rss_kib: number("VmRSS:"), threads: number("Threads:") }
}

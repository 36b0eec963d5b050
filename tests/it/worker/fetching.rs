//! Fetching from real servers, and what is said when they are not there, end or freeze.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use vcops::domain::stream::VideoCodec;
use vcops::worker::fetched::{FetchEnd, Fetched, FetchedKind};
use vcops::worker::kind::{FetchKind, FetchProtocol};
use vcops::worker::session::FetchSession;

use super::pool;

const LIMIT: Duration = Duration::from_secs(30);
const VIDEO: &str = "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=180,framerate=25/1 ! \
                     x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! h264parse";

/// A process that ends with the test.
struct Server(Child);

impl Server {
    fn gst(chain: &str) -> Self {
        let words = chain.split_whitespace();
        Self(Command::new("gst-launch-1.0").arg("-q").args(words).stderr(Stdio::null()).spawn().unwrap())
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap(), signal).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn kind(protocol: FetchProtocol, url: String) -> FetchKind {
    FetchKind { protocol, url, silence_ms: 1000 }
}

fn free_udp_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn free_tcp_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn end(session: &mut FetchSession) -> (Vec<Fetched>, FetchEnd) {
    let mut units = Vec::new();
    let since = Instant::now();
    loop {
        match tokio::time::timeout(LIMIT, session.next()).await.unwrap() {
            Ok(unit) => units.push(unit),
            Err(end) => return (units, end),
        }
        assert!(since.elapsed() < LIMIT, "it never ends");
    }
}

async fn some(session: &mut FetchSession, count: usize) -> Vec<Fetched> {
    let mut units = Vec::new();
    while units.len() < count {
        units.push(tokio::time::timeout(LIMIT, session.next()).await.unwrap().unwrap());
    }
    units
}

fn srt_server(port: u16) -> Server {
    Server::gst(&format!(
        "{VIDEO} ! mpegtsmux alignment=7 ! srtsink uri=srt://127.0.0.1:{port}?mode=listener wait-for-connection=false"
    ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn srt_brings_transport_packets_and_a_frozen_or_killed_server_ends_it() {
    let (pool, _) = pool(1);
    let port = free_udp_port();
    let server = srt_server(port);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let url = format!("srt://127.0.0.1:{port}");
    let mut session = pool.fetch(kind(FetchProtocol::Srt, url.clone())).unwrap();
    let units = some(&mut session, 5).await;
    assert!(units.iter().all(|unit| unit.what == FetchedKind::Transport && unit.data.len() % 188 == 0));
    assert!(units.iter().all(|unit| unit.data.chunks(188).all(|packet| packet[0] == 0x47)));
    let mut second = pool.fetch(kind(FetchProtocol::Srt, url)).unwrap();
    some(&mut second, 1).await;
    server.signal(Signal::STOP);
    let since = Instant::now();
    assert_eq!(end(&mut session).await.1, FetchEnd::Silent);
    println!("a frozen server is noticed after {} ms", since.elapsed().as_millis());
    server.signal(Signal::CONT);
    server.signal(Signal::KILL);
    let over = end(&mut second).await.1;
    assert!(matches!(over, FetchEnd::Silent | FetchEnd::Ended), "{over:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_there_is_unreachable_or_silent() {
    let (pool, counters) = pool(1);
    let (udp, tcp) = (free_udp_port(), free_tcp_port());
    let cases = [
        (FetchProtocol::Srt, format!("srt://127.0.0.1:{udp}")),
        (FetchProtocol::Rtmp, format!("rtmp://127.0.0.1:{tcp}/live/x")),
        (FetchProtocol::Hls, format!("http://127.0.0.1:{tcp}/live.m3u8")),
    ];
    for (protocol, url) in cases {
        let mut session = pool.fetch(kind(protocol, url)).unwrap();
        let (units, over) = end(&mut session).await;
        println!("{protocol:?}: {over:?}");
        assert!(units.is_empty());
        assert!(matches!(over, FetchEnd::Unreachable(_) | FetchEnd::Silent), "{protocol:?}: {over:?}");
    }
    assert_eq!(counters.worker_restarts.with_label_values(&["died"]).get(), 0);
}

/// Serves the files of a directory, one request a connection, until the test process ends.
fn serve_files(root: PathBuf) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (mut connection, root) = (connection.unwrap(), root.clone());
            std::thread::spawn(move || {
                let mut line = String::new();
                let mut reader = BufReader::new(connection.try_clone().unwrap());
                reader.read_line(&mut line).unwrap();
                let mut header = String::new();
                while reader.read_line(&mut header).is_ok_and(|length| length > 2) {
                    header.clear();
                }
                let name = line.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
                let answer = answer(&root, &name);
                let _ = connection.write_all(&answer);
            });
        }
    });
    port
}

fn answer(root: &Path, name: &str) -> Vec<u8> {
    let (status, body) = match std::fs::read(root.join(name)) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let kind = if name.ends_with("m3u8") { "application/vnd.apple.mpegurl" } else { "video/mp2t" };
    let length = body.len();
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
    .into_bytes();
    answer.extend(body);
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hls_brings_transport_packets_until_the_playlist_stands_still() {
    let (pool, _) = pool(1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    let server = Server::gst(&format!(
        "{VIDEO} ! hlssink2 target-duration=1 playlist-length=4 max-files=8 location={path}/s%05d.ts playlist-location={path}/live.m3u8"
    ));
    let since = Instant::now();
    while !folder.path().join("s00002.ts").exists() {
        assert!(since.elapsed() < LIMIT, "the server makes no segments");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let port = serve_files(folder.path().to_owned());
    let mut patient = kind(FetchProtocol::Hls, format!("http://127.0.0.1:{port}/live.m3u8"));
    patient.silence_ms = 4000;
    let mut session = pool.fetch(patient).unwrap();
    let units = some(&mut session, 6).await;
    assert!(units.iter().all(|unit| unit.what == FetchedKind::Transport));
    let bytes: Vec<u8> = units.iter().flat_map(|unit| unit.data.to_vec()).collect();
    assert!(bytes.chunks_exact(188).all(|packet| packet[0] == 0x47));
    drop(server);
    let over = end(&mut session).await.1;
    assert!(matches!(over, FetchEnd::Silent | FetchEnd::Ended), "{over:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_playlist_and_a_page_that_is_none_are_told_apart() {
    let (pool, _) = pool(1);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("page.m3u8"), "<html>nothing here</html>").unwrap();
    let port = serve_files(folder.path().to_owned());
    for (name, unreachable) in [("missing.m3u8", true), ("page.m3u8", false)] {
        let url = format!("http://127.0.0.1:{port}/{name}");
        let over = end(&mut pool.fetch(kind(FetchProtocol::Hls, url)).unwrap()).await.1;
        println!("{name}: {over:?}");
        assert_eq!(matches!(over, FetchEnd::Unreachable(_)), unreachable, "{name}: {over:?}");
    }
}

/// An RTMP server as it stands in a machine room: nginx with its RTMP module.
fn rtmp_server(folder: &Path, port: u16) -> Server {
    let path = folder.display();
    let settings = format!(
        "load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;\ndaemon off;\npid {path}/pid;\n\
         error_log {path}/errors;\nevents {{ worker_connections 64; }}\n\
         rtmp {{ access_log off; server {{ listen 127.0.0.1:{port}; application live {{ live on; }} }} }}\n"
    );
    std::fs::write(folder.join("nginx.conf"), settings).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder).args(["-c", "nginx.conf"]).stderr(Stdio::null());
    Server(command.spawn().expect("nginx is installed: make packages"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rtmp_brings_access_units_and_sound_until_the_venue_freezes() {
    let (pool, _) = pool(1);
    let (folder, port) = (tempfile::tempdir().unwrap(), free_tcp_port());
    let _server = rtmp_server(folder.path(), port);
    let since = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(since.elapsed() < LIMIT, "the server does not listen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let url = format!("rtmp://127.0.0.1:{port}/live/x");
    let venue = Server::gst(&format!(
        "{VIDEO} ! flvmux name=mux streamable=true ! rtmp2sink location={url} \
         audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=1 ! voaacenc ! aacparse ! mux."
    ));
    let mut session = pool.fetch(kind(FetchProtocol::Rtmp, url)).unwrap();
    let units = some(&mut session, 60).await;
    let video: Vec<_> =
        units.iter().filter(|unit| unit.what == FetchedKind::Video(VideoCodec::H264)).collect();
    assert!(video.len() > 5 && video.iter().all(|unit| unit.data.starts_with(&[0, 0, 0, 1])));
    assert!(video.windows(2).all(|pair| pair[0].pts_us < pair[1].pts_us));
    let sound = units.iter().find_map(|unit| match &unit.what {
        FetchedKind::Audio { rate_hz, config, .. } => Some((*rate_hz, config.len())),
        FetchedKind::Transport | FetchedKind::Video(_) => None,
    });
    assert!(sound.is_some_and(|(rate_hz, config)| rate_hz == 48_000 && config >= 2), "{sound:?}");
    venue.signal(Signal::STOP);
    assert_eq!(end(&mut session).await.1, FetchEnd::Silent);
}

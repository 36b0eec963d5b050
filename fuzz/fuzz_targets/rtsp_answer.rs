//! Any bytes as a server's answer: to DESCRIBE, to SETUP, to PLAY, or as what it sends afterwards. The monitor says
//! something sensible each time, and nothing panics. One real connection for each input, so it is slow.
#![no_main]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use vcops::domain::id::StreamId;
use vcops::domain::inventory::{PictureKind, SoundKind};
use vcops::domain::stream::StreamSource;
use vcops::metrics::Counters;
use vcops::observation::{DETECTIONS_MAX, Reception, StreamOrder, StreamReport};
use vcops::stream::settings::StreamSettings;
use vcops::stream::{Means, Outlets, WatchSet};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
    a=fmtp:96 packetization-mode=1\r\na=control:trackID=0\r\n";
/// Longest wait for a word about one input.
const PATIENCE: Duration = Duration::from_secs(5);

/// The server's part of one input: which answer is foreign, and its bytes.
static SCRIPT: Mutex<(u8, Vec<u8>)> = Mutex::new((0, Vec::new()));
static SERVER: LazyLock<SocketAddr> = LazyLock::new(serve);
static WATCHING: LazyLock<Mutex<Watching>> = LazyLock::new(|| Mutex::new(Watching::start()));

struct Watching {
    runtime: Runtime,
    set: WatchSet,
    reports: mpsc::Receiver<StreamReport>,
    count: u64,
}

impl Watching {
    fn start() -> Self {
        // A panic in a task would go unseen.
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            before(info);
            std::process::abort();
        }));
        let runtime = Runtime::new().expect("threads");
        let (reports_to, reports) = mpsc::channel(64);
        let outlets = Outlets { reports: reports_to, live: mpsc::channel(1).0, stills: mpsc::channel(1).0 };
        let means = Means { bench: None, pool: None, counters: Arc::new(Counters::new()) };
        let set = runtime.block_on(async { WatchSet::start(StreamSettings::default(), means, outlets) });
        Self { runtime, set, reports, count: 0 }
    }

    fn look(&mut self) {
        self.count += 1;
        let stream = StreamId::parse(&format!("s{}", self.count)).expect("an id");
        let source = StreamSource::parse(&format!("rtsp://{}/live", *SERVER)).expect("a source");
        let (picture, sound) = (PictureKind::Camera, SoundKind::Optional);
        let order =
            StreamOrder { stream: stream.clone(), source, credential: None, picture, sound, codec: None, fps: None };
        let (set, reports) = (&mut self.set, &mut self.reports);
        self.runtime.block_on(async {
            set.watch(vec![order]);
            let said = tokio::time::timeout(PATIENCE, async {
                while let Some(report) = reports.recv().await {
                    assert!(report.detections.len() <= DETECTIONS_MAX);
                    if report.stream == stream && report.reception != Reception::Connecting {
                        break;
                    }
                }
            });
            said.await.expect("a monitor says within seconds what it sees");
            set.watch(Vec::new());
        });
    }
}

fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // A player that went away is no matter.
            let _ = answer(connection);
        }
    });
    address
}

fn answer(mut connection: TcpStream) -> std::io::Result<()> {
    let (foreign, bytes) = SCRIPT.lock().expect("no panic here").clone();
    connection.set_read_timeout(Some(Duration::from_millis(200)))?;
    for at in 0..3_u8 {
        let request = request(&mut connection)?;
        let cseq = request.lines().find_map(|line| line.strip_prefix("CSeq: ")).unwrap_or("1").trim().to_owned();
        if at == foreign {
            connection.write_all(format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n").as_bytes())?;
            return connection.write_all(&bytes);
        }
        let (fields, body) = match at {
            0 => ("Content-Type: application/sdp\r\n", SDP),
            1 => ("Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=1\r\n", ""),
            _ => ("Session: 1\r\nRTP-Info: url=trackID=0;seq=1;rtptime=1\r\n", ""),
        };
        let length = body.len();
        connection.write_all(
            format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nContent-Length: {length}\r\n{fields}\r\n{body}").as_bytes(),
        )?;
    }
    connection.write_all(&bytes)
}

fn request(connection: &mut TcpStream) -> std::io::Result<String> {
    let (mut read, mut piece) = (Vec::new(), [0; 1024]);
    while !read.windows(4).any(|window| window == b"\r\n\r\n") {
        let count = connection.read(&mut piece)?;
        if count == 0 || read.len() > 8192 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        read.extend_from_slice(&piece[..count]);
    }
    Ok(String::from_utf8_lossy(&read).into_owned())
}

fuzz_target!(|bytes: &[u8]| {
    let Some((foreign, bytes)) = bytes.split_first() else { return };
    *SCRIPT.lock().expect("no panic here") = (foreign % 4, bytes.to_vec());
    WATCHING.lock().expect("no panic here").look();
});

//! The wall in a real browser: a made-up meeting whose streams are in every state, pictures that change, and streams
//! that play. What the browser finds is for `tests/browser/wall.mjs` to say.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vcops::domain::actor::{Grant, Role};
use vcops::domain::id::{StreamId, UserId};
use vcops::domain::inventory::{Change, Inventory};
use vcops::domain::live::{Level, LiveBoard, LiveItem, Thumbnail};
use vcops::domain::stream::VideoCodec;
use vcops::domain::time::{Span, Utc};
use vcops::report::{Snapshot, StreamView};
use vcops::store::stills::Stills;
use vcops::store::{Settings, Store};
use vcops::stream::fmp4::{Muxer, Tracks};
use vcops::stream::unit::Unit;
use vcops::web::account::User;
use vcops::web::{App, DeviceDoor, LiveDoor, MediaRequest, Ports, WebSettings, listen, router, system_clock};

use crate::fmp4;
use crate::web_rig::FixedInvitations;

const PICTURES: usize = 8;

/// What is made up of the n-th stream, in Chinese as people would read it.
fn state(n: usize) -> &'static str {
    match n {
        3 => "frozen",
        5 => "down",
        6 => "blind",
        8 => "waiting",
        9 => "stale",
        11 => "open microphone",
        _ => "well",
    }
}

fn now() -> Utc {
    system_clock()()
}

fn inventory(streams: usize) -> Inventory {
    let mut inventory = Inventory::default();
    let mut put = |item: Value| inventory.apply(&Change::Put(serde_json::from_value(item).unwrap()));
    put(json!({"region": {"id": "city", "name": "市"}}));
    let names = [
        "市政府小礼堂",
        "北湖区",
        "苏仙区",
        "资兴市",
        "桂阳县",
        "宜章县",
        "永兴县",
        "嘉禾县",
        "临武县",
        "汝城县",
        "桂东县",
        "安仁县",
        "常务会议室",
    ];
    for n in 0..streams {
        let name = names.get(n).map_or_else(|| format!("第{n}分会场"), |name| (*name).to_owned());
        put(json!({"venue": {"id": format!("v{n:03}"), "name": name, "region": "city"}}));
        put(
            json!({"stream": {"id": format!("s{n:03}"), "name": format!("{name} 摄像"), "venue": format!("v{n:03}"),
            "role": "venue", "source": "rtsp://10.0.0.1/live"}}),
        );
    }
    let venues: Vec<String> = (1..streams).map(|n| format!("v{n:03}")).collect();
    let (starts, ends) = (now() - Span::minutes(20), now() + Span::minutes(60));
    put(json!({"profile": {"id": "p", "name": "1080p25", "rate_kbps": 2000}}));
    put(
        json!({"meeting": {"id": "m", "name": "全市森林防火工作视频会议", "region": "city", "network": "extranet", "profile": "p",
        "starts": starts, "ends": ends, "main_venue": "v000", "venues": venues, "automatic_rounds": false}}),
    );
    inventory
}

fn view(n: usize, since: Utc) -> StreamView {
    let state = state(n);
    let report = json!({
        "stream": format!("s{n:03}"), "since": since, "detections": [],
        "reception": match state {
            "down" => json!({"reception": "down", "why": "silent", "tries": 12}),
            "waiting" => json!({"reception": "connecting"}),
            _ => json!({"reception": "flowing"}),
        },
        "video": {"codec": "h264", "width": 1920, "height": 1080, "fps": 25.0, "fps_declared": 25.0, "kbps": 1843.0, "idr_every_s": 2.0},
        "audio": {"codec": "aac", "kbps": 64.0, "channels": 1, "rms_dbfs": -22.0, "peak_dbfs": -9.0},
        "transport": {"expected": 2100, "lost": n % 4, "reordered": 0, "duplicates": 0, "jitter_ms": 2.4},
        "analysis": if state == "blind" { "unavailable" } else { "keyframes" },
    });
    let finding = |rule: &str, severity: &str, word: [&str; 2], text: [&str; 2]| {
        json!({"rule": rule, "severity": severity, "severity_text": {"zh": word[0], "en": word[1]}, "since": since,
            "raised": since, "text": {"zh": text[0], "en": text[1]}, "figures": {},
            "next_step": {"zh": "电话联系会场技术员", "en": "Call the venue's technician"}})
    };
    let findings = match state {
        "frozen" => vec![finding(
            "stream.freeze",
            "severe",
            ["严重", "severe"],
            ["图像冻结", "The picture is frozen"],
        )],
        "down" => vec![finding(
            "stream.lost",
            "critical",
            ["紧急", "critical"],
            ["无图像无声音：已连接但无数据", "Nothing comes: connected, but silent"],
        )],
        "open microphone" => vec![finding(
            "stream.open_microphone",
            "warning",
            ["告警", "warning"],
            ["未闭麦，音量 -31 dBFS", "Open microphone, level -31 dBFS"],
        )],
        _ => vec![],
    };
    let floor = match n {
        1 => "speaks",
        2 => "next",
        _ => "listens",
    };
    serde_json::from_value(json!({
        "id": format!("s{n:03}"), "name": format!("第{n}路 摄像"), "venue": format!("v{n:03}"), "mcu": null, "role": "venue",
        "watcher": "hub", "watched": true, "fresh": true, "age_ms": 200, "report": report, "meeting": "m", "phase": "live",
        "floor": floor, "findings": findings,
    }))
    .unwrap()
}

fn pictures() -> Vec<Arc<[u8]>> {
    let dir = tempfile::tempdir().unwrap();
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=4:duration=2", "-q:v", "6"])
        .arg(dir.path().join("%d.jpg"))
        .status();
    assert!(made.expect("ffmpeg is installed").success());
    (1..=PICTURES).map(|n| std::fs::read(dir.path().join(format!("{n}.jpg"))).unwrap().into()).collect()
}

/// Pictures each second and levels ten times a second, as monitors would send them.
async fn shows(board: watch::Sender<Arc<LiveBoard>>, streams: usize) {
    let pictures = pictures();
    let mut newest = LiveBoard::default();
    for tick in 0_usize.. {
        for n in 0..streams {
            let stream = StreamId::parse(&format!("s{n:03}")).unwrap();
            let at = now();
            let ages = matches!(state(n), "stale" | "down") && tick > 20;
            if state(n) != "waiting" && !ages && tick % 10 == n % 10 {
                let picture = Thumbnail { at, jpeg: Arc::clone(&pictures[(tick / 10 + n) % PICTURES]) };
                newest.put(LiveItem::Thumbnail { stream: stream.clone(), picture });
            }
            let loud = if n == 1 { -18.0 - (tick % 7) as f32 } else { -58.0 };
            let level = Level { at, rms_dbfs: loud, peak_dbfs: loud + 9.0, clipped: false };
            newest.put(LiveItem::Meter { stream, level });
        }
        board.send_replace(Arc::new(newest.clone()));
        // What a nation's worth of streams would cost here is not the question.
        let pause = if streams > 1000 { 500 } else { 100 };
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

/// Plays a clip in a loop, in real time, for whoever asks.
async fn plays(mut requests: mpsc::Receiver<MediaRequest>) {
    let clip = tokio::task::spawn_blocking(|| {
        fmp4::interleaved(
            fmp4::pictures(VideoCodec::H264, "-tune zerolatency -profile:v main"),
            fmp4::sound(),
        )
    });
    let clip = Arc::new(clip.await.unwrap());
    while let Some(request) = requests.recv().await {
        let (pieces, viewer) = mpsc::channel(256);
        // Who asked may have gone.
        let _ = request.reply.send(Ok(viewer));
        let clip = Arc::clone(&clip);
        tokio::spawn(async move {
            let (began, mut muxer) = (Instant::now(), Muxer::new(Tracks { pictures: true, sound: true }));
            for lap in 0_i64.. {
                for (place, unit) in clip.iter().enumerate() {
                    let share = 4_000_000 * place as i64 / clip.len() as i64;
                    let at = u64::try_from(lap * 4_000_000 + share).unwrap();
                    tokio::time::sleep_until(began + Duration::from_micros(at)).await;
                    let unit = Unit { pts_us: unit.pts_us + lap * 4_000_000, ..unit.clone() };
                    for piece in muxer.push(&unit) {
                        if pieces.send(piece).await.is_err() {
                            return;
                        }
                    }
                }
            }
        });
    }
}

/// Serves a wall of so many streams; gives its address with a one-time sign-in.
async fn wall(streams: usize, stop: CancellationToken) -> (String, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(Settings::new(dir.path().join("store"))).await.unwrap();
    let since = now() - Span::seconds(35);
    let views: BTreeMap<StreamId, StreamView> =
        (0..streams).map(|n| view(n, since)).map(|view| (view.id.clone(), view)).collect();
    let snapshot = Snapshot {
        seq: 1,
        at: now(),
        inventory: Arc::new(inventory(streams)),
        streams: views,
        ..Snapshot::default()
    };
    let (publish, snapshot) = watch::channel(Arc::new(snapshot));
    let (commands, mut asked) = mpsc::channel(16);
    let (board, boards) = watch::channel(Arc::new(LiveBoard::default()));
    let ((looks, mut looked), (media, requests)) = (mpsc::channel(64), mpsc::channel(8));
    tokio::spawn(shows(board, streams));
    tokio::spawn(plays(requests));
    tokio::spawn(async move { while looked.recv().await.is_some() {} });
    tokio::spawn(async move {
        // The snapshot must have a sender, and commands somebody who takes them.
        let _publish = publish;
        while let Some(vcops::web::CommandRequest { reply, .. }) = asked.recv().await {
            let _ = reply.send(vcops::engine::effect::Outcome::Done);
        }
    });
    let ports = Ports {
        commands,
        snapshot,
        stills: Stills::new(dir.path().join("stills")),
        live: LiveDoor { board: boards, looks, media },
        store,
        devices: DeviceDoor::empty(),
        notices: vcops::web::NoticeDoor::empty(),
        invitations: Arc::new(FixedInvitations),
        counters: Arc::default(),
        clock: system_clock(),
    };
    let app = App::start(ports, WebSettings { tls: false, ..WebSettings::default() }).await.unwrap();
    let user = UserId::parse("duty").unwrap();
    let grants = vec![Grant { role: Role::Operator, region: None }];
    let account =
        User { id: user.clone(), name: "值机员".to_owned(), grants, password: None, disabled: false };
    app.add_account(&account).await.unwrap();
    let token = app.one_time_link(user, Span::minutes(5)).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(listen::serve(listener, None, router(&app), stop));
    (format!("http://{address}/?login={}", token.reveal()), dir)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wall_shows_and_plays_in_a_real_browser() {
    let stop = CancellationToken::new();
    let (small, _small) = wall(13, stop.clone()).await;
    let (large, _large) = wall(100, stop.clone()).await;
    let (largest, _largest) = wall(3000, stop.clone()).await;
    let browser = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/wall.sh");
    let ran = tokio::process::Command::new(browser).args([small, large, largest]).kill_on_drop(true).output();
    let ran = tokio::time::timeout(Duration::from_secs(500), ran).await.expect("the browser ends").unwrap();
    println!("{}", String::from_utf8_lossy(&ran.stdout));
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    stop.cancel();
}

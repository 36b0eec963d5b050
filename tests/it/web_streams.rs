//! The live plane on the web: who sees which stream, pictures and levels for those who look, streams to see and hear,
//! and readers that take nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vcops::domain::actor::Role;
use vcops::domain::id::StreamId;
use vcops::domain::live::{Level, LiveBoard, LiveItem, MediaPiece, Thumbnail};
use vcops::domain::time::Utc;
use vcops::store::samples::Sample;
use vcops::web::{NoMedia, listen, router};

use crate::web_rig::{ELSEWHERE, Rig};
use crate::web_socket::{Came, Socket};

const JPEG: [u8; 6] = [0xff, 0xd8, 1, 2, 0xff, 0xd9];

fn east() -> StreamId {
    StreamId::parse("east").unwrap()
}

fn show(rig: &Rig, at: i64, picture: &[u8]) {
    let mut board = LiveBoard::default();
    let picture = Thumbnail { at: Utc(at), jpeg: Arc::from(picture) };
    board.put(LiveItem::Thumbnail { stream: east(), picture });
    let level = Level {
        at: Utc::parse("2026-11-22T01:00:00Z").unwrap(),
        rms_dbfs: -20.0,
        peak_dbfs: -6.0,
        clipped: false,
    };
    board.put(LiveItem::Meter { stream: east(), level });
    rig.board.send_replace(Arc::new(board));
}

fn served(rig: &Rig) -> (SocketAddr, CancellationToken, JoinHandle<std::io::Result<()>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(listen::serve(listener, None, router(&rig.app), stop.clone()));
    (address, stop, serving)
}

#[tokio::test]
async fn the_list_shows_the_streams_of_the_own_regions() {
    let rig = Rig::new().await;
    let user = rig.user("op", Role::Operator, Some("east"), false).await;
    let cookie = rig.cookie(&user).await;
    let list = rig.send(ELSEWHERE, ("GET", "/api/v1/streams"), &cookie, None).await.json();
    let stream = &list["items"][0];
    assert_eq!((stream["id"].as_str(), stream["venue"].as_str()), (Some("east"), Some("east")));
    // The meeting is a day ahead: nobody looks into the hall.
    assert_eq!((stream["state"].as_str(), stream["viewable"].as_bool()), (Some("unwatched"), Some(false)));
    assert!(stream["state_text"].as_str().unwrap().contains("会议时间外"));
    let west = rig.user("op2", Role::Operator, Some("west"), false).await;
    let cookie = rig.cookie(&west).await;
    let list = rig.send(ELSEWHERE, ("GET", "/api/v1/streams"), &cookie, None).await.json();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(0));
}

#[tokio::test]
async fn a_thumbnail_is_shown_to_whom_it_concerns_and_asking_counts_as_looking() {
    let mut rig = Rig::new().await;
    let user = rig.user("tech", Role::Technician, None, false).await;
    let cookie = rig.cookie(&user).await;
    let path = "/api/v1/streams/east/thumbnail";
    let none = rig.send(ELSEWHERE, ("GET", path), &cookie, None).await;
    assert_eq!((none.status.as_u16(), none.code().as_str()), (404, "no_picture"));
    assert!(rig.looks.try_recv().unwrap().streams.contains(&east()), "the next one may find a picture");
    show(&rig, 5_000_000, &JPEG);
    let request = |tag: Option<&str>| {
        let request = Request::builder().uri(path).header("host", "vcops.lan").header("cookie", &cookie);
        let request = tag.into_iter().fold(request, |request, tag| request.header("if-none-match", tag));
        request.body(Body::empty()).unwrap()
    };
    let headers = rig.headers(ELSEWHERE, request(None)).await;
    assert_eq!([&headers["content-type"], &headers["cache-control"]], ["image/jpeg", "no-store"]);
    assert_eq!(headers["last-modified"], "Thu, 01 Jan 1970 00:00:05 GMT");
    let tag = headers["etag"].to_str().unwrap();
    assert_eq!(rig.raw(ELSEWHERE, request(Some(tag))).await.status, 304);
    let other = rig.user("op", Role::Operator, Some("west"), false).await;
    let cookie = rig.cookie(&other).await;
    let hidden = rig.send(ELSEWHERE, ("GET", path), &cookie, None).await;
    assert_eq!((hidden.status.as_u16(), hidden.code().as_str()), (404, "not_found"));
}

#[tokio::test]
async fn no_picture_leaves_of_a_meeting_that_forbids_it() {
    let rig = Rig::new().await;
    let admin = rig.user("sys", Role::SystemAdmin, None, false).await;
    let cookie = rig.cookie(&admin).await;
    let meeting = json!({"id": "quiet", "name": "不留痕", "region": "city", "network": "extranet", "profile": "720p25",
        "class": "no_retention", "starts": "2026-11-22T01:10:00Z", "ends": "2026-11-22T03:00:00Z",
        "main_venue": "hall", "venues": ["east"], "automatic_rounds": false});
    let inventory = rig.send(ELSEWHERE, ("GET", "/api/v1/inventory"), &cookie, None).await.json();
    let change =
        json!({"base": inventory["version"], "origin": "test", "changes": [{"put": {"meeting": meeting}}]});
    let changed = rig.send(ELSEWHERE, ("POST", "/api/v1/inventory"), &cookie, Some(change)).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    show(&rig, 5_000_000, &JPEG);
    let user = rig.user("tech", Role::Technician, None, false).await;
    let cookie = rig.cookie(&user).await;
    let none = rig.send(ELSEWHERE, ("GET", "/api/v1/streams/east/thumbnail"), &cookie, None).await;
    assert_eq!((none.status.as_u16(), none.code().as_str()), (404, "no_picture"));
    let (address, stop, serving) = served(&rig);
    let (mut wall, _) = Socket::open(address, "/api/v1/streams/live", &cookie).await;
    wall.say(r#"{"streams": ["east"], "round": 1}"#).await;
    let Came::Binary(levels) = wall.until(|came| matches!(came, Came::Binary(_))).await else {
        unreachable!()
    };
    assert_eq!(levels[0], 1, "levels come, pictures do not");
    let next = wall.until(|came| matches!(came, Came::Binary(_))).await;
    assert!(matches!(next, Came::Binary(bytes) if bytes[0] == 1));
    stop.cancel();
    drop(wall);
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_wall_gets_what_it_asks_for_and_its_looks_reach_the_hub() {
    let mut rig = Rig::new().await;
    let user = rig.user("op", Role::Operator, Some("city"), false).await;
    let cookie = rig.cookie(&user).await;
    let (address, stop, serving) = served(&rig);
    let (mut wall, head) = Socket::open(address, "/api/v1/streams/live", &cookie).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let Came::Text(first) = wall.next().await else { panic!("states come first") };
    assert_eq!((first["t"].as_str(), first["changed"][0]["id"].as_str()), (Some("streams"), Some("east")));
    show(&rig, 5_000_000, &JPEG);
    wall.say(r#"{"streams": ["nobody", "east"], "round": 7}"#).await;
    let picture = wall.until(|came| matches!(came, Came::Binary(bytes) if bytes[0] == 2)).await;
    let Came::Binary(picture) = picture else { unreachable!() };
    assert_eq!(picture[..12], [2, 7, 0, 1, 0, 0, 0, 0, 0, 0x4c, 0x4b, 0x40]);
    assert_eq!(picture[12..], JPEG);
    let levels = wall.until(|came| matches!(came, Came::Binary(bytes) if bytes[0] == 1)).await;
    assert_eq!(levels, Came::Binary(vec![1, 7, 0xff, 0xff, 100, 114]));
    let look = rig.looks.recv().await.unwrap();
    assert!(look.streams.contains(&east()));
    drop(wall);
    let gone = async { while !rig.looks.recv().await.unwrap().streams.is_empty() {} };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("who leaves looks at nothing");
    stop.cancel();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn nonsense_ends_a_walls_socket() {
    let rig = Rig::new().await;
    let user = rig.user("op", Role::Operator, None, false).await;
    let cookie = rig.cookie(&user).await;
    let (address, stop, serving) = served(&rig);
    let many: Vec<String> = (0..257).map(|n| format!("s{n}")).collect();
    for text in ["{}".to_owned(), "[".to_owned(), json!({"streams": many, "round": 0}).to_string()] {
        let (mut wall, _) = Socket::open(address, "/api/v1/streams/live", &cookie).await;
        wall.say(&text).await;
        assert_eq!(wall.until(|came| matches!(came, Came::Closed(_))).await, Came::Closed(1008), "{text}");
    }
    stop.cancel();
    serving.await.unwrap().unwrap();
}

/// Answers one request for media with pieces that the test sends.
async fn provide(rig: &mut Rig) -> mpsc::Sender<MediaPiece> {
    let request = rig.media.recv().await.unwrap();
    assert_eq!(request.stream, east());
    let (pieces, viewer) = mpsc::channel(4);
    request.reply.send(Ok(viewer)).unwrap();
    pieces
}

#[tokio::test]
async fn a_stream_is_seen_by_those_who_may_in_as_many_places_as_there_are() {
    let mut rig = Rig::new().await;
    let user = rig.user("op", Role::Operator, Some("city"), false).await;
    let cookie = rig.cookie(&user).await;
    let (address, stop, serving) = served(&rig);
    let path = "/api/v1/streams/east/media";
    let (mut viewer, head) = Socket::open(address, path, &cookie).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let pieces = provide(&mut rig).await;
    let mime = "video/mp4; codecs=\"avc1.42c01f\"";
    pieces.send(MediaPiece::Beginning { mime: mime.into(), bytes: Arc::from([1]) }).await.unwrap();
    pieces.send(MediaPiece::Fragment { key: true, bytes: Arc::from([2]) }).await.unwrap();
    assert_eq!(viewer.next().await, Came::Text(json!({"t": "beginning", "mime": mime})));
    assert_eq!((viewer.next().await, viewer.next().await), (Came::Binary(vec![1]), Came::Binary(vec![2])));
    let rest = viewer.until(|came| matches!(came, Came::Text(_))).await;
    assert_eq!(rest, Came::Text(json!({"t": "resting"})));
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push((Socket::open(address, path, &cookie).await.0, provide(&mut rig).await));
    }
    let (_, full) = Socket::open(address, path, &cookie).await;
    assert!(full.starts_with("HTTP/1.1 503"), "four at once for one user: {full}");
    drop(pieces);
    let ended = viewer.until(|came| matches!(came, Came::Text(text) if text["t"] == "problem")).await;
    assert!(matches!(ended, Came::Text(text) if text["problem"]["code"] == "not_watched"));
    assert_eq!(viewer.until(|came| matches!(came, Came::Closed(_))).await, Came::Closed(1000));
    let (mut again, head) = Socket::open(address, path, &cookie).await;
    assert!(head.starts_with("HTTP/1.1 101"), "the place is free again: {head}");
    rig.media.recv().await.unwrap().reply.send(Err(NoMedia::AgentAway)).unwrap();
    let Came::Text(problem) = again.next().await else { panic!("a problem") };
    assert_eq!(problem["problem"]["code"], "agent_away");
    let county = rig.user("west", Role::CountyTechnician, Some("west"), false).await;
    let cookie = rig.cookie(&county).await;
    let (_, head) = Socket::open(address, path, &cookie).await;
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
    stop.cancel();
    drop((viewer, others, again));
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_viewer_that_takes_nothing_is_let_go() {
    let mut rig = Rig::new().await;
    let user = rig.user("op", Role::Operator, None, false).await;
    let cookie = rig.cookie(&user).await;
    let (address, stop, serving) = served(&rig);
    let (viewer, _) = Socket::open(address, "/api/v1/streams/east/media", &cookie).await;
    let pieces = provide(&mut rig).await;
    let large: Arc<[u8]> = vec![0; 1 << 20].into();
    let flood = async {
        while pieces.send(MediaPiece::Fragment { key: true, bytes: Arc::clone(&large) }).await.is_ok() {}
    };
    tokio::time::timeout(Duration::from_secs(30), flood).await.expect("its place is free again");
    stop.cancel();
    drop(viewer);
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_was_kept_of_a_stream_is_found_by_time() {
    let rig = Rig::new().await;
    let user = rig.user("boss", Role::Manager, Some("city"), false).await;
    let cookie = rig.cookie(&user).await;
    let at = Utc::parse("2026-11-21T08:30:00Z").unwrap();
    rig.stills().put(&east(), at, &JPEG).unwrap();
    rig.store.add_samples(&[Sample::of("stream:east", "fps", at.0 / 60_000_000, 24.5)]).await.unwrap();
    let ask = |what: &str, day: u8| {
        format!("/api/v1/streams/east/{what}?from=2026-11-{day}T00:00:00Z&until=2026-11-{day}T23:00:00Z")
    };
    let found = rig.send(ELSEWHERE, ("GET", &ask("stills", 21)), &cookie, None).await.json();
    let href = found["items"][0]["href"].as_str().unwrap();
    let picture = Request::builder().uri(href).header("host", "vcops.lan").header("cookie", &cookie);
    let headers = rig.headers(ELSEWHERE, picture.body(Body::empty()).unwrap()).await;
    assert_eq!(
        (&headers["content-type"], &headers["content-length"]),
        (&"image/jpeg".parse().unwrap(), &JPEG.len().into())
    );
    let samples = rig.send(ELSEWHERE, ("GET", &ask("samples", 21)), &cookie, None).await.json();
    let sample = &samples["items"][0];
    assert_eq!((sample["metric"].as_str(), sample["mean"].as_f64()), (Some("fps"), Some(24.5)));
    for what in ["stills", "samples"] {
        let none = rig.send(ELSEWHERE, ("GET", &ask(what, 20)), &cookie, None).await.json();
        assert_eq!(none["items"].as_array().map(Vec::len), Some(0), "{what} of another day");
    }
}

//! An agent's stream at the controller's door: whole pieces come through, and a ticket opens it once, for so long, for
//! so much.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use bytes::BytesMut;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tower::ServiceExt as _;
use vcops::domain::live::MediaPiece;
use vcops::uplink::push::{Admission, PUSH_PATH, Tickets, put, router, ticket_hash};

const TICKET: &str = "0123456789abcdef0123456789abcdef";

#[derive(Default)]
struct Drawer(Mutex<BTreeMap<[u8; 32], Admission>>);

impl Tickets for Drawer {
    fn spend(&self, hash: [u8; 32]) -> Option<Admission> {
        self.0.lock().unwrap().remove(&hash)
    }
}

fn drawer(kbps_max: u32, life: Duration) -> (Arc<Drawer>, mpsc::Receiver<MediaPiece>) {
    let drawer = Arc::new(Drawer::default());
    let (pieces, pushed) = mpsc::channel(64);
    let admission = Admission { pieces, kbps_max, until: Instant::now() + life };
    drawer.0.lock().unwrap().insert(ticket_hash(TICKET), admission);
    (drawer, pushed)
}

async fn pushes(drawer: &Arc<Drawer>, ticket: &str, body: Body) -> StatusCode {
    let request = Request::post(PUSH_PATH).header("authorization", format!("Bearer {ticket}")).body(body);
    router(Arc::clone(drawer)).oneshot(request.unwrap()).await.unwrap().status()
}

fn fragment(bytes: usize) -> MediaPiece {
    MediaPiece::Fragment { key: true, bytes: vec![7; bytes].into() }
}

fn body(pieces: &[MediaPiece]) -> Body {
    let mut bytes = BytesMut::new();
    pieces.iter().for_each(|piece| put(piece, &mut bytes));
    Body::from(bytes.freeze())
}

#[tokio::test]
async fn a_ticket_lets_one_push_through() {
    let (drawer, mut pushed) = drawer(1000, Duration::from_secs(60));
    let pieces = [MediaPiece::Beginning { mime: "video/mp4".into(), bytes: Arc::from([1]) }, fragment(1000)];
    assert_eq!(pushes(&drawer, "another", body(&pieces)).await, 403);
    assert_eq!(pushes(&drawer, TICKET, body(&pieces)).await, 204);
    assert_eq!(
        (pushed.recv().await, pushed.recv().await),
        (Some(pieces[0].clone()), Some(pieces[1].clone()))
    );
    assert_eq!(pushed.recv().await, None);
    assert_eq!(pushes(&drawer, TICKET, body(&pieces)).await, 403, "a second time");
    let without = Request::post(PUSH_PATH).body(Body::empty()).unwrap();
    assert_eq!(router(drawer).oneshot(without).await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_push_is_held_to_its_rate_its_time_and_its_form() {
    let (fast, _pushed) = drawer(100, Duration::from_secs(60));
    assert_eq!(pushes(&fast, TICKET, body(&[fragment(200_000)])).await, 429);
    let (late, _pushed) = drawer(100, Duration::ZERO);
    let silent = Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    assert_eq!(pushes(&late, TICKET, silent).await, 204);
    let (odd, _pushed) = drawer(100, Duration::from_secs(60));
    assert_eq!(pushes(&odd, TICKET, Body::from(vec![9; 64])).await, 400);
}

#[tokio::test]
async fn a_push_that_nobody_watches_ends() {
    let (drawer, pushed) = drawer(1000, Duration::from_secs(60));
    drop(pushed);
    let silent = Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    assert_eq!(pushes(&drawer, TICKET, silent).await, 204);
}

//! What a RoomOS endpoint posts when something changes: the receiving side, to be mounted where endpoints can reach it.
//! Knows HTTP and no meaning beyond which call is meant.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::reply;
use crate::domain::mcu::ConferenceRef;
use crate::mcu::Pushed;

/// Largest event that is read, in bytes.
const EVENT_BYTES_MAX: usize = 256 << 10;
/// Hints that wait for a listener; older ones are lost, and that is told.
const HINTS_MAX: usize = 256;
/// Within this the same event again is the same event sent twice.
const TWICE: Duration = Duration::from_secs(1);

/// Takes an endpoint's events, by an address that only it was told. Cheap to clone.
#[derive(Clone)]
pub(super) struct Inbox {
    key: Arc<str>,
    hints: broadcast::Sender<Pushed>,
    last: Arc<Mutex<Option<([u8; 32], Instant)>>>,
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inbox(..)")
    }
}

impl Inbox {
    /// An inbox with a new secret key in its address.
    pub(super) fn new() -> Self {
        let (hints, _) = broadcast::channel(HINTS_MAX);
        Self { key: format!("{:032x}", rand::random::<u128>()).into(), hints, last: Arc::default() }
    }

    /// Its path below where the router is mounted.
    pub(super) fn path(&self) -> String {
        format!("roomos/{}", self.key)
    }

    pub(super) fn hints(&self) -> broadcast::Receiver<Pushed> {
        self.hints.subscribe()
    }

    pub(super) fn router(&self) -> Router {
        Router::new()
            .route("/roomos/{key}", post(receive))
            .layer(DefaultBodyLimit::max(EVENT_BYTES_MAX))
            .with_state(self.clone())
    }

    /// Whether an event is not the one before sent once more.
    fn is_new(&self, body: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(body).into();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let again = last.is_some_and(|(known, at)| known == digest && at.elapsed() < TWICE);
        *last = Some((digest, Instant::now()));
        !again
    }
}

async fn receive(State(inbox): State<Inbox>, Path(key): Path<String>, body: Bytes) -> StatusCode {
    if !bool::from(key.as_bytes().ct_eq(inbox.key.as_bytes())) {
        return StatusCode::NOT_FOUND;
    }
    if inbox.is_new(&body) {
        let hint = match reply::posted(&body) {
            Ok(call) => Pushed::Changed(call.map(|id| ConferenceRef::new(&id))),
            // It told something that we cannot read: everything is read anew.
            Err(_) => Pushed::Gap,
        };
        // Without a listener there is nobody to tell.
        let _ = inbox.hints.send(hint);
    }
    StatusCode::OK
}

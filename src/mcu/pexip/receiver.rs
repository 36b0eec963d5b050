//! Receives what a platform posts and hands it on in order. Knows HTTP and no meaning.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use base64::Engine as _;
use subtle::ConstantTimeEq as _;
use tokio::sync::broadcast;

use super::{Memory, SINK_PATH, sink};
use crate::domain::mcu::bounded;
use crate::mcu::Pushed;
use crate::mcu::trust::Login;

/// Largest event or bundle of events, in bytes.
const EVENT_BYTES_MAX: usize = 1 << 20;

pub(super) fn router(
    memory: Arc<Mutex<Memory>>,
    hints: broadcast::Sender<Pushed>,
    expected: Option<&Login>,
) -> Router {
    let expected = expected.map(|login| {
        let pair = format!("{}:{}", login.user, login.secret.as_str());
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    });
    Router::new()
        .route(SINK_PATH, post(receive))
        .layer(DefaultBodyLimit::max(EVENT_BYTES_MAX))
        .with_state(Arc::new(Receiver { memory, hints, expected }))
}

/// What receives events.
struct Receiver {
    memory: Arc<Mutex<Memory>>,
    hints: broadcast::Sender<Pushed>,
    expected: Option<String>,
}

async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let shown = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
    let known = receiver.expected.as_ref().is_none_or(|wanted| wanted.as_bytes().ct_eq(shown).into());
    if !known {
        return StatusCode::UNAUTHORIZED;
    }
    match sink::read(&body) {
        Ok(events) => {
            let mut memory = receiver.memory.lock().unwrap_or_else(PoisonError::into_inner);
            for said in memory.order.take(events) {
                // Without a listener there is nobody to tell.
                let _ = receiver.hints.send(said);
            }
        }
        Err(fault) => {
            tracing::warn!(
                why = bounded(&fault.to_string()),
                "an event of a Pexip platform could not be read"
            );
            let _ = receiver.hints.send(Pushed::Gap);
        }
    }
    StatusCode::OK
}

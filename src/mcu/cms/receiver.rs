//! Receives the records that a bridge posts and hands them on in order. Knows HTTP and no meaning.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use tokio::sync::broadcast;

use super::{CDR_PATH, Memory, cdr};
use crate::domain::mcu::bounded;
use crate::mcu::Pushed;

/// Largest post, in bytes.
const POST_BYTES_MAX: usize = 1 << 20;

struct Receiver {
    memory: Arc<Mutex<Memory>>,
    hints: broadcast::Sender<Pushed>,
}

pub(super) fn router(memory: Arc<Mutex<Memory>>, hints: broadcast::Sender<Pushed>) -> Router {
    Router::new()
        .route(CDR_PATH, post(receive))
        .layer(DefaultBodyLimit::max(POST_BYTES_MAX))
        .with_state(Arc::new(Receiver { memory, hints }))
}

async fn receive(State(receiver): State<Arc<Receiver>>, body: Bytes) -> StatusCode {
    match cdr::read(&body) {
        Ok(records) => {
            let mut memory = receiver.memory.lock().unwrap_or_else(PoisonError::into_inner);
            for said in memory.order.take(&records) {
                // Without a listener there is nobody to tell.
                let _ = receiver.hints.send(said);
            }
        }
        Err(fault) => {
            tracing::warn!(why = bounded(&fault.to_string()), "a record of a Cisco bridge could not be read");
            let _ = receiver.hints.send(Pushed::Gap);
        }
    }
    StatusCode::OK
}

//! Health, readiness and metrics for machines.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::web::app::App;
use crate::web::facts;
use crate::web::problem::{Code, Problem};

#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = String)))]
/// The process answers.
pub(in crate::web) async fn healthz() -> &'static str {
    "ok\n"
}

#[utoipa::path(get, path = "/readyz", tag = "health", responses((status = 200, body = String)))]
/// The engine has spoken and the journal can be read and written; 503 with the reason otherwise.
pub(in crate::web) async fn readyz(State(app): State<App>) -> Response {
    let snapshot = app.snapshot();
    let head = tokio::time::timeout(Duration::from_secs(2), app.store().head()).await;
    let why = match () {
        () if snapshot.seq == 0 => "the engine has not started",
        () if snapshot.unrecorded => "the journal cannot be written",
        () if !matches!(head, Ok(Ok(_))) => "the journal cannot be read",
        () => return "ready\n".into_response(),
    };
    (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response()
}

#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = 200, body = String)))]
/// Prometheus text: facts from the newest snapshot, and process counters.
pub(in crate::web) async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let text = facts::exposition(&app.snapshot(), &app.ports().counters).map_err(|error| {
        tracing::error!(%error, "metrics");
        Problem::new(Code::Internal)
    })?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

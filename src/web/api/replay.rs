//! What was kept of a stream while its meetings were live: small pictures by time, and samples of each minute.
#![expect(unused_qualifications, reason = "the document's macro qualifies the type of the query")]

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Page;
use super::streams::find;
use crate::domain::id::StreamId;
use crate::domain::time::{US_PER_S, Utc};
use crate::web::access::{Caller, Right};
use crate::web::app::App;
use crate::web::problem::{Code, Problem};

/// Which time.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct During {
    /// From when.
    #[param(value_type = String)]
    from: Utc,
    /// Until when, that moment left out.
    #[param(value_type = String)]
    until: Utc,
    /// The reader's language.
    #[serde(default, rename = "lang")]
    _lang: Option<String>,
}

/// A picture that was kept.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StillShown {
    /// When it arrived.
    #[schema(value_type = String)]
    at: Utc,
    /// Where it is.
    href: String,
}

/// One figure of one minute.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SampleShown {
    /// Which figure, with its unit: `flowing`, `fps`, `video_kbps`, `audio_kbps`, `rms_dbfs`, `loss_pct`, `jitter_ms`.
    metric: String,
    /// The minute's beginning.
    #[schema(value_type = String)]
    minute: Utc,
    /// Mean of its values.
    mean: f64,
    /// The smallest.
    min: f64,
    /// The largest.
    max: f64,
    /// How many values.
    count: u64,
}

#[utoipa::path(get, path = "/api/v1/streams/{id}/stills", tag = "streams", params(("id" = String, Path), During),
    responses((status = 200, body = Page<StillShown>)))]
/// The pictures kept of a stream in a time, oldest first, at most 2,000.
pub(in crate::web) async fn stills(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<StreamId>,
    Query(during): Query<During>,
) -> Result<Json<Page<StillShown>>, Problem> {
    find(&caller, Right::WatchStreams, &id, &app.snapshot())?;
    let (stills, stream) = (app.ports().stills.clone(), id.clone());
    let list = tokio::task::spawn_blocking(move || stills.list(&stream, during.from, during.until)).await;
    let times = list.map_err(|_| Problem::new(Code::Internal))?.map_err(|error| unread(&error))?;
    let shown = |at: Utc| StillShown { at, href: format!("/api/v1/streams/{id}/stills/{}", at.0) };
    Ok(Json(Page { items: times.into_iter().map(shown).collect(), next_after: None }))
}

#[utoipa::path(get, path = "/api/v1/streams/{id}/stills/{at}", tag = "streams",
    params(("id" = String, Path), ("at" = i64, Path, description = "microseconds since 1970, as the list's `href` has it")),
    responses((status = 200, description = "the picture", content_type = "image/jpeg", body = Vec<u8>)))]
/// One picture that was kept.
pub(in crate::web) async fn still(
    State(app): State<App>,
    caller: Caller,
    Path((id, at)): Path<(StreamId, i64)>,
) -> Result<Response, Problem> {
    find(&caller, Right::WatchStreams, &id, &app.snapshot())?;
    let stills = app.ports().stills.clone();
    let read = tokio::task::spawn_blocking(move || stills.get(&id, Utc(at))).await;
    let jpeg = read.map_err(|_| Problem::new(Code::Internal))?.map_err(|error| unread(&error))?;
    let jpeg = jpeg.ok_or_else(|| Problem::new(Code::NoPicture))?;
    Ok(([(CONTENT_TYPE, "image/jpeg")], jpeg).into_response())
}

#[utoipa::path(get, path = "/api/v1/streams/{id}/samples", tag = "streams", params(("id" = String, Path), During),
    responses((status = 200, body = Page<SampleShown>)))]
/// The figures of a stream by the minute, while its meetings were live.
pub(in crate::web) async fn samples(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<StreamId>,
    Query(during): Query<During>,
) -> Result<Json<Page<SampleShown>>, Problem> {
    find(&caller, Right::WatchStreams, &id, &app.snapshot())?;
    let minute = |at: Utc| at.0.div_euclid(60 * US_PER_S);
    let found =
        app.store().samples(&format!("stream:{id}"), minute(during.from), minute(during.until)).await?;
    let shown = |sample: crate::store::samples::Sample| SampleShown {
        minute: Utc(sample.minute * 60 * US_PER_S),
        mean: sample.sum / sample.count.max(1) as f64,
        min: sample.min,
        max: sample.max,
        count: sample.count,
        metric: sample.metric,
    };
    Ok(Json(Page { items: found.into_iter().map(shown).collect(), next_after: None }))
}

fn unread(error: &std::io::Error) -> Problem {
    tracing::warn!(%error, "kept pictures could not be read");
    Problem::new(Code::Internal)
}

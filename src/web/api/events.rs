//! The journal, for the auditor.
#![expect(unused_qualifications, reason = "the document's macro qualifies the type of the query")]

use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Page;
use crate::domain::time::Utc;
use crate::store::journal::Row;
use crate::web::access::{Caller, Right};
use crate::web::app::App;
use crate::web::problem::{Code, Problem};

/// Most rows in one page.
const PAGE_MAX: u32 = 500;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct After {
    /// Rows after this number; 0 for the first page.
    #[serde(default)]
    after: u64,
    /// At most so many, 1–500.
    limit: Option<u32>,
    /// The reader's language.
    #[serde(default, rename = "lang")]
    _lang: Option<String>,
}

/// One row of the journal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventShown {
    /// Number.
    seq: u64,
    /// When.
    #[schema(value_type = String)]
    at: Utc,
    /// By whom.
    actor: String,
    /// What kind.
    kind: String,
    /// About what.
    subject: String,
    /// The event.
    #[schema(value_type = Object)]
    body: serde_json::Value,
    /// Hash of the row, hex.
    hash: String,
}

#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(After),
    responses((status = 200, body = Page<EventShown>)))]
/// The journal, oldest first. It has no regions: only who may read it everywhere may read it.
pub(in crate::web) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<After>,
) -> Result<Json<Page<EventShown>>, Problem> {
    if !caller.has_everywhere(Right::ReadJournal) {
        return Err(Problem::new(Code::Forbidden));
    }
    let limit = page.limit.unwrap_or(100).clamp(1, PAGE_MAX);
    Ok(Json(read(&app, page.after, limit).await?))
}

/// A page of the journal.
pub(in crate::web) async fn read(app: &App, after: u64, limit: u32) -> Result<Page<EventShown>, Problem> {
    let rows = app.store().read(after.saturating_add(1), limit.min(PAGE_MAX)).await?;
    let full = rows.len() == limit as usize;
    let next_after = rows.last().map(|row| row.seq).filter(|_| full);
    Ok(Page { items: rows.into_iter().map(shown).collect(), next_after })
}

fn shown(row: Row) -> EventShown {
    EventShown {
        seq: row.seq,
        at: row.time,
        actor: row.actor,
        kind: row.kind,
        subject: row.subject,
        body: serde_json::from_slice(&row.body).unwrap_or(serde_json::Value::Null),
        hash: hex::encode(row.hash),
    }
}

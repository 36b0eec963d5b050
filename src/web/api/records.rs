//! Documents to download: records as `.docx`, figures and lists as `.xlsx`. Each names the journal's head.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::Reader;
use super::incidents::{self, Which};
use super::rounds::seen_matrix;
use super::statistics::{Period, computed};
use crate::domain::check::RoundId;
use crate::domain::id::{MeetingId, VenueId};
use crate::domain::lang::Lang;
use crate::domain::time::Utc;
use crate::engine::state::Incident;
use crate::report::document::{
    Document, Seal, Setting, docx, incident_book, incident_review, meeting_record, rehearsal_record,
    statistics_book, xlsx,
};
use crate::web::access::{Caller, Right};
use crate::web::app::App;
use crate::web::problem::{Code, Problem};

/// So long a request may read the journal before it is told to ask again.
const PATIENCE: Duration = Duration::from_secs(8);

/// What kind of file.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Docx,
    Xlsx,
}

/// A file for the reader to keep.
struct Download {
    kind: Kind,
    name: String,
    bytes: Vec<u8>,
}

impl Kind {
    fn media_type(self) -> &'static str {
        match self {
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Docx => "docx",
            Self::Xlsx => "xlsx",
        }
    }
}

impl IntoResponse for Download {
    fn into_response(self) -> Response {
        let disposition = disposition(&self.name, self.kind.extension());
        let headers = [(CONTENT_TYPE, self.kind.media_type().to_owned()), (CONTENT_DISPOSITION, disposition)];
        (headers, self.bytes).into_response()
    }
}

/// `Content-Disposition` (RFC 6266) with the name for old readers in ASCII and for all others in UTF-8 (RFC 8187).
fn disposition(name: &str, extension: &str) -> String {
    let named = name
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '/' | '\\' | ':' | '"' | '*' | '?' | '<' | '>' | '|'));
    let named: String = named.take(80).chain(".".chars()).chain(extension.chars()).collect();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte);
    let encoded: String = named
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    format!("attachment; filename=\"vcops.{extension}\"; filename*=UTF-8''{encoded}")
}

#[utoipa::path(get, path = "/api/v1/rounds/{id}/record.docx", tag = "records", operation_id = "round",
    params(("id" = u64, Path)), responses((status = 200, body = Vec<u8>,
    content_type = "application/vnd.openxmlformats-officedocument.wordprocessingml.document")))]
/// 《视频会议系统调试情况记录表》 of a round, to edit and hand in.
pub(in crate::web) async fn round(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
    Path(id): Path<u64>,
) -> Result<Response, Problem> {
    let snapshot = app.snapshot();
    let matrix = seen_matrix(&caller, RoundId(id), &snapshot, lang)?;
    let place = seal(&app).await?;
    let about = format!("{} {}", matrix.meeting.name, matrix.kind_text);
    made(&app, (Kind::Docx, about), lang, place, move |setting| Some(rehearsal_record(&matrix, setting)))
        .await
}

#[utoipa::path(get, path = "/api/v1/meetings/{id}/record.docx", tag = "records", operation_id = "meeting",
    params(("id" = String, Path)), responses((status = 200, body = Vec<u8>,
    content_type = "application/vnd.openxmlformats-officedocument.wordprocessingml.document")))]
/// 《电视电话会议记录表》 of a meeting: its rounds, roll call and incidents.
pub(in crate::web) async fn meeting(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
    Path(id): Path<MeetingId>,
) -> Result<Response, Problem> {
    let snapshot = app.snapshot();
    let name = super::meetings::find(&caller, &id, &snapshot)?.name.clone();
    let place = seal(&app).await?;
    made(&app, (Kind::Docx, name), lang, place, move |setting| {
        let sees = |venue: &VenueId| caller.reaches(Right::ReadRehearsal, venue, &snapshot.inventory);
        meeting_record(&snapshot, &id, &sees, setting)
    })
    .await
}

#[utoipa::path(get, path = "/api/v1/incidents/{id}/review.docx", tag = "records", operation_id = "incident",
    params(("id" = u64, Path)), responses((status = 200, body = Vec<u8>,
    content_type = "application/vnd.openxmlformats-officedocument.wordprocessingml.document")))]
/// 故障分析报告 of an incident.
pub(in crate::web) async fn incident(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
    Path(id): Path<u64>,
) -> Result<Response, Problem> {
    let snapshot = app.snapshot();
    let incident = incidents::seen(&caller, &snapshot, id)?;
    let place = seal(&app).await?;
    made(&app, (Kind::Docx, id.to_string()), lang, place, move |setting| {
        let sees = |venue: &VenueId| caller.reaches(Right::ReadIncidents, venue, &snapshot.inventory);
        Some(incident_review(&incident, &snapshot.inventory, &sees, setting))
    })
    .await
}

#[utoipa::path(get, path = "/api/v1/incidents.xlsx", tag = "records", operation_id = "incidents", params(Which),
    responses((status = 200, body = Vec<u8>,
    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))]
/// The incidents that a list would have, all pages in one workbook.
pub(in crate::web) async fn incident_list(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Response, Problem> {
    let snapshot = app.snapshot();
    let found: Vec<Arc<Incident>> = incidents::all(&caller, &snapshot, &which)?;
    let place = seal(&app).await?;
    made(&app, (Kind::Xlsx, String::new()), lang, place, move |setting| {
        Some(incident_book(found.iter().map(AsRef::as_ref), &snapshot.inventory, setting))
    })
    .await
}

#[utoipa::path(get, path = "/api/v1/statistics.xlsx", tag = "records", operation_id = "statistics", params(Period),
    responses((status = 200, body = Vec<u8>,
    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))]
/// Statistics 统计 of a period as a workbook.
pub(in crate::web) async fn statistics(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
    Query(period): Query<Period>,
) -> Result<Response, Problem> {
    let found = computed(&app, Some(&caller), &period, PATIENCE, lang).await?;
    let day = |at: Utc| at.minute(&app.settings().zone)[..10].to_owned();
    let last = Utc(found.until.0 - 1);
    let about = format!("{} {}", day(found.from), day(last));
    let place = seal(&app).await?;
    made(&app, (Kind::Xlsx, about), lang, place, move |setting| Some(statistics_book(&found, setting))).await
}

/// Where the journal stands.
async fn seal(app: &App) -> Result<Seal, Problem> {
    let head = app.store().head().await?;
    Ok(Seal { seq: head.seq, hash: head.hash, at: app.now() })
}

/// Makes a document off the runtime's threads.
async fn made(
    app: &App,
    (kind, about): (Kind, String),
    lang: Lang,
    seal: Seal,
    build: impl FnOnce(&Setting<'_>) -> Option<Document> + Send + 'static,
) -> Result<Response, Problem> {
    let zone = app.settings().zone.clone();
    let make = move || {
        let document = build(&Setting { zone: &zone, lang, seal })?;
        let bytes = match kind {
            Kind::Docx => docx(&document),
            Kind::Xlsx => xlsx(&document),
        };
        let name = format!("{} {about}", document.title).trim().to_owned();
        Some(Download { kind, name, bytes })
    };
    let made = tokio::task::spawn_blocking(make).await.map_err(|_| Problem::new(Code::Internal))?;
    made.map(Download::into_response).ok_or_else(|| Problem::new(Code::NotFound))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chinese_name_survives_and_nothing_in_it_ends_the_header() {
        assert_eq!(
            disposition("记录表 a\"b\r\n/../x", "docx"),
            "attachment; filename=\"vcops.docx\"; filename*=UTF-8''%E8%AE%B0%E5%BD%95%E8%A1%A8%20ab..x.docx"
        );
    }
}

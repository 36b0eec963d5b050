//! Rehearsal rounds: reading them, and every command to one.
#![expect(unused_qualifications, reason = "the document's macro qualifies the type of the query")]

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::meetings::{RoundHead, find, head};
use super::{Body, Done, Page, Reader};
use crate::domain::check::{CheckKey, ConfirmItem, RoomItem, RoundId, RoundKind};
use crate::domain::id::{LinkId, MeetingId, PersonId, VenueId};
use crate::engine::effect::Outcome;
use crate::engine::input::{Command, Party, RetestScope, RoomOutcome};
use crate::engine::state::Round;
use crate::report::{Matrix, Snapshot, matrix, record_form};
use crate::web::access::{Caller, Right};
use crate::web::app::App;
use crate::web::problem::{Code, Problem};

/// Most rounds in one page.
const PAGE_MAX: usize = 100;

/// Which rounds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only this meeting's.
    #[param(value_type = Option<String>)]
    meeting: Option<MeetingId>,
    /// Rounds after this number.
    #[serde(default)]
    after: u64,
    /// The reader's language.
    #[serde(default, rename = "lang")]
    _lang: Option<String>,
}

/// A round to start.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRound {
    /// Of which meeting.
    #[schema(value_type = String)]
    meeting: MeetingId,
    /// `single_point`, `whole_network`, `dress_rehearsal`, `pre_meeting`.
    #[schema(value_type = String)]
    kind: RoundKind,
    /// Only these venues; empty means all.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    venues: Vec<VenueId>,
}

/// The number of a round that was started.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoundOpened {
    /// Number.
    #[schema(value_type = u64)]
    round: RoundId,
}

/// What to test again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retest {
    /// `"all"`, `"not_passed"`, `{"venue": id}`, `{"link": id}`, `{"cell": key}`.
    #[schema(value_type = Object)]
    scope: RetestScope,
}

/// 免测.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWaiver {
    /// Which cell, as the matrix names it.
    #[schema(value_type = Object)]
    key: CheckKey,
    /// Why.
    why: String,
}

/// 现场核对.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRoomRecord {
    /// At which venue.
    #[schema(value_type = String)]
    venue: VenueId,
    /// Which item.
    #[schema(value_type = String)]
    item: RoomItem,
    /// `in_order`, `faulty`, `not_applicable`.
    #[schema(value_type = String)]
    outcome: RoomOutcome,
    /// Free text.
    #[serde(default)]
    note: String,
    /// Evidence by content hash (SHA-256, hex).
    #[serde(default)]
    photo: Option<String>,
    /// 电话代填: who looked, if not the caller.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    by_telephone_from: Option<PersonId>,
}

/// 看听确认.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewConfirmation {
    /// At which venue.
    #[schema(value_type = String)]
    venue: VenueId,
    /// `picture`, `sound`, `echo`, `framing`, `banner`, `background`.
    #[schema(value_type = String)]
    item: ConfirmItem,
    /// `in_order`, `faulty`, `not_applicable`.
    #[schema(value_type = String)]
    outcome: RoomOutcome,
    /// Free text.
    #[serde(default)]
    note: String,
    /// 电话代填: who saw or heard it, if not the caller.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    by_telephone_from: Option<PersonId>,
}

/// A signature.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSignature {
    /// `technical`, `organiser`, `user`.
    #[schema(value_type = String)]
    party: Party,
    /// Who signs.
    person: String,
}

#[utoipa::path(get, path = "/api/v1/rounds", tag = "rounds", params(Which),
    responses((status = 200, body = Page<RoundHead>)))]
/// Rounds with any venue of the caller's regions, oldest first.
pub(in crate::web) async fn list(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
    Query(which): Query<Which>,
) -> Json<Page<RoundHead>> {
    let snapshot = app.snapshot();
    let wanted = |round: &&std::sync::Arc<Round>| {
        let meeting = which.meeting.as_ref().is_none_or(|meeting| meeting == &round.meeting);
        meeting && round.id.0 > which.after && sees(&caller, round, &snapshot)
    };
    let mut items: Vec<RoundHead> =
        snapshot.rounds.iter().filter(wanted).take(PAGE_MAX + 1).map(|round| head(round, lang)).collect();
    let more = items.len() > PAGE_MAX;
    items.truncate(PAGE_MAX);
    let next_after = items.last().map(|round| round.id.0).filter(|_| more);
    Json(Page { items, next_after })
}

#[utoipa::path(get, path = "/api/v1/rounds/{id}", tag = "rounds", params(("id" = u64, Path)),
    responses((status = 200, body = RoundHead)))]
/// One round's head line.
pub(in crate::web) async fn show(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
    Path(id): Path<u64>,
) -> Result<Json<RoundHead>, Problem> {
    let snapshot = app.snapshot();
    Ok(Json(head(found(&caller, id, &snapshot)?, lang)))
}

#[utoipa::path(get, path = "/api/v1/rounds/{id}/matrix", tag = "rounds", params(("id" = u64, Path)),
    responses((status = 200, body = Matrix)))]
/// The matrix of a round: the venues of the caller's regions.
pub(in crate::web) async fn show_matrix(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
    Path(id): Path<u64>,
) -> Result<Json<Matrix>, Problem> {
    let snapshot = app.snapshot();
    seen_matrix(&caller, RoundId(id), &snapshot, lang).map(Json)
}

#[utoipa::path(get, path = "/api/v1/rounds/{id}/form", tag = "rounds", params(("id" = u64, Path)),
    responses((status = 200, body = String, content_type = "text/html")))]
/// The record form 调试情况记录表, to print.
pub(in crate::web) async fn form(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
    Path(id): Path<u64>,
) -> Result<Html<String>, Problem> {
    let snapshot = app.snapshot();
    let matrix = seen_matrix(&caller, RoundId(id), &snapshot, lang)?;
    Ok(Html(record_form(&matrix, &app.settings().zone, lang)))
}

#[utoipa::path(post, path = "/api/v1/rounds", tag = "rounds", request_body = NewRound,
    responses((status = 200, body = RoundOpened)))]
/// Starts a round. The caller's right must reach every venue that it tests.
pub(in crate::web) async fn open(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<NewRound>,
) -> Result<Json<RoundOpened>, Problem> {
    let snapshot = app.snapshot();
    let meeting = find(&caller, &new.meeting, &snapshot)?;
    if new.venues.is_empty() {
        caller.demand(Right::RunRehearsal, meeting.all_venues(), &snapshot.inventory)?;
    }
    caller.demand(Right::RunRehearsal, &new.venues, &snapshot.inventory)?;
    let command = Command::OpenRound { meeting: new.meeting, kind: new.kind, venues: new.venues };
    match app.command(caller.actor(), command).await? {
        Outcome::Round(round) => Ok(Json(RoundOpened { round })),
        Outcome::Done
        | Outcome::Version(_)
        | Outcome::Ordered(_)
        | Outcome::Incident(_)
        | Outcome::WouldDo(_)
        | Outcome::Refused(_) => Err(Problem::new(Code::Internal)),
    }
}

#[utoipa::path(post, path = "/api/v1/rounds/{id}/retest", tag = "rounds", params(("id" = u64, Path)),
    request_body = Retest, responses((status = 200, body = Done)))]
/// Tests again. A county technician may retest the own venue.
pub(in crate::web) async fn retest(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<u64>,
    Body(retest): Body<Retest>,
) -> Result<Json<Done>, Problem> {
    let snapshot = app.snapshot();
    let round = found(&caller, id, &snapshot)?;
    match &retest.scope {
        RetestScope::Cell(key) => caller.demand(Right::WorkAtVenue, [&key.venue], &snapshot.inventory)?,
        RetestScope::Venue(venue) => caller.demand(Right::WorkAtVenue, [venue], &snapshot.inventory)?,
        RetestScope::Link(link) => {
            caller.demand(Right::WorkAtVenue, [venue_of(link, &snapshot)?], &snapshot.inventory)?;
        }
        RetestScope::NotPassed | RetestScope::All => {
            caller.demand(Right::RunRehearsal, round.venues(), &snapshot.inventory)?;
        }
    }
    app.command(caller.actor(), Command::Retest { round: round.id, scope: retest.scope }).await?;
    Ok(Done::YES)
}

#[utoipa::path(post, path = "/api/v1/rounds/{id}/close", tag = "rounds", params(("id" = u64, Path)),
    responses((status = 200, body = Done)))]
/// Ends a round: running tests are called off.
pub(in crate::web) async fn close(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<u64>,
) -> Result<Json<Done>, Problem> {
    let snapshot = app.snapshot();
    let round = found(&caller, id, &snapshot)?;
    caller.demand(Right::RunRehearsal, round.venues(), &snapshot.inventory)?;
    app.command(caller.actor(), Command::CloseRound { round: round.id }).await?;
    Ok(Done::YES)
}

#[utoipa::path(post, path = "/api/v1/rounds/{id}/waive", tag = "rounds", params(("id" = u64, Path)),
    request_body = NewWaiver, responses((status = 200, body = Done)))]
/// Takes a cell out 免测, with a reason.
pub(in crate::web) async fn waive(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<u64>,
    Body(waiver): Body<NewWaiver>,
) -> Result<Json<Done>, Problem> {
    let snapshot = app.snapshot();
    let round = found(&caller, id, &snapshot)?.id;
    caller.demand(Right::Waive, [&waiver.key.venue], &snapshot.inventory)?;
    app.command(caller.actor(), Command::Waive { round, key: waiver.key, why: waiver.why }).await?;
    Ok(Done::YES)
}

#[utoipa::path(post, path = "/api/v1/rounds/{id}/room", tag = "rounds", params(("id" = u64, Path)),
    request_body = NewRoomRecord, responses((status = 200, body = Done)))]
/// Records a manual item 现场核对.
pub(in crate::web) async fn room(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<u64>,
    Body(record): Body<NewRoomRecord>,
) -> Result<Json<Done>, Problem> {
    let snapshot = app.snapshot();
    let round = found(&caller, id, &snapshot)?.id;
    caller.demand(Right::WorkAtVenue, [&record.venue], &snapshot.inventory)?;
    let NewRoomRecord { venue, item, outcome, note, photo, by_telephone_from } = record;
    let command = Command::RecordRoom { round, venue, item, outcome, note, photo, by_telephone_from };
    app.command(caller.actor(), command).await?;
    Ok(Done::YES)
}

#[utoipa::path(post, path = "/api/v1/rounds/{id}/confirm", tag = "rounds", params(("id" = u64, Path)),
    request_body = NewConfirmation, responses((status = 200, body = Done)))]
/// Records what somebody at the venue sees and hears 看听确认.
pub(in crate::web) async fn confirm(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<u64>,
    Body(said): Body<NewConfirmation>,
) -> Result<Json<Done>, Problem> {
    let snapshot = app.snapshot();
    let round = found(&caller, id, &snapshot)?.id;
    caller.demand(Right::WorkAtVenue, [&said.venue], &snapshot.inventory)?;
    let NewConfirmation { venue, item, outcome, note, by_telephone_from } = said;
    let command = Command::Confirm { round, venue, item, outcome, note, by_telephone_from };
    app.command(caller.actor(), command).await?;
    Ok(Done::YES)
}

#[utoipa::path(post, path = "/api/v1/rounds/{id}/signoff", tag = "rounds", params(("id" = u64, Path)),
    request_body = NewSignature, responses((status = 200, body = Done)))]
/// Signs a round 三方会签; refused while something is open. The right must reach the meeting's own region.
pub(in crate::web) async fn sign_off(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<u64>,
    Body(signature): Body<NewSignature>,
) -> Result<Json<Done>, Problem> {
    let snapshot = app.snapshot();
    let round = found(&caller, id, &snapshot)?;
    let meeting = find(&caller, &round.meeting, &snapshot)?;
    if !caller.may(Right::SignOff, &meeting.region, &snapshot.inventory) {
        return Err(Problem::new(Code::Forbidden));
    }
    let NewSignature { party, person } = signature;
    app.command(caller.actor(), Command::SignOff { round: round.id, party, person }).await?;
    Ok(Done::YES)
}

/// The matrix of the venues that the caller sees; not found where there is none.
pub(in crate::web) fn seen_matrix(
    caller: &Caller,
    id: RoundId,
    snapshot: &Snapshot,
    lang: crate::domain::lang::Lang,
) -> Result<Matrix, Problem> {
    let round = found(caller, id.0, snapshot)?;
    let sees = |venue: &VenueId| caller.reaches(Right::ReadRehearsal, venue, &snapshot.inventory);
    matrix(snapshot, round.id, lang, sees).ok_or_else(|| Problem::new(Code::NotFound))
}

/// The round, if the caller sees any of its venues.
fn found<'a>(caller: &Caller, id: u64, snapshot: &'a Snapshot) -> Result<&'a Round, Problem> {
    let round = snapshot.round(RoundId(id)).filter(|round| sees(caller, round, snapshot));
    round.map(AsRef::as_ref).ok_or_else(|| Problem::new(Code::NotFound).items(vec![format!("round {id}")]))
}

fn sees(caller: &Caller, round: &Round, snapshot: &Snapshot) -> bool {
    round.venues().into_iter().any(|venue| caller.reaches(Right::ReadRehearsal, venue, &snapshot.inventory))
}

fn venue_of<'a>(link: &LinkId, snapshot: &'a Snapshot) -> Result<&'a VenueId, Problem> {
    let link = snapshot.inventory.links.get(link).ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(&link.venue)
}

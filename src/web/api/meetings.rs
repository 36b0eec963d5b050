//! Meetings with their rounds and the roll call.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Body, Done, Page, Reader};
use crate::domain::check::{RoundId, RoundKind};
use crate::domain::id::{MeetingId, VenueId};
use crate::domain::inventory::Meeting;
use crate::domain::lang::Lang;
use crate::domain::time::{Span, Utc, Window};
use crate::engine::input::{Command, RollCallAnswer};
use crate::engine::state::Round;
use crate::engine::wording;
use crate::report::{MeetingShown, Snapshot, meeting_shown};
use crate::web::access::{Caller, Right};
use crate::web::app::App;
use crate::web::problem::{Code, Problem};

/// A meeting with its rounds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeetingDetail {
    /// The head line.
    #[serde(flatten)]
    meeting: MeetingShown,
    /// Its rounds, oldest first.
    rounds: Vec<RoundHead>,
    /// 点名: the answers so far, for venues that the caller sees.
    roll_calls: Vec<RollCallShown>,
}

/// A round's head line.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoundHead {
    /// Number.
    #[schema(value_type = u64)]
    pub(super) id: RoundId,
    /// Of which meeting.
    #[schema(value_type = String)]
    pub(super) meeting: MeetingId,
    /// What kind.
    #[schema(value_type = String)]
    pub(super) kind: RoundKind,
    /// The kind in words.
    pub(super) kind_text: String,
    /// Whether a timer opened it.
    pub(super) automatic: bool,
    /// When it began.
    #[schema(value_type = String)]
    pub(super) opened: Utc,
    /// When it ended.
    #[schema(value_type = Option<String>)]
    pub(super) ended: Option<Utc>,
    /// Cells that still wait for a judgement.
    pub(super) open: u32,
    /// Cells planned.
    pub(super) cells: usize,
}

/// A venue's answer at the roll call.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RollCallShown {
    /// Which venue.
    #[schema(value_type = String)]
    venue: VenueId,
    /// What it answered.
    #[schema(value_type = String)]
    answer: RollCallAnswer,
    /// The answer in words.
    answer_text: String,
    /// When.
    #[schema(value_type = String)]
    at: Utc,
    /// Who wrote it down.
    by: String,
}

/// An answer to record.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRollCall {
    /// Which venue.
    #[schema(value_type = String)]
    venue: VenueId,
    /// `all_in_order`, `with_problem`, `no_answer`.
    #[schema(value_type = String)]
    answer: RollCallAnswer,
}

/// 已开机可测.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewConsent {
    /// For how many minutes from now, 1–1440.
    minutes: u16,
}

#[utoipa::path(get, path = "/api/v1/meetings", tag = "meetings",
    responses((status = 200, body = Page<MeetingDetail>)))]
/// The meetings that any venue of the caller's regions takes part in, by start.
pub(in crate::web) async fn list(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
) -> Json<Page<MeetingDetail>> {
    let snapshot = app.snapshot();
    let mut meetings: Vec<&Meeting> =
        snapshot.inventory.meetings.values().filter(|meeting| sees(&caller, meeting, &snapshot)).collect();
    meetings.sort_by_key(|meeting| (meeting.starts, meeting.id.clone()));
    let items = meetings.into_iter().map(|meeting| detail(&caller, meeting, &snapshot, lang)).collect();
    Json(Page { items, next_after: None })
}

#[utoipa::path(get, path = "/api/v1/meetings/{id}", tag = "meetings", params(("id" = String, Path)),
    responses((status = 200, body = MeetingDetail)))]
/// One meeting.
pub(in crate::web) async fn show(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
    Path(id): Path<MeetingId>,
) -> Result<Json<MeetingDetail>, Problem> {
    let snapshot = app.snapshot();
    let meeting = find(&caller, &id, &snapshot)?;
    Ok(Json(detail(&caller, meeting, &snapshot, lang)))
}

#[utoipa::path(post, path = "/api/v1/meetings/{id}/rollcall", tag = "meetings", params(("id" = String, Path)),
    request_body = NewRollCall, responses((status = 200, body = Done)))]
/// Records a venue's answer at the roll call 点名.
pub(in crate::web) async fn roll_call(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<MeetingId>,
    Body(call): Body<NewRollCall>,
) -> Result<Json<Done>, Problem> {
    let snapshot = app.snapshot();
    find(&caller, &id, &snapshot)?;
    caller.demand(Right::RollCall, [&call.venue], &snapshot.inventory)?;
    let command = Command::RecordRollCall { meeting: id, venue: call.venue, answer: call.answer };
    app.command(caller.actor(), command).await?;
    Ok(Done::YES)
}

#[utoipa::path(post, path = "/api/v1/venues/{id}/consent", tag = "meetings", params(("id" = String, Path)),
    request_body = NewConsent, responses((status = 200, body = Done)))]
/// Records that a venue agrees to hall checks for a time 已开机可测.
pub(in crate::web) async fn consent(
    State(app): State<App>,
    caller: Caller,
    Path(venue): Path<VenueId>,
    Body(consent): Body<NewConsent>,
) -> Result<Json<Done>, Problem> {
    caller.demand(Right::WorkAtVenue, [&venue], &app.snapshot().inventory)?;
    if !(1..=1440).contains(&consent.minutes) {
        return Err(Problem::new(Code::BadRequest).detail("minutes 须为 1–1440", "minutes must be 1–1440"));
    }
    let from = app.now();
    let window = Window { from, until: from + Span::minutes(consent.minutes.into()) };
    app.command(caller.actor(), Command::GiveConsent { venue, window }).await?;
    Ok(Done::YES)
}

/// The meeting, if the caller sees any of its venues.
pub(super) fn find<'a>(
    caller: &Caller,
    id: &MeetingId,
    snapshot: &'a Snapshot,
) -> Result<&'a Meeting, Problem> {
    let meeting = snapshot.inventory.meetings.get(id).filter(|meeting| sees(caller, meeting, snapshot));
    meeting.ok_or_else(|| Problem::new(Code::NotFound).items(vec![id.to_string()]))
}

fn sees(caller: &Caller, meeting: &Meeting, snapshot: &Snapshot) -> bool {
    meeting.all_venues().any(|venue| caller.reaches(Right::ReadRehearsal, venue, &snapshot.inventory))
}

fn detail(caller: &Caller, meeting: &Meeting, snapshot: &Snapshot, lang: Lang) -> MeetingDetail {
    let rounds = snapshot.rounds.iter().filter(|round| round.meeting == meeting.id);
    let calls = snapshot.roll_calls.get(&meeting.id).into_iter().flatten();
    let seen = calls.filter(|(venue, _)| caller.reaches(Right::ReadRehearsal, venue, &snapshot.inventory));
    MeetingDetail {
        meeting: meeting_shown(&snapshot.inventory, meeting, snapshot.at, lang),
        rounds: rounds.map(|round| head(round, lang)).collect(),
        roll_calls: seen
            .map(|(venue, call)| RollCallShown {
                venue: venue.clone(),
                answer: call.answer,
                answer_text: wording::roll_call(call.answer, lang).to_owned(),
                at: call.at,
                by: call.by.to_string(),
            })
            .collect(),
    }
}

/// A round's head line.
pub(super) fn head(round: &Round, lang: Lang) -> RoundHead {
    RoundHead {
        id: round.id,
        meeting: round.meeting.clone(),
        kind: round.kind,
        kind_text: wording::round_kind(round.kind, lang).to_owned(),
        automatic: round.automatic,
        opened: round.opened,
        ended: round.ended.map(|end| end.at),
        open: round.open,
        cells: round.cells.len(),
    }
}

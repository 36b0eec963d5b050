//! The checklist of one venue, for whoever came with its link: what is asked, how it stands, a test of the own line.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Body, Done, Reader};
use crate::domain::check::{ConfirmItem, RoomItem, RoundId};
use crate::domain::id::{MeetingId, VenueId};
use crate::engine::input::{Command, RetestScope, RoomOutcome};
use crate::report::{Matrix, Snapshot, matrix};
use crate::web::access::{Caller, Standing};
use crate::web::app::App;
use crate::web::problem::{Code, Problem};

/// Longest note, characters.
const NOTE_MAX: usize = 1_000;

/// What is asked of a venue.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChecklistShown {
    /// Which venue.
    #[schema(value_type = String)]
    venue: VenueId,
    /// Its name.
    name: String,
    /// The newest round of the meeting with this venue alone; nothing before the first.
    matrix: Option<Matrix>,
}

/// What somebody at the venue found.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Found {
    /// 现场核对: `lighting`, `led`, … Either this or `confirm`.
    #[schema(value_type = Option<String>)]
    room: Option<RoomItem>,
    /// 看听确认: `picture`, `sound`, `echo`, `framing`, `banner`, `background`.
    #[schema(value_type = Option<String>)]
    confirm: Option<ConfirmItem>,
    /// `in_order`, `faulty`, `not_applicable`.
    #[schema(value_type = String)]
    outcome: RoomOutcome,
    /// In their words.
    #[serde(default)]
    #[schema(max_length = 1000)]
    note: String,
}

#[utoipa::path(get, path = "/api/v1/checklist", tag = "checklist",
    responses((status = 200, body = ChecklistShown)))]
/// The checklist of the venue whose link was followed.
pub(in crate::web) async fn show(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
) -> Result<Json<ChecklistShown>, Problem> {
    let (meeting, venue) = opened(&caller)?;
    let snapshot = app.snapshot();
    let round = snapshot.newest_round(meeting);
    let matrix = round.and_then(|round| matrix(&snapshot, round.id, lang, |other| other == venue));
    let name = snapshot.inventory.venues.get(venue).map_or_else(|| venue.to_string(), |it| it.name.clone());
    Ok(Json(ChecklistShown { venue: venue.clone(), name, matrix }))
}

#[utoipa::path(post, path = "/api/v1/checklist", tag = "checklist", request_body = Found,
    responses((status = 200, body = Done)))]
/// Records one item of the checklist.
pub(in crate::web) async fn record(
    State(app): State<App>,
    caller: Caller,
    Body(found): Body<Found>,
) -> Result<Json<Done>, Problem> {
    let (meeting, venue) = opened(&caller)?;
    let round = newest(&app.snapshot(), meeting)?;
    let Found { room, confirm, outcome, note } = found;
    if note.chars().count() > NOTE_MAX {
        return Err(Problem::new(Code::TooLarge).items(vec!["note".to_owned()]));
    }
    let (venue, by_telephone_from) = (venue.clone(), None);
    let command = match (room, confirm) {
        (Some(item), None) => {
            Command::RecordRoom { round, venue, item, outcome, note, photo: None, by_telephone_from }
        }
        (None, Some(item)) => Command::Confirm { round, venue, item, outcome, note, by_telephone_from },
        (Some(_), Some(_)) | (None, None) => {
            return Err(Problem::new(Code::BadRequest).items(vec!["room | confirm".to_owned()]));
        }
    };
    app.command(caller.actor(), command).await?;
    Ok(Done::YES)
}

#[utoipa::path(post, path = "/api/v1/checklist/retest", tag = "checklist",
    responses((status = 200, body = Done)))]
/// Tests the venue's own lines again, as far as the round and the moment allow.
pub(in crate::web) async fn retest(State(app): State<App>, caller: Caller) -> Result<Json<Done>, Problem> {
    let (meeting, venue) = opened(&caller)?;
    let round = newest(&app.snapshot(), meeting)?;
    let scope = RetestScope::Venue(venue.clone());
    app.command(caller.actor(), Command::Retest { round, scope }).await?;
    Ok(Done::YES)
}

/// What the caller's link opens.
fn opened(caller: &Caller) -> Result<(&MeetingId, &VenueId), Problem> {
    match &caller.standing {
        Standing::Checklist { meeting, venue } => Ok((meeting, venue)),
        Standing::Account | Standing::MustChange | Standing::Wallboard => Err(Problem::new(Code::Forbidden)),
    }
}

fn newest(snapshot: &Snapshot, meeting: &MeetingId) -> Result<RoundId, Problem> {
    snapshot.newest_round(meeting).map(|round| round.id).ok_or_else(|| Problem::new(Code::NotFound))
}

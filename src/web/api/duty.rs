//! 值班: who is on duty, what is wrong with the roster, who was told of what, and handovers.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Body, Done};
use crate::domain::id::{PersonId, RegionId, ShiftId};
use crate::domain::inventory::{DutyFlaw, Shift};
use crate::domain::time::Utc;
use crate::engine::input::{Command, DutyAsk};
use crate::engine::state::{Handover, Paging};
use crate::web::access::{Caller, Right};
use crate::web::app::App;
use crate::web::problem::{Code, Problem};

/// The roster, who is on duty, who was told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DutyShown {
    /// Shifts that are on or ahead, the next first.
    shifts: Vec<ShiftShown>,
    /// 交接班, the latest last.
    #[schema(value_type = Vec<Object>)]
    handovers: Vec<Handover>,
    /// Who was told of which incident, and why; who is next and when.
    #[schema(value_type = Vec<Object>)]
    paging: Vec<Paging>,
}

/// A shift.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShiftShown {
    /// Identifier.
    #[schema(value_type = String)]
    id: ShiftId,
    /// Where.
    #[schema(value_type = String)]
    region: RegionId,
    /// From when.
    #[schema(value_type = String)]
    from: Utc,
    /// Until when.
    #[schema(value_type = String)]
    until: Utc,
    /// Whether it is on now.
    now: bool,
    /// The operators, A角 first, those who stand in put in their places.
    #[schema(value_type = Vec<String>)]
    operators: Vec<PersonId>,
    /// 带班领导.
    #[schema(value_type = Option<String>)]
    leader: Option<PersonId>,
    /// What is wrong with it: fewer than two operators, no leader, another shift at the same time.
    #[schema(value_type = Vec<Object>)]
    flaws: Vec<DutyFlaw>,
}

/// What somebody asks of duty.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub(crate) struct AskedOfDuty(DutyAsk);

#[utoipa::path(get, path = "/api/v1/duty", tag = "duty", responses((status = 200, body = DutyShown)))]
/// Who is on duty, what is wrong with the roster, and who was told of what.
pub(in crate::web) async fn show(State(app): State<App>, caller: Caller) -> Json<DutyShown> {
    let snapshot = app.snapshot();
    let inventory = &snapshot.inventory;
    let mut shifts: Vec<&Shift> =
        inventory.shifts.values().filter(|shift| shift.window.until > snapshot.at).collect();
    shifts.retain(|shift| caller.may(Right::ReadIncidents, &shift.region, inventory));
    shifts.sort_by_key(|shift| shift.window.from);
    let shown = |shift: &&Shift| {
        let duty = shift.effective();
        ShiftShown {
            id: shift.id.clone(),
            region: shift.region.clone(),
            from: shift.window.from,
            until: shift.window.until,
            now: shift.window.contains(snapshot.at),
            operators: duty.operators,
            leader: duty.leader,
            flaws: shift.flaws(inventory),
        }
    };
    let everywhere = caller.has_everywhere(Right::ReadIncidents);
    let duty = &snapshot.duty;
    let (handovers, paging) = match everywhere {
        true => (duty.handovers.clone(), duty.paging.values().cloned().collect()),
        false => (Vec::new(), Vec::new()),
    };
    Json(DutyShown { shifts: shifts.iter().map(shown).collect(), handovers, paging })
}

#[utoipa::path(post, path = "/api/v1/duty", tag = "duty", request_body = AskedOfDuty,
    responses((status = 200, body = Done)))]
/// Hands duty over to the next shift, or takes it over.
pub(in crate::web) async fn ask(
    State(app): State<App>,
    caller: Caller,
    Body(AskedOfDuty(ask)): Body<AskedOfDuty>,
) -> Result<Json<Done>, Problem> {
    let snapshot = app.snapshot();
    let (DutyAsk::HandOver { from, .. } | DutyAsk::TakeOver { from, .. }) = &ask;
    let shift = snapshot.inventory.shifts.get(from).ok_or_else(|| Problem::new(Code::NotFound))?;
    if !caller.may(Right::HandleIncidents, &shift.region, &snapshot.inventory) {
        return Err(Problem::new(Code::Forbidden));
    }
    app.command(caller.actor(), Command::Duty { ask }).await?;
    Ok(Done::YES)
}

//! Agents 测试机: how they are, inviting and revoking.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Body, Done, Page};
use crate::domain::actor::Actor;
use crate::domain::id::{AgentId, VenueId};
use crate::domain::time::Utc;
use crate::engine::input::Command;
use crate::observation::AgentHealth;
use crate::report::AgentView;
use crate::web::access::{Caller, Right};
use crate::web::app::App;
use crate::web::problem::{Code, Problem};

/// An agent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AgentShown {
    /// Which.
    #[schema(value_type = String)]
    id: AgentId,
    /// Where.
    #[schema(value_type = String)]
    venue: VenueId,
    /// Whether its key is known.
    enrolled: bool,
    /// Whether it is heard now.
    online: bool,
    /// How it was when last heard.
    #[schema(value_type = Option<Object>)]
    health: Option<AgentHealth>,
    /// Refused messages since the controller's start.
    refused: u64,
}

/// A one-time invitation, shown once.
#[derive(Serialize, ToSchema)]
pub(crate) struct InvitationShown {
    /// To be entered at the agent: `vcops agent --enrol TOKEN`.
    pub(in crate::web) token: String,
    /// Until when.
    #[schema(value_type = String)]
    pub(in crate::web) expires: Utc,
}

/// Why a key is revoked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Revocation {
    /// Why; must not be empty.
    why: String,
}

#[utoipa::path(get, path = "/api/v1/agents", tag = "agents", responses((status = 200, body = Page<AgentShown>)))]
/// The agents of the caller's regions.
pub(in crate::web) async fn list(State(app): State<App>, caller: Caller) -> Json<Page<AgentShown>> {
    let snapshot = app.snapshot();
    let reaches = |view: &AgentView| caller.reaches(Right::ReadInventory, &view.venue, &snapshot.inventory);
    let items = snapshot.agents.iter().filter(|(_, view)| reaches(view)).map(|(id, view)| AgentShown {
        id: id.clone(),
        venue: view.venue.clone(),
        enrolled: view.enrolled,
        online: view.online,
        health: view.health.clone(),
        refused: view.refused,
    });
    Json(Page { items: items.collect(), next_after: None })
}

#[utoipa::path(post, path = "/api/v1/agents/{id}/invitation", tag = "agents", params(("id" = String, Path)),
    responses((status = 200, body = InvitationShown)))]
/// Makes a one-time invitation; an older one stops working.
pub(in crate::web) async fn invite(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<AgentId>,
) -> Result<Json<InvitationShown>, Problem> {
    demand(&app, &caller, &id)?;
    invitation(&app, caller.actor(), id).await.map(Json)
}

/// Makes an invitation on behalf of `actor`, whose right was checked.
pub(in crate::web) async fn invitation(
    app: &App,
    actor: Actor,
    agent: AgentId,
) -> Result<InvitationShown, Problem> {
    let invitation = app.ports().invitations.invite(&agent);
    let expires = app.now() + app.settings().invitation_life;
    let command = Command::InviteAgent { agent, secret_hash: invitation.secret_hash, expires };
    app.command(actor, command).await?;
    Ok(InvitationShown { token: invitation.token, expires })
}

#[utoipa::path(post, path = "/api/v1/agents/{id}/revoke", tag = "agents", params(("id" = String, Path)),
    request_body = Revocation, responses((status = 200, body = Done)))]
/// Revokes an agent's key.
pub(in crate::web) async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<AgentId>,
    Body(revocation): Body<Revocation>,
) -> Result<Json<Done>, Problem> {
    demand(&app, &caller, &id)?;
    app.command(caller.actor(), Command::RevokeAgent { agent: id, why: revocation.why }).await?;
    Ok(Done::YES)
}

fn demand(app: &App, caller: &Caller, id: &AgentId) -> Result<(), Problem> {
    let snapshot = app.snapshot();
    let missing = || Problem::new(Code::NotFound).items(vec![id.to_string()]);
    let agent = snapshot.inventory.agents.get(id).ok_or_else(missing)?;
    caller.demand(Right::WriteInventory, [&agent.venue], &snapshot.inventory)
}

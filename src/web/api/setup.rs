//! First run: the one-time token makes the first security administrator; there is no default account.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::session::signed_in;
use super::{Body, Reader};
use crate::domain::actor::{Grant, Role};
use crate::domain::id::UserId;
use crate::store::identity::Redeemed;
use crate::web::account::{SETUP, User};
use crate::web::app::App;
use crate::web::guard::Peer;
use crate::web::password;
use crate::web::problem::{Code, Problem};
use crate::web::token::{Secret, TokenHash};

/// Whether the system is set up.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SetupShown {
    /// Whether there is a user.
    set_up: bool,
}

/// The first security administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FirstUser {
    /// The token that the first run printed.
    #[schema(value_type = String, format = Password)]
    token: Secret,
    /// Name to sign in with.
    #[schema(value_type = String)]
    user: UserId,
    /// Shown name.
    name: String,
    /// Password.
    #[schema(value_type = String, format = Password)]
    password: Secret,
}

#[utoipa::path(get, path = "/api/v1/setup", tag = "setup", responses((status = 200, body = SetupShown)))]
/// Whether the system is set up.
pub(in crate::web) async fn show(State(app): State<App>) -> Result<Json<SetupShown>, Problem> {
    Ok(Json(SetupShown { set_up: app.is_set_up().await? }))
}

#[utoipa::path(post, path = "/api/v1/setup", tag = "setup", request_body = FirstUser,
    responses((status = 200, body = super::session::SessionShown)))]
/// Makes the first security administrator and signs in. The token works once.
pub(in crate::web) async fn complete(
    State(app): State<App>,
    Reader(lang): Reader,
    peer: Peer,
    Body(first): Body<FirstUser>,
) -> Result<Response, Problem> {
    if !peer.local || app.is_set_up().await? {
        return Err(Problem::new(Code::BadToken));
    }
    password::check(first.password.reveal(), &first.user)?;
    let user = User {
        id: first.user,
        name: first.name,
        grants: vec![Grant { role: Role::SecurityAdmin, region: None }],
        password: Some(app.hasher().hash(first.password).await?),
        disabled: false,
    };
    let token = TokenHash::of(first.token.reveal());
    let redeemed = app.store().put_user_with_token(&user.to_row(), &token.0, SETUP, app.now()).await?;
    match redeemed {
        Redeemed::Good { .. } => {
            app.note_set_up();
            app.record_identity(crate::domain::actor::Actor::Vcops, "set_up", user.id.as_str()).await;
            signed_in(&app, user, peer, lang).await
        }
        Redeemed::Unknown | Redeemed::Used | Redeemed::Expired => Err(Problem::new(Code::BadToken)),
    }
}

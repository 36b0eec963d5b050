//! The second factor of the own account: making its secret, confirming it, and taking it from somebody who lost it.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::users::managed;
use super::{Body, Done};
use crate::domain::id::UserId;
use crate::web::access::{Caller, Standing};
use crate::web::app::App;
use crate::web::credential;
use crate::web::problem::{Code, Problem};

/// A secret to be put into an authenticator; shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecondFactorMade {
    /// Base32, to be typed.
    secret: String,
    /// The same as an address that authenticators read: `otpauth://totp/…`.
    uri: String,
}

impl std::fmt::Debug for SecondFactorMade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecondFactorMade(…)")
    }
}

/// A code of the authenticator.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FirstCode {
    /// Six digits.
    code: String,
}

#[utoipa::path(post, path = "/api/v1/session/second-factor", tag = "session",
    responses((status = 200, body = SecondFactorMade)))]
/// Makes a secret for the own second factor. It is asked for only after a code of it was given.
pub(in crate::web) async fn make(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<SecondFactorMade>, Problem> {
    own(&caller)?;
    caller.demand_proof(&app)?;
    let mut kept = credential::of(&app, &caller.user).await?;
    if kept.totp_active {
        return Err(Problem::new(Code::Exists));
    }
    let secret = credential::new_secret();
    let uri = credential::uri(&caller.user, &secret).ok_or_else(|| Problem::new(Code::Internal))?;
    (kept.totp_secret, kept.totp_step) = (secret.clone(), 0);
    app.store().put_credential(&kept).await?;
    Ok(Json(SecondFactorMade { secret, uri }))
}

#[utoipa::path(put, path = "/api/v1/session/second-factor", tag = "session", request_body = FirstCode,
    responses((status = 200, body = Done)))]
/// Confirms the second factor by a code; from now on it is asked for.
pub(in crate::web) async fn confirm(
    State(app): State<App>,
    caller: Caller,
    Body(first): Body<FirstCode>,
) -> Result<Json<Done>, Problem> {
    own(&caller)?;
    caller.demand_proof(&app)?;
    let mut kept = credential::of(&app, &caller.user).await?;
    let step = credential::step_of(&caller.user, &kept.totp_secret, &first.code, app.now());
    let step = step.filter(|_| !kept.totp_active).ok_or_else(|| Problem::new(Code::BadCredentials))?;
    (kept.totp_active, kept.totp_step) = (true, step);
    app.store().put_credential(&kept).await?;
    app.record_identity(caller.actor(), "second_factor_on", caller.user.as_str()).await;
    Ok(Done::YES)
}

#[utoipa::path(delete, path = "/api/v1/users/{id}/second-factor", tag = "users", params(("id" = String, Path)),
    responses((status = 200, body = Done)))]
/// Takes a user's second factor off: the telephone is lost. It ends their sessions.
pub(in crate::web) async fn take_off(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<UserId>,
) -> Result<Json<Done>, Problem> {
    let user = managed(&app, &caller, &id).await?;
    caller.demand_proof(&app)?;
    let mut kept = credential::of(&app, &user.id).await?;
    (kept.totp_active, kept.totp_secret) = (false, String::new());
    app.store().put_credential(&kept).await?;
    app.store().end_sessions(&id, None).await?;
    app.record_identity(caller.actor(), "second_factor_off", id.as_str()).await;
    Ok(Done::YES)
}

/// Refuses who has no account.
fn own(caller: &Caller) -> Result<(), Problem> {
    match caller.standing {
        Standing::Account | Standing::MustChange => Ok(()),
        Standing::Wallboard | Standing::Checklist { .. } => Err(Problem::new(Code::Forbidden)),
    }
}

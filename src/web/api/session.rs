//! Signing in and out.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Body, Done, Reader};
use crate::domain::actor::{Actor, Grant};
use crate::domain::id::UserId;
use crate::domain::lang::Lang;
use crate::report::role_word;
use crate::web::access::Caller;
use crate::web::account::{User, attempt_key, open_session, user};
use crate::web::app::App;
use crate::web::guard::{Peer, cookie, cookie_name};
use crate::web::problem::{Code, Problem};
use crate::web::token::{Secret, TokenHash};
use crate::web::{lockout, password};

/// Name and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    /// Name to sign in with.
    user: String,
    /// Password.
    #[schema(value_type = String, format = Password)]
    password: Secret,
}

/// A one-time link's token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkToken {
    /// The text behind `?login=`.
    #[schema(value_type = String, format = Password)]
    token: Secret,
}

/// A change of the own password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    /// The password until now.
    #[schema(value_type = String, format = Password)]
    old: Secret,
    /// The password from now on.
    #[schema(value_type = String, format = Password)]
    new: Secret,
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionShown {
    /// Name to sign in with.
    #[schema(value_type = String)]
    user: UserId,
    /// Shown name.
    name: String,
    /// What, where.
    grants: Vec<GrantShown>,
    /// Whether the connection is protected by TLS; if not, the page carries a banner.
    tls: bool,
    /// Version of the program.
    version: &'static str,
}

/// A role in a region, with its words.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GrantShown {
    /// The role.
    role: String,
    /// The role in words.
    role_text: String,
    /// The region; `None`: everywhere.
    region: Option<String>,
    /// The region's shown name.
    region_text: String,
}

#[utoipa::path(get, path = "/api/v1/session", tag = "session", responses((status = 200, body = SessionShown)))]
/// Who is signed in.
pub(in crate::web) async fn show(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
) -> Json<SessionShown> {
    Json(shown(&app, caller, lang))
}

#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = Credentials,
    responses((status = 200, body = SessionShown)))]
/// Signs in with name and password; sets the session cookie.
pub(in crate::web) async fn open(
    State(app): State<App>,
    Reader(lang): Reader,
    peer: Peer,
    Body(credentials): Body<Credentials>,
) -> Result<Response, Problem> {
    let id = UserId::parse(&credentials.user).map_err(|_| Problem::new(Code::BadCredentials))?;
    let key = attempt_key(&id, peer.address);
    let locked = count(&app, &key).await?;
    let found = user(app.store(), &id).await?.filter(|user| !user.disabled);
    let hash = found.as_ref().and_then(|user| user.password.clone());
    let fits = app.hasher().verify(credentials.password, hash).await?;
    match found.filter(|_| fits) {
        Some(user) => {
            app.store().clear_failures(&key).await?;
            signed_in(&app, user, peer, lang).await
        }
        None => {
            tally(&app, "refused");
            if locked {
                app.record_identity(Actor::Vcops, "locked_out", &key).await;
            }
            Err(Problem::new(Code::BadCredentials))
        }
    }
}

/// Counts an attempt as failed before it is looked at, so that guesses in parallel cannot slip through together; a
/// success clears the count. Tells whether this failure would begin a lock-out.
async fn count(app: &App, key: &str) -> Result<bool, Problem> {
    let _one_at_a_time = app.sign_in().lock().await;
    let now = app.now();
    let before = app.store().failures(key).await?;
    if let Some(wait) = lockout::wait(before, now) {
        tally(app, "locked_out");
        return Err(Problem::new(Code::LockedOut).retry_after(wait));
    }
    let after = app.store().count_failure(key, lockout::rule(before), now).await?;
    Ok(lockout::wait(after, now).is_some() && lockout::wait(before, now).is_none())
}

fn tally(app: &App, outcome: &str) {
    app.ports().counters.sign_ins.with_label_values(&[outcome]).inc();
}

#[utoipa::path(post, path = "/api/v1/session/link", tag = "session", request_body = LinkToken,
    responses((status = 200, body = SessionShown)))]
/// Signs in with a one-time link: on loopback only, once, and shortly after it was made.
pub(in crate::web) async fn open_link(
    State(app): State<App>,
    Reader(lang): Reader,
    peer: Peer,
    Body(link): Body<LinkToken>,
) -> Result<Response, Problem> {
    let bad = || Problem::new(Code::BadToken);
    if !peer.local {
        return Err(bad());
    }
    let id = app.spend_link(&TokenHash::of(link.token.reveal())).await.ok_or_else(bad)?;
    let user = user(app.store(), &id).await?.filter(|user| !user.disabled).ok_or_else(bad)?;
    signed_in(&app, user, peer, lang).await
}

/// Opens the session and answers with its cookie.
pub(super) async fn signed_in(app: &App, user: User, peer: Peer, lang: Lang) -> Result<Response, Problem> {
    let life = app.settings().session.absolute;
    let token = open_session(app.store(), &user.id, peer.address, life, app.now()).await?;
    tally(app, "ok");
    let caller = Caller { user: user.id, name: user.name, grants: user.grants };
    app.record_identity(caller.actor(), "signed_in", caller.user.as_str()).await;
    let cookie = set_cookie(app, token.reveal(), life.0 / 1_000_000);
    Ok(([(SET_COOKIE, cookie)], Json(shown(app, caller, lang))).into_response())
}

fn set_cookie(app: &App, value: &str, seconds: u64) -> String {
    let tls = app.settings().tls;
    let secure = if tls { "; Secure" } else { "" };
    format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}", cookie_name(tls))
}

#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 200, body = Done)))]
/// Signs out.
pub(in crate::web) async fn close(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(token) = cookie(&headers, app.settings().tls) {
        app.store().end_session(&token.0).await?;
    }
    app.record_identity(caller.actor(), "signed_out", caller.user.as_str()).await;
    Ok(([(SET_COOKIE, set_cookie(&app, "", 0))], Done::YES).into_response())
}

#[utoipa::path(put, path = "/api/v1/session/password", tag = "session", request_body = NewPassword,
    responses((status = 200, body = Done)))]
/// Changes the own password and ends every other session.
pub(in crate::web) async fn change_password(
    State(app): State<App>,
    caller: Caller,
    peer: Peer,
    headers: HeaderMap,
    Body(passwords): Body<NewPassword>,
) -> Result<Json<Done>, Problem> {
    password::check(passwords.new.reveal(), &caller.user)?;
    let key = attempt_key(&caller.user, peer.address);
    count(&app, &key).await?;
    let mut user = user(app.store(), &caller.user).await?.ok_or_else(|| Problem::new(Code::NotSignedIn))?;
    if !app.hasher().verify(passwords.old, user.password.clone()).await? {
        return Err(Problem::new(Code::BadCredentials));
    }
    app.store().clear_failures(&key).await?;
    user.password = Some(app.hasher().hash(passwords.new).await?);
    app.store().put_user(&user.to_row(), app.now()).await?;
    let own = cookie(&headers, app.settings().tls);
    app.store().end_sessions(&caller.user, own.as_ref().map(|token| &token.0)).await?;
    app.record_identity(caller.actor(), "password_changed", caller.user.as_str()).await;
    Ok(Done::YES)
}

fn shown(app: &App, caller: Caller, lang: Lang) -> SessionShown {
    let snapshot = app.snapshot();
    let grant = |grant: &Grant| grant_shown(grant, &snapshot.inventory, lang);
    SessionShown {
        grants: caller.grants.iter().map(grant).collect(),
        user: caller.user,
        name: caller.name,
        tls: app.settings().tls,
        version: env!("CARGO_PKG_VERSION"),
    }
}

/// A grant with its words.
pub(super) fn grant_shown(
    grant: &Grant,
    inventory: &crate::domain::inventory::Inventory,
    lang: Lang,
) -> GrantShown {
    let role = serde_json::to_value(grant.role).expect("a role is a word");
    let name = |id: &crate::domain::id::RegionId| {
        inventory.regions.get(id).map_or_else(|| id.to_string(), |region| region.name.clone())
    };
    GrantShown {
        role: role.as_str().unwrap_or_default().to_owned(),
        role_text: role_word(grant.role, lang).to_owned(),
        region: grant.region.as_ref().map(ToString::to_string),
        region_text: grant
            .region
            .as_ref()
            .map_or_else(|| lang.pick("全部区域", "everywhere").to_owned(), name),
    }
}

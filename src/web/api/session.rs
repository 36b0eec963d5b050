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
use crate::domain::time::Utc;
use crate::engine::input::BREAK_GLASS_USED;
use crate::report::role_word;
use crate::web::access::{Caller, Standing};
use crate::web::account::{User, attempt_key, open_session, user};
use crate::web::app::App;
use crate::web::credential;
use crate::web::guard::{Peer, cookie, cookie_name, standing};
use crate::web::pass::Opens;
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
    /// The code of the second factor, for who has one.
    #[serde(default)]
    code: Option<String>,
}

/// The password once more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Proof {
    /// Password.
    #[schema(value_type = String, format = Password)]
    password: Secret,
    /// The code of the second factor, for who has one.
    #[serde(default)]
    code: Option<String>,
}

/// For how long a password counts as proof.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct Proved {
    /// Until then.
    #[schema(value_type = String)]
    proved_until: Utc,
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
    /// Whether the password must be changed before anything else.
    must_change_password: bool,
    /// Until when the password that was given counts as proof for what disturbs.
    #[schema(value_type = Option<String>)]
    proved_until: Option<Utc>,
    /// What a pass opens, where one was used instead of an account.
    opens: Option<Opens>,
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
            second_factor(&app, &user.id, credentials.code.as_deref()).await?;
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

/// Refuses unless the user has no second factor, or the code is good and was not used before.
async fn second_factor(app: &App, user: &UserId, code: Option<&str>) -> Result<(), Problem> {
    let kept = credential::of(app, user).await?;
    if !kept.totp_active {
        return Ok(());
    }
    let code = code.ok_or_else(|| Problem::new(Code::SecondFactorNeeded))?;
    let step = credential::step_of(user, &kept.totp_secret, code, app.now());
    let bad = || Problem::new(Code::BadCredentials);
    let step = step.filter(|step| *step > kept.totp_step).ok_or_else(bad)?;
    if app.store().use_totp_step(user, step).await? { Ok(()) } else { Err(bad()) }
}

#[utoipa::path(post, path = "/api/v1/session/proof", tag = "session", request_body = Proof,
    responses((status = 200, body = Proved)))]
/// Gives the password once more: for some minutes it counts as proof for what disturbs a meeting.
pub(in crate::web) async fn prove(
    State(app): State<App>,
    caller: Caller,
    peer: Peer,
    headers: HeaderMap,
    Body(proof): Body<Proof>,
) -> Result<Json<Proved>, Problem> {
    let key = attempt_key(&caller.user, peer.address);
    let locked = count(&app, &key).await?;
    let found = user(app.store(), &caller.user).await?.ok_or_else(|| Problem::new(Code::NotSignedIn))?;
    if !app.hasher().verify(proof.password, found.password).await? {
        if locked {
            app.record_identity(Actor::Vcops, "locked_out", &key).await;
        }
        return Err(Problem::new(Code::BadCredentials));
    }
    second_factor(&app, &caller.user, proof.code.as_deref()).await?;
    app.store().clear_failures(&key).await?;
    let token = cookie(&headers, app.settings().tls).ok_or_else(|| Problem::new(Code::NotSignedIn))?;
    let now = app.now();
    app.store().prove_session(&token.0, now).await?;
    app.record_identity(caller.actor(), "password_proved", caller.user.as_str()).await;
    Ok(Json(Proved { proved_until: now + app.settings().accounts.proof }))
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
    let (standing, proved) = (standing(app, &user.id).await?, app.now());
    let caller = Caller { user: user.id, name: user.name, grants: user.grants, proved, standing };
    app.record_identity(caller.actor(), "signed_in", caller.user.as_str()).await;
    if credential::of(app, &caller.user).await?.break_glass {
        let subject = format!("{} from {}", caller.user, peer.address);
        app.record_identity(caller.actor(), BREAK_GLASS_USED, &subject).await;
    }
    let cookie = set_cookie(app, token.reveal(), life.0 / 1_000_000);
    Ok(([(SET_COOKIE, cookie)], Json(shown(app, caller, lang))).into_response())
}

pub(super) fn set_cookie(app: &App, value: &str, seconds: u64) -> String {
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
    change_to(&app, &mut user, passwords.new, app.now()).await?;
    let own = cookie(&headers, app.settings().tls);
    app.store().end_sessions(&caller.user, own.as_ref().map(|token| &token.0)).await?;
    app.record_identity(caller.actor(), "password_changed", caller.user.as_str()).await;
    Ok(Done::YES)
}

/// Gives a user a new password, set at `at`; zero for one that is to be changed by its owner. It must be none of those
/// before it.
pub(super) async fn change_to(app: &App, user: &mut User, new: Secret, at: Utc) -> Result<(), Problem> {
    let mut kept = credential::of(app, &user.id).await?;
    credential::not_used_before(app.hasher(), &new, user.password.as_ref(), &kept.history).await?;
    let until_now = user.password.replace(app.hasher().hash(new).await?);
    kept.history = credential::remembered(kept.history, until_now, app.settings().accounts.password_history);
    kept.password_at = at;
    app.store().put_user(&user.to_row(), app.now()).await?;
    app.store().put_credential(&kept).await?;
    Ok(())
}

fn shown(app: &App, caller: Caller, lang: Lang) -> SessionShown {
    let snapshot = app.snapshot();
    let grant = |grant: &Grant| grant_shown(grant, &snapshot.inventory, lang);
    let opens = opens(&caller);
    let until = caller.proved + app.settings().accounts.proof;
    let proved_until = (until > app.now()).then_some(until);
    SessionShown {
        grants: caller.grants.iter().map(grant).collect(),
        user: caller.user,
        name: caller.name,
        tls: app.settings().tls,
        must_change_password: caller.standing == Standing::MustChange,
        proved_until,
        opens,
        version: env!("CARGO_PKG_VERSION"),
    }
}

/// What a pass opens; nothing for an account.
fn opens(caller: &Caller) -> Option<Opens> {
    match &caller.standing {
        Standing::Account | Standing::MustChange => None,
        Standing::Wallboard => {
            let region = caller.grants.first().and_then(|grant| grant.region.clone());
            Some(Opens::Wallboard { region })
        }
        Standing::Checklist { meeting, venue } => {
            Some(Opens::Checklist { meeting: meeting.clone(), venue: venue.clone() })
        }
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

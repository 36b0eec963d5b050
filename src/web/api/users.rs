//! Users and their roles: the security administrator's work.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::session::{GrantShown, change_to, grant_shown};
use super::{Body, Done, Page, Reader};
use crate::domain::actor::{Actor, Grant, Role};
use crate::domain::id::UserId;
use crate::domain::inventory::Inventory;
use crate::domain::lang::Lang;
use crate::domain::time::Utc;
use crate::engine::input::BREAK_GLASS_SEALED;
use crate::store::credential::Credential;
use crate::web::access::{Caller, Right};
use crate::web::account::{User, user};
use crate::web::app::App;
use crate::web::credential;
use crate::web::pass::is_reserved;
use crate::web::password;
use crate::web::problem::{Code, Problem};
use crate::web::token::Secret;

/// A user as the administrator sees one.
#[expect(clippy::struct_excessive_bools, reason = "four facts that have nothing to do with one another")]
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserShown {
    /// Name to sign in with.
    #[schema(value_type = String)]
    id: UserId,
    /// Shown name.
    name: String,
    /// What, where.
    grants: Vec<GrantShown>,
    /// Whether signing in is off.
    disabled: bool,
    /// Whether there is a password.
    has_password: bool,
    /// When it was set; nothing where that is not known or another set it.
    #[schema(value_type = Option<String>)]
    password_at: Option<Utc>,
    /// Whether a second factor is asked for.
    second_factor: bool,
    /// Whether it is an account for emergencies 应急账号, whose use raises an alarm.
    break_glass: bool,
}

/// A session of a user.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserSession {
    /// When it began.
    #[schema(value_type = String)]
    created: Utc,
    /// When it was last used, to the minute.
    #[schema(value_type = String)]
    last_seen: Utc,
    /// When it ends whatever happens.
    #[schema(value_type = String)]
    expires: Utc,
    /// From which address it began.
    address: String,
}

/// How many sessions were ended.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct SessionsEnded {
    /// How many.
    ended: u64,
}

/// A new user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    /// Name to sign in with.
    #[schema(value_type = String)]
    pub(in crate::web) id: UserId,
    /// Shown name.
    pub(in crate::web) name: String,
    /// First password; to be changed by its owner.
    #[schema(value_type = String, format = Password)]
    pub(in crate::web) password: Secret,
    /// What, where: `{"role": "technician", "region": "city"}`.
    #[schema(value_type = Vec<Object>)]
    pub(in crate::web) grants: Vec<Grant>,
}

/// A change of a user; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserChange {
    /// Shown name.
    name: Option<String>,
    /// What, where.
    #[schema(value_type = Option<Vec<Object>>)]
    grants: Option<Vec<Grant>>,
    /// Whether signing in is off.
    disabled: Option<bool>,
    /// Whether it is an account for emergencies 应急账号.
    break_glass: Option<bool>,
}

/// A password set by the administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetPassword {
    /// The password from now on.
    #[schema(value_type = String, format = Password)]
    password: Secret,
}

#[utoipa::path(get, path = "/api/v1/users", tag = "users", responses((status = 200, body = Page<UserShown>)))]
/// The users within the caller's regions.
pub(in crate::web) async fn list(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
) -> Result<Json<Page<UserShown>>, Problem> {
    let snapshot = app.snapshot();
    let users = app.store().users().await?.into_iter().map(User::from_row);
    let mut items = Vec::new();
    for user in users.filter(|user| covers(&caller, &user.grants, &snapshot.inventory)) {
        let kept = app.store().credential(&user.id).await?;
        items.push(shown(user, kept.as_ref(), &snapshot.inventory, lang));
    }
    Ok(Json(Page { items, next_after: None }))
}

#[utoipa::path(post, path = "/api/v1/users", tag = "users", request_body = NewUser,
    responses((status = 200, body = Done)))]
/// Adds a user.
pub(in crate::web) async fn add(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<NewUser>,
) -> Result<Json<Done>, Problem> {
    if !covers(&caller, &new.grants, &app.snapshot().inventory) {
        return Err(Problem::new(Code::Forbidden));
    }
    caller.demand_proof(&app)?;
    let id = new.id.clone();
    create(&app, caller.actor(), new).await?;
    // Who made the account knows the password: its owner changes it first.
    let by_another = Credential { password_at: Utc(0), ..credential::none(&id, app.now()) };
    app.store().put_credential(&by_another).await?;
    Ok(Done::YES)
}

/// Adds a user on behalf of `actor`, whose right was checked.
pub(in crate::web) async fn create(app: &App, actor: Actor, new: NewUser) -> Result<(), Problem> {
    apart(&new.grants)?;
    password::check(new.password.reveal(), &new.id)?;
    if is_reserved(&new.id) || user(app.store(), &new.id).await?.is_some() {
        return Err(Problem::new(Code::Exists).items(vec![new.id.to_string()]));
    }
    let password = Some(app.hasher().hash(new.password).await?);
    let made = User { id: new.id, name: new.name, grants: new.grants, password, disabled: false };
    app.store().put_user(&made.to_row(), app.now()).await?;
    app.store().put_credential(&credential::none(&made.id, app.now())).await?;
    app.note_set_up();
    app.record_identity(actor, "user_created", &described(&made)).await;
    Ok(())
}

#[utoipa::path(patch, path = "/api/v1/users/{id}", tag = "users", request_body = UserChange,
    params(("id" = String, Path)), responses((status = 200, body = Done)))]
/// Changes a user. Nobody changes the own grants, and one security administrator always remains.
pub(in crate::web) async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<UserId>,
    Body(change): Body<UserChange>,
) -> Result<Json<Done>, Problem> {
    let mut changed = managed(&app, &caller, &id).await?;
    caller.demand_proof(&app)?;
    if let Some(name) = change.name {
        changed.name = name;
    }
    if let Some(grants) = change.grants {
        apart(&grants)?;
        changed.grants = grants;
    }
    changed.disabled = change.disabled.unwrap_or(changed.disabled);
    if !covers(&caller, &changed.grants, &app.snapshot().inventory) {
        return Err(Problem::new(Code::Forbidden));
    }
    one_remains(&app, &changed).await?;
    app.store().put_user(&changed.to_row(), app.now()).await?;
    app.record_identity(caller.actor(), "user_changed", &described(&changed)).await;
    if let Some(break_glass) = change.break_glass {
        let kept = credential::of(&app, &id).await?;
        app.store().put_credential(&Credential { break_glass, ..kept }).await?;
        let what = if break_glass { "break_glass_on" } else { "break_glass_off" };
        app.record_identity(caller.actor(), what, id.as_str()).await;
    }
    Ok(Done::YES)
}

#[utoipa::path(put, path = "/api/v1/users/{id}/password", tag = "users", request_body = SetPassword,
    params(("id" = String, Path)), responses((status = 200, body = Done)))]
/// Sets a user's password and ends their sessions.
pub(in crate::web) async fn set_password(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<UserId>,
    Body(set): Body<SetPassword>,
) -> Result<Json<Done>, Problem> {
    let mut user = managed(&app, &caller, &id).await?;
    caller.demand_proof(&app)?;
    password::check(set.password.reveal(), &user.id)?;
    change_to(&app, &mut user, set.password, Utc(0)).await?;
    app.store().end_sessions(&id, None).await?;
    app.record_identity(caller.actor(), "password_set", id.as_str()).await;
    if credential::of(&app, &id).await?.break_glass {
        app.record_identity(caller.actor(), BREAK_GLASS_SEALED, id.as_str()).await;
    }
    Ok(Done::YES)
}

#[utoipa::path(get, path = "/api/v1/users/{id}/sessions", tag = "users", params(("id" = String, Path)),
    responses((status = 200, body = Page<UserSession>)))]
/// The sessions of a user.
pub(in crate::web) async fn sessions(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<UserId>,
) -> Result<Json<Page<UserSession>>, Problem> {
    managed(&app, &caller, &id).await?;
    let all = app.store().sessions().await?.into_iter().filter(|session| session.user == id);
    let shown = all.map(|session| UserSession {
        created: session.created,
        last_seen: session.last_seen,
        expires: session.expires,
        address: session.address,
    });
    Ok(Json(Page { items: shown.collect(), next_after: None }))
}

#[utoipa::path(delete, path = "/api/v1/users/{id}/sessions", tag = "users", params(("id" = String, Path)),
    responses((status = 200, body = SessionsEnded)))]
/// Signs a user out everywhere 强制下线.
pub(in crate::web) async fn end_sessions(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<UserId>,
) -> Result<Json<SessionsEnded>, Problem> {
    managed(&app, &caller, &id).await?;
    let ended = app.store().end_sessions(&id, None).await?;
    app.record_identity(caller.actor(), "sessions_ended", id.as_str()).await;
    Ok(Json(SessionsEnded { ended }))
}

/// The user, if the caller may manage them; oneself is left to `session/password`.
pub(super) async fn managed(app: &App, caller: &Caller, id: &UserId) -> Result<User, Problem> {
    let missing = || Problem::new(Code::NotFound).items(vec![id.to_string()]);
    let found = user(app.store(), id).await?.ok_or_else(missing)?;
    if !covers(caller, &found.grants, &app.snapshot().inventory) {
        return Err(missing());
    }
    if &caller.user == id {
        return Err(Problem::new(Code::Forbidden).detail("不能修改自己的账号", "Not one's own account"));
    }
    Ok(found)
}

/// Whether every one of these grants lies within the caller's reach.
fn covers(caller: &Caller, grants: &[Grant], inventory: &Inventory) -> bool {
    let within = |grant: &Grant| match &grant.region {
        Some(region) => caller.may(Right::ManageUsers, region, inventory),
        None => caller.has_everywhere(Right::ManageUsers),
    };
    grants.iter().all(within)
}

/// 三员分立: nobody holds two of the three administrators' roles.
fn apart(grants: &[Grant]) -> Result<(), Problem> {
    let administrators = [Role::SystemAdmin, Role::SecurityAdmin, Role::Auditor];
    let held: BTreeSet<Role> =
        grants.iter().map(|grant| grant.role).filter(|role| administrators.contains(role)).collect();
    if held.len() > 1 {
        let (zh, en) =
            ("三员须分立：一人不能兼任两种管理员", "One person cannot be two of the three administrators");
        return Err(Problem::new(Code::RolesApart).detail(zh, en));
    }
    Ok(())
}

/// After the change at least one security administrator can still sign in everywhere.
async fn one_remains(app: &App, changed: &User) -> Result<(), Problem> {
    let others =
        app.store().users().await?.into_iter().map(User::from_row).filter(|user| user.id != changed.id);
    let rules = |user: &User| {
        let everywhere = |grant: &Grant| grant.role == Role::SecurityAdmin && grant.region.is_none();
        !user.disabled && user.password.is_some() && user.grants.iter().any(everywhere)
    };
    if rules(changed) || others.into_iter().any(|user| rules(&user)) {
        return Ok(());
    }
    let (zh, en) = ("至少保留一名安全管理员", "One security administrator must remain");
    Err(Problem::new(Code::RolesApart).detail(zh, en))
}

fn described(user: &User) -> String {
    let grant = |grant: &Grant| {
        let region = grant.region.as_ref().map_or("*", |region| region.as_str());
        format!("{:?}@{region}", grant.role)
    };
    let grants: Vec<String> = user.grants.iter().map(grant).collect();
    format!("{} [{}]{}", user.id, grants.join(", "), if user.disabled { " disabled" } else { "" })
}

fn shown(user: User, kept: Option<&Credential>, inventory: &Inventory, lang: Lang) -> UserShown {
    UserShown {
        grants: user.grants.iter().map(|grant| grant_shown(grant, inventory, lang)).collect(),
        has_password: user.password.is_some(),
        password_at: kept.map(|kept| kept.password_at).filter(|at| *at != Utc(0)),
        second_factor: kept.is_some_and(|kept| kept.totp_active),
        break_glass: kept.is_some_and(|kept| kept.break_glass),
        id: user.id,
        name: user.name,
        disabled: user.disabled,
    }
}

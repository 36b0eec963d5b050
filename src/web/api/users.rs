//! Users and their roles: the security administrator's work.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::session::{GrantShown, grant_shown};
use super::{Body, Done, Page, Reader};
use crate::domain::actor::{Actor, Grant, Role};
use crate::domain::id::UserId;
use crate::domain::inventory::Inventory;
use crate::domain::lang::Lang;
use crate::web::access::{Caller, Right};
use crate::web::account::{User, user};
use crate::web::app::App;
use crate::web::password;
use crate::web::problem::{Code, Problem};
use crate::web::token::Secret;

/// A user as the administrator sees one.
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
    let visible = users.filter(|user| covers(&caller, &user.grants, &snapshot.inventory));
    let items = visible.map(|user| shown(user, &snapshot.inventory, lang)).collect();
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
    create(&app, caller.actor(), new).await?;
    Ok(Done::YES)
}

/// Adds a user on behalf of `actor`, whose right was checked.
pub(in crate::web) async fn create(app: &App, actor: Actor, new: NewUser) -> Result<(), Problem> {
    apart(&new.grants)?;
    password::check(new.password.reveal(), &new.id)?;
    if user(app.store(), &new.id).await?.is_some() {
        return Err(Problem::new(Code::Exists).items(vec![new.id.to_string()]));
    }
    let password = Some(app.hasher().hash(new.password).await?);
    let made = User { id: new.id, name: new.name, grants: new.grants, password, disabled: false };
    app.store().put_user(&made.to_row(), app.now()).await?;
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
    password::check(set.password.reveal(), &user.id)?;
    user.password = Some(app.hasher().hash(set.password).await?);
    app.store().put_user(&user.to_row(), app.now()).await?;
    app.store().end_sessions(&id, None).await?;
    app.record_identity(caller.actor(), "password_set", id.as_str()).await;
    Ok(Done::YES)
}

/// The user, if the caller may manage them; oneself is left to `session/password`.
async fn managed(app: &App, caller: &Caller, id: &UserId) -> Result<User, Problem> {
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

fn shown(user: User, inventory: &Inventory, lang: Lang) -> UserShown {
    UserShown {
        grants: user.grants.iter().map(|grant| grant_shown(grant, inventory, lang)).collect(),
        has_password: user.password.is_some(),
        id: user.id,
        name: user.name,
        disabled: user.disabled,
    }
}

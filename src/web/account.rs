//! Accounts as the web means them: users with grants, sessions with two limits, and how they are kept as rows.
//! Knows no HTTP.

use std::fmt;
use std::net::IpAddr;

use serde_json::value::RawValue;

use super::token::TokenHash;
use crate::domain::actor::Grant;
use crate::domain::id::UserId;
use crate::domain::time::{Span, Utc};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::identity as rows;

/// Someone who can sign in.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Name to sign in with.
    pub id: UserId,
    /// Shown name.
    pub name: String,
    /// What, where.
    pub grants: Vec<Grant>,
    /// argon2id in PHC form; `None`: no password fits (one-time links only).
    pub password: Option<String>,
    /// May not sign in any more; kept because the journal names them.
    pub disabled: bool,
}

impl fmt::Debug for User {
    /// Leaves the password hash out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("grants", &self.grants).finish_non_exhaustive()
    }
}

/// How long a session lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Without a request.
    pub idle: Span,
    /// In all.
    pub absolute: Span,
}

impl Default for SessionLimits {
    /// 30 minutes idle and 12 hours in all: a duty shift.
    fn default() -> Self {
        Self { idle: Span::minutes(30), absolute: Span::minutes(12 * 60) }
    }
}

/// How long what people know is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountLimits {
    /// Days after which a password is to be changed; zero: never.
    pub password_days: u32,
    /// A new password differs from so many before it.
    pub password_history: u32,
    /// For so long a password that was given is proof for what disturbs; zero: none is asked for.
    pub proof: Span,
    /// Days for which a wallboard's token is good.
    pub wallboard_days: u32,
}

impl Default for AccountLimits {
    /// A quarter, five, ten minutes, a year.
    fn default() -> Self {
        Self { password_days: 90, password_history: 5, proof: Span::minutes(10), wallboard_days: 365 }
    }
}

/// The purpose under which the set-up token is kept.
pub(super) const SETUP: &str = "setup";

/// A session's `last_seen` is written at most this often: one write a minute, not one a request.
const TOUCH: Span = Span::minutes(1);

impl User {
    /// As the store keeps it.
    pub fn to_row(&self) -> rows::User {
        let roles = serde_json::value::to_raw_value(&self.grants).expect("grants are plain values");
        rows::User {
            id: self.id.clone(),
            name: self.name.clone(),
            roles,
            password_hash: self.password.clone().unwrap_or_default(),
            disabled: self.disabled,
        }
    }

    /// As the store kept it. Grants that this program cannot read grant nothing.
    pub fn from_row(row: rows::User) -> Self {
        let grants = grants(&row.roles).unwrap_or_else(|error| {
            tracing::error!(user = %row.id, %error, "grants cannot be read; the user has none");
            Vec::new()
        });
        let password = (!row.password_hash.is_empty()).then_some(row.password_hash);
        Self { id: row.id, name: row.name, grants, password, disabled: row.disabled }
    }
}

fn grants(roles: &RawValue) -> Result<Vec<Grant>, serde_json::Error> {
    serde_json::from_str(roles.get())
}

/// The user of that name.
pub(super) async fn user(store: &Store, id: &UserId) -> Result<Option<User>, StoreError> {
    Ok(store.user(id).await?.map(User::from_row))
}

/// Opens a session and gives the token for the cookie.
pub(super) async fn open_session(
    store: &Store,
    user: &UserId,
    address: IpAddr,
    life: Span,
    now: Utc,
) -> Result<super::token::Token, StoreError> {
    let token = super::token::Token::random();
    let session = rows::Session {
        token_hash: token.hash().0,
        user: user.clone(),
        created: now,
        last_seen: now,
        expires: now + life,
        address: address.to_string(),
        proved: now,
    };
    store.begin_session(&session).await?;
    Ok(token)
}

/// The user of a live session, and when the password was given last in it. Notes its use once a minute.
pub(super) async fn session_user(
    store: &Store,
    token: &TokenHash,
    idle: Span,
    now: Utc,
) -> Result<Option<(User, Utc)>, StoreError> {
    let Some(session) = store.session(&token.0, now, idle).await? else { return Ok(None) };
    if now.since(session.last_seen) >= TOUCH {
        store.touch_session(&token.0, now).await?;
    }
    let user = user(store, &session.user).await?.filter(|user| !user.disabled);
    Ok(user.map(|user| (user, session.proved)))
}

/// The key of a lock-out: who tried, from where.
pub(super) fn attempt_key(user: &UserId, address: IpAddr) -> String {
    format!("{user}@{address}")
}

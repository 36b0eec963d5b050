//! Accounts as values, and the port through which they are kept. Knows no database and no HTTP.

use std::fmt;
use std::net::IpAddr;

use futures_util::future::BoxFuture;

use super::token::TokenHash;
use crate::domain::actor::Grant;
use crate::domain::id::{PersonId, UserId};
use crate::domain::time::{Span, Utc};

/// Someone who can sign in.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Name to sign in with.
    pub id: UserId,
    /// Shown name.
    pub name: String,
    /// The person behind it, if known.
    pub person: Option<PersonId>,
    /// What, where.
    pub grants: Vec<Grant>,
    /// argon2id in PHC form; `None`: no password fits (one-time links only).
    pub password: Option<String>,
    /// May not sign in any more; kept because the journal names them.
    pub disabled: bool,
    /// When the account was made.
    pub created: Utc,
}

impl fmt::Debug for User {
    /// Leaves the password hash out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("grants", &self.grants).finish_non_exhaustive()
    }
}

/// A sign-in that is still open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Hash of the cookie.
    pub token: TokenHash,
    /// Whose.
    pub user: UserId,
    /// Since when.
    pub opened: Utc,
    /// Last request, at most [`Session::TOUCH`] behind.
    pub seen: Utc,
}

impl Session {
    /// How stale `seen` may become before it is written again: one write a minute, not one a request.
    pub const TOUCH: Span = Span::minutes(1);

    /// Whether the session is over, by either limit.
    pub fn expired(&self, now: Utc, limits: &SessionLimits) -> bool {
        now.since(self.seen) >= limits.idle || now.since(self.opened) >= limits.absolute
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

/// Who tried, from where: the key of a lock-out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attempt {
    /// The name that was tried, known or not.
    pub user: UserId,
    /// The peer's address.
    pub address: IpAddr,
}

/// Failed attempts in a row and until when no further one is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lockout {
    /// Failures since the last success.
    pub failures: u32,
    /// First moment of the next attempt.
    pub until: Utc,
}

/// The one-time set-up token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupToken {
    /// Hash of what was printed.
    pub token: TokenHash,
    /// Until when it counts.
    pub expires: Utc,
}

/// The account store did not do what was asked; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the account store failed: {0}")]
pub struct AccountsFault(pub String);

/// What every method of [`Accounts`] gives.
pub type Kept<'a, T> = BoxFuture<'a, Result<T, AccountsFault>>;

/// Where accounts are kept. Every method ends within the store's own limit of time.
pub trait Accounts: Send + Sync + 'static {
    /// The user of that name.
    fn user<'a>(&'a self, id: &'a UserId) -> Kept<'a, Option<User>>;
    /// All users, by id.
    fn users(&self) -> Kept<'_, Vec<User>>;
    /// Adds or replaces a user.
    fn put_user<'a>(&'a self, user: &'a User) -> Kept<'a, ()>;
    /// The session of that token, expired or not.
    fn session<'a>(&'a self, token: &'a TokenHash) -> Kept<'a, Option<Session>>;
    /// Opens a session.
    fn put_session<'a>(&'a self, session: &'a Session) -> Kept<'a, ()>;
    /// Notes a request.
    fn touch_session<'a>(&'a self, token: &'a TokenHash, seen: Utc) -> Kept<'a, ()>;
    /// Ends one session; unknown is no error.
    fn end_session<'a>(&'a self, token: &'a TokenHash) -> Kept<'a, ()>;
    /// Ends every session of a user.
    fn end_sessions_of<'a>(&'a self, user: &'a UserId) -> Kept<'a, ()>;
    /// The lock-out of an attempt, if there is one.
    fn lockout<'a>(&'a self, attempt: &'a Attempt) -> Kept<'a, Option<Lockout>>;
    /// Sets a lock-out; `None` clears it.
    fn put_lockout<'a>(&'a self, attempt: &'a Attempt, lockout: Option<Lockout>) -> Kept<'a, ()>;
    /// Replaces the set-up token.
    fn put_setup_token<'a>(&'a self, token: &'a SetupToken) -> Kept<'a, ()>;
    /// Spends the token and adds the first users in one transaction. `false`, and nothing done, when the token is
    /// wrong, spent or expired, or when there are users already.
    fn complete_setup<'a>(&'a self, token: &'a TokenHash, users: &'a [User], now: Utc) -> Kept<'a, bool>;
}

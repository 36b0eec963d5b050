//! Users, sessions, lock-outs and one-time tokens, as rows. Hashing passwords, judging roles and choosing limits is
//! the caller's work; here secrets are seen as hashes only.

use super::query::{On, query};
use serde_json::value::RawValue;

use super::Store;
use super::chain::Hash;
use super::error::StoreError;
use super::journal::{narrow, stored_hash};
use crate::domain::id::UserId;
use crate::domain::time::{Span, Utc};

/// Someone who may sign in.
#[derive(Debug, Clone)]
pub struct User {
    /// Their id; the actor in the journal.
    pub id: UserId,
    /// Their name, as shown.
    pub name: String,
    /// Roles and regions as JSON, in the caller's shape.
    pub roles: Box<RawValue>,
    /// The password's hash, in the caller's form (PHC string).
    pub password_hash: String,
    /// Whether signing in is off.
    pub disabled: bool,
}

/// A signed-in browser or tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the token that the browser holds.
    pub token_hash: Hash,
    /// Whose.
    pub user: UserId,
    /// When it began.
    pub created: Utc,
    /// When it was last used.
    pub last_seen: Utc,
    /// When it ends whatever happens.
    pub expires: Utc,
    /// From which address it began.
    pub address: String,
    /// When the password was given last.
    pub proved: Utc,
}

/// Failed attempts of an account or an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Failures {
    /// How many without a success between.
    pub count: u32,
    /// Locked out until then.
    pub until: Utc,
}

/// When failures lock out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockRule {
    /// This many failures lock out.
    pub failures: u32,
    /// Failures older than this are forgotten.
    pub within: Span,
    /// For how long.
    pub lock: Span,
}

/// A token that works once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneTimeToken {
    /// SHA-256 of the token.
    pub token_hash: Hash,
    /// For what: `setup`, `enrol`, `console`.
    pub purpose: String,
    /// For whom: an agent, a user; empty when for nobody in particular.
    pub subject: String,
    /// Worthless from then on.
    pub expires: Utc,
}

/// Whether a one-time token was good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redeemed {
    /// It was, and is used up now.
    Good {
        /// For whom it was made.
        subject: String,
    },
    /// There is no such token for this purpose.
    Unknown,
    /// It was used before.
    Used,
    /// It came too late.
    Expired,
}

impl Store {
    /// Stores or replaces a user. Disabling one also ends their sessions.
    pub async fn put_user(&self, user: &User, at: Utc) -> Result<(), StoreError> {
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            upsert_user(&mut transaction.on(), user, at).await?;
            if user.disabled {
                delete_sessions(&mut transaction.on(), &user.id, None).await?;
            }
            transaction.commit().await
        };
        self.inner.database.writing(work).await
    }

    /// Redeems a one-time token and stores a user in one transaction: the first administrator. The user is stored
    /// only when the token was good.
    pub async fn put_user_with_token(
        &self,
        user: &User,
        token: &Hash,
        purpose: &str,
        at: Utc,
    ) -> Result<Redeemed, StoreError> {
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            let redeemed = redeem(&mut transaction.on(), token, purpose, at).await?;
            if matches!(redeemed, Redeemed::Good { .. }) {
                upsert_user(&mut transaction.on(), user, at).await?;
            }
            transaction.commit().await?;
            Ok(redeemed)
        };
        self.inner.database.writing(work).await
    }

    /// A user by id.
    pub async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        Ok(self.users().await?.into_iter().find(|user| user.id == *id))
    }

    /// All users, by id.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        let work = async {
            let rows: Vec<(String, String, String, String, bool)> =
                query("SELECT id, name, roles, password_hash, disabled FROM \"user\" ORDER BY id")
                    .fetch_all(&mut self.inner.database.lease().await?.on())
                    .await?;
            rows.into_iter().map(user).collect()
        };
        self.inner.database.reading(work).await
    }

    /// Begins a session. Refused for a user that does not exist or is disabled.
    pub async fn begin_session(&self, session: &Session) -> Result<(), StoreError> {
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            let query = query(
                "INSERT INTO session (token_hash, \"user\", created_us, last_seen_us, expires_us, address, proved_us)
                 SELECT ?, id, ?, ?, ?, ?, ? FROM \"user\" WHERE id = ? AND NOT disabled",
            )
            .bind(&session.token_hash[..])
            .bind(session.created.0)
            .bind(session.last_seen.0)
            .bind(session.expires.0)
            .bind(&session.address)
            .bind(session.proved.0)
            .bind(session.user.as_str());
            let begun = query.execute(&mut transaction.on()).await? == 1;
            transaction.commit().await?;
            if begun { Ok(()) } else { Err(StoreError::refused(format!("{} may not sign in", session.user))) }
        };
        self.inner.database.writing(work).await
    }

    /// The session of a token, unless it is past its end or was idle for longer than `idle`.
    pub async fn session(&self, token: &Hash, now: Utc, idle: Span) -> Result<Option<Session>, StoreError> {
        let work = async {
            let row: Option<SessionRow> = query(
                "SELECT token_hash, \"user\", created_us, last_seen_us, expires_us, address, proved_us FROM session
                 WHERE token_hash = ? AND expires_us > ? AND last_seen_us > ?",
            )
            .bind(&token[..])
            .bind(now.0)
            .bind((now - idle).0)
            .fetch_optional(&mut self.inner.database.lease().await?.on())
            .await?;
            row.map(session).transpose()
        };
        self.inner.database.reading(work).await
    }

    /// All sessions, newest first.
    pub async fn sessions(&self) -> Result<Vec<Session>, StoreError> {
        let work = async {
            let rows: Vec<SessionRow> = query(
                "SELECT token_hash, \"user\", created_us, last_seen_us, expires_us, address, proved_us FROM session
                 ORDER BY created_us DESC, token_hash",
            )
            .fetch_all(&mut self.inner.database.lease().await?.on())
            .await?;
            rows.into_iter().map(session).collect()
        };
        self.inner.database.reading(work).await
    }

    /// Notes that a session was used. Call it at most once a minute per session: each call is a synced write.
    pub async fn touch_session(&self, token: &Hash, now: Utc) -> Result<(), StoreError> {
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            query("UPDATE session SET last_seen_us = ? WHERE token_hash = ? AND last_seen_us < ?")
                .bind(now.0)
                .bind(&token[..])
                .bind(now.0)
                .execute(&mut transaction.on())
                .await?;
            transaction.commit().await
        };
        self.inner.database.writing(work).await
    }

    /// Notes that the password was given again in a session.
    pub async fn prove_session(&self, token: &Hash, now: Utc) -> Result<(), StoreError> {
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            query("UPDATE session SET proved_us = ? WHERE token_hash = ?")
                .bind(now.0)
                .bind(&token[..])
                .execute(&mut transaction.on())
                .await?;
            transaction.commit().await
        };
        self.inner.database.writing(work).await
    }

    /// Ends one session; whether there was one.
    pub async fn end_session(&self, token: &Hash) -> Result<bool, StoreError> {
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            let query = query("DELETE FROM session WHERE token_hash = ?").bind(&token[..]);
            let ended = query.execute(&mut transaction.on()).await? > 0;
            transaction.commit().await?;
            Ok(ended)
        };
        self.inner.database.writing(work).await
    }

    /// Ends a user's sessions, all or all but one; how many.
    pub async fn end_sessions(&self, user: &UserId, except: Option<&Hash>) -> Result<u64, StoreError> {
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            let ended = delete_sessions(&mut transaction.on(), user, except).await?;
            transaction.commit().await?;
            Ok(ended)
        };
        self.inner.database.writing(work).await
    }

    /// Failed attempts of an account or address; none when nothing is known.
    pub async fn failures(&self, subject: &str) -> Result<Failures, StoreError> {
        let work = async {
            let mut connection = self.inner.database.lease().await?;
            Ok(read_failures(&mut connection.on(), subject).await?.0)
        };
        self.inner.database.reading(work).await
    }

    /// Counts a failed attempt and locks out by the rule.
    pub async fn count_failure(
        &self,
        subject: &str,
        rule: LockRule,
        now: Utc,
    ) -> Result<Failures, StoreError> {
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            let (before, last) = read_failures(&mut transaction.on(), subject).await?;
            let count = if now.since(last) > rule.within { 1 } else { before.count.saturating_add(1) };
            let until = if count >= rule.failures { before.until.max(now + rule.lock) } else { before.until };
            let after = Failures { count, until };
            write_failures(&mut transaction.on(), subject, after, now).await?;
            transaction.commit().await?;
            Ok(after)
        };
        self.inner.database.writing(work).await
    }

    /// Forgets the failures of an account or address: after a success, or by an administrator.
    pub async fn clear_failures(&self, subject: &str) -> Result<(), StoreError> {
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            query("DELETE FROM lockout WHERE subject = ?")
                .bind(subject)
                .execute(&mut transaction.on())
                .await?;
            transaction.commit().await
        };
        self.inner.database.writing(work).await
    }

    /// Stores a one-time token; older unused ones of the same purpose and subject stop working.
    pub async fn put_token(&self, token: &OneTimeToken) -> Result<(), StoreError> {
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            query("DELETE FROM one_time_token WHERE purpose = ? AND subject = ? AND used_us IS NULL")
                .bind(&token.purpose)
                .bind(&token.subject)
                .execute(&mut transaction.on())
                .await?;
            query(
                "INSERT INTO one_time_token (token_hash, purpose, subject, expires_us) VALUES (?, ?, ?, ?)",
            )
            .bind(&token.token_hash[..])
            .bind(&token.purpose)
            .bind(&token.subject)
            .bind(token.expires.0)
            .execute(&mut transaction.on())
            .await?;
            transaction.commit().await
        };
        self.inner.database.writing(work).await
    }

    /// Whether a one-time token would be good; it is not used up.
    pub async fn peek_token(&self, token: &Hash, purpose: &str, at: Utc) -> Result<Redeemed, StoreError> {
        let work = async {
            let mut connection = self.inner.database.lease().await?;
            look_at(&mut connection.on(), token, purpose, at).await
        };
        self.inner.database.reading(work).await
    }

    /// Uses up a one-time token.
    pub async fn redeem_token(&self, token: &Hash, purpose: &str, at: Utc) -> Result<Redeemed, StoreError> {
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            let redeemed = redeem(&mut transaction.on(), token, purpose, at).await?;
            transaction.commit().await?;
            Ok(redeemed)
        };
        self.inner.database.writing(work).await
    }

    /// Forgets sessions past their end, tokens past theirs and failures whose lock ended, all before a moment.
    pub async fn forget_expired(&self, before: Utc) -> Result<(), StoreError> {
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            for sql in [
                "DELETE FROM session WHERE expires_us < ?",
                "DELETE FROM one_time_token WHERE expires_us < ?",
                "DELETE FROM lockout WHERE CASE WHEN last_us > until_us THEN last_us ELSE until_us END < ?",
            ] {
                query(sql).bind(before.0).execute(&mut transaction.on()).await?;
            }
            transaction.commit().await
        };
        self.inner.database.writing(work).await
    }
}

async fn upsert_user(on: &mut On<'_>, user: &User, at: Utc) -> Result<(), StoreError> {
    query(
        "INSERT INTO \"user\" (id, name, roles, password_hash, disabled, updated_us) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, roles = excluded.roles,
         password_hash = excluded.password_hash, disabled = excluded.disabled, updated_us = excluded.updated_us",
    )
    .bind(user.id.as_str())
    .bind(&user.name)
    .bind(user.roles.get())
    .bind(&user.password_hash)
    .bind(user.disabled)
    .bind(at.0)
    .execute(on)
    .await?;
    Ok(())
}

async fn delete_sessions(on: &mut On<'_>, user: &UserId, except: Option<&Hash>) -> Result<u64, StoreError> {
    let kept = except.map(|hash| &hash[..]).unwrap_or_default();
    let query =
        query("DELETE FROM session WHERE \"user\" = ? AND token_hash <> ?").bind(user.as_str()).bind(kept);
    query.execute(on).await
}

async fn read_failures(on: &mut On<'_>, subject: &str) -> Result<(Failures, Utc), StoreError> {
    let row: Option<(i64, i64, i64)> =
        query("SELECT failures, until_us, last_us FROM lockout WHERE subject = ?")
            .bind(subject)
            .fetch_optional(on)
            .await?;
    let Some((count, until, last)) = row else { return Ok(Default::default()) };
    Ok((Failures { count: narrow(count)?, until: Utc(until) }, Utc(last)))
}

async fn write_failures(
    on: &mut On<'_>,
    subject: &str,
    failures: Failures,
    now: Utc,
) -> Result<(), StoreError> {
    query(
        "INSERT INTO lockout (subject, failures, last_us, until_us) VALUES (?, ?, ?, ?)
         ON CONFLICT (subject) DO UPDATE SET failures = excluded.failures, last_us = excluded.last_us,
         until_us = excluded.until_us",
    )
    .bind(subject)
    .bind(failures.count)
    .bind(now.0)
    .bind(failures.until.0)
    .execute(on)
    .await?;
    Ok(())
}

async fn redeem(on: &mut On<'_>, token: &Hash, purpose: &str, at: Utc) -> Result<Redeemed, StoreError> {
    let found = look_at(&mut *on, token, purpose, at).await?;
    if matches!(found, Redeemed::Good { .. }) {
        query("UPDATE one_time_token SET used_us = ? WHERE token_hash = ?")
            .bind(at.0)
            .bind(&token[..])
            .execute(on)
            .await?;
    }
    Ok(found)
}

async fn look_at(on: &mut On<'_>, token: &Hash, purpose: &str, at: Utc) -> Result<Redeemed, StoreError> {
    let row: Option<(String, i64, Option<i64>)> =
        query("SELECT subject, expires_us, used_us FROM one_time_token WHERE token_hash = ? AND purpose = ?")
            .bind(&token[..])
            .bind(purpose)
            .fetch_optional(on)
            .await?;
    Ok(match row {
        None => Redeemed::Unknown,
        Some((_, _, Some(_))) => Redeemed::Used,
        Some((_, expires, None)) if expires <= at.0 => Redeemed::Expired,
        Some((subject, _, None)) => Redeemed::Good { subject },
    })
}

type SessionRow = (Vec<u8>, String, i64, i64, i64, String, i64);

fn session(
    (token_hash, user, created, last_seen, expires, address, proved): SessionRow,
) -> Result<Session, StoreError> {
    Ok(Session {
        token_hash: stored_hash(&token_hash)?,
        user: user_id(&user)?,
        created: Utc(created),
        last_seen: Utc(last_seen),
        expires: Utc(expires),
        address,
        proved: Utc(proved),
    })
}

fn user(
    (id, name, roles, password_hash, disabled): (String, String, String, String, bool),
) -> Result<User, StoreError> {
    let id = user_id(&id)?;
    let roles =
        RawValue::from_string(roles).map_err(|e| StoreError::damaged(format!("roles of user {id}: {e}")))?;
    Ok(User { id, name, roles, password_hash, disabled })
}

pub(super) fn user_id(text: &str) -> Result<UserId, StoreError> {
    UserId::parse(text).map_err(|e| StoreError::damaged(format!("user {text:?}: {e}")))
}

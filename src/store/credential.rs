//! What belongs to a user's secrets beside the present password.
//!
//! Its age and predecessors, the second factor, whether the account is for emergencies. Hashes and secrets are kept as they come; what they mean is the caller's affair.

use super::Store;
use super::error::StoreError;
use super::identity::user_id;
use super::query::{On, query};
use crate::domain::id::UserId;
use crate::domain::time::Utc;

/// The secrets of a user.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Whose.
    pub user: UserId,
    /// When the password was set; zero where somebody else set it, so that it is to be changed.
    pub password_at: Utc,
    /// Hashes of earlier passwords, the latest first.
    pub history: Vec<String>,
    /// The secret of the second factor, base32; empty without one.
    pub totp_secret: String,
    /// Whether the second factor is asked for.
    pub totp_active: bool,
    /// The last time step that was used.
    pub totp_step: u64,
    /// Whether it is an account for emergencies, whose use raises an alarm.
    pub break_glass: bool,
}

impl std::fmt::Debug for Credential {
    /// Leaves secrets and hashes out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential").field("user", &self.user).finish_non_exhaustive()
    }
}

type CredentialRow = (String, i64, String, String, bool, i64, bool);

impl Store {
    /// Stores or replaces a user's secrets.
    pub async fn put_credential(&self, credential: &Credential) -> Result<(), StoreError> {
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            upsert(&mut transaction.on(), credential).await?;
            transaction.commit().await
        };
        self.inner.database.writing(work).await
    }

    /// A user's secrets; nothing where none were ever kept.
    pub async fn credential(&self, user: &UserId) -> Result<Option<Credential>, StoreError> {
        let work = async {
            let row: Option<CredentialRow> = query(
                "SELECT \"user\", password_us, history, totp_secret, totp_active, totp_step, break_glass
                 FROM credential WHERE \"user\" = ?",
            )
            .bind(user.as_str())
            .fetch_optional(&mut self.inner.database.lease().await?.on())
            .await?;
            row.map(credential).transpose()
        };
        self.inner.database.reading(work).await
    }

    /// Notes the time step of a second factor that was used. Whether it is later than every one before: two sign-ins
    /// with one code cannot both be told yes.
    pub async fn use_totp_step(&self, user: &UserId, step: u64) -> Result<bool, StoreError> {
        let step =
            i64::try_from(step).map_err(|_| StoreError::unfit("a time step beyond all time".to_owned()))?;
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            let query = query("UPDATE credential SET totp_step = ? WHERE \"user\" = ? AND totp_step < ?")
                .bind(step)
                .bind(user.as_str())
                .bind(step);
            let used = query.execute(&mut transaction.on()).await? == 1;
            transaction.commit().await?;
            Ok(used)
        };
        self.inner.database.writing(work).await
    }
}

async fn upsert(on: &mut On<'_>, credential: &Credential) -> Result<(), StoreError> {
    let history = serde_json::to_string(&credential.history).expect("texts are written without failing");
    query(
        "INSERT INTO credential (\"user\", password_us, history, totp_secret, totp_active, totp_step, break_glass)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (\"user\") DO UPDATE SET password_us = excluded.password_us, history = excluded.history,
         totp_secret = excluded.totp_secret, totp_active = excluded.totp_active, totp_step = excluded.totp_step,
         break_glass = excluded.break_glass",
    )
    .bind(credential.user.as_str())
    .bind(credential.password_at.0)
    .bind(history)
    .bind(&credential.totp_secret)
    .bind(credential.totp_active)
    .bind(i64::try_from(credential.totp_step).unwrap_or(i64::MAX))
    .bind(credential.break_glass)
    .execute(on)
    .await?;
    Ok(())
}

fn credential(
    (user, password_us, history, totp_secret, totp_active, totp_step, break_glass): CredentialRow,
) -> Result<Credential, StoreError> {
    let history = serde_json::from_str(&history)
        .map_err(|e| StoreError::damaged(format!("earlier passwords of user {user}: {e}")))?;
    Ok(Credential {
        user: user_id(&user)?,
        password_at: Utc(password_us),
        history,
        totp_secret,
        totp_active,
        totp_step: u64::try_from(totp_step).unwrap_or(0),
        break_glass,
    })
}

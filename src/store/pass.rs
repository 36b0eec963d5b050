//! Passes: tokens that open one thing without an account. What they open is the caller's affair; here a token is seen
//! as its hash only.

use serde_json::value::RawValue;

use super::Store;
use super::chain::Hash;
use super::error::StoreError;
use super::journal::stored_hash;
use super::query::query;
use crate::domain::time::Utc;

/// A pass.
#[derive(Debug, Clone)]
pub struct Pass {
    /// Its name in the journal.
    pub id: String,
    /// SHA-256 of the token.
    pub token_hash: Hash,
    /// For whom or what, in words.
    pub name: String,
    /// What it opens, JSON in the caller's shape.
    pub opens: Box<RawValue>,
    /// Who made it.
    pub made_by: String,
    /// When.
    pub made: Utc,
    /// Worthless from then on.
    pub expires: Utc,
    /// When it was taken back.
    pub revoked: Option<Utc>,
    /// When it was used last, to the minute.
    pub used: Option<Utc>,
}

type PassRow = (String, Vec<u8>, String, String, String, i64, i64, Option<i64>, Option<i64>);

impl Store {
    /// Stores a new pass.
    pub async fn put_pass(&self, pass: &Pass) -> Result<(), StoreError> {
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            query(
                "INSERT INTO pass (id, token_hash, name, opens, made_by, made_us, expires_us)
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(&pass.id)
            .bind(&pass.token_hash[..])
            .bind(&pass.name)
            .bind(pass.opens.get())
            .bind(&pass.made_by)
            .bind(pass.made.0)
            .bind(pass.expires.0)
            .execute(&mut transaction.on())
            .await?;
            transaction.commit().await
        };
        self.inner.database.writing(work).await
    }

    /// The pass of a token, if it is good at this moment.
    pub async fn pass(&self, token: &Hash, at: Utc) -> Result<Option<Pass>, StoreError> {
        let work = async {
            let row: Option<PassRow> = query(
                "SELECT id, token_hash, name, opens, made_by, made_us, expires_us, revoked_us, used_us FROM pass
                 WHERE token_hash = ? AND revoked_us IS NULL AND expires_us > ?",
            )
            .bind(&token[..])
            .bind(at.0)
            .fetch_optional(&mut self.inner.database.lease().await?.on())
            .await?;
            row.map(pass).transpose()
        };
        self.inner.database.reading(work).await
    }

    /// Every pass, the newest first, those that are over as well.
    pub async fn passes(&self) -> Result<Vec<Pass>, StoreError> {
        let work = async {
            let rows: Vec<PassRow> = query(
                "SELECT id, token_hash, name, opens, made_by, made_us, expires_us, revoked_us, used_us FROM pass
                 ORDER BY made_us DESC, id",
            )
            .fetch_all(&mut self.inner.database.lease().await?.on())
            .await?;
            rows.into_iter().map(pass).collect()
        };
        self.inner.database.reading(work).await
    }

    /// Notes that a pass was used. Call it at most once a minute for each: each call is a synced write.
    pub async fn touch_pass(&self, id: &str, at: Utc) -> Result<(), StoreError> {
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            query("UPDATE pass SET used_us = ? WHERE id = ?")
                .bind(at.0)
                .bind(id)
                .execute(&mut transaction.on())
                .await?;
            transaction.commit().await
        };
        self.inner.database.writing(work).await
    }

    /// Takes a pass back; whether there was one to take.
    pub async fn revoke_pass(&self, id: &str, at: Utc) -> Result<bool, StoreError> {
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            let query = query("UPDATE pass SET revoked_us = ? WHERE id = ? AND revoked_us IS NULL")
                .bind(at.0)
                .bind(id);
            let revoked = query.execute(&mut transaction.on()).await? == 1;
            transaction.commit().await?;
            Ok(revoked)
        };
        self.inner.database.writing(work).await
    }
}

fn pass(
    (id, token_hash, name, opens, made_by, made, expires, revoked, used): PassRow,
) -> Result<Pass, StoreError> {
    let opens = RawValue::from_string(opens).map_err(|e| StoreError::damaged(format!("pass {id}: {e}")))?;
    Ok(Pass {
        token_hash: stored_hash(&token_hash)?,
        id,
        name,
        opens,
        made_by,
        made: Utc(made),
        expires: Utc(expires),
        revoked: revoked.map(Utc),
        used: used.map(Utc),
    })
}

//! One statement for both databases: written once with `?` for its values, run on whichever is open.
//!
//! Values are bound, never pasted. PostgreSQL numbers its places, so they are numbered for it.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, FromRow, Postgres, Sqlite};

use super::error::StoreError;

/// Where a statement runs.
#[derive(Debug)]
pub(super) enum On<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

/// A row that both databases can give.
pub(super) trait Stored:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Stored for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// A value for a place of a statement.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Int(i64),
    MaybeInt(Option<i64>),
    Real(f64),
    Flag(bool),
    Text(&'a str),
    OwnText(String),
    MaybeText(Option<&'a str>),
    Bytes(&'a [u8]),
    OwnBytes(Vec<u8>),
}

macro_rules! owned {
    ($($from:ty => $variant:ident),+ $(,)?) => {$(
        impl From<$from> for Value<'_> {
            fn from(value: $from) -> Self {
                Self::$variant(value)
            }
        }
    )+};
}

owned! {
    i64 => Int,
    Option<i64> => MaybeInt,
    f64 => Real,
    bool => Flag,
    String => OwnText,
    Vec<u8> => OwnBytes,
}

impl From<u32> for Value<'_> {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(value: Option<&'a str>) -> Self {
        Self::MaybeText(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a> From<&'a Vec<u8>> for Value<'a> {
    fn from(value: &'a Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

/// A statement with its values.
#[derive(Debug)]
pub(super) struct Query<'a> {
    sql: &'static str,
    postgres: Option<&'static str>,
    values: Vec<Value<'a>>,
}

/// A statement that both databases understand.
pub(super) fn query<'a>(sql: &'static str) -> Query<'a> {
    Query { sql, postgres: None, values: Vec::new() }
}

macro_rules! bound {
    ($query:expr, $values:expr) => {{
        let mut query = $query;
        for value in $values {
            query = match value {
                Value::Int(value) => query.bind(value),
                Value::MaybeInt(value) => query.bind(value),
                Value::Real(value) => query.bind(value),
                Value::Flag(value) => query.bind(value),
                Value::Text(value) => query.bind(value),
                Value::OwnText(value) => query.bind(value),
                Value::MaybeText(value) => query.bind(value),
                Value::Bytes(value) => query.bind(value),
                Value::OwnBytes(value) => query.bind(value),
            };
        }
        query
    }};
}

impl<'a> Query<'a> {
    /// What PostgreSQL is told instead.
    pub(super) fn on_postgres(self, sql: &'static str) -> Self {
        Self { postgres: Some(sql), ..self }
    }

    /// The value of the next place.
    pub(super) fn bind(mut self, value: impl Into<Value<'a>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Runs it; how many rows it touched.
    pub(super) async fn execute(self, on: &mut On<'_>) -> Result<u64, StoreError> {
        Ok(match on {
            On::Sqlite(connection) => {
                let query = bound!(sqlx::query::<Sqlite>(self.sql), self.values);
                query.execute(&mut **connection).await?.rows_affected()
            }
            On::Postgres(connection) => {
                let sql = self.numbered();
                let query = bound!(sqlx::query::<Postgres>(AssertSqlSafe(sql)), self.values);
                query.execute(&mut **connection).await?.rows_affected()
            }
        })
    }

    /// All rows.
    pub(super) async fn fetch_all<T: Stored>(self, on: &mut On<'_>) -> Result<Vec<T>, StoreError> {
        Ok(match on {
            On::Sqlite(connection) => {
                let query = bound!(sqlx::query_as::<Sqlite, T>(self.sql), self.values);
                query.fetch_all(&mut **connection).await?
            }
            On::Postgres(connection) => {
                let sql = self.numbered();
                let query = bound!(sqlx::query_as::<Postgres, T>(AssertSqlSafe(sql)), self.values);
                query.fetch_all(&mut **connection).await?
            }
        })
    }

    /// The first row, if there is one.
    pub(super) async fn fetch_optional<T: Stored>(self, on: &mut On<'_>) -> Result<Option<T>, StoreError> {
        Ok(match on {
            On::Sqlite(connection) => {
                let query = bound!(sqlx::query_as::<Sqlite, T>(self.sql), self.values);
                query.fetch_optional(&mut **connection).await?
            }
            On::Postgres(connection) => {
                let sql = self.numbered();
                let query = bound!(sqlx::query_as::<Postgres, T>(AssertSqlSafe(sql)), self.values);
                query.fetch_optional(&mut **connection).await?
            }
        })
    }

    /// The row that such a statement always has.
    pub(super) async fn fetch_one<T: Stored>(self, on: &mut On<'_>) -> Result<T, StoreError> {
        let found = self.fetch_optional(on).await?;
        found.ok_or_else(|| StoreError::Database { detail: "an answer without a row".into() })
    }

    /// `?` as PostgreSQL writes it: `$1`, `$2`, … No statement of the store holds a question mark otherwise.
    fn numbered(&self) -> String {
        let sql = self.postgres.unwrap_or(self.sql);
        let mut numbered = String::with_capacity(sql.len() + 16);
        let mut place = 0;
        for c in sql.chars() {
            if c == '?' {
                place += 1;
                numbered.push('$');
                numbered.push_str(&place.to_string());
            } else {
                numbered.push(c);
            }
        }
        numbered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_numbered_for_postgres_in_order() {
        let both = query("SELECT a FROM t WHERE a = ? AND b < ?");
        assert_eq!(both.numbered(), "SELECT a FROM t WHERE a = $1 AND b < $2");
        let other = query("x").on_postgres("SELECT ?");
        assert_eq!(other.numbered(), "SELECT $1");
    }
}

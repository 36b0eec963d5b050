//! Names and numbers of people, apart from the journal so that they can be corrected and erased.

use super::query::{On, query};
use serde::{Deserialize, Serialize};

use super::Store;
use super::error::StoreError;
use crate::domain::id::PersonId;
use crate::domain::time::Utc;

/// A person's name and numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// What the journal says instead of the name.
    pub id: PersonId,
    /// The name, as people write it.
    pub name: String,
    /// Telephone and other numbers, best first.
    pub numbers: Vec<PersonNumber>,
}

/// The kind of a mail address among a person's numbers.
pub const MAIL: &str = "mail";
/// The kind of a mobile number.
pub const MOBILE: &str = "mobile";

/// One number of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonNumber {
    /// Its kind: `mobile`, `landline`, `mail`.
    pub kind: String,
    /// The number or address itself.
    pub number: String,
}

impl Store {
    /// Stores or replaces a person.
    pub async fn put_person(&self, person: &Person, at: Utc) -> Result<(), StoreError> {
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            upsert(&mut transaction.on(), person, at).await?;
            transaction.commit().await
        };
        self.inner.database.writing(work).await
    }

    /// All people, by id.
    pub async fn people(&self) -> Result<Vec<Person>, StoreError> {
        let work = async {
            let rows: Vec<(String, String, String)> =
                query("SELECT id, name, numbers FROM person ORDER BY id")
                    .fetch_all(&mut self.inner.database.lease().await?.on())
                    .await?;
            rows.into_iter().map(person).collect()
        };
        self.inner.database.reading(work).await
    }

    /// Erases a person; whether there was one. The journal keeps the id.
    pub async fn erase_person(&self, id: &PersonId) -> Result<bool, StoreError> {
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            let query = query("DELETE FROM person WHERE id = ?").bind(id.as_str());
            let erased = query.execute(&mut transaction.on()).await? > 0;
            transaction.commit().await?;
            Ok(erased)
        };
        self.inner.database.writing(work).await
    }
}

pub(super) async fn upsert(on: &mut On<'_>, person: &Person, at: Utc) -> Result<(), StoreError> {
    let numbers = serde_json::to_string(&person.numbers).map_err(|e| StoreError::unfit(e.to_string()))?;
    query(
        "INSERT INTO person (id, name, numbers, updated_us) VALUES (?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, numbers = excluded.numbers, updated_us = excluded.updated_us",
    )
    .bind(person.id.as_str())
    .bind(&person.name)
    .bind(numbers)
    .bind(at.0)
    .execute(on)
    .await?;
    Ok(())
}

fn person((id, name, numbers): (String, String, String)) -> Result<Person, StoreError> {
    let id = PersonId::parse(&id).map_err(|e| StoreError::damaged(format!("person {id:?}: {e}")))?;
    let numbers = serde_json::from_str(&numbers)
        .map_err(|e| StoreError::damaged(format!("numbers of person {id}: {e}")))?;
    Ok(Person { id, name, numbers })
}

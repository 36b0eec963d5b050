//! People by id, their details apart, contacts and duty.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::duty::Substitute;
use crate::domain::id::{PersonId, RegionId, ShiftId};
use crate::domain::time::Window;

/// A person as the journal knows one: an id and a place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Identifier.
    pub id: PersonId,
    /// Where they work.
    pub region: RegionId,
}

/// A person's name and numbers: kept in a side table, never in the journal.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonDetails {
    /// Identifier.
    pub id: PersonId,
    /// Name.
    pub name: String,
    /// Numbers, the best first.
    #[serde(default)]
    pub telephones: Vec<Telephone>,
    /// Mail address.
    #[serde(default)]
    pub mail: Option<String>,
}

impl fmt::Debug for PersonDetails {
    /// Hides name and numbers: this type may reach a log by accident.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PersonDetails({}, …)", self.id)
    }
}

/// A telephone number.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telephone {
    /// Landline or mobile.
    pub kind: TelephoneKind,
    /// As dialled.
    pub number: String,
}

impl fmt::Debug for Telephone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Telephone({:?}, …)", self.kind)
    }
}

/// What a number rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TelephoneKind {
    /// 座机.
    Landline,
    /// 手机.
    Mobile,
}

/// Whom to call at a venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Who.
    pub person: PersonId,
    /// A角 or B角.
    pub role: ContactRole,
}

/// The order in which contacts are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactRole {
    /// A角.
    A,
    /// B角.
    B,
}

/// A duty shift 值班班次.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// Identifier.
    pub id: ShiftId,
    /// Where.
    pub region: RegionId,
    /// When.
    pub window: Window,
    /// Operators on duty, A角 first.
    pub operators: Vec<PersonId>,
    /// 带班领导.
    #[serde(default)]
    pub leader: Option<PersonId>,
    /// 替班.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub substitutes: Vec<Substitute>,
}

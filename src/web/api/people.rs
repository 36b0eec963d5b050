//! Names and numbers, from the side table, for those who may have them.
#![expect(unused_qualifications, reason = "the document's macro qualifies the type of the query")]

use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Page;
use crate::domain::id::{PersonId, VenueId};
use crate::domain::inventory::{Contact, ContactRole};
use crate::store::people::Person;
use crate::web::access::{Caller, Right};
use crate::web::app::App;
use crate::web::problem::Problem;

/// Whose.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Whose {
    /// Only this venue's contacts, A角 first.
    #[param(value_type = Option<String>)]
    venue: Option<VenueId>,
    /// The reader's language.
    #[serde(default, rename = "lang")]
    _lang: Option<String>,
}

/// A person with numbers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PersonShown {
    /// Identifier.
    #[schema(value_type = String)]
    id: PersonId,
    /// A角 or B角, in a venue's list.
    #[schema(value_type = Option<String>)]
    role: Option<ContactRole>,
    /// Name; the id where none is known.
    name: String,
    /// Numbers, the best first.
    numbers: Vec<NumberShown>,
}

/// A number.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NumberShown {
    /// `mobile`, `landline`.
    kind: String,
    /// As dialled.
    number: String,
}

#[utoipa::path(get, path = "/api/v1/people", tag = "people", params(Whose),
    responses((status = 200, body = Page<PersonShown>)))]
/// People within the caller's regions, or one venue's contacts.
pub(in crate::web) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(whose): Query<Whose>,
) -> Result<Json<Page<PersonShown>>, Problem> {
    let snapshot = app.snapshot();
    let inventory = &snapshot.inventory;
    let wanted: Vec<(PersonId, Option<ContactRole>)> = match &whose.venue {
        Some(venue) => {
            caller.demand(Right::ReadPeople, [venue], inventory)?;
            let contacts =
                inventory.venues.get(venue).map(|venue| venue.contacts.clone()).unwrap_or_default();
            contacts.into_iter().map(|Contact { person, role }| (person, Some(role))).collect()
        }
        None => {
            let visible =
                inventory.people.values().filter(|p| caller.may(Right::ReadPeople, &p.region, inventory));
            visible.map(|person| (person.id.clone(), None)).collect()
        }
    };
    let known = app.store().people().await?;
    let items = wanted.into_iter().map(|(id, role)| shown(id, role, &known)).collect();
    Ok(Json(Page { items, next_after: None }))
}

fn shown(id: PersonId, role: Option<ContactRole>, known: &[Person]) -> PersonShown {
    let details = known.iter().find(|person| person.id == id);
    let numbers = details.map(|person| person.numbers.as_slice()).unwrap_or_default();
    PersonShown {
        role,
        name: details.map_or_else(|| id.to_string(), |person| person.name.clone()),
        numbers: numbers
            .iter()
            .map(|number| NumberShown { kind: number.kind.clone(), number: number.number.clone() })
            .collect(),
        id,
    }
}

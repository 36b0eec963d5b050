//! The handlers, one file per noun. They read the request, check the region, and call on: judgement is elsewhere.

pub(super) mod agents;
pub(super) mod alarms;
pub(super) mod checklist;
pub(super) mod devices;
pub(super) mod duty;
pub(super) mod events;
pub(super) mod health;
pub(super) mod incidents;
pub(super) mod inventory;
pub(super) mod live;
pub(super) mod media;
pub(super) mod meetings;
pub(super) mod notices;
pub(super) mod passes;
pub(super) mod people;
pub(super) mod plans;
pub(super) mod records;
pub(super) mod replay;
pub(super) mod rounds;
pub(super) mod second_factor;
pub(super) mod session;
pub(super) mod setup;
pub(super) mod statistics;
pub(super) mod streams;
pub(super) mod users;
pub(super) mod wall;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::access::{Caller, Right};
use super::app::App;
use super::guard::Peer;
use super::problem::{Code, Problem, language};
use crate::domain::id::VenueId;
use crate::domain::inventory::Inventory;
use crate::domain::lang::Lang;
use crate::domain::time::Span;

/// A JSON body whose mistakes are told to the caller.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        use axum::extract::rejection::JsonRejection;
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(body)) => Ok(Self(body)),
            Err(JsonRejection::MissingJsonContentType(_)) => Err(Problem::new(Code::BadMediaType)),
            Err(JsonRejection::BytesRejection(error)) if error.status() == 413 => {
                Err(Problem::new(Code::TooLarge))
            }
            Err(error) => Err(Problem::new(Code::BadRequest).detail(error.body_text(), error.body_text())),
        }
    }
}

/// The reader's language.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader(pub(super) Lang);

impl<S: Send + Sync> FromRequestParts<S> for Reader {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(language(&parts.uri, &parts.headers)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::new(Code::NotSignedIn))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().copied().ok_or_else(|| Problem::new(Code::Internal))
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// What to hand in as `after` for the next page; `None` at the end.
    pub next_after: Option<u64>,
}

/// That a command was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Done {
    /// Always true: what was not done is a problem.
    pub done: bool,
}

impl Done {
    pub(super) const YES: axum::Json<Self> = axum::Json(Self { done: true });
}

impl Caller {
    /// Whether a right reaches a venue.
    pub(super) fn reaches(&self, right: Right, venue: &VenueId, inventory: &Inventory) -> bool {
        let region = inventory.venues.get(venue).map(|venue| &venue.region);
        match region {
            Some(region) => self.may(right, region, inventory),
            None => self.has_everywhere(right),
        }
    }

    /// Refuses unless the password was given a short while ago: for what disturbs a meeting or changes who may do what.
    pub(super) fn demand_proof(&self, app: &App) -> Result<(), Problem> {
        let fresh = app.settings().accounts.proof;
        if fresh == Span::ZERO || app.now().since(self.proved) < fresh {
            return Ok(());
        }
        Err(Problem::new(Code::ProofNeeded))
    }

    /// Refuses unless the right reaches every one of these venues. One that does not exist is not found, and so is
    /// one that the caller may not even read.
    pub(super) fn demand<'a>(
        &self,
        right: Right,
        venues: impl IntoIterator<Item = &'a VenueId>,
        inventory: &Inventory,
    ) -> Result<(), Problem> {
        for venue in venues {
            if !inventory.venues.contains_key(venue) {
                return Err(Problem::new(Code::NotFound).items(vec![venue.to_string()]));
            }
            if !self.reaches(right, venue, inventory) {
                return Err(Problem::new(Code::Forbidden).items(vec![venue.to_string()]));
            }
        }
        Ok(())
    }
}

//! The inventory: what the caller's regions hold, and changes to it.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Body;
use crate::domain::id::{RegionId, VenueId};
use crate::domain::inventory::{Change, Inventory, Item};
use crate::engine::effect::Outcome;
use crate::engine::input::Command;
use crate::web::access::{Caller, Right};
use crate::web::app::App;
use crate::web::problem::{Code, Problem};

/// Changes against a version of the inventory.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InventoryChange {
    /// The version the changes were made against.
    base: u64,
    /// What changes: `{"put": {"venue": {…}}}` or `{"remove": {"venue": "id"}}`.
    #[schema(value_type = Vec<Object>)]
    changes: Vec<Change>,
    /// Where they come from: a file's name, a form.
    origin: String,
}

/// The version after a change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InventoryVersion {
    /// The version.
    version: u64,
}

#[utoipa::path(get, path = "/api/v1/inventory", tag = "inventory", responses((status = 200, body = Object)))]
/// What the caller's regions hold; without names and numbers of people.
pub(in crate::web) async fn show(State(app): State<App>, caller: Caller) -> Json<Inventory> {
    let snapshot = app.snapshot();
    if caller.has_everywhere(Right::ReadInventory) {
        return Json((*snapshot.inventory).clone());
    }
    Json(visible(&caller, &snapshot.inventory))
}

#[utoipa::path(post, path = "/api/v1/inventory", tag = "inventory", request_body = InventoryChange,
    responses((status = 200, body = InventoryVersion)))]
/// Changes the inventory; all or nothing. Every item must lie in the caller's regions, before and after.
pub(in crate::web) async fn change(
    State(app): State<App>,
    caller: Caller,
    Body(change): Body<InventoryChange>,
) -> Result<Json<InventoryVersion>, Problem> {
    let inventory = std::sync::Arc::clone(&app.snapshot().inventory);
    for change in &change.changes {
        let before = inventory.item(&change.subject());
        let after = match change {
            Change::Put(item) => Some(item.clone()),
            Change::Remove(_) => None,
        };
        let reaches = |item: &Item| match place(item, &inventory) {
            Some(region) => caller.may(Right::WriteInventory, &region, &inventory),
            None => caller.has_everywhere(Right::WriteInventory),
        };
        if !before.iter().chain(&after).all(reaches) {
            return Err(Problem::new(Code::Forbidden).items(vec![change.subject().to_string()]));
        }
    }
    let InventoryChange { base, changes, origin } = change;
    match app.command(caller.actor(), Command::SubmitInventory { base, changes, origin }).await? {
        Outcome::Version(version) => Ok(Json(InventoryVersion { version })),
        Outcome::Done
        | Outcome::Round(_)
        | Outcome::Ordered(_)
        | Outcome::Incident(_)
        | Outcome::WouldDo(_)
        | Outcome::Refused(_) => Ok(Json(InventoryVersion { version: base })),
    }
}

/// The region an item belongs to; `None` for what the whole city shares.
fn place(item: &Item, inventory: &Inventory) -> Option<RegionId> {
    let of_venue = |venue: &VenueId| inventory.venues.get(venue).map(|venue| venue.region.clone());
    match item {
        Item::Venue(venue) => Some(venue.region.clone()),
        Item::Person(person) => Some(person.region.clone()),
        Item::Mcu(mcu) => Some(mcu.region.clone()),
        Item::Equipment(equipment) => Some(equipment.region.clone()),
        Item::Meeting(meeting) => Some(meeting.region.clone()),
        Item::Shift(shift) => Some(shift.region.clone()),
        // A plan holds for the whole city.
        Item::Plan(_) => None,
        Item::Link(link) => of_venue(&link.venue),
        Item::Agent(agent) => of_venue(&agent.venue),
        Item::Endpoint(endpoint) => of_venue(&endpoint.venue),
        Item::Stream(stream) => stream.venue.as_ref().and_then(of_venue),
        // A region decides who may do what: only those who may everywhere change it.
        Item::Region(_) | Item::Carrier(_) | Item::Trunk(_) | Item::Profile(_) => None,
    }
}

/// The part of an inventory that lies within the caller's regions. What the whole city shares stays visible.
fn visible(caller: &Caller, inventory: &Inventory) -> Inventory {
    let sees = |region: &RegionId| caller.may(Right::ReadInventory, region, inventory);
    let at = |venue: &VenueId| caller.reaches(Right::ReadInventory, venue, inventory);
    let mut seen = inventory.clone();
    seen.regions.retain(|id, _| sees(id));
    seen.venues.retain(|_, venue| sees(&venue.region));
    seen.links.retain(|_, link| at(&link.venue));
    seen.agents.retain(|_, agent| at(&agent.venue));
    seen.endpoints.retain(|_, endpoint| at(&endpoint.venue));
    seen.streams.retain(|_, stream| stream.venue.as_ref().is_none_or(at));
    seen.mcus.retain(|_, mcu| sees(&mcu.region));
    seen.equipment.retain(|_, equipment| sees(&equipment.region));
    seen.people.retain(|_, person| sees(&person.region));
    seen.shifts.retain(|_, shift| sees(&shift.region));
    seen.meetings.retain(|_, meeting| meeting.all_venues().any(at));
    for meeting in seen.meetings.values_mut() {
        meeting.venues.retain(at);
        meeting.agenda.retain(|item| at(&item.venue));
    }
    if seen.venues.is_empty() {
        return Inventory { version: inventory.version, ..Inventory::default() };
    }
    seen
}

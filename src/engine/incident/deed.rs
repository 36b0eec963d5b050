//! What is done to devices is done against the incident that it concerns: its first action, and its mitigation.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Anchor, mark, mitigating};
use crate::domain::id::VenueId;
use crate::domain::incident::{IncidentId, Moment};
use crate::domain::inventory::Resource;
use crate::domain::lang::{Lang, Text};
use crate::engine::draft::Draft;
use crate::engine::event::{Event, What};
use crate::engine::state::{Incident, State};
use crate::engine::wording;
use crate::observation::action::DeviceOrder;
use crate::observation::device::Device;

/// Tells incidents of the orders that this decision gave.
pub(super) fn follow(draft: &mut Draft<'_>) {
    let orders: Vec<DeviceOrder> = draft.events.iter().filter_map(ordered).cloned().collect();
    for order in orders {
        let does = order.action.does();
        let words = |lang| format!("{} {}", wording::does(does, lang), order.key.0);
        for id in concerned(draft.state, &order) {
            mark(draft, id, Moment::FirstAction);
            mitigating(draft, id, Text::new(words(Lang::Zh), words(Lang::En)));
        }
    }
}

fn ordered(event: &Event) -> Option<&DeviceOrder> {
    let Event::Durable(durable) = event else { return None };
    if let What::ActionOrdered { order, .. } = &durable.what { Some(order) } else { None }
}

/// Open incidents about the device itself, or about the venue that the order is for.
fn concerned(state: &State, order: &DeviceOrder) -> BTreeSet<IncidentId> {
    let index = &state.picture.incidents;
    let venue = venue_of(state, order);
    let of_device = match &order.device {
        Device::Mcu(mcu) => index.by_anchor.get(&Anchor::Cause(Resource::Mcu(mcu.clone()))).copied(),
        Device::Endpoint(_) | Device::Equipment(_) => None,
    };
    let about = |incident: &&Incident| {
        incident.state.is_open() && venue.as_ref().is_some_and(|venue| incident.venues().contains(venue))
    };
    let open = index.by_anchor.values().filter_map(|id| state.durable.incidents.get(id)).map(Arc::as_ref);
    let of_venue = open.filter(about).map(|incident| incident.id);
    of_venue.chain(of_device).collect()
}

fn venue_of(state: &State, order: &DeviceOrder) -> Option<VenueId> {
    let inventory = &state.durable.inventory;
    match &order.device {
        Device::Endpoint(id) => inventory.endpoints.get(id).map(|endpoint| endpoint.venue.clone()),
        Device::Equipment(id) => inventory.equipment.get(id).and_then(|equipment| equipment.venue.clone()),
        Device::Mcu(_) => {
            let meant = order.action.participant()?;
            let known = state.picture.devices.each.get(&order.device)?;
            let seats = known.rosters.iter().flat_map(|roster| &roster.seats);
            let mut seated =
                seats.filter(|(_, seat)| seat.sites.iter().any(|site| site.participant == *meant));
            seated.next().map(|(venue, _)| venue.clone())
        }
    }
}

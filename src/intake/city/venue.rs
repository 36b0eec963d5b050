//! Venues with their contacts and no-test periods; endpoints and MCUs.

use super::equipment::{Controlled, control, test_conference};
use super::people::limits;
use crate::domain::id::PersonId;
use crate::domain::inventory::{Agent, Consent, Contact, ContactRole, Endpoint, Item, Mcu, Venue};
use crate::domain::time::Window;
use crate::intake::fields::{Fields, Reading, list, table};
use crate::intake::meeting::Context;
use crate::intake::names::id;
use crate::intake::tree::Node;
use crate::intake::value::{moment, text, word};

pub(super) fn venue(fields: &mut Fields<'_, '_>, cx: &Context<'_>) -> Option<(Venue, Option<Agent>)> {
    let own = fields.need("id", id);
    let name = fields.need("name", text);
    let region = fields.need("region", cx.names.refers());
    let contacts = fields.or("contacts", Vec::new(), list(|reading, node| contact(reading, node, cx)));
    let consent = fields.or("consent", Consent::default(), word);
    let no_test = fields.or("no_test", Vec::new(), list(|reading, node| period(reading, node, cx)));
    let limits = fields.or("limits", crate::domain::inventory::LimitsPatch::default(), limits);
    let agent = fields.maybe("agent", id);
    // Read by themselves, so that a mistake in one leaves the venue standing.
    fields.nodes("link");
    let own: crate::domain::id::VenueId = own?;
    let agent = agent.map(|id| Agent { id, venue: own.clone() });
    let contacts = in_order(contacts);
    Some((Venue { id: own, name: name?, region: region?, contacts, consent, no_test, limits }, agent))
}

/// A contact is a person, or a person with a role.
fn contact(reading: &mut Reading, node: &Node, cx: &Context<'_>) -> Option<(PersonId, Option<ContactRole>)> {
    if node.as_text().is_some() {
        return cx.names.refers()(reading, node).map(|person| (person, None));
    }
    let table = table(reading, node)?;
    let mut fields = Fields::new(reading, table, node.at);
    let person = fields.need("person", cx.names.refers());
    let role = fields.maybe("role", word);
    fields.finish().then_some((person?, role))
}

/// Without a word on it, the first is A角 and the others stand in for that one.
fn in_order(contacts: Vec<(PersonId, Option<ContactRole>)>) -> Vec<Contact> {
    let default = |place| if place == 0 { ContactRole::A } else { ContactRole::B };
    let contact = |(place, (person, role)): (usize, (PersonId, Option<ContactRole>))| Contact {
        person,
        role: role.unwrap_or(default(place)),
    };
    contacts.into_iter().enumerate().map(contact).collect()
}

fn period(reading: &mut Reading, node: &Node, cx: &Context<'_>) -> Option<Window> {
    let table = table(reading, node)?;
    let mut fields = Fields::new(reading, table, node.at);
    let from = fields.need("from", moment(cx.zone));
    let until = fields.need("until", moment(cx.zone));
    fields.finish().then_some(Window { from: from?, until: until? })
}

pub(super) fn endpoint(fields: &mut Fields<'_, '_>, cx: &Context<'_>) -> Option<Item> {
    let own = fields.need("id", id);
    let venue = fields.need("venue", cx.names.refers());
    let name = fields.need("name", text);
    let model = fields.maybe("model", text);
    let protocol = fields.need("protocol", word);
    let address = fields.need("address", text);
    let control = fields.maybe("control", control(Controlled::Endpoint));
    Some(Item::Endpoint(Endpoint {
        id: own?,
        venue: venue?,
        name: name?,
        model,
        protocol: protocol?,
        address: address?,
        control,
    }))
}

pub(super) fn mcu(fields: &mut Fields<'_, '_>, cx: &Context<'_>) -> Option<Item> {
    let own = fields.need("id", id);
    let name = fields.need("name", text);
    let region = fields.need("region", cx.names.refers());
    let model = fields.need("model", text);
    let network = fields.need("network", word);
    let control = fields.maybe("control", control(Controlled::Mcu));
    let test = fields.maybe("test", test_conference);
    let mcu = Mcu { id: own?, name: name?, region: region?, model: model?, network: network?, control, test };
    Some(Item::Mcu(mcu))
}

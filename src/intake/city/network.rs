//! Regions, carriers, trunks and links.

use crate::domain::id::{LinkId, VenueId};
use crate::domain::inventory::{Carrier, Item, Link, LinkKind, LinkRole, Region, Trunk};
use crate::intake::fields::Fields;
use crate::intake::meeting::Context;
use crate::intake::names::id;
use crate::intake::value::{ip, reflector, telephone, text, whole, word};

/// Fastest line in kbit/s: 400 Gbit/s.
const RATE_KBPS_MAX: i64 = 400_000_000;

pub(super) fn region(fields: &mut Fields<'_, '_>, cx: &Context<'_>) -> Option<Item> {
    let own = fields.need("id", id);
    let name = fields.need("name", text);
    let parent = fields.maybe("parent", cx.names.refers());
    Some(Item::Region(Region { id: own?, name: name?, parent }))
}

pub(super) fn carrier(fields: &mut Fields<'_, '_>, _: &Context<'_>) -> Option<Item> {
    let own = fields.need("id", id);
    let name = fields.need("name", text);
    let fault_desk = fields.maybe("fault_desk", telephone);
    Some(Item::Carrier(Carrier { id: own?, name: name?, fault_desk }))
}

pub(super) fn trunk(fields: &mut Fields<'_, '_>, cx: &Context<'_>) -> Option<Item> {
    let own = fields.need("id", id);
    let name = fields.need("name", text);
    let parent = fields.maybe("parent", cx.names.refers());
    let carrier = fields.maybe("carrier", cx.names.refers());
    let rate_kbps = fields.maybe("rate_kbps", whole(1..=RATE_KBPS_MAX));
    Some(Item::Trunk(Trunk { id: own?, name: name?, parent, carrier, rate_kbps }))
}

/// A link takes its venue from the table it stands in, and its id and name from venue and role unless given.
pub(super) fn link(
    fields: &mut Fields<'_, '_>,
    cx: &Context<'_>,
    venue: Option<&VenueId>,
    venue_name: &str,
) -> Option<Link> {
    let own = fields.maybe("id", id::<LinkId>);
    let name = fields.maybe("name", text);
    let kind = fields.need("kind", word::<LinkKind>);
    let role = fields.need("role", word::<LinkRole>);
    let network = fields.need("network", word);
    let trunk = fields.maybe("trunk", cx.names.refers());
    let carrier = fields.maybe("carrier", cx.names.refers());
    let rate_kbps = fields.maybe("rate_kbps", whole(1..=RATE_KBPS_MAX));
    let reflector_at = fields.maybe("reflector", reflector);
    let hub_address = fields.maybe("hub_address", ip);
    let hub_reflector = fields.maybe("hub_reflector", reflector);
    let (kind, role, venue) = (kind?, role?, venue?.clone());
    Some(Link {
        id: own.or_else(|| LinkId::parse(&format!("{venue}-{}", role_word(role))).ok())?,
        name: name.unwrap_or_else(|| format!("{venue_name}{}{}", role_zh(role), kind_zh(kind))),
        venue,
        kind,
        role,
        network: network?,
        trunk,
        carrier,
        rate_kbps,
        reflector: reflector_at,
        hub_address,
        hub_reflector,
    })
}

fn role_word(role: LinkRole) -> &'static str {
    match role {
        LinkRole::Primary => "primary",
        LinkRole::Backup => "backup",
    }
}

fn role_zh(role: LinkRole) -> &'static str {
    match role {
        LinkRole::Primary => "主用",
        LinkRole::Backup => "备用",
    }
}

fn kind_zh(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::Leased => "专线",
        LinkKind::Vpn => "VPN",
        LinkKind::Cellular4g => "4G",
        LinkKind::Cellular5g => "5G",
        LinkKind::Isdn => "ISDN",
    }
}

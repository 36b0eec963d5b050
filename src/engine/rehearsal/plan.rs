//! Which cells a round has: only checks that exist, and only where they can be carried out.

use crate::domain::check::{Check, CheckKey};
use crate::domain::id::{McuId, VenueId};
use crate::domain::inventory::{Meeting, MeetingOwner};
use crate::engine::state::State;

/// The cells of a round of `meeting` over `venues`, venue by venue: presence, clock, each link that has a
/// reflector, the manual items that the profile asks for, calls to its codecs, what its people confirm.
pub(super) fn cells(state: &State, meeting: &Meeting, venues: &[VenueId]) -> Vec<CheckKey> {
    let inventory = &state.durable.inventory;
    let asked =
        inventory.profiles.get(&meeting.profile).map(|profile| profile.room.as_slice()).unwrap_or_default();
    let mut plan = Vec::new();
    for venue in venues {
        let links = state.picture.index.links_of.get(venue).map(Vec::as_slice).unwrap_or_default();
        let testable = |link: &&_| inventory.links.get(*link).is_some_and(|link| link.reflector.is_some());
        let paths = links.iter().filter(testable).map(|link| Check::Path { link: link.clone() });
        let room = asked.iter().map(|item| Check::Room { item: *item });
        let checks = [Check::Presence, Check::Clock].into_iter().chain(paths).chain(room);
        let checks = checks.chain(calls(state, meeting, venue)).chain(confirm(state, meeting));
        plan.extend(checks.map(|check| CheckKey { venue: venue.clone(), check }));
    }
    plan
}

/// Calls to a venue's codecs, where an MCU is there that can be told. A superior level's meeting is theirs to call.
fn calls(state: &State, meeting: &Meeting, venue: &VenueId) -> Vec<Check> {
    let inventory = &state.durable.inventory;
    let own = meeting.owner == MeetingOwner::Own;
    let told = |mcu: &Option<McuId>| {
        let mcu = mcu.as_ref().and_then(|id| inventory.mcus.get(id));
        own && mcu.is_some_and(|mcu| mcu.control.is_some())
    };
    let (primary, standby) = (told(&meeting.mcu), told(&meeting.standby_mcu));
    let mut checks = Vec::new();
    for endpoint in inventory.endpoints.values().filter(|endpoint| &endpoint.venue == venue) {
        let id = || endpoint.id.clone();
        checks.extend(primary.then(|| Check::CodecCall { endpoint: id() }));
        checks.extend(standby.then(|| Check::BackupCall { endpoint: id() }));
    }
    checks.extend((standby && venue == &meeting.main_venue).then_some(Check::Standby));
    checks
}

/// What people are asked to confirm.
fn confirm(state: &State, meeting: &Meeting) -> Vec<Check> {
    let profile = state.durable.inventory.profiles.get(&meeting.profile);
    let items = profile.map(|profile| profile.confirm.as_slice()).unwrap_or_default();
    items.iter().map(|item| Check::Confirm { item: *item }).collect()
}

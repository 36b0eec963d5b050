//! Which cells a round has: only checks that exist, and only where they can be carried out.

use crate::domain::check::{Check, CheckKey};
use crate::domain::id::VenueId;
use crate::domain::inventory::Meeting;
use crate::engine::state::State;

/// The cells of a round of `meeting` over `venues`, venue by venue: presence, clock, each link that has a
/// reflector, then the manual items that the profile asks for.
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
        plan.extend(checks.map(|check| CheckKey { venue: venue.clone(), check }));
    }
    plan
}

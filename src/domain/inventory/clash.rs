//! Clashes: one venue or MCU in two meetings at once. A clash is named, not refused: people decide.

use serde::{Deserialize, Serialize};

use super::{Inventory, Meeting};
use crate::domain::id::{McuId, MeetingId, VenueId};

/// Two meetings that want the same thing at the same time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Clash {
    /// The earlier meeting by id.
    pub first: MeetingId,
    /// The other.
    pub second: MeetingId,
    /// What both want.
    pub over: ClashOver,
}

/// What two meetings both want.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClashOver {
    /// A venue.
    Venue(VenueId),
    /// An MCU, primary or standby.
    Mcu(McuId),
}

impl Inventory {
    /// Every clash, in a stable order.
    pub fn clashes(&self) -> Vec<Clash> {
        let meetings: Vec<&Meeting> = self.meetings.values().collect();
        let mut found = Vec::new();
        for (i, first) in meetings.iter().enumerate() {
            for second in &meetings[i + 1..] {
                if first.window().overlaps(&second.window()) {
                    found.extend(shared(first, second).map(|over| Clash {
                        first: first.id.clone(),
                        second: second.id.clone(),
                        over,
                    }));
                }
            }
        }
        found.sort();
        found
    }
}

fn shared<'a>(first: &'a Meeting, second: &'a Meeting) -> impl Iterator<Item = ClashOver> + 'a {
    let venues = first.all_venues().filter(|venue| second.all_venues().any(|other| other == *venue));
    let mcus = mcus(first).filter(|mcu| mcus(second).any(|other| other == *mcu));
    venues.cloned().map(ClashOver::Venue).chain(mcus.cloned().map(ClashOver::Mcu))
}

fn mcus(meeting: &Meeting) -> impl Iterator<Item = &McuId> {
    meeting.mcu.iter().chain(&meeting.standby_mcu)
}

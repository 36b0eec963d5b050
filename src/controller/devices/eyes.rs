//! What our own stream monitors say about a device and its sites, and how closely a device is to be looked at.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::domain::id::{McuId, StreamId, VenueId};
use crate::domain::inventory::{Inventory, Meeting, Phase, Stream, StreamRole};
use crate::domain::time::Utc;
use crate::mcu::desk::{Eyes, same_address};
use crate::mcu::watch::Pace;
use crate::observation::Reception;
use crate::observation::device::{Blindness, Device, Sight, SiteSeen};
use crate::report::Snapshot;

/// The monitors, by the snapshot.
#[derive(Debug)]
pub(super) struct Monitors {
    pub(super) view: watch::Receiver<Arc<Snapshot>>,
}

impl Eyes for Monitors {
    fn flow(&self, site: &SiteSeen) -> Option<bool> {
        let view = self.view.borrow().clone();
        let venue = venue_of(&view.inventory, site)?;
        let of_venue =
            |stream: &Stream| stream.venue.as_ref() == Some(venue) && stream.role == StreamRole::Venue;
        flows(&view, of_venue)
    }
}

/// The venue of a site: by its endpoint's address, else by a name that is exactly one venue's.
fn venue_of<'a>(inventory: &'a Inventory, site: &SiteSeen) -> Option<&'a VenueId> {
    let called = site
        .address
        .as_deref()
        .and_then(|at| inventory.endpoints.values().find(|endpoint| same_address(&endpoint.address, at)));
    if let Some(endpoint) = called {
        return Some(&endpoint.venue);
    }
    let mut named = inventory.venues.values().filter(|venue| venue.name == site.name);
    named.next().filter(|_| named.next().is_none()).map(|venue| &venue.id)
}

/// Whether any of these streams flows; `None` where none is watched and heard of.
fn flows(view: &Snapshot, wanted: impl Fn(&Stream) -> bool) -> Option<bool> {
    let fresh = |id: &StreamId| {
        let stream = view.streams.get(id).filter(|stream| stream.watched && stream.fresh)?;
        stream.report.as_ref().map(|report| report.reception)
    };
    let seen: Vec<Reception> =
        view.inventory.streams.values().filter(|it| wanted(it)).filter_map(|it| fresh(&it.id)).collect();
    if seen.contains(&Reception::Flowing) {
        return Some(true);
    }
    let down = |reception: &Reception| matches!(reception, Reception::Down { .. });
    (!seen.is_empty() && seen.iter().all(down)).then_some(false)
}

/// Whether all streams that leave this MCU have stopped.
pub(super) fn media_gone(view: &Snapshot, device: &Device) -> bool {
    let Device::Mcu(mcu) = device else { return false };
    flows(view, |stream| stream.mcu.as_ref() == Some(mcu)) == Some(false)
}

/// A line of our own that is broken for longer is a broker's trouble: then devices are seen as they seem.
const OWN_SIDE_MAX: Duration = Duration::from_secs(20);

/// How a device is seen while our own line to the agents has been broken for so long: whatever says that it is gone
/// comes over the same side, and proves nothing.
pub(super) fn over_own_side(sight: Sight, line_broken: Option<Duration>) -> Sight {
    let broken = line_broken.is_some_and(|broken| broken < OWN_SIDE_MAX);
    match sight {
        Sight::Down { .. } | Sight::Suspected { .. } if broken => Sight::Blind { why: Blindness::OwnSide },
        Sight::Down { .. } | Sight::Suspected { .. } => sight,
        Sight::Unknown | Sight::Seen | Sight::Blind { .. } => sight,
    }
}

/// Closely while a meeting on it is near, live or rehearsed.
pub(super) fn pace(view: &Snapshot, device: &Device, at: Utc) -> Pace {
    let rehearsed: BTreeSet<_> =
        view.rounds.iter().filter(|round| round.is_open()).map(|round| &round.meeting).collect();
    let live = |meeting: &&Meeting| {
        matches!(meeting.phase(at), Phase::RollCall | Phase::Live) || rehearsed.contains(&meeting.id)
    };
    let on = |meeting: &Meeting| match device {
        Device::Mcu(id) => carries(meeting, id),
        Device::Endpoint(id) => {
            let venue = view.inventory.endpoints.get(id).map(|endpoint| &endpoint.venue);
            venue.is_some_and(|venue| meeting.all_venues().any(|it| it == venue))
        }
        Device::Equipment(_) => false,
    };
    if view.inventory.meetings.values().filter(live).any(on) { Pace::Live } else { Pace::Idle }
}

/// Whether a meeting on this MCU is at its roll call or live.
pub(super) fn is_wanted(view: &Snapshot, mcu: &McuId, at: Utc) -> bool {
    let live = |meeting: &&Meeting| matches!(meeting.phase(at), Phase::RollCall | Phase::Live);
    view.inventory.meetings.values().filter(live).any(|meeting| carries(meeting, mcu))
}

fn carries(meeting: &Meeting, mcu: &McuId) -> bool {
    meeting.mcu.as_ref() == Some(mcu) || meeting.standby_mcu.as_ref() == Some(mcu)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::device::Signal;

    #[test]
    fn while_our_own_line_is_broken_nothing_is_called_gone() {
        let down = Sight::Down { signals: [Signal::Interface, Signal::Host] };
        let blind = Sight::Blind { why: Blindness::OwnSide };
        let seconds = |s| Some(Duration::from_secs(s));
        let suspected = Sight::Suspected { signal: Signal::Host };
        for (sight, broken, seen) in [
            (down, None, down),
            (down, seconds(3), blind),
            (suspected, seconds(3), blind),
            (Sight::Seen, seconds(3), Sight::Seen),
            (down, seconds(30), down),
        ] {
            assert_eq!(over_own_side(sight, broken), seen, "{sight:?} {broken:?}");
        }
    }
}

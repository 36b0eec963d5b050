//! Rules about the media of a site by its MCU's word: connected but dead, and losing packets.
//!
//! Presence and media are two things: a site on the roster may long be dead. Muted or held is no fault. Where our own
//! monitors see a venue's stream flow, an MCU that says otherwise does not count.

use std::collections::BTreeMap;

use super::{Sign, View, of_site};
use crate::domain::id::VenueId;
use crate::domain::inventory::StreamRole;
use crate::engine::finding::Why;
use crate::engine::roster::{Seat, Seated};
use crate::engine::rules::Condition;
use crate::engine::state::Part;
use crate::observation::Reception;
use crate::observation::device::{Flow, Medium, Presence, StreamSample, Way};

/// A raised loss ends only when it is clearly below its limit: this share of it.
const STILL: f64 = 0.7;

/// A medium and a way, as the site sees them.
type Lane = (Medium, Way);

/// Whether some lane may be dead: worth a closer look.
pub(super) fn may_be_dead(seat: &Seat) -> bool {
    let mut streams = seat.there().flat_map(|site| &site.streams);
    streams.any(|stream| matches!(stream.flow, Flow::NoMedia { .. }))
}

/// Whether some lane may lose packets: worth a closer look.
pub(super) fn may_lose(seat: &Seat) -> bool {
    let mut streams = seat.there().flat_map(|site| &site.streams);
    streams.any(|stream| stream.loss_pct.value().is_some_and(|loss| loss > 0.0))
}

/// Lanes in which nothing flows at any of a venue's sites, though it should at one.
pub(super) fn dead(view: &View<'_>, venue: &VenueId, seat: &Seat, part: &Part) -> Condition {
    let flows = flows(seat);
    let own_eyes = seen_flowing(view, venue);
    let dead = |(lane, flows): &(&Lane, &Vec<Flow>)| {
        let none = flows.iter().any(|flow| matches!(flow, Flow::NoMedia { .. }));
        none && !flows.contains(&Flow::Flowing) && !(own_eyes && lane.1 == Way::FromSite)
    };
    let lanes: Vec<Lane> = flows.iter().filter(dead).map(|(lane, _)| *lane).collect();
    let all = || flows.values().flatten();
    if lanes.is_empty() {
        let known = all().any(|flow| *flow != Flow::Unknown);
        return if known { Condition::False } else { Condition::Unknown };
    }
    let since = all().filter_map(|flow| match flow {
        Flow::NoMedia { since } => *since,
        Flow::Flowing | Flow::Paused | Flow::Unknown => None,
    });
    // A venue that is not seen or not heard is not there, whichever of the two it is.
    let (severity, sign) = (of_site(true, part), Sign::new(true, Why::Lanes(lanes)));
    match since.min() {
        Some(since) => view.wrong_since_utc(since, severity, sign),
        None => view.wrong(severity, sign),
    }
}

/// What flows in each lane at each of a venue's sites. Content is there only while somebody shows something.
fn flows(seat: &Seat) -> BTreeMap<Lane, Vec<Flow>> {
    let mut flows: BTreeMap<Lane, Vec<Flow>> = BTreeMap::new();
    for site in seat.there() {
        for stream in site.streams.iter().filter(|stream| stream.medium != Medium::Content) {
            flows.entry((stream.medium, stream.way)).or_default().push(flow(site, stream));
        }
    }
    flows
}

/// Whether media of one lane flow; what is muted or held is not meant to.
fn flow(site: &Seated, stream: &StreamSample) -> Flow {
    let muted = site.muted == Some(true) && stream.medium == Medium::Audio && stream.way == Way::FromSite;
    let silenced = muted || site.presence == Presence::OnHold;
    match stream.flow {
        Flow::NoMedia { .. } if silenced => Flow::Paused,
        flow @ (Flow::Flowing | Flow::NoMedia { .. } | Flow::Paused | Flow::Unknown) => flow,
    }
}

/// Whether a monitor of our own sees this venue's stream flow now.
fn seen_flowing(view: &View<'_>, venue: &VenueId) -> bool {
    let streams = &view.state.picture.streams;
    let mut of_venue =
        streams.of_venue.get(venue).into_iter().flatten().filter_map(|id| streams.each.get(id));
    of_venue.any(|stream| {
        let flows = stream.seen.as_ref().is_some_and(|seen| seen.report.reception == Reception::Flowing);
        stream.role == StreamRole::Venue && stream.fresh(view.now.mono) && flows
    })
}

/// The worst lane that loses more than its limit. Loss means something only where media flow.
pub(super) fn loss(view: &View<'_>, seat: &Seat, part: &Part) -> Condition {
    let lossy = |stream: &StreamSample| {
        let loss = stream.loss_pct.value().filter(|loss| loss.is_finite() && stream.flow == Flow::Flowing);
        loss.map(|loss| (loss, (stream.medium, stream.way)))
    };
    let lanes = seat.there().flat_map(|site| &site.streams).filter_map(lossy);
    let Some((worst, lane)) = lanes.max_by(|(a, _), (b, _)| a.total_cmp(b)) else {
        return Condition::Unknown;
    };
    let (warn, severe) = (part.limits.stream_loss_warn_pct, part.limits.stream_loss_severe_pct);
    let least = if view.raised { warn * STILL } else { warn };
    if worst < least {
        return Condition::False;
    }
    let grave = worst >= severe;
    let limit = if grave { severe } else { warn };
    let sign = Sign::new(grave, Why::Lanes(vec![lane])).with("loss_pct", worst).with("limit_pct", limit);
    view.wrong(of_site(grave, part), sign)
}

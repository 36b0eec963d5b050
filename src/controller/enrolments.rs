//! Which agents may speak, as the line, the broker and the enrolment desk need it.

use std::collections::BTreeMap;

use crate::domain::id::{AgentId, VenueId};
use crate::engine::state::{Enrolment, State};
use crate::store::marks::SeqMark;
use crate::uplink::key::{KeyId, PublicKey};

/// All agents of the inventory with what is known of their keys.
#[derive(Debug, Clone, Default)]
pub(super) struct Enrolments {
    /// By agent: the venue and the enrolment.
    pub(super) entries: BTreeMap<AgentId, (VenueId, Enrolment)>,
    /// How far each key's events were counted when this was taken. Later counting is the line's own affair.
    pub(super) marks: BTreeMap<String, SeqMark>,
}

/// The enrolments of a state.
pub(super) fn enrolments(state: &State, marks: &BTreeMap<String, SeqMark>) -> Enrolments {
    let durable = &state.durable;
    let entry = |(id, enrolment): (&AgentId, &Enrolment)| {
        let agent = durable.inventory.agents.get(id)?;
        Some((id.clone(), (agent.venue.clone(), enrolment.clone())))
    };
    Enrolments { entries: durable.enrolments.iter().filter_map(entry).collect(), marks: marks.clone() }
}

/// The lane in which a public key's events are counted.
pub(super) fn lane_of(public_key: &str) -> Option<String> {
    PublicKey::parse(public_key).ok().map(|key| KeyId::of(&key).to_string())
}

//! Call detail records that a Cisco Meeting Server posts to us, put in order: doubles are dropped, gaps noticed.
//!
//! A record is a hint to read anew and never a truth by itself. `correlatorIndex` counts the records of a session; a
//! bridge that starts anew begins a session. Fields are those of Cisco's CDR guide, read leniently.

use std::collections::{BTreeMap, VecDeque};

use crate::domain::mcu::{ConferenceRef, ParticipantRef, bounded};
use crate::mcu::Pushed;
use crate::mcu::fault::Fault;
use crate::mcu::xml::{self, Element};
use crate::observation::device::ROSTER_MAX;

/// Bridges whose numbers are remembered.
const BRIDGES_MAX: usize = 64;
/// Numbers that are remembered to tell a double from a latecomer.
const RECENT_MAX: usize = 64;
/// Most records in one post.
const RECORDS_MAX: usize = 1_024;

/// A post.
#[derive(Debug, Clone, PartialEq)]
pub struct Post {
    /// The bridge.
    pub bridge: String,
    /// Its session.
    pub session: String,
    /// Its records.
    pub records: Vec<Record>,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// `callStart`, `callEnd`, `callLegStart`, `callLegUpdate`, `callLegEnd` or a kind that came later.
    pub kind: String,
    /// Its number in the session.
    pub index: Option<u64>,
    /// The conference, where it is said.
    pub call: Option<ConferenceRef>,
    /// The leg, where it is about one.
    pub leg: Option<ParticipantRef>,
}

/// Reads a post.
pub fn read(bytes: &[u8]) -> Result<Post, Fault> {
    let root = xml::parse(bytes)?;
    if !root.is("records") {
        return Err(Fault::Shape("no records".to_owned()));
    }
    let named = |name: &str| bounded(root.attribute(name).unwrap_or_default()).to_owned();
    let records = root.children("record").take(RECORDS_MAX).map(record).collect();
    Ok(Post { bridge: named("callBridge"), session: named("session"), records })
}

fn record(element: &Element) -> Record {
    let call = element.child("call");
    let leg = element.child("callLeg");
    let of_leg = leg.and_then(|leg| leg.text_at(&["call"]));
    Record {
        kind: bounded(element.attribute("type").unwrap_or_default()).to_owned(),
        index: element.attribute("correlatorIndex").and_then(|text| text.trim().parse().ok()),
        call: call.and_then(|call| call.attribute("id")).or(of_leg).map(ConferenceRef::new),
        leg: leg.and_then(|leg| leg.attribute("id")).map(ParticipantRef::new),
    }
}

#[derive(Debug, Default)]
struct Heard {
    session: String,
    last: Option<u64>,
    recent: VecDeque<u64>,
}

/// The order of records over all bridges.
#[derive(Debug, Default)]
pub struct Order {
    bridges: BTreeMap<String, Heard>,
    places: BTreeMap<ParticipantRef, ConferenceRef>,
}

impl Order {
    /// Remembers who is where, as a roster says.
    pub fn placed(&mut self, call: &ConferenceRef, legs: impl Iterator<Item = ParticipantRef>) {
        self.places.retain(|_, place| place != call);
        for leg in legs.take(ROSTER_MAX.saturating_sub(self.places.len())) {
            self.places.insert(leg, call.clone());
        }
    }

    /// Takes a post; what is to be passed on.
    pub fn take(&mut self, post: &Post) -> Vec<Pushed> {
        let mut passed = Vec::new();
        if !self.bridges.contains_key(&post.bridge) && self.bridges.len() >= BRIDGES_MAX {
            self.bridges.pop_first();
        }
        let heard = self.bridges.entry(post.bridge.clone()).or_default();
        let first = heard.last.is_none() && heard.session.is_empty();
        if heard.session != post.session {
            // Another session: the bridge began anew, and what it said between is lost.
            if !first {
                passed.push(Pushed::Gap);
            }
            *heard = Heard { session: post.session.clone(), ..Heard::default() };
            passed.push(Pushed::Alive);
        }
        for record in &post.records {
            let Some(heard) = self.bridges.get_mut(&post.bridge) else { continue };
            match record.index.map(|index| heard.place(index)) {
                Some(Place::Double) => continue,
                Some(Place::AfterGap) => passed.push(Pushed::Gap),
                Some(Place::Next) | None => {}
            }
            passed.push(self.meaning(record));
        }
        passed
    }

    fn meaning(&mut self, record: &Record) -> Pushed {
        let Some(leg) = &record.leg else { return Pushed::Changed(record.call.clone()) };
        let known = record.call.clone().or_else(|| self.places.get(leg).cloned());
        if record.kind == "callLegEnd" {
            self.places.remove(leg);
        } else if let Some(call) = &known
            && self.places.len() < ROSTER_MAX
        {
            self.places.insert(leg.clone(), call.clone());
        }
        Pushed::Changed(known)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Place {
    Next,
    AfterGap,
    Double,
}

impl Heard {
    fn place(&mut self, index: u64) -> Place {
        if self.recent.contains(&index) {
            return Place::Double;
        }
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(index);
        let place = match self.last {
            Some(last) if index > last.saturating_add(1) => Place::AfterGap,
            Some(_) | None => Place::Next,
        };
        self.last = self.last.max(Some(index));
        place
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn post(session: &str, records: &[(u64, &str)]) -> Post {
        let inside: String = records
            .iter()
            .map(|(index, inside)| {
                format!("<record type='callLegUpdate' correlatorIndex='{index}'>{inside}</record>")
            })
            .collect();
        let text =
            format!("<?xml version='1.0'?><records session='{session}' callBridge='b1'>{inside}</records>");
        read(text.as_bytes()).unwrap()
    }

    const LEG: &str = "<callLeg id='l1'><call>c1</call></callLeg>";

    fn changed() -> Pushed {
        Pushed::Changed(Some(ConferenceRef::new("c1")))
    }

    #[test]
    fn a_hole_in_the_numbers_is_a_gap_and_a_double_is_nothing() {
        let mut order = Order::default();
        assert_eq!(order.take(&post("s1", &[(7, LEG)])), [Pushed::Alive, changed()], "the first is no gap");
        assert_eq!(order.take(&post("s1", &[(7, LEG), (8, LEG)])), [changed()]);
        assert_eq!(order.take(&post("s1", &[(12, LEG)])), [Pushed::Gap, changed()]);
        assert_eq!(order.take(&post("s1", &[(11, LEG)])), [changed()], "a latecomer");
        let anew = order.take(&post("s2", &[(0, LEG)]));
        assert_eq!(anew, [Pushed::Gap, Pushed::Alive, changed()], "another session");
    }

    #[test]
    fn a_leg_whose_call_is_not_said_is_found_where_it_was() {
        let mut order = Order::default();
        let alone = "<callLeg id='l9'/>";
        assert_eq!(order.take(&post("s", &[(1, alone)])), [Pushed::Alive, Pushed::Changed(None)]);
        order.placed(&ConferenceRef::new("c1"), [ParticipantRef::new("l9")].into_iter());
        assert_eq!(order.take(&post("s", &[(2, alone)])), [changed()]);
        assert_eq!(order.take(&post("s", &[(3, "<call id='c1'/>")])), [changed()]);
    }

    proptest! {
        #[test]
        fn any_numbers_and_bytes_are_taken(
            indexes in prop::collection::vec((any::<u64>(), 0u8..3), 0..200),
            bytes in prop::collection::vec(any::<u8>(), 0..128),
        ) {
            let _ = read(&bytes);
            let mut order = Order::default();
            for (index, session) in indexes {
                order.take(&post(&session.to_string(), &[(index, LEG)]));
            }
            prop_assert!(order.bridges.values().all(|heard| heard.recent.len() <= RECENT_MAX));
        }
    }
}

//! Events that a Pexip platform posts to us (event sink, version 2), put in order: doubles are dropped, gaps noticed.
//!
//! An event is a hint to read anew and never a truth by itself. The numbers are of each node; a conference on several
//! nodes is reported by each of them. Knows no socket: whoever receives a body hands it in.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::Value;

use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::mcu::fault::Fault;
use crate::mcu::{Pushed, fields};
use crate::observation::device::ROSTER_MAX;

/// Nodes whose numbers are remembered; a platform has some dozens.
const NODES_MAX: usize = 256;
/// Numbers of a node that are remembered to tell a double from a latecomer.
const RECENT_MAX: usize = 64;
/// A number that falls by more than this is no latecomer: the node began anew.
const LATE_MAX: u64 = 1_000;
/// Most events in one bundle.
const BUNDLE_MAX: usize = 4_096;

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The node that reports.
    pub node: String,
    /// Its number on that node.
    pub seq: Option<u64>,
    /// Its kind.
    pub kind: String,
    /// What it says.
    pub data: Value,
}

/// Reads a body: one event, or the events of a bundle.
pub fn read(bytes: &[u8]) -> Result<Vec<Event>, Fault> {
    let body = fields::json(bytes)?;
    let outer = event(&body, None)?;
    if outer.kind != "eventsink_bulk" {
        return Ok(vec![outer]);
    }
    let Value::Array(inner) = &outer.data else {
        return Err(Fault::Shape("a bundle without a list".to_owned()));
    };
    let mut events: Vec<Event> =
        inner.iter().take(BUNDLE_MAX).map(|value| event(value, Some(&outer))).collect::<Result<_, _>>()?;
    // Where only the bundle is numbered, its number stands for what is in it.
    if let Some(first) = events.first_mut()
        && first.seq.is_none()
    {
        first.seq = outer.seq;
    }
    Ok(events)
}

/// An event of a bundle may leave out what the bundle says for all.
fn event(value: &Value, outer: Option<&Event>) -> Result<Event, Fault> {
    let node = fields::text(value, "node").or_else(|| outer.map(|outer| outer.node.clone()));
    Ok(Event {
        node: fields::required(node, "node")?,
        seq: fields::whole(value, "seq").and_then(|seq| u64::try_from(seq).ok()),
        kind: fields::required(fields::text(value, "event"), "event")?,
        data: value.get("data").cloned().unwrap_or_default(),
    })
}

/// What was heard of one node.
#[derive(Debug, Default)]
struct Heard {
    last: Option<u64>,
    recent: VecDeque<u64>,
}

/// Where a number stands among those that were heard.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Next,
    AfterGap,
    Double,
    Late,
}

impl Heard {
    fn place(&mut self, seq: u64) -> Place {
        if self.recent.contains(&seq) {
            return Place::Double;
        }
        let place = match self.last {
            None => Place::Next,
            Some(last) if seq == last.saturating_add(1) => Place::Next,
            Some(last) if seq < last && last - seq <= LATE_MAX => Place::Late,
            Some(_) => Place::AfterGap,
        };
        if place == Place::AfterGap {
            self.recent.clear();
        }
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(seq);
        if place != Place::Late {
            self.last = Some(seq);
        }
        place
    }
}

/// The order of events over all nodes.
#[derive(Debug, Default)]
pub struct Order {
    nodes: BTreeMap<String, Heard>,
    /// What was said last of each participant or conference, and by which node.
    said: BTreeMap<String, (u64, String)>,
    /// In which conference a participant is: not every event says it.
    places: BTreeMap<ParticipantRef, ConferenceRef>,
}

impl Order {
    /// Remembers who is where, as a roster says.
    pub fn placed(&mut self, conference: &ConferenceRef, sites: impl Iterator<Item = ParticipantRef>) {
        self.places.retain(|_, place| place != conference);
        for site in sites.take(ROSTER_MAX.saturating_sub(self.places.len())) {
            self.places.insert(site, conference.clone());
        }
    }

    /// Takes events as they come; what is to be passed on.
    pub fn take(&mut self, events: Vec<Event>) -> Vec<Pushed> {
        events.into_iter().flat_map(|event| self.take_one(&event)).collect()
    }

    fn take_one(&mut self, event: &Event) -> Vec<Pushed> {
        let mut passed = Vec::new();
        if event.kind == "eventsink_started" {
            self.nodes.remove(&event.node);
        }
        let first = !self.nodes.contains_key(&event.node);
        if first && self.nodes.len() >= NODES_MAX {
            self.nodes.pop_first();
        }
        let heard = self.nodes.entry(event.node.clone()).or_default();
        match event.seq.map(|seq| heard.place(seq)) {
            Some(Place::Double) => return passed,
            Some(Place::AfterGap) => passed.push(Pushed::Gap),
            Some(Place::Next | Place::Late) | None => {}
        }
        if first {
            passed.push(Pushed::Alive);
        }
        if !self.said_by_another_node(event) {
            passed.push(self.meaning(event));
        }
        passed
    }

    /// Whether this is what another node has just said of the same thing.
    fn said_by_another_node(&mut self, event: &Event) -> bool {
        let Some(subject) = fields::text(&event.data, "uuid").or_else(|| fields::text(&event.data, "name"))
        else {
            return false;
        };
        let mut digest = DefaultHasher::new();
        (&event.kind, event.data.to_string()).hash(&mut digest);
        let said = (digest.finish(), event.node.clone());
        let before = self.said.insert(subject, said.clone());
        while self.said.len() > ROSTER_MAX {
            self.said.pop_first();
        }
        before.is_some_and(|before| before.0 == said.0 && before.1 != said.1)
    }

    fn meaning(&mut self, event: &Event) -> Pushed {
        let data = &event.data;
        let uuid = fields::text(data, "uuid").map(|uuid| ParticipantRef::new(&uuid));
        let conference = fields::text(data, "conference").map(|name| ConferenceRef::new(&name));
        match event.kind.as_str() {
            "eventsink_started" | "eventsink_updated" => Pushed::Alive,
            // Nothing will be heard from now on: everything is to be read. It says nothing of the platform.
            "eventsink_stopped" => Pushed::Gap,
            "conference_started" | "conference_updated" | "conference_ended" => {
                Pushed::Changed(fields::text(data, "name").map(|name| ConferenceRef::new(&name)))
            }
            "participant_connected" | "participant_updated" => {
                if let (Some(uuid), Some(conference)) = (uuid, &conference)
                    && self.places.len() < ROSTER_MAX
                {
                    self.places.insert(uuid, conference.clone());
                }
                Pushed::Changed(conference)
            }
            "participant_disconnected" => {
                let place = uuid.and_then(|uuid| self.places.remove(&uuid));
                Pushed::Changed(conference.or(place))
            }
            "participant_media_stream_window" | "participant_media_streams_destroyed" => {
                let place = uuid.as_ref().and_then(|uuid| self.places.get(uuid).cloned());
                match (conference.or(place), uuid) {
                    (Some(conference), Some(site)) => Pushed::Media { conference, site, streams: Vec::new() },
                    (conference, _) => Pushed::Changed(conference),
                }
            }
            // A kind that came later says that something changed.
            _ => Pushed::Changed(conference),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn said(node: &str, seq: u64, kind: &str, data: &Value) -> Vec<Event> {
        let body = json!({"node": node, "seq": seq, "version": 2, "time": 1.5, "event": kind, "data": data});
        read(body.to_string().as_bytes()).unwrap()
    }

    fn connected(uuid: &str) -> Value {
        json!({"uuid": uuid, "conference": "全市例会", "display_name": "A县"})
    }

    fn changed() -> Pushed {
        Pushed::Changed(Some(ConferenceRef::new("全市例会")))
    }

    #[test]
    fn numbers_are_of_each_node_and_a_hole_in_them_is_a_gap() {
        let mut order = Order::default();
        let mut take = |node: &str, seq, uuid: &str| {
            order.take(said(node, seq, "participant_connected", &connected(uuid)))
        };
        assert_eq!(take("10.0.0.1", 40, "a"), [Pushed::Alive, changed()], "the first number is no gap");
        assert_eq!(take("10.0.0.2", 7, "b"), [Pushed::Alive, changed()]);
        assert_eq!(take("10.0.0.1", 41, "c"), [changed()]);
        assert_eq!(take("10.0.0.1", 41, "c"), [], "delivered twice");
        assert_eq!(take("10.0.0.1", 44, "d"), [Pushed::Gap, changed()]);
        assert_eq!(take("10.0.0.1", 43, "e"), [changed()], "a latecomer");
        assert_eq!(take("10.0.0.1", 45, "f"), [changed()]);
        assert_eq!(take("10.0.0.2", 8, "f2"), [changed()]);
    }

    #[test]
    fn what_every_node_of_a_conference_says_is_heard_once_and_a_new_state_again() {
        let mut order = Order::default();
        let mut muted = |node: &str, seq, on: bool| {
            let mut data = connected("a");
            data["is_muted"] = json!(on);
            order.take(said(node, seq, "participant_updated", &data))
        };
        muted("n1", 1, true);
        assert_eq!(muted("n2", 1, true), [Pushed::Alive]);
        assert_eq!(muted("n1", 2, false), [changed()]);
        assert_eq!(muted("n2", 2, false), []);
        assert_eq!(muted("n1", 3, true), [changed()], "back to the first state is news");
    }

    #[test]
    fn a_window_of_media_finds_its_conference() {
        let mut order = Order::default();
        let window = json!({"uuid": "a", "call_quality_was": "1_good", "call_quality_now": "3_bad"});
        let unknown = order.take(said("n1", 1, "participant_media_stream_window", &window));
        assert_eq!(unknown, [Pushed::Alive, Pushed::Changed(None)]);
        let conference = ConferenceRef::new("全市例会");
        let site = ParticipantRef::new("a");
        order.placed(&conference, [site.clone()].into_iter());
        let worse = json!({"uuid": "a", "call_quality_was": "3_bad", "call_quality_now": "4_terrible"});
        let known = order.take(said("n1", 2, "participant_media_stream_window", &worse));
        assert_eq!(known, [Pushed::Media { conference, site, streams: Vec::new() }]);
    }

    #[test]
    fn a_sink_that_starts_anew_counts_anew_and_one_that_stops_is_no_death() {
        let mut order = Order::default();
        order.take(said("n1", 900, "conference_started", &json!({"name": "全市例会"})));
        let stopped = order.take(said("n1", 901, "eventsink_stopped", &Value::Null));
        assert_eq!(stopped, [Pushed::Gap]);
        let started = order.take(said("n1", 0, "eventsink_started", &Value::Null));
        assert!(!started.contains(&Pushed::Gap), "{started:?}");
        let bundle = json!({"node": "n1", "seq": 3, "version": 2, "event": "eventsink_bulk", "data": [
            {"event": "participant_connected", "seq": 1, "data": connected("a")},
            {"event": "participant_connected", "seq": 2, "data": connected("b")},
        ]});
        let both = order.take(read(bundle.to_string().as_bytes()).unwrap());
        assert_eq!(both, [changed(), changed()]);
    }

    proptest! {
        #[test]
        fn any_events_are_taken_and_memory_is_bounded(
            events in prop::collection::vec((0u8..4, any::<u64>(), "[a-c]", 0u8..9), 0..200),
        ) {
            let kinds = ["conference_started", "participant_connected", "participant_updated", "eventsink_started",
                "participant_disconnected", "participant_media_stream_window", "eventsink_stopped", "new", ""];
            let mut order = Order::default();
            for (node, seq, uuid, kind) in events {
                let data = if kind == 7 { Value::Null } else { connected(&uuid) };
                let event = Event {
                    node: node.to_string(), seq: Some(seq), kind: kinds[usize::from(kind)].to_owned(), data };
                let passed = order.take(vec![event]);
                prop_assert!(passed.len() <= 3);
            }
            prop_assert!(order.nodes.values().all(|heard| heard.recent.len() <= RECENT_MAX));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let _ = read(&bytes);
        }
    }
}

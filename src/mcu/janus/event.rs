//! What Janus pushes, whichever way it comes: pure, clocks are handed in.
//!
//! Events have no numbers, so a lost one shows only as silence: while a call is up, Janus sends its statistics each
//! period. The retained `connected` that a broker keeps is no life: it outlives the process that left it. What
//! `receiving: false` says comes one to two seconds after the last packet, long before any roster changes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::handle;
use super::line::HandleRef;
use super::media::{self, CallRules, LineName, Moment};
use super::name::{Id, Plugin, Room, party_reference};
use super::reply::{flag, medium, text, whole};
use crate::mcu::Pushed;
use crate::mcu::counter::Meters;
use crate::observation::device::{Flow, ROSTER_MAX, StreamSample, Way};

/// Silence of so many periods, while a call is up, is a lost source.
const SILENT_PERIODS: u32 = 2;
/// A source that is heard all the time is called alive no more often than this.
const ALIVE_EVERY: Duration = Duration::from_secs(5);
/// Most events in one message, where Janus groups them.
const GROUP_MAX: usize = 1_024;

/// What an event tells: something for the controller, or something for the adapter to remember.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// For whoever listens.
    Pushed(Pushed),
    /// Somebody joined on that handle.
    Joined {
        /// The handle.
        at: HandleRef,
        /// Where.
        room: Room,
        /// Who.
        party: Id,
        /// Ties what it watches to it.
        private: Option<u64>,
    },
    /// The handle is gone or free.
    Gone(HandleRef),
    /// The server started: names the start.
    Started(String),
}

/// What is remembered of a source of events.
#[derive(Debug)]
pub struct Follower {
    period: Duration,
    heard: Duration,
    alive: Option<Duration>,
    lost: bool,
    parties: BTreeMap<u64, (HandleRef, Room, Id)>,
    calls: BTreeSet<u64>,
    meters: Meters<LineName>,
}

impl Follower {
    /// Follows a source that sends statistics each `period` (`stats_period` of Janus), from `now` on.
    pub fn new(period: Duration, now: Duration) -> Self {
        Self {
            period,
            heard: now,
            alive: None,
            lost: false,
            parties: BTreeMap::new(),
            calls: BTreeSet::new(),
            meters: Meters::new(),
        }
    }

    /// A message on the status topic of a broker. A retained one was written at some time by some process: a farewell
    /// still holds, for whoever connects overwrites it, and a greeting proves nothing.
    pub fn status(&mut self, status: &Value, retained: bool, at: Moment) -> Vec<Told> {
        match text(status, "event") {
            Some("disconnected") => self.farewell(),
            Some("connected") if !retained => {
                // Which calls are up will show within a period.
                self.calls.clear();
                let mut told = self.life(at);
                told.push(Told::Pushed(Pushed::Gap));
                told
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// An event, or several where Janus groups them. Whatever is not known is passed over.
    pub fn take(&mut self, message: &Value, at: Moment) -> Vec<Told> {
        let events = message.as_array().map_or(std::slice::from_ref(message), Vec::as_slice);
        events.iter().take(GROUP_MAX).flat_map(|event| self.one(event, at)).collect()
    }

    /// When silence would be a lost source; `None` while silence is normal.
    pub fn deadline(&self) -> Option<Duration> {
        let waits = !self.lost && !self.calls.is_empty();
        waits.then(|| self.heard.saturating_add(self.period * SILENT_PERIODS))
    }

    /// Time passed. A silence that is too long is told once.
    pub fn silence(&mut self, now: Duration) -> Vec<Told> {
        if self.deadline().is_some_and(|deadline| now > deadline) { self.farewell() } else { Vec::new() }
    }

    fn farewell(&mut self) -> Vec<Told> {
        self.calls.clear();
        let known = std::mem::replace(&mut self.lost, true);
        if known { Vec::new() } else { vec![Told::Pushed(Pushed::Farewell)] }
    }

    fn life(&mut self, at: Moment) -> Vec<Told> {
        self.heard = at.mono;
        let fresh = self.alive.is_some_and(|alive| at.mono.saturating_sub(alive) < ALIVE_EVERY);
        if std::mem::take(&mut self.lost) || !fresh {
            self.alive = Some(at.mono);
            return vec![Told::Pushed(Pushed::Alive)];
        }
        Vec::new()
    }

    fn one(&mut self, event: &Value, at: Moment) -> Vec<Told> {
        let Some(kind) = whole(event, "type") else { return Vec::new() };
        let mut told = self.life(at);
        let from = handle_of(event);
        let body = &event["event"];
        match (kind, whole(event, "subtype")) {
            (1, _) if text(body, "name") == Some("destroyed") => {
                told.extend(self.session_ended(whole(event, "session_id")));
            }
            (2, _) if text(body, "name") == Some("detached") => told.extend(self.ended(from)),
            (16, _) => told.extend(self.call(body, from)),
            (32, Some(subtype)) => told.extend(self.media(subtype, body, from, at)),
            (64, _) => told.extend(self.plugin(body, from)),
            (256, Some(1)) => told.extend(self.started(event)),
            (256, Some(2)) => told.extend(self.farewell()),
            _ => {}
        }
        told
    }

    fn started(&mut self, event: &Value) -> Vec<Told> {
        self.parties.clear();
        self.calls.clear();
        let named = whole(event, "timestamp").map(|at| Told::Started(at.to_string()));
        named.into_iter().chain([Told::Pushed(Pushed::Gap)]).collect()
    }

    fn call(&mut self, body: &Value, from: Option<HandleRef>) -> Vec<Told> {
        let Some(at) = from else { return Vec::new() };
        match text(body, "connection") {
            Some("webrtcup") if self.calls.len() < ROSTER_MAX => {
                self.calls.insert(at.handle);
            }
            Some("hangup") => {
                self.calls.remove(&at.handle);
            }
            Some(_) | None => return Vec::new(),
        }
        vec![self.changed(at)]
    }

    fn media(&mut self, subtype: u64, body: &Value, from: Option<HandleRef>, at: Moment) -> Vec<Told> {
        let Some(handle) = from else { return Vec::new() };
        let streams = match subtype {
            1 => receiving(body, at),
            3 => {
                // Statistics come only of a call that is up: this is also how one from before our time is known.
                if self.calls.len() < ROSTER_MAX {
                    self.calls.insert(handle.handle);
                }
                let line = handle::pushed_line(body);
                let rules = CallRules::default();
                line.map(|line| {
                    media::line_streams(&mut self.meters, handle.handle, &line, (rules, true), at)
                })
                .unwrap_or_default()
            }
            // Slow link: the figures follow with the statistics.
            _ => return Vec::new(),
        };
        match (self.parties.get(&handle.handle), streams.is_empty()) {
            (_, true) => Vec::new(),
            (Some((_, room, party)), false) => {
                let (conference, site) = (room.reference(), party_reference(party));
                vec![Told::Pushed(Pushed::Media { conference, site, streams })]
            }
            // Whose it is will be read.
            (None, false) if subtype == 1 => vec![Told::Pushed(Pushed::Changed(None))],
            (None, false) => Vec::new(),
        }
    }

    fn plugin(&mut self, body: &Value, from: Option<HandleRef>) -> Vec<Told> {
        let plugin = text(body, "plugin").and_then(Plugin::from_package);
        let data = &body["data"];
        let id = Id::read(data.get("room"));
        let Some(room) = plugin.zip(id).map(|(plugin, id)| Room { plugin, id }) else { return Vec::new() };
        let changed = Told::Pushed(Pushed::Changed(Some(room.reference())));
        let party = Id::read(data.get("id"));
        match (text(data, "event"), from, party) {
            (Some("joined"), Some(at), Some(party)) => {
                if self.parties.len() < ROSTER_MAX {
                    self.parties.insert(at.handle, (at, room.clone(), party.clone()));
                }
                let private = whole(data, "private_id").filter(|private| *private != 0);
                vec![Told::Joined { at, room, party, private }, changed]
            }
            (Some("left" | "leaving" | "kicked"), _, Some(party)) => {
                let mut told = self.left(&room, &party);
                told.push(changed);
                told
            }
            _ => vec![changed],
        }
    }

    fn left(&mut self, room: &Room, party: &Id) -> Vec<Told> {
        let gone = self.parties.values().find(|(_, at, who)| at == room && who == party);
        let gone = gone.map(|(handle, ..)| *handle);
        gone.map(|handle| self.parties.remove(&handle.handle));
        gone.map(Told::Gone).into_iter().collect()
    }

    fn session_ended(&mut self, session: Option<u64>) -> Vec<Told> {
        let of = |(at, ..): &&(HandleRef, Room, Id)| Some(at.session) == session;
        let ended: Vec<HandleRef> = self.parties.values().filter(of).map(|(at, ..)| *at).collect();
        ended.into_iter().flat_map(|at| self.ended(Some(at))).collect()
    }

    fn ended(&mut self, at: Option<HandleRef>) -> Vec<Told> {
        let Some(at) = at else { return Vec::new() };
        self.calls.remove(&at.handle);
        let told = vec![Told::Gone(at), self.changed(at)];
        self.parties.remove(&at.handle);
        told
    }

    fn changed(&self, at: HandleRef) -> Told {
        let room = self.parties.get(&at.handle).map(|(_, room, _)| room.reference());
        Told::Pushed(Pushed::Changed(room))
    }
}

fn handle_of(event: &Value) -> Option<HandleRef> {
    Some(HandleRef { session: whole(event, "session_id")?, handle: whole(event, "handle_id")? })
}

/// Janus says since when by its own clock; ours is what everything else is written in.
fn receiving(body: &Value, at: Moment) -> Vec<StreamSample> {
    let Some(medium) = text(body, "media").and_then(medium) else { return Vec::new() };
    let flow = match flag(body, "receiving") {
        Some(true) => Flow::Flowing,
        Some(false) => Flow::NoMedia { since: Some(at.utc) },
        None => return Vec::new(),
    };
    vec![StreamSample::bare(medium, Way::FromSite, flow)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::time::Utc;
    use crate::mcu::janus::reply;

    /// Words that Janus uses, so that chance finds its way into the parsers.
    const WORDS: [&str; 46] = [
        "janus",
        "success",
        "error",
        "code",
        "response",
        "plugindata",
        "data",
        "error_code",
        "audiobridge",
        "videoroom",
        "streaming",
        "list",
        "participants",
        "room",
        "id",
        "display",
        "description",
        "media",
        "type",
        "age_ms",
        "info",
        "plugin",
        "janus.plugin.videoroom",
        "plugin_specific",
        "plain-rtp",
        "remote-port",
        "remote-ip",
        "queue-in",
        "webrtc",
        "mid",
        "audio",
        "video",
        "direction",
        "recv",
        "stats",
        "in",
        "packets",
        "bytes_lastsec",
        "event",
        "session_id",
        "handle_id",
        "subtype",
        "joined",
        "receiving",
        "private_id",
        "connection",
    ];

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            prop::sample::select(vec![0u64, 1, 2, 16, 32, 64, 256, 65_536, u64::MAX]).prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(|float| json!(float)),
            prop::sample::select(WORDS.to_vec()).prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 64, 6, |inner| {
            let key = prop::sample::select(WORDS.to_vec()).prop_map(str::to_owned);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(key, inner, 0..8)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_answer_and_no_event_makes_a_parser_panic(
            value in any_json(),
            events in prop::collection::vec((0u64..300, 0u64..4, any_json()), 0..20),
        ) {
            let _ = reply::answer(value.to_string().as_bytes());
            let _ = reply::server_info(&value);
            let _ = reply::numbers(&value, "list");
            let _ = reply::parties(&value);
            for plugin in Plugin::ALL {
                let _ = reply::plugin_answer(&value, plugin);
                let _ = reply::rooms(&value, plugin);
            }
            let at = Moment { mono: Duration::from_secs(1), utc: Utc(1) };
            let wrapped = json!({"info": value});
            if let Ok(info) = handle::handle_info(&wrapped) {
                media::call_streams(&mut Meters::new(), 1, &info, CallRules::default(), at);
            }
            let mut follower = Follower::new(Duration::from_secs(1), Duration::ZERO);
            for (kind, subtype, body) in events {
                let event = json!({
                    "type": kind, "subtype": subtype, "session_id": 1, "handle_id": subtype, "event": body,
                });
                follower.take(&event, at);
            }
        }
    }
}

//! What is read of Janus: its health, rooms, participants and their media.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::handle::{self, HandleInfo, Role};
use super::handles::{Known, is_gone};
use super::line::HandleRef;
use super::media::{self, CallRules, LOOKS_MIN, Look, Queue};
use super::name::{Id, Plugin, Room, SOURCE, party_reference};
use super::reply::{self, PartyListed, RoomListed, ServerInfo};
use super::{Janus, PROBE_NAME, no_such_room, now};
use crate::domain::mcu::ParticipantRef;
use crate::domain::time::Utc;
use crate::mcu::fault::Fault;
use crate::observation::device::{
    Absent, Capacity, CapacityUnit, ConferenceSeen, Flow, Given, NodeHealth, Presence, ROSTER_MAX, Service,
    SiteSeen, StreamSample, Way,
};

/// A list of rooms is asked for once for all rosters that are read within this time.
const LIST_FRESH: Duration = Duration::from_secs(1);
/// Pauses between two looks at a queue, milliseconds, as uneven as they can be: packets come every 20 ms.
const LOOK_PAUSES_MS: [u64; 5] = [31, 47, 23, 53, 41];
/// Looks at a queue that was silent before: it only needs to show a packet once.
const LOOKS_AGAIN: u32 = 4;

impl Janus {
    pub(super) async fn read_health(&self) -> Result<NodeHealth, Fault> {
        // `info` and `ping` are answered to anybody: only this tells whether our secret is right.
        self.line.admin("", "get_status").await?;
        let answered = self.line.admin("", "info").await?;
        let info = reply::server_info(&answered.value)?;
        let skew = answered.date.as_deref().and_then(|date| skew_ms(date, now()));
        Ok(NodeHealth { boot: self.state().boot.clone(), ..health(&info, skew) })
    }

    pub(super) async fn read_capacity(&self) -> Result<Vec<Capacity>, Fault> {
        let rooms = self.list(Plugin::VideoRoom).await?.0;
        Ok(rooms.iter().filter_map(capacity).collect())
    }

    pub(super) async fn read_conferences(&self) -> Result<Vec<ConferenceSeen>, Fault> {
        let mut seen = Vec::new();
        for plugin in Plugin::ALL {
            let (rooms, _) = self.list(plugin).await?;
            seen.extend(rooms.iter().map(|listed| conference(plugin, listed, now())));
        }
        seen.truncate(ROSTER_MAX);
        Ok(seen)
    }

    pub(super) async fn read_roster(&self, room: &Room) -> Result<ConferenceSeen, Fault> {
        let listed = self.listed(room).await?;
        if room.plugin == Plugin::Streaming {
            let listed = listed.ok_or_else(|| no_such_room(&room.reference()))?;
            return Ok(conference(Plugin::Streaming, &listed, now()));
        }
        let request = json!({ "request": "listparticipants", "room": room.id.json() });
        let data = self.line.read(room.plugin, request).await?;
        let (parties, complete) = reply::parties(&data)?;
        let muted = listed.as_ref().and_then(|listed| listed.muted);
        let state = self.state();
        let site = |party| site(party, muted, state.handles.of(room, &party.id));
        Ok(ConferenceSeen {
            conference: room.reference(),
            name: listed.map(|listed| listed.name).unwrap_or_default(),
            expected: None,
            present: parties.iter().map(site).collect(),
            complete,
            at: now(),
        })
    }

    pub(super) async fn read_streams(
        &self,
        room: &Room,
        seen: &SiteSeen,
    ) -> Result<Vec<StreamSample>, Fault> {
        if room.plugin == Plugin::Streaming {
            let listed = self.listed(room).await?.ok_or_else(|| no_such_room(&room.reference()))?;
            return Ok(media::source_streams(&listed.lanes, listed.enabled != Some(false), now()));
        }
        let Some(party) = Id::parse(seen.participant.as_str()) else { return Ok(Vec::new()) };
        let Some((known, info)) = self.handle_of(room, &party).await? else { return Ok(Vec::new()) };
        let muted = seen.muted == Some(true) || info.muted == Some(true);
        if info.plain.is_some() {
            return self.plain_streams(known.at, &info, muted).await;
        }
        let mut streams = self.call_streams(room, known.at, &info, muted);
        if let Some(private) = known.private {
            streams.extend(self.watched(room, private).await?);
        }
        Ok(streams)
    }

    /// The handle of a participant with what it says now; `None` when Janus does not show whose handle it is.
    pub(super) async fn handle_of(
        &self,
        room: &Room,
        party: &Id,
    ) -> Result<Option<(Known, HandleInfo)>, Fault> {
        for _ in 0..2 {
            let known = self.state().handles.of(room, party).cloned();
            if let Some(known) = known {
                if let Some(info) = self.info_of(known.at).await? {
                    self.state().handles.learn(known.at, &info);
                    if is_of(&info, room, party) {
                        return Ok(Some((known, info)));
                    }
                }
                self.state().handles.forget(known.at);
            }
            match self.walker.walk(&self.line).await? {
                Some(found) => self.state().handles = found,
                // Somebody else may have walked while we waited.
                None if self.state().handles.of(room, party).is_none() => return Ok(None),
                None => {}
            }
        }
        Ok(None)
    }

    /// What a handle says now; `None` when it is gone.
    pub(super) async fn info_of(&self, at: HandleRef) -> Result<Option<HandleInfo>, Fault> {
        match self.line.handle_info(at, false).await {
            Ok(value) => handle::handle_info(&value).map(Some),
            Err(fault) if is_gone(&fault) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Looks at the queue until it is clear whether anything comes.
    async fn plain_streams(
        &self,
        at: HandleRef,
        info: &HandleInfo,
        muted: bool,
    ) -> Result<Vec<StreamSample>, Fault> {
        let mut queue = self.state().queues.get(&at).copied().unwrap_or_default();
        let looks = if queue.silent() { LOOKS_AGAIN } else { LOOKS_MIN };
        queue.look(Look::at(info), muted, now());
        for look in 1..looks {
            if !queue.open() && !queue.silent() || muted {
                break;
            }
            tokio::time::sleep(pause_before(look)).await;
            let told = match self.line.handle_info(at, true).await {
                // The looks so far are kept, and the next read goes on with them.
                Err(Fault::OverBudget) => break,
                other => other?,
            };
            queue.look(Look::at(&handle::handle_info(&told)?), muted, now());
        }
        self.keep_queue(at, queue);
        Ok(media::plain_streams(&queue, muted))
    }

    fn keep_queue(&self, at: HandleRef, queue: Queue) {
        let mut state = self.state();
        if state.queues.len() >= ROSTER_MAX && !state.queues.contains_key(&at) {
            state.queues.clear();
        }
        state.queues.insert(at, queue);
    }

    fn call_streams(&self, room: &Room, at: HandleRef, info: &HandleInfo, muted: bool) -> Vec<StreamSample> {
        let rules = CallRules { muted, always_sends: room.plugin == Plugin::AudioBridge };
        let moment = self.moment();
        media::call_streams(&mut self.state().meters, at.handle, info, rules, moment)
    }

    /// What a participant of a VideoRoom watches, one sample per medium: the worst.
    async fn watched(&self, room: &Room, private: u64) -> Result<Vec<StreamSample>, Fault> {
        let mut streams = Vec::new();
        let viewers = self.state().handles.viewers_of(room, private);
        for at in viewers {
            if let Some(info) = self.info_of(at).await? {
                let samples = self.call_streams(room, at, &info, false);
                streams.extend(samples.into_iter().filter(|sample| sample.way == Way::ToSite));
            }
        }
        streams.sort_by_key(|sample| (sample.medium, rank(sample.flow)));
        streams.dedup_by_key(|sample| sample.medium);
        Ok(streams)
    }

    async fn listed(&self, room: &Room) -> Result<Option<RoomListed>, Fault> {
        let (rooms, _) = self.list(room.plugin).await?;
        Ok(rooms.into_iter().find(|listed| listed.id == room.id))
    }

    /// The rooms of a plugin; none where it is not loaded.
    pub(super) async fn list(&self, plugin: Plugin) -> Result<(Vec<RoomListed>, bool), Fault> {
        let kept = self.state().lists.get(&plugin).cloned();
        if let Some((at, rooms)) = kept
            && at.elapsed() < LIST_FRESH
        {
            return Ok((rooms, true));
        }
        let data = match self.line.read(plugin, json!({ "request": "list" })).await {
            // No such plugin.
            Err(Fault::Said { code, .. }) if code == "460" => return Ok((Vec::new(), true)),
            other => other?,
        };
        let (rooms, complete) = reply::rooms(&data, plugin)?;
        self.state().lists.insert(plugin, (Instant::now(), rooms.clone()));
        Ok((rooms, complete))
    }

    /// Something was changed: what was listed is read anew.
    pub(super) fn stale(&self) {
        self.state().lists.clear();
    }

    /// A request of a plugin that reads, for the looks of an action.
    pub(super) async fn participants(&self, room: &Room) -> Result<Vec<PartyListed>, Fault> {
        let request: Value = json!({ "request": "listparticipants", "room": room.id.json() });
        let data = self.line.read(room.plugin, request).await?;
        Ok(reply::parties(&data)?.0)
    }
}

fn pause_before(look: u32) -> Duration {
    Duration::from_millis(LOOK_PAUSES_MS[look as usize % LOOK_PAUSES_MS.len()])
}

/// Worst first, among what one site watches.
fn rank(flow: Flow) -> u8 {
    match flow {
        Flow::NoMedia { .. } => 0,
        Flow::Unknown => 1,
        Flow::Paused => 2,
        Flow::Flowing => 3,
    }
}

fn is_of(info: &HandleInfo, room: &Room, party: &Id) -> bool {
    matches!(&info.role, Role::Participant { room: at, party: who, .. } if at == room && who == party)
}

fn health(info: &ServerInfo, skew: Option<f64>) -> NodeHealth {
    let service = match info.accepting {
        Some(false) => Service::Draining,
        // It answers and holds no conference.
        _ if info.plugins.is_empty() => Service::Degraded,
        Some(true) => Service::Up,
        None => Service::Unknown,
    };
    NodeHealth {
        service,
        load_pct: Given::Absent(Absent::NotProvided),
        uptime: Given::Absent(Absent::NotProvided),
        version: info.version.clone(),
        boot: None,
        clock_skew_ms: Given::or_absent(skew, Absent::NotProvided),
        nodes: Vec::new(),
    }
}

/// Its clock minus ours by its `Date` header, which has whole seconds: right within half a second.
fn skew_ms(date: &str, ours: Utc) -> Option<f64> {
    let theirs = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
    let theirs = Utc::from_timestamp(theirs).0.checked_add(500_000)?;
    Some(theirs.checked_sub(ours.0)? as f64 / 1_000.0)
}

fn capacity(listed: &RoomListed) -> Option<Capacity> {
    Some(Capacity {
        what: format!("videoroom:{} publishers", listed.id),
        unit: CapacityUnit::Ports,
        total: Given::Value(listed.publishers_max? as f64),
        used: Given::or_absent(listed.participants.map(|used| used as f64), Absent::NotProvided),
    })
}

/// A room without its roster, or a mountpoint with its source.
fn conference(plugin: Plugin, listed: &RoomListed, at: Utc) -> ConferenceSeen {
    let room = Room { plugin, id: listed.id.clone() };
    let source = (plugin == Plugin::Streaming).then(|| source(listed, at));
    ConferenceSeen {
        conference: room.reference(),
        name: listed.name.clone(),
        expected: None,
        complete: source.is_some() || listed.participants == Some(0),
        present: source.into_iter().collect(),
        at,
    }
}

fn source(listed: &RoomListed, at: Utc) -> SiteSeen {
    let enabled = listed.enabled != Some(false);
    SiteSeen {
        participant: ParticipantRef::new(SOURCE),
        name: listed.name.clone(),
        address: None,
        presence: Presence::Connected,
        muted: Some(!enabled),
        redialled_by_platform: false,
        cascade: false,
        probe: false,
        streams: media::source_streams(&listed.lanes, enabled, at),
    }
}

/// A participant as the roster has it. A muted room mutes all of it, and the participants do not say so.
fn site(party: &PartyListed, room_muted: Option<bool>, known: Option<&Known>) -> SiteSeen {
    let muted = match (party.muted, room_muted) {
        (_, Some(true)) | (Some(true), _) => Some(true),
        (own, _) => own,
    };
    let plain = known.and_then(|known| known.plain.as_ref());
    SiteSeen {
        participant: party_reference(&party.id),
        name: party.name.clone(),
        address: plain.map(|plain| format!("{}:{}", plain.remote_ip, plain.remote_port)),
        // `setup` is whether a media path was ever set up; until then the call is only being made.
        presence: if party.setup == Some(false) { Presence::Calling } else { Presence::Connected },
        muted,
        redialled_by_platform: false,
        cascade: false,
        probe: party.name.starts_with(PROBE_NAME),
        streams: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_server_that_takes_no_sessions_drains_and_one_without_rooms_is_degraded() {
        let info = |accepting, plugins: &[Plugin]| ServerInfo {
            version: None,
            accepting,
            plugins: plugins.iter().copied().collect::<BTreeSet<_>>(),
            events: None,
        };
        for (told, service) in [
            (info(Some(true), &Plugin::ALL), Service::Up),
            (info(Some(false), &Plugin::ALL), Service::Draining),
            (info(Some(true), &[]), Service::Degraded),
            (info(None, &Plugin::ALL), Service::Unknown),
        ] {
            assert_eq!(health(&told, None).service, service, "{told:?}");
        }
    }

    #[test]
    fn a_clock_is_compared_by_the_date_header_within_half_a_second() {
        let ours = Utc::parse("2026-11-28T09:11:20.250000Z").unwrap();
        for (date, skew) in [
            ("Sat, 28 Nov 2026 09:11:20 GMT", Some(250.0)),
            ("Sat, 28 Nov 2026 09:12:20 GMT", Some(60_250.0)),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(skew_ms(date, ours), skew, "{date}");
        }
    }

    #[test]
    fn a_muted_room_mutes_those_who_do_not_say_so() {
        let party = |muted| PartyListed {
            id: Id::Number(100),
            name: "vcops-probe 1".into(),
            setup: Some(false),
            muted,
            publisher: None,
        };
        for (own, room, muted) in [
            (Some(false), Some(true), Some(true)),
            (Some(true), Some(false), Some(true)),
            (Some(false), Some(false), Some(false)),
            (Some(false), None, Some(false)),
            (None, Some(false), None),
        ] {
            let site = site(&party(own), room, None);
            assert_eq!((site.muted, site.presence, site.probe), (muted, Presence::Calling, true), "{own:?}");
        }
    }
}

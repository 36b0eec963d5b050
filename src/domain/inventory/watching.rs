//! Which streams may be looked at when: a hall is not watched outside its meetings, and nothing is kept of a meeting
//! that must leave no trace.

use std::collections::BTreeSet;

use super::{Inventory, Meeting, MeetingClass, Stream};
use crate::domain::id::{McuId, MeetingId, VenueId};
use crate::domain::time::{Span, Utc};

/// From how long before a meeting its streams are watched 会前1小时.
pub const WATCH_BEFORE: Span = Span::minutes(60);
/// How long after its planned end they still are: meetings run over, and nobody must be blind then.
pub const WATCH_AFTER: Span = Span::minutes(60);

impl Inventory {
    /// The meetings whose streams are watched at a moment: near their time, or in rehearsal.
    pub fn watched_meetings(&self, at: Utc, rehearsing: &BTreeSet<MeetingId>) -> Vec<&Meeting> {
        let near = |meeting: &Meeting| at >= meeting.starts - WATCH_BEFORE && at < meeting.ends + WATCH_AFTER;
        let counts = |meeting: &&Meeting| near(meeting) || rehearsing.contains(&meeting.id);
        self.meetings.values().filter(counts).collect()
    }

    /// The streams to watch at a moment: with a source, and of a venue or an MCU that takes part in a meeting that
    /// [is watched](Self::watched_meetings). A stream of neither, such as a broadcast, goes with any of them.
    pub fn watched_streams(&self, at: Utc, rehearsing: &BTreeSet<MeetingId>) -> Vec<&Stream> {
        let taking_part = Parties::of(&self.watched_meetings(at, rehearsing));
        let watched = |stream: &&Stream| stream.source.is_some() && taking_part.concern(stream);
        self.streams.values().filter(watched).collect()
    }

    /// Whether pictures of a stream may be kept and shown small at a moment: no meeting it takes part in forbids it.
    pub fn may_keep(&self, stream: &Stream, at: Utc, rehearsing: &BTreeSet<MeetingId>) -> bool {
        let mut meetings = self.watched_meetings(at, rehearsing);
        meetings.retain(|meeting| meeting.class == MeetingClass::NoRetention);
        !Parties::of(&meetings).concern(stream)
    }
}

/// Who takes part in some meetings.
struct Parties<'a> {
    any: bool,
    venues: BTreeSet<&'a VenueId>,
    mcus: BTreeSet<&'a McuId>,
}

impl<'a> Parties<'a> {
    fn of(meetings: &[&'a Meeting]) -> Self {
        Self {
            any: !meetings.is_empty(),
            venues: meetings.iter().flat_map(|meeting| meeting.all_venues()).collect(),
            mcus: meetings
                .iter()
                .flat_map(|meeting| meeting.mcu.iter().chain(&meeting.standby_mcu))
                .collect(),
        }
    }

    fn concern(&self, stream: &Stream) -> bool {
        match (&stream.venue, &stream.mcu) {
            (None, None) => self.any,
            (venue, mcu) => {
                venue.as_ref().is_some_and(|venue| self.venues.contains(venue))
                    || mcu.as_ref().is_some_and(|mcu| self.mcus.contains(mcu))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{ProfileId, RegionId, StreamId};
    use crate::domain::inventory::{
        MeetingOwner, NetworkAttribute, PictureKind, SoundKind, StreamRole, SupportLevel, Watcher,
    };
    use crate::domain::stream::StreamSource;

    const HOUR: u64 = 60;

    fn stream(id: &str, venue: Option<&str>, source: bool) -> Stream {
        Stream {
            id: StreamId::parse(id).unwrap(),
            name: id.into(),
            venue: venue.map(|venue| VenueId::parse(venue).unwrap()),
            mcu: None,
            role: StreamRole::Venue,
            source: source.then(|| StreamSource::parse("rtsp://10.0.0.1/live").unwrap()),
            credential: None,
            watcher: Watcher::Hub,
            picture: PictureKind::Camera,
            sound: SoundKind::Expected,
            codec: None,
            fps: None,
        }
    }

    fn meeting(class: MeetingClass) -> Meeting {
        let starts = Utc(0) + Span::minutes(10 * HOUR);
        Meeting {
            id: MeetingId::parse("m").unwrap(),
            name: "会".into(),
            region: RegionId::parse("r").unwrap(),
            starts,
            ends: starts + Span::minutes(2 * HOUR),
            class,
            owner: MeetingOwner::Own,
            support: SupportLevel::Routine,
            network: NetworkAttribute::Extranet,
            profile: ProfileId::parse("p").unwrap(),
            main_venue: VenueId::parse("main").unwrap(),
            venues: vec![VenueId::parse("a").unwrap()],
            mcu: None,
            standby_mcu: None,
            agenda: Vec::new(),
            automatic_rounds: false,
        }
    }

    fn inventory(class: MeetingClass) -> Inventory {
        let streams = [
            stream("s-a", Some("a"), true),
            stream("s-deaf", Some("a"), false),
            stream("s-other", Some("b"), true),
            stream("s-broadcast", None, true),
        ];
        let meeting = meeting(class);
        Inventory {
            streams: streams.into_iter().map(|stream| (stream.id.clone(), stream)).collect(),
            meetings: [(meeting.id.clone(), meeting)].into(),
            ..Inventory::default()
        }
    }

    #[test]
    fn a_hall_is_watched_around_its_meetings_and_in_rehearsal_only() {
        let inventory = inventory(MeetingClass::General);
        let rehearsing = BTreeSet::from([MeetingId::parse("m").unwrap()]);
        let nobody = BTreeSet::new();
        let cases = [
            (8 * HOUR, &nobody, vec![]),
            (8 * HOUR, &rehearsing, vec!["s-a", "s-broadcast"]),
            (9 * HOUR, &nobody, vec!["s-a", "s-broadcast"]),
            (11 * HOUR, &nobody, vec!["s-a", "s-broadcast"]),
            (12 * HOUR + 30, &nobody, vec!["s-a", "s-broadcast"]),
            (13 * HOUR, &nobody, vec![]),
        ];
        for (minutes, rehearsing, expected) in cases {
            let at = Utc(0) + Span::minutes(minutes);
            let watched: Vec<&str> =
                inventory.watched_streams(at, rehearsing).iter().map(|stream| stream.id.as_str()).collect();
            assert_eq!(watched, expected, "after {minutes} minutes");
        }
    }

    #[test]
    fn nothing_is_kept_of_a_meeting_that_must_leave_no_trace() {
        let at = Utc(0) + Span::minutes(11 * HOUR);
        for (class, kept) in [(MeetingClass::General, true), (MeetingClass::NoRetention, false)] {
            let inventory = inventory(class);
            let own = stream("s-a", Some("a"), true);
            assert_eq!(inventory.may_keep(&own, at, &BTreeSet::new()), kept, "{class:?}");
            assert!(inventory.may_keep(&stream("s-other", Some("b"), true), at, &BTreeSet::new()));
        }
    }
}

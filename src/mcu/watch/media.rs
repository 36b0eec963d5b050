//! Counters of media made comparable: each with its epoch, loss only while packets move, and no media since when.
//! Pure; what an adapter read goes in, what may be believed of it comes out.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Moment;
use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::domain::time::Utc;
use crate::observation::device::{
    Absent, ConferenceSeen, Counted, Flow, Given, Medium, Presence, SiteSeen, StreamSample, Way,
};

/// A counter that stands for less than this says nothing yet: some devices renew theirs once a second.
const STANDS_AFTER: Duration = Duration::from_millis(1200);

/// What was read of every medium the last time.
#[derive(Debug, Default)]
pub(super) struct Counts {
    known: BTreeMap<(ConferenceRef, ParticipantRef), BTreeMap<(Medium, Way), Last>>,
    found: Found,
}

/// What the last reading means for the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Found {
    /// A counter stood, too short to say anything: to be read again soon.
    pub(super) again: bool,
    /// Media flow that did not, or the other way round.
    pub(super) changed: bool,
}

/// One medium in one direction, as it was read the last time.
#[derive(Debug, Clone, Copy)]
struct Last {
    /// As the adapter gave them.
    raw: Option<Counted>,
    raw_lost: Option<Counted>,
    /// Restarts seen so far.
    epoch: u32,
    /// When the counter was last seen to have moved, or was first seen.
    moved: Moment,
    no_media: Option<Utc>,
}

impl Counts {
    /// What may be believed of media that were read just now.
    pub(super) fn read(
        &mut self,
        conference: &ConferenceRef,
        site: &SiteSeen,
        samples: Vec<StreamSample>,
        now: Moment,
    ) -> Vec<StreamSample> {
        let key = (conference.clone(), site.participant.clone());
        let before = self.known.remove(&key).unwrap_or_default();
        let mut after = BTreeMap::new();
        let mut found = Found::default();
        let judged = samples.into_iter().map(|sample| {
            let at = (sample.medium, sample.way);
            let (sample, last) = judge(sample, site, before.get(&at), now);
            found.again |= sample.flow == Flow::Flowing && last.moved.mono < now.mono;
            let was_missing = before.get(&at).is_some_and(|before| before.no_media.is_some());
            found.changed |= was_missing != last.no_media.is_some();
            after.insert(at, last);
            sample
        });
        let judged = judged.collect();
        self.found = found;
        self.known.insert(key, after);
        judged
    }

    /// What the last reading means for the next.
    pub(super) fn found(&self) -> Found {
        self.found
    }

    /// Forgets the sites that have left a conference.
    pub(super) fn keep_only(&mut self, seen: &ConferenceSeen) {
        self.known.retain(|(conference, participant), _| {
            let here = conference == &seen.conference;
            !here || seen.present.iter().any(|site| &site.participant == participant)
        });
    }

    /// Forgets conferences that have ended.
    pub(super) fn keep_conferences(&mut self, lives: impl Fn(&ConferenceRef) -> bool) {
        self.known.retain(|(conference, _), _| lives(conference));
    }
}

fn judge(sample: StreamSample, site: &SiteSeen, before: Option<&Last>, now: Moment) -> (StreamSample, Last) {
    let raw = sample.packets.value();
    let restarted = before.is_some_and(|before| is_new_epoch(before.raw, raw));
    let epoch = before.map_or(0, |before| before.epoch.saturating_add(restarted.into()));
    let gained = before.filter(|_| !restarted).and_then(|before| gain(before.raw, raw));
    let moved = match (before, gained) {
        (Some(before), Some(0)) => before.moved,
        _ => now,
    };
    let stands = gained == Some(0) && now.mono.duration_since(moved.mono) >= STANDS_AFTER;
    let flow = flow(&sample, site, stands.then_some(moved.utc), gained);
    let no_media = match flow {
        Flow::NoMedia { since } => {
            let known = before.and_then(|before| before.no_media);
            Some(known.or(since).unwrap_or(moved.utc))
        }
        Flow::Flowing | Flow::Paused | Flow::Unknown => None,
    };
    let last = Last { raw, raw_lost: sample.lost.value(), epoch, moved, no_media };
    let lost_gained = before.filter(|_| !restarted).and_then(|before| gain(before.raw_lost, last.raw_lost));
    let judged = StreamSample {
        flow: if no_media.is_some() { Flow::NoMedia { since: no_media } } else { flow },
        loss_pct: loss(&sample, no_media.is_some(), gained, lost_gained),
        packets: sample.packets.map(|counted| Counted { epoch, ..counted }),
        lost: sample.lost.map(|counted| Counted { epoch, ..counted }),
        ..sample
    };
    (judged, last)
}

/// Whether a counter began anew: the device says so, or it fell.
fn is_new_epoch(before: Option<Counted>, after: Option<Counted>) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => before.epoch != after.epoch || after.count < before.count,
        (None, Some(_)) | (Some(_), None) | (None, None) => false,
    }
}

fn gain(before: Option<Counted>, after: Option<Counted>) -> Option<i64> {
    let (before, after) = (before?, after?);
    after.count.checked_sub(before.count)
}

/// Whether media flow. Muted and held is paused whatever the counters do; a counter that stands outweighs a device
/// that says "connected"; content that stands with no word of the device is an ended presentation.
fn flow(sample: &StreamSample, site: &SiteSeen, stands_since: Option<Utc>, gained: Option<i64>) -> Flow {
    let muted = site.muted == Some(true) && sample.medium == Medium::Audio && sample.way == Way::FromSite;
    let paused = muted || site.presence == Presence::OnHold || sample.flow == Flow::Paused;
    match (sample.flow, stands_since) {
        (Flow::Flowing, None) => Flow::Flowing,
        _ if paused => Flow::Paused,
        (Flow::NoMedia { since }, _) => Flow::NoMedia { since },
        (Flow::Unknown, Some(_)) if sample.medium == Medium::Content => Flow::Unknown,
        (Flow::Flowing | Flow::Unknown, Some(since)) => Flow::NoMedia { since: Some(since) },
        (Flow::Unknown, None) if gained.is_some_and(|gained| gained > 0) => Flow::Flowing,
        (Flow::Unknown | Flow::Paused, _) => sample.flow,
    }
}

/// Loss of the last interval. A device's own figure counts before ours; neither counts while nothing moves.
fn loss(sample: &StreamSample, no_media: bool, gained: Option<i64>, lost_gained: Option<i64>) -> Given<f64> {
    if no_media || gained == Some(0) {
        return Given::Absent(Absent::NothingMoved);
    }
    match (sample.loss_pct, gained, lost_gained) {
        (Given::Value(pct), _, _) if !(0.0..=100.0).contains(&pct) => Given::Absent(Absent::OutOfRange),
        (Given::Value(pct), _, _) => Given::Value(pct),
        (Given::Absent(_), Some(came), Some(lost)) => share(came, lost),
        (Given::Absent(why), _, _) => {
            let counts = sample.packets.value().is_some() && sample.lost.value().is_some();
            Given::Absent(if counts { Absent::NotYet } else { why })
        }
    }
}

/// Late packets take losses back, so a negative loss is none.
fn share(came: i64, lost: i64) -> Given<f64> {
    let (came, lost) = (came.max(0) as f64, lost.max(0) as f64);
    if came + lost > 0.0 {
        Given::Value(100.0 * lost / (came + lost))
    } else {
        Given::Absent(Absent::NothingMoved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    fn site() -> SiteSeen {
        SiteSeen {
            participant: ParticipantRef::new("100"),
            name: "A县".into(),
            address: None,
            presence: Presence::Connected,
            muted: None,
            redialled_by_platform: false,
            cascade: false,
            probe: false,
            streams: Vec::new(),
        }
    }

    fn sample(flow: Flow, packets: i64, lost: i64) -> StreamSample {
        let counted = |count| Given::Value(Counted { epoch: 0, count });
        StreamSample {
            packets: counted(packets),
            lost: counted(lost),
            ..StreamSample::bare(Medium::Video, Way::FromSite, flow)
        }
    }

    struct Reader {
        counts: Counts,
        start: Moment,
        site: SiteSeen,
    }

    impl Reader {
        fn new() -> Self {
            let start = Moment { mono: Instant::now(), utc: Utc(0) };
            Self { counts: Counts::default(), start, site: site() }
        }

        fn read(&mut self, at_ms: u64, sample: StreamSample) -> StreamSample {
            let now = self.start.later(Duration::from_millis(at_ms));
            let conference = ConferenceRef::new("1");
            self.counts.read(&conference, &self.site, vec![sample], now).remove(0)
        }
    }

    #[test]
    fn the_loss_of_a_total_outage_is_not_zero_but_absent() {
        let mut reader = Reader::new();
        let first = reader.read(0, sample(Flow::Flowing, 1000, 10));
        assert_eq!(first.loss_pct, Given::Absent(Absent::NotYet));
        let second = reader.read(2000, sample(Flow::Flowing, 1090, 20));
        assert_eq!(second.loss_pct, Given::Value(10.0));
        let third = reader.read(4000, sample(Flow::Flowing, 1090, 20));
        assert_eq!(third.loss_pct, Given::Absent(Absent::NothingMoved));
        assert_eq!(third.flow, Flow::NoMedia { since: Some(Utc(2_000_000)) });
        let fourth = reader.read(6000, sample(Flow::Flowing, 1090, 20));
        assert_eq!(fourth.flow, third.flow, "it keeps its beginning");
        assert_eq!(reader.read(8000, sample(Flow::Flowing, 1100, 20)).flow, Flow::Flowing);
    }

    #[test]
    fn a_counter_that_is_read_twice_within_its_period_does_not_stand() {
        let mut reader = Reader::new();
        reader.read(0, sample(Flow::Flowing, 1000, 0));
        assert_eq!(reader.read(300, sample(Flow::Flowing, 1000, 0)).flow, Flow::Flowing);
        assert!(matches!(reader.read(1300, sample(Flow::Flowing, 1000, 0)).flow, Flow::NoMedia { .. }));
    }

    #[test]
    fn a_counter_that_falls_begins_a_new_epoch_and_no_difference_crosses_it() {
        let mut reader = Reader::new();
        reader.read(0, sample(Flow::Unknown, 60_000, 500));
        let restarted = reader.read(2000, sample(Flow::Unknown, 20, 0));
        assert_eq!(restarted.packets, Given::Value(Counted { epoch: 1, count: 20 }));
        assert_eq!(restarted.loss_pct, Given::Absent(Absent::NotYet));
        let next = reader.read(4000, sample(Flow::Unknown, 120, -3));
        assert_eq!(
            (next.flow, next.loss_pct),
            (Flow::Flowing, Given::Value(0.0)),
            "late packets are no loss"
        );
        assert_eq!(next.lost, Given::Value(Counted { epoch: 1, count: -3 }));
    }

    #[test]
    fn muted_and_held_is_paused_whatever_the_counters_do() {
        let mut reader = Reader::new();
        let audio = |packets| StreamSample { medium: Medium::Audio, ..sample(Flow::Unknown, packets, 0) };
        reader.site.muted = Some(true);
        reader.read(0, audio(5));
        assert_eq!(reader.read(5000, audio(5)).flow, Flow::Paused);
        reader.site.muted = Some(false);
        assert!(matches!(reader.read(10_000, audio(5)).flow, Flow::NoMedia { .. }));
        reader.site.presence = Presence::OnHold;
        assert_eq!(reader.read(15_000, sample(Flow::Unknown, 5, 0)).flow, Flow::Paused);
    }

    #[test]
    fn a_presentation_that_ended_is_no_fault() {
        let mut reader = Reader::new();
        let content = |flow| StreamSample { medium: Medium::Content, ..sample(flow, 70, 0) };
        reader.read(0, content(Flow::Unknown));
        assert_eq!(reader.read(5000, content(Flow::Unknown)).flow, Flow::Unknown);
        assert!(matches!(reader.read(9000, content(Flow::Flowing)).flow, Flow::NoMedia { .. }));
    }

    #[test]
    fn a_figure_that_cannot_be_is_absent() {
        let mut reader = Reader::new();
        let odd = StreamSample {
            loss_pct: Given::Value(120.0),
            ..StreamSample::bare(Medium::Video, Way::ToSite, Flow::Flowing)
        };
        assert_eq!(reader.read(0, odd).loss_pct, Given::Absent(Absent::OutOfRange));
    }

    proptest::proptest! {
        #[test]
        fn no_counter_makes_it_panic_or_lose_more_than_all(counts: Vec<(i64, i64, u32)>) {
            let mut reader = Reader::new();
            for (at, (packets, lost, epoch)) in counts.into_iter().enumerate() {
                let counted = |count| Given::Value(Counted { epoch, count });
                let wild = StreamSample {
                    packets: counted(packets),
                    lost: counted(lost),
                    ..StreamSample::bare(Medium::Audio, Way::FromSite, Flow::Unknown)
                };
                let read = reader.read(at as u64 * 500, wild);
                if let Given::Value(pct) = read.loss_pct {
                    proptest::prop_assert!((0.0..=100.0).contains(&pct));
                }
            }
        }
    }
}

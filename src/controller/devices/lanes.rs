//! What a call looks like, lane by lane: as the MCU says it, and as our own monitors see it. Pure.

use crate::domain::id::{McuId, VenueId};
use crate::domain::inventory::{Stream, StreamRole};
use crate::observation::Reception;
use crate::observation::call::{CallFailed, LANES_MAX, Lane, SeenBy};
use crate::observation::device::{Absent, Flow, Given, Medium, StreamSample, Way};
use crate::report::{Snapshot, StreamView};

/// What was seen of a call so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    lanes: Vec<Lane>,
    /// The highest rate of a whole direction, kbit/s.
    kbps: Option<f64>,
}

impl Seen {
    /// Takes a look at everything: each lane's last word counts, and *unknown* is no word.
    pub(super) fn look(&mut self, samples: &[StreamSample], monitors: Vec<Lane>) {
        for way in [Way::FromSite, Way::ToSite] {
            let own = samples.iter().filter(|sample| sample.way == way);
            let rate: f64 = own.filter_map(|sample| sample.kbps.value()).sum();
            if rate.is_finite() && rate > 0.0 && self.kbps.is_none_or(|known| rate > known) {
                self.kbps = Some(rate);
            }
        }
        samples.iter().map(lane_of).chain(monitors).for_each(|lane| self.put(lane));
    }

    fn put(&mut self, lane: Lane) {
        let name = |lane: &Lane| (lane.medium, lane.way, lane.seen_by);
        match self.lanes.iter_mut().find(|known| name(known) == name(&lane)) {
            Some(known) if lane.flow == Flow::Unknown && known.flow != Flow::Unknown => {}
            Some(known) => *known = Lane { height: first(lane.height, known.height), ..lane },
            None => self.add(lane),
        }
    }

    fn add(&mut self, lane: Lane) {
        if self.lanes.len() < LANES_MAX {
            self.lanes.push(lane);
        }
    }

    /// The lanes, and the highest rate of a direction.
    pub(super) fn figures(self) -> (Vec<Lane>, Given<f64>) {
        (self.lanes, Given::or_absent(self.kbps, Absent::NotProvided))
    }
}

/// A picture's size is known once it was known.
fn first<T: Copy>(now: Given<T>, before: Given<T>) -> Given<T> {
    if now.value().is_some() { now } else { before }
}

/// A sample of the MCU as a lane.
pub(super) fn lane_of(sample: &StreamSample) -> Lane {
    Lane {
        medium: sample.medium,
        way: sample.way,
        seen_by: SeenBy::Mcu,
        flow: sample.flow,
        kbps: sample.kbps,
        height: sample.height,
        fps: sample.fps,
        loss_pct: sample.loss_pct,
    }
}

/// What our monitors see of a venue's media on this MCU: what the MCU passes on of it, and what comes back to it. A
/// camera that is watched beside the call says nothing about the call.
pub(super) fn monitored(view: &Snapshot, venue: &VenueId, mcu: &McuId) -> Vec<Lane> {
    let of_call = |stream: &&Stream| stream.venue.as_ref() == Some(venue) && stream.mcu.as_ref() == Some(mcu);
    let streams = view.inventory.streams.values().filter(of_call);
    streams
        .flat_map(|stream| view.streams.get(&stream.id).map(|seen| lanes(stream, seen)))
        .flatten()
        .collect()
}

fn lanes(stream: &Stream, seen: &StreamView) -> Vec<Lane> {
    let Some(report) = seen.report.as_ref().filter(|_| seen.watched && seen.fresh) else { return Vec::new() };
    let (picture, way) = match stream.role {
        StreamRole::Venue => (Medium::Video, Way::FromSite),
        StreamRole::Content => (Medium::Content, Way::FromSite),
        StreamRole::Mix | StreamRole::MainHall => (Medium::Video, Way::ToSite),
        StreamRole::Recorder | StreamRole::Output => return Vec::new(),
    };
    let flow = match report.reception {
        Reception::Flowing => Flow::Flowing,
        Reception::Down { .. } => Flow::NoMedia { since: Some(report.since) },
        Reception::Connecting | Reception::Blind { .. } => Flow::Unknown,
    };
    let lane = |medium| {
        let none = Given::Absent(Absent::NotProvided);
        let height = Given::Absent(Absent::NotProvided);
        Lane { medium, way, seen_by: SeenBy::Us, flow, kbps: none, height, fps: none, loss_pct: none }
    };
    let sound = report.audio.is_some() && picture == Medium::Video;
    [Some(lane(picture)), sound.then(|| lane(Medium::Audio))].into_iter().flatten().collect()
}

/// Why a call did not come about, by the cause in the MCU's words. Total over any text; what nobody understands is no
/// answer, for that is what was seen.
pub(super) fn failed(cause: &str) -> CallFailed {
    const WORDS: [(CallFailed, &[&str]); 4] = [
        (CallFailed::Busy, &["busy", "486", "600", "占线", "忙"]),
        (CallFailed::Declined, &["declin", "reject", "refus", "603", "拒"]),
        (
            CallFailed::Unreachable,
            &[
                "unreach",
                "not found",
                "no route",
                "offline",
                "unregister",
                "404",
                "480",
                "不可达",
                "不在线",
                "未注册",
            ],
        ),
        (
            CallFailed::Incompatible,
            &["incompat", "not acceptable", "capab", "encrypt", "488", "415", "606", "能力", "加密"],
        ),
    ];
    let cause = cause.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| cause.contains(word));
    WORDS.iter().find(|(_, words)| has(words)).map_or(CallFailed::NoAnswer, |(why, _)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(medium: Medium, way: Way, flow: Flow, kbps: f64) -> StreamSample {
        StreamSample { kbps: Given::Value(kbps), ..StreamSample::bare(medium, way, flow) }
    }

    #[test]
    fn the_last_word_on_a_lane_counts_and_unknown_is_none() {
        let dead = Flow::NoMedia { since: None };
        let (video, up) = (Medium::Video, Way::FromSite);
        let cases: [(&[Flow], Flow); 5] = [
            (&[Flow::Flowing], Flow::Flowing),
            (&[dead, Flow::Flowing], Flow::Flowing),
            (&[Flow::Flowing, dead], dead),
            (&[Flow::Flowing, Flow::Unknown], Flow::Flowing),
            (&[Flow::Unknown], Flow::Unknown),
        ];
        for (flows, expected) in cases {
            let mut seen = Seen::default();
            flows.iter().for_each(|flow| seen.look(&[sample(video, up, *flow, 100.0)], Vec::new()));
            assert_eq!(seen.figures().0[0].flow, expected, "{flows:?}");
        }
    }

    #[test]
    fn the_rate_is_the_highest_of_a_whole_direction() {
        let mut seen = Seen::default();
        let flowing = Flow::Flowing;
        seen.look(
            &[
                sample(Medium::Video, Way::FromSite, flowing, 900.0),
                sample(Medium::Audio, Way::FromSite, flowing, 64.0),
                sample(Medium::Video, Way::ToSite, flowing, 1_900.0),
            ],
            Vec::new(),
        );
        seen.look(&[sample(Medium::Video, Way::ToSite, flowing, 20.0)], Vec::new());
        let (lanes, kbps) = seen.figures();
        assert_eq!((lanes.len(), kbps), (3, Given::Value(1_900.0)));
        assert_eq!(Seen::default().figures().1, Given::Absent(Absent::NotProvided));
    }

    #[test]
    fn a_size_that_was_seen_once_stays_known_and_lanes_are_bounded() {
        let mut seen = Seen::default();
        let flowing = sample(Medium::Video, Way::FromSite, Flow::Flowing, 1.0);
        seen.look(&[StreamSample { height: Given::Value(720), ..flowing.clone() }], Vec::new());
        seen.look(&[flowing], Vec::new());
        for medium in [Medium::Audio, Medium::Video, Medium::Content] {
            for way in [Way::FromSite, Way::ToSite] {
                let own = lane_of(&sample(medium, way, Flow::Flowing, 1.0));
                let ours = Lane { seen_by: SeenBy::Us, ..own.clone() };
                seen.look(&[], vec![own, ours]);
            }
        }
        let (lanes, _) = seen.figures();
        assert_eq!((lanes.len(), lanes[0].height), (LANES_MAX, Given::Value(720)));
    }

    #[test]
    fn a_cause_is_understood_in_the_words_of_several_makers() {
        for (cause, why) in [
            ("486 Busy Here", CallFailed::Busy),
            ("Remote BUSY", CallFailed::Busy),
            ("Call rejected by far end", CallFailed::Declined),
            ("对方拒接", CallFailed::Declined),
            ("noRouteToDestination: unreachable", CallFailed::Unreachable),
            ("488 Not Acceptable Here", CallFailed::Incompatible),
            ("", CallFailed::NoAnswer),
            ("什么都不是\u{0}", CallFailed::NoAnswer),
        ] {
            assert_eq!(failed(cause), why, "{cause}");
        }
    }
}

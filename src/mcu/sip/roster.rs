//! From readings of a call to its sites and their media, each way seen from the site. Pure.

use super::progress::{Moved, Progress, Which};
use super::reply::{CallRead, MediaRead, Report, TagRead};
use crate::domain::mcu::ParticipantRef;
use crate::domain::time::{Mono, Utc};
use crate::observation::device::{Absent, Counted, Flow, Given, Presence, SiteSeen, StreamSample, Way};

/// A report this much older than the newest packet of the call, in seconds, tells of another time.
const REPORT_STALE_S: i64 = 15;

/// What is known of a call's streams, and the moment of the reading.
pub(super) struct Readings<'a> {
    pub(super) progress: &'a mut Progress,
    pub(super) call: &'a str,
    pub(super) now: (Mono, Utc),
}

impl Readings<'_> {
    /// Takes a reading of every stream; whether any was the first of its stream.
    pub(super) fn take(&mut self, call: &CallRead) -> bool {
        let mut fresh = false;
        for side in &call.tags {
            for media in &side.media {
                let which = self.which(&side.tag, media);
                fresh |= self.progress.is_new(&which);
                self.progress.take(which, media.came, self.now);
            }
        }
        fresh
    }

    fn moved(&mut self, tag: &str, media: &MediaRead) -> Moved {
        let which = self.which(tag, media);
        self.progress.take(which, media.came, self.now)
    }

    fn which(&self, tag: &str, media: &MediaRead) -> Which {
        (self.call.to_owned(), tag.to_owned(), media.index)
    }
}

/// The sides of a call as sites.
pub(super) fn sites(call: &CallRead, readings: &mut Readings<'_>) -> Vec<SiteSeen> {
    let newest = call.tags.iter().flat_map(|side| &side.media).filter_map(|media| media.came.last).max();
    call.tags.iter().map(|side| site(call, side, newest, readings)).collect()
}

fn site(call: &CallRead, side: &TagRead, newest: Option<i64>, readings: &mut Readings<'_>) -> SiteSeen {
    let address = side.media.iter().find_map(|media| media.endpoint.clone());
    let mut streams = Vec::with_capacity(side.media.len() * 2);
    for media in &side.media {
        streams.push(from_site(side, media, readings));
        streams.push(to_site(call, side, media, newest, readings));
    }
    SiteSeen {
        participant: ParticipantRef::new(&side.tag),
        name: side.label.clone().or_else(|| address.clone()).unwrap_or_else(|| side.tag.clone()),
        address,
        // A side that hears nobody yet has been offered and not answered.
        presence: if side.hears.is_empty() { Presence::Calling } else { Presence::Connected },
        muted: None,
        redialled_by_platform: false,
        cascade: false,
        probe: false,
        streams,
    }
}

/// What the relay received from the site.
fn from_site(side: &TagRead, media: &MediaRead, readings: &mut Readings<'_>) -> StreamSample {
    let moved = readings.moved(&side.tag, media);
    let flow = if media.sends { moved.flow } else { Flow::Paused };
    StreamSample {
        codec: media.codec.clone(),
        kbps: moved.kbps,
        packets: Given::Value(moved.packets),
        ..StreamSample::bare(media.medium, Way::FromSite, flow)
    }
}

/// What the relay passed on to the site, and how the site itself reports that it came.
fn to_site(
    call: &CallRead,
    side: &TagRead,
    media: &MediaRead,
    newest: Option<i64>,
    readings: &mut Readings<'_>,
) -> StreamSample {
    let heard = side.hears.iter().filter_map(|tag| {
        let other = call.tag(tag)?;
        Some((other, other.media.iter().find(|theirs| theirs.index == media.index)?))
    });
    let heard: Vec<Moved> = heard
        .filter(|(_, theirs)| theirs.sends)
        .map(|(other, theirs)| readings.moved(&other.tag, theirs))
        .collect();
    let flow = match (media.receives, heard.as_slice()) {
        (false, _) | (true, []) if !side.hears.is_empty() => Flow::Paused,
        (_, heard) => louder(heard),
    };
    let bare = StreamSample::bare(media.medium, Way::ToSite, flow);
    let sample = StreamSample { codec: media.codec.clone(), ..bare };
    let sample = match heard.as_slice() {
        [one] => StreamSample { kbps: one.kbps, packets: Given::Value(one.packets), ..sample },
        _ => sample,
    };
    reported(sample, media.report, newest)
}

/// Flow out of several that are mixed: one that flows is enough.
fn louder(heard: &[Moved]) -> Flow {
    let flows = || heard.iter().map(|moved| moved.flow);
    let rank = |flow: &Flow| match flow {
        Flow::Flowing => 0,
        Flow::Unknown => 1,
        Flow::NoMedia { .. } => 2,
        Flow::Paused => 3,
    };
    flows().min_by_key(rank).unwrap_or(Flow::Unknown)
}

fn reported(sample: StreamSample, report: Option<Report>, newest: Option<i64>) -> StreamSample {
    let absent = match report {
        None => Some(Absent::NotYet),
        Some(report) if newest.is_some_and(|newest| newest - report.at > REPORT_STALE_S) => {
            Some(Absent::Stale)
        }
        Some(_) if sample.flow != Flow::Flowing => Some(Absent::NothingMoved),
        Some(_) => None,
    };
    let Some(report) = report.filter(|_| absent.is_none()) else {
        let why = Given::Absent(absent.unwrap_or(Absent::NotYet));
        let lost = Given::Absent(absent.unwrap_or(Absent::NotYet));
        return StreamSample { loss_pct: why, jitter_ms: why, rtt_ms: why, lost, ..sample };
    };
    let loss = Some(report.loss_pct).filter(|loss| (0..=100).contains(loss)).map(|loss| loss as f64);
    let lost = report.lost.map(|count| Counted { epoch: 0, count });
    StreamSample {
        loss_pct: Given::or_absent(loss, Absent::OutOfRange),
        jitter_ms: Given::or_absent(
            Some(report.jitter_ms as f64).filter(|ms| *ms >= 0.0),
            Absent::OutOfRange,
        ),
        rtt_ms: Given::or_absent(report.rtt_us.map(|us| us as f64 / 1e3), Absent::NotYet),
        lost: Given::or_absent(lost, Absent::NotProvided),
        ..sample
    }
}

#[cfg(test)]
mod tests {
    use super::super::bencode::Value;
    use super::*;
    use crate::domain::time::Span;
    use crate::observation::device::Medium;

    const REPORTS: &[u8] = include_bytes!("../../../tests/data/mcu/rtpengine/query_reports.bencode");
    const HELD: &[u8] = include_bytes!("../../../tests/data/mcu/rtpengine/query_held.bencode");

    /// Reads a recorded call twice, a second apart; the second time `more` packets have come from the named tag.
    fn twice(bytes: &[u8], from: &str, more: i64) -> Vec<SiteSeen> {
        let mut call = CallRead::of(&Value::parse(bytes).unwrap()).unwrap();
        let mut progress = Progress::default();
        let start = (Mono(0), Utc(1_795_857_644_000_000));
        let mut readings = Readings { progress: &mut progress, call: "c", now: start };
        assert!(readings.take(&call));
        readings.now = (start.0 + Span::seconds(3), start.1 + Span::seconds(3));
        for side in call.tags.iter_mut().filter(|side| side.tag == from) {
            side.media[0].came.packets += more;
            side.media[0].came.bytes += more * 172;
        }
        assert!(!readings.take(&call));
        sites(&call, &mut readings)
    }

    fn way(site: &SiteSeen, way: Way) -> &StreamSample {
        site.streams.iter().find(|sample| sample.way == way && sample.medium == Medium::Audio).unwrap()
    }

    #[test]
    fn what_one_side_sends_is_what_the_other_receives() {
        let sites = twice(REPORTS, "1", 150);
        let [caller, echo] = &sites[..] else { panic!("{sites:?}") };
        assert_eq!(way(caller, Way::FromSite).flow, Flow::Flowing);
        assert_eq!(way(echo, Way::ToSite).flow, Flow::Flowing);
        assert!(matches!(way(echo, Way::FromSite).flow, Flow::NoMedia { .. }));
        assert!(matches!(way(caller, Way::ToSite).flow, Flow::NoMedia { .. }));
        assert_eq!(way(caller, Way::FromSite).kbps, Given::Value(68.8));
        assert_eq!(way(caller, Way::FromSite).packets, Given::Value(Counted { epoch: 0, count: 816 }));
        assert_eq!(
            (caller.address.as_deref(), &caller.presence),
            (Some("127.0.0.1:29000"), &Presence::Connected)
        );
    }

    #[test]
    fn loss_is_told_only_while_packets_move() {
        let flowing = twice(REPORTS, "1", 150);
        let echo = way(&flowing[1], Way::ToSite);
        assert_eq!(
            (echo.loss_pct, echo.jitter_ms, echo.rtt_ms),
            (Given::Value(4.0), Given::Value(0.0), Given::Value(0.71))
        );
        // The caller reported 9 %, and hears nothing any more.
        assert_eq!(way(&flowing[0], Way::ToSite).loss_pct, Given::Absent(Absent::NothingMoved));
        assert_eq!(way(&flowing[0], Way::FromSite).loss_pct, Given::Absent(Absent::NotProvided));
    }

    #[test]
    fn who_is_not_meant_to_send_is_paused_and_not_dead() {
        for site in twice(HELD, "1", 100) {
            let flows = (way(&site, Way::FromSite).flow, way(&site, Way::ToSite).flow);
            let is_caller = site.participant.as_str() == "1";
            let expected =
                if is_caller { (Flow::Flowing, Flow::Paused) } else { (Flow::Paused, Flow::Flowing) };
            assert_eq!(flows, expected, "{}", site.participant);
        }
    }
}

//! Counters that stand still although media are said to flow. Pure but for the moments that are handed in.
//!
//! The platform renews what it says of media from time to time and not with each question. A counter that stands
//! between two questions is therefore no outage yet; it is not given until it moves again or has stood for longer
//! than any renewal takes.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::participant::Stream;
use crate::domain::mcu::ParticipantRef;
use crate::observation::device::{Absent, Counted, Flow, Given, Medium, StreamSample, Way};

/// The platform's renewal takes less. Not said by its documents: to be measured on a real one.
const RENEWAL_MAX: Duration = Duration::from_secs(15);

/// The counters of every medium, as they were read the last time.
#[derive(Debug, Default)]
pub(super) struct Standing {
    sites: BTreeMap<ParticipantRef, BTreeMap<(Medium, Way), Last>>,
}

#[derive(Debug, Clone)]
struct Last {
    identity: String,
    epoch: u32,
    count: Option<i64>,
    moved: Instant,
}

impl Standing {
    /// Forgets the sites that are not in any roster.
    pub(super) fn keep(&mut self, there: impl Fn(&ParticipantRef) -> bool) {
        self.sites.retain(|participant, _| there(participant));
    }

    /// What may be believed of media that were read at that moment.
    pub(super) fn judge(
        &mut self,
        site: &ParticipantRef,
        streams: Vec<Stream>,
        at: Instant,
    ) -> Vec<StreamSample> {
        let before = self.sites.remove(site).unwrap_or_default();
        let mut after = BTreeMap::new();
        let judged = streams.into_iter().map(|stream| {
            let place = (stream.sample.medium, stream.sample.way);
            let last = follow(before.get(&place), &stream, at);
            let sample = believed(stream.sample, &last, at);
            after.insert(place, last);
            sample
        });
        let judged = judged.collect();
        self.sites.insert(site.clone(), after);
        judged
    }
}

/// Another identity or a counter that fell begins a new epoch.
fn follow(before: Option<&Last>, stream: &Stream, at: Instant) -> Last {
    let count = stream.sample.packets.value().map(|counted| counted.count);
    let fresh = |epoch| Last { identity: stream.identity.clone(), epoch, count, moved: at };
    let Some(before) = before else { return fresh(0) };
    if before.identity != stream.identity || count < before.count {
        return fresh(before.epoch.saturating_add(1));
    }
    let moved = if count == before.count { before.moved } else { at };
    Last { moved, ..fresh(before.epoch) }
}

fn believed(sample: StreamSample, last: &Last, at: Instant) -> StreamSample {
    let stands = at.duration_since(last.moved);
    let not_yet = sample.flow == Flow::Flowing && stands > Duration::ZERO && stands < RENEWAL_MAX;
    let counter = |given: Given<Counted>| match given {
        Given::Value(_) if not_yet => Given::Absent(Absent::NotYet),
        given @ (Given::Value(_) | Given::Absent(_)) => given.map(|it| Counted { epoch: last.epoch, ..it }),
    };
    StreamSample { packets: counter(sample.packets), lost: counter(sample.lost), ..sample }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(identity: &str, packets: i64) -> Vec<Stream> {
        let packets = Given::Value(Counted { epoch: 0, count: packets });
        let bare = StreamSample::bare(Medium::Video, Way::FromSite, Flow::Flowing);
        vec![Stream { identity: identity.into(), sample: StreamSample { packets, ..bare } }]
    }

    #[test]
    fn a_counter_that_is_not_renewed_yet_is_not_given_and_one_that_stands_for_long_is() {
        let (mut standing, start) = (Standing::default(), Instant::now());
        let site = ParticipantRef::new("a");
        let mut packets = |identity: &str, count, s| {
            let at = start + Duration::from_secs(s);
            standing.judge(&site, stream(identity, count), at).remove(0).packets
        };
        let given = |epoch, count| Given::Value(Counted { epoch, count });
        assert_eq!(packets("0 x", 100, 0), given(0, 100));
        assert_eq!(packets("0 x", 100, 2), Given::Absent(Absent::NotYet));
        assert_eq!(packets("0 x", 180, 4), given(0, 180));
        assert_eq!(packets("0 x", 180, 30), given(0, 180), "stands for longer than any renewal takes");
        assert_eq!(packets("0 y", 500, 31), given(1, 500), "another medium in its place");
        assert_eq!(packets("0 y", 20, 32), given(2, 20), "a counter that fell");
    }

    #[test]
    fn who_has_left_is_forgotten() {
        let mut standing = Standing::default();
        standing.judge(&ParticipantRef::new("a"), stream("0", 1), Instant::now());
        standing.keep(|_| false);
        assert!(standing.sites.is_empty());
    }
}

//! What was pushed last about each site. Bounded; what is old is not passed for new.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::news::Measured;
use super::reply::{Off, Site};
use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::observation::device::{Absent, Flow, Given, Medium, ROSTER_MAX, StreamSample, Way};

/// How long a measurement counts.
const FRESH: Duration = Duration::from_secs(15);

type Key = (ConferenceRef, ParticipantRef);

/// Measurements and switches by site.
#[derive(Debug, Default)]
pub(super) struct Live {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    samples: BTreeMap<Key, (Instant, Vec<StreamSample>)>,
    off: BTreeMap<ConferenceRef, BTreeMap<ParticipantRef, Off>>,
}

impl Live {
    /// Notes what of the sites of a conference is switched off.
    pub(super) fn note_off(&self, conference: &ConferenceRef, sites: &[Site]) {
        let off = sites.iter().map(|site| (site.seen.participant.clone(), site.off)).collect();
        let mut inner = self.locked();
        if inner.off.len() >= ROSTER_MAX && !inner.off.contains_key(conference) {
            inner.off.pop_first();
        }
        inner.off.insert(conference.clone(), off);
    }

    /// Takes a measurement, and gives it back as samples.
    pub(super) fn take(
        &self,
        conference: &ConferenceRef,
        site: &ParticipantRef,
        measured: &Measured,
    ) -> Vec<StreamSample> {
        let mut inner = self.locked();
        let off = inner.off.get(conference).and_then(|sites| sites.get(site)).copied().unwrap_or_default();
        let samples = measured.samples(off);
        let now = Instant::now();
        if inner.samples.len() >= ROSTER_MAX {
            inner.samples.retain(|_, (at, _)| now.duration_since(*at) < FRESH);
        }
        if inner.samples.len() < ROSTER_MAX {
            inner.samples.insert((conference.clone(), site.clone()), (now, samples.clone()));
        }
        samples
    }

    /// The samples of a site, or why there are none.
    pub(super) fn samples(
        &self,
        conference: &ConferenceRef,
        site: &ParticipantRef,
    ) -> Result<Vec<StreamSample>, Absent> {
        let inner = self.locked();
        let found = inner.samples.get(&(conference.clone(), site.clone()));
        let (at, samples) = found.ok_or(Absent::NotYet)?;
        if at.elapsed() < FRESH { Ok(samples.clone()) } else { Err(Absent::Stale) }
    }

    fn locked(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The media of a site of which nothing but the codecs is known now, and why not.
pub(super) fn without_figures(audio: Option<&str>, video: Option<&str>, why: Absent) -> Vec<StreamSample> {
    let sample = |medium, way, codec: Option<&str>| {
        let mut sample = StreamSample::bare(medium, way, Flow::Unknown);
        let none = Given::Absent(why);
        sample.codec = codec.map(str::to_owned);
        (sample.kbps, sample.loss_pct, sample.jitter_ms, sample.rtt_ms) = (none, none, none, none);
        if medium != Medium::Audio {
            sample.fps = none;
            (sample.width, sample.height) = (Given::Absent(why), Given::Absent(why));
        }
        sample
    };
    let both = |medium, codec| [Way::FromSite, Way::ToSite].map(|way| sample(medium, way, codec));
    both(Medium::Audio, audio).into_iter().chain(both(Medium::Video, video)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcu::smc3::news::{News, news};

    #[tokio::test(start_paused = true)]
    async fn a_measurement_counts_for_fifteen_seconds() {
        let (live, conference, site) = (Live::default(), ConferenceRef::new("c1"), ParticipantRef::new("p1"));
        assert_eq!(live.samples(&conference, &site), Err(Absent::NotYet));
        let body = br#"{"participantId":"p1","realTimeInfo":{"sendRealTimeInfo":{"audioBandWidth":64}}}"#;
        let found = news(Some(&conference), body).unwrap();
        let [News::Media { measured, .. }] = found.as_slice() else { panic!("{found:?}") };
        let taken = live.take(&conference, &site, measured);
        tokio::time::advance(FRESH - Duration::from_millis(1)).await;
        assert_eq!(live.samples(&conference, &site), Ok(taken));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(live.samples(&conference, &site), Err(Absent::Stale));
    }
}

//! What a device said last, and how old it is. Pure; makes the report.
//!
//! What is kept from before is never passed off as now: figures grow stale, and a roster of a device that is not seen
//! says of nobody that he is connected.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Moment;
use super::media::{Counts, Found};
use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::observation::device::{
    Absent, Capacity, ConferenceSeen, Device, DeviceAlarm, DeviceReport, Flow, Given, NodeHealth, Presence,
    ROSTER_MAX, Service, Sight, SiteSeen, StreamSample,
};

/// What a device says of itself counts for so long, whatever the sweep takes.
const FRESH_MIN: Duration = Duration::from_secs(30);
/// What was said before a device went out of sight counts for so long.
const FRESH_UNSEEN: Duration = Duration::from_secs(10);

/// Something that was read, and when.
#[derive(Debug, Clone)]
struct Entry<T> {
    value: T,
    at: Moment,
}

/// A conference, and when its parts were read.
#[derive(Debug, Clone)]
struct Conference {
    seen: ConferenceSeen,
    roster: Option<Moment>,
    media: BTreeMap<ParticipantRef, Moment>,
    /// Its roster brings the media along: they are not to be asked for one by one.
    whole: bool,
}

/// Everything that was read of one device.
#[derive(Debug, Default)]
pub(super) struct Book {
    health: Option<Entry<NodeHealth>>,
    capacity: Option<Entry<Vec<Capacity>>>,
    alarms: Option<Entry<Vec<DeviceAlarm>>>,
    readings: Option<Entry<BTreeMap<String, Given<f64>>>>,
    conferences: BTreeMap<ConferenceRef, Conference>,
    counts: Counts,
}

/// How the device is seen, and how long what was read counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Light {
    pub(super) sight: Sight,
    pub(super) since: Moment,
    /// How long one sweep over everything takes.
    pub(super) sweep: Duration,
}

impl Light {
    fn fresh_for(&self) -> Duration {
        if self.sight == Sight::Seen { (self.sweep * 3).max(FRESH_MIN) } else { FRESH_UNSEEN }
    }
}

impl Book {
    /// Its health was read. Whether the device has begun anew since the last time.
    pub(super) fn health(&mut self, health: NodeHealth, at: Moment) -> bool {
        let restarted = self.health.as_ref().is_some_and(|before| {
            let elapsed_us = at.mono.duration_since(before.at.mono).as_micros();
            is_new_life(&before.value, &health, u64::try_from(elapsed_us).unwrap_or(u64::MAX))
        });
        self.health = Some(Entry { value: health, at });
        restarted
    }

    pub(super) fn capacity(&mut self, value: Vec<Capacity>, at: Moment) {
        self.capacity = Some(Entry { value, at });
    }

    pub(super) fn alarms(&mut self, value: Vec<DeviceAlarm>, at: Moment) {
        self.alarms = Some(Entry { value, at });
    }

    pub(super) fn readings(&mut self, value: BTreeMap<String, Given<f64>>, at: Moment) {
        self.readings = Some(Entry { value, at });
    }

    /// The list of conferences was read. Those that came with their roster need not be asked for it.
    pub(super) fn conferences(&mut self, list: Vec<ConferenceSeen>, at: Moment) {
        let names: BTreeSet<ConferenceRef> = list.iter().map(|seen| seen.conference.clone()).collect();
        self.conferences.retain(|conference, _| names.contains(conference));
        self.counts.keep_conferences(|conference| names.contains(conference));
        for seen in list.into_iter().take(ROSTER_MAX) {
            if seen.complete {
                self.roster(seen, at);
            } else if let Some(known) = self.conferences.get_mut(&seen.conference) {
                known.seen.name = seen.name;
            } else {
                let fresh = Conference { roster: None, media: BTreeMap::new(), whole: false, seen };
                self.conferences.insert(fresh.seen.conference.clone(), fresh);
            }
        }
    }

    /// A roster was read. Media that it does not bring along are kept; so are sites that a cut roster does not name.
    pub(super) fn roster(&mut self, mut seen: ConferenceSeen, at: Moment) {
        let before = self.conferences.remove(&seen.conference);
        let mut media = BTreeMap::new();
        let whole = seen.present.iter().any(|site| !site.streams.is_empty());
        let (known, known_media) =
            before.map(|before| (before.seen.present, before.media)).unwrap_or_default();
        let mut known: BTreeMap<ParticipantRef, SiteSeen> =
            known.into_iter().map(|site| (site.participant.clone(), site)).collect();
        for site in &mut seen.present {
            let old = known.remove(&site.participant);
            if site.streams.is_empty() {
                site.streams = old.map(|old| old.streams).unwrap_or_default();
                media
                    .extend(known_media.get_key_value(&site.participant).map(|(who, at)| (who.clone(), *at)));
            } else {
                let read = std::mem::take(&mut site.streams);
                site.streams = self.counts.read(&seen.conference, site, read, at);
                media.insert(site.participant.clone(), at);
            }
        }
        if !seen.complete {
            seen.present.extend(known.into_values());
        }
        seen.present.truncate(ROSTER_MAX);
        self.counts.keep_only(&seen);
        self.conferences.insert(seen.conference.clone(), Conference { roster: Some(at), media, whole, seen });
    }

    /// The media of one site were read; ignored when it has left meanwhile.
    pub(super) fn media(
        &mut self,
        of: &(ConferenceRef, ParticipantRef),
        samples: Vec<StreamSample>,
        at: Moment,
    ) -> Found {
        let Some(conference) = self.conferences.get_mut(&of.0) else { return Found::default() };
        let sites = &mut conference.seen.present;
        let Some(site) = sites.iter_mut().find(|site| site.participant == of.1) else {
            return Found::default();
        };
        site.streams = self.counts.read(&of.0, site, samples, at);
        conference.media.insert(of.1.clone(), at);
        self.counts.found()
    }

    /// A conference is not there any more.
    pub(super) fn forget(&mut self, conference: &ConferenceRef) {
        self.conferences.remove(conference);
    }

    /// The conferences whose rosters are to be read.
    pub(super) fn rosters(&self) -> impl Iterator<Item = &ConferenceRef> {
        self.conferences.keys()
    }

    /// The sites whose media are to be read one by one.
    pub(super) fn sites(&self) -> impl Iterator<Item = (&ConferenceRef, &SiteSeen)> {
        self.conferences.values().filter(|conference| !conference.whole).flat_map(|conference| {
            let connected =
                |site: &&SiteSeen| matches!(site.presence, Presence::Connected | Presence::OnHold);
            let sites = conference.seen.present.iter().filter(connected);
            sites.map(|site| (&conference.seen.conference, site))
        })
    }

    /// How many sites there are.
    pub(super) fn size(&self) -> usize {
        self.conferences.values().map(|conference| conference.seen.present.len()).sum()
    }

    /// The whole truth as of now.
    pub(super) fn report(&self, device: &Device, light: Light, now: Moment) -> DeviceReport {
        let limit = light.fresh_for();
        let is_old = |at: Moment| now.mono.duration_since(at.mono) > limit;
        let health = self.health.as_ref().map(|entry| {
            let old = is_old(entry.at) || light.sight != Sight::Seen;
            if old { aged(entry.value.clone()) } else { entry.value.clone() }
        });
        let capacity = self.capacity.as_ref().map(|entry| {
            let old = is_old(entry.at);
            entry.value.iter().cloned().map(|it| if old { emptied(it) } else { it }).collect()
        });
        let readings = self.readings.as_ref().map(|entry| {
            let old = is_old(entry.at);
            let stale = |given: &Given<f64>| if old { Given::Absent(Absent::Stale) } else { *given };
            entry.value.iter().map(|(name, given)| (name.clone(), stale(given))).collect()
        });
        DeviceReport {
            device: device.clone(),
            sight: light.sight,
            since: light.since.utc,
            health,
            capacity: capacity.unwrap_or_default(),
            alarms: self.alarms.as_ref().map(|entry| entry.value.clone()).unwrap_or_default(),
            conferences: self.conferences.values().map(|conference| conference.shown(is_old)).collect(),
            readings: readings.unwrap_or_default(),
            died_after: None,
        }
    }
}

impl Conference {
    fn shown(&self, is_old: impl Fn(Moment) -> bool) -> ConferenceSeen {
        let roster_old = self.roster.is_none_or(&is_old);
        let mut shown = self.seen.clone();
        for site in &mut shown.present {
            if roster_old {
                site.presence = Presence::Unknown;
            }
            if self.media.get(&site.participant).is_none_or(|at| is_old(*at)) {
                site.streams.iter_mut().for_each(grow_stale);
            }
        }
        shown
    }
}

/// Whether this is another life of the device: another boot, or less uptime than the time that has passed allows.
fn is_new_life(before: &NodeHealth, after: &NodeHealth, elapsed_us: u64) -> bool {
    let boots = before.boot.is_some() && after.boot.is_some() && before.boot != after.boot;
    let shorter = match (before.uptime.value(), after.uptime.value()) {
        (Some(before), Some(after)) => after.0 < before.0 && after.0 <= elapsed_us.saturating_add(5_000_000),
        (Some(_), None) | (None, Some(_)) | (None, None) => false,
    };
    boots || shorter
}

fn aged(health: NodeHealth) -> NodeHealth {
    let nodes = health.nodes.into_iter().map(|mut node| {
        node.service = Service::Unknown;
        node.load_pct = stale(node.load_pct);
        node
    });
    NodeHealth {
        service: Service::Unknown,
        load_pct: stale(health.load_pct),
        uptime: stale(health.uptime),
        clock_skew_ms: stale(health.clock_skew_ms),
        nodes: nodes.collect(),
        version: health.version,
        boot: health.boot,
    }
}

fn emptied(capacity: Capacity) -> Capacity {
    Capacity { total: stale(capacity.total), used: stale(capacity.used), ..capacity }
}

fn grow_stale(sample: &mut StreamSample) {
    sample.flow = Flow::Unknown;
    for given in
        [&mut sample.kbps, &mut sample.loss_pct, &mut sample.jitter_ms, &mut sample.rtt_ms, &mut sample.fps]
    {
        *given = stale(*given);
    }
    sample.packets = stale(sample.packets);
    sample.lost = stale(sample.lost);
    sample.width = stale(sample.width);
    sample.height = stale(sample.height);
}

/// What was given is stale; what was never given keeps its reason.
fn stale<T>(given: Given<T>) -> Given<T> {
    match given {
        Given::Value(_) => Given::Absent(Absent::Stale),
        absent @ Given::Absent(_) => absent,
    }
}

//! What to read next, and when. Pure: time, the budget's account and the book are handed in.
//!
//! Everything has a period; what is most overdue comes first, what was pushed jumps ahead a little. So no flood of
//! pushes can end the slow sweep, and a small budget stretches all periods alike.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::Pace;
use crate::domain::mcu::{ConferenceRef, ParticipantRef};

/// Share of the budget that reads of the sweep may take; the rest is for health, for people and for actions.
const SWEEP_SHARE: f64 = 0.7;
/// Two pushes about the same within this are one.
const GATHER: Duration = Duration::from_millis(200);
/// What was never read counts as so many periods overdue.
const NEVER_READ: f64 = 4.0;
/// The same of a kind that the device lets be read only in turns.
const FIRST_TURN: f64 = 1e6;
/// What was pushed counts as so many periods more overdue.
const PUSHED: f64 = 2.0;

/// Something to read beside the health.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Read {
    Conferences,
    Roster(ConferenceRef),
    Alarms,
    Capacity,
    Readings,
    Media(ConferenceRef, ParticipantRef),
}

/// A kind of read, for what a make does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Conferences,
    Roster,
    Alarms,
    Capacity,
    Readings,
    Media,
}

impl Read {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Conferences => Kind::Conferences,
            Self::Roster(_) => Kind::Roster,
            Self::Alarms => Kind::Alarms,
            Self::Capacity => Kind::Capacity,
            Self::Readings => Kind::Readings,
            Self::Media(..) => Kind::Media,
        }
    }
}

/// How closely to look at the moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tempo {
    pub(super) pace: Pace,
    /// Whether the device tells by itself what changes.
    pub(super) pushed: bool,
    pub(super) per_minute: u32,
    /// Sites whose media are read one by one.
    pub(super) sites: usize,
}

impl Tempo {
    /// How often the health is asked for.
    pub(super) fn health(self) -> Duration {
        match self.pace {
            Pace::Idle => Duration::from_secs(5),
            Pace::Live if self.pushed || self.per_minute < 600 => Duration::from_secs(2),
            Pace::Live => Duration::from_secs(1),
        }
    }

    fn period(self, kind: Kind) -> Duration {
        let (live_s, idle_s) = match kind {
            Kind::Conferences => (5, 15),
            Kind::Roster => (3, 15),
            Kind::Media => (1, 30),
            Kind::Alarms => (10, 30),
            Kind::Capacity => (15, 60),
            Kind::Readings => (10, 30),
        };
        let seconds = match self.pace {
            Pace::Live => live_s,
            Pace::Idle => idle_s,
        };
        // What comes by itself need not be asked for: but now and then, for pushes get lost.
        let patience = if self.pushed && kind != Kind::Readings { 4 } else { 1 };
        let wanted = Duration::from_secs(seconds * patience);
        if kind == Kind::Media { wanted.max(self.round_trip()) } else { wanted }
    }

    /// How long the budget makes one turn of all sites last, with some room for everything else: so that rosters are
    /// not kept waiting by their own sites.
    fn round_trip(self) -> Duration {
        let per_second = f64::from(self.per_minute.max(1)) * SWEEP_SHARE / 60.0;
        Duration::from_secs_f64(1.2 * self.sites as f64 / per_second)
    }
}

/// When each was read.
#[derive(Debug)]
pub(super) struct Rota {
    began: BTreeMap<Read, Instant>,
    pushed: BTreeSet<Read>,
    /// What is on its way, and when each was read before.
    running: BTreeMap<Read, Option<Instant>>,
    /// Nothing of that kind is read before.
    paused: BTreeMap<Kind, Instant>,
    not_provided: BTreeSet<Kind>,
    /// Nothing is read before.
    held: Option<Instant>,
    allowance: Allowance,
    /// How long each site waited for its latest turn; the longest is the sweep's time.
    waited: Duration,
}

impl Rota {
    pub(super) fn new(per_minute: u32, taken: u64, now: Instant) -> Self {
        Self {
            began: BTreeMap::new(),
            pushed: BTreeSet::new(),
            running: BTreeMap::new(),
            paused: BTreeMap::new(),
            not_provided: BTreeSet::new(),
            held: None,
            allowance: Allowance::new(per_minute, taken, now),
            waited: Duration::ZERO,
        }
    }

    /// What to read now of what there is, or when to look again. `taken` is the budget's account.
    pub(super) fn next(
        &mut self,
        there_is: impl Iterator<Item = Read>,
        tempo: Tempo,
        taken: u64,
        now: Instant,
    ) -> Result<Read, Instant> {
        let allowed = self.allowance.next(taken, now).max(self.held.unwrap_or(now));
        let mut best: Option<(f64, Read)> = None;
        let mut soonest = now + Duration::from_secs(60);
        for read in there_is {
            if self.running.contains_key(&read) || self.not_provided.contains(&read.kind()) {
                continue;
            }
            if let Some(until) = self.paused.get(&read.kind()).filter(|until| **until > now) {
                soonest = soonest.min(*until);
                continue;
            }
            let (urgency, due) = self.urgency(&read, tempo, now);
            soonest = soonest.min(due);
            if due <= now && best.as_ref().is_none_or(|(most, _)| urgency > *most) {
                best = Some((urgency, read));
            }
        }
        match best {
            Some((_, read)) if allowed <= now => Ok(read),
            Some(_) => Err(allowed),
            None => Err(soonest.max(allowed)),
        }
    }

    fn urgency(&self, read: &Read, tempo: Tempo, now: Instant) -> (f64, Instant) {
        let Some(began) = self.began.get(read) else {
            // Where turns are given, nobody gets a second one before everybody had his first.
            let in_turns = self.paused.contains_key(&read.kind());
            return (if in_turns { FIRST_TURN } else { NEVER_READ }, now);
        };
        let period = tempo.period(read.kind());
        let ratio = now.duration_since(*began).as_secs_f64() / period.as_secs_f64();
        if self.pushed.contains(read) { (ratio + PUSHED, *began + GATHER) } else { (ratio, *began + period) }
    }

    pub(super) fn begin(&mut self, read: &Read, now: Instant) {
        let before = self.began.insert(read.clone(), now);
        if let Some(before) = before.filter(|_| read.kind() == Kind::Media) {
            // Falls slowly, so that one hurried site does not hide how long the others wait.
            self.waited = now.duration_since(before).max(self.waited.mul_f64(0.99));
        }
        self.pushed.remove(read);
        self.running.insert(read.clone(), before);
    }

    /// It was not read: it is as overdue as before, and until then nothing of its kind is asked for.
    pub(super) fn put_back(&mut self, read: &Read, before: Option<Instant>, until: Instant) {
        match before {
            Some(before) => self.began.insert(read.clone(), before),
            None => self.began.remove(read),
        };
        self.paused.insert(read.kind(), until);
    }

    /// It came to an end; when it was read before that.
    pub(super) fn end(&mut self, read: &Read) -> Option<Instant> {
        self.running.remove(read).flatten()
    }

    /// Reads this soon: something about it changed.
    pub(super) fn hurry(&mut self, read: Read) {
        self.pushed.insert(read);
    }

    /// Reads everything soon.
    pub(super) fn hurry_all(&mut self) {
        self.pushed.extend(self.began.keys().cloned());
    }

    /// This make has no such thing.
    pub(super) fn never(&mut self, kind: Kind) {
        self.not_provided.insert(kind);
    }

    /// Reads nothing before then.
    pub(super) fn hold(&mut self, until: Instant) {
        self.held = Some(until);
    }

    /// Forgets what is not there any more.
    pub(super) fn keep_only(&mut self, there_is: &BTreeSet<Read>) {
        self.began.retain(|read, _| there_is.contains(read));
        self.pushed.retain(|read| there_is.contains(read));
    }

    /// How long one sweep over all sites takes at the moment.
    pub(super) fn sweep(&self) -> Duration {
        self.waited
    }
}

/// What the sweep may take, by what was really taken: a roster may cost one request or forty.
#[derive(Debug)]
struct Allowance {
    per_second: f64,
    burst: f64,
    left: f64,
    taken: u64,
    at: Instant,
}

impl Allowance {
    fn new(per_minute: u32, taken: u64, at: Instant) -> Self {
        let per_second = f64::from(per_minute.max(1)) * SWEEP_SHARE / 60.0;
        let burst = (per_second * 6.0).max(1.0);
        Self { per_second, burst, left: burst, taken, at }
    }

    /// When the next read may begin.
    fn next(&mut self, taken: u64, now: Instant) -> Instant {
        let gained = now.duration_since(self.at).as_secs_f64() * self.per_second;
        let spent = taken.saturating_sub(self.taken) as f64;
        self.left = (self.left + gained).min(self.burst) - spent;
        (self.taken, self.at) = (taken, now);
        let missing = (1.0 - self.left).max(0.0);
        now + Duration::from_secs_f64(missing / self.per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: Tempo = Tempo { pace: Pace::Live, pushed: false, per_minute: 6000, sites: 2 };

    fn site(n: u32) -> Read {
        Read::Media(ConferenceRef::new("1"), ParticipantRef::new(&n.to_string()))
    }

    fn there_is() -> Vec<Read> {
        vec![Read::Conferences, Read::Alarms, site(1), site(2)]
    }

    #[test]
    fn everything_is_read_and_the_most_overdue_comes_first() {
        let start = Instant::now();
        let mut rota = Rota::new(6000, 0, start);
        let mut order = Vec::new();
        while let Ok(read) = rota.next(there_is().into_iter(), LIVE, 0, start) {
            rota.begin(&read, start);
            rota.end(&read);
            order.push(read);
        }
        assert_eq!(order, there_is(), "in their order at first");
        let later = start + Duration::from_millis(2500);
        let next = rota.next(there_is().into_iter(), LIVE, 4, later);
        assert_eq!(next, Ok(site(1)));
        rota.hurry(Read::Alarms);
        rota.hurry(Read::Alarms);
        let next = rota.next(vec![Read::Alarms, Read::Conferences].into_iter(), LIVE, 4, later);
        assert_eq!(next, Ok(Read::Alarms), "a push hurries what is not due");
    }

    #[test]
    fn a_flood_of_pushes_does_not_end_the_sweep() {
        let mut now = Instant::now();
        let mut rota = Rota::new(600, 0, now);
        let mut read = BTreeMap::new();
        for taken in 0..200 {
            rota.hurry(site(1));
            match rota.next(there_is().into_iter(), LIVE, taken, now) {
                Ok(next) => {
                    rota.begin(&next, now);
                    rota.end(&next);
                    *read.entry(next).or_insert(0_u32) += 1;
                }
                Err(at) => assert!(at > now),
            }
            now += Duration::from_millis(150);
        }
        assert!(read[&site(2)] > 5 && read[&Read::Alarms] > 1, "{read:?}");
    }

    #[test]
    fn what_was_really_taken_counts() {
        let start = Instant::now();
        let mut rota = Rota::new(600, 0, start);
        assert!(rota.next([Read::Alarms].into_iter(), LIVE, 0, start).is_ok());
        // The last one cost a hundred requests: at seven a second that is fourteen seconds of rest.
        let rest = rota.next([Read::Alarms].into_iter(), LIVE, 100, start).unwrap_err();
        assert!(rest > start + Duration::from_secs(8), "{:?}", rest - start);
    }
}

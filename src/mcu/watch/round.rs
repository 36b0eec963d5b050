//! One watch from its beginning to its end or its panic: asks, takes answers and pushes, tells.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::book::{Book, Light};
use super::lanes::{Answer, Details, Lanes};
use super::rota::{Kind, Read, Rota, Tempo};
use super::sight::Sighting;
use super::{Hint, Means, Moment, Pace};
use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::mcu::Pushed;
use crate::mcu::fault::Fault;
use crate::observation::action::ActionKey;
use crate::observation::device::{Device, DeviceReport, Given, NodeHealth, Sight, Signal, SiteSeen};

/// The reading that says how long the certificate of a device still counts.
const CERTIFICATE_DAYS_LEFT: &str = "certificate_days_left";
/// Pushes that may wait; a device that pushes faster is slowed down.
const PUSHED_MAX: usize = 256;
/// Questions beside the health that may be on their way at once: old devices bear few.
const AT_ONCE: usize = 3;
/// A device that dies so soon after an action died of it, as far as anybody can tell.
const DIED_WITHIN: Duration = Duration::from_secs(10);
/// How often the host is asked while its device answers, to know whether it would.
const HOST_SELDOM: Duration = Duration::from_secs(60);
/// How often the host is asked while its device is silent.
const HOST_OFTEN: Duration = Duration::from_secs(3);
/// First and longest rest before the push source is opened again.
const LISTEN_REST_MIN: Duration = Duration::from_secs(1);
const LISTEN_REST_MAX: Duration = Duration::from_secs(30);
/// First and longest rest after a refused credential: accounts are locked after a few tries.
const AUTH_REST_MIN: Duration = Duration::from_secs(30);
const AUTH_REST_MAX: Duration = Duration::from_secs(300);
/// Rest after the device said that it was asked too often, where it does not say how long.
const RATE_REST: Duration = Duration::from_secs(10);
/// Longest rest of a device that says that it is busy.
const BUSY_REST_MAX: Duration = Duration::from_secs(30);
/// Rest after a read whose turn it was not, until another one of its kind is asked for.
const TURN_REST: Duration = Duration::from_millis(500);
/// Looks of people within this time are one: a page that is open must not use up what the device bears.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A source that was silent for so long spares no questions: one that is posted to cannot be seen to break off.
const PUSH_LASTS: Duration = Duration::from_secs(60);
/// Shortest time between two reports, changes of sight apart.
const NEWS_EVERY: Duration = Duration::from_millis(200);
/// Sites for which one second between reports is enough; more take as many times longer.
const SITES_PER_SECOND: usize = 200;

/// The push source.
#[derive(Debug)]
struct Push {
    /// `None` when this make has none.
    next: Option<Instant>,
    rest: Duration,
    open: bool,
    alive: bool,
    /// When something was heard last.
    heard: Instant,
}

impl Push {
    /// Whether what changes comes by itself, so that it need not be asked for as often.
    fn spares(&self) -> bool {
        self.alive && self.heard.elapsed() < PUSH_LASTS
    }
}

/// One watch.
pub(super) struct Round {
    device: Device,
    means: Means,
    shown: watch::Sender<Option<Arc<DeviceReport>>>,
    book: Book,
    rota: Rota,
    lanes: Lanes,
    sighting: Sighting,
    light: Light,
    pace: Pace,
    push: Push,
    /// When the health is asked for next; `None` while it is asked for.
    health: Option<Instant>,
    tries: u32,
    host: Option<Instant>,
    host_known: bool,
    /// The other sign of life that the interface has, if it said that it is gone.
    second: Option<Signal>,
    asked: usize,
    acted: Option<(Instant, ActionKey)>,
    /// When everything was read anew last because somebody looked.
    looked: Option<Instant>,
    died_after: Option<ActionKey>,
    told: Option<Instant>,
    news: bool,
}

impl Round {
    pub(super) fn new(device: Device, means: Means, shown: watch::Sender<Option<Arc<DeviceReport>>>) -> Self {
        let now = Instant::now();
        let since = Moment { mono: now, utc: (means.clock)() };
        Self {
            device,
            shown,
            book: Book::default(),
            rota: Rota::new(means.budget.per_minute(), means.budget.taken(), now),
            lanes: Lanes::new(Arc::clone(&means.bridge)),
            sighting: Sighting::new(),
            light: Light { sight: Sight::Unknown, since, sweep: Duration::ZERO },
            pace: Pace::default(),
            push: Push { next: Some(now), rest: LISTEN_REST_MIN, open: false, alive: false, heard: now },
            health: Some(now),
            tries: 0,
            host: means.host.as_ref().map(|_| now),
            host_known: false,
            second: None,
            asked: 0,
            acted: None,
            looked: None,
            died_after: None,
            told: None,
            news: true,
            means,
        }
    }

    /// Works until told to stop.
    pub(super) async fn run(
        mut self,
        hints: &mut mpsc::Receiver<Hint>,
        pace: &mut watch::Receiver<Pace>,
        stop: CancellationToken,
    ) {
        let (pushing, mut pushed) = mpsc::channel(PUSHED_MAX);
        self.pace = *pace.borrow_and_update();
        loop {
            let wake = self.begin(&pushing, &stop);
            tokio::select! {
                () = stop.cancelled() => return,
                answer = self.lanes.next() => self.take(answer),
                Some(it) = pushed.recv() => self.pushed(it),
                Some(hint) = hints.recv() => self.hinted(hint),
                Ok(()) = pace.changed() => {
                    self.pace = *pace.borrow_and_update();
                    self.hurry_health(Instant::now());
                }
                () = sleep_until(wake) => {}
            }
            self.see();
            self.tell();
        }
    }

    fn tempo(&self) -> Tempo {
        Tempo {
            pace: self.pace,
            pushed: self.push.spares(),
            per_minute: self.means.budget.per_minute(),
            sites: self.book.sites().count(),
        }
    }

    fn now(&self) -> Moment {
        Moment { mono: Instant::now(), utc: (self.means.clock)() }
    }

    /// Asks whatever is due; when to look again at the latest.
    fn begin(&mut self, pushing: &mpsc::Sender<Pushed>, stop: &CancellationToken) -> Instant {
        let now = Instant::now();
        if self.health.is_some_and(|due| due <= now) {
            self.health = None;
            self.lanes.ask_health();
        }
        if let Some(host) = self.means.host.clone().filter(|_| self.host.is_some_and(|due| due <= now)) {
            self.host = None;
            self.lanes.ask_host(host);
        }
        if !self.push.open && self.push.next.is_some_and(|due| due <= now) {
            self.push.open = true;
            self.lanes.listen(pushing.clone(), stop.child_token());
        }
        let details = self.begin_details(now);
        let listen = self.push.next.filter(|_| !self.push.open);
        let news = self.told.filter(|_| self.news).map(|told| told + NEWS_EVERY);
        let dues = [self.health, self.host, listen, details, news, self.tell_due()];
        dues.into_iter().flatten().min().unwrap_or(now + Duration::from_secs(1))
    }

    /// Asks for details while there is room for questions; `None` while there is none or nothing may be asked.
    fn begin_details(&mut self, now: Instant) -> Option<Instant> {
        if !self.sighting.answers() {
            return None;
        }
        while self.asked < AT_ONCE {
            let (tempo, taken) = (self.tempo(), self.means.budget.taken());
            let read = match self.rota.next(there_is(&self.book), tempo, taken, now) {
                Ok(read) => read,
                Err(later) => return Some(later),
            };
            self.rota.begin(&read, now);
            self.asked += 1;
            let site = self.site_of(&read);
            self.lanes.ask(read, site);
        }
        None
    }

    fn site_of(&self, read: &Read) -> Option<SiteSeen> {
        let Read::Media(conference, participant) = read else { return None };
        let found =
            self.book.sites().find(|(of, site)| *of == conference && &site.participant == participant);
        found.map(|(_, site)| site.clone())
    }

    fn take(&mut self, answer: Answer) {
        match answer {
            Answer::Health(answer) => self.take_health(answer),
            Answer::Details(read, answer) => self.take_details(&read, answer),
            Answer::Host(answers) => self.take_host(answers),
            Answer::Second(answer) => self.take_second(answer.as_ref()),
            Answer::Listened(ended) => self.take_listened(&ended),
        }
    }

    fn take_health(&mut self, answer: Result<NodeHealth, Fault>) {
        let now = self.now();
        let fault = answer.as_ref().err();
        self.count(fault);
        let was_silent = self.sighting.is_silent();
        self.sighting.asked(fault);
        self.tries = if fault.is_some() { self.tries.saturating_add(1) } else { 0 };
        self.health = Some(now.mono + self.rest(fault));
        if fault.is_some() {
            self.lanes.ask_second();
        } else if let Some(signal) = self.second.take() {
            self.sighting.sign(signal, false);
        }
        if self.sighting.is_silent() && !was_silent {
            // Whether its host still answers decides what this means: ask now.
            self.host = self.host.map(|_| now.mono);
        }
        if matches!(fault, Some(Fault::Unreachable(_))) {
            self.died();
        }
        if let Ok(health) = answer {
            let restarted = self.book.health(health, now);
            if restarted {
                self.died();
                self.rota.hurry_all();
                self.news = true;
            }
        }
    }

    /// How long to rest after an answer.
    fn rest(&self, fault: Option<&Fault>) -> Duration {
        let period = self.tempo().health();
        let doubled = |first: Duration, longest: Duration| {
            (first * 2_u32.saturating_pow(self.tries.saturating_sub(1).min(8))).min(longest)
        };
        if self.acted.as_ref().is_some_and(|(at, _)| at.elapsed() < DIED_WITHIN) {
            return period.min(Duration::from_secs(1));
        }
        match fault {
            Some(Fault::Auth(_) | Fault::NoCredential | Fault::Account(_)) => {
                doubled(AUTH_REST_MIN, AUTH_REST_MAX)
            }
            Some(Fault::RateLimited { retry_after }) => {
                retry_after.unwrap_or(RATE_REST).clamp(period, AUTH_REST_MAX)
            }
            Some(Fault::Busy(_) | Fault::OverBudget | Fault::Ours(_)) => doubled(period, BUSY_REST_MAX),
            Some(
                Fault::Unreachable(_)
                | Fault::OwnSide(_)
                | Fault::Tls(_)
                | Fault::Shape(_)
                | Fault::Timeout { .. }
                | Fault::Said { .. }
                | Fault::NotItsTurn
                | Fault::NotSupported,
            )
            | None => period,
        }
    }

    fn take_details(&mut self, read: &Read, answer: Result<Details, Fault>) {
        let before = self.rota.end(read);
        self.asked = self.asked.saturating_sub(1);
        let now = self.now();
        let fault = answer.as_ref().err();
        self.count(fault);
        match fault {
            None => {}
            Some(Fault::NotSupported) => self.rota.never(read.kind()),
            Some(Fault::Said { .. }) => self.said_no(read),
            Some(Fault::RateLimited { retry_after }) => {
                self.rota.hold(now.mono + retry_after.unwrap_or(RATE_REST).min(AUTH_REST_MAX));
            }
            Some(Fault::Busy(_) | Fault::OverBudget | Fault::Ours(_)) => {
                self.rota.hold(now.mono + RATE_REST / 5)
            }
            Some(Fault::Unreachable(_) | Fault::OwnSide(_) | Fault::Timeout { .. } | Fault::Tls(_)) => {
                self.hurry_health(now.mono)
            }
            Some(Fault::NotItsTurn) => self.rota.put_back(read, before, now.mono + TURN_REST),
            Some(Fault::Auth(_) | Fault::Shape(_) | Fault::NoCredential | Fault::Account(_)) => {}
        }
        if matches!(read.kind(), Kind::Conferences | Kind::Roster) {
            self.sighting.asked_details(fault);
        }
        if let Ok(details) = answer {
            self.note(read, details, now);
        }
    }

    fn note(&mut self, read: &Read, details: Details, now: Moment) {
        let before = self.book.size();
        match (details, read) {
            (Details::Conferences(list), _) => self.book.conferences(list, now),
            (Details::Roster(seen), _) => self.book.roster(seen, now),
            (Details::Alarms(alarms), _) => self.book.alarms(alarms, now),
            (Details::Capacity(capacity), _) => self.book.capacity(capacity, now),
            (Details::Readings(readings), _) => self.book.readings(readings, now),
            (Details::Media(samples), Read::Media(conference, participant)) => {
                let found = self.book.media(&(conference.clone(), participant.clone()), samples, now);
                if found.again {
                    self.rota.hurry(read.clone());
                }
                self.news |= found.changed;
            }
            (Details::Media(_), _) => {}
        }
        if matches!(read.kind(), Kind::Conferences | Kind::Roster) {
            let there_is: BTreeSet<Read> = there_is(&self.book).collect();
            self.rota.keep_only(&there_is);
        }
        self.news |= self.book.size() != before || read.kind() == Kind::Alarms || read.kind() == Kind::Roster;
    }

    /// The device knows no such conference or site: its list is out of date.
    fn said_no(&mut self, read: &Read) {
        match read {
            Read::Roster(conference) => {
                self.book.forget(conference);
                self.rota.hurry(Read::Conferences);
            }
            Read::Media(conference, _) => self.rota.hurry(Read::Roster(conference.clone())),
            Read::Conferences | Read::Alarms | Read::Capacity | Read::Readings => {}
        }
    }

    /// Silence is a sign only of a host that is known to answer.
    fn take_host(&mut self, answers: bool) {
        self.host_known |= answers;
        self.sighting.sign(Signal::Host, self.host_known && !answers);
        let rest = if self.sighting.is_silent() { HOST_OFTEN } else { HOST_SELDOM };
        self.host = Some(Instant::now() + rest);
    }

    /// The interface's other sign of life, asked for when its health could not be had.
    fn take_second(&mut self, answer: Option<&(Signal, Result<(), Fault>)>) {
        let Some((signal, answer)) = answer else { return };
        let gone = matches!(answer, Err(Fault::Unreachable(_) | Fault::Timeout { .. }));
        // By the time it answers the health may have come back: then it is asked for no more.
        if !self.sighting.answers() {
            self.sighting.sign(*signal, gone);
            self.second = gone.then_some(*signal);
        }
    }

    fn take_listened(&mut self, ended: &Result<(), Fault>) {
        self.push.open = false;
        let was_alive = std::mem::take(&mut self.push.alive);
        if matches!(ended, Err(Fault::NotSupported)) {
            self.push.next = None;
            return;
        }
        if was_alive {
            self.push.rest = LISTEN_REST_MIN;
            // A source that we ourselves gave up says nothing.
            let ours = ended.as_ref().err().is_some_and(Fault::is_ours);
            self.sighting.sign(Signal::Events, !ours);
            self.hurry_health(Instant::now());
        }
        self.push.next = Some(Instant::now() + self.push.rest);
        self.push.rest = (self.push.rest * 2).min(LISTEN_REST_MAX);
    }

    fn pushed(&mut self, pushed: Pushed) {
        let now = self.now();
        if pushed == Pushed::Farewell {
            self.push.alive = false;
            self.sighting.sign(Signal::Events, true);
            self.died();
            self.hurry_health(now.mono);
            return;
        }
        (self.push.alive, self.push.heard) = (true, now.mono);
        self.sighting.sign(Signal::Events, false);
        match pushed {
            Pushed::Alive | Pushed::Farewell => {}
            Pushed::Gap | Pushed::Changed(None) => self.rota.hurry_all(),
            Pushed::Changed(Some(conference)) => {
                self.rota.hurry(Read::Roster(conference));
                self.rota.hurry(Read::Conferences);
            }
            Pushed::Media { conference, site, streams } if streams.is_empty() => {
                self.rota.hurry(Read::Media(conference, site));
            }
            Pushed::Media { conference, site, streams } => {
                let _ = self.book.media(&(conference, site), streams, now);
                self.news = true;
            }
        }
    }

    fn hinted(&mut self, hint: Hint) {
        let now = Instant::now();
        match hint {
            Hint::Sign { signal, gone } => self.sighting.sign(signal, gone),
            Hint::Acted(key) => {
                self.acted = Some((now, key));
                self.died_after = None;
                // The first moment in which it may have died of it.
                self.health = self.health.map(|_| now + Duration::from_millis(300));
                self.rota.hurry_all();
            }
            // However many look, the device is asked for all of them together.
            Hint::Look if self.looked.is_some_and(|looked| looked.elapsed() < LOOK_EVERY) => {}
            Hint::Look => {
                self.looked = Some(now);
                self.hurry_health(now);
                self.rota.hurry_all();
            }
        }
    }

    /// It is gone, or has begun anew: an action of the last seconds is named with it.
    fn died(&mut self) {
        if let Some((at, key)) = self.acted.take()
            && at.elapsed() <= DIED_WITHIN
        {
            self.died_after = Some(key);
            self.news = true;
        }
    }

    /// Asks for the health now, unless it is asked for or was refused for a while.
    fn hurry_health(&mut self, now: Instant) {
        let refused = matches!(self.sighting.sight(), Sight::Blind { .. }) && !self.sighting.is_silent();
        if !refused {
            self.health = self.health.map(|due| due.min(now));
        }
    }

    fn count(&self, fault: Option<&Fault>) {
        let word = fault.map_or("answered", Fault::word);
        self.means
            .counters
            .device
            .reads
            .with_label_values(&[self.means.bridge.interface().code(), word])
            .inc();
    }

    /// What all that is known comes to.
    fn see(&mut self) {
        let sight = self.sighting.sight();
        if sight != self.light.sight {
            self.light = Light { sight, since: self.now(), ..self.light };
            self.news = true;
            if matches!(sight, Sight::Down { .. }) {
                self.died();
            }
        }
        self.light.sweep = self.rota.sweep();
    }

    /// When to tell again although nothing happened.
    fn tell_due(&self) -> Option<Instant> {
        let hundreds = u32::try_from(1 + self.book.size() / SITES_PER_SECOND).unwrap_or(u32::MAX);
        let period = match self.pace {
            Pace::Live => Duration::from_secs(1).saturating_mul(hundreds),
            Pace::Idle => self.tempo().health(),
        };
        self.told.map(|told| told + period)
    }

    fn tell(&mut self) {
        let now = self.now();
        let due = self.tell_due().is_none_or(|due| due <= now.mono);
        let asked = self.light.sight != Sight::Unknown;
        if !(asked && (due || self.news && self.may_tell_news(now.mono))) {
            return;
        }
        let died_after = self.died_after.as_ref().map(|key| key.0.clone());
        let mut report = DeviceReport { died_after, ..self.book.report(&self.device, self.light, now) };
        let days = self.means.line.as_ref().and_then(|line| line.certificate_days_left(now.utc));
        report.readings.extend(days.map(|days| (CERTIFICATE_DAYS_LEFT.to_owned(), Given::Value(days))));
        self.shown.send_replace(Some(Arc::new(report.clone())));
        self.told = Some(now.mono);
        match self.means.reports.try_send(report) {
            Ok(()) => self.news = false,
            Err(_) => self.means.counters.device.reports_dropped.inc(),
        }
    }

    /// A change of sight is told at once, other news of a busy roster at most five times a second.
    fn may_tell_news(&self, now: Instant) -> bool {
        self.told.is_none_or(|told| told < self.light.since.mono || now.duration_since(told) >= NEWS_EVERY)
    }
}

/// Everything there is to read of a device, the list of its conferences first.
fn there_is(book: &Book) -> impl Iterator<Item = Read> {
    let media = |(conference, site): (&ConferenceRef, &SiteSeen)| -> Read {
        let participant: ParticipantRef = site.participant.clone();
        Read::Media(conference.clone(), participant)
    };
    [Read::Conferences]
        .into_iter()
        .chain(book.rosters().cloned().map(Read::Roster))
        .chain([Read::Alarms, Read::Capacity, Read::Readings])
        .chain(book.sites().map(media))
}

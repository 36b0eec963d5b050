//! One stream's monitor: receives, reads headers, hands units on, and reports at once what began or ended and
//! everything each second.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep};

use super::analyst::{Analyst, View, Wish};
use super::burst::AnalysisBench;
use super::clock::{Steady, StreamClock, utc_of};
use super::findings::Findings;
use super::headers::Headers;
use super::ingest::Door;
use super::line::{Happened, Line};
use super::liveness::{Failure, Liveness};
use super::set::Outlets;
use super::settings::Pace;
use super::unit::Unit;
use crate::domain::inventory::PictureKind;
use crate::domain::time::{Mono, Now, Span, Utc};
use crate::metrics::Counters;
use crate::observation::{
    Analysis, AudioFigures, DETECTIONS_MAX, Detection, DownWhy, Reception, Seen, StreamOrder, StreamReport,
    Sure,
};

/// Distance of two looks at the clock. All streams look at the same moments.
const TICK: Duration = Duration::from_millis(100);

/// A report leaves at least so often.
const REPORT_EVERY: Span = Span::seconds(1);

/// Pause before a monitor that failed on its own begins again.
const RESTART_AFTER: Duration = Duration::from_secs(1);

/// What others want of a monitor while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Control {
    pub(super) pace: Pace,
    /// Pictures and levels leave until then.
    pub(super) show_until: Option<Utc>,
    /// A picture each second instead of each two.
    pub(super) closely: bool,
}

/// Everything that a monitor is made of.
#[derive(Debug)]
pub(super) struct Monitor {
    pub(super) order: StreamOrder,
    /// How to receive it, or why that cannot be tried.
    pub(super) door: Result<Arc<Door>, Failure>,
    pub(super) clock: StreamClock,
    pub(super) bench: Option<Arc<AnalysisBench>>,
    pub(super) outlets: Outlets,
    pub(super) control: watch::Receiver<Control>,
    pub(super) tap: broadcast::Sender<Arc<Unit>>,
    pub(super) counters: Arc<Counters>,
}

impl Monitor {
    /// Watches until it is dropped. What fails inside begins again and is counted.
    pub(super) async fn run(self) {
        loop {
            let watched = AssertUnwindSafe(Watching::new(&self).run()).catch_unwind().await;
            if watched.is_ok() {
                return;
            }
            tracing::error!(stream = %self.order.stream, "a stream's monitor failed and begins again");
            self.counters.stream.restarts.inc();
            sleep(RESTART_AFTER).await;
        }
    }
}

/// A monitor at work.
struct Watching<'a> {
    monitor: &'a Monitor,
    control: watch::Receiver<Control>,
    steady: Steady,
    headers: Headers,
    line: Option<Line>,
    liveness: Liveness,
    findings: Findings,
    analyst: Option<Analyst>,
    wish: Wish,
    suspected: bool,
    reported: Option<(Mono, Outline)>,
}

/// What must change for a report to leave at once.
#[derive(Debug, PartialEq)]
struct Outline {
    reception: Reception,
    seen: Vec<(&'static str, Sure, Utc)>,
    analysis: Analysis,
}

impl<'a> Watching<'a> {
    fn new(monitor: &'a Monitor) -> Self {
        let now = monitor.clock.now();
        let order = &monitor.order;
        let mut liveness = Liveness::new(now.mono, order.picture == PictureKind::Slides);
        if let Err(failure) = monitor.door {
            liveness.failed(failure, now.mono);
        }
        let analyst =
            |bench: &Arc<AnalysisBench>| Analyst::new(order, bench.clone(), monitor.outlets.clone());
        Self {
            monitor,
            control: monitor.control.clone(),
            steady: Steady::new(now),
            headers: Headers::new(now.mono),
            line: monitor.door.as_ref().ok().map(|door| Line::new(door.clone())),
            liveness,
            findings: Findings::default(),
            analyst: monitor.bench.as_ref().map(analyst),
            wish: Wish::default(),
            suspected: false,
            reported: None,
        }
    }

    /// Ends when nobody can order it any more.
    async fn run(mut self) {
        let clock = self.monitor.clock;
        let mut ticks = ticks(clock);
        self.tick();
        loop {
            let happened = tokio::select! {
                biased;
                // First, so that a flood of packets cannot hold up the clock.
                _ = ticks.tick() => None,
                changed = self.control.changed() => match changed {
                    Ok(()) => None,
                    Err(_) => return,
                },
                happened = next(&mut self.line, &mut self.headers, clock) => Some(happened),
                () = ready(&mut self.analyst) => None,
            };
            match happened {
                Some(Happened::Received) => self.hand_over(),
                Some(Happened::Opened) => self.opened(),
                // Media that have come back meanwhile are not gone because another attempt failed.
                Some(Happened::Failed(_)) if self.liveness.is_flowing() => {}
                Some(Happened::Failed(failure) | Happened::Ended(failure)) => self.failed(failure),
                None => self.tick(),
            }
        }
    }

    /// Gives what arrived to whoever waits for it.
    fn hand_over(&mut self) {
        for unit in self.headers.take_units() {
            if self.liveness.media(unit.at) {
                self.headers.resume(unit.at);
                self.monitor.counters.stream.resumed.inc();
            }
            if let Some(analyst) = &mut self.analyst {
                analyst.unit(&unit);
            }
            if self.monitor.tap.receiver_count() > 0 {
                // A tap whose readers have just left takes nothing.
                let _ = self.monitor.tap.send(Arc::new(unit));
            }
        }
        if let Some(strange) = self.headers.strange() {
            let why = if strange.is_media { DownWhy::Codec } else { DownWhy::Garbage };
            self.liveness.strange(strange.at, why);
        }
        self.suspect();
        if self.reported.as_ref().is_some_and(|(_, outline)| outline.reception != Reception::Flowing) {
            self.report();
        }
    }

    /// Tells the analyst what the compressed domain suspects.
    fn suspect(&mut self) {
        let low = self.headers.video().and_then(|video| video.low());
        if low.is_none() && !self.suspected {
            return;
        }
        self.suspected = low.is_some();
        if let Some(analyst) = &mut self.analyst {
            analyst.suspect(low.map_or(0.0, |low| low.drop), low.map(|low| low.since));
        }
    }

    fn opened(&mut self) {
        self.monitor.counters.stream.attempts.with_label_values(&["opened"]).inc();
        if let Some(analyst) = &mut self.analyst {
            analyst.interrupted();
        }
    }

    fn failed(&mut self, failure: Failure) {
        let outcome = match failure {
            Failure::Down(_) => "failed",
            Failure::Blind(_) => "blind",
        };
        self.monitor.counters.stream.attempts.with_label_values(&[outcome]).inc();
        self.liveness.failed(failure, self.monitor.clock.now().mono);
        self.report();
    }

    fn tick(&mut self) {
        let now = self.now();
        self.headers.tick(now.mono);
        self.hand_over();
        self.liveness.tick(now.mono);
        self.wish(now);
        if let Some(line) = &mut self.line {
            line.tick(self.liveness.is_flowing(), self.control.borrow().pace, rand::random::<f64>);
        }
        if let Some(analyst) = &mut self.analyst {
            analyst.take_news(now);
        }
        self.report();
    }

    fn now(&mut self) -> Now {
        self.steady.of(self.monitor.clock.now())
    }

    /// Tells the analyst what is looked at, when that changes or its time is over.
    fn wish(&mut self, now: Now) {
        let control = *self.control.borrow_and_update();
        let shown = control.show_until.is_some_and(|until| until > now.utc);
        let wish = Wish { thumbnails: shown, closely: shown && control.closely, meters: shown };
        if wish != self.wish {
            self.wish = wish;
            if let Some(analyst) = &mut self.analyst {
                analyst.want(wish);
            }
        }
    }

    /// Sends a report if something began or ended, or if the last is a second old. One that finds no room is made anew
    /// at the next tick.
    fn report(&mut self) {
        let now = self.now();
        let report = self.compose(now);
        let outline = Outline::of(&report);
        let is_news = self
            .reported
            .as_ref()
            .is_none_or(|(at, before)| now.mono.since(*at) >= REPORT_EVERY || *before != outline);
        if !is_news {
            return;
        }
        match self.monitor.outlets.reports.try_send(report) {
            Ok(()) => self.reported = Some((now.mono, outline)),
            Err(mpsc::error::TrySendError::Full(_)) => self.monitor.counters.stream.reports_dropped.inc(),
            // Nobody reads any more: the set is being stopped.
            Err(mpsc::error::TrySendError::Closed(_)) => {}
        }
    }

    /// The whole truth now.
    fn compose(&mut self, now: Now) -> StreamReport {
        let (reception, since) = self.liveness.reception();
        let view = self.analyst.as_ref().map(|analyst| analyst.view(now));
        let mut detections = Vec::new();
        if reception == Reception::Flowing {
            let order = &self.monitor.order;
            detections = self.findings.look(&mut self.headers, order, since, now);
            detections.extend(view.iter().flat_map(|view| view.detections.iter().cloned()));
            detections.sort_by_key(|detection| rank(&detection.seen));
            detections.truncate(DETECTIONS_MAX);
        } else {
            self.findings.forget();
        }
        StreamReport {
            stream: self.monitor.order.stream.clone(),
            reception,
            since: utc_of(since, now),
            video: self.headers.video().map(|video| video.figures(now.mono)),
            audio: self.sound(view.as_ref(), now),
            transport: self.headers.travel(),
            detections,
            analysis: view.map_or(Analysis::Headers, |view| view.analysis),
        }
    }

    fn sound(&mut self, view: Option<&View>, now: Now) -> Option<AudioFigures> {
        let audio = self.headers.audio()?;
        let kbps = audio.kbps(now.mono);
        let level = view.and_then(|view| view.level);
        Some(AudioFigures {
            codec: audio.format().codec,
            kbps,
            channels: audio.format().channels,
            rms_dbfs: level.map(|level| level.rms_dbfs),
            peak_dbfs: level.map(|level| level.peak_dbfs),
        })
    }
}

impl Outline {
    fn of(report: &StreamReport) -> Self {
        let reception = match report.reception {
            // Another attempt is no news.
            Reception::Down { why, .. } => Reception::Down { why, tries: 0 },
            other @ (Reception::Connecting | Reception::Flowing | Reception::Blind { .. }) => other,
        };
        let seen = |detection: &Detection| (detection.seen.code(), detection.sure, detection.since);
        let seen = report.detections.iter().map(seen);
        Self { reception, seen: seen.collect(), analysis: report.analysis }
    }
}

async fn next(line: &mut Option<Line>, headers: &mut Headers, clock: StreamClock) -> Happened {
    match line {
        Some(line) => line.next(headers, || clock.now().mono).await,
        None => std::future::pending().await,
    }
}

async fn ready(analyst: &mut Option<Analyst>) {
    match analyst {
        Some(analyst) => analyst.ready().await,
        None => std::future::pending().await,
    }
}

fn ticks(clock: StreamClock) -> Interval {
    let period = TICK.as_micros();
    let next =
        u64::try_from((clock.origin().elapsed().as_micros() / period + 1) * period).unwrap_or(u64::MAX);
    let mut ticks = interval_at(Instant::from_std(clock.origin()) + Duration::from_micros(next), TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}

/// The order of [`Seen`].
fn rank(seen: &Seen) -> u8 {
    match seen {
        Seen::NoVideo => 0,
        Seen::NoAudio => 1,
        Seen::WrongCodec { .. } => 2,
        Seen::Loss { .. } => 3,
        Seen::Jitter { .. } => 4,
        Seen::LowFps { .. } => 5,
        Seen::LowBitrate { .. } => 6,
        Seen::Corrupt { .. } => 7,
        Seen::Freeze { .. } => 8,
        Seen::Static { .. } => 9,
        Seen::Black { .. } => 10,
        Seen::Flat { .. } => 11,
        Seen::Silence { .. } => 12,
        Seen::Clipping { .. } => 13,
        Seen::Sound { .. } => 14,
        Seen::Skew { .. } => 15,
        Seen::Transport { .. } => 16,
    }
}

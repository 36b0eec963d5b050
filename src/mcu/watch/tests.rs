//! Watches of scripted devices in paused time: every change of sight, the budget, pushes, panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::host::Host;
use super::{Hint, Means, Pace, Watch};
use crate::domain::id::McuId;
use crate::mcu::Pushed;
use crate::mcu::fault::{AuthWhy, Fault};
use crate::mcu::scripted::{Scripted, clock, conference, site};
use crate::metrics::Counters;
use crate::observation::action::ActionKey;
use crate::observation::device::{
    Absent, Blindness, Device, DeviceReport, Flow, Given, Presence, Service, Sight, Signal,
};

#[derive(Debug, Default)]
struct Switch(AtomicBool);

#[async_trait]
impl Host for Switch {
    async fn answers(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

struct Desk {
    device: Arc<Scripted>,
    host: Arc<Switch>,
    watch: Watch,
    reports: mpsc::Receiver<DeviceReport>,
    counters: Arc<Counters>,
}

impl Desk {
    fn new(device: &Arc<Scripted>, room: usize) -> Self {
        let (told, reports) = mpsc::channel(room);
        let host = Arc::new(Switch::default());
        let counters = Arc::new(Counters::new());
        let means = Means {
            bridge: Arc::clone(device) as Arc<dyn crate::mcu::Bridge>,
            budget: Arc::clone(&device.budget),
            line: None,
            host: Some(Arc::clone(&host) as Arc<dyn Host>),
            clock: clock(),
            counters: Arc::clone(&counters),
            reports: told,
        };
        let watch = Watch::start(Device::Mcu(McuId::parse("mcu-1").unwrap()), means);
        Self { device: Arc::clone(device), host, watch, reports, counters }
    }

    /// The first report of which this is true.
    async fn until(&mut self, is_true: impl Fn(&DeviceReport) -> bool) -> DeviceReport {
        let look = async {
            loop {
                let report = self.reports.recv().await.expect("the watch lives");
                if is_true(&report) {
                    return report;
                }
            }
        };
        timeout(Duration::from_secs(120), look).await.expect("it comes to that")
    }

    async fn sight(&mut self, sight: Sight) -> DeviceReport {
        self.until(|report| report.sight == sight).await
    }

    fn fault(&self, fault: Option<Fault>) {
        self.device.set(|script| script.fault = fault);
    }

    async fn sign(&self, signal: Signal, gone: bool) {
        self.watch.hints().send(Hint::Sign { signal, gone }).await.unwrap();
    }
}

fn refused() -> Fault {
    Fault::Unreachable("refused".into())
}

const REFUSED: Sight = Sight::Suspected { signal: Signal::Interface };

#[tokio::test(start_paused = true)]
async fn every_way_out_of_sight_has_its_name_and_leads_back() {
    let mut desk = Desk::new(&Scripted::new(2, 600, false), 64);
    desk.sight(Sight::Seen).await;
    let cases = [
        (Fault::Auth(AuthWhy::Wrong), Blindness::Auth),
        (Fault::Tls("version".into()), Blindness::Tls),
        (Fault::Busy("503".into()), Blindness::Busy),
        (Fault::RateLimited { retry_after: Some(Duration::from_secs(7)) }, Blindness::RateLimited),
        (Fault::Timeout { sent: true }, Blindness::Timeout),
        (Fault::Shape("no such field".into()), Blindness::Shape),
        (Fault::NoCredential, Blindness::NoCredential),
        (Fault::OverBudget, Blindness::Ours),
    ];
    for (fault, why) in cases {
        desk.fault(Some(fault));
        let blind = desk.until(|report| report.sight != Sight::Seen).await;
        assert_eq!(blind.sight, Sight::Blind { why });
        desk.fault(None);
        let seen = desk.sight(Sight::Seen).await;
        assert!(seen.since >= blind.since);
    }
    for (signal, other) in [(Signal::Media, Signal::Media), (Signal::Signalling, Signal::Signalling)] {
        desk.fault(Some(refused()));
        desk.sight(REFUSED).await;
        desk.sign(signal, true).await;
        desk.sight(Sight::Down { signals: [Signal::Interface, other] }).await;
        desk.sign(signal, false).await;
        desk.sight(REFUSED).await;
        desk.fault(None);
        desk.sight(Sight::Seen).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_never_answered_proves_nothing_by_its_silence() {
    let mut desk = Desk::new(&Scripted::new(1, 600, false), 64);
    desk.sight(Sight::Seen).await;
    desk.fault(Some(refused()));
    desk.sight(REFUSED).await;
    sleep(Duration::from_secs(30)).await;
    assert_eq!(desk.until(|_| true).await.sight, REFUSED);
    // It answered once: now its silence counts.
    desk.host.0.store(true, Ordering::SeqCst);
    sleep(Duration::from_secs(5)).await;
    desk.host.0.store(false, Ordering::SeqCst);
    desk.sight(Sight::Down { signals: [Signal::Interface, Signal::Host] }).await;
    desk.host.0.store(true, Ordering::SeqCst);
    desk.fault(None);
    desk.sight(Sight::Seen).await;
}

#[tokio::test(start_paused = true)]
async fn the_interfaces_own_second_sign_counts_while_the_first_is_gone() {
    let mut desk = Desk::new(&Scripted::new(1, 600, false), 64);
    desk.sight(Sight::Seen).await;
    let silent = Err(Fault::Timeout { sent: true });
    desk.device.set(|script| script.signalling = Some(silent));
    desk.fault(Some(refused()));
    desk.sight(Sight::Down { signals: [Signal::Interface, Signal::Signalling] }).await;
    desk.device.set(|script| script.signalling = Some(Ok(())));
    desk.sight(REFUSED).await;
    desk.fault(None);
    desk.sight(Sight::Seen).await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_breaks_off_is_the_second_sign_and_its_return_is_not_the_devices() {
    let mut desk = Desk::new(&Scripted::new(1, 600, true), 64);
    desk.sight(Sight::Seen).await;
    sleep(Duration::from_secs(1)).await;
    desk.fault(Some(refused()));
    desk.device.hang_up();
    desk.sight(Sight::Down { signals: [Signal::Interface, Signal::Events] }).await;
    // The source is opened again and says that it lives: as a broker does for a corpse.
    desk.sight(REFUSED).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(desk.until(|_| true).await.sight, REFUSED, "what was kept is never taken for life");
    desk.device.push(Pushed::Farewell).await;
    desk.sight(Sight::Down { signals: [Signal::Interface, Signal::Events] }).await;
}

#[tokio::test(start_paused = true)]
async fn our_own_limits_blind_nobody_and_are_no_sign_of_death() {
    let device = Scripted::new(5, 600, true);
    device.set(|script| {
        script.turns = Some(0);
        script.listen_ends = Fault::OverBudget;
    });
    let mut desk = Desk::new(&device, 4096);
    desk.watch.pace(Pace::Live);
    desk.sight(Sight::Seen).await;
    let before = (device.calls("roster"), device.calls("alarms"));
    sleep(Duration::from_secs(60)).await;
    while let Ok(report) = desk.reports.try_recv() {
        assert_eq!(report.sight, Sight::Seen);
    }
    // Every 12 and 40 seconds while it pushes.
    assert!(device.calls("roster") >= before.0 + 4 && device.calls("alarms") > before.1, "others are read");
    device.hang_up();
    sleep(Duration::from_millis(50)).await;
    desk.fault(Some(refused()));
    desk.sight(REFUSED).await;
}

#[tokio::test(start_paused = true)]
async fn many_who_look_use_up_no_budget() {
    let device = Scripted::new(2, 120, false);
    let mut desk = Desk::new(&device, 4096);
    desk.sight(Sight::Seen).await;
    let before = device.calls("alarms");
    for _ in 0..600 {
        desk.watch.hints().send(Hint::Look).await.unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    assert!(device.calls("health") <= 26, "{} in a minute", device.calls("health"));
    assert!(device.calls("alarms") >= before + 8, "and everything is read anew: {}", device.calls("alarms"));
    while let Ok(report) = desk.reports.try_recv() {
        assert_eq!(report.sight, Sight::Seen);
    }
}

#[tokio::test(start_paused = true)]
async fn of_many_who_wait_for_their_turn_everybody_gets_it() {
    let device = Scripted::new(100, 6000, false);
    device.set(|script| script.turns = Some(1));
    let mut desk = Desk::new(&device, 4096);
    desk.watch.pace(Pace::Live);
    desk.sight(Sight::Seen).await;
    sleep(Duration::from_secs(75)).await;
    let (asked, read) = (device.calls("streams"), device.calls("streams read"));
    assert!(read >= 100, "{read} turns in 75 s");
    assert!(asked <= 4 * read, "{asked} asked for {read}");
    let report = desk.watch.latest().borrow().clone().unwrap();
    let sites = &report.conferences[0].present;
    assert!(sites.iter().all(|site| !site.streams.is_empty()), "somebody was passed over");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_falls_silent_spares_no_questions() {
    let device = Scripted::new(13, 6000, true);
    let mut desk = Desk::new(&device, 4096);
    desk.watch.pace(Pace::Live);
    desk.sight(Sight::Seen).await;
    let minute = async || {
        let before = device.calls("roster");
        sleep(Duration::from_secs(60)).await;
        device.calls("roster") - before
    };
    let (alive, silent) = (minute().await, minute().await);
    assert!(alive * 2 < silent, "{alive} while it is heard, {silent} after it fell silent");
}

#[tokio::test(start_paused = true)]
async fn what_was_said_before_grows_stale_and_nobody_stays_connected() {
    let mut desk = Desk::new(&Scripted::new(3, 600, false), 64);
    desk.watch.pace(Pace::Live);
    let present = |report: &DeviceReport| {
        report.conferences.first().is_some_and(|it| it.present.iter().all(|site| !site.streams.is_empty()))
    };
    let whole = desk.until(|report| present(report) && !report.conferences[0].present.is_empty()).await;
    assert_eq!(whole.conferences[0].present[0].presence, Presence::Connected);
    desk.fault(Some(Fault::Timeout { sent: true }));
    desk.sight(Sight::Blind { why: Blindness::Timeout }).await;
    let old = |report: &DeviceReport| report.conferences[0].present[0].presence == Presence::Unknown;
    let stale = desk.until(old).await;
    let health = stale.health.as_ref().unwrap();
    assert_eq!((health.service, health.load_pct), (Service::Unknown, Given::Absent(Absent::Stale)));
    let media_old = |report: &DeviceReport| {
        report.conferences[0].present.iter().all(|site| site.streams[0].flow == Flow::Unknown)
    };
    let sample = desk.until(media_old).await.conferences[0].present[0].streams[0].clone();
    assert_eq!(
        (sample.packets, sample.kbps),
        (Given::Absent(Absent::Stale), Given::Absent(Absent::NotProvided))
    );
}

#[tokio::test(start_paused = true)]
async fn a_cut_line_is_no_media_within_three_seconds_though_the_roster_says_connected() {
    let mut desk = Desk::new(&Scripted::new(13, 6000, false), 64);
    desk.watch.pace(Pace::Live);
    let flows = |report: &DeviceReport, flow: fn(&Flow) -> bool| {
        let sites = report.conferences.first().map(|it| it.present.as_slice()).unwrap_or_default();
        !sites.is_empty() && sites.iter().all(|site| site.streams.first().is_some_and(|it| flow(&it.flow)))
    };
    desk.until(|report| flows(report, |flow| *flow == Flow::Flowing)).await;
    sleep(Duration::from_secs(5)).await;
    while desk.reports.try_recv().is_ok() {}
    desk.device.set(|script| script.is_cut = true);
    let cut = Instant::now();
    let dead = desk.until(|report| flows(report, |flow| matches!(flow, Flow::NoMedia { .. }))).await;
    assert!(cut.elapsed() <= Duration::from_secs(3), "{:?}", cut.elapsed());
    assert!(dead.conferences[0].present.iter().all(|site| site.presence == Presence::Connected));
}

#[tokio::test(start_paused = true)]
async fn five_hundred_participants_fit_the_budget_and_none_is_forgotten() {
    const PER_MINUTE: u32 = 1000;
    let device = Scripted::new(500, PER_MINUTE, false);
    let mut desk = Desk::new(&device, 4096);
    desk.watch.pace(Pace::Live);
    desk.sight(Sight::Seen).await;
    sleep(Duration::from_secs(60)).await;
    let mut busiest = 0;
    for _ in 0..5 {
        let before = device.budget.taken();
        sleep(Duration::from_secs(60)).await;
        busiest = busiest.max(device.budget.taken() - before);
    }
    assert!(busiest <= u64::from(PER_MINUTE), "{busiest} requests in a minute");
    assert!(busiest >= u64::from(PER_MINUTE) / 2, "{busiest}: the budget is there to be used");
    let health = device.calls("health");
    assert!(health >= 250, "{health} questions about its health in six minutes");
    while desk.reports.try_recv().is_ok() {}
    let report = desk.until(|_| true).await;
    let fresh = |site: &crate::observation::device::SiteSeen| site.streams[0].flow == Flow::Flowing;
    let unread = report.conferences[0].present.iter().filter(|site| !fresh(site)).count();
    assert_eq!(unread, 0, "every site is read in its turn");
}

#[tokio::test(start_paused = true)]
async fn push_lowers_the_rate_and_a_push_is_read_at_once() {
    let mut taken = Vec::new();
    for has_push in [false, true] {
        let device = Scripted::new(13, 6000, has_push);
        let mut desk = Desk::new(&device, 4096);
        desk.watch.pace(Pace::Live);
        desk.sight(Sight::Seen).await;
        sleep(Duration::from_secs(60)).await;
        taken.push(device.budget.taken());
        if has_push {
            let swept = device.calls("streams");
            assert!(swept >= 13 * 10, "{swept}: the slow sweep goes on");
            while desk.reports.try_recv().is_ok() {}
            device.set(|script| script.sites.push(site(99)));
            let pushed = Instant::now();
            device.push(Pushed::Changed(Some(conference()))).await;
            desk.until(|report| report.conferences[0].present.len() == 14).await;
            assert!(pushed.elapsed() < Duration::from_millis(500), "{:?}", pushed.elapsed());
        }
    }
    assert!(taken[1] * 2 < taken[0], "{taken:?}");
}

#[tokio::test(start_paused = true)]
async fn a_device_that_dies_of_an_action_is_reported_with_it() {
    let mut desk = Desk::new(&Scripted::new(1, 600, false), 64);
    desk.sight(Sight::Seen).await;
    desk.watch.hints().send(Hint::Acted(ActionKey("k-1".into()))).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let acted = Instant::now();
    desk.fault(Some(refused()));
    let dead = desk.sight(REFUSED).await;
    assert_eq!(dead.died_after.as_deref(), Some("k-1"));
    assert!(acted.elapsed() <= Duration::from_secs(2), "it is probed soon: {:?}", acted.elapsed());
    desk.fault(None);
    desk.sight(Sight::Seen).await;
    desk.watch.hints().send(Hint::Acted(ActionKey("k-2".into()))).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    desk.device.set(|script| script.boot = "2".into());
    let restarted = desk.until(|report| report.died_after.as_deref() == Some("k-2")).await;
    assert_eq!(restarted.sight, Sight::Seen, "a quick restart is a death too");
    desk.watch.hints().send(Hint::Acted(ActionKey("k-3".into()))).await.unwrap();
    sleep(Duration::from_secs(20)).await;
    desk.fault(Some(refused()));
    assert_eq!(desk.sight(REFUSED).await.died_after, None, "twenty seconds later it died of something else");
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_panics_begins_anew() {
    let mut desk = Desk::new(&Scripted::new(1, 600, false), 64);
    desk.sight(Sight::Seen).await;
    for _ in 0..3 {
        desk.device.set(|script| script.panics = true);
        sleep(Duration::from_secs(30)).await;
    }
    while desk.reports.try_recv().is_ok() {}
    desk.sight(Sight::Seen).await;
    assert_eq!(desk.counters.device.restarts.get(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_roster_that_cannot_be_read_is_blindness_and_a_reader_that_sleeps_gets_the_newest() {
    let mut desk = Desk::new(&Scripted::new(1, 600, false), 1);
    desk.sight(Sight::Seen).await;
    desk.device.set(|script| script.roster_fault = Some(Fault::Shape("participants".into())));
    desk.sight(Sight::Blind { why: Blindness::Shape }).await;
    desk.device.set(|script| script.roster_fault = None);
    sleep(Duration::from_secs(120)).await;
    assert!(desk.counters.device.reports_dropped.get() > 0);
    let _ = desk.reports.try_recv();
    assert_eq!(desk.until(|_| true).await.sight, Sight::Seen);
}

#[tokio::test(start_paused = true)]
async fn a_refused_credential_is_not_tried_again_and_again() {
    let device = Scripted::new(1, 600, false);
    device.set(|script| script.fault = Some(Fault::Auth(AuthWhy::Wrong)));
    let mut desk = Desk::new(&device, 64);
    desk.watch.pace(Pace::Live);
    desk.sight(Sight::Blind { why: Blindness::Auth }).await;
    sleep(Duration::from_secs(600)).await;
    assert!(device.calls("health") <= 6, "{} tries in ten minutes lock an account", device.calls("health"));
    assert_eq!(device.calls("roster"), 0);
}

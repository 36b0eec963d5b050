//! Desks over scripted devices in paused time: at most once, what nobody knows, the pace, what media show.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use super::{Called, Desk, Eyes, Means, Peers, Settings, Task};
use crate::domain::id::McuId;
use crate::domain::mcu::{NodeRef, ParticipantRef};
use crate::mcu::Bridge;
use crate::mcu::fault::Fault;
use crate::mcu::scripted::{Scripted, conference, site};
use crate::mcu::watch::Hint;
use crate::metrics::Counters;
use crate::observation::action::{
    Action, ActionKey, ActionOutcome, ActionReport, DID_NOT_HAPPEN, DeviceOrder, Looked, Refused, Step,
    TOO_OFTEN, Verified,
};
use crate::observation::device::{Device, Presence, SiteSeen};

#[derive(Debug)]
struct NoEyes;

impl Eyes for NoEyes {
    fn flow(&self, _: &SiteSeen) -> Option<bool> {
        None
    }
}

#[derive(Debug)]
struct Standby(Option<Arc<Scripted>>);

impl Peers for Standby {
    fn peer(&self, name: &str) -> Option<Arc<dyn Bridge>> {
        let known = self.0.clone().filter(|_| name == "mcu-2")?;
        Some(known as Arc<dyn Bridge>)
    }
}

struct Rig {
    desk: Desk,
    reports: mpsc::Receiver<ActionReport>,
    hints: mpsc::Receiver<Hint>,
    _latest: watch::Sender<Option<Arc<crate::observation::device::DeviceReport>>>,
}

fn rig(device: &Arc<Scripted>, standby: Option<Arc<Scripted>>) -> Rig {
    rig_after(device, standby, &[])
}

/// A desk before which calls were made already.
fn rig_after(device: &Arc<Scripted>, standby: Option<Arc<Scripted>>, called: &[Called]) -> Rig {
    let (told, reports) = mpsc::channel(1024);
    let (hint, hints) = mpsc::channel(1024);
    let (shown, latest) = watch::channel(None);
    let means = Means {
        bridge: Arc::clone(device) as Arc<dyn Bridge>,
        watch: hint,
        latest,
        eyes: Arc::new(NoEyes),
        peers: Arc::new(Standby(standby)),
        counters: Arc::new(Counters::new()),
        reports: told,
    };
    let desk = Desk::open(means, Settings::default(), called);
    Rig { desk, reports, hints, _latest: shown }
}

fn order(key: &str, action: Action) -> DeviceOrder {
    DeviceOrder { key: ActionKey(key.into()), device: Device::Mcu(McuId::parse("mcu-1").unwrap()), action }
}

fn redial(n: usize) -> Action {
    Action::Redial { conference: conference(), participant: ParticipantRef::new(&n.to_string()) }
}

fn key_frame(n: usize) -> Action {
    Action::KeyFrame { conference: conference(), participant: ParticipantRef::new(&n.to_string()) }
}

impl Rig {
    fn act(&self, key: &str, action: Action) {
        self.desk.give(Task::Act(order(key, action)));
    }

    /// The steps of an order until its last.
    async fn steps(&mut self, key: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        let collect = async {
            loop {
                let report = self.reports.recv().await.expect("the desk works");
                if report.key.0 == key {
                    let last = matches!(report.step, Step::Ended { .. } | Step::Refused { .. });
                    steps.push(report.step);
                    if last {
                        return;
                    }
                }
            }
        };
        timeout(Duration::from_secs(900), collect).await.expect("it ends");
        steps
    }

    async fn end(&mut self, key: &str) -> (ActionOutcome, Verified) {
        match self.steps(key).await.pop() {
            Some(Step::Ended { outcome, verified }) => (outcome, verified),
            other => panic!("{other:?}"),
        }
    }
}

fn rejected(code: &str) -> ActionOutcome {
    super::rejected(code, true)
}

#[tokio::test(start_paused = true)]
async fn an_action_is_sent_once_told_and_verified_by_media() {
    let device = Scripted::new(3, 6000, false);
    let mut rig = rig(&device, None);
    rig.act("k-1", redial(1));
    rig.act("k-1", redial(1));
    let steps = rig.steps("k-1").await;
    let (outcome, verified) = (ActionOutcome::Applied, Verified::Worked);
    let told = Step::Told { outcome: outcome.clone() };
    assert_eq!(steps.last(), Some(&Step::Ended { outcome, verified }));
    assert!(steps.contains(&Step::Queued) && steps.contains(&told), "{steps:?}");
    sleep(Duration::from_secs(300)).await;
    assert_eq!(device.told().len(), 1, "the second of the same key was not sent");
    assert_eq!(rig.hints.try_recv(), Ok(Hint::Acted(ActionKey("k-1".into()))), "the watch looks after it");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_knows_is_looked_at_and_never_sent_again() {
    let cases = [
        (Ok(Looked::Happened), ActionOutcome::Applied, Verified::Worked),
        (Ok(Looked::DidNot), rejected(DID_NOT_HAPPEN), Verified::DidNotWork),
        (Ok(Looked::CannotTell), ActionOutcome::Unknown, Verified::CannotTell),
        (Err(Fault::NotSupported), ActionOutcome::Unknown, Verified::CannotTell),
    ];
    for (looked, outcome, verified) in cases {
        let device = Scripted::new(3, 6000, false);
        device.set(|script| (script.outcome, script.looked) = (ActionOutcome::Unknown, looked.clone()));
        let mut rig = rig(&device, None);
        rig.act("k", redial(1));
        assert_eq!(rig.end("k").await, (outcome, verified), "{looked:?}");
        sleep(Duration::from_secs(600)).await;
        assert_eq!(device.told().len(), 1, "{looked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_of_an_earlier_process_is_looked_at_and_not_given() {
    let cases = [
        (Ok(Looked::Happened), ActionOutcome::Applied, Verified::Worked),
        (Ok(Looked::DidNot), rejected(DID_NOT_HAPPEN), Verified::DidNotWork),
        (Ok(Looked::CannotTell), ActionOutcome::Unknown, Verified::CannotTell),
    ];
    for (looked, outcome, verified) in cases {
        let device = Scripted::new(3, 6000, false);
        device.set(|script| script.looked = looked.clone());
        // For the first minute the device cannot be read.
        device.set(|script| script.fault = Some(Fault::Timeout { sent: true }));
        let mut rig = rig(&device, None);
        rig.desk.give(Task::LookAt(order("k", redial(1))));
        sleep(Duration::from_secs(60)).await;
        device.set(|script| script.fault = None);
        assert_eq!(rig.end("k").await, (outcome, verified), "{looked:?}");
        assert!(device.told().is_empty());
    }
    let device = Scripted::new(3, 6000, false);
    device.set(|script| script.fault = Some(Fault::Unreachable("refused".into())));
    let mut rig = rig(&device, None);
    rig.desk.give(Task::LookAt(order("k", redial(1))));
    assert_eq!(
        rig.end("k").await,
        (ActionOutcome::Unknown, Verified::CannotTell),
        "it stays away: somebody decides"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_to_a_device_that_cannot_be_seen_or_against_what_is_there() {
    let device = Scripted::new(3, 6000, false);
    let mut rig = rig(&device, None);
    device.set(|script| script.fault = Some(Fault::Busy("503".into())));
    rig.act("blind", redial(1));
    assert_eq!(rig.end("blind").await, (rejected("not_seen"), Verified::DidNotWork));
    device.set(|script| script.fault = None);
    // It is being called by the time its turn comes.
    device.set(|script| script.sites[2].presence = Presence::Calling);
    rig.act("calling", redial(2));
    assert_eq!(rig.steps("calling").await.last(), Some(&Step::Refused { why: Refused::CalledAlready }));
    let dial = Action::Dial {
        conference: conference(),
        address: "SIP:0@County.example;transport=tls".into(),
        name: String::new(),
        kbps: None,
        via: None,
    };
    rig.act("there", dial);
    assert_eq!(rig.steps("there").await.last(), Some(&Step::Refused { why: Refused::CalledAlready }));
    device.set(|script| {
        script.sites[1].presence = Presence::Left { cause: "network".into() };
        script.sites[1].redialled_by_platform = true;
    });
    rig.act("platform", redial(1));
    assert_eq!(rig.steps("platform").await.last(), Some(&Step::Refused { why: Refused::CalledAlready }));
    assert!(device.told().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_redials_is_paced_and_gentle_actions_do_not_wait_for_it() {
    let device = Scripted::new(40, 60_000, false);
    let mut rig = rig(&device, None);
    let began = Instant::now();
    for n in 0..30 {
        rig.act(&format!("k-{n}"), redial(n));
    }
    rig.act("gentle", key_frame(39));
    rig.end("gentle").await;
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    let mut sent = Vec::new();
    while sent.len() < 30 {
        sleep(Duration::from_secs(1)).await;
        let told = device.told().iter().filter(|(action, _)| matches!(action, Action::Redial { .. })).count();
        sent.resize(told, began.elapsed().as_secs());
    }
    for first in &sent {
        let within = sent.iter().filter(|at| *at >= first && **at < first + 60).count();
        assert!(within <= 10, "{within} calls in one minute: {sent:?}");
    }
    assert!((170..=330).contains(&sent[29]), "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_site_that_was_called_too_often_before_a_restart_is_called_no_more_after_it() {
    let device = Scripted::new(3, 6000, false);
    let called: Vec<Called> =
        (1..=7).map(|n| Called { site: "1".into(), ago: Duration::from_secs(60 * n) }).collect();
    let mut rig = rig_after(&device, None, &called);
    rig.act("k-1", redial(1));
    assert_eq!(rig.end("k-1").await, (rejected(TOO_OFTEN), Verified::DidNotWork));
    assert!(device.told().is_empty());
    rig.act("k-2", redial(2));
    assert_eq!(rig.end("k-2").await.0, ActionOutcome::Applied);
}

#[tokio::test(start_paused = true)]
async fn one_changing_request_at_a_time() {
    let device = Scripted::new(5, 60_000, false);
    device.set(|script| script.slow = Duration::from_secs(3));
    let mut rig = rig(&device, None);
    for n in 0..4 {
        rig.act(&format!("k-{n}"), key_frame(n));
    }
    let began = Instant::now();
    for n in 0..4 {
        while device.told().len() <= n {
            sleep(Duration::from_millis(100)).await;
        }
        assert!(began.elapsed() >= Duration::from_secs(6 * n as u64), "a read and an action each: {n}");
    }
    assert_eq!(rig.end("k-3").await.0, ActionOutcome::Applied);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_panics_says_that_nobody_knows_and_goes_on() {
    let device = Scripted::new(3, 6000, false);
    device.set(|script| script.panics_at_action = true);
    let mut rig = rig(&device, None);
    rig.act("k-1", redial(1));
    assert_eq!(rig.end("k-1").await, (ActionOutcome::Unknown, Verified::CannotTell));
    rig.act("k-2", key_frame(2));
    assert_eq!(rig.end("k-2").await.0, ActionOutcome::Applied);
}

fn migrate() -> Action {
    Action::MigrateConference { conference: conference(), to: NodeRef::new("mcu-2/3001") }
}

#[tokio::test(start_paused = true)]
async fn a_conference_moves_by_calls_and_half_of_it_is_said_by_name() {
    let (device, standby) = (Scripted::new(3, 6000, false), Scripted::new(0, 6000, false));
    device.set(|script| script.refuses = vec![crate::observation::action::Does::MigrateConference]);
    let mut rig = rig(&device, Some(Arc::clone(&standby)));
    standby.set(|script| script.adds_dialled = true);
    rig.act("k-1", migrate());
    assert_eq!(rig.end("k-1").await, (ActionOutcome::Accepted { handle: None }, Verified::Worked));
    assert_eq!((device.told().len(), standby.told().len()), (3, 3), "hung up here, called there");
    let keys: std::collections::BTreeSet<_> =
        device.told().into_iter().chain(standby.told()).map(|(_, key)| key).collect();
    assert_eq!(keys.len(), 6, "every step has its own key");
    // The standby takes no further call after the first.
    let second = Scripted::new(3, 6000, false);
    second.set(|script| script.refuses = vec![crate::observation::action::Does::MigrateConference]);
    let full = Scripted::new(0, 6000, false);
    full.set(|script| script.room = Some(1));
    let mut rig = self::rig(&second, Some(full));
    rig.act("k-2", migrate());
    let (outcome, verified) = rig.end("k-2").await;
    let ActionOutcome::Partial { done, undone } = outcome else { panic!("{outcome:?}") };
    assert_eq!((done, undone), (vec!["0县分会场".to_owned()], vec!["1县分会场".into(), "2县分会场".into()]));
    assert_eq!(verified, Verified::CannotTell);
    assert_eq!(second.told().len(), 2, "the third stays where it is");
}

#[tokio::test(start_paused = true)]
async fn a_move_that_a_crash_cut_off_is_told_from_both_rosters() {
    let (device, standby) = (Scripted::new(3, 6000, false), Scripted::new(0, 6000, false));
    let mut rig = rig(&device, Some(Arc::clone(&standby)));
    device.set(|script| drop(script.sites.remove(0)));
    standby.set(|script| script.sites = vec![site(0)]);
    rig.desk.give(Task::LookAt(order("k", migrate())));
    let (outcome, _) = rig.end("k").await;
    let (done, undone) = (vec!["0县分会场".to_owned()], vec!["1县分会场".to_owned(), "2县分会场".into()]);
    assert_eq!(outcome, ActionOutcome::Partial { done, undone });
    assert!(device.told().is_empty() && standby.told().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_withdrawn_before_its_turn_is_never_sent_and_hanging_up_does_not_wait_for_calls() {
    let device = Scripted::new(3, 6000, false);
    device.set(|script| script.adds_dialled = true);
    let mut rig = rig(&device, None);
    for n in 10..14 {
        let address = format!("sip:{n}@county.example");
        let name = String::new();
        rig.act(
            &format!("call-{n}"),
            Action::Dial { conference: conference(), address, name, kbps: None, via: None },
        );
    }
    let participant = ParticipantRef::new("1");
    rig.act("end", Action::Disconnect { conference: conference(), participant });
    rig.desk.tray().withdraw(&ActionKey("call-13".into()));
    let begun = Instant::now();
    while !device.told().iter().any(|(_, key)| key.0 == "end") {
        sleep(Duration::from_millis(100)).await;
    }
    let waited = begun.elapsed();
    assert!(waited < Duration::from_secs(5), "{waited:?}: the calls are paced over half a minute");
    let (outcome, verified) = rig.end("call-13").await;
    assert_eq!((outcome, verified), (rejected("withdrawn"), Verified::DidNotWork));
    let told = device.told();
    assert!(told.iter().any(|(_, key)| key.0 == "call-12"), "the others went");
    assert!(!told.iter().any(|(_, key)| key.0 == "call-13"));
}

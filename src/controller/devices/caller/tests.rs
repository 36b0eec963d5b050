//! Calls by a scripted MCU in paused time: what comes of each, and that each is hung up.

use super::*;
use crate::domain::check::TestId;
use crate::domain::inventory::EndpointProtocol;
use crate::domain::time::Span;
use crate::mcu::desk::{Desk, Eyes, Means, Peers, Settings};
use crate::mcu::scripted::{Script, Scripted, conference};
use crate::metrics::Counters;
use crate::observation::action::Does;
use crate::observation::call::Lane;
use crate::observation::device::{Flow, Medium, Way};

#[derive(Debug)]
struct Nobody;

impl Eyes for Nobody {
    fn flow(&self, _: &SiteSeen) -> Option<bool> {
        None
    }
}

impl Peers for Nobody {
    fn peer(&self, _: &str) -> Option<Arc<dyn Bridge>> {
        None
    }
}

/// A device with nobody in its test conference, whose calls come about and end, unless the test changes that.
fn device(change: impl FnOnce(&mut Script)) -> Arc<Scripted> {
    let device = Scripted::new(0, 60_000, false);
    device.set(|script| {
        script.adds_dialled = true;
        script.drops_hung_up = true;
        change(script);
    });
    device
}

struct Rig {
    device: Arc<Scripted>,
    desk: Desk,
    steps: Steps,
    _hints: mpsc::Receiver<crate::mcu::watch::Hint>,
}

impl Rig {
    fn new(device: Arc<Scripted>) -> Self {
        let (reports, mut reported) = mpsc::channel(64);
        let (watch, hints) = mpsc::channel(1024);
        let means = Means {
            bridge: Arc::clone(&device) as Arc<dyn Bridge>,
            watch,
            latest: watch::channel(None).1,
            eyes: Arc::new(Nobody),
            peers: Arc::new(Nobody),
            counters: Arc::new(Counters::new()),
            reports,
        };
        let steps = Steps::default();
        let passing = steps.clone();
        tokio::spawn(async move {
            while let Some(report) = reported.recv().await {
                assert_eq!(passing.pass(report), None, "no order of a call goes to the judge");
            }
        });
        let desk = Desk::open(means, Settings::default(), &[]);
        Self { device, desk, steps, _hints: hints }
    }

    fn caller(&self) -> Caller {
        let order = CallOrder {
            test: TestId { boot: 1, n: 7 },
            mcu: "mcu-1".parse().unwrap(),
            endpoint: "codec".parse().unwrap(),
            venue: "guidong".parse().unwrap(),
            address: "sip:codec@county.example".into(),
            protocol: EndpointProtocol::Sip,
            name: "桂东县".into(),
            kbps: 2048,
            content: false,
            stay: Span::seconds(30),
        };
        Caller {
            order,
            conference: conference(),
            bridge: Arc::clone(&self.device) as Arc<dyn Bridge>,
            tray: self.desk.tray(),
            steps: self.steps.clone(),
            view: watch::channel(Arc::default()).1,
        }
    }

    /// Calls, with something that happens after a while; what came of it and how long that took.
    async fn call(&self, after: Duration, then: impl FnOnce(&CancellationToken)) -> (CallOutcome, Duration) {
        let (cancel, begun) = (CancellationToken::new(), Instant::now());
        let (told, mut outcomes) = mpsc::channel(2);
        let calling = self.caller().call(&cancel, async |outcome| {
            told.send((outcome, begun.elapsed())).await.unwrap();
        });
        let meanwhile = async {
            sleep(after).await;
            then(&cancel);
        };
        tokio::join!(calling, meanwhile);
        let outcome = outcomes.try_recv().unwrap();
        assert!(outcomes.try_recv().is_err(), "told once");
        outcome
    }

    fn done(&self) -> Vec<Does> {
        self.device.told().iter().map(|(action, _)| action.does()).collect()
    }
}

const NEVER: Duration = Duration::ZERO;

fn figures(outcome: CallOutcome) -> CallFigures {
    match outcome {
        CallOutcome::Measured(figures) => *figures,
        other @ (CallOutcome::NotConnected(_) | CallOutcome::Broke(_)) => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_codec_is_called_looked_at_and_hung_up() {
    let rig = Rig::new(device(|_| ()));
    let (outcome, took) = rig.call(NEVER, |_| ()).await;
    let figures = figures(outcome);
    let [Lane { medium: Medium::Video, way: Way::FromSite, flow: Flow::Flowing, .. }] = figures.lanes[..]
    else {
        panic!("{figures:?}");
    };
    assert!(figures.held && figures.setup_ms < 2_000.0, "{figures:?}");
    assert!(took >= Duration::from_secs(30) && took < Duration::from_secs(45), "{took:?}");
    assert_eq!(rig.done(), [Does::Dial, Does::Disconnect]);
    let (dial, key) = &rig.device.told()[0];
    assert_eq!(key.0, "call-1-7");
    let Action::Dial { address, kbps: Some(2048), .. } = dial else { panic!("{dial:?}") };
    assert_eq!(address, "sip:codec@county.example");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_called_off_is_hung_up_at_once() {
    let rig = Rig::new(device(|_| ()));
    let (outcome, took) = rig.call(Duration::from_secs(10), CancellationToken::cancel).await;
    assert_eq!(outcome, CallOutcome::Broke(CallBroke::Cancelled));
    assert!(took < Duration::from_secs(16), "{took:?}");
    assert_eq!(rig.done(), [Does::Dial, Does::Disconnect]);
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_its_turn_and_is_called_off_is_never_made() {
    let rig = Rig::new(device(|_| ()));
    // Others have used up the pace of this MCU.
    for n in 0..4 {
        let address = format!("sip:{n}@county.example");
        let action =
            Action::Dial { conference: conference(), address, name: String::new(), kbps: None, via: None };
        let key = ActionKey(format!("call-0-{n}"));
        drop(rig.steps.follow(&key));
        let device = Device::Mcu("mcu-1".parse().unwrap());
        rig.desk.give(Task::Act(DeviceOrder { key, device, action }));
    }
    let (outcome, _) = rig.call(Duration::from_secs(5), CancellationToken::cancel).await;
    assert_eq!(outcome, CallOutcome::Broke(CallBroke::Cancelled));
    sleep(Duration::from_secs(120)).await;
    assert!(rig.device.told().iter().all(|(_, key)| key.0 != "call-1-7"), "{:?}", rig.device.told());
}

#[tokio::test(start_paused = true)]
async fn what_the_mcu_refuses_is_not_the_venues_fault() {
    let rejected = |code: &str| ActionOutcome::Rejected { code: code.to_owned(), retryable: false };
    for (change, why) in [
        (rejected("no_port_left"), CallBroke::NoRoom),
        (rejected("20410"), CallBroke::Refused),
        (rejected("auth"), CallBroke::Blind),
        (rejected("not_provided"), CallBroke::NotProvided),
    ] {
        let rig = Rig::new(device(|script| {
            script.outcome = change;
            script.adds_dialled = false;
        }));
        let (outcome, _) = rig.call(NEVER, |_| ()).await;
        assert_eq!((outcome, rig.done()), (CallOutcome::Broke(why), vec![Does::Dial]));
    }
    let rig = Rig::new(device(|script| script.fault = Some(Fault::Unreachable("cut".into()))));
    let (outcome, _) = rig.call(NEVER, |_| ()).await;
    assert_eq!((outcome, rig.done()), (CallOutcome::Broke(CallBroke::Blind), vec![]));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_knows_is_looked_for_hung_up_and_never_repeated() {
    let unknown = |adds: bool| {
        device(|script| {
            script.outcome = ActionOutcome::Unknown;
            script.adds_dialled = adds;
        })
    };
    let rig = Rig::new(unknown(false));
    let (outcome, _) = rig.call(NEVER, |_| ()).await;
    assert_eq!((outcome, rig.done()), (CallOutcome::Broke(CallBroke::Unknown), vec![Does::Dial]));
    let rig = Rig::new(unknown(true));
    let (outcome, _) = rig.call(NEVER, |_| ()).await;
    assert!(figures(outcome).held, "it was called after all");
    assert_eq!(rig.done().first(), Some(&Does::Dial));
    assert!(rig.device.told()[1..].iter().all(|(action, _)| action.does() == Does::Disconnect));
}

#[tokio::test(start_paused = true)]
async fn a_codec_that_does_not_take_the_call_is_told_by_its_cause() {
    let left = Presence::Left { cause: "486 Busy Here".into() };
    let rig = Rig::new(device(|script| script.dialled = left));
    let (outcome, took) = rig.call(NEVER, |_| ()).await;
    assert_eq!(outcome, CallOutcome::NotConnected(CallFailed::Busy));
    assert!(took >= OLD_NEWS, "an entry of an earlier call is not believed at once");
    let rig = Rig::new(device(|script| script.dialled = Presence::Calling));
    let (outcome, _) = rig.call(NEVER, |_| ()).await;
    assert_eq!(outcome, CallOutcome::NotConnected(CallFailed::NoAnswer));
    assert_eq!(rig.done(), [Does::Dial, Does::Disconnect], "it does not ring on");
}

#[tokio::test(start_paused = true)]
async fn a_codec_that_hangs_up_was_not_held_and_an_mcu_that_goes_blind_says_nothing() {
    let rig = Rig::new(device(|_| ()));
    let scripted = Arc::clone(&rig.device);
    let gone = move |_: &CancellationToken| scripted.set(|script| script.sites.clear());
    let (outcome, took) = rig.call(Duration::from_secs(9), gone).await;
    assert!(!figures(outcome).held && took < Duration::from_secs(20), "{took:?}");
    assert_eq!(rig.done(), [Does::Dial], "there is nothing to hang up");

    let rig = Rig::new(device(|script| script.adds_dialled = false));
    let scripted = Arc::clone(&rig.device);
    let blind = Some(Fault::Timeout { sent: true });
    let cut = move |_: &CancellationToken| scripted.set(|script| script.roster_fault = blind);
    let (outcome, _) = rig.call(Duration::from_millis(1), cut).await;
    assert_eq!(outcome, CallOutcome::Broke(CallBroke::Blind));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_left_open_is_hung_up_until_it_is_gone_and_no_longer() {
    let rig = Rig::new(device(|_| ()));
    rig.caller().hang_up().await;
    assert_eq!(rig.done(), [], "there is no such call");

    let open = |drops: bool| {
        let rig = Rig::new(device(|script| script.drops_hung_up = drops));
        let caller = rig.caller();
        let site = SiteSeen {
            address: Some("SIP:codec@county.example;transport=tcp".into()),
            ..crate::mcu::scripted::site(4)
        };
        rig.device.set(|script| script.sites = vec![crate::mcu::scripted::site(1), site]);
        (rig, caller)
    };
    let (rig, caller) = open(true);
    caller.hang_up().await;
    assert_eq!(rig.done(), [Does::Disconnect]);
    let (rig, caller) = open(false);
    caller.hang_up().await;
    assert_eq!(rig.done().len(), HANG_UPS_MAX as usize);
    let keys: std::collections::BTreeSet<_> = rig.device.told().into_iter().map(|(_, key)| key).collect();
    assert_eq!(keys.len(), HANG_UPS_MAX as usize, "each has a key of its own");
}

//! The adapter to Poly RMX: samples of its replies, and a stand-in that speaks its documented interface.

mod device;
mod replies;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vcops::domain::mcu::{ConferenceRef, ParticipantRef};
use vcops::mcu::budget::Budget;
use vcops::mcu::fault::Fault;
use vcops::mcu::http::HttpLine;
use vcops::mcu::rmx::Rmx;
use vcops::mcu::trust::{Login, Trust};
use vcops::mcu::{Bridge, Pushed};
use vcops::observation::action::{Action, ActionKey, ActionOutcome, Looked, Plan, Refused};
use vcops::observation::device::{ConferenceSeen, Medium, Presence, Way};
use zeroize::Zeroizing;

use self::device::{CONFERENCE, Device, PASSWORD};
use super::budget::Crowd;
use super::contract::{self, Fixture, Push, Read, Renamed, Upset};
use super::killed::{self, Told};
use super::stand_in::{StandIn, Trouble, line_with};
use super::wired;

fn adapter(base: url::Url) -> Arc<Rmx> {
    let line = HttpLine::new(base, Trust::Nobody.client().unwrap(), Arc::new(Budget::new(60_000))).unwrap();
    Arc::new(Rmx::new(line, Login { user: "vcops".into(), secret: Zeroizing::new(PASSWORD.into()) }))
}

struct Kept {
    device: Device,
    served: StandIn,
    rmx: Arc<Rmx>,
}

impl Kept {
    async fn with_parties(count: u32) -> Self {
        let device = Device::with_parties(count);
        let served = StandIn::serve(device.router()).await;
        let rmx = adapter(served.base());
        Self { device, served, rmx }
    }

    async fn seen(&self) -> ConferenceSeen {
        self.rmx.roster(&ConferenceRef::new(CONFERENCE)).await.unwrap()
    }

    async fn carry_out(&self, action: &Action) -> ActionOutcome {
        let plan = self.plan(action).await.unwrap();
        self.rmx.execute(&plan, &ActionKey("k".into())).await
    }

    async fn plan(&self, action: &Action) -> Result<Plan, Refused> {
        self.rmx.plan(action, Some(&self.seen().await))
    }

    /// How often something was asked for so far.
    fn asked(&self, what: &str) -> usize {
        self.served.asked().iter().filter(|asked| asked.body.contains(what)).count()
    }
}

const SITES: usize = 24;

#[async_trait]
impl Fixture for Kept {
    const SITES: usize = SITES;
    const LOOK_TELLS: bool = true;
    const UPSETS: &'static [Upset] = &[Upset::LoginExpires, Upset::SecretRefused, Upset::PageShrinks];
    const PUSHES: &'static [Push] = &[Push::Change, Push::Twice, Push::AfterGap, Push::BreaksOff];
    const RENAMED: &'static [Renamed] = &[
        Renamed { from: "RETURN_STATUS", to: "return_status", read: Read::Health, documented: true },
        Renamed { from: "MCU_STATE", to: "MCU_CONDITION", read: Read::Health, documented: false },
        Renamed { from: "OBJ_TOKEN", to: "OBJECT_TOKEN", read: Read::Roster, documented: false },
    ];
    const LAYOUT: &'static str = "2x2";
    const LAYOUT_FOR_ONE: bool = false;

    async fn start() -> Self {
        Self::with_parties(u32::try_from(SITES).unwrap()).await
    }

    fn device(&self) -> &StandIn {
        &self.served
    }

    fn bridge(&self) -> Arc<dyn Bridge> {
        self.rmx.clone()
    }

    fn bridge_to(&self, base: url::Url) -> Arc<dyn Bridge> {
        adapter(base)
    }

    fn conference(&self) -> ConferenceRef {
        ConferenceRef::new(CONFERENCE)
    }

    fn secret(&self) -> &'static str {
        PASSWORD
    }

    fn credential(&self) -> (&'static str, String) {
        ("vcops", PASSWORD.to_owned())
    }

    fn action(&self) -> Action {
        dial("sip:new@172.16.100.9")
    }

    fn carried_out(&self) -> usize {
        self.device.desk().added
    }

    fn logins(&self) -> usize {
        self.device.desk().logins
    }

    fn upset(&self, upset: Option<Upset>) {
        let mut desk = self.device.desk();
        if matches!(upset, Some(Upset::LoginExpires | Upset::SecretRefused)) {
            desk.tokens.clear();
        }
        desk.number += 1;
        desk.upset = upset;
    }

    async fn push(&self, push: Push) {
        if push == Push::BreaksOff {
            return self.served.trouble(Some(Trouble::Busy));
        }
        let mut desk = self.device.desk();
        desk.twice = push == Push::Twice;
        desk.number = if push == Push::AfterGap { 1 } else { desk.number + 1 };
    }
}

/// An RMX with so many parties, for measuring.
pub(super) async fn crowd(sites: usize, budget: &Arc<Budget>) -> Crowd {
    let device = Device::with_parties(sites.try_into().unwrap());
    let served = StandIn::serve(device.router()).await;
    let login = Login { user: "vcops".into(), secret: Zeroizing::new(PASSWORD.into()) };
    let rmx = Arc::new(Rmx::new(line_with(served.base(), budget), login));
    Crowd::new(served, rmx, device)
}

contract::suite!(Kept);
killed::suite!(Kept);

/// A call of a party that left. The RMX tells of it afterwards what it would tell of a call that it made by itself, so
/// nobody can tell whose it was.
struct Redialled(Kept);

#[async_trait]
impl Told for Redialled {
    const LOOK_TELLS: bool = false;

    async fn start() -> Self {
        let kept = Kept::with_parties(4).await;
        kept.device.desk().parties.get_mut(&2).unwrap().connected = false;
        Self(kept)
    }

    fn control(&self) -> serde_json::Value {
        self.0.control()
    }

    fn credential(&self) -> (&'static str, String) {
        Told::credential(&self.0)
    }

    fn action(&self) -> Action {
        Action::Redial { conference: self.0.conference(), participant: ParticipantRef::new("2") }
    }

    fn carried_out(&self) -> usize {
        self.0.asked("<CONNECT>true</CONNECT>")
    }

    fn hold(&self, answers: Option<Duration>) {
        self.0.hold(answers);
    }
}

killed::suite!(Redialled, what_cannot_be_asked_is_left_to_a_person_and_never_told_twice);

wired::suite!(Kept);

fn dial(address: &str) -> Action {
    let conference = ConferenceRef::new(CONFERENCE);
    Action::Dial {
        conference, address: address.into(), name: "新县 <1>".into(), kbps: Some(1920), via: None
    }
}

fn redial(party: u32) -> Action {
    let participant = ParticipantRef::new(&party.to_string());
    Action::Redial { conference: ConferenceRef::new(CONFERENCE), participant }
}

fn rejected(outcome: &ActionOutcome) -> Option<&str> {
    match outcome {
        ActionOutcome::Rejected { code, .. } => Some(code),
        ActionOutcome::Applied
        | ActionOutcome::Accepted { .. }
        | ActionOutcome::Unknown
        | ActionOutcome::Partial { .. } => None,
    }
}

#[tokio::test]
async fn a_redial_hangs_up_waits_and_calls() {
    let kept = Kept::with_parties(3).await;
    let outcome = kept.carry_out(&redial(2)).await;
    assert!(matches!(outcome, ActionOutcome::Accepted { .. }), "{outcome:?}");
    let connects: Vec<String> = kept.served.asked().into_iter().map(|asked| asked.body).collect();
    let order: Vec<bool> = connects
        .iter()
        .filter(|body| body.contains("SET_CONNECT"))
        .map(|body| body.contains("<CONNECT>true</CONNECT>"))
        .collect();
    assert_eq!(order, [false, true]);
    assert!(kept.device.desk().parties[&2].connected);
}

#[tokio::test]
async fn a_party_that_does_not_hang_up_is_left_half_done() {
    let kept = Kept::with_parties(3).await;
    kept.device.desk().stubborn = true;
    let outcome = kept.carry_out(&redial(2)).await;
    let ActionOutcome::Partial { done, undone } = outcome else { panic!("{outcome:?}") };
    assert!(done[0].contains("<CONNECT>false</CONNECT>") && undone[0].contains("<CONNECT>true</CONNECT>"));
    assert_eq!(kept.asked("<CONNECT>true</CONNECT>"), 0, "it is not called while it may be connected");
}

#[tokio::test]
async fn a_party_that_called_in_is_taken_out_and_added_anew() {
    let kept = Kept::with_parties(3).await;
    kept.device.desk().parties.get_mut(&2).unwrap().defined = false;
    let outcome = kept.carry_out(&redial(2)).await;
    assert_eq!(outcome, ActionOutcome::Accepted { handle: Some("4".into()) });
    assert!(!kept.device.desk().parties.contains_key(&2));
    assert_eq!(kept.device.desk().parties[&4].address, "2@172.16.100.232");
    kept.device.desk().parties.get_mut(&4).unwrap().defined = false;
    kept.device.desk().parties.get_mut(&4).unwrap().address.clear();
    kept.device.desk().number += 1;
    let refused = kept.plan(&redial(4)).await;
    assert!(matches!(refused, Err(Refused::Harmful { .. })), "nobody knows where to call it: {refused:?}");
}

#[tokio::test]
async fn who_is_defined_is_called_and_not_defined_twice() {
    let kept = Kept::with_parties(3).await;
    assert_eq!(kept.plan(&dial("sip:2@172.16.100.232")).await, Err(Refused::CalledAlready));
    kept.device.desk().parties.get_mut(&2).unwrap().connected = false;
    kept.device.desk().number += 1;
    let outcome = kept.carry_out(&dial("sip:2@172.16.100.232")).await;
    assert!(matches!(outcome, ActionOutcome::Accepted { .. }), "{outcome:?}");
    let desk = kept.device.desk();
    assert_eq!((desk.added, desk.parties[&2].connected), (0, true));
}

#[tokio::test]
async fn in_progress_is_taken_and_a_no_is_a_no() {
    let kept = Kept::with_parties(3).await;
    kept.device.desk().slowly = true;
    let outcome = kept.carry_out(&dial("sip:new@172.16.100.9")).await;
    assert_eq!(outcome, ActionOutcome::Accepted { handle: Some("4".into()) });
    kept.device.desk().status = Some((10_077, "Not enough resources"));
    let outcome = kept.carry_out(&dial("sip:newer@172.16.100.9")).await;
    assert_eq!(rejected(&outcome), Some("10077"));
    assert_eq!(kept.device.desk().logins, 1, "a no is no dead login");
}

#[tokio::test]
async fn what_comes_from_a_site_is_muted_and_seen_to_be() {
    let kept = Kept::with_parties(3).await;
    let mute = |participant: Option<&str>| Action::Mute {
        conference: ConferenceRef::new(CONFERENCE),
        participant: participant.map(ParticipantRef::new),
        medium: Medium::Audio,
        way: Way::FromSite,
        on: true,
    };
    let plan = kept.plan(&mute(Some("2"))).await.unwrap();
    let key = ActionKey("k".into());
    assert_eq!(kept.rmx.look(&plan, &key).await, Ok(Looked::DidNot));
    kept.rmx.execute(&plan, &key).await;
    assert_eq!(kept.rmx.look(&plan, &key).await, Ok(Looked::Happened));
    let all = kept.plan(&mute(None)).await.unwrap();
    assert_eq!((all.steps.len(), all.touches.len()), (3, 3));
    kept.rmx.execute(&all, &key).await;
    assert!(kept.device.desk().parties.values().all(|party| party.muted));
}

#[tokio::test]
async fn a_quiet_conference_is_asked_for_by_its_number_alone() {
    let kept = Kept::with_parties(100).await;
    let first = kept.seen().await;
    let again = kept.seen().await;
    assert_eq!((first.present.len(), again.present.len(), again.complete), (100, 100, true));
    assert_eq!(kept.asked("<OBJ_TOKEN>-1</OBJ_TOKEN>"), 1, "it was read whole once");
    kept.device.desk().parties.get_mut(&7).unwrap().connected = false;
    kept.device.desk().number += 1;
    assert_eq!(kept.seen().await.present.len(), 99);
    // A restarted RMX counts from the beginning: a lower number is no "nothing changed".
    kept.device.desk().parties.get_mut(&8).unwrap().connected = false;
    kept.device.desk().number = 3;
    assert_eq!(kept.seen().await.present.len(), 98);
}

/// Each field without which a roster says nothing, called otherwise: asked for anew, for a roster that is known and did
/// not change is not read again.
#[tokio::test]
async fn a_roster_with_a_field_of_another_name_is_another_shape() {
    let kept = Kept::with_parties(3).await;
    for name in ["ONGOING_PARTY_STATUS", "ONGOING_PARTY_LIST", "PARTY", "CONFERENCE", "CHANGED"] {
        kept.served.trouble(Some(Trouble::Renamed(name, "SOMETHING_ELSE")));
        let fresh = adapter(kept.served.base());
        let read = fresh.roster(&ConferenceRef::new(CONFERENCE)).await;
        assert!(matches!(read, Err(Fault::Shape(_))), "{name}: {read:?}");
    }
}

#[tokio::test]
async fn of_many_parties_a_few_are_read_and_the_others_wait_their_turn() {
    let kept = Kept::with_parties(200).await;
    let seen = kept.seen().await;
    let (mut read, mut waited) = (0, 0);
    for site in &seen.present {
        match kept.rmx.streams(&seen.conference, site).await {
            Ok(streams) => {
                read += 1;
                assert!(streams.len() >= 4, "{streams:?}");
            }
            Err(fault) => {
                waited += 1;
                assert_eq!(fault, Fault::NotItsTurn);
            }
        }
    }
    assert!(read >= 10 && waited >= 150, "{read} read, {waited} waited");
    assert_eq!(kept.asked("<TRANS_PARTY>"), read);
    let gone = seen.present.iter().find(|site| site.participant.as_str() == "1").unwrap();
    let mut gone = gone.clone();
    gone.presence = Presence::Left { cause: String::new() };
    assert_eq!(kept.rmx.streams(&seen.conference, &gone).await, Ok(Vec::new()));
}

/// A login that is not used for 15 s ends; listening alone must keep it.
#[tokio::test]
async fn listening_keeps_the_login_alive() {
    let kept = Kept::with_parties(3).await;
    let (sender, mut heard) = mpsc::channel(64);
    let (rmx, stop) = (kept.rmx.clone(), CancellationToken::new());
    let stopped = stop.clone();
    let listening = tokio::spawn(async move { rmx.listen(sender, stopped).await });
    let kept_alive = async {
        while kept.asked("<GET_STATE/>") == 0 {
            heard.recv().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(15), kept_alive).await.expect("the state is asked for in time");
    assert_eq!(kept.device.desk().logins, 1);
    stop.cancel();
    assert_eq!(listening.await.unwrap(), Ok(()));
    assert!(matches!(heard.recv().await, None | Some(Pushed::Alive)));
}

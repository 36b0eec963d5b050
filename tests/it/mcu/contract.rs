//! What every adapter must do, whatever its make: one suite, run against each make's stand-in.
//!
//! A make brings a [`Fixture`] and writes `contract::suite!(ItsFixture);`, which makes one test per check. A check
//! panics where the adapter breaks the contract; `contract_itself` breaks each of them once. It knows no make.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vcops::domain::mcu::{ConferenceRef, NodeRef, ParticipantRef};
use vcops::mcu::fault::Fault;
use vcops::mcu::{Bridge, Pushed, Tells};
use vcops::observation::action::{Action, ActionKey, ActionOutcome, Does, Force, Looked, Plan, Refused};
use vcops::observation::device::{
    Absent, Blindness, ConferenceSeen, Given, Medium, Service, Signal, StreamSample, Way,
};

use super::stand_in::{StandIn, Trouble};

/// A make as the suite sees it: a stand-in with one conference whose sites are all connected and sending, and an
/// adapter to it.
#[async_trait]
pub(crate) trait Fixture: Sized + Send + Sync + 'static {
    /// How many sites are in the conference. Take more than a page of the adapter where the make has pages.
    const SITES: usize;
    /// Whether the make can be asked after an outcome that is unknown.
    const LOOK_TELLS: bool;
    /// The trouble of its own that this make can have.
    const UPSETS: &'static [Upset] = &[];
    /// What this make can push.
    const PUSHES: &'static [Push] = &[];
    /// Fields that the stand-in calls otherwise, and what must become of it.
    const RENAMED: &'static [Renamed] = &[];
    /// A layout in the make's words.
    const LAYOUT: &'static str = "";
    /// Whether the make sets what one site sees, or only what all see.
    const LAYOUT_FOR_ONE: bool = true;

    /// Starts stand-in and adapter.
    async fn start() -> Self;
    /// The stand-in.
    fn device(&self) -> &StandIn;
    /// The adapter.
    fn bridge(&self) -> Arc<dyn Bridge>;
    /// Another adapter of the same make with the same secret, to another address.
    fn bridge_to(&self, base: url::Url) -> Arc<dyn Bridge>;
    /// The conference.
    fn conference(&self) -> ConferenceRef;
    /// The secret that must be seen nowhere.
    fn secret(&self) -> &'static str;
    /// User and secret as they stand in the settings.
    fn credential(&self) -> (&'static str, String) {
        ("", self.secret().to_owned())
    }
    /// What the inventory says of the stand-in.
    fn wired(&self) -> serde_json::Value {
        super::wired::control(self.bridge().interface(), self.device().base().as_str())
    }
    /// A change as the device would post it: where below its own path, and what. Of makes that are told in the
    /// settings where to post.
    fn post(&self) -> Option<(&'static str, String)> {
        None
    }
    /// An action that takes exactly one changing request, such as a dial.
    fn action(&self) -> Action;
    /// How often the stand-in carried that action out.
    fn carried_out(&self) -> usize;
    /// How often somebody logged in; counted where [`Upset::LoginExpires`] is listed.
    fn logins(&self) -> usize {
        0
    }
    /// Makes trouble of the make's own from now on, or none. Only what [`Self::UPSETS`] lists is asked for.
    fn upset(&self, _: Option<Upset>) {}
    /// Pushes. Only what [`Self::PUSHES`] lists is asked for.
    async fn push(&self, _: Push) {}
}

/// Trouble that needs knowledge of the make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upset {
    /// Every session or token that exists now is void; a new login works.
    LoginExpires,
    /// Sessions are void and the secret is refused.
    SecretRefused,
    /// The roster gets shorter between two of its pages, or its total disagrees with what it lists.
    PageShrinks,
}

/// What a make pushes on command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Push {
    /// One event that says that something changed in the conference, in order.
    Change,
    /// One such event, delivered twice.
    Twice,
    /// One such event, after others that were lost.
    AfterGap,
    /// The source breaks off.
    BreaksOff,
}

/// A field that is called otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Renamed {
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) read: Read,
    /// A documented alternative is read as ever; anything else is [`Blindness::Shape`].
    pub(crate) documented: bool,
}

/// Which call reads a field.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Read {
    Health,
    Roster,
}

/// One test per check for the fixture of a make.
macro_rules! suite {
    ($fixture:ty) => {
        mod keeps_the_contract {
            use super::*;
            $crate::mcu::contract::suite! { @each $fixture:
                everything_is_read
                every_action_is_planned_or_refused
                an_action_is_carried_out_once
                an_action_that_meets_trouble_is_never_repeated
                trouble_blinds_and_passes
                a_login_is_renewed_by_itself
                a_field_of_another_name_is_known_or_shape
                a_roster_that_shrinks_is_incomplete
                what_is_pushed_is_heard_once
                nobody_at_the_address_is_a_sign_of_death
            }
        }
    };
    (@each $fixture:ty: $($check:ident)+) => {$(
        #[tokio::test]
        async fn $check() {
            $crate::mcu::contract::$check::<$fixture>().await;
        }
    )+};
}
pub(crate) use suite;

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long nothing more comes before a source counts as quiet.
const QUIET: Duration = Duration::from_millis(700);

/// Health, conferences, roster and streams, and no figure that the make does not tell.
pub(crate) async fn everything_is_read<F: Fixture>() {
    let make = F::start().await;
    let bridge = make.bridge();
    let told = bridge.abilities().tells;
    assert_eq!(bridge.health().await.unwrap().service, Service::Up);
    told_or_not(told.contains(&Tells::Capacity), bridge.capacity().await.map(|all| !all.is_empty()));
    told_or_not(told.contains(&Tells::Alarms), bridge.alarms().await.map(|_| true));
    let conferences = bridge.conferences().await.unwrap();
    assert!(conferences.iter().any(|each| each.conference == make.conference()), "{conferences:?}");
    let seen = whole_roster(&make).await;
    assert_eq!(seen.expected.is_some(), told.contains(&Tells::Expected), "expected sites");
    let mut streams = Vec::new();
    for site in seen.present.iter().take(3) {
        streams.extend(bridge.streams(&make.conference(), site).await.unwrap());
    }
    for way in [Way::FromSite, Way::ToSite] {
        assert!(streams.iter().any(|stream| stream.way == way), "no stream {way:?}");
    }
    no_figure_is_invented(bridge.as_ref(), &streams);
    let shown = format!("{bridge:?}");
    assert!(!shown.contains(make.secret()), "the secret is shown: {shown}");
}

fn told_or_not(told: bool, read: Result<bool, Fault>) {
    match read {
        Ok(some) => assert!(!told || some, "told and empty"),
        Err(fault) => assert!(!told && fault == Fault::NotSupported, "{fault}"),
    }
}

async fn whole_roster<F: Fixture>(make: &F) -> ConferenceSeen {
    let seen = make.bridge().roster(&make.conference()).await.unwrap();
    assert!(seen.complete, "the whole roster was there");
    assert_eq!(seen.present.len(), F::SITES);
    seen
}

/// What a make does not tell is absent because it is not provided, in every sample; what it tells is there in one.
fn no_figure_is_invented(bridge: &dyn Bridge, streams: &[StreamSample]) {
    let told = bridge.abilities().tells;
    let columns: [(Tells, fn(&StreamSample) -> Given<f64>); 6] = [
        (Tells::Bitrate, |stream| stream.kbps),
        (Tells::Loss, loss),
        (Tells::Jitter, |stream| stream.jitter_ms),
        (Tells::RoundTrip, |stream| stream.rtt_ms),
        (Tells::Resolution, |stream| stream.width.map(f64::from)),
        (Tells::FrameRate, |stream| stream.fps),
    ];
    for (column, figure) in columns {
        if told.contains(&column) {
            assert!(
                streams.iter().any(|each| figure(each).value().is_some()),
                "{column:?} is told and absent"
            );
        } else {
            let none = Given::Absent(Absent::NotProvided);
            assert!(streams.iter().all(|each| figure(each) == none), "{column:?} is not told and is there");
        }
    }
}

/// Loss as a percentage, or as a count for makes that count.
fn loss(stream: &StreamSample) -> Given<f64> {
    match stream.loss_pct {
        Given::Absent(Absent::NotProvided) => stream.lost.map(|lost| lost.count as f64),
        given @ (Given::Value(_) | Given::Absent(_)) => given,
    }
}

/// Each kind of action is planned with its dry run, or refused for the right reason; planning sends nothing.
pub(crate) async fn every_action_is_planned_or_refused<F: Fixture>() {
    let make = F::start().await;
    let bridge = make.bridge();
    // A watch has read these before anybody plans.
    bridge.health().await.unwrap();
    bridge.conferences().await.unwrap();
    let seen = whole_roster(&make).await;
    let asked = make.device().asked().len();
    let site = seen.present[0].participant.clone();
    for forms in every_kind(&make, &site) {
        let able = bridge.abilities().does.contains(&forms[0].does());
        let planned: Vec<_> = forms.iter().map(|action| bridge.plan(action, Some(&seen))).collect();
        planned.iter().flatten().for_each(|plan| is_a_fair_plan(&make, plan));
        assert_eq!(able, planned.iter().any(Result::is_ok), "{forms:?}: {planned:?}");
        let unfair = |why: &&Refused| !matches!(why, Refused::NotProvided | Refused::Harmful { .. });
        let refused: Vec<_> = planned.iter().filter_map(|plan| plan.as_ref().err()).filter(unfair).collect();
        assert!(refused.is_empty(), "{forms:?} is refused for {refused:?}");
    }
    if bridge.abilities().does.contains(&Does::Disconnect) {
        let participant = ParticipantRef::new("nobody-of-this-name");
        let nobody = Action::Disconnect { conference: make.conference(), participant: participant.clone() };
        assert_eq!(bridge.plan(&nobody, Some(&seen)), Err(Refused::NoSuchParticipant { participant }));
    }
    assert_eq!(make.device().asked().len(), asked, "a plan sends nothing");
}

/// Each kind of action in the forms that a make may know: for one site, for all.
fn every_kind<F: Fixture>(make: &F, site: &ParticipantRef) -> Vec<Vec<Action>> {
    let (conference, participant) = (make.conference(), site.clone());
    let mute = |participant: Option<ParticipantRef>| Action::Mute {
        conference: conference.clone(),
        participant,
        medium: Medium::Audio,
        way: Way::FromSite,
        on: true,
    };
    let layout = Action::Layout {
        conference: conference.clone(),
        participant: F::LAYOUT_FOR_ONE.then(|| participant.clone()),
        layout: F::LAYOUT.to_owned(),
    };
    vec![
        vec![make.action()],
        vec![mute(Some(participant.clone())), mute(None)],
        vec![layout],
        vec![Action::Redial { conference: conference.clone(), participant: participant.clone() }],
        vec![Action::Disconnect { conference: conference.clone(), participant: participant.clone() }],
        vec![Action::Broadcast { conference: conference.clone(), participant: participant.clone() }],
        vec![Action::KeyFrame { conference: conference.clone(), participant: participant.clone() }],
        vec![Action::MoveParticipant {
            conference: conference.clone(),
            participant,
            to: ConferenceRef::new("another-conference"),
        }],
        vec![Action::MigrateConference { conference, to: NodeRef::new("another-node") }],
        vec![Action::Drain { on: true }],
    ]
}

fn is_a_fair_plan<F: Fixture>(make: &F, plan: &Plan) {
    let does = plan.action.does();
    assert!(
        make.bridge().abilities().does.contains(&does),
        "{does:?} is planned and not among the abilities"
    );
    assert!(!plan.steps.is_empty(), "{does:?} has no dry run");
    assert!(!plan.touches.is_empty() || does == Does::Drain, "{does:?} touches nobody");
    assert!(plan.preconditions.iter().all(|(zh, en)| !zh.is_empty() && !en.is_empty()), "{does:?}");
    let shown = format!("{plan:?}");
    assert!(!shown.contains(make.secret()), "the dry run of {does:?} shows the secret: {shown}");
    assert!(plan.force >= least_force(does), "{does:?} says it is gentler than it is: {:?}", plan.force);
}

/// How much each kind disturbs at least; see [`Force`].
fn least_force(does: Does) -> Force {
    match does {
        Does::KeyFrame => Force::Gentle,
        Does::Dial | Does::Mute | Does::Layout => Force::OneSite,
        Does::Redial | Does::Disconnect | Does::MoveParticipant => Force::OneSiteLeaves,
        Does::Broadcast => Force::Conference,
        Does::MigrateConference => Force::ConferenceLeaves,
        Does::Drain => Force::Device,
    }
}

/// Planned, told once, and found when looked for.
pub(crate) async fn an_action_is_carried_out_once<F: Fixture>() {
    let make = F::start().await;
    let (bridge, plan) = planned(&make).await;
    let key = ActionKey("order-1".into());
    let before = bridge.look(&plan, &key).await.unwrap();
    assert_ne!(before, Looked::Happened, "nothing was sent yet");
    let outcome = bridge.execute(&plan, &key).await;
    assert!(matches!(outcome, ActionOutcome::Applied | ActionOutcome::Accepted { .. }), "{outcome:?}");
    assert_eq!(make.carried_out(), 1);
    looks(&make, &plan, &key).await;
    assert_eq!(make.carried_out(), 1, "to look changes nothing");
}

async fn planned<F: Fixture>(make: &F) -> (Arc<dyn Bridge>, Plan) {
    let bridge = make.bridge();
    let seen = whole_roster(make).await;
    let plan = bridge.plan(&make.action(), Some(&seen)).unwrap();
    (bridge, plan)
}

async fn looks<F: Fixture>(make: &F, plan: &Plan, key: &ActionKey) {
    let wanted = if F::LOOK_TELLS { Looked::Happened } else { Looked::CannotTell };
    assert_eq!(make.bridge().look(plan, key).await.unwrap(), wanted);
}

/// Refused for the moment: not done and said so. No answer: unknown, and never sent again.
pub(crate) async fn an_action_that_meets_trouble_is_never_repeated<F: Fixture>() {
    let make = F::start().await;
    let (bridge, plan) = planned(&make).await;
    let key = ActionKey("order-2".into());
    for trouble in [Trouble::Busy, Trouble::RateLimited] {
        make.device().trouble(Some(trouble.clone()));
        let outcome = bridge.execute(&plan, &key).await;
        assert!(
            matches!(outcome, ActionOutcome::Rejected { retryable: true, .. }),
            "{trouble:?}: {outcome:?}"
        );
        assert_eq!(make.carried_out(), 0, "{trouble:?}");
    }
    let nobody = make.bridge_to(free_address()).execute(&plan, &key).await;
    assert!(matches!(nobody, ActionOutcome::Rejected { retryable: true, .. }), "nobody there: {nobody:?}");
    make.device().trouble(Some(Trouble::SilentAfter));
    assert_eq!(bridge.execute(&plan, &key).await, ActionOutcome::Unknown);
    make.device().trouble(None);
    assert_eq!(make.carried_out(), 1, "it was carried out, once");
    looks(&make, &plan, &key).await;
    assert_eq!(make.carried_out(), 1);
}

/// 503, 429, slow, silent and truncated answers blind us, each for its own reason, and pass.
pub(crate) async fn trouble_blinds_and_passes<F: Fixture>() {
    let make = F::start().await;
    recovers(&make).await;
    let cases: [(Trouble, &[Blindness]); 5] = [
        (Trouble::Busy, &[Blindness::Busy]),
        (Trouble::RateLimited, &[Blindness::RateLimited]),
        (Trouble::SilentAfter, &[Blindness::Timeout]),
        (Trouble::Truncated, &[Blindness::Timeout, Blindness::Shape]),
        (Trouble::Slow(Duration::from_secs(8)), &[Blindness::Timeout]),
    ];
    for (trouble, fair) in cases {
        make.device().trouble(Some(trouble.clone()));
        let (bridge, conference) = (make.bridge(), make.conference());
        let (health, roster) = tokio::join!(bridge.health(), bridge.roster(&conference));
        for fault in [health.map(drop).unwrap_err(), roster.map(drop).unwrap_err()] {
            assert!(fair.contains(&blindness(&fault)), "{trouble:?} became {fault:?}");
        }
        make.device().trouble(None);
        recovers(&make).await;
    }
}

/// Why we are blind. A sign of death, or none of either, breaks the contract.
fn blindness(fault: &Fault) -> Blindness {
    match fault.meaning() {
        Some(Err(why)) => why,
        other => panic!("{fault:?} means {other:?}, not that we are blind"),
    }
}

/// Health and the whole roster come back without a person's help.
async fn recovers<F: Fixture>(make: &F) {
    let back = async {
        loop {
            let (health, roster) =
                (make.bridge().health().await, make.bridge().roster(&make.conference()).await);
            let whole = roster.is_ok_and(|seen| seen.complete && seen.present.len() == F::SITES);
            if health.is_ok() && whole {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, back).await.expect("it recovers when the trouble is over");
}

/// A session that ended is renewed once, however many calls meet it; a secret that is refused blinds us.
pub(crate) async fn a_login_is_renewed_by_itself<F: Fixture>() {
    let make = F::start().await;
    recovers(&make).await;
    if F::UPSETS.contains(&Upset::LoginExpires) {
        let before = make.logins();
        make.upset(Some(Upset::LoginExpires));
        let (bridge, conference) = (make.bridge(), make.conference());
        let (health, one, two) =
            tokio::join!(bridge.health(), bridge.roster(&conference), bridge.roster(&conference));
        health.unwrap();
        assert!(one.unwrap().complete && two.unwrap().complete);
        assert_eq!(make.logins() - before, 1, "one login serves all");
    }
    if F::UPSETS.contains(&Upset::SecretRefused) {
        make.upset(Some(Upset::SecretRefused));
        let fault = make.bridge().health().await.unwrap_err();
        assert_eq!(blindness(&fault), Blindness::Auth);
        assert!(!format!("{fault:?} {fault}").contains(make.secret()));
        make.upset(None);
    }
    recovers(&make).await;
}

/// Documented alternatives of a name are read; another name is another shape, not a value that was made up.
pub(crate) async fn a_field_of_another_name_is_known_or_shape<F: Fixture>() {
    let make = F::start().await;
    recovers(&make).await;
    for case in F::RENAMED {
        make.device().trouble(Some(Trouble::Renamed(case.from, case.to)));
        let read = match case.read {
            Read::Health => make.bridge().health().await.map(drop),
            Read::Roster => make.bridge().roster(&make.conference()).await.map(drop),
        };
        match read {
            Ok(()) => assert!(case.documented, "{case:?} was not noticed"),
            Err(fault) => {
                assert!(!case.documented, "{case:?}: {fault}");
                assert_eq!(blindness(&fault), Blindness::Shape, "{case:?}");
            }
        }
        make.device().trouble(None);
        recovers(&make).await;
    }
}

/// Pages are no snapshot: what got shorter in between was not read whole.
pub(crate) async fn a_roster_that_shrinks_is_incomplete<F: Fixture>() {
    let make = F::start().await;
    whole_roster(&make).await;
    if F::UPSETS.contains(&Upset::PageShrinks) {
        make.upset(Some(Upset::PageShrinks));
        let seen = make.bridge().roster(&make.conference()).await.unwrap();
        assert!(!seen.complete, "{} of {} sites pass for all", seen.present.len(), F::SITES);
        make.upset(None);
    }
    recovers(&make).await;
}

/// A push is heard, a double is heard once, a gap and a break are noticed.
pub(crate) async fn what_is_pushed_is_heard_once<F: Fixture>() {
    let make = F::start().await;
    let (sender, mut heard) = mpsc::channel(64);
    let stop = CancellationToken::new();
    let (bridge, stopped) = (make.bridge(), stop.clone());
    let listening = tokio::spawn(async move { bridge.listen(sender, stopped).await });
    if !make.bridge().abilities().tells.contains(&Tells::Events) {
        assert!(F::PUSHES.is_empty(), "what can be pushed is told");
        assert_eq!(ended(listening).await, Err(Fault::NotSupported));
        return;
    }
    first(&make, &mut heard).await;
    if F::PUSHES.contains(&Push::Twice) {
        make.push(Push::Twice).await;
        let said = burst(&mut heard).await;
        assert_eq!(said.iter().filter(|each| is_change(each)).count(), 1, "a double passes: {said:?}");
    }
    if F::PUSHES.contains(&Push::AfterGap) {
        make.push(Push::AfterGap).await;
        let said = burst(&mut heard).await;
        assert!(said.contains(&Pushed::Gap), "a gap is not noticed: {said:?}");
    }
    if F::PUSHES.contains(&Push::BreaksOff) {
        make.push(Push::BreaksOff).await;
        tokio::time::timeout(PATIENCE, broken_off(&mut heard)).await.expect("a break is noticed");
    }
    stop.cancel();
    let end = ended(listening).await;
    assert!(end.is_ok() || F::PUSHES.contains(&Push::BreaksOff), "{end:?}");
}

async fn ended(listening: tokio::task::JoinHandle<Result<(), Fault>>) -> Result<(), Fault> {
    tokio::time::timeout(PATIENCE, listening).await.expect("listening ends when told").unwrap()
}

/// Pushes changes until the first is heard: the source needs its time to begin.
async fn first<F: Fixture>(make: &F, heard: &mut mpsc::Receiver<Pushed>) {
    let begins = async {
        loop {
            make.push(Push::Change).await;
            let next = tokio::time::timeout(Duration::from_millis(200), heard.recv()).await;
            if matches!(&next, Ok(Some(said)) if is_change(said)) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, begins).await.expect("a change is heard");
    while tokio::time::timeout(QUIET, heard.recv()).await.is_ok_and(|said| said.is_some()) {}
}

/// Waits for what comes, and then until nothing more does.
async fn burst(heard: &mut mpsc::Receiver<Pushed>) -> Vec<Pushed> {
    let first = tokio::time::timeout(PATIENCE, heard.recv()).await.expect("something is heard");
    let mut said = vec![first.expect("the source goes on")];
    while let Ok(Some(next)) = tokio::time::timeout(QUIET, heard.recv()).await {
        said.push(next);
    }
    said
}

fn is_change(said: &Pushed) -> bool {
    matches!(said, Pushed::Changed(_) | Pushed::Media { .. })
}

/// After a break either the listening ends or it says that something may be missing.
async fn broken_off(heard: &mut mpsc::Receiver<Pushed>) {
    while let Some(said) = heard.recv().await {
        if matches!(said, Pushed::Gap | Pushed::Farewell | Pushed::Changed(None)) {
            return;
        }
    }
}

/// A refused connection is the one fault that can mean that the device is gone.
pub(crate) async fn nobody_at_the_address_is_a_sign_of_death<F: Fixture>() {
    let make = F::start().await;
    let fault = make.bridge_to(free_address()).health().await.unwrap_err();
    assert_eq!(fault.meaning(), Some(Ok(Signal::Interface)), "{fault:?}");
}

/// An address at which nobody listens.
fn free_address() -> url::Url {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/", free.local_addr().unwrap()).parse().unwrap()
}

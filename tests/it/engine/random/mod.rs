//! Random worlds against invariants. The checker keeps its own small books from what goes in and comes out, and
//! shares no code with the engine.
//!
//! `VCOPS_SOAK=1` plays many more and larger worlds. A failure names its seed.

mod devices;
mod model;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use vcops::domain::actor::Actor;
use vcops::domain::check::{Check, CheckKey, RoomItem, RoundId, RoundKind, TestId};
use vcops::domain::id::{LinkId, MeetingId, VenueId};
use vcops::domain::inventory::{Change, Inventory, ItemRef};
use vcops::domain::time::{Now, Span, US_PER_S, Utc, Window};
use vcops::engine::effect::{Effect, Outcome, Refusal};
use vcops::engine::event::{Event, What};
use vcops::engine::finding::FindingKey;
use vcops::engine::input::{Command, Input, Party, RetestScope, RoomOutcome};
use vcops::engine::record::{canonical, decode, encode};
use vcops::engine::verdict::{Judgement, Verdict};
use vcops::engine::{Decision, DurableState};
use vcops::observation::{Fact, Misbehaviour, Observation, Order, Source, TestBroke, TestOutcome};

use vcops::observation::device::DeviceReport;

use self::devices::DeviceBooks;
use super::care;
use super::world::{Line, World, clean, health};

#[test]
fn random_worlds_keep_their_promises() {
    let soak = std::env::var_os("VCOPS_SOAK").is_some();
    let (worlds, inputs) = if soak { (100, 1_000) } else { (16, 220) };
    let mut seen = Seen::default();
    for seed in 1..=worlds {
        let went = std::panic::catch_unwind(|| Play::new(seed, soak).run(inputs));
        match went {
            Ok(of_world) => seen.add(&of_world),
            Err(_) => panic!("world {seed} broke a promise"),
        }
    }
    println!("{worlds} worlds: {seen:?}");
    // The worlds must have visited what they are for.
    for verdict in ["pass", "warn", "fail", "test_broke", "no_answer", "waived"] {
        assert!(seen.verdicts.contains_key(verdict), "no world came to {verdict}: {seen:?}");
    }
    assert!(seen.rounds > worlds && seen.findings > 0 && seen.refusals > 0, "{seen:?}");
    for visited in devices::VISITED {
        assert!(seen.devices.contains_key(visited), "no world came to {visited}: {seen:?}");
    }
}

/// What worlds came across.
#[derive(Debug, Default)]
struct Seen {
    inputs: u64,
    rounds: u64,
    findings: u64,
    refusals: u64,
    verdicts: BTreeMap<String, u64>,
    devices: BTreeMap<&'static str, u64>,
}

impl Seen {
    fn add(&mut self, other: &Self) {
        self.inputs += other.inputs;
        self.rounds += other.rounds;
        self.findings += other.findings;
        self.refusals += other.refusals;
        for (verdict, count) in &other.verdicts {
            *self.verdicts.entry(verdict.clone()).or_default() += count;
        }
        for (what, count) in &other.devices {
            *self.devices.entry(what).or_default() += count;
        }
    }
}

/// A small generator (xorshift64*): the same worlds everywhere.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).unwrap() % sides
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.roll(of.len())]
    }
}

struct Play {
    world: World,
    dice: Dice,
    venues: Vec<String>,
    books: Books,
    told: usize,
    old: Vec<Observation>,
    /// Devices that say nothing now, and what they said last.
    silent: Vec<DeviceReport>,
    silent_ids: Vec<String>,
}

impl Play {
    fn new(seed: u64, soak: bool) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let count = 6 + dice.roll(if soak { 35 } else { 12 });
        let venues: Vec<String> = (0..count).map(|n| format!("v{n}")).collect();
        let names: Vec<&str> = venues.iter().map(String::as_str).collect();
        let mut world = World::new("2026-11-24T00:30:00Z");
        let starts = *dice.pick(&["2026-11-25T01:00:00Z", "2026-11-24T02:10:00Z", "2026-11-27T01:00:00Z"]);
        let manual = dice.roll(2) == 0;
        world.city(&names, starts, |inventory| {
            if manual {
                inventory
                    .profiles
                    .values_mut()
                    .for_each(|profile| profile.room = vec![RoomItem::Ups, RoomItem::Led]);
            }
        });
        world.beating = venues.iter().filter(|_| dice.roll(6) > 0).cloned().collect();
        let (old, silent, silent_ids) = (Vec::new(), Vec::new(), Vec::new());
        let mut play =
            Self { world, dice, venues, books: Books::default(), told: 0, old, silent, silent_ids };
        play.furnish();
        play
    }

    fn run(mut self, inputs: usize) -> Seen {
        for _ in 0..inputs {
            if devices::about_devices(&mut self.dice) {
                self.on_devices()
            } else {
                self.act()
            }
            self.check();
        }
        // Whatever happened, every round ends: a day after it was asked for, by a clock that may have been put back.
        self.world.beating.clear();
        self.world.devices.clear();
        for _ in 0..5 {
            self.world.pass(Span::minutes(24 * 60));
            self.check();
        }
        let rounds = self.world.state.durable.rounds.values();
        let open: Vec<_> =
            rounds.filter(|round| round.is_open()).map(|round| (round.id, round.since)).collect();
        assert!(open.is_empty(), "rounds {open:?} never ended by {:?}", self.world.now);
        care::nothing_is_forgotten(&self.world);
        self.fold();
        self.books.seen.devices = std::mem::take(&mut self.books.devices.counts);
        self.books.seen.inputs = self.world.recording.len() as u64;
        self.books.seen
    }

    fn act(&mut self) {
        match self.dice.roll(20) {
            0..=4 => self.world.pass(Span::millis(200 + self.dice.roll(9_000) as u64)),
            5 => self.world.pass(Span::seconds(30)),
            6 => {
                let venue = self.venue();
                if !self.world.beating.remove(venue.as_str()) {
                    self.world.beating.insert(venue.to_string());
                }
            }
            7 => self.step_clock(),
            8 => self.restart(),
            9 => self.late_or_twice(),
            10 => self.stray_result(),
            11 => self.bad_weather(),
            12 => self.change_inventory(),
            13 => self.unwelcome(),
            _ => self.command(),
        }
    }

    fn venue(&mut self) -> VenueId {
        self.dice.pick(&self.venues).parse().unwrap()
    }

    fn step_clock(&mut self) {
        let by_us = *self.dice.pick(&[-3_600, -3, 3, 600, 3_000]) * US_PER_S;
        self.world.now.utc = Utc(self.world.now.utc.0 + by_us);
        self.world.input(Input::ClockStepped { by_us });
    }

    fn restart(&mut self) {
        self.check();
        self.world.restart();
        self.books.forget_running();
    }

    /// A message that was heard before comes again, or one that is older than those heard.
    fn late_or_twice(&mut self) {
        let agent = Source::Agent(self.venue().as_str().parse().unwrap());
        let order = Order { boot: 1, seq: self.dice.roll(50) as u64 };
        let (at, received) = (self.world.now.utc - Span::seconds(20), self.world.now.utc);
        let fact = Fact::Heartbeat { health: health() };
        self.old.push(Observation { source: agent, at, received, order, fact });
        let observation = self.dice.pick(&self.old).clone();
        let before = self.world.state.picture.agents.clone();
        self.world.input(Input::Observed { observation: observation.clone() });
        let Source::Agent(agent) = &observation.source else { return };
        let (was, is) = (before.get(agent), self.world.state.picture.agents.get(agent));
        if was.is_some_and(|was| was.at.is_some() && was.order >= observation.order) {
            assert_eq!(was, is, "an older message replaced a newer");
        }
    }

    /// Results of tests that were never ordered, are over, or name another link.
    fn stray_result(&mut self) {
        let boot = 1 + u32::try_from(self.dice.roll(3)).unwrap();
        let test = TestId { boot, n: u32::try_from(self.dice.roll(60)).unwrap() };
        let link = LinkId::parse(&format!("{}-a", self.venue())).unwrap();
        let stats = clean(self.world.now.utc, 3.0);
        let agent = Source::Agent(self.venue().as_str().parse().unwrap());
        let source = if self.dice.roll(2) == 0 { Source::Hub } else { agent };
        let outcome = if self.dice.roll(4) == 0 {
            TestOutcome::Broke(*self.dice.pick(&[
                TestBroke::NoSocket,
                TestBroke::RefusedByVenue,
                TestBroke::TimedOut,
            ]))
        } else {
            TestOutcome::Measured(Box::new(stats))
        };
        self.world.observe(source, Fact::PathTested { test, link, outcome });
    }

    fn bad_weather(&mut self) {
        let line = match self.dice.roll(6) {
            0 => Line::Clean { rtt_ms: 600.0 },
            1 => Line::Clean { rtt_ms: 220.0 },
            2 => Line::Lossy { lost: 60, run: 6, second: 7 },
            3 => Line::Dead,
            4 => Line::NoSocket,
            _ => Line::Clean { rtt_ms: 5.0 },
        };
        let side = *self.dice.pick(&["a", "b"]);
        let link = format!("{}-{side}", self.venue());
        self.world.lines.insert(link, line);
    }

    fn change_inventory(&mut self) {
        let inventory: Inventory = self.world.state.durable.inventory.clone();
        let mut after = inventory.clone();
        let venue = self.venue();
        let from = self.world.now.utc;
        match self.dice.roll(4) {
            0 => {
                let window = Window { from, until: from + Span::minutes(3) };
                if let Some(venue) = after.venues.get_mut(&venue) {
                    venue.no_test.push(window);
                }
            }
            1 => {
                let by = Span::minutes(self.dice.roll(180) as u64);
                after.meetings.values_mut().for_each(|meeting| {
                    meeting.starts = meeting.starts + by;
                    meeting.ends = meeting.ends + by;
                });
            }
            2 => after
                .links
                .values_mut()
                .filter(|link| link.venue == venue)
                .for_each(|link| link.reflector = None),
            _ => {}
        }
        let mut changes: Vec<Change> = after.items().map(Change::Put).collect();
        if self.dice.roll(5) == 0 {
            changes.push(Change::Remove(ItemRef::Venue(venue)));
        }
        let stale = u64::from(self.dice.roll(6) == 0);
        let origin = "random".to_owned();
        self.order(Command::SubmitInventory { base: inventory.version + stale, changes, origin });
    }

    /// An agent that says that tests are not welcome, or that does what it should not.
    fn unwelcome(&mut self) {
        let venue = self.venue().to_string();
        if self.dice.roll(2) == 0 {
            self.world.heartbeat(&venue, |health| health.no_test = true);
            return;
        }
        let what = *self.dice.pick(&[Misbehaviour::Forged, Misbehaviour::Replayed, Misbehaviour::Flooded]);
        let agent = Source::Agent(venue.parse().unwrap());
        self.world.observe(agent, Fact::Misbehaved { what, count: 1 });
    }

    fn order(&mut self, command: Command) {
        let actor = Actor::Local { uid: 1000, name: "tech".to_owned() };
        let outcome = self.world.command_as(actor, command.clone());
        if let Outcome::Refused(refusal) = &outcome {
            self.books.seen.refusals += 1;
            let busy = matches!(refusal, Refusal::Unrecorded | Refusal::Busy);
            assert!(!busy, "{command:?}: not the engine's to say");
        }
    }

    fn command(&mut self) {
        let round = RoundId(self.world.state.durable.rounds_opened.saturating_sub(self.dice.roll(2) as u64));
        let venue = self.venue();
        let kind = *self.dice.pick(&[RoundKind::WholeNetwork, RoundKind::SinglePoint, RoundKind::PreMeeting]);
        let meeting: MeetingId = (*self.dice.pick(&["m", "m", "m", "elsewhere"])).parse().unwrap();
        let cell = self.cell(venue.clone());
        let command = match self.dice.roll(12) {
            0..=3 => Command::OpenRound { meeting, kind, venues: Vec::new() },
            4 => Command::OpenRound { meeting, kind, venues: vec![venue] },
            5 => Command::Retest { round, scope: RetestScope::NotPassed },
            6 => Command::Retest { round, scope: RetestScope::Cell(cell) },
            7 if self.dice.roll(3) == 0 => Command::CloseRound { round },
            7 => Command::Retest { round, scope: RetestScope::All },
            8 => Command::Waive { round, key: cell, why: (*self.dice.pick(&["", "割接"])).to_owned() },
            9 => self.room(round, venue),
            10 => Command::SignOff { round, party: Party::User, person: "赵六".to_owned() },
            _ => {
                let agent = venue.as_str().parse().unwrap();
                Command::RotateAgentKey { agent, public_key: (*self.dice.pick(&["", "zz"])).to_owned() }
            }
        };
        self.order(command);
    }

    fn cell(&mut self, venue: VenueId) -> CheckKey {
        let link = LinkId::parse(&format!("{venue}-a")).unwrap();
        let check = match self.dice.roll(4) {
            0 => Check::Presence,
            1 => Check::Clock,
            2 => Check::Room { item: RoomItem::Ups },
            _ => Check::Path { link },
        };
        CheckKey { venue, check }
    }

    fn room(&mut self, round: RoundId, venue: VenueId) -> Command {
        let outcome =
            *self.dice.pick(&[RoomOutcome::InOrder, RoomOutcome::Faulty, RoomOutcome::NotApplicable]);
        let (note, photo, by_telephone_from) = (String::new(), None, None);
        Command::RecordRoom { round, venue, item: RoomItem::Ups, outcome, note, photo, by_telephone_from }
    }

    /// Enters what happened since the last call into the books.
    fn check(&mut self) {
        // Indices that are kept up step by step are those that would be made anew.
        if self.dice.roll(8) == 0 {
            let mut anew = self.world.state.clone();
            anew.roll_back(self.world.state.durable.clone());
            assert_eq!(anew.indices(), self.world.state.indices());
        }
        let fresh = self.world.recording[self.told..].iter().zip(&self.world.decisions[self.told..]);
        for ((now, input), decision) in fresh {
            self.books.enter(*now, input, decision);
        }
        self.told = self.world.recording.len();
        care::no_alarm_is_lost(&self.world);
        let running: BTreeSet<TestId> = self.world.state.picture.tests.keys().copied().collect();
        assert_eq!(running, self.books.running.keys().copied().collect(), "tests that run");
    }

    fn fold(&self) {
        let mut folded = DurableState::default();
        for event in &self.world.journal {
            let record = encode(event);
            folded.apply(&decode(record.version, &record.body).unwrap());
        }
        assert_eq!(canonical(&folded), canonical(&self.world.state.durable));
    }
}

/// The checker's own books.
#[derive(Default)]
struct Books {
    inventory: Inventory,
    running: BTreeMap<TestId, LinkId>,
    ordered: BTreeSet<TestId>,
    judged: BTreeSet<TestId>,
    attempts: BTreeMap<(RoundId, CheckKey), u32>,
    open: BTreeSet<RoundId>,
    planned: BTreeMap<RoundId, BTreeSet<CheckKey>>,
    findings: BTreeSet<FindingKey>,
    automatic: BTreeSet<(MeetingId, RoundKind, Utc)>,
    unwelcome: BTreeMap<VenueId, bool>,
    devices: DeviceBooks,
    seen: Seen,
}

impl Books {
    fn forget_running(&mut self) {
        self.devices.forget_seen();
        self.running.clear();
        self.unwelcome.clear();
    }

    fn enter(&mut self, now: Now, input: &Input, decision: &Decision) {
        if let Input::Observed { observation } = input
            && let (Source::Agent(agent), Fact::Heartbeat { health }) =
                (&observation.source, &observation.fact)
            && decision.events.iter().any(|event| matches!(event, Event::Picture(_)))
        {
            self.unwelcome.insert(VenueId::parse(agent.as_str()).unwrap(), health.no_test);
        }
        decision.events.iter().for_each(|event| self.event(event));
        let answers = decision.effects.iter().filter(|effect| matches!(effect, Effect::Reply { .. })).count();
        assert_eq!(answers, usize::from(matches!(input, Input::Commanded { .. })), "one answer per command");
        decision.effects.iter().for_each(|effect| self.effect(now, effect));
        self.devices.enter(now, input, decision, &self.inventory);
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Picture(vcops::engine::event::Picture::TestEnded { test }) => {
                self.running.remove(test);
            }
            Event::Picture(_) => {}
            Event::Durable(durable) => self.durable(&durable.what),
        }
    }

    fn durable(&mut self, what: &What) {
        match what {
            What::InventoryChanged { changes, version, .. } => {
                changes.iter().for_each(|change| self.inventory.apply(change));
                assert_eq!(*version, self.inventory.version + 1);
                self.inventory.version = *version;
                assert!(self.inventory.broken().is_empty());
            }
            What::RoundOpened { round, meeting, round_kind, automatic, plan } => {
                assert!(
                    self.planned.insert(*round, plan.iter().cloned().collect()).is_none(),
                    "round numbers rise"
                );
                self.open.insert(*round);
                self.seen.rounds += 1;
                if *automatic {
                    let starts = self.inventory.meetings[meeting].starts;
                    assert!(self.automatic.insert((meeting.clone(), *round_kind, starts)), "opened twice");
                }
            }
            What::RetestAsked { round, .. } => {
                self.open.insert(*round);
            }
            What::CheckJudged { round, judgement } => self.judged(*round, judgement),
            What::CheckWaived { .. } => {
                *self.seen.verdicts.entry("waived".to_owned()).or_default() += 1;
            }
            What::RoundEnded { round, .. } => assert!(self.open.remove(round), "ended twice"),
            What::FindingRaised { finding, .. } => {
                assert!(self.findings.insert(finding.clone()), "{finding} raised twice");
                self.seen.findings += 1;
            }
            What::FindingCleared { finding } => {
                assert!(self.findings.remove(finding), "{finding} was not raised")
            }
            What::FindingWeighed { finding, .. } => {
                assert!(self.findings.contains(finding), "{finding} is not raised")
            }
            What::CauseFound { members, .. } | What::CauseParted { members, .. } => members
                .iter()
                .for_each(|member| assert!(self.findings.contains(member), "{member} is not raised")),
            What::Started { .. }
            | What::RoomRecorded { .. }
            | What::SignedOff { .. }
            | What::ConsentGiven { .. }
            | What::RollCalled { .. }
            | What::AgentInvited { .. }
            | What::AgentEnrolled { .. }
            | What::AgentRevoked { .. }
            | What::EvidenceKept { .. }
            | What::ConfirmRecorded { .. }
            | What::CallOrdered { .. }
            | What::CallEnded { .. }
            | What::ActionOrdered { .. }
            | What::ActionReported { .. }
            | What::ActionDecided { .. }
            | What::ActionFrozen { .. }
            | What::ActionThawed { .. }
            | What::IncidentOpened { .. }
            | What::IncidentChanged { .. }
            | What::PlanBegun { .. }
            | What::StepChanged { .. }
            | What::PlanEnded { .. }
            | What::PagingChanged { .. }
            | What::DutyChanged { .. }
            | What::AlarmsChanged { .. }
            | What::FloodChanged { .. }
            | What::IdentityChanged { .. }
            | What::Gap { .. } => {}
        }
    }

    fn judged(&mut self, round: RoundId, judgement: &Judgement) {
        assert!(self.planned[&round].contains(&judgement.key), "judged what was not planned");
        let attempts = self.attempts.entry((round, judgement.key.clone())).or_default();
        *attempts += 1;
        assert_eq!(judgement.attempt, *attempts, "attempts count up");
        if let Some(test) = judgement.test {
            assert!(self.ordered.contains(&test), "judged a test that was never ordered");
            assert!(self.judged.insert(test), "test {test} was judged twice");
        }
        let verdict = serde_json::to_value(judgement.verdict).unwrap().as_str().unwrap().to_owned();
        *self.seen.verdicts.entry(verdict).or_default() += 1;
    }

    fn effect(&mut self, now: Now, effect: &Effect) {
        if let Effect::CallCodec { order } = effect {
            assert!(self.ordered.insert(order.test), "test number {} came twice", order.test);
            return;
        }
        let Effect::TestPath { order, .. } = effect else { return };
        assert!(self.ordered.insert(order.test), "test number {} came twice", order.test);
        assert!(!self.running.values().any(|link| link == &order.link), "two tests on {}", order.link);
        self.running.insert(order.test, order.link.clone());
        let venue = &self.inventory.links[&order.link].venue;
        assert!(self.welcome(venue, now.utc), "a test at {venue} at {} disturbs", now.utc);
    }

    /// The forbidden times, worked out anew.
    fn welcome(&self, venue: &VenueId, at: Utc) -> bool {
        let meets = |of: &[VenueId], main: &VenueId| main == venue || of.contains(venue);
        let meeting = self.inventory.meetings.values().any(|meeting| {
            let near = meeting.starts.0 - 30 * 60 * US_PER_S;
            meets(&meeting.venues, &meeting.main_venue) && at.0 >= near && at.0 < meeting.ends.0
        });
        let quiet =
            self.inventory.venues[venue].no_test.iter().any(|window| window.from <= at && at < window.until);
        !meeting && !quiet && !self.unwelcome.get(venue).copied().unwrap_or(false)
    }
}

#[test]
fn a_worse_verdict_outranks_a_better() {
    let order =
        [Verdict::Waived, Verdict::Pass, Verdict::Warn, Verdict::NoAnswer, Verdict::Fail, Verdict::TestBroke];
    assert!(order.is_sorted(), "the exit code of a rehearsal follows this order");
}

//! Plans and duty in virtual time: what people do with them, and random worlds against two promises: nothing that
//! disturbs is done twice or blindly, and no time is lost over a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use vcops::domain::actor::Actor;
use vcops::domain::id::UserId;
use vcops::domain::incident::IncidentId;
use vcops::domain::inventory::{Change, Item};
use vcops::domain::lang::Lang;
use vcops::domain::notice::{Answer, AnswerMeans, Delivery, NoticeAnswer, NoticeKey};
use vcops::domain::plan::{Confirm, Plan, StepKind};
use vcops::domain::time::Span;
use vcops::engine::effect::{Effect, Outcome};
use vcops::engine::event::{Event, What};
use vcops::engine::input::{Command, DutyAsk, PlanAsk, StepAsk};
use vcops::engine::next_wakeup;
use vcops::engine::plan::StepChange;
use vcops::engine::state::RunKey;
use vcops::intake::shipped;
use vcops::observation::action::{ActionKey, Does, Force};
use vcops::observation::device::Sight;
use vcops::observation::{Fact, Source};
use vcops::report::{Devices, People, practice};

use super::care;
use super::random::Dice;
use super::world::World;

impl World {
    /// Tells what people do with plans and duty; `None` when it is about something else.
    pub(crate) fn tell_plans(&mut self, words: &[&str], line: &str) -> Option<Outcome> {
        let rest = |word: &str| line.split_once(word).map_or("", |(_, rest)| rest).trim().to_owned();
        let (who, words) = match words {
            ["as", who, words @ ..] => (*who, words),
            _ => ("a", words),
        };
        let incident = |id: &str| IncidentId(id.parse().unwrap());
        let command = match words {
            ["plans"] => return Some(self.ship()),
            ["duty", operators, leader] => return Some(self.on_duty(operators, leader)),
            ["superior", "meeting"] => return Some(self.of_meeting("owner", "superior")),
            ["support", level] => return Some(self.of_meeting("support", level)),
            ["spare", venue] => return Some(self.spare(venue)),
            ["delivered", to, what] => return Some(self.delivered(to, what)),
            ["answered", what, means] => return Some(self.answered(who, what, means)),
            ["step", id, step, does @ ..] => {
                let does = match does {
                    ["done", ..] => StepAsk::Done { note: rest(" done"), photo: None },
                    ["failed", ..] => StepAsk::Failed { note: rest(" failed") },
                    ["skip", ..] => StepAsk::Skip { why: rest(" skip") },
                    ["answer", n] => StepAsk::Answer { answer: n.parse().unwrap() },
                    ["agree"] => StepAsk::Agree,
                    ["undo", ..] => StepAsk::Undo { why: rest(" undo") },
                    other => panic!("nobody does {other:?} with a step"),
                };
                let ask = PlanAsk::Step { step: step.parse().unwrap(), does };
                Command::Plan { incident: incident(id), ask }
            }
            ["choose", id, plan, ..] => {
                let ask = PlanAsk::Choose { plan: plan.parse().unwrap(), why: rest(plan) };
                Command::Plan { incident: incident(id), ask }
            }
            ["hand_over", from, to, ..] => {
                let ask = DutyAsk::HandOver {
                    from: from.parse().unwrap(),
                    to: to.parse().unwrap(),
                    note: rest(to),
                };
                Command::Duty { ask }
            }
            ["take_over", from, to] => Command::Duty {
                ask: DutyAsk::TakeOver { from: from.parse().unwrap(), to: to.parse().unwrap() },
            },
            ["incident", id, ask @ ..] if who != "a" || line.starts_with("as ") => {
                let why = rest(" because");
                Command::Incident { incident: incident(id), ask: care::incident_ask(ask, &why) }
            }
            _ => return None,
        };
        Some(self.command_as(Actor::User { id: UserId::parse(who).unwrap() }, command))
    }

    /// The latest notice to somebody, or to the group.
    fn notice_to(&self, to: &str) -> NoticeKey {
        let paging = self.state.durable.duty.paging.values().rev();
        let found = match to {
            "group" => paging.clone().find_map(|paging| paging.group.clone()),
            person => {
                let told = paging.flat_map(|paging| paging.told.iter().rev());
                told.filter(|told| told.to.as_str() == person).find_map(|told| told.notice.clone())
            }
        };
        found.unwrap_or_else(|| panic!("{to} was told nothing"))
    }

    fn delivered(&mut self, to: &str, what: &str) -> Outcome {
        let channel = "sms".parse().unwrap();
        let delivery = match what {
            "accepted" => Delivery::Accepted { channel },
            "failed" => {
                Delivery::Failed { channel, code: "notify.refused".to_owned(), detail: String::new() }
            }
            "nowhere" => Delivery::Nowhere,
            other => panic!("no notice is {other}"),
        };
        self.observe(Source::Hub, Fact::NoticeDelivered { notice: self.notice_to(to), delivery });
        Outcome::Done
    }

    fn answered(&mut self, who: &str, what: &str, means: &str) -> Outcome {
        let answer = match what {
            "ack" => Answer::Acknowledged,
            "decline" => Answer::Declined,
            other => panic!("nobody answers {other}"),
        };
        let means = if means == "sms" { AnswerMeans::Sms } else { AnswerMeans::Link };
        let (notice, person) = (self.notice_to(who), Some(who.parse().unwrap()));
        let answer = NoticeAnswer { notice, person, means, answer };
        self.observe(Source::Hub, Fact::NoticeAnswered { answer });
        Outcome::Done
    }

    /// The plans that come with the program.
    fn ship(&mut self) -> Outcome {
        let changes = shipped::changes(&self.state.durable.inventory);
        let base = self.state.durable.inventory.version;
        self.command(Command::SubmitInventory { base, changes, origin: "plans".to_owned() })
    }

    fn on_duty(&mut self, operators: &str, leader: &str) -> Outcome {
        let operators: Vec<&str> = operators.split(',').collect();
        let mut items: Vec<Item> = Vec::new();
        for person in operators.iter().copied().chain([leader]) {
            let person = serde_json::json!({"person": {"id": person, "region": "city"}});
            items.push(serde_json::from_value(person).unwrap());
        }
        let now = self.now.utc;
        for (id, from, until) in [
            ("day", now - Span::minutes(60), now + Span::minutes(600)),
            ("night", now + Span::minutes(600), now + Span::minutes(1200)),
        ] {
            let shift = serde_json::json!({"shift": {"id": id, "region": "city", "operators": operators,
                "leader": leader, "window": {"from": from, "until": until}}});
            items.push(serde_json::from_value(shift).unwrap());
        }
        self.put_all(items)
    }

    fn of_meeting(&mut self, field: &str, word: &str) -> Outcome {
        let meeting = self.state.durable.inventory.meetings.values().next().unwrap();
        let mut meeting = serde_json::to_value(meeting).unwrap();
        meeting[field] = word.into();
        self.put_all(vec![serde_json::from_value(serde_json::json!({"meeting": meeting})).unwrap()])
    }

    /// A second endpoint of a venue.
    fn spare(&mut self, venue: &str) -> Outcome {
        let endpoint = serde_json::json!({"endpoint": {"id": format!("e-{venue}-spare"), "venue": venue,
            "name": format!("{venue}备用终端"), "protocol": "sip", "address": format!("sip:{venue}-spare@10.1.0.2")}});
        self.put_all(vec![serde_json::from_value(endpoint).unwrap()])
    }

    fn put_all(&mut self, items: Vec<Item>) -> Outcome {
        let changes: Vec<Change> = items.into_iter().map(Change::Put).collect();
        let base = self.state.durable.inventory.version;
        self.command(Command::SubmitInventory { base, changes, origin: "story".to_owned() })
    }

    /// The newest run of an incident is of that plan, stands at that step, or is over.
    pub(crate) fn expect_plan(&self, words: &[&str]) {
        let run = |incident: &str| {
            let run = self.state.durable.run_of(IncidentId(incident.parse().unwrap()));
            run.expect("a plan is or was carried out")
        };
        match words {
            ["plan", incident, plan] => assert_eq!(run(incident).plan.id.as_str(), *plan),
            ["at", incident, step] => {
                assert_eq!(run(incident).at.as_ref().map(ToString::to_string).as_deref(), Some(*step));
            }
            ["over", incident] => assert!(!run(incident).is_open(), "it stands at {:?}", run(incident).at),
            other => panic!("nothing is known about expecting {other:?}"),
        }
    }
}

#[test]
fn nothing_that_disturbs_is_done_twice_or_blindly_and_no_time_is_lost() {
    let soak = std::env::var_os("VCOPS_SOAK").is_some();
    let mut seen = Seen::default();
    for seed in 1..=if soak { 400 } else { 12 } {
        let went = std::panic::catch_unwind(|| play(seed));
        match went {
            Ok(of_world) => seen.add(&of_world),
            Err(_) => panic!("world {seed} broke a promise"),
        }
    }
    println!("{seen:?}");
    assert!(seen.runs > 20 && seen.orders > 10 && seen.pairs > 0, "{seen:?}");
    assert!(seen.overdue > 10 && seen.restarts > 10 && seen.pages > 20, "{seen:?}");
}

/// What worlds came across.
#[derive(Debug, Default)]
struct Seen {
    runs: usize,
    orders: usize,
    pairs: usize,
    overdue: usize,
    restarts: usize,
    pages: usize,
}

impl Seen {
    fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.orders += other.orders;
        self.pairs += other.pairs;
        self.overdue += other.overdue;
        self.restarts += other.restarts;
        self.pages += other.pages;
    }
}

fn play(seed: u64) -> Seen {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut world = World::new("2026-11-20T01:50:00Z");
    let tell = |world: &mut World, line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        if world.tell_plans(&words, line).is_none() && world.tell_devices(&words).is_none() {
            panic!("nobody knows how to {line}");
        }
    };
    world.city(&["hall", "v01", "v02"], "2026-11-20T02:00:00Z", |inventory| {
        inventory.meetings.values_mut().for_each(|meeting| meeting.automatic_rounds = false);
    });
    world.beating.extend(["hall", "v01", "v02"].map(str::to_owned));
    for line in [
        "bridge mcu-1",
        "standby mcu-2",
        "codecs hall v01 v02",
        "spare v01",
        "plans",
        "duty a,b l",
        "roster mcu-2",
        "roster mcu-1 hall v01 v02",
    ] {
        tell(&mut world, line);
    }
    world.pass(Span::seconds(15 * 60));
    let mut books = Books::default();
    books.look(&world);
    for _ in 0..60 {
        match dice.roll(14) {
            0 => tell(&mut world, "roster mcu-1 hall v01:left v02"),
            1 => tell(&mut world, "roster mcu-1 hall:left v01 v02"),
            2 => tell(&mut world, "roster mcu-1 hall v01:dead v02"),
            3 => tell(&mut world, "roster mcu-1 hall v01 v02"),
            4 => tell(&mut world, "gone mcu-1"),
            5 => tell(&mut world, "unseen mcu-1"),
            6 => restart(&mut world, &mut books),
            7 if world.state.durable.actions.values().any(|record| record.is_open()) => {
                tell(&mut world, ["reported worked", "reported unknown"][dice.roll(2)]);
            }
            8 | 9 => on_a_step(&mut world, &mut dice),
            n => world.pass(Span::seconds([1, 7, 30, 120][n % 4])),
        }
        books.look(&world);
    }
    books.seen
}

/// Only the journal is left: every time that was set is still set.
pub(super) fn restart(world: &mut World, books: &mut Books) {
    let before: Vec<_> =
        world.state.durable.runs.values().map(|run| (run.key, run.at.clone(), run.due)).collect();
    let pages: Vec<_> =
        world.state.durable.duty.paging.values().map(|it| (it.incident, it.rung, it.next)).collect();
    let orders = world.effects.iter().filter(|effect| matches!(effect, Effect::Act { .. })).count();
    let folded = world.journal.len();
    world.restart();
    // What the restart itself changed is in the journal behind what was folded.
    let moved: BTreeSet<RunKey> =
        world.journal[folded..].iter().filter_map(|event| run_of(&event.what)).collect();
    for (key, at, due) in before.iter().filter(|(key, ..)| !moved.contains(key)) {
        let run = &world.state.durable.runs[key];
        assert_eq!((&run.at, &run.due), (at, due), "{key:?} lost its time");
    }
    let paged = world.journal[folded..].iter().any(|event| matches!(event.what, What::PagingChanged { .. }));
    let now: Vec<_> =
        world.state.durable.duty.paging.values().map(|it| (it.incident, it.rung, it.next)).collect();
    assert!(paged || pages == now, "paging lost its time");
    let again = world.effects.iter().filter(|effect| matches!(effect, Effect::Act { .. })).count();
    assert_eq!(orders, again, "a start gives no order");
    books.seen.restarts += 1;
}

fn run_of(what: &What) -> Option<RunKey> {
    let (What::PlanBegun { run, .. } | What::StepChanged { run, .. } | What::PlanEnded { run, .. }) = what
    else {
        return None;
    };
    Some(*run)
}

/// Somebody does something with a step that a plan stands at.
pub(super) fn on_a_step(world: &mut World, dice: &mut Dice) {
    let open: Vec<(u64, String, bool)> = world
        .state
        .durable
        .runs
        .values()
        .filter(|run| run.is_open())
        .filter_map(|run| {
            let step = run.step()?;
            Some((run.key.incident.0, step.id.to_string(), matches!(step.kind, StepKind::Automatic { .. })))
        })
        .collect();
    let Some((incident, step, automatic)) = open.get(dice.roll(open.len().max(1))) else { return };
    let who = ["a", "b"][dice.roll(2)];
    let does = match (automatic, dice.roll(6)) {
        (true, 0..=3) => "agree",
        (_, 4) => "skip 不需要",
        (_, 5) => "failed 没有办成",
        (false, n) => ["done 已办", "answer 1", "answer 2", "done 已办"][n % 4],
        (true, _) => "agree",
    };
    // Whoever agrees asks the other; one of the two may have agreed before.
    let both = if does == "agree" { vec!["a", "b"] } else { vec![who] };
    for who in both {
        let line = format!("as {who} step {incident} {step} {does}");
        let words: Vec<&str> = line.split_whitespace().collect();
        world.tell_plans(&words, &line).unwrap();
    }
}

/// Small books of what went out, kept apart from the engine.
#[derive(Default)]
pub(super) struct Books {
    decisions: usize,
    plans: BTreeMap<RunKey, Plan>,
    agreed: BTreeMap<(RunKey, String), BTreeSet<Actor>>,
    attempts: BTreeMap<(RunKey, String), u8>,
    ordered: BTreeSet<String>,
    told: BTreeSet<String>,
    fresh: Vec<String>,
    seen: Seen,
}

impl Books {
    pub(super) fn look(&mut self, world: &World) {
        let decisions: Vec<_> = world.decisions[self.decisions..].to_vec();
        self.decisions = world.decisions.len();
        for decision in decisions {
            for event in &decision.events {
                let Event::Durable(event) = event else { continue };
                self.event(&event.what, &event.by);
            }
            for effect in &decision.effects {
                if let Effect::Act { order } = effect {
                    assert!(
                        self.ordered.contains(&order.key.0),
                        "{} left before it was recorded",
                        order.key.0
                    );
                    assert!(self.told.insert(order.key.0.clone()), "{} left twice", order.key.0);
                    self.seen.orders += 1;
                }
            }
        }
        // Whatever has a time has a wake-up for it, unless that moment is here.
        let wakeup = next_wakeup(&world.state, world.now).unwrap_or_default();
        let dues = world.state.durable.runs.values().filter(|run| run.is_open()).filter_map(|run| run.due);
        let pages = world.state.durable.duty.paging.values().filter_map(|paging| paging.next);
        if let Some(due) = dues.chain(pages).min() {
            assert!(wakeup.utc.is_some_and(|at| at <= due), "nobody wakes for {due}");
        }
        self.blind(world);
    }

    fn event(&mut self, what: &What, by: &Actor) {
        if let What::PlanBegun { run, plan, .. } = what {
            self.plans.insert(*run, (**plan).clone());
            self.seen.runs += 1;
        }
        if let What::ActionOrdered { order, .. } = what {
            assert!(self.ordered.insert(order.key.0.clone()), "{} came twice", order.key.0);
            self.fresh.push(order.key.0.clone());
        }
        if let What::PagingChanged { .. } = what {
            self.seen.pages += 1;
        }
        if let What::StepChanged { run, step, change } = what {
            self.step(*run, step.as_str(), change, by);
        }
    }

    fn step(&mut self, run: RunKey, step: &str, change: &StepChange, by: &Actor) {
        let key = (run, step.to_owned());
        match change {
            StepChange::Agreed => {
                let agreed = self.agreed.entry(key).or_default();
                assert!(agreed.insert(by.clone()), "one person agreed twice");
            }
            StepChange::Ordered { .. } => {
                let kind = &self.plans[&run].step(&step.parse().unwrap()).unwrap().kind;
                let StepKind::Automatic { confirm, attempts, .. } = kind else { panic!("{step} orders") };
                let people = self.agreed.get(&key).map_or(0, BTreeSet::len);
                assert!(people >= confirm.people(), "{step} was done with {people} people");
                self.seen.pairs += usize::from(*confirm == Confirm::Two);
                let tried = self.attempts.entry(key).or_default();
                *tried += 1;
                assert!(*tried <= *attempts, "{step} was tried {tried} times");
            }
            StepChange::Left { .. } => {
                self.agreed.remove(&key);
                self.attempts.remove(&key);
            }
            StepChange::Overdue => self.seen.overdue += 1,
            StepChange::Held { .. } | StepChange::UndoAgreed | StepChange::Undone { .. } => {}
        }
    }

    /// What was just ordered was ordered with open eyes: what devices say changes between looks only.
    fn blind(&mut self, world: &World) {
        for key in std::mem::take(&mut self.fresh) {
            let record = &world.state.durable.actions[&ActionKey(key)];
            let disturbs = record.force >= Force::OneSiteLeaves || record.order.action.does() == Does::Dial;
            let mut devices = world.devices.values();
            let seen = devices.any(|it| it.device == record.order.device && it.sight == Sight::Seen);
            assert!(!disturbs || seen, "{:?} was ordered blindly", record.order);
        }
    }
}

/// Every shipped plan comes to an end, whoever acts and whatever devices do; the ladder does as its golden file says.
#[test]
fn every_shipped_plan_is_played_to_an_end() {
    let (plans, _) = shipped::plans();
    for plan in &plans {
        for people in [People::Act, People::Fail] {
            for devices in [Devices::Help, Devices::Obey, Devices::Unseen] {
                let timeline = practice(plan, people, devices, Lang::Zh);
                let cut = timeline.contains("推演到此为止");
                assert!(!cut, "{} {people:?} {devices:?}:\n{timeline}", plan.id);
            }
        }
        let nobody = practice(plan, People::Absent, Devices::Obey, Lang::En);
        assert!(nobody.lines().count() > 2, "{}:\n{nobody}", plan.id);
    }
    let ladder = plans.iter().find(|plan| plan.id.as_str() == "f04-endpoint").unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/plans/f04-endpoint.practice");
    let timeline = practice(ladder, People::Act, Devices::Obey, Lang::Zh);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
        std::fs::write(&golden, &timeline).unwrap();
    }
    assert_eq!(timeline, std::fs::read_to_string(&golden).unwrap_or_default());
}

//! Whole worlds: a live meeting in which streams, an MCU, lines and power fail and come back, people do what they do,
//! right or wrong, orders come to any end, the clock is stepped and the process dies. The model looks on.

use std::collections::{BTreeMap, BTreeSet};

use vcops::domain::actor::Actor;
use vcops::domain::id::{PersonId, UserId};
use vcops::domain::incident::IncidentId;
use vcops::domain::time::{Span, US_PER_S, Utc};
use vcops::engine::alarm::{AlarmState, AlarmView, Suppressor, view};
use vcops::engine::effect::Outcome;
use vcops::engine::finding::{FindingKey, RuleCode, Severity, Subject};
use vcops::engine::input::{AlarmAsk, Command, IncidentAsk, Input, PlanAsk};
use vcops::observation::device::Device;

use super::Dice;
use super::model::{Alarm, Model, Roster, Stage};
use crate::engine::care;
use crate::engine::plans::{self, Books};
use crate::engine::world::World;

/// Inputs of the whole proof: four times what the bar asks.
const MANY: u64 = 8_000_000;
/// Things that happen in one world: each is a few inputs to a few thousand.
const HAPPENINGS: usize = 260;

#[test]
fn whole_worlds_agree_with_the_reference_model() {
    let soak = ["VCOPS_SOAK", "VCOPS_WORLDS"].iter().any(|name| std::env::var_os(name).is_some());
    let few = std::env::var("VCOPS_SEEDS").ok().and_then(|few| few.parse().ok()).unwrap_or(3);
    let (threads, worlds, enough) = if soak { (cores(), u64::MAX, MANY) } else { (1, few, u64::MAX) };
    let began = std::time::Instant::now();
    let inputs = std::sync::atomic::AtomicU64::new(0);
    let each = |first: u64| {
        let mut seen = Seen::default();
        for seed in (first..=worlds).step_by(threads) {
            if inputs.load(std::sync::atomic::Ordering::Relaxed) >= enough {
                break;
            }
            let went = std::panic::catch_unwind(|| Whole::new(seed, soak).run());
            let of_world = went.unwrap_or_else(|_| panic!("whole world {seed} broke a promise"));
            inputs.fetch_add(of_world.inputs, std::sync::atomic::Ordering::Relaxed);
            seen.add(of_world);
        }
        seen
    };
    let mut seen = Seen::default();
    std::thread::scope(|scope| {
        let each = &each;
        let playing: Vec<_> = (1..=threads as u64).map(|first| scope.spawn(move || each(first))).collect();
        playing.into_iter().for_each(|played| seen.add(played.join().unwrap()));
    });
    println!("{} worlds, {} inputs in {:.1} s", seen.worlds, seen.inputs, began.elapsed().as_secs_f64());
    seen.print();
    seen.must_have_been_everywhere(soak);
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What lies over an alarm: the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Over {
    Nothing,
    Shelved,
    OutOfService,
    Parent,
    Phase,
    Flood,
}

impl Over {
    const ALL: [Self; 6] =
        [Self::Nothing, Self::Shelved, Self::OutOfService, Self::Parent, Self::Phase, Self::Flood];

    fn of(view: &AlarmView) -> Self {
        match (&view.shelf, &view.service, &view.suppressed) {
            (Some(_), ..) => Self::Shelved,
            (None, Some(_), _) => Self::OutOfService,
            (None, None, Some(Suppressor::Parent { .. })) => Self::Parent,
            (None, None, Some(Suppressor::Phase)) => Self::Phase,
            (None, None, Some(Suppressor::Flood)) => Self::Flood,
            (None, None, None) => Self::Nothing,
        }
    }

    /// Only what is raised is silent by design.
    fn meets(self, state: AlarmState) -> bool {
        let raised = matches!(state, AlarmState::Unack | AlarmState::Ack | AlarmState::Chatter);
        raised || matches!(self, Self::Nothing | Self::Shelved | Self::OutOfService)
    }
}

/// What worlds came across.
#[derive(Default)]
struct Seen {
    worlds: u64,
    inputs: u64,
    counts: BTreeMap<&'static str, u64>,
    alarms: BTreeMap<(AlarmState, Over), u64>,
    /// The same of raised alarms, by the state of their incident.
    incidents: BTreeMap<(AlarmState, Over, &'static str), u64>,
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.inputs += other.inputs;
        other.counts.into_iter().for_each(|(what, n)| *self.counts.entry(what).or_default() += n);
        other.alarms.into_iter().for_each(|(what, n)| *self.alarms.entry(what).or_default() += n);
        other.incidents.into_iter().for_each(|(what, n)| *self.incidents.entry(what).or_default() += n);
    }

    fn print(&self) {
        println!("{:?}", self.counts);
        println!("alarm states × overlays:");
        for state in AlarmState::ALL {
            let row = Over::ALL.map(|over| match self.alarms.get(&(state, over)) {
                Some(n) => format!("{over:?} {n}"),
                None if over.meets(state) => format!("{over:?} 0"),
                None => format!("{over:?} –"),
            });
            println!("  {:10} {}", state.code(), row.join(", "));
        }
        println!("raised alarms × overlays × incident states:");
        for ((state, over, incident), n) in &self.incidents {
            println!("  {:8} {over:?} {incident}: {n}", state.code());
        }
    }

    fn must_have_been_everywhere(&self, soak: bool) {
        for what in EXPECTED {
            assert!(self.counts.contains_key(what), "no world came to {what}: {:?}", self.counts);
        }
        if !soak {
            return;
        }
        for state in AlarmState::ALL {
            let wanted = |over: &Over| over.meets(state) && !RARE.contains(&(state, *over));
            for over in Over::ALL.into_iter().filter(wanted) {
                assert!(self.alarms.contains_key(&(state, over)), "no world had {state:?} under {over:?}");
            }
        }
        for state in [AlarmState::Unack, AlarmState::Ack, AlarmState::Chatter] {
            for incident in ["open", "acked", "mitigating", "mitigated", "false_alarm"] {
                // Of an incident that is acknowledged, whoever took back one alarm leaves it unacknowledged.
                let there = |key: &&(AlarmState, Over, &str)| key.0 == state && key.2 == incident;
                assert!(
                    self.incidents.keys().any(|key| there(&key)),
                    "no {state:?} in one that is {incident}"
                );
            }
        }
    }
}

/// What 2.3 million inputs did not come to, because it lasts for a moment: printed, not demanded.
const RARE: [(AlarmState, Over); 4] = [
    (AlarmState::Pending, Over::Shelved),
    (AlarmState::Pending, Over::OutOfService),
    (AlarmState::Chatter, Over::Phase),
    (AlarmState::Chatter, Over::Flood),
];

/// What every run of the worlds must have come to.
const EXPECTED: [&str; 16] = [
    "incidents",
    "acked",
    "unacked",
    "mitigated",
    "resolved",
    "reopened",
    "merged",
    "restarts",
    "chattering",
    "latching",
    "alarm commands",
    "plans",
    "overdue",
    "rung 0",
    "rung 1",
    "rung 4",
];

struct Whole {
    world: World,
    dice: Dice,
    venues: Vec<String>,
    model: Model,
    books: Books,
    told: usize,
    seen: Seen,
}

impl Whole {
    fn new(seed: u64, soak: bool) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0xD1B5_4A32_D192_ED03) | 1);
        let count = 6 + dice.roll(if soak { 35 } else { 8 });
        let venues: Vec<String> = (0..count).map(|n| format!("v{n:02}")).collect();
        let world = World::new("2026-11-20T01:50:00Z");
        let (model, books, seen) = (Model::default(), Books::default(), Seen::default());
        let mut whole = Self { world, dice, venues, model, books, told: 0, seen };
        whole.furnish();
        whole
    }

    /// A meeting about to begin: an MCU and one that stands by, a stream of each venue, a trunk, power, plans, duty.
    fn furnish(&mut self) {
        let names: Vec<&str> = self.venues.iter().map(String::as_str).collect();
        let starts = "2026-11-20T02:00:00Z";
        self.world.city(&names, starts, |inventory| {
            inventory.meetings.values_mut().for_each(|meeting| meeting.automatic_rounds = false);
            inventory.agents.clear();
        });
        let all = self.venues.join(" ");
        self.tell("bridge mcu-1");
        self.tell("standby mcu-2");
        self.tell(&format!("codecs {all}"));
        self.tell("equipment ups-1 ups");
        for venue in self.venues.clone() {
            self.tell(&format!("stream s-{venue} venue venue={venue} mcu=mcu-1"));
        }
        self.tell("plans");
        let operators = *self.dice.pick(&["a,b", "a,b", "a,b", "a"]);
        self.model.rosters = rosters(self.world.now.utc, operators);
        self.tell(&format!("duty {operators} l"));
        let support = *self.dice.pick(&["routine", "important", "highest"]);
        (self.model.routine, self.model.highest) = (support == "routine", support == "highest");
        self.tell(&format!("support {support}"));
        if self.dice.roll(8) == 0 {
            self.tell("superior meeting");
        }
        let starts = Utc::parse(starts).unwrap();
        self.model.meeting = (starts, starts + Span::minutes(120));
        self.tell("roster mcu-2");
        self.tell(&format!("roster mcu-1 {all}"));
        self.all_flows();
        let ahead = [Span::seconds(5), Span::minutes(9), Span::minutes(12)];
        self.world.pass(*self.dice.pick(&ahead));
        self.look();
    }

    fn run(mut self) -> Seen {
        for _ in 0..HAPPENINGS {
            self.happen();
            self.look();
        }
        self.calm();
        self.seen.worlds = 1;
        self.seen.inputs = self.world.recording.len() as u64;
        self.seen.counts = std::mem::take(&mut self.model.counts);
        self.seen
    }

    /// All is well at last: nothing is left that nobody takes care of.
    fn calm(&mut self) {
        let all = self.venues.join(" ");
        self.tell(&format!("roster mcu-1 {all}"));
        self.tell("reading ups-1 ups_minutes_left 60");
        self.all_flows();
        self.world.pass(Span::minutes(3));
        self.look();
        // Nothing is said any more: what was raised stays so, and every time runs out.
        self.world.watch = crate::engine::watch::Watch::default();
        self.world.devices.clear();
        for minutes in [10, 40, 600] {
            self.world.pass(Span::minutes(minutes));
            self.look();
        }
        care::no_alarm_is_lost(&self.world);
    }

    fn tell(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let known = self.world.tell_streams(&words)
            || self.world.tell_plans(&words, line).is_some()
            || self.world.tell_devices(&words).is_some();
        assert!(known, "nobody knows how to {line}");
    }

    fn happen(&mut self) {
        match self.dice.roll(40) {
            0..=3 => self.streams_break(),
            4..=6 => self.streams_return(),
            7 | 8 => self.pictures(),
            9 => self.chatters(),
            10 => self.bridge(),
            11 => self.power(),
            12..=16 => self.alarm(),
            17..=21 => self.incident(),
            22..=24 => plans::on_a_step(&mut self.world, &mut self.dice),
            25 => self.plan(),
            26 if self.world.state.durable.actions.values().any(|record| record.is_open()) => {
                let how = *self.dice.pick(&["reported worked", "reported unknown", "reported worked"]);
                self.tell(how);
            }
            27 => self.clock(),
            28 => self.restart(),
            29 => self.world.pass(Span::minutes(1 + self.dice.roll(11) as u64)),
            30..=32 => self.world.pass(Span::seconds(20 + self.dice.roll(40) as u64)),
            _ => self.world.pass(Span::millis(100 + self.dice.roll(6_000) as u64)),
        }
    }

    fn venue(&mut self) -> String {
        self.dice.pick(&self.venues).clone()
    }

    /// One, some or all venues.
    fn some(&mut self) -> Vec<String> {
        match self.dice.roll(6) {
            0 => self.venues.clone(),
            1 => self.venues[..self.venues.len() / 2].to_vec(),
            2 => vec![self.venue(), self.venue()],
            _ => vec![self.venue()],
        }
    }

    fn all_flows(&mut self) {
        let all: Vec<String> = self.venues.iter().map(|venue| format!("s-{venue}")).collect();
        self.tell(&format!("flows {}", all.join(" ")));
        self.tell(&format!("good {}", all.join(" ")));
    }

    fn streams_break(&mut self) {
        let why = *self.dice.pick(&["silent", "silent", "refused"]);
        let some: Vec<String> = self.some().into_iter().map(|venue| format!("s-{venue}")).collect();
        self.tell(&format!("down {why} {}", some.join(" ")));
    }

    fn streams_return(&mut self) {
        if self.dice.roll(2) == 0 {
            return self.all_flows();
        }
        let some: Vec<String> = self.some().into_iter().map(|venue| format!("s-{venue}")).collect();
        self.tell(&format!("flows {}", some.join(" ")));
    }

    fn pictures(&mut self) {
        let venue = self.venue();
        let what = ["freeze", "black", "silence", "no_audio", "static", "jitter", "corrupt", "low_bitrate"];
        match self.dice.roll(5) {
            0 => self.tell(&format!("good s-{venue}")),
            1 => self.tell(&format!("quiet s-{venue}")),
            2 => self.tell(&format!("analysis unavailable s-{venue}")),
            3 => {
                let what = *self.dice.pick(&what);
                self.tell(&format!("sees s-{venue} {what} suspected"));
            }
            _ => {
                let what = *self.dice.pick(&what);
                self.tell(&format!("sees s-{venue} {what}"));
            }
        }
    }

    /// A stream that comes and goes.
    fn chatters(&mut self) {
        let venue = self.venue();
        for _ in 0..6 {
            self.tell(&format!("down silent s-{venue}"));
            self.world.pass(Span::seconds(2));
            self.tell(&format!("flows s-{venue}"));
            self.world.pass(Span::seconds(7));
            self.look();
        }
    }

    fn bridge(&mut self) {
        match self.dice.roll(6) {
            0 | 1 => self.tell("gone mcu-1"),
            2 => self.tell("unseen mcu-1"),
            3 => self.tell("suspected mcu-1"),
            _ => {
                let how = *self.dice.pick(&["", ":left", ":dead"]);
                let venue = self.venue();
                let seats =
                    self.venues.iter().map(|it| format!("{it}{}", if *it == venue { how } else { "" }));
                let seats: Vec<String> = seats.collect();
                self.tell(&format!("roster mcu-1 {}", seats.join(" ")));
            }
        }
    }

    fn power(&mut self) {
        let minutes = *self.dice.pick(&["5", "60", "absent"]);
        self.tell(&format!("reading ups-1 ups_minutes_left {minutes}"));
    }

    fn key(&mut self) -> FindingKey {
        let known: Vec<FindingKey> = self.model.alarms.keys().cloned().collect();
        if !known.is_empty() && self.dice.roll(5) > 0 {
            return self.dice.pick(&known).clone();
        }
        let venue = if self.dice.roll(9) == 0 { "nowhere".to_owned() } else { self.venue() };
        let rule = *self.dice.pick(&[RuleCode::StreamLost, RuleCode::StreamBlack, RuleCode::StreamSilence]);
        FindingKey { rule, subject: Subject::Stream(format!("s-{venue}").parse().unwrap()) }
    }

    fn alarm(&mut self) {
        let alarms: Vec<FindingKey> = (0..=self.dice.roll(3)).map(|_| self.key()).collect();
        let why = if self.dice.roll(9) == 0 { " " } else { "检修" }.to_owned();
        let spans = [-60, 20, 90, 400, 1_500, 20_000, 40_000];
        let until = self.world.now.utc.0 + self.dice.pick(&spans) * US_PER_S;
        let until = Utc(until);
        let ask = match self.dice.roll(12) {
            0..=2 => AlarmAsk::Ack,
            3 => AlarmAsk::Unack { why },
            4 | 5 => AlarmAsk::Reset { why },
            6 | 7 => AlarmAsk::Shelve { until, once: false, why },
            8 => AlarmAsk::Shelve { until, once: true, why },
            9 => AlarmAsk::Unshelve { why },
            10 => AlarmAsk::OutOfService { until, why },
            _ => AlarmAsk::InService { why },
        };
        self.order(Command::Alarms { alarms, ask });
    }

    fn incident(&mut self) {
        let newest = self.world.state.durable.incidents_opened.max(1);
        let back = self.dice.roll(4).min(self.dice.roll(30)) as u64;
        let incident = IncidentId(newest.saturating_sub(back).max(1));
        let into = IncidentId(1 + self.dice.roll(newest as usize) as u64);
        let why = if self.dice.roll(9) == 0 { "" } else { "处理" }.to_owned();
        let known = self.world.state.durable.incidents.get(&incident);
        let members: Vec<FindingKey> = known.into_iter().flat_map(|known| known.raised()).cloned().collect();
        let ask = match self.dice.roll(16) {
            0..=3 => IncidentAsk::Ack,
            4 | 5 => IncidentAsk::Unack { why },
            6 => IncidentAsk::Saw,
            7 => IncidentAsk::Mitigating { why },
            8 | 9 => IncidentAsk::Mitigated { why },
            10 => IncidentAsk::Resolve { why },
            11 => IncidentAsk::FalseAlarm { why },
            12 => IncidentAsk::Merge { into, why },
            13 => IncidentAsk::Split { members: members.into_iter().take(1).collect(), why },
            14 => IncidentAsk::Reopen { why },
            _ => {
                let root_cause = serde_json::from_value("picture".into()).unwrap();
                IncidentAsk::Review { root_cause, text: why }
            }
        };
        self.order(Command::Incident { incident, ask });
    }

    fn plan(&mut self) {
        let newest = self.world.state.durable.incidents_opened.max(1);
        let incident = IncidentId(1 + self.dice.roll(newest as usize) as u64);
        let why = "改用".to_owned();
        let plan = *self.dice.pick(&["f05-picture", "f04-endpoint", "f01-mcu-down", "no-such-plan"]);
        let ask = match self.dice.roll(3) {
            0 => PlanAsk::Stop { why },
            _ => PlanAsk::Choose { plan: plan.parse().unwrap(), why },
        };
        self.order(Command::Plan { incident, ask });
    }

    fn order(&mut self, command: Command) {
        let actor = Actor::User { id: UserId::parse(["a", "b"][self.dice.roll(2)]).unwrap() };
        let outcome = self.world.command_as(actor, command);
        let refused = matches!(outcome, Outcome::Refused(_));
        *self.model.counts.entry(if refused { "refused" } else { "done" }).or_default() += 1;
    }

    fn clock(&mut self) {
        let by_us = *self.dice.pick(&[-1_800, -45, -3, 3, 40, 900]) * US_PER_S;
        self.world.now.utc = Utc(self.world.now.utc.0 + by_us);
        self.world.input(Input::ClockStepped { by_us });
        *self.model.counts.entry("clock steps").or_default() += 1;
    }

    /// The process dies, and is down for a while.
    fn restart(&mut self) {
        self.look();
        let off = *self.dice.pick(&[0, 0, 1, 20, 700]);
        self.world.now.utc = self.world.now.utc + Span::seconds(off);
        self.model.restarted();
        plans::restart(&mut self.world, &mut self.books);
    }

    /// Enters what happened since the last look, and compares.
    fn look(&mut self) {
        let fresh = self.world.recording[self.told..].iter().zip(&self.world.decisions[self.told..]);
        for ((now, input), decision) in fresh {
            self.model.enter(*now, input, decision);
        }
        self.told = self.world.recording.len();
        self.model.nothing_is_overdue(self.world.now);
        self.books.look(&self.world);
        care::no_alarm_is_lost(&self.world);
        self.compare_incidents();
        self.compare_alarms();
    }

    fn compare_incidents(&self) {
        let known = &self.world.state.durable.incidents;
        for (id, expected) in &self.model.incidents {
            let Some(found) = known.get(id) else {
                assert!(!expected.state.is_open(), "incident {id} is lost");
                continue;
            };
            assert_eq!(found.state, expected.state, "incident {id}");
            assert_eq!(found.times.acked, expected.acked, "who takes care of incident {id}");
            assert!(found.raised().eq(expected.raised()), "members of incident {id}");
        }
    }

    fn compare_alarms(&mut self) {
        let durable = &self.world.state.durable;
        let streams = durable.inventory.streams.keys().take(4).flat_map(|stream| {
            [RuleCode::StreamSilence, RuleCode::StreamNoAudio, RuleCode::StreamLost]
                .map(|rule| FindingKey { rule, subject: Subject::Stream(stream.clone()) })
        });
        let keys: BTreeSet<FindingKey> =
            self.model.alarms.keys().cloned().chain(durable.alarms.keys().cloned()).chain(streams).collect();
        let mut views = BTreeMap::new();
        for key in keys {
            let shown = view(&self.world.state, self.world.now, &key);
            let expected = self.model.alarms.get(&key).cloned().unwrap_or_default();
            same(&shown, &expected);
            let over = Over::of(&shown);
            assert!(over.meets(shown.state), "{key} is {:?} and silent by {over:?}", shown.state);
            *self.seen.alarms.entry((shown.state, over)).or_default() += 1;
            let incident = shown.incident.and_then(|id| durable.incidents.get(&id));
            if let Some(incident) = incident {
                let at = (shown.state, over, incident.state.code());
                *self.seen.incidents.entry(at).or_default() += 1;
            }
            views.insert(key, shown);
        }
        self.no_cause_is_hidden(&views);
    }

    /// Silence by design hides no cause: what is silent for another names one that is there, of the same incident, and
    /// not less grave; and of an incident that somebody should look at something is told.
    fn no_cause_is_hidden(&self, views: &BTreeMap<FindingKey, AlarmView>) {
        for (key, shown) in views {
            let Some(Suppressor::Parent { incident, speaks, .. }) = &shown.suppressed else { continue };
            let other = &views[speaks];
            assert_eq!(other.incident, Some(*incident), "{key} is silent for {speaks}, which is elsewhere");
            assert!(other.severity.is_some(), "{key} is silent for {speaks}, which is not there");
            let hidden = matches!(other.suppressed, Some(Suppressor::Parent { .. }));
            assert!(!hidden, "{key} is silent for {speaks}, which is silent for a third");
        }
        for (id, incident) in &self.model.incidents {
            let raised: Vec<&AlarmView> = incident.raised().map(|key| &views[key]).collect();
            let flood = self.world.state.durable.flood.is_some();
            let least = if flood { Severity::Severe } else { Severity::Warning };
            // What nobody touched and comes and goes not too often.
            let plain = |shown: &&&AlarmView| {
                let aside = shown.shelf.is_some() || shown.service.is_some();
                shown.state == AlarmState::Unack && !aside && shown.severity >= Some(least)
            };
            let touched = raised.iter().any(|shown| shown.state != AlarmState::Unack);
            let down = |shown: &&AlarmView| {
                is_down(&shown.key) && (shown.shelf.is_some() || shown.service.is_some())
            };
            let tells = raised.iter().any(|shown| shown.annunciates());
            let hidden = raised.iter().any(|shown| plain(&shown)) && !touched && !tells;
            assert!(!hidden || raised.iter().any(down), "nothing tells of incident {id}: {raised:?}");
        }
    }
}

fn is_down(key: &FindingKey) -> bool {
    key.rule == RuleCode::McuDown && matches!(key.subject, Subject::Device(Device::Mcu(_)))
}

/// An alarm stands where the model has it, and so does what lies over it.
fn same(shown: &AlarmView, expected: &Alarm) {
    let stage = match shown.state {
        AlarmState::Chatter => {
            assert!(expected.chatter.is_some(), "{} does not chatter", shown.key);
            expected.stage
        }
        AlarmState::Normal | AlarmState::Pending | AlarmState::Unknown => Stage::Normal,
        AlarmState::Unack => Stage::Unack,
        AlarmState::Ack => Stage::Ack,
        AlarmState::RtnUnack => Stage::Returned,
        AlarmState::Latched => Stage::Latched,
    };
    assert_eq!(stage, expected.stage, "{}", shown.key);
    assert_eq!(shown.chatters_until, expected.chatter, "{} chatters", shown.key);
    assert_eq!(shown.shelf.as_ref().map(|shelf| (shelf.until, shelf.once)), expected.shelf, "{}", shown.key);
    assert_eq!(shown.service.as_ref().map(|service| service.until), expected.service, "{}", shown.key);
}

/// The shifts of `duty` in a story.
fn rosters(now: Utc, operators: &str) -> Vec<Roster> {
    let operators: Vec<PersonId> = operators.split(',').map(|name| name.parse().unwrap()).collect();
    let shift = |from: i64, until: u64| Roster {
        from: Utc(now.0 + from * 60 * US_PER_S),
        until: now + Span::minutes(until),
        operators: operators.clone(),
        leader: "l".parse().unwrap(),
    };
    vec![shift(-60, 600), shift(600, 1200)]
}

//! A small world in virtual time: an engine, two clocks, and the inventory of an example municipality.

use std::collections::{BTreeMap, BTreeSet};

use vcops::domain::actor::Actor;
use vcops::domain::check::{Check, CheckKey, RoundKind, TestId};
use vcops::domain::id::{AgentId, LinkId, MeetingId, VenueId};
use vcops::domain::inventory::{Change, Inventory, Item};
use vcops::domain::time::{Mono, Now, Span, Utc};
use vcops::engine::effect::{Effect, Outcome};
use vcops::engine::event::Event;
use vcops::engine::input::{Command, CommandId, Input};
use vcops::engine::{Decision, DurableState, State, apply, decide, next_wakeup};
use vcops::observation::device::DeviceReport;
use vcops::observation::{
    AgentHealth, DirectionStats, Fact, LossBound, LossSecond, Observation, Order, PathStats, Quality,
    RttStats, Source, TestBroke, TestOutcome,
};

/// Version of the program in this world.
pub(crate) const VERSION: &str = "0.1.0";

/// What a line does to a test.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Line {
    Clean {
        rtt_ms: f64,
    },
    /// Loses packets towards the venue in runs, within one second of the test.
    Lossy {
        lost: u64,
        run: u32,
        second: u64,
    },
    Dead,
    NoSocket,
}

/// An engine with its clocks, its journal and a recording of everything that went in and came out.
pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) now: Now,
    pub(crate) journal: Vec<vcops::engine::event::Durable>,
    pub(crate) recording: Vec<(Now, Input)>,
    pub(crate) decisions: Vec<Decision>,
    pub(crate) effects: Vec<Effect>,
    /// Agents that send a heartbeat each second.
    pub(crate) beating: BTreeSet<String>,
    /// What the hub would measure on a link; clean where nothing is said.
    pub(crate) lines: BTreeMap<String, Line>,
    /// What each device says now.
    pub(crate) devices: BTreeMap<String, DeviceReport>,
    /// Streams that are watched.
    pub(crate) watch: super::watch::Watch,
    /// Results that the hub will report.
    results: BTreeSet<(Mono, TestId, LinkId)>,
    next_beat: Mono,
    next_command: u64,
    seq: u64,
}

impl World {
    /// An empty engine, started for the first time.
    pub(crate) fn new(utc: &str) -> Self {
        let now = Now { mono: Mono(1_000_000), utc: Utc::parse(utc).unwrap() };
        let mut world = Self {
            state: State::default(),
            now,
            journal: Vec::new(),
            recording: Vec::new(),
            decisions: Vec::new(),
            effects: Vec::new(),
            beating: BTreeSet::new(),
            lines: BTreeMap::new(),
            devices: BTreeMap::new(),
            watch: super::watch::Watch::default(),
            results: BTreeSet::new(),
            next_beat: now.mono + Span::seconds(1),
            next_command: 0,
            seq: 0,
        };
        world.input(Input::Started { boot: 1, version: VERSION.to_owned() });
        world
    }

    /// Hands an input in, applies what follows, and serves every wake-up that is due at once.
    pub(crate) fn input(&mut self, input: Input) {
        self.step(input);
        for _ in 0..10_000 {
            let Some(wakeup) = next_wakeup(&self.state, self.now) else { return };
            let due = wakeup.mono.is_some_and(|at| at <= self.now.mono)
                || wakeup.utc.is_some_and(|at| at <= self.now.utc);
            if !due {
                return;
            }
            self.step(Input::Woke);
        }
        panic!("the engine asks to be woken again and again at {}", self.now.utc);
    }

    fn step(&mut self, input: Input) {
        let decision = decide(&self.state, self.now, &input);
        for event in &decision.events {
            apply(&mut self.state, event);
            if let Event::Durable(durable) = event {
                self.journal.push(durable.clone());
            }
        }
        self.effects.extend(decision.effects.iter().cloned());
        for effect in &decision.effects {
            match effect {
                Effect::TestPath { order, after_ms } => {
                    let takes = u64::from(*after_ms)
                        + u64::from(order.plan.packets) * 1000 / u64::from(order.plan.pps);
                    let at = self.now.mono + Span::millis(takes);
                    self.results.insert((at, order.test, order.link.clone()));
                }
                Effect::CancelTest { test } => self.results.retain(|(_, other, _)| other != test),
                Effect::Reply { .. }
                | Effect::TellAgent { .. }
                | Effect::Act { .. }
                | Effect::LookAt { .. }
                | Effect::CallCodec { .. }
                | Effect::EndCall { .. }
                | Effect::Prove { .. }
                | Effect::Notify { .. } => {}
            }
        }
        self.recording.push((self.now, input));
        self.decisions.push(decision);
    }

    /// Lets time pass: heartbeats come, tests end, the engine is woken at each of its deadlines.
    pub(crate) fn pass(&mut self, span: Span) {
        let until = self.now.mono + span;
        while self.now.mono < until {
            let wakeup = next_wakeup(&self.state, self.now).unwrap_or_default();
            let utc = wakeup.utc.map(|at| self.now.mono + at.since(self.now.utc));
            let result = self.results.first().map(|(at, ..)| *at);
            let beats = !self.beating.is_empty() || !self.watch.is_empty() || !self.devices.is_empty();
            let next = [wakeup.mono, utc, result, Some(until), beats.then_some(self.next_beat)];
            let next = next.into_iter().flatten().min().unwrap_or(until).max(self.now.mono);
            self.advance(next.since(self.now.mono));
            if next >= self.next_beat {
                self.next_beat = next + Span::seconds(1);
                self.beating.clone().iter().for_each(|agent| self.heartbeat(agent, |_| ()));
                self.reports();
                self.devices_say();
            }
            while let Some((_, test, link)) = self.results.first().filter(|(at, ..)| *at <= next).cloned() {
                self.results.pop_first();
                let outcome = self.measure(&link);
                self.tested(test, &link, outcome);
            }
            self.input(Input::Woke);
        }
    }

    /// What the hub finds on a link, as the world is now.
    fn measure(&self, link: &LinkId) -> TestOutcome {
        let started = self.now.utc - Span::seconds(20);
        let venue = &self.state.durable.inventory.links[link].venue;
        let alive = self.beating.contains(venue.as_str());
        let line = self.lines.get(link.as_str()).copied().unwrap_or(Line::Clean { rtt_ms: 4.0 });
        let stats = match line {
            _ if !alive => silent(started),
            Line::Clean { rtt_ms } => clean(started, rtt_ms),
            Line::Lossy { lost, run, second } => lossy(started, lost, run, &[second]),
            Line::Dead => silent(started),
            Line::NoSocket => return TestOutcome::Broke(TestBroke::NoSocket),
        };
        TestOutcome::Measured(Box::new(stats))
    }

    fn advance(&mut self, span: Span) {
        self.now = Now { mono: self.now.mono + span, utc: self.now.utc + span };
    }

    /// Gives a command as a local technician and returns its answer.
    pub(crate) fn command(&mut self, command: Command) -> Outcome {
        let actor = Actor::Local { uid: 1000, name: "tech".to_owned() };
        self.command_as(actor, command)
    }

    pub(crate) fn command_as(&mut self, actor: Actor, command: Command) -> Outcome {
        self.next_command += 1;
        let id = CommandId(self.next_command);
        self.input(Input::Commanded { id, actor, command });
        let reply = |effect: &Effect| match effect {
            Effect::Reply { to, outcome } => (*to == id).then(|| outcome.clone()),
            Effect::TestPath { .. }
            | Effect::CancelTest { .. }
            | Effect::TellAgent { .. }
            | Effect::Act { .. }
            | Effect::LookAt { .. }
            | Effect::CallCodec { .. }
            | Effect::EndCall { .. }
            | Effect::Prove { .. }
            | Effect::Notify { .. } => None,
        };
        self.effects.iter().rev().find_map(reply).expect("every command is answered")
    }

    /// An agent's heartbeat, changed by `change`.
    pub(crate) fn heartbeat(&mut self, agent: &str, change: impl FnOnce(&mut AgentHealth)) {
        let mut health = health();
        change(&mut health);
        self.observe(Source::Agent(AgentId::parse(agent).unwrap()), Fact::Heartbeat { health });
    }

    pub(crate) fn observe(&mut self, source: Source, fact: Fact) {
        self.seq += 1;
        let order = Order { boot: 1, seq: self.seq };
        let observation = Observation { source, at: self.now.utc, received: self.now.utc, order, fact };
        self.input(Input::Observed { observation });
    }

    /// The same, overtaken on its way by what was sent after it.
    pub(crate) fn observe_out_of_order(&mut self, source: Source, fact: Fact) {
        let order = Order { boot: 1, seq: self.seq.saturating_sub(1) };
        let observation = Observation { source, at: self.now.utc, received: self.now.utc, order, fact };
        self.input(Input::Observed { observation });
    }

    /// The process dies and comes back: only the journal is left.
    pub(crate) fn restart(&mut self) {
        let mut durable = DurableState::default();
        self.journal.iter().for_each(|event| durable.apply(event));
        assert_eq!(durable, self.state.durable, "the journal folds to the durable state");
        let boot = durable.boot + 1;
        self.state = State::new(durable);
        self.now.mono = Mono(5_000_000);
        self.next_beat = self.now.mono + Span::seconds(1);
        self.results.clear();
        self.input(Input::Started { boot, version: VERSION.to_owned() });
    }

    /// Submits the example city and enrols every agent.
    pub(crate) fn city(&mut self, venues: &[&str], starts: &str, edit: impl FnOnce(&mut Inventory)) {
        let mut inventory = city(venues, starts);
        edit(&mut inventory);
        let changes: Vec<Change> = inventory.items().map(Change::Put).collect();
        let base = self.state.durable.inventory.version;
        let outcome =
            self.command(Command::SubmitInventory { base, changes, origin: "city.toml".to_owned() });
        assert_eq!(outcome, Outcome::Version(base + 1));
        let agents: Vec<AgentId> = inventory.agents.keys().cloned().collect();
        agents.into_iter().for_each(|agent| self.enrol(agent));
    }

    pub(crate) fn enrol(&mut self, agent: AgentId) {
        let secret_hash = "ab".repeat(32);
        let expires = self.now.utc + Span::minutes(60);
        let invited =
            Command::InviteAgent { agent: agent.clone(), secret_hash: secret_hash.clone(), expires };
        assert_eq!(self.command(invited), Outcome::Done);
        let enrolled = Command::EnrolAgent { agent, secret_hash, public_key: "cd".repeat(32) };
        assert_eq!(self.command(enrolled), Outcome::Done);
    }

    /// The hub reports a test's outcome.
    pub(crate) fn tested(&mut self, test: TestId, link: &LinkId, outcome: TestOutcome) {
        self.observe(Source::Hub, Fact::PathTested { test, link: link.clone(), outcome });
    }

    pub(crate) fn open(&mut self, kind: RoundKind) -> Outcome {
        self.command(Command::OpenRound { meeting: MeetingId::parse("m").unwrap(), kind, venues: Vec::new() })
    }
}

pub(crate) fn health() -> AgentHealth {
    AgentHealth {
        version: VERSION.to_owned(),
        clock_offset_ms: Some((0.4, 2.0)),
        disk_free_mib: Some(4_000),
        cpu_pct: Some(3.0),
        memory_mib: Some(20),
        temperature_c: Some(48.0),
        outbox: 0,
        consent: false,
        no_test: false,
        reflector_refused: 0,
    }
}

/// One venue per name: an agent of the same name, links `NAME-a` (primary) and `NAME-b` (backup).
pub(crate) fn city(venues: &[&str], starts: &str) -> Inventory {
    let starts = Utc::parse(starts).unwrap();
    let mut items = vec![
        serde_json::json!({"region": {"id": "city", "name": "示例市"}}),
        serde_json::json!({"profile": {"id": "720p25", "name": "720p25", "rate_kbps": 2048}}),
    ];
    for (n, venue) in venues.iter().enumerate() {
        items.push(
            serde_json::json!({"venue": {"id": venue, "name": format!("{venue}分会场"), "region": "city"}}),
        );
        items.push(serde_json::json!({"agent": {"id": venue, "venue": venue}}));
        for (role, word, side) in [("primary", "主用", "a"), ("backup", "备用", "b")] {
            let (net, third, pair) = (if side == "a" { 10 } else { 11 }, n % 250 + 1, n / 250 * 2);
            let reflector = format!("127.{net}.{third}.{}:862", pair + 1);
            let hub = format!("127.{net}.{third}.{}:862", pair + 2);
            items.push(serde_json::json!({"link": {
                "id": format!("{venue}-{side}"), "venue": venue, "name": format!("{venue}{word}专线"),
                "kind": "leased", "role": role, "network": "extranet",
                "reflector": reflector, "hub_reflector": hub,
            }}));
        }
    }
    items.push(serde_json::json!({"meeting": {
        "id": "m", "name": "全市视频会议", "region": "city", "network": "extranet", "profile": "720p25",
        "starts": starts, "ends": starts + Span::minutes(120),
        "main_venue": venues[0], "venues": &venues[1..],
    }}));
    let mut inventory = Inventory::default();
    for item in items {
        let item: Item = serde_json::from_value(item).unwrap();
        inventory.apply(&Change::Put(item));
    }
    inventory
}

pub(crate) fn key(venue: &str, check: Check) -> CheckKey {
    CheckKey { venue: VenueId::parse(venue).unwrap(), check }
}

pub(crate) fn path(link: &str) -> Check {
    Check::Path { link: LinkId::parse(link).unwrap() }
}

/// A clean measurement of 1,000 packets with a round trip of `rtt_ms`.
pub(crate) fn clean(started: Utc, rtt_ms: f64) -> PathStats {
    let way = DirectionStats {
        sent: 1000,
        received: 1000,
        loss: LossBound::of(0, 1000),
        ipdv_mean_ms: Some(0.2),
        ipdv_p95_ms: Some(0.6),
        queue_p95_ms: Some(0.4),
        dscp_sent: 34,
        dscp_seen: Some(34),
        ..DirectionStats::default()
    };
    let rtt = RttStats {
        min_ms: rtt_ms,
        mean_ms: rtt_ms,
        p50_ms: rtt_ms,
        p95_ms: rtt_ms + 1.0,
        p99_ms: rtt_ms + 2.0,
    };
    PathStats {
        started,
        sent: 1000,
        answered: 1000,
        unplaced: 0,
        rtt: Some(rtt),
        to_venue: way.clone(),
        from_venue: way,
        clock_offset_ms: Some((0.4, 1.0)),
        loss_seconds: Vec::new(),
        quality: Quality::Good,
    }
}

/// The same with `lost` packets in runs of `run` towards the venue, in the given seconds after the start.
pub(crate) fn lossy(started: Utc, lost: u64, run: u32, seconds: &[u64]) -> PathStats {
    let mut stats = clean(started, 8.0);
    stats.answered -= lost;
    stats.to_venue.received -= lost;
    stats.from_venue.sent -= lost;
    stats.from_venue.received -= lost;
    stats.from_venue.loss = LossBound::of(0, stats.from_venue.sent);
    stats.to_venue.lost = lost;
    stats.to_venue.loss = LossBound::of(lost, 1000);
    stats.to_venue.bursts = BTreeMap::from([(run, u32::try_from(lost).unwrap() / run)]);
    let each = u32::try_from(lost).unwrap() / u32::try_from(seconds.len().max(1)).unwrap();
    let at = |second: &u64| LossSecond {
        at: started + Span::seconds(*second),
        sent: 50,
        to_venue: each,
        from_venue: 0,
    };
    stats.loss_seconds = seconds.iter().map(at).collect();
    stats
}

/// Nothing came back.
pub(crate) fn silent(started: Utc) -> PathStats {
    let lost = DirectionStats { loss: LossBound::of(0, 0), dscp_sent: 34, ..DirectionStats::default() };
    PathStats {
        answered: 0,
        unplaced: 1000,
        rtt: None,
        to_venue: lost.clone(),
        from_venue: lost,
        clock_offset_ms: None,
        ..clean(started, 0.0)
    }
}

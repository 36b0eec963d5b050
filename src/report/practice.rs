//! 推演: an emergency plan played through in virtual time, by the engine itself, in a small town that does not exist.
//!
//! No device is spoken to and nobody is told anything: what would be is in the timeline. People and devices behave as
//! they are told to beforehand.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use crate::domain::actor::Actor;
use crate::domain::fault::{FaultClass, Severity};
use crate::domain::id::{UserId, VenueId};
use crate::domain::incident::{Confidence, IncidentId};
use crate::domain::inventory::{Change, Inventory, Item, MeetingOwner, Phase, Resource};
use crate::domain::lang::{Lang, Text};
use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::domain::notice::Recipient;
use crate::domain::plan::{Plan, StepKind, VenuePart};
use crate::domain::time::{Mono, Now, Span, Utc};
use crate::engine::effect::Effect;
use crate::engine::event::{Durable, Event, What};
use crate::engine::finding::{FindingKey, RuleCode, Subject};
use crate::engine::incident::{Assessment, Opening};
use crate::engine::input::{Command, CommandId, Input, PlanAsk, StepAsk};
use crate::engine::plan::{Outcome, StepChange};
use crate::engine::state::{Run, RunKey};
use crate::engine::{State, apply, decide, next_wakeup};
use crate::observation::action::{ActionOutcome, ActionReport, DeviceOrder, Step, Verified};
use crate::observation::device::{
    Absent, ConferenceSeen, Device, DeviceReport, Flow, Given, Medium, NodeHealth, Presence, Service, Sight,
    SiteSeen, StreamSample, Way,
};
use crate::observation::{Fact, Observation, Order, Source};

/// How long a person takes for a step.
const PERSON_TAKES: Span = Span::seconds(20);
/// How long a device takes for an order.
const DEVICE_TAKES: Span = Span::seconds(4);
/// How often devices say how they are.
const DEVICES_SAY: Span = Span::seconds(5);
/// A run that is not over by then is cut off.
const CUT_OFF: Span = Span::minutes(150);
/// The number of the incident.
const INCIDENT: IncidentId = IncidentId(1);

/// How people behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum People {
    /// They take each step after twenty seconds.
    Act,
    /// They report each step as failed, and answer with the last answer.
    Fail,
    /// They are not there: every time runs out.
    Absent,
}

/// How devices behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Devices {
    /// They do what they are told, and it helps.
    Help,
    /// They do what they are told, and it does not help.
    Obey,
    /// They cannot be seen.
    Unseen,
}

/// Plays a plan through and returns its timeline, a line for each thing that happens.
pub fn practice(plan: &Plan, people: People, devices: Devices, lang: Lang) -> String {
    let mut play = Play::new(plan, people, devices, lang);
    play.begin();
    while play.now.mono.since(Mono(0)) < CUT_OFF && play.run().is_some_and(Run::is_open) {
        play.go_on();
    }
    if play.run().is_some_and(Run::is_open) {
        play.line(lang.pick("未结束，推演到此为止", "not over: cut off here"));
    }
    play.out
}

struct Play<'a> {
    plan: &'a Plan,
    people: People,
    devices: Devices,
    lang: Lang,
    state: State,
    now: Now,
    asked: u64,
    said: u64,
    answers: BTreeMap<Mono, Vec<DeviceOrder>>,
    next_report: Mono,
    helped: bool,
    out: String,
}

impl<'a> Play<'a> {
    fn new(plan: &'a Plan, people: People, devices: Devices, lang: Lang) -> Self {
        let now = Now { mono: Mono(0), utc: Utc(1_795_593_600_000_000) };
        Self {
            plan,
            people,
            devices,
            lang,
            state: State::default(),
            now,
            asked: 0,
            said: 0,
            answers: BTreeMap::new(),
            next_report: Mono(0),
            helped: false,
            out: String::new(),
        }
    }

    fn run(&self) -> Option<&Run> {
        self.state.durable.run_of(INCIDENT)
    }

    fn line(&mut self, text: &str) {
        let seconds = self.now.mono.0 / 1_000_000;
        // Writing into a text cannot fail.
        let _ = writeln!(self.out, "+{}:{:02} {text}", seconds / 60, seconds % 60);
    }

    /// The town, its devices, the trouble, and the plan.
    fn begin(&mut self) {
        self.input(Input::Started { boot: 1, version: String::new() });
        let changes = town(self.plan, self.now.utc);
        self.command(Command::SubmitInventory { base: 0, changes, origin: String::new() }, "a");
        self.report();
        self.trouble();
        let ask = PlanAsk::Choose { plan: self.plan.id.clone(), why: "推演 practice".to_owned() };
        self.command(Command::Plan { incident: INCIDENT, ask }, "a");
    }

    /// What is wrong comes as if the journal had it.
    fn trouble(&mut self) {
        let venue = self.venue();
        let key =
            FindingKey { rule: RuleCode::SiteMissing, subject: Subject::Resource(Resource::Venue(venue)) };
        let class = self.plan.trigger.classes.first().copied().unwrap_or(FaultClass::EndpointFault);
        let assessment = Assessment {
            class,
            cause: None,
            severity: Severity::Severe,
            confidence: Confidence::High,
            reason: Text::new("推演", "practice"),
            meeting: "meeting".parse().ok(),
            phase: Some(Phase::Live),
            onset: self.now.utc,
            judged_from: 1,
        };
        let raised = What::FindingRaised {
            finding: key.clone(),
            since: self.now.utc,
            cause: None,
            members: Vec::new(),
            severity: Severity::Severe,
            proof: None,
        };
        let opening = Opening { anchor: None, assessment, members: vec![key], from: None };
        for what in [raised, What::IncidentOpened { incident: INCIDENT, opening: Box::new(opening) }] {
            let durable = Durable { at: self.now.utc, by: Actor::Vcops, what };
            apply(&mut self.state, &Event::Durable(durable));
        }
        let zh = format!("{}：{}", class.zh(), self.plan.title.zh);
        let en = format!("{}: {}", class.en(), self.plan.title.en);
        let text = self.lang.pick(zh, en);
        self.line(&text);
    }

    /// The venue in trouble: the main hall where the plan is for it, else a branch.
    fn venue(&self) -> VenueId {
        let main = self.plan.trigger.parts.contains(&VenuePart::MainHall);
        VenueId::parse(if main { "hall" } else { "branch" }).expect("the town's names are identifiers")
    }

    /// Lets time pass until something happens next.
    fn go_on(&mut self) {
        let wakeup = next_wakeup(&self.state, self.now).unwrap_or_default();
        let by_clock = wakeup.utc.map(|at| self.now.mono + at.since(self.now.utc));
        let person = self.person_due();
        let device = self.answers.keys().next().copied();
        let next = [wakeup.mono, by_clock, person, device, Some(self.next_report)];
        let next = next.into_iter().flatten().min().unwrap_or(self.next_report).max(self.now.mono);
        let span = next.since(self.now.mono);
        self.now = Now { mono: next, utc: self.now.utc + span };
        if self.next_report <= next {
            self.report();
        }
        while let Some(orders) = self.answers.first_entry().filter(|entry| *entry.key() <= next) {
            let orders = orders.remove();
            orders.into_iter().for_each(|order| self.ends(order));
        }
        if person.is_some_and(|at| at <= next) {
            self.act();
        }
        self.input(Input::Woke);
    }

    /// When somebody has had time enough for the step that waits for a person.
    fn person_due(&self) -> Option<Mono> {
        let run = self.run()?;
        let step = run.step()?;
        let waits = match &step.kind {
            StepKind::Automatic { confirm, .. } => {
                run.attempt.is_none() && (run.agreed.len() < confirm.people() || run.overdue)
            }
            StepKind::Manual {}
            | StepKind::Evidence { .. }
            | StepKind::Decision { .. }
            | StepKind::Telephone { .. } => true,
            // Nobody waits for ever: when the time is out, somebody says that it has not come.
            StepKind::Wait { .. } => run.overdue,
            StepKind::Notify { .. } => false,
        };
        let since = self.now.mono.0.saturating_sub(self.now.utc.since(run.since).0);
        (waits && self.people != People::Absent)
            .then(|| Mono(since) + PERSON_TAKES)
            .map(|at| at.max(self.now.mono))
    }

    fn act(&mut self) {
        let Some((id, kind)) =
            self.run().and_then(Run::step).map(|step| (step.id.clone(), step.kind.clone()))
        else {
            return;
        };
        let good = self.people == People::Act;
        let does = match &kind {
            // What is held beyond its time is given up.
            StepKind::Automatic { .. } if self.run().is_some_and(|run| run.overdue) => ticked(&kind, false),
            StepKind::Automatic { .. } => StepAsk::Agree,
            StepKind::Decision { branches, .. } => {
                let last = u8::try_from(branches.len()).unwrap_or(u8::MAX);
                StepAsk::Answer { answer: if good { 1 } else { last } }
            }
            StepKind::Manual {}
            | StepKind::Evidence { .. }
            | StepKind::Wait { .. }
            | StepKind::Telephone { .. }
            | StepKind::Notify { .. } => ticked(&kind, good),
        };
        for who in ["a", "b"] {
            let ask = PlanAsk::Step { step: id.clone(), does: does.clone() };
            let more = self.run().is_some_and(|run| run.at.as_ref() == Some(&id) && run.attempt.is_none());
            if more && (who == "a" || matches!(does, StepAsk::Agree)) {
                self.command(Command::Plan { incident: INCIDENT, ask }, who);
            }
        }
    }

    /// A device has done what it was told.
    fn ends(&mut self, order: DeviceOrder) {
        let helps = self.devices == Devices::Help;
        let verified = if helps { Verified::Worked } else { Verified::DidNotWork };
        let step = Step::Ended { outcome: ActionOutcome::Applied, verified };
        self.observe(Fact::ActionReported { report: ActionReport { key: order.key, step } });
        if helps && let Some(finding) = self.state.durable.findings.keys().next().cloned() {
            let durable =
                Durable { at: self.now.utc, by: Actor::Vcops, what: What::FindingCleared { finding } };
            apply(&mut self.state, &Event::Durable(durable));
            self.helped = true;
            let text = self.lang.pick("图像声音恢复", "picture and sound are back");
            self.line(text);
        }
    }

    fn report(&mut self) {
        self.next_report = self.now.mono + DEVICES_SAY;
        if self.devices == Devices::Unseen {
            return;
        }
        let venue = self.venue();
        for (mcu, sites) in [("mcu", vec!["hall", "branch", "other"]), ("standby", vec![])] {
            // What is wrong is told by the practice alone: of the venue in trouble the MCU says nothing certain.
            let fine = |name: &str| name != venue.as_str() || self.helped;
            let present = sites.into_iter().map(|name| site(name, fine(name))).collect();
            let report = Box::new(device(mcu, present, self.now.utc));
            self.observe(Fact::DeviceSeen { report });
        }
    }

    fn observe(&mut self, fact: Fact) {
        self.said += 1;
        let (at, order) = (self.now.utc, Order { boot: 1, seq: self.said });
        let observation = Observation { source: Source::Hub, at, received: at, order, fact };
        self.input(Input::Observed { observation });
    }

    fn command(&mut self, command: Command, who: &str) {
        self.asked += 1;
        let actor = UserId::parse(who).map_or(Actor::Vcops, |id| Actor::User { id });
        self.input(Input::Commanded { id: CommandId(self.asked), actor, command });
    }

    fn input(&mut self, input: Input) {
        let decision = decide(&self.state, self.now, &input);
        for event in &decision.events {
            apply(&mut self.state, event);
            if let Event::Durable(durable) = event {
                self.tell(durable);
            }
        }
        for effect in decision.effects {
            self.effect(effect);
        }
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Act { order } => {
                let action = serde_json::to_value(&order.action).unwrap_or_default();
                let does = action.get("action").and_then(|does| does.as_str()).unwrap_or_default().to_owned();
                let words = self.lang.pick("会下发", "would order");
                self.line(&format!("    {words} {} {does}", order.device));
                self.answers.entry(self.now.mono + DEVICE_TAKES).or_default().push(order);
            }
            Effect::Notify { notice } => {
                let to = match &notice.to {
                    Recipient::Person(person) => person.to_string(),
                    Recipient::Channel => self.lang.pick("工作群", "the group").to_owned(),
                };
                let words = self.lang.pick("会通知", "would tell");
                let (title, why) = (notice.body.pick(self.lang), notice.why.pick(self.lang));
                self.line(&format!("    {words} {to}: {title} · {why}"));
            }
            Effect::Reply { .. }
            | Effect::TestPath { .. }
            | Effect::CancelTest { .. }
            | Effect::TellAgent { .. }
            | Effect::LookAt { .. }
            | Effect::CallCodec { .. }
            | Effect::EndCall { .. }
            | Effect::Prove { .. } => {}
        }
    }

    fn tell(&mut self, event: &Durable) {
        if let What::StepChanged { step, change, .. } = &event.what {
            let title = self
                .plan
                .step(step)
                .map_or_else(|| step.to_string(), |it| it.title.pick(self.lang).to_owned());
            let text = changed(change, self.lang);
            self.line(&format!("{title}：{text}"));
        }
        if let What::PlanBegun { run: RunKey { .. }, first, .. } = &event.what {
            let step = first.step.as_ref().and_then(|id| self.plan.step(id));
            let title = step.map(|step| step.title.pick(self.lang).to_owned()).unwrap_or_default();
            let words = self.lang.pick("第一步", "first step");
            self.line(&format!("{words} {title}"));
        }
        if let What::PlanEnded { why, .. } = &event.what {
            let text = why.pick(self.lang).to_owned();
            self.line(&text);
        }
    }
}

/// What somebody says of a step that they took.
fn ticked(kind: &StepKind, good: bool) -> StepAsk {
    let note = "推演 practice".to_owned();
    let photo = matches!(kind, StepKind::Evidence { photo: true, .. }).then(|| "0".repeat(64));
    let came = good && !matches!(kind, StepKind::Wait { .. });
    if came { StepAsk::Done { note, photo } } else { StepAsk::Failed { note } }
}

/// What happened to a step, in words.
pub fn changed(change: &StepChange, lang: Lang) -> String {
    match change {
        StepChange::Agreed => lang.pick("已确认", "agreed").to_owned(),
        StepChange::Ordered { orders, .. } => {
            format!("{} {}", lang.pick("下发操作", "orders"), orders.len())
        }
        StepChange::Held { why } => format!("{}：{}", lang.pick("暂不执行", "held"), why.pick(lang)),
        StepChange::Overdue => lang.pick("超时，仍停在此步", "overdue, it stays").to_owned(),
        StepChange::Left { outcome, next } => {
            let next = next.step.as_ref().map_or(lang.pick("结束", "end"), |step| step.as_str());
            format!("{} → {next}", left(outcome, lang))
        }
        StepChange::UndoAgreed => lang.pick("已确认撤回", "agreed to take it back").to_owned(),
        StepChange::Undone { why, .. } => format!("{}：{why}", lang.pick("已撤回", "taken back")),
    }
}

pub(super) fn left(outcome: &Outcome, lang: Lang) -> String {
    let word = lang.pick(outcome.zh(), outcome.code());
    match outcome {
        Outcome::Failed { why } => format!("{word}（{}）", why.pick(lang)),
        Outcome::Skipped { why } | Outcome::LeftOut { why } => format!("{word}（{why}）"),
        Outcome::Done { answer: Some(answer), .. } => format!("{word}（{answer}）"),
        Outcome::Done { .. } | Outcome::TimedOut | Outcome::Restored => word.to_owned(),
    }
}

/// Three venues with two endpoints and two lines each, two MCUs, two operators and a leader, a meeting that is on.
fn town(plan: &Plan, now: Utc) -> Vec<Change> {
    let venues = ["hall", "branch", "other"];
    let map = |items: Vec<serde_json::Value>| -> serde_json::Value {
        let keyed = items.into_iter().map(|item| (item["id"].as_str().unwrap_or_default().to_owned(), item));
        serde_json::Value::Object(keyed.collect())
    };
    let contacts = json!([{"person": "venue-a", "role": "a"}, {"person": "venue-b", "role": "b"}]);
    let venue = |id: &&str| json!({"id": id, "name": id, "region": "town", "contacts": contacts});
    let link = |(id, role): (&str, &str)| json!({"id": format!("{id}-{role}"), "venue": id, "name": id, "kind": "leased", "role": role, "network": "extranet"});
    let endpoint = |(id, n): (&str, u8)| {
        json!({"id": format!("{id}-{n}"), "venue": id, "name": format!("{id} {n}"), "protocol": "sip",
            "address": format!("sip:{id}{n}@10.0.0.1")})
    };
    let mcu = |id: &str| json!({"id": id, "name": id, "region": "town", "model": "-", "network": "extranet"});
    let people = ["op-a", "op-b", "leader", "venue-a", "venue-b"];
    let owner = if plan.trigger.owner == MeetingOwner::Superior { "superior" } else { "own" };
    let (starts, ends) = (now - Span::minutes(30), now + Span::minutes(60));
    let inventory = json!({
        "regions": map(vec![json!({"id": "town", "name": "town"})]),
        "venues": map(venues.iter().map(venue).collect()),
        "links": map(venues.iter().flat_map(|id| [(*id, "primary"), (*id, "backup")]).map(link).collect()),
        "endpoints": map(venues.iter().flat_map(|id| [(*id, 1), (*id, 2)]).map(endpoint).collect()),
        "mcus": map(vec![mcu("mcu"), mcu("standby")]),
        "profiles": map(vec![json!({"id": "p", "name": "p", "rate_kbps": 2048})]),
        "people": map(people.iter().map(|id| json!({"id": id, "region": "town"})).collect()),
        "shifts": map(vec![json!({"id": "s", "region": "town", "window": {"from": starts, "until": ends + Span::minutes(60)},
            "operators": ["op-a", "op-b"], "leader": "leader"})]),
        "meetings": map(vec![json!({"id": "meeting", "name": "meeting", "region": "town", "starts": starts, "ends": ends,
            "owner": owner, "support": "important", "network": "extranet", "profile": "p", "main_venue": "hall",
            "venues": ["branch", "other"], "mcu": "mcu", "standby_mcu": "standby", "automatic_rounds": false})]),
    });
    let inventory: Inventory = serde_json::from_value(inventory).unwrap_or_default();
    let plan = Item::Plan(Plan { disabled: false, ..plan.clone() });
    // A plan for certain regions is played in a town that has none of them.
    let plan = if let Item::Plan(mut plan) = plan {
        plan.trigger.regions.clear();
        Item::Plan(plan)
    } else {
        plan
    };
    inventory.items().chain([plan]).map(Change::Put).collect()
}

fn site(venue: &str, fine: bool) -> SiteSeen {
    let flow = if fine { Flow::Flowing } else { Flow::Unknown };
    SiteSeen {
        participant: ParticipantRef::new(venue),
        name: venue.to_owned(),
        address: Some(format!("sip:{venue}1@10.0.0.1")),
        presence: Presence::Connected,
        muted: None,
        redialled_by_platform: false,
        cascade: false,
        probe: false,
        streams: [(Medium::Audio, Way::FromSite), (Medium::Video, Way::FromSite)]
            .map(|(medium, way)| StreamSample::bare(medium, way, flow))
            .into(),
    }
}

fn device(id: &str, present: Vec<SiteSeen>, at: Utc) -> DeviceReport {
    let none = Given::Absent(Absent::NotProvided);
    DeviceReport {
        device: Device::Mcu(id.parse().expect("the town's names are identifiers")),
        sight: Sight::Seen,
        since: at,
        health: Some(NodeHealth {
            service: Service::Up,
            load_pct: none,
            uptime: Given::Absent(Absent::NotProvided),
            version: None,
            boot: None,
            clock_skew_ms: none,
            nodes: Vec::new(),
        }),
        capacity: Vec::new(),
        alarms: Vec::new(),
        conferences: vec![ConferenceSeen {
            conference: ConferenceRef::new("meeting"),
            name: "meeting".to_owned(),
            expected: None,
            present,
            complete: true,
            at,
        }],
        readings: BTreeMap::new(),
        died_after: None,
    }
}

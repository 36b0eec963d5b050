//! Devices in random worlds: MCUs, endpoints and equipment that come and go, rosters, orders with any end, calls and
//! proofs. The books are worked out from what goes in and comes out alone.

use std::collections::{BTreeMap, BTreeSet};

use vcops::domain::check::TestId;
use vcops::domain::id::VenueId;
use vcops::domain::inventory::{Inventory, MeetingOwner};
use vcops::domain::mcu::{ConferenceRef, NodeRef, ParticipantRef};
use vcops::domain::time::{Mono, Now, Span};
use vcops::engine::Decision;
use vcops::engine::effect::{Effect, Outcome};
use vcops::engine::event::{Event, What};
use vcops::engine::finding::{FindingKey, RuleCode, Subject};
use vcops::engine::input::{Command, Input};
use vcops::engine::state::Freeze;
use vcops::observation::action::{
    Action, ActionKey, ActionOutcome, ActionReport, DeviceOrder, Refused, Step, Verified,
};
use vcops::observation::call::{CallBroke, CallFailed, CallOutcome, ProofOutcome};
use vcops::observation::device::{Blindness, Device, DeviceReport, Given, Medium, Sight, Signal, Way};
use vcops::observation::{Fact, Order, Source};

use super::{Dice, Play};

/// The conference of the example meeting, and one that no meeting of ours is.
const ROOMS: [&str; 2] = ["1234", "9999"];
/// A report counts for so long.
const FRESH: Span = Span::seconds(45);
/// What can be dialled or redialled where nobody sits.
const NOBODY: &str = "nobody";

impl Play {
    /// Two MCUs, codecs in every second venue, one of them asked by its own interface, and a power supply.
    pub(super) fn furnish(&mut self) {
        let codecs: Vec<String> = self.venues.iter().step_by(2).cloned().collect();
        for story in ["bridge mcu-1", "standby mcu-2", "equipment ups-1 ups", "controlled e-1 v0"] {
            self.tell(story);
        }
        self.tell(&format!("codecs {}", codecs.join(" ")));
        self.tell("roster mcu-1 v0 v1");
        self.tell("roster mcu-2");
        if self.dice.roll(5) == 0 {
            let mut after = self.world.state.durable.inventory.clone();
            after.meetings.values_mut().for_each(|meeting| meeting.owner = MeetingOwner::Superior);
            self.world.put(after.items().collect());
        }
        if self.dice.roll(2) == 0 {
            let mut after = self.world.state.durable.inventory.clone();
            let other = after.links.values_mut().filter(|link| link.venue.as_str() == "v2");
            other.for_each(|link| link.network = serde_json::from_value("intranet".into()).unwrap());
            self.world.put(after.items().collect());
        }
    }

    fn tell(&mut self, story: &str) -> Outcome {
        let words: Vec<&str> = story.split_whitespace().collect();
        self.world.tell_devices(&words).unwrap_or_else(|| panic!("nothing is known about {story}"))
    }

    /// Something about devices happens.
    pub(super) fn on_devices(&mut self) {
        match self.dice.roll(12) {
            0 | 1 => self.seen(),
            2 => self.said_of_itself(),
            3 => self.overtaken(),
            4..=6 => self.orders(),
            7 | 8 => self.reports_on_an_order(),
            9 => self.decides(),
            10 => self.calls_and_proofs(),
            _ => self.silence(),
        }
    }

    /// A device is seen, blind, suspected, gone.
    fn seen(&mut self) {
        let mcu = *self.dice.pick(&["mcu-1", "mcu-2"]);
        if !self.world.devices.contains_key(mcu) {
            return;
        }
        match self.dice.roll(6) {
            0 => self.tell(&format!("gone {mcu}")),
            1 => self.tell(&format!("suspected {mcu}")),
            2 => self.tell(&format!("unseen {mcu}")),
            _ => {
                let roster = self.roster();
                self.tell(&format!("roster {mcu} {roster}"))
            }
        };
    }

    fn roster(&mut self) -> String {
        let mut sites = Vec::new();
        for venue in self.venues.clone() {
            let how = *self.dice.pick(&["", "", "", ":dead", ":muted", ":left", ":calling", ":loss=6"]);
            if self.dice.roll(4) > 0 {
                sites.push(format!("{venue}{how}"));
            }
        }
        if self.dice.roll(4) == 0 {
            sites.push("ghost:as=谁:at=8888@192.0.2.9".to_owned());
        }
        sites.join(" ")
    }

    fn said_of_itself(&mut self) {
        let stories = [
            "service mcu-1 degraded",
            "service mcu-1 up",
            "version mcu-1 1.1.2",
            "version mcu-1 1.4.2",
            "alarms mcu-1 major:fan",
            "alarms mcu-1",
            "ports mcu-1 10 9",
            "reading ups-1 ups_minutes_left 5",
            "reading ups-1 ups_minutes_left 60",
            "reading ups-1 ups_minutes_left absent",
            "gone e-1",
            "back e-1",
        ];
        let story = *self.dice.pick(&stories);
        let device = story.split(' ').nth(1).unwrap();
        if self.world.devices.contains_key(device) {
            self.tell(story);
        }
    }

    /// A report that was overtaken on its way, or one that no hub sent.
    fn overtaken(&mut self) {
        let Some(mut report) = self.world.devices.values().next().cloned() else { return };
        report.sight = match self.dice.roll(3) {
            0 => Sight::Seen,
            1 => Sight::Blind { why: Blindness::Shape },
            _ => Sight::Down { signals: [Signal::Interface, Signal::Host] },
        };
        let fact = Fact::DeviceSeen { report: Box::new(report) };
        if self.dice.roll(2) == 0 {
            self.world.observe_out_of_order(Source::Hub, fact);
        } else {
            self.world.observe(Source::Agent("v0".parse().unwrap()), fact);
        }
    }

    /// A device says nothing any more, or speaks again.
    fn silence(&mut self) {
        if let Some(report) = self.silent.pop() {
            let id = self.silent_ids.pop().unwrap();
            self.world.devices.insert(id, report);
        } else if let Some((id, report)) = self.world.devices.pop_first() {
            self.silent_ids.push(id);
            self.silent.push(report);
        }
    }

    fn orders(&mut self) {
        let device = match self.dice.roll(8) {
            0 => Device::Endpoint("e-1".parse().unwrap()),
            1 | 2 => Device::Mcu("mcu-2".parse().unwrap()),
            _ => Device::Mcu("mcu-1".parse().unwrap()),
        };
        let action = self.action();
        let request = (self.dice.roll(3) == 0).then(|| format!("request-{}", self.dice.roll(6)));
        let (why, dry_run) =
            ((*self.dice.pick(&["演练", "演练", "演练", " "])).to_owned(), self.dice.roll(6) == 0);
        self.order(Command::Act { device, action, why, dry_run, request });
    }

    fn action(&mut self) -> Action {
        let whom = self.dice.roll(3 * self.venues.len() / 2);
        let whom = self.venues.get(whom % self.venues.len().min(3)).cloned().unwrap_or(NOBODY.to_owned());
        let room = if self.dice.roll(6) == 0 { ROOMS[1] } else { ROOMS[0] };
        let (conference, participant) = (ConferenceRef::new(room), ParticipantRef::new(&whom));
        let (medium, way) = (Medium::Audio, Way::FromSite);
        match self.dice.roll(10) {
            0..=2 => Action::Redial { conference, participant },
            3 | 4 => {
                let (address, name) = (format!("sip:{whom}@10.1.0.1"), whom);
                Action::Dial { conference, address, name, kbps: None, via: None }
            }
            5 => Action::KeyFrame { conference, participant },
            6 => {
                let participant = (self.dice.roll(2) == 0).then_some(participant);
                Action::Mute { conference, participant, medium, way, on: true }
            }
            7 => Action::Disconnect { conference, participant },
            8 => Action::MigrateConference { conference, to: NodeRef::new("mcu-2") },
            _ => Action::Drain { on: self.dice.roll(2) == 0 },
        }
    }

    /// An order goes on, or something is said of one that nobody gave.
    fn reports_on_an_order(&mut self) {
        let accepted = || ActionOutcome::Accepted { handle: None };
        let ended = |outcome, verified| Step::Ended { outcome, verified };
        let partial = ActionOutcome::Partial { done: vec!["一".to_owned()], undone: vec!["二".to_owned()] };
        let steps = [
            Step::Queued,
            Step::Told { outcome: accepted() },
            Step::Told { outcome: ActionOutcome::Unknown },
            Step::Refused { why: Refused::CalledAlready },
            ended(accepted(), Verified::Worked),
            ended(accepted(), Verified::DidNotWork),
            ended(ActionOutcome::Unknown, Verified::CannotTell),
            ended(ActionOutcome::Unknown, Verified::Worked),
            ended(partial, Verified::CannotTell),
            ended(ActionOutcome::Rejected { code: "busy".to_owned(), retryable: true }, Verified::DidNotWork),
        ];
        let (step, key) = (self.dice.pick(&steps).clone(), self.some_key());
        let source = if self.dice.roll(8) == 0 { Source::Agent("v0".parse().unwrap()) } else { Source::Hub };
        self.world.observe(source, Fact::ActionReported { report: ActionReport { key: key.clone(), step } });
        // Some die of it.
        if self.dice.roll(12) == 0
            && let Some(report) = self.world.devices.get_mut("mcu-1")
        {
            report.died_after = Some(key.0);
            self.tell("gone mcu-1");
        }
    }

    /// One of the newest orders, or one that there is not.
    fn some_key(&mut self) -> ActionKey {
        let back = self.dice.roll(4);
        let mut orders: Vec<_> = self.world.state.durable.actions.values().collect();
        orders.sort_by_key(|record| (record.at, record.order.key.clone()));
        let found = orders.iter().rev().nth(back).map(|record| record.order.key.clone());
        found.unwrap_or_else(|| ActionKey("act-0-0".to_owned()))
    }

    fn decides(&mut self) {
        let frozen = self.world.state.durable.frozen.first().cloned();
        if let Some(freeze) = frozen.filter(|_| self.dice.roll(2) == 0) {
            return self.order(Command::ThawAction { freeze, why: "补丁".to_owned() });
        }
        let (key, happened) = (self.some_key(), self.dice.roll(2) == 0);
        self.order(Command::DecideAction { key, happened });
    }

    fn calls_and_proofs(&mut self) {
        let venue = self.venue();
        if self.dice.roll(3) == 0 {
            self.tell_story(&format!("consent {venue}"));
        }
        if let Some(test) = self.world.state.durable.calls.keys().next().copied() {
            let outcome = match self.dice.roll(3) {
                0 => CallOutcome::NotConnected(CallFailed::NoAnswer),
                1 => CallOutcome::Broke(CallBroke::Refused),
                _ => return drop(self.tell("codec good")),
            };
            self.world.observe(Source::Hub, Fact::CodecCalled { test, outcome });
        }
        let running = self.world.state.picture.proofs.values().find_map(|known| known.running);
        if let Some((test, _)) = running {
            let outcome = match self.dice.roll(3) {
                0 => ProofOutcome::NotJoined(CallFailed::Busy),
                1 => ProofOutcome::Broke(CallBroke::TimedOut),
                _ => ProofOutcome::NotJoined(CallFailed::Unreachable),
            };
            self.world.observe(Source::Hub, Fact::Proved { test, outcome });
        }
    }

    fn tell_story(&mut self, story: &str) {
        let venue = story.split(' ').nth(1).unwrap().parse().unwrap();
        let from = self.world.now.utc;
        let window = vcops::domain::time::Window { from, until: from + Span::minutes(30) };
        self.order(Command::GiveConsent { venue, window });
    }
}

/// An order as the books know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    Undecided,
    Over,
}

fn fate_after(step: &Step) -> Fate {
    match step {
        Step::Queued | Step::Told { .. } => Fate::Open,
        Step::Refused { .. } => Fate::Over,
        Step::Ended { outcome, verified } => {
            let unclear = matches!(outcome, ActionOutcome::Unknown | ActionOutcome::Partial { .. });
            if unclear && *verified != Verified::Worked { Fate::Undecided } else { Fate::Over }
        }
    }
}

/// What the books know of devices.
#[derive(Default)]
pub(super) struct DeviceBooks {
    /// The newest report of each, when it came, and its order.
    last: BTreeMap<Device, (Mono, Order, DeviceReport)>,
    orders: BTreeMap<ActionKey, (DeviceOrder, Fate)>,
    given: BTreeSet<ActionKey>,
    requests: BTreeMap<String, ActionKey>,
    frozen: BTreeSet<Freeze>,
    called: BTreeMap<TestId, VenueId>,
    pub(super) counts: BTreeMap<&'static str, u64>,
}

impl DeviceBooks {
    /// A restart: what was seen is gone, what was ordered is not.
    pub(super) fn forget_seen(&mut self) {
        self.last.clear();
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    pub(super) fn enter(&mut self, now: Now, input: &Input, decision: &Decision, inventory: &Inventory) {
        self.take_report(now, input, inventory);
        let before = self.orders.clone();
        for event in &decision.events {
            if let Event::Durable(event) = event {
                self.durable(&event.what, now);
            }
        }
        let new: Vec<&ActionKey> = self.orders.keys().filter(|key| !before.contains_key(key)).collect();
        let (mut acts, mut looks) = (Vec::new(), Vec::new());
        for effect in &decision.effects {
            if let Effect::Act { order } = effect {
                acts.push(order);
            }
            if let Effect::LookAt { order } = effect {
                looks.push(&order.key);
            }
        }
        assert_eq!(acts.iter().map(|order| &order.key).collect::<Vec<_>>(), new, "ordered and given as one");
        for order in acts {
            assert!(self.given.insert(order.key.clone()), "{order:?} is given twice");
            self.fair(now, order, &before, inventory);
            self.count(if disturbs(&order.action) { "disturbing" } else { "gentle" });
        }
        self.answers(input, decision, &before);
        let open: Vec<&ActionKey> =
            before.iter().filter(|(_, (_, fate))| *fate == Fate::Open).map(|(key, _)| key).collect();
        let expected = if matches!(input, Input::Started { .. }) { open } else { Vec::new() };
        looks.sort();
        assert_eq!(looks, expected, "after a start every open order is looked at, and only then");
        looks.iter().for_each(|_| *self.counts.entry("looked at").or_default() += 1);
    }

    /// Only the hub speaks for devices, and only what is newer than what is known counts.
    fn take_report(&mut self, now: Now, input: &Input, inventory: &Inventory) {
        let Input::Observed { observation } = input else { return };
        let (Source::Hub, Fact::DeviceSeen { report }) = (&observation.source, &observation.fact) else {
            return;
        };
        let known = match &report.device {
            Device::Mcu(id) => inventory.mcus.contains_key(id),
            Device::Endpoint(id) => inventory.endpoints.contains_key(id),
            Device::Equipment(id) => inventory.equipment.contains_key(id),
        };
        let newer = self.last.get(&report.device).is_none_or(|(_, order, _)| observation.order > *order);
        if known && newer {
            self.last.insert(report.device.clone(), (now.mono, observation.order, report.as_ref().clone()));
        }
    }

    fn durable(&mut self, what: &What, now: Now) {
        if let What::ActionOrdered { order, request, .. } = what {
            let known = self.orders.insert(order.key.clone(), (order.clone(), Fate::Open));
            assert!(known.is_none(), "{:?} names two orders", order.key);
            if let Some(request) = request {
                let known = self.requests.insert(request.clone(), order.key.clone());
                assert_eq!(known, None, "{request} is ordered twice");
            }
        }
        if let What::ActionReported { report } = what {
            let (_, fate) = self.orders.get_mut(&report.key).expect("of an order that was given");
            assert_eq!(*fate, Fate::Open, "{report:?} after its end");
            *fate = fate_after(&report.step);
        }
        if let What::ActionDecided { key, .. } = what {
            let (_, fate) = self.orders.get_mut(key).expect("of an order that was given");
            assert_eq!(*fate, Fate::Undecided, "{key:?} was decided already");
            *fate = Fate::Over;
            self.count("decided");
        }
        if let What::ActionFrozen { freeze, .. } = what {
            self.frozen.insert(freeze.clone());
            self.count("frozen");
        }
        if let What::ActionThawed { freeze, .. } = what {
            assert!(self.frozen.remove(freeze), "{freeze:?} was not frozen");
            self.count("thawed");
        }
        if let What::CallOrdered { order, .. } = what {
            let busy = self.called.values().any(|venue| venue == &order.venue);
            assert!(!busy, "two calls at {}", order.venue);
            assert!(
                self.called.insert(order.test, order.venue.clone()).is_none(),
                "{} is called twice",
                order.test
            );
            self.count("calls");
        }
        if let What::CallEnded { test, .. } = what {
            assert!(self.called.remove(test).is_some(), "{test} ended twice");
        }
        if let What::FindingRaised { finding, .. } = what {
            self.raised(finding, now);
        }
    }

    /// Down takes two signs, and nothing is raised by what is not seen.
    fn raised(&mut self, finding: &FindingKey, now: Now) {
        let sight = |device: &Device| {
            let known = self.last.get(device).filter(|(at, ..)| now.mono.since(*at) < FRESH);
            known.map_or(Sight::Unknown, |(_, _, report)| report.sight)
        };
        use RuleCode::{DeviceAlarm, DeviceBlind, DeviceDown, McuAlarm, McuBlind, McuDegraded, McuDown};
        match &finding.subject {
            Subject::Device(device) if [McuDown, DeviceDown].contains(&finding.rule) => {
                assert!(matches!(sight(device), Sight::Down { .. }), "{finding} at {:?}", sight(device));
                self.count("down");
            }
            Subject::Device(device) if [McuBlind, DeviceBlind].contains(&finding.rule) => {
                // While our own side is cut, what seems gone, or going, is only not seen.
                let seen = sight(device) == Sight::Seen;
                assert!(!seen, "{finding} at {:?}", sight(device));
                self.count("blind");
            }
            Subject::Device(device) if [McuDegraded, McuAlarm, DeviceAlarm].contains(&finding.rule) => {
                assert_eq!(sight(device), Sight::Seen, "{finding}");
                self.count("said of itself");
            }
            Subject::Site(site) => {
                assert_eq!(sight(&Device::Mcu(site.mcu.clone())), Sight::Seen, "{finding}");
                self.count("sites");
            }
            Subject::Reading(reading) => {
                let value = self.last[&reading.device].2.readings.get(reading.name.as_str());
                assert!(value.is_some_and(|value| matches!(value, Given::Value(_))), "{finding}");
                self.count("readings");
            }
            Subject::Agent(_) | Subject::Resource(_) | Subject::Stream(_) | Subject::Device(_) => {}
        }
    }

    /// Whether an order does no harm, worked out anew.
    fn fair(
        &self,
        now: Now,
        order: &DeviceOrder,
        before: &BTreeMap<ActionKey, (DeviceOrder, Fate)>,
        inventory: &Inventory,
    ) {
        let known = self.last.get(&order.device).filter(|(at, ..)| now.mono.since(*at) < FRESH);
        if disturbs(&order.action) {
            let seen = known.is_some_and(|(_, _, report)| report.sight == Sight::Seen);
            assert!(seen, "{order:?} disturbs while blind");
        }
        for (other, fate) in before.values().filter(|(other, _)| meets(other, order)) {
            assert_ne!(*fate, Fate::Open, "{order:?} while {other:?} is under way");
            let undecided = *fate == Fate::Undecided && disturbs(&order.action);
            assert!(!undecided, "{order:?} while nobody knows of {other:?}");
        }
        // The version that it said last, however long ago.
        let said = self.last.get(&order.device).and_then(|(_, _, report)| report.health.as_ref());
        let version = said.and_then(|health| health.version.clone()).unwrap_or_default();
        let frozen = |freeze: &&Freeze| freeze.version == version && freeze.does == order.action.does();
        let interface = serde_json::to_value(interface(&order.device)).unwrap();
        let mut frozen = self.frozen.iter().filter(frozen);
        let found = frozen.find(|freeze| serde_json::to_value(freeze.interface).unwrap() == interface);
        assert_eq!(found, None, "{order:?}");
        if let Action::Dial { address, .. } = &order.action {
            crosses_no_network(&order.device, address, inventory);
        }
        for meeting in inventory.meetings.values().filter(|it| it.owner == MeetingOwner::Superior) {
            let live = meeting.starts <= now.utc && now.utc < meeting.ends;
            let carries = match &order.device {
                Device::Mcu(id) => meeting.mcu.as_ref() == Some(id),
                Device::Endpoint(_) | Device::Equipment(_) => false,
            };
            assert!(!(live && carries), "{order:?} in a superior's meeting");
        }
    }

    /// A request that comes again gets the first one's key.
    fn answers(
        &mut self,
        input: &Input,
        decision: &Decision,
        before: &BTreeMap<ActionKey, (DeviceOrder, Fate)>,
    ) {
        let Input::Commanded { command: Command::Act { request, dry_run: false, .. }, .. } = input else {
            return;
        };
        let ordered = |effect: &Effect| {
            if let Effect::Reply { outcome: Outcome::Ordered(key), .. } = effect {
                Some(key.clone())
            } else {
                None
            }
        };
        let Some(key) = decision.effects.iter().find_map(ordered) else { return };
        if let Some(request) = request {
            assert_eq!(self.requests.get(request), Some(&key), "{request}");
            if before.contains_key(&key) {
                self.count("asked again");
            }
        } else {
            assert!(!before.contains_key(&key), "{key:?} is an older order");
        }
    }
}

fn interface(device: &Device) -> &'static str {
    match device {
        Device::Mcu(_) => "janus",
        Device::Endpoint(_) => "te",
        Device::Equipment(_) => "snmp",
    }
}

fn disturbs(action: &Action) -> bool {
    match action {
        Action::KeyFrame { .. } => false,
        Action::Mute { participant, .. } | Action::Layout { participant, .. } => participant.is_none(),
        Action::Dial { .. }
        | Action::Redial { .. }
        | Action::Disconnect { .. }
        | Action::Broadcast { .. }
        | Action::MoveParticipant { .. }
        | Action::MigrateConference { .. }
        | Action::Drain { .. } => true,
    }
}

/// Whether two orders are surely about one site.
fn meets(one: &DeviceOrder, other: &DeviceOrder) -> bool {
    let rooms = (one.action.conference(), other.action.conference());
    let apart = matches!(rooms, (Some(one), Some(other)) if one != other);
    let whom = |action: &Action| {
        if let Action::Dial { address, .. } = action {
            return Some((address.clone(), true));
        }
        action.participant().map(|participant| (participant.as_str().to_owned(), false))
    };
    let same = match (whom(&one.action), whom(&other.action)) {
        // That a reference and an address are one site is known only from a roster in which it stands.
        (Some((one, called)), Some((other, also))) => one == other && called == also,
        (None, _) | (_, None) => true,
    };
    one.device == other.device && !apart && same
}

fn crosses_no_network(device: &Device, address: &str, inventory: &Inventory) {
    let endpoint = inventory.endpoints.values().find(|endpoint| endpoint.address == address);
    let venue = &endpoint.unwrap_or_else(|| panic!("{address} is nobody's")).venue;
    let at = |venue| {
        let links = inventory.links.values().filter(move |link| &link.venue == venue);
        links.map(|link| link.network)
    };
    let shares = match device {
        Device::Mcu(id) => at(venue).any(|network| network == inventory.mcus[id].network),
        Device::Endpoint(id) => {
            let own: Vec<_> = at(&inventory.endpoints[id].venue).collect();
            at(venue).any(|network| own.contains(&network))
        }
        Device::Equipment(_) => false,
    };
    assert!(shares, "{address} is on another network than {device}");
}

/// Which device worlds must have visited what they are for.
pub(super) const VISITED: [&str; 13] = [
    "disturbing",
    "gentle",
    "looked at",
    "decided",
    "frozen",
    "thawed",
    "asked again",
    "down",
    "blind",
    "said of itself",
    "sites",
    "readings",
    "calls",
];

/// A die that is thrown for devices as often as for everything else.
pub(super) fn about_devices(dice: &mut Dice) -> bool {
    dice.roll(3) == 0
}

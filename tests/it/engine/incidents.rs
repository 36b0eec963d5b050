//! Incidents at scale, what must always hold of them, and a whole life over restarts.

use std::collections::BTreeSet;

use vcops::domain::fault::FaultClass;
use vcops::domain::id::McuId;
use vcops::domain::incident::{Confidence, IncidentId, IncidentState};
use vcops::domain::inventory::{Item, Resource};
use vcops::domain::time::{Span, US_PER_S, Utc};
use vcops::engine::DurableState;
use vcops::engine::alarm::{Suppressor, view};
use vcops::engine::effect::Outcome;
use vcops::engine::finding::{FindingKey, RuleCode, Severity, Subject};
use vcops::engine::input::{Command, IncidentAsk, Input};
use vcops::engine::state::{Finding, Incident};
use vcops::observation::Source;
use vcops::observation::device::Device;

use super::care::{alarm_ask, no_alarm_is_lost, nothing_is_forgotten};
use super::world::{World, city};

const VENUES: usize = 300;
const STAY_DOWN: usize = 12;

fn names(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("v{n:03}")).collect()
}

/// A live meeting of 300 venues on one MCU, each with a stream and none with an agent.
fn province() -> World {
    let mut world = World::new("2026-11-20T01:59:50Z");
    let venues = names(0..VENUES);
    let named: Vec<&str> = venues.iter().map(String::as_str).collect();
    let mut inventory = city(&named, "2026-11-20T02:00:00Z");
    inventory.agents.clear();
    inventory.meetings.values_mut().for_each(|meeting| meeting.automatic_rounds = false);
    let mut items: Vec<Item> = inventory.items().collect();
    for venue in &venues {
        let stream = serde_json::json!({"stream": {"id": format!("s-{venue}"), "name": venue, "role": "venue",
            "venue": venue, "mcu": "mcu-1", "source": format!("rtsp://10.0.0.1/{venue}")}});
        items.push(serde_json::from_value(stream).unwrap());
    }
    let streams = items.split_off(items.len() - VENUES);
    world.put(items);
    tell(&mut world, "bridge mcu-1");
    world.put(streams);
    venues.iter().for_each(|venue| world.watches(&format!("s-{venue}"), Source::Hub));
    tell(&mut world, &format!("roster mcu-1 {}", venues.join(" ")));
    tell(&mut world, &format!("flows {}", of_streams(&venues)));
    world.pass(Span::seconds(30));
    let raised: Vec<String> = world.state.durable.findings.keys().map(ToString::to_string).collect();
    assert!(raised.is_empty(), "{raised:?}");
    world
}

fn of_streams(venues: &[String]) -> String {
    venues.iter().map(|venue| format!("s-{venue}")).collect::<Vec<_>>().join(" ")
}

fn tell(world: &mut World, line: &str) {
    let words: Vec<&str> = line.split_whitespace().collect();
    assert!(world.tell_streams(&words) || world.tell_devices(&words).is_some(), "{line}");
}

fn open(world: &World) -> Vec<&Incident> {
    let all = world.state.durable.incidents.values().map(AsRef::as_ref);
    all.filter(|incident: &&Incident| incident.state.is_open()).collect()
}

/// One incident explains itself; of the alarms under a cause exactly one speaks for it, and it is there.
fn sound(world: &World) {
    for incident in open(world) {
        let reason = &incident.assessment.reason;
        assert!(!reason.zh.is_empty() && !reason.en.is_empty(), "{} explains itself", incident.id);
        let raised: BTreeSet<&FindingKey> = incident.raised().collect();
        assert_eq!(raised.len(), incident.raised as usize);
        let by_parent = |key: &&&FindingKey| {
            matches!(view(&world.state, world.now, key).suppressed, Some(Suppressor::Parent { .. }))
        };
        let silent = raised.iter().filter(by_parent).count();
        if incident.assessment.cause.is_some() && !raised.is_empty() {
            assert_eq!(silent + 1, raised.len(), "one alarm speaks for {}", incident.id);
        } else {
            assert_eq!(silent, 0);
        }
    }
    let matters = |finding: &&Finding| finding.severity > Severity::Information;
    for finding in world.state.durable.findings.values().filter(matters) {
        let incident = finding.incident.and_then(|id| world.state.durable.incidents.get(&id));
        let there = incident.is_some_and(|incident| incident.members.contains_key(&finding.key));
        assert!(there, "{} is in its incident", finding.key);
    }
}

#[test]
fn three_hundred_venues_on_one_mcu_are_one_incident_and_twelve_stay_down_for_themselves() {
    let mut world = province();
    let venues = names(0..VENUES);
    tell(&mut world, &format!("down silent {}", of_streams(&venues)));
    world.pass(Span::seconds(1));
    assert_eq!(open(&world).len(), 1, "lost at once, they are one incident within a second");
    tell(&mut world, "gone mcu-1");
    world.pass(Span::seconds(10));
    let opened = world.state.durable.incidents_opened;
    assert_eq!((opened, open(&world).len()), (1, 1), "nothing was opened that had to be merged");
    let incident = open(&world)[0];
    let assessment = &incident.assessment;
    let mcu = McuId::parse("mcu-1").unwrap();
    assert_eq!(assessment.cause, Some(Resource::Mcu(mcu.clone())));
    assert_eq!((assessment.class, assessment.confidence), (FaultClass::McuDown, Confidence::High));
    assert!(incident.raised as usize > VENUES, "{}", incident.raised);
    assert_eq!(incident.venues().len(), VENUES);
    sound(&world);
    let down = FindingKey { rule: RuleCode::McuDown, subject: Subject::Device(Device::Mcu(mcu)) };
    assert!(view(&world.state, world.now, &down).annunciates(), "the cause itself speaks");
    world.restart();
    tell(&mut world, "gone mcu-1");
    tell(&mut world, &format!("down silent {}", of_streams(&venues)));
    world.pass(Span::seconds(30));
    assert_eq!((world.state.durable.incidents_opened, open(&world).len()), (1, 1), "a restart opens nothing");

    let back = names(STAY_DOWN..VENUES);
    let left = names(0..STAY_DOWN).iter().map(|venue| format!("{venue}:left ")).collect::<String>();
    tell(&mut world, &format!("roster mcu-1 {left} {}", back.join(" ")));
    tell(&mut world, &format!("flows {}", of_streams(&back)));
    world.pass(Span::seconds(200));
    let first = &world.state.durable.incidents[&IncidentId(1)];
    assert_eq!((first.state, first.raised), (IncidentState::Resolved, 0));
    let own: Vec<&Incident> = open(&world);
    assert_eq!(own.len(), STAY_DOWN, "each that stays down is its own");
    for incident in own {
        assert_eq!(incident.venues().len(), 1, "{:?}", incident.venues());
        assert_eq!(incident.assessment.class, FaultClass::EndpointFault);
    }
    sound(&world);
}

/// Streams fail and come back, people do what they do, right or wrong, the clock is stepped, the process dies: no alarm
/// is lost and nothing that matters is nobody's.
#[test]
fn whatever_people_do_no_alarm_is_lost() {
    let (mut commands, mut refusals) = (0, 0);
    for seed in 1..=8_u64 {
        let mut dice = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut roll = |sides: u64| {
            dice ^= dice >> 12;
            dice ^= dice << 25;
            dice ^= dice >> 27;
            (dice.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
        };
        let mut world = World::new("2026-11-20T01:59:00Z");
        let venues = names(0..8);
        let named: Vec<&str> = venues.iter().map(String::as_str).collect();
        let mut inventory = city(&named, "2026-11-20T02:00:00Z");
        inventory.agents.clear();
        inventory.meetings.values_mut().for_each(|meeting| meeting.automatic_rounds = false);
        world.put(inventory.items().collect());
        tell(&mut world, "mcu mcu-1");
        venues
            .iter()
            .for_each(|venue| tell(&mut world, &format!("stream s-{venue} venue venue={venue} mcu=mcu-1")));
        tell(&mut world, &format!("flows {}", of_streams(&venues)));
        world.pass(Span::seconds(70));
        for _ in 0..150 {
            let venue = &venues[roll(8) as usize];
            match roll(12) {
                0 | 1 => tell(&mut world, &format!("down silent s-{venue}")),
                2 => tell(&mut world, &format!("down silent {}", of_streams(&venues[..5]))),
                3 | 4 => tell(&mut world, &format!("flows {}", of_streams(&venues))),
                5 => world.pass(Span::seconds(1 + roll(90))),
                6 => world.restart(),
                7 => {
                    let by_us = (roll(8) as i64 - 4) * 900 * US_PER_S;
                    world.now.utc = Utc(world.now.utc.0 + by_us);
                    world.input(Input::ClockStepped { by_us });
                }
                8..=10 => {
                    let command = incident_command(&world, &mut roll);
                    let outcome = world.command(command);
                    commands += 1;
                    refusals += usize::from(matches!(outcome, Outcome::Refused(_)));
                }
                _ => {
                    let key = format!("stream.lost/s-{venue}");
                    let until = world.now.utc + Span::seconds(30 + roll(600));
                    let words = ["ack", "unack", "shelve", "once", "out_of_service", "unshelve"];
                    let word = words[roll(6) as usize];
                    let until = until.to_string();
                    let timed = [word, until.as_str(), key.as_str()];
                    let plain = [word, key.as_str()];
                    let with_time = matches!(word, "shelve" | "once" | "out_of_service");
                    let ask = alarm_ask(if with_time { &timed } else { &plain }, "检修");
                    world.command(ask);
                }
            }
            world.pass(Span::millis(300 + roll(2_000)));
            no_alarm_is_lost(&world);
        }
        tell(&mut world, &format!("flows {}", of_streams(&venues)));
        world.pass(Span::minutes(180));
        nothing_is_forgotten(&world);
        let mut folded = DurableState::default();
        world.journal.iter().for_each(|event| folded.apply(event));
        assert_eq!(folded, world.state.durable, "world {seed}");
    }
    assert!(commands > 100 && refusals > 10 && refusals < commands, "{refusals} of {commands}");
}

fn incident_command(world: &World, roll: &mut impl FnMut(u64) -> u64) -> Command {
    let opened = world.state.durable.incidents_opened.max(1);
    let incident = IncidentId(1 + roll(opened));
    let into = IncidentId(1 + roll(opened));
    let why = if roll(9) == 0 { "" } else { "处理" }.to_owned();
    let known = world.state.durable.incidents.get(&incident);
    let raised = known.and_then(|known| known.raised().next().cloned());
    let ask = match roll(9) {
        0 | 1 => IncidentAsk::Ack,
        2 => IncidentAsk::Unack { why },
        3 => IncidentAsk::Mitigated { why },
        4 => IncidentAsk::Resolve { why },
        5 => IncidentAsk::FalseAlarm { why },
        6 => IncidentAsk::Merge { into, why },
        7 => IncidentAsk::Split { members: raised.into_iter().collect(), why },
        _ => IncidentAsk::Reopen { why },
    };
    Command::Incident { incident, ask }
}

//! The two theorems: the journal folds to the durable state byte for byte, a recording of inputs replays to the same
//! picture and effects. And journals of earlier versions still fold.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use vcops::domain::check::{ConfirmItem, RoomItem, RoundId, RoundKind};
use vcops::domain::id::{LinkId, MeetingId, VenueId};
use vcops::domain::incident::IncidentId;
use vcops::domain::inventory::Consent;
use vcops::domain::lang::Lang;
use vcops::domain::time::{Span, Window};
use vcops::engine::effect::Outcome;
use vcops::engine::escalation::PagingChange;
use vcops::engine::event::{Durable, Event, What};
use vcops::engine::input::{Command, Input, Party, RetestScope, RollCallAnswer, RoomOutcome};
use vcops::engine::plan::StepChange;
use vcops::engine::record::{canonical, decode, encode};
use vcops::engine::state::Times;
use vcops::engine::{Decision, DurableState, State, apply, decide};
use vcops::observation::{Fact, Misbehaviour, Source, TestOutcome};
use vcops::report::{Snapshot, story};

use super::world::{Line, World, key, lossy, path};

#[test]
fn the_journal_folds_to_the_durable_state_byte_for_byte() {
    for world in [lived(), watched(), told(), cared(), planned()] {
        folds(&world);
    }
}

fn folds(world: &World) {
    let mut folded = DurableState::default();
    for event in &world.journal {
        let record = encode(event);
        let read = decode(record.version, &record.body).unwrap();
        assert_eq!(encode(&read), record, "writing is a fixed point");
        folded.apply(&read);
    }
    assert_eq!(canonical(&folded), canonical(&world.state.durable));
    // A state row reads back to the same state, so that folding can start there.
    let row: DurableState = serde_json::from_slice(&canonical(&folded)).unwrap();
    assert_eq!(row, world.state.durable);
    assert!(world.journal.len() > 20, "the life was worth recording");
}

#[test]
fn a_recording_replays_to_the_same_state_and_effects() {
    for world in [lived(), watched(), told(), cared(), planned()] {
        replays(&world);
    }
}

fn replays(world: &World) {
    let mut state = State::default();
    for ((now, input), expected) in world.recording.iter().zip(&world.decisions) {
        if matches!(input, Input::Started { .. }) {
            state = State::new(std::mem::take(&mut state.durable));
        }
        // Through JSON, as the recording on disk goes.
        let text = serde_json::to_string(input).unwrap();
        let input: Input = serde_json::from_str(&text).unwrap();
        let decision: Decision = decide(&state, *now, &input);
        assert_eq!(&decision, expected);
        decision.events.iter().for_each(|event| apply(&mut state, event));
    }
    assert_eq!(state, world.state);
}

#[test]
fn journals_of_every_version_still_fold_to_what_they_meant() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/journals");
    // Version, rows. Both tell the same life, so both fold to the same state.
    for (version, rows) in [(1, 66), (2, 66)] {
        let (count, state) = fold(version, &folder.join(format!("v{version}.jsonl")));
        assert_eq!(count, rows, "v{version}");
        assert_eq!(sha256(&state), STATE_SHA256, "the sample of version {version} folds to another state");
        let evidence = state.rounds[&RoundId(1)].cells[&key("guidong", path("guidong-a"))].evidence.as_ref();
        assert_eq!(evidence.unwrap().figures["burst_to_venue_max"], 6.0, "v{version}: bursts were kept");
    }
}

/// Version 3 brought streams: findings with severities, figures and pictures, weighed anew, under one cause.
#[test]
fn the_first_journal_with_streams_still_folds_to_what_it_meant() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/journals/v3.jsonl");
    let (_, state) = fold(3, &file);
    let findings = state.findings.values();
    let shown: Vec<String> = findings
        .map(|finding| {
            let proof = finding.proof.as_deref();
            let figures = proof.map(|proof| proof.figures.len()).unwrap_or_default();
            let pictures = proof.is_some_and(|proof| proof.evidence.is_some());
            let cause = finding.cause.as_ref().map(ToString::to_string).unwrap_or_default();
            let members = finding.members.len();
            format!("{} {} {figures} {pictures} {cause} {members}", finding.key, finding.severity.code())
        })
        .collect();
    let expected = [
        "stream.lost stream s-guidong severe 1 false mcu mcu-1 2",
        "stream.lost stream s-hall critical 1 false mcu mcu-1 2",
        "stream.lost stream s-rucheng severe 1 false mcu mcu-1 2",
        "stream.loss stream s-linwu critical 4 false  0",
        "stream.freeze stream s-linwu critical 2 true  0",
        "stream.open_microphone stream s-guidong severe 1 false  0",
    ];
    assert_eq!(shown, expected);
}

/// Version 4 brought devices: orders that are given once, calls to codecs, findings about MCUs and their sites.
#[test]
fn the_first_journal_with_devices_still_folds_to_what_it_meant() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/journals/v4.jsonl");
    let (_, state) = fold(4, &file);
    let found: Vec<String> = state.findings.keys().map(ToString::to_string).collect();
    assert_eq!(found, ["mcu.down mcu mcu-1", "mcu.died_after_action mcu mcu-1"]);
    assert!(state.findings.values().all(|finding| finding.cause.is_some() || finding.members.is_empty()));
    assert_eq!((state.actions_ordered, state.actions.len(), state.frozen.len()), (2, 2, 1));
    let decided = state.actions.values().filter(|record| record.told.is_some()).count();
    assert_eq!((decided, state.calls.len()), (2, 0));
}

/// Version 5 brought incidents: opened, taken care of, over, reviewed, put right.
#[test]
fn the_first_journal_with_incidents_still_folds_to_what_it_meant() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/journals/v5.jsonl");
    let (_, state) = fold(5, &file);
    let shown = state.incidents.values().map(|incident| {
        let Times { acked, mitigated, resolved, .. } = incident.times;
        let times = [acked, mitigated, resolved].map(|time| u8::from(time.is_some()));
        let (id, stands, class) = (incident.id, incident.state.code(), incident.assessment.class.zh());
        let (raised, notes) = (incident.raised, incident.notes.len());
        format!("{id} {stands} {class} {raised} of {} {notes} {times:?}", incident.members.len())
    });
    let expected = [
        "1 reviewed MCU故障 0 of 4 1 [1, 1, 1]",
        "2 merged 平台失联 0 of 0 0 [0, 0, 0]",
        "3 acked 线路质量下降 1 of 1 0 [1, 0, 0]",
        "4 false_alarm 图像异常 1 of 1 0 [0, 0, 0]",
    ];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    assert_eq!((state.incidents_opened, state.incidents[&IncidentId(1)].corrects()), (4, true));
}

/// Version 6 brought plans that are carried out, who was told, and how duty passed on.
#[test]
fn the_first_journal_with_plans_still_folds_to_what_it_meant() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/journals/v6.jsonl");
    if std::env::var_os("UPDATE").is_some() {
        let rows = planned().journal.into_iter().map(|event| encode(&event).body).map(String::from_utf8);
        let text: String = rows.map(|row| row.unwrap() + "\n").collect();
        std::fs::write(&file, text).unwrap();
    }
    let (_, state) = fold(6, &file);
    let shown = state.runs.values().map(|run| {
        let at = run.at.as_ref().map_or("over", |step| step.as_str());
        let left: Vec<String> =
            run.left.values().map(|left| format!("{}:{}", left.step, left.outcome.code())).collect();
        format!("{}/{} {} {at} {}", run.key.incident, run.key.no, run.plan.id, left.join(" "))
    });
    let expected = ["1/1 f04-endpoint over redial:failed", "1/2 f07-power ups where:done"];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    let told: usize = state.duty.paging.values().map(|paging| paging.told.len()).sum();
    assert_eq!((told > 0, state.duty.handovers.len(), state.inventory.plans.len()), (true, 1, 17));
}

/// The story of an incident has all that the journal has about it: no plan, step or page is left out.
#[test]
fn what_happened_to_an_incident_is_told_in_one_order_and_without_gaps() {
    let world = planned();
    let id = IncidentId(1);
    let snapshot = Snapshot::of(&world.state, world.now, false, &Snapshot::default());
    let told = story(&snapshot, snapshot.incident(id).unwrap(), Lang::Zh);
    assert!(told.is_sorted_by_key(|happened| happened.at), "{told:#?}");
    let count = |step: &str| told.iter().filter(|happened| happened.step == step).count();
    let (mut begun, mut left, mut ended, mut paged) = (0, 0, 0, 0);
    for event in &world.journal {
        let what = &event.what;
        begun += usize::from(matches!(what, What::PlanBegun { run, .. } if run.incident == id));
        ended += usize::from(matches!(what, What::PlanEnded { run, .. } if run.incident == id));
        if let What::StepChanged { run, change: StepChange::Left { .. }, .. } = what {
            left += usize::from(run.incident == id);
        }
        if let What::PagingChanged { incident, change: PagingChange::Paged { told, .. } } = what {
            paged += if *incident == id { told.len() } else { 0 };
        }
    }
    assert!(begun == 2 && left > 1 && paged > 0, "{told:#?}");
    let found = (count("plan_begun"), count("plan_step"), count("plan_ended"), count("told"));
    assert_eq!(found, (begun, left, ended, paged), "{told:#?}");
    let changes = told.iter().filter(|it| !it.step.starts_with("plan_") && it.step != "told").count();
    assert_eq!(changes, snapshot.incident(id).unwrap().timeline.len());
    assert!(told.iter().any(|it| it.text.contains("启动预案“终端故障或掉线应急预案”")), "{told:#?}");
}

/// A venue drops, its plan is carried out in part, another is chosen, duty passes on.
fn planned() -> World {
    let mut world = World::new("2026-11-20T01:59:00Z");
    world.city(&["hall", "v01"], "2026-11-20T02:00:00Z", |inventory| {
        inventory.meetings.values_mut().for_each(|meeting| meeting.automatic_rounds = false);
    });
    world.beating.extend(["hall", "v01"].map(str::to_owned));
    let mut tell = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["pass", seconds] => world.pass(Span::seconds(seconds.parse().unwrap())),
            ["restart"] => world.restart(),
            _ => {
                let outcome = world.tell_devices(&words).or_else(|| world.tell_plans(&words, line));
                assert!(!matches!(outcome, None | Some(Outcome::Refused(_))), "{line}: {outcome:?}");
            }
        }
    };
    let life = "bridge mcu-1\ncodecs hall v01\nplans\nduty a,b l\nroster mcu-1 hall v01\npass 90\n\
        roster mcu-1 hall v01:left\npass 22\nreported worked\npass 30\nreported worked\npass 30\nrestart\n\
        as a choose 1 f07-power 停电\nas a step 1 where answer 1\nas b hand_over day night v01 停电\nas a take_over day night";
    life.lines().map(str::trim).for_each(&mut tell);
    world
}

/// Incidents of every end: reviewed, merged, acknowledged, a false alarm.
fn cared() -> World {
    let mut world = World::new("2026-11-20T01:59:00Z");
    let venues = ["hall", "guidong", "rucheng", "linwu"];
    world.city(&venues, "2026-11-20T02:00:00Z", |inventory| {
        inventory.meetings.values_mut().for_each(|meeting| meeting.automatic_rounds = false);
        let people = serde_json::json!({"lisi": {"id": "lisi", "region": "city"}});
        inventory.people = serde_json::from_value(people).unwrap();
    });
    world.beating.extend(venues.map(str::to_owned));
    let mut tell = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["pass", seconds] => world.pass(Span::seconds(seconds.parse().unwrap())),
            ["restart"] => world.restart(),
            ["incident", id, ask @ ..] => {
                let incident = IncidentId(id.parse().unwrap());
                let ask = super::care::incident_ask(ask, "处理");
                let outcome = world.command(Command::Incident { incident, ask });
                assert!(!matches!(outcome, Outcome::Refused(_)), "{line}: {outcome:?}");
            }
            _ => assert!(world.tell_streams(&words), "{line}"),
        }
    };
    let life = "mcu mcu-1\nstream s-hall venue venue=hall mcu=mcu-1\nstream s-guidong venue venue=guidong mcu=mcu-1\n\
        stream s-rucheng venue venue=rucheng mcu=mcu-1\nstream s-linwu venue venue=linwu\n\
        flows s-hall s-guidong s-rucheng s-linwu\npass 90\ndown silent s-hall s-guidong s-rucheng\npass 2\n\
        incident 1 ack\nincident 1 saw\nrestart\nincident 1 mitigating\nincident 1 mitigated\nincident 1 note\n\
        incident 1 assign lisi\nincident 1 correct lisi 2026-12-01T00:00:00Z\ndown silent s-linwu\npass 2\n\
        incident 2 merge 1\nflows s-hall s-guidong s-rucheng s-linwu\npass 9\nincident 1 resolve\n\
        incident 1 review mcu_down\nsees s-guidong loss 60\npass 7\nincident 3 ack\nsees s-linwu freeze pictures\n\
        pass 3\nincident 4 false_alarm";
    life.lines().map(str::trim).for_each(&mut tell);
    world
}

/// A rehearsal with calls to codecs, then a meeting with orders, of which the MCU dies.
fn told() -> World {
    let mut world = World::new("2026-11-20T01:00:00Z");
    world.city(&["hall", "guidong", "rucheng"], "2026-11-20T02:00:00Z", |inventory| {
        inventory.meetings.values_mut().for_each(|meeting| meeting.automatic_rounds = false);
        inventory.profiles.values_mut().for_each(|profile| profile.confirm = ConfirmItem::ALL.into());
        inventory.venues.values_mut().for_each(|venue| venue.consent = Consent::Standing);
    });
    world.beating.extend(["hall", "guidong", "rucheng"].map(str::to_owned));
    let mut tell = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["pass", seconds] => world.pass(Span::seconds(seconds.parse().unwrap())),
            ["restart"] => world.restart(),
            ["open"] => assert!(!matches!(world.open(RoundKind::PreMeeting), Outcome::Refused(_))),
            ["confirm", venue] => {
                let outcome = world.command(Command::Confirm {
                    round: RoundId(1),
                    venue: venue.parse().unwrap(),
                    item: ConfirmItem::Banner,
                    outcome: RoomOutcome::InOrder,
                    note: "会标已挂".to_owned(),
                    by_telephone_from: None,
                });
                assert_eq!(outcome, Outcome::Done);
            }
            _ => assert!(world.tell_devices(&words).is_some(), "{line}"),
        }
    };
    let life = "bridge mcu-1\ncodecs hall guidong rucheng\nroster mcu-1\nopen\npass 3\ncodec good\ncodec slow\n\
        confirm guidong\nrestart\nroster mcu-1\npass 3300\nroster mcu-1 hall guidong:dead\npass 60\n\
        roster mcu-1 hall guidong rucheng\npass 900\nact mcu-1 redial guidong\nrestart\n\
        roster mcu-1 hall guidong rucheng\nreported unknown\ndecide happened\nact mcu-1 key_frame guidong\n\
        reported told\npass 2\ngone mcu-1\npass 5\nreported worked";
    life.lines().map(str::trim).for_each(&mut tell);
    world
}

fn sha256(state: &DurableState) -> String {
    Sha256::digest(canonical(state)).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// A meeting in which streams fail, recover and are weighed anew, with a restart in the middle.
fn watched() -> World {
    let mut world = World::new("2026-11-20T01:59:00Z");
    let venues = ["hall", "guidong", "rucheng", "linwu"];
    world.city(&venues, "2026-11-20T02:00:00Z", |inventory| {
        let meeting = inventory.meetings.values_mut().next().unwrap();
        meeting.automatic_rounds = false;
        let agenda = serde_json::json!([{"venue": "linwu", "at": "2026-11-20T02:05:00Z"}]);
        meeting.agenda = serde_json::from_value(agenda).unwrap();
    });
    world.beating.extend(venues.map(str::to_owned));
    let mut tell = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["pass", seconds] = words.as_slice() {
            world.pass(Span::seconds(seconds.parse().unwrap()));
        } else if line == "restart" {
            world.restart();
        } else {
            assert!(world.tell_streams(&words), "{line}");
        }
    };
    let life = "mcu mcu-1\nstream s-hall venue venue=hall mcu=mcu-1\nstream s-guidong venue venue=guidong mcu=mcu-1\n\
        stream s-rucheng venue venue=rucheng mcu=mcu-1\nstream s-linwu venue venue=linwu\n\
        flows s-hall s-guidong s-rucheng s-linwu\npass 90\nsees s-linwu freeze suspected\npass 3\n\
        sees s-linwu freeze pictures\nsees s-linwu loss 60\npass 5\nrestart\npass 2\ngood s-linwu\npass 9\n\
        sees s-guidong open_microphone\npass 1\nsees s-linwu freeze pictures\nsees s-linwu loss 60\npass 3\n\
        down silent s-hall s-guidong s-rucheng\npass 2";
    let life = life.replace("open_microphone", "sound");
    life.lines().map(str::trim).for_each(&mut tell);
    world
}

/// SHA-256 of that state's canonical JSON. A new field of the state changes it; a changed meaning must not.
const STATE_SHA256: &str = "39ea76a26f74a1ae17d1c4aaf7a5ef9a778f38585cf62c184a3514d2fa66b780";

fn fold(version: u16, file: &PathBuf) -> (usize, DurableState) {
    let mut state = DurableState::default();
    let text = std::fs::read_to_string(file).unwrap();
    for line in text.lines() {
        let event: Durable = decode(version, line.as_bytes()).unwrap();
        state.apply(&event);
    }
    (text.lines().count(), state)
}

/// A life with something of everything: rounds, faults, evidence, waivers, signatures, restarts, findings.
fn lived() -> World {
    let mut world = World::new("2026-11-20T01:00:00Z");
    world.city(&["hall", "guidong", "rucheng"], "2026-11-25T01:00:00Z", |inventory| {
        inventory.profiles.values_mut().for_each(|profile| profile.room = vec![RoomItem::Ups]);
    });
    world.beating.extend(["hall", "guidong", "rucheng"].map(str::to_owned));
    world.lines.insert("guidong-a".to_owned(), Line::Lossy { lost: 60, run: 6, second: 3 });
    world.lines.insert("guidong-b".to_owned(), Line::Clean { rtt_ms: 612.345_678 });
    world.pass(Span::seconds(3));
    world.open(RoundKind::WholeNetwork);
    evidence(&mut world);
    world.pass(Span::seconds(12));
    world.restart();
    world.pass(Span::seconds(40));
    world.beating.remove("rucheng");
    world.pass(Span::seconds(12));
    let round = RoundId(1);
    world.command(Command::Retest { round, scope: RetestScope::NotPassed });
    world.pass(Span::seconds(30));
    for link in ["guidong-a", "guidong-b", "rucheng-a"] {
        let (venue, _) = link.split_once('-').unwrap();
        world.command(Command::Waive { round, key: key(venue, path(link)), why: "线路割接".to_owned() });
    }
    world.beating.insert("rucheng".to_owned());
    world.pass(Span::seconds(12));
    rooms(&mut world, round);
    let signed =
        world.command(Command::SignOff { round, party: Party::Technical, person: "李四".to_owned() });
    assert_eq!(signed, Outcome::Done);
    others(&mut world);
    world
}

fn rooms(world: &mut World, round: RoundId) {
    for (venue, outcome) in [
        ("hall", RoomOutcome::InOrder),
        ("guidong", RoomOutcome::NotApplicable),
        ("rucheng", RoomOutcome::InOrder),
    ] {
        let recorded = world.command(Command::RecordRoom {
            round,
            venue: venue.parse().unwrap(),
            item: RoomItem::Ups,
            outcome,
            note: "市电与电池均试过".to_owned(),
            photo: Some("ef".repeat(32)),
            by_telephone_from: None,
        });
        assert_eq!(recorded, Outcome::Done);
    }
}

/// What a life has beside rehearsals.
fn others(world: &mut World) {
    let venue: VenueId = "guidong".parse().unwrap();
    let meeting: MeetingId = "m".parse().unwrap();
    let window = Window { from: world.now.utc, until: world.now.utc + Span::minutes(30) };
    let commands = [
        Command::GiveConsent { venue: venue.clone(), window },
        Command::RecordRollCall { meeting, venue, answer: RollCallAnswer::AllInOrder },
        Command::RecordIdentity { what: "user_created".to_owned(), subject: "user:lisi".to_owned() },
        Command::RotateAgentKey { agent: "hall".parse().unwrap(), public_key: "ab".repeat(32) },
        Command::RevokeAgent { agent: "rucheng".parse().unwrap(), why: "更换测试机".to_owned() },
        Command::OpenRound {
            meeting: "m".parse().unwrap(),
            kind: RoundKind::SinglePoint,
            venues: Vec::new(),
        },
        Command::CloseRound { round: RoundId(2) },
    ];
    for command in commands {
        let outcome = world.command(command.clone());
        assert!(!matches!(outcome, Outcome::Refused(_)), "{command:?}: {outcome:?}");
    }
    let agent = Source::Agent("hall".parse().unwrap());
    world.observe(agent, Fact::Misbehaved { what: Misbehaviour::Replayed, count: 3 });
}

/// The venue's side reports its own measurement, twice: it counts once.
fn evidence(world: &mut World) {
    let (test, key) = world
        .state
        .picture
        .tests
        .iter()
        .find(|(_, running)| running.key == key("guidong", path("guidong-a")))
        .map(|(test, running)| (*test, running.key.clone()))
        .unwrap();
    for _ in 0..2 {
        let outcome = TestOutcome::Measured(Box::new(lossy(world.now.utc, 60, 6, &[3])));
        let agent = Source::Agent(key.venue.as_str().parse().unwrap());
        let link = LinkId::parse("guidong-a").unwrap();
        world.observe(agent, Fact::PathTested { test, link, outcome });
    }
    let kept =
        |event: &&Event| matches!(event, Event::Durable(durable) if encode(durable).kind == "evidence_kept");
    assert_eq!(world.decisions.iter().flat_map(|decision| &decision.events).filter(kept).count(), 1);
}

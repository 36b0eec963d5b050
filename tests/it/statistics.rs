//! Statistics from journals: what counts, what is known, and what is said not to be.

use serde_json::{Value, json};
use vcops::domain::check::{Check, RoundId, RoundKind};
use vcops::domain::id::{UserId, VenueId};
use vcops::domain::lang::Lang;
use vcops::domain::time::{Span, Utc, Window};
use vcops::engine::DurableState;
use vcops::engine::event::Durable;
use vcops::engine::input::{Command, RetestScope};
use vcops::report::statistics::{
    ByHand, Chronicle, Desk, Question, Statistics, ThingKind, statistics, statistics_text,
};

use crate::engine::world::{Line, World, key};

const FROM: &str = "2026-11-01T00:00:00Z";
const UNTIL: &str = "2026-12-01T00:00:00Z";

fn at(text: &str) -> Utc {
    Utc::parse(text).unwrap()
}

fn chronicle(journal: &[Durable]) -> Chronicle {
    let mut chronicle = Chronicle::from_state(DurableState::default(), at(FROM));
    journal.iter().for_each(|event| chronicle.take(event));
    chronicle
}

fn counted(world: &World, chronicle: &Chronicle, change: impl FnOnce(&mut Question<'_>)) -> Statistics {
    let desks = [Desk { user: UserId::parse("op").unwrap(), name: "值机".into(), regions: None }];
    let mut question = Question {
        period: Window { from: at(FROM), until: at(UNTIL) },
        now: at("2026-11-30T00:00:00Z"),
        inventory: &world.state.durable.inventory,
        sees: &|_: &VenueId| true,
        sees_all: true,
        desks: &desks,
        by_hand: ByHand::default(),
        lang: Lang::Zh,
    };
    change(&mut question);
    statistics(chronicle, &question)
}

/// `hall` is well, `guidong` loses bursts on its primary, `linwu` has a slow backup, `anren` is off.
fn rehearsed() -> World {
    let mut world = World::new("2026-11-20T01:00:00Z");
    world.city(&["hall", "guidong", "linwu", "anren"], "2026-11-25T01:00:00Z", |_| ());
    world.beating = ["hall", "guidong", "linwu"].map(str::to_owned).into();
    world.lines.insert("guidong-a".to_owned(), Line::Lossy { lost: 42, run: 6, second: 3 });
    world.lines.insert("linwu-b".to_owned(), Line::Clean { rtt_ms: 602.0 });
    world.pass(Span::seconds(2));
    world.open(RoundKind::WholeNetwork);
    world.pass(Span::seconds(40));
    world
}

/// A durable event as the journal has it.
fn event(at: &str, by: &str, what: Value) -> Durable {
    let by = match by {
        "vcops" => json!({"actor": "vcops"}),
        user => json!({"actor": "user", "id": user}),
    };
    serde_json::from_value(json!({"at": at, "by": by, "what": what})).unwrap()
}

/// The stream of `guidong` is lost from `from` on, and incident `n` opens.
fn outage(n: u64, from: &str, detected: &str) -> [Durable; 2] {
    let finding = json!({"rule": "stream.lost", "subject": {"stream": "guidong"}});
    let assessment = json!({"class": "picture", "cause": null, "severity": "severe", "confidence": "high",
        "reason": {"zh": "无图像", "en": "no picture"}, "meeting": null, "phase": null, "onset": from, "judged_from": 1});
    let opening =
        json!({"anchor": null, "assessment": assessment, "members": [finding.clone()], "from": null});
    [
        event(
            detected,
            "vcops",
            json!({"kind": "finding_raised", "finding": finding, "since": from, "cause": null,
            "members": [], "severity": "severe"}),
        ),
        event(detected, "vcops", json!({"kind": "incident_opened", "incident": n, "opening": opening})),
    ]
}

fn step(at: &str, by: &str, n: u64, change: Value) -> Durable {
    event(at, by, json!({"kind": "incident_changed", "incident": n, "change": change}))
}

fn cleared(at: &str) -> Durable {
    let finding = json!({"rule": "stream.lost", "subject": {"stream": "guidong"}});
    event(at, "vcops", json!({"kind": "finding_cleared", "finding": finding}))
}

/// A city whose meeting was live from 02:00 to 04:00 on the 22nd, and whose `guidong` is watched.
fn met() -> World {
    let mut world = World::new("2026-11-20T01:00:00Z");
    world.city(&["hall", "guidong"], "2026-11-22T02:00:00Z", |inventory| {
        let stream = json!({"stream": {"id": "guidong", "name": "桂东", "venue": "guidong", "role": "venue",
            "source": "rtsp://10.0.0.1/live"}});
        inventory.apply(&serde_json::from_value(json!({"put": stream})).unwrap());
        for meeting in inventory.meetings.values_mut() {
            meeting.ends = at("2026-11-22T04:00:00Z");
        }
    });
    world
}

#[test]
fn a_venue_passes_at_the_first_attempt_or_not_at_all() {
    let mut world = rehearsed();
    world.lines.remove("guidong-a");
    let guidong = key("guidong", Check::Path { link: "guidong-a".parse().unwrap() });
    world.command(Command::Retest { round: RoundId(1), scope: RetestScope::Cell(guidong) });
    world.pass(Span::seconds(40));
    let chronicle = chronicle(&world.journal);
    let found = counted(&world, &chronicle, |_| ());
    let first = &found.first_pass;
    assert_eq!(
        (first.rounds, first.passed, first.of, first.unfinished),
        (1, 2, 3, 1),
        "a retest mends no first try"
    );
    assert_eq!((first.pct, first.kinds[0].text), (Some(66.67), "全网联调"));
    let places: Vec<(&str, Option<u32>)> =
        found.venues.iter().map(|card| (card.venue.as_str(), card.rank)).collect();
    assert_eq!((places[0], places[2], places[3]), (("hall", Some(1)), ("guidong", Some(3)), ("anren", None)));
    let line = |id: &str| found.availability.iter().find(|one| one.id == id).unwrap();
    assert_eq!((line("guidong-a").tests, line("guidong-a").tests_failed), (2, 1));
    assert_eq!((line("hall-a").up_s, line("hall-a").available_pct), (0, None), "between tests nobody looks");
    assert_eq!(found.saved, None, "no figure by hand, nothing said");
    let county = counted(&world, &chronicle, |question| {
        question.sees = &|venue: &VenueId| venue.as_str() == "guidong";
        question.sees_all = false;
        question.by_hand = ByHand { minutes_per_venue: Some(30), travel_km_per_venue: Some(80) };
    });
    assert_eq!((county.first_pass.of, county.venues.len(), county.availability.len()), (1, 1, 3));
    let saved = county.saved.unwrap();
    assert_eq!((saved.venues_tested, saved.travel_km), (1, Some(80)));
    assert!(saved.round_minutes > 0.0 && saved.hours == Some(0.5), "less what rounds took: {saved:?}");
}

#[test]
fn times_name_their_zero_and_what_has_no_time_is_counted() {
    let mut world = met();
    let mut journal = world.journal.clone();
    let (open, told) = ("2026-11-22T02:10:00Z", "2026-11-22T02:10:02Z");
    journal.extend(outage(1, open, "2026-11-22T02:10:01Z"));
    journal.push(step(told, "vcops", 1, json!({"step": "marked", "moment": "notified"})));
    journal.push(step("2026-11-22T02:10:31Z", "op", 1, json!({"step": "acked"})));
    journal.push(cleared("2026-11-22T02:20:00Z"));
    let over = json!({"step": "resolved", "why": {"zh": "恢复", "en": "over"}});
    journal.push(step("2026-11-22T02:20:30Z", "vcops", 1, over.clone()));
    journal.extend(outage(2, "2026-11-22T03:00:00Z", "2026-11-22T03:00:03Z"));
    journal.extend(outage(3, "2026-11-22T03:30:00Z", "2026-11-22T03:30:01Z"));
    let wrong = json!({"step": "false_alarm", "why": {"zh": "误报", "en": "nothing"}});
    journal.push(step("2026-11-22T03:31:00Z", "op", 3, wrong));
    world.journal = journal;
    let chronicle = chronicle(&world.journal);
    let found = counted(&world, &chronicle, |_| ());
    let counts = found.incidents;
    assert_eq!((counts.counted, counts.open, counts.false_alarms, counts.drills), (2, 1, 1, 0));
    let figures: Vec<(&str, u32, Option<f64>, Option<f64>, u32, u32)> = found
        .measures
        .iter()
        .map(|one| (one.code, one.n, one.median_s, one.p90_s, one.without, one.without_open))
        .collect();
    let expected = [
        ("mttd", 2, Some(1.0), Some(3.0), 0, 0),
        ("mttn", 1, Some(1.0), Some(1.0), 1, 1),
        ("mtta", 1, Some(30.0), Some(30.0), 1, 1),
        ("mttm", 0, None, None, 2, 1),
        ("mttr", 1, Some(600.0), Some(600.0), 1, 1),
    ];
    assert_eq!(figures, expected);
    assert_eq!(found.measures[4].definition, "首个异常样本 → 故障排除");
    assert_eq!((found.classes.len(), found.classes[0].n, found.classes[0].minutes), (1, 2, 10.0));
    let one = &found.burden[0];
    assert_eq!((one.asked, one.peak_per_10_min, one.acknowledged, one.manageable), (3, 1, 1, true));
    let text = statistics_text(&found, &jiff::tz::TimeZone::UTC, Lang::Zh);
    assert!(text.contains("MTTR") && text.contains("误报 1"), "{text}");
}

#[test]
fn what_nobody_watched_is_unknown_and_not_up() {
    let mut world = met();
    let mut journal = world.journal.clone();
    journal.extend(outage(1, "2026-11-22T02:10:00Z", "2026-11-22T02:10:01Z"));
    journal.push(cleared("2026-11-22T02:20:00Z"));
    // Nothing is written down for an hour, and then the controller starts.
    journal.push(event(
        "2026-11-22T03:20:00Z",
        "vcops",
        json!({"kind": "started", "boot": 2, "version": "0.1.0"}),
    ));
    world.journal = journal;
    let chronicle = chronicle(&world.journal);
    let found = counted(&world, &chronicle, |_| ());
    let venue = |id: &str| {
        let one = found.availability.iter().find(|one| one.kind == ThingKind::Venue && one.id == id).unwrap();
        (one.up_s, one.down_s, one.unknown_s, one.available_pct)
    };
    assert_eq!(venue("guidong"), (50 * 60, 10 * 60, 60 * 60, Some(83.33)));
    assert_eq!(venue("hall"), (0, 0, 2 * 3600, None), "nothing watches it");
    let before = at("2026-11-20T01:00:00Z").since(at(FROM)).as_s();
    assert_eq!(found.not_watching_s as f64, before + 3600.0, "before the journal, and the stop");
}

#[test]
fn a_chronicle_that_goes_on_from_a_months_state_counts_the_same() {
    let world = rehearsed();
    let whole = chronicle(&world.journal);
    let mut state = DurableState::default();
    world.journal.iter().for_each(|event| state.apply(event));
    let mut later = Chronicle::from_state(state, at("2026-11-20T02:00:00Z"));
    let more = outage(1, "2026-11-22T02:10:00Z", "2026-11-22T02:10:01Z");
    let mut whole = whole;
    more.iter().for_each(|event| {
        whole.take(event);
        later.take(event);
    });
    let since = |question: &mut Question<'_>| question.period.from = at("2026-11-20T02:00:00Z");
    let (a, b) = (counted(&world, &whole, since), counted(&world, &later, since));
    assert_eq!((a.incidents, a.measures, a.classes), (b.incidents, b.measures, b.classes));
}

//! What people read of a round: the matrix, the terminal's table, the JSON answer; from a real engine.

use std::collections::BTreeSet;

use unicode_width::UnicodeWidthStr as _;
use vcops::domain::check::{Check, RoundId, RoundKind};
use vcops::domain::lang::Lang;
use vcops::domain::time::Span;
use vcops::engine::input::{Command, RetestScope};
use vcops::engine::verdict::Verdict;
use vcops::report::{CellState, Change, Matrix, Snapshot, json, matrix, table};

use crate::engine::world::{Line, World, key};

const ROUND: RoundId = RoundId(1);

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

fn shown(world: &World, round: RoundId, lang: Lang) -> Matrix {
    let snapshot = Snapshot::of(&world.state, world.now, false, &Snapshot::default());
    matrix(&snapshot, round, lang, |_| true).unwrap()
}

#[test]
fn each_fault_is_named_with_its_figures_and_what_to_do() {
    let world = rehearsed();
    let zh = shown(&world, ROUND, Lang::Zh);
    let verdicts: Vec<(&str, Option<Verdict>)> =
        zh.rows.iter().map(|row| (row.venue.as_str(), row.verdict)).collect();
    let expected = [
        ("hall", Some(Verdict::Pass)),
        ("guidong", Some(Verdict::Fail)),
        ("linwu", Some(Verdict::Warn)),
        ("anren", Some(Verdict::TestBroke)),
    ];
    assert_eq!(verdicts, expected, "a fault on the backup alone is a warning for the venue");
    let guidong = zh.rows[1].cells[2].as_ref().unwrap();
    assert!(
        guidong.text.starts_with("主→分 突发丢包 4.2 %（限值 3 %），最长连续丢 6 包"),
        "{}",
        guidong.text
    );
    assert!(guidong.next_step.contains("报障"), "{}", guidong.next_step);
    let loss = guidong.shown.iter().find(|figure| figure.label.starts_with("丢包")).unwrap();
    assert_eq!(loss.value, "4.2 / 0.0 %");
    let backup = zh.rows[2].cells[3].as_ref().unwrap();
    assert!(backup.text.contains("602 ms（限值 300 ms）"), "{}", backup.text);
    let en = shown(&world, ROUND, Lang::En);
    let text = &en.rows[1].cells[2].as_ref().unwrap().text;
    assert!(text.starts_with("hub→venue burst loss 4.2 % (limit 3 %), longest run 6 packets"), "{text}");
    assert_eq!((zh.counts.pass, zh.counts.warn, zh.counts.fail, zh.counts.test_broke), (1, 1, 1, 1));
}

#[test]
fn the_table_lines_up_though_chinese_is_twice_as_wide() {
    let text = table(&shown(&rehearsed(), ROUND, Lang::Zh), Lang::Zh);
    let lines: Vec<&str> = text.lines().skip(2).take(5).collect();
    let starts = |line: &str, word: &str| line.find(word).map(|at| line[..at].width());
    let column = starts(lines[0], "主用线路").unwrap();
    for line in &lines[1..] {
        let cut: usize = line
            .chars()
            .scan(0, |width, c| {
                *width += c.to_string().width();
                Some((*width, c.len_utf8()))
            })
            .take_while(|(width, _)| *width <= column)
            .map(|(_, bytes)| bytes)
            .sum();
        assert!(line[..cut].ends_with("  "), "a cell starts where its heading does: {line:?}");
    }
    let anren = text.split("\n\n").find(|part| part.starts_with("anren分会场")).unwrap();
    assert!(anren.contains("到岗、时钟、"), "checks that say the same share a paragraph: {anren}");
    assert_eq!(anren.matches("下一步").count(), 1);
}

#[test]
fn the_json_answer_has_exactly_its_names() {
    let answer = serde_json::to_value(json(&shown(&rehearsed(), ROUND, Lang::Zh), Vec::new())).unwrap();
    let keys =
        |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(keys(&answer), set(&["seeded", "verdicts", "quality", "seconds"]));
    let verdicts = answer["verdicts"].as_array().unwrap();
    assert_eq!(verdicts.len(), 16, "four checks at each of four venues");
    for verdict in verdicts {
        let names = ["venue", "check", "direction", "verdict", "reason", "text", "figures"];
        assert_eq!(keys(verdict), set(&names));
    }
    let burst = verdicts.iter().find(|verdict| verdict["check"] == "path:guidong-a").unwrap();
    assert_eq!((&burst["reason"], &burst["direction"]), (&"burst_loss".into(), &"to_venue".into()));
    assert_eq!(answer["quality"], "good");
}

#[test]
fn a_retest_keeps_what_was_found_until_it_knows_better_and_the_next_round_compares() {
    let mut world = rehearsed();
    let guidong = key("guidong", Check::Path { link: "guidong-a".parse().unwrap() });
    world.command(Command::Retest { round: ROUND, scope: RetestScope::Cell(guidong) });
    let open = shown(&world, ROUND, Lang::Zh);
    let cell = open.rows[1].cells[2].as_ref().unwrap();
    assert_ne!(cell.state, CellState::Done);
    assert_eq!(cell.verdict, Some(Verdict::Fail));
    world.lines.remove("guidong-a");
    world.pass(Span::seconds(40));
    let done = shown(&world, ROUND, Lang::Zh);
    let cell = done.rows[1].cells[2].as_ref().unwrap();
    assert_eq!((cell.state, cell.verdict, cell.attempt), (CellState::Done, Some(Verdict::Pass), 2));

    world.lines.insert("guidong-a".to_owned(), Line::Lossy { lost: 42, run: 6, second: 3 });
    world.open(RoundKind::PreMeeting);
    world.pass(Span::seconds(40));
    let next = shown(&world, RoundId(2), Lang::Zh);
    assert_eq!(next.compared_with, Some(ROUND));
    let previous = next.rows[1].cells[2].as_ref().unwrap().previous.clone().unwrap();
    assert_eq!((previous.round, previous.verdict, previous.change), (ROUND, Verdict::Pass, Change::Worse));
}

#[test]
fn snapshots_share_what_has_not_changed() {
    let mut world = rehearsed();
    let first = Snapshot::of(&world.state, world.now, false, &Snapshot::default());
    world.heartbeat("hall", |_| ());
    let second = Snapshot::of(&world.state, world.now, false, &first);
    assert!(std::sync::Arc::ptr_eq(&first.inventory, &second.inventory));
    assert!(std::sync::Arc::ptr_eq(&first.rounds[0], &second.rounds[0]));
    assert_eq!((first.seq, second.seq), (1, 2));
}

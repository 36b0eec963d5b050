//! What people and programs see of watched streams: the snapshot's views and their words.

use vcops::domain::time::Span;
use vcops::engine::finding::{RuleCode, Severity};
use vcops::report::{Snapshot, StreamView};

use crate::engine::world::World;

fn snapshot(world: &World) -> Snapshot {
    Snapshot::of(&world.state, world.now, false, &Snapshot::default())
}

#[test]
fn a_view_tells_age_part_findings_and_words_and_survives_json() {
    let mut world = World::new("2026-11-20T01:50:00Z");
    world.city(&["hall", "guidong"], "2026-11-20T02:00:00Z", |_| ());
    for line in ["stream s-hall venue venue=hall", "stream s-guidong venue venue=guidong", "flows s-guidong"]
    {
        assert!(world.tell_streams(&line.split(' ').collect::<Vec<_>>()));
    }
    world.pass(Span::minutes(15));
    for line in ["sees s-guidong loss 60", "sees s-guidong freeze pictures"] {
        assert!(world.tell_streams(&line.split(' ').collect::<Vec<_>>()));
    }
    world.pass(Span::seconds(3));
    let views = snapshot(&world).streams;
    let unheard = &views[&"s-hall".parse().unwrap()];
    assert!(unheard.watched && !unheard.fresh && unheard.age_ms.is_none() && unheard.report.is_none());
    let view = &views[&"s-guidong".parse().unwrap()];
    assert!(view.fresh && view.age_ms.is_some_and(|age| age < 1_001));
    assert_eq!(view.severity(), Some(Severity::Severe));
    let rules: Vec<RuleCode> = view.findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, [RuleCode::StreamLoss, RuleCode::StreamFreeze], "of equals the earlier first");
    let loss = &view.findings[0];
    assert_eq!(loss.text.zh, "码流丢包 6 %（限值 5 %，10 秒内丢 60/1000 包）");
    assert!(loss.next_step.as_ref().is_some_and(|step| step.zh.contains("线路")));
    assert!(view.findings[1].evidence.as_ref().is_some_and(|pictures| pictures.before.is_some()));
    let text = serde_json::to_string(view).unwrap();
    assert_eq!(&serde_json::from_str::<StreamView>(&text).unwrap(), view);
    world.tell_streams(&["quiet", "s-guidong"]);
    world.pass(Span::seconds(4));
    let view = &snapshot(&world).streams[&"s-guidong".parse().unwrap()];
    assert!(!view.fresh && view.age_ms.is_some_and(|age| age >= 3_000), "an old report is no present truth");
}

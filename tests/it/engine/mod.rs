//! The engine as a whole, in virtual time.

mod world;

use vcops::domain::check::{Check, RoundId, RoundKind};
use vcops::domain::time::Span;
use vcops::engine::effect::{Effect, Outcome};
use vcops::engine::verdict::{ReasonCode, Verdict};
use vcops::observation::TestOutcome;
use world::{World, clean, key, lossy, path};

#[test]
fn a_round_is_judged_with_reasons_and_ends() {
    let mut world = World::new("2026-11-20T01:00:00Z");
    world.city(&["hall", "guidong", "rucheng"], "2026-11-25T01:00:00Z", |_| ());
    world.heartbeat("hall", |_| ());
    world.heartbeat("guidong", |_| ());
    assert_eq!(world.open(RoundKind::WholeNetwork), Outcome::Round(RoundId(1)));
    assert_eq!(world.running().len(), 4, "both links of the two venues that are there");
    world.pass(Span::seconds(20), &["hall", "guidong"]);
    for (test, link) in world.running() {
        let stats = match link.as_str() {
            "guidong-a" => lossy(world.now.utc, 60, 6, &[3]),
            "guidong-b" => clean(world.now.utc, 600.0),
            _ => clean(world.now.utc, 4.0),
        };
        world.tested(test, &link, TestOutcome::Measured(Box::new(stats)));
    }
    let round = &world.state.durable.rounds[&RoundId(1)];
    assert!(round.ended.is_some_and(|end| !end.closed));
    let cell = |venue: &str, check: Check| {
        let judged = round.cells[&key(venue, check)].latest.clone().unwrap().judgement;
        (judged.verdict, judged.reason)
    };
    assert_eq!(cell("hall", path("hall-a")), (Verdict::Pass, ReasonCode::WithinLimits));
    assert_eq!(cell("guidong", path("guidong-a")), (Verdict::Fail, ReasonCode::BurstLoss));
    assert_eq!(cell("guidong", path("guidong-b")), (Verdict::Fail, ReasonCode::Rtt));
    assert_eq!(cell("rucheng", Check::Presence), (Verdict::TestBroke, ReasonCode::AgentOffline));
    assert_eq!(cell("rucheng", path("rucheng-a")), (Verdict::TestBroke, ReasonCode::AgentOffline));
    let orders = world.effects.iter().filter(|effect| matches!(effect, Effect::TestPath { .. })).count();
    assert_eq!(orders, 4);
}

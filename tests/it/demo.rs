//! The demo as its users run it: exactly the seeded faults are named, and everything is gone afterwards.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use vcops::demo::{Demo, McuFault, Options};
use vcops::domain::inventory::Resource;
use vcops::engine::finding::RuleCode;
use vcops::engine::state::Finding;

/// Seeds rehearsed: one in the everyday run, five in the long one.
fn seeds() -> std::ops::RangeInclusive<u64> {
    if std::env::var_os("VCOPS_SOAK").is_some() { 1..=5 } else { 3..=3 }
}

#[test]
fn the_demo_names_exactly_the_seeded_faults() {
    for seed in seeds() {
        let home = tempfile::tempdir().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_vcops"))
            .args(["demo", "--once", "--json", "--seed", &seed.to_string()])
            .env("TMPDIR", home.path())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "an agent that is off outranks a failure: {errors}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(named(&answer), expected(&answer), "seed {seed}: {answer}");
        println!("seed {seed}: {} s, quality {}", answer["seconds"], answer["quality"]);
        let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().collect();
        assert!(left.is_empty(), "the demo left {left:?}");
    }
}

/// Venue, check, direction and reason of everything that did not pass.
fn named(answer: &Value) -> Vec<String> {
    let verdicts = answer["verdicts"].as_array().unwrap();
    assert_eq!(verdicts.len(), 13 * 4, "every venue has four checks");
    let bad = verdicts.iter().filter(|verdict| verdict["verdict"] != "pass");
    let word = |value: &Value| value.as_str().unwrap_or("null").to_owned();
    let mut named: Vec<String> = bad
        .map(|v| ["venue", "check", "direction", "verdict", "reason"].map(|field| word(&v[field])).join(" "))
        .collect();
    named.sort();
    named
}

fn expected(answer: &Value) -> Vec<String> {
    let mut expected = Vec::new();
    for fault in answer["seeded"].as_array().unwrap() {
        let venue = fault["venue"].as_str().unwrap();
        let direction = fault["direction"].as_str().unwrap_or("null");
        match fault["fault"].as_str().unwrap() {
            "burst_loss" => expected.push(format!("{venue} path:{venue}-1 {direction} fail burst_loss")),
            "slow_backup" => expected.push(format!("{venue} path:{venue}-2 null fail rtt")),
            "agent_off" => {
                let checks = ["presence", "clock", &format!("path:{venue}-1"), &format!("path:{venue}-2")];
                expected.extend(checks.map(|check| format!("{venue} {check} null test_broke agent_offline")));
            }
            other => panic!("unknown fault {other}"),
        }
    }
    expected.sort();
    expected
}

/// Clips lie where the program keeps them: making them takes longer than the rest.
fn options(janus: &str) -> Options {
    let clips = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/vcops-demo-clips"));
    Options { seed: 3, program: env!("CARGO_BIN_EXE_vcops").into(), clips, janus: PathBuf::from(janus) }
}

/// The city in its meeting, all thirteen venues in the MCU's room and well.
async fn in_a_meeting() -> Demo {
    let demo = Demo::start(&options("janus")).await.unwrap();
    assert!(demo.has_mcu(), "janus is missing: scripts/system-packages.sh demo installs it");
    demo.begin_meeting().await.unwrap();
    demo.flowing().await.unwrap();
    demo.mcu_seen().await.unwrap();
    assert_eq!(demo.findings_of_mcu(), [], "thirteen venues are in the room, and all is well");
    demo
}

/// The MCU and its mix are all that is said, and the MCU is the cause.
fn is_the_only_cause(found: &[Finding]) {
    assert!(found.len() <= 2, "the MCU and its mix, and no venue: {found:?}");
    for finding in found {
        assert_eq!(finding.cause, Some(Resource::Mcu("mcu".parse().unwrap())), "{finding:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_mcu_gives_one_cause_and_not_thirteen_findings() {
    let mut demo = in_a_meeting().await;
    let took = demo.spoil_mcu(McuFault::Kill).await.unwrap();
    println!("killed: shown after {:.1} s", took.as_secs_f64());
    // Whatever else there is to say of it would be said by now.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let found = demo.findings_of_mcu();
    assert!(found.iter().any(|finding| finding.key.rule == RuleCode::McuDown), "{found:?}");
    is_the_only_cause(&found);
    demo.mend_mcu().await.unwrap();
    demo.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_mcu_that_hangs_is_suspected_and_never_called_down_and_goes_on() {
    let mut demo = in_a_meeting().await;
    let took = demo.spoil_mcu(McuFault::Hang).await.unwrap();
    println!("hung: shown after {:.1} s", took.as_secs_f64());
    tokio::time::sleep(Duration::from_secs(20)).await;
    let found = demo.findings_of_mcu();
    let rules: Vec<RuleCode> = found.iter().map(|finding| finding.key.rule).collect();
    let told: Vec<_> = found.iter().map(|it| (it.key.rule, &it.cause, it.incident)).collect();
    println!("hung for twenty seconds: {told:?}");
    assert!(!rules.contains(&RuleCode::McuDown), "its host answers: {found:?}");
    assert!(rules.contains(&RuleCode::McuBlind) || rules.contains(&RuleCode::McuSuspected), "{found:?}");
    assert!(found.len() <= 2, "the MCU and its mix, and no venue: {found:?}");
    demo.mend_mcu().await.unwrap();
    demo.mcu_seen().await.unwrap();
    demo.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_janus_the_city_does_without_an_mcu() {
    let demo = Demo::start(&options("no-such-program")).await.unwrap();
    assert!(!demo.has_mcu());
    assert_eq!(demo.findings_of_mcu(), []);
    demo.stop().await.unwrap();
}

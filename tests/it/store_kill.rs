//! Killed at every failpoint, again and again: nothing acknowledged is missing, nothing is counted twice.

use vcops::metrics::failpoint::Failpoint;

use crate::store_workload::{Orders, audit, check};

/// Kills per failpoint: a slice, or with `VCOPS_SOAK` the full count.
fn kills() -> u64 {
    if std::env::var("VCOPS_SOAK").is_ok() { 40 } else { 2 }
}

/// How often a run passes a failpoint at least; later passages are chosen within that.
fn passages(point: Failpoint) -> u64 {
    let listed = [("between_rows", 20), ("backup", 1), ("restore", 1), ("segment.drop", 1), ("rotate", 2)];
    let fewer = listed.iter().find(|(part, _)| point.name().contains(part));
    fewer.map_or(6, |(_, passages)| *passages)
}

/// What the failpoints' names begin with, so that each kind of work has a test of its own.
const COMMIT: &[&str] = &["store.commit.", "store.mark.", "store.outbox."];
const SEAL: &[&str] = &["store.checkpoint.", "store.anchor."];
const SEGMENT: &[&str] = &["store.segment."];
const FILES: &[&str] = &["store.evidence.", "store.recording."];
const BACKUP: &[&str] = &["store.backup.", "store.restore."];

fn points(parts: &[&str]) -> Vec<Failpoint> {
    let named = |point: &Failpoint| parts.iter().any(|part| point.name().starts_with(part));
    Failpoint::ALL.iter().copied().filter(named).collect()
}

#[test]
fn every_failpoint_of_the_store_has_its_kill() {
    let grouped: usize = [COMMIT, SEAL, SEGMENT, FILES, BACKUP].map(|parts| points(parts).len()).iter().sum();
    assert_eq!(grouped, points(&["store."]).len());
    assert!(grouped >= 14, "{grouped}");
}

#[tokio::test]
async fn killed_while_committing_the_store_keeps_what_it_acknowledged_once() {
    kill_at(COMMIT).await;
}

#[tokio::test]
async fn killed_while_sealing_the_store_keeps_what_it_acknowledged_once() {
    kill_at(SEAL).await;
}

#[tokio::test]
async fn killed_while_turning_a_segment_the_store_keeps_what_it_acknowledged_once() {
    kill_at(SEGMENT).await;
}

#[tokio::test]
async fn killed_while_writing_other_files_the_store_keeps_what_it_acknowledged_once() {
    kill_at(FILES).await;
}

#[tokio::test]
async fn killed_while_copying_the_store_keeps_what_it_acknowledged_once() {
    kill_at(BACKUP).await;
}

async fn kill_at(parts: &[&str]) {
    for point in points(parts) {
        let home = tempfile::tempdir().unwrap();
        let mut orders = Orders::new(home.path());
        for kill in 0..kills() {
            let nth = 1 + kill % passages(point);
            orders.failpoint = Some(format!("{point}@{nth}"));
            let mut writer = orders.start(&[]);
            assert!(!writer.finish(), "{point}@{nth} was not reached");
            orders.acknowledged = writer.acknowledged;
            let found = audit(&orders).await.unwrap_or_else(|problem| panic!("{point}@{nth}: {problem}"));
            check(&found, orders.acknowledged).unwrap_or_else(|problem| panic!("{point}@{nth}: {problem}"));
        }
        // And then it goes on as if nothing had happened.
        orders.failpoint = None;
        let mut writer = orders.start(&[]);
        assert!(writer.finish(), "{point}: the store does not go on");
        let found = audit(&orders).await.unwrap_or_else(|problem| panic!("after {point}: {problem}"));
        check(&found, writer.acknowledged).unwrap();
    }
}

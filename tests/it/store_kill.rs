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

#[tokio::test]
async fn killed_anywhere_the_store_keeps_what_it_acknowledged_once() {
    let points: Vec<Failpoint> =
        Failpoint::ALL.iter().copied().filter(|point| point.name().starts_with("store.")).collect();
    assert!(points.len() >= 14);
    let mut killed = 0;
    for point in points {
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
            killed += 1;
        }
        // And then it goes on as if nothing had happened.
        orders.failpoint = None;
        let mut writer = orders.start(&[]);
        assert!(writer.finish(), "{point}: the store does not go on");
        let found = audit(&orders).await.unwrap_or_else(|problem| panic!("after {point}: {problem}"));
        check(&found, writer.acknowledged).unwrap();
    }
    assert_eq!(
        killed,
        kills() * Failpoint::ALL.iter().filter(|point| point.name().starts_with("store.")).count() as u64
    );
}

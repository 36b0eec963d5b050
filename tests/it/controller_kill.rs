//! The whole controller killed at every failpoint that its everyday work passes: what it acknowledged is there,
//! once, and the journal verifies with its outside anchors.

use std::collections::BTreeMap;

use serde_json::json;
use vcops::metrics::failpoint::Failpoint;
use vcops::store::checkpoint::read_anchors;
use vcops::store::verify::verify_dir;

use crate::daemon_rig::{Daemon, Site};

/// The places that a controller passes while it takes commands.
const PLACES: [Failpoint; 15] = [
    Failpoint::ControllerBeforeCommit,
    Failpoint::ControllerAfterCommit,
    Failpoint::ControllerAfterAcknowledge,
    Failpoint::ControllerAfterEffects,
    Failpoint::StoreCommitBeforeBegin,
    Failpoint::StoreCommitAfterBegin,
    Failpoint::StoreCommitBetweenRows,
    Failpoint::StoreMarkBeforeUpsert,
    Failpoint::StoreOutboxBeforeInsert,
    Failpoint::StoreCommitBeforeCommit,
    Failpoint::StoreCommitAfterCommit,
    Failpoint::StoreCheckpointBeforeWrite,
    Failpoint::StoreCheckpointTorn,
    Failpoint::StoreCheckpointBeforeSync,
    Failpoint::StoreAnchorBeforeWrite,
];

/// Kills at each place: one in the everyday run, forty in the long one.
fn kills_per_place() -> u64 {
    if std::env::var_os("VCOPS_SOAK").is_some() { 40 } else { 1 }
}

/// What one life of a daemon was asked and what it acknowledged.
#[derive(Default)]
struct Told {
    asked: u64,
    acknowledged: Vec<String>,
}

impl Told {
    /// Asks until the daemon is gone. No subject is ever asked for twice.
    fn until_dead(&mut self, daemon: &Daemon) {
        for _ in 0..200 {
            self.asked += 1;
            let subject = format!("n-{}", self.asked);
            let command = json!({"command": "record_identity", "what": "tested", "subject": subject});
            match daemon.post("/v1/command", &command) {
                Some(answer) => {
                    assert_eq!(answer, json!("done"));
                    self.acknowledged.push(subject);
                }
                None => return,
            }
        }
        panic!("the failpoint was never passed");
    }
}

#[test]
fn a_killed_controller_keeps_what_it_acknowledged_exactly_once() {
    let site = Site::new();
    let mut told = Told::default();
    let mut kills = 0;
    for round in 0..kills_per_place() {
        for place in PLACES {
            let nth = 1 + round % 5;
            let mut daemon = site.start(Some(&format!("{}@{nth}", place.name())));
            if daemon.is_up() {
                told.until_dead(&daemon);
            }
            assert!(!daemon.wait().success(), "{} was not passed", place.name());
            kills += 1;
        }
    }
    let mut daemon = site.start(None);
    assert!(daemon.is_up());
    let counted = subjects(&daemon);
    assert!(daemon.stop());
    for subject in &told.acknowledged {
        assert_eq!(counted.get(subject), Some(&1), "{subject} was acknowledged");
    }
    let twice: Vec<_> = counted.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    verify(&site);
    println!(
        "{kills} kills at {} places, {} acknowledged, all there once",
        PLACES.len(),
        told.acknowledged.len()
    );
}

fn subjects(daemon: &Daemon) -> BTreeMap<String, u32> {
    let mut counted = BTreeMap::new();
    let mut after = 0;
    loop {
        let page = daemon.get(&format!("/v1/events?after={after}&limit=1000")).unwrap();
        let items = page["items"].as_array().unwrap().clone();
        let Some(last) = items.last() else { return counted };
        after = last["seq"].as_u64().unwrap();
        for item in items.iter().filter(|item| item["kind"] == "identity_changed") {
            let subject = item["body"]["what"]["subject"].as_str().unwrap_or_else(|| panic!("{item}"));
            *counted.entry(subject.to_owned()).or_default() += 1;
        }
    }
}

fn verify(site: &Site) {
    let anchors = read_anchors(&site.anchors()).unwrap();
    assert!(!anchors.is_empty(), "checkpoints reached the outside");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let found = runtime.block_on(verify_dir(&site.data().join("store"), &anchors)).unwrap();
    assert!(found.problem.is_none(), "{found:?}");
    let data = site.data();
    let shown = site.run(&["journal", "verify", "--data", data.to_str().unwrap()]);
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stdout));
}

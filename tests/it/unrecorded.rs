//! A full disk under a running controller: commands are refused, the page is told, nothing acknowledged is lost, and
//! a gap record follows once it can be written again.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::daemon_rig::{Daemon, Site};

/// How long a change of the disk may take to show.
const SHOWN_WITHIN: Duration = Duration::from_secs(20);

fn until(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < SHOWN_WITHIN, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn tell(daemon: &Daemon, subject: &str) -> Option<serde_json::Value> {
    let command = json!({"command": "record_identity", "what": "tested", "subject": subject});
    daemon.post("/v1/command", &command)
}

fn unrecorded(daemon: &Daemon) -> bool {
    daemon.get("/v1/status").unwrap()["unrecorded"].as_bool().unwrap()
}

fn kinds(daemon: &Daemon) -> Vec<String> {
    let page = daemon.get("/v1/events?after=0&limit=1000").unwrap();
    page["items"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_full_disk_is_shown_refuses_commands_and_leaves_a_gap_record() {
    let site = Site::new();
    let library = crate::store_powercut::shim(&site.path(""));
    let full: PathBuf = site.path("full");
    let settings = [
        ("LD_PRELOAD", library),
        ("POWERCUT_DIR", site.data().join("store")),
        ("POWERCUT_LOG", site.path("powercut.log")),
        ("POWERCUT_FULL", full.clone()),
    ];
    let mut daemon = site.start_with(&settings);
    assert!(daemon.is_up());
    assert_eq!(tell(&daemon, "before"), Some(json!("done")));

    std::fs::write(&full, "").unwrap();
    assert_eq!(tell(&daemon, "meanwhile"), None, "what cannot be recorded is refused");
    until("the page is told", || unrecorded(&daemon));
    assert_eq!(tell(&daemon, "still"), None);

    std::fs::remove_file(&full).unwrap();
    until("it is recorded again", || !unrecorded(&daemon));
    assert_eq!(tell(&daemon, "after"), Some(json!("done")));
    let kinds = kinds(&daemon);
    assert_eq!(kinds.iter().filter(|kind| *kind == "gap").count(), 1, "{kinds:?}");
    assert_eq!(
        kinds.iter().filter(|kind| *kind == "identity_changed").count(),
        2,
        "before and after: {kinds:?}"
    );
    assert!(daemon.stop());
}

//! The command line against a real daemon: inventory, users, backup and restore, and what it says when it cannot.

use std::process::Output;

use serde_json::json;

use crate::daemon_rig::Site;

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn example(name: &str) -> String {
    format!("{}/config/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn an_inventory_is_applied_once_and_a_backup_brings_everything_back() {
    let site = Site::new();
    let mut daemon = site.start(None);
    assert!(daemon.is_up());
    let applied = site.run(&["apply", &example("city.example.toml")]);
    assert!(applied.status.success(), "{}", text(&applied));
    let again = site.run(&["--lang", "en", "apply", &example("city.example.toml")]);
    assert!(text(&again).contains("changed 0 items, 0 people"), "{}", text(&again));
    let inventory = daemon.get("/v1/inventory").unwrap();
    assert_eq!(inventory["venues"].as_object().unwrap().len(), 13);

    let command = json!({"command": "record_identity", "what": "tested", "subject": "before the backup"});
    assert_eq!(daemon.post("/v1/command", &command), Some(json!("done")));
    let (copy, data) = (site.path("backup"), site.data());
    let (copy, data) = (copy.to_str().unwrap(), data.to_str().unwrap());
    let saved = site.run(&["backup", "--data", data, copy]);
    assert!(saved.status.success(), "{}", text(&saved));
    let refused = site.run(&["backup", "--data", data, copy]);
    assert_eq!(refused.status.code(), Some(70), "a backup never overwrites: {}", text(&refused));
    let key = std::fs::read(site.data().join("line/key")).unwrap();
    assert!(daemon.stop());

    std::fs::remove_dir_all(site.data()).unwrap();
    let restored = site.run(&["restore", copy, "--data", data]);
    assert!(restored.status.success(), "{}", text(&restored));
    assert_eq!(std::fs::read(site.data().join("line/key")).unwrap(), key, "agents know the controller again");
    let mut daemon = site.start(None);
    assert!(daemon.is_up());
    assert_eq!(daemon.get("/v1/inventory"), Some(inventory));
    let people = daemon.get("/v1/people").unwrap();
    assert!(!people.as_array().unwrap().is_empty(), "names and numbers came back as well");
    assert!(daemon.stop());
    let verified = site.run(&["journal", "verify", "--data", data]);
    assert!(verified.status.success(), "{}", text(&verified));
}

#[test]
fn each_kind_of_failure_has_its_exit_code() {
    let site = Site::new();
    let cases: [(&[&str], i32, &str); 6] = [
        (&["rehearse"], 69, "控制端未应答"),
        (&["invite", "nobody"], 69, "控制端未应答"),
        (&["rehearse", "--bogus"], 64, "--bogus"),
        (&["invite", "Nobody!"], 64, "identifier"),
        (&["check", &example("no-such-file.toml")], 65, "no-such-file"),
        (&["--lang", "en", "check", &example("city.example.toml")], 0, "nothing wrong"),
    ];
    for (arguments, code, says) in cases {
        let output = site.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output));
        assert!(text(&output).contains(says), "{arguments:?}: {}", text(&output));
    }
    let shells = site.run(&["completions", "bash"]);
    assert!(text(&shells).contains("_vcops"), "completions are printed");
}

#[test]
fn a_second_daemon_in_the_same_place_says_who_holds_it() {
    let site = Site::new();
    let mut daemon = site.start(None);
    assert!(daemon.is_up());
    let config = site.config();
    let second = site.run(&["serve", "--config", config.to_str().unwrap()]);
    assert_eq!(second.status.code(), Some(70));
    assert!(text(&second).contains("opening the journal"), "{}", text(&second));
    assert!(daemon.get("/v1/status").is_some(), "the first works on");
    assert!(daemon.stop());
}

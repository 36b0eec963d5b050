//! A whole controller proves a real Janus by participants of its own: they come, hear each other, and go again. One
//! that lets nobody in is told.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vcops::domain::mcu::ConferenceRef;
use vcops::mcu::Bridge as _;
use vcops::mcu::janus::Janus;
use vcops::observation::device::{Flow, Way};

use crate::daemon_rig::{Daemon, Site};
use crate::mcu::janus_live::post_admin;
use crate::mcu::janus_rig::{JanusRig, SECRET, Setup};

/// An MCU is proved half a minute after it is first seen, and once more where that failed.
const PATIENCE: Duration = Duration::from_secs(150);

fn city(janus: &JanusRig) -> Site {
    let site = Site::new();
    let secret = site.path("janus.secret");
    std::fs::write(&secret, SECRET).unwrap();
    let devices = format!(
        "[devices]\naddresses = [\"127.0.0.0/8\"]\n[[devices.credentials]]\nname = \"janus\"\n\
         secret_file = {secret:?}\n"
    );
    let settings = std::fs::read_to_string(site.config()).unwrap();
    std::fs::write(site.config(), format!("{settings}{devices}")).unwrap();
    let settings = janus.settings();
    let mcu = |id: &str, room: u64| {
        format!(
            "[[mcu]]\nid = \"{id}\"\nname = \"{id}\"\nregion = \"city\"\nmodel = \"Janus\"\nnetwork = \"外网\"\n\
             control = {{ interface = \"janus\", address = \"{}\", beside = \"{}\", credential = \"janus\" }}\n\
             test = {{ conference = \"audiobridge:{room}\" }}\n",
            settings.api, settings.admin
        )
    };
    let inventory =
        format!("[[region]]\nid = \"city\"\nname = \"市\"\n{}{}", mcu("good", 9900), mcu("closed", 9901));
    std::fs::write(site.path("city.toml"), inventory).unwrap();
    site
}

/// How many probes of ours are in the good room, and how many of them are heard there.
async fn probes(janus: &Janus) -> (usize, usize) {
    let room = ConferenceRef::new("audiobridge:9900");
    let Ok(seen) = janus.roster(&room).await else { return (0, 0) };
    let mut heard = 0;
    for site in seen.present.iter().filter(|site| site.probe) {
        let streams = janus.streams(&room, site).await.unwrap_or_default();
        let flows = |way: &Way| *way == Way::FromSite;
        heard += usize::from(streams.iter().any(|stream| flows(&stream.way) && stream.flow == Flow::Flowing));
    }
    (seen.present.len(), heard)
}

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !done().await {
        assert!(begun.elapsed() < PATIENCE, "waited too long: {what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The MCUs that are said to carry no media.
fn unproved(daemon: &Daemon) -> Vec<String> {
    let page = daemon.get("/v1/events?after=0&limit=1000").unwrap();
    let raised = page["items"].as_array().unwrap().iter().filter(|item| item["kind"] == "finding_raised");
    let about = |item: &Value| item["body"]["what"].to_string();
    raised.map(about).filter(|what| what.contains("mcu.no_proof")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_janus_is_proved_by_two_who_hear_each_other_and_one_that_is_closed_is_told() {
    let rig = JanusRig::start(&Setup::default()).await;
    let closed = json!({
        "request": "create", "room": 9901, "description": "closed", "allow_rtp_participants": true, "pin": "1234",
    });
    post_admin(&rig.settings(), closed).await;
    let site = city(&rig);
    let mut daemon = site.start(None);
    assert!(daemon.is_up());
    let file = site.path("city.toml");
    assert!(site.run(&["apply", file.to_str().unwrap()]).status.success());

    let janus = rig.janus();
    until("two probes that are heard", async || probes(&janus).await == (2, 2)).await;
    until("their leaving", async || probes(&janus).await == (0, 0)).await;
    until("the closed one to be told", async || !unproved(&daemon).is_empty()).await;
    let told = unproved(&daemon);
    assert!(told.len() == 1 && told[0].contains("closed"), "{told:?}");
    assert!(daemon.stop());
}

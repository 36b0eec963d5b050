//! A whole controller proves MCUs by participants of its own: in a real Janus they come, hear each other and go again,
//! through a real proxy and relay one calls by SIP and hears itself. One that lets nobody in, or carries no sound, is told.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vcops::domain::mcu::ConferenceRef;
use vcops::mcu::Bridge as _;
use vcops::mcu::janus::Janus;
use vcops::observation::device::{Flow, StreamSample, Way};

use crate::daemon_rig::{Daemon, Site};
use crate::mcu::janus_live::post_admin;
use crate::mcu::janus_rig::{JanusRig, SECRET, Setup};
use crate::mcu::sip::rig::Town;
use crate::mcu::sip::seat::{Mood, Seat};

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

/// A proxy with its relay that reaches an echo, and a bridge of SIP that takes every call and is mute.
fn city_of_sip(town: &Town, mute: &Seat) -> Site {
    let site = Site::new();
    site.set("[devices]\naddresses = [\"127.0.0.0/8\"]\n");
    let mcu = |id: &str, control: &str, test: &str| {
        format!(
            "[[mcu]]\nid = \"{id}\"\nname = \"{id}\"\nregion = \"city\"\nmodel = \"SIP\"\nnetwork = \"外网\"\n\
             control = {{ {control} }}\ntest = {{ address = \"{test}\" }}\n"
        )
    };
    let (proxy, relay) = (town.sip, town.ng);
    let good = format!(
        "interface = \"sip_rtpengine\", address = \"sip:127.0.0.1:{proxy}\", beside = \"127.0.0.1:{relay}\""
    );
    let silent = format!("interface = \"sip\", address = \"sip:{}\"", mute.address);
    let inventory = format!(
        "[[region]]\nid = \"city\"\nname = \"市\"\n{}{}",
        mcu("good", &good, &format!("sip:echo@127.0.0.1:{proxy}")),
        mcu("mute", &silent, &format!("sip:test@{}", mute.address))
    );
    std::fs::write(site.path("city.toml"), inventory).unwrap();
    site
}

#[tokio::test(flavor = "multi_thread")]
async fn an_mcu_is_proved_by_a_call_through_it_and_a_mute_one_is_told() {
    let (town, mute) = (Town::start().await, Seat::open(Mood::Takes).await);
    let site = city_of_sip(&town, &mute);
    let mut daemon = site.start(None);
    assert!(daemon.is_up());
    let file = site.path("city.toml");
    assert!(site.run(&["apply", file.to_str().unwrap()]).status.success());

    let bridge = town.bridge();
    let flows = |way| move |stream: &&StreamSample| stream.way == way && stream.flow == Flow::Flowing;
    until("a call through the relay that is heard both ways", async || {
        let calls = bridge.conferences().await.unwrap_or_default();
        let Some(call) = calls.first() else { return false };
        let Ok(seen) = bridge.roster(&call.conference).await else { return false };
        let heard = |way| seen.present.iter().all(|site| site.streams.iter().any(|it| flows(way)(&it)));
        seen.present.len() == 2 && heard(Way::FromSite) && heard(Way::ToSite)
    })
    .await;
    until("its end", async || bridge.conferences().await.is_ok_and(|calls| calls.is_empty())).await;
    until("the mute one to be told", async || !unproved(&daemon).is_empty()).await;
    let told = unproved(&daemon);
    assert!(told.len() == 1 && told[0].contains("mute"), "{told:?}");
    assert!(mute.has_heard("INVITE") && mute.has_heard("BYE"), "{:?}", mute.heard());
    assert!(daemon.stop());
}

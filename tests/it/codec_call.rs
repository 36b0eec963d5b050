//! A codec called for real by a whole controller: through a stand-in of an MCU that keeps its calls. Whatever becomes
//! of the call, of the round and of the controller, no codec is left connected and none is called twice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::daemon_rig::{Daemon, Site};
use crate::mcu::pexip_stand_in::{CONFERENCE, Platform, SECRET, USER, router};
use crate::mcu::stand_in::StandIn;

/// Longest time for anything here on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
const CODEC: &str = "sip:codec@guidong.example";

/// A site whose inventory has one venue with a codec, and an MCU that can call it.
fn city(mcu: &StandIn) -> Site {
    let site = Site::new();
    let secret = site.path("mcu.secret");
    std::fs::write(&secret, SECRET).unwrap();
    let devices = format!(
        "[devices]\naddresses = [\"127.0.0.0/8\"]\n[[devices.credentials]]\nname = \"mcu\"\nuser = \"{USER}\"\n\
         secret_file = {secret:?}\n"
    );
    let settings = std::fs::read_to_string(site.config()).unwrap();
    std::fs::write(site.config(), format!("{settings}{devices}")).unwrap();
    // Far enough ahead that no round opens by itself.
    let day =
        jiff::Zoned::now().checked_add(jiff::Span::new().days(5)).unwrap().strftime("%Y-%m-%d").to_string();
    let inventory = format!(
        "[[region]]\nid = \"city\"\nname = \"市\"\n\
         [[profile]]\nid = \"p\"\nname = \"720p\"\nrate_kbps = 1920\nheight = 720\n\
         [[venue]]\nid = \"hall\"\nname = \"市政府\"\nregion = \"city\"\n\
         [[venue]]\nid = \"guidong\"\nname = \"桂东县\"\nregion = \"city\"\nconsent = \"长期许可\"\n\
         [[endpoint]]\nid = \"codec\"\nvenue = \"guidong\"\nname = \"终端\"\nprotocol = \"sip\"\naddress = \"{CODEC}\"\n\
         [[mcu]]\nid = \"mcu\"\nname = \"MCU\"\nregion = \"city\"\nmodel = \"x\"\nnetwork = \"外网\"\n\
         control = {{ interface = \"pexip\", address = \"{}\", credential = \"mcu\" }}\n\
         test = {{ conference = \"{CONFERENCE}\" }}\n\
         [[meeting]]\nid = \"m\"\nname = \"例会\"\nstarts = \"{day} 10:00\"\nends = \"{day} 11:00\"\nprofile = \"p\"\n\
         network = \"外网\"\nmain_venue = \"hall\"\nvenues = [\"guidong\"]\nmcu = \"mcu\"\n",
        mcu.base()
    );
    std::fs::write(site.path("city.toml"), inventory).unwrap();
    site
}

fn up(site: &Site) -> Daemon {
    let mut daemon = site.start(None);
    assert!(daemon.is_up());
    daemon
}

fn apply(site: &Site) {
    let file = site.path("city.toml");
    let output = site.run(&["apply", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

fn open(daemon: &Daemon) -> u64 {
    let command = json!({"command": "open_round", "meeting": "m", "kind": "whole_network", "venues": []});
    daemon.post("/v1/command", &command).unwrap()["round"].as_u64().unwrap()
}

/// Closes a round; one that is over already stays as it is.
fn close(daemon: &Daemon, round: u64) {
    let _ = daemon.post("/v1/command", &json!({"command": "close_round", "round": round}));
}

/// The cell of the call, once it is judged.
fn judged(daemon: &Daemon, round: u64) -> Option<Value> {
    let matrix = daemon.get(&format!("/v1/rounds/{round}/matrix"))?;
    let rows = matrix["rows"].as_array()?.clone();
    let row = rows.into_iter().find(|row| row["venue"] == "guidong")?;
    let cells = row["cells"].as_array()?.clone();
    cells.into_iter().find(|cell| cell["check"] == "call:codec" && !cell["verdict"].is_null())
}

fn wait<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn calls(platform: &Platform) -> usize {
    platform.calls.lock().unwrap().len()
}

fn dials(platform: &Platform) -> usize {
    platform.dials.lock().unwrap().len()
}

fn connected(platform: &Arc<Platform>) {
    wait("the call", || (calls(platform) == 1).then_some(()));
}

fn hung_up(platform: &Arc<Platform>) {
    wait("the hang-up", || (calls(platform) == 0).then_some(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_codec_is_called_measured_and_hung_up_whatever_happens() {
    let platform = Platform::with_sites(0);
    let mcu = StandIn::serve(router(Arc::clone(&platform))).await;
    let site = city(&mcu);
    let daemon = up(&site);
    apply(&site);

    let round = open(&daemon);
    connected(&platform);
    assert_eq!(platform.dials.lock().unwrap()[0]["destination"], CODEC);
    let cell = wait("the verdict", || judged(&daemon, round));
    assert_eq!((&cell["verdict"], &cell["reason"]), (&json!("pass"), &json!("within_limits")), "{cell}");
    assert_eq!(cell["figures"]["height"], 720.0, "{cell}");
    assert!(cell["figures"]["kbps"].as_f64().unwrap() > 1_728.0, "{cell}");
    hung_up(&platform);
    close(&daemon, round);

    // Called off with its round, at once.
    let round = open(&daemon);
    connected(&platform);
    close(&daemon, round);
    hung_up(&platform);

    // Left open by a controller that was killed, and found by the next one.
    let round = open(&daemon);
    connected(&platform);
    drop(daemon);
    assert_eq!(calls(&platform), 1, "a killed controller hangs up nothing");
    let daemon = up(&site);
    hung_up(&platform);
    let cell = wait("the verdict", || judged(&daemon, round));
    assert_eq!((&cell["verdict"], &cell["reason"]), (&json!("test_broke"), &json!("cancelled")), "{cell}");
    assert_eq!(dials(&platform), 3, "each round called once");
    assert!(daemon.stop());
}

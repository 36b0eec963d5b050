//! The whole controller with a device of every interface: what the settings and the inventory say reaches the adapter,
//! and what the device pushes reaches its watch.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vcops::domain::mcu::Interface;

use super::contract::{Fixture, Push};
use super::json::bridge_of_nobody;
use super::sip::rig::Town;
use super::snmp::rig::{COMMUNITY, snmpd, snmpsim, snmptrap};
use super::stand_in::StandIn;
use crate::daemon_rig::{Daemon, Site};
use crate::stream_rig::free_port;

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(60);
/// Within which pushes must have been noticed, each by a read of its own. A device that pushes and has no meeting is
/// asked for its roster once a minute.
const NOTICED_WITHIN: Duration = Duration::from_secs(45);
const PUSHES: usize = 4;

/// The tests for the fixture of a make.
macro_rules! suite {
    ($fixture:ty) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn a_controller_sees_it_and_its_sites() {
            $crate::mcu::wired::seen::<$fixture>().await;
        }
    };
    ($fixture:ty, $roster:literal) => {
        $crate::mcu::wired::suite!($fixture);

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn a_controller_notices_what_it_pushes() {
            $crate::mcu::wired::noticed::<$fixture>($roster).await;
        }
    };
}
pub(crate) use suite;

/// Its health, and every site of its roster.
pub(crate) async fn seen<F: Fixture>() {
    let make = F::start().await;
    let site = site_for(&make, "");
    let daemon = started(&site);
    enter_mcu(&daemon, &make.wired());
    until("it is seen", || sight(&daemon, "mcus/dev") == Some(json!("seen")));
    until("its sites are seen", || {
        // Asked for, it is read anew.
        sight(&daemon, "mcus/dev");
        std::thread::sleep(Duration::from_millis(500));
        connected(&daemon).is_some_and(|sites| sites >= u64::try_from(F::SITES).unwrap())
    });
    assert!(daemon.stop());
}

/// Each push is followed by a read of the roster, known by `roster` in what the stand-in is asked.
pub(crate) async fn noticed<F: Fixture>(roster: &str) {
    let make = F::start().await;
    let at = free_port();
    let site = site_for(&make, &format!("listen = \"{at}\"\nreach = \"http://{at}/\"\n"));
    // An endpoint that is told where to post needs no entry.
    if make.post().is_some() {
        add(&site, "[[devices.pushes]]\ndevice = \"mcus/dev\"\ncredential = \"sink\"\n");
    }
    let daemon = started(&site);
    enter_mcu(&daemon, &make.wired());
    until("its sites are seen", || connected(&daemon).is_some_and(|sites| sites > 0));
    let reads = || {
        let asked = make.device().asked();
        asked.iter().filter(|it| it.path.contains(roster) || it.body.contains(roster)).count()
    };
    let mut began = None;
    for n in 0..=PUSHES {
        let before = reads();
        until_pushed(&make, at, || reads() > before).await;
        // The first one finds out that it pushes.
        if n == 0 {
            began = Some(Instant::now());
        }
    }
    let took = began.expect("there was a first one").elapsed();
    assert!(took < NOTICED_WITHIN, "{PUSHES} pushes were noticed only after {took:?}");
    if let Some((path, body)) = make.post() {
        let stranger = post(at, path, &body, "");
        assert!(stranger.starts_with("HTTP/1.1 401"), "{stranger}");
    }
    assert!(daemon.stop());
}

/// Pushes once, again only when nothing came of it for a while, for a listener may not have been there yet.
async fn until_pushed<F: Fixture>(make: &F, at: SocketAddr, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "a push is not noticed within {PATIENCE:?}");
        match make.post() {
            Some((path, body)) => {
                post(at, path, &body, "Basic c2luazpzaW5rLXdvcmQ=");
            }
            None => make.push(Push::Change).await,
        }
        let pushed = Instant::now();
        while !is_so() && pushed.elapsed() < Duration::from_secs(3) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Posts as a device does; the whole answer.
fn post(at: SocketAddr, path: &str, body: &str, authorization: &str) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /mcus/dev/{path} HTTP/1.1\r\nhost: vcops\r\nconnection: close\r\nauthorization: {authorization}\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_sees_sip_and_the_relay_beside_it() {
    let town = Town::start().await;
    let site = Site::new();
    add(&site, "[devices]\naddresses = [\"127.0.0.0/8\"]\n");
    let daemon = started(&site);
    let relay = format!("127.0.0.1:{}", town.ng);
    let bridge = json!({"interface": "sip_rtpengine", "address": format!("sip:127.0.0.1:{}", town.sip), "beside": relay});
    enter_mcu(&daemon, &bridge);
    let seat = json!({"interface": "sip", "address": format!("sip:echo@127.0.0.1:{}", town.far)});
    enter(
        &daemon,
        &json!([{"put": {"mcu": {"id": "far", "name": "对端", "region": "city", "model": "X",
        "network": "extranet", "control": seat}}}]),
    );
    for device in ["mcus/dev", "mcus/far"] {
        until(device, || sight(&daemon, device) == Some(json!("seen")));
    }
    assert!(daemon.stop());
}

/// Values that no known set has come by a mapping: of SNMP, of a page of metrics, of any JSON.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_file_of_each_kind_works_from_the_settings_to_the_reading() {
    let agent = snmpsim().await;
    let state = json!({"status": "ok", "cpu": 12.5, "fuel": 61, "backup": "done"});
    let device = StandIn::serve(bridge_of_nobody(state)).await;
    let page = "backup_last_success_timestamp_seconds{job=\"nightly\"} 0\nbackup_last_success_timestamp_seconds{job=\"other\"} 9e9\n";
    let metrics = axum::Router::new().route("/node/metrics", axum::routing::get(move || async move { page }));
    let metrics = StandIn::serve(metrics).await;
    let site = Site::new();
    let secret = |name: &str, text: &str| {
        std::fs::write(site.path(name), text).unwrap();
        format!("[[devices.credentials]]\nname = \"{name}\"\nsecret_file = {:?}\n", site.path(name))
    };
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/mcu/mapping");
    let mapping = |name: &str| {
        format!("[[devices.mappings]]\nname = {name:?}\nfile = {:?}\n", folder.join(format!("{name}.toml")))
    };
    let settings = ["room", "backup", "bridge"].map(mapping).concat() + &secret("community", "room");
    add(&site, &format!("[devices]\naddresses = [\"127.0.0.0/8\"]\n{settings}{}", secret("token", "geheim")));
    let daemon = started(&site);
    let put = |id: &str, control: Value| json!({"put": {"equipment": {"id": id, "name": id, "region": "city", "kind": "sensor", "control": control}}});
    let address = |device: &StandIn, path: &str| device.base().join(path).unwrap().to_string();
    enter(
        &daemon,
        &json!([
            {"put": {"region": {"id": "city", "name": "市"}}},
            put("room", json!({"interface": "snmp", "address": agent.at.to_string(), "credential": "community", "mapping": "room"})),
            put("backup", json!({"interface": "prometheus", "address": address(&metrics, "node/metrics"), "mapping": "backup"})),
            put("bridge", json!({"interface": "json", "address": device.base().as_str(), "credential": "token", "mapping": "bridge"})),
            put("odd", json!({"interface": "json", "address": device.base().as_str(), "mapping": "room"})),
        ]),
    );
    for (id, reading, is_it) in [
        ("room", "generator_fuel_pct", (|value| value == 64.0) as fn(f64) -> bool),
        ("room", "room_temperature_c", |value| value == 31.5),
        ("backup", "backup_age_hours", |value| value > 400_000.0),
        ("bridge", "generator_fuel_pct", |value| value == 61.0),
        ("bridge", "backup_succeeded", |value| value == 1.0),
    ] {
        until(reading, || {
            let report = daemon.get(&format!("/v1/devices/equipment/{id}"));
            report.and_then(|report| report["readings"][reading]["value"].as_f64()).is_some_and(is_it)
        });
    }
    // One for another interface is no mapping, and that is our trouble and not the device's.
    until("blind", || sight(&daemon, "equipment/odd") == Some(json!("blind")));
    let report = daemon.get("/v1/devices/equipment/odd").unwrap();
    assert_eq!(report["sight"]["why"], "ours", "{report}");
    assert!(daemon.stop());
}

/// Traps are believed with the account of the device, and raise its alarm.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trap_at_the_trap_socket_is_an_alarm_of_its_device() {
    const RAISE: [&str; 8] = [
        "",
        "1.3.6.1.4.1.13885.9.1.1.2.2.0.5010",
        "1.3.6.1.4.1.13885.9.1.1.2.1.1.0",
        "s",
        "CPU usage",
        "1.3.6.1.4.1.13885.9.1.1.2.1.3.0",
        "u",
        "17",
    ];
    let (agent, traps) = (snmpd().await, free_port());
    let site = Site::new();
    let file = site.path("community");
    std::fs::write(&file, COMMUNITY).unwrap();
    add(
        &site,
        &format!(
            "[devices]\naddresses = [\"127.0.0.0/8\"]\ntraps = \"{traps}\"\n\
             [[devices.credentials]]\nname = \"dev\"\nsecret_file = {file:?}\n"
        ),
    );
    let daemon = started(&site);
    enter_mcu(&daemon, &json!({"interface": "snmp", "address": agent.at.to_string(), "credential": "dev"}));
    until("it is seen", || sight(&daemon, "mcus/dev") == Some(json!("seen")));
    for account in [["-v2c", "-c", "another"], ["-v2c", "-c", COMMUNITY]] {
        let began = Instant::now();
        let raised = || {
            let report = daemon.get("/v1/devices/mcus/dev").unwrap();
            report["alarms"].to_string().contains("rmx.trap.5010.17")
        };
        let is_its_own = account.contains(&COMMUNITY);
        while !raised() && (is_its_own || began.elapsed() < Duration::from_secs(2)) {
            assert!(began.elapsed() < PATIENCE, "the trap is heard");
            assert!(snmptrap(traps, &account, &RAISE).await);
        }
        assert_eq!(raised(), is_its_own);
    }
    assert!(daemon.stop());
}

/// Whoever keeps connections open keeps nobody else out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_of_one_address_are_bounded_and_the_listener_works_on() {
    let at = free_port();
    let site = Site::new();
    add(&site, &format!("[devices]\nlisten = \"{at}\"\n"));
    let daemon = started(&site);
    let open: Vec<TcpStream> = (0..80).map(|_| TcpStream::connect(at).unwrap()).collect();
    open.iter().for_each(|stream| stream.set_nonblocking(true).unwrap());
    until("what is too many is closed", || open.iter().filter(|stream| is_closed(stream)).count() == 16);
    drop(open);
    until("it takes others again", || answers(at));
    assert!(daemon.stop());
}

/// One that is held has nothing to say before it is asked.
fn is_closed(mut stream: &TcpStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(read) => read == 0,
        Err(why) => why.kind() != std::io::ErrorKind::WouldBlock,
    }
}

/// Whether the listener answers; it knows no device.
fn answers(at: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(at) else { return false };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let asked = stream.write_all(
        b"POST /mcus/dev/events HTTP/1.1\r\nhost: vcops\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    );
    let mut answer = String::new();
    asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 404")
}

/// What cannot be opened refuses the start and is named.
#[test]
fn what_cannot_be_opened_refuses_the_start_by_its_name() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let (tcp, udp) = (taken.local_addr().unwrap(), taken_udp.local_addr().unwrap());
    let site = Site::new();
    let (certificate, key) = (site.path("a.crt"), site.path("a.key"));
    std::fs::write(&certificate, "nothing").unwrap();
    std::fs::write(&key, "nothing").unwrap();
    let whole = std::fs::read_to_string(site.config()).unwrap();
    let tls = format!("listen = \"127.0.0.1:0\"\ncertificate = {certificate:?}\nkey = {key:?}\n");
    for (settings, said) in [
        (format!("listen = \"{tcp}\"\n"), format!("opening devices.listen on {tcp}")),
        (format!("traps = \"{udp}\"\n"), format!("opening devices.traps on {udp}")),
        (tls, "the certificate of devices.listen".to_owned()),
    ] {
        std::fs::write(site.config(), format!("{whole}[devices]\n{settings}")).unwrap();
        let ended = site.run(&["serve", "--config", site.config().to_str().unwrap()]);
        let words = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success() && words.contains(&said), "{settings}: {words}");
    }
}

/// A daemon's place with the secret of the make in its settings, and the account that it shows when it pushes.
fn site_for<F: Fixture>(make: &F, more: &str) -> Site {
    let site = Site::new();
    let (user, secret) = make.credential();
    let (file, sink) = (site.path("secret"), site.path("sink"));
    let user = if user.is_empty() { String::new() } else { format!("user = {user:?}\n") };
    std::fs::write(&file, secret).unwrap();
    std::fs::write(&sink, "sink-word\n").unwrap();
    add(
        &site,
        &format!(
            "[devices]\naddresses = [\"127.0.0.0/8\"]\n{more}\
             [[devices.credentials]]\nname = \"dev\"\n{user}secret_file = {file:?}\n\
             [[devices.credentials]]\nname = \"sink\"\nuser = \"sink\"\nsecret_file = {sink:?}\n"
        ),
    );
    site
}

fn add(site: &Site, more: &str) {
    let settings = std::fs::read_to_string(site.config()).unwrap() + more;
    std::fs::write(site.config(), settings).unwrap();
}

/// A port that was free when it was chosen may be taken by now for a moment: it is tried again.
fn started(site: &Site) -> Daemon {
    for _ in 0..5 {
        let mut daemon = site.start(None);
        if daemon.is_up() {
            return daemon;
        }
        std::thread::sleep(Duration::from_millis(300));
    }
    panic!("the daemon does not come up");
}

fn enter_mcu(daemon: &Daemon, control: &Value) {
    enter(
        daemon,
        &json!([
            {"put": {"region": {"id": "city", "name": "市"}}},
            {"put": {"mcu": {"id": "dev", "name": "设备", "region": "city", "model": "X", "network": "extranet",
                "control": control}}},
        ]),
    );
}

fn enter(daemon: &Daemon, changes: &Value) {
    let base = daemon.get("/v1/inventory").map_or(0, |inventory| inventory["version"].as_u64().unwrap());
    let command = json!({"command": "submit_inventory", "base": base, "changes": changes, "origin": "test"});
    assert!(daemon.post("/v1/command", &command).is_some(), "the inventory is taken");
}

/// How a device is seen. Asking has it read anew.
fn sight(daemon: &Daemon, device: &str) -> Option<Value> {
    daemon.get(&format!("/v1/devices/{device}")).map(|report| report["sight"]["sight"].clone())
}

/// How many sites are connected, by the list of devices, which has nothing read.
fn connected(daemon: &Daemon) -> Option<u64> {
    let all = daemon.get("/v1/devices")?;
    let rows = all.as_array().or_else(|| all["items"].as_array())?.clone();
    rows.iter().find(|row| row["id"] == "dev")?["connected"].as_u64()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How the daemon is told of a stand-in.
pub(super) fn control(interface: Interface, address: &str) -> Value {
    json!({"interface": interface, "address": address, "credential": "dev"})
}

//! The SNMP adapter against real agents: net-snmp with communities and users, recorded power supplies, sensors and
//! an RMX, and real traps.

pub(super) mod rig;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vcops::domain::reading::ReadingName;
use vcops::mcu::budget::Budget;
use vcops::mcu::fault::{AuthWhy, Fault};
use vcops::mcu::snmp::Snmp;
use vcops::mcu::snmp::mapping::{Means, SnmpMapping, SnmpReading};
use vcops::mcu::snmp::name::ObjectName;
use vcops::mcu::snmp::traps::{Refused, TrapHub};
use vcops::mcu::trust::Login;
use vcops::mcu::{Bridge, Pushed};
use vcops::metrics::Counters;
use vcops::observation::device::{Absent, AlarmLevel, Given, Service};

use rig::{COMMUNITY, HIDE, SIGN, adapter, listening, login, snmpd, snmpsim, snmptrap};

const PATIENCE: Duration = Duration::from_secs(30);

fn shown(readings: &BTreeMap<String, Given<f64>>) -> Vec<(&str, Given<f64>)> {
    readings.iter().map(|(name, given)| (name.as_str(), *given)).collect()
}

#[tokio::test]
async fn a_real_agent_is_read_with_a_community_and_with_users() {
    let agent = snmpd().await;
    let both = format!("{SIGN} {HIDE}");
    let accounts = [login("", COMMUNITY), login("watch", &both), login("plain", &format!("sha512 {SIGN}"))];
    for account in accounts {
        let device = adapter(agent.at, &account);
        let health = device.health().await.unwrap();
        assert_eq!(health.service, Service::Unknown, "a host does not say how its service is");
        assert!(health.uptime.value().is_some(), "{health:?}");
        assert!(health.version.unwrap().contains("Linux"), "{account:?}");
        assert!(health.boot.is_some());
        let readings = device.readings().await.unwrap();
        let memory = readings["memory_used_pct"].value().unwrap();
        assert!((0.0..=100.0).contains(&memory), "{readings:?}");
        assert!(readings["processes"].value().unwrap() >= 1.0, "{readings:?}");
        assert!(!format!("{device:?}").contains("secret"), "{device:?}");
    }
}

#[tokio::test]
async fn what_goes_wrong_with_an_account_is_told_apart() {
    let agent = snmpd().await;
    let wrong = Fault::Auth(AuthWhy::Wrong);
    let cases = [
        ("watch", format!("wrong-secret {HIDE}"), wrong.clone()),
        ("nobody", format!("{SIGN} {HIDE}"), wrong.clone()),
        // Without encryption the agent knows the user and gives nothing.
        ("watch", format!("sha256 {SIGN}"), Fault::Auth(AuthWhy::Denied)),
        // A wrong community is not answered at all: SNMPv2c cannot say it.
        ("", "wrong-2c".to_owned(), Fault::Timeout { sent: true }),
    ];
    for (user, secret, expected) in cases {
        let fault = adapter(agent.at, &login(user, &secret)).health().await.unwrap_err();
        assert_eq!(fault, expected, "{user} {secret}");
    }
}

#[tokio::test]
async fn an_agent_that_was_killed_is_a_sign_of_death_and_its_return_is_seen() {
    let mut agent = snmpsim().await;
    let device = adapter(agent.at, &login("", "ups"));
    device.health().await.unwrap();
    agent.kill().await;
    assert!(matches!(device.health().await, Err(Fault::Unreachable(_))), "{:?}", device.health().await);
    agent.comes_back().await;
    assert!(device.health().await.is_ok(), "the adapter that saw it go");
}

#[tokio::test]
async fn a_power_supply_on_battery_says_so() {
    let agent = snmpsim().await;
    let device = adapter(agent.at, &login("", "ups"));
    let health = device.health().await.unwrap();
    assert_eq!(health.service, Service::Degraded);
    assert_eq!(health.uptime.value().unwrap().as_s(), 1_234_567.89);
    assert_eq!(
        shown(&device.readings().await.unwrap()),
        [
            ("ups_battery_low", Given::Value(0.0)),
            ("ups_battery_temperature_c", Given::Value(31.0)),
            ("ups_charge_pct", Given::Value(87.0)),
            ("ups_load_pct", Given::Value(44.0)),
            ("ups_minutes_left", Given::Value(42.0)),
            ("ups_on_battery", Given::Value(1.0)),
            ("ups_on_battery_s", Given::Value(90.0)),
        ]
    );
    let alarms = device.alarms().await.unwrap();
    let alarms: Vec<(&str, &str, AlarmLevel)> =
        alarms.iter().map(|alarm| (alarm.id.as_str(), alarm.what.as_str(), alarm.level)).collect();
    assert_eq!(alarms, [("ups.7", "on_battery", AlarmLevel::Major), ("ups.9", "other", AlarmLevel::Minor)]);
}

fn mapped(name: &str, object: &str, means: Means) -> SnmpReading {
    SnmpReading {
        name: ReadingName::parse(name).unwrap(),
        object: ObjectName::parse(object).unwrap(),
        means,
        absent: ["-1".to_owned()].into(),
    }
}

#[tokio::test]
async fn sensors_are_read_by_their_standard_and_by_a_mapping() {
    let agent = snmpsim().await;
    let one_of = |words: &[&str]| Means::IsOneOf(words.iter().map(|word| (*word).to_owned()).collect());
    let tenth = Means::Number { scale: 0.1, offset: 0.0 };
    let readings = vec![
        mapped("generator_fuel_pct", "1.3.6.1.4.1.99999.10.1.0", tenth.clone()),
        mapped("air_conditioning_failed", "1.3.6.1.4.1.99999.10.2.0", one_of(&["failed"])),
        mapped("water_leak", "1.3.6.1.4.1.99999.10.3.0", one_of(&["1"])),
        mapped("backup_succeeded", "1.3.6.1.4.1.99999.10.4.0", one_of(&["2026-11-22 done"])),
        mapped("nothing_there", "1.3.6.1.4.1.99999.10.99.0", tenth),
    ];
    let budget = Arc::new(Budget::new(60_000));
    let mapping = SnmpMapping { readings };
    let device =
        Snmp::new(&agent.at.to_string(), &login("", "room"), Arc::clone(&budget), mapping, None).unwrap();
    let expected = [
        ("air_conditioning_failed", Given::Value(0.0)),
        ("backup_succeeded", Given::Value(1.0)),
        ("generator_fuel_pct", Given::Value(64.0)),
        ("humidity_3_pct", Given::Value(41.0)),
        ("nothing_there", Given::Absent(Absent::NotProvided)),
        ("room_humidity_pct", Given::Value(41.0)),
        ("room_temperature_c", Given::Value(31.5)),
        ("temperature_1_c", Given::Value(23.5)),
        ("temperature_2_c", Given::Value(31.5)),
        ("temperature_4_c", Given::Absent(Absent::Stale)),
        ("water_leak", Given::Absent(Absent::Sentinel)),
    ];
    assert_eq!(shown(&device.readings().await.unwrap()), expected);
    let first = budget.taken();
    assert_eq!(shown(&device.readings().await.unwrap()), expected);
    let again = budget.taken() - first;
    // Two requests for single objects, two for the sensors, one for the mapping: empty tables are not asked for again.
    assert!(first <= 10 && again <= 6, "{first} requests at first, {again} afterwards");
}

#[tokio::test]
async fn an_rmx_says_what_failed_and_what_it_carries() {
    let agent = snmpsim().await;
    let device = adapter(agent.at, &login("", "rmx"));
    assert_eq!(device.health().await.unwrap().service, Service::Degraded);
    assert_eq!(
        shown(&device.readings().await.unwrap()),
        [
            ("conferences", Given::Value(2.0)),
            ("new_calls_per_minute", Given::Value(4.0)),
            ("video_calls", Given::Value(13.0)),
            ("voice_calls", Given::Value(3.0)),
        ]
    );
    let alarms = device.alarms().await.unwrap();
    let words: Vec<&str> = alarms.iter().map(|alarm| alarm.what.as_str()).collect();
    assert_eq!(words, ["fan_failed", "major_status"]);
}

/// A hub that receives, until it is dropped.
struct Receiving {
    hub: Arc<TrapHub>,
    at: SocketAddr,
    stop: CancellationToken,
    counters: Arc<Counters>,
}

impl Receiving {
    async fn start() -> Self {
        let counters = Arc::new(Counters::new());
        let hub = TrapHub::bind("127.0.0.1:0".parse().unwrap(), Arc::clone(&counters)).await.unwrap();
        let at = hub.local_addr().unwrap();
        let stop = CancellationToken::new();
        let (running, stopping) = (Arc::clone(&hub), stop.clone());
        tokio::spawn(async move { running.run(stopping).await });
        Self { hub, at, stop, counters }
    }

    /// An adapter that listens, and what it is told.
    fn hear(&self, agent: SocketAddr, account: &Login) -> (Arc<Snmp>, mpsc::Receiver<Pushed>) {
        let device = Arc::new(listening(agent, account, &self.hub));
        let (pushed, told) = mpsc::channel(16);
        let (hearing, stop) = (Arc::clone(&device), self.stop.clone());
        tokio::spawn(async move { hearing.listen(pushed, stop).await });
        (device, told)
    }

    async fn refused(&self, why: Refused, at_least: u64) {
        let waited = async {
            while self.counted(why.word()) < at_least {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waited).await;
        waited.unwrap_or_else(|_| panic!("{why}: {}", self.counted(why.word())));
    }

    fn counted(&self, outcome: &str) -> u64 {
        self.counters.device.traps.with_label_values(&[outcome]).get()
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

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
const CLEAR: [&str; 5] =
    ["", "1.3.6.1.4.1.13885.9.1.1.2.2.0.15010", "1.3.6.1.4.1.13885.9.1.1.2.1.3.0", "u", "17"];
const V2C: [&str; 3] = ["-v2c", "-c", COMMUNITY];

fn v3<'a>(sign: &'a str, user: &'a str) -> Vec<&'a str> {
    let mut account = vec!["-v3", "-e", "0x80001f8804766367", "-u", user, "-l", "authPriv", "-a", "SHA-256"];
    account.extend(["-A", sign, "-x", "AES", "-X", HIDE]);
    account
}

async fn told(told: &mut mpsc::Receiver<Pushed>) -> Option<Pushed> {
    tokio::time::timeout(PATIENCE, told.recv()).await.expect("nothing was pushed")
}

async fn raised(device: &Snmp) -> Vec<String> {
    device
        .alarms()
        .await
        .unwrap()
        .into_iter()
        .map(|alarm| alarm.id)
        .filter(|id| id.contains("trap"))
        .collect()
}

/// Subscribing takes a moment after `listen` was called: traps are sent until one is heard.
async fn sent_until_heard(receiving: &Receiving, pushed: &mut mpsc::Receiver<Pushed>, account: &[&str]) {
    let sending = async {
        while pushed.is_empty() {
            snmptrap(receiving.at, account, &RAISE).await;
        }
    };
    tokio::time::timeout(PATIENCE, sending).await.expect("the trap is heard");
    while !pushed.is_empty() {
        assert_eq!(told(pushed).await, Some(Pushed::Changed(None)));
    }
}

#[tokio::test]
async fn traps_raise_and_clear_with_a_community_and_with_a_user() {
    let agent = snmpd().await;
    let both = format!("{SIGN} {HIDE}");
    let accounts = [(login("", COMMUNITY), V2C.to_vec()), (login("watch", &both), v3(SIGN, "watch"))];
    for (account, sends) in accounts {
        let receiving = Receiving::start().await;
        let (device, mut pushed) = receiving.hear(agent.at, &account);
        sent_until_heard(&receiving, &mut pushed, &sends).await;
        assert_eq!(raised(&device).await, ["rmx.trap.5010.17"], "{account:?}");
        let alarm = device.alarms().await.unwrap().remove(0);
        assert_eq!(alarm.detail, "CPU usage");
        snmptrap(receiving.at, &sends, &CLEAR).await;
        assert_eq!(told(&mut pushed).await, Some(Pushed::Changed(None)));
        assert_eq!(raised(&device).await, [""; 0]);
    }
}

#[tokio::test]
async fn a_trap_that_is_not_from_the_account_changes_nothing() {
    let agent = snmpd().await;
    let receiving = Receiving::start().await;
    // Nobody listens yet: every address is a stranger's.
    snmptrap(receiving.at, &V2C, &RAISE).await;
    receiving.refused(Refused::Source, 1).await;
    let (device, mut pushed) = receiving.hear(agent.at, &login("watch", &format!("{SIGN} {HIDE}")));
    sent_until_heard(&receiving, &mut pushed, &v3(SIGN, "watch")).await;
    snmptrap(receiving.at, &V2C, &CLEAR).await;
    snmptrap(receiving.at, &v3("wrong-secret", "watch"), &CLEAR).await;
    snmptrap(receiving.at, &v3(SIGN, "somebody"), &CLEAR).await;
    let unsigned = ["-v3", "-e", "0x80001f8804766367", "-u", "watch", "-l", "noAuthNoPriv"];
    snmptrap(receiving.at, &unsigned, &CLEAR).await;
    receiving.refused(Refused::Account, 4).await;
    assert_eq!(raised(&device).await, ["rmx.trap.5010.17"]);
    assert!(pushed.is_empty());
}

#[tokio::test]
async fn an_inform_is_receipted_and_a_flood_is_bounded_and_told() {
    let agent = snmpd().await;
    let receiving = Receiving::start().await;
    let (_device, mut pushed) = receiving.hear(agent.at, &login("", COMMUNITY));
    sent_until_heard(&receiving, &mut pushed, &V2C).await;
    assert!(snmptrap(receiving.at, &["-v2c", "-Ci", "-c", COMMUNITY], &RAISE).await, "no receipt");
    assert_eq!(told(&mut pushed).await, Some(Pushed::Changed(None)));
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/mcu/snmp/trap_v2c.hex"));
    let trap = hex::decode(text.unwrap().trim()).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for _ in 0..2000 {
        socket.send_to(&trap, receiving.at).await.unwrap();
    }
    receiving.refused(Refused::TooMany, 1).await;
    let mut gap = false;
    while !gap {
        gap = told(&mut pushed).await == Some(Pushed::Gap);
    }
    assert!(receiving.counted("lost") > 0 && receiving.counted("taken") > 0);
}

#[tokio::test]
async fn nothing_crashes_the_receiver() {
    let agent = snmpd().await;
    let receiving = Receiving::start().await;
    let (_device, mut pushed) = receiving.hear(agent.at, &login("", COMMUNITY));
    sent_until_heard(&receiving, &mut pushed, &V2C).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for bytes in [vec![], vec![0x30], vec![0x30, 0x82, 0xff, 0xff, 2], vec![0xff; 9000]] {
        socket.send_to(&bytes, receiving.at).await.unwrap();
    }
    receiving.refused(Refused::Shape, 4).await;
    snmptrap(receiving.at, &V2C, &RAISE).await;
    assert_eq!(told(&mut pushed).await, Some(Pushed::Changed(None)));
}

//! Programs that are told: a signed webhook, a real Mosquitto, a real Alertmanager.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use vcops::domain::notice::{NoticeKind, Urgency};
use vcops::notify::alertmanager::Alertmanager;
use vcops::notify::channel::{Beat, Channel};
use vcops::notify::fault::{Class, Code};
use vcops::notify::line::Trust;
use vcops::notify::mqtt::{Broker, Mqtt};
use vcops::notify::webhook::{NotBelieved, Signer, Webhook};

use super::rig::{Program, Provider, Says, closed_port, here, id, line, listening, message, now};
use crate::uplink_rig::Mosquitto;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn webhook(usual: Says) -> (Webhook, Provider) {
    let provider = Provider::start(usual).await;
    let secret = SECRET.to_owned().into();
    (Webhook::new(id("hook"), line(&here(), &Trust::default()), provider.url(), secret, 60), provider)
}

#[tokio::test]
async fn a_webhook_is_signed_dated_and_named_so_that_nothing_can_be_replayed() {
    let (channel, provider) = webhook(Says::Body(204, String::new())).await;
    channel.deliver(&message("12-3")).await.unwrap();
    channel.deliver(&message("12-3")).await.unwrap();
    let asked = provider.asked();
    let signer = Signer::new(SECRET);
    let (time, signature) = (asked[0].header("webhook-timestamp"), asked[0].header("webhook-signature"));
    let time: i64 = time.parse().unwrap();
    let given = ("12-3", time, signature);
    assert_eq!(signer.verify(given, asked[0].body.as_bytes(), time), Ok(()));
    let changed = asked[0].body.replace("12-3", "12-4");
    assert_eq!(signer.verify(given, changed.as_bytes(), time), Err(NotBelieved::Signature));
    assert_eq!(signer.verify(given, asked[0].body.as_bytes(), time + 301), Err(NotBelieved::Time));
    assert_eq!(
        asked[0].header("webhook-id"),
        asked[1].header("webhook-id"),
        "a repetition has the same name"
    );
    let body = asked[0].json();
    assert_eq!((body["id"].as_str(), body["urgency"].as_str()), (Some("12-3"), Some("urgent")));
    assert!(body.get("to").is_none() && !asked[0].body.contains("138"), "no number leaves: {body}");
}

#[tokio::test]
async fn a_webhooks_status_says_whether_to_try_again() {
    let (channel, provider) = webhook(Says::Body(200, String::new())).await;
    for (says, class, code) in [
        (Says::Body(400, String::new()), Class::Final, Code::Rejected),
        (Says::Body(410, String::new()), Class::Final, Code::Rejected),
        (Says::Body(302, String::new()), Class::Final, Code::Rejected),
        (Says::Body(500, String::new()), Class::Again, Code::Busy),
        (Says::Wait(429, 30), Class::Locked(Duration::from_secs(30)), Code::TooOften),
        (Says::Wait(503, 9), Class::Locked(Duration::from_secs(9)), Code::Busy),
    ] {
        provider.next(says);
        let fault = channel.deliver(&message("12-3")).await.unwrap_err();
        assert_eq!((fault.class, fault.code), (class, code), "{fault}");
    }
}

fn mqtt(at: SocketAddr, login: Option<(String, zeroize::Zeroizing<String>)>) -> Mqtt {
    let broker = Broker {
        host: at.ip().to_string(),
        port: at.port(),
        trust: None,
        login,
        topic: "vcops/notices".into(),
    };
    Mqtt::new(id("siren"), broker, here(), 600)
}

#[tokio::test]
async fn a_siren_behind_mosquitto_hears_notices_and_signs_of_life() {
    let Some(mosquitto) = Mosquitto::start().await else {
        panic!("mosquitto is missing: scripts/system-packages.sh test installs it");
    };
    let mut options = rumqttc::MqttOptions::new("siren", "127.0.0.1", mosquitto.address.port());
    options.set_keep_alive(Duration::from_secs(5));
    let (client, mut events) = rumqttc::AsyncClient::new(options, 8);
    client.subscribe("vcops/#", rumqttc::QoS::AtLeastOnce).await.unwrap();
    loop {
        if let rumqttc::Event::Incoming(rumqttc::Packet::SubAck(_)) = events.poll().await.unwrap() {
            break;
        }
    }
    let channel = mqtt(mosquitto.address, None);
    channel.deliver(&message("12-3")).await.unwrap();
    let beat = Beat { site: "市视联".into(), at: now(), every: Duration::from_secs(60) };
    channel.beat(&beat).await.unwrap();
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let next = tokio::time::timeout(super::rig::PATIENCE, events.poll()).await.unwrap().unwrap();
        if let rumqttc::Event::Incoming(rumqttc::Packet::Publish(publish)) = next {
            assert!(!publish.retain);
            heard.push((publish.topic, serde_json::from_slice::<Value>(&publish.payload).unwrap()));
        }
    }
    assert_eq!((heard[0].0.as_str(), &heard[0].1["id"]), ("vcops/notices", &Value::from("12-3")));
    assert_eq!((heard[1].0.as_str(), &heard[1].1["every_s"]), ("vcops/notices/heartbeat", &Value::from(60)));
}

#[tokio::test]
async fn a_broker_that_does_not_let_us_in_is_a_fault_of_the_credential() {
    let dir = tempfile::tempdir().unwrap();
    let at = closed_port().await;
    let config = dir.path().join("conf");
    let text =
        format!("listener {} 127.0.0.1\nallow_anonymous false\npersistence false\nuser root\n", at.port());
    std::fs::write(&config, text).unwrap();
    let _broker = Program::start("/usr/sbin/mosquitto", &["-c", config.to_str().unwrap()]);
    listening(at).await;
    let login = Some(("vcops".to_owned(), "wrong".to_owned().into()));
    let fault = mqtt(at, login).deliver(&message("12-3")).await.unwrap_err();
    assert_eq!((fault.class, fault.code), (Class::Final, Code::Credential), "{fault}");
}

struct Manager {
    _program: Program,
    _dir: tempfile::TempDir,
    at: SocketAddr,
    hook: Provider,
}

impl Manager {
    /// An Alertmanager that tells a webhook of ours at once.
    async fn start() -> Self {
        let (dir, at) = (tempfile::tempdir().unwrap(), closed_port().await);
        let hook = Provider::start(Says::Body(200, String::new())).await;
        let config = format!(
            "route:\n  receiver: hook\n  group_by: ['...']\n  group_wait: 0s\n  group_interval: 1s\n\
             receivers:\n- name: hook\n  webhook_configs:\n  - url: {}\n    send_resolved: true\n",
            hook.url()
        );
        let file = dir.path().join("conf.yml");
        std::fs::write(&file, config).unwrap();
        let arguments = [
            format!("--config.file={}", file.display()),
            format!("--storage.path={}", dir.path().join("data").display()),
            format!("--web.listen-address={at}"),
            "--cluster.listen-address=".to_owned(),
        ];
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let program = Program::start("/usr/bin/prometheus-alertmanager", &arguments);
        listening(at).await;
        Self { _program: program, _dir: dir, at, hook }
    }

    fn channel(&self) -> Alertmanager {
        let base = format!("http://{}", self.at).parse().unwrap();
        Alertmanager::new(id("am"), line(&here(), &Trust::default()), &base, None, 600)
    }

    /// Waits until the webhook was told of an alert in that state; all messages so far.
    async fn told(&self, status: &str) -> Vec<Value> {
        let told = || -> Vec<Value> {
            let messages = self.hook.asked();
            let alerts = messages.iter().flat_map(|it| it.json()["alerts"].as_array().unwrap().clone());
            alerts.collect()
        };
        super::rig::until("Alertmanager tells", || told().iter().any(|alert| alert["status"] == status))
            .await;
        told()
    }
}

#[tokio::test]
async fn alertmanager_fires_on_an_incident_and_ends_with_its_all_clear() {
    let manager = Manager::start().await;
    let channel = manager.channel();
    channel.deliver(&message("12-1")).await.unwrap();
    let told = manager.told("firing").await;
    assert_eq!(told[0]["labels"]["severity"], "critical");
    assert_eq!(told[0]["labels"]["subject"], "incident-12");
    assert_eq!(told[0]["annotations"]["summary"], "主用 MCU 失联");
    // The next rung of the same incident is no second alert.
    channel.deliver(&message("12-2")).await.unwrap();
    let clear = vcops::notify::Message {
        kind: NoticeKind::AllClear,
        urgency: Urgency::Routine,
        at: now(),
        ..message("12-9")
    };
    channel.deliver(&clear).await.unwrap();
    let told = manager.told("resolved").await;
    let severities: Vec<&Value> = told.iter().map(|alert| &alert["labels"]["severity"]).collect();
    assert!(severities.iter().all(|severity| **severity == "critical"), "{severities:?}");
    // What it told us in is what our own inlet reads.
    let last = manager.hook.asked().pop().unwrap();
    let read = vcops::notify::alertmanager::parse(last.body.as_bytes()).unwrap();
    assert!(read.iter().any(|alert| !alert.firing && alert.labels["subject"] == "incident-12"), "{read:?}");
}

#[tokio::test]
async fn alertmanager_alarms_on_silence() {
    let manager = Manager::start().await;
    let channel = manager.channel();
    let beat = Beat { site: "市视联".into(), at: now(), every: Duration::from_millis(700) };
    channel.beat(&beat).await.unwrap();
    let told = manager.told("firing").await;
    assert_eq!(told[0]["labels"]["alertname"], "VcopsWatchdog");
    // No further beat: the watchdog ends, which is the alarm.
    manager.told("resolved").await;
}

//! The whole controller with notices in its outbox: fallback, digests, limits, tests by command, and kills in the middle
//! after which every notice is delivered at least once.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use vcops::domain::id::{ChannelId, PersonId};
use vcops::domain::incident::IncidentId;
use vcops::domain::lang::Text;
use vcops::domain::notice::{Notice, NoticeKey, NoticeKind, Recipient, Urgency};
use vcops::domain::time::Span;
use vcops::metrics::failpoint::Failpoint;
use vcops::store::journal::Batch;
use vcops::store::outbox::NewDelivery;
use vcops::store::people::{Person, PersonNumber};
use vcops::store::{Settings, Store};

use super::rig::{Provider, Says, closed_port, now, until};
use crate::daemon_rig::Site;

/// The places that a notice passes on its way out.
const PLACES: [Failpoint; 5] = [
    Failpoint::NotifyBeforeSend,
    Failpoint::NotifyAfterSend,
    Failpoint::NotifyBeforeDone,
    Failpoint::StoreOutboxBeforeDone,
    Failpoint::ControllerAfterCommit,
];

/// Kills at each place: one in the everyday run, forty in the long one.
fn kills_per_place() -> usize {
    if std::env::var_os("VCOPS_SOAK").is_some() { 40 } else { 1 }
}

fn notice(key: &str, channels: &[&str], urgency: Urgency) -> Notice {
    let at = now();
    Notice {
        key: NoticeKey(key.into()),
        incident: Some(IncidentId(12)),
        kind: NoticeKind::Incident,
        urgency,
        to: Recipient::Person(PersonId::parse("duty").unwrap()),
        channels: channels.iter().map(|id| ChannelId::parse(id).unwrap()).collect(),
        title: Text::new(format!("事件 {key}"), format!("incident {key}")),
        body: Text::new("正文", "body"),
        why: Text::new("值班", "on duty"),
        answer: true,
        drill: false,
        at,
        expires: at + Span::minutes(60),
    }
}

/// Puts notices into the outbox of a stopped controller, as a decision of it would.
async fn put(site: &Site, notices: &[Notice]) {
    let store = Store::open(Settings::new(site.data().join("store"))).await.unwrap();
    let row = |notice: &Notice| NewDelivery {
        channel: "notice".into(),
        target: String::new(),
        key: notice.key.0.clone(),
        body: serde_json::to_vec(notice).unwrap(),
        row: None,
        not_before: now(),
    };
    let numbers = vec![PersonNumber { kind: "mobile".into(), number: "138-0000-0001".into() }];
    let duty = Person { id: PersonId::parse("duty").unwrap(), name: "甲".into(), numbers };
    let outbox = notices.iter().map(row).collect();
    store.commit(Batch { at: now(), outbox, people: vec![duty], ..Batch::default() }).await.unwrap();
    store.close(now()).await.unwrap();
}

async fn left(data: &Path) -> u64 {
    let store = Store::open(Settings::new(data.join("store"))).await.unwrap();
    let count = store.count_deliveries().await.unwrap();
    store.close(now()).await.unwrap();
    count.pending
}

fn webhook(site: &Site, id: &str, url: &str) -> String {
    let secret = site.path("hook.secret");
    std::fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
    format!("[[notify.webhook]]\nid = \"{id}\"\nurl = \"{url}\"\nsecret_file = {secret:?}\n")
}

/// Settings by which nothing but this machine is connected to.
fn open() -> String {
    "[notify]\nsite = \"市视联\"\naddresses = [\"127.0.0.0/8\"]\ndefault = [\"hook\"]\n".to_owned()
}

fn told(provider: &Provider) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for asked in provider.asked() {
        *counted.entry(asked.header("webhook-id").to_owned()).or_default() += 1;
    }
    counted
}

#[tokio::test(flavor = "multi_thread")]
async fn every_notice_is_delivered_at_least_once_over_kills_in_the_middle() {
    let site = Site::new();
    let provider = Provider::start(Says::Body(200, String::new())).await;
    site.set(&(open() + &webhook(&site, "hook", provider.url().as_str())));
    let (mut sent, mut kills) = (Vec::new(), 0);
    for round in 0..kills_per_place() {
        for place in PLACES {
            let keys: Vec<String> = (0..5).map(|at| format!("{}-{round}-{at}", place.name())).collect();
            let notices: Vec<Notice> = keys.iter().map(|key| notice(key, &[], Urgency::Urgent)).collect();
            put(&site, &notices).await;
            sent.extend(keys);
            let mut daemon = site.start(Some(&format!("{}@{}", place.name(), 1 + round % 3)));
            let ended = tokio::task::spawn_blocking(move || daemon.wait()).await.unwrap();
            assert!(!ended.success(), "{} was not passed", place.name());
            kills += 1;
        }
    }
    let mut daemon = site.start(None);
    let daemon =
        tokio::task::spawn_blocking(move || daemon.is_up().then_some(daemon)).await.unwrap().unwrap();
    until("all are told", || sent.iter().all(|key| told(&provider).contains_key(key))).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(tokio::task::spawn_blocking(move || daemon.stop()).await.unwrap());
    assert_eq!(left(&site.data()).await, 0, "nothing waits");
    let told = told(&provider);
    let repeated = told.values().filter(|count| **count > 1).count();
    let most = told.values().max().unwrap();
    // Each kill repeats at most what was under way: four at once, the oldest first.
    let bound = if kills_per_place() == 1 { 4 } else { 12 };
    assert!(*most <= bound, "one notice was told {most} times");
    println!(
        "{kills} kills, {} notices, all told, {repeated} of them more than once, at most {most} times",
        sent.len()
    );
}

/// Starts the daemon, waits for something, stops it.
async fn run(site: &Site, what: &str, done: impl FnMut() -> bool) {
    let mut daemon = site.start(None);
    let daemon =
        tokio::task::spawn_blocking(move || daemon.is_up().then_some(daemon)).await.unwrap().unwrap();
    until(what, done).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(tokio::task::spawn_blocking(move || daemon.stop()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_fails_is_followed_by_the_next_and_an_unknown_one_too() {
    let site = Site::new();
    let (broken, good) = (closed_port().await, Provider::start(Says::Body(200, String::new())).await);
    let refusing = Provider::start(Says::Body(400, String::new())).await;
    site.set(
        &(open()
            + &webhook(&site, "broken", &format!("http://{broken}/"))
            + &webhook(&site, "refusing", refusing.url().as_str())
            + &webhook(&site, "hook", good.url().as_str())),
    );
    let list = ["no-such", "refusing", "broken", "hook"];
    put(&site, &[notice("12-1", &list, Urgency::Urgent), notice("12-2", &["refusing"], Urgency::Urgent)])
        .await;
    run(&site, "the last channel is told", || told(&good).contains_key("12-1")).await;
    assert_eq!(told(&refusing)["12-1"], 1, "a no for good is not asked for again");
    assert_eq!(left(&site.data()).await, 0, "one is told, one is given up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_becomes_a_few_texts_and_the_robot_is_never_asked_too_often() {
    let site = Site::new();
    let robot = Provider::start(Says::Body(200, json!({"errcode": 0, "errmsg": "ok"}).to_string())).await;
    let key = site.path("robot.key");
    std::fs::write(&key, "3fa-secret-key").unwrap();
    let settings =
        format!("[[notify.wecom]]\nid = \"robot\"\nurl = \"{}\"\nkey_file = {key:?}\n", robot.url());
    site.set(&(open().replace("\"hook\"", "\"robot\"") + &settings));
    let keys: Vec<String> = (0..100).map(|at| format!("12-{at}")).collect();
    let notices: Vec<Notice> = keys.iter().map(|key| notice(key, &[], Urgency::Important)).collect();
    put(&site, &notices).await;
    let texts = || -> Vec<String> {
        let text = |body: Value| body["text"]["content"].as_str().unwrap().to_owned();
        robot.asked().iter().map(|asked| text(asked.json())).collect()
    };
    run(&site, "the robot is told", || !texts().is_empty()).await;
    assert_eq!(left(&site.data()).await, 0);
    let texts = texts();
    assert!(texts.len() <= 3, "{} texts", texts.len());
    assert!(texts[0].contains("100 条通知合并发送") && texts[0].contains("事件 12-0 [12-0]"), "{}", texts[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_code_comes_back_as_an_answer_and_a_channel_can_be_tested() {
    let site = Site::new();
    let gateway = Provider::start(Says::Body(200, json!({"code": 0}).to_string())).await;
    let at = closed_port().await;
    let (secret, key) = (site.path("sms.secret"), site.path("sms.key"));
    std::fs::write(&secret, "s3cret").unwrap();
    std::fs::write(&key, "callback-key").unwrap();
    let settings = format!(
        "listen = \"{at}\"\n[[notify.sms]]\nid = \"sms\"\nurl = \"{}send\"\n\
         body = '{{\"to\":\"{{mobile}}\",\"text\":\"{{text}}\"}}'\nsuccess = \"json /code = 0\"\n\
         secret_file = {secret:?}\ncallback_key_file = {key:?}\n",
        gateway.url()
    );
    site.set(&(open().replace("\"hook\"", "\"sms\"") + &settings));
    put(&site, &[notice("12-1", &[], Urgency::Urgent)]).await;
    let mut daemon = site.start(None);
    let daemon =
        tokio::task::spawn_blocking(move || daemon.is_up().then_some(daemon)).await.unwrap().unwrap();
    until("the gateway is told", || !gateway.asked().is_empty()).await;
    let sent = gateway.asked()[0].json();
    assert_eq!(sent["to"], "13800000001");
    let text = sent["text"].as_str().unwrap().to_owned();
    let code: String = text.split("收到回").nth(1).unwrap().chars().take(4).collect();
    let line = super::rig::line(&super::rig::here(), &vcops::notify::line::Trust::default());
    let client = line.client();
    let reply = |from: &str, code: &str| {
        client
            .post(format!("http://{at}/sms/sms/callback-key"))
            .form(&[("mobile", from), ("content", code)])
            .send()
    };
    assert_eq!(reply("8613800000001", &code).await.unwrap().text().await.unwrap(), "OK");
    assert_eq!(reply("13900000009", &code).await.unwrap().text().await.unwrap(), "OK");
    let tested = daemon.post("/v1/channels/sms/test", &json!({"person": "duty"})).unwrap();
    assert_eq!(tested["accepted"], true, "{tested}");
    let nobody = daemon.post("/v1/channels/sms/test", &json!({})).unwrap();
    assert_eq!(nobody["code"], "notify.no_address", "{nobody}");
    let shown = site.run(&["notify", "test", "sms", "--to", "duty"]);
    assert!(
        shown.status.success() && String::from_utf8_lossy(&shown.stdout).contains("平台已受理"),
        "{shown:?}"
    );
    assert!(!site.run(&["notify", "test", "sms"]).status.success());
    assert!(tokio::task::spawn_blocking(move || daemon.stop()).await.unwrap());
}

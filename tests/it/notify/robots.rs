//! Robots against stand-ins that behave like WeCom and DingTalk: HTTP 200 to everything, twenty a minute, signatures,
//! keywords, lock-outs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Query, State};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use vcops::notify::channel::Channel;
use vcops::notify::fault::{Class, Code};
use vcops::notify::line::Trust;
use vcops::notify::robot::dingtalk::{Dingtalk, Security};
use vcops::notify::robot::wecom::Wecom;

use super::rig::{Provider, Says, here, id, line, message};

const SECRET: &str = "SEC0123456789";
const TOKEN: &str = "token-abc";

/// DingTalk as its documents describe it.
#[derive(Debug, Default)]
struct Robot {
    taken: Vec<Value>,
    times: VecDeque<Instant>,
    locked: bool,
}

type Shared = Arc<Mutex<Robot>>;

async fn dingtalk(
    State(robot): State<Shared>,
    Query(query): Query<std::collections::BTreeMap<String, String>>,
    Json(body): Json<Value>,
) -> Json<Value> {
    let no = |code: i64, words: &str| Json(json!({ "errcode": code, "errmsg": words }));
    if query.get("access_token").map(String::as_str) != Some(TOKEN) {
        return no(300_001, "token is not exist");
    }
    let timestamp = query.get("timestamp").cloned().unwrap_or_default();
    let age = jiff::Timestamp::now().as_millisecond() - timestamp.parse::<i64>().unwrap_or(0);
    if age.abs() > 3_600_000 {
        return no(310_000, "invalid timestamp");
    }
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{timestamp}\n{SECRET}").as_bytes());
    let sign = base64::prelude::BASE64_STANDARD.encode(mac.finalize().into_bytes());
    if query.get("sign") != Some(&sign) {
        return no(310_000, "sign not match");
    }
    let content = body["text"]["content"].as_str().unwrap_or_default().to_owned();
    if !content.contains("值班") {
        return no(310_000, "keywords not in content");
    }
    let mut robot = robot.lock().unwrap();
    let now = Instant::now();
    robot.times.push_back(now);
    robot.times.retain(|time| now - *time < Duration::from_secs(60));
    if robot.locked || robot.times.len() > 20 {
        robot.locked = true;
        return no(130_101, "send too fast, exceed 20 times per minute");
    }
    robot.taken.push(body);
    no(0, "ok")
}

async fn robot(per_minute: u32, keyword: &str) -> (Dingtalk, Shared) {
    let shared = Shared::default();
    let router = Router::new().route("/robot/send", post(dingtalk)).with_state(Arc::clone(&shared));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let security = Security { secret: Some(SECRET.to_owned().into()), keyword: keyword.into() };
    let keys = (TOKEN.to_owned().into(), security);
    (Dingtalk::new(id("ding"), line(&here(), &Trust::default()), &base, keys, per_minute), shared)
}

#[tokio::test]
async fn dingtalk_takes_a_signed_message_with_its_keyword_and_calls_the_person() {
    let (channel, shared) = robot(19, "值班通知").await;
    channel.deliver(&message("12-3")).await.unwrap();
    let taken = shared.lock().unwrap().taken[0].clone();
    let content = taken["text"]["content"].as_str().unwrap();
    assert!(content.starts_with("值班通知 【紧急】主用 MCU 失联\n"), "{content}");
    assert!(content.ends_with("市视联 12-3\n@13800000001"), "{content}");
    assert_eq!(taken["at"]["atMobiles"], json!(["13800000001"]));
}

#[tokio::test]
async fn dingtalk_never_sees_the_twenty_first_of_a_minute() {
    let (channel, shared) = robot(19, "值班").await;
    let mut sent = 0;
    for at in 0..40 {
        if channel.pace().take().is_ok() {
            channel.deliver(&message(&format!("12-{at}"))).await.unwrap();
            sent += 1;
        }
    }
    assert_eq!(sent, 19);
    assert!(!shared.lock().unwrap().locked, "the robot was locked");
}

#[tokio::test]
async fn dingtalk_that_locks_is_locked_for_ten_minutes_here_too() {
    let (channel, shared) = robot(100, "值班").await;
    let mut faults = Vec::new();
    for at in 0..21 {
        faults.extend(channel.deliver(&message(&format!("12-{at}"))).await.err());
    }
    assert_eq!(shared.lock().unwrap().taken.len(), 20);
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].class, Class::Locked(Duration::from_secs(600)));
    assert_eq!(faults[0].code, Code::TooOften);
}

#[tokio::test]
async fn dingtalk_without_its_keyword_or_with_another_secret_is_refused_for_good() {
    let (channel, _) = robot(19, "").await;
    let mut other = message("12-3");
    other.why = String::new();
    other.body = "无".into();
    let fault = channel.deliver(&other).await.unwrap_err();
    assert_eq!((fault.class, fault.code), (Class::Final, Code::Credential));
    assert!(fault.detail.contains("keywords not in content"), "{fault}");
}

async fn wecom(says: Says) -> (Wecom, Provider) {
    let provider = Provider::start(says).await;
    let key = "3fa-secret-key".to_owned().into();
    let channel = Wecom::new(id("wecom"), line(&here(), &Trust::default()), &provider.url(), key, 19);
    (channel, provider)
}

fn said(code: i64, words: &str) -> Says {
    Says::Body(200, json!({ "errcode": code, "errmsg": words }).to_string())
}

#[tokio::test]
async fn wecom_takes_a_text_and_calls_the_person() {
    let (channel, provider) = wecom(said(0, "ok")).await;
    let mut long = message("12-3");
    long.body = "长".repeat(3000);
    channel.deliver(&long).await.unwrap();
    let asked = &provider.asked()[0];
    assert_eq!(asked.path, "/cgi-bin/webhook/send?key=3fa-secret-key");
    let body = asked.json();
    assert_eq!(body["text"]["mentioned_mobile_list"], json!(["13800000001"]));
    let content = body["text"]["content"].as_str().unwrap();
    assert!(content.len() <= 2048 && content.len() > 1900 && content.ends_with("市视联 12-3"), "{content}");
}

#[tokio::test]
async fn an_http_200_with_an_error_code_is_a_failure() {
    let cases = [
        (said(45009, "api freq out of limit"), Class::Locked(Duration::from_secs(60)), Code::TooOften),
        (said(-1, "system busy"), Class::Again, Code::Busy),
        (said(93000, "invalid webhook url, 3fa-secret-key"), Class::Final, Code::Credential),
        (said(40058, "Invalid Request Parameter"), Class::Final, Code::Rejected),
        (Says::Body(200, "<html>captive portal</html>".into()), Class::Again, Code::Shape),
        (Says::Body(200, "{\"errcode\":".into()), Class::Again, Code::Shape),
        (Says::Wait(429, 7), Class::Locked(Duration::from_secs(7)), Code::TooOften),
        (Says::Body(502, String::new()), Class::Again, Code::Busy),
    ];
    let (channel, provider) = wecom(said(0, "ok")).await;
    for (says, class, code) in cases {
        provider.next(says.clone());
        let fault = channel.deliver(&message("12-3")).await.unwrap_err();
        assert_eq!((fault.class, fault.code), (class, code), "{says:?}: {fault}");
        assert!(!fault.to_string().contains("3fa-secret-key"), "{fault}");
    }
    channel.deliver(&message("12-3")).await.unwrap();
}

//! People and what opens without them: passwords that age, second factors, proof, forced logout, the account for
//! emergencies, wallboards, links of counties.

use serde_json::{Value, json};
use vcops::domain::actor::Role;
use vcops::domain::id::UserId;
use vcops::domain::time::Span;

use crate::web_rig::{Answer, ELSEWHERE, HERE, PASSWORD, Rig};

const NEXT: [&str; 4] = ["Xk4-plomb9ut", "Xk5-plomb9ut", "Xk6-plomb9ut", "Xk7-plomb9ut"];

async fn ask(rig: &Rig, cookie: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
    rig.send(ELSEWHERE, (method, path), cookie, body).await
}

async fn post(rig: &Rig, cookie: &str, path: &str, body: Value) -> Answer {
    ask(rig, cookie, "POST", path, Some(body)).await
}

/// A six-digit code as an authenticator would show it.
fn code_of(uri: &str, rig: &Rig, steps: u64) -> String {
    let now_s = u64::try_from(rig.now().0).unwrap() / 1_000_000;
    totp_rs::Totp::from_url(uri).unwrap().generate(now_s + steps * 30).to_string()
}

#[tokio::test]
async fn a_password_that_another_set_is_changed_before_anything_else() {
    let rig = Rig::new().await;
    let admin = rig.user("an.quan", Role::SecurityAdmin, None, true).await;
    let cookie = rig.cookie(&admin).await;
    let new = json!({"id": "tech", "name": "技术员", "password": PASSWORD,
        "grants": [{"role": "technician", "region": null}]});
    assert_eq!(post(&rig, &cookie, "/api/v1/users", new).await.status, 200);
    let own = rig.sign_in(ELSEWHERE, "tech", PASSWORD).await;
    assert_eq!(own.json()["must_change_password"], true);
    let own = own.cookie().unwrap();
    assert_eq!(ask(&rig, &own, "GET", "/api/v1/meetings", None).await.code(), "password_expired");
    let change = async |old: &str, new: &str| {
        ask(&rig, &own, "PUT", "/api/v1/session/password", Some(json!({"old": old, "new": new}))).await
    };
    assert_eq!(change(PASSWORD, PASSWORD).await.code(), "weak_password", "the same is no change");
    assert_eq!(change(PASSWORD, NEXT[0]).await.status, 200);
    assert_eq!(ask(&rig, &own, "GET", "/api/v1/meetings", None).await.status, 200);
    assert_eq!(change(NEXT[0], NEXT[1]).await.status, 200);
    assert_eq!(change(NEXT[1], PASSWORD).await.code(), "weak_password", "one of those before");
    rig.pass(Span::minutes(90 * 24 * 60));
    let aged = rig.sign_in(ELSEWHERE, "tech", NEXT[1]).await;
    assert_eq!(aged.json()["must_change_password"], true, "too old");
    let reserved = json!({"id": "wall.x", "name": "x", "password": NEXT[2], "grants": []});
    let cookie = rig.cookie(&admin).await;
    assert_eq!(post(&rig, &cookie, "/api/v1/users", reserved).await.code(), "exists");
}

#[tokio::test]
async fn what_disturbs_needs_the_password_given_lately() {
    let rig = Rig::new().await;
    rig.user("tech", Role::Technician, None, true).await;
    let cookie = rig.sign_in(ELSEWHERE, "tech", PASSWORD).await.cookie().unwrap();
    let order = |dry: bool| {
        let action = json!({"action": "drain", "on": true});
        let body = json!({"action": action, "why": "检修", "dry_run": dry});
        post(&rig, &cookie, "/api/v1/devices/mcus/east/actions", body)
    };
    assert_ne!(order(false).await.code(), "proof_needed", "signing in was proof");
    rig.pass(Span::minutes(10));
    assert_eq!(order(false).await.code(), "proof_needed");
    assert_ne!(order(true).await.code(), "proof_needed", "what is only looked at disturbs nobody");
    let prove = |password: &str| post(&rig, &cookie, "/api/v1/session/proof", json!({"password": password}));
    assert_eq!(prove("wrong").await.code(), "bad_credentials");
    assert_eq!(order(false).await.code(), "proof_needed");
    let proved = prove(PASSWORD).await;
    assert_eq!(proved.status, 200);
    assert!(proved.json()["proved_until"].is_string());
    assert_ne!(order(false).await.code(), "proof_needed");
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_no_code_counts_twice() {
    let rig = Rig::new().await;
    rig.user("tech", Role::Technician, None, true).await;
    let cookie = rig.sign_in(ELSEWHERE, "tech", PASSWORD).await.cookie().unwrap();
    let made = ask(&rig, &cookie, "POST", "/api/v1/session/second-factor", None).await.json();
    let uri = made["uri"].as_str().unwrap().to_owned();
    assert_eq!(
        rig.sign_in(ELSEWHERE, "tech", PASSWORD).await.status,
        200,
        "not confirmed yet: not asked for"
    );
    let confirm = |code: String| {
        ask(&rig, &cookie, "PUT", "/api/v1/session/second-factor", Some(json!({"code": code})))
    };
    assert_eq!(confirm("000000".into()).await.code(), "bad_credentials");
    assert_eq!(confirm(code_of(&uri, &rig, 0)).await.status, 200);
    let sign_in = |code: Option<String>| {
        let body = json!({"user": "tech", "password": PASSWORD, "code": code});
        post(&rig, "", "/api/v1/session", body)
    };
    assert_eq!(sign_in(None).await.code(), "second_factor_needed");
    assert_eq!(
        sign_in(Some(code_of(&uri, &rig, 0))).await.code(),
        "bad_credentials",
        "used up by confirming"
    );
    rig.pass(Span::seconds(30));
    let code = code_of(&uri, &rig, 0);
    assert_eq!(sign_in(Some(code.clone())).await.status, 200);
    assert_eq!(sign_in(Some(code)).await.code(), "bad_credentials", "no code counts twice");
    let wrong = json!({"user": "tech", "password": "wrong", "code": null});
    assert_eq!(
        post(&rig, "", "/api/v1/session", wrong).await.code(),
        "bad_credentials",
        "says nothing of the factor"
    );
    let stored = rig.user("an.quan", Role::SecurityAdmin, None, true).await;
    let admin = rig.cookie(&stored).await;
    assert_eq!(ask(&rig, &admin, "DELETE", "/api/v1/users/tech/second-factor", None).await.status, 200);
    assert_eq!(ask(&rig, &cookie, "GET", "/api/v1/session", None).await.code(), "not_signed_in");
    rig.pass(Span::minutes(20));
    assert_eq!(sign_in(None).await.status, 200, "the telephone was lost");
}

#[tokio::test]
async fn guessing_codes_is_slowed_like_guessing_passwords() {
    let rig = Rig::new().await;
    rig.user("tech", Role::Technician, None, true).await;
    let cookie = rig.sign_in(ELSEWHERE, "tech", PASSWORD).await.cookie().unwrap();
    let made = ask(&rig, &cookie, "POST", "/api/v1/session/second-factor", None).await.json();
    let code = code_of(made["uri"].as_str().unwrap(), &rig, 0);
    ask(&rig, &cookie, "PUT", "/api/v1/session/second-factor", Some(json!({"code": code}))).await;
    let mut codes = Vec::new();
    for guess in 0..6 {
        let body = json!({"user": "tech", "password": PASSWORD, "code": format!("00000{guess}")});
        codes.push(post(&rig, "", "/api/v1/session", body).await.code());
    }
    assert_eq!(codes[..4], ["bad_credentials"; 4]);
    assert_eq!(codes[4..], ["locked_out"; 2]);
}

#[tokio::test]
async fn an_administrator_signs_somebody_out_everywhere() {
    let rig = Rig::new().await;
    let (tech, admin) = (
        rig.user("tech", Role::Technician, Some("east"), false).await,
        rig.user("an.quan", Role::SecurityAdmin, None, true).await,
    );
    let (one, two, admin) = (rig.cookie(&tech).await, rig.cookie(&tech).await, rig.cookie(&admin).await);
    let sessions = ask(&rig, &admin, "GET", "/api/v1/users/tech/sessions", None).await.json();
    assert_eq!(sessions["items"].as_array().unwrap().len(), 2);
    let ended = ask(&rig, &admin, "DELETE", "/api/v1/users/tech/sessions", None).await.json();
    assert_eq!(ended["ended"], 2);
    for cookie in [one, two] {
        assert_eq!(ask(&rig, &cookie, "GET", "/api/v1/session", None).await.code(), "not_signed_in");
    }
}

#[tokio::test]
async fn the_account_for_emergencies_raises_an_alarm_until_it_is_sealed() {
    let rig = Rig::new().await;
    let admin = rig.user("an.quan", Role::SecurityAdmin, None, true).await;
    let glass = rig.user("emergency", Role::Technician, None, true).await;
    let watcher = rig.user("op", Role::Operator, None, false).await;
    let (admin, watcher) = (rig.cookie(&admin).await, rig.cookie(&watcher).await);
    let alarms = async || {
        let found = ask(&rig, &watcher, "GET", "/api/v1/alarms", None).await.json();
        let items = found["items"].as_array().unwrap().clone();
        items.into_iter().filter(|alarm| alarm["key"]["rule"] == "account.break_glass").collect::<Vec<_>>()
    };
    let flag = json!({"break_glass": true});
    assert_eq!(ask(&rig, &admin, "PATCH", "/api/v1/users/emergency", Some(flag)).await.status, 200);
    assert!(alarms().await.is_empty());
    assert_eq!(rig.sign_in(ELSEWHERE, glass.as_str(), PASSWORD).await.status, 200);
    let raised = alarms().await;
    assert_eq!(
        (raised.len(), &raised[0]["severity"], &raised[0]["state"]),
        (1, &json!("critical"), &json!("unack"))
    );
    rig.sign_in(ELSEWHERE, glass.as_str(), PASSWORD).await;
    assert_eq!(alarms().await.len(), 1, "one alarm, however often");
    let sealed = json!({"password": NEXT[0]});
    let set = ask(&rig, &admin, "PUT", "/api/v1/users/emergency/password", Some(sealed)).await;
    assert_eq!(set.status, 200, "{set:?}");
    assert_ne!(
        alarms().await.first().map(|alarm| alarm["state"].clone()),
        Some(json!("unack")),
        "it is over"
    );
}

/// Comes in with a token.
async fn entered(rig: &Rig, token: &str) -> Answer {
    rig.send(ELSEWHERE, ("POST", "/api/v1/session/pass"), "", Some(json!({"token": token}))).await
}

#[tokio::test]
async fn a_wallboard_reads_its_region_and_is_worthless_once_taken_down() {
    let rig = Rig::new().await;
    let admin = rig.user("an.quan", Role::SecurityAdmin, None, true).await;
    let admin = rig.cookie(&admin).await;
    let made =
        post(&rig, &admin, "/api/v1/wallboards", json!({"name": "大厅", "region": "east"})).await.json();
    let token = made["token"].as_str().unwrap();
    assert_eq!(entered(&rig, "guess").await.code(), "bad_token");
    let answer = entered(&rig, token).await;
    assert_eq!(
        (answer.json()["opens"].as_str(), answer.json()["region"].as_str()),
        (Some("wallboard"), Some("east"))
    );
    let wall = answer.cookie().unwrap();
    for (path, visible) in [("/api/v1/streams", 1), ("/api/v1/meetings", 1), ("/api/v1/incidents", 0)] {
        let items = ask(&rig, &wall, "GET", path, None).await.json()["items"].as_array().map(Vec::len);
        assert_eq!(items, Some(visible), "{path}");
    }
    let matrix = ask(&rig, &wall, "GET", "/api/v1/rounds/1/matrix", None).await.json();
    assert_eq!(matrix["rows"].as_array().map(Vec::len), Some(1), "its region alone");
    let denied = [
        ("GET", "/api/v1/people", None),
        ("GET", "/api/v1/inventory", None),
        ("GET", "/api/v1/users", None),
        ("POST", "/api/v1/rounds/1/retest", Some(json!({"scope": {"venue": "east"}}))),
        ("POST", "/api/v1/meetings/m/rollcall", Some(json!({"venue": "east", "answer": "all_in_order"}))),
        ("POST", "/api/v1/session/second-factor", None),
        ("GET", "/api/v1/checklist", None),
    ];
    for (method, path, body) in denied {
        assert_eq!(ask(&rig, &wall, method, path, body).await.code(), "forbidden", "{method} {path}");
    }
    let listed = ask(&rig, &admin, "GET", "/api/v1/wallboards", None).await;
    assert!(listed.json()["items"][0]["used"].is_string() && !listed.text.contains(token), "{listed:?}");
    let id = made["id"].as_str().unwrap();
    assert_eq!(ask(&rig, &admin, "DELETE", &format!("/api/v1/wallboards/{id}"), None).await.status, 200);
    assert_eq!(ask(&rig, &wall, "GET", "/api/v1/streams", None).await.code(), "not_signed_in");
    assert_eq!(entered(&rig, token).await.code(), "bad_token");
    let stored = rig.stored_bytes();
    assert!(!stored.windows(token.len()).any(|window| window == token.as_bytes()), "only a hash is stored");
}

#[tokio::test]
async fn a_countys_link_opens_one_checklist_and_nothing_else() {
    let rig = Rig::new().await;
    let tech = rig.user("tech", Role::Technician, Some("city"), false).await;
    let cookie = rig.cookie(&tech).await;
    let link = |venue: &str, hours: u32| {
        post(&rig, &cookie, "/api/v1/meetings/m/links", json!({"venue": venue, "hours": hours}))
    };
    assert_eq!(link("east", 0).await.code(), "too_long");
    assert_eq!(link("gone", 4).await.code(), "not_found");
    let made = link("east", 4).await.json();
    let county = entered(&rig, made["token"].as_str().unwrap()).await.cookie().unwrap();
    let list = ask(&rig, &county, "GET", "/api/v1/checklist", None).await.json();
    assert_eq!(
        (list["venue"].as_str(), list["matrix"]["rows"].as_array().map(Vec::len)),
        (Some("east"), Some(1))
    );
    let found = |body: Value| post(&rig, &county, "/api/v1/checklist", body);
    assert_eq!(found(json!({"room": "led", "outcome": "faulty", "note": "黑屏"})).await.status, 200);
    assert_eq!(found(json!({"confirm": "picture", "outcome": "in_order"})).await.status, 200);
    assert_eq!(found(json!({"outcome": "in_order"})).await.code(), "bad_request");
    assert_eq!(
        found(json!({"room": "led", "outcome": "faulty", "note": "长".repeat(1001)})).await.code(),
        "too_large"
    );
    assert_eq!(ask(&rig, &county, "POST", "/api/v1/checklist/retest", None).await.status, 200);
    let matrix = ask(&rig, &cookie, "GET", "/api/v1/rounds/1/matrix", None).await.text;
    assert!(
        matrix.contains("黑屏") && matrix.contains(&format!("user:{}", made["id"].as_str().unwrap())),
        "who wrote it"
    );
    for path in [
        "/api/v1/meetings",
        "/api/v1/rounds/1/matrix",
        "/api/v1/streams",
        "/api/v1/people",
        "/api/v1/incidents",
    ] {
        assert_eq!(ask(&rig, &county, "GET", path, None).await.code(), "forbidden", "{path}");
    }
    rig.pass(Span::minutes(4 * 60));
    assert_eq!(ask(&rig, &county, "GET", "/api/v1/checklist", None).await.code(), "not_signed_in", "expired");
    let cookie = rig.cookie(&UserId::parse("tech").unwrap()).await;
    let made =
        post(&rig, &cookie, "/api/v1/meetings/m/links", json!({"venue": "east", "hours": 4})).await.json();
    let county = entered(&rig, made["token"].as_str().unwrap()).await.cookie().unwrap();
    let gone = format!("/api/v1/links/{}", made["id"].as_str().unwrap());
    assert_eq!(ask(&rig, &cookie, "DELETE", &gone, None).await.status, 200);
    assert_eq!(
        ask(&rig, &county, "GET", "/api/v1/checklist", None).await.code(),
        "not_signed_in",
        "taken back"
    );
    assert_eq!(rig.send(HERE, ("GET", "/api/v1/session"), &county, None).await.code(), "not_signed_in");
}

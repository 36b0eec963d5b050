//! Identity: set-up, signing in, lock-outs, sessions, one-time links, users, and who may see names.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use vcops::domain::actor::Role;
use vcops::domain::id::PersonId;
use vcops::domain::time::{Span, Utc};
use vcops::store::people::{Person, PersonNumber};

use crate::web_rig::{ELSEWHERE, HERE, PASSWORD, Rig};

#[tokio::test]
async fn set_up_is_for_this_machine_and_its_token_works_once() {
    let rig = Rig::new().await;
    let token = rig.app.setup_token().await.unwrap().expect("nobody is there yet");
    for path in ["/", "/api/v1/setup", "/api/v1/session", "/metrics", "/readyz"] {
        assert_eq!(rig.send(ELSEWHERE, ("GET", path), "", None).await.code(), "setup_pending", "{path}");
    }
    assert_eq!(rig.send(ELSEWHERE, ("GET", "/healthz"), "", None).await.status, 200);
    let first = |token: &str, password: &str| {
        let body = json!({"token": token, "user": "an.quan", "name": "安全员", "password": password});
        rig.send(HERE, ("POST", "/api/v1/setup"), "", Some(body))
    };
    assert_eq!(first("guess", PASSWORD).await.code(), "bad_token");
    assert_eq!(first(token.reveal(), "password12").await.code(), "weak_password");
    let done = first(token.reveal(), PASSWORD).await;
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(done.json()["grants"][0]["role"], "security_admin");
    assert_eq!(first(token.reveal(), PASSWORD).await.code(), "bad_token");
    assert!(rig.app.setup_token().await.unwrap().is_none());
    assert_eq!(rig.sign_in(ELSEWHERE, "an.quan", PASSWORD).await.status, 200, "set up: others may come");
}

#[tokio::test]
async fn a_proxy_or_a_foreign_name_on_loopback_is_not_this_machine() {
    let rig = Rig::new().await;
    let token = rig.app.setup_token().await.unwrap().unwrap();
    for (name, value) in [("x-forwarded-for", "10.0.0.1"), ("host", "rebound.example")] {
        let body = json!({"token": token.reveal(), "user": "a.b", "name": "甲", "password": PASSWORD});
        let request = Request::builder().method("POST").uri("/api/v1/setup");
        let request = request.header("content-type", "application/json").header(name, value);
        let answer = rig.raw(HERE, request.body(Body::from(body.to_string())).unwrap()).await;
        assert_eq!(answer.code(), "setup_pending", "{name}");
    }
}

#[tokio::test]
async fn guessing_is_slowed_more_and_more_across_restarts() {
    let rig = Rig::new().await;
    rig.user("tech", Role::Technician, None, true).await;
    for _ in 0..4 {
        assert_eq!(rig.sign_in(ELSEWHERE, "tech", "wrong").await.code(), "bad_credentials");
    }
    let locked = rig.sign_in(ELSEWHERE, "tech", PASSWORD).await;
    assert_eq!((locked.code().as_str(), locked.json()["retry_after_s"].as_f64()), ("locked_out", Some(2.0)));
    let rig = rig.restarted().await;
    assert_eq!(
        rig.sign_in(ELSEWHERE, "tech", PASSWORD).await.code(),
        "locked_out",
        "a restart forgets nothing"
    );
    rig.pass(Span::seconds(2));
    assert_eq!(rig.sign_in(ELSEWHERE, "tech", "wrong").await.code(), "bad_credentials");
    let locked = rig.sign_in(ELSEWHERE, "tech", PASSWORD).await;
    assert_eq!(locked.json()["retry_after_s"].as_f64(), Some(4.0), "longer each time");
    assert_eq!(
        rig.sign_in("10.9.9.9:1", "tech", PASSWORD).await.status,
        200,
        "another address is not locked"
    );
    rig.pass(Span::seconds(4));
    assert_eq!(rig.sign_in(ELSEWHERE, "tech", PASSWORD).await.status, 200);
    assert_eq!(
        rig.sign_in(ELSEWHERE, "tech", "wrong").await.code(),
        "bad_credentials",
        "a success starts anew"
    );
}

#[tokio::test]
async fn guesses_in_parallel_count_one_by_one() {
    let rig = Rig::new().await;
    rig.user("tech", Role::Technician, None, true).await;
    let tries = (0..12).map(|_| rig.sign_in(ELSEWHERE, "tech", "wrong"));
    let answers = futures_util::future::join_all(tries).await;
    let looked_at = answers.iter().filter(|answer| answer.code() == "bad_credentials").count();
    assert_eq!(looked_at, 4, "{answers:?}");
}

#[tokio::test]
async fn a_session_ends_by_idleness_by_age_and_by_signing_out() {
    let rig = Rig::new().await;
    let user = rig.user("tech", Role::Technician, None, false).await;
    let works = async |cookie: &str| {
        rig.send(ELSEWHERE, ("GET", "/api/v1/session"), cookie, None).await.status == 200
    };

    let cookie = rig.cookie(&user).await;
    rig.pass(Span::minutes(29));
    assert!(works(&cookie).await);
    rig.pass(Span::minutes(31));
    assert!(!works(&cookie).await, "idle");

    let cookie = rig.cookie(&user).await;
    for _ in 0..28 {
        rig.pass(Span::minutes(25));
        assert!(works(&cookie).await);
    }
    rig.pass(Span::minutes(25));
    assert!(!works(&cookie).await, "twelve hours");

    let cookie = rig.cookie(&user).await;
    let token = cookie.split_once('=').unwrap().1.as_bytes().to_vec();
    let stored = rig.stored_bytes();
    assert!(!stored.windows(token.len()).any(|window| window == token), "only a hash is stored");
    rig.send(ELSEWHERE, ("DELETE", "/api/v1/session"), &cookie, None).await;
    assert!(!works(&cookie).await, "signed out");
}

#[tokio::test]
async fn the_cookie_is_kept_from_scripts_and_other_sites() {
    let rig = Rig::new().await;
    rig.user("tech", Role::Technician, None, true).await;
    let answer = rig.sign_in(ELSEWHERE, "tech", PASSWORD).await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let forged = Request::builder().method("DELETE").uri("/api/v1/session").header("host", "vcops.lan");
    let forged = forged.header("origin", "http://evil.example").header("cookie", answer.cookie().unwrap());
    assert_eq!(rig.raw(ELSEWHERE, forged.body(Body::empty()).unwrap()).await.code(), "cross_site");
}

#[tokio::test]
async fn a_one_time_link_works_once_here_and_soon() {
    let rig = Rig::new().await;
    let user = rig.user("tech", Role::Technician, None, false).await;
    let spend = async |peer: &str, token: &str| {
        let body = Some(json!({"token": token}));
        rig.send(peer, ("POST", "/api/v1/session/link"), "", body).await
    };
    let token = rig.app.one_time_link(user.clone(), Span::minutes(5)).await;
    assert_eq!(spend(ELSEWHERE, token.reveal()).await.code(), "bad_token");
    assert_eq!(spend(HERE, token.reveal()).await.status, 200);
    assert_eq!(spend(HERE, token.reveal()).await.code(), "bad_token");
    let late = rig.app.one_time_link(user, Span::minutes(5)).await;
    rig.pass(Span::minutes(5));
    assert_eq!(spend(HERE, late.reveal()).await.code(), "bad_token");
    assert_eq!(rig.sign_in(HERE, "tech", "").await.code(), "bad_credentials", "no password fits");
}

#[tokio::test]
async fn administrators_are_kept_apart_and_one_remains() {
    let rig = Rig::new().await;
    let first = rig.user("an.quan", Role::SecurityAdmin, None, true).await;
    let cookie = rig.cookie(&first).await;
    let add = async |id: &str, grants: serde_json::Value| {
        let body = json!({"id": id, "name": id, "password": PASSWORD, "grants": grants});
        rig.send(ELSEWHERE, ("POST", "/api/v1/users"), &cookie, Some(body)).await
    };
    let both = json!([{"role": "system_admin", "region": null}, {"role": "auditor", "region": null}]);
    assert_eq!(add("both", both).await.code(), "roles_apart");
    let second = json!([{"role": "security_admin", "region": null}]);
    assert_eq!(add("second", second).await.status, 200);
    assert_eq!(add("second", json!([])).await.code(), "exists");
    let change = async |cookie: &str, id: &str, body: serde_json::Value| {
        rig.send(ELSEWHERE, ("PATCH", &format!("/api/v1/users/{id}")), cookie, Some(body)).await
    };
    let own = change(&cookie, "an.quan", json!({"grants": [{"role": "technician", "region": null}]})).await;
    assert_eq!(own.code(), "forbidden", "nobody changes the own grants");
    assert_eq!(change(&cookie, "second", json!({"disabled": true})).await.status, 200);
    assert_eq!(rig.sign_in(ELSEWHERE, "second", PASSWORD).await.code(), "bad_credentials");

    let county = rig.user("county.sec", Role::SecurityAdmin, Some("east"), true).await;
    let narrow = rig.cookie(&county).await;
    assert_eq!(change(&narrow, "an.quan", json!({"disabled": true})).await.code(), "not_found");
    let listed = rig.send(ELSEWHERE, ("GET", "/api/v1/users"), &narrow, None).await.json();
    let ids: Vec<&str> =
        listed["items"].as_array().unwrap().iter().map(|u| u["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["county.sec"]);
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let rig = Rig::new().await;
    let user = rig.user("tech", Role::Technician, None, true).await;
    let (here, there) = (rig.cookie(&user).await, rig.cookie(&user).await);
    let change = async |old: &str, new: &str| {
        let body = Some(json!({"old": old, "new": new}));
        rig.send(ELSEWHERE, ("PUT", "/api/v1/session/password"), &here, body).await
    };
    assert_eq!(change("wrong", "Xk4-plomb9ut").await.code(), "bad_credentials");
    assert_eq!(change(PASSWORD, "tech-2026-Ab").await.code(), "weak_password");
    assert_eq!(change(PASSWORD, "Xk4-plomb9ut").await.status, 200);
    assert_eq!(rig.send(ELSEWHERE, ("GET", "/api/v1/session"), &here, None).await.status, 200);
    assert_eq!(rig.send(ELSEWHERE, ("GET", "/api/v1/session"), &there, None).await.code(), "not_signed_in");
    assert_eq!(rig.sign_in(ELSEWHERE, "tech", "Xk4-plomb9ut").await.status, 200);
}

#[tokio::test]
async fn names_and_numbers_reach_only_those_who_may_have_them() {
    let rig = Rig::new().await;
    let numbers = vec![PersonNumber { kind: "mobile".to_owned(), number: "139 0000 0101".to_owned() }];
    let zhang = Person { id: PersonId::parse("zhang").unwrap(), name: "张工".to_owned(), numbers };
    rig.store.put_person(&zhang, Utc(0)).await.unwrap();
    let cases = [
        (Role::Technician, Some("city"), true),
        (Role::CountyTechnician, Some("east"), true),
        (Role::CountyTechnician, Some("west"), false),
        (Role::SystemAdmin, None, false),
        (Role::Auditor, None, false),
    ];
    for (n, (role, region, expected)) in cases.into_iter().enumerate() {
        let user = rig.user(&format!("u{n}"), role, region, false).await;
        let cookie = rig.cookie(&user).await;
        let venue = rig.send(ELSEWHERE, ("GET", "/api/v1/people?venue=east"), &cookie, None).await;
        assert_eq!(venue.text.contains("139 0000 0101"), expected, "{role:?} {region:?}: {}", venue.text);
        for path in ["/api/v1/inventory", "/api/v1/meetings", "/api/v1/rounds/1/matrix"] {
            let text = rig.send(ELSEWHERE, ("GET", path), &cookie, None).await.text;
            assert!(!text.contains("张工") && !text.contains("139 0000"), "{path} tells a name");
        }
    }
}

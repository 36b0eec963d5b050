//! The API as a whole: rights over every route, documents, problems, live updates, the local socket, TLS.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use vcops::domain::actor::Role;
use vcops::domain::id::UserId;
use vcops::web::{document, listen, local, router, routes, tls};

use crate::web_rig::{ELSEWHERE, HERE, PASSWORD, Rig, undecided};

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/web/rights.txt");
const REGIONS: [Option<&str>; 4] = [None, Some("city"), Some("east"), Some("elsewhere")];

/// What the file says of one route: a word for a stranger, then four letters for each role.
struct Rule {
    stranger: char,
    roles: Vec<String>,
}

fn rules() -> BTreeMap<String, Rule> {
    let text = std::fs::read_to_string(RULES).unwrap();
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let rule = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        let route = format!("{} {}", words.next().unwrap(), words.next().unwrap());
        let stranger = words.next().unwrap().chars().next().unwrap();
        (route, Rule { stranger, roles: words.collect() })
    };
    lines.map(rule).collect()
}

/// A request that a caller with every right could make.
fn body(route: &str) -> Option<Value> {
    let words: Vec<&str> = route.split(' ').collect();
    let path = json!({"venue": "east", "check": "path", "link": "east-a"});
    let body = match words[1] {
        _ if words[0] == "GET" || words[0] == "DELETE" => return None,
        "/api/v1/setup" => json!({"token": "x", "user": "first", "name": "甲", "password": PASSWORD}),
        "/api/v1/session" => json!({"user": "nobody", "password": "wrong"}),
        "/api/v1/session/link" => json!({"token": "x"}),
        "/api/v1/session/pass" => json!({"token": "x"}),
        "/api/v1/session/proof" => json!({"password": "wrong"}),
        "/api/v1/session/second-factor" => json!({"code": "000000"}),
        "/api/v1/wallboards" => json!({"name": "大厅", "region": "east"}),
        "/api/v1/meetings/{id}/links" => json!({"venue": "east", "hours": 4}),
        "/api/v1/checklist" => json!({"room": "led", "outcome": "in_order"}),
        "/api/v1/checklist/retest" => return None,
        "/api/v1/session/password" => json!({"old": "wrong", "new": "short"}),
        "/api/v1/users" => json!({"id": "new", "name": "新", "password": "short",
            "grants": [{"role": "technician", "region": "east"}]}),
        "/api/v1/users/{id}" => json!({"name": "改名"}),
        "/api/v1/users/{id}/password" => json!({"password": "short"}),
        "/api/v1/meetings/{id}/rollcall" => json!({"venue": "east", "answer": "all_in_order"}),
        "/api/v1/venues/{id}/consent" => json!({"minutes": 30}),
        "/api/v1/rounds" => json!({"meeting": "m", "kind": "single_point", "venues": ["east"]}),
        "/api/v1/rounds/{id}/retest" => json!({"scope": {"venue": "east"}}),
        "/api/v1/rounds/{id}/waive" => json!({"key": path, "why": "检修"}),
        "/api/v1/rounds/{id}/room" => json!({"venue": "east", "item": "led", "outcome": "in_order"}),
        "/api/v1/rounds/{id}/confirm" => json!({"venue": "east", "item": "picture", "outcome": "in_order"}),
        "/api/v1/rounds/{id}/signoff" => json!({"party": "technical", "person": "甲"}),
        "/api/v1/rounds/{id}/close" | "/api/v1/agents/{id}/invitation" => return None,
        "/api/v1/inventory" => json!({"base": 1, "origin": "test", "changes": [{"put": {"venue":
            {"id": "east", "name": "东", "region": "east"}}}]}),
        "/api/v1/devices/{kind}/{id}/actions" => {
            json!({"action": {"action": "drain", "on": true}, "why": "检修"})
        }
        "/api/v1/incidents/{id}/handling" => json!({"ask": "ack"}),
        "/api/v1/incidents/{id}/review" => json!({"root_cause": "mcu_down", "text": "电源"}),
        "/api/v1/alarms/handling" => json!({"handling": {"ask": "ack"}, "alarms": [
            {"rule": "link.path", "subject": {"resource": {"link": "east-a"}}}]}),
        "/api/v1/actions/{key}/decision" => json!({"happened": true}),
        "/api/v1/incidents/{id}/plan" => json!({"ask": "stop", "why": "演练"}),
        "/api/v1/duty" => json!({"ask": "hand_over", "from": "day", "to": "night", "note": "无"}),
        "/api/v1/channels/{id}/test" => json!({}),
        "/api/v1/agents/{id}/revoke" => json!({"why": "遗失"}),
        other => panic!("say how to ask {other}, and add it to rights.txt"),
    };
    Some(body)
}

fn concrete(path: &str) -> String {
    let id = match path {
        path if path.contains("/rounds/") || path.contains("/incidents/") => "1",
        path if path.contains("/meetings/") => "m",
        path if path.contains("/users/") => "target",
        path if path.contains("/plans/") => "f04-endpoint",
        _ => "east",
    };
    let during = ["stills", "samples"].iter().any(|last| path.ends_with(last));
    let query = if during { "?from=2026-11-22T00:00:00Z&until=2026-11-22T01:00:00Z" } else { "" };
    path.replace("{id}", id)
        .replace("{kind}", "mcus")
        .replace("{key}", &undecided())
        .replace("{file}", "icon.svg")
        .replace("{at}", "1")
        + query
}

/// `n` denied, `e` allowed but nothing visible, `y` allowed.
async fn tried(rig: &Rig, route: &str, cookie: &str) -> char {
    let (method, path) = route.split_once(' ').unwrap();
    let answer = rig.send(ELSEWHERE, (method, &concrete(path)), cookie, body(route)).await;
    assert!(!answer.status.is_server_error(), "{route}: {answer:?}");
    let json = answer.json();
    let nothing = json["items"].as_array().is_some_and(Vec::is_empty)
        || json["venues"].as_object().is_some_and(serde_json::Map::is_empty);
    match answer.code().as_str() {
        "not_signed_in" | "forbidden" | "not_found" => 'n',
        _ if nothing => 'e',
        _ => 'y',
    }
}

#[tokio::test]
async fn no_role_reaches_a_route_that_the_rights_deny() {
    let table: Vec<String> = routes::table().iter().map(|r| format!("{} {}", r.method, r.path)).collect();
    let rules = rules();
    let known: Vec<&String> = rules.keys().collect();
    let mut sorted: Vec<&String> = table.iter().collect();
    sorted.sort();
    assert_eq!(sorted, known, "tests/data/web/rights.txt must name every route, and only those");

    let rig = Rig::new().await;
    rig.user("target", Role::Technician, Some("east"), false).await;
    let mut users: Vec<(usize, usize, UserId)> = Vec::new();
    for (r, role) in Role::ALL.into_iter().enumerate() {
        for (s, region) in REGIONS.into_iter().enumerate() {
            users.push((r, s, rig.user(&format!("u{r}-{s}"), role, region, false).await));
        }
    }
    let mut wrong = String::new();
    for route in &table {
        let rule = &rules[route];
        let stranger = tried(&rig, route, "").await;
        if stranger != rule.stranger {
            let _ = writeln!(wrong, "{route}: a stranger gets {stranger}, the file says {}", rule.stranger);
        }
        let mut found = vec![String::new(); Role::ALL.len()];
        for (role, _, user) in &users {
            let cookie = rig.cookie(user).await;
            found[*role].push(tried(&rig, route, &cookie).await);
        }
        if found != rule.roles {
            let _ = writeln!(wrong, "{route} {} {}", rule.stranger, found.join(" "));
        }
    }
    assert!(wrong.is_empty(), "rights differ from tests/data/web/rights.txt:\n{wrong}");
}

#[tokio::test]
async fn a_request_that_is_sent_again_under_its_own_key_is_the_same_order() {
    let rig = Rig::new().await;
    let ask = async |user: &UserId, key: Option<&str>, site: &str| {
        let body = json!({"why": "检修", "action": {"action": "mute", "conference": "1", "participant": site,
            "medium": "audio", "way": "from_site", "on": true}});
        let request = Request::builder().method("POST").uri("/api/v1/devices/mcus/east/actions");
        let request = request.header("host", "vcops.lan").header("content-type", "application/json");
        let request = request.header("cookie", rig.cookie(user).await);
        let request = key.iter().fold(request, |request, key| request.header("idempotency-key", *key));
        let answer = rig.raw(ELSEWHERE, request.body(Body::from(body.to_string())).unwrap()).await;
        answer.json()["key"].as_str().map(str::to_owned).ok_or_else(|| answer.code())
    };
    let one = rig.user("one", Role::Technician, None, false).await;
    let other = rig.user("other", Role::Technician, None, false).await;
    let first = ask(&one, Some("k-1"), "a").await.unwrap();
    assert_eq!(ask(&one, Some("k-1"), "a").await, Ok(first.clone()));
    assert_eq!(ask(&one, None, "a").await, Err("action_running".to_owned()), "without a key it is another");
    assert_eq!(ask(&one, Some("k-2"), "a").await, Err("action_running".to_owned()));
    assert_eq!(
        ask(&other, Some("k-1"), "a").await,
        Err("action_running".to_owned()),
        "another's key is another"
    );
    assert_ne!(ask(&other, Some("k-1"), "b").await.unwrap(), first);
}

#[test]
fn every_route_of_the_api_is_documented_and_nothing_else() {
    let document = serde_json::to_value(document()).unwrap();
    let page = ["/", "/assets/{file}"];
    let mut table: Vec<String> = routes::table()
        .iter()
        .filter(|route| !page.contains(&route.path))
        .map(|route| format!("{} {}", route.method.as_str().to_lowercase(), route.path))
        .collect();
    let mut documented: Vec<String> = Vec::new();
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            documented.push(format!("{method} {path}"));
            assert!(ids.insert(operation["operationId"].to_string()), "{method} {path} has an id of its own");
            let answers = &operation["responses"];
            assert!(answers["default"]["content"]["application/problem+json"].is_object(), "{method} {path}");
            assert!(operation["summary"].is_string(), "{method} {path} says what it does");
        }
    }
    table.sort();
    documented.sort();
    assert_eq!(table, documented);
}

#[test]
fn the_manual_names_every_route() {
    let manual = include_str!("../../docs/API.md");
    for route in routes::table() {
        // Two methods of one path may share a line: `GET` / `DELETE path`.
        let named = format!("{} {}", route.method, route.path);
        let shared = manual.lines().any(|line| {
            line.contains(&format!("`{}`", route.method)) && line.contains(&format!(" {}`", route.path))
        });
        let whole = manual.contains(&format!("{named}`")) || manual.contains(&format!("{named}?"));
        assert!(whole || shared, "docs/API.md does not say what {named} does");
    }
}

#[tokio::test]
async fn problems_have_codes_and_speak_the_readers_language() {
    let rig = Rig::new().await;
    let user = rig.user("tech", Role::Technician, None, false).await;
    let cookie = rig.cookie(&user).await;
    let waive = "/api/v1/rounds/1/waive";
    let cases = [
        ("GET", "/nowhere", None, 404, "not_found"),
        ("DELETE", "/api/v1/rounds", None, 405, "bad_method"),
        ("GET", "/api/v1/rounds/99", None, 404, "not_found"),
        ("GET", "/api/v1/rounds/x", None, 400, "bad_request"),
        ("GET", "/api/v1/rounds?unknown=1", None, 400, "bad_request"),
        ("POST", waive, Some(json!({"why": "x"})), 400, "bad_request"),
        ("POST", waive, Some(json!({"key": {"venue": "east", "check": "clock"}, "why": " "})), 422, "empty"),
        (
            "POST",
            waive,
            Some(json!({"key": {"venue": "gone", "check": "clock"}, "why": "x"})),
            404,
            "not_found",
        ),
        ("POST", waive, Some(json!({"why": "x".repeat(70_000)})), 413, "too_large"),
        (
            "POST",
            "/api/v1/rounds/1/signoff",
            Some(json!({"party": "user", "person": "甲"})),
            409,
            "still_open",
        ),
        (
            "POST",
            "/api/v1/rounds",
            Some(json!({"meeting": "m", "kind": "pre_meeting"})),
            409,
            "round_running",
        ),
    ];
    for (method, path, body, status, code) in cases {
        let answer = rig.send(ELSEWHERE, (method, path), &cookie, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{method} {path}: {answer:?}"
        );
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{method} {path}");
    }
    let zh = rig.send(ELSEWHERE, ("GET", "/nowhere"), "", None).await.json();
    let en = rig.send(ELSEWHERE, ("GET", "/nowhere?lang=en"), "", None).await.json();
    assert_eq!((zh["title"].as_str(), en["title"].as_str()), (Some("找不到"), Some("Not found")));
    let plain = Request::builder().method("POST").uri("/api/v1/session").header("host", "vcops.lan");
    let answer = rig.raw(ELSEWHERE, plain.body(Body::from("user=a")).unwrap()).await;
    assert_eq!(answer.code(), "bad_media_type");
}

#[tokio::test]
async fn a_county_sees_and_moves_its_own_venue_only() {
    let rig = Rig::new().await;
    let user = rig.user("county", Role::CountyTechnician, Some("east"), false).await;
    let cookie = rig.cookie(&user).await;
    let matrix = rig.send(ELSEWHERE, ("GET", "/api/v1/rounds/1/matrix"), &cookie, None).await.json();
    let venues: Vec<&str> =
        matrix["rows"].as_array().unwrap().iter().map(|r| r["venue"].as_str().unwrap()).collect();
    assert_eq!(venues, ["east"]);
    let inventory = rig.send(ELSEWHERE, ("GET", "/api/v1/inventory"), &cookie, None).await;
    assert!(!inventory.text.contains("west") && inventory.text.contains("east-a"), "{}", inventory.text);
    let retest = |scope: Value| {
        let body = Some(json!({"scope": scope}));
        rig.send(ELSEWHERE, ("POST", "/api/v1/rounds/1/retest"), &cookie, body)
    };
    assert_eq!(retest(json!({"venue": "west"})).await.code(), "forbidden");
    assert_eq!(retest(json!({"link": "west-a"})).await.code(), "forbidden");
    assert_eq!(retest(json!("all")).await.code(), "forbidden");
    assert_eq!(retest(json!({"link": "east-a"})).await.status, 200);
    let clock = json!({"key": {"venue": "east", "check": "clock"}, "why": "检修"});
    let waive = rig.send(ELSEWHERE, ("POST", "/api/v1/rounds/1/waive"), &cookie, Some(clock)).await;
    assert_eq!(waive.code(), "forbidden");
    let says = |venue: &str| {
        let body = Some(json!({"venue": venue, "item": "sound", "outcome": "in_order"}));
        rig.send(ELSEWHERE, ("POST", "/api/v1/rounds/1/confirm"), &cookie, body)
    };
    assert_eq!(says("west").await.code(), "forbidden");
    assert_eq!(says("east").await.code(), "not_found", "this round does not ask for sound");
}

#[tokio::test]
async fn commands_reach_the_engine_and_come_back_in_the_matrix_and_the_form() {
    let rig = Rig::new().await;
    let user = rig.user("tech", Role::Technician, Some("city"), false).await;
    let cookie = rig.cookie(&user).await;
    let waiver = json!({"key": {"venue": "west", "check": "path", "link": "west-b"}, "why": "<b>检修</b>"});
    let done = rig.send(ELSEWHERE, ("POST", "/api/v1/rounds/1/waive"), &cookie, Some(waiver)).await;
    assert_eq!(done.json(), json!({"done": true}));
    let room = json!({"venue": "east", "item": "led", "outcome": "faulty", "note": "黑屏", "by_telephone_from": "zhang"});
    let done = rig.send(ELSEWHERE, ("POST", "/api/v1/rounds/1/room"), &cookie, Some(room)).await;
    assert_eq!(done.status, 200, "{done:?}");
    let said =
        json!({"venue": "east", "item": "picture", "outcome": "in_order", "by_telephone_from": "zhang"});
    let done = rig.send(ELSEWHERE, ("POST", "/api/v1/rounds/1/confirm"), &cookie, Some(said)).await;
    assert_eq!(done.status, 200, "{done:?}");
    let matrix = rig.send(ELSEWHERE, ("GET", "/api/v1/rounds/1/matrix"), &cookie, None).await.json();
    let ids: Vec<&str> =
        matrix["columns"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap()).collect();
    let asked = ["room.lighting", "room.led", "confirm.picture"];
    assert_eq!(ids[..4], ["presence", "clock", "path.primary.1", "path.backup.1"]);
    assert_eq!(ids[4..], asked);
    let row = |name: &str| {
        let rows = matrix["rows"].as_array().unwrap();
        rows.iter().find(|row| row["venue"] == name).unwrap()["cells"].clone()
    };
    assert_eq!(row("west")[3]["verdict_text"], "免测");
    assert_eq!(row("west")[3]["waived"]["by"], "user:tech");
    assert_eq!(row("east")[5]["room"]["by_telephone_from"], "zhang");
    assert_eq!(row("east")[5]["reason"], "reported_faulty");
    assert_eq!(
        (&row("east")[6]["reason"], &row("east")[6]["room"]["by_telephone_from"]),
        (&json!("confirmed"), &json!("zhang"))
    );
    let form = rig.send(ELSEWHERE, ("GET", "/api/v1/rounds/1/form"), &cookie, None).await.text;
    assert!(form.contains("调试情况记录表") && form.contains("&lt;b&gt;检修") && !form.contains("<b>检修"));
}

#[tokio::test]
async fn machines_get_health_readiness_and_metrics() {
    let rig = Rig::new().await;
    rig.user("any", Role::Operator, None, false).await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(rig.send(ELSEWHERE, ("GET", path), "", None).await.status, 200, "{path}");
    }
    assert_eq!(rig.send(ELSEWHERE, ("GET", "/metrics"), "", None).await.code(), "not_signed_in");
    let text = rig.send(HERE, ("GET", "/metrics"), "", None).await.text;
    for line in [
        "vcops_agent_online{agent=\"east\",venue=\"east\"} 1",
        "vcops_rounds_open 1",
        "vcops_journal_recording 1",
        "vcops_http_requests_total{class=\"2xx\"}",
    ] {
        assert!(text.contains(line), "{line} is missing from:\n{text}");
    }
}

/// Reads server frames of a WebSocket (RFC 6455) until a text frame comes.
async fn text_frame(stream: &mut TcpStream) -> String {
    loop {
        let mut head = [0u8; 2];
        stream.read_exact(&mut head).await.unwrap();
        let length = match head[1] & 0x7f {
            126 => u64::from(stream.read_u16().await.unwrap()),
            127 => stream.read_u64().await.unwrap(),
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload).await.unwrap();
        if head[0] & 0x0f == 1 {
            return String::from_utf8(payload).unwrap();
        }
    }
}

async fn upgraded(address: std::net::SocketAddr, origin: &str, cookie: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /api/v1/live?meeting=m HTTP/1.1\r\nHost: {address}\r\nOrigin: {origin}\r\nCookie: {cookie}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    (stream, String::from_utf8(head).unwrap())
}

#[tokio::test]
async fn live_updates_follow_the_newest_round_for_its_own_site_only() {
    let rig = Rig::new().await;
    let user = rig.user("tech", Role::Technician, None, false).await;
    let cookie = rig.cookie(&user).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn(listen::serve(listener, None, router(&rig.app), stop.clone()));

    let (_, head) = upgraded(address, "http://evil.example", &cookie).await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    let (_, head) = upgraded(address, &format!("http://{address}"), "").await;
    assert!(head.starts_with("HTTP/1.1 401"), "{head}");
    let (mut stream, head) = upgraded(address, &format!("http://{address}"), &cookie).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let first: Value = serde_json::from_str(&text_frame(&mut stream).await).unwrap();
    assert_eq!((first["t"].as_str(), first["matrix"]["round"].as_u64()), (Some("matrix"), Some(1)));
    let waiver = json!({"key": {"venue": "east", "check": "clock"}, "why": "检修"});
    rig.send(HERE, ("POST", "/api/v1/rounds/1/waive"), &cookie, Some(waiver)).await;
    let waived = async {
        loop {
            let message: Value = serde_json::from_str(&text_frame(&mut stream).await).unwrap();
            let rows = message["matrix"]["rows"].as_array().cloned().unwrap_or_default();
            if rows.iter().any(|row| row["venue"] == "east" && row["cells"][1]["verdict"] == "waived") {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waived).await.expect("the change arrives");
    stop.cancel();
    drop(stream);
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_local_socket_acts_for_the_account_that_speaks() {
    let rig = Rig::new().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vcops.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let stop = CancellationToken::new();
    let (app, at, until) = (rig.app.clone(), path.clone(), stop.clone());
    let server = tokio::spawn(async move { local::serve(listener, &at, app, until).await });
    let ask = |method: &'static str, uri: &'static str, body: String| {
        let path = path.clone();
        async move {
            let mut stream = UnixStream::connect(path).await.unwrap();
            let request = format!(
                "{method} {uri} HTTP/1.1\r\nHost: local\r\nConnection: close\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        }
    };
    let command = json!({"command": "waive", "round": 1, "why": "检修",
        "key": {"venue": "east", "check": "clock"}});
    let answer = ask("POST", "/v1/command", command.to_string()).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\"done\""), "{answer}");
    let matrix = ask("GET", "/v1/rounds/1/matrix", String::new()).await;
    assert!(matrix.contains("\"by\":\"local:"), "{matrix}");
    let table = ask("GET", "/v1/rounds/1/table?lang=en", String::new()).await;
    assert!(table.contains("Verdict"), "{table}");
    let user = json!({"id": "made", "name": "新", "password": PASSWORD, "grants": []});
    assert!(ask("POST", "/v1/users", user.to_string()).await.starts_with("HTTP/1.1 200"));
    assert!(rig.store.user(&UserId::parse("made").unwrap()).await.unwrap().is_some());
    let status = ask("GET", "/v1/status", String::new()).await;
    assert!(status.contains("\"agents\":3"), "{status}");
    stop.cancel();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn tls_serves_with_a_certificate_of_its_own() {
    let rig = Rig::new().await;
    let dir = tempfile::tempdir().unwrap();
    let files = tls::ensure_own(dir.path(), &["localhost".to_owned()]).unwrap();
    let certificate = tls::load(&files).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn(listen::serve(listener, Some(certificate), router(&rig.app), stop.clone()));
    let mut roots = rustls::RootCertStore::empty();
    let pem = std::fs::read(&files.certificate).unwrap();
    let own = rustls::pki_types::pem::PemObject::from_pem_slice(&pem).unwrap();
    roots.add(own).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // A peer that closes without a farewell has still sent its answer.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 200 OK"));
    stop.cancel();
    server.await.unwrap().unwrap();
}

//! Attacks on the page and the API, each tried on every route that it could work on.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use vcops::domain::actor::Role;
use vcops::web::{listen, router, routes};

use crate::web_rig::{Answer, ELSEWHERE, PASSWORD, Rig};

/// Every route, with something in the places of its path.
fn all_routes() -> Vec<(Method, String)> {
    let concrete = |path: &str| {
        let path = path.replace("{id}", "1").replace("{kind}", "mcus").replace("{key}", "k");
        path.replace("{file}", "icon.svg").replace("{at}", "1")
    };
    routes::table().into_iter().map(|route| (route.method.clone(), concrete(route.path))).collect()
}

async fn asked(rig: &Rig, request: axum::http::request::Builder, body: Body) -> Answer {
    rig.raw(ELSEWHERE, request.header("host", "vcops.lan").body(body).unwrap()).await
}

async fn administrator(rig: &Rig) -> String {
    let user = rig.user("an.quan", Role::SecurityAdmin, None, true).await;
    rig.cookie(&user).await
}

#[tokio::test]
async fn another_site_can_change_nothing_and_open_no_socket() {
    let rig = Rig::new().await;
    let cookie = administrator(&rig).await;
    for (method, path) in all_routes() {
        for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
            let request = Request::builder().method(method.clone()).uri(&path).header("cookie", &cookie);
            let request = request.header(name, value).header("content-type", "application/json");
            let socket = request.header("connection", "upgrade").header("upgrade", "websocket");
            let socket =
                socket.header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZQ==");
            let answer = asked(&rig, socket, Body::from("{}")).await;
            assert_eq!(answer.code(), "cross_site", "{method} {path} with {name}");
        }
        if method.is_safe() {
            continue;
        }
        let request = Request::builder().method(method.clone()).uri(&path).header("cookie", &cookie);
        let plain = request.header("origin", "null").header("content-type", "text/plain");
        assert_eq!(asked(&rig, plain, Body::from("{}")).await.code(), "cross_site", "{method} {path}");
    }
    assert_eq!(
        rig.send(ELSEWHERE, ("GET", "/api/v1/session"), &cookie, None).await.status,
        200,
        "nothing was done"
    );
}

#[tokio::test]
async fn a_cookie_that_somebody_else_chose_is_never_a_session() {
    let rig = Rig::new().await;
    rig.user("tech", Role::Technician, None, true).await;
    let chosen = "vcops=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let body = json!({"user": "tech", "password": PASSWORD});
    let answer = rig.send(ELSEWHERE, ("POST", "/api/v1/session"), chosen, Some(body)).await;
    let given = answer.cookie().unwrap();
    assert_ne!(given, chosen);
    assert_eq!(rig.send(ELSEWHERE, ("GET", "/api/v1/session"), chosen, None).await.code(), "not_signed_in");
    let both = format!("{chosen}; {given}");
    let first = rig.send(ELSEWHERE, ("GET", "/api/v1/session"), &both, None).await;
    assert_eq!(first.code(), "not_signed_in", "the first counts; nothing is tried until one fits");
    let again = json!({"user": "tech", "password": PASSWORD});
    let other = rig.send(ELSEWHERE, ("POST", "/api/v1/session"), &given, Some(again)).await.cookie().unwrap();
    assert_ne!(other, given, "each signing in is a session of its own");
}

#[tokio::test]
async fn no_path_leads_out_of_what_is_served() {
    let rig = Rig::new().await;
    let cookie = administrator(&rig).await;
    let tries = [
        "/assets/../../../../etc/passwd",
        "/assets/..%2f..%2f..%2fetc%2fpasswd",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/assets/%252e%252e%252fetc%252fpasswd",
        "/assets/..%5c..%5cwindows%5cwin.ini",
        "/assets//etc/passwd",
        "/assets/icon.svg%00.html",
        "/../etc/passwd",
        "/api/v1/streams/..%2f..%2fjournal.db/thumbnail",
        "/api/v1/streams/..%2f..%2f/stills/1",
        "/api/v1/meetings/..%2f..%2fetc%2fpasswd/record.docx",
        "/api/v1/wallboards/..%2fusers",
    ];
    for path in tries {
        let answer = asked(&rig, Request::builder().uri(path).header("cookie", &cookie), Body::empty()).await;
        assert!(answer.status.is_client_error(), "{path}: {answer:?}");
        assert!(!answer.text.contains("root:"), "{path}");
    }
}

#[tokio::test]
async fn no_route_takes_more_than_it_says() {
    let rig = Rig::new().await;
    let user = rig.user("an.quan", Role::SecurityAdmin, None, true).await;
    let large = format!("{{\"x\": \"{}\"}}", "x".repeat(70 * 1024));
    for (method, path) in all_routes().into_iter().filter(|(method, _)| !method.is_safe()) {
        for sized in [true, false] {
            // One of the routes ends the session.
            let cookie = rig.cookie(&user).await;
            let request = Request::builder().method(method.clone()).uri(&path).header("cookie", &cookie);
            let request = request.header("content-type", "application/json");
            let request = if sized { request.header("content-length", large.len()) } else { request };
            let answer = asked(&rig, request, Body::from(large.clone())).await;
            // What is refused, or takes no body, does not read it.
            let unread = matches!(answer.code().as_str(), "forbidden" | "not_found") || answer.status == 200;
            assert!(unread || answer.code() == "too_large", "{method} {path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn nothing_is_served_that_a_browser_would_run() {
    let rig = Rig::new().await;
    let user = rig.user("tech", Role::Technician, None, false).await;
    let cookie = rig.cookie(&user).await;
    let script = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'";
    let waiver = json!({"key": {"venue": "east", "check": "clock"}, "why": script});
    assert_eq!(
        rig.send(ELSEWHERE, ("POST", "/api/v1/rounds/1/waive"), &cookie, Some(waiver)).await.status,
        200
    );
    let room = json!({"venue": "east", "item": "led", "outcome": "faulty", "note": script});
    assert_eq!(rig.send(ELSEWHERE, ("POST", "/api/v1/rounds/1/room"), &cookie, Some(room)).await.status, 200);
    for (method, path) in all_routes().into_iter().filter(|(method, _)| *method == Method::GET) {
        let answer = asked(
            &rig,
            Request::builder().method(method).uri(&path).header("cookie", &cookie),
            Body::empty(),
        )
        .await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        let kind = answer.headers.get("content-type").map_or("", |kind| kind.to_str().unwrap());
        let page = path == "/" || path.ends_with("/form");
        assert_eq!(kind.starts_with("text/html"), page && answer.status == 200, "{path} is {kind}");
        assert!(kind.contains("json") || !answer.text.contains("<script>alert"), "{path} hands a script on");
    }
}

#[tokio::test]
async fn who_sends_slowly_is_sent_away_and_keeps_nobody_waiting() {
    let rig = Rig::new().await;
    rig.user("tech", Role::Technician, None, false).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn(listen::serve(listener, None, router(&rig.app), stop.clone()));
    let slow = |sent: &'static str| async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // An error is an end as well.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    let head = slow("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ");
    let body = slow(
        "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\n\r\n{",
    );
    let quick = slow("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(quick.await.starts_with("HTTP/1.1 200"));
    let both = async { tokio::join!(head, body) };
    let (head, body) = tokio::time::timeout(Duration::from_secs(60), both).await.expect("both are sent away");
    assert!(head.is_empty() || head.starts_with("HTTP/1.1 408"), "{head}");
    assert!(body.starts_with("HTTP/1.1 504") || body.starts_with("HTTP/1.1 408"), "{body}");
    stop.cancel();
    server.await.unwrap().unwrap();
}

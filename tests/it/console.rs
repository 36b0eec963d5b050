//! The console and the daemon agree: its client is made from `dashboards/console/openapi.json`, which must be what the
//! handlers say; and what the daemon serves is whole, comes from here alone, and runs nothing that stands in a page.

use axum::body::Body;
use axum::http::Request;
use vcops::domain::actor::Role;
use vcops::web::document;

use crate::project;
use crate::web_rig::{Answer, ELSEWHERE, Rig};

const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/dashboards/console/openapi.json");

/// `VCOPS_BLESS=1` writes the snapshot anew; `npm run types` in `dashboards/console` makes the types from it.
#[test]
fn openapi_snapshot_is_what_the_handlers_say() {
    let mut said = serde_json::to_string_pretty(&document()).unwrap();
    said.push('\n');
    if std::env::var_os("VCOPS_BLESS").is_some() {
        std::fs::write(SNAPSHOT, &said).unwrap();
    }
    let kept = std::fs::read_to_string(SNAPSHOT).unwrap_or_default();
    let differs = kept.lines().zip(said.lines()).position(|(a, b)| a != b);
    assert!(
        kept == said,
        "dashboards/console/openapi.json differs from the handlers at line {}: run this test with VCOPS_BLESS=1, \
         then `make web`, and mend what no longer compiles",
        differs.map_or(0, |at| at + 1)
    );
}

/// Files of the console's own that a page names.
fn named(page: &str) -> Vec<String> {
    page.split('"').filter_map(|part| part.strip_prefix("/assets/")).map(str::to_owned).collect()
}

async fn fetched(rig: &Rig, path: &str, header: Option<(&str, &str)>) -> Answer {
    let mut request = Request::builder().uri(path).header("host", "vcops.lan");
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    rig.raw(ELSEWHERE, request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_page_is_whole_and_allows_nothing_from_elsewhere() {
    let rig = Rig::new().await;
    rig.user("any", Role::Operator, None, false).await;
    let page = rig.send(ELSEWHERE, ("GET", "/"), "", None).await;
    let policy = page.headers["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
    assert!(policy.contains("wss://vcops.lan") && !policy.contains("unsafe"), "{policy}");
    assert!(!page.text.contains("<style") && !page.text.contains("style="), "{}", page.text);
    assert!(page.text.matches("<script").count() <= page.text.matches(" src=\"").count(), "{}", page.text);
    let names = named(&page.text);
    assert!(names.len() >= 2, "{}", page.text);
    for name in names.iter().map(String::as_str).chain(["form.css", "icon.svg"]) {
        let path = format!("/assets/{name}");
        let asset = fetched(&rig, &path, None).await;
        assert_eq!(asset.status, 200, "{name}");
        let again =
            fetched(&rig, &path, Some(("if-none-match", asset.headers["etag"].to_str().unwrap()))).await;
        assert_eq!(again.status, 304, "{name}");
    }
    assert_eq!(fetched(&rig, "/assets/..%2fhelp.html", None).await.status, 404);
}

#[tokio::test]
async fn built_files_are_kept_for_good_and_sent_packed_and_the_page_is_asked_for_again() {
    let rig = Rig::new().await;
    rig.user("any", Role::Operator, None, false).await;
    let page = fetched(&rig, "/", None).await;
    assert_eq!(page.headers["cache-control"], "no-cache");
    if !project::exists("dashboards/console/dist/index.html") {
        assert!(page.text.contains("make web"), "a page that was not built says how: {}", page.text);
        return;
    }
    let script = named(&page.text).into_iter().find(|name| name.ends_with(".js")).unwrap();
    let path = format!("/assets/{script}");
    let plain = fetched(&rig, &path, None).await;
    assert!(plain.headers["cache-control"].to_str().unwrap().contains("immutable"));
    assert!(!plain.headers.contains_key("content-encoding"));
    let packed = fetched(&rig, &path, Some(("accept-encoding", "br;q=1.0, gzip"))).await;
    assert_eq!(packed.headers["content-encoding"], "gzip");
    assert_eq!(packed.headers["content-type"], "text/javascript; charset=utf-8");
    assert_ne!(packed.headers["etag"], plain.headers["etag"]);
}

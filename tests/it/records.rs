//! Documents to hand in, read back from their files: content, fonts, widths, the journal's head, names of files.

use std::io::{Cursor, Read as _};

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use vcops::domain::actor::Role;

use crate::web_rig::{Answer, ELSEWHERE, Rig};

/// One part of a package.
fn part(bytes: &[u8], name: &str) -> String {
    let mut package = zip::ZipArchive::new(Cursor::new(bytes)).expect("the file is a package");
    let mut text = String::new();
    package.by_name(name).expect("the part is there").read_to_string(&mut text).unwrap();
    text
}

/// Values of an attribute, in order.
fn values(xml: &str, before: &str) -> Vec<usize> {
    xml.split(before).skip(1).filter_map(|rest| rest.split('"').next()?.parse().ok()).collect()
}

async fn fetched(rig: &Rig, cookie: &str, path: &str) -> Answer {
    let request = Request::builder().uri(path).header("host", "vcops.lan").header("cookie", cookie);
    let answer = rig.raw(ELSEWHERE, request.body(Body::empty()).unwrap()).await;
    // For a look at them in an office suite: `VCOPS_KEEP=DIRECTORY`.
    if let Some(dir) = std::env::var_os("VCOPS_KEEP") {
        let name = path.split('?').next().unwrap().trim_start_matches("/api/v1/").replace('/', "-");
        std::fs::write(std::path::Path::new(&dir).join(name), &answer.bytes).unwrap();
    }
    answer
}

async fn technician(rig: &Rig) -> String {
    let user = rig.user("tech", Role::Technician, None, false).await;
    rig.cookie(&user).await
}

#[tokio::test]
async fn a_rounds_record_names_venues_problems_fonts_widths_and_the_journals_head() {
    let rig = Rig::new().await;
    let cookie = technician(&rig).await;
    let waiver =
        json!({"key": {"venue": "west", "check": "path", "link": "west-b"}, "why": "<b>检修\u{1}</b>"});
    rig.send(ELSEWHERE, ("POST", "/api/v1/rounds/1/waive"), &cookie, Some(waiver)).await;
    let answer = fetched(&rig, &cookie, "/api/v1/rounds/1/record.docx").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let named = answer.headers["content-disposition"].to_str().unwrap();
    let expected =
        "attachment; filename=\"vcops.docx\"; filename*=UTF-8''%E8%A7%86%E9%A2%91%E4%BC%9A%E8%AE%AE";
    assert!(named.starts_with(expected) && named.ends_with(".docx"), "{named}");
    assert!(answer.headers["content-type"].to_str().unwrap().ends_with("wordprocessingml.document"));
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    let document = part(&answer.bytes, "word/document.xml");
    for text in ["调试情况记录表", "全市视频会议", "east分会场", "三方会签", "&lt;b&gt;检修\u{fffd}", "免测"]
    {
        assert!(document.contains(text), "{text} is missing");
    }
    assert!(document.contains("w:eastAsia=\"仿宋\"") && document.contains("w:eastAsia=\"方正小标宋简体\""));
    // What WPS takes for widths, the grid, and what Word takes, the table and its cells, agree.
    for table in document.split("<w:tbl>").skip(1) {
        let grid: usize = values(table, "<w:gridCol w:w=\"").iter().sum();
        let width = values(table, "<w:tblW w:w=\"")[0];
        assert_eq!(grid, width);
        let columns = values(table, "<w:gridCol w:w=\"").len();
        let first_row: usize = values(table, "<w:tcW w:w=\"").iter().take(columns).sum();
        assert_eq!(first_row, width);
        assert!((9_000..9_600).contains(&width), "as wide as the page between its margins: {width}");
    }
    let head = rig.store.head().await.unwrap();
    let foot = part(&answer.bytes, "word/footer1.xml");
    assert!(head.seq == 0 || foot.contains(&head.hash), "{foot}");
    assert!(foot.contains("SHA-256") && foot.contains("+08:00"), "{foot}");
}

#[tokio::test]
async fn a_meetings_record_has_its_rounds_and_roll_call_for_the_readers_venues_alone() {
    let rig = Rig::new().await;
    let cookie = technician(&rig).await;
    let called = json!({"venue": "east", "answer": "with_problem"});
    rig.send(ELSEWHERE, ("POST", "/api/v1/meetings/m/rollcall"), &cookie, Some(called)).await;
    let whole =
        part(&fetched(&rig, &cookie, "/api/v1/meetings/m/record.docx").await.bytes, "word/document.xml");
    for text in ["电视电话会议记录表", "全网联调 #1", "east分会场", "west分会场", "有情况"]
    {
        assert!(whole.contains(text), "{text} is missing");
    }
    let county = rig.user("county", Role::CountyTechnician, Some("east"), false).await;
    let county = rig.cookie(&county).await;
    let own =
        part(&fetched(&rig, &county, "/api/v1/meetings/m/record.docx").await.bytes, "word/document.xml");
    assert!(own.contains("east分会场") && !own.contains("west分会场"));
    assert_eq!(fetched(&rig, &county, "/api/v1/meetings/gone/record.docx").await.code(), "not_found");
}

#[tokio::test]
async fn statistics_and_lists_are_workbooks_with_figures_as_figures() {
    let rig = Rig::new().await;
    let cookie = technician(&rig).await;
    let answer = fetched(&rig, &cookie, "/api/v1/statistics.xlsx?from=2026-11-01&to=2026-11-30").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let book = part(&answer.bytes, "xl/workbook.xml");
    for sheet in ["概况", "用时", "会场评分", "可用率", "告警负荷", "故障类别"] {
        assert!(book.contains(&format!("name=\"{sheet}\"")), "{sheet} is missing");
    }
    let times = part(&answer.bytes, "xl/worksheets/sheet2.xml");
    assert!(times.contains("<pane ") && times.contains("<autoFilter"), "headings are fixed and filter");
    assert!(
        times.contains("<c r=\"D5\" s=") && !times.contains("<c r=\"D5\" s=\"2\" t=\"s\""),
        "n is a number"
    );
    let widths: Vec<f64> = times
        .split("<col ")
        .skip(1)
        .filter_map(|col| col.split("width=\"").nth(1)?.split('"').next()?.parse().ok())
        .collect();
    assert!(widths[2] > 25.0, "Chinese takes two places each: {widths:?}");
    let list = fetched(&rig, &cookie, "/api/v1/incidents.xlsx?state=open").await;
    assert!(part(&list.bytes, "xl/sharedStrings.xml").contains("事件清单"));
    let wrong = fetched(&rig, &cookie, "/api/v1/statistics.xlsx?from=2026-11-30&to=2026-11-01").await;
    assert_eq!(wrong.code(), "bad_request");
    let figures = fetched(&rig, &cookie, "/api/v1/statistics?from=2026-11-01&to=2026-11-30").await.json();
    assert_eq!((figures["measures"].as_array().map(Vec::len), figures["saved"].is_null()), (Some(5), true));
}

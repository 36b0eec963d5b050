//! The pages behind a link: plain HTML without a script, readable on any telephone.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use quick_xml::escape::escape;

use super::{Question, Unanswerable};
use crate::domain::notice::Answer;

const STYLE: &str = "body{font:18px/1.6 sans-serif;max-width:32em;margin:2em auto;padding:0 1em;color:#111}\
button{font:inherit;padding:.6em 1.2em;margin:.4em .6em .4em 0;border:1px solid #555;border-radius:6px;background:#fff}\
button.yes{background:#0b57d0;color:#fff;border-color:#0b57d0}p.small{color:#555;font-size:15px}";

/// What is asked, with the two answers as buttons.
pub(super) fn question(question: &Question) -> Response {
    let body = format!(
        "<h1>{}</h1><p>{}</p><p class=\"small\">{} · {}</p>\
         <form method=\"post\"><button class=\"yes\" name=\"answer\" value=\"acknowledged\">收到 I take it</button>\
         <button name=\"answer\" value=\"declined\">无法处理 I cannot</button></form>",
        escape(&question.title.zh),
        escape(&question.body.zh),
        escape(&question.title.en),
        escape(&question.notice.0),
    );
    page(StatusCode::OK, &body)
}

/// That an answer was taken.
pub(super) fn answered(question: &Question, answer: Answer) -> Response {
    let said = match answer {
        Answer::Acknowledged => "已确认收到。 Taken, thank you.",
        Answer::Declined => "已转下一人。 The next one is told.",
    };
    let body = format!(
        "<h1>{said}</h1><p>{}</p><p class=\"small\">{}</p>",
        escape(&question.title.zh),
        escape(&question.notice.0)
    );
    page(StatusCode::OK, &body)
}

/// Why there is nothing to answer.
pub(super) fn unanswerable(why: Unanswerable) -> Response {
    let (status, said) = match why {
        Unanswerable::Unknown => (StatusCode::NOT_FOUND, "没有这个链接。 No such link."),
        Unanswerable::Used => (StatusCode::GONE, "此链接已用过。 This link was used before."),
        Unanswerable::Expired => (StatusCode::GONE, "此链接已过期。 This link has expired."),
        Unanswerable::Ours => (
            StatusCode::SERVICE_UNAVAILABLE,
            "暂时无法记录，请电话联系。 Cannot be recorded now: please telephone.",
        ),
    };
    page(status, &format!("<h1>{said}</h1>"))
}

/// That too much was asked.
pub(super) fn too_often() -> Response {
    page(StatusCode::TOO_MANY_REQUESTS, "<h1>请稍后再试。 Please try again later.</h1>")
}

fn page(status: StatusCode, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"zh-CN\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>vcops</title><style>{STYLE}</style>{body}</html>"
    );
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

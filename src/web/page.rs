//! The embedded console: files that `make web` made, nothing from elsewhere. It holds no data, so it needs no right.
//! Where it was not built, a page of help says how; the record form's style is always there.

use axum::extract::Path;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::problem::{Code, Problem};

/// What the console's build makes; no folder, no files.
#[derive(Debug, RustEmbed)]
#[folder = "dashboards/console/dist"]
#[allow_missing = true]
struct Console;

/// Files that need no build.
#[derive(Debug, RustEmbed)]
#[folder = "dashboards/page"]
struct Plain;

/// Names of built files carry a hash of what is in them, so they never change.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";
/// Everything else is asked for again each time, and mostly answered with 304.
const ASK_AGAIN: &str = "no-cache";

/// The console, or how to build it.
pub(super) async fn index(headers: HeaderMap) -> Result<Response, Problem> {
    match built("index.html", &headers) {
        Some(file) => Ok(answer("index.html", file, ASK_AGAIN, &headers)),
        None => plain("help.html", &headers),
    }
}

/// A file of the console.
pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    match built(&format!("assets/{name}"), &headers) {
        Some(file) => Ok(answer(&name, file, FOR_GOOD, &headers)),
        None => plain(&name, &headers),
    }
}

fn plain(name: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let file = Plain::get(name).ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(answer(name, Served { file, packed: false }, ASK_AGAIN, headers))
}

struct Served {
    file: EmbeddedFile,
    /// Whether it is gzip.
    packed: bool,
}

/// A built file, packed where the reader takes that and the build made it.
fn built(name: &str, headers: &HeaderMap) -> Option<Served> {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let takes = accepted.split(',').any(|one| one.split(';').next().unwrap_or_default().trim() == "gzip");
    let packed = if takes { Console::get(&format!("{name}.gz")) } else { None };
    match packed {
        Some(file) => Some(Served { file, packed: true }),
        None => Console::get(name).map(|file| Served { file, packed: false }),
    }
}

fn answer(name: &str, served: Served, keep: &'static str, headers: &HeaderMap) -> Response {
    let Served { file, packed } = served;
    let tag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..16]));
    let known = headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let fixed = [(CACHE_CONTROL, keep.to_owned()), (ETAG, tag), (VARY, "accept-encoding".to_owned())];
    if known {
        return (StatusCode::NOT_MODIFIED, fixed).into_response();
    }
    let mut response = (fixed, [(CONTENT_TYPE, kind(name))], file.data).into_response();
    if packed {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// What a browser is to take a file for, by its name: a packed one's own kind would be gzip's.
fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

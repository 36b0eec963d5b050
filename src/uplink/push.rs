//! An agent's stream on its way to the controller: outbound over the pinned TLS of enrolment.
//!
//! It is let in by a one-time ticket that came as a signed command, never faster and never longer than the ticket
//! allows.
//!
//! The body is a row of frames: one byte of kind, four bytes of length (big-endian), payload. It must not know what a
//! piece of a movie means, nor who looks at it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::routing::post;
use bytes::{Buf as _, BufMut as _, BytesMut};
use futures_util::StreamExt as _;
use hyper_util::rt::TokioIo;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::domain::live::MediaPiece;
use crate::uplink::enrol::client::{EnrolAddress, EnrolError, connect};

/// Where to POST.
pub const PUSH_PATH: &str = "/streams/v1/push";
/// Largest frame, in bytes: a key picture of a few seconds at the highest rate.
pub const FRAME_MAX: usize = 8 << 20;
/// Longest name of a format.
const MIME_MAX: usize = 256;
/// How long nothing may come.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Rates are held over this time, so that a key picture may be large.
const BURST: Duration = Duration::from_secs(5);

const BEGINNING: u8 = 1;
const KEY: u8 = 2;
const FOLLOWING: u8 = 3;

/// What a ticket lets in.
#[derive(Debug)]
pub struct Admission {
    /// Where the pieces go; closed when nobody looks any longer.
    pub pieces: mpsc::Sender<MediaPiece>,
    /// Most it may send, kbit/s on average.
    pub kbps_max: u32,
    /// When it ends.
    pub until: Instant,
}

/// Where tickets are kept.
pub trait Tickets: Send + Sync + 'static {
    /// Spends a ticket by its SHA-256: a second time it is unknown, and so is one that has expired.
    fn spend(&self, hash: [u8; 32]) -> Option<Admission>;
}

/// Why a frame cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadFrame {
    /// A kind that does not exist.
    Kind,
    /// Longer than [`FRAME_MAX`], or a beginning whose format has no end.
    Length,
    /// A format that is not plain text.
    Format,
}

/// The hash of a ticket.
pub fn ticket_hash(ticket: &str) -> [u8; 32] {
    Sha256::digest(ticket.as_bytes()).into()
}

/// Appends a piece as a frame.
pub fn put(piece: &MediaPiece, out: &mut BytesMut) {
    let mut frame = |kind: u8, head: &[u8], body: &[u8]| {
        out.put_u8(kind);
        out.put_u32(u32::try_from(head.len() + body.len()).unwrap_or(u32::MAX));
        out.put_slice(head);
        out.put_slice(body);
    };
    match piece {
        MediaPiece::Beginning { mime, bytes } => {
            let mut head = vec![u8::try_from(mime.len()).unwrap_or(u8::MAX)];
            head.extend(mime.bytes().take(usize::from(u8::MAX)));
            frame(BEGINNING, &head, bytes);
        }
        MediaPiece::Fragment { key, bytes } => frame(if *key { KEY } else { FOLLOWING }, &[], bytes),
    }
}

/// Takes the next whole frame out of what has come; `None` while it is not whole.
pub fn take(buffer: &mut BytesMut) -> Result<Option<MediaPiece>, BadFrame> {
    let Some([kind, l0, l1, l2, l3]) = buffer.first_chunk().copied() else { return Ok(None) };
    let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    if !matches!(kind, BEGINNING | KEY | FOLLOWING) {
        return Err(BadFrame::Kind);
    }
    if length > FRAME_MAX {
        return Err(BadFrame::Length);
    }
    if buffer.len() < length + 5 {
        return Ok(None);
    }
    buffer.advance(5);
    let payload = buffer.split_to(length).freeze();
    if kind != BEGINNING {
        return Ok(Some(MediaPiece::Fragment { key: kind == KEY, bytes: payload.as_ref().into() }));
    }
    let named = usize::from(*payload.first().ok_or(BadFrame::Length)?);
    let mime = payload.get(1..=named).filter(|_| named < MIME_MAX).ok_or(BadFrame::Length)?;
    let plain = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
    let mime = std::str::from_utf8(mime).ok().filter(|text| text.bytes().all(|byte| plain(&byte)));
    let mime = mime.ok_or(BadFrame::Format)?.into();
    Ok(Some(MediaPiece::Beginning { mime, bytes: payload[named + 1..].into() }))
}

/// The door for pushed streams. Mount it on the TLS listener whose certificate agents pin.
pub fn router<T: Tickets>(tickets: Arc<T>) -> Router {
    Router::new().route(PUSH_PATH, post(push::<T>)).with_state(tickets)
}

async fn push<T: Tickets>(State(tickets): State<Arc<T>>, headers: HeaderMap, body: Body) -> StatusCode {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let ticket = bearer.and_then(|value| value.strip_prefix("Bearer ")).filter(|ticket| ticket.len() <= 128);
    match ticket.and_then(|ticket| tickets.spend(ticket_hash(ticket))) {
        Some(admission) => admitted(admission, body).await,
        None => StatusCode::FORBIDDEN,
    }
}

async fn admitted(admission: Admission, body: Body) -> StatusCode {
    let Admission { pieces, kbps_max, until } = admission;
    let (began, mut came) = (Instant::now(), 0_u64);
    let (mut stream, mut buffer) = (body.into_data_stream(), BytesMut::new());
    loop {
        let silence = Instant::now() + SILENCE_MAX;
        let bytes = tokio::select! {
            () = pieces.closed() => return StatusCode::NO_CONTENT,
            () = tokio::time::sleep_until(until) => return StatusCode::NO_CONTENT,
            () = tokio::time::sleep_until(silence) => return StatusCode::REQUEST_TIMEOUT,
            bytes = stream.next() => match bytes {
                Some(Ok(bytes)) => bytes,
                Some(Err(_)) => return StatusCode::BAD_REQUEST,
                None => return StatusCode::NO_CONTENT,
            },
        };
        came += bytes.len() as u64;
        let allowed = (began.elapsed() + BURST).as_millis() as u64 * u64::from(kbps_max) / 8;
        if came > allowed {
            return StatusCode::TOO_MANY_REQUESTS;
        }
        buffer.extend_from_slice(&bytes);
        loop {
            match take(&mut buffer) {
                // Viewers that lag are the relay's business; the door does not hold the agent up for long.
                Ok(Some(piece)) => drop(pieces.send_timeout(piece, SILENCE_MAX).await),
                Ok(None) => break,
                Err(_) => return StatusCode::BAD_REQUEST,
            }
        }
    }
}

/// The agent's side: pushes pieces until they end, the controller ends it, or the line breaks. Gives the controller's
/// status: 204 for an ordinary end.
pub async fn push_to(
    address: &EnrolAddress,
    ticket: &str,
    pieces: mpsc::Receiver<MediaPiece>,
) -> Result<StatusCode, EnrolError> {
    let broken = |error: hyper::Error| EnrolError::Broken(error.to_string());
    let stream = connect(address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let driver = tokio::spawn(connection);
    let frames = futures_util::stream::unfold(pieces, async |mut pieces| {
        let piece = pieces.recv().await?;
        let mut out = BytesMut::new();
        put(&piece, &mut out);
        Some((Ok::<_, Infallible>(out.freeze()), pieces))
    });
    let request = Request::post(PUSH_PATH)
        .header(header::HOST, format!("{}:{}", address.host, address.port))
        .header(header::AUTHORIZATION, format!("Bearer {ticket}"))
        .body(Body::from_stream(frames))
        .map_err(|error| EnrolError::Broken(error.to_string()))?;
    let answer = sender.send_request(request).await.map_err(broken);
    driver.abort();
    Ok(answer?.status())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces() -> Vec<MediaPiece> {
        vec![
            MediaPiece::Beginning {
                mime: "video/mp4; codecs=\"avc1.42c01f\"".into(),
                bytes: Arc::from([1, 2]),
            },
            MediaPiece::Fragment { key: true, bytes: Arc::from([3]) },
            MediaPiece::Fragment { key: false, bytes: Arc::from([]) },
        ]
    }

    #[test]
    fn frames_come_out_as_they_went_in_however_they_are_cut() {
        let mut all = BytesMut::new();
        pieces().iter().for_each(|piece| put(piece, &mut all));
        let (mut buffer, mut found) = (BytesMut::new(), Vec::new());
        for byte in all {
            buffer.put_u8(byte);
            found.extend(take(&mut buffer).unwrap());
        }
        assert_eq!(found, pieces());
    }

    #[test]
    fn what_is_not_a_frame_is_refused() {
        let cases: [(&[u8], Result<Option<MediaPiece>, BadFrame>); 6] = [
            (&[9, 0, 0, 0, 0], Err(BadFrame::Kind)),
            (&[2, 0xff, 0, 0, 0], Err(BadFrame::Length)),
            (&[1, 0, 0, 0, 0], Err(BadFrame::Length)),
            (&[1, 0, 0, 0, 2, 9, 0], Err(BadFrame::Length)),
            (&[1, 0, 0, 0, 2, 1, 0], Err(BadFrame::Format)),
            (&[2, 0, 0, 0], Ok(None)),
        ];
        for (bytes, expected) in cases {
            assert_eq!(take(&mut BytesMut::from(bytes)), expected, "{bytes:x?}");
        }
    }
}

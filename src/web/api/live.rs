//! Live updates: one WebSocket per reader that follows a meeting's newest round.
//!
//! Each message is the whole matrix as the reader may see it, at most five a second and only when something moved;
//! a heartbeat every two seconds tells the page that silence is not a dead connection. A reader that does not take a
//! message within its time is dropped, and so is one whose session has ended.
#![expect(unused_qualifications, reason = "the document's macro qualifies the type of the query")]

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use super::Reader;
use super::rounds::seen_matrix;
use crate::domain::check::RoundId;
use crate::domain::id::MeetingId;
use crate::domain::lang::Lang;
use crate::domain::time::Utc;
use crate::report::{Matrix, Snapshot};
use crate::web::access::Right;
use crate::web::app::App;
use crate::web::guard;
use crate::web::problem::{Code, Problem};

/// Shortest time between two messages.
const PACE: Duration = Duration::from_millis(200);
/// Longest silence.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long a message may take to leave.
const SEND_PATIENCE: Duration = Duration::from_secs(5);
/// How often the session is looked at again.
const SESSION_CHECK: Duration = Duration::from_secs(15);
/// Close code for an ended session (RFC 6455: 4000–4999 are the application's).
const CLOSE_SIGNED_OUT: u16 = 4401;

/// What to follow.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Follow {
    /// The meeting whose newest round is followed.
    #[param(value_type = Option<String>)]
    meeting: Option<MeetingId>,
    /// One round, instead.
    #[param(value_type = Option<u64>)]
    round: Option<RoundId>,
    /// The reader's language.
    #[serde(default, rename = "lang")]
    _lang: Option<String>,
}

/// A message to the page.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "t", rename_all = "snake_case")]
pub(crate) enum LiveMessage {
    /// Something moved.
    Matrix {
        /// The snapshot's number.
        seq: u64,
        /// When it was taken.
        #[schema(value_type = String)]
        at: Utc,
        /// Whether the journal takes no writes at the moment.
        unrecorded: bool,
        /// The matrix; `None` while the meeting has no round.
        matrix: Option<Box<Matrix>>,
    },
    /// Nothing moved.
    Alive {
        /// The controller's clock.
        #[schema(value_type = String)]
        at: Utc,
    },
}

#[utoipa::path(get, path = "/api/v1/live", tag = "rounds", params(Follow),
    responses((status = 101, description = "a WebSocket of LiveMessage, JSON text"),
              (status = 200, description = "the shape of its messages", body = LiveMessage)))]
/// Follows a meeting's newest round, or one round.
pub(in crate::web) async fn follow(
    State(app): State<App>,
    Reader(lang): Reader,
    Query(follow): Query<Follow>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Problem> {
    let busy = |_| Problem::new(Code::Busy);
    let place = Arc::clone(app.live_places()).try_acquire_owned().map_err(busy)?;
    let upgrade = upgrade.max_message_size(4096).max_frame_size(4096).max_write_buffer_size(8 << 20);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let readers = app.ports().counters.live_readers.clone();
        readers.inc();
        let mut reader = LiveReader { app, lang, follow, headers, socket };
        reader.run().await;
        readers.dec();
        drop(place);
    }))
}

struct LiveReader {
    app: App,
    lang: Lang,
    follow: Follow,
    headers: HeaderMap,
    socket: WebSocket,
}

/// Why a reader is let go.
enum Gone {
    Left,
    Slow,
    SignedOut,
}

impl LiveReader {
    async fn run(&mut self) {
        let mut snapshots = self.app.ports().snapshot.clone();
        let gone = self.serve(&mut snapshots).await;
        let code = match gone {
            Gone::Left => return,
            Gone::Slow => {
                self.app.ports().counters.live_dropped.inc();
                axum::extract::ws::close_code::AGAIN
            }
            Gone::SignedOut => CLOSE_SIGNED_OUT,
        };
        let frame = CloseFrame { code, reason: "".into() };
        // The reader is let go whether it takes the farewell or not.
        let _ = tokio::time::timeout(SEND_PATIENCE, self.socket.send(Message::Close(Some(frame)))).await;
    }

    async fn serve(&mut self, snapshots: &mut watch::Receiver<Arc<Snapshot>>) -> Gone {
        let mut last = String::new();
        let mut checked = Instant::now() - SESSION_CHECK;
        let mut caller = None;
        loop {
            if checked.elapsed() >= SESSION_CHECK {
                checked = Instant::now();
                caller = guard::caller(&self.app, &self.headers).await.ok().flatten();
            }
            let Some(caller) = caller.as_ref().filter(|caller| caller.has(Right::ReadRehearsal)) else {
                return Gone::SignedOut;
            };
            let snapshot = Arc::clone(&snapshots.borrow_and_update());
            let round = self.round(&snapshot);
            let matrix =
                round.and_then(|id| seen_matrix(caller, id, &snapshot, self.lang).ok()).map(Box::new);
            let shape = serde_json::to_string(&(&matrix.as_deref().map(still), snapshot.unrecorded));
            let shape = shape.expect("a matrix is plain values");
            let message = if shape == last {
                LiveMessage::Alive { at: snapshot.at.max(self.app.now()) }
            } else {
                last = shape;
                let Snapshot { seq, at, unrecorded, .. } = *snapshot;
                LiveMessage::Matrix { seq, at, unrecorded, matrix }
            };
            if let Err(gone) = self.send(&message).await {
                return gone;
            }
            if let Err(gone) = self.wait(snapshots).await {
                return gone;
            }
        }
    }

    fn round(&self, snapshot: &Snapshot) -> Option<RoundId> {
        let meeting = self.follow.meeting.as_ref();
        self.follow.round.or_else(|| snapshot.newest_round(meeting?).map(|round| round.id))
    }

    async fn send(&mut self, message: &LiveMessage) -> Result<(), Gone> {
        let text = serde_json::to_string(message).expect("a message is plain values");
        match tokio::time::timeout(SEND_PATIENCE, self.socket.send(Message::Text(text.into()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Gone::Left),
            Err(_) => Err(Gone::Slow),
        }
    }

    /// Until the next snapshot, at least [`PACE`] and at most [`HEARTBEAT`]; hears the reader leave meanwhile.
    async fn wait(&mut self, snapshots: &mut watch::Receiver<Arc<Snapshot>>) -> Result<(), Gone> {
        let began = Instant::now();
        loop {
            tokio::select! {
                moved = snapshots.changed() => {
                    moved.map_err(|_| Gone::Left)?;
                    tokio::time::sleep_until(began + PACE).await;
                    return Ok(());
                }
                () = tokio::time::sleep_until(began + HEARTBEAT) => return Ok(()),
                heard = self.socket.recv() => match heard {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Gone::Left),
                    Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => {}
                },
            }
        }
    }
}

/// The matrix without what only the clock moves: it decides whether a message is due.
fn still(matrix: &Matrix) -> Matrix {
    let mut still = matrix.clone();
    if still.ended.is_none() {
        still.progress.elapsed_s = still.progress.elapsed_s.floor();
    }
    still
}

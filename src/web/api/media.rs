//! Seeing and hearing one stream: a WebSocket of fragmented MP4. Places and time are bounded, a reader that falls
//! behind is skipped forward to the next key picture or let go, and who looked is journalled.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use utoipa::ToSchema;

use super::Reader;
use super::streams::find;
use crate::domain::id::StreamId;
use crate::domain::lang::Lang;
use crate::domain::live::MediaPiece;
use crate::web::access::{Caller, Right};
use crate::web::app::App;
use crate::web::ports::{MediaRequest, NoMedia};
use crate::web::problem::{Code, Problem, ProblemBody};

/// How long a message may take to leave.
const SEND_PATIENCE: Duration = Duration::from_secs(5);
/// How long the hub may take to answer; an agent must be told first.
const ANSWER_PATIENCE: Duration = Duration::from_secs(6);
/// How long nothing may come before the reader is told that the stream rests.
const REST: Duration = Duration::from_secs(2);
/// Close code when the time of one look is over (RFC 6455: 4000–4999 are the application's).
const CLOSE_TIME_OVER: u16 = 4408;

/// A text message beside the media.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "t", rename_all = "snake_case")]
pub(crate) enum MediaMessage {
    /// A player begins, or begins anew: the next binary message is its `ftyp` and `moov`.
    Beginning {
        /// For `MediaSource.addSourceBuffer` (RFC 6381).
        mime: String,
    },
    /// Nothing has come for two seconds.
    Resting,
    /// The stream cannot be seen, or not any longer.
    Problem {
        /// Why.
        problem: ProblemBody,
    },
}

#[utoipa::path(get, path = "/api/v1/streams/{id}/media", tag = "streams", params(("id" = String, Path)),
    responses((status = 101, description = "a WebSocket: MediaMessage as JSON text, fragmented MP4 as binary"),
              (status = 200, description = "the shape of its text messages", body = MediaMessage)))]
/// Shows a stream itself, with its sound.
pub(in crate::web) async fn view(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
    Path(id): Path<StreamId>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    find(&caller, Right::ViewStreams, &id, &app.snapshot())?;
    let upgrade = upgrade
        .map_err(|error| Problem::new(Code::BadRequest).detail(error.to_string(), error.to_string()))?;
    let place = app.viewers().enter(&caller.user).ok_or(NoMedia::NoPlace)?;
    let upgrade = upgrade.max_message_size(1024).max_frame_size(1024).max_write_buffer_size(16 << 20);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let counters = Arc::clone(&app.ports().counters);
        counters.live_viewers.inc();
        let viewer = Viewer { app: app.clone(), lang, socket };
        // Nobody waits for the journal before seeing a picture; a look that could not be recorded is logged.
        tokio::join!(
            app.record_identity(caller.actor(), "stream_viewed", id.as_str()),
            viewer.run(id.clone())
        );
        counters.live_viewers.dec();
        drop(place);
    }))
}

struct Viewer {
    app: App,
    lang: Lang,
    socket: WebSocket,
}

/// Why a viewer is let go.
enum Gone {
    Left,
    Slow,
    Over,
    Ended(NoMedia),
}

impl Viewer {
    async fn run(mut self, stream: StreamId) {
        let gone = match self.ask(stream).await {
            Ok(pieces) => self.serve(pieces).await,
            Err(why) => Gone::Ended(why),
        };
        let code = match gone {
            Gone::Left => return,
            Gone::Slow => {
                self.app.ports().counters.live_dropped.inc();
                close_code::AGAIN
            }
            Gone::Over => CLOSE_TIME_OVER,
            Gone::Ended(why) => {
                let problem = Problem::from(why).body(self.lang);
                let _ = self.say(&MediaMessage::Problem { problem }).await;
                close_code::NORMAL
            }
        };
        let frame = CloseFrame { code, reason: "".into() };
        let _ = tokio::time::timeout(SEND_PATIENCE, self.socket.send(Message::Close(Some(frame)))).await;
    }

    #[expect(clippy::needless_pass_by_ref_mut, reason = "a shared reference to a socket is not Send")]
    async fn ask(&mut self, stream: StreamId) -> Result<mpsc::Receiver<MediaPiece>, NoMedia> {
        let (reply, answer) = oneshot::channel();
        let request = MediaRequest { stream, reply };
        self.app.ports().live.media.try_send(request).map_err(|_| NoMedia::NoPlace)?;
        match tokio::time::timeout(ANSWER_PATIENCE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(NoMedia::NotWatched),
            Err(_) => Err(NoMedia::AgentAway),
        }
    }

    async fn serve(&mut self, mut pieces: mpsc::Receiver<MediaPiece>) -> Gone {
        let over = Instant::now() + self.app.settings().view_time;
        loop {
            let sent = tokio::select! {
                () = tokio::time::sleep_until(over) => return Gone::Over,
                piece = tokio::time::timeout(REST, pieces.recv()) => match piece {
                    Ok(Some(piece)) => self.pass(piece).await,
                    Ok(None) => return Gone::Ended(NoMedia::NotWatched),
                    Err(_) => self.say(&MediaMessage::Resting).await,
                },
                heard = self.socket.recv() => match heard {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Gone::Left,
                    Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => Ok(()),
                },
            };
            if let Err(gone) = sent {
                return gone;
            }
        }
    }

    async fn pass(&mut self, piece: MediaPiece) -> Result<(), Gone> {
        let bytes = match piece {
            MediaPiece::Beginning { mime, bytes } => {
                self.say(&MediaMessage::Beginning { mime: mime.as_ref().to_owned() }).await?;
                bytes
            }
            MediaPiece::Fragment { bytes, .. } => bytes,
        };
        self.send(Message::Binary(axum::body::Bytes::from_owner(bytes))).await
    }

    async fn say(&mut self, message: &MediaMessage) -> Result<(), Gone> {
        let text = serde_json::to_string(message).expect("a message is plain values");
        self.send(Message::Text(text.into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), Gone> {
        match tokio::time::timeout(SEND_PATIENCE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Gone::Left),
            Err(_) => Err(Gone::Slow),
        }
    }
}

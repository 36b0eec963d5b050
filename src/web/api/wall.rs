//! The wall's socket: how streams are, their newest pictures, their levels.
//!
//! Text messages are JSON: what changed of the streams at once, figures each second, a heartbeat each two seconds.
//! Binary messages hold what is only to be shown: levels ten times a second and pictures as they come, for the streams
//! that the reader names because they are on its screen; decoders run for these alone. A reader that does not take a
//! message within its time is dropped, and so is one whose session has ended; what it misses meanwhile is replaced by
//! the next, never queued.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior};
use utoipa::ToSchema;

use super::Reader;
use super::streams::{FiguresShown, StreamShown, figures, may_show, shown, visible};
use crate::domain::id::StreamId;
use crate::domain::lang::Lang;
use crate::domain::live::{Level, LiveBoard};
use crate::domain::time::Utc;
use crate::web::access::{Caller, Right};
use crate::web::app::App;
use crate::web::guard;
use crate::web::ports::Look;
use crate::web::problem::{Code, Problem};

/// How often levels leave, and how soon a changed state does.
const TICK: Duration = Duration::from_millis(100);
/// How often figures leave.
const FIGURES_EVERY: Duration = Duration::from_secs(1);
/// Longest silence, and how often a look is said again.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long a message may take to leave.
const SEND_PATIENCE: Duration = Duration::from_secs(5);
/// How often the session is looked at again.
const SESSION_CHECK: Duration = Duration::from_secs(15);
/// Most streams whose pictures and levels one reader gets.
const ASKED_MAX: usize = 256;
/// Most pictures that leave in one tick; the others go with the next.
const PICTURES_PER_TICK: usize = 24;
/// Close code for an ended session (RFC 6455: 4000–4999 are the application's).
const CLOSE_SIGNED_OUT: u16 = 4401;
/// First byte of a binary message of levels.
const LEVELS: u8 = 1;
/// First byte of a binary message that holds a picture.
const PICTURE: u8 = 2;
/// A level of which nothing is known, or that is too old.
const NO_LEVEL: u8 = 0xff;
/// How old a level may be, microseconds.
const LEVEL_FRESH_US: i64 = 1_000_000;

/// What the reader asks for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    /// The streams on its screen, at most 256; those it may not see are left out of the answers.
    #[schema(value_type = Vec<String>)]
    streams: Vec<StreamId>,
    /// Counts its questions, so that it knows to which one an answer belongs.
    round: u8,
}

/// A text message to the wall.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "t", rename_all = "snake_case")]
pub(crate) enum WallMessage {
    /// Streams that changed, all of them at first.
    Streams {
        /// When.
        #[schema(value_type = String)]
        at: Utc,
        /// Whether the journal takes no writes at the moment.
        unrecorded: bool,
        /// The order of the seats, all streams.
        #[schema(value_type = Vec<String>)]
        order: Vec<StreamId>,
        /// Those that changed.
        changed: Vec<StreamShown>,
    },
    /// Figures of the streams that were asked for.
    Figures {
        /// By stream.
        #[schema(value_type = BTreeMap<String, FiguresShown>)]
        figures: BTreeMap<StreamId, FiguresShown>,
    },
    /// Nothing moved.
    Alive {
        /// The controller's clock.
        #[schema(value_type = String)]
        at: Utc,
    },
}

#[utoipa::path(get, path = "/api/v1/streams/live", tag = "streams",
    responses((status = 101, description = "a WebSocket: WallMessage as JSON text; binary levels and pictures; it takes Ask"),
              (status = 200, description = "the shape of its text messages", body = WallMessage),
              (status = 202, description = "the shape of what it takes", body = Ask)))]
/// Follows the streams of the caller's regions.
pub(in crate::web) async fn follow(
    State(app): State<App>,
    Reader(lang): Reader,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Problem> {
    let busy = |_| Problem::new(Code::Busy);
    let place = Arc::clone(app.live_places()).try_acquire_owned().map_err(busy)?;
    let upgrade = upgrade.max_message_size(32 << 10).max_frame_size(32 << 10).max_write_buffer_size(4 << 20);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let readers = app.ports().counters.live_readers.clone();
        readers.inc();
        let reader = app.next_reader();
        let mut wall =
            Wall { app, lang, headers, socket, reader, asked: Vec::new(), round: 0, sent: Sent::default() };
        wall.run().await;
        wall.look(BTreeSet::new());
        readers.dec();
        drop(place);
    }))
}

struct Wall {
    app: App,
    lang: Lang,
    headers: HeaderMap,
    socket: WebSocket,
    /// Names this reader's looks.
    reader: u64,
    asked: Vec<StreamId>,
    round: u8,
    sent: Sent,
}

/// What the reader has already.
#[derive(Default)]
struct Sent {
    /// The snapshot that was looked at last, and when.
    seq: u64,
    looked: Option<Instant>,
    order: Vec<StreamId>,
    streams: BTreeMap<StreamId, StreamShown>,
    unrecorded: bool,
    pictures: BTreeMap<StreamId, Utc>,
    figures: BTreeMap<StreamId, FiguresShown>,
}

/// Why a reader is let go.
enum Gone {
    Left,
    Slow,
    SignedOut,
    Malformed,
}

impl Wall {
    async fn run(&mut self) {
        let Err(gone) = self.serve().await else { return };
        let code = match gone {
            Gone::Left => return,
            Gone::Slow => {
                self.app.ports().counters.live_dropped.inc();
                close_code::AGAIN
            }
            Gone::SignedOut => CLOSE_SIGNED_OUT,
            Gone::Malformed => close_code::POLICY,
        };
        let frame = CloseFrame { code, reason: "".into() };
        // The reader is let go whether it takes the farewell or not.
        let _ = tokio::time::timeout(SEND_PATIENCE, self.socket.send(Message::Close(Some(frame)))).await;
    }

    async fn serve(&mut self) -> Result<(), Gone> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut caller = self.caller().await?;
        let (mut checked, mut figured, mut spoken) = (Instant::now(), Instant::now(), Instant::now());
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                heard = self.socket.recv() => {
                    self.hear(heard)?;
                    continue;
                }
            }
            if checked.elapsed() >= SESSION_CHECK {
                checked = Instant::now();
                caller = self.caller().await?;
            }
            let mut spoke = self.streams(&caller).await?;
            if figured.elapsed() >= FIGURES_EVERY {
                figured = Instant::now();
                spoke |= self.figures().await?;
            }
            self.show().await?;
            if spoke {
                spoken = Instant::now();
            } else if spoken.elapsed() >= HEARTBEAT {
                spoken = Instant::now();
                self.say(&WallMessage::Alive { at: self.app.now() }).await?;
                self.look(self.asked.iter().cloned().collect());
            }
        }
    }

    #[expect(clippy::needless_pass_by_ref_mut, reason = "a shared reference to a socket is not Send")]
    async fn caller(&mut self) -> Result<Caller, Gone> {
        let caller = guard::caller(&self.app, &self.headers).await.ok().flatten();
        caller.filter(|caller| caller.has(Right::WatchStreams)).ok_or(Gone::SignedOut)
    }

    fn hear(&mut self, heard: Option<Result<Message, axum::Error>>) -> Result<(), Gone> {
        match heard {
            Some(Ok(Message::Text(text))) => {
                let ask: Ask = serde_json::from_str(&text).map_err(|_| Gone::Malformed)?;
                if ask.streams.len() > ASKED_MAX {
                    return Err(Gone::Malformed);
                }
                // The reader shows nothing of what it did not ask for, so a returning stream's picture goes again.
                self.sent
                    .pictures
                    .retain(|stream, _| self.asked.contains(stream) && ask.streams.contains(stream));
                self.look(ask.streams.iter().cloned().collect());
                (self.asked, self.round) = (ask.streams, ask.round);
                Ok(())
            }
            Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(Gone::Left),
        }
    }

    /// Tells the hub what is looked at; one that finds no room is made good by the next.
    fn look(&self, mut streams: BTreeSet<StreamId>) {
        streams.retain(|stream| self.sent.streams.get(stream).is_none_or(StreamShown::may_be_shown));
        let _ = self.app.ports().live.looks.try_send(Look { reader: self.reader, streams });
    }

    async fn streams(&mut self, caller: &Caller) -> Result<bool, Gone> {
        let (snapshot, now) = (self.app.snapshot(), self.app.now());
        // What the clock alone changes need not be looked for at every tick.
        let looked = self.sent.looked.is_some_and(|at| at.elapsed() < FIGURES_EVERY);
        if looked && snapshot.seq == self.sent.seq {
            return Ok(false);
        }
        (self.sent.looked, self.sent.seq) = (Some(Instant::now()), snapshot.seq);
        let views = visible(caller, &snapshot);
        let all = views.iter().map(|view| (view.id.clone(), shown(caller, view, &snapshot, now, self.lang)));
        let all: BTreeMap<StreamId, StreamShown> = all.collect();
        let order: Vec<StreamId> = views.iter().map(|view| view.id.clone()).collect();
        let news = |(id, stream): &(&StreamId, &StreamShown)| self.sent.streams.get(*id) != Some(*stream);
        let changed: Vec<StreamShown> = all.iter().filter(news).map(|(_, stream)| stream.clone()).collect();
        let same =
            changed.is_empty() && order == self.sent.order && snapshot.unrecorded == self.sent.unrecorded;
        if same && !self.sent.order.is_empty() {
            return Ok(false);
        }
        (self.sent.streams, self.sent.order, self.sent.unrecorded) =
            (all, order.clone(), snapshot.unrecorded);
        let message = WallMessage::Streams { at: now, unrecorded: snapshot.unrecorded, order, changed };
        self.say(&message).await.map(|()| true)
    }

    async fn figures(&mut self) -> Result<bool, Gone> {
        let snapshot = self.app.snapshot();
        let mine = self.asked.iter().filter(|stream| self.sent.streams.contains_key(*stream));
        let mine = mine.filter_map(|stream| snapshot.streams.get(stream));
        let all: BTreeMap<StreamId, FiguresShown> =
            mine.map(|view| (view.id.clone(), figures(view))).collect();
        let news = all.iter().filter(|(id, figures)| self.sent.figures.get(*id) != Some(*figures));
        let news: BTreeMap<StreamId, FiguresShown> =
            news.map(|(id, figures)| (id.clone(), figures.clone())).collect();
        self.sent.figures = all;
        if news.is_empty() {
            return Ok(false);
        }
        self.say(&WallMessage::Figures { figures: news }).await.map(|()| true)
    }

    /// Levels and new pictures of what was asked for and may be shown.
    async fn show(&mut self) -> Result<(), Gone> {
        let board: Arc<LiveBoard> = self.app.ports().live.board.borrow().clone();
        let (snapshot, now) = (self.app.snapshot(), self.app.now());
        let mut levels = vec![LEVELS, self.round];
        let mut pictures = Vec::new();
        for (at, stream) in self.asked.iter().enumerate() {
            let slot = board.slots.get(stream).filter(|_| self.sent.streams.contains_key(stream));
            levels.extend(level(slot.and_then(|slot| slot.level), now));
            let picture = slot.and_then(|slot| slot.thumbnail.as_ref());
            let news = picture.filter(|picture| self.sent.pictures.get(stream) != Some(&picture.at));
            let may = || snapshot.streams.get(stream).is_some_and(|view| may_show(view, &snapshot, now));
            if let Some(picture) = news.filter(|_| pictures.len() < PICTURES_PER_TICK && may()) {
                self.sent.pictures.insert(stream.clone(), picture.at);
                pictures.push(framed(self.round, at, picture.at, &picture.jpeg));
            }
        }
        if levels.iter().skip(2).any(|level| *level != NO_LEVEL) {
            self.send(Message::Binary(levels.into())).await?;
        }
        for picture in pictures {
            self.send(Message::Binary(picture.into())).await?;
        }
        Ok(())
    }

    async fn say(&mut self, message: &WallMessage) -> Result<(), Gone> {
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

/// Two bytes: loudness and peak as dB above −120, the highest bit of the second for clipping; [`NO_LEVEL`] twice
/// where nothing is known.
fn level(level: Option<Level>, now: Utc) -> [u8; 2] {
    let Some(level) = level.filter(|level| now.0 - level.at.0 < LEVEL_FRESH_US) else { return [NO_LEVEL; 2] };
    let above = |dbfs: f32| (dbfs + 120.0).clamp(0.0, 120.0).round() as u8;
    [above(level.rms_dbfs), above(level.peak_dbfs) | if level.clipped { 0x80 } else { 0 }]
}

/// Kind, round, the stream's place among those asked for (two bytes), when it arrived (eight bytes, microseconds since
/// 1970), JPEG. Numbers are big-endian.
fn framed(round: u8, place: usize, at: Utc, jpeg: &[u8]) -> Vec<u8> {
    let place = u16::try_from(place).unwrap_or(u16::MAX);
    let mut bytes = Vec::with_capacity(12 + jpeg.len());
    bytes.extend([PICTURE, round]);
    bytes.extend(place.to_be_bytes());
    bytes.extend(at.0.to_be_bytes());
    bytes.extend(jpeg);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_two_bytes_and_an_old_one_is_none() {
        let heard = Level { at: Utc(0), rms_dbfs: -20.4, peak_dbfs: 0.0, clipped: true };
        assert_eq!(level(Some(heard), Utc(500_000)), [100, 120 | 0x80]);
        assert_eq!(level(Some(heard), Utc(1_000_000)), [NO_LEVEL; 2]);
        assert_eq!(level(None, Utc(0)), [NO_LEVEL; 2]);
    }

    #[test]
    fn a_picture_names_its_place_and_time() {
        assert_eq!(framed(7, 258, Utc(1), &[0xff, 0xd8]), [2, 7, 1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xd8]);
    }
}

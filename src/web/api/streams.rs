//! Streams: how each is, its newest picture, and the stream itself to see and hear.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LAST_MODIFIED};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Page, Reader};
use crate::domain::id::{MeetingId, StreamId, VenueId};
use crate::domain::inventory::{Stream, StreamRole};
use crate::domain::lang::{Lang, Text};
use crate::domain::live::LiveBoard;
use crate::domain::time::Utc;
use crate::engine::finding::{RuleCode, Severity};
use crate::engine::state::Floor;
use crate::engine::wording;
use crate::observation::{Analysis, Reception};
use crate::report::{Snapshot, StreamFinding, StreamView};
use crate::web::access::{Caller, Right};
use crate::web::app::App;
use crate::web::ports::Look;
use crate::web::problem::{Code, Problem};

/// One stream as a wall shows it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct StreamShown {
    /// Identifier.
    #[schema(value_type = String)]
    id: StreamId,
    /// Shown name.
    name: String,
    /// What it carries: `venue`, `mix`, `content`, `main_hall`, `recorder`, `output`.
    #[schema(value_type = String)]
    role: StreamRole,
    /// The venue it shows.
    #[schema(value_type = Option<String>)]
    venue: Option<VenueId>,
    /// That venue's name.
    venue_name: Option<String>,
    /// The meeting it plays a part in now.
    #[schema(value_type = Option<String>)]
    meeting: Option<MeetingId>,
    /// Whether its venue is that meeting's main venue 主会场.
    main: bool,
    /// Whether its venue speaks, by the agenda: `speaks`, `may_speak`, `next`, `listens`, `unknown`.
    #[schema(value_type = Option<String>)]
    floor: Option<Floor>,
    /// How it is.
    state: TileState,
    /// The same in words.
    state_text: String,
    /// Since when it is like that.
    #[schema(value_type = Option<String>)]
    since: Option<Utc>,
    /// How much the worst of its findings matters; absent while nothing is wrong.
    #[schema(value_type = Option<String>)]
    severity: Option<Severity>,
    /// What is wrong, that which matters most first.
    findings: Vec<FindingShown>,
    /// What is seen by the monitor, by code and since when, whether it matters or not.
    detections: Vec<DetectionShown>,
    /// Whether small pictures may be shown: the class of its meetings allows it.
    pictures: bool,
    /// Whether the caller may see and hear it now.
    viewable: bool,
}

impl StreamShown {
    /// Whether small pictures of it may be shown.
    pub(super) fn may_be_shown(&self) -> bool {
        self.pictures
    }
}

/// How a tile is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TileState {
    /// Media arrive and are looked at.
    Live,
    /// The first attempt is under way.
    Waiting,
    /// No media arrive.
    Down,
    /// We cannot look: says nothing about the stream.
    Blind,
    /// Nobody looks, by design.
    Unwatched,
}

/// Something wrong.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct FindingShown {
    /// Which rule.
    #[schema(value_type = String)]
    rule: RuleCode,
    /// How much it matters.
    #[schema(value_type = String)]
    severity: Severity,
    /// The same in a word.
    severity_text: String,
    /// Onset: the first bad sample.
    #[schema(value_type = String)]
    since: Utc,
    /// What is wrong.
    text: String,
    /// 下一步.
    next_step: Option<String>,
    /// What it has in common with others.
    cause_text: Option<String>,
}

/// Something that the monitor sees.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct DetectionShown {
    /// What.
    code: &'static str,
    /// First such sample.
    #[schema(value_type = String)]
    since: Utc,
    /// Whether pictures confirmed it.
    confirmed: bool,
}

/// A stream's figures.
#[derive(Debug, Clone, PartialEq, Default, Serialize, ToSchema)]
pub(crate) struct FiguresShown {
    /// Codec of its pictures.
    video: Option<&'static str>,
    /// Width and height in pixels.
    size: Option<[u32; 2]>,
    /// Pictures per second.
    fps: Option<f64>,
    /// Rate of pictures and sound, kbit/s.
    kbps: Option<f64>,
    /// Codec of its sound.
    audio: Option<&'static str>,
    /// Loss over ten seconds, percent; absent where the protocol hides it.
    loss_pct: Option<f64>,
    /// Jitter, milliseconds.
    jitter_ms: Option<f64>,
}

/// A stream with its figures, as the list has it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct StreamListed {
    /// The stream.
    #[serde(flatten)]
    stream: StreamShown,
    /// Its figures.
    figures: FiguresShown,
    /// When its newest picture arrived.
    #[schema(value_type = Option<String>)]
    picture_at: Option<Utc>,
}

#[utoipa::path(get, path = "/api/v1/streams", tag = "streams", responses((status = 200, body = Page<StreamListed>)))]
/// The streams of the caller's regions: what is wrong, how they arrive, since when.
pub(in crate::web) async fn list(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
) -> Json<Page<StreamListed>> {
    let snapshot = app.snapshot();
    let board = app.ports().live.board.borrow().clone();
    let listed = |view: &StreamView| {
        let slot = board.slots.get(&view.id);
        let shown = shown(&caller, view, &snapshot, app.now(), lang);
        let picture_at = slot.and_then(|slot| slot.thumbnail.as_ref()).map(|picture| picture.at);
        StreamListed {
            picture_at: picture_at.filter(|_| shown.pictures),
            figures: figures(view),
            stream: shown,
        }
    };
    let items = visible(&caller, &snapshot).into_iter().map(listed).collect();
    Json(Page { items, next_after: None })
}

#[utoipa::path(get, path = "/api/v1/streams/{id}/thumbnail", tag = "streams", params(("id" = String, Path)),
    responses((status = 200, description = "the newest picture", content_type = "image/jpeg", body = Vec<u8>),
              (status = 304, description = "the picture that `If-None-Match` names is the newest")))]
/// The newest small picture of a stream. Asking counts as looking: the next is newer.
pub(in crate::web) async fn thumbnail(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<StreamId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let snapshot = app.snapshot();
    let view = find(&caller, Right::WatchStreams, &id, &snapshot)?;
    if !may_show(view, &snapshot, app.now()) {
        return Err(Problem::new(Code::NoPicture));
    }
    // A look that finds no room is made good by the next one.
    let _ = app
        .ports()
        .live
        .looks
        .try_send(Look { reader: app.next_reader(), streams: BTreeSet::from([id.clone()]) });
    let board: std::sync::Arc<LiveBoard> = app.ports().live.board.borrow().clone();
    let picture = board.slots.get(&id).and_then(|slot| slot.thumbnail.clone());
    let picture = picture.ok_or_else(|| Problem::new(Code::NoPicture))?;
    let tag = format!("\"{:x}\"", picture.at.0);
    let known = headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let at = HeaderValue::try_from(http_date(picture.at)).expect("a date has plain letters");
    let fixed = [
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (ETAG, HeaderValue::try_from(tag).expect("hex digits")),
        (LAST_MODIFIED, at),
    ];
    if known {
        return Ok((StatusCode::NOT_MODIFIED, fixed).into_response());
    }
    let kind = [(CONTENT_TYPE, HeaderValue::from_static("image/jpeg"))];
    Ok((fixed, kind, axum::body::Bytes::from_owner(picture.jpeg)).into_response())
}

/// The streams that a caller sees, in the order of a wall: by meeting, the main venue first, then the seats.
pub(super) fn visible<'a>(caller: &Caller, snapshot: &'a Snapshot) -> Vec<&'a StreamView> {
    let seats = seats(snapshot);
    let sees = |view: &&StreamView| sees(caller, Right::WatchStreams, view, snapshot);
    let mut views: Vec<&StreamView> = snapshot.streams.values().filter(sees).collect();
    let seat = |view: &StreamView| {
        view.venue.as_ref().and_then(|venue| seats.get(venue)).copied().unwrap_or(usize::MAX)
    };
    let kind = |view: &StreamView| (view.role != StreamRole::MainHall, view.role == StreamRole::Venue);
    views.sort_by_key(|view| (kind(view), seat(view), view.id.clone()));
    views
}

/// The stream of that name, if the caller has the right there; else it does not exist.
pub(super) fn find<'a>(
    caller: &Caller,
    right: Right,
    id: &StreamId,
    snapshot: &'a Snapshot,
) -> Result<&'a StreamView, Problem> {
    let view = snapshot.streams.get(id).filter(|view| sees(caller, right, view, snapshot));
    view.ok_or_else(|| Problem::new(Code::NotFound).items(vec![id.to_string()]))
}

/// A stream's right is that of its venue's region, or of its MCU's; one of neither is everywhere's.
fn sees(caller: &Caller, right: Right, view: &StreamView, snapshot: &Snapshot) -> bool {
    let inventory = &snapshot.inventory;
    match (&view.venue, view.mcu.as_ref().and_then(|mcu| inventory.mcus.get(mcu))) {
        (Some(venue), _) => caller.reaches(right, venue, inventory),
        (None, Some(mcu)) => caller.may(right, &mcu.region, inventory),
        (None, None) => caller.has_everywhere(right),
    }
}

/// Whether small pictures may be shown: the meeting's class decides.
pub(super) fn may_show(view: &StreamView, snapshot: &Snapshot, now: Utc) -> bool {
    let rehearsing =
        snapshot.rounds.iter().filter(|round| round.is_open()).map(|round| round.meeting.clone()).collect();
    let stream: Option<&Stream> = snapshot.inventory.streams.get(&view.id);
    stream.is_some_and(|stream| snapshot.inventory.may_keep(stream, now, &rehearsing))
}

fn seats(snapshot: &Snapshot) -> BTreeMap<&VenueId, usize> {
    let mut meetings: Vec<_> = snapshot.inventory.meetings.values().collect();
    meetings.sort_by_key(|meeting| (std::cmp::Reverse(meeting.starts), meeting.id.clone()));
    let mut seats = BTreeMap::new();
    for (at, venue) in meetings.iter().flat_map(|meeting| meeting.all_venues()).enumerate() {
        seats.entry(venue).or_insert(at);
    }
    seats
}

/// A stream as a caller is shown it.
pub(super) fn shown(
    caller: &Caller,
    view: &StreamView,
    snapshot: &Snapshot,
    now: Utc,
    lang: Lang,
) -> StreamShown {
    let (state, state_text, since) = state(view, lang);
    let venue = view.venue.as_ref().and_then(|venue| snapshot.inventory.venues.get(venue));
    let meeting = view.meeting.as_ref().and_then(|meeting| snapshot.inventory.meetings.get(meeting));
    let detections = view.report.iter().filter(|_| view.fresh).flat_map(|report| &report.detections);
    StreamShown {
        id: view.id.clone(),
        name: view.name.clone(),
        role: view.role,
        venue: view.venue.clone(),
        venue_name: venue.map(|venue| venue.name.clone()),
        meeting: view.meeting.clone(),
        main: venue.zip(meeting).is_some_and(|(venue, meeting)| venue.id == meeting.main_venue),
        floor: view.floor,
        state,
        state_text,
        since,
        severity: view.severity(),
        findings: view.findings.iter().map(|finding| finding_shown(finding, lang)).collect(),
        detections: detections
            .map(|detection| DetectionShown {
                code: detection.seen.code(),
                since: detection.since,
                confirmed: detection.sure == crate::observation::Sure::Confirmed,
            })
            .collect(),
        pictures: may_show(view, snapshot, now),
        viewable: matches!(state, TileState::Live | TileState::Blind | TileState::Down)
            && sees(caller, Right::ViewStreams, view, snapshot),
    }
}

fn state(view: &StreamView, lang: Lang) -> (TileState, String, Option<Utc>) {
    let say = |state, (zh, en): (&str, &str), since| (state, lang.pick(zh, en).to_owned(), since);
    let Some(report) = view.report.as_ref().filter(|_| view.fresh) else {
        return match (view.watched, &view.meeting, &view.report) {
            (false, _, _) => say(TileState::Unwatched, ("未监看", "Not watched"), None),
            (true, None, _) => {
                say(TileState::Unwatched, ("会议时间外，不监看", "Outside its meetings, not watched"), None)
            }
            (true, Some(_), None) => {
                say(TileState::Waiting, ("等待监测数据", "Waiting for its monitor"), None)
            }
            (true, Some(_), Some(_)) => say(
                TileState::Blind,
                ("监测中断（没有监测数据）", "Monitoring is interrupted (no data)"),
                None,
            ),
        };
    };
    let since = Some(report.since);
    match report.reception {
        Reception::Connecting => say(TileState::Waiting, ("正在连接", "Connecting"), since),
        Reception::Down { why, .. } => (TileState::Down, wording::down(why, lang).to_owned(), since),
        Reception::Blind { why } => {
            let why = wording::blind(why, lang);
            let text = match lang {
                Lang::Zh => format!("监测中断（{why}）"),
                Lang::En => format!("Monitoring is interrupted ({why})"),
            };
            (TileState::Blind, text, since)
        }
        Reception::Flowing if report.analysis == Analysis::Unavailable => say(
            TileState::Blind,
            ("监测中断（解码程序重启）", "Monitoring is interrupted (decoder restarts)"),
            None,
        ),
        Reception::Flowing => say(TileState::Live, ("有图像声音", "Media arrive"), since),
    }
}

fn finding_shown(finding: &StreamFinding, lang: Lang) -> FindingShown {
    let pick = |text: &Text| text.pick(lang).to_owned();
    FindingShown {
        rule: finding.rule,
        severity: finding.severity,
        severity_text: pick(&finding.severity_text),
        since: finding.since,
        text: pick(&finding.text),
        next_step: finding.next_step.as_ref().map(pick),
        cause_text: finding.cause_text.as_ref().map(pick),
    }
}

/// A stream's figures; all absent while its report is not fresh.
pub(super) fn figures(view: &StreamView) -> FiguresShown {
    let Some(report) = view.report.as_ref().filter(|_| view.fresh) else { return FiguresShown::default() };
    let tenth = |value: f64| (value * 10.0).round() / 10.0;
    let (video, audio) = (report.video.as_ref(), report.audio.as_ref());
    let transport = Some(report.transport).filter(|transport| transport.expected > 0);
    let kbps = video.map_or(0.0, |video| video.kbps) + audio.map_or(0.0, |audio| audio.kbps);
    FiguresShown {
        video: video.map(|video| video.codec.name()),
        size: video.map(|video| [video.width, video.height]).filter(|[width, _]| *width > 0),
        fps: video.map(|video| tenth(video.fps)),
        kbps: (video.is_some() || audio.is_some()).then(|| kbps.round()),
        audio: audio.map(|audio| audio.codec.name()),
        loss_pct: transport.map(|it| tenth(100.0 * it.lost as f64 / it.expected as f64)),
        jitter_ms: transport.map(|it| tenth(it.jitter_ms)),
    }
}

/// RFC 9110 §5.6.7.
fn http_date(at: Utc) -> String {
    at.timestamp().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

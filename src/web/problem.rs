//! Errors as RFC 9457 problems: a stable code, a status, and words in the reader's language.
//!
//! A handler returns a [`Problem`]; it travels in the response's extensions, and `localised` writes the body once
//! the reader's language is known. Rejections of the framework become problems there too.

use axum::extract::Request;
use axum::http::header::{ACCEPT_LANGUAGE, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::password::{Busy, CHARACTERS_MIN, Weak};
use super::ports::NoMedia;
use crate::domain::lang::Lang;
use crate::domain::time::Span;
use crate::engine::effect::Refusal;
use crate::store::error::StoreError;

/// What went wrong. The words are part of the API and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// No session, or one that has ended.
    NotSignedIn,
    /// Name or password wrong.
    BadCredentials,
    /// Too many failed attempts.
    LockedOut,
    /// Signed in, but not allowed.
    Forbidden,
    /// A request from another site.
    CrossSite,
    /// Not set up yet: only the machine itself may speak to the API.
    SetupPending,
    /// The set-up token or one-time link is wrong, spent or expired.
    BadToken,
    /// The password is not good enough.
    WeakPassword,
    /// Nothing of that name, or not visible to the caller.
    NotFound,
    /// The method does not exist here.
    BadMethod,
    /// The request could not be read.
    BadRequest,
    /// Not `application/json`.
    BadMediaType,
    /// The password is too old, or somebody else set it: to be changed first.
    PasswordExpired,
    /// What disturbs needs the password given a short while ago.
    ProofNeeded,
    /// The password is right, and the code of the second factor is still to be given.
    SecondFactorNeeded,
    /// The body is too large.
    TooLarge,
    /// The name is taken.
    Exists,
    /// The roles would not be kept apart, or nobody would be left to manage them.
    RolesApart,
    /// The inventory has moved on.
    StaleVersion,
    /// Applied, the inventory would refer to something missing.
    WouldBreak,
    /// A round of that meeting runs already.
    RoundRunning,
    /// The round is over.
    RoundOver,
    /// Too near to the meeting for tests.
    MeetingTooNear,
    /// Something is still open.
    StillOpen,
    /// A text that must be there is empty.
    Empty,
    /// The one-time secret is wrong, used or expired.
    BadSecret,
    /// The conference belongs to a superior level's meeting.
    SuperiorMeeting,
    /// The address is on another network.
    OtherNetwork,
    /// The address is not in the inventory.
    AddressUnknown,
    /// The device cannot be seen, and the action would disturb a meeting.
    DeviceBlind,
    /// A device died after such an action.
    ActionFrozen,
    /// An earlier action may or may not have happened.
    ActionUndecided,
    /// An action on the same site is under way.
    ActionRunning,
    /// There is nothing to decide.
    NothingToDecide,
    /// The incident stands where it does not go on like that.
    IncidentIs,
    /// Something in the incident is raised.
    StillRaised,
    /// A moment that must be ahead is not.
    Past,
    /// No plan is carried out for that incident.
    NoPlan,
    /// The plan does not stand at that step.
    NotThisStep,
    /// Somebody else must agree.
    OtherPersonNeeded,
    /// A time that must be bounded is too long.
    TooLong,
    /// There is no picture of the stream, or none may be kept.
    NoPicture,
    /// Nobody watches the stream now.
    NotWatched,
    /// As many streams are viewed as may be.
    NoPlace,
    /// The venue's agent cannot be reached.
    AgentAway,
    /// The inventory does not say how the device is spoken to.
    NotSpokenTo,
    /// Nothing was heard of the device yet.
    NotSeen,
    /// The device's adapter refuses.
    NotPlanned,
    /// The journal cannot be written.
    Unrecorded,
    /// Too much at once.
    Busy,
    /// It took too long; whether it was done is not known.
    Timeout,
    /// Our fault.
    Internal,
}

impl Code {
    fn status(self) -> StatusCode {
        match self {
            Self::NotSignedIn | Self::BadCredentials | Self::SecondFactorNeeded => StatusCode::UNAUTHORIZED,
            Self::LockedOut => StatusCode::TOO_MANY_REQUESTS,
            Self::PasswordExpired
            | Self::ProofNeeded
            | Self::Forbidden
            | Self::CrossSite
            | Self::SetupPending
            | Self::BadToken
            | Self::BadSecret => StatusCode::FORBIDDEN,
            Self::WeakPassword | Self::WouldBreak | Self::Empty | Self::Past | Self::TooLong => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::NotFound | Self::NoPicture | Self::NotSeen => StatusCode::NOT_FOUND,
            Self::BadMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::BadMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Exists
            | Self::RolesApart
            | Self::StaleVersion
            | Self::RoundRunning
            | Self::RoundOver
            | Self::MeetingTooNear
            | Self::StillOpen
            | Self::SuperiorMeeting
            | Self::OtherNetwork
            | Self::AddressUnknown
            | Self::DeviceBlind
            | Self::ActionFrozen
            | Self::ActionUndecided
            | Self::ActionRunning
            | Self::NothingToDecide
            | Self::IncidentIs
            | Self::StillRaised
            | Self::NoPlan
            | Self::NotThisStep
            | Self::OtherPersonNeeded
            | Self::NotWatched
            | Self::NotSpokenTo
            | Self::NotPlanned => StatusCode::CONFLICT,
            Self::Unrecorded | Self::Busy | Self::NoPlace | Self::AgentAway => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::NotSignedIn,
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::BadMethod,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::BadMediaType,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            StatusCode::SERVICE_UNAVAILABLE => Self::Busy,
            StatusCode::GATEWAY_TIMEOUT => Self::Timeout,
            status if status.is_client_error() => Self::BadRequest,
            _ => Self::Internal,
        }
    }

    #[expect(clippy::too_many_lines, reason = "one line for each code")]
    fn title(self, lang: Lang) -> &'static str {
        let (zh, en) = match self {
            Self::NotSignedIn => ("请先登录", "Please sign in"),
            Self::BadCredentials => ("用户名或密码不对", "Wrong name or password"),
            Self::LockedOut => ("尝试次数过多，请稍后再试", "Too many attempts, wait a little"),
            Self::PasswordExpired => ("口令须先更换", "The password must be changed first"),
            Self::ProofNeeded => ("请再次输入口令确认", "Please give the password again"),
            Self::SecondFactorNeeded => ("请输入动态口令", "The code of the second factor is needed"),
            Self::Forbidden => ("没有这项权限", "Not allowed"),
            Self::CrossSite => ("请求来自其他网站，已拒绝", "A request from another site was refused"),
            Self::SetupPending => (
                "系统尚未完成初始设置，目前只接受本机访问",
                "Not set up yet: only this machine itself may connect",
            ),
            Self::BadToken => ("口令无效、已用过或已过期", "The token is wrong, used or expired"),
            Self::WeakPassword => ("密码强度不够", "The password is too weak"),
            Self::NotFound => ("找不到", "Not found"),
            Self::BadMethod => ("不支持这种请求方法", "Method not supported"),
            Self::BadRequest => ("请求格式不对", "The request could not be read"),
            Self::BadMediaType => ("请求内容须为 application/json", "The body must be application/json"),
            Self::TooLarge => ("请求内容过大", "The body is too large"),
            Self::Exists => ("名称已被使用", "The name is taken"),
            Self::RolesApart => ("角色分配不符合三员分立", "The roles must be kept apart"),
            Self::StaleVersion => {
                ("台账已被他人更新，请刷新后再改", "The inventory has changed, read it again")
            }
            Self::WouldBreak => ("改动会使台账引用失效", "The change would break references"),
            Self::RoundRunning => ("该会议已有一轮联调在进行", "A round of this meeting is running"),
            Self::RoundOver => ("这一轮已经结束", "The round is over"),
            Self::MeetingTooNear => ("已点名或会中，不再主动测试", "Too near to the meeting for tests"),
            Self::StillOpen => ("还有未结项", "Something is still open"),
            Self::Empty => ("必填内容为空", "A required text is empty"),
            Self::BadSecret => ("一次性口令无效、已用过或已过期", "The secret is wrong, used or expired"),
            Self::SuperiorMeeting => {
                ("上级会议只监看，不控制", "A superior level's meeting is watched, never controlled")
            }
            Self::OtherNetwork => ("禁止跨网操作", "Nothing crosses networks"),
            Self::AddressUnknown => ("地址不在台账中", "The address is not in the inventory"),
            Self::DeviceBlind => (
                "看不到设备状态，不做影响会议的操作",
                "The device cannot be seen: nothing disruptive is done",
            ),
            Self::ActionFrozen => {
                ("该型号曾在此操作后宕机，已停用", "A device died after this action, it is not used any more")
            }
            Self::ActionUndecided => ("此前的操作结果不明，请先确认", "An earlier action is undecided"),
            Self::ActionRunning => ("同一会场的操作正在进行", "An action on the same site is under way"),
            Self::NothingToDecide => ("无需确认", "There is nothing to decide"),
            Self::IncidentIs => ("事件当前状态不能这样处理", "The incident does not go on like that"),
            Self::StillRaised => ("还有未恢复的告警", "Something in it is still raised"),
            Self::NoPlan => ("没有正在执行的预案", "No plan is carried out for it"),
            Self::NotThisStep => ("预案不在这一步", "The plan does not stand at that step"),
            Self::OtherPersonNeeded => ("须由另一人确认", "Somebody else must agree"),
            Self::Past | Self::TooLong => ("时间须在此刻之后且不过长", "Not in the past, nor too far ahead"),
            Self::NoPicture => ("没有可显示的画面", "There is no picture to show"),
            Self::NotWatched => ("这一路目前没有监看", "Nobody watches this stream now"),
            Self::NoPlace => ("同时查看的路数已满", "As many streams are viewed as may be"),
            Self::AgentAway => ("会场测试机联系不上", "The venue's agent cannot be reached"),
            Self::NotSpokenTo => {
                ("台账没有写明怎样与这台设备通信", "The inventory does not say how it is spoken to")
            }
            Self::NotSeen => ("还没有收到这台设备的消息", "Nothing was heard of the device yet"),
            Self::NotPlanned => ("这台设备做不了，或此刻不该做", "The device cannot do it now"),
            Self::Unrecorded => {
                ("记录暂时无法写入，操作未执行", "The journal cannot be written, nothing was done")
            }
            Self::Busy => ("系统正忙，请稍后再试", "Busy, try again shortly"),
            Self::Timeout => {
                ("处理超时，是否已执行未知，请刷新查看", "Took too long; look whether it was done")
            }
            Self::Internal => ("系统内部错误", "Internal error"),
        };
        lang.pick(zh, en)
    }
}

/// An error on its way to the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    detail: Option<[String; 2]>,
    items: Vec<String>,
    retry_after: Option<Span>,
}

/// The body of a problem (RFC 9457) with our extensions `code`, `items` and `retry_after_s`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ProblemBody {
    /// Stable reference, `/problems/CODE`.
    pub r#type: String,
    /// In words.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// More words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Stable code.
    #[schema(value_type = String)]
    pub code: Code,
    /// The things concerned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<String>,
    /// When to try again, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<f64>,
}

impl Problem {
    /// A problem of that code.
    pub fn new(code: Code) -> Self {
        Self { code, detail: None, items: Vec::new(), retry_after: None }
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// With more words.
    #[must_use]
    pub fn detail(mut self, zh: impl Into<String>, en: impl Into<String>) -> Self {
        self.detail = Some([zh.into(), en.into()]);
        self
    }

    /// With the things concerned.
    #[must_use]
    pub fn items(mut self, items: Vec<String>) -> Self {
        self.items = items;
        self
    }

    /// With the time to wait.
    #[must_use]
    pub fn retry_after(mut self, span: Span) -> Self {
        self.retry_after = Some(span);
        self
    }

    /// The body in a language.
    pub fn body(&self, lang: Lang) -> ProblemBody {
        let code = serde_json::to_value(self.code).expect("a code is a word");
        ProblemBody {
            r#type: format!("/problems/{}", code.as_str().unwrap_or_default()),
            title: self.code.title(lang).to_owned(),
            status: self.code.status().as_u16(),
            detail: self.detail.as_ref().map(|[zh, en]| lang.pick(zh, en).clone()),
            code: self.code,
            items: self.items.clone(),
            retry_after_s: self.retry_after.map(Span::as_s),
        }
    }

    fn rendered(&self, lang: Lang) -> Response {
        let mut response = (self.code.status(), axum::Json(self.body(lang))).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(lang.pick("zh-CN", "en")));
        headers.insert(VARY, HeaderValue::from_static("accept-language"));
        if let Some(span) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(span.0.div_ceil(1_000_000)));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed a request");
        match error {
            StoreError::Unresolved { .. } => Self::new(Code::Timeout),
            StoreError::Timeout { .. } => Self::new(Code::Busy),
            StoreError::Full { .. } => Self::new(Code::Unrecorded),
            StoreError::Locked { .. }
            | StoreError::Newer { .. }
            | StoreError::Io { .. }
            | StoreError::DatabaseIo { .. }
            | StoreError::Damaged { .. }
            | StoreError::HeadMoved { .. }
            | StoreError::Unfit { .. }
            | StoreError::Refused { .. }
            | StoreError::Missing { .. }
            | StoreError::Unverified { .. }
            | StoreError::Database { .. } => Self::new(Code::Internal),
        }
    }
}

impl From<NoMedia> for Problem {
    fn from(why: NoMedia) -> Self {
        match why {
            NoMedia::NotWatched => Self::new(Code::NotWatched),
            NoMedia::NoPlace => Self::new(Code::NoPlace).retry_after(Span::seconds(10)),
            NoMedia::AgentAway => Self::new(Code::AgentAway).retry_after(Span::seconds(5)),
        }
    }
}

impl From<Busy> for Problem {
    fn from(_: Busy) -> Self {
        Self::new(Code::Busy).retry_after(Span::seconds(5))
    }
}

impl From<Weak> for Problem {
    fn from(weak: Weak) -> Self {
        let (zh, en) = match weak {
            Weak::TooShort => {
                (format!("至少 {CHARACTERS_MIN} 个字符"), format!("At least {CHARACTERS_MIN} characters"))
            }
            Weak::TooLong => ("太长".to_owned(), "Too long".to_owned()),
            Weak::TooPlain => (
                "请混用大写、小写、数字、符号中的三种，或用 16 个字符以上的短句".to_owned(),
                "Mix three of upper case, lower case, digits, signs; or use a phrase of 16 characters"
                    .to_owned(),
            ),
            Weak::HoldsName => ("不能包含用户名".to_owned(), "Must not contain the user name".to_owned()),
            Weak::Guessable => ("太容易猜到".to_owned(), "Too easy to guess".to_owned()),
        };
        Self::new(Code::WeakPassword).detail(zh, en)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound { what } => Self::new(Code::NotFound).items(vec![what]),
            Refusal::StaleVersion { current } => Self::new(Code::StaleVersion)
                .detail(format!("现为第 {current} 版"), format!("Now version {current}")),
            Refusal::WouldBreak { what } => Self::new(Code::WouldBreak).items(what),
            Refusal::RoundRunning { round } => {
                Self::new(Code::RoundRunning).detail(format!("第 {round} 轮"), format!("Round {round}"))
            }
            Refusal::RoundOver => Self::new(Code::RoundOver),
            Refusal::MeetingTooNear => Self::new(Code::MeetingTooNear),
            Refusal::StillOpen { what } => Self::new(Code::StillOpen).items(what),
            Refusal::Empty { field } => Self::new(Code::Empty).items(vec![field]),
            Refusal::BadSecret => Self::new(Code::BadSecret),
            Refusal::SuperiorMeeting { meeting } => {
                Self::new(Code::SuperiorMeeting).items(vec![meeting.to_string()])
            }
            Refusal::OtherNetwork { address } => Self::new(Code::OtherNetwork).items(vec![address]),
            Refusal::AddressUnknown { address } => Self::new(Code::AddressUnknown).items(vec![address]),
            Refusal::Blind { device } => Self::new(Code::DeviceBlind).items(vec![device.to_string()]),
            Refusal::ActionFrozen { freeze } => {
                Self::new(Code::ActionFrozen).items(vec![format!("{} {}", freeze.interface, freeze.version)])
            }
            Refusal::ActionUndecided { key } => Self::new(Code::ActionUndecided).items(vec![key.0]),
            Refusal::ActionRunning { key } => Self::new(Code::ActionRunning).items(vec![key.0]),
            Refusal::NothingToDecide => Self::new(Code::NothingToDecide),
            Refusal::IncidentIs { state } => Self::new(Code::IncidentIs).items(vec![state.code().to_owned()]),
            Refusal::StillRaised { what } => Self::new(Code::StillRaised).items(what),
            Refusal::NoPlan { incident } => Self::new(Code::NoPlan).items(vec![incident.to_string()]),
            Refusal::NotThisStep { at } => {
                Self::new(Code::NotThisStep).items(at.iter().map(ToString::to_string).collect())
            }
            Refusal::OtherPersonNeeded => Self::new(Code::OtherPersonNeeded),
            Refusal::Past { field } => Self::new(Code::Past).items(vec![field]),
            Refusal::TooLong { field, .. } => Self::new(Code::TooLong).items(vec![field]),
            Refusal::Unrecorded => Self::new(Code::Unrecorded),
            Refusal::Busy => Self::new(Code::Busy).retry_after(Span::seconds(1)),
        }
    }
}

/// The reader's language: `?lang=`, then Accept-Language, then Chinese.
pub fn language(uri: &Uri, headers: &HeaderMap) -> Lang {
    let asked = uri.query().unwrap_or("").split('&').find_map(|pair| pair.strip_prefix("lang="));
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let mut words = asked.into_iter().chain(accepted.unwrap_or("").split(',')).map(str::trim);
    words.find_map(known).unwrap_or_default()
}

fn known(word: &str) -> Option<Lang> {
    match word.get(..2)?.to_ascii_lowercase().as_str() {
        "zh" => Some(Lang::Zh),
        "en" => Some(Lang::En),
        _ => None,
    }
}

/// Middleware: writes every problem in the reader's language, and makes one of every bare rejection.
pub(super) async fn localised(request: Request, next: Next) -> Response {
    let lang = language(request.uri(), request.headers());
    let response = next.run(request).await;
    if let Some(problem) = response.extensions().get::<Problem>() {
        let mut rendered = problem.rendered(lang);
        rendered.headers_mut().extend(response.headers().clone().into_iter().filter_map(|(name, value)| {
            name.filter(|name| name != CONTENT_TYPE && name != "content-length").map(|name| (name, value))
        }));
        return rendered;
    }
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        return Problem::new(Code::of_status(status)).rendered(lang);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reader_chooses_the_language_and_chinese_is_the_default() {
        let cases = [
            ("/x", "", Lang::Zh),
            ("/x", "en-GB,zh;q=0.5", Lang::En),
            ("/x", "fr, en", Lang::En),
            ("/x?lang=zh", "en", Lang::Zh),
            ("/x?a=1&lang=en", "zh-CN", Lang::En),
            ("/x", "中", Lang::Zh),
        ];
        for (uri, accepted, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_bytes(accepted.as_bytes()).unwrap());
            assert_eq!(language(&uri.parse().unwrap(), &headers), expected, "{uri} {accepted}");
        }
    }

    #[test]
    fn every_problem_has_its_type_in_its_code() {
        let body = Problem::from(Refusal::StaleVersion { current: 7 }).body(Lang::En);
        assert_eq!((body.r#type.as_str(), body.status), ("/problems/stale_version", 409));
        assert_eq!(body.detail.as_deref(), Some("Now version 7"));
    }
}

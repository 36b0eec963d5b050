//! Huawei TE and Box endpoints by their web interface (`action.cgi`).
//!
//! An endpoint knows one call, its own: it is shown as a conference of one site, and that site is the endpoint. It is
//! the eye where an MCU tells nothing of media, and a way to call from the far side. Older endpoints speak only TLS
//! 1.0, which is refused; on a line of their own they can be asked over plain HTTP. The newer interface of CloudLink
//! endpoints (`/v1/…`) is not spoken. Not yet tried on a real endpoint.

pub mod figure;
pub mod plan;
pub mod reply;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::act::{self, Run};
use super::fault::{AuthWhy, Fault};
use super::fields;
use super::http::{HttpLine, Intent, Reply};
use super::session::Sessions;
use super::trust::Login;
use super::{Abilities, Bridge, Pushed, Tells};
use crate::domain::mcu::{ConferenceRef, Interface, ParticipantRef};
use crate::domain::time::Utc;
use crate::observation::action::{Action, ActionKey, ActionOutcome, Does, Looked, Plan, Refused};
use crate::observation::device::{
    Absent, Capacity, ConferenceSeen, DeviceAlarm, Given, NodeHealth, Presence, Service, SiteSeen,
    StreamSample,
};
use plan::Step;
use reply::{Call, Phase};

/// The one conference of an endpoint: its call.
pub const OWN_CALL: &str = "call";
/// How long a no that a new login did not change is taken for the endpoint's last word.
const STUBBORN: Duration = Duration::from_secs(60);

/// A Huawei endpoint.
#[derive(Debug)]
pub struct Te {
    line: HttpLine,
    login: Login,
    sessions: Sessions<Session>,
    /// When a no was met last that a new login did not change.
    stubborn: Mutex<Option<Instant>>,
}

/// What a login gives.
struct Session {
    cookie: Zeroizing<String>,
    token: Zeroizing<String>,
    /// What the endpoint calls its make, such as `Huawei TE20`.
    model: String,
}

/// What an answer says, and the endpoint's clock minus ours.
struct Answer {
    data: Value,
    skew_ms: Given<f64>,
}

impl Te {
    /// An endpoint at the line's address. A login may push another user of its web page out, so there is one session
    /// and it is kept.
    pub fn new(line: HttpLine, login: Login) -> Self {
        Self { line, login, sessions: Sessions::default(), stubborn: Mutex::new(None) }
    }

    async fn session(&self) -> Result<Arc<Session>, Fault> {
        self.sessions.held(self.log_in()).await
    }

    async fn log_in(&self) -> Result<Session, Fault> {
        let none = Value::Object(serde_json::Map::new());
        let first = self.send("WEB_RequestSessionIDAPI", "", &none, Intent::Read).await?;
        let model = match reply::unwrapped(&first.body) {
            Err(Fault::Said { code, .. }) => return Err(Fault::Busy(format!("no session left ({code})"))),
            other => fields::text(&other?, "szTermType"),
        };
        let cookie = Zeroizing::new(fields::required(first.cookie, "SessionID")?);
        let secret = serde_json::json!({"user": self.login.user, "password": self.login.secret.as_str()});
        let second = self.send("WEB_RequestCertificateAPI", &cookie, &secret, Intent::Read).await?;
        let token = match reply::unwrapped(&second.body) {
            Err(Fault::Said { .. }) => return Err(Fault::Auth(AuthWhy::Wrong)),
            other => fields::text(&other?, "acCSRFToken"),
        };
        let token = Zeroizing::new(fields::required(token, "acCSRFToken")?);
        let cookie = second.cookie.map_or(cookie, Zeroizing::new);
        Ok(Session { cookie, token, model: model.unwrap_or_else(|| "Huawei".to_owned()) })
    }

    async fn send(&self, api: &str, cookie: &str, body: &Value, intent: Intent) -> Result<Reply, Fault> {
        let request = self.line.request(Method::POST, &format!("action.cgi?ActionID={api}"))?;
        let request = request.header("Content-Type", "application/json").header("Cookie", cookie);
        self.line.send(request.body(body.to_string()), intent).await?.success()
    }

    async fn once(&self, session: &Session, step: &Step, intent: Intent) -> Result<Answer, Fault> {
        let mut body = step.body.clone();
        body["acCSRFToken"] = session.token.as_str().into();
        let reply = self.send(&step.api, &session.cookie, &body, intent).await?;
        Ok(Answer { data: reply::unwrapped(&reply.body)?, skew_ms: reply.clock_skew_ms(now()) })
    }

    /// Reads. The documents do not say with which code an endpoint tells that it has forgotten the session, so any no
    /// is met with one new login, until a new login did not help.
    async fn read(&self, api: &str) -> Result<Answer, Fault> {
        let session = self.session().await?;
        let step = Step::read_only(api);
        let answer = self.once(&session, &step, Intent::Read).await;
        if !self.may_be_forgotten(&answer) {
            return answer;
        }
        self.sessions.forget(&session).await;
        let answer = self.once(&*self.session().await?, &step, Intent::Read).await;
        if matches!(answer, Err(Fault::Said { .. })) {
            *self.stubborn.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        answer
    }

    fn may_be_forgotten(&self, answer: &Result<Answer, Fault>) -> bool {
        let stubborn = *self.stubborn.lock().unwrap_or_else(PoisonError::into_inner);
        let again = stubborn.is_none_or(|since| since.elapsed() >= STUBBORN);
        matches!(answer, Err(Fault::Auth(_))) || (again && matches!(answer, Err(Fault::Said { .. })))
    }

    /// Acts. A no means that nothing happened; where it came only because the session was forgotten, which a read
    /// shows, the same is asked once more within the new one.
    async fn act(&self, step: &Step) -> Result<Option<String>, Fault> {
        let session = self.session().await?;
        let told = self.once(&session, step, Intent::Act).await;
        let Err(fault @ (Fault::Said { .. } | Fault::Auth(_))) = told else { return told.map(|_| None) };
        if self.call().await.is_err() {
            return Err(fault);
        }
        let now = self.session().await?;
        if Arc::ptr_eq(&session, &now) {
            return Err(fault);
        }
        self.once(&now, step, Intent::Act).await.map(|_| None)
    }

    async fn call(&self) -> Result<Call, Fault> {
        reply::call(&self.read("WEB_GetMailboxDataAPI").await?.data)
    }

    /// Whether the microphone is muted; unknown where this version does not tell.
    async fn muted(&self) -> Result<Option<bool>, Fault> {
        match self.read("WEB_InitAudioCtrlParamsAPI").await {
            Err(Fault::Said { .. }) => Ok(None),
            other => Ok(reply::muted(&other?.data)),
        }
    }

    fn listed(&self, call: &Call, model: &str, muted: Option<bool>) -> ConferenceSeen {
        let presence = match call.phase {
            Phase::Idle => None,
            Phase::Calling => Some(Presence::Calling),
            Phase::InCall => Some(Presence::Connected),
            Phase::Other(_) => Some(Presence::Unknown),
        };
        let host = self.line.base().host_str().unwrap_or_default();
        let site = presence.map(|presence| SiteSeen {
            participant: ParticipantRef::new(&call.handle),
            name: format!("{model} {host}"),
            address: None,
            presence,
            muted,
            redialled_by_platform: false,
            cascade: false,
            probe: false,
            streams: Vec::new(),
        });
        ConferenceSeen {
            conference: ConferenceRef::new(OWN_CALL),
            name: format!("{model} {host}"),
            expected: None,
            present: site.into_iter().collect(),
            complete: true,
            at: now(),
        }
    }
}

#[async_trait]
impl Bridge for Te {
    fn interface(&self) -> Interface {
        Interface::Te
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            tells: [
                Tells::Roster,
                Tells::Bitrate,
                Tells::Loss,
                Tells::Jitter,
                Tells::RoundTrip,
                Tells::Resolution,
                Tells::FrameRate,
            ]
            .into(),
            does: [Does::Dial, Does::Disconnect, Does::Mute].into(),
            requests_per_minute: None,
            tried_on_a_real_device: false,
        }
    }

    async fn health(&self) -> Result<NodeHealth, Fault> {
        let answer = self.read("WEB_GetMailboxDataAPI").await?;
        reply::call(&answer.data)?;
        Ok(NodeHealth {
            service: Service::Up,
            load_pct: Given::Absent(Absent::NotProvided),
            uptime: Given::Absent(Absent::NotProvided),
            version: None,
            boot: None,
            clock_skew_ms: answer.skew_ms,
            nodes: Vec::new(),
        })
    }

    /// An endpoint has room for its own call.
    async fn capacity(&self) -> Result<Vec<Capacity>, Fault> {
        Err(Fault::NotSupported)
    }

    /// The web interface has none.
    async fn alarms(&self) -> Result<Vec<DeviceAlarm>, Fault> {
        Err(Fault::NotSupported)
    }

    async fn conferences(&self) -> Result<Vec<ConferenceSeen>, Fault> {
        let call = self.call().await?;
        if call.phase == Phase::Idle {
            return Ok(Vec::new());
        }
        let model = self.session().await?.model.clone();
        Ok(vec![self.listed(&call, &model, None)])
    }

    async fn roster(&self, conference: &ConferenceRef) -> Result<ConferenceSeen, Fault> {
        if conference.as_str() != OWN_CALL {
            return Err(Fault::Said { code: "no_such_conference".to_owned(), words: conference.to_string() });
        }
        let call = self.call().await?;
        let muted = if call.phase == Phase::Idle { None } else { self.muted().await? };
        let model = self.session().await?.model.clone();
        Ok(self.listed(&call, &model, muted))
    }

    async fn streams(&self, _: &ConferenceRef, site: &SiteSeen) -> Result<Vec<StreamSample>, Fault> {
        reply::streams(&self.read("WEB_GetMultiCallStatusInfoAPI").await?.data, site.muted)
    }

    /// Endpoints push nothing.
    async fn listen(&self, _: mpsc::Sender<Pushed>, _: CancellationToken) -> Result<(), Fault> {
        Err(Fault::NotSupported)
    }

    fn plan(&self, action: &Action, seen: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
        plan::plan(action, seen)
    }

    async fn execute(&self, plan: &Plan, _: &ActionKey) -> ActionOutcome {
        if let Err(fault) = self.session().await {
            return act::refused(&fault);
        }
        let mut run = Run::new(&plan.steps);
        for text in &plan.steps {
            let Some(step) = Step::read(text) else {
                return run.failed(&Fault::Said { code: "bad_plan".to_owned(), words: String::new() });
            };
            match self.act(&step).await {
                Ok(handle) => run.took(handle),
                Err(fault) => return run.failed(&fault),
            }
        }
        run.ended()
    }

    /// An endpoint knows no key of ours: its state is looked at. An idle endpoint may have called in vain.
    async fn look(&self, plan: &Plan, _: &ActionKey) -> Result<Looked, Fault> {
        let happened = |yes| if yes { Looked::Happened } else { Looked::CannotTell };
        Ok(match &plan.action {
            Action::Dial { .. } => {
                happened(matches!(self.call().await?.phase, Phase::Calling | Phase::InCall))
            }
            Action::Disconnect { .. } => happened(self.call().await?.phase == Phase::Idle),
            Action::Mute { on, .. } => match self.muted().await? {
                Some(muted) if muted == *on => Looked::Happened,
                Some(_) => Looked::DidNot,
                None => Looked::CannotTell,
            },
            Action::Redial { .. }
            | Action::Layout { .. }
            | Action::Broadcast { .. }
            | Action::KeyFrame { .. }
            | Action::MoveParticipant { .. }
            | Action::MigrateConference { .. }
            | Action::Drain { .. } => Looked::CannotTell,
        })
    }
}

fn now() -> Utc {
    Utc::from_timestamp(jiff::Timestamp::now())
}

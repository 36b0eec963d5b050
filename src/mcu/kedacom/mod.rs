//! Kedacom 科达 platforms by their open interface (token, cookie, forms, long-polled push).
//!
//! It knows the interface and no meeting. Of media the platform tells only what was agreed on, so flow is unknown and
//! loss, jitter, round trip and frame rate are not provided. Not yet tried on a real platform; what is assumed where
//! the documents are silent is marked.

pub mod bayeux;
pub mod plan;
pub mod reply;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::act::{self, Run};
use super::fault::Fault;
use super::fields;
use super::http::{HttpLine, Intent, Reply};
use super::session::Sessions;
use super::trust::Login;
use super::{Abilities, Bridge, Pushed, Tells};
use crate::domain::mcu::{ConferenceRef, Interface, ParticipantRef};
use crate::domain::time::Utc;
use crate::observation::action::{Action, ActionKey, ActionOutcome, Does, Looked, Plan, Refused};
use crate::observation::device::{
    Absent, Capacity, ConferenceSeen, DeviceAlarm, Given, NodeHealth, Presence, ROSTER_MAX, Service,
    SiteSeen, StreamSample, Way,
};
use bayeux::Message;
use plan::Step;

/// Conferences on one page of the list.
const PAGE: usize = 100;
/// How often the software's token is told that it is still used; the session is told with each look at health.
const TOKEN_BEAT: Duration = Duration::from_secs(300);
/// Longest wait for something pushed, and how much longer the answer may take.
const POLL: Duration = Duration::from_secs(20);
/// Longest wait for an answer to a wait for something pushed.
const POLL_REPLY: Duration = Duration::from_secs(25);
/// Handshakes in a row without a message between them before listening is given up.
const HANDSHAKES_MAX: u32 = 3;
/// Pause between two looks at a terminal that is hanging up, and how many there are.
const OFF_PAUSE: Duration = Duration::from_millis(500);
const OFF_LOOKS: u32 = 10;

/// A Kedacom platform.
#[derive(Debug)]
pub struct Kedacom {
    line: HttpLine,
    login: Login,
    sessions: Sessions<Session>,
    token_beat: Mutex<Option<Instant>>,
}

/// What a login gives: the software's token and the user's cookie.
struct Session {
    token: Zeroizing<String>,
    cookie: Zeroizing<String>,
    version: Option<String>,
}

/// What an answer says, and the platform's clock minus ours.
struct Answer {
    value: Value,
    skew_ms: Given<f64>,
}

/// One request: `params` is what the form carries beside the token.
struct Ask<'a> {
    method: Method,
    path: &'a str,
    params: Option<&'a Value>,
    intent: Intent,
}

impl<'a> Ask<'a> {
    fn get(path: &'a str) -> Self {
        Self { method: Method::GET, path, params: None, intent: Intent::Read }
    }

    fn beat(path: &'a str) -> Self {
        Self { method: Method::POST, path, params: None, intent: Intent::Read }
    }
}

/// Names and secrets of an account, of the software and of the user; `None` where it has not both.
pub(super) fn account(login: &Login) -> Option<[(&str, &str); 2]> {
    let (key, user) = login.user.split_once('/')?;
    let (secret, password) = login.secret.trim().split_once('\n')?;
    let password = password.trim();
    (!password.contains('\n')).then_some([(key, secret.trim()), (user, password)])
}

impl Kedacom {
    /// A platform at the line's address. Two logins are needed in one: the user is `SOFTWARE_KEY/USER`, the secret
    /// the software's secret and the user's password on two lines.
    pub fn new(line: HttpLine, login: Login) -> Self {
        Self { line, login, sessions: Sessions::default(), token_beat: Mutex::new(None) }
    }

    async fn session(&self) -> Result<Arc<Session>, Fault> {
        self.sessions.held(self.log_in()).await
    }

    async fn log_in(&self) -> Result<Session, Fault> {
        let [(key, secret), (user, password)] = account(&self.login).ok_or(Fault::NoCredential)?;
        let software = [("oauth_consumer_key", key), ("oauth_consumer_secret", secret)];
        let reply = self.form("api/v1/system/token", &software).await?;
        let token = fields::text(&reply::checked(&reply.body)?, "account_token");
        let token = Zeroizing::new(fields::required(token, "account_token")?);
        let person = [("account_token", token.as_str()), ("username", user), ("password", password)];
        let reply = self.form("api/v1/system/login", &person).await?;
        let told = fields::text(&reply::checked(&reply.body)?, "ssotoken")
            .map(|sso| format!("SSO_COOKIE_KEY={sso}"));
        let cookie = Zeroizing::new(fields::required(reply.cookie.or(told), "SSO_COOKIE_KEY")?);
        let mut session = Session { token, cookie, version: None };
        session.version = self.version(&session).await;
        Ok(session)
    }

    async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Result<Reply, Fault> {
        let request = self.line.request(Method::POST, path)?.header("API-Level", "1").form(fields);
        self.line.send(request, Intent::Read).await?.success()
    }

    /// The version of the interface, where the platform tells it. That it does not is no fault.
    async fn version(&self, session: &Session) -> Option<String> {
        let answer = self.once(session, &Ask::get("api/system/version")).await.ok()?;
        fields::text(&answer.value, "version")
    }

    /// Asks within the session. What the platform refuses because it forgot the session was not done, so it is asked
    /// once more after a new login.
    async fn ask(&self, ask: &Ask<'_>) -> Result<Answer, Fault> {
        let session = self.session().await?;
        let answer = self.once(&session, ask).await;
        if !matches!(answer, Err(Fault::Auth(_))) {
            return answer;
        }
        self.sessions.forget(&session).await;
        self.once(&*self.session().await?, ask).await
    }

    async fn once(&self, session: &Session, ask: &Ask<'_>) -> Result<Answer, Fault> {
        let request = self.within(session, self.line.request(ask.method.clone(), ask.path)?);
        let token = ("account_token", session.token.to_string());
        let request = match (ask.method == Method::GET, ask.params) {
            (true, _) => request.query(&[token]),
            (false, None) => request.form(&[token]),
            (false, Some(params)) => request.form(&[("params", params.to_string()), token]),
        };
        let reply = self.line.send(request, ask.intent).await?.success()?;
        Ok(Answer { value: reply::checked(&reply.body)?, skew_ms: reply.clock_skew_ms(now()) })
    }

    fn within(&self, session: &Session, request: RequestBuilder) -> RequestBuilder {
        request.header("API-Level", "1").header("Cookie", session.cookie.as_str())
    }

    /// The token lives on only while it is told so. The path is assumed to take a POST like its neighbour.
    async fn beat_token(&self, session: &Session) {
        let due = {
            let mut last = self.token_beat.lock().unwrap_or_else(PoisonError::into_inner);
            let due = last.is_none_or(|last| last.elapsed() >= TOKEN_BEAT);
            if due {
                *last = Some(Instant::now());
            }
            due
        };
        if due && act::name_in_path("token", &session.token).is_ok() {
            let path = Zeroizing::new(format!("api/v1/system/token/{}/heartbeat", session.token.as_str()));
            // A token that is over shows with the next request.
            let _ = self.once(session, &Ask::beat(&path)).await;
        }
    }

    async fn step(&self, step: &str) -> Result<Option<String>, Fault> {
        let step = Step::read(step).ok_or_else(|| bad_plan(step))?;
        let ask =
            Ask { method: step.method, path: &step.path, params: Some(&step.params), intent: Intent::Act };
        self.ask(&ask).await.map(|_| None)
    }

    /// Waits until a terminal that was hung up is off, for a call before that is refused.
    async fn off(&self, conference: &ConferenceRef, participant: &ParticipantRef) -> Result<(), Fault> {
        for _ in 0..OFF_LOOKS {
            if let Ok((sites, _)) = self.sites(conference).await
                && !sites.iter().any(|site| site.participant == *participant && act::is_up(site))
            {
                return Ok(());
            }
            tokio::time::sleep(OFF_PAUSE).await;
        }
        Err(Fault::Busy("the terminal does not hang up".to_owned()))
    }

    async fn sites(&self, conference: &ConferenceRef) -> Result<(Vec<SiteSeen>, bool), Fault> {
        let path = format!("api/v1/vc/confs/{}/mts", in_path(conference.as_str())?);
        reply::roster(&self.ask(&Ask::get(&path)).await?.value)
    }

    async fn publish(&self, session: &Session, frame: &Value) -> Result<Vec<Message>, Fault> {
        let request = self.within(session, self.line.request(Method::POST, "api/v1/publish")?);
        let request = request.header("Content-Type", "application/json").body(frame.to_string());
        let reply = self.line.send(request.timeout(POLL_REPLY), Intent::Read).await?.success()?;
        bayeux::read(&reply.body)
    }

    /// Shakes hands and subscribes to everything about conferences. Gives the name that the server knows us by.
    async fn subscribe(&self, session: &Session) -> Result<String, Fault> {
        let greeted = self.publish(session, &bayeux::handshake()).await?;
        let greeted = agreed(&greeted, "/meta/handshake")?;
        let client = fields::required(greeted.client.clone(), "clientId")?;
        let domain = fields::required(greeted.domain.clone(), "user_domain_moid")?;
        let answer = self.publish(session, &bayeux::subscribe(&client, &domain)).await?;
        agreed(&answer, "/meta/subscribe")?;
        Ok(client)
    }

    async fn follow(&self, pushed: &mpsc::Sender<Pushed>) -> Result<(), Fault> {
        let mut handshakes = 0;
        while handshakes < HANDSHAKES_MAX {
            let session = self.session().await?;
            let client = match self.subscribe(&session).await {
                Err(fault @ Fault::Auth(_)) => {
                    self.sessions.forget(&session).await;
                    return Err(fault);
                }
                other => other?,
            };
            // What came between two handshakes is lost.
            let first = if handshakes == 0 { Pushed::Alive } else { Pushed::Gap };
            handshakes += 1;
            if pushed.send(first).await.is_err()
                || self.poll(&session, &client, pushed, &mut handshakes).await?
            {
                return Ok(());
            }
        }
        Err(Fault::Shape("asks for a handshake again and again".to_owned()))
    }

    /// Waits for messages until the server no longer knows us (`false`) or nobody listens any more (`true`).
    async fn poll(
        &self,
        session: &Session,
        client: &str,
        pushed: &mpsc::Sender<Pushed>,
        handshakes: &mut u32,
    ) -> Result<bool, Fault> {
        loop {
            let messages = match self.publish(session, &bayeux::connect(client, POLL)).await {
                Err(Fault::OverBudget) => {
                    tokio::time::sleep(Duration::from_secs(2)).await;
                    continue;
                }
                other => other?,
            };
            if messages.iter().any(|message| message.start_anew) {
                return Ok(false);
            }
            agreed(&messages, "/meta/connect")?;
            *handshakes = 1;
            for hint in hints(&messages) {
                if pushed.send(hint).await.is_err() {
                    return Ok(true);
                }
            }
        }
    }
}

fn in_path(text: &str) -> Result<&str, Fault> {
    match act::name_in_path("reference", text) {
        Ok(()) => Ok(text),
        Err(_) => Err(Fault::Shape("a reference that cannot stand in a path".to_owned())),
    }
}

fn bad_plan(step: &str) -> Fault {
    Fault::Said { code: "bad_plan".to_owned(), words: step.chars().take(80).collect() }
}

/// The answer to what was asked on a meta channel, if it succeeded.
fn agreed<'a>(messages: &'a [Message], channel: &str) -> Result<&'a Message, Fault> {
    let found = messages.iter().find(|message| message.channel == channel);
    let found = found.ok_or_else(|| Fault::Shape(format!("no answer on {channel}")))?;
    if found.successful == Some(true) && !found.stay_away {
        return Ok(found);
    }
    let words = found.error.clone().unwrap_or_default();
    let forbidden = words.starts_with("401") || words.starts_with("403");
    let said = Fault::Said { code: channel.to_owned(), words };
    Err(if forbidden { Fault::Auth(super::fault::AuthWhy::Expired) } else { said })
}

/// What is to be read anew. The same conference named twice in one answer is named once.
fn hints(messages: &[Message]) -> Vec<Pushed> {
    let mut named: Vec<ConferenceRef> = Vec::new();
    for conference in messages.iter().filter_map(|message| bayeux::conference(&message.channel)) {
        if !named.contains(&conference) {
            named.push(conference);
        }
    }
    let changed = named.into_iter().map(|conference| Pushed::Changed(Some(conference)));
    std::iter::once(Pushed::Alive).chain(changed).collect()
}

#[async_trait]
impl Bridge for Kedacom {
    fn interface(&self) -> Interface {
        Interface::Kedacom
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            tells: [
                Tells::Capacity,
                Tells::Roster,
                Tells::Expected,
                Tells::Bitrate,
                Tells::Resolution,
                Tells::Events,
            ]
            .into(),
            does: [Does::Dial, Does::Redial, Does::Disconnect, Does::Mute, Does::Layout, Does::Broadcast]
                .into(),
            requests_per_minute: None,
            tried_on_a_real_device: false,
        }
    }

    async fn health(&self) -> Result<NodeHealth, Fault> {
        let session = self.session().await?;
        self.beat_token(&session).await;
        let beat = self.ask(&Ask::beat("api/v1/system/heartbeat")).await?;
        Ok(NodeHealth {
            service: Service::Up,
            load_pct: Given::Absent(Absent::NotProvided),
            uptime: Given::Absent(Absent::NotProvided),
            version: session.version.clone(),
            boot: None,
            clock_skew_ms: beat.skew_ms,
            nodes: Vec::new(),
        })
    }

    async fn capacity(&self) -> Result<Vec<Capacity>, Fault> {
        reply::resources(&self.ask(&Ask::get("api/v1/mc/resources")).await?.value)
    }

    /// The open interface has no alarms.
    async fn alarms(&self) -> Result<Vec<DeviceAlarm>, Fault> {
        Err(Fault::NotSupported)
    }

    async fn conferences(&self) -> Result<Vec<ConferenceSeen>, Fault> {
        let mut all = Vec::new();
        let mut start = 0;
        while start < ROSTER_MAX {
            let path = format!("api/v1/vc/confs?start={start}&count={PAGE}");
            let page = reply::page(&self.ask(&Ask::get(&path)).await?.value)?;
            let at = now();
            all.extend(page.conferences.into_iter().map(|(conference, name)| listed(conference, name, at)));
            start += page.entries;
            // A page may be shorter than it was asked to be, so only an empty one or the whole number ends the list.
            if page.entries == 0 || page.total.is_none_or(|total| start >= total) {
                break;
            }
        }
        Ok(all)
    }

    async fn roster(&self, conference: &ConferenceRef) -> Result<ConferenceSeen, Fault> {
        let path = format!("api/v1/vc/confs/{}", in_path(conference.as_str())?);
        let name = reply::name(&self.ask(&Ask::get(&path)).await?.value);
        let (sites, complete) = self.sites(conference).await?;
        let mut seen = listed(conference.clone(), name.unwrap_or_else(|| conference.to_string()), now());
        seen.present = sites.iter().filter(|site| act::is_up(site)).cloned().collect();
        seen.expected = Some(sites);
        seen.complete = complete;
        Ok(seen)
    }

    async fn streams(&self, conference: &ConferenceRef, site: &SiteSeen) -> Result<Vec<StreamSample>, Fault> {
        let (conference, terminal) = (in_path(conference.as_str())?, in_path(site.participant.as_str())?);
        let path = format!("api/v1/vc/confs/{conference}/mts/{terminal}");
        reply::streams(&self.ask(&Ask::get(&path)).await?.value)
    }

    async fn listen(&self, pushed: mpsc::Sender<Pushed>, stop: CancellationToken) -> Result<(), Fault> {
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            ended = self.follow(&pushed) => ended,
        }
    }

    fn plan(&self, action: &Action, seen: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
        plan::plan(action, seen)
    }

    async fn execute(&self, plan: &Plan, _: &ActionKey) -> ActionOutcome {
        if let Err(fault) = self.session().await {
            return act::refused(&fault);
        }
        let mut run = Run::new(&plan.steps);
        for step in &plan.steps {
            if let (Action::Redial { conference, participant }, true) = (&plan.action, run.is_under_way())
                && let Err(fault) = self.off(conference, participant).await
            {
                return run.failed(&fault);
            }
            match self.step(step).await {
                Ok(handle) => run.took(handle),
                Err(fault) => return run.failed(&fault),
            }
        }
        run.ended()
    }

    /// The platform knows no key of ours: only the state can be looked at. A state that is not yet the wanted one
    /// proves nothing where calls are carried out later.
    async fn look(&self, plan: &Plan, _: &ActionKey) -> Result<Looked, Fault> {
        let Some(conference) = plan.action.conference() else { return Ok(Looked::CannotTell) };
        let (sites, complete) = self.sites(conference).await?;
        Ok(looked(&plan.action, &sites, complete))
    }
}

fn looked(action: &Action, sites: &[SiteSeen], complete: bool) -> Looked {
    let of = |participant: &ParticipantRef| sites.iter().find(|site| site.participant == *participant);
    let happened = |yes: bool| if yes { Looked::Happened } else { Looked::CannotTell };
    match action {
        Action::Dial { address, .. } => {
            happened(sites.iter().any(|site| site.address.as_deref() == Some(address) && act::is_up(site)))
        }
        Action::Disconnect { participant, .. } => {
            happened(of(participant).map_or(complete, |site| matches!(site.presence, Presence::Left { .. })))
        }
        Action::Mute { participant: Some(participant), way: Way::FromSite, on, .. } => {
            match of(participant).and_then(|site| site.muted) {
                Some(muted) if muted == *on => Looked::Happened,
                Some(_) => Looked::DidNot,
                None => Looked::CannotTell,
            }
        }
        // One that is there may never have been hung up.
        Action::Redial { .. }
        | Action::Mute { .. }
        | Action::Layout { .. }
        | Action::Broadcast { .. }
        | Action::KeyFrame { .. }
        | Action::MoveParticipant { .. }
        | Action::MigrateConference { .. }
        | Action::Drain { .. } => Looked::CannotTell,
    }
}

fn listed(conference: ConferenceRef, name: String, at: Utc) -> ConferenceSeen {
    ConferenceSeen { conference, name, expected: None, present: Vec::new(), complete: false, at }
}

fn now() -> Utc {
    Utc::from_timestamp(jiff::Timestamp::now())
}

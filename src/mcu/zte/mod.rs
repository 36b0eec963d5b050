//! ZTE 中兴 M900 and T series by their SOAP service.
//!
//! Of media it tells only what was agreed on, so flow is unknown and loss, jitter, round trip, size and frame rate are
//! not provided. It pushes nothing that would spare a read, and its counts are of conferences held, not of room, so
//! neither is read. Not yet tried on a real platform; what is assumed where public code is silent is marked.

pub mod plan;
pub mod reply;
pub mod soap;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use md5::{Digest as _, Md5};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::act::{self, Run};
use super::fault::{AuthWhy, Fault};
use super::http::{HttpLine, Intent};
use super::session::Sessions;
use super::trust::Login;
use super::xml::Element;
use super::{Abilities, Bridge, Pushed, Tells};
use crate::domain::mcu::{ConferenceRef, Interface, ParticipantRef};
use crate::domain::time::Utc;
use crate::observation::action::{Action, ActionKey, ActionOutcome, Does, Looked, Plan, Refused};
use crate::observation::device::{
    Absent, Capacity, ConferenceSeen, DeviceAlarm, Given, NodeHealth, ROSTER_MAX, SiteSeen, StreamSample, Way,
};
use plan::Step;

/// Where the service is.
const SERVICE: &str = "services/MultimediaConference";
/// Terminals on one page.
const PAGE: usize = 100;
/// How long a no that a new login did not change is taken for the platform's last word.
const STUBBORN: Duration = Duration::from_secs(60);
/// Pause between two looks at a terminal that is hanging up, and how many there are.
const OFF_PAUSE: Duration = Duration::from_millis(500);
const OFF_LOOKS: u32 = 10;

/// A ZTE platform.
#[derive(Debug)]
pub struct Zte {
    line: HttpLine,
    login: Login,
    sessions: Sessions<Token>,
    /// When a no was met last that a new login did not change.
    stubborn: Mutex<Option<Instant>>,
}

/// What a login gives; each call carries it.
struct Token(Zeroizing<String>);

/// What an answer returns, and the platform's clock minus ours.
struct Answer {
    value: Element,
    skew_ms: Given<f64>,
}

impl Zte {
    /// A platform at the line's address.
    pub fn new(line: HttpLine, login: Login) -> Self {
        Self { line, login, sessions: Sessions::default(), stubborn: Mutex::new(None) }
    }

    async fn session(&self) -> Result<Arc<Token>, Fault> {
        self.sessions.held(self.log_in()).await
    }

    /// The password travels as its MD5; the token is the MD5 of the password with the key that the platform gives.
    async fn log_in(&self) -> Result<Token, Fault> {
        let fields = json!({"password": hashed(&[&self.login.secret]), "userName": self.login.user});
        let answer = self.send("emeetinglogin", &fields, None, Intent::Read).await;
        let answer = answer.map_err(|fault| match fault {
            Fault::Said { .. } | Fault::Auth(_) => Fault::Auth(AuthWhy::Wrong),
            other @ (Fault::Unreachable(_)
            | Fault::OwnSide(_)
            | Fault::Tls(_)
            | Fault::RateLimited { .. }
            | Fault::Busy(_)
            | Fault::Shape(_)
            | Fault::Timeout { .. }
            | Fault::NotSupported
            | Fault::OverBudget
            | Fault::NotItsTurn
            | Fault::Ours(_)
            | Fault::NoCredential
            | Fault::Account(_)) => other,
        })?;
        let key = reply::random_key(&answer.value)?;
        Ok(Token(Zeroizing::new(hashed(&[&self.login.secret, &key]))))
    }

    async fn send(
        &self,
        operation: &str,
        fields: &Value,
        token: Option<&Token>,
        intent: Intent,
    ) -> Result<Answer, Fault> {
        let body = soap::call(operation, fields, token.map(|token| token.0.as_str()));
        let request = self.line.request(Method::POST, SERVICE)?;
        let request = request.header("Content-Type", "text/xml; charset=utf-8").header("SOAPAction", "\"\"");
        let reply = self.line.send(request.body(body), intent).await?;
        // A SOAP fault travels with status 500.
        let reply = if reply.status == 500 { reply } else { reply.success()? };
        Ok(Answer { value: soap::returned(&reply.body)?, skew_ms: reply.clock_skew_ms(now()) })
    }

    /// Reads. Public code does not tell with which code a token that is over is refused, so any no is met with one new
    /// login, until a new login did not help.
    async fn read(&self, operation: &str, fields: &Value) -> Result<Answer, Fault> {
        let session = self.session().await?;
        let answer = self.send(operation, fields, Some(&session), Intent::Read).await;
        if !self.may_be_forgotten(&answer) {
            return answer;
        }
        self.sessions.forget(&session).await;
        let session = self.session().await?;
        let answer = self.send(operation, fields, Some(&session), Intent::Read).await;
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

    /// Acts. A no means that nothing happened; where it came only because the token was over, which a read shows, the
    /// same is asked once more with the new one.
    async fn act(&self, step: &Step) -> Result<(), Fault> {
        let session = self.session().await?;
        let told = self.send(&step.operation, &step.fields, Some(&session), Intent::Act).await;
        let Err(fault @ (Fault::Said { .. } | Fault::Auth(_))) = told else { return told.map(drop) };
        if self.ready().await.is_err() {
            return Err(fault);
        }
        let now = self.session().await?;
        if Arc::ptr_eq(&session, &now) {
            return Err(fault);
        }
        self.send(&step.operation, &step.fields, Some(&now), Intent::Act).await.map(drop)
    }

    async fn ready(&self) -> Result<Answer, Fault> {
        self.read("queryMcuIsReady", &json!({})).await
    }

    /// Every terminal of a conference, page by page, and whether all were read: pages are no snapshot.
    async fn sites(&self, conference: &ConferenceRef) -> Result<(Vec<SiteSeen>, bool), Fault> {
        let mut all: Vec<SiteSeen> = Vec::new();
        for number in 1..=ROSTER_MAX / PAGE {
            let fields = json!({"confIdOpt": 0, "confIdentifier": conference.as_str(), "numPerPage": PAGE,
                "page": number, "terIdOpt": 0, "terIdentifier": []});
            let page = reply::page(&self.read("getParticipantStatusV4", &fields).await?.value)?;
            let ended = page.sites.len() < PAGE;
            let new = |site: &SiteSeen| !all.iter().any(|known| known.participant == site.participant);
            let fresh: Vec<SiteSeen> = page.sites.into_iter().filter(new).collect();
            all.extend(fresh);
            let whole = page.total.is_none_or(|total| total == all.len());
            if ended || page.total.is_some_and(|total| all.len() >= total) {
                return Ok((all, whole));
            }
        }
        Ok((all, false))
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
}

/// MD5 in small hexadecimal digits, as the platform wants it.
fn hashed(parts: &[&str]) -> String {
    let mut digest = Md5::new();
    parts.iter().for_each(|part| digest.update(part.as_bytes()));
    hex::encode(digest.finalize())
}

#[async_trait]
impl Bridge for Zte {
    fn interface(&self) -> Interface {
        Interface::Zte
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            tells: [Tells::Roster, Tells::Expected, Tells::Bitrate].into(),
            does: [
                Does::Dial,
                Does::Redial,
                Does::Disconnect,
                Does::Mute,
                Does::Layout,
                Does::Broadcast,
                Does::MoveParticipant,
            ]
            .into(),
            requests_per_minute: None,
            tried_on_a_real_device: false,
        }
    }

    async fn health(&self) -> Result<NodeHealth, Fault> {
        let answer = self.ready().await?;
        Ok(NodeHealth {
            service: reply::service(&answer.value)?,
            load_pct: Given::Absent(Absent::NotProvided),
            uptime: Given::Absent(Absent::NotProvided),
            version: None,
            boot: None,
            clock_skew_ms: answer.skew_ms,
            nodes: Vec::new(),
        })
    }

    /// The service counts conferences, not ports.
    async fn capacity(&self) -> Result<Vec<Capacity>, Fault> {
        Err(Fault::NotSupported)
    }

    /// The service has none.
    async fn alarms(&self) -> Result<Vec<DeviceAlarm>, Fault> {
        Err(Fault::NotSupported)
    }

    async fn conferences(&self) -> Result<Vec<ConferenceSeen>, Fault> {
        let answer = self.read("getConferenceInfoList", &json!({"account": self.login.user})).await?;
        let (all, at) = (reply::conferences(&answer.value)?, now());
        Ok(all.into_iter().map(|(conference, name)| listed(conference, name, at)).collect())
    }

    async fn roster(&self, conference: &ConferenceRef) -> Result<ConferenceSeen, Fault> {
        let (sites, complete) = self.sites(conference).await?;
        let mut seen = listed(conference.clone(), conference.to_string(), now());
        seen.present = sites.iter().filter(|site| act::is_up(site)).cloned().collect();
        seen.expected = Some(sites);
        seen.complete = complete;
        Ok(seen)
    }

    async fn streams(&self, conference: &ConferenceRef, site: &SiteSeen) -> Result<Vec<StreamSample>, Fault> {
        let fields = json!({"conferenceIdentifier": conference.as_str(),
            "terminalIdentifier": [site.participant.as_str()]});
        reply::streams(&self.read("getParticipantStatus", &fields).await?.value, &site.participant)
    }

    /// `NotifyParticipant` tells only of cameras, hands and microphones.
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
            if let (Action::Redial { conference, participant }, true) = (&plan.action, run.is_under_way())
                && let Err(fault) = self.off(conference, participant).await
            {
                return run.failed(&fault);
            }
            match self.act(&step).await {
                Ok(()) => run.took(None),
                Err(fault) => return run.failed(&fault),
            }
        }
        run.ended()
    }

    /// The service knows no key of ours: only the state can be looked at.
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
            happened(of(participant).map_or(complete, |site| !act::is_up(site)))
        }
        Action::MoveParticipant { participant, .. } => happened(complete && of(participant).is_none()),
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

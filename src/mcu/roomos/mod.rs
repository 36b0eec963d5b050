//! Cisco RoomOS and CE endpoints by their XML interface (`getxml`, `putxml`, `HttpFeedback`).
//!
//! An endpoint knows its own calls: each is shown as a conference of one site, and that site is the endpoint. It is the
//! eye where an MCU tells nothing of media, and a way to call from the far side. Each request carries name and secret
//! (HTTP Basic). Checked against a recorded status; not yet tried on a real endpoint in a call.

mod feedback;
pub mod plan;
pub mod reply;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use reqwest::Method;
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use super::act::{self, Run};
use super::fault::Fault;
use super::http::{HttpLine, Intent, Reply};
use super::session::Sessions;
use super::trust::Login;
use super::xml::{Element, escaped};
use super::{Abilities, Bridge, Pushed, Tells};
use crate::domain::mcu::{ConferenceRef, Interface, ParticipantRef};
use crate::domain::time::Utc;
use crate::observation::action::{Action, ActionKey, ActionOutcome, Does, Looked, Plan, Refused};
use crate::observation::device::{
    Absent, Capacity, ConferenceSeen, DeviceAlarm, Given, NodeHealth, Presence, SiteSeen, StreamSample,
};
use feedback::Inbox;
use reply::{Call, Still, Unit};

/// How often the registration of feedback is looked at: an endpoint forgets it when it restarts.
const BEAT: Duration = Duration::from_secs(10);
/// The endpoint's slot for feedback that we take; it has four, and control panels take the first.
const SLOT: u8 = 3;
/// What is to be posted. Channels of media are not among it: their counters change all the time.
const EXPRESSIONS: [&str; 3] = ["/Status/Call", "/Status/Audio/Microphones/Mute", "/Status/Diagnostics"];
/// Pause between two looks at a call that is hanging up, and how many there are.
const OFF_PAUSE: Duration = Duration::from_millis(500);
const OFF_LOOKS: u32 = 10;

/// A RoomOS endpoint.
#[derive(Debug)]
pub struct Roomos {
    line: HttpLine,
    login: Login,
    /// There is no session: what is held is that the secret was taken, and who the endpoint is.
    sessions: Sessions<Unit>,
    inbox: Inbox,
    feedback: Option<url::Url>,
}

impl Roomos {
    /// An endpoint at the line's address, which is only asked.
    pub fn new(line: HttpLine, login: Login) -> Self {
        Self { line, login, sessions: Sessions::default(), inbox: Inbox::new(), feedback: None }
    }

    /// The endpoint is told to post its events to `base`, where [`Self::router`] is mounted. It ends with a slash.
    #[must_use]
    pub fn with_feedback(self, base: url::Url) -> Self {
        Self { feedback: Some(base), ..self }
    }

    /// Takes the endpoint's events, to be mounted where the endpoint can reach it. The address that the endpoint is
    /// told carries a key; whoever does not know it is answered 404.
    pub fn router(&self) -> Router {
        self.inbox.router()
    }

    async fn send(&self, request: reqwest::RequestBuilder, intent: Intent) -> Result<Reply, Fault> {
        let request = request.basic_auth(&self.login.user, Some(self.login.secret.as_str()));
        self.line.send(request, intent).await?.success()
    }

    async fn get(&self, path: &str) -> Result<Reply, Fault> {
        self.send(self.line.request(Method::GET, path)?, Intent::Read).await
    }

    async fn put(&self, command: &str, intent: Intent) -> Result<Option<String>, Fault> {
        let request = self.line.request(Method::POST, "putxml")?;
        let request = request.header("Content-Type", "text/xml").body(command.to_owned());
        reply::commanded(&self.send(request, intent).await?.body)
    }

    /// Who the endpoint is. A secret that is refused is not tried with each read, for accounts are locked.
    async fn unit(&self) -> Result<Arc<Unit>, Fault> {
        self.sessions.held(async { reply::unit(&self.part("/Status/SystemUnit").await?.0) }).await
    }

    /// A part of the status, and the endpoint's clock minus ours.
    async fn part(&self, location: &str) -> Result<(Element, Given<f64>), Fault> {
        let reply = self.get(&format!("getxml?location={location}")).await?;
        Ok((reply::status(&reply.body)?, reply.clock_skew_ms(now())))
    }

    /// A part of the status, once the secret was taken. One that is refused later makes us start anew.
    async fn read(&self, location: &str) -> Result<Element, Fault> {
        let unit = self.unit().await?;
        let answer = self.part(location).await;
        if matches!(answer, Err(Fault::Auth(_))) {
            self.sessions.forget(&unit).await;
        }
        answer.map(|(status, _)| status)
    }

    async fn calls(&self) -> Result<Vec<Call>, Fault> {
        reply::calls(&self.read("/Status/Call").await?)
    }

    async fn muted(&self) -> Result<Option<bool>, Fault> {
        Ok(reply::muted(&self.read("/Status/Audio/Microphones").await?))
    }

    /// Waits until a call that was hung up is gone, for an endpoint may have room for one.
    async fn off(&self, call: &ParticipantRef) -> Result<(), Fault> {
        for _ in 0..OFF_LOOKS {
            if let Ok(calls) = self.calls().await
                && !calls.iter().any(|found| found.id == call.as_str())
            {
                return Ok(());
            }
            tokio::time::sleep(OFF_PAUSE).await;
        }
        Err(Fault::Busy("the call does not end".to_owned()))
    }

    async fn is_registered(&self, address: &str) -> Result<bool, Fault> {
        Ok(reply::feedback_goes_to(&self.read("/Status/HttpFeedback").await?, address))
    }

    async fn register(&self, address: &str) -> Result<(), Fault> {
        let expressions = EXPRESSIONS.iter().enumerate();
        let expressions: String = expressions
            .map(|(n, text)| format!("<Expression item=\"{}\">{text}</Expression>", n + 1))
            .collect();
        let command = format!(
            "<Command><HttpFeedback><Register><FeedbackSlot>{SLOT}</FeedbackSlot>\
             <ServerUrl>{}</ServerUrl>{expressions}</Register></HttpFeedback></Command>",
            escaped(address)
        );
        self.put(&command, Intent::Read).await.map(drop)
    }

    /// Keeps the registration and hands on what is posted. What came while the endpoint did not know us is missing.
    async fn follow(&self, address: &str, pushed: &mpsc::Sender<Pushed>) -> Result<(), Fault> {
        let mut hints = self.inbox.hints();
        self.register(address).await?;
        let mut said = Pushed::Alive;
        let mut beat = tokio::time::interval_at(tokio::time::Instant::now() + BEAT, BEAT);
        loop {
            if pushed.send(said).await.is_err() {
                return Ok(());
            }
            said = tokio::select! {
                hint = hints.recv() => match hint {
                    Ok(hint) => hint,
                    Err(broadcast::error::RecvError::Lagged(_)) => Pushed::Gap,
                    Err(broadcast::error::RecvError::Closed) => return Ok(()),
                },
                _ = beat.tick() => self.beat(address).await?,
            };
        }
    }

    async fn beat(&self, address: &str) -> Result<Pushed, Fault> {
        if self.is_registered(address).await? {
            return Ok(Pushed::Alive);
        }
        self.register(address).await?;
        Ok(Pushed::Gap)
    }
}

fn listed(call: &Call, unit: &Unit, muted: Option<bool>) -> ConferenceSeen {
    let site = SiteSeen {
        participant: ParticipantRef::new(&call.id),
        name: unit.name.clone(),
        address: call.remote.clone(),
        presence: call.presence.clone(),
        muted,
        redialled_by_platform: false,
        cascade: false,
        probe: false,
        streams: Vec::new(),
    };
    let left = matches!(call.presence, Presence::Left { .. });
    ConferenceSeen {
        conference: ConferenceRef::new(&call.id),
        name: call.name.clone(),
        expected: None,
        present: if left { Vec::new() } else { vec![site] },
        complete: true,
        at: now(),
    }
}

#[async_trait]
impl Bridge for Roomos {
    fn interface(&self) -> Interface {
        Interface::Roomos
    }

    fn abilities(&self) -> Abilities {
        let mut tells = vec![
            Tells::Alarms,
            Tells::Roster,
            Tells::Bitrate,
            Tells::Loss,
            Tells::Jitter,
            Tells::Resolution,
            Tells::FrameRate,
        ];
        tells.extend(self.feedback.is_some().then_some(Tells::Events));
        Abilities {
            tells: tells.into_iter().collect(),
            does: [Does::Dial, Does::Redial, Does::Disconnect, Does::Mute].into(),
            requests_per_minute: None,
            tried_on_a_real_device: false,
        }
    }

    async fn health(&self) -> Result<NodeHealth, Fault> {
        let held = self.unit().await?;
        let answer = self.part("/Status/SystemUnit").await;
        if matches!(answer, Err(Fault::Auth(_))) {
            self.sessions.forget(&held).await;
        }
        let (status, clock_skew_ms) = answer?;
        let unit = reply::unit(&status)?;
        Ok(NodeHealth {
            service: unit.service,
            load_pct: Given::Absent(Absent::NotProvided),
            uptime: unit.uptime,
            version: unit.version,
            boot: unit.boot,
            clock_skew_ms,
            nodes: Vec::new(),
        })
    }

    /// An endpoint has room for its own calls.
    async fn capacity(&self) -> Result<Vec<Capacity>, Fault> {
        Err(Fault::NotSupported)
    }

    async fn alarms(&self) -> Result<Vec<DeviceAlarm>, Fault> {
        Ok(reply::alarms(&self.read("/Status/Diagnostics").await?))
    }

    async fn readings(&self) -> Result<BTreeMap<String, Given<f64>>, Fault> {
        self.unit().await?;
        Ok(reply::readings(&reply::status(&self.get("status.xml").await?.body)?))
    }

    async fn conferences(&self) -> Result<Vec<ConferenceSeen>, Fault> {
        let (calls, unit) = (self.calls().await?, self.unit().await?);
        Ok(calls.iter().map(|call| listed(call, &unit, None)).collect())
    }

    async fn roster(&self, conference: &ConferenceRef) -> Result<ConferenceSeen, Fault> {
        let calls = self.calls().await?;
        let call = calls.iter().find(|call| call.id == conference.as_str());
        let gone = || Fault::Said { code: "no_such_call".to_owned(), words: conference.to_string() };
        let (call, muted) = (call.ok_or_else(gone)?, self.muted().await?);
        Ok(listed(call, &*self.unit().await?, muted))
    }

    async fn streams(&self, conference: &ConferenceRef, site: &SiteSeen) -> Result<Vec<StreamSample>, Fault> {
        let still = Still { on_hold: site.presence == Presence::OnHold, muted: site.muted == Some(true) };
        reply::streams(&self.read("/Status/MediaChannels").await?, conference.as_str(), still)
    }

    async fn listen(&self, pushed: mpsc::Sender<Pushed>, stop: CancellationToken) -> Result<(), Fault> {
        let Some(base) = &self.feedback else { return Err(Fault::NotSupported) };
        let address = base.join(&self.inbox.path()).map_err(|error| Fault::Shape(error.to_string()))?;
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            ended = self.follow(address.as_str(), &pushed) => ended,
        }
    }

    fn plan(&self, action: &Action, seen: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
        plan::plan(action, seen)
    }

    async fn execute(&self, plan: &Plan, _: &ActionKey) -> ActionOutcome {
        if let Err(fault) = self.unit().await {
            return act::refused(&fault);
        }
        let mut run = Run::new(&plan.steps);
        for step in &plan.steps {
            if !plan::is_step(step) {
                return run.failed(&Fault::Said { code: "bad_plan".to_owned(), words: String::new() });
            }
            if let (Action::Redial { participant, .. }, true) = (&plan.action, run.is_under_way())
                && let Err(fault) = self.off(participant).await
            {
                return run.failed(&fault);
            }
            match self.put(step, Intent::Act).await {
                Ok(handle) => run.took(handle),
                Err(fault) => return run.failed(&fault),
            }
        }
        run.ended()
    }

    /// An endpoint knows no key of ours: its calls are looked at. A call that is not there may have ended already, and a
    /// number is never given twice, so one that is still there was not hung up.
    async fn look(&self, plan: &Plan, _: &ActionKey) -> Result<Looked, Fault> {
        let up =
            |call: &Call| matches!(call.presence, Presence::Calling | Presence::Connected | Presence::OnHold);
        Ok(match &plan.action {
            Action::Dial { address, .. } => {
                let calls = self.calls().await?;
                let found = calls
                    .iter()
                    .any(|call| up(call) && call.remote.as_deref().is_some_and(|far| same(far, address)));
                if found { Looked::Happened } else { Looked::CannotTell }
            }
            Action::Disconnect { participant, .. } => {
                let calls = self.calls().await?;
                let there = calls.iter().any(|call| up(call) && call.id == participant.as_str());
                if there { Looked::DidNot } else { Looked::Happened }
            }
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

/// Whether two addresses are one, with or without their scheme.
fn same(one: &str, other: &str) -> bool {
    let bare = |text: &str| {
        let lower = text.to_ascii_lowercase();
        ["sip:", "sips:", "h323:"]
            .into_iter()
            .find_map(|scheme| lower.strip_prefix(scheme))
            .unwrap_or(&lower)
            .to_owned()
    };
    bare(one) == bare(other)
}

fn now() -> Utc {
    Utc::from_timestamp(jiff::Timestamp::now())
}

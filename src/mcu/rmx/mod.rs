//! Poly RMX and RealPresence Collaboration Server by their XML interface over HTTP.
//!
//! One login serves all; it is kept alive by being asked, and made anew when the RMX has forgotten it. A conference
//! is asked for with the token of what is known of it, so that a quiet one costs little; parties are read in turn,
//! and whose turn it is not is told so.
//!
//! Sources: requests and replies of an RMX 1800 with version 8.6.7 as public programs have them. Never tried on a
//! device by us.

mod listen;
pub mod media;
mod plan;
pub mod reply;
pub mod request;
mod turns;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::act::{self, Run};
use super::fault::{AuthWhy, Fault};
use super::http::{HttpLine, Intent};
use super::session::Sessions;
use super::trust::Login;
use super::{Abilities, Bridge, Pushed, Tells};
use crate::domain::mcu::{ConferenceRef, Interface};
use crate::domain::time::Utc;
use crate::observation::action::{Action, ActionKey, ActionOutcome, Looked, Plan, Refused};
use crate::observation::device::{
    Capacity, ConferenceSeen, DeviceAlarm, NodeHealth, Presence, SiteSeen, StreamSample,
};
use reply::{Answer, Muted};
use request::{Request, Tokens};
use turns::Turns;

/// However often the RMX says that nothing changed, a conference is read whole after this long.
const WHOLE: Duration = Duration::from_secs(60);
/// How often, and how many times, we look whether a party has been hung up before it is called again.
const HANGING_UP: (Duration, u32) = (Duration::from_millis(500), 12);
/// Most conferences of which the last roster is kept.
const KEPT_MAX: usize = 64;

/// One RMX.
pub struct Rmx {
    line: HttpLine,
    login: Login,
    sessions: Sessions<Session>,
    message: AtomicU32,
    turns: Mutex<Turns>,
}

impl fmt::Debug for Rmx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rmx").field("base", &self.line.base().as_str()).finish_non_exhaustive()
    }
}

/// What belongs to one login: its tokens, and what is known by the numbering that it began with.
struct Session {
    tokens: Tokens,
    version: Option<String>,
    kept: Mutex<BTreeMap<ConferenceRef, Kept>>,
}

#[derive(Debug, Clone)]
struct Kept {
    conference: reply::Conference,
    read: Instant,
}

impl Rmx {
    /// An RMX at the end of a line. The base is the address to which everything is posted.
    pub fn new(line: HttpLine, login: Login) -> Self {
        let turns = Mutex::new(Turns::new(Instant::now()));
        Self { line, login, sessions: Sessions::default(), message: AtomicU32::new(1), turns }
    }

    /// Asks, with the one login that all share.
    ///
    /// Which number of status says "I do not know you" is not documented. So after a no the state is asked for, which
    /// every login may see: if that is refused too, the login is dead and is made anew, and what was refused, and so
    /// did not happen, is sent once more.
    async fn ask(&self, request: &Request, intent: Intent) -> Result<Answer, Fault> {
        let session = self.session().await?;
        let refused = match self.send(&session, request, intent).await {
            Err(fault @ (Fault::Said { .. } | Fault::Auth(_))) => fault,
            other @ (Ok(_) | Err(_)) => return other,
        };
        if !self.is_dead(&session).await {
            return Err(refused);
        }
        self.sessions.forget(&session).await;
        let session = self.session().await?;
        self.send(&session, request, intent).await
    }

    async fn is_dead(&self, session: &Session) -> bool {
        let state = self.send(session, &Request::state(), Intent::Read).await;
        matches!(state, Err(Fault::Said { .. } | Fault::Auth(_)))
    }

    async fn session(&self) -> Result<Arc<Session>, Fault> {
        self.sessions.held(self.log_in()).await
    }

    async fn log_in(&self) -> Result<Session, Fault> {
        let base = self.line.base();
        let port = base.port_or_known_default().unwrap_or(80);
        let document = request::login(base.host_str().unwrap_or_default(), port, &self.login);
        let answer = self.post(document.to_string(), Intent::Read).await.map_err(refused)?;
        let reply::LoggedIn { tokens, version } = reply::login(&answer)?;
        Ok(Session { tokens, version, kept: Mutex::default() })
    }

    async fn send(&self, session: &Session, request: &Request, intent: Intent) -> Result<Answer, Fault> {
        let message = self.message.fetch_add(1, Ordering::Relaxed);
        self.post(request.document(&session.tokens, message).to_string(), intent).await
    }

    async fn post(&self, document: String, intent: Intent) -> Result<Answer, Fault> {
        let request = self.line.request(Method::POST, "")?;
        let request = request.header(CONTENT_TYPE, "text/xml; charset=utf-8").body(document);
        let reply = self.line.send(request, intent).await?;
        if reply.status != 200 {
            return Err(Fault::Shape(format!("HTTP {}", reply.status)));
        }
        reply::open(&reply.body)
    }

    /// A conference, whole, or as it was if the RMX says that nothing changed since.
    async fn conference(&self, conference: &ConferenceRef) -> Result<reply::Conference, Fault> {
        let session = self.session().await?;
        let kept = locked(&session.kept).get(conference).cloned();
        if let Some(kept) = kept.filter(|kept| kept.read.elapsed() < WHOLE) {
            let since = kept.conference.token;
            let now = self.read_conference(conference, since).await?;
            if !now.changed && now.token == since {
                let mut same = kept.conference;
                same.seen.at = now.seen.at;
                return Ok(same);
            }
        }
        let read = self.read_conference(conference, -1).await?;
        let mut known = locked(&session.kept);
        if known.len() >= KEPT_MAX && !known.contains_key(conference) {
            known.pop_first();
        }
        known.insert(conference.clone(), Kept { conference: read.clone(), read: Instant::now() });
        Ok(read)
    }

    async fn read_conference(
        &self,
        conference: &ConferenceRef,
        since: i64,
    ) -> Result<reply::Conference, Fault> {
        let request = Request::conference(conference.as_str(), since);
        reply::conference(&self.ask(&request, Intent::Read).await?, conference, now())
    }

    /// Who is muted, as the roster said last.
    async fn muted(&self, conference: &ConferenceRef, site: &SiteSeen) -> Muted {
        let Ok(session) = self.session().await else { return Muted::default() };
        let kept = locked(&session.kept);
        let muted = kept.get(conference).into_iter().flat_map(|kept| &kept.conference.muted);
        let mut muted = muted.filter(|(party, _)| *party == site.participant);
        muted.next().map(|(_, muted)| *muted).unwrap_or_default()
    }

    /// Waits until the party of an action is hung up, so that it can be called again.
    async fn is_hung_up(&self, action: &Action) -> bool {
        let Action::Redial { conference, participant } = action else { return true };
        for _ in 0..HANGING_UP.1 {
            tokio::time::sleep(HANGING_UP.0).await;
            let seen = self.read_conference(conference, -1).await.map(|read| read.seen);
            if seen.is_ok_and(|seen| seen.present.iter().all(|site| site.participant != *participant)) {
                return true;
            }
        }
        false
    }
}

#[async_trait]
impl Bridge for Rmx {
    fn interface(&self) -> Interface {
        Interface::Rmx
    }

    fn abilities(&self) -> Abilities {
        let tells = [
            Tells::Capacity,
            Tells::Alarms,
            Tells::Roster,
            Tells::Expected,
            Tells::Bitrate,
            Tells::Loss,
            Tells::Jitter,
            Tells::Resolution,
            Tells::FrameRate,
            Tells::Events,
        ];
        Abilities {
            tells: BTreeSet::from(tells),
            does: BTreeSet::from(plan::DOES),
            requests_per_minute: None,
            tried_on_a_real_device: false,
        }
    }

    async fn health(&self) -> Result<NodeHealth, Fault> {
        let answer = self.ask(&Request::state(), Intent::Read).await?;
        let mut health = reply::state(&answer)?.health;
        health.version = self.session().await?.version.clone();
        Ok(health)
    }

    async fn capacity(&self) -> Result<Vec<Capacity>, Fault> {
        reply::resources(&self.ask(&Request::resources(), Intent::Read).await?)
    }

    async fn alarms(&self) -> Result<Vec<DeviceAlarm>, Fault> {
        Ok(reply::state(&self.ask(&Request::state(), Intent::Read).await?)?.alarms)
    }

    async fn conferences(&self) -> Result<Vec<ConferenceSeen>, Fault> {
        Ok(reply::list(&self.ask(&Request::list(-1), Intent::Read).await?, now())?.conferences)
    }

    async fn roster(&self, conference: &ConferenceRef) -> Result<ConferenceSeen, Fault> {
        Ok(self.conference(conference).await?.seen)
    }

    async fn streams(&self, conference: &ConferenceRef, site: &SiteSeen) -> Result<Vec<StreamSample>, Fault> {
        if site.presence != Presence::Connected {
            return Ok(Vec::new());
        }
        if !locked(&self.turns).may_read(conference, &site.participant, Instant::now()) {
            return Err(Fault::NotItsTurn);
        }
        let request = Request::party(conference.as_str(), site.participant.as_str());
        let answer = self.ask(&request, Intent::Read).await?;
        media::streams(&answer, self.muted(conference, site).await)
    }

    async fn listen(&self, pushed: mpsc::Sender<Pushed>, stop: CancellationToken) -> Result<(), Fault> {
        listen::listen(self, pushed, stop).await
    }

    fn plan(&self, action: &Action, seen: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
        plan::plan(action, seen)
    }

    async fn execute(&self, plan: &Plan, _: &ActionKey) -> ActionOutcome {
        if let Err(fault) = self.session().await {
            return act::refused(&fault);
        }
        let mut run = Run::new(&plan.steps);
        for (at, step) in plan.steps.iter().enumerate() {
            let Some(request) = Request::from_step(step) else {
                return run.failed(&Fault::Said { code: "no_such_step".into(), words: String::new() });
            };
            if at > 0 && !self.is_hung_up(&plan.action).await {
                return run.failed(&Fault::Busy("not hung up yet".into()));
            }
            match self.ask(&request, Intent::Act).await {
                Ok(answer) => run.took(added(&answer)),
                Err(fault) => return run.failed(&fault),
            }
        }
        run.ended()
    }

    async fn look(&self, plan: &Plan, _: &ActionKey) -> Result<Looked, Fault> {
        let Some(conference) = plan.action.conference() else { return Ok(Looked::CannotTell) };
        let seen = self.read_conference(conference, -1).await?.seen;
        Ok(plan::looked(&plan.action, &seen))
    }
}

/// What a login that was refused means. The numbers are not documented, so the words decide.
fn refused(fault: Fault) -> Fault {
    let Fault::Said { words, .. } = &fault else { return fault };
    let locked = words.to_lowercase().contains("lock");
    Fault::Auth(if locked { AuthWhy::Locked } else { AuthWhy::Wrong })
}

/// The number of a party that was added, to look for.
fn added(answer: &Answer) -> Option<String> {
    answer.action.text_at(&["ADD_PARTY", "ID"]).map(str::to_owned)
}

fn now() -> Utc {
    Utc::from_timestamp(jiff::Timestamp::now())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

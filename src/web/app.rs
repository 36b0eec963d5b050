//! What every handler shares: the ports, the settings, and the few bounded resources of the web itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::{Mutex, Semaphore, oneshot};

use super::account::{AccountLimits, SETUP, SessionLimits, User};
use super::history::History;
use super::password::Hasher;
use super::ports::{CommandRequest, Ports};
use super::problem::{Code, Problem};
use super::token::{Token, TokenHash};
use super::viewers::Viewers;
use crate::domain::actor::Actor;
use crate::domain::id::UserId;
use crate::domain::time::{Span, Utc};
use crate::engine::effect::Outcome;
use crate::engine::input::Command;
use crate::report::Snapshot;
use crate::report::statistics::ByHand;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::identity::OneTimeToken;

/// Limits and habits of the web.
#[derive(Debug, Clone)]
pub struct WebSettings {
    /// How long a session lives.
    pub session: SessionLimits,
    /// Whether cookies are marked `Secure`: true wherever TLS is on.
    pub tls: bool,
    /// The zone in which printed forms show times.
    pub zone: TimeZone,
    /// Longest a request may take, live connections apart.
    pub request_timeout: Duration,
    /// Largest request body in bytes.
    pub body_bytes_max: usize,
    /// Most live connections at once.
    pub live_clients_max: usize,
    /// Most streams viewed at once with picture and sound, by everybody.
    pub viewers_max: usize,
    /// Most of them by one user.
    pub viewers_each_max: usize,
    /// How long one may be viewed before it is to be asked for again.
    pub view_time: Duration,
    /// How long an agent's invitation is good.
    pub invitation_life: Span,
    /// Age of passwords, proof for what disturbs, life of wallboards.
    pub accounts: AccountLimits,
    /// What testing a venue costs by hand.
    pub by_hand: ByHand,
}

impl Default for WebSettings {
    fn default() -> Self {
        Self {
            session: SessionLimits::default(),
            tls: true,
            zone: TimeZone::get("Asia/Shanghai").unwrap_or(TimeZone::UTC),
            request_timeout: Duration::from_secs(15),
            body_bytes_max: 2 * 1024 * 1024,
            live_clients_max: 64,
            viewers_max: 16,
            viewers_each_max: 4,
            view_time: Duration::from_secs(600),
            invitation_life: Span::minutes(60),
            accounts: AccountLimits::default(),
            by_hand: ByHand::default(),
        }
    }
}

/// The shared part of all handlers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    ports: Ports,
    settings: WebSettings,
    hasher: Hasher,
    /// Whether there is a user; once true it stays so.
    set_up: AtomicBool,
    /// One sign-in at a time reads and writes its lock-out, so that guesses in parallel count one by one.
    sign_in: Mutex<()>,
    /// One-time links that are open. Gone with the process on purpose.
    links: Mutex<BTreeMap<TokenHash, OneTimeLink>>,
    live: Arc<Semaphore>,
    viewers: Viewers,
    history: History,
    /// Counts readers of the live plane, so that each has a name.
    readers: AtomicU64,
}

#[derive(Debug)]
struct OneTimeLink {
    user: UserId,
    expires: Utc,
}

impl App {
    /// How long a set-up token counts.
    const SETUP_TOKEN_LIFE: Span = Span::minutes(24 * 60);
    /// Most one-time links open at once.
    const LINKS_MAX: usize = 64;
    /// How long a command may take.
    const COMMAND_PATIENCE: Duration = Duration::from_secs(8);

    /// Starts from the ports; asks the store whether set-up is done.
    pub async fn start(ports: Ports, settings: WebSettings) -> Result<Self, StoreError> {
        let set_up = !ports.store.users().await?.is_empty();
        let live = Arc::new(Semaphore::new(settings.live_clients_max));
        let viewers = Viewers::new(settings.viewers_max, settings.viewers_each_max);
        Ok(Self(Arc::new(Shared {
            ports,
            settings,
            hasher: Hasher::new(2),
            set_up: AtomicBool::new(set_up),
            sign_in: Mutex::new(()),
            links: Mutex::new(BTreeMap::new()),
            live,
            viewers,
            history: History::default(),
            readers: AtomicU64::new(0),
        })))
    }

    /// The one-time set-up token to print when there is no user yet; a fresh one each start, because only the hash
    /// of the last is kept.
    pub async fn setup_token(&self) -> Result<Option<Token>, StoreError> {
        if self.is_set_up().await? {
            return Ok(None);
        }
        let token = Token::random();
        let stored = OneTimeToken {
            token_hash: token.hash().0,
            purpose: SETUP.to_owned(),
            subject: String::new(),
            expires: self.now() + Self::SETUP_TOKEN_LIFE,
        };
        self.store().put_token(&stored).await?;
        Ok(Some(token))
    }

    /// A one-time sign-in for `user`: append it to the page's address as `?login=…`. It works once, on loopback only,
    /// for `life`, and dies with the process.
    pub async fn one_time_link(&self, user: UserId, life: Span) -> Token {
        let token = Token::random();
        let now = self.now();
        let mut links = self.0.links.lock().await;
        links.retain(|_, link| link.expires > now);
        while links.len() >= Self::LINKS_MAX {
            links.pop_first();
        }
        links.insert(token.hash(), OneTimeLink { user, expires: now + life });
        token
    }

    /// Adds an account that signs in by one-time links only, as the demo's. Set-up counts as done afterwards.
    pub async fn add_account(&self, account: &User) -> Result<(), StoreError> {
        self.store().put_user(&account.to_row(), self.now()).await?;
        self.note_set_up();
        Ok(())
    }

    /// Spends a one-time link.
    pub(super) async fn spend_link(&self, token: &TokenHash) -> Option<UserId> {
        let link = self.0.links.lock().await.remove(token)?;
        (link.expires > self.now()).then_some(link.user)
    }

    pub(super) fn ports(&self) -> &Ports {
        &self.0.ports
    }

    pub(super) fn store(&self) -> &Store {
        &self.0.ports.store
    }

    pub(super) fn settings(&self) -> &WebSettings {
        &self.0.settings
    }

    pub(super) fn hasher(&self) -> &Hasher {
        &self.0.hasher
    }

    pub(super) fn sign_in(&self) -> &Mutex<()> {
        &self.0.sign_in
    }

    pub(super) fn live_places(&self) -> &Arc<Semaphore> {
        &self.0.live
    }

    pub(super) fn viewers(&self) -> &Viewers {
        &self.0.viewers
    }

    /// The journal, condensed for statistics.
    pub(super) fn history(&self) -> &History {
        &self.0.history
    }

    /// A name for one more reader of the live plane.
    pub(super) fn next_reader(&self) -> u64 {
        self.0.readers.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether there is a user. Asks the store until there is one, and never again.
    pub(super) async fn is_set_up(&self) -> Result<bool, StoreError> {
        if !self.0.set_up.load(Ordering::Acquire) && !self.store().users().await?.is_empty() {
            self.note_set_up();
        }
        Ok(self.0.set_up.load(Ordering::Acquire))
    }

    pub(super) fn note_set_up(&self) {
        self.0.set_up.store(true, Ordering::Release);
    }

    pub(super) fn now(&self) -> Utc {
        (self.0.ports.clock)()
    }

    /// The newest snapshot.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0.ports.snapshot.borrow())
    }

    /// Sends a command and waits for its answer; a refusal is a problem.
    pub(super) async fn command(&self, actor: Actor, command: Command) -> Result<Outcome, Problem> {
        let (word, answer) = match self.ask(actor, command).await {
            Ok(Outcome::Refused(refusal)) => ("refused", Err(refusal.into())),
            Ok(outcome) => ("done", Ok(outcome)),
            Err(Code::Timeout) => ("timeout", Err(Problem::new(Code::Timeout))),
            Err(code) => ("busy", Err(Problem::new(code).retry_after(Span::seconds(1)))),
        };
        self.ports().counters.commands.with_label_values(&[word]).inc();
        answer
    }

    async fn ask(&self, actor: Actor, command: Command) -> Result<Outcome, Code> {
        let (reply, answer) = oneshot::channel();
        let request = CommandRequest { actor, command, reply };
        self.ports().commands.try_send(request).map_err(|_| Code::Busy)?;
        let answer = tokio::time::timeout(Self::COMMAND_PATIENCE, answer).await.map_err(|_| Code::Timeout)?;
        // The loop dropped the question: it is stopping, and nothing was decided.
        answer.map_err(|_| Code::Busy)
    }

    /// Journals what people did to accounts. It is told after the fact: a journal that cannot be written does not
    /// undo it, but the log says so.
    pub(super) async fn record_identity(&self, actor: Actor, what: &str, subject: &str) {
        let command = Command::RecordIdentity { what: what.to_owned(), subject: subject.to_owned() };
        if let Err(problem) = self.command(actor, command).await {
            tracing::error!(what, subject, code = ?problem.code(), "an account change was not journalled");
        }
    }
}

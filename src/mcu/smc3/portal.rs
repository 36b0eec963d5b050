//! The two portals of an SMC with a token each, and every request to them. Knows no meaning of a reply.
//!
//! A token lives about 20 minutes and is renewed at half of that; one that is refused all the same is replaced by a
//! new login, and what was refused with it, and so did not happen, is sent once more.

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::reply;
use crate::mcu::fault::{AuthWhy, Fault};
use crate::mcu::http::{HttpLine, Intent, Reply};
use crate::mcu::session::Sessions;
use crate::mcu::trust::Login;

/// After how long a token is renewed.
const RENEWED: Duration = Duration::from_secs(10 * 60);
/// How long we wait with the next renewal after one that failed.
const RENEWAL_PAUSE: Duration = Duration::from_secs(60);

/// One of the portals.
pub(super) struct Portal {
    name: &'static str,
    line: HttpLine,
    login: Login,
    sessions: Sessions<Token>,
}

impl fmt::Debug for Portal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Portal").field("name", &self.name).finish_non_exhaustive()
    }
}

struct Token {
    uuid: std::sync::Mutex<Zeroizing<String>>,
    due: Mutex<Instant>,
}

impl Token {
    fn uuid(&self) -> Zeroizing<String> {
        self.uuid.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, uuid: Zeroizing<String>) {
        *self.uuid.lock().unwrap_or_else(PoisonError::into_inner) = uuid;
    }
}

/// A request below a portal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    /// How.
    pub(super) method: Method,
    /// What, below the portal, with its query.
    pub(super) path: String,
    /// With what.
    pub(super) body: Option<Value>,
}

impl Request {
    /// Reads.
    pub(super) fn get(path: String) -> Self {
        Self { method: Method::GET, path, body: None }
    }

    /// Sends an object.
    pub(super) fn with(method: Method, path: String, body: Value) -> Self {
        Self { method, path, body: Some(body) }
    }
}

impl Portal {
    /// The portal of that name, `conf-portal` or `sys-portal`.
    pub(super) fn new(name: &'static str, line: HttpLine, login: Login) -> Self {
        Self { name, line, login, sessions: Sessions::default() }
    }

    /// Its name.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Asks. What the SMC calls an error is [`Fault::Said`].
    pub(super) async fn ask(&self, request: &Request, intent: Intent) -> Result<Reply, Fault> {
        let token = self.token().await?;
        let refused = match self.send(&token, request, intent).await {
            Err(fault @ Fault::Auth(_)) => fault,
            other @ (Ok(_) | Err(_)) => return other,
        };
        self.sessions.forget(&token).await;
        let anew = self.token().await?;
        match self.send(&anew, request, intent).await {
            Err(Fault::Auth(AuthWhy::Denied)) => Err(refused),
            Err(Fault::Auth(_)) => Err(Fault::Auth(AuthWhy::Expired)),
            other @ (Ok(_) | Err(_)) => other,
        }
    }

    /// Makes sure that there is a token and that it lives on: at most one request.
    pub(super) async fn keep(&self) -> Result<(), Fault> {
        self.token().await.map(drop)
    }

    /// The token as it stands in a signature.
    pub(super) async fn uuid(&self) -> Result<Zeroizing<String>, Fault> {
        Ok(self.token().await?.uuid())
    }

    async fn token(&self) -> Result<Arc<Token>, Fault> {
        let token = self.sessions.held(self.log_in()).await?;
        let mut due = token.due.lock().await;
        if *due <= Instant::now() {
            match self.renew(&token).await {
                Ok(()) => *due = Instant::now() + RENEWED,
                // It may live on for a while; a request will tell.
                Err(_) => *due = Instant::now() + RENEWAL_PAUSE,
            }
        }
        drop(due);
        Ok(token)
    }

    async fn log_in(&self) -> Result<Token, Fault> {
        let path = format!("{}/tokens?clientType=smcportal", self.name);
        let request = self.line.request(Method::GET, &path)?;
        let request = request.basic_auth(&self.login.user, Some(self.login.secret.as_str()));
        let reply = self.line.send(request, Intent::Read).await?;
        if let Some(fault) = reply::refusal(reply.status, &reply.body) {
            let no = matches!(fault, Fault::Said { .. });
            return Err(if no { Fault::Auth(AuthWhy::Wrong) } else { fault });
        }
        let due = Mutex::new(Instant::now() + RENEWED);
        Ok(Token { uuid: std::sync::Mutex::new(reply::token(&reply.body)?), due })
    }

    async fn renew(&self, token: &Token) -> Result<(), Fault> {
        let renewal = Request { method: Method::PUT, path: "tokens/update".into(), body: None };
        let reply = self.send(token, &renewal, Intent::Read).await?;
        if let Ok(uuid) = reply::token(&reply.body) {
            token.set(uuid);
        }
        Ok(())
    }

    async fn send(&self, token: &Token, request: &Request, intent: Intent) -> Result<Reply, Fault> {
        let path = format!("{}/{}", self.name, request.path);
        let mut sent = self.line.request(request.method.clone(), &path)?;
        sent = sent.header("token", token.uuid().as_str());
        if let Some(body) = &request.body {
            sent = sent.header("content-type", "application/json; charset=utf-8").body(body.to_string());
        }
        let reply = self.line.send(sent, intent).await?;
        match reply::refusal(reply.status, &reply.body) {
            Some(fault) => Err(fault),
            None => Ok(reply),
        }
    }
}

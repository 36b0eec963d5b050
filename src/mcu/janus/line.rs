//! The two doors of Janus: the admin interface, through which nearly everything goes in one request and without a
//! session, and the session interface, which is needed to speak for a participant.
//!
//! Both answer HTTP 200 whatever happens; what happened is inside. No answer is believed that does not carry our
//! transaction.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::Settings;
use super::name::Plugin;
use super::reply;
use crate::mcu::fault::Fault;
use crate::mcu::http::{HttpLine, Intent, Reply};
use crate::mcu::trust::Login;

/// Code of a request that is never sent because it is known to kill the server.
pub const HARMFUL: &str = "harmful";

/// A handle within its session: how Janus addresses whoever is attached to a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HandleRef {
    /// Session.
    pub session: u64,
    /// Handle in it.
    pub handle: u64,
}

impl fmt::Display for HandleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.session, self.handle)
    }
}

/// An answer with what HTTP said beside it.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) value: Value,
    /// The `Date` header.
    pub(super) date: Option<String>,
}

/// Both doors.
#[derive(Debug)]
pub(super) struct Line {
    admin: Door,
    api: Door,
    login: Login,
    api_secret: Option<Zeroizing<String>>,
    room_secret: Option<Zeroizing<String>>,
    turn: AtomicU64,
}

#[derive(Debug)]
struct Door {
    http: HttpLine,
    path: String,
}

impl Door {
    fn new(base: &url::Url, settings: &Settings) -> Result<Self, Fault> {
        let tls = settings.trust.client()?;
        let http = HttpLine::new(base.clone(), tls, std::sync::Arc::clone(&settings.budget))?;
        Ok(Self { http, path: base.path().trim_end_matches('/').to_owned() })
    }
}

impl Line {
    pub(super) fn new(settings: &Settings) -> Result<Self, Fault> {
        Ok(Self {
            admin: Door::new(&settings.admin, settings)?,
            api: Door::new(&settings.api, settings)?,
            login: settings.login.clone(),
            api_secret: settings.api_secret.clone(),
            room_secret: settings.room_secret.clone(),
            turn: AtomicU64::new(0),
        })
    }

    pub(super) fn admin_http(&self) -> &HttpLine {
        &self.admin.http
    }

    /// Asks the admin interface: the server when no place is given, else a session or a handle in it.
    pub(super) async fn admin(&self, place: &str, what: &str) -> Result<Answered, Fault> {
        let body = object(json!({ "janus": what }));
        self.ask(&self.admin, place, self.with_secret(body), Intent::Read).await
    }

    /// What is known of a handle.
    pub(super) async fn handle_info(&self, at: HandleRef, plugin_only: bool) -> Result<Value, Fault> {
        let body = object(json!({ "janus": "handle_info", "plugin_only": plugin_only }));
        let place = format!("/{at}");
        Ok(self.ask(&self.admin, &place, self.with_secret(body), Intent::Read).await?.value)
    }

    /// Asks a plugin through the admin interface, which needs no session.
    pub(super) async fn read(&self, plugin: Plugin, request: Value) -> Result<Value, Fault> {
        self.plugin(plugin, request, None, Intent::Read).await
    }

    /// Tells a plugin to do something, once. The key travels as the transaction, so that logs on both sides agree.
    pub(super) async fn act(&self, plugin: Plugin, request: Value, key: &str) -> Result<Value, Fault> {
        self.plugin(plugin, self.with_room_secret(request), Some(key), Intent::Act).await
    }

    async fn plugin(
        &self,
        plugin: Plugin,
        request: Value,
        key: Option<&str>,
        intent: Intent,
    ) -> Result<Value, Fault> {
        if let Some(words) = harm(plugin, &request) {
            return Err(Fault::Said { code: HARMFUL.into(), words: words.into() });
        }
        let mut body = object(json!({
            "janus": "message_plugin", "plugin": plugin.package(), "request": request,
        }));
        key.map(|key| body.insert("transaction".into(), key.into()));
        let answered = self.ask(&self.admin, "", self.with_secret(body), intent).await?;
        reply::plugin_answer(&answered.value, plugin).cloned()
    }

    /// Speaks for a participant on its own handle. Janus acknowledges; what comes of it the handle shows.
    pub(super) async fn speak_for(&self, at: HandleRef, request: Value, key: &str) -> Result<(), Fault> {
        let request = self.with_room_secret(request);
        let body = object(json!({ "janus": "message", "body": request, "transaction": key }));
        self.session(&format!("/{at}"), body, Intent::Act).await.map(drop)
    }

    /// A request to the session interface.
    pub(super) async fn session(
        &self,
        place: &str,
        mut body: Map<String, Value>,
        intent: Intent,
    ) -> Result<Value, Fault> {
        if let Some(secret) = &self.api_secret {
            body.insert("apisecret".into(), secret.as_str().into());
        }
        Ok(self.ask(&self.api, place, body, intent).await?.value)
    }

    /// Waits for the next event of a session, at most as long as a reply may take. `None` when none came.
    pub(super) async fn next_event(&self, session: u64) -> Result<Option<Value>, Fault> {
        let secret = self.api_secret.as_deref();
        let path = format!("{}/{session}", self.api.path);
        let mut request = self.api.http.request(Method::GET, &path)?.query(&[("maxev", "1")]);
        if let Some(secret) = secret {
            request = request.query(&[("apisecret", secret.as_str())]);
        }
        match self.api.http.send(request, Intent::Read).await {
            Ok(reply) => reply::answer(&reply.body).map(Some),
            Err(Fault::Timeout { sent: true }) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn ask(
        &self,
        door: &Door,
        place: &str,
        mut body: Map<String, Value>,
        intent: Intent,
    ) -> Result<Answered, Fault> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let transaction = body.entry("transaction").or_insert_with(|| format!("vcops-{turn}").into()).clone();
        let text = Zeroizing::new(Value::Object(body).to_string());
        let request = door.http.request(Method::POST, &format!("{}{place}", door.path))?;
        let request = request.header(CONTENT_TYPE, "application/json").body(text.as_bytes().to_vec());
        let Reply { body, date, .. } = door.http.send(request, intent).await?;
        let value = reply::answer(&body)?;
        if value.get("transaction") != Some(&transaction) {
            return Err(Fault::Shape("an answer to another request".into()));
        }
        Ok(Answered { value, date })
    }

    fn with_secret(&self, mut body: Map<String, Value>) -> Map<String, Value> {
        body.insert("admin_secret".into(), self.login.secret.as_str().into());
        body
    }

    fn with_room_secret(&self, mut request: Value) -> Value {
        if let (Some(secret), Some(fields)) = (&self.room_secret, request.as_object_mut()) {
            fields.insert("secret".into(), secret.as_str().into());
        }
        request
    }
}

/// The fields of a request.
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

/// Requests that are known to kill the server, and why. Checked before anything is sent, whoever built it.
///
/// `disable` of a mountpoint that records nothing reads the name of its recording and ends the whole process (seen
/// with 1.1.2, unchanged in 1.4.2). With `stop_recording: false` it does not look there.
pub fn harm(plugin: Plugin, request: &Value) -> Option<&'static str> {
    let disables = plugin == Plugin::Streaming && request["request"] == "disable";
    (disables && request["stop_recording"] != false)
        .then_some("disable without stop_recording:false kills Janus")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_that_kills_the_server_is_known_in_every_form() {
        let deadly = [
            json!({"request": "disable", "id": 1}),
            json!({"request": "disable", "id": 1, "stop_recording": true}),
            json!({"request": "disable", "id": 1, "stop_recording": "false"}),
        ];
        for request in deadly {
            assert!(harm(Plugin::Streaming, &request).is_some(), "{request}");
        }
        let harmless = json!({"request": "disable", "id": 1, "stop_recording": false});
        assert_eq!(harm(Plugin::Streaming, &harmless), None);
        assert_eq!(harm(Plugin::AudioBridge, &json!({"request": "disable"})), None);
    }
}

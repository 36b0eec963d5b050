//! Prometheus Alertmanager, both ways: notices become its alerts, its alerts become news for us.

mod incoming;

use async_trait::async_trait;
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

pub use incoming::{ALERTS_MAX, BadAlerts, OutsideAlert, parse};

use super::channel::{Beat, Channel, Limits, TextLimit};
use super::fault::{Class, Code, Fault};
use super::line::{self, Line};
use super::message::Message;
use super::pace::Pace;
use super::secret::Secrets;
use super::syslog::kind_word;
use super::text::{Style, compose};
use crate::domain::id::ChannelId;
use crate::domain::notice::{NoticeKind, Urgency};
use crate::domain::time::{Span, Utc};

/// Longest text.
const TEXT_BYTES_MAX: usize = 4096;
/// An alert without an all-clear ends by itself after a day; without an end Alertmanager's own five minutes would count.
const LIFE: Span = Span::minutes(24 * 60);

/// An Alertmanager, API v2.
pub struct Alertmanager {
    id: ChannelId,
    line: Line,
    url: Url,
    login: Option<(String, Zeroizing<String>)>,
    secrets: Secrets,
    pace: Pace,
}

impl std::fmt::Debug for Alertmanager {
    /// Hides the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alertmanager").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Alertmanager {
    /// `base` is where `/api/v2/alerts` lies, a prefix included; `login` is for a proxy before it (basic).
    pub fn new(
        id: ChannelId,
        line: Line,
        base: &Url,
        login: Option<(String, Zeroizing<String>)>,
        per_minute: u32,
    ) -> Self {
        let mut url = base.clone();
        let prefix = base.path().trim_end_matches('/');
        url.set_path(&format!("{prefix}/api/v2/alerts"));
        let secrets = Secrets::new(login.iter().map(|(_, password)| password.clone()));
        Self { id, line, url, login, secrets, pace: Pace::new(per_minute) }
    }

    async fn post(&self, alerts: &Value) -> Result<(), Fault> {
        let mut request = self.line.post_json(&self.url, alerts);
        if let Some((user, password)) = &self.login {
            request = request.basic_auth(user, Some(password.as_str()));
        }
        let answer = self.line.send(&self.url, request).await.and_then(|answer| match answer.status {
            200..=299 => Ok(()),
            status => {
                Err(Fault::new(Class::Final, Code::Rejected, format!("HTTP {status}: {}", answer.text())))
            }
        });
        answer.map_err(|fault| Fault { detail: self.secrets.redact(fault.detail), ..fault })
    }
}

#[async_trait]
impl Channel for Alertmanager {
    fn id(&self) -> &ChannelId {
        &self.id
    }

    fn limits(&self) -> Limits {
        let text = TextLimit::Bytes(TEXT_BYTES_MAX);
        Limits { text, patience: line::PATIENCE, personal: false, digests: false }
    }

    fn pace(&self) -> &Pace {
        &self.pace
    }

    async fn deliver(&self, message: &Message) -> Result<(), Fault> {
        self.post(&alerts(message)).await
    }

    /// The watchdog pattern: an alert that always fires; its receiver alarms when it ends.
    async fn beat(&self, beat: &Beat) -> Result<(), Fault> {
        let silence = Span(u64::try_from(beat.every.as_micros()).unwrap_or(u64::MAX / 4) * 3);
        self.post(&json!([{
            "labels": { "alertname": "VcopsWatchdog", "severity": "none", "site": beat.site },
            "annotations": { "summary": "vcops lives; silence is the alarm" },
            "startsAt": beat.at, "endsAt": beat.at + silence,
        }]))
        .await
    }
}

/// Labels name an alert, so they hold nothing that changes while an incident lives. Severity does, and is what people
/// route by: an all-clear therefore ends the alert of each severity; those that never fired are not told to anybody.
fn alerts(message: &Message) -> Value {
    let severity = severity(message.urgency);
    if message.kind == NoticeKind::AllClear {
        let ended = |severity| alert(message, severity, message.at, message.at);
        return json!(["critical", "warning", "info"].map(ended));
    }
    json!([alert(message, severity, message.at, message.at + LIFE)])
}

fn alert(message: &Message, severity: &str, starts: Utc, ends: Utc) -> Value {
    let subject = match message.incident {
        Some(incident) => format!("incident-{incident}"),
        None => message.key.0.clone(),
    };
    // What belongs to an incident is one alert, whichever rung told of it.
    let name = if message.incident.is_some() { "VcopsIncident" } else { "VcopsNotice" };
    json!({
        "labels": {
            "alertname": name, "severity": severity, "site": message.site, "subject": subject,
            "drill": if message.drill { "true" } else { "false" },
        },
        "annotations": {
            "summary": message.title,
            "description": compose(message, Style::Full, TextLimit::Bytes(TEXT_BYTES_MAX)),
            "key": message.key.0, "kind": kind_word(message.kind), "why": message.why,
        },
        "startsAt": starts, "endsAt": ends,
    })
}

fn severity(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Urgent => "critical",
        Urgency::Important => "warning",
        Urgency::Routine => "info",
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::message;
    use super::*;

    #[test]
    fn an_all_clear_ends_what_fired_whatever_its_severity() {
        let mut message = message();
        let fired = alerts(&message);
        message.kind = NoticeKind::AllClear;
        message.urgency = Urgency::Routine;
        message.key.0 = "12-9".into();
        let ended = alerts(&message);
        let same: Vec<&Value> =
            ended.as_array().unwrap().iter().filter(|alert| alert["labels"] == fired[0]["labels"]).collect();
        assert_eq!(same.len(), 1);
        assert_eq!(same[0]["endsAt"], json!(message.at));
    }
}

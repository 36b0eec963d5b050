//! What an Alertmanager tells us: its webhook, version 4.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::domain::time::Utc;

/// Most alerts in one message.
pub const ALERTS_MAX: usize = 500;
/// Most labels or annotations of one alert, and the longest of them in characters.
const LABELS_MAX: usize = 64;
const LABEL_CHARS_MAX: usize = 512;

/// An alert of somebody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideAlert {
    /// Its name for as long as it lives: the fingerprint of its labels.
    pub fingerprint: String,
    /// Whether it fires; else it has ended.
    pub firing: bool,
    /// Since when.
    pub since: Utc,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What it says.
    pub annotations: BTreeMap<String, String>,
}

/// Why a message is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAlerts {
    /// Not what Alertmanager sends.
    #[error("not a webhook message of Alertmanager: {0}")]
    Shape(String),
    /// Another version than 4.
    #[error("version {0} of the webhook message is not known")]
    Version(String),
    /// More than [`ALERTS_MAX`].
    #[error("more than {ALERTS_MAX} alerts in one message")]
    TooMany,
}

#[derive(Deserialize)]
struct Message {
    version: String,
    alerts: Vec<Alert>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    status: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    starts_at: String,
    #[serde(default)]
    fingerprint: String,
}

/// Reads a message. Texts are cut to their bounds; an alert without a time or name is left out.
pub fn parse(body: &[u8]) -> Result<Vec<OutsideAlert>, BadAlerts> {
    let message: Message =
        serde_json::from_slice(body).map_err(|error| BadAlerts::Shape(error.to_string()))?;
    if message.version != "4" {
        return Err(BadAlerts::Version(message.version.chars().take(16).collect()));
    }
    if message.alerts.len() > ALERTS_MAX {
        return Err(BadAlerts::TooMany);
    }
    Ok(message.alerts.into_iter().filter_map(alert).collect())
}

fn alert(alert: Alert) -> Option<OutsideAlert> {
    let labels = bounded(alert.labels);
    let fingerprint = match alert.fingerprint.is_empty() {
        true => labels.get("alertname")?.clone(),
        false => alert.fingerprint.chars().take(64).collect(),
    };
    Some(OutsideAlert {
        fingerprint,
        firing: alert.status == "firing",
        since: Utc::parse(&alert.starts_at)?,
        labels,
        annotations: bounded(alert.annotations),
    })
}

fn bounded(map: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let cut = |text: String| text.chars().take(LABEL_CHARS_MAX).collect::<String>();
    map.into_iter().take(LABELS_MAX).map(|(name, value)| (cut(name), cut(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_and_what_is_none_is_refused() {
        let body =
            br#"{"version":"4","groupKey":"{}:{}","status":"firing","receiver":"vcops","groupLabels":{},
            "commonLabels":{},"commonAnnotations":{},"externalURL":"http://am","truncatedAlerts":0,"alerts":[
            {"status":"firing","labels":{"alertname":"HostDown","instance":"mcu-1"},
             "annotations":{"summary":"mcu-1 is down"},"startsAt":"2026-11-28T01:02:03.000Z",
             "endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"abc"},
            {"status":"resolved","labels":{},"startsAt":"never"}]}"#;
        let alerts = parse(body).unwrap();
        assert_eq!(alerts.len(), 1);
        assert_eq!((alerts[0].fingerprint.as_str(), alerts[0].firing), ("abc", true));
        assert_eq!(alerts[0].labels["instance"], "mcu-1");
        assert_eq!(parse(br#"{"version":"3","alerts":[]}"#), Err(BadAlerts::Version("3".into())));
        assert!(matches!(parse(b"[]"), Err(BadAlerts::Shape(_))));
        let many = vec![r#"{"status":"firing","startsAt":""}"#; ALERTS_MAX + 1].join(",");
        let many = format!(r#"{{"version":"4","alerts":[{many}]}}"#);
        assert_eq!(parse(many.as_bytes()), Err(BadAlerts::TooMany));
    }
}

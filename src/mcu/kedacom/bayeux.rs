//! What Kedacom pushes: Bayeux 1.0 over long polling, as CometD speaks it. Frames only; asks nothing. Total over any
//! bytes.
//!
//! Messages are hints that something of a conference changed. They carry no number, so a lost one shows only when
//! the server no longer knows us and asks for a new handshake.

use serde_json::{Value, json};

use super::super::fault::Fault;
use super::super::fields::{flag, json as parse, text};
use crate::domain::mcu::ConferenceRef;

/// Most messages that are read of one answer.
pub const MESSAGES_MAX: usize = 4096;

/// One message of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its channel.
    pub channel: String,
    /// Whether what was asked succeeded; absent for what is pushed.
    pub successful: Option<bool>,
    /// The name that the server gave us.
    pub client: Option<String>,
    /// The user domain, told with the handshake: every channel of conferences lies below it.
    pub domain: Option<String>,
    /// The server asks for a new handshake: it no longer knows us.
    pub start_anew: bool,
    /// The server asks not to come again.
    pub stay_away: bool,
    /// Its words about what failed.
    pub error: Option<String>,
}

/// Reads an answer: a list of messages, or a single one.
pub fn read(bytes: &[u8]) -> Result<Vec<Message>, Fault> {
    let value = parse(bytes)?;
    let single = std::slice::from_ref(&value);
    let entries = value.as_array().map_or(single, Vec::as_slice);
    entries.iter().take(MESSAGES_MAX).map(message).collect()
}

fn message(entry: &Value) -> Result<Message, Fault> {
    let channel = text(entry, "channel").ok_or_else(|| Fault::Shape("no `channel`".to_owned()))?;
    let reconnect = entry.get("advice").and_then(|advice| text(advice, "reconnect"));
    Ok(Message {
        channel,
        successful: flag(entry, "successful"),
        client: text(entry, "clientId"),
        domain: entry.get("ext").and_then(|ext| text(ext, "user_domain_moid")),
        start_anew: reconnect.as_deref() == Some("handshake"),
        stay_away: reconnect.as_deref() == Some("none"),
        error: text(entry, "error"),
    })
}

/// The first frame.
pub fn handshake() -> Value {
    json!([{"channel": "/meta/handshake", "version": "1.0", "minimumVersion": "1.0",
        "supportedConnectionTypes": ["long-polling"]}])
}

/// Everything about every conference of the domain.
pub fn subscribe(client: &str, domain: &str) -> Value {
    let subscription = format!("/userdomains/{domain}/confs/**");
    json!([{"channel": "/meta/subscribe", "clientId": client, "subscription": subscription}])
}

/// The frame that waits for messages, at most as long as is told.
pub fn connect(client: &str, wait: std::time::Duration) -> Value {
    let advice = json!({"timeout": u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)});
    json!([{"channel": "/meta/connect", "clientId": client, "connectionType": "long-polling", "advice": advice}])
}

/// The conference that a channel is about: `/userdomains/{domain}/confs/{conference}/…`.
pub fn conference(channel: &str) -> Option<ConferenceRef> {
    let mut parts = channel.split('/').skip(1);
    let place = (parts.next()?, parts.next()?, parts.next()?);
    let id = parts.next().filter(|id| !id.is_empty())?;
    (place.0 == "userdomains" && place.2 == "confs").then(|| ConferenceRef::new(id))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_handshake_names_us_and_our_domain() {
        let answer = br#"[{"channel":"/meta/handshake","successful":true,"clientId":"c1","version":"1.0",
            "ext":{"user_domain_moid":"dom-1"},"advice":{"reconnect":"retry","timeout":30000}}]"#;
        let message = read(answer).unwrap().remove(0);
        assert_eq!((message.client.as_deref(), message.domain.as_deref()), (Some("c1"), Some("dom-1")));
        assert_eq!((message.successful, message.start_anew, message.stay_away), (Some(true), false, false));
    }

    #[test]
    fn a_server_that_forgot_us_asks_for_a_new_handshake() {
        let answer = br#"[{"channel":"/meta/connect","successful":false,"error":"402::Unknown client",
            "advice":{"reconnect":"handshake","interval":0}}]"#;
        let message = read(answer).unwrap().remove(0);
        assert!(message.start_anew);
        assert_eq!(message.error.as_deref(), Some("402::Unknown client"));
    }

    #[test]
    fn a_channel_names_its_conference() {
        let cases = [
            ("/userdomains/d/confs/0000123/cascades/0/mts/3", Some("0000123")),
            ("/userdomains/d/confs/0000123", Some("0000123")),
            ("/userdomains/d/confs/", None),
            ("/meta/connect", None),
            ("", None),
        ];
        for (channel, found) in cases {
            assert_eq!(conference(channel), found.map(ConferenceRef::new), "{channel}");
        }
    }

    #[test]
    fn what_has_no_channel_is_no_message() {
        assert!(matches!(read(br#"[{"data":1}]"#), Err(Fault::Shape(_))));
        assert!(read(b"").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), text in ".*") {
            let _ = (read(&bytes), conference(&text));
        }
    }
}

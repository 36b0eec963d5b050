//! SIP endpoints and SIP bridges: whether they answer, and beside a bridge its rtpengine as the truth about media.
//!
//! A bridge's own roster says who is signalled. The relay that carries every packet says whose media move, and does
//! not ask the bridge. It must not know conferences as people know them: rtpengine knows calls and nothing above them.

pub mod bencode;
pub mod ng;
pub mod reply;
mod bridge;
mod endpoint;
mod progress;
mod roster;

use std::time::Duration;

pub use bridge::SipRtpengine;
pub use endpoint::SipEndpoint;

use super::fault::Fault;
use crate::observation::device::Service;
use crate::sip::options::{Answer, Seen};

/// Longest wait for an answer to OPTIONS: the question, and three repetitions (RFC 3261 §17.1.2).
const PATIENCE: Duration = Duration::from_millis(3_900);

/// What an answer to OPTIONS, or its absence, is to whoever asked.
fn answer_of(seen: Seen) -> Result<Answer, Fault> {
    match seen {
        Seen::Answered(Answer { code: 503, phrase, .. }) => Err(Fault::Busy(format!("503 {phrase}"))),
        Seen::Answered(answer) => Ok(answer),
        Seen::NoAnswer => Err(Fault::Timeout { sent: true }),
        Seen::Unreachable(why) => Err(Fault::Unreachable(why)),
        Seen::NameUnknown(name) => Err(Fault::Unreachable(format!("the name {name} leads nowhere"))),
        Seen::NotSip => Err(Fault::Shape("what answers does not speak SIP".to_owned())),
        Seen::Ours(why) => Err(Fault::Ours(why)),
    }
}

/// What an answer says of the service: a refusal says that somebody lives, and nothing about the service.
fn service_of(answer: &Answer) -> Service {
    match answer.code {
        200..=299 => Service::Up,
        500..=599 => Service::Degraded,
        _ => Service::Unknown,
    }
}

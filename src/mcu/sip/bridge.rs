//! A SIP bridge or proxy with an rtpengine that relays its media: two processes, two signs of life, and counts of
//! every packet.
//!
//! Each call of rtpengine stands as a conference, each side of it as a site: the relay knows nothing above a call.
//! The relay can cut media off and can neither call nor hang up a SIP dialogue, so of all actions only that is offered.
//! An ended call stays listed for rtpengine's `delete-delay`; set it to 0, or such a call looks dead for so long.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::bencode::Value;
use super::endpoint::{SipEndpoint, health_of};
use super::ng::NgLine;
use super::progress::Progress;
use super::reply::{CallRead, calls, sessions};
use super::roster::{Readings, sites};
use crate::domain::mcu::{ConferenceRef, Interface, NodeRef};
use crate::domain::time::{Mono, Utc};
use crate::mcu::act;
use crate::mcu::budget::Budget;
use crate::mcu::fault::Fault;
use crate::mcu::http::Intent;
use crate::mcu::{Abilities, Bridge, Pushed, Tells};
use crate::observation::action::{Action, ActionKey, ActionOutcome, Does, Force, Looked, Plan, Refused};
use crate::observation::device::{
    Absent, Capacity, CapacityUnit, ConferenceSeen, DeviceAlarm, Given, Node, NodeHealth, Service, Signal,
    SiteSeen, StreamSample,
};
use crate::sip::options::Answer;
use crate::sip::target::{NotATarget, Target};

/// Calls that are asked for at once: their ids must fit into one datagram.
const CALLS_MAX: i64 = 512;
/// Distance of the two readings of a call that was never read before.
const SECOND_READING: Duration = Duration::from_millis(300);

/// A SIP bridge with an rtpengine beside it.
#[derive(Debug)]
pub struct SipRtpengine {
    sip: SipEndpoint,
    relay: NgLine,
    progress: Mutex<Progress>,
    began: Instant,
}

/// Why an address names no bridge with an rtpengine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotABridge {
    /// The SIP part, or the address of rtpengine, is none.
    #[error(transparent)]
    Address(#[from] NotATarget),
    /// No `ng=host:port`.
    #[error("the address names no rtpengine: sip:host:port;ng=host:port")]
    NoRelay,
}

impl SipRtpengine {
    /// The bridge at `sip:host:port;ng=host:port`; the second is where rtpengine listens for the ng protocol.
    ///
    /// # Errors
    /// See `NotABridge`.
    pub fn new(address: &str, budget: Arc<Budget>) -> Result<Self, NotABridge> {
        let relay = Target::parse(address)?;
        let relay = relay.parameter("ng").filter(|place| !place.is_empty()).ok_or(NotABridge::NoRelay)?;
        let relay = Target::parse(relay)?;
        relay.written_port().ok_or(NotABridge::NoRelay)?;
        Ok(Self {
            sip: SipEndpoint::new(address, Arc::clone(&budget))?,
            relay: NgLine::new(relay, budget),
            progress: Mutex::default(),
            began: Instant::now(),
        })
    }

    async fn call(&self, conference: &ConferenceRef) -> Result<CallRead, Fault> {
        let about = [("call-id", Value::text(conference.as_str()))];
        let answer = self.relay.ask("query", &about).await?;
        CallRead::of(&answer).map_err(|error| Fault::Shape(error.to_string()))
    }

    /// Reads a call, and once more a moment later if a stream of it was never read before: only movement is proof.
    async fn read(&self, conference: &ConferenceRef) -> Result<(Vec<SiteSeen>, Utc), Fault> {
        let call = self.call(conference).await?;
        let fresh = self.take(conference, &call);
        if fresh {
            tokio::time::sleep(SECOND_READING).await;
            let call = self.call(conference).await?;
            self.take(conference, &call);
            return Ok(self.sites(conference, &call));
        }
        Ok(self.sites(conference, &call))
    }

    /// Takes the readings of a call; whether any was the first of its stream.
    fn take(&self, conference: &ConferenceRef, call: &CallRead) -> bool {
        self.with_readings(conference, |readings| readings.take(call))
    }

    fn sites(&self, conference: &ConferenceRef, call: &CallRead) -> (Vec<SiteSeen>, Utc) {
        self.with_readings(conference, |readings| (sites(call, readings), readings.now.1))
    }

    fn with_readings<T>(&self, conference: &ConferenceRef, with: impl FnOnce(&mut Readings<'_>) -> T) -> T {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let now = (Mono(u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)), wall());
        with(&mut Readings { progress: &mut progress, call: conference.as_str(), now })
    }
}

#[async_trait]
impl Bridge for SipRtpengine {
    fn interface(&self) -> Interface {
        Interface::SipRtpengine
    }

    fn abilities(&self) -> Abilities {
        use Tells::{Bitrate, Capacity, Jitter, Loss, Roster, RoundTrip};
        Abilities {
            tells: [Bitrate, Capacity, Jitter, Loss, Roster, RoundTrip].into(),
            does: [Does::Disconnect].into(),
            requests_per_minute: None,
            tried_on_a_real_device: true,
        }
    }

    async fn health(&self) -> Result<NodeHealth, Fault> {
        let (sip, relay) = tokio::join!(self.sip.ask(), self.relay.ask("ping", &[]));
        both(sip, relay.map(|_| ()))
    }

    async fn second_sign(&self) -> Option<(Signal, Result<(), Fault>)> {
        Some((Signal::Signalling, self.sip.ask().await.map(|_| ())))
    }

    async fn capacity(&self) -> Result<Vec<Capacity>, Fault> {
        let used = sessions(&self.relay.ask("statistics", &[]).await?);
        let used = used.ok_or_else(|| Fault::Shape("statistics without sessions".to_owned()))?;
        Ok(vec![Capacity {
            what: "session".to_owned(),
            unit: CapacityUnit::Ports,
            total: Given::Absent(Absent::NotProvided),
            used: Given::Value(used as f64),
        }])
    }

    async fn alarms(&self) -> Result<Vec<DeviceAlarm>, Fault> {
        Err(Fault::NotSupported)
    }

    async fn conferences(&self) -> Result<Vec<ConferenceSeen>, Fault> {
        let answer = self.relay.ask("list", &[("limit", Value::Number(CALLS_MAX))]).await?;
        let at = wall();
        let seen = |id: String| ConferenceSeen {
            conference: ConferenceRef::new(&id),
            name: id,
            expected: None,
            present: Vec::new(),
            complete: false,
            at,
        };
        Ok(calls(&answer).into_iter().map(seen).collect())
    }

    async fn roster(&self, conference: &ConferenceRef) -> Result<ConferenceSeen, Fault> {
        let (present, at) = self.read(conference).await?;
        let name = conference.as_str().to_owned();
        Ok(ConferenceSeen {
            conference: conference.clone(),
            name,
            expected: None,
            present,
            complete: true,
            at,
        })
    }

    async fn streams(&self, conference: &ConferenceRef, site: &SiteSeen) -> Result<Vec<StreamSample>, Fault> {
        let (present, _) = self.read(conference).await?;
        let found = present.into_iter().find(|seen| seen.participant == site.participant);
        let gone = || Fault::Said { code: "gone".to_owned(), words: "the call has no such side".to_owned() };
        found.map(|seen| seen.streams).ok_or_else(gone)
    }

    async fn listen(&self, _: mpsc::Sender<Pushed>, _: CancellationToken) -> Result<(), Fault> {
        Err(Fault::NotSupported)
    }

    fn plan(&self, action: &Action, seen: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
        let Action::Disconnect { conference, participant } = action else { return Err(Refused::NotProvided) };
        act::site(seen, conference, participant)?;
        let seen = act::conference(seen, conference)?;
        let precondition = (
            "切断的是媒体：双方听不到、看不到对方，由终端自己挂断呼叫".to_owned(),
            "this cuts the media: both sides hear and see nothing, and their endpoints hang up themselves"
                .to_owned(),
        );
        Ok(Plan {
            action: action.clone(),
            force: Force::OneSiteLeaves,
            touches: act::all(seen),
            preconditions: vec![precondition],
            steps: vec![format!(
                "rtpengine delete call-id={conference} from-tag={participant} delete-delay=0"
            )],
            undone_by: None,
        })
    }

    async fn execute(&self, plan: &Plan, key: &ActionKey) -> ActionOutcome {
        let Action::Disconnect { conference, participant } = &plan.action else {
            return ActionOutcome::Rejected { code: "not_provided".to_owned(), retryable: false };
        };
        let about = [
            ("call-id", Value::text(conference.as_str())),
            ("from-tag", Value::text(participant.as_str())),
            ("delete-delay", Value::Number(0)),
        ];
        outcome(self.relay.ask_as(&cookie(key), "delete", &about, Intent::Act).await)
    }

    async fn look(&self, plan: &Plan, _: &ActionKey) -> Result<Looked, Fault> {
        let Some(conference) = plan.action.conference() else { return Ok(Looked::CannotTell) };
        match self.call(conference).await {
            Ok(_) => Ok(Looked::DidNot),
            Err(fault) if is_unknown_call(&fault) => Ok(Looked::Happened),
            Err(fault) => Err(fault),
        }
    }
}

/// Two signs of life. One alone leaves a bridge that is alive and does not work.
fn both(sip: Result<Answer, Fault>, relay: Result<(), Fault>) -> Result<NodeHealth, Fault> {
    let node = |name: &str, fault: Option<&Fault>| Node {
        node: NodeRef::new(name),
        service: match fault.map(Fault::meaning) {
            None => Service::Up,
            Some(Some(Ok(_))) => Service::Failed,
            Some(Some(Err(_)) | None) => Service::Unknown,
        },
        load_pct: Given::Absent(Absent::NotProvided),
    };
    let nodes = vec![node("sip", sip.as_ref().err()), node("rtpengine", relay.as_ref().err())];
    match (sip, relay) {
        (Ok(answer), Ok(())) => {
            let health = health_of(&answer);
            // A proxy may refuse OPTIONS; that both answer is what says that it works.
            let service = if health.service == Service::Unknown { Service::Up } else { health.service };
            Ok(NodeHealth { service, nodes, ..health })
        }
        (Ok(answer), Err(_)) => Ok(NodeHealth { service: Service::Degraded, nodes, ..health_of(&answer) }),
        (Err(_), Ok(())) => Ok(NodeHealth { service: Service::Degraded, nodes, ..silent() }),
        (Err(Fault::Unreachable(sip)), Err(Fault::Unreachable(relay))) => {
            Err(Fault::Unreachable(format!("SIP: {sip}; rtpengine: {relay}")))
        }
        // Of two faults the one that makes us blind is told: what cannot be seen is not called gone.
        (Err(Fault::Unreachable(_)), Err(fault)) | (Err(fault), Err(_)) => Err(fault),
    }
}

fn silent() -> NodeHealth {
    NodeHealth {
        service: Service::Unknown,
        load_pct: Given::Absent(Absent::NotProvided),
        uptime: Given::Absent(Absent::NotProvided),
        version: None,
        boot: None,
        clock_skew_ms: Given::Absent(Absent::NotProvided),
        nodes: Vec::new(),
    }
}

fn outcome(answer: Result<Value, Fault>) -> ActionOutcome {
    let not_found = || ActionOutcome::Rejected { code: "not_found".to_owned(), retryable: false };
    match answer {
        // rtpengine says "ok" with a warning when it found nothing to delete.
        Ok(answer) if answer.get("warning").is_some() => not_found(),
        Ok(_) => ActionOutcome::Applied,
        Err(fault) if is_unknown_call(&fault) => not_found(),
        Err(fault) if fault.may_have_happened() => ActionOutcome::Unknown,
        Err(fault) => act::refused(&fault),
    }
}

fn is_unknown_call(fault: &Fault) -> bool {
    matches!(fault, Fault::Said { words, .. } if words.contains("Unknown call-id"))
}

/// The key as a cookie: rtpengine's own means against doing a thing twice.
fn cookie(key: &ActionKey) -> String {
    hex::encode(&Sha256::digest(key.0.as_bytes())[..16])
}

fn wall() -> Utc {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Utc(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: u16) -> Answer {
        Answer {
            code,
            phrase: String::new(),
            server: Some("kamailio".into()),
            round_trip: Duration::ZERO,
            address: ([127, 0, 0, 1], 5060).into(),
        }
    }

    #[test]
    fn only_two_that_cannot_be_reached_are_gone() {
        let refused = || Fault::Unreachable("refused".into());
        let slow = || Fault::Timeout { sent: true };
        let service = |sip, relay| {
            both(sip, relay).map(|health| {
                (health.service, health.nodes.iter().map(|node| node.service).collect::<Vec<_>>())
            })
        };
        use Service::{Degraded, Failed, Unknown, Up};
        assert_eq!(service(Ok(answer(200)), Ok(())), Ok((Up, vec![Up, Up])));
        assert_eq!(service(Ok(answer(404)), Ok(())), Ok((Up, vec![Up, Up])));
        assert_eq!(service(Ok(answer(200)), Err(refused())), Ok((Degraded, vec![Up, Failed])));
        assert_eq!(service(Ok(answer(200)), Err(slow())), Ok((Degraded, vec![Up, Unknown])));
        assert_eq!(service(Err(refused()), Ok(())), Ok((Degraded, vec![Failed, Up])));
        assert_eq!(service(Err(refused()), Err(slow())), Err(slow()));
        assert_eq!(service(Err(slow()), Err(refused())), Err(slow()));
        assert!(matches!(service(Err(refused()), Err(refused())), Err(Fault::Unreachable(_))));
    }

    #[test]
    fn an_answer_that_did_nothing_is_no_success() {
        let said = |bytes: &[u8]| outcome(Ok(Value::parse(bytes).unwrap()));
        let not_found = ActionOutcome::Rejected { code: "not_found".into(), retryable: false };
        assert_eq!(said(b"d6:result2:oke"), ActionOutcome::Applied);
        assert_eq!(said(b"d6:result2:ok7:warning9:not founde"), not_found);
        assert_eq!(outcome(Err(Fault::Timeout { sent: true })), ActionOutcome::Unknown);
        assert_eq!(outcome(Err(Fault::Shape("x".into()))), ActionOutcome::Unknown);
    }

    #[test]
    fn an_address_names_both() {
        let budget = Arc::new(Budget::new(60));
        let made = |address| SipRtpengine::new(address, Arc::clone(&budget)).map(|_| ());
        assert_eq!(made("sip:10.0.0.1;ng=10.0.0.2:2223"), Ok(()));
        assert_eq!(made("sip:10.0.0.1;ng=[::1]:2223"), Ok(()));
        assert_eq!(made("sip:10.0.0.1"), Err(NotABridge::NoRelay));
        assert_eq!(made("sip:10.0.0.1;ng=10.0.0.2"), Err(NotABridge::NoRelay));
        assert_eq!(made("sip:10.0.0.1;ng=a b"), Err(NotABridge::Address(NotATarget::Characters)));
    }
}

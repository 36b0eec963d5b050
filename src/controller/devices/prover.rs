//! Proves an MCU by a participant of our own that joins its test conference and looks at its own media.
//!
//! A Janus lets plain RTP into its AudioBridge, so two of ours join and hear each other; its VideoRooms and
//! mountpoints take and give pictures by WebRTC alone and are not tried. Other makes are called by SIP at the test
//! conference's address. Only sound is sent. What came of it are figures; whether the MCU works is the engine's to say.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::lanes::lane_of;
use crate::domain::mcu::TestConference;
use crate::mcu::fault::Fault;
use crate::mcu::janus::guest::{Guest, GuestCodec, Joining, make_room};
use crate::mcu::janus::name::{Id, Plugin, Room};
use crate::mcu::janus::{self, PROBE_NAME};
use crate::media::call::plain::{Heard, Seat, Seated, talk};
use crate::media::call::{ProbeOrder, probe};
use crate::media::sender::Transmitter;
use crate::observation::call::{CallBroke, CallFailed, Lane, ProofFigures, ProofOutcome, SeenBy};
use crate::observation::device::{Absent, Given, StreamSample};
use crate::observation::{NotCalled, ProbeEnd, ProbeFigures};
use crate::sip::call::{Account, own_address};
use crate::sip::target::Target;

/// How long our participants speak in a room that mixes: two beginnings of the tone and a margin.
const ROOM_TALK: Duration = Duration::from_millis(4_600);
/// How long a call by SIP lasts: the far side reports each five seconds or so.
const CALL_TALK: Duration = Duration::from_secs(8);
/// Longest wait for a sign of life, and for somebody to take the call.
const PATIENCE: Duration = Duration::from_secs(4);
const RINGING: Duration = Duration::from_secs(15);
/// Longest time for all of it, leaving included.
const PROVED_WITHIN: Duration = Duration::from_secs(50);
/// Longest wait for a room to be left; Janus forgets whoever says nothing for a minute.
const FAREWELL: Duration = Duration::from_secs(4);
/// The name that is shown at the other side of a call.
const CALL_NAME: &str = "vcops";
/// Our tone in a call, Hz.
const CALL_HZ: u16 = 1000;

/// How one MCU is proved.
#[derive(Debug)]
pub(super) enum Prover {
    /// Two of ours in a room of a Janus.
    Janus { settings: Box<janus::Settings>, room: Room },
    /// A call by SIP.
    Sip { target: Target, account: Option<Account> },
    /// There is no way.
    None,
}

impl Prover {
    /// A Janus is proved in its room, if the inventory names one that mixes sound.
    pub(super) fn janus(settings: janus::Settings, test: &TestConference) -> Self {
        let room = test.conference.as_ref().and_then(Room::parse);
        match room.filter(|room| room.plugin == Plugin::AudioBridge) {
            Some(room) => Self::Janus { settings: Box::new(settings), room },
            None => Self::None,
        }
    }

    /// Tries it.
    pub(super) async fn prove(&self, transmitter: &Transmitter) -> ProofOutcome {
        let proving = async {
            match self {
                Self::Janus { settings, room } => in_room(settings, room, transmitter).await,
                Self::Sip { target, account } => by_call(target, account.as_ref(), transmitter).await,
                Self::None => ProofOutcome::NotProvided,
            }
        };
        let overdue = ProofOutcome::Broke(CallBroke::TimedOut);
        timeout(PROVED_WITHIN, proving).await.unwrap_or(overdue)
    }
}

async fn by_call(target: &Target, account: Option<&Account>, transmitter: &Transmitter) -> ProofOutcome {
    let order = ProbeOrder {
        target: target.clone(),
        name: CALL_NAME.to_owned(),
        account: account.cloned(),
        patience: PATIENCE,
        ringing: RINGING,
        talk: CALL_TALK,
        hz: CALL_HZ,
        others_hz: Vec::new(),
        pictures: None,
    };
    called(probe(order, transmitter).await)
}

/// What a call came to. Pure.
fn called(figures: ProbeFigures) -> ProofOutcome {
    if let ProbeEnd::NotPlaced { why } = figures.end {
        return not_called(why);
    }
    let delay = figures.tones.first().map_or(Given::Absent(Absent::NotProvided), |tone| tone.delay_ms);
    ProofOutcome::Joined(Box::new(ProofFigures {
        setup_ms: figures.setup_ms.value().unwrap_or_default(),
        delay_ms: delay,
        lanes: figures.streams.iter().map(own_lane).collect(),
    }))
}

fn own_lane(sample: &StreamSample) -> Lane {
    Lane { seen_by: SeenBy::Us, ..lane_of(sample) }
}

fn not_called(why: NotCalled) -> ProofOutcome {
    match why {
        NotCalled::NameUnknown | NotCalled::Unreachable | NotCalled::Refused { code: 404 | 480 } => {
            ProofOutcome::NotJoined(CallFailed::Unreachable)
        }
        NotCalled::NoAnswer | NotCalled::NotTaken => ProofOutcome::NotJoined(CallFailed::NoAnswer),
        NotCalled::Refused { code: 486 | 600 } => ProofOutcome::NotJoined(CallFailed::Busy),
        NotCalled::Refused { code: 415 | 488 | 606 } | NotCalled::NoMedia => {
            ProofOutcome::NotJoined(CallFailed::Incompatible)
        }
        NotCalled::Refused { code: 503 } => ProofOutcome::Broke(CallBroke::NoRoom),
        NotCalled::Refused { .. } => ProofOutcome::NotJoined(CallFailed::Declined),
        // A password or a socket of ours says nothing about the MCU.
        NotCalled::Auth | NotCalled::Ours => ProofOutcome::Broke(CallBroke::Refused),
    }
}

async fn in_room(settings: &janus::Settings, room: &Room, transmitter: &Transmitter) -> ProofOutcome {
    let begun = Instant::now();
    if let Err(fault) = make_room(settings, room, PROBE_NAME).await {
        return not_joined(&fault);
    }
    let guests = match two(settings, room).await {
        Ok(guests) => guests,
        Err(why) => return why,
    };
    let joined = begun.elapsed();
    let [(one, one_seated), (other, other_seated)] = guests;
    let heard = talk([one_seated, other_seated], ROOM_TALK, transmitter).await;
    leave([one, other]).await;
    heard.map_or(ProofOutcome::Broke(CallBroke::Refused), |heard| mixed(&heard, joined))
}

/// Both join, or neither stays.
async fn two(settings: &janus::Settings, room: &Room) -> Result<[(Guest, Seated); 2], ProofOutcome> {
    let own = own_side(settings).await.ok_or(ProofOutcome::Broke(CallBroke::Refused))?;
    let join = async |number: u64| -> Result<(Guest, Seated), ProofOutcome> {
        let ours = |_: io::Error| ProofOutcome::Broke(CallBroke::Refused);
        let seat = Seat::open(own).map_err(ours)?;
        let joining = Joining {
            room: room.id.clone(),
            party: Id::Number(number),
            name: PROBE_NAME.to_owned(),
            from: seat.address(),
            codec: GuestCodec::Pcma,
        };
        let guest = Guest::join(settings, &joining).await.map_err(|fault| not_joined(&fault))?;
        let (to, payload_type) = (guest.to, guest.payload_type);
        Ok((guest, Seated { seat, to, payload_type }))
    };
    // Janus wants a number that nobody else in the room has.
    let first = u64::from(rand::random::<u32>()) << 1;
    let one = join(first).await?;
    match join(first + 1).await {
        Ok(other) => Ok([one, other]),
        Err(why) => {
            let _ = timeout(FAREWELL, one.0.leave()).await;
            Err(why)
        }
    }
}

/// Our own address as that Janus sees it.
async fn own_side(settings: &janus::Settings) -> Option<std::net::IpAddr> {
    let host = settings.api.host_str()?;
    let port = settings.api.port_or_known_default()?;
    let target = Target::parse(&format!("sip:{host}:{port}")).ok()?;
    own_address(&target).await.ok()
}

async fn leave(guests: [Guest; 2]) {
    let leaving = guests.map(|guest| timeout(FAREWELL, guest.leave()));
    // One that cannot leave is forgotten by Janus itself.
    futures_util::future::join_all(leaving).await;
}

/// What two in a room came to. Pure.
fn mixed(heard: &Heard, joined: Duration) -> ProofOutcome {
    let first_ms = heard.setup.value().unwrap_or_default().as_ms();
    ProofOutcome::Joined(Box::new(ProofFigures {
        setup_ms: joined.as_secs_f64() * 1e3 + first_ms,
        delay_ms: heard.delay_ms,
        lanes: heard.streams.iter().map(own_lane).collect(),
    }))
}

/// What an MCU's *no* means. A room that cannot be joined is no blindness: it is what everybody else meets.
fn not_joined(fault: &Fault) -> ProofOutcome {
    match fault {
        Fault::Unreachable(_) => ProofOutcome::NotJoined(CallFailed::Unreachable),
        Fault::Said { .. } => ProofOutcome::NotJoined(CallFailed::Declined),
        Fault::NotSupported => ProofOutcome::NotProvided,
        Fault::Ours(_) => ProofOutcome::Broke(CallBroke::Refused),
        Fault::OwnSide(_)
        | Fault::Tls(_)
        | Fault::Auth(_)
        | Fault::RateLimited { .. }
        | Fault::Busy(_)
        | Fault::Shape(_)
        | Fault::Timeout { .. }
        | Fault::OverBudget
        | Fault::NotItsTurn
        | Fault::NoCredential
        | Fault::Account(_) => ProofOutcome::Broke(CallBroke::Blind),
    }
}

/// The transmitter of all proofs: one thread that sends, made when it is first needed.
#[derive(Debug, Clone, Default)]
pub(super) struct Voices(Arc<tokio::sync::OnceCell<Transmitter>>);

impl Voices {
    /// The transmitter.
    pub(super) async fn get(&self) -> io::Result<&Transmitter> {
        self.0.get_or_try_init(async || Transmitter::start()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::{Span, Utc};
    use crate::observation::ToneHeard;
    use crate::observation::device::{Flow, Medium, Way};

    fn figures(end: ProbeEnd) -> ProbeFigures {
        let tone = ToneHeard {
            hz: CALL_HZ,
            level_dbov: Given::Value(-20.0),
            share_pct: Given::Value(50.0),
            delay_ms: Given::Value(140.0),
        };
        ProbeFigures {
            address: "sip:test@mcu".into(),
            began: Utc(0),
            end,
            setup_ms: Given::Value(300.0),
            talked: Span::seconds(8),
            streams: [Way::FromSite, Way::ToSite]
                .map(|way| StreamSample::bare(Medium::Audio, way, Flow::Flowing))
                .to_vec(),
            tones: vec![tone],
        }
    }

    #[test]
    fn a_call_that_was_taken_is_told_as_it_was_seen_by_us() {
        let outcome = called(figures(ProbeEnd::Talked { farewell_heard: true }));
        let ProofOutcome::Joined(proof) = outcome else { panic!("{outcome:?}") };
        assert_eq!((proof.setup_ms, proof.delay_ms), (300.0, Given::Value(140.0)));
        let lanes: Vec<_> = proof.lanes.iter().map(|lane| (lane.way, lane.seen_by, lane.flow)).collect();
        let flowing = |way| (way, SeenBy::Us, Flow::Flowing);
        assert_eq!(lanes, [flowing(Way::FromSite), flowing(Way::ToSite)]);
    }

    #[test]
    fn what_is_our_own_trouble_says_nothing_about_the_mcu() {
        use CallFailed::{Busy, Declined, Incompatible, NoAnswer, Unreachable};
        let joined = |why| ProofOutcome::NotJoined(why);
        for (why, outcome) in [
            (NotCalled::Unreachable, joined(Unreachable)),
            (NotCalled::NoAnswer, joined(NoAnswer)),
            (NotCalled::NotTaken, joined(NoAnswer)),
            (NotCalled::Refused { code: 486 }, joined(Busy)),
            (NotCalled::Refused { code: 603 }, joined(Declined)),
            (NotCalled::Refused { code: 488 }, joined(Incompatible)),
            (NotCalled::Refused { code: 503 }, ProofOutcome::Broke(CallBroke::NoRoom)),
            (NotCalled::Auth, ProofOutcome::Broke(CallBroke::Refused)),
            (NotCalled::Ours, ProofOutcome::Broke(CallBroke::Refused)),
        ] {
            assert_eq!(called(figures(ProbeEnd::NotPlaced { why })), outcome, "{why:?}");
        }
        let blind = ProofOutcome::Broke(CallBroke::Blind);
        for (fault, outcome) in [
            (Fault::Unreachable("refused".into()), joined(Unreachable)),
            (Fault::Said { code: "485".into(), words: String::new() }, joined(Declined)),
            (Fault::Timeout { sent: true }, blind.clone()),
            (Fault::OwnSide("no route".into()), blind),
        ] {
            assert_eq!(not_joined(&fault), outcome, "{fault}");
        }
    }
}

//! Calls through a real proxy to a real endpoint, and to a seat that makes trouble: every call ends, and why there is
//! none is told apart.

use std::time::Duration;

use vcops::domain::mcu::ConferenceRef;
use vcops::domain::stream::AudioCodec;
use vcops::mcu::Bridge as _;
use vcops::sip::call::{Account, Call, CallOrder, Ended, Farewell, NotPlaced, own_address, place};
use vcops::sip::target::Target;
use vcops::wire::coding::{AudioFormat, Coding};
use vcops::wire::sdp::{Media, Session};
use zeroize::Zeroizing;

use super::rig::{Town, port, until};
use super::seat::{Mood, Seat, description};

fn order(address: &str) -> CallOrder {
    CallOrder {
        target: Target::parse(address).unwrap(),
        name: "联调测试".into(),
        account: None,
        patience: Duration::from_secs(3),
        ringing: Duration::from_secs(10),
        longest: Duration::from_secs(60),
    }
}

fn account(secret: &str) -> Account {
    Account { user: "vcops".into(), secret: Zeroizing::new(secret.into()) }
}

/// An offer of sound; nobody sends any here.
fn offer() -> Session {
    let sound = Coding::Audio(AudioFormat::telephone(AudioCodec::Pcma));
    let media = vec![Media::track(&sound, 8, port(), &[])];
    Session { connection: Some([127, 0, 0, 1].into()), media, ..Session::default() }
}

async fn call(order: CallOrder) -> Result<Call, NotPlaced> {
    place(order, offer()).await
}

async fn refusal(order: CallOrder) -> NotPlaced {
    call(order).await.expect_err("no call")
}

#[tokio::test]
async fn a_real_endpoint_takes_the_call_over_udp_and_tcp() {
    let town = Town::start().await;
    let bridge = town.bridge();
    for transport in ["udp", "tcp"] {
        let order = order(&format!("sip:echo@127.0.0.1:{};transport={transport}", town.sip));
        assert_eq!(own_address(&order.target).await, Ok([127, 0, 0, 1].into()));
        let call = call(order).await.unwrap();
        let sound = &call.answer().media[0];
        assert!(sound.port > 0 && sound.formats[0].payload_type == 8, "{sound:?}");
        assert!(call.setup() < Duration::from_secs(10));
        assert_eq!(bridge.conferences().await.unwrap().len(), 1);
        assert_eq!(call.hang_up().await, Farewell::Heard);
        until("the relay forgets the call", async || bridge.conferences().await.unwrap().is_empty()).await;
    }
}

#[tokio::test]
async fn a_password_opens_a_locked_seat_and_nothing_else_does() {
    let town = Town::start().await;
    let locked = |secret: Option<&str>| CallOrder {
        account: secret.map(account),
        ..order(&format!("sip:locked@127.0.0.1:{}", town.sip))
    };
    let call = call(locked(Some("open sesame"))).await.unwrap();
    assert_eq!(call.hang_up().await, Farewell::Heard);
    assert_eq!(refusal(locked(Some("open says me"))).await, NotPlaced::Auth);
    assert_eq!(refusal(locked(None)).await, NotPlaced::Auth);
    assert!(!format!("{:?}", locked(Some("open sesame"))).contains("sesame"));
}

#[tokio::test]
async fn why_there_is_no_call_is_told_apart() {
    let town = Town::start().await;
    let sip = town.sip;
    let nobody = refusal(order(&format!("sip:nobody@127.0.0.1:{sip}"))).await;
    assert_eq!(nobody, NotPlaced::Refused { code: 404, phrase: "No such seat".into() });
    let closed = port();
    assert_eq!(refusal(order(&format!("127.0.0.1:{closed}"))).await, NotPlaced::NoAnswer);
    let closed = refusal(order(&format!("sip:127.0.0.1:{closed};transport=tcp"))).await;
    assert!(matches!(closed, NotPlaced::Unreachable(_)), "{closed}");
    town.seat.signal("-STOP");
    let held = CallOrder { ringing: Duration::from_secs(2), ..order(&format!("sip:echo@127.0.0.1:{sip}")) };
    assert_eq!(refusal(held).await, NotPlaced::NotTaken, "the proxy tries, the seat does not");
    let busy = Seat::open(Mood::Busy).await;
    let busy = refusal(order(&busy.address.to_string())).await;
    assert_eq!(busy, NotPlaced::Refused { code: 486, phrase: "Busy Here".into() });
}

#[tokio::test]
async fn a_call_that_nobody_holds_is_hung_up() {
    let town = Town::start().await;
    let bridge = town.bridge();
    let order = order(&format!("sip:echo@127.0.0.1:{}", town.sip));
    drop(call(order.clone()).await.unwrap());
    until("dropped, it ends", async || bridge.conferences().await.unwrap().is_empty()).await;
    let mut long = call(CallOrder { longest: Duration::from_secs(1), ..order }).await.unwrap();
    assert_eq!(long.ended(), None);
    assert_eq!(long.over().await, Ended::TooLong);
    until("too long, it ends", async || bridge.conferences().await.unwrap().is_empty()).await;
}

#[tokio::test]
async fn a_call_that_is_given_up_while_it_rings_is_cancelled() {
    let seat = Seat::open(Mood::Rings).await;
    let impatient = CallOrder { ringing: Duration::from_millis(500), ..order(&seat.address.to_string()) };
    assert_eq!(refusal(impatient).await, NotPlaced::NotTaken);
    until("CANCEL", async || seat.has_heard("CANCEL")).await;
    let seat = Seat::open(Mood::Rings).await;
    let dropped = call(order(&seat.address.to_string()));
    assert!(tokio::time::timeout(Duration::from_millis(500), dropped).await.is_err());
    until("CANCEL", async || seat.has_heard("CANCEL")).await;
}

#[tokio::test]
async fn an_answer_without_media_is_hung_up_at_once() {
    let seat = Seat::open(Mood::Speechless).await;
    assert_eq!(refusal(order(&seat.address.to_string())).await, NotPlaced::NoDescription);
    until("BYE", async || seat.has_heard("BYE")).await;
    assert!(seat.has_heard("ACK"));
}

#[tokio::test]
async fn who_hangs_up_is_told() {
    let seat = Seat::open(Mood::Takes).await;
    let mut call = call(order(&seat.address.to_string())).await.unwrap();
    seat.ask("BYE", "").await;
    assert_eq!(call.over().await, Ended::ByPeer);
    until("BYE is answered", async || seat.has_heard("SIP/2.0 200")).await;
    assert_eq!(call.hang_up().await, Farewell::Needless);
    assert!(!seat.has_heard("BYE"), "{:?}", seat.heard());
}

#[tokio::test]
async fn a_bye_that_nobody_answers_is_told() {
    let seat = Seat::open(Mood::DeafToBye).await;
    let call = call(order(&seat.address.to_string())).await.unwrap();
    assert_eq!(call.hang_up().await, Farewell::Unheard);
    assert!(seat.has_heard("BYE"));
}

#[tokio::test]
async fn a_refresh_of_the_session_is_agreed_to_and_a_change_is_not() {
    let seat = Seat::open(Mood::Takes).await;
    let call = call(order(&seat.address.to_string())).await.unwrap();
    seat.ask("INVITE", &description()).await;
    until("agreed", async || seat.has_heard("SIP/2.0 200")).await;
    let agreed = seat.last("SIP/2.0 200");
    assert!(agreed.contains("m=audio") && agreed.contains("Session-Expires: 90"), "{agreed}");
    seat.ask("INVITE", &format!("{}a=sendonly\r\n", description())).await;
    until("declined", async || seat.has_heard("SIP/2.0 488")).await;
    seat.ask("UPDATE", "").await;
    until("agreed", async || seat.last("SIP/2.0 200").contains("UPDATE")).await;
    assert_eq!((call.ended(), call.hang_up().await), (None, Farewell::Heard));
}

/// The relay can cut a call's media off, once, and says when there is nothing to cut.
#[tokio::test]
async fn the_relay_cuts_a_call_off_once() {
    use vcops::observation::action::{Action, ActionKey, ActionOutcome, Looked, Refused};
    let town = Town::start().await;
    let bridge = town.bridge();
    let call = call(order(&format!("sip:echo@127.0.0.1:{}", town.sip))).await.unwrap();
    let conference = bridge.conferences().await.unwrap().remove(0).conference;
    let roster = bridge.roster(&conference).await.unwrap();
    assert_eq!(roster.present.len(), 2);
    let cut = |participant: &vcops::domain::mcu::ParticipantRef| Action::Disconnect {
        conference: conference.clone(),
        participant: participant.clone(),
    };
    let action = cut(&roster.present[1].participant);
    let stranger = cut(&vcops::domain::mcu::ParticipantRef::new("nobody"));
    assert!(matches!(bridge.plan(&stranger, Some(&roster)), Err(Refused::NoSuchParticipant { .. })));
    assert!(matches!(bridge.plan(&action, None), Err(Refused::NoSuchConference { .. })));
    let plan = bridge.plan(&action, Some(&roster)).unwrap();
    assert!(plan.steps[0].contains("delete") && plan.touches.len() == 2);
    let key = ActionKey("cut 1".into());
    assert_eq!(bridge.look(&plan, &key).await, Ok(Looked::DidNot));
    town.relay.signal("-STOP");
    assert_eq!(bridge.execute(&plan, &key).await, ActionOutcome::Unknown);
    town.relay.signal("-CONT");
    until("it happened after all", async || bridge.look(&plan, &key).await == Ok(Looked::Happened)).await;
    assert!(bridge.conferences().await.unwrap().is_empty());
    let again = bridge.execute(&plan, &ActionKey("cut 2".into())).await;
    assert_eq!(again, ActionOutcome::Rejected { code: "not_found".into(), retryable: false });
    let gone = bridge.roster(&ConferenceRef::new("nothing")).await;
    assert!(matches!(gone, Err(vcops::mcu::fault::Fault::Said { .. })), "{gone:?}");
    drop(call);
}

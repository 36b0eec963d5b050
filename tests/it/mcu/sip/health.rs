//! OPTIONS and ng against real servers that refuse, stop and die, and against strangers on their ports.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use vcops::mcu::Bridge as _;
use vcops::mcu::fault::Fault;
use vcops::observation::device::{Blindness, Given, Service, Signal};
use vcops::sip::options::{Seen, options};
use vcops::sip::target::Target;

use super::rig::{Town, endpoint, port, until};

const SOON: Duration = Duration::from_secs(10);

async fn ask(address: &str) -> Seen {
    options(&Target::parse(address).unwrap(), SOON).await
}

fn code(seen: &Seen) -> u16 {
    let Seen::Answered(answer) = seen else { panic!("{seen:?}") };
    answer.code
}

/// Answers every datagram with what `reply` makes of it.
async fn stand_in(reply: impl Fn(&str) -> Vec<String> + Send + 'static) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut buffer = vec![0; 65_535];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            for text in reply(std::str::from_utf8(&buffer[..length]).unwrap()) {
                socket.send_to(text.as_bytes(), from).await.unwrap();
            }
        }
    });
    port
}

/// The answer to a question with this status line.
fn answered(question: &str, status: &str) -> String {
    let kept = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
    let lines = question.lines().filter(|line| kept.iter().any(|name| line.starts_with(name)));
    let lines: Vec<&str> = lines.collect();
    format!("SIP/2.0 {status}\r\n{}\r\nContent-Length: 0\r\n\r\n", lines.join("\r\n"))
}

#[tokio::test]
async fn real_servers_answer_over_udp_and_tcp() {
    let town = Town::start().await;
    assert_eq!(code(&ask(&format!("127.0.0.1:{}", town.sip)).await), 200);
    assert_eq!(code(&ask(&format!("sip:127.0.0.1:{};transport=tcp", town.sip)).await), 200);
    let seat = ask(&format!("sip:echo@127.0.0.1:{}", town.far)).await;
    let Seen::Answered(answer) = &seat else { panic!("{seat:?}") };
    assert!(answer.dialable() && answer.server.as_deref().unwrap().starts_with("baresip"), "{answer:?}");
    let stranger = ask(&format!("sip:nobody@127.0.0.1:{}", town.far)).await;
    let Seen::Answered(answer) = &stranger else { panic!("{stranger:?}") };
    assert!(!answer.dialable() && answer.code == 404, "alive, and takes no call: {answer:?}");
}

#[tokio::test]
async fn both_signs_of_a_bridge_are_told_apart() {
    let mut town = Town::start().await;
    let bridge = town.bridge();
    let health = bridge.health().await.unwrap();
    assert_eq!(health.service, Service::Up);
    assert!(health.version.unwrap().starts_with("kamailio"));
    assert_eq!(bridge.capacity().await.unwrap()[0].used, Given::Value(0.0));

    town.relay.signal("-STOP");
    let held = bridge.health().await.unwrap();
    assert_eq!(
        (held.service, held.nodes[1].service),
        (Service::Degraded, Service::Unknown),
        "held up, not gone"
    );
    let fault = bridge.conferences().await.unwrap_err();
    assert_eq!(fault.meaning(), Some(Err(Blindness::Timeout)));
    town.relay.signal("-CONT");
    until("it answers again", async || bridge.health().await.unwrap().service == Service::Up).await;

    town.relay.kill();
    let dead = bridge.health().await.unwrap();
    assert_eq!((dead.service, dead.nodes[1].service), (Service::Degraded, Service::Failed));
    assert_eq!(bridge.conferences().await.unwrap_err().meaning(), Some(Ok(Signal::Interface)));

    let (signal, alive) = bridge.second_sign().await.unwrap();
    assert_eq!((signal, alive), (Signal::Signalling, Ok(())), "the proxy lives");
    town.proxy.kill();
    let gone = bridge.health().await.unwrap_err();
    assert!(matches!(gone, Fault::Unreachable(_)), "{gone}");
    assert!(matches!(bridge.second_sign().await, Some((Signal::Signalling, Err(Fault::Unreachable(_))))));

    town.restart_relay().await;
    assert_eq!(bridge.health().await.unwrap().nodes[0].service, Service::Failed);
}

#[tokio::test]
async fn a_killed_seat_cannot_be_reached_and_a_stopped_one_is_silent() {
    let mut town = Town::start().await;
    let seat = endpoint(&format!("sip:echo@127.0.0.1:{}", town.far));
    assert_eq!(seat.health().await.unwrap().service, Service::Up);
    town.seat.signal("-STOP");
    assert_eq!(seat.health().await, Err(Fault::Timeout { sent: true }));
    town.seat.kill();
    let fault = seat.health().await.unwrap_err();
    assert_eq!(fault.meaning(), Some(Ok(Signal::Interface)), "{fault}");
}

#[tokio::test]
async fn any_final_answer_is_a_sign_of_life() {
    for (status, service) in [
        ("401 Unauthorized", Ok(Service::Unknown)),
        ("404 Not Found", Ok(Service::Unknown)),
        ("200 OK", Ok(Service::Up)),
        ("500 Broken", Ok(Service::Degraded)),
        ("503 Full", Err(Fault::Busy("503 Full".into()))),
    ] {
        let port =
            stand_in(move |question| vec![answered(question, "100 Trying"), answered(question, status)])
                .await;
        let health = endpoint(&format!("127.0.0.1:{port}")).health().await;
        assert_eq!(health.map(|health| health.service), service, "{status}");
    }
}

#[tokio::test]
async fn answers_to_others_and_rubbish_are_no_answers() {
    let forged = |question: &str| {
        let other = question.replace("branch=z9hG4bK", "branch=z9hG4bKother");
        vec!["\r\n\r\n".into(), answered(&other, "200 OK"), answered(question, "100 Trying")]
    };
    let target = |port| Target::parse(&format!("127.0.0.1:{port}")).unwrap();
    let patience = Duration::from_millis(700);
    assert_eq!(options(&target(stand_in(forged).await), patience).await, Seen::NoAnswer);
    let rubbish = stand_in(|_| vec!["HTTP/1.1 400 Bad Request\r\n\r\n".into()]).await;
    assert_eq!(options(&target(rubbish), patience).await, Seen::NotSip);
    let silent = stand_in(|_| Vec::new()).await;
    assert_eq!(options(&target(silent), patience).await, Seen::NoAnswer);
}

#[tokio::test]
async fn a_lost_question_is_asked_again() {
    let count = std::sync::atomic::AtomicU32::new(0);
    let port = stand_in(move |question| {
        let first = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        if first { Vec::new() } else { vec![answered(question, "200 OK")] }
    });
    assert_eq!(code(&ask(&format!("127.0.0.1:{}", port.await)).await), 200);
}

#[tokio::test]
async fn closed_ports_and_strangers_on_connections_have_their_own_words() {
    for transport in ["udp", "tcp"] {
        let seen = ask(&format!("sip:127.0.0.1:{};transport={transport}", port())).await;
        assert!(matches!(seen, Seen::Unreachable(_)), "{transport}: {seen:?}");
    }
    assert!(matches!(ask("sip:no-such-name.invalid").await, Seen::NameUnknown(_) | Seen::NoAnswer));
    // A web server: answers in its own tongue, or hangs up.
    for words in ["HTTP/1.1 400 Bad Request\r\n\r\n", ""] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut question = vec![0; 4096];
            assert!(stream.read(&mut question).await.unwrap() > 0);
            stream.write_all(words.as_bytes()).await.unwrap();
        });
        let seen = ask(&format!("sip:127.0.0.1:{port};transport=tcp")).await;
        assert_eq!(seen, Seen::NotSip, "{words:?}");
    }
}

//! A serial modem as a stand-in behind a pseudo-terminal: it speaks AT, keeps messages on its card, and makes trouble.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vcops::notify::channel::Channel;
use vcops::notify::fault::{Class, Code};
use vcops::notify::message::Addressee;
use vcops::notify::modem::{Incoming, Modem, ModemSettings};

use super::rig::{id, message, until};

#[derive(Debug, Default)]
struct Card {
    /// PDUs that were sent.
    sent: Vec<String>,
    /// Messages that lie on the card.
    kept: BTreeMap<u16, String>,
    /// What the next message is answered instead of its receipt.
    refuses: Option<&'static str>,
    silent: bool,
    locked: bool,
}

type Shared = Arc<Mutex<Card>>;

/// The modem's side of a pseudo-terminal. It ends with the test's process.
fn modem(card: Shared) -> PathBuf {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let path = PathBuf::from(std::ffi::OsStr::from_bytes(name.as_bytes()));
    // Held open, so that the modem's side is never hung up between two openings.
    let held = File::options().read(true).write(true).open(&path).unwrap();
    std::thread::spawn(move || {
        let _held = held;
        converse(File::from(controller), &card);
    });
    path
}

fn converse(mut port: File, card: &Shared) {
    let (mut text, mut byte, mut prompted) = (String::new(), [0; 1], false);
    while port.read(&mut byte).is_ok_and(|read| read == 1) {
        match byte[0] {
            0x1b => text.clear(),
            b'\r' | 0x1a => {
                let line = std::mem::take(&mut text);
                let answer = answer(card, line.trim(), &mut prompted);
                if !card.lock().unwrap().silent {
                    port.write_all(answer.as_bytes()).unwrap();
                }
            }
            other => text.push(char::from(other)),
        }
    }
}

fn answer(card: &Shared, line: &str, prompted: &mut bool) -> String {
    let mut card = card.lock().unwrap();
    if std::mem::take(prompted) {
        if let Some(refusal) = card.refuses.take() {
            return format!("\r\n{refusal}\r\n");
        }
        card.sent.push(line.to_owned());
        return format!("\r\n+CMGS: {}\r\n\r\nOK\r\n", card.sent.len());
    }
    match line {
        "AT+CPIN?" if card.locked => "\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n".into(),
        "AT+CPIN?" => "\r\n+CPIN: READY\r\n\r\nOK\r\n".into(),
        "AT+CMGL=4" => {
            let kept = card.kept.iter().map(|(at, pdu)| format!("\r\n+CMGL: {at},1,,20\r\n{pdu}\r\n"));
            kept.collect::<String>() + "\r\nOK\r\n"
        }
        line if line.starts_with("AT+CMGS=") => {
            *prompted = true;
            "\r\n> ".into()
        }
        line if line.starts_with("AT+CMGD=") => {
            let at = line.trim_start_matches("AT+CMGD=").parse().unwrap();
            card.kept.remove(&at);
            "\r\nOK\r\n".into()
        }
        "" => String::new(),
        // An unasked report between a command and its answer.
        _ => "\r\n+CREG: 1\r\n\r\nOK\r\n".into(),
    }
}

struct Bench {
    channel: Modem,
    card: Shared,
    incoming: mpsc::Receiver<Incoming>,
    stop: CancellationToken,
}

fn bench(card: Card) -> Bench {
    let card = Arc::new(Mutex::new(card));
    let port = modem(Arc::clone(&card));
    on_port(port, card)
}

fn on_port(port: PathBuf, card: Shared) -> Bench {
    let (answers, incoming) = mpsc::channel(8);
    let settings = ModemSettings { port, baud: 115_200, units_max: 201, per_minute: 60 };
    let (channel, task) = Modem::new(id("modem"), settings, answers);
    let stop = CancellationToken::new();
    tokio::spawn(task.run(stop.clone()));
    Bench { channel, card, incoming, stop }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test]
async fn a_chinese_text_leaves_in_parts_that_a_telephone_joins() {
    let bench = bench(Card::default());
    let mut long = message("12-3");
    long.body = "甲".repeat(120);
    bench.channel.deliver(&long).await.unwrap();
    let sent = bench.card.lock().unwrap().sent.clone();
    assert!(sent.len() > 1, "{sent:?}");
    let mut units = Vec::new();
    for (at, pdu) in sent.iter().enumerate() {
        // The number, the coding UCS-2, then the header of a part.
        assert!(pdu.starts_with("0041000B813108000000F10008"), "{pdu}");
        assert_eq!(&pdu[36..40], format!("{:02X}{:02X}", sent.len(), at + 1), "{pdu}");
        let bytes = hex::decode(&pdu[40..]).unwrap();
        units.extend(bytes.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])));
    }
    let text = String::from_utf16(&units).unwrap();
    assert!(text.starts_with("【紧急】主用 MCU 失联 甲甲") && text.ends_with("[12-3]"), "{text}");
}

#[tokio::test]
async fn what_people_answer_is_handed_on_and_taken_off_the_card() {
    let mut card = Card::default();
    card.kept.insert(3, "0891683110304105F0240D91683108000000F100006211823130322306335CEC068201".into());
    card.kept.insert(4, "not a message".into());
    let mut bench = bench(card);
    let incoming = tokio::time::timeout(super::rig::PATIENCE, bench.incoming.recv()).await.unwrap().unwrap();
    assert_eq!((incoming.from.as_str(), incoming.text.as_str()), ("+8613800000001", "3817 0"));
    until("the card is empty", || bench.card.lock().unwrap().kept.is_empty()).await;
}

#[tokio::test]
async fn a_refusal_says_what_it_means_and_the_next_message_goes() {
    let bench = bench(Card { refuses: Some("+CMS ERROR: 21"), ..Card::default() });
    let fault = bench.channel.deliver(&message("12-3")).await.unwrap_err();
    assert_eq!((fault.class, fault.code), (Class::Final, Code::Rejected));
    bench.card.lock().unwrap().refuses = Some("+CMS ERROR: 331");
    let fault = bench.channel.deliver(&message("12-3")).await.unwrap_err();
    assert_eq!((fault.class, fault.code), (Class::Again, Code::Unreachable));
    bench.channel.deliver(&message("12-4")).await.unwrap();
    let nobody = vcops::notify::Message { to: Addressee::Group, ..message("12-5") };
    assert_eq!(bench.channel.deliver(&nobody).await.unwrap_err().code, Code::NoAddress);
}

#[tokio::test]
async fn a_modem_that_falls_silent_is_opened_again() {
    let bench = bench(Card { silent: true, ..Card::default() });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let fault = bench.channel.deliver(&message("12-3")).await.unwrap_err();
    assert_eq!((fault.class, fault.code), (Class::Again, Code::Timeout), "{fault}");
    bench.card.lock().unwrap().silent = false;
    let mut tries = 0;
    while let Err(fault) = bench.channel.deliver(&message("12-3")).await {
        tries += 1;
        assert!(tries < 30, "{fault}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn a_locked_card_and_a_port_that_is_not_there_are_said_at_once() {
    let locked = bench(Card { locked: true, ..Card::default() });
    let fault = locked.channel.deliver(&message("12-3")).await.unwrap_err();
    assert_eq!((fault.class, fault.code), (Class::Again, Code::Credential), "{fault}");
    let missing = on_port("/dev/ttyNOT-THERE".into(), Shared::default());
    let fault = missing.channel.deliver(&message("12-3")).await.unwrap_err();
    assert_eq!((fault.class, fault.code), (Class::Again, Code::Ours), "{fault}");
}

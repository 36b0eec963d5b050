//! Mail to a real server (aiosmtpd of Debian, encrypted and not), and to one that refuses as servers do.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use vcops::notify::channel::Channel;
use vcops::notify::fault::{Class, Code};
use vcops::notify::line::Trust;
use vcops::notify::mail::{Encryption, Mail, MailServer, address};
use vcops::notify::message::Addressee;

use super::rig::{Certificate, Program, closed_port, here, id, listening, message};

fn channel(at: SocketAddr, encryption: Encryption, trust: Trust, login: bool) -> Mail {
    let server = MailServer {
        host: "localhost".into(),
        port: at.port(),
        encryption,
        login: login.then(|| ("vcops".to_owned(), "s3cret-password".to_owned().into())),
        from: address("vcops@example.org").unwrap(),
        group: vec![address("group@example.org").unwrap()],
        trust,
    };
    Mail::new(id("mail"), server, here(), 60)
}

/// The letters in a mailbox.
fn letters(dir: &std::path::Path) -> Vec<String> {
    let new = dir.join("box/new");
    let Ok(listed) = std::fs::read_dir(new) else { return Vec::new() };
    listed.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
}

async fn real(dir: &std::path::Path, more: &[&str]) -> (Program, SocketAddr) {
    let at = closed_port().await;
    let (listen, mailbox) = (at.to_string(), dir.join("box"));
    let mut arguments = vec!["-m", "aiosmtpd", "-n", "-l", listen.as_str()];
    arguments.extend_from_slice(more);
    arguments.extend(["-c", "aiosmtpd.handlers.Mailbox", mailbox.to_str().unwrap()]);
    // Debian's own interpreter has Debian's packages.
    let program = Program::start("/usr/bin/python3", &arguments);
    listening(at).await;
    (program, at)
}

#[tokio::test]
async fn a_real_server_gets_a_letter_that_can_be_read_and_recognised() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, at) = real(dir.path(), &[]).await;
    let channel = channel(at, Encryption::None, Trust::default(), false);
    let mut notice = message("12-3");
    notice.drill = true;
    channel.deliver(&notice).await.unwrap();
    channel.deliver(&notice).await.unwrap();
    let letters = letters(dir.path());
    assert_eq!(letters.len(), 2);
    let name =
        |letter: &String| letter.lines().find(|line| line.starts_with("Message-ID:")).unwrap().to_owned();
    assert_eq!(name(&letters[0]), name(&letters[1]), "a repetition has the name of the first");
    assert!(letters[0].contains("To: duty@example.org"), "{}", letters[0]);
    assert!(letters[0].contains("charset=utf-8"), "{}", letters[0]);
    assert!(letters[0].contains("Subject: =?utf-8?"), "{}", letters[0]);
}

#[tokio::test]
async fn starttls_and_tls_from_the_start_are_spoken_with_a_real_server() {
    let certificate = Certificate::new(false);
    for (encryption, flags) in
        [(Encryption::StartTls, ["--tlscert", "--tlskey"]), (Encryption::Tls, ["--smtpscert", "--smtpskey"])]
    {
        let dir = tempfile::tempdir().unwrap();
        let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
        std::fs::write(&cert, &certificate.pem).unwrap();
        std::fs::write(&key, &certificate.key_pem).unwrap();
        let more = [flags[0], cert.to_str().unwrap(), flags[1], key.to_str().unwrap()];
        let (_server, at) = real(dir.path(), &more).await;
        channel(at, encryption, certificate.trust(), false).deliver(&message("12-3")).await.unwrap();
        assert_eq!(letters(dir.path()).len(), 1, "{encryption:?}");
        let strangers = channel(at, encryption, Certificate::new(false).trust(), false);
        assert_eq!(strangers.deliver(&message("12-3")).await.unwrap_err().code, Code::Tls, "{encryption:?}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_encrypt_is_not_spoken_to_in_the_clear() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, at) = real(dir.path(), &[]).await;
    let channel = channel(at, Encryption::StartTls, Trust::default(), true);
    channel.deliver(&message("12-3")).await.unwrap_err();
    assert!(letters(dir.path()).is_empty());
}

/// Says one line to each command, the last one again and again.
async fn scripted(lines: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (read, mut write) = stream.into_split();
                let mut commands = BufReader::new(read).lines();
                for at in 0.. {
                    let said = lines.get(at).or(lines.last()).unwrap();
                    if write.write_all(format!("{said}\r\n").as_bytes()).await.is_err() {
                        return;
                    }
                    let Ok(Some(_)) = commands.next_line().await else { return };
                }
            });
        }
    });
    at
}

#[tokio::test]
async fn what_a_server_says_decides_whether_to_try_again() {
    let cases: [(&'static [&'static str], Class, Code); 5] = [
        (&["421 too many connections"], Class::Again, Code::Busy),
        (&["220 hi", "250 hub", "451 try later"], Class::Again, Code::Busy),
        (&["220 hi", "250 hub", "250 ok", "550 no such user"], Class::Final, Code::Rejected),
        (
            &["220 hi", "250-hub\r\n250 AUTH PLAIN", "535 s3cret-password is wrong"],
            Class::Final,
            Code::Credential,
        ),
        (&["what?"], Class::Again, Code::Shape),
    ];
    for (lines, class, code) in cases {
        let login = lines.iter().any(|line| line.contains("AUTH"));
        let channel = channel(scripted(lines).await, Encryption::None, Trust::default(), login);
        let fault = channel.deliver(&message("12-3")).await.unwrap_err();
        assert_eq!((fault.class, fault.code), (class, code), "{lines:?}: {fault}");
        assert!(!fault.to_string().contains("s3cret-password"), "{fault}");
    }
}

#[tokio::test]
async fn a_person_without_an_address_is_not_reached_by_mail_and_a_group_is() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, at) = real(dir.path(), &[]).await;
    let channel = channel(at, Encryption::None, Trust::default(), false);
    let to = Addressee::Person { mobile: Some("13800000001".into()), mail: None };
    let fault = channel.deliver(&vcops::notify::Message { to, ..message("12-3") }).await.unwrap_err();
    assert_eq!((fault.class, fault.code), (Class::Final, Code::NoAddress));
    channel.deliver(&vcops::notify::Message { to: Addressee::Group, ..message("12-4") }).await.unwrap();
    assert!(letters(dir.path())[0].contains("To: group@example.org"));
}

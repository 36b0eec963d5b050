//! A seat that speaks SIP and makes trouble on command: takes calls, rings for ever, hangs up, renegotiates, forgets
//! whom it talks to. Keeps the state of one dialogue and writes down every request.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How it meets a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Takes it.
    Takes,
    /// Rings and nothing else.
    Rings,
    /// Takes it and describes no media.
    Speechless,
    /// Takes it, and never answers a BYE.
    DeafToBye,
    /// Busy.
    Busy,
}

/// What it asks in a running call.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    /// A description, or nothing.
    pub(crate) body: String,
}

/// A seat on a port of its own; ends with its value.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    asks: mpsc::Sender<Ask>,
    task: JoinHandle<()>,
}

/// What it answers to a call, with media at port 4000.
pub(crate) fn description() -> String {
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
        .into()
}

impl Seat {
    pub(crate) async fn open(mood: Mood) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let (asks, orders) = mpsc::channel(8);
        let sitter = Sitter { socket, mood, heard: Arc::clone(&heard), invite: None, asked: 0 };
        Self { address, heard, asks, task: tokio::spawn(sitter.sit(orders)) }
    }

    /// Asks something in the running call.
    pub(crate) async fn ask(&self, method: &'static str, body: &str) {
        self.asks.send(Ask { method, body: body.to_owned() }).await.unwrap();
    }

    /// First lines of everything that came, repetitions left out.
    pub(crate) fn heard(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.heard.lock().unwrap().iter().map(|text| text.lines().next().unwrap().to_owned()).collect();
        lines.dedup();
        lines
    }

    /// Whether something came whose first line begins like that.
    pub(crate) fn has_heard(&self, beginning: &str) -> bool {
        self.heard().iter().any(|line| line.starts_with(beginning))
    }

    /// The whole text of the last thing that came with such a first line.
    pub(crate) fn last(&self, beginning: &str) -> String {
        self.heard.lock().unwrap().iter().rev().find(|text| text.starts_with(beginning)).cloned().unwrap()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Sitter {
    socket: UdpSocket,
    mood: Mood,
    heard: Arc<Mutex<Vec<String>>>,
    /// The call it is in: its INVITE, and where that came from.
    invite: Option<(String, SocketAddr)>,
    asked: u32,
}

impl Sitter {
    async fn sit(mut self, mut orders: mpsc::Receiver<Ask>) {
        let mut buffer = vec![0; 65_535];
        loop {
            tokio::select! {
                came = self.socket.recv_from(&mut buffer) => {
                    let (length, from) = came.unwrap();
                    let text = std::str::from_utf8(&buffer[..length]).unwrap().to_owned();
                    self.hear(text, from).await;
                }
                Some(ask) = orders.recv() => self.speak(&ask).await,
            }
        }
    }

    async fn hear(&mut self, text: String, from: SocketAddr) {
        self.heard.lock().unwrap().push(text.clone());
        let method = text.split(' ').next().unwrap().to_owned();
        match method.as_str() {
            "INVITE" => {
                self.invite = Some((text.clone(), from));
                self.meet(&text, from).await;
            }
            "BYE" if self.mood == Mood::DeafToBye => {}
            "BYE" => self.answer(&text, from, "200 OK", "").await,
            "CANCEL" => {
                self.answer(&text, from, "200 OK", "").await;
                let (invite, from) = self.invite.clone().unwrap();
                self.answer(&invite, from, "487 Request Terminated", "").await;
            }
            "OPTIONS" => self.answer(&text, from, "200 OK", "").await,
            _ if text.starts_with("SIP/2.0 2") && text.contains(" INVITE\r\n") => self.acknowledge().await,
            _ => {}
        }
    }

    async fn meet(&self, invite: &str, from: SocketAddr) {
        self.answer(invite, from, "180 Ringing", "").await;
        match self.mood {
            Mood::Rings => {}
            Mood::Busy => self.answer(invite, from, "486 Busy Here", "").await,
            Mood::Speechless => self.answer(invite, from, "200 OK", "").await,
            Mood::Takes | Mood::DeafToBye => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                self.answer(invite, from, "200 OK", &description()).await;
            }
        }
    }

    async fn answer(&self, request: &str, from: SocketAddr, status: &str, body: &str) {
        let kept = |name: &str| line(request, name).map(|line| format!("{line}\r\n")).unwrap_or_default();
        let to = line(request, "To:").unwrap();
        let to = if to.contains("tag=") { to.to_owned() } else { format!("{to};tag=seat") };
        let text = format!(
            "SIP/2.0 {status}\r\n{}{}{to}\r\n{}{}Contact: <sip:seat@{}>\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{body}",
            kept("Via:"),
            kept("From:"),
            kept("Call-ID:"),
            kept("CSeq:"),
            self.socket.local_addr().unwrap(),
            body.len(),
        );
        self.socket.send_to(text.as_bytes(), from).await.unwrap();
    }

    async fn speak(&mut self, ask: &Ask) {
        self.asked += 1;
        self.request(ask.method, self.asked, &ask.body).await;
    }

    async fn acknowledge(&self) {
        self.request("ACK", self.asked, "").await;
    }

    /// A request within the call: From and To change sides.
    async fn request(&self, method: &str, number: u32, body: &str) {
        let (invite, from) = self.invite.clone().unwrap();
        let own = self.socket.local_addr().unwrap();
        let value = |name: &str| line(&invite, name).unwrap().split_once(": ").unwrap().1.to_owned();
        let contact = value("Contact:").trim_matches(['<', '>']).to_owned();
        let text = format!(
            "{method} {contact} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKseat{method}{number};rport\r\n\
             Max-Forwards: 70\r\nFrom: {};tag=seat\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {number} {method}\r\n\
             Contact: <sip:seat@{own}>\r\nSession-Expires: 90;refresher=uac\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            value("To:"),
            value("From:"),
            value("Call-ID:"),
            body.len(),
        );
        self.socket.send_to(text.as_bytes(), from).await.unwrap();
    }
}

fn line<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find(|line| line.starts_with(name))
}

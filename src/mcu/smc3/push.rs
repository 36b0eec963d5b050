//! The connection on which an SMC pushes: WebSocket, STOMP in it, and what has to be asked for by REST before a topic
//! says anything.
//!
//! The topic of all conferences says which begin and end. Each conference that is on is followed by three topics of
//! its own: itself, a group with its sites, and their measurements. Message numbers count over all clients of the SMC
//! and so tell doubles but no gaps; nothing is lost on a connection, and a new one begins with a gap.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Method;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_util::sync::CancellationToken;

use super::Smc3;
use super::news::{self, News};
use super::portal::Request;
use super::reply;
use super::socket::{self, Socket};
use super::stomp::{Decoder, Frame, Item};
use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::mcu::Pushed;
use crate::mcu::fault::Fault;
use crate::mcu::http::Intent;
use crate::observation::device::Presence;

/// Most conferences that are followed at once.
const FOLLOWED_MAX: usize = 32;
/// How often both sides say that they live.
const BEAT: Duration = Duration::from_secs(10);
/// How long a side that promises no beats may be silent; we ask it meanwhile.
const SILENCE: Duration = Duration::from_secs(30);
/// How long the SMC may take to greet.
const GREETING: Duration = Duration::from_secs(5);
/// After a change the sites of a conference are not read anew more often than this.
const AGAIN: Duration = Duration::from_secs(2);
/// Without a change they are read anew this often.
const SWEEP: Duration = Duration::from_secs(60);
/// At most this often it is said that the SMC lives.
const ALIVE: Duration = Duration::from_secs(5);
/// How many message numbers are remembered.
const NUMBERS_MAX: usize = 256;

/// Listens until the connection ends, nobody hears any more, or it is told to stop.
pub(super) async fn listen(
    smc: &Smc3,
    pushed: mpsc::Sender<Pushed>,
    stop: CancellationToken,
) -> Result<(), Fault> {
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        () = pushed.closed() => Ok(()),
        ended = follow_all(smc, &pushed) => ended,
    }
}

async fn follow_all(smc: &Smc3, pushed: &mpsc::Sender<Pushed>) -> Result<(), Fault> {
    let socket = socket::open(smc).await?;
    let mut line = Line::greet(smc, pushed, socket).await?;
    // What happened before is not known.
    line.say(Pushed::Gap).await;
    line.subscribe("/topic/conferences/status", None).await?;
    for conference in smc.online().await?.0.into_iter().take(FOLLOWED_MAX) {
        line.follow(conference.conference).await?;
    }
    line.run().await
}

/// A conference that is followed.
#[derive(Debug)]
struct Followed {
    /// The name of the group of its sites, which we choose.
    group: String,
    /// Its subscriptions.
    subscriptions: Vec<String>,
    /// All its sites and those that are online, as they were told to the SMC last.
    told: (Vec<ParticipantRef>, Vec<ParticipantRef>),
    /// When its sites were read.
    read: Instant,
    /// Something changed since.
    changed: bool,
}

struct Line<'a> {
    smc: &'a Smc3,
    pushed: &'a mpsc::Sender<Pushed>,
    socket: Socket,
    decoder: Decoder,
    followed: BTreeMap<ConferenceRef, Followed>,
    subscriptions: u32,
    numbers: VecDeque<String>,
    /// How often we promised to say something; never if zero was agreed on.
    beat: Option<Duration>,
    spoke: Instant,
    silence: Duration,
    heard: Instant,
    said_alive: Option<Instant>,
}

impl<'a> Line<'a> {
    async fn greet(smc: &'a Smc3, pushed: &'a mpsc::Sender<Pushed>, socket: Socket) -> Result<Self, Fault> {
        let now = Instant::now();
        let mut line = Self {
            smc,
            pushed,
            socket,
            decoder: Decoder::default(),
            followed: BTreeMap::new(),
            subscriptions: 0,
            numbers: VecDeque::new(),
            beat: None,
            spoke: now,
            silence: SILENCE,
            heard: now,
            said_alive: None,
        };
        let beat = BEAT.as_millis();
        let beats = format!("{beat},{beat}");
        let host = smc.line.base().host_str().unwrap_or_default().to_owned();
        let connect =
            [("accept-version", "1.1,1.2"), ("host", host.as_str()), ("heart-beat", beats.as_str())];
        line.send(&Frame::new("CONNECT", &connect)).await?;
        let connected = tokio::time::timeout(GREETING, line.next_frame())
            .await
            .map_err(|_| Fault::Timeout { sent: true })??;
        line.agree(&connected)?;
        Ok(line)
    }

    fn agree(&mut self, connected: &Frame) -> Result<(), Fault> {
        if connected.command != "CONNECTED" {
            return Err(refused(connected));
        }
        let (theirs, wanted) = heart_beat(connected.header("heart-beat").unwrap_or("0,0"));
        self.beat = wanted.map(|wanted| wanted.max(BEAT));
        self.silence = theirs.map_or(SILENCE, |theirs| theirs.max(BEAT) * 2 + Duration::from_secs(1));
        Ok(())
    }

    async fn run(&mut self) -> Result<(), Fault> {
        let mut tick = tokio::time::interval(Duration::from_millis(500));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = self.socket.next() => self.hear(message).await?,
                _ = tick.tick() => self.tick().await?,
            }
        }
    }

    async fn tick(&mut self) -> Result<(), Fault> {
        if self.heard.elapsed() > self.silence {
            return Err(Fault::Timeout { sent: false });
        }
        if self.spoke.elapsed() >= self.beat.unwrap_or(BEAT) {
            let message =
                if self.beat.is_some() { Message::text("\n") } else { Message::Ping(Vec::new().into()) };
            self.put(message).await?;
        }
        let due = self
            .followed
            .iter()
            .find(|(_, followed)| followed.read.elapsed() >= if followed.changed { AGAIN } else { SWEEP });
        match due.map(|(conference, _)| conference.clone()) {
            Some(conference) => self.refresh(&conference).await,
            None => Ok(()),
        }
    }

    /// The next frame while greeting; nothing else is expected.
    async fn next_frame(&mut self) -> Result<Frame, Fault> {
        loop {
            while let Some(item) = self.decoder.next_item().map_err(unreadable)? {
                if let Item::Frame(frame) = item {
                    return Ok(frame);
                }
            }
            let message = self.socket.next().await;
            self.feed(message)?;
        }
    }

    async fn hear(&mut self, message: Option<Result<Message, SocketError>>) -> Result<(), Fault> {
        self.feed(message)?;
        if self.said_alive.is_none_or(|said| said.elapsed() >= ALIVE) {
            self.said_alive = Some(Instant::now());
            self.say(Pushed::Alive).await;
        }
        while let Some(item) = self.decoder.next_item().map_err(unreadable)? {
            match item {
                Item::Beat => {}
                Item::Frame(frame) if frame.command == "MESSAGE" => self.take(&frame).await?,
                Item::Frame(frame) if frame.command == "RECEIPT" => {}
                Item::Frame(frame) => return Err(refused(&frame)),
            }
        }
        Ok(())
    }

    fn feed(&mut self, message: Option<Result<Message, SocketError>>) -> Result<(), Fault> {
        let piece = match message {
            Some(Ok(Message::Text(text))) => text.as_bytes().to_vec(),
            Some(Ok(Message::Binary(bytes))) => bytes.to_vec(),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Vec::new(),
            // The connection ended, or what is on it cannot be read.
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Fault::Timeout { sent: false }),
        };
        self.heard = Instant::now();
        self.decoder.feed(&piece).map_err(unreadable)
    }

    async fn take(&mut self, frame: &Frame) -> Result<(), Fault> {
        if let Some(number) = frame.header("message-id") {
            if self.numbers.iter().any(|known| known == number) {
                return Ok(());
            }
            if self.numbers.len() >= NUMBERS_MAX {
                self.numbers.pop_front();
            }
            self.numbers.push_back(number.to_owned());
        }
        let topic = frame.header("destination").and_then(news::conference_of);
        let about = topic.or_else(|| frame.header("conferenceId").map(ConferenceRef::new));
        for each in news::news(about.as_ref(), &frame.body)? {
            self.pass_on(each).await?;
        }
        Ok(())
    }

    async fn pass_on(&mut self, news: News) -> Result<(), Fault> {
        match news {
            News::Stage { conference, online } => {
                self.say(Pushed::Changed(Some(conference.clone()))).await;
                if online { self.follow(conference).await? } else { self.leave(&conference).await? }
            }
            News::State(conference) => self.say(Pushed::Changed(Some(conference))).await,
            News::Sites(conference) => {
                if let Some(followed) = self.followed.get_mut(&conference) {
                    followed.changed = true;
                }
                self.say(Pushed::Changed(Some(conference))).await;
            }
            News::Media { conference, site, measured } => {
                let streams = self.smc.live.take(&conference, &site, &measured);
                self.say(Pushed::Media { conference, site, streams }).await;
            }
        }
        Ok(())
    }

    /// Begins to follow a conference. One that is over already, or may not be seen, is left alone.
    async fn follow(&mut self, conference: ConferenceRef) -> Result<(), Fault> {
        if self.followed.contains_key(&conference) || self.followed.len() >= FOLLOWED_MAX {
            return Ok(());
        }
        match self.begin(&conference).await {
            Ok(()) => Ok(()),
            Err(Fault::Said { .. }) => self.leave(&conference).await,
            Err(fault) => Err(fault),
        }
    }

    async fn begin(&mut self, conference: &ConferenceRef) -> Result<(), Fault> {
        let path = format!("conferences/{}/token", super::segment(conference.as_str())?);
        let token = reply::bare_token(&self.smc.read(&Request::get(path)).await?.body)?;
        let group = format!("{}{}", jiff::Timestamp::now().as_millisecond(), self.followed.len());
        let followed = Followed {
            group: group.clone(),
            subscriptions: Vec::new(),
            told: (Vec::new(), Vec::new()),
            read: Instant::now(),
            changed: true,
        };
        self.followed.insert(conference.clone(), followed);
        self.refresh(conference).await?;
        let topic = format!("/topic/conferences/{conference}");
        let sites = format!("{topic}/participants/groups/{group}");
        for topic in [&topic, &sites, &format!("{sites}/realTimeInfo")] {
            let subscription = self.subscribe(topic, Some(&token)).await?;
            if let Some(followed) = self.followed.get_mut(conference) {
                followed.subscriptions.push(subscription);
            }
        }
        Ok(())
    }

    async fn leave(&mut self, conference: &ConferenceRef) -> Result<(), Fault> {
        let Some(followed) = self.followed.remove(conference) else { return Ok(()) };
        for id in &followed.subscriptions {
            self.send(&Frame::new("UNSUBSCRIBE", &[("id", id)])).await?;
        }
        Ok(())
    }

    /// Reads the sites of a conference and tells the SMC of whom we want to hear, if that is news to it.
    async fn refresh(&mut self, conference: &ConferenceRef) -> Result<(), Fault> {
        let (sites, _) = match self.smc.sites(conference).await {
            Err(Fault::Said { .. }) => return self.leave(conference).await,
            // There is another time.
            Err(Fault::OverBudget | Fault::RateLimited { .. } | Fault::Busy(_)) => (Vec::new(), false),
            read => read?,
        };
        let is_online = |site: &&reply::Site| site.seen.presence == Presence::Connected;
        let all: Vec<_> = sites.iter().map(|site| site.seen.participant.clone()).collect();
        let online: Vec<_> =
            sites.iter().filter(is_online).map(|site| site.seen.participant.clone()).collect();
        let Some(followed) = self.followed.get_mut(conference) else { return Ok(()) };
        followed.read = Instant::now();
        followed.changed = false;
        let told = std::mem::replace(&mut followed.told, (all, online));
        let (all, online) = &followed.told;
        if all.is_empty() || told == followed.told {
            return Ok(());
        }
        let group = format!("online/conferences/{conference}/participants/groups/{}", followed.group);
        let body = json!({ "pageSize": all.len(), "participants": all });
        let group_of_all = Request::with(Method::POST, group.clone(), body);
        let measured = Request::with(Method::POST, format!("{group}/realTimeInfo"), json!(online));
        self.smc.conf.ask(&group_of_all, Intent::Read).await?;
        self.smc.conf.ask(&measured, Intent::Read).await.map(drop)
    }

    async fn subscribe(&mut self, topic: &str, token: Option<&str>) -> Result<String, Fault> {
        self.subscriptions += 1;
        let id = format!("sub-{}", self.subscriptions);
        let mut headers = vec![("id", id.as_str()), ("destination", topic)];
        headers.extend(token.map(|token| ("token", token)));
        self.send(&Frame::new("SUBSCRIBE", &headers)).await?;
        Ok(id)
    }

    async fn send(&mut self, frame: &Frame) -> Result<(), Fault> {
        let text = String::from_utf8_lossy(&frame.write()).into_owned();
        self.put(Message::text(text)).await
    }

    async fn put(&mut self, message: Message) -> Result<(), Fault> {
        self.spoke = Instant::now();
        let sent = tokio::time::timeout(GREETING, self.socket.send(message)).await;
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Fault::Timeout { sent: false }),
        }
    }

    /// Whoever listens may have gone; then [`listen`] ends by itself.
    async fn say(&self, pushed: Pushed) {
        let _ = self.pushed.send(pushed).await;
    }
}

/// What the other side sends and what it wants, in `sx,sy` of STOMP 1.2; zero is never.
fn heart_beat(text: &str) -> (Option<Duration>, Option<Duration>) {
    let part = |text: &str| match text.trim().parse::<u32>() {
        Ok(0) | Err(_) => None,
        Ok(milliseconds) => Some(Duration::from_millis(milliseconds.into())),
    };
    let (theirs, wanted) = text.split_once(',').unwrap_or((text, "0"));
    (part(theirs), part(wanted))
}

fn refused(frame: &Frame) -> Fault {
    let words = frame.header("message").unwrap_or_default();
    Fault::Said { code: frame.command.to_lowercase(), words: crate::domain::mcu::bounded(words).to_owned() }
}

fn unreadable(error: super::stomp::StompError) -> Fault {
    Fault::Shape(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heart_beats_are_agreed_on_and_zero_is_never() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let cases = [
            ("10000,20000", (seconds(10), seconds(20))),
            ("0,0", (None, None)),
            ("", (None, None)),
            ("a,5000", (None, seconds(5))),
            ("99999999999,1000", (None, seconds(1))),
        ];
        for (text, wanted) in cases {
            assert_eq!(heart_beat(text), wanted, "{text}");
        }
    }
}

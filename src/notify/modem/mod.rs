//! Text messages by a serial modem 短信猫, for networks without a gateway.
//!
//! One task owns the port: it sends one message at a time, looks for answers in between, and opens the port anew when
//! it failed. The channel is the hand that gives it work.

mod command;
mod pdu;
mod serial;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use pdu::{Incoming, decode};

use super::channel::{Channel, Limits, TextLimit};
use super::fault::{Class, Code, Fault};
use super::gateway::mobile;
use super::message::Message;
use super::pace::Pace;
use super::text::{Style, compose};
use crate::domain::id::ChannelId;
use command::Dialogue;

/// Messages that may wait for the modem.
const WAITING_MAX: usize = 16;
/// How often the modem is asked for answers.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Rest before the port is opened again.
const REOPEN: Duration = Duration::from_secs(3);
/// Longest time of one delivery: a part takes the network some seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// A modem's port and what its card bears.
#[derive(Debug, Clone)]
pub struct ModemSettings {
    /// The port, such as `/dev/ttyUSB0`.
    pub port: PathBuf,
    /// Bits per second.
    pub baud: u32,
    /// Longest text, UTF-16 units.
    pub units_max: usize,
    /// Messages a minute.
    pub per_minute: u32,
}

/// A modem as a channel.
#[derive(Debug)]
pub struct Modem {
    id: ChannelId,
    units_max: usize,
    pace: Pace,
    work: mpsc::Sender<Work>,
}

/// The modem's own task.
#[derive(Debug)]
pub struct ModemTask {
    settings: ModemSettings,
    work: mpsc::Receiver<Work>,
    answers: mpsc::Sender<Incoming>,
    reference: u8,
}

struct Work {
    number: String,
    text: String,
    reply: oneshot::Sender<Result<(), Fault>>,
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Work(…)")
    }
}

impl Modem {
    /// The channel and the task that must run for it; what people send goes to `answers`.
    pub fn new(id: ChannelId, settings: ModemSettings, answers: mpsc::Sender<Incoming>) -> (Self, ModemTask) {
        let (work, waiting) = mpsc::channel(WAITING_MAX);
        let modem = Self { id, units_max: settings.units_max, pace: Pace::new(settings.per_minute), work };
        (modem, ModemTask { settings, work: waiting, answers, reference: rand::random() })
    }
}

#[async_trait]
impl Channel for Modem {
    fn id(&self) -> &ChannelId {
        &self.id
    }

    fn limits(&self) -> Limits {
        let text = TextLimit::Units(self.units_max);
        Limits { text, patience: PATIENCE, personal: true, digests: true }
    }

    fn pace(&self) -> &Pace {
        &self.pace
    }

    async fn deliver(&self, message: &Message) -> Result<(), Fault> {
        let number = mobile(&message.to)?.to_owned();
        let text = compose(message, Style::Short, self.limits().text);
        let (reply, done) = oneshot::channel();
        let busy = |_| Fault::new(Class::Again, Code::Busy, "too many messages wait for the modem");
        self.work.try_send(Work { number, text, reply }).map_err(busy)?;
        let late = |_| Fault::new(Class::Again, Code::Timeout, "the modem took too long");
        let gone = |_| Fault::new(Class::Again, Code::Ours, "the modem's task has ended");
        tokio::time::timeout(PATIENCE, done).await.map_err(late)?.map_err(gone)?
    }
}

impl ModemTask {
    /// Works until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let ended = tokio::select! {
                () = stop.cancelled() => return,
                ended = self.session() => ended,
            };
            if let Err(fault) = ended {
                tracing::warn!(port = %self.settings.port.display(), %fault, "the modem cannot be used");
                self.refuse(&fault, &stop).await;
            }
        }
    }

    /// One opened port until it fails.
    async fn session(&mut self) -> Result<(), Fault> {
        let port = serial::open(&self.settings.port, self.settings.baud).map_err(|error| {
            Fault::new(Class::Again, Code::Ours, format!("{}: {error}", self.settings.port.display()))
        })?;
        let mut modem = Dialogue::new(port);
        modem.prepare().await?;
        let mut look = Instant::now();
        loop {
            let work = tokio::select! {
                work = self.work.recv() => work,
                () = tokio::time::sleep_until(look) => None,
            };
            match work {
                Some(work) if work.reply.is_closed() => {}
                Some(work) => {
                    self.reference = self.reference.wrapping_add(1);
                    let sent = send(&mut modem, &work, self.reference).await;
                    let broken = sent.as_ref().err().filter(|fault| fault.code == Code::Timeout).cloned();
                    let _ = work.reply.send(sent);
                    if let Some(fault) = broken {
                        return Err(fault);
                    }
                }
                None => {
                    if self.work.is_closed() && self.work.is_empty() {
                        return Err(Fault::new(Class::Final, Code::Ours, "nobody uses the modem any more"));
                    }
                    self.look(&mut modem).await?;
                    look = Instant::now() + LOOK_EVERY;
                }
            }
        }
    }

    /// Hands on what arrived; only what was handed on is deleted from the card.
    async fn look(&self, modem: &mut Dialogue<serial::Port>) -> Result<(), Fault> {
        for (index, incoming) in modem.list().await? {
            let taken = incoming.is_none_or(|incoming| self.answers.try_send(incoming).is_ok());
            if taken {
                modem.delete(index).await?;
            }
        }
        Ok(())
    }

    /// While the port cannot be used, whoever waits is told at once.
    async fn refuse(&mut self, fault: &Fault, stop: &CancellationToken) {
        let until = Instant::now() + REOPEN;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep_until(until) => return,
                Some(work) = self.work.recv() => {
                    let _ = work.reply.send(Err(fault.clone()));
                }
            }
        }
    }
}

async fn send(modem: &mut Dialogue<serial::Port>, work: &Work, reference: u8) -> Result<(), Fault> {
    let none = || Fault::new(Class::Final, Code::NoAddress, "not a telephone number");
    for part in pdu::encode(&work.number, &work.text, reference).ok_or_else(none)? {
        modem.send(&part).await?;
    }
    Ok(())
}

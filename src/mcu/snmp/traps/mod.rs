//! Receives traps: one UDP socket for all devices. A trap counts only from an address of a device that is listened
//! to, and only when it is signed with that device's account.
//!
//! The order of the checks is the order of their cost: the address, how many came from it, community or signature.
//! What is refused is counted and answered with nothing. Informs of version 2c are receipted; those of version 3
//! would need an engine of our own and are refused.

mod message;
mod keys;
mod meaning;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use snmp2::{MessageType, Pdu};
use subtle::ConstantTimeEq as _;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use meaning::{Meaning, meaning};
pub use message::{Opened, Refused, Signed, open};

use super::login::SnmpLogin;
use super::name::{Datum, ObjectName};
use crate::metrics::Counters;
use keys::Engine;

/// Largest datagram that is taken, in bytes.
const DATAGRAM_BYTES_MAX: usize = 8192;
/// Traps that wait to be taken, per device.
const WAITING_MAX: usize = 64;
/// Traps that are taken from one address at once, and per second on average.
const AT_ONCE: f64 = 100.0;
const PER_SECOND: f64 = 20.0;
/// Engines that one account may sign for at once, and how seldom keys are made for another.
const ENGINES_MAX: usize = 4;
const KEYS_EVERY: Duration = Duration::from_secs(2);

/// What a device notifies of.
#[derive(Debug, Clone, PartialEq)]
pub struct Trap {
    /// Which notification.
    pub is: ObjectName,
    /// What it carries.
    pub carries: Vec<(ObjectName, Datum)>,
}

/// Traps were lost: they came faster than they were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost;

/// One socket for the traps of all devices.
#[derive(Debug)]
pub struct TrapHub {
    socket: UdpSocket,
    listeners: Mutex<Vec<Weak<Listener>>>,
    allowances: Mutex<BTreeMap<IpAddr, (f64, Instant)>>,
    counters: Arc<Counters>,
}

/// A device that is listened to.
struct Listener {
    from: BTreeSet<IpAddr>,
    login: SnmpLogin,
    engines: Mutex<Engines>,
    to: mpsc::Sender<Trap>,
    lost: AtomicU64,
}

#[derive(Default)]
struct Engines {
    known: Vec<Engine>,
    made: Option<Instant>,
}

/// A datagram that was good.
struct Taken {
    /// What the sender waits for, if it does.
    receipt: Option<Vec<u8>>,
    /// It came faster than its listener takes them.
    is_lost: bool,
}

/// The traps of one device. Dropping it ends them.
#[derive(Debug)]
pub struct Traps {
    listener: Arc<Listener>,
    from: mpsc::Receiver<Trap>,
    lost_told: u64,
}

impl Traps {
    /// The next trap, or that some were lost.
    pub async fn next(&mut self) -> Option<Result<Trap, Lost>> {
        let lost = self.listener.lost.load(Ordering::Relaxed);
        if lost > self.lost_told {
            self.lost_told = lost;
            return Some(Err(Lost));
        }
        self.from.recv().await.map(Ok)
    }
}

impl TrapHub {
    /// Opens the socket; UDP port 162 is the usual one and needs a right. What becomes of each datagram is counted.
    pub async fn bind(at: SocketAddr, counters: Arc<Counters>) -> std::io::Result<Arc<Self>> {
        let socket = UdpSocket::bind(at).await?;
        Ok(Arc::new(Self { socket, listeners: Mutex::default(), allowances: Mutex::default(), counters }))
    }

    /// Where it listens.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Listens for a device's traps from now on.
    pub fn subscribe(&self, from: BTreeSet<IpAddr>, login: &SnmpLogin) -> Traps {
        let (to, receiver) = mpsc::channel(WAITING_MAX);
        let listener = Arc::new(Listener {
            from: from.into_iter().map(|ip| ip.to_canonical()).collect(),
            login: login.clone(),
            engines: Mutex::default(),
            to,
            lost: AtomicU64::new(0),
        });
        let mut listeners = locked(&self.listeners);
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.push(Arc::downgrade(&listener));
        Traps { listener, from: receiver, lost_told: 0 }
    }

    /// Receives until told to stop. An error of one datagram ends nothing.
    pub async fn run(&self, stop: CancellationToken) {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX + 1];
        loop {
            let received = tokio::select! {
                () = stop.cancelled() => return,
                received = self.socket.recv_from(&mut buffer) => received,
            };
            let Ok((length, from)) = received else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let word = match self.take(&buffer[..length], from.ip().to_canonical()) {
                Ok(taken) => {
                    if let Some(receipt) = taken.receipt {
                        // A receipt that cannot be sent is asked for again by the sender.
                        let _ = self.socket.try_send_to(&receipt, from);
                    }
                    if taken.is_lost { "lost" } else { "taken" }
                }
                Err(why) => why.word(),
            };
            self.counters.device.traps.with_label_values(&[word]).inc();
        }
    }

    /// Gives a datagram to the device whose account it is.
    fn take(&self, bytes: &[u8], from: IpAddr) -> Result<Taken, Refused> {
        let listeners: Vec<Arc<Listener>> =
            locked(&self.listeners).iter().filter_map(Weak::upgrade).collect();
        let here: Vec<&Arc<Listener>> = listeners.iter().filter(|each| each.from.contains(&from)).collect();
        if here.is_empty() {
            return Err(Refused::Source);
        }
        if !self.may_send(from, &listeners) {
            return Err(Refused::TooMany);
        }
        if bytes.len() > DATAGRAM_BYTES_MAX {
            return Err(Refused::Shape);
        }
        let opened = open(bytes)?;
        let mut why = Refused::Account;
        for listener in here {
            match listener.verify(bytes, &opened) {
                Ok(trap) => {
                    let is_lost = !listener.give(trap);
                    return Ok(Taken { receipt: receipt(bytes, &opened), is_lost });
                }
                Err(refused) => why = refused,
            }
        }
        Err(why)
    }

    /// An allowance per address, kept only for addresses that are listened to.
    fn may_send(&self, from: IpAddr, listeners: &[Arc<Listener>]) -> bool {
        let mut allowances = locked(&self.allowances);
        allowances.retain(|ip, _| listeners.iter().any(|listener| listener.from.contains(ip)));
        let now = Instant::now();
        let (left, at) = allowances.entry(from).or_insert((AT_ONCE, now));
        *left = (*left + now.duration_since(*at).as_secs_f64() * PER_SECOND).min(AT_ONCE);
        *at = now;
        let may = *left >= 1.0;
        *left -= if may { 1.0 } else { 0.0 };
        may
    }
}

impl Listener {
    /// Whether there was room for it.
    fn give(&self, trap: Trap) -> bool {
        let has_room = self.to.try_send(trap).is_ok();
        if !has_room {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        has_room
    }

    fn verify(&self, bytes: &[u8], opened: &Opened<'_>) -> Result<Trap, Refused> {
        match (opened, &self.login) {
            (Opened::Community { community, trap, .. }, SnmpLogin::Community(expected)) => {
                let same: bool = community.ct_eq(expected.as_bytes()).into();
                if same { Ok(trap.clone()) } else { Err(Refused::Account) }
            }
            (Opened::User(signed), SnmpLogin::User { name, privacy, .. }) => {
                let same: bool = signed.user.ct_eq(name.as_bytes()).into();
                if !same || !signed.signed || signed.encrypted != privacy.is_some() {
                    return Err(Refused::Account);
                }
                self.verify_signed(bytes, signed)
            }
            (Opened::Community { .. }, SnmpLogin::User { .. })
            | (Opened::User(_), SnmpLogin::Community(_)) => Err(Refused::Account),
        }
    }

    /// The library reads a message only after its signature and its time were found good here: it compares in no
    /// constant time and takes the sender's clock before it has verified it.
    fn verify_signed(&self, bytes: &[u8], signed: &Signed<'_>) -> Result<Trap, Refused> {
        let mut engines = locked(&self.engines);
        if let Some(engine) = engines.known.iter_mut().find(|engine| engine.is(signed.engine)) {
            engine.accept(bytes, signed)?;
            return decrypted(bytes, engine, signed);
        }
        if engines.made.is_some_and(|at| at.elapsed() < KEYS_EVERY) {
            return Err(Refused::TooMany);
        }
        engines.made = Some(Instant::now());
        let mut engine = Engine::new(&self.login, signed.engine).ok_or(Refused::Account)?;
        engine.accept(bytes, signed)?;
        let trap = decrypted(bytes, &engine, signed);
        if engines.known.len() == ENGINES_MAX {
            engines.known.remove(0);
        }
        engines.known.push(engine);
        engines.made = None;
        trap
    }
}

fn decrypted(bytes: &[u8], engine: &Engine, signed: &Signed<'_>) -> Result<Trap, Refused> {
    let mut security = engine.security(signed);
    // The library writes into what it reads, so it gets a copy of its own.
    let copy = bytes.to_vec();
    let pdu = Pdu::from_bytes_with_security(&copy, Some(&mut security)).map_err(|_| Refused::Account)?;
    match pdu.message_type {
        MessageType::Trap => message::notification(&pdu),
        MessageType::GetRequest | MessageType::GetNextRequest | MessageType::GetBulkRequest => {
            Err(Refused::Kind)
        }
        MessageType::Response | MessageType::SetRequest | MessageType::InformRequest => Err(Refused::Kind),
        MessageType::TrapV1 | MessageType::Report => Err(Refused::Kind),
    }
}

/// A receipt is the inform itself as a response (RFC 3416 §4.2.7).
fn receipt(bytes: &[u8], opened: &Opened<'_>) -> Option<Vec<u8>> {
    if !matches!(opened, Opened::Community { wants_receipt: true, .. }) {
        return None;
    }
    let mut pdu = Pdu::from_bytes(bytes).ok()?;
    pdu.message_type = MessageType::Response;
    pdu.to_bytes().ok()
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener")
            .field("from", &self.from)
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! One bounded way to ask an SNMP agent: small requests, few retries, tables up to a limit, and a [`Fault`] for
//! everything that goes wrong. Knows no MIB.
//!
//! Reads may be repeated without harm, so a lost datagram is asked for again. After any failure the socket is given
//! up: a late answer to an old request cannot be taken for the answer to a new one.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use snmp2::v3::AuthErrorKind;
use snmp2::{AsyncSession, Error, Oid, Pdu};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::login::SnmpLogin;
use super::name::{Datum, ObjectName};
use crate::mcu::budget::Budget;
use crate::mcu::fault::{AuthWhy, Fault};

/// Most objects asked for at once: their answer fits a datagram of 1,472 bytes as a rule.
const OBJECTS_MAX: usize = 16;
/// Rows of a table that are asked for at once.
const ROWS_AT_ONCE: u32 = 16;
/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_millis(1500);
/// How often one request is sent before its fault is reported.
const TRIES: u32 = 3;
/// The port where agents listen when none is written (RFC 3417 §8).
const PORT: u16 = 161;

/// SNMP's word for "the answer does not fit", "not allowed" (RFC 3416 §3).
const TOO_BIG: u32 = 1;
const AUTHORIZATION_ERROR: u32 = 16;

/// A line to one agent.
pub struct SnmpLine {
    address: String,
    login: SnmpLogin,
    budget: Arc<Budget>,
    session: Mutex<Option<Box<AsyncSession>>>,
}

/// One request.
#[derive(Clone, Copy)]
enum Ask<'a> {
    Objects(&'a [Oid<'static>]),
    After(&'a Oid<'static>),
}

/// How one try went.
enum Tried {
    Answer(Vec<(ObjectName, Datum)>),
    TooBig,
    /// The agent told us its clock: the same again.
    Again,
    Failed(Fault),
}

impl SnmpLine {
    /// A line to `host` or `host:port`; nothing is sent yet.
    pub fn new(address: &str, login: SnmpLogin, budget: Arc<Budget>) -> Self {
        Self { address: with_port(address), login, budget, session: Mutex::new(None) }
    }

    /// Who is asked, with the port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// With which account.
    pub fn login(&self) -> &SnmpLogin {
        &self.login
    }

    /// The addresses that the agent's name stands for now.
    pub async fn resolve(&self) -> Result<Vec<SocketAddr>, Fault> {
        let found = timeout(ANSWER, tokio::net::lookup_host(&self.address)).await;
        match found {
            Ok(Ok(found)) => Ok(found.take(8).collect()),
            Ok(Err(error)) => Err(Fault::Unreachable(error.to_string())),
            Err(_) => Err(Fault::Unreachable("the name is not resolved in time".into())),
        }
    }

    /// The values of objects; each that was asked for is there, as [`Datum::Missing`] if the agent has it not.
    pub async fn get(&self, names: &[ObjectName]) -> Result<BTreeMap<ObjectName, Datum>, Fault> {
        let mut found: BTreeMap<ObjectName, Datum> =
            names.iter().map(|name| (name.clone(), Datum::Missing)).collect();
        let mut waiting: Vec<&[ObjectName]> = names.chunks(OBJECTS_MAX).rev().collect();
        while let Some(chunk) = waiting.pop() {
            match self.ask_objects(chunk).await? {
                Some(answers) => {
                    let asked = answers.into_iter().filter(|(name, _)| chunk.contains(name));
                    found.extend(asked);
                }
                None if chunk.len() > 1 => {
                    let (first, second) = chunk.split_at(chunk.len() / 2);
                    waiting.extend([second, first]);
                }
                None => {}
            }
        }
        Ok(found)
    }

    /// The objects below `base` in their order, at most `most`.
    pub async fn below(&self, base: &ObjectName, most: usize) -> Result<Vec<(ObjectName, Datum)>, Fault> {
        let mut found: Vec<(ObjectName, Datum)> = Vec::new();
        let mut at = base.clone();
        while found.len() < most {
            let after = at.wire().ok_or_else(|| unsayable(&at))?;
            let Some(answers) = self.ask(Ask::After(&after)).await? else { break };
            // An agent that goes back or round in a circle is left where it does.
            let before = found.len();
            let mut ended = false;
            for (name, datum) in answers {
                ended = name <= at || name.below(base).is_none();
                if ended {
                    break;
                }
                at = name.clone();
                found.push((name, datum));
            }
            if ended || found.len() == before {
                break;
            }
        }
        found.truncate(most);
        Ok(found)
    }

    async fn ask_objects(&self, names: &[ObjectName]) -> Result<Option<Vec<(ObjectName, Datum)>>, Fault> {
        let wire = names.iter().map(|name| name.wire().ok_or_else(|| unsayable(name)));
        let wire: Vec<Oid<'static>> = wire.collect::<Result<_, _>>()?;
        self.ask(Ask::Objects(&wire)).await
    }

    /// `None` when the answer does not fit.
    async fn ask(&self, ask: Ask<'_>) -> Result<Option<Vec<(ObjectName, Datum)>>, Fault> {
        let mut slot = self.session.lock().await;
        let mut last = Fault::Timeout { sent: true };
        for _ in 0..TRIES {
            self.budget.read().await?;
            let session = match slot.take() {
                Some(session) => session,
                None => match timeout(ANSWER * 2, Box::pin(self.open())).await {
                    Ok(Ok(session)) => session,
                    Ok(Err(Fault::Timeout { .. })) | Err(_) => continue,
                    Ok(Err(fault)) => return Err(fault),
                },
            };
            let (tried, session) = tried(session, ask, self.login.is_user()).await;
            *slot = session;
            match tried {
                Tried::Answer(answers) => return Ok(Some(answers)),
                Tried::TooBig => return Ok(None),
                Tried::Again => {}
                Tried::Failed(fault) if matches!(fault, Fault::Timeout { .. } | Fault::Shape(_)) => {
                    last = fault
                }
                Tried::Failed(fault) => return Err(fault),
            }
        }
        Err(last)
    }

    /// A fresh socket; with a user also the agent's identity, clock and the keys made for it.
    async fn open(&self) -> Result<Box<AsyncSession>, Fault> {
        let unreachable = |error: std::io::Error| Fault::Unreachable(error.to_string());
        let first: i32 = rand::random_range(1..i32::MAX / 2);
        match (&self.login, self.login.security()) {
            (SnmpLogin::User { .. }, Some(security)) => {
                let opened = AsyncSession::new_v3(&self.address, first, security).await;
                let mut session = Box::new(opened.map_err(unreachable)?);
                session.init().await.map_err(|error| fault_of(error, true))?;
                Ok(session)
            }
            (SnmpLogin::Community(community), _) => {
                let opened = AsyncSession::new_v2c(&self.address, community.as_bytes(), first).await;
                Ok(Box::new(opened.map_err(unreachable)?))
            }
            (SnmpLogin::User { .. }, None) => Err(Fault::NoCredential),
        }
    }
}

impl std::fmt::Debug for SnmpLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnmpLine")
            .field("address", &self.address)
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

/// Sends one request and reads one answer; the session comes back only when it can be used again.
async fn tried(
    mut session: Box<AsyncSession>,
    ask: Ask<'_>,
    user: bool,
) -> (Tried, Option<Box<AsyncSession>>) {
    let answer = async {
        match ask {
            Ask::Objects(names) => {
                let names: Vec<&Oid<'_>> = names.iter().collect();
                session.get_many(&names).await.map(|pdu| read(&pdu))
            }
            Ask::After(name) => session.getbulk(&[name], 0, ROWS_AT_ONCE).await.map(|pdu| read(&pdu)),
        }
    };
    match timeout(ANSWER, answer).await {
        Ok(Ok(tried)) => (tried, Some(session)),
        Ok(Err(Error::AuthUpdated)) => (Tried::Again, Some(session)),
        Ok(Err(error)) => (Tried::Failed(fault_of(error, user)), None),
        Err(_) => (Tried::Failed(Fault::Timeout { sent: true }), None),
    }
}

fn read(pdu: &Pdu<'_>) -> Tried {
    match pdu.error_status {
        0 => {
            let read = |(name, value)| Some((ObjectName::of(&name)?, Datum::of(&value)));
            let most = OBJECTS_MAX.max(ROWS_AT_ONCE as usize);
            Tried::Answer(pdu.varbinds.clone().take(most).filter_map(read).collect())
        }
        TOO_BIG => Tried::TooBig,
        AUTHORIZATION_ERROR => Tried::Failed(Fault::Auth(AuthWhy::Denied)),
        status => Tried::Failed(Fault::Said {
            code: format!("error-status {status}"),
            words: format!("at object {}", pdu.error_index),
        }),
    }
}

fn fault_of(error: Error, user: bool) -> Fault {
    match error {
        // A closed port answers by ICMP, which the socket reports when it is read.
        Error::Receive | Error::Send => Fault::Unreachable("the port is closed or there is no way".into()),
        Error::AuthFailure(kind) => of_security(&kind),
        Error::AuthUpdated | Error::RequestIdMismatch => Fault::Timeout { sent: true },
        // With a user, anything else than a response is the agent's report that it refuses us (RFC 3414 §3.2).
        Error::AsnWrongType if user => Fault::Auth(AuthWhy::Denied),
        Error::CommunityMismatch => Fault::Auth(AuthWhy::Wrong),
        Error::Crypto(_) => Fault::Auth(AuthWhy::Wrong),
        Error::AsnParse | Error::AsnInvalidLen | Error::AsnWrongType | Error::AsnUnsupportedType => {
            shape(&error)
        }
        Error::AsnEof | Error::AsnIntOverflow | Error::UnsupportedVersion => shape(&error),
        Error::ValueOutOfRange | Error::BufferOverflow | Error::Mib(_) => shape(&error),
    }
}

fn shape(error: &Error) -> Fault {
    Fault::Shape(error.to_string())
}

/// What the security model found. A clock that jumped is asked for anew, the rest is the account's.
fn of_security(kind: &AuthErrorKind) -> Fault {
    match kind {
        AuthErrorKind::EngineBootsMismatch | AuthErrorKind::EngineTimeMismatch => {
            Fault::Timeout { sent: true }
        }
        AuthErrorKind::EngineIdMismatch | AuthErrorKind::EngineBootsNotProvided => {
            Fault::Timeout { sent: true }
        }
        AuthErrorKind::UnsupportedUSM | AuthErrorKind::MessageIdMismatch => Fault::Shape(kind.to_string()),
        AuthErrorKind::PayloadLengthMismatch => Fault::Shape(kind.to_string()),
        AuthErrorKind::NotAuthenticated | AuthErrorKind::UsernameMismatch => Fault::Auth(AuthWhy::Wrong),
        AuthErrorKind::SignatureMismatch | AuthErrorKind::PrivLengthMismatch => Fault::Auth(AuthWhy::Wrong),
        AuthErrorKind::KeyLengthMismatch | AuthErrorKind::ReplyNotEncrypted => Fault::Auth(AuthWhy::Wrong),
        AuthErrorKind::SecurityNotProvided | AuthErrorKind::SecurityNotReady => Fault::Auth(AuthWhy::Wrong),
        AuthErrorKind::KeyExtensionRequired => Fault::Auth(AuthWhy::Wrong),
    }
}

fn unsayable(name: &ObjectName) -> Fault {
    Fault::Shape(format!("the name {name} cannot be sent"))
}

fn with_port(address: &str) -> String {
    let after_host = address.rsplit(']').next().unwrap_or(address);
    match after_host.contains(':') {
        true => address.to_owned(),
        false => format!("{address}:{PORT}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_port_gets_the_usual_one() {
        for (address, expected) in [
            ("10.0.0.1", "10.0.0.1:161"),
            ("10.0.0.1:1161", "10.0.0.1:1161"),
            ("[fd00::1]", "[fd00::1]:161"),
            ("[fd00::1]:1161", "[fd00::1]:1161"),
            ("ups.example.invalid", "ups.example.invalid:161"),
        ] {
            assert_eq!(with_port(address), expected);
        }
    }
}

//! Calls somebody and hangs up (RFC 3261 §13, §15). Each call has a phone of its own.
//!
//! Whatever becomes of the caller, the call ends: dropped, it is hung up or cancelled, and after its longest time too.
//! A renegotiation is answered by `renewal`. Media are somebody else's: they get the answer's description.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rsipstack::dialog::authenticate::Credential;
use rsipstack::dialog::dialog::{DialogState, DialogStateReceiver, TransactionHandle};
use rsipstack::dialog::invitation::InviteOption;
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::{Header, HeadersExt as _, Method, Request, Response, StatusCode, Uri};
use rsipstack::transport::SipAddr;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use zeroize::Zeroizing;

use super::phone::{Phone, local_ip};
use super::renewal::{Renewal, renewal};
use super::target::{Target, Transport};
use crate::wire::sdp::{self, Session};

/// Longest wait for the answer to our BYE.
const FAREWELL: Duration = Duration::from_secs(5);

/// Name and password for digest authentication (RFC 3261 §22).
#[derive(Clone)]
pub struct Account {
    /// User name.
    pub user: String,
    /// Password.
    pub secret: Zeroizing<String>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A call to be made.
#[derive(Debug, Clone)]
pub struct CallOrder {
    /// Whom.
    pub target: Target,
    /// The name that is shown there.
    pub name: String,
    /// With which name and password, if it is asked for.
    pub account: Option<Account>,
    /// Longest wait for the first sign that somebody is there.
    pub patience: Duration,
    /// Longest wait for somebody to take the call.
    pub ringing: Duration,
    /// Hung up after so long, whoever still holds it.
    pub longest: Duration,
}

/// Why there is no call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPlaced {
    /// The name leads to no address.
    #[error("the name {0} leads to no address")]
    NameUnknown(String),
    /// Nobody listens there, or no way leads there.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// Not a word came.
    #[error("no answer")]
    NoAnswer,
    /// It rang, or was on its way, and nobody took the call.
    #[error("nobody took the call")]
    NotTaken,
    /// A password is asked for and ours is wrong, or we have none.
    #[error("the call needs another name or password")]
    Auth,
    /// Refused.
    #[error("refused: {code} {phrase}")]
    Refused {
        /// Status code, 300–699.
        code: u16,
        /// Its phrase.
        phrase: String,
    },
    /// Taken, but without a description of media that can be read; hung up again.
    #[error("the answer describes no media")]
    NoDescription,
    /// Our own trouble: no socket, a text that is no SIP.
    #[error("our own trouble: {0}")]
    Ours(String),
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// We hung up, or nobody held the call any more.
    ByUs,
    /// The other side hung up.
    ByPeer,
    /// Its longest time was over.
    TooLong,
}

/// What came of our BYE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// The other side heard it.
    Heard,
    /// The other side did not answer: it may think that the call goes on.
    Unheard,
    /// The other side had hung up before.
    Needless,
}

/// A call that was taken. Dropped, it is hung up.
#[derive(Debug)]
pub struct Call {
    answer: Session,
    setup: Duration,
    fate: watch::Receiver<Fate>,
    held: DropGuard,
}

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Fate {
    ended: Option<Ended>,
    farewell: Option<Farewell>,
}

/// Our own address on the way to whom is called: where media are to be received.
///
/// # Errors
/// When the name is unknown or no way leads there.
pub async fn own_address(target: &Target) -> Result<IpAddr, NotPlaced> {
    let address = target.resolve().await.map_err(|unknown| NotPlaced::NameUnknown(unknown.0))?;
    local_ip(address).await.map_err(|error| NotPlaced::Unreachable(error.kind().to_string()))
}

/// Calls, and waits until the call is taken. Dropped meanwhile, the call is cancelled.
///
/// # Errors
/// See [`NotPlaced`].
pub async fn place(order: CallOrder, offer: Session) -> Result<Call, NotPlaced> {
    let began = Instant::now();
    let address = order.target.resolve().await.map_err(|unknown| NotPlaced::NameUnknown(unknown.0))?;
    if order.target.transport() == Transport::Tcp {
        // The stack does not tell a refused connection from silence.
        reachable(address, began + order.patience).await?;
    }
    let phone = Phone::open(address, order.target.transport()).await.map_err(|error| trouble(&error))?;
    let option = invitation(&order, &phone, address, &offer)?;
    let (sender, mut states) = phone.dialogs.new_dialog_state_channel();
    let invited = {
        let mut invite = std::pin::pin!(phone.dialogs.do_invite(option, sender));
        let (mut silent_until, mut heard) = (began + order.patience, false);
        loop {
            tokio::select! {
                invited = &mut invite => break invited,
                state = states.recv() => if matches!(state, Some(DialogState::Trying(_) | DialogState::Early(..))) {
                    (silent_until, heard) = (began + order.ringing, true);
                },
                () = sleep_until(silent_until) => {
                    return Err(if heard { NotPlaced::NotTaken } else { NotPlaced::NoAnswer });
                }
            }
        }
    };
    let (dialog, response) = invited.map_err(|error| trouble(&error))?;
    let response = response.ok_or(NotPlaced::NoAnswer)?;
    if response.status_code.code() >= 300 {
        return Err(refusal(&response));
    }
    introduce(&phone, &response);
    let hang = CancellationToken::new();
    let answer = std::str::from_utf8(&response.body).ok().and_then(|text| sdp::parse(text).ok());
    if answer.is_none() {
        hang.cancel();
    }
    let (told, fate) = watch::channel(Fate::default());
    let until = Instant::now() + order.longest;
    let theirs = answer.clone().unwrap_or_default();
    let line = Line { phone, dialog, ours: offer, theirs, told };
    tokio::spawn(line.keep(states, hang.clone(), until));
    let answer = answer.ok_or(NotPlaced::NoDescription)?;
    Ok(Call { answer, setup: began.elapsed(), fate, held: hang.drop_guard() })
}

async fn reachable(address: SocketAddr, until: Instant) -> Result<(), NotPlaced> {
    let connected = timeout_at(until, TcpStream::connect(address)).await;
    let connected = connected.map_err(|_| NotPlaced::NoAnswer)?;
    connected.map(|_| ()).map_err(|error| NotPlaced::Unreachable(error.kind().to_string()))
}

impl Call {
    /// What the other side described.
    pub fn answer(&self) -> &Session {
        &self.answer
    }

    /// From the first INVITE to the answer.
    pub fn setup(&self) -> Duration {
        self.setup
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<Ended> {
        self.fate.borrow().ended
    }

    /// Waits for its end.
    pub async fn over(&mut self) -> Ended {
        let fate = self.fate.wait_for(|fate| fate.ended.is_some()).await;
        fate.ok().and_then(|fate| fate.ended).unwrap_or(Ended::ByUs)
    }

    /// Hangs up and waits for the other side's answer, at most five seconds.
    pub async fn hang_up(mut self) -> Farewell {
        drop(self.held);
        let fate = timeout(FAREWELL * 2, self.fate.wait_for(|fate| fate.farewell.is_some())).await;
        fate.ok().and_then(Result::ok).and_then(|fate| fate.farewell).unwrap_or(Farewell::Unheard)
    }
}

/// The task's side of a call.
struct Line {
    phone: Phone,
    dialog: InviteDialog,
    ours: Session,
    theirs: Session,
    told: watch::Sender<Fate>,
}

impl Line {
    /// Holds the call until somebody ends it.
    async fn keep(self, mut states: DialogStateReceiver, hang: CancellationToken, until: Instant) {
        let ended = loop {
            tokio::select! {
                () = hang.cancelled() => break Ended::ByUs,
                () = sleep_until(until) => break Ended::TooLong,
                state = states.recv() => match state {
                    Some(state) => if self.took(state).await { break Ended::ByPeer },
                    None => break Ended::ByPeer,
                },
            }
        };
        self.tell(|fate| fate.ended = Some(ended));
        let farewell = match ended {
            Ended::ByPeer => Farewell::Needless,
            Ended::ByUs | Ended::TooLong => match timeout(FAREWELL, self.dialog.hangup()).await {
                Ok(Ok(())) => Farewell::Heard,
                Ok(_) | Err(_) => Farewell::Unheard,
            },
        };
        self.phone.dialogs.remove_dialog(&self.dialog.id());
        self.tell(|fate| fate.farewell = Some(farewell));
    }

    fn tell(&self, change: impl FnOnce(&mut Fate)) {
        self.told.send_modify(change);
    }

    /// Takes a change of state; whether the call is over.
    async fn took(&self, state: DialogState) -> bool {
        match state {
            DialogState::Terminated(..) => return true,
            DialogState::Updated(_, request, handle) => self.renew(&request, handle).await,
            DialogState::Info(_, _, handle)
            | DialogState::Options(_, _, handle)
            | DialogState::Notify(_, _, handle)
            | DialogState::Message(_, _, handle) => reply(handle, StatusCode::OK, None).await,
            DialogState::Refer(_, _, handle) | DialogState::Publish(_, _, handle) => {
                reply(handle, StatusCode::Decline, None).await;
            }
            DialogState::Calling(_)
            | DialogState::Trying(_)
            | DialogState::Early(..)
            | DialogState::WaitAck(..)
            | DialogState::Confirmed(..) => {}
        }
        false
    }

    async fn renew(&self, request: &Request, handle: TransactionHandle) {
        let expires = request.session_expires_header().cloned().map(Header::SessionExpires);
        let mut headers: Vec<Header> = expires.into_iter().collect();
        let is_invite = request.method == Method::Invite;
        match renewal(&self.ours, &self.theirs, &request.body, is_invite) {
            Renewal::Declined => reply(handle, StatusCode::NotAcceptableHere, None).await,
            Renewal::Bare => reply(handle, StatusCode::OK, Some((headers, Vec::new()))).await,
            Renewal::Same(body) => {
                headers.push(Header::ContentType("application/sdp".into()));
                reply(handle, StatusCode::OK, Some((headers, body))).await;
            }
        }
    }
}

async fn reply(handle: TransactionHandle, status: StatusCode, with: Option<(Vec<Header>, Vec<u8>)>) {
    let (headers, body) = with.unwrap_or_default();
    let body = Some(body).filter(|body| !body.is_empty());
    // Whoever asked and is gone asks again or not.
    let _ = handle.respond(status, Some(headers), body).await;
}

/// Whoever answers may speak to us without the proxy.
fn introduce(phone: &Phone, response: &Response) {
    for contact in response.typed_contact_headers().unwrap_or_default() {
        if let rsipstack::sip::Host::IpAddr(ip) = contact.uri.host_with_port.host {
            phone.knows(ip);
        }
    }
}

fn invitation(
    order: &CallOrder,
    phone: &Phone,
    address: SocketAddr,
    offer: &Session,
) -> Result<InviteOption, NotPlaced> {
    let uri = |text: String| Uri::try_from(text.as_str()).map_err(|error| NotPlaced::Ours(error.to_string()));
    let (local, target) = (phone.local, &order.target);
    let caller = match &order.account {
        Some(account) => format!("sip:{}@{}", account.user, bracketed(target.host())),
        None => format!("sip:vcops@{}", bracketed(&local.ip().to_string())),
    };
    let transport = match target.transport() {
        Transport::Udp => rsipstack::sip::Transport::Udp,
        Transport::Tcp => rsipstack::sip::Transport::Tcp,
    };
    let credential = order.account.as_ref().map(|account| Credential {
        username: account.user.clone(),
        password: account.secret.to_string(),
        realm: None,
        auth_username: None,
    });
    let name = order.name.chars().filter(|c| !c.is_control() && !"\"\\<>".contains(*c)).take(64).collect();
    Ok(InviteOption {
        caller_display_name: Some(name).filter(|name: &String| !name.is_empty()),
        caller: uri(caller)?,
        callee: uri(target.to_string())?,
        destination: Some(SipAddr { r#type: Some(transport), addr: address.into() }),
        offer: Some(offer.write().into_bytes()),
        contact: uri(format!("sip:vcops@{local}"))?,
        credential,
        ..InviteOption::default()
    })
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn refusal(response: &Response) -> NotPlaced {
    let code = response.status_code.code();
    let phrase = response.wire_reason.as_deref().unwrap_or_else(|| response.status_code.text());
    match code {
        401 | 407 => NotPlaced::Auth,
        _ => NotPlaced::Refused { code, phrase: super::reply::clean(phrase) },
    }
}

fn trouble(error: &rsipstack::Error) -> NotPlaced {
    match error {
        rsipstack::Error::IoError(error) => NotPlaced::Unreachable(error.kind().to_string()),
        rsipstack::Error::DnsResolutionError(name) => NotPlaced::NameUnknown(name.clone()),
        rsipstack::Error::TransportLayerError(why, _) => NotPlaced::Unreachable(why.clone()),
        rsipstack::Error::SipMessageError(_)
        | rsipstack::Error::TransactionError(..)
        | rsipstack::Error::EndpointError(_)
        | rsipstack::Error::DialogError(..)
        | rsipstack::Error::AddrParseError(_)
        | rsipstack::Error::Error(_) => NotPlaced::Ours(error.to_string()),
    }
}

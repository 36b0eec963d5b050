//! One socket from which one call is made, with the stack that serves it: transactions, timers, requests from the
//! other side. Must not know what a call is for.
//!
//! After the call it lingers, so that late answers are acknowledged and ended as RFC 3261 wants, and then goes.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rsipstack::EndpointBuilder;
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::sip::{Method, StatusCode};
use rsipstack::transaction::TransactionReceiver;
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipConnection, TcpListenerConnection, TransportLayer};
use tokio::net::UdpSocket;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::target::Transport;

/// Twice the 32 s for which a transaction may live, and some: then nothing of a call can come any more.
const LINGER: Duration = Duration::from_secs(70);
/// Requests from the other side that are answered at once; what comes on top is repeated by who sent it.
const HANDLED_MAX: usize = 16;
/// Longest time that one of them may take.
const HANDLED_FOR: Duration = Duration::from_secs(40);

/// A socket with its stack.
pub(super) struct Phone {
    pub(super) dialogs: Arc<DialogLayer>,
    pub(super) local: SocketAddr,
    known: Known,
    stop: CancellationToken,
}

/// Whose messages are taken.
type Known = Arc<Mutex<BTreeSet<IpAddr>>>;

/// Our own address on the way to somebody.
pub(super) async fn local_ip(towards: SocketAddr) -> io::Result<IpAddr> {
    let any: SocketAddr = match towards {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(towards).await?;
    Ok(socket.local_addr()?.ip())
}

impl Phone {
    /// Opens a phone from which `towards` can be called.
    pub(super) async fn open(towards: SocketAddr, transport: Transport) -> Result<Self, rsipstack::Error> {
        let stop = CancellationToken::new();
        let wire = TransportLayer::new(stop.child_token());
        let local = SocketAddr::new(local_ip(towards).await?, 0);
        let udp = UdpConnection::create_connection(local, None, Some(stop.child_token())).await?;
        let local = udp.get_addr().get_socketaddr()?;
        if transport == Transport::Tcp {
            // The other side may come back on a connection of its own.
            wire.add_transport(SipConnection::from(TcpListenerConnection::new(local, None).await?));
        }
        wire.add_transport(SipConnection::Udp(udp));
        let known = Known::new(Mutex::new(BTreeSet::from([towards.ip()])));
        let asked = Arc::clone(&known);
        wire.set_whitelist(move |ip: IpAddr| {
            let known = asked.lock().unwrap_or_else(PoisonError::into_inner).contains(&ip);
            async move { known }
        });
        let allows =
            vec![Method::Invite, Method::Ack, Method::Cancel, Method::Bye, Method::Options, Method::Update];
        let endpoint = EndpointBuilder::new()
            .with_user_agent("vcops")
            .with_transport_layer(wire)
            .with_cancel_token(stop.child_token())
            .with_allows(allows)
            .build();
        let incoming = endpoint.incoming_transactions()?;
        let dialogs = Arc::new(DialogLayer::new(Arc::clone(&endpoint.inner)));
        tokio::spawn(receive(incoming, Arc::clone(&dialogs), stop.clone()));
        tokio::spawn(async move { endpoint.serve().await });
        Ok(Self { dialogs, local, known, stop })
    }

    /// Takes messages of this address too: a proxy may have led us to somebody who speaks for himself.
    pub(super) fn knows(&self, ip: IpAddr) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(ip);
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        let stop = self.stop.clone();
        match Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(async move {
                    sleep(LINGER).await;
                    stop.cancel();
                });
            }
            Err(_) => stop.cancel(),
        }
    }
}

/// Answers what the other side asks, until the phone goes.
async fn receive(mut incoming: TransactionReceiver, dialogs: Arc<DialogLayer>, stop: CancellationToken) {
    let mut handled = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            Some(_) = handled.join_next(), if !handled.is_empty() => {}
            request = incoming.recv() => match request {
                None => return,
                Some(request) if handled.len() < HANDLED_MAX => {
                    handled.spawn(handle(request, Arc::clone(&dialogs)));
                }
                Some(_) => {}
            },
        }
    }
}

async fn handle(mut request: Transaction, dialogs: Arc<DialogLayer>) {
    let handled = timeout(HANDLED_FOR, async {
        match dialogs.match_dialog(&request) {
            Some(mut dialog) => dialog.handle(&mut request).await,
            None if request.original.method == Method::Options => request.reply(StatusCode::OK).await,
            None => request.reply(StatusCode::CallTransactionDoesNotExist).await,
        }
    });
    // An answer that cannot be sent is asked for again.
    let _ = handled.await;
}

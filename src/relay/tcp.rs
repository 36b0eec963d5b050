//! A TCP relay that can be stalled, made to swallow bytes, refuse, or cut every connection: faults of a broker's line.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Connections carried at once; further ones are closed.
const CONNECTIONS_MAX: usize = 1024;
/// How long the target may take to answer a connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Bytes carried per step.
const STEP_BYTES: usize = 16 * 1024;

/// What happens to bytes and connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TcpMode {
    /// Bytes pass.
    #[default]
    Forward,
    /// Bytes wait, both ends stay connected: a line that hangs. They pass once forwarding resumes.
    Stall,
    /// Bytes vanish, both ends stay connected: a firewall that forgot the connection.
    BlackHole,
    /// New connections are cut at once; old ones too.
    Refuse,
}

/// What the tasks look at.
#[derive(Debug, Clone, Copy, Default)]
struct Wish {
    mode: TcpMode,
    /// Grows with every order to cut all connections.
    cuts: u64,
}

/// Handle of a TCP relay; it stops, and its connections are cut, when the handle is dropped.
#[derive(Debug)]
pub struct TcpRelay {
    local: SocketAddr,
    wish: watch::Sender<Wish>,
    _tasks: JoinSet<()>,
}

impl TcpRelay {
    /// Listens on `listen` (port 0 lets the system choose) and carries connections to `target`. Needs a runtime.
    pub async fn start(listen: SocketAddr, target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let local = listener.local_addr()?;
        let (wish, wishes) = watch::channel(Wish::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, target, wishes));
        Ok(Self { local, wish, _tasks: tasks })
    }

    /// Where clients connect to.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Changes what happens to all connections, present and future.
    pub fn set_mode(&self, mode: TcpMode) {
        self.wish.send_modify(|wish| wish.mode = mode);
    }

    /// Cuts all present connections without a farewell (RST).
    pub fn cut(&self) {
        self.wish.send_modify(|wish| wish.cuts += 1);
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, wishes: watch::Receiver<Wish>) {
    let mut carried = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = carried.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((client, _)) if carried.len() < CONNECTIONS_MAX => {
                    carried.spawn(carry(client, target, wishes.clone()));
                }
                Ok((client, _)) => cut(&client),
                // Out of descriptors or the like: give others time to close.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

async fn carry(mut client: TcpStream, target: SocketAddr, mut wishes: watch::Receiver<Wish>) {
    let cuts = wishes.borrow_and_update().cuts;
    if wishes.borrow().mode == TcpMode::Refuse {
        return cut(&client);
    }
    let Ok(Ok(mut server)) = timeout(CONNECT_MAX, TcpStream::connect(target)).await else {
        return cut(&client);
    };
    let cut_off = {
        let (client_in, client_out) = client.split();
        let (server_in, server_out) = server.split();
        let wished = wishes.clone();
        let both = async {
            tokio::join!(pump(client_in, server_out, wished.clone()), pump(server_in, client_out, wished));
        };
        tokio::select! {
            () = both => false,
            _ = wishes.wait_for(|wish| wish.cuts != cuts || wish.mode == TcpMode::Refuse) => true,
        }
    };
    if cut_off {
        cut(&client);
        cut(&server);
    }
}

/// Carries bytes one way until that way is closed, and closes it on the other side.
async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut wishes: watch::Receiver<Wish>) {
    let mut step = vec![0; STEP_BYTES];
    while let Ok(mode) = resumed(&mut wishes).await {
        let read = tokio::select! {
            read = from.read(&mut step) => read.unwrap_or(0),
            _ = wishes.changed() => continue,
        };
        let Ok(mode) = (if read == 0 { Ok(mode) } else { resumed(&mut wishes).await }) else {
            break;
        };
        let passed = match mode {
            TcpMode::Forward => to.write_all(&step[..read]).await.is_ok(),
            TcpMode::Stall | TcpMode::BlackHole | TcpMode::Refuse => true,
        };
        if read == 0 || !passed {
            break;
        }
    }
    // An end that is gone already needs no farewell.
    let _ = to.shutdown().await;
}

/// Waits until bytes may move; an error when the relay has stopped.
async fn resumed(wishes: &mut watch::Receiver<Wish>) -> Result<TcpMode, watch::error::RecvError> {
    wishes.wait_for(|wish| wish.mode != TcpMode::Stall).await.map(|wish| wish.mode)
}

/// A socket that is dropped after this is reset rather than closed.
fn cut(stream: &TcpStream) {
    // A stream that refuses the option is closed normally, which ends the connection as well.
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

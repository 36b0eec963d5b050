//! The thread that owns the outbox, so that waiting for the disk never holds up the network.

use std::io;
use std::path::Path;

use tokio::sync::{mpsc, oneshot, watch};

use crate::uplink::message::OutboxId;
use crate::uplink::outbox::{Damage, Outbox, OutboxError};

/// Questions that may wait for the disk; beyond that callers wait.
const QUEUE: usize = 64;

/// A way to the outbox; clones share it. The thread ends with the last clone.
#[derive(Debug, Clone)]
pub struct OutboxHandle {
    id: OutboxId,
    orders: mpsc::Sender<Order>,
    level: watch::Receiver<Level>,
}

/// How full the outbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Level {
    /// Number of the oldest event still waiting.
    pub first_waiting: u64,
    /// Number of the newest event ever put in.
    pub newest: u64,
    /// Events waiting.
    pub waiting: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Events refused since the start.
    pub refused: u64,
}

/// Event number and payload.
pub type Numbered = (u64, Vec<u8>);

enum Order {
    Append(Vec<u8>, oneshot::Sender<Result<u64, OutboxError>>),
    Waiting { after: u64, limit: usize, reply: oneshot::Sender<io::Result<Vec<Numbered>>> },
    Acknowledge(u64, oneshot::Sender<io::Result<()>>),
}

/// Opens the outbox in `directory` and starts its thread. `bytes_max` bounds it on the disk.
pub fn start(directory: &Path, bytes_max: u64) -> io::Result<(OutboxHandle, Vec<Damage>)> {
    let (outbox, damages) = Outbox::open(directory, bytes_max)?;
    let (orders, inbox) = mpsc::channel(QUEUE);
    let (level_tx, level) = watch::channel(level_of(&outbox, 0));
    let id = outbox.id();
    std::thread::Builder::new().name("outbox".into()).spawn(move || serve(outbox, inbox, &level_tx))?;
    Ok((OutboxHandle { id, orders, level }, damages))
}

impl OutboxHandle {
    /// The outbox's name.
    pub fn id(&self) -> OutboxId {
        self.id
    }

    /// Puts an event in; `Ok` means it survives a power cut. Gives its number.
    pub async fn append(&self, payload: Vec<u8>) -> Result<u64, OutboxError> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order::Append(payload, reply)).await.map_err(|_| OutboxError::Stopped)?;
        answer.await.map_err(|_| OutboxError::Stopped)?
    }

    /// Up to `limit` waiting events with numbers above `after`.
    pub async fn waiting(&self, after: u64, limit: usize) -> Result<Vec<Numbered>, OutboxError> {
        let (reply, answer) = oneshot::channel();
        let order = Order::Waiting { after, limit, reply };
        self.orders.send(order).await.map_err(|_| OutboxError::Stopped)?;
        Ok(answer.await.map_err(|_| OutboxError::Stopped)??)
    }

    /// Forgets every event up to `through`.
    pub async fn acknowledge(&self, through: u64) -> Result<(), OutboxError> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order::Acknowledge(through, reply)).await.map_err(|_| OutboxError::Stopped)?;
        Ok(answer.await.map_err(|_| OutboxError::Stopped)??)
    }

    /// How full the outbox is, and news of it.
    pub fn level(&self) -> watch::Receiver<Level> {
        self.level.clone()
    }
}

fn serve(mut outbox: Outbox, mut inbox: mpsc::Receiver<Order>, level: &watch::Sender<Level>) {
    let mut refused = 0;
    while let Some(order) = inbox.blocking_recv() {
        // A caller that has gone away is no fault: its event is on the disk all the same.
        match order {
            Order::Append(payload, reply) => {
                let result = outbox.append(&payload);
                refused += u64::from(result.is_err());
                level.send_replace(level_of(&outbox, refused));
                let _ = reply.send(result);
            }
            Order::Waiting { after, limit, reply } => {
                let _ = reply.send(outbox.waiting(after, limit));
            }
            Order::Acknowledge(through, reply) => {
                let result = outbox.acknowledge(through);
                level.send_replace(level_of(&outbox, refused));
                let _ = reply.send(result);
            }
        }
    }
}

fn level_of(outbox: &Outbox, refused: u64) -> Level {
    Level {
        first_waiting: outbox.first_waiting(),
        newest: outbox.newest(),
        waiting: outbox.len(),
        bytes: outbox.bytes(),
        refused,
    }
}

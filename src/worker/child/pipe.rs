//! The child's ends of the pipes. Knows the protocol's framing alone.

use std::io::{Read as _, Write as _};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};

use bytes::BytesMut;

use crate::worker::protocol::{self, Message};

const READ_BYTES: usize = 256 << 10;

/// The way to the parent, shared by all threads of the child.
#[derive(Debug, Clone)]
pub(super) struct Voice {
    buffer: Arc<Mutex<BytesMut>>,
}

impl Voice {
    pub(super) fn new() -> Self {
        Self { buffer: Arc::new(Mutex::new(BytesMut::new())) }
    }

    /// Sends a message whole, or ends the process: nobody listens any more.
    pub(super) fn say(&self, message: &Message) {
        let mut buffer = self.buffer.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        buffer.clear();
        message.put(&mut buffer);
        let mut out = std::io::stdout().lock();
        if out.write_all(&buffer).and_then(|()| out.flush()).is_err() {
            leave();
        }
    }
}

/// Reads messages on a thread of its own until the parent closes its end, and then ends the process, whatever the
/// other threads are doing.
pub(super) fn listen(heard: SyncSender<Message>) {
    let read = move || {
        let mut input = std::io::stdin().lock();
        let (mut piece, mut bytes) = (vec![0; READ_BYTES], BytesMut::new());
        loop {
            match input.read(&mut piece) {
                Ok(0) | Err(_) => leave(),
                Ok(length) => bytes.extend_from_slice(&piece[..length]),
            }
            loop {
                match protocol::take(&mut bytes) {
                    Ok(Some(message)) => drop(heard.send(message)),
                    Ok(None) => break,
                    Err(_) => leave(),
                }
            }
        }
    };
    std::thread::Builder::new()
        .name("worker-reader".to_owned())
        .spawn(read)
        .expect("a process that starts can start a thread");
}

/// Ends the process without waiting for threads that may never end.
fn leave() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort()
}

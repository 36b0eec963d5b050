//! A serial port without blocking: raw, eight bits, no parity, no flow control.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::termios::{OptionalActions, tcflush, tcgetattr, tcsetattr};
use tokio::io::unix::AsyncFd;

use super::command::Wire;

/// An open port.
#[derive(Debug)]
pub(super) struct Port(AsyncFd<File>);

/// Opens a port; bytes of an earlier conversation are thrown away.
pub(super) fn open(path: &Path, baud: u32) -> io::Result<Port> {
    let flags = (OFlags::NOCTTY | OFlags::NONBLOCK).bits() as i32;
    let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
    let mut settings = tcgetattr(&file)?;
    settings.make_raw();
    settings.set_speed(baud)?;
    tcsetattr(&file, OptionalActions::Now, &settings)?;
    tcflush(&file, rustix::termios::QueueSelector::IOFlush)?;
    register(file).map(Port)
}

#[expect(
    deprecated,
    reason = "the successor is unsafe; a File keeps its descriptor for its whole life, as that asks"
)]
fn register(file: File) -> io::Result<AsyncFd<File>> {
    AsyncFd::new(file)
}

impl Wire for Port {
    async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let mut ready = self.0.writable().await?;
            match ready.try_io(|port| port.get_ref().write(bytes)) {
                Ok(written) => bytes = &bytes[written?..],
                Err(_) => continue,
            }
        }
        Ok(())
    }

    async fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.0.readable().await?;
            match ready.try_io(|port| port.get_ref().read(into)) {
                Ok(read) => return read,
                Err(_) => continue,
            }
        }
    }
}

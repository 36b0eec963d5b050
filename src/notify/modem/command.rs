//! The conversation with a modem: AT commands (3GPP TS 27.005, TS 27.007), each with its limit of time.

use std::io;
use std::time::Duration;

use super::pdu::{Incoming, Outgoing, decode};
use crate::notify::fault::{Class, Code, Fault};

/// Longest wait for an answer to a command that asks nothing of the network.
const COMMAND: Duration = Duration::from_secs(3);
/// Longest wait for the network to take one part.
const SEND: Duration = Duration::from_secs(25);
/// Longest line from a modem, in bytes.
const LINE_BYTES_MAX: usize = 1024;
/// Most lines of one answer.
const LINES_MAX: usize = 512;
/// Ends a message.
const CTRL_Z: &str = "\u{1a}";

/// What carries the bytes.
pub(super) trait Wire {
    /// Writes all of it.
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Reads what is there, at least one byte; 0 at the end.
    async fn read(&mut self, into: &mut [u8]) -> io::Result<usize>;
}

/// A conversation.
#[derive(Debug)]
pub(super) struct Dialogue<W> {
    wire: W,
    read: Vec<u8>,
}

impl<W: Wire> Dialogue<W> {
    pub(super) fn new(wire: W) -> Self {
        Self { wire, read: Vec::new() }
    }

    /// No echo, numbered errors, PDU mode, messages kept on the card; and the card must be ready.
    pub(super) async fn prepare(&mut self) -> Result<(), Fault> {
        // An interrupted message would swallow the first command.
        self.write("\u{1b}\r").await?;
        let _ = self.command("AT", COMMAND).await;
        for command in ["ATE0", "AT+CMEE=1", "AT+CMGF=0", "AT+CNMI=2,0,0,0,0"] {
            self.command(command, COMMAND).await?;
        }
        let card = self.command("AT+CPIN?", COMMAND).await?;
        if card.iter().any(|line| line.contains("READY")) {
            return Ok(());
        }
        Err(Fault::new(Class::Again, Code::Credential, format!("the card is not ready: {}", card.join(" "))))
    }

    /// Sends one part.
    pub(super) async fn send(&mut self, part: &Outgoing) -> Result<(), Fault> {
        self.write(&format!("AT+CMGS={}\r", part.length)).await?;
        tokio::time::timeout(COMMAND, self.prompt()).await.map_err(silent)??;
        self.write(&format!("{}{CTRL_Z}", part.hex)).await?;
        let answer = tokio::time::timeout(SEND, self.answer()).await.map_err(silent)??;
        if answer.iter().any(|line| line.starts_with("+CMGS:")) {
            return Ok(());
        }
        Err(Fault::new(Class::Again, Code::Shape, "no receipt of the network"))
    }

    /// What lies on the card: index, and the message if it is one that was received.
    pub(super) async fn list(&mut self) -> Result<Vec<(u16, Option<Incoming>)>, Fault> {
        let lines = self.command("AT+CMGL=4", COMMAND).await?;
        let entry = |pair: &[String]| {
            let index = pair[0].strip_prefix("+CMGL:")?.split(',').next()?.trim().parse().ok()?;
            Some((index, decode(&pair[1])))
        };
        Ok(lines.windows(2).filter_map(entry).collect())
    }

    /// Removes a message from the card.
    pub(super) async fn delete(&mut self, index: u16) -> Result<(), Fault> {
        self.command(&format!("AT+CMGD={index}"), COMMAND).await.map(|_| ())
    }

    async fn command(&mut self, command: &str, limit: Duration) -> Result<Vec<String>, Fault> {
        self.write(&format!("{command}\r")).await?;
        tokio::time::timeout(limit, self.answer()).await.map_err(silent)?
    }

    /// Lines until the final one.
    async fn answer(&mut self) -> Result<Vec<String>, Fault> {
        let mut lines = Vec::new();
        while lines.len() < LINES_MAX {
            let line = self.line().await?;
            match line.as_str() {
                "OK" => return Ok(lines),
                "ERROR" => return Err(Fault::new(Class::Again, Code::Rejected, "ERROR")),
                error if error.starts_with("+CMS ERROR:") || error.starts_with("+CME ERROR:") => {
                    return Err(refusal(error));
                }
                _ => lines.push(line),
            }
        }
        Err(Fault::new(Class::Again, Code::Shape, "an answer without an end"))
    }

    /// `> `, which no line end follows.
    async fn prompt(&mut self) -> Result<(), Fault> {
        loop {
            if let Some(at) = self.read.iter().position(|byte| *byte == b'>') {
                self.read.drain(..=at);
                return Ok(());
            }
            if let Some(line) = self.whole_line()
                && (line == "ERROR" || line.starts_with("+CM"))
            {
                return Err(refusal(&line));
            }
            self.more().await?;
        }
    }

    async fn line(&mut self) -> Result<String, Fault> {
        loop {
            if let Some(line) = self.whole_line() {
                return Ok(line);
            }
            self.more().await?;
        }
    }

    /// The next line that holds anything, if one is whole.
    fn whole_line(&mut self) -> Option<String> {
        while let Some(at) = self.read.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.read.drain(..=at).collect();
            let line = String::from_utf8_lossy(&line).trim().trim_start_matches("> ").to_owned();
            if !line.is_empty() {
                return Some(line);
            }
        }
        None
    }

    async fn more(&mut self) -> Result<(), Fault> {
        let mut bytes = [0; 256];
        let read = self.wire.read(&mut bytes).await.map_err(|error| lost(&error))?;
        if read == 0 {
            return Err(lost(&io::Error::from(io::ErrorKind::UnexpectedEof)));
        }
        self.read.extend_from_slice(&bytes[..read]);
        if self.read.len() > LINE_BYTES_MAX && !self.read.contains(&b'\n') {
            self.read.clear();
            return Err(Fault::new(Class::Again, Code::Shape, "a line without an end"));
        }
        Ok(())
    }

    async fn write(&mut self, text: &str) -> Result<(), Fault> {
        self.wire.write(text.as_bytes()).await.map_err(|error| lost(&error))
    }
}

fn silent(_: tokio::time::error::Elapsed) -> Fault {
    Fault::new(Class::Again, Code::Timeout, "the modem does not answer")
}

/// A port that broke ends the session as one that does not answer.
fn lost(error: &io::Error) -> Fault {
    Fault::new(Class::Again, Code::Timeout, format!("the port failed: {error}"))
}

/// TS 27.005 §3.2.5 and, below 128, the network's own causes (TS 24.011 E-2).
fn refusal(line: &str) -> Fault {
    let number = line.rsplit(':').next().and_then(|text| text.trim().parse::<u16>().ok());
    let (class, code) = match number {
        // No such number, barred, rejected, an invalid PDU.
        Some(1 | 8 | 10 | 21 | 28 | 30 | 50 | 304 | 305) => (Class::Final, Code::Rejected),
        // The card: missing, locked, of another.
        Some(310..=318) => (Class::Again, Code::Credential),
        // No network.
        Some(30..=42 | 331 | 332) => (Class::Again, Code::Unreachable),
        Some(_) | None => (Class::Again, Code::Busy),
    };
    Fault::new(class, code, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_modem_says_whether_to_try_again() {
        let cases = [
            ("+CMS ERROR: 21", Class::Final, Code::Rejected),
            ("+CMS ERROR: 310", Class::Again, Code::Credential),
            ("+CMS ERROR: 331", Class::Again, Code::Unreachable),
            ("+CMS ERROR: 500", Class::Again, Code::Busy),
            ("ERROR", Class::Again, Code::Busy),
        ];
        for (line, class, code) in cases {
            let fault = refusal(line);
            assert_eq!((fault.class, fault.code), (class, code), "{line}");
        }
    }
}

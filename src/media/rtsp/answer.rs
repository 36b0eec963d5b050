//! Answers as they are written.

use std::fmt::Write as _;

/// What a server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    Found,
    BadRequest,
    Unauthorized,
    NotFound,
    NotAllowed,
    NoSession,
    UnsupportedTransport,
    NotImplemented,
}

/// An answer that is being put together.
#[derive(Debug)]
pub(super) struct Answer {
    head: String,
    body: String,
}

impl Status {
    fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::Found => "302 Moved Temporarily",
            Self::BadRequest => "400 Bad Request",
            Self::Unauthorized => "401 Unauthorized",
            Self::NotFound => "404 Stream Not Found",
            Self::NotAllowed => "455 Method Not Valid in This State",
            Self::NoSession => "454 Session Not Found",
            Self::UnsupportedTransport => "461 Unsupported Transport",
            Self::NotImplemented => "501 Not Implemented",
        }
    }
}

impl Answer {
    pub(super) fn new(status: Status, cseq: Option<u32>) -> Self {
        let mut head = format!("RTSP/1.0 {}\r\n", status.line());
        if let Some(cseq) = cseq {
            let _ = write!(head, "CSeq: {cseq}\r\n");
        }
        Self { head, body: String::new() }
    }

    /// Adds a header. Values are our own words, or what a request's parser has let through: one line.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        let _ = write!(self.head, "{name}: {value}\r\n");
        self
    }

    pub(super) fn body(mut self, kind: &str, body: String) -> Self {
        let _ = write!(self.head, "Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
        self.body = body;
        self
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        format!("{}\r\n{}", self.head, self.body).into_bytes()
    }
}

//! Answers to our own requests, out of foreign bytes: the status, who answers, and to which of our requests. Must not
//! know what an answer means to anybody.

use rsipstack::sip::{HeadersExt as _, Response};

/// Largest message that is read, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 65_535;

/// Longest phrase or product name that is kept, in bytes.
const TEXT_BYTES_MAX: usize = 128;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Status code, 100–699.
    pub code: u16,
    /// The phrase beside it, cut at 128 bytes.
    pub phrase: String,
    /// `Server` or else `User-Agent`: who answers, cut at 128 bytes.
    pub server: Option<String>,
    /// `branch` of the topmost `Via`: to which of our requests.
    pub branch: String,
    /// The method in `CSeq`.
    pub method: String,
}

/// Why bytes are no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAReply {
    /// Not SIP, or damaged.
    #[error("not a SIP message")]
    Damaged,
    /// A request.
    #[error("a request, not an answer")]
    Request,
    /// Lacks what ties it to a request.
    #[error("an answer without Via or CSeq")]
    Untied,
}

/// How a message in a stream of bytes ends (RFC 3261 §18.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framed {
    /// More must come.
    Incomplete,
    /// The message takes so many bytes.
    Whole(usize),
    /// Too long, or without a length that can be read.
    Broken,
}

impl Reply {
    /// Reads one answer.
    ///
    /// # Errors
    /// See [`NotAReply`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NotAReply> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(NotAReply::Damaged);
        }
        if !bytes.starts_with(b"SIP/") {
            let request = std::str::from_utf8(bytes).is_ok_and(|text| text.contains(" SIP/2.0\r\n"));
            return Err(if request { NotAReply::Request } else { NotAReply::Damaged });
        }
        let response = Response::try_from(bytes).map_err(|_| NotAReply::Damaged)?;
        let code = response.status_code.code();
        if !(100..700).contains(&code) {
            return Err(NotAReply::Damaged);
        }
        let phrase = response.wire_reason.as_deref().unwrap_or_else(|| response.status_code.text());
        Ok(Self {
            code,
            phrase: clean(phrase),
            server: ["Server", "User-Agent"]
                .iter()
                .find_map(|name| response.header_value(name))
                .map(|text| clean(&text)),
            branch: branch(&response).ok_or(NotAReply::Untied)?,
            method: method(&response).ok_or(NotAReply::Untied)?,
        })
    }

    /// Whether it is the last word on the request.
    pub fn is_final(&self) -> bool {
        self.code >= 200
    }
}

/// How long the message at the beginning of `bytes` is.
pub fn frame(bytes: &[u8]) -> Framed {
    let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if bytes.len() > MESSAGE_BYTES_MAX { Framed::Broken } else { Framed::Incomplete };
    };
    let Some(body) = content_length(&bytes[..head]) else { return Framed::Broken };
    let whole = (head + 4).saturating_add(body);
    match whole {
        _ if whole > MESSAGE_BYTES_MAX => Framed::Broken,
        _ if whole > bytes.len() => Framed::Incomplete,
        _ => Framed::Whole(whole),
    }
}

/// Without the header there is no body: some devices leave it out of answers.
fn content_length(head: &[u8]) -> Option<usize> {
    let lines = head.split(|byte| *byte == b'\n').skip(1);
    let header = lines.filter_map(|line| std::str::from_utf8(line).ok()?.split_once(':'));
    let mut lengths = header.filter(|(name, _)| {
        let name = name.trim();
        name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("l")
    });
    lengths.next().map_or(Some(0), |(_, value)| value.trim().parse().ok())
}

fn branch(response: &Response) -> Option<String> {
    let via = response.via_header().ok()?;
    let first = via.value().split(',').next()?;
    let parameters = first.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    parameters
        .map(|(name, value)| (name.trim(), value.trim()))
        .find(|(name, value)| name.eq_ignore_ascii_case("branch") && !value.is_empty())
        .map(|(_, value)| value.to_owned())
}

fn method(response: &Response) -> Option<String> {
    let cseq = response.cseq_header().ok()?;
    cseq.value().split_ascii_whitespace().nth(1).map(str::to_ascii_uppercase)
}

/// Foreign words for people: no control characters, not endless.
pub(super) fn clean(text: &str) -> String {
    let mut kept: String = text.chars().filter(|c| !c.is_control()).take(TEXT_BYTES_MAX).collect();
    while kept.len() > TEXT_BYTES_MAX {
        kept.pop();
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOT_FOUND: &str = "SIP/2.0 404 No such seat\r\nv: SIP/2.0/UDP 10.0.0.1:5060;rport=5060;branch=z9hG4bKx1\r\n\
        From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nServer: kamailio (5.6.3)\r\n\r\n";

    #[test]
    fn an_answer_says_what_it_answers() {
        let reply = Reply::parse(NOT_FOUND.as_bytes()).unwrap();
        assert_eq!(
            (reply.code, reply.phrase.as_str(), reply.branch.as_str()),
            (404, "No such seat", "z9hG4bKx1")
        );
        assert_eq!((reply.server.as_deref(), reply.method.as_str()), (Some("kamailio (5.6.3)"), "OPTIONS"));
        assert!(reply.is_final());
    }

    #[test]
    fn what_is_no_answer_is_told_apart() {
        let request = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKy\r\n\r\n";
        let untied = NOT_FOUND.replace(";branch=z9hG4bKx1", "");
        let cases = [
            (request, NotAReply::Request),
            ("HTTP/1.1 400 Bad Request\r\n\r\n", NotAReply::Damaged),
            ("SIP/2.0 999 x\r\n\r\n", NotAReply::Damaged),
            ("", NotAReply::Damaged),
            (untied.as_str(), NotAReply::Untied),
        ];
        for (text, why) in cases {
            assert_eq!(Reply::parse(text.as_bytes()), Err(why), "{text}");
        }
    }

    #[test]
    fn a_message_in_a_stream_ends_where_its_length_says() {
        let cases = [
            ("SIP/2.0 200 OK\r\nl: 3\r\n\r\nabcSIP", Framed::Whole(27)),
            ("SIP/2.0 200 OK\r\nContent-Length: 4\r\n\r\nabc", Framed::Incomplete),
            ("SIP/2.0 200 OK\r\n\r\n", Framed::Whole(18)),
            ("SIP/2.0 200 OK\r\n", Framed::Incomplete),
            ("SIP/2.0 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n", Framed::Broken),
            ("SIP/2.0 200 OK\r\nContent-Length: -1\r\n\r\n", Framed::Broken),
        ];
        for (text, framed) in cases {
            assert_eq!(frame(text.as_bytes()), framed, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Reply::parse(&bytes);
            if let Framed::Whole(length) = frame(&bytes) {
                prop_assert!(length <= bytes.len());
            }
        }

        #[test]
        fn a_damaged_answer_is_read_without_panic(at in 0..NOT_FOUND.len(), byte: u8, end in 0..NOT_FOUND.len()) {
            let mut bytes = NOT_FOUND.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = Reply::parse(&bytes);
            let _ = Reply::parse(&bytes[..end]);
        }
    }
}

//! Frames of STOMP 1.2 (<https://stomp.github.io/stomp-specification-1.2.html>), read and written.
//!
//! Total: any bytes give frames, the wish for more, or an error, and what waits for more is bounded. Knows no line and
//! no maker.

use std::fmt;

/// Longest body of a frame, in bytes.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// Longest head of a frame, in bytes.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Most headers of a frame, its length not counted: that one is added to what is written.
const HEADERS_MAX: usize = 64;

/// A frame. Headers hold secrets, so it shows its command alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its command, such as `MESSAGE`.
    pub command: String,
    /// Its headers in their order; of one that stands twice the first counts.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame").field("command", &self.command).finish_non_exhaustive()
    }
}

/// What stands on the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A frame.
    Frame(Frame),
    /// A line end between frames: the other side lives.
    Beat,
}

/// Why bytes are no frames. Nothing that comes after can be read either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StompError {
    /// A frame, or its head, is longer than is read.
    #[error("a STOMP frame of more than {FRAME_BYTES_MAX} bytes")]
    TooLong,
    /// More headers than are read.
    #[error("more than {HEADERS_MAX} STOMP headers")]
    TooManyHeaders,
    /// The head is no UTF-8, has a line without a colon, an unknown escape, or a length that is none.
    #[error("a STOMP frame with a head that cannot be read")]
    Head,
    /// After the body there is no zero byte.
    #[error("a STOMP frame that does not end where it should")]
    End,
}

impl Frame {
    /// A frame without a body.
    pub fn new(command: &str, headers: &[(&str, &str)]) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { command: command.to_owned(), headers: headers.collect(), body: Vec::new() }
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// As bytes. `CONNECT` is not escaped, for version 1.0 knew no escapes.
    pub fn write(&self) -> Vec<u8> {
        let escapes = self.command != "CONNECT" && self.command != "CONNECTED";
        let text = |text: &str| if escapes { escaped(text) } else { text.replace(['\n', '\r', '\0'], "") };
        let mut out = self.command.replace(['\n', '\r', '\0'], "");
        out.push('\n');
        for (name, value) in &self.headers {
            let name = if escapes { escaped(name) } else { text(name).replace(':', "") };
            out.push_str(&format!("{name}:{}\n", text(value)));
        }
        if !self.body.is_empty() && self.header("content-length").is_none() {
            out.push_str(&format!("content-length:{}\n", self.body.len()));
        }
        out.push('\n');
        let mut bytes = out.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes.push(0);
        bytes
    }
}

/// Reads frames out of pieces, however they are cut.
#[derive(Debug, Default)]
pub struct Decoder {
    waiting: Vec<u8>,
    /// How much of `waiting` has been read.
    at: usize,
    /// How much of the body that is not whole yet is known to hold no zero byte.
    searched: usize,
}

impl Decoder {
    /// Takes a piece.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), StompError> {
        self.waiting.drain(..self.at);
        self.at = 0;
        if self.waiting.len() + piece.len() > 3 * FRAME_BYTES_MAX {
            return Err(StompError::TooLong);
        }
        self.waiting.extend_from_slice(piece);
        Ok(())
    }

    /// The next item, if it is whole.
    pub fn next_item(&mut self) -> Result<Option<Item>, StompError> {
        let rest = &self.waiting[self.at..];
        let beat = match rest {
            [] | [b'\r'] => return Ok(None),
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => 0,
        };
        if beat > 0 {
            self.at += beat;
            return Ok(Some(Item::Beat));
        }
        let Some((head, body_at)) = head_end(rest)? else { return Ok(None) };
        let (command, headers) = parse_head(&rest[..head])?;
        let mut frame = Frame { command, headers, body: Vec::new() };
        let body = &rest[body_at..];
        let Some(end) = body_end(body, frame.header("content-length"), self.searched)? else {
            self.searched = body.len();
            return Ok(None);
        };
        frame.body = body[..end].to_vec();
        self.at += body_at + end + 1;
        self.searched = 0;
        Ok(Some(Item::Frame(frame)))
    }
}

/// Where the head ends, without its empty line, and where the body begins.
fn head_end(bytes: &[u8]) -> Result<Option<(usize, usize)>, StompError> {
    let limit = bytes.len().min(HEAD_BYTES_MAX);
    for at in 0..limit {
        if bytes[at] != b'\n' {
            continue;
        }
        match bytes.get(at + 1..) {
            Some([b'\n', ..]) => return Ok(Some((at, at + 2))),
            Some([b'\r', b'\n', ..]) => return Ok(Some((at, at + 3))),
            Some(_) | None => {}
        }
    }
    if limit == HEAD_BYTES_MAX { Err(StompError::TooLong) } else { Ok(None) }
}

type Head = (String, Vec<(String, String)>);

fn parse_head(head: &[u8]) -> Result<Head, StompError> {
    let head = std::str::from_utf8(head).map_err(|_| StompError::Head)?;
    let mut lines = head.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let command = lines.next().unwrap_or_default().to_owned();
    // A zero byte ends a frame; in a head it, or a command that is no word, is another protocol's.
    let is_word = !command.is_empty() && command.bytes().all(|byte| byte.is_ascii_alphabetic());
    if !is_word || head.contains('\0') {
        return Err(StompError::Head);
    }
    let escapes = command != "CONNECT" && command != "CONNECTED";
    let (mut headers, mut lengths) = (Vec::new(), 0);
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(StompError::Head)?;
        lengths = usize::from(lengths == 1 || name == "content-length");
        if headers.len() >= HEADERS_MAX + lengths {
            return Err(StompError::TooManyHeaders);
        }
        headers.push(if escapes {
            (unescaped(name)?, unescaped(value)?)
        } else {
            (name.to_owned(), value.to_owned())
        });
    }
    Ok((command, headers))
}

/// How long the body is, without the zero byte behind it. Before `searched` there is none.
fn body_end(body: &[u8], length: Option<&str>, searched: usize) -> Result<Option<usize>, StompError> {
    let Some(length) = length else {
        let mut bytes = body.iter().enumerate().take(FRAME_BYTES_MAX + 1).skip(searched);
        let end = bytes.find(|(_, byte)| **byte == 0).map(|(at, _)| at);
        return match end {
            None if body.len() > FRAME_BYTES_MAX => Err(StompError::TooLong),
            end => Ok(end),
        };
    };
    let length: usize = length.trim().parse().map_err(|_| StompError::Head)?;
    if length > FRAME_BYTES_MAX {
        return Err(StompError::TooLong);
    }
    match body.get(length) {
        None => Ok(None),
        Some(0) => Ok(Some(length)),
        Some(_) => Err(StompError::End),
    }
}

fn escaped(text: &str) -> String {
    text.replace('\0', "").replace('\\', "\\\\").replace('\r', "\\r").replace('\n', "\\n").replace(':', "\\c")
}

fn unescaped(text: &str) -> Result<String, StompError> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(next) = chars.next() {
        if next != '\\' {
            out.push(next);
            continue;
        }
        out.push(match chars.next() {
            Some('r') => '\r',
            Some('n') => '\n',
            Some('c') => ':',
            Some('\\') => '\\',
            Some(_) | None => return Err(StompError::Head),
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Result<Vec<Item>, StompError> {
        let (mut decoder, mut items) = (Decoder::default(), Vec::new());
        for piece in pieces {
            decoder.feed(piece)?;
            while let Some(item) = decoder.next_item()? {
                items.push(item);
            }
        }
        Ok(items)
    }

    #[test]
    fn frames_and_beats_follow_one_another() {
        let line = b"\nCONNECTED\r\nversion:1.2\r\nheart-beat:10000,10000\r\n\r\n\0\r\n\
            MESSAGE\nsubscription:sub-1\nsubscription:late\nmessage-id:a\\cb\n\n{\"a\":1}\0";
        let items = read(&[line]).unwrap();
        let [Item::Beat, Item::Frame(connected), Item::Beat, Item::Frame(message)] = items.as_slice() else {
            panic!("{items:?}")
        };
        assert_eq!(connected.header("heart-beat"), Some("10000,10000"));
        assert_eq!(message.header("subscription"), Some("sub-1"));
        assert_eq!(message.header("message-id"), Some("a:b"));
        assert_eq!(message.body, b"{\"a\":1}");
    }

    #[test]
    fn a_length_may_cover_zero_bytes_and_must_be_true() {
        let items = read(&[b"MESSAGE\ncontent-length:3\n\na\0b\0"]).unwrap();
        assert!(matches!(&items[..], [Item::Frame(frame)] if frame.body == b"a\0b"));
        let cases: [(&[u8], StompError); 9] = [
            (b"MESSAGE\ncontent-length:1\n\nab\0", StompError::End),
            (b"MESSAGE\ncontent-length:-1\n\nab\0", StompError::Head),
            (b"MESSAGE\ncontent-length:99999999\n\nab\0", StompError::TooLong),
            (b"MESSAGE\nno colon\n\n\0", StompError::Head),
            (b"MESSAGE\na:\\t\n\n\0", StompError::Head),
            (b"\0\0\0\n\n\0", StompError::Head),
            (b"MESSAGE 1\n\n\0", StompError::Head),
            (b"MESSAGE\na:b\0c\n\n\0", StompError::Head),
            (b"MESSAGE\ncontent-length\0:1\n\na\0", StompError::Head),
        ];
        for (line, error) in cases {
            assert_eq!(read(&[line]), Err(error), "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn a_frame_with_as_many_headers_as_are_read_is_read_again_when_it_is_written() {
        let frame = |headers: usize| format!("MESSAGE\n{}\nbody\0", "a:b\n".repeat(headers));
        let items = read(&[frame(HEADERS_MAX).as_bytes()]).unwrap();
        let [Item::Frame(found)] = items.as_slice() else { panic!("{items:?}") };
        let again = read(&[&found.write()]).unwrap();
        assert!(matches!(&again[..], [Item::Frame(again)] if again.body == b"body"), "{again:?}");
        assert_eq!(read(&[frame(HEADERS_MAX + 1).as_bytes()]), Err(StompError::TooManyHeaders));
    }

    #[test]
    fn what_never_ends_is_given_up() {
        let (mut decoder, piece) = (Decoder::default(), vec![b'a'; 1 << 16]);
        let given_up = (0..64).find_map(|_| decoder.feed(&piece).and_then(|()| decoder.next_item()).err());
        assert_eq!(given_up, Some(StompError::TooLong));
    }

    #[test]
    fn a_frame_shows_no_header() {
        let frame = Frame::new("SUBSCRIBE", &[("token", "secret")]);
        assert!(!format!("{frame:?}").contains("secret"));
    }

    proptest! {
        #[test]
        fn a_frame_that_is_written_is_read_however_it_is_cut(
            headers in proptest::collection::vec(("[a-z-]{1,8}", ".{0,12}"), 0..5),
            body in proptest::collection::vec(any::<u8>(), 0..40),
            cut in 0_usize..200,
        ) {
            let headers: Vec<(String, String)> = headers.into_iter()
                .filter(|(name, value)| name != "content-length" && !value.contains('\0')).collect();
            let frame = Frame { command: "SEND".into(), headers, body };
            let bytes = frame.write();
            let cut = cut.min(bytes.len());
            let items = read(&[&bytes[..cut], &bytes[cut..]]).unwrap();
            let [Item::Frame(found)] = items.as_slice() else { panic!("{items:?}") };
            prop_assert_eq!(&found.body, &frame.body);
            prop_assert!(found.headers.starts_with(&frame.headers));
        }

        #[test]
        fn any_bytes_are_read_or_refused(pieces in proptest::collection::vec(
            prop_oneof![Just(b"\n".to_vec()), Just(b"\0".to_vec()), Just(b"A\na:b\n\n".to_vec()),
                proptest::collection::vec(any::<u8>(), 0..16)], 0..20)) {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let _ = read(&pieces);
        }
    }
}

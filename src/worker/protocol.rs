//! The bytes between parent and child: length, head, chunks. Knows their layout alone; reading is total, memory is
//! bounded by the longest message, and neither side trusts the other.
//!
//! Everything is little endian: `length u32` (of what follows), `verb u8`, `flags u8`, `session u32`, `request u32`,
//! `cpu_us u32`, then chunks until the end: `pts_us i64`, `mark u8`, `length u32`, that many bytes.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// Of this layout. A child of another version is not spoken to.
pub const VERSION: u32 = 1;
/// Longest message, without its length field: one raw 4K picture fits.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// Most chunks in a message.
pub const CHUNKS_MAX: usize = 4096;
/// Bytes of the head after the length field.
pub const HEAD_BYTES: usize = 14;
/// Bytes before a chunk's data.
pub const CHUNK_HEAD_BYTES: usize = 13;

/// Flag of a request: afterwards give out all that is held back, and begin anew.
pub const FLAG_DRAIN: u8 = 1;

/// One message in either direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it says.
    pub verb: Verb,
    /// By verb, see `FLAG_…`.
    pub flags: u8,
    /// Which session; 0 for the child itself.
    pub session: u32,
    /// Which request; an answer repeats it.
    pub request: u32,
    /// Processor time of the answered request, in microseconds.
    pub cpu_us: u32,
    /// Payload, by verb and kind of session.
    pub chunks: Vec<Chunk>,
}

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// To the child: a session begins; the chunk is its kind as JSON.
    Open,
    /// To the child: do this.
    Work,
    /// To the child: a session is over.
    Close,
    /// To the child: say that you live.
    Ping,
    /// From the child: ready; `request` is its [`VERSION`].
    Hello,
    /// From the child: done, with the result.
    Done,
    /// From the child: not done; the chunk says why.
    Failed,
    /// From the child: a session brings something unasked.
    Event,
    /// From the child: a session ended by itself; the chunk says why.
    Ended,
    /// From the child: it lives.
    Pong,
}

/// A piece of payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Media time, in microseconds, where it has one.
    pub pts_us: i64,
    /// By kind.
    pub mark: u8,
    /// The bytes.
    pub data: Bytes,
}

/// Why bytes are not a message. The other side is broken: there is no way to go on after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// Shorter than a head, or longer than [`MESSAGE_BYTES_MAX`].
    #[error("a message of {0} bytes")]
    Length(usize),
    /// No such verb.
    #[error("verb {0}")]
    Verb(u8),
    /// A chunk reaches beyond the message, or there are more than [`CHUNKS_MAX`].
    #[error("chunk {0} is cut off or one too many")]
    Chunk(usize),
}

impl Message {
    /// A message without payload.
    pub fn plain(verb: Verb, session: u32, request: u32) -> Self {
        Self { verb, flags: 0, session, request, cpu_us: 0, chunks: Vec::new() }
    }

    /// A message whose payload is one text.
    pub fn text(verb: Verb, session: u32, request: u32, text: &str) -> Self {
        let chunk = Chunk { pts_us: 0, mark: 0, data: Bytes::copy_from_slice(text.as_bytes()) };
        Self { chunks: vec![chunk], ..Self::plain(verb, session, request) }
    }

    /// The payload as a text, at most 200 characters of it.
    pub fn as_text(&self) -> String {
        let data = self.chunks.first().map(|chunk| &chunk.data[..]).unwrap_or_default();
        String::from_utf8_lossy(&data[..data.len().min(800)]).chars().take(200).collect()
    }

    /// Bytes on the wire, with the length field.
    pub fn wire_len(&self) -> usize {
        4 + HEAD_BYTES + self.chunks.iter().map(|chunk| CHUNK_HEAD_BYTES + chunk.data.len()).sum::<usize>()
    }

    /// Whether it may be sent at all.
    pub fn fits(&self) -> bool {
        self.wire_len() - 4 <= MESSAGE_BYTES_MAX && self.chunks.len() <= CHUNKS_MAX
    }

    /// Appends the message to `out`. The caller has seen that it [fits](Self::fits).
    pub fn put(&self, out: &mut BytesMut) {
        debug_assert!(self.fits(), "a message that the other side would refuse");
        out.reserve(self.wire_len());
        out.put_u32_le(u32::try_from(self.wire_len() - 4).unwrap_or(u32::MAX));
        out.put_u8(self.verb.number());
        out.put_u8(self.flags);
        out.put_u32_le(self.session);
        out.put_u32_le(self.request);
        out.put_u32_le(self.cpu_us);
        for chunk in &self.chunks {
            out.put_i64_le(chunk.pts_us);
            out.put_u8(chunk.mark);
            out.put_u32_le(u32::try_from(chunk.data.len()).unwrap_or(u32::MAX));
            out.extend_from_slice(&chunk.data);
        }
    }
}

/// Takes the first whole message out of `bytes`; `None` while it is incomplete.
///
/// # Errors
/// When the bytes can never become a message.
pub fn take(bytes: &mut BytesMut) -> Result<Option<Message>, BadMessage> {
    let Some(length) = bytes.first_chunk::<4>() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if !(HEAD_BYTES..=MESSAGE_BYTES_MAX).contains(&length) {
        return Err(BadMessage::Length(length));
    }
    if bytes.len() < 4 + length {
        bytes.reserve(4 + length - bytes.len());
        return Ok(None);
    }
    bytes.advance(4);
    read(bytes.split_to(length).freeze()).map(Some)
}

/// `bytes` has at least a head, as [`take`] saw.
fn read(mut bytes: Bytes) -> Result<Message, BadMessage> {
    let number = bytes.get_u8();
    let verb = Verb::of_number(number).ok_or(BadMessage::Verb(number))?;
    let flags = bytes.get_u8();
    let (session, request, cpu_us) = (bytes.get_u32_le(), bytes.get_u32_le(), bytes.get_u32_le());
    let mut chunks = Vec::new();
    while !bytes.is_empty() {
        let chunk = read_chunk(&mut bytes).ok_or(BadMessage::Chunk(chunks.len()))?;
        if chunks.len() == CHUNKS_MAX {
            return Err(BadMessage::Chunk(CHUNKS_MAX));
        }
        chunks.push(chunk);
    }
    Ok(Message { verb, flags, session, request, cpu_us, chunks })
}

fn read_chunk(bytes: &mut Bytes) -> Option<Chunk> {
    if bytes.len() < CHUNK_HEAD_BYTES {
        return None;
    }
    let (pts_us, mark) = (bytes.get_i64_le(), bytes.get_u8());
    let length = usize::try_from(bytes.get_u32_le()).ok()?;
    (length <= bytes.len()).then(|| Chunk { pts_us, mark, data: bytes.split_to(length) })
}

impl Verb {
    const ALL: [(Self, u8); 10] = [
        (Self::Open, 1),
        (Self::Work, 2),
        (Self::Close, 3),
        (Self::Ping, 4),
        (Self::Hello, 16),
        (Self::Done, 17),
        (Self::Failed, 18),
        (Self::Event, 19),
        (Self::Ended, 20),
        (Self::Pong, 21),
    ];

    fn of_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == number).map(|(verb, _)| verb)
    }

    fn number(self) -> u8 {
        match self {
            Self::Open => 1,
            Self::Work => 2,
            Self::Close => 3,
            Self::Ping => 4,
            Self::Hello => 16,
            Self::Done => 17,
            Self::Failed => 18,
            Self::Event => 19,
            Self::Ended => 20,
            Self::Pong => 21,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message() -> impl Strategy<Value = Message> {
        let chunk = (any::<i64>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 0..60))
            .prop_map(|(pts_us, mark, data)| Chunk { pts_us, mark, data: data.into() });
        let verb = (0..Verb::ALL.len()).prop_map(|at| Verb::ALL[at].0);
        (verb, any::<u8>(), any::<[u32; 3]>(), proptest::collection::vec(chunk, 0..6)).prop_map(
            |(verb, flags, [session, request, cpu_us], chunks)| Message {
                verb,
                flags,
                session,
                request,
                cpu_us,
                chunks,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_put_is_taken_however_it_arrives(sent in proptest::collection::vec(message(), 1..4), step in 1usize..40) {
            let mut wire = BytesMut::new();
            sent.iter().for_each(|message| message.put(&mut wire));
            let (mut here, mut got) = (BytesMut::new(), Vec::new());
            for piece in wire.chunks(step) {
                here.extend_from_slice(piece);
                while let Some(message) = take(&mut here).unwrap() {
                    got.push(message);
                }
            }
            prop_assert_eq!(got, sent);
            prop_assert!(here.is_empty());
        }

        #[test]
        fn any_bytes_end_in_a_message_a_wait_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut here = BytesMut::from(&bytes[..]);
            while let Ok(Some(message)) = take(&mut here) {
                prop_assert!(message.wire_len() <= bytes.len());
                let _ = message.as_text();
            }
        }
    }

    #[test]
    fn what_can_never_become_a_message_is_refused_at_once() {
        let head = |length: u32, verb: u8| {
            let mut bytes = BytesMut::new();
            bytes.put_u32_le(length);
            bytes.put_u8(verb);
            bytes.put_bytes(0, 13);
            bytes
        };
        let mut cut = head(14 + 13, 2);
        cut.put_bytes(0xff, 13);
        let cases = [
            (head(13, 1), BadMessage::Length(13)),
            (head(u32::MAX, 1), BadMessage::Length(u32::MAX as usize)),
            (head(14, 9), BadMessage::Verb(9)),
            (cut, BadMessage::Chunk(0)),
        ];
        for (mut bytes, bad) in cases {
            assert_eq!(take(&mut bytes), Err(bad));
        }
    }
}

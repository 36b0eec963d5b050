//! Header extensions of RTP packets (RFC 8285), among them the audio level (RFC 6464).

/// Profile of elements with one-byte heads.
const ONE_BYTE: u16 = 0xbede;

/// Profile of elements with two-byte heads, its low four bits left out.
const TWO_BYTE: u16 = 0x1000;

/// A header extension as it stands in the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a> {
    /// Says how `data` is laid out: `0xBEDE` and `0x1000` are RFC 8285.
    pub profile: u16,
    /// The words after the head; a multiple of four bytes.
    pub data: &'a [u8],
}

/// The elements of an extension: id and value.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    rest: &'a [u8],
    heads: Heads,
}

#[derive(Debug, Clone, Copy)]
enum Heads {
    One,
    Two,
}

/// How loud a sender says its own packet is (RFC 6464).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioLevel {
    /// Whether the sender believes it is speech.
    pub voice: bool,
    /// Loudness below full scale in dB: 0 is the loudest, 127 silence.
    pub below_full_scale_db: u8,
}

/// Splits an extension off the bytes after the fixed header.
pub(super) fn split(rest: &[u8]) -> Option<(Option<Extension<'_>>, &[u8])> {
    let (head, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]])) * 4;
    let (data, rest) = rest.split_at_checked(length)?;
    Some((Some(Extension { profile: u16::from_be_bytes([head[0], head[1]]), data }), rest))
}

impl<'a> Extension<'a> {
    /// The elements inside; none when the profile is not of RFC 8285.
    pub fn elements(&self) -> Elements<'a> {
        match self.profile {
            ONE_BYTE => Elements { rest: self.data, heads: Heads::One },
            profile if profile & 0xfff0 == TWO_BYTE => Elements { rest: self.data, heads: Heads::Two },
            _ => Elements { rest: &[], heads: Heads::One },
        }
    }

    /// Appends it; bytes after the last whole word are left out.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let words = (self.data.len() / 4).min(usize::from(u16::MAX));
        out.extend_from_slice(&self.profile.to_be_bytes());
        out.extend_from_slice(&(words as u16).to_be_bytes());
        out.extend_from_slice(&self.data[..words * 4]);
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while let [0, rest @ ..] = self.rest {
            self.rest = rest;
        }
        let (id, length, rest) = match (self.heads, self.rest) {
            // Identifier 15 ends the list (RFC 8285 §4.2).
            (Heads::One, [head, rest @ ..]) if head >> 4 != 15 => {
                (head >> 4, usize::from(head & 15) + 1, rest)
            }
            (Heads::Two, [id, length, rest @ ..]) => (*id, usize::from(*length), rest),
            (Heads::One | Heads::Two, _) => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some((id, value))
    }
}

impl AudioLevel {
    /// Reads the element's value: one byte, or more with padding.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let byte = value.first()?;
        Some(Self { voice: byte & 0x80 != 0, below_full_scale_db: byte & 0x7f })
    }

    /// The element's byte.
    pub fn byte(self) -> u8 {
        u8::from(self.voice) << 7 | self.below_full_scale_db.min(127)
    }
}

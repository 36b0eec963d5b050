//! Extensions (RFC 8972 §4): a chain of flags, type, length, value after the base packet.

use super::{Ntp, be16, be32, be64};

/// Flag U: the receiver did not understand this extension. Senders set it, reflectors clear it when they do.
pub const UNRECOGNISED: u8 = 0x80;
/// Flag M: the extension is malformed.
pub const MALFORMED: u8 = 0x40;

/// Extra padding (§4.1).
pub const EXTRA_PADDING: u8 = 1;
/// Class of service (§4.4): DSCP asked for, DSCP and ECN seen.
pub const CLASS_OF_SERVICE: u8 = 4;
/// Follow-up telemetry (§4.7): the kernel's time of the reply before this one.
pub const FOLLOW_UP: u8 = 7;
/// Private use (252–254): the reflector's summary of a session, see [`Summary`].
pub const SUMMARY: u8 = 252;

/// Bytes of flags, type and length.
pub const HEAD_BYTES: usize = 4;
/// Bytes of a whole class-of-service extension.
pub const CLASS_OF_SERVICE_BYTES: usize = HEAD_BYTES + 4;
/// Bytes of a whole follow-up extension.
pub const FOLLOW_UP_BYTES: usize = HEAD_BYTES + 16;
/// Bytes of a summary's value before its bitmap.
pub const SUMMARY_FIXED_BYTES: usize = 32;

/// Marks our private extension, so that another vendor's 252 is not misread.
const SUMMARY_MAGIC: u16 = 0x7663;
const SUMMARY_VERSION: u8 = 1;

/// One extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Where its first byte stands in the tail.
    pub at: usize,
    /// U, M, I and reserved bits.
    pub flags: u8,
    /// The type, such as [`CLASS_OF_SERVICE`].
    pub kind: u8,
    /// The value.
    pub value: &'a [u8],
}

/// The rest of a chain that does not hold what its length field promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    /// Where the broken extension begins in the tail.
    pub at: usize,
}

/// Walks a chain; yields a broken end once, then stops.
#[derive(Debug, Clone, Copy)]
pub struct Tlvs<'a> {
    tail: &'a [u8],
    at: usize,
}

impl<'a> Tlvs<'a> {
    /// Walks the bytes after a base packet.
    pub fn new(tail: &'a [u8]) -> Self {
        Self { tail, at: 0 }
    }

    /// The first well-formed extension of a type.
    pub fn find(self, kind: u8) -> Option<Tlv<'a>> {
        self.map_while(Result::ok).find(|tlv| tlv.kind == kind)
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Result<Tlv<'a>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at;
        let rest = self.tail.get(at..).filter(|rest| !rest.is_empty())?;
        let length = usize::from(be16(rest, 2));
        let Some(value) = rest.get(HEAD_BYTES..HEAD_BYTES + length) else {
            self.at = self.tail.len();
            return Some(Err(Broken { at }));
        };
        self.at = at + HEAD_BYTES + length;
        Some(Ok(Tlv { at, flags: rest[0], kind: rest[1], value }))
    }
}

/// Class of service (RFC 8972 §4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassOfService {
    /// The DSCP the reply shall carry.
    pub wanted_dscp: u8,
    /// The DSCP the probe arrived with; filled by the reflector.
    pub seen_dscp: u8,
    /// The ECN bits the probe arrived with; filled by the reflector.
    pub seen_ecn: u8,
    /// Reverse path: 1 when the reflector could not use the wanted DSCP.
    pub reverse_path: u8,
}

impl ClassOfService {
    /// Reads the four bytes of the value.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let bits = (value.len() == 4).then(|| be32(value, 0))?;
        Some(Self {
            wanted_dscp: (bits >> 26) as u8,
            seen_dscp: (bits >> 20 & 0x3f) as u8,
            seen_ecn: (bits >> 18 & 3) as u8,
            reverse_path: (bits >> 16 & 3) as u8,
        })
    }

    /// The four bytes of the value.
    pub fn bytes(self) -> [u8; 4] {
        let bits = u32::from(self.wanted_dscp & 0x3f) << 26
            | u32::from(self.seen_dscp & 0x3f) << 20
            | u32::from(self.seen_ecn & 3) << 18
            | u32::from(self.reverse_path & 3) << 16;
        bits.to_be_bytes()
    }
}

/// Follow-up telemetry (RFC 8972 §4.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowUp {
    /// The reflector's sequence number of the earlier reply.
    pub seq: u32,
    /// When that reply really left.
    pub sent: Ntp,
    /// How it was stamped: 0 = nothing yet, 1 = hardware, 2 = software (kernel).
    pub method: u8,
}

impl FollowUp {
    /// Reads the sixteen bytes of the value; `None` also while the reflector has not filled it.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let filled = value.len() == FOLLOW_UP_BYTES - HEAD_BYTES && value[12] != 0;
        filled.then(|| Self { seq: be32(value, 0), sent: Ntp(be64(value, 4)), method: value[12] })
    }

    /// The sixteen bytes of the value.
    pub fn bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&self.seq.to_be_bytes());
        bytes[4..12].copy_from_slice(&self.sent.0.to_be_bytes());
        bytes[12] = self.method;
        bytes
    }
}

/// What a reflector remembers of a session, asked for by closing probes: with it every probe's fate is known exactly
/// even when the reply was lost. Private extension; a reflector that does not know it leaves flag U set.
///
/// Value: magic `vc`, version, 1 when filled, first sequence number of the bitmap (a multiple of 8), received,
/// duplicates, reordered, limited, replies (u32 each), 4 zero bytes, then one bit per sequence number received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary<'a> {
    /// Whether a reflector filled it.
    pub filled: bool,
    /// Sequence number of the bitmap's first bit.
    pub from_seq: u32,
    /// Probes received, duplicates among them.
    pub received: u32,
    /// Probes received more than once.
    pub duplicates: u32,
    /// First copies that arrived after a higher number (RFC 4737 §3).
    pub reordered: u32,
    /// Probes not answered because the source sent too fast.
    pub limited: u32,
    /// Replies sent; the next reply's sequence number.
    pub replies: u32,
    /// One bit per sequence number, the lowest bit of a byte first.
    pub bitmap: &'a [u8],
}

impl<'a> Summary<'a> {
    /// Reads a value, asked or filled.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (fixed, bitmap) = value.split_first_chunk::<SUMMARY_FIXED_BYTES>()?;
        let ours = be16(fixed, 0) == SUMMARY_MAGIC && fixed[2] == SUMMARY_VERSION;
        ours.then(|| Self {
            filled: fixed[3] == 1,
            from_seq: be32(fixed, 4),
            received: be32(fixed, 8),
            duplicates: be32(fixed, 12),
            reordered: be32(fixed, 16),
            limited: be32(fixed, 20),
            replies: be32(fixed, 24),
            bitmap,
        })
    }

    /// The fixed bytes of the value; the bitmap follows them.
    pub fn fixed_bytes(&self) -> [u8; SUMMARY_FIXED_BYTES] {
        let mut bytes = [0; SUMMARY_FIXED_BYTES];
        bytes[..2].copy_from_slice(&SUMMARY_MAGIC.to_be_bytes());
        bytes[2] = SUMMARY_VERSION;
        bytes[3] = u8::from(self.filled);
        let fields =
            [self.from_seq, self.received, self.duplicates, self.reordered, self.limited, self.replies];
        for (chunk, field) in bytes[4..].chunks_exact_mut(4).zip(fields) {
            chunk.copy_from_slice(&field.to_be_bytes());
        }
        bytes
    }
}

/// Appends an extension as a sender writes it: flag U set. Values beyond 65,535 bytes are cut.
pub fn append(out: &mut Vec<u8>, kind: u8, value: &[u8]) {
    let length = value.len().min(usize::from(u16::MAX));
    out.extend_from_slice(&[UNRECOGNISED, kind]);
    out.extend_from_slice(&(length as u16).to_be_bytes());
    out.extend_from_slice(&value[..length]);
}

/// Appends a request for a session's summary with room for `bitmap_bytes` × 8 sequence numbers.
pub fn append_summary_request(out: &mut Vec<u8>, from_seq: u32, bitmap_bytes: usize) {
    let request = Summary {
        filled: false,
        from_seq,
        received: 0,
        duplicates: 0,
        reordered: 0,
        limited: 0,
        replies: 0,
        bitmap: &[],
    };
    let mut value = request.fixed_bytes().to_vec();
    value.resize(SUMMARY_FIXED_BYTES + bitmap_bytes, 0);
    append(out, SUMMARY, &value);
}

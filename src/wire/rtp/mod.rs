//! RTP packets (RFC 3550 §5) with header extensions (RFC 8285), and the accounting of one source's packets.
//!
//! Must not know what a payload means, where packets come from, or what loss is worth.

mod extension;
mod reception;
mod ticks;

pub use extension::{AudioLevel, Elements, Extension};
pub use reception::{Arrival, Counts, Reception};
pub use ticks::Ticks;

/// Length of a header without contributing sources and extension, in bytes.
pub const HEAD_BYTES: usize = 12;

/// One packet; everything points into the bytes it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    /// For video: the last packet of an access unit. For sound: the first after a pause.
    pub marker: bool,
    /// Payload type, 0–127; what it means stands in the SDP.
    pub payload_type: u8,
    /// Counts packets, from a random start on, and wraps.
    pub sequence: u16,
    /// Sampling time in ticks of the track's clock, from a random start on, and wraps.
    pub timestamp: u32,
    /// Who sends.
    pub ssrc: u32,
    /// The header extension, if there is one.
    pub extension: Option<Extension<'a>>,
    /// What is carried, without padding.
    pub payload: &'a [u8],
}

/// Why bytes are no RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRtp {
    /// Ends inside the header it announces.
    #[error("{got} bytes end inside an RTP header")]
    Short {
        /// Bytes received.
        got: usize,
    },
    /// Another version than 2.
    #[error("RTP version {0}, only 2 is known")]
    Version(u8),
    /// More padding than there is payload, or a padding of no bytes.
    #[error("RTP padding of {0} bytes does not fit")]
    Padding(u8),
    /// An RTCP packet on the same port (RFC 5761 §4).
    #[error("RTCP packet type {0}")]
    Rtcp(u8),
}

/// Reads one packet. Nothing is copied.
pub fn parse(bytes: &[u8]) -> Result<RtpPacket<'_>, NotRtp> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD_BYTES>() else {
        return Err(NotRtp::Short { got: bytes.len() });
    };
    if head[0] >> 6 != 2 {
        return Err(NotRtp::Version(head[0] >> 6));
    }
    if is_rtcp(bytes) {
        return Err(NotRtp::Rtcp(head[1]));
    }
    let short = NotRtp::Short { got: bytes.len() };
    let sources = usize::from(head[0] & 0x0f) * 4;
    let rest = rest.get(sources..).ok_or(short)?;
    let (extension, rest) =
        if head[0] & 0x10 == 0 { (None, rest) } else { extension::split(rest).ok_or(short)? };
    let payload = if head[0] & 0x20 == 0 { rest } else { without_padding(rest)? };
    Ok(RtpPacket {
        marker: head[1] & 0x80 != 0,
        payload_type: head[1] & 0x7f,
        sequence: u16::from_be_bytes([head[2], head[3]]),
        timestamp: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
        ssrc: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
        extension,
        payload,
    })
}

/// Whether a datagram of an RTP port is RTCP, by its second byte (RFC 5761 §4).
pub fn is_rtcp(bytes: &[u8]) -> bool {
    matches!(bytes, [first, 192..=223, ..] if first >> 6 == 2)
}

impl RtpPacket<'_> {
    /// Appends the packet to `out`, without padding and contributing sources.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(0x80 | if self.extension.is_some() { 0x10 } else { 0 });
        out.push(u8::from(self.marker) << 7 | self.payload_type & 0x7f);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        if let Some(extension) = &self.extension {
            extension.write(out);
        }
        out.extend_from_slice(self.payload);
    }

    /// The sender's own level of this packet's sound (RFC 6464), if the extension `id` carries it.
    pub fn audio_level(&self, id: u8) -> Option<AudioLevel> {
        let mut elements = self.extension?.elements();
        let (_, value) = elements.find(|(element, _)| *element == id)?;
        AudioLevel::parse(value)
    }
}

fn without_padding(rest: &[u8]) -> Result<&[u8], NotRtp> {
    let padding = rest.last().copied().unwrap_or(0);
    match rest.len().checked_sub(usize::from(padding)) {
        Some(length) if padding > 0 => Ok(&rest[..length]),
        Some(_) | None => Err(NotRtp::Padding(padding)),
    }
}

#[cfg(test)]
mod tests;

//! MPEG transport streams (ISO/IEC 13818-1): access units out of 188-byte packets, and a small multiplex for our own.
//!
//! Must not know how packets travel or what an error is worth; figures of TR 101 290 are another's.

mod demux;
mod elementary;
mod mux;
mod packet;
mod pes;
mod tables;

pub use demux::{Demux, TsCounts, TsEvent, TsTrack, TsUnit};
pub use mux::{Mux, MuxUnit};

/// Length of a packet.
pub const PACKET_BYTES: usize = 188;

/// The byte every packet begins with.
pub const SYNC_BYTE: u8 = 0x47;

/// Most tracks of a programme.
pub const TRACKS_MAX: usize = 16;

/// The packets in a datagram, whether or not an RTP header stands before them (RFC 2250): the bytes from the first
/// packet on. `None` when there are none.
pub fn payload(datagram: &[u8]) -> Option<&[u8]> {
    let whole = |bytes: &&[u8]| bytes.len() >= PACKET_BYTES && bytes[0] == SYNC_BYTE;
    let wrapped = || super::rtp::parse(datagram).ok().map(|packet| packet.payload);
    Some(datagram).filter(whole).or_else(|| wrapped().filter(whole))
}

#[cfg(test)]
mod tests;

//! Total parsers and writers of foreign bytes. Nothing here knows sockets, clocks or what a value will be used for;
//! every input of any length gives a value or a named refusal, never a panic.

pub mod stamp;
pub mod coding;
pub mod g711;
pub mod rtp;
pub mod rtcp;
pub mod sdp;
pub mod nal;
pub mod depay;
pub mod pay;
pub mod ts;
mod bits;

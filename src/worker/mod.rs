//! Child processes of this same binary that decode, encode and fetch media: the only user of GStreamer.
//!
//! A child has a memory limit, every request a deadline. One that dies, hangs or swells is replaced within a second;
//! whoever asked hears that the analysis is unavailable, never that a stream is bad. Knows codecs and bytes; must not
//! know venues, meetings or what a picture means.
//!
//! The parent's half is [`pool`] (who lives, who waits) and [`session`] (what one asks); the child's half is
//! [`child`]; between them stands [`protocol`], and the values that travel are in [`kind`], [`picture`], [`sound`]
//! and [`fetched`].

pub mod kind;
pub mod picture;
pub mod sound;
pub mod fetched;
pub mod protocol;
pub mod session;
pub mod pool;
pub mod child;

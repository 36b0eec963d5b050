//! The test signal: talking heads, speech-like sound, and every fault on command, sent as a venue would send it.
//!
//! Clips are encoded once per profile and kept; senders fan them out; a probe carries them into a real call. Knows how a fault is made and when it truly
//! began; must not know how it is detected.

pub mod picture;
pub mod scene;
pub mod sound;
pub mod clip;
pub mod sender;
pub mod rtsp;
pub mod call;
mod chance;

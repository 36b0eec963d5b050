//! The line between a venue's agent and the controller: signed envelopes over MQTT, enrolment over pinned TLS,
//! and the agent's durable outbox.
//!
//! The broker is not trusted: it may drop, repeat, delay, reorder or show to anyone what it carries, and a stranger
//! may publish anything. What counts is the signature, the replay mark and the acknowledgement. This module must
//! not know what an observation means, what a command does, or how the controller stores a mark.

pub mod broker;
pub mod client;
pub mod clock;
pub mod durable;
pub mod enrol;
pub mod envelope;
pub mod hub;
pub mod key;
pub mod live;
pub mod message;
pub mod mqtt;
pub mod outbox;
pub mod push;
mod quota;
pub mod replay;

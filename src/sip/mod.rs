//! SIP (RFC 3261): asks whether something answers, calls, and hangs up. The one stack for probes, calls and endpoints.
//!
//! It must not know who is called or why, nor what a call's media are like: it hands over the session descriptions
//! and the sockets' addresses, and others send and score.

pub mod call;
pub mod options;
pub mod reply;
pub mod target;
mod phone;
mod renewal;

//! Timestamped, batched UDP sockets, one thread that sends on time and one that receives.
//!
//! Kernel stamps make every figure independent of how busy this process is: nothing that is measured with them depends
//! on when a thread was woken. Knows nothing of what packets mean. [`socket`] holds the crate's only `unsafe` code.

pub mod socket;
pub mod clock;
pub mod batch;
pub mod pacer;
pub mod receiver;

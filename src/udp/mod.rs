//! Timestamped, batched UDP sockets, one thread that sends on time and one that receives.
//!
//! Kernel stamps make every figure independent of how busy this process is: nothing that is measured with them depends
//! on when a thread was woken. Knows nothing of what packets mean. [`socket`] holds the crate's only `unsafe` code.

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!("kernel packet timestamps are read as 64-bit Linux lays them out");

pub mod socket;
pub mod clock;
pub mod batch;
pub mod pacer;
pub mod receiver;

//! The engine as a whole, in virtual time.

mod devices;
mod journal;
mod plans;
mod random;
mod story;
mod watch;
pub(crate) mod world;

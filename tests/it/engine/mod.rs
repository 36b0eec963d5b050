//! The engine as a whole, in virtual time.

mod care;
mod devices;
mod incidents;
mod journal;
mod own;
mod plans;
mod random;
mod story;
mod watch;
pub(crate) mod world;

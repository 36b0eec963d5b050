//! The engine as a whole, in virtual time.

mod journal;
mod random;
mod story;
pub(crate) mod world;

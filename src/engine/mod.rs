//! The one decision loop: `decide` says what follows from an input, `apply` makes it so.
//!
//! Pure: no clock, I/O, task, lock, randomness or log; ordered maps only; nothing here can fail. Time comes in
//! with each input. What must survive a restart is a [`Durable`] event and goes through the journal; windows,
//! holds and freshness are [`Picture`] events and do not.

pub mod input;
pub mod event;
pub mod effect;
pub mod verdict;

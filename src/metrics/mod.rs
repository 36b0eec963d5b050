//! Process counters, and the failpoints that every adapter passes.

pub mod failpoint;

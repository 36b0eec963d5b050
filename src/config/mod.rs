//! Reads and checks process settings.

pub mod agent;

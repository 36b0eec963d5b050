//! The nouns: identifiers, time, the inventory and its dependency graph, checks and verdicts' subjects.
//!
//! Pure values only. Nothing here knows how a thing is measured, judged, stored or shown.

pub mod id;
pub mod time;
pub mod lang;
pub mod problem;
pub mod check;
pub mod actor;
pub mod stream;
pub mod mcu;
pub mod address;
pub mod reading;
pub mod live;
pub mod fault;
pub mod incident;
pub mod plan;
pub mod notice;
pub mod inventory;

//! The nouns.

pub mod id;
pub mod time;

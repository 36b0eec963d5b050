//! it
mod link;

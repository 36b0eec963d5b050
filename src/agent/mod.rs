//! The venue process.

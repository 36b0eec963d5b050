//! The control-room process.

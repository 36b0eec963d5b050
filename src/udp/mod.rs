//! Timestamped, batched UDP sockets.

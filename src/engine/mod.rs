//! Decides, never acts.

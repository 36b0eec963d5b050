//! Reads and checks process settings.

//! Process counters.

//! Seeded impairment relay with exact truth.

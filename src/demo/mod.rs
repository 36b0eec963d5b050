//! A real small city on one machine.

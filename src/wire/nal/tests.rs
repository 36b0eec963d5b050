//! Real units.

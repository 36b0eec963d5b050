//! Journal, projections, samples, evidence, backup.

//! What was seen, where, when, by whom and how well.

//! Active path tests.
